//! The engine as maps: slow, plain, and right by inspection.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use boobook_model::{Field, FieldId, RecordId, Schema, StorageClass, TableId, TableSchema, Value};
use serde_json::{Map, Value as Json, json};

/// A table's place among the model's tables, and a record's id.
pub(super) type Key = (usize, u32);

pub(super) const USERS: [&str; 2] = ["u8K2mQ", "uAdmin"];

pub(super) fn tid(table: usize) -> TableId {
    TableId::nth(table as u32).unwrap()
}

pub(super) fn rid(n: u32) -> RecordId {
    RecordId::new(u64::from(n)).unwrap()
}

pub(super) fn key(table: TableId, rid: RecordId) -> Key {
    (table.ordinal().unwrap() as usize, rid.get())
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record {
    pub(super) values: BTreeMap<FieldId, Value>,
    pub(super) sq: u64,
    pub(super) created: (i64, usize),
    pub(super) modified: (i64, usize),
}

/// Values by field, as an operation writes them.
pub(super) type FieldValues = Vec<(FieldId, Option<Value>)>;

/// An operation with everything decided.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Create(usize, FieldValues),
    Update(usize, u32, FieldValues),
    Upsert(usize, u32, FieldValues),
    Delete(usize, u32),
}

/// A change of the schema.
#[derive(Clone, Debug)]
pub(super) enum Reshape {
    AddField {
        table: u32,
        kind: u32,
    },
    RemoveField {
        table: u32,
        pick: u32,
    },
    /// The field keeps its id and stores something else.
    ChangeField {
        table: u32,
        pick: u32,
        kind: u32,
    },
    /// Another order of every choice's options.
    OrderOptions,
    AddTable,
}

#[derive(Clone, Debug)]
struct TableShape {
    fields: BTreeMap<u32, Json>,
    next_field: u32,
}

/// What a schema is made of.
#[derive(Clone, Debug)]
struct Shape {
    tables: Vec<TableShape>,
    option_shift: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    shape: Shape,
    pub(super) schema: Arc<Schema>,
    pub(super) records: BTreeMap<Key, Record>,
    pub(super) gone: BTreeMap<Key, u64>,
    pub(super) next: Vec<u64>,
    pub(super) sq: u64,
    pub(super) schema_sq: u64,
    pub(super) sq_min: u64,
    pub(super) clock_ms: i64,
}

impl TableShape {
    fn of(fields: Vec<Json>) -> Self {
        Self { next_field: fields.len() as u32, fields: (0..).zip(fields).collect() }
    }
}

fn field_of(kind: u32) -> Json {
    match kind % 9 {
        0 => json!({"base": "string"}),
        1 => json!({"base": "number"}),
        2 => json!({"base": "choice"}),
        3 => json!({"base": "multi"}),
        4 => json!({"base": "boolean"}),
        5 => json!({"base": "date"}),
        6 => json!({"base": "fn", "fn": "1"}),
        7 => json!({"base": "ref", "refTypeId": "A"}),
        _ => json!({"base": "ref", "refTypeId": "B", "cascade": true}),
    }
}

impl Shape {
    fn start() -> Self {
        let whole = json!({"base": "ref", "refTypeId": "A", "cascade": true});
        let first = [0, 1, 2, 3, 4, 7, 6, 5].map(field_of).to_vec();
        let second = vec![field_of(0), field_of(7), whole, field_of(8)];
        Self { tables: vec![TableShape::of(first), TableShape::of(second)], option_shift: 0 }
    }

    fn schema(&self) -> Arc<Schema> {
        let shift = self.option_shift;
        let options: Map<String, Json> = (1..=3)
            .map(|id| {
                (id.to_string(), json!({"caption": format!("o{id}"), "order": (id * 5 + shift * id) % 7}))
            })
            .collect();
        let types: Map<String, Json> = self
            .tables
            .iter()
            .enumerate()
            .map(|(at, table)| {
                let fields = table.fields.iter().map(|(id, field)| {
                    let mut field = field.clone();
                    if field["base"] == "choice" || field["base"] == "multi" {
                        field["values"] = options.clone().into();
                    }
                    (FieldId::nth(*id).unwrap().to_string(), field)
                });
                let fields: Map<String, Json> = fields.collect();
                (tid(at).to_string(), json!({"caption": format!("T{at}"), "fields": fields}))
            })
            .collect();
        Arc::new(Schema::from_json(json!({"types": types})).unwrap())
    }

