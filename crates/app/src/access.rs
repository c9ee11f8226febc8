//! What a role may do in a table, resolved once per request (architecture.md §7, "Permissions and speed").

use std::sync::Arc;

use boobook_engine::{Snapshot, Table};
use boobook_model::{Field, Rights, Role, Schema, TableId, TableSchema};

use crate::AppError;

/// A role's rights in one table of one schema version.
#[derive(Debug, Clone)]
pub struct TableAccess {
    /// The table, as of the snapshot the access was made for.
    pub schema: Arc<TableSchema>,
    /// Records may be read.
    pub can_read: bool,
    /// Records may be changed.
    pub can_write: bool,
    /// Records may be made.
    pub can_create: bool,
    /// Records may be deleted.
    pub can_delete: bool,
    /// Slots that may be read; `None`: all.
    readable: Option<Box<[bool]>>,
    /// Slots of fields that show on a condition; `None`: none.
    conditional: Option<Box<[bool]>>,
    /// Slots that may be written; `None`: all.
    writable: Option<Box<[bool]>>,
}

impl TableAccess {
    /// What a role may do in a table; nothing but read where the key only reads.
    pub fn new(schema: &Arc<TableSchema>, role: &Role, read_only: bool) -> Self {
        let rights = &schema.rights;
        let mask = |list: fn(&Field) -> Option<&Vec<String>>| {
            let restricted =
                !role.is_admin() && schema.fields.iter().any(|f| list(f).is_some_and(|l| !l.is_empty()));
            restricted.then(|| schema.fields.iter().map(|f| Rights::allow(list(f), role)).collect())
        };
        let conditional = !role.is_admin() && schema.fields.iter().any(|field| has_condition(field));
        Self {
            schema: Arc::clone(schema),
            can_read: Rights::allow(rights.read.as_ref(), role),
            can_write: !read_only && Rights::allow(rights.write.as_ref(), role),
            can_create: !read_only && Rights::allow(rights.create.as_ref(), role),
            can_delete: !read_only && Rights::allow(rights.delete.as_ref(), role),
            readable: mask(|f| f.rights.read.as_ref()),
            conditional: conditional
                .then(|| schema.fields.iter().map(|field| has_condition(field)).collect()),
            writable: mask(|f| f.rights.write.as_ref()),
        }
    }

    /// Whether the field at a slot may be read.
    pub fn may_read(&self, slot: usize) -> bool {
        self.can_read && self.readable.as_ref().is_none_or(|mask| mask.get(slot).copied().unwrap_or(false))
    }

    /// Whether the field at a slot may be read, and of every record: no condition of the schema decides on it.
    pub fn reads_always(&self, slot: usize) -> bool {
        let is_conditional = |mask: &[bool]| mask.get(slot).copied().unwrap_or(false);
        self.may_read(slot) && !self.conditional.as_deref().is_some_and(is_conditional)
    }

    /// Whether the field at a slot may be written, as far as the field itself says.
    pub fn may_write(&self, slot: usize) -> bool {
        self.writable.as_ref().is_none_or(|mask| mask.get(slot).copied().unwrap_or(false))
    }

    /// Whether every field may be read: the fast path without any check.
    pub fn reads_all(&self) -> bool {
        self.can_read && self.readable.is_none()
    }

    /// The table's id.
    pub fn id(&self) -> TableId {
        self.schema.id
    }

    /// Its records in a snapshot.
    pub fn table<'a>(&self, snapshot: &'a Snapshot) -> Result<&'a Table, AppError> {
        snapshot.table(self.id()).ok_or(AppError::TableNotFound)
    }

    pub(crate) fn require_read(&self) -> Result<(), AppError> {
        self.require(self.can_read, "read records of")
    }

    pub(crate) fn require(&self, allowed: bool, what: &str) -> Result<(), AppError> {
        if allowed {
            Ok(())
        } else {
            Err(AppError::Forbidden(format!("this key may not {what} table {:?}", self.schema.caption)))
        }
    }
}

fn has_condition(field: &Field) -> bool {
    field
        .rest
        .get("canRead")
        .and_then(|script| script.as_str())
        .is_some_and(|script| !script.trim().is_empty())
}

/// The table a path names, with the role's rights in it.
pub(crate) fn table_access(
    schema: &Schema,
    key: &str,
    role: &Role,
    read_only: bool,
) -> Result<TableAccess, AppError> {
    let table = schema.table_by_key(key).ok_or(AppError::TableNotFound)?;
    Ok(TableAccess::new(table, role, read_only))
}
