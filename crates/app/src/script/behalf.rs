//! On whose behalf scripts of the schema run in a transaction: triggers, defaults and conditions of records written
//! through the API (nx-language.md §6.2, §9-17), the same as for a script's writes, and work put off until later.

use std::sync::Arc;

use boobook_engine::{Snapshot, Tx};
use boobook_model::{Principal, RecordId, Role, TableId};
use boobook_nx::{Context, PutOff, Right};

use super::{
    Accesses, Computed, Contents, Formulas, Reach, Recording, Runner, limits, overlay::Overlay, refused,
};
use crate::{AppError, Database, TableAccess, app::Inner};

/// Who writes, and where. Cheap to make: nothing is looked up before there is a script.
#[derive(Clone)]
pub(crate) struct Behalf {
    pub(crate) app: Arc<Inner>,
    pub(crate) database: Arc<Database>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) role: Role,
}

/// A record as it was written: whether it is new, else which fields.
pub(crate) type Written = (RecordId, bool, Vec<u16>);

impl Behalf {
    /// Whether a table's records set off anything.
    pub(crate) fn are_there(&self, tx: &Tx<'_>, table: TableId) -> bool {
        self.database.library(tx.schema()).has_triggers(table)
    }

    /// The formulas of records just written, for the answer. The write stands by then: a formula that takes too much
    /// is left out, not an error.
    pub(crate) fn computed(
        &self,
        snapshot: &Snapshot,
        access: &TableAccess,
        rids: &[Option<RecordId>],
    ) -> Computed {
        let table = snapshot.table(access.id());
        let is_there = |rid: &RecordId| table.is_some_and(|table| table.row(*rid).is_some());
        let records: Vec<RecordId> = rids.iter().filter_map(|rid| *rid).filter(is_there).collect();
        let formulas = Formulas {
            app: Arc::clone(&self.app),
            database: Arc::clone(&self.database),
            principal: Arc::clone(&self.principal),
            role: self.role.clone(),
            table: access.id(),
            slots: access.schema.formulas().into(),
        };
        formulas.compute_here(snapshot, &records, false).unwrap_or_else(|error| {
            tracing::warn!(database = %self.database.id, %error, "an answer to a write goes out without formulas");
            Computed::default()
        })
    }

    /// Sets off the triggers of records of one table that a transaction wrote; answers what they put off.
    pub(crate) fn set_off(
        &self,
        tx: &mut Tx<'_>,
        recording: &Recording,
        table: TableId,
        written: &[Written],
    ) -> Result<Vec<PutOff>, AppError> {
        self.run(tx, recording, |cx| {
            for (record, is_new, slots) in written {
                cx.written(table, *record, *is_new, slots)
                    .map_err(|error| refused(format!("a trigger of record {record}: {error}")))?;
            }
            Ok(std::mem::take(&mut cx.deferred))
        })
    }

    /// Whether writing a table's records rests on conditions (`canWrite` …).
    pub(crate) fn has_rights(&self, tx: &Tx<'_>, table: TableId) -> bool {
        self.database.library(tx.schema()).has_rights(table)
    }

    /// Whether conditions decide on which records of a table the caller knows.
    pub(crate) fn hides_records(&self, tx: &Tx<'_>, table: TableId) -> bool {
        !self.role.is_admin() && self.database.library(tx.schema()).hides_records(table)
    }

    /// Whether new records of a table begin with any values.
    pub(crate) fn has_defaults(&self, tx: &Tx<'_>, table: TableId) -> bool {
        self.database.library(tx.schema()).has_defaults(table)
    }

    /// Gives new records their defaults, but for the fields they came with.
    pub(crate) fn set_defaults(
        &self,
        tx: &mut Tx<'_>,
        recording: &Recording,
        table: TableId,
        made: &[(RecordId, Vec<u16>)],
    ) -> Result<(), AppError> {
        self.run(tx, recording, |cx| {
            for (record, given) in made {
                cx.defaults(table, *record, given)
                    .map_err(|error| refused(format!("a default value of record {record}: {error}")))?;
            }
            Ok(())
        })
    }

    /// Asks the schema's conditions for all of these.
    pub(crate) fn require(
        &self,
        tx: &mut Tx<'_>,
        recording: &Recording,
        table: TableId,
        asked: &[(Right, RecordId)],
    ) -> Result<(), AppError> {
        let schema = Arc::clone(tx.schema());
        self.run(tx, recording, |cx| {
            for &(right, record) in asked {
                let allowed = cx.allows(right, table, record);
                if !allowed.map_err(|error| refused(format!("a condition of record {record}: {error}")))? {
                    return Err(match right {
                        Right::Read(_) => AppError::RecordNotFound { place: None },
                        right => AppError::Forbidden(right.refusal(&schema, record)),
                    });
                }
            }
            Ok(())
        })
    }

    /// Runs something over a transaction within the limits of scripts that write, and of where this run is.
    pub(crate) fn run<T>(
        &self,
        tx: &mut Tx<'_>,
        recording: &Recording,
        work: impl FnOnce(&mut Context<'_>) -> Result<T, AppError>,
    ) -> Result<T, AppError> {
        let library = self.database.library(tx.schema());
        let script = &self.app.limits.script;
        let runner = Runner::new(&self.app, &self.database.id, &self.principal, &self.role);
        let accesses = Accesses::new(tx.schema(), &self.role, self.principal.read_only);
        let locale = limits::locale(tx.schema());
        recording.start();
        let is_time_up = || recording.is_time_up(script);
        let reach = Reach {
            behalf: self,
            outside: self.app.outside.get().map(|outside| &**outside),
            contents: Contents::new(&self.app, &self.database.id),
            limits: script,
        };
        let mut overlay = Overlay::new(tx, &accesses, &runner, &*self.app.host, recording).reaching(reach);
        let mut cx = Context::new(&mut overlay, library, locale, script.run(), &is_time_up);
        cx.may_write = true;
        work(&mut cx)
    }
}
