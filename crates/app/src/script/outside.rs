//! What scripts reach out of the server for: `http()`, `sendEmail()`. What a script asks for is made a request here, and the answer a
//! value; who sends it is handed in ([`Outside`]), for there is no network in this crate.

use std::time::Duration;

use boobook_nx::{HostError, Object, Value, json};
use bytes::Bytes;

use super::{
    Behalf, Contents, Recording, ScriptLimits,
    mail::{self, Mail},
    recording::{Answer, Question},
};

/// Sends what scripts send. It does I/O, and decides which places may be reached at all.
pub trait Outside: Send + Sync + 'static {
    /// Sends a request and waits for the answer, at most `time_max`. An error is a sentence for the script's author.
    fn http(&self, request: HttpRequest, time_max: Duration) -> Result<HttpAnswer, String>;

    /// Whether a message is one that can be sent; `None` where there is no mail server. Does no I/O. An error is a
    /// sentence for the script's author.
    fn check_mail(&self, mail: &Mail) -> Option<Result<(), String>>;

    /// Hands a message to the mail server, within `time_max`, with the contents of its attachments in their order.
    fn mail(&self, mail: &Mail, contents: &[Bytes], time_max: Duration) -> Result<(), Undelivered>;
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Undelivered {
    /// A sentence for who looks after the server.
    pub message: String,
    /// Another try would come to the same.
    pub is_final: bool,
}

/// A request of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    /// `GET`, `POST` … in upper case.
    pub method: String,
    /// As the script has it.
    pub url: String,
    /// Names and values, none with a line break.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Bytes>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpAnswer {
    /// `404 Not Found`
    pub status: String,
    /// Whether the status is one of success.
    pub is_success: bool,
    /// `image/png`, as the header says.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// The way out of a run.
pub(crate) struct Reach<'a> {
    pub(crate) behalf: &'a Behalf,
    pub(crate) outside: Option<&'a dyn Outside>,
    pub(crate) contents: Contents<'a>,
    pub(crate) limits: &'a ScriptLimits,
}

/// Of an answer that is no success, so much of its body is told.
const ERROR_CHARS_MAX: usize = 1_000;

/// Headers that belong to the connection: a script that sets them would change where a request ends.
const HEADERS_OF_CONNECTION: [&str; 8] =
    ["connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"];

impl Reach<'_> {
    /// Does what a function asks for: at once where it is recorded or can wait, else if the run is where it may wait.
    pub(crate) fn call(
        &self,
        recording: &Recording,
        function: &'static str,
        arguments: &[Value],
    ) -> Result<Value, HostError> {
        match (self.outside, function) {
            (Some(outside), "http") => {
                let mut request = request(arguments)?;
                if let Some(files @ Value::Array(_)) = arguments.get(4)
                    && files.item_count() > 0
                {
                    let body = arguments.get(3).unwrap_or(&Value::Null);
                    self.add_files(recording, &mut request, body, files)?;
                }
                let sent = Question::Http(request.clone());
                let answer = recording.ask(self.limits, sent, |_, left| {
                    Answer::Value(Ok(answer(outside.http(request, left))))
                })?;
                answer.value("http")
            }
            (Some(outside), "sendEmail") => {
                let mail = mail::mail(arguments)?;
                mail.attachments.iter().try_for_each(|file| self.contents.take(file.size))?;
                match outside.check_mail(&mail) {
                    Some(Ok(())) => {
                        recording.send(mail)?;
                        Ok(object([("result", true.into()), ("queued", true.into())]))
                    }
                    Some(Err(message)) => Ok(object([("error", message.into())])),
                    None => Err(HostError::new(
                        "this server has no mail server to send with; its administrator can set one (script.mail.host)",
                    )),
                }
            }
            _ => {
                let done = self.share(recording, function, arguments);
                let done = done.or_else(|| self.keep_file(recording, function, arguments));
                done.unwrap_or_else(|| {
                    Err(HostError::new(format!("{function}() is not available on this server yet")))
                })
            }
        }
    }
}

/// `http(method, url, [headers,] body)`
fn request(arguments: &[Value]) -> Result<HttpRequest, HostError> {
    let (method, url) = match arguments {
        [Value::Text(method), Value::Text(url), ..] => (method.trim().to_ascii_uppercase(), url.trim()),
        _ => return Err(HostError::new("http() takes a method and an address")),
    };
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(HostError::new(format!("{method:?} is no method; GET, POST, PUT, PATCH, DELETE are")));
    }
    let (headers, body) = match &arguments[2..] {
        [] => (&Value::Null, &Value::Null),
        [body] => (&Value::Null, body),
        [headers, body, ..] => (headers, body),
    };
    let mut headers = read_headers(headers)?;
    let body = match body {
        Value::Null => None,
        Value::Text(text) => Some(text.to_string().into()),
        other => Some(as_json(other).into()),
    };
    if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".into(), "application/json".into()));
    }
    Ok(HttpRequest { method, url: url.to_owned(), headers, body })
}

