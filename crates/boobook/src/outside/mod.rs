//! What scripts reach outside of the server: the web, where every address is looked at before it is connected to
//! ([`guard`]), and one mail server.

mod guard;
mod mail;
mod web;

use std::time::Duration;

use boobook_app::{HttpAnswer, HttpRequest, Mail, Outside};
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

    fn mail(&self, mail: Mail, time_max: Duration) -> Option<Result<(), String>> {
        let mailer = self.mailer.as_ref()?;
        Some(self.runtime.block_on(mailer.send(mail, time_max)))
    }
}

#[cfg(test)]
mod tests;
