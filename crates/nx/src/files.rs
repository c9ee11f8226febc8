//! The files of a record (nx-language.md §4.7). Its list is a hidden field, which is read and written as any other: with
//! the rights on the record and its fields, the transaction's own changes, and triggers. Only what contents are is the
//! host's matter.

use std::sync::Arc;

use boobook_model::{Cell, FILES_MAX, FieldId, FileEntry, FileList, RecordId, TableId, Value as Stored};

use crate::{Context, FieldAtKey, Right, RunError, Value, ir::FieldAt};

/// Longest name of a file, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// A file that the run may know of.
pub(crate) struct Seen {
    pub(crate) entry: FileEntry,
    /// Whether a file field names it; if not, it is an attachment.
    pub(crate) is_of_field: bool,
}

impl Context<'_> {
    /// The files of a record that the run may know of, in their order: none of a record that it may not see, and not
    /// those that only fields name which it may not read.
    pub(crate) fn files(&mut self, table: TableId, record: RecordId) -> Result<Vec<Seen>, RunError> {
        let may_read = self.trusted > 0 || self.host.may_read_table(table);
        if !may_read || !self.host.exists(table, record) || !self.sees(table, record)? {
            return Ok(Vec::new());
        }
        let list = self.file_list(table, record)?;
        if list.0.is_empty() {
            return Ok(Vec::new());
        }
        let mut named: Vec<(Arc<str>, bool)> = Vec::new();
        for (slot, name) in self.file_fields(table, record) {
            let may_read = self.trusted > 0 || self.host.may_read(table, usize::from(slot));
            named.push((name, may_read && self.shows(table, record, slot)?));
        }
        let seen = list.0.into_iter().filter_map(|entry| {
            let mut by = named.iter().filter(|(name, _)| **name == *entry.name).peekable();
            let is_of_field = by.peek().is_some();
            (!is_of_field || by.any(|(_, shows)| *shows)).then_some(Seen { entry, is_of_field })
        });
        Ok(seen.collect())
    }

    /// One of them.
    pub(crate) fn file(
        &mut self,
        table: TableId,
        record: RecordId,
        name: &str,
    ) -> Result<Option<FileEntry>, RunError> {
        let seen = self.files(table, record)?;
        Ok(seen.into_iter().map(|seen| seen.entry).find(|entry| entry.name == name))
    }

    /// Gives a record a file, in the place of one of the same name.
    pub(crate) fn add_file(
        &mut self,
        table: TableId,
        record: RecordId,
        entry: FileEntry,
    ) -> Result<Value, RunError> {
        let name: Arc<str> = entry.name.as_str().into();
        if let Some((stored, count)) = self.appended(table, record, &entry)? {
            self.set_stored_files(table, record, (Some(stored), count), &[])?;
            return Ok(Value::File(table, record, name));
        }
        let mut list = self.list_to_change(table, record)?;
        // What fields name changes with it: who may not write them may not change it.
        for (slot, same) in self.fields_with(table, record, &name, Some(&name)) {
            self.require(Right::WriteField(FieldAtKey(table, slot)), table, record)?;
            self.host.set(table, record, usize::from(slot), same)?;
        }
        let file = Value::File(table, record, name);
        list.put(entry);
        self.set_files(table, record, &list, &[])?;
        Ok(file)
    }

    /// Takes a file from a record and from the fields that name it; one that is not there is no error.
    pub(crate) fn remove_file(
        &mut self,
        table: TableId,
        record: RecordId,
        name: &str,
    ) -> Result<(), RunError> {
        let mut list = self.list_to_change(table, record)?;
        // Who may not see it cannot know of it.
        if self.file(table, record, name)?.is_none() || !list.remove(name) {
            return Ok(());
        }
        let fields = self.fields_with(table, record, name, None);
        self.set_files(table, record, &list, &fields)?;
        Ok(self.host.file_gone(table, record, name)?)
    }

    /// Gives a file another name, in the fields that name it too.
    pub(crate) fn rename_file(
        &mut self,
        table: TableId,
        record: RecordId,
        name: &str,
        to: &str,
    ) -> Result<Value, RunError> {
        let mut list = self.list_to_change(table, record)?;
        let Some(entry) = self.file(table, record, name)? else {
            return Err(RunError::other(format!("record {table}{record} has no file {name:?}")));
        };
        let renamed = self.host.rename_file(&entry, to)?;
        let new: Arc<str> = renamed.name.as_str().into();
        if *new != *name {
            if list.find(&new).is_some() {
                return Err(RunError::other(format!("record {table}{record} has a file {new:?} already")));
            }
            if let Some(place) = list.0.iter_mut().find(|known| known.name == name) {
                *place = renamed;
            }
            let fields = self.fields_with(table, record, name, Some(&new));
            self.set_files(table, record, &list, &fields)?;
            self.host.file_gone(table, record, name)?;
        }
        Ok(Value::File(table, record, new))
    }

    /// Sets a field. A file of another record that a file field is to name becomes one of this record, which shares its
    /// content; under another name, where the record has a different file of that name. A name is taken only of a file
    /// of the record that the run may know of, as in the API.
    pub(crate) fn assign(
        &mut self,
        table: TableId,
        record: RecordId,
        at: FieldAt,
        value: &Value,
        stored: Option<Stored>,
    ) -> Result<(), RunError> {
        let own = match &stored {
            Some(Stored::Text(name)) if is_file_field(&self.schema, at) => Arc::clone(name),
            _ => return self.set(table, record, at, stored),
        };
        let file = if value.is_array() { value.item(0) } else { Some(value.clone()) };
        let other = match file {
            Some(Value::File(of_table, of_record, name)) if (of_table, of_record) != (table, record) => {
                Some((of_table, of_record, name))
            }
            _ => None,
        };
        let Some((of_table, of_record, name)) = other else {
            let is_same = self.host.cell(table, record, usize::from(at.slot)) == Cell::Text(&own);
            if !is_same && self.file(table, record, &own)?.is_none() {
                return Err(RunError::other(no_such_file(&own)));
            }
            return self.set(table, record, at, stored);
        };
        let Some(mut entry) = self.file(of_table, of_record, &name)? else {
            return Err(RunError::other(no_such_file(&name)));
        };
        let mut list = self.list_to_change(table, record)?;
        let is_other =
            |list: &FileList, name: &str| list.find(name).is_some_and(|own| own.sha256 != entry.sha256);
        let free = numbered(&name).find(|name| !is_other(&list, name)).unwrap_or_default();
        let named = Some(Stored::Text(free.as_str().into()));
        entry.name = free;
        list.put(entry);
        self.set_files(table, record, &list, &[(at.slot, named)])
    }

    /// The list of a record with one more file, as it is stored; `None` where it has to be read for that.
    fn appended(
        &mut self,
        table: TableId,
        record: RecordId,
        entry: &FileEntry,
    ) -> Result<Option<(String, usize)>, RunError> {
        self.require_change(table, record)?;
        // A name that a field holds for no file changes what that field shows.
        let named = self.fields_with(table, record, &entry.name, None);
        let Some(slot) = self.files_slot(table).filter(|_| named.is_empty()) else { return Ok(None) };
        let stored = match self.host.cell(table, record, slot) {
            Cell::Text(text) => text,
            _ => "",
        };
        let appended = FileList::appended(stored, entry);
        let bytes = appended.as_ref().map_or(0, |(list, _)| list.len());
        self.step(1 + bytes as u64 / 64)?;
        self.charge(bytes)?;
        Ok(appended)
    }

    /// The list of a record that is about to change, hidden files included.
    fn list_to_change(&mut self, table: TableId, record: RecordId) -> Result<FileList, RunError> {
        self.require_change(table, record)?;
        self.file_list(table, record)
    }

    fn require_change(&mut self, table: TableId, record: RecordId) -> Result<(), RunError> {
        if !self.host.exists(table, record) {
            return Err(RunError::other(format!("there is no record {table}{record}")));
        }
        self.require(Right::Write(table), table, record)
    }

    fn file_list(&mut self, table: TableId, record: RecordId) -> Result<FileList, RunError> {
        let Some(slot) = self.files_slot(table) else { return Ok(FileList::default()) };
        let (list, bytes) = match self.host.cell(table, record, slot) {
            Cell::Text(text) => (FileList::from_stored(text), text.len()),
            _ => return Ok(FileList::default()),
        };
        // Reading it takes as long as it is.
        self.step(1 + bytes as u64 / 64)?;
        self.charge(bytes)?;
        // A list that cannot be read would lose files if it were written anew.
        list.ok_or_else(|| {
            let message = "is damaged; restore the database from a back-up";
            RunError::other(format!("the list of files of record {table}{record} {message}"))
        })
    }

    /// Writes the list along with fields that name files: one change of the record, which sets off what changes do.
    fn set_files(
        &mut self,
        table: TableId,
        record: RecordId,
        list: &FileList,
        fields: &[(u16, Option<Stored>)],
    ) -> Result<(), RunError> {
        self.set_stored_files(table, record, (list.to_stored(), list.0.len()), fields)
    }

    fn set_stored_files(
        &mut self,
        table: TableId,
        record: RecordId,
        (list, count): (Option<String>, usize),
        fields: &[(u16, Option<Stored>)],
    ) -> Result<(), RunError> {
        if count > FILES_MAX {
            return Err(RunError::other(format!("a record has at most {FILES_MAX} files")));
        }
        let Some(slot) = self.files_slot(table) else {
            return Err(RunError::other("there is no such table"));
        };
        for (slot, _) in fields {
            self.require(Right::WriteField(FieldAtKey(table, *slot)), table, record)?;
        }
        self.forget();
        let stored = list.map(|text| Stored::Text(text.into()));
        self.host.set(table, record, slot, stored)?;
        for (slot, value) in fields {
            self.host.set(table, record, usize::from(*slot), value.clone())?;
        }
        let slots: Vec<u16> = fields.iter().map(|(slot, _)| *slot).collect();
        self.written(table, record, false, &slots)
    }

    /// The file fields of a record that name a file, with what they are to hold instead.
    fn fields_with(
        &self,
        table: TableId,
        record: RecordId,
        name: &str,
        to: Option<&Arc<str>>,
    ) -> Vec<(u16, Option<Stored>)> {
        let fields = self.file_fields(table, record).into_iter().filter(|(_, known)| **known == *name);
        fields.map(|(slot, _)| (slot, to.map(|to| Stored::Text(Arc::clone(to))))).collect()
    }

    /// The file fields of a record that are not empty.
    fn file_fields(&self, table: TableId, record: RecordId) -> Vec<(u16, Arc<str>)> {
        let Some(of) = self.schema.table(table) else { return Vec::new() };
        let fields = of.fields.iter().enumerate().filter(|(_, field)| field.holds_file_name());
        let named = fields.filter_map(|(slot, _)| match self.host.cell(table, record, slot) {
            Cell::Text(name) => Some((slot as u16, name.into())),
            _ => None,
        });
        named.collect()
    }

    fn files_slot(&self, table: TableId) -> Option<usize> {
        self.schema.table(table)?.slot(FieldId::FILES)
    }
}

/// What is wrong with the name of a file that a file field is to take.
pub fn no_such_file(name: &str) -> String {
    format!(
        "this record has no file {name:?} that this key may see; a file is uploaded, or made, before a field names it"
    )
}

/// A name, then `name (2).txt`, `name (3).txt` …
pub(crate) fn numbered(name: &str) -> impl Iterator<Item = String> {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    let others = (2..).map(move |n| {
        let end = format!(" ({n}){extension}");
        // A name is no longer than names may be.
        let room = stem.floor_char_boundary(NAME_BYTES_MAX.saturating_sub(end.len()));
        format!("{}{end}", &stem[..room])
    });
    std::iter::once(name.to_owned()).chain(others)
}

/// Whether a place holds the name of a file.
fn is_file_field(schema: &boobook_model::Schema, at: FieldAt) -> bool {
    let field = schema.table(at.table).and_then(|table| table.fields.get(usize::from(at.slot)));
    field.is_some_and(|field| field.holds_file_name())
}