fn read_headers(value: &Value) -> Result<Vec<(String, String)>, HostError> {
    let object = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Object(object) => object,
        _ => {
            return Err(HostError::new(
                "the headers of http() are an object, such as {Authorization: \"…\"}",
            ));
        }
    };
    let mut headers = Vec::with_capacity(object.len());
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(HostError::new(format!("{name:?} cannot be the name of a header")));
        }
        if HEADERS_OF_CONNECTION.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Err(HostError::new(format!("the header {name} is set by the server itself")));
        }
        let value = match value {
            Value::Text(text) => text.to_string(),
            other => as_json(other).trim_matches('"').to_owned(),
        };
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(HostError::new(format!("the value of the header {name} has a line break in it")));
        }
        headers.push((name.to_string(), value));
    }
    Ok(headers)
}

pub(super) fn as_json(value: &Value) -> String {
    let mut out = String::new();
    json::write(value, &mut out);
    out
}

/// `{result: …}` or `{error: …}`
fn answer(answer: Result<HttpAnswer, String>) -> Value {
    let (key, value) = match answer {
        Ok(answer) if answer.is_success => {
            let value = serde_json::from_slice(&answer.body).ok().map(json::from_json);
            ("result", value.unwrap_or_else(|| text_of(&answer.body).into()))
        }
        Ok(answer) => {
            let told: String = text_of(&answer.body).trim().chars().take(ERROR_CHARS_MAX).collect();
            let text = if told.is_empty() { answer.status } else { format!("{}: {told}", answer.status) };
            ("error", text.into())
        }
        Err(message) => ("error", message.into()),
    };
    object([(key, value)])
}

fn text_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let object: Object = pairs.into_iter().map(|(key, value)| (key.into(), value)).collect();
    Value::Object(object.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        json::from_json(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_forms_of_a_request() {
        let url = "https://example.com/a";
        let of = |rest: &[&str]| {
            let mut arguments = vec!["post".into(), url.into()];
            arguments.extend(rest.iter().map(|text| value(text)));
            request(&arguments).map(|request| (request.headers, request.body)).map_err(|e| e.message)
        };
        let json = || ("Content-Type".to_owned(), "application/json".to_owned());
        assert_eq!(of(&[]), Ok((vec![], None)));
        assert_eq!(of(&[r#"{"a":1}"#]), Ok((vec![json()], Some(r#"{"a":1}"#.into()))));
        assert_eq!(of(&["null", r#""text""#]), Ok((vec![json()], Some("text".into()))));
        let headers = r#"{"content-type": "text/plain", "X": 5, "None": null}"#;
        let expected = vec![("content-type".into(), "text/plain".into()), ("X".into(), "5".into())];
        assert_eq!(of(&[headers, r#""a""#]), Ok((expected, Some("a".into()))));
        for (headers, about) in [
            (r#"{"A": "b\r\nHost: x"}"#, "has a line break in it"),
            (r#"{"A": "b\u0000"}"#, "has a line break in it"),
            (r#"{"A\r\nB": "x"}"#, "cannot be the name of a header"),
            (r#"{"A:": "x"}"#, "cannot be the name of a header"),
            (r#"{"": "x"}"#, "cannot be the name of a header"),
            (r#"{"HOST": "x"}"#, "is set by the server itself"),
            (r#"{"Content-Length": 0}"#, "is set by the server itself"),
            ("[1]", "are an object"),
        ] {
            let error = of(&[headers, "null"]).unwrap_err();
            assert!(error.contains(about), "{headers}: {error}");
        }
        for method in ["", "GET /", "G\r\nT", "é"] {
            assert!(request(&[method.into(), url.into()]).is_err(), "{method:?}");
        }
        assert!(request(&["GET".into(), Value::Null]).is_err());
    }

    #[test]
    fn what_an_answer_comes_to() {
        let of = |status: &str, is_success, body: &str| {
            let body = body.to_owned().into();
            as_json(&answer(Ok(HttpAnswer { status: status.into(), is_success, content_type: None, body })))
        };
        assert_eq!(of("200 OK", true, r#"{"a":[1]}"#), r#"{"result":{"a":[1]}}"#);
        assert_eq!(of("200 OK", true, "plain"), r#"{"result":"plain"}"#);
        assert_eq!(of("204 No Content", true, ""), r#"{"result":""}"#);
        assert_eq!(of("404 Not Found", false, " gone\n"), r#"{"error":"404 Not Found: gone"}"#);
        assert_eq!(of("500 Internal Server Error", false, ""), r#"{"error":"500 Internal Server Error"}"#);
        assert_eq!(as_json(&answer(Err("no way".into()))), r#"{"error":"no way"}"#);
    }
}
