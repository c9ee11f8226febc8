//! Views, evaluated: what a view shows of a state to somebody (rest-api.md §7).
//!
//! `plan` reads the document: what its columns and filters mean, and what of it the caller may see. `run` finds the
//! records with one `select` made of all filters, orders them, and computes what no stored field holds; cells of stored
//! fields are read from their columns when they are written. A column that is broken is empty and told of; a filter that
//! is broken lets nothing pass, since a view that is shared must not show more than was meant.

mod cell;
mod order;
mod plan;
mod run;

use std::{ops::Range, sync::Arc};

use boobook_engine::{Row, Snapshot, Table};
use boobook_model::{Document, Field};
use boobook_nx::{Language, Locale, Value, ir::SystemField};
use tokio::sync::oneshot;

pub use cell::ViewCell;
use cell::Words;

use crate::{AppError, Session, script::refused};

/// What is wanted of a view, and in which words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ViewWanted {
    /// Rows of one page: how many to leave out, how many to answer. All where `None`.
    pub page: Option<(usize, usize)>,
    /// Another order than the view's: a column, and whether the greatest come first.
    pub sort: Option<(usize, bool)>,
    /// In the groups of the view, with what its columns come to. Otherwise rows are in one order throughout.
    pub grouped: bool,
    /// Another language than the database's.
    pub language: Option<Language>,
    /// Minutes that clocks there are ahead of UTC, instead of the database's zone.
    pub utc_offset_minutes: Option<i32>,
}

/// What a column adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The sum.
    Sum,
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many are not empty.
    Cnt,
}

/// How people see what a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Plain text, and whatever has no look of its own.
    Text,
    /// Numbers.
    Number,
    /// Dates, times, intervals.
    Moment,
    /// yes/no
    YesNo,
    /// A web address.
    Link,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// Rich text.
    Html,
}

/// A column that the caller may see.
pub struct ViewColumn {
    /// Its name, unlike that of every other column of the view.
    pub caption: String,
    /// How people see it.
    pub look: Look,
    /// What it adds up to.
    pub aggregate: Option<Aggregate>,
    /// The aggregate of all rows.
    pub total: ViewCell<'static>,
    field: Option<Arc<Field>>,
    source: Source,
}

/// Where cells come from.
enum Source {
    /// The column does not work.
    Broken,
    /// A stored field, by its slot.
    Stored(usize),
    /// Who made or changed the record, when; its number.
    System(SystemField),
    /// Computed for every row, in the order of their ids.
    All(Vec<Value>),
    /// Computed for the rows of the page, in the view's order.
    Page(Vec<Value>),
}

/// Rows that have the same in the column that groups.
pub struct ViewGroup {
    /// What they have there; empty where that is nothing.
    pub label: String,
    /// Which rows.
    pub rows: Range<usize>,
    /// The aggregate of each column.
    pub totals: Vec<ViewCell<'static>>,
}

/// Something of a view that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewProblem {
    /// The column.
    pub column: String,
    /// What is wrong, for who made the view.
    pub message: String,
}

/// A view of a state, as somebody may see it.
pub struct ViewTable<'a> {
    /// Its name.
    pub caption: &'a str,
    /// The columns that the caller may see.
    pub columns: Vec<ViewColumn>,
    /// The column whose values make groups.
    pub group: Option<usize>,
    /// Groups, in order.
    pub groups: Vec<ViewGroup>,
    /// What rows are ordered by, and whether the greatest come first.
    pub sort: Option<(usize, bool)>,
    /// The rows that are wanted, among all of the view.
    pub page: Range<usize>,
    /// What does not work.
    pub problems: Vec<ViewProblem>,
    /// Milliseconds to add to instants that are written in UTC.
    pub offset_ms: i64,
    snapshot: &'a Snapshot,
    table: &'a Table,
    words: Words<'a>,
    /// In the order of their ids.
    rows: Vec<Row>,
    /// Which of them comes where.
    order: Vec<u32>,
    bytes_max: usize,
}

