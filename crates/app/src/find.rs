//! Which records a request means: filters and order of stored fields go to the engine's columns; formulas and an
//! NX predicate are worked out by scripts first.

use std::sync::Arc;

use boobook_engine::{Order, Row, Select, Selected, Snapshot};
use boobook_nx::{Effect, Value, compare, json};
use tokio::sync::oneshot;

use crate::{
    AppError, Session, TableAccess,
    script::{Accesses, Formulas, ScriptError, failed, require_sound},
};

/// What a request looks for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Filters of stored fields, order (of any field), page.
    pub select: Select,
    /// An NX condition that records must pass.
    pub predicate: Option<String>,
    /// Formulas and what they may come to; empty is [`Value::Null`].
    pub computed: Vec<(u16, Vec<Value>)>,
}

impl Session {
    /// Finds records. A filter or order on a field the caller may not read is refused: its order would tell.
    pub async fn find(
        &self,
        snapshot: &Arc<Snapshot>,
        access: &TableAccess,
        wanted: Wanted,
    ) -> Result<Selected, AppError> {
        let ordered = match wanted.select.order {
            Order::Field { slot, .. } => Some(slot),
            _ => None,
        };
        let computed = wanted.computed.iter().map(|(slot, _)| usize::from(*slot));
        for slot in wanted.select.filters.iter().map(|f| f.slot).chain(ordered).chain(computed) {
            if !access.reads_always(slot) {
                let caption = &access.schema.fields[slot].caption;
                return Err(AppError::Forbidden(format!(
                    "this key may not read field {caption:?} of every record, so it can neither filter nor order by it"
                )));
            }
        }
        let mut wanted = wanted;
        if self.hides_records(snapshot, access.id()) && wanted.predicate.is_none() {
            // The condition of the schema comes with every selection.
            wanted.predicate = Some("true".into());
        }
        let is_formula = |slot: usize| access.schema.formulas().iter().any(|&s| usize::from(s) == slot);
        let by_formula = ordered.is_some_and(is_formula);
        if wanted.predicate.is_none() && wanted.computed.is_empty() && !by_formula {
            return Ok(snapshot.select(access.id(), &wanted.select));
        }
        let finder = Finder {
            formulas: self.formulas(access, None),
            is_admin: self.role.is_admin(),
            accesses: self.accesses(&snapshot.schema),
            snapshot: Arc::clone(snapshot),
            wanted,
            by_formula,
        };
        let (sender, receiver) = oneshot::channel();
        self.app.scripts.run(Box::new(move || {
            // The client may have gone meanwhile.
            let _ = sender.send(finder.find());
        }))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }
}

struct Finder {
    formulas: Formulas,
    is_admin: bool,
    accesses: Accesses,
    snapshot: Arc<Snapshot>,
    wanted: Wanted,
    by_formula: bool,
}

impl Finder {
    fn find(mut self) -> Result<Selected, AppError> {
        if let Some(source) = self.wanted.predicate.take() {
            self.wanted.select.within = Some(self.passing(&source)?);
        }
        if !self.wanted.computed.is_empty() {
            self.wanted.select.within = Some(self.equal()?);
        }
        match self.wanted.select.order {
            Order::Field { slot, desc } if self.by_formula => self.sorted(slot as u16, desc),
            _ => Ok(self.snapshot.select(self.formulas.table, &self.wanted.select)),
        }
    }

    /// The rows that pass a predicate, which reads with the caller's rights.
    fn passing(&self, source: &str) -> Result<Vec<Row>, AppError> {
        let Some(table) = self.snapshot.table(self.formulas.table) else { return Ok(Vec::new()) };
        let library = self.formulas.database.library(&self.snapshot.schema);
        let checked = library.predicate(source, table.schema());
        require_sound(&checked, &self.accesses, source)?;
        if checked.program.effect >= Effect::Outside {
            return Err(AppError::Script(ScriptError {
                message: "query: a condition only reads".into(),
                line: None,
                column: None,
                is_syntax: false,
            }));
        }
        let value = self.formulas.run(&self.snapshot, library, &self.accesses, true, |cx| {
            if !self.is_admin {
                cx.restrict();
            }
            checked.program.run(cx, Vec::new()).map_err(|error| failed(source, &error))
        })?;
        let Value::Records(_, records) = value else { return Ok(Vec::new()) };
        Ok(records.iter().filter_map(|&record| table.row(record)).collect())
    }

    /// Every row that passes the filters of stored fields, by id.
    fn candidates(&self) -> Vec<Row> {
        let all = Select {
            order: Order::IdAsc,
            skip: 0,
            take: usize::MAX,
            count: false,
            ..self.wanted.select.clone()
        };
        self.snapshot.select(self.formulas.table, &all).rows
    }

    fn values(&self, rows: &[Row], slots: &[u16]) -> Result<Vec<Value>, AppError> {
        let mut records = Vec::with_capacity(rows.len());
        if let Some(table) = self.snapshot.table(self.formulas.table) {
            table.record_ids(rows, &mut records);
        }
        let formulas = Formulas { slots: slots.into(), ..self.formulas.clone() };
        Ok(formulas.compute_here(&self.snapshot, &records, true)?.values)
    }

    /// The rows whose formulas come to what is asked for.
    fn equal(&self) -> Result<Vec<Row>, AppError> {
        let mut rows = self.candidates();
        let slots: Vec<u16> = self.wanted.computed.iter().map(|(slot, _)| *slot).collect();
        let values = self.values(&rows, &slots)?;
        let mut at = 0;
        rows.retain(|_| {
            let of_row = values.iter().skip(at * slots.len()).take(slots.len());
            at += 1;
            of_row
                .zip(&self.wanted.computed)
                .all(|(value, (_, any_of))| any_of.iter().any(|v| self.is(value, v)))
        });
        Ok(rows)
    }

    /// Whether a value is the one of a filter, which comes as JSON: dates and users as their text.
    fn is(&self, value: &Value, filter: &Value) -> bool {
        if compare::equal(value, filter, &self.snapshot.schema) {
            return true;
        }
        let Value::Text(text) = filter else { return false };
        let mut written = String::new();
        json::write(value, &mut written);
        written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(text)
    }

    fn sorted(&self, slot: u16, desc: bool) -> Result<Selected, AppError> {
        let rows = self.candidates();
        let values = self.values(&rows, &[slot])?;
        let total = self.wanted.select.count.then_some(rows.len());
        let mut places: Vec<usize> = (0..rows.len()).collect();
        // Ties stay in the order of ids, as they do for stored fields.
        let by_value = |a: &usize, b: &usize| {
            let order = compare::order(&values[*a], &values[*b]);
            (if desc { order.reverse() } else { order }).then(a.cmp(b))
        };
        let skip = self.wanted.select.skip.min(places.len());
        let end = skip.saturating_add(self.wanted.select.take).min(places.len());
        if end < places.len() {
            // What comes behind the page needs no order.
            places.select_nth_unstable_by(end, by_value);
            places.truncate(end);
        }
        places.sort_unstable_by(by_value);
        Ok(Selected { rows: places[skip..].iter().map(|&place| rows[place]).collect(), total })
    }
}
