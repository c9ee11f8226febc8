//! Scripts so brief that they run where the request is served: handing `1 + 1` to another thread and waiting for that
//! takes several times as long as the script.

use std::sync::Arc;

use boobook_engine::Snapshot;
use boobook_nx::{BRIEF_LIMITS, Context, RunLimits, json};

use super::{ScriptAnswer, ScriptRequest, require_sound, snapshot::Reader};
use crate::Session;

impl Session {
    /// The answer to a script that reads, if it was compiled before and is brief. `None` as well where it fails or
    /// takes more than was thought: it then runs once more in its proper place, which tells what is wrong.
    pub(super) fn query_here(
        &self,
        snapshot: &Arc<Snapshot>,
        request: &ScriptRequest,
    ) -> Option<ScriptAnswer> {
        if request.this.is_some() {
            return None;
        }
        let (library, locale, checked) = self.database.scripts.brief(&snapshot.schema, &request.source)?;
        // Conditions of the schema may take any time.
        if request.explain || (library.has_read_rights() && !self.role.is_admin()) {
            return None;
        }
        let accesses = self.accesses(&snapshot.schema);
        require_sound(&checked, &accesses, &request.source).ok()?;
        let mut reader = Reader::new(snapshot, &accesses, self.runner(), &*self.app.host);
        let configured = &self.app.limits.script;
        let limits = RunLimits {
            steps_max: BRIEF_LIMITS.steps_max.min(configured.steps_max),
            bytes_max: BRIEF_LIMITS.bytes_max.min(configured.bytes_max),
            ..BRIEF_LIMITS
        };
        let mut cx = Context::new(&mut reader, library, locale.clone(), limits, &|| false);
        let value = checked.program.run(&mut cx, Vec::new()).ok()?;
        let mut out = String::new();
        if request.captions {
            json::write_with_captions(&value, &snapshot.schema, &locale, &mut out);
        } else {
            json::write(&value, &mut out);
        }
        (out.len() <= configured.result_bytes_max).then_some(ScriptAnswer { json: out, sq: snapshot.sq })
    }
}