    /// The fields whose values are lost thereby.
    fn reshape(&mut self, reshape: &Reshape) -> Vec<(usize, FieldId)> {
        let tables = self.tables.len() as u32;
        let picked = |shape: &Self, table: u32, pick: u32| {
            let at = (table % tables) as usize;
            let fields = &shape.tables[at].fields;
            fields.keys().nth(pick as usize % fields.len().max(1)).map(|id| (at, *id))
        };
        let mut lost = Vec::new();
        match *reshape {
            Reshape::AddField { table, kind } => {
                let table = &mut self.tables[(table % tables) as usize];
                table.fields.insert(table.next_field, field_of(kind));
                table.next_field += 1;
            }
            Reshape::RemoveField { table, pick } => {
                if let Some((at, id)) = picked(self, table, pick) {
                    self.tables[at].fields.remove(&id);
                    lost.push((at, FieldId::nth(id).unwrap()));
                }
            }
            Reshape::ChangeField { table, pick, kind } => {
                if let Some((at, id)) = picked(self, table, pick) {
                    let new = field_of(kind % 7);
                    if self.tables[at].fields[&id]["base"] != new["base"] {
                        lost.push((at, FieldId::nth(id).unwrap()));
                    }
                    self.tables[at].fields.insert(id, new);
                }
            }
            Reshape::OrderOptions => self.option_shift += 1,
            Reshape::AddTable => {
                if tables < 4 {
                    self.tables.push(TableShape::of(vec![field_of(0), field_of(8), field_of(7)]));
                }
            }
        }
        lost
    }
}

impl Model {
    pub(super) fn start() -> Self {
        let shape = Shape::start();
        Self {
            schema: shape.schema(),
            next: vec![1; shape.tables.len()],
            shape,
            records: BTreeMap::new(),
            gone: BTreeMap::new(),
            sq: 1,
            schema_sq: 1,
            sq_min: 0,
            clock_ms: 0,
        }
    }

    pub(super) fn tables(&self) -> usize {
        self.schema.tables.len()
    }

    pub(super) fn table(&self, table: usize) -> &TableSchema {
        &self.schema.tables[table]
    }

    pub(super) fn slot(&self, table: usize, field: FieldId) -> usize {
        self.table(table).slot(field).unwrap()
    }

    /// Table, field, whether a composition and the target of every reference field.
    pub(super) fn references(&self) -> Vec<(usize, FieldId, bool, usize)> {
        let of = |(at, table): (usize, &Arc<TableSchema>)| {
            let refs = table.fields.iter().filter(|field| field.kind.base() == "ref");
            refs.map(|f| (at, f.id, f.cascade, f.target.unwrap().ordinal().unwrap() as usize))
                .collect::<Vec<_>>()
        };
        self.schema.tables.iter().enumerate().flat_map(of).collect()
    }

    pub(super) fn ids(&self, table: usize) -> Vec<u32> {
        self.records.range((table, 0)..(table + 1, 0)).map(|(key, _)| key.1).collect()
    }

    pub(super) fn cell(&self, table: usize, rid: u32, field: FieldId) -> Option<&Value> {
        self.records.get(&(table, rid))?.values.get(&field)
    }

    /// The value a number stands for; references mostly name a record there is.
    pub(super) fn value(&self, field: &Field, seed: u32) -> Option<Value> {
        Some(match field.kind.storage()? {
            StorageClass::Bool => Value::Bool(seed.is_multiple_of(2)),
            StorageClass::Number => Value::Number([-0.0, 0.0, 0.5, -3.0, 1e9, 2.0, 7.0][seed as usize % 7]),
            StorageClass::Time => Value::Time(i64::from(seed % 9) * 86_400_000 - 4),
            // The last is no option of the field any more.
            StorageClass::Choice => Value::Choice((seed % 4) as u16 + 1),
            StorageClass::Choices => {
                let members = (0..3).filter(|bit| (seed % 7 + 1) >> bit & 1 == 1).map(|bit| bit + 1);
                Value::Choices(members.collect::<Vec<_>>().into())
            }
            StorageClass::Text if seed.is_multiple_of(2) => Value::Text(format!("t{}", seed % 40).into()),
            StorageClass::Text => Value::Text(["", "a", "B", "ä"][seed as usize / 2 % 4].into()),
            StorageClass::Reference => {
                let ids = self.ids(field.target?.ordinal()? as usize);
                let missing = seed.is_multiple_of(61) || ids.is_empty();
                Value::Reference(rid(if missing { seed % 20 + 1 } else { ids[seed as usize % ids.len()] }))
            }
        })
    }

