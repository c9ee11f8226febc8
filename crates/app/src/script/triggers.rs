//! What a record written through the API sets off (nx-language.md §6.2, §9-17): the same triggers as a script's writes,
//! in the same transaction.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use boobook_engine::Tx;
use boobook_model::{Principal, RecordId, Role, TableId};
use boobook_nx::Context;

use super::{Accesses, Runner, ScriptError, limits, overlay::Overlay};
use crate::{AppError, Database, app::Inner};

/// What triggers of a write need. Cheap to make: nothing is looked up before there is a trigger.
pub(crate) struct Triggers {
    pub(crate) app: Arc<Inner>,
    pub(crate) database: Arc<Database>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) role: Role,
}

/// A record as it was written: whether it is new, else which fields.
pub(crate) type Written = (RecordId, bool, Vec<u16>);

impl Triggers {
    /// Whether a table's records set off anything.
    pub(crate) fn are_there(&self, tx: &Tx<'_>, table: TableId) -> bool {
        self.database.library(tx.schema()).has_triggers(table)
    }

    /// Sets off the triggers of records of one table that a transaction wrote.
    pub(crate) fn set_off(
        &self,
        tx: &mut Tx<'_>,
        table: TableId,
        written: &[Written],
    ) -> Result<(), AppError> {
        let library = self.database.library(tx.schema());
        let script = &self.app.limits.script;
        let runner = Runner::new(&self.app, &self.database.id, &self.principal, &self.role);
        let accesses = Accesses::new(tx.schema(), &self.role, self.principal.read_only);
        let locale = limits::locale(tx.schema());
        let mut overlay = Overlay::new(tx, &accesses, &runner, &*self.app.host);
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a trigger runs is no part of what it computes"
        )]
        let started = Instant::now();
        let time_max = Duration::from_millis(script.write_ms_max);
        let is_time_up = || started.elapsed() > time_max;
        let mut cx = Context::new(&mut overlay, library, locale, script.run(), &is_time_up);
        for (record, is_new, slots) in written {
            cx.written(table, *record, *is_new, slots).map_err(|error| {
                let message = format!("a trigger of record {}: {error}", record.get());
                AppError::Script(ScriptError { message, line: None, column: None, is_syntax: false })
            })?;
        }
        if cx.deferred.is_empty() {
            return Ok(());
        }
        let message = "a trigger: `do as deferred` is not available on this server yet".into();
        Err(AppError::Script(ScriptError { message, line: None, column: None, is_syntax: false }))
    }
}
