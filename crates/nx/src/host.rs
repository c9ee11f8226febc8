//! What the language needs from the world around it. It has no clock, no randomness and no records of its own.

use std::sync::Arc;

use boobook_model::{
    Cell, FileEntry, LANE_LEN_MAX, Lane, RecordId, Schema, Sieve, StorageClass, TableId, TextLane, UserId,
};

use crate::{FieldAtKey, Value};

/// Who made and changed a record, when.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordMeta {
    /// UTC milliseconds.
    pub created_at_ms: i64,
    /// User id.
    pub created_by: Arc<str>,
    /// UTC milliseconds.
    pub modified_at_ms: i64,
    /// User id.
    pub modified_by: Arc<str>,
    /// Sequence of the last change.
    pub sq: u64,
}

/// A user of the workspace, as scripts see one.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Internal id.
    pub id: UserId,
    /// What people read.
    pub name: Arc<str>,
    /// E-mail address; empty for service users.
    pub email: Arc<str>,
    /// Roles, the first of which is `userRole()`.
    pub roles: Vec<Arc<str>>,
}

/// A test of one stored field that the host may answer from its columns and indexes.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The field's slot in its table.
    pub slot: usize,
    /// The test.
    pub test: Test,
}

/// What [`Condition`] tests. Values are as stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Equals one of these; `None` is empty.
    AnyOf(Vec<Option<boobook_model::Value>>),
    /// Is a number or time that compares so; empty never does.
    Less(f64),
    /// As [`Test::Less`].
    LessOrEqual(f64),
    /// As [`Test::Less`].
    Greater(f64),
    /// As [`Test::Less`].
    GreaterOrEqual(f64),
    /// Is text that contains this, whatever the case of its letters.
    Like(Arc<str>),
    /// Is not what the test inside says.
    Not(Box<Test>),
}

/// Which records of a table are wanted.
#[derive(Clone, Copy, Default)]
pub struct Filter<'f> {
    /// All must hold.
    pub conditions: &'f [Condition],
    /// And what these say.
    pub sieves: &'f [&'f dyn Sieve],
}

impl Filter<'_> {
    /// Takes out of records of a table those that do not pass the sieves, reading cell by cell.
    pub fn sift(&self, host: &(impl Host + ?Sized), table: TableId, records: &mut Vec<RecordId>) {
        for sieve in self.sieves {
            let mut keep = vec![false; records.len()];
            for (records, keep) in records.chunks(LANE_LEN_MAX).zip(keep.chunks_mut(LANE_LEN_MAX)) {
                let read = |&slot: &usize| lane(host, table, slot, records);
                let lanes: Vec<Lane<'_>> = sieve.slots().iter().map(read).collect();
                sieve.test(&lanes, keep);
            }
            let mut kept = keep.into_iter();
            records.retain(|_| kept.next().unwrap_or(false));
        }
    }
}

/// Numbers of many records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many are not empty.
    pub count: usize,
    /// Added up from 0 in the order of the records.
    pub sum: f64,
    /// The least; NaN where there is none.
    pub min: f64,
    /// The greatest; NaN where there is none.
    pub max: f64,
}

impl Summary {
    /// Of numbers, of which NaN stands for an empty one.
    pub fn of(numbers: &[f64]) -> Self {
        let mut summary = Self { count: 0, sum: 0.0, min: f64::NAN, max: f64::NAN };
        for &n in numbers.iter().filter(|n| !n.is_nan()) {
            summary.count += 1;
            summary.sum += n;
            summary.min = summary.min.min(n);
            summary.max = summary.max.max(n);
        }
        summary
    }
}

/// Why a host did not do what a script asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct HostError {
    /// For the author of the script.
    pub message: String,
    /// The script may be run again later with success (a store that is away), so that no author need look at it.
    pub is_transient: bool,
}

impl HostError {
    /// The script asked for what cannot be.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_transient: false }
    }
}

