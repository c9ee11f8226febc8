//! A world outside that counts what it is asked for, and can be made to wait.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use boobook_app::{
    AppError, HttpAnswer, HttpRequest, Mail, Outside, ScriptAnswer, ScriptRequest, Undelivered,
};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::harness::*;

type Hook = Box<dyn Fn(&str) + Send + Sync>;

/// What scripts reach. Every request is answered with the number that it is.
#[derive(Default)]
pub struct Web {
    asked: Mutex<Vec<String>>,
    sent: Mutex<Vec<String>>,
    /// What a mail server says to the next messages; it takes those that come after.
    pub refusals: Mutex<VecDeque<Undelivered>>,
    /// Called with the last part of the address before a request is answered.
    hook: Mutex<Option<Arc<Hook>>>,
}

impl Web {
    /// Gives a workspace a way out.
    pub fn of(w: &Workspace) -> Arc<Self> {
        let web = Arc::new(Self::default());
        w.app.reach_outside(Arc::clone(&web) as _);
        web
    }

    pub fn before_answers(&self, hook: impl Fn(&str) + Send + Sync + 'static) {
        *self.hook.lock() = Some(Arc::new(Box::new(hook)));
    }

    /// The last part of each address that was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }

    /// How often each was.
    pub fn counts(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for url in self.asked() {
            *counts.entry(url).or_default() += 1;
        }
        counts
    }

    /// The subjects of the messages that were taken, and the files that came along.
    pub fn sent(&self) -> Vec<String> {
        self.sent.lock().clone()
    }
}

impl Outside for Web {
    fn http(&self, request: HttpRequest, _time_max: Duration) -> Result<HttpAnswer, String> {
        let what = request.url.rsplit('/').next().unwrap_or_default().to_owned();
        let number = {
            let mut asked = self.asked.lock();
            asked.push(what.clone());
            asked.len()
        };
        let hook = self.hook.lock().clone();
        if let Some(hook) = hook {
            hook(&what);
        }
        Ok(HttpAnswer {
            status: "200 OK".into(),
            is_success: true,
            content_type: Some("application/json".into()),
            body: number.to_string().into(),
        })
    }

    fn check_mail(&self, mail: &Mail) -> Option<Result<(), String>> {
        Some(if mail.to.iter().all(|to| to.contains('@')) { Ok(()) } else { Err("no address".into()) })
    }

    fn mail(&self, mail: &Mail, contents: &[Bytes], _time_max: Duration) -> Result<(), Undelivered> {
        if let Some(refusal) = self.refusals.lock().pop_front() {
            return Err(refusal);
        }
        let mut sent = mail.subject.clone();
        for (file, content) in mail.attachments.iter().zip(contents) {
            sent += &format!(" + {}: {}", file.name, String::from_utf8_lossy(content));
        }
        self.sent.lock().push(sent);
        Ok(())
    }
}

pub async fn answer(w: &Workspace, source: &str) -> Result<ScriptAnswer, AppError> {
    let session = w.session_of(&w.admin).await?;
    session.exec(ScriptRequest { source: source.into(), ..ScriptRequest::default() }).await
}

pub async fn exec(w: &Workspace, source: &str) -> Result<String, AppError> {
    Ok(answer(w, source).await?.json)
}
