//! Finding, ordering and computing the rows of a view.

use std::sync::Arc;

use boobook_engine::{Row, Snapshot, Table};
use boobook_model::{Cell, Document, RecordId, TableId};
use boobook_nx::{Context, RunError, RunErrorKind, Value, shown};
use rustc_hash::FxHashMap;

use super::{
    Source, ViewColumn, ViewGroup, ViewProblem, ViewTable, ViewWanted,
    cell::{ViewCell, Words},
    order::{Key, aggregated},
    plan::{How, Plan, Planned, Reader, label_slot},
};
use crate::{
    AppError,
    script::{Accesses, Formulas, failed, refused},
};

/// A view to be evaluated, with the rights to do it with.
pub(super) struct ViewRun {
    pub(super) formulas: Formulas,
    pub(super) accesses: Accesses,
    pub(super) is_admin: bool,
    pub(super) rows_max: usize,
    pub(super) wanted: ViewWanted,
}

impl ViewRun {
    /// Evaluates it on this thread, which has the stack that scripts need.
    pub(super) fn evaluate<'a>(
        &self,
        snapshot: &'a Snapshot,
        view: &'a Document,
    ) -> Result<ViewTable<'a>, AppError> {
        let table = snapshot.table(self.formulas.table).ok_or(AppError::ViewNotFound)?;
        let library = self.formulas.database.library(&snapshot.schema);
        let hidden = if self.is_admin { Vec::new() } else { library.hidden_fields(self.formulas.table) };
        let reader = Reader { library: &library, accesses: &self.accesses, table: table.schema(), hidden };
        let plan = reader.read(view);
        self.formulas.run(snapshot, Arc::clone(&library), &self.accesses, true, |cx| {
            if !self.is_admin {
                cx.restrict();
            }
            cx.locale.language = self.wanted.language.unwrap_or(cx.locale.language);
            if let Some(minutes) = self.wanted.utc_offset_minutes {
                let offset = jiff::tz::Offset::from_seconds(minutes.saturating_mul(60));
                let offset = offset.map_err(|e| AppError::bad("utcoffset", e.to_string()))?;
                cx.locale.zone = offset.to_time_zone();
            }
            let mut work = Work {
                cx,
                accesses: &self.accesses,
                table: self.formulas.table,
                caption: &view.caption,
                labels: FxHashMap::default(),
                problems: Vec::new(),
            };
            self.table_of(&mut work, snapshot, table, view, plan)
        })
    }

    fn table_of<'a>(
        &self,
        work: &mut Work<'_, '_>,
        snapshot: &'a Snapshot,
        table: &'a Table,
        view: &'a Document,
        mut plan: Plan,
    ) -> Result<ViewTable<'a>, AppError> {
        let records = work.records(&plan)?;
        if records.len() > self.rows_max {
            return Err(AppError::TooLarge(format!(
                "view {:?} has more than {} rows (limits.view_rows_max); give it a filter",
                view.caption, self.rows_max
            )));
        }
        let rows: Vec<Row> = records.iter().filter_map(|&record| table.row(record)).collect();
        let (shown, computed) = self.shown(std::mem::take(&mut plan.columns));
        let sort = self.wanted.sort.filter(|(at, _)| *at < shown.len()).or(plan.sort);
        let group = plan.group.filter(|_| self.wanted.grouped);
        let minutes = self.wanted.utc_offset_minutes.unwrap_or(0);
        let mut answer = ViewTable {
            caption: &view.caption,
            columns: shown,
            group,
            groups: Vec::new(),
            sort,
            page: 0..rows.len(),
            problems: plan.problems,
            offset_ms: i64::from(minutes) * 60_000,
            snapshot,
            table,
            words: Words { schema: &snapshot.schema, locale: work.cx.locale.clone() },
            order: (0..rows.len() as u32).collect(),
            rows,
            bytes_max: self.formulas.app.limits.script.result_bytes_max,
        };
        for (at, how) in computed.iter().enumerate() {
            let needs_all = self.wanted.page.is_none()
                || group == Some(at)
                || sort.is_some_and(|(by, _)| by == at)
                || answer.columns[at].aggregate.is_some();
            if let (Some(how), true) = (how, needs_all) {
                answer.columns[at].source =
                    Source::All(work.values(how, &answer.columns[at].caption, &records)?);
            }
        }
        answer.put_in_order();
        answer.add_up();
        if let Some((skip, take)) = self.wanted.page {
            let start = skip.min(answer.len());
            answer.page = start..start.saturating_add(take).min(answer.len());
            let on_page: Vec<RecordId> =
                answer.order[answer.page.clone()].iter().map(|&at| records[at as usize]).collect();
            for (at, how) in computed.iter().enumerate() {
                if let (Some(how), Source::Broken) = (how, &answer.columns[at].source) {
                    let values = work.values(how, &answer.columns[at].caption, &on_page)?;
                    answer.columns[at].source = Source::Page(values);
                }
            }
        }
        answer.problems.append(&mut work.problems);
        Ok(answer)
    }

    /// Columns as they show, and how those are computed that are.
    fn shown(&self, columns: Vec<Planned>) -> (Vec<ViewColumn>, Vec<Option<How>>) {
        let one = |column: Planned| {
            let (source, how) = match column.how {
                How::Broken => (Source::Broken, None),
                How::Stored(slot) => (Source::Stored(slot), None),
                How::System(which) => (Source::System(which), None),
                run @ How::Run(_) => (Source::Broken, Some(run)),
            };
            let shown = ViewColumn {
                caption: column.caption,
                look: column.look,
                aggregate: column.aggregate.filter(|_| self.wanted.grouped),
                total: ViewCell::Empty,
                field: column.field,
                source,
            };
            (shown, how)
        };
        columns.into_iter().map(one).unzip()
    }
}