    /// Changes the schema, as the first step of a transaction.
    pub(super) fn reshape(&mut self, reshape: &Reshape) {
        for (table, field) in self.shape.reshape(reshape) {
            for record in self.records.range_mut((table, 0)..(table + 1, 0)).map(|(_, record)| record) {
                record.values.remove(&field);
            }
        }
        self.schema = self.shape.schema();
        self.next.resize(self.tables(), 1);
    }

    fn put(&mut self, key: Key, values: &FieldValues) {
        let record = self.records.entry(key).or_default();
        for (field, value) in values {
            match value {
                Some(value) => record.values.insert(*field, value.clone()),
                None => record.values.remove(field),
            };
        }
    }

    /// Runs one operation and notes what it touched; `false`: refused.
    pub(super) fn run(&mut self, action: &Action, touched: &mut Vec<Key>) -> bool {
        match action {
            Action::Create(table, _) if RecordId::new(self.next[*table]).is_none() => return false,
            Action::Create(table, values) => {
                let key = (*table, self.next[*table] as u32);
                self.next[*table] += 1;
                self.put(key, values);
                touched.push(key);
            }
            Action::Upsert(table, r, values) => {
                self.next[*table] = self.next[*table].max(u64::from(*r) + 1);
                self.put((*table, *r), values);
                touched.push((*table, *r));
            }
            Action::Update(table, r, _) | Action::Delete(table, r)
                if !self.records.contains_key(&(*table, *r)) =>
            {
                return false;
            }
            Action::Update(table, r, values) => {
                self.put((*table, *r), values);
                touched.push((*table, *r));
            }
            Action::Delete(table, r) => self.delete((*table, *r), touched),
        }
        true
    }

    fn delete(&mut self, key: Key, touched: &mut Vec<Key>) {
        let references = self.references();
        let mut stack = vec![key];
        while let Some(key) = stack.pop() {
            if self.records.remove(&key).is_none() {
                continue;
            }
            touched.push(key);
            for &(table, field, composition, target) in &references {
                if target != key.0 {
                    continue;
                }
                for referrer in self.reverse(table, field, key.1) {
                    if composition {
                        stack.push((table, referrer));
                    } else {
                        self.put((table, referrer), &vec![(field, None)]);
                        touched.push((table, referrer));
                    }
                }
            }
        }
    }

    pub(super) fn has_dangling_reference(&self) -> bool {
        let references = self.references();
        self.records.iter().any(|((at, _), record)| {
            references.iter().filter(|(table, ..)| table == at).any(|(_, field, _, target)| {
                match record.values.get(field) {
                    Some(Value::Reference(rid)) => !self.records.contains_key(&(*target, rid.get())),
                    _ => false,
                }
            })
        })
    }

    /// Who names a record by a field.
    pub(super) fn reverse(&self, table: usize, field: FieldId, target: u32) -> Vec<u32> {
        let wanted = Value::Reference(rid(target));
        let mut ids = self.ids(table);
        ids.retain(|&id| self.cell(table, id, field) == Some(&wanted));
        ids
    }

    /// Table, id, sequence, whether deleted; in order of change.
    pub(super) fn changes(&self, table: Option<usize>, since: u64) -> Vec<(Key, u64, bool)> {
        let live = self.records.iter().map(|(key, record)| (*key, record.sq, false));
        let gone = self.gone.iter().map(|(key, sq)| (*key, *sq, true));
        let mut all: Vec<_> =
            live.chain(gone).filter(|c| c.1 > since && table.is_none_or(|t| t == c.0.0)).collect();
        all.sort_by_key(|change| change.1);
        all
    }

    pub(super) fn forget(&mut self, upto: u64) {
        self.sq_min = self.sq_min.max(upto);
        self.gone.retain(|_, sq| *sq > upto);
    }

    /// Every record that is or was, and some that never were.
    pub(super) fn known(&self, table: usize) -> BTreeSet<u32> {
        let gone = self.gone.keys().filter(|key| key.0 == table).map(|key| key.1);
        self.ids(table).into_iter().chain(gone).chain(1..24).collect()
    }
}
