//! A database of plain maps, for tests of the language: every look-up is a walk.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests; not every one uses all of it"
)]

use std::{collections::BTreeMap, sync::Arc};

use boobook_model::{Cell, RecordId, Schema, TableId, Value};
use boobook_nx::{Filter, Host, HostError, RecordMeta, Test, User};

/// Records by table and id, their fields by slot.
pub type Records = BTreeMap<(TableId, RecordId), BTreeMap<usize, Value>>;

/// The database.
pub struct Maps {
    pub schema: Arc<Schema>,
    pub records: Records,
    pub next: BTreeMap<TableId, u64>,
    pub users: Vec<User>,
    pub log: Vec<String>,
    pub now_ms: i64,
    pub is_writable: bool,
    chance: u64,
}

impl Maps {
    pub fn new(schema: Arc<Schema>) -> Self {
        let user = User {
            id: "u1".parse().unwrap(),
            name: "Ada Lovelace".into(),
            email: "ada@example.com".into(),
            roles: vec!["admin".into()],
        };
        Self {
            schema,
            records: BTreeMap::new(),
            next: BTreeMap::new(),
            users: vec![user],
            log: Vec::new(),
            // 2024-03-15T14:30:00
            now_ms: 1_710_513_000_000,
            is_writable: true,
            chance: 1,
        }
    }

    pub fn insert(&mut self, table: TableId, id: u64, values: impl IntoIterator<Item = (usize, Value)>) {
        let record = RecordId::new(id).unwrap();
        self.records.insert((table, record), values.into_iter().collect());
        let next = self.next.entry(table).or_insert(1);
        *next = (*next).max(id + 1);
    }

    fn check_writable(&self) -> Result<(), HostError> {
        if self.is_writable { Ok(()) } else { Err(HostError::new("this script may only read")) }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => Some(*n),
        Value::Time(ms) => Some(*ms as f64),
        _ => None,
    }
}

/// What a condition says of a field, read as literally as can be.
fn passes(test: &Test, value: Option<&Value>) -> bool {
    let compares = |holds: &dyn Fn(f64) -> bool| value.and_then(number).is_some_and(holds);
    match test {
        Test::AnyOf(values) => values.iter().any(|wanted| wanted.as_ref() == value),
        Test::Less(bound) => compares(&|n| n < *bound),
        Test::LessOrEqual(bound) => compares(&|n| n <= *bound),
        Test::Greater(bound) => compares(&|n| n > *bound),
        Test::GreaterOrEqual(bound) => compares(&|n| n >= *bound),
        Test::Like(part) => {
            matches!(value, Some(Value::Text(text)) if text.to_lowercase().contains(&part.to_lowercase()))
        }
        Test::Not(test) => !passes(test, value),
    }
}

impl Host for Maps {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn exists(&self, table: TableId, record: RecordId) -> bool {
        self.records.contains_key(&(table, record))
    }

    fn cell(&self, table: TableId, record: RecordId, slot: usize) -> Cell<'_> {
        self.records
            .get(&(table, record))
            .and_then(|fields| fields.get(&slot))
            .map_or(Cell::Empty, Value::as_cell)
    }

    fn meta(&self, table: TableId, record: RecordId) -> Option<RecordMeta> {
        self.exists(table, record).then(|| RecordMeta {
            created_at_ms: 1_700_000_000_000,
            created_by: "u1".into(),
            modified_at_ms: 1_700_000_001_000,
            modified_by: "u1".into(),
            sq: u64::from(record.get()),
        })
    }

    fn reverse(&self, table: TableId, slot: usize, record: RecordId, out: &mut Vec<RecordId>) {
        let found = self
            .records
            .iter()
            .filter(|((of, _), fields)| *of == table && fields.get(&slot) == Some(&Value::Reference(record)));
        out.extend(found.map(|((_, id), _)| *id));
    }

    fn select(&self, table: TableId, filter: &Filter<'_>) -> Vec<RecordId> {
        let found = self.records.iter().filter(|((of, _), fields)| {
            *of == table && filter.conditions.iter().all(|c| passes(&c.test, fields.get(&c.slot)))
        });
        let mut found = found.map(|((_, id), _)| *id).collect();
        filter.sift(self, table, &mut found);
        found
    }

    fn create(&mut self, table: TableId) -> Result<RecordId, HostError> {
        self.check_writable()?;
        let next = self.next.entry(table).or_insert(1);
        let record = RecordId::new(*next).unwrap();
        *next += 1;
        self.records.insert((table, record), BTreeMap::new());
        Ok(record)
    }

    fn set(
        &mut self,
        table: TableId,
        record: RecordId,
        slot: usize,
        value: Option<Value>,
    ) -> Result<(), HostError> {
        self.check_writable()?;
        let Some(fields) = self.records.get_mut(&(table, record)) else {
            return Err(HostError::new(format!("table {table} has no record {record}")));
        };
        match value {
            Some(value) => fields.insert(slot, value),
            None => fields.remove(&slot),
        };
        Ok(())
    }

    fn delete(&mut self, table: TableId, record: RecordId) -> Result<(), HostError> {
        self.check_writable()?;
        self.records.remove(&(table, record));
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn random(&mut self) -> f64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.chance >> 11) as f64 / (1u64 << 53) as f64
    }

    fn user(&self) -> &User {
        &self.users[0]
    }

    fn users(&self) -> &[User] {
        &self.users
    }

    fn place(&self) -> (&str, &str) {
        ("team", "database")
    }

    fn public_url(&self) -> &'static str {
        ""
    }

    fn log(&mut self, message: &str) {
        self.log.push(message.to_owned());
    }
}