/// A run of a view's scripts.
struct Work<'w, 'h> {
    cx: &'w mut Context<'h>,
    accesses: &'w Accesses,
    table: TableId,
    caption: &'w str,
    /// What records of other tables are called.
    labels: FxHashMap<(TableId, RecordId), Value>,
    problems: Vec<ViewProblem>,
}

impl Work<'_, '_> {
    fn failed(&self, error: &RunError) -> AppError {
        if error.is_transient {
            failed("", error)
        } else {
            refused(format!("view {:?}: {error}", self.caption))
        }
    }

    /// The records that pass the filters, ascending.
    fn records(&mut self, plan: &Plan) -> Result<Vec<RecordId>, AppError> {
        let Some(select) = &plan.select else { return Ok(Vec::new()) };
        match select.program.run(self.cx, Vec::new()) {
            Ok(Value::Records(_, records)) => Ok(records.to_vec()),
            Ok(_) => Ok(Vec::new()),
            Err(error) if error.is_of_run() => Err(self.failed(&error)),
            // As with a filter that does not compile: nothing passes.
            Err(error) => {
                let message = format!("filter: {error}");
                self.problems.push(ViewProblem { column: String::new(), message });
                Ok(Vec::new())
            }
        }
    }

    /// What a column comes to in some records. Where it fails it is empty, and the first failure is told.
    fn values(&mut self, how: &How, caption: &str, records: &[RecordId]) -> Result<Vec<Value>, AppError> {
        let How::Run(checked) = how else { return Ok(Vec::new()) };
        let mut values = Vec::with_capacity(records.len());
        let mut is_told = false;
        for &record in records {
            let value = self.cx.step(1).and_then(|()| {
                let value = checked.program.run(self.cx, vec![Value::Record(self.table, record)])?;
                let value = self.presented(value)?;
                self.cx.charge(size_of::<Value>() + value.heap_bytes())?;
                Ok(value)
            });
            match value {
                Ok(value) => values.push(value),
                Err(error) if error.is_of_run() && !matches!(error.kind, RunErrorKind::Depth(_)) => {
                    return Err(self.failed(&error));
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        let message = format!("record {record}: {error}");
                        self.problems.push(ViewProblem { column: caption.to_owned(), message });
                    }
                    values.push(Value::Null);
                }
            }
        }
        Ok(values)
    }

    /// Records as people call them.
    fn presented(&mut self, value: Value) -> Result<Value, RunError> {
        match value {
            Value::Record(table, record) => self.label(table, record),
            Value::Records(table, records) => {
                let mut out = String::new();
                for &record in &*records {
                    self.cx.step(1)?;
                    if let Value::Text(label) = self.label(table, record)? {
                        if !out.is_empty() {
                            out.push_str(", ");
                        }
                        out.push_str(&label);
                    }
                }
                Ok(if out.is_empty() { Value::Null } else { out.into() })
            }
            other => Ok(other),
        }
    }

    /// What a record is called: by its first field that the caller may read, else by its id. One that the caller must
    /// not know of is not called at all.
    fn label(&mut self, table: TableId, record: RecordId) -> Result<Value, RunError> {
        if let Some(known) = self.labels.get(&(table, record)) {
            return Ok(known.clone());
        }
        let label = if self.cx.host.exists(table, record) && self.cx.sees(table, record)? {
            let value = match label_slot(self.accesses, table) {
                Some(slot) if self.cx.shows(table, record, slot as u16)? => {
                    self.cx.stored(table, record, slot as u16)
                }
                _ => Value::Null,
            };
            let text = shown::text(&value, &self.cx.schema, &self.cx.locale);
            if text.is_empty() { format!("{table}{record}").into() } else { Value::Text(text) }
        } else {
            Value::Null
        };
        self.labels.insert((table, record), label.clone());
        Ok(label)
    }
}

