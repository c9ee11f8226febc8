//! `createTempFile()`, `appendTempFile()`: files of no record, which who has the link can load for a day.
//!
//! Such a file is the share of a content: the link ends with the day, and the content is collected after it as any that
//! nothing names. Whoever may run scripts that write may make one; it shows nothing that the script did not put into it.

use boobook_model::FileEntry;
use boobook_nx::{HostError, Value};
use bytes::Bytes;

use super::{
    Reach, Recording,
    files::entry,
    recording::{Answer, Question},
    sharing::{link, new, refused},
};
use crate::ShareTarget;

/// How long such a file is kept.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

impl Reach<'_> {
    /// Does what these functions ask for; `None` where it is neither.
    pub(super) fn keep_file(
        &self,
        recording: &Recording,
        function: &'static str,
        arguments: &[Value],
    ) -> Option<Result<Value, HostError>> {
        let question = match (function, arguments) {
            ("createTempFile", [file]) => Question::KeepFile(entry(file)?),
            ("appendTempFile", [Value::Text(link), Value::Text(text)]) => {
                Question::AppendToFile(link.clone(), text.clone())
            }
            _ => return None,
        };
        let answer = recording.ask(self.limits, question, |question, _| {
            Answer::Value(match question {
                Question::AppendToFile(link, text) => self.append(recording, link, text),
                Question::KeepFile(file) => self.kept(file),
                _ => Err(HostError::new("this asks for no file")),
            })
        });
        Some(answer.and_then(|answer| answer.value(function)))
    }

    fn kept(&self, file: &FileEntry) -> Result<Value, HostError> {
        let app = &self.behalf.app;
        let target = ShareTarget::Made { file: file.clone() };
        let made = new(self.behalf, target)
            .and_then(|new| app.catalogue.put_made(&new, app.host.now_ms() + KEPT_MS));
        made.map(|share| link(self.behalf, &share)).map_err(|error| refused(&error))
    }

    fn append(&self, recording: &Recording, address: &str, text: &str) -> Result<Value, HostError> {
        let app = &self.behalf.app;
        let token = address.rsplit('/').next().unwrap_or_default();
        let view = app.catalogue.view();
        let known = view.share(token).filter(|share| {
            let is_own = share.user == self.behalf.principal.user.as_str() || self.behalf.role.is_admin();
            is_own
                && share.database == self.behalf.database.id.as_str()
                && !share.is_expired(app.host.now_ms())
        });
        let Some((share, ShareTarget::Made { file })) = known.map(|share| (share, &share.target)) else {
            return Err(HostError::new(
                "appendTempFile() takes the link that createTempFile() answered, within a day",
            ));
        };
        self.contents.take(file.size)?;
        self.contents.take(file.size + text.len() as u64)?;
        let old = self.contents.fetch(file, recording.left(self.limits))?;
        let whole: Bytes = [&old[..], text.as_bytes()].concat().into();
        let stored = self.contents.keep(whole, recording.left(self.limits))?;
        let longer = FileEntry {
            size: stored.size,
            sha256: stored.hash.to_string(),
            modified_at_ms: recording.now_ms(&*app.host),
            ..file.clone()
        };
        match app.catalogue.change_made(&share.id, file, &longer) {
            Ok(true) => Ok(link(self.behalf, share)),
            Ok(false) => Err(HostError {
                is_transient: true,
                ..HostError::new(
                    "the file of appendTempFile() was changed by another script meanwhile; try again",
                )
            }),
            Err(error) => Err(refused(&error)),
        }
    }
}