/// What a file that a script makes is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FileSource<'s> {
    /// A text.
    Text(&'s str),
    /// What an address of the web answers.
    Web(&'s str),
    /// Files, in a zip file.
    Zip(&'s [FileEntry]),
    /// An Excel file.
    Sheets(&'s [Sheet]),
}

/// A sheet of an Excel file.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Its name.
    pub name: Arc<str>,
    /// Cells row by row: numbers, booleans, texts, dates, times, or nothing. Instants are those of the database's zone.
    pub rows: Vec<Vec<Value>>,
}

/// Records, users, time and chance for scripts. Implemented over snapshots and transactions, and by tests.
pub trait Host {
    /// The schema that the script was compiled against.
    fn schema(&self) -> &Arc<Schema>;

    /// Whether the caller may read a field that a script names only when it runs. What it names as it is written is
    /// asked for before it runs; formulas read with the rights of who made them.
    fn may_read(&self, _table: TableId, _slot: usize) -> bool {
        true
    }

    /// As [`Self::may_read`], of a table.
    fn may_read_table(&self, _table: TableId) -> bool {
        true
    }

    /// Whether a record exists (and the caller may read it).
    fn exists(&self, table: TableId, record: RecordId) -> bool;

    /// A stored field of a record; `Empty` where the record does not exist.
    fn cell(&self, table: TableId, record: RecordId, slot: usize) -> Cell<'_>;

    /// Who made and changed a record; `None` where it does not exist.
    fn meta(&self, table: TableId, record: RecordId) -> Option<RecordMeta>;

    /// Appends the records of `table` whose reference in `slot` is `record`, ascending by id.
    fn reverse(&self, table: TableId, slot: usize, record: RecordId, out: &mut Vec<RecordId>);

    /// Records of a table that pass a filter, ascending by id.
    fn select(&self, table: TableId, filter: &Filter<'_>) -> Vec<RecordId>;

    /// How many [`Self::select`] would find.
    fn count(&self, table: TableId, filter: &Filter<'_>) -> usize {
        self.select(table, filter).len()
    }

    /// Appends a numeric field of each record; NaN where empty.
    fn numbers(&self, table: TableId, slot: usize, records: &[RecordId], out: &mut Vec<f64>) {
        out.extend(records.iter().map(|&record| match self.cell(table, record, slot) {
            Cell::Number(n) => n,
            Cell::Time(ms) => ms as f64,
            _ => f64::NAN,
        }));
    }

    /// What a numeric field comes to in the records that [`Self::select`] would find.
    fn summary(&self, table: TableId, filter: &Filter<'_>, slot: usize) -> Summary {
        let mut numbers = Vec::new();
        self.numbers(table, slot, &self.select(table, filter), &mut numbers);
        Summary::of(&numbers)
    }

    /// What a numeric field comes to in the records of `table` whose reference in the slot `link` is `record`, where the
    /// host knows it better than one record at a time.
    fn linked(&self, _table: TableId, _link: usize, _record: RecordId, _slot: usize) -> Option<Summary> {
        None
    }

    /// What a formula of a record came to in this or an earlier run, where the host has kept it and nothing it depends
    /// on ([`crate::Dependencies`]) has changed since. Asked for formulas only that are not restless.
    fn recall(&self, _at: FieldAtKey, _record: RecordId) -> Option<Value> {
        None
    }

    /// Hands over what a formula came to that was not recalled. Whether [`Self::recall`] knows it from now on.
    fn remember(&self, _at: FieldAtKey, _record: RecordId, _value: &Value) -> bool {
        false
    }

    /// The first `take` records that [`Self::select`] would find, by a field of numbers or times: ascending, empty ones
    /// first, or the other way round with `desc`; equal ones by id. `None`: this host does not order.
    fn first_by(
        &self,
        _table: TableId,
        _filter: &Filter<'_>,
        _slot: usize,
        _desc: bool,
        _take: usize,
    ) -> Option<Vec<RecordId>> {
        None
    }

    /// The first record, by id, of each value that a field has in the records that [`Self::select`] would find, one
    /// without a value included; ascending. `None`: look at each.
    fn first_of_each(&self, _table: TableId, _filter: &Filter<'_>, _slot: usize) -> Option<Vec<RecordId>> {
        None
    }

    /// Makes a record.
    fn create(&mut self, _table: TableId) -> Result<RecordId, HostError> {
        Err(read_only())
    }

    /// Sets or clears a stored field.
    fn set(
        &mut self,
        _table: TableId,
        _record: RecordId,
        _slot: usize,
        _value: Option<boobook_model::Value>,
    ) -> Result<(), HostError> {
        Err(read_only())
    }

    /// Deletes a record; one that does not exist is no error.
    fn delete(&mut self, _table: TableId, _record: RecordId) -> Result<(), HostError> {
        Err(read_only())
    }

    /// A trigger begins or ends: what it writes it writes with the rights of who made it.
    fn trigger(&mut self, _begins: bool) {}

    /// The instant of this run, the same for all of it.
    fn now_ms(&self) -> i64;

    /// A number from 0 to below 1, another each time.
    fn random(&mut self) -> f64;

    /// Who runs the script.
    fn user(&self) -> &User;

    /// All users of the workspace.
    fn users(&self) -> &[User];

    /// Ids of workspace and database, for `teamId()` and `databaseId()`.
    fn place(&self) -> (&str, &str);

    /// Where people reach the server, without a slash at the end; empty where that is not known.
    fn public_url(&self) -> &str;

    /// Notes what a script did that has no effect here: `alert("x")`.
    fn log(&mut self, message: &str);

    /// The bytes of a file.
    fn load_file(&mut self, _file: &FileEntry) -> Result<Vec<u8>, HostError> {
        Err(no_files())
    }

    /// Makes a file, which belongs to nothing before a record's list names it. Without a name, it has that of where it
    /// comes from.
    fn make_file(&mut self, _name: Option<&str>, _source: FileSource<'_>) -> Result<FileEntry, HostError> {
        Err(no_files())
    }

    /// A file under another name.
    fn rename_file(&self, _file: &FileEntry, _name: &str) -> Result<FileEntry, HostError> {
        Err(no_files())
    }

    /// A record has no file of this name any more: another one of that name is another file.
    fn file_gone(&mut self, _table: TableId, _record: RecordId, _name: &str) -> Result<(), HostError> {
        Ok(())
    }

    /// Functions that reach outside: `http`, `sendEmail`, shares. By default none is there.
    fn outside(&mut self, function: &'static str, _arguments: &[Value]) -> Result<Value, HostError> {
        Err(HostError::new(format!("{function}() is not available on this server yet")))
    }
}

/// A field of some records, cell by cell.
fn lane<'h, H: Host + ?Sized>(host: &'h H, table: TableId, slot: usize, records: &[RecordId]) -> Lane<'h> {
    let field = host.schema().table(table).and_then(|table| table.fields.get(slot));
    let cells = records.iter().map(|&record| host.cell(table, record, slot));
    match field.and_then(|field| field.kind.storage()) {
        Some(StorageClass::Text) => {
            let mut lane = TextLane::default();
            cells.for_each(|cell| lane.push(if let Cell::Text(text) = cell { text } else { "" }));
            Lane::Texts(lane)
        }
        _ => Lane::Numbers(
            cells
                .map(|cell| match cell {
                    Cell::Number(n) if n.is_finite() => n,
                    Cell::Time(ms) => ms as f64,
                    Cell::Bool(yes) => f64::from(yes),
                    _ => f64::NAN,
                })
                .collect(),
        ),
    }
}

fn no_files() -> HostError {
    HostError::new("contents of files cannot be read or made here")
}

fn read_only() -> HostError {
    HostError::new("this script may only read")
}