impl ViewTable<'_> {
    fn key(&self, column: usize, position: usize) -> Key {
        let of = &self.columns[column];
        if let (Source::Stored(slot), Some(field)) = (&of.source, &of.field)
            && let Cell::Choice(option) = self.table.cell(*slot, self.rows[position])
        {
            return Key::of_option(field, option);
        }
        Key::of(&self.cell_of(column, position))
    }

    /// By group, then by the column that is sorted by, then by id.
    fn put_in_order(&mut self) {
        let keys = |column: usize| -> Vec<Key> { (0..self.len()).map(|at| self.key(column, at)).collect() };
        let grouped = self.group.map(&keys);
        let sorted = self.sort.map(|(column, desc)| (keys(column), desc));
        let is_reversed =
            self.group.is_some() && self.sort.is_some_and(|(by, desc)| desc && Some(by) == self.group);
        let mut order = std::mem::take(&mut self.order);
        order.sort_by(|&a, &b| {
            let (a, b) = (a as usize, b as usize);
            let by_group =
                grouped.as_ref().map_or(std::cmp::Ordering::Equal, |keys| keys[a].compare(&keys[b]));
            let by_group = if is_reversed { by_group.reverse() } else { by_group };
            by_group.then_with(|| match &sorted {
                Some((keys, true)) => keys[b].compare(&keys[a]),
                Some((keys, false)) => keys[a].compare(&keys[b]),
                None => std::cmp::Ordering::Equal,
            })
        });
        let mut groups: Vec<ViewGroup> = Vec::new();
        if let (Some(column), Some(keys)) = (self.group, &grouped) {
            let mut last: Option<&Key> = None;
            for (at, &position) in order.iter().enumerate() {
                let key = &keys[position as usize];
                match groups.last_mut() {
                    Some(group) if last == Some(key) => group.rows.end = at + 1,
                    _ => {
                        let label = self.text(column, &self.cell_of(column, position as usize));
                        groups.push(ViewGroup { label, rows: at..at + 1, totals: Vec::new() });
                    }
                }
                last = Some(key);
            }
        }
        self.order = order;
        self.groups = groups;
    }

    fn add_up(&mut self) {
        let over = |column: usize, rows: std::ops::Range<usize>| match self.columns[column].aggregate {
            Some(which) => aggregated(which, rows.map(|at| self.cell_of(column, self.order[at] as usize))),
            None => ViewCell::Empty,
        };
        let columns = 0..self.columns.len();
        let of_all: Vec<_> = columns.clone().map(|column| over(column, 0..self.len())).collect();
        let of_groups: Vec<Vec<_>> = self
            .groups
            .iter()
            .map(|group| columns.clone().map(|column| over(column, group.rows.clone())).collect())
            .collect();
        for (column, total) in self.columns.iter_mut().zip(of_all) {
            column.total = total;
        }
        for (group, totals) in self.groups.iter_mut().zip(of_groups) {
            group.totals = totals;
        }
    }
}
