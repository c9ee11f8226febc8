//! What scripts reach outside of the server: the web, where every address is looked at before it is connected to
//! ([`guard`]), and one mail server.

mod guard;
mod mail;
mod web;

use std::time::Duration;

use boobook_app::{HttpAnswer, HttpRequest, Mail, Outside, Undelivered};
use bytes::Bytes;
use tokio::runtime::Handle;

use crate::config::ScriptSettings;
use mail::Mailer;
use web::Web;

pub(crate) use guard::Network;

/// All that scripts reach.
pub(crate) struct World {
    web: Web,
    mailer: Option<Mailer>,
    runtime: Handle,
}

impl World {
    /// Work is done on the given runtime; who asks waits on a thread of its own.
    pub(crate) fn new(settings: &ScriptSettings, runtime: Handle) -> anyhow::Result<Self> {
        let web = Web::new(&settings.http, runtime.clone())?;
        Ok(Self { web, mailer: Mailer::new(&settings.mail)?, runtime })
    }
}

impl Outside for World {
    fn http(&self, request: HttpRequest, time_max: Duration) -> Result<HttpAnswer, String> {
        self.web.http(request, time_max)
    }

    fn check_mail(&self, mail: &Mail) -> Option<Result<(), String>> {
        Some(self.mailer.as_ref()?.check(mail))
    }

    fn mail(&self, mail: &Mail, contents: &[Bytes], time_max: Duration) -> Result<(), Undelivered> {
        match &self.mailer {
            Some(mailer) => self.runtime.block_on(mailer.send(mail, contents, time_max)),
            // Who takes it out of the settings may put it in again.
            None => Err(Undelivered {
                message: "there is no mail server (script.mail.host)".into(),
                is_final: false,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
