//! `sendEmail()` of scripts: hands messages to one SMTP server, which the settings name.

use std::time::Duration;

use boobook_app::{Mail, Undelivered};
use bytes::Bytes;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Attachment, Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp::authentication::Credentials,
};

use crate::{
    config::{MailTls, ScriptMailSettings},
    failure::Failure,
};

/// The server that messages are handed to.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// What a message says.
enum Body {
    One(SinglePart),
    /// As text and as HTML.
    Both(MultiPart),
}

impl Mailer {
    /// None where no server is set. Reads the password.
    pub(super) fn new(settings: &ScriptMailSettings) -> anyhow::Result<Option<Self>> {
        let host = settings.host.as_str();
        if host.is_empty() {
            return Ok(None);
        }
        let wrong = |problem: String| Failure::usage(problem, "see [script.mail] in docs/configuration.md");
        let from = settings
            .from
            .parse()
            .map_err(|error| wrong(format!("script.mail.from {:?} is no address: {error}", settings.from)))?;
        type Transport = AsyncSmtpTransport<Tokio1Executor>;
        let builder = match settings.tls {
            MailTls::Starttls => Transport::starttls_relay(host),
            MailTls::Tls => Transport::relay(host),
            MailTls::None => Ok(Transport::builder_dangerous(host)),
        };
        let mut builder = builder.map_err(|error| wrong(format!("script.mail.host {host:?}: {error}")))?;
        if settings.port > 0 {
            builder = builder.port(settings.port);
        }
        if !settings.user.is_empty() {
            let file = &settings.password_file;
            let password = std::fs::read_to_string(file)
                .map_err(|error| wrong(format!("script.mail.password_file {}: {error}", file.display())))?;
            let password = password.trim_end_matches(['\r', '\n']).to_owned();
            builder = builder.credentials(Credentials::new(settings.user.clone(), password));
        }
        Ok(Some(Self { transport: builder.build(), from }))
    }

    /// Whether it is a message that can be sent. An error is a sentence for the script's author.
    pub(super) fn check(&self, mail: &Mail) -> Result<(), String> {
        self.message(mail, &[]).map(|_| ())
    }

    /// Sends a message, within a time.
    pub(super) async fn send(
        &self,
        mail: &Mail,
        contents: &[Bytes],
        time_max: Duration,
    ) -> Result<(), Undelivered> {
        let message =
            self.message(mail, contents).map_err(|message| Undelivered { message, is_final: true })?;
        let late = |_| Undelivered {
            message: format!("the mail server did not take the message within {} ms", time_max.as_millis()),
            is_final: false,
        };
        let sent = tokio::time::timeout(time_max, self.transport.send(message)).await.map_err(late)?;
        sent.map(|_| ()).map_err(|error| {
            // The server may be away, or busy; only its own final word (5xx) is one.
            let is_final = error.is_permanent();
            let mut reasons = error.to_string();
            let mut next = std::error::Error::source(&error);
            while let Some(error) = next {
                reasons.push_str(&format!(": {error}"));
                next = error.source();
            }
            let message = format!("the mail server did not take the message: {reasons}");
            Undelivered { message, is_final }
        })
    }

    fn message(&self, mail: &Mail, contents: &[Bytes]) -> Result<Message, String> {
        let read = |text: &str| {
            text.parse::<Mailbox>().map_err(|error| format!("{text:?} is no mail address: {error}"))
        };
        let mut builder = Message::builder().subject(mail.subject.as_str());
        builder = builder.from(match &mail.from {
            Some(from) => read(from)?,
            None => self.from.clone(),
        });
        if let Some(address) = &mail.reply_to {
            builder = builder.reply_to(read(address)?);
        }
        for address in &mail.to {
            builder = builder.to(read(address)?);
        }
        for address in &mail.cc {
            builder = builder.cc(read(address)?);
        }
        for address in &mail.bcc {
            builder = builder.bcc(read(address)?);
        }
        let attached = mail.attachments.iter().zip(contents).map(|(file, content)| {
            // What is no type is bytes.
            let kind = ContentType::parse(&file.content_type)
                .or_else(|_| ContentType::parse("application/octet-stream"))
                .map_err(|error| format!("{:?} is no type of a file: {error}", file.content_type))?;
            Ok(Attachment::new(file.name.clone()).body(content.to_vec(), kind))
        });
        let attached: Vec<SinglePart> = attached.collect::<Result<_, String>>()?;
        let body = match (mail.text.clone(), mail.html.clone()) {
            (Some(text), Some(html)) => Body::Both(MultiPart::alternative_plain_html(text, html)),
            (None, Some(html)) => Body::One(SinglePart::html(html)),
            (text, None) => Body::One(SinglePart::plain(text.unwrap_or_default())),
        };
        let built = match (body, attached.is_empty()) {
            (Body::One(one), true) => builder.singlepart(one),
            (Body::Both(both), true) => builder.multipart(both),
            (body, false) => {
                let whole = MultiPart::mixed();
                let whole = match body {
                    Body::One(one) => whole.singlepart(one),
                    Body::Both(both) => whole.multipart(both),
                };
                builder.multipart(attached.into_iter().fold(whole, MultiPart::singlepart))
            }
        };
        built.map_err(|error| format!("the message cannot be made: {error}"))
    }
}
