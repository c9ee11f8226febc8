//! `sendEmail()`: what a script asks for as a message.

use boobook_model::FileEntry;
use boobook_nx::{HostError, Value};

use super::files::entry;

/// A message of a script. Addresses are as the script has them.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Mail {
    /// Who it is from, where not whom the settings name.
    pub from: Option<String>,
    /// Recipients.
    pub to: Vec<String>,
    /// Recipients of a copy.
    pub cc: Vec<String>,
    /// Recipients that the others do not see.
    pub bcc: Vec<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// What it is about.
    pub subject: String,
    /// As plain text.
    pub text: Option<String>,
    /// As HTML.
    pub html: Option<String>,
    /// Files of records that go along, as they were when it was queued.
    pub attachments: Vec<FileEntry>,
}

/// One message goes to at most so many.
const RECIPIENTS_MAX: usize = 100;

/// `sendEmail({to: …, subject: …, text: …})`
pub(super) fn mail(arguments: &[Value]) -> Result<Mail, HostError> {
    let Some(Value::Object(object)) = arguments.first() else {
        return Err(HostError::new("sendEmail() takes an object: {to: \"…\", subject: \"…\", text: \"…\"}"));
    };
    let mut mail = Mail::default();
    for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match &**key {
            "from" => mail.from = Some(text(key, value)?),
            "to" => mail.to = addresses(key, value)?,
            "cc" => mail.cc = addresses(key, value)?,
            "bcc" => mail.bcc = addresses(key, value)?,
            "replyTo" => mail.reply_to = Some(text(key, value)?),
            "subject" => mail.subject = text(key, value)?,
            "text" => mail.text = Some(text(key, value)?),
            "html" => mail.html = Some(text(key, value)?),
            "attachments" => mail.attachments = files(value)?,
            other => {
                return Err(HostError::new(format!(
                    "sendEmail() has no {other:?}; it has from, to, cc, bcc, replyTo, subject, text, html, \
                     attachments"
                )));
            }
        }
    }
    let recipients = mail.to.len() + mail.cc.len() + mail.bcc.len();
    match recipients {
        0 => Err(HostError::new("the message has no recipient: to, cc and bcc are empty")),
        n if n > RECIPIENTS_MAX => {
            Err(HostError::new(format!("the message has {n} recipients; {RECIPIENTS_MAX} are the most")))
        }
        _ => Ok(mail),
    }
}

fn text(key: &str, value: &Value) -> Result<String, HostError> {
    match value {
        Value::Text(text) => Ok(text.to_string()),
        _ => Err(HostError::new(format!("{key:?} of sendEmail() is a text"))),
    }
}

/// What is known of files. Which ones a script may send is decided by the language.
fn files(value: &Value) -> Result<Vec<FileEntry>, HostError> {
    let known =
        |file: Value| entry(&file).ok_or_else(|| HostError::new("sendEmail() sends files of records"));
    value.items().map(known).collect()
}

/// One text with commas, or several texts.
fn addresses(key: &str, value: &Value) -> Result<Vec<String>, HostError> {
    let mut found = Vec::new();
    for item in value.items() {
        let text = text(key, &item)?;
        found.extend(split(&text));
    }
    Ok(found)
}

/// At commas and semicolons, but for those in quotes: `"Doe, John" <john@example.com>`.
fn split(text: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|c| {
        quoted ^= c == '"';
        !quoted && matches!(c, ',' | ';')
    });
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Mail, String> {
        let value = boobook_nx::json::from_json(serde_json::from_str(text).unwrap());
        mail(&[value]).map_err(|error| error.message)
    }

    #[test]
    fn what_a_message_is() {
        let message = r#"{"to": "a@x.example; \"Doe, John\" <b@x.example>,", "cc": ["c@x.example"], "subject": "s",
            "text": "t", "html": null, "replyTo": "r@x.example"}"#;
        let expected = Mail {
            to: vec!["a@x.example".into(), "\"Doe, John\" <b@x.example>".into()],
            cc: vec!["c@x.example".into()],
            subject: "s".into(),
            text: Some("t".into()),
            reply_to: Some("r@x.example".into()),
            ..Mail::default()
        };
        assert_eq!(read(message), Ok(expected));
        let many = format!("{{\"bcc\": {:?}}}", vec!["a@x.example"; 101]);
        for (message, about) in [
            ("\"a@x.example\"", "takes an object"),
            ("{}", "has no recipient"),
            (r#"{"to": " , "}"#, "has no recipient"),
            (r#"{"to": 5}"#, "\"to\" of sendEmail() is a text"),
            (r#"{"To": "a@x.example"}"#, "has no \"To\""),
            (r#"{"to": "a@x.example", "attachments": ["a.txt"]}"#, "sends files of records"),
            (&many, "101 recipients"),
        ] {
            let error = read(message).unwrap_err();
            assert!(error.contains(about), "{message}: {error}");
        }
    }
}