impl ViewTable<'_> {
    /// How many rows there are on all pages.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What the row at a place has in a column; places are those of [`Self::page`].
    pub fn cell(&self, column: usize, at: usize) -> ViewCell<'_> {
        match &self.columns[column].source {
            Source::Page(values) => match values.get(at.wrapping_sub(self.page.start)) {
                Some(value) => ViewCell::of_value(value, &self.words),
                None => ViewCell::Empty,
            },
            _ => self.cell_of(column, self.order[at] as usize),
        }
    }

    /// As [`Self::cell`], by the place in the order of ids.
    fn cell_of(&self, column: usize, position: usize) -> ViewCell<'_> {
        let column = &self.columns[column];
        let row = self.rows[position];
        match &column.source {
            Source::Broken | Source::Page(_) => ViewCell::Empty,
            Source::Stored(slot) => match &column.field {
                Some(field) => ViewCell::of_stored(self.table.cell(*slot, row), field, &self.words),
                None => ViewCell::Empty,
            },
            Source::System(which) => {
                let meta = self.table.meta(row);
                match which {
                    SystemField::Id | SystemField::Number => {
                        ViewCell::Number(f64::from(self.table.record_id(row).get()))
                    }
                    SystemField::CreatedAt => ViewCell::DateTime(meta.created_at_ms),
                    SystemField::CreatedBy => ViewCell::user(meta.created_by, &self.words),
                    SystemField::ModifiedAt => ViewCell::DateTime(meta.modified_at_ms),
                    SystemField::ModifiedBy => ViewCell::user(meta.modified_by, &self.words),
                    SystemField::Sequence => ViewCell::Number(meta.sq.0 as f64),
                }
            }
            Source::All(values) => ViewCell::of_value(&values[position], &self.words),
        }
    }

    /// A cell of a column in the words of the view's language.
    pub fn text(&self, column: usize, cell: &ViewCell<'_>) -> String {
        let mut out = String::new();
        cell.write_text(self.columns[column].field.as_deref(), &self.words.locale, &mut out);
        out
    }

    /// A whole number in the view's language.
    pub fn count_text(&self, n: usize) -> String {
        boobook_nx::shown::count_text(n, self.words.locale.language)
    }

    /// Language and zone of the view.
    pub fn locale(&self) -> &Locale {
        &self.words.locale
    }

    /// A setting of the database that is text: `name`, `color`.
    pub fn setting(&self, key: &str) -> &str {
        self.words.schema.settings.0.get(key).and_then(|value| value.as_str()).unwrap_or_default()
    }

    /// The database's sequence that it was made from.
    pub fn sq(&self) -> boobook_model::Sq {
        self.snapshot.sq
    }

    /// Refuses an answer that has become too large.
    pub fn check_size(&self, bytes: usize) -> Result<(), AppError> {
        if bytes <= self.bytes_max {
            return Ok(());
        }
        Err(refused(format!(
            "view {:?} comes to more than {} bytes (limits.script.result_bytes_max); give it a filter",
            self.caption, self.bytes_max
        )))
    }
}

impl Session {
    /// Evaluates a view and has it written, both on a thread of scripts.
    pub async fn view<T: Send + 'static>(
        &self,
        snapshot: Arc<Snapshot>,
        view: Arc<Document>,
        wanted: ViewWanted,
        render: impl FnOnce(&ViewTable<'_>) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let table = view.table.ok_or(AppError::ViewNotFound)?;
        let access = self.readable_table(&snapshot, &table.to_string())?;
        let evaluator = run::ViewRun {
            formulas: self.formulas(&access, Some(&[])),
            accesses: self.accesses(&snapshot.schema),
            is_admin: self.role.is_admin(),
            rows_max: self.app.limits.view_rows_max,
            wanted,
        };
        let (sender, receiver) = oneshot::channel();
        self.app.scripts.run(Box::new(move || {
            let outcome = evaluator.evaluate(&snapshot, &view).and_then(|table| render(&table));
            // The client may have gone meanwhile.
            let _ = sender.send(outcome);
        }))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }
}
