//! Tables with records for the oracle: plain maps, and the same in the engine.

use std::{collections::BTreeMap, sync::Arc};

use boobook_engine::{Head, Loader, Snapshot, Tx};
use boobook_model::{RecordId, Schema, Sq, TableId, Value};
use serde_json::{Map, Value as Json, json};

use super::{
    draw::Draw,
    generate,
    script::{Base, Expr, Function, write, write_functions},
    values,
};

/// A value as the oracle has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val {
    Null,
    Bool(bool),
    Num(f64),
    Text(String),
    /// Days since 1970.
    Date(i64),
    /// Milliseconds since 1970.
    Moment(i64),
    Time(i64),
    Span(i64),
    Choice(u16),
    Multi(Vec<u32>),
    Rec(usize, u64),
    List(Vec<Val>),
    Object(Vec<Val>),
}

/// Captions of the options of every choice.
pub(super) const OPTIONS: [&str; 4] = ["Red", "Green", "blue", "12"];

/// A field: stored, or computed from the record it is in.
pub(super) struct Field {
    pub(super) base: Base,
    pub(super) formula: Option<Expr>,
    /// Of a link: the record is a part of what it links to, and goes with it.
    pub(super) is_part: bool,
}

/// A table: its fields, stored ones first.
pub(super) struct Table {
    pub(super) fields: Vec<Field>,
}

/// The records of a table by number, with the values of their stored fields, and the number of the next one.
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) records: BTreeMap<u64, Vec<Val>>,
    pub(super) next: u64,
}

/// The records of all tables.
pub(super) type Data = Vec<Rows>;

pub(super) struct World {
    pub(super) tables: Vec<Table>,
    pub(super) functions: Vec<Function>,
    /// What the records are before any script ran.
    pub(super) data: Data,
}

/// How a field is called. Tables share captions, so that the innermost record decides what a name means.
pub(super) fn caption(slot: usize) -> String {
    format!("F{slot}")
}

impl World {
    /// Tables, fields and records; the links between them; functions, and formulas that build on one another.
    pub(super) fn draw(draw: &mut Draw<'_>, records_max: usize) -> Self {
        let count = 1 + draw.below(3);
        let mut tables = Vec::new();
        for _ in 0..count {
            let fields = 1 + draw.below(6);
            let fields = (0..fields).map(|_| {
                let base = stored_base(draw, count);
                let is_part = matches!(base, Base::Rec(_)) && draw.chance(15);
                Field { base, formula: None, is_part }
            });
            tables.push(Table { fields: fields.collect() });
        }
        let rows = |_| {
            let rows = draw.below(records_max + 1) as u64;
            Rows { records: (1..=rows).map(|number| (number, Vec::new())).collect(), next: rows + 1 }
        };
        let data = (0..count).map(rows).collect();
        let mut world = Self { tables, functions: Vec::new(), data };
        for table in 0..count {
            let numbers: Vec<u64> = world.data[table].records.keys().copied().collect();
            for number in numbers {
                let fields = world.tables[table].fields.iter();
                let values = fields.map(|field| world.value(draw, field.base)).collect();
                world.data[table].records.insert(number, values);
            }
        }
        for _ in 0..draw.below(3) {
            let function = generate::function(&world, draw);
            world.functions.push(function);
        }
        for table in 0..count {
            for percent in [60, 40] {
                if draw.chance(percent) {
                    let formula = generate::formula(&world, draw, table);
                    world.tables[table].fields.push(formula);
                }
            }
        }
        world
    }

    /// A stored value, sometimes none.
    fn value(&self, draw: &mut Draw<'_>, base: Base) -> Val {
        if draw.chance(25) {
            return Val::Null;
        }
        match base {
            Base::Rec(table) => {
                let count = self.data[table].records.len();
                if count == 0 { Val::Null } else { Val::Rec(table, 1 + draw.below(count) as u64) }
            }
            base => match values::value(draw, base) {
                Val::Multi(options) if options.is_empty() => Val::Null,
                Val::Text(text) if text.is_empty() => Val::Null,
                value => value,
            },
        }
    }

    /// The fields of a table that are stored.
    pub(super) fn stored(&self, table: usize) -> impl Iterator<Item = (usize, &Field)> {
        self.tables[table].fields.iter().enumerate().filter(|(_, field)| field.formula.is_none())
    }

    pub(super) fn schema(&self) -> Json {
        let options = OPTIONS.iter().enumerate();
        let options: Map<String, Json> =
            options.map(|(at, caption)| ((at + 1).to_string(), json!({"caption": caption}))).collect();
        let mut types = Map::new();
        for (at, table) in self.tables.iter().enumerate() {
            let mut fields = Map::new();
            for (slot, field) in table.fields.iter().enumerate() {
                let mut json = json!({"base": base_name(field), "caption": caption(slot)});
                match field.base {
                    _ if field.formula.is_some() => {
                        json["fn"] = field.formula.as_ref().map(write).into();
                    }
                    Base::Choice | Base::Multi => json["values"] = options.clone().into(),
                    Base::Rec(target) => {
                        json["cascade"] = field.is_part.into();
                        json["refTypeId"] = table_id(target).to_string().into();
                        json["refFieldId"] = reverse_id(at, slot).into();
                    }
                    _ => {}
                }
                fields.insert(letter(slot), json);
            }
            for (child, slot) in self.links_to(at) {
                let json = json!({"base": "rev", "caption": format!("R{child}_{slot}"),
                    "refTypeId": table_id(child).to_string(), "refFieldId": letter(slot)});
                fields.insert(reverse_id(child, slot), json);
            }
            types.insert(table_id(at).to_string(), json!({"caption": format!("T{at}"), "fields": fields}));
        }
        json!({"types": types, "globalCode": write_functions(&self.functions)})
    }

    /// Tables and fields whose links lead to a table.
    pub(super) fn links_to(&self, target: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (at, table) in self.tables.iter().enumerate() {
            for (slot, field) in table.fields.iter().enumerate() {
                if field.base == Base::Rec(target) && field.formula.is_none() {
                    found.push((at, slot));
                }
            }
        }
        found
    }

    /// An engine without records.
    pub(super) fn head(&self, schema: &Arc<Schema>) -> Head {
        Head::new(Arc::new(Loader::new(Arc::clone(schema), Sq(1), Sq(1), Sq(0), 0, Vec::new()).finish()))
    }

    /// Makes the records for whose number `chosen` holds: first all of them, then what is in them.
    pub(super) fn fill(&self, tx: &mut Tx<'_>, chosen: &dyn Fn(u64) -> bool) {
        for (at, rows) in self.data.iter().enumerate() {
            for &number in rows.records.keys().filter(|number| chosen(**number)) {
                let made = tx.create(table_id(at), Vec::new()).unwrap();
                assert_eq!(u64::from(made.get()), number);
            }
        }
        for (at, rows) in self.data.iter().enumerate() {
            for (&number, values) in rows.records.iter().filter(|(number, _)| chosen(**number)) {
                self.put(tx, at, number, values);
            }
        }
    }

    /// Links from records up to a number to those above it, which were not there when the first were stored.
    pub(super) fn settle(&self, tx: &mut Tx<'_>, upto: u64) {
        for (at, rows) in self.data.iter().enumerate() {
            for (&number, values) in rows.records.range(..=upto) {
                if values.iter().any(|value| matches!(value, Val::Rec(_, to) if *to > upto)) {
                    self.put(tx, at, number, values);
                }
            }
        }
    }

    /// Stores a record's values; links to records that are not there yet stay empty.
    fn put(&self, tx: &mut Tx<'_>, at: usize, number: u64, values: &[Val]) {
        let slots = engine_slots(&Arc::clone(tx.schema()), at, values.len());
        let stored = values.iter().zip(slots).map(|(value, slot)| {
            let value = store(value).filter(|_| match value {
                Val::Rec(table, to) => tx.exists(table_id(*table), RecordId::new(*to).unwrap()),
                _ => true,
            });
            (slot, value)
        });
        let stored: Vec<_> = stored.collect();
        tx.update(table_id(at), RecordId::new(number).unwrap(), stored).unwrap();
    }

    /// What an engine holds that is not what it should; nothing where all is well.
    pub(super) fn differs(&self, data: &Data, snapshot: &Snapshot) -> Option<String> {
        for (at, rows) in data.iter().enumerate() {
            let table = snapshot.table(table_id(at)).unwrap();
            let found = snapshot.ids(table_id(at), &[], &[]);
            let numbers: Vec<u64> = found.iter().map(|id| u64::from(id.get())).collect();
            if !numbers.iter().eq(rows.records.keys()) || table.next_id() != rows.next {
                return Some(format!("T{at} has {numbers:?} and goes on at {}", table.next_id()));
            }
            let slots = engine_slots(&snapshot.schema, at, self.stored(at).count());
            for (id, values) in found.into_iter().zip(rows.records.values()) {
                let row = table.row(id).unwrap();
                let held = slots.iter().map(|&slot| table.cell(slot, row).to_value());
                if !held.eq(values.iter().map(store)) {
                    let held: Vec<_> = slots.iter().map(|&slot| table.cell(slot, row)).collect();
                    return Some(format!("T{at} {id} is {held:?}, not {values:?}"));
                }
            }
        }
        None
    }
}

/// Where the engine keeps the first fields of a table.
fn engine_slots(schema: &Schema, at: usize, count: usize) -> Vec<usize> {
    let table = schema.table(table_id(at)).unwrap();
    (0..count).map(|slot| table.slot(letter(slot).parse().unwrap()).unwrap()).collect()
}

fn stored_base(draw: &mut Draw<'_>, tables: usize) -> Base {
    match draw.below(11) {
        0 | 1 => Base::Num,
        2 | 3 => Base::Text,
        4 => Base::Bool,
        5 => Base::Date,
        6 => Base::Moment,
        7 => [Base::Time, Base::Span][draw.below(2)],
        8 => Base::Choice,
        9 => Base::Multi,
        _ => Base::Rec(draw.below(tables)),
    }
}

fn base_name(field: &Field) -> &'static str {
    if field.formula.is_some() {
        return "fn";
    }
    match field.base {
        Base::Num => "number",
        Base::Text => "string",
        Base::Bool => "boolean",
        Base::Date => "date",
        Base::Moment => "timestamp",
        Base::Time => "time",
        Base::Span => "timeinterval",
        Base::Choice => "choice",
        Base::Multi => "multi",
        Base::Rec(_) => "ref",
    }
}

fn letter(slot: usize) -> String {
    char::from(b'A' + slot as u8).to_string()
}

fn reverse_id(child: usize, slot: usize) -> String {
    format!("{}{}", char::from(b'R' + child as u8), letter(slot))
}

pub(super) fn table_id(at: usize) -> TableId {
    letter(at).parse().unwrap()
}

fn store(value: &Val) -> Option<Value> {
    Some(match value {
        Val::Bool(b) => Value::Bool(*b),
        Val::Num(n) => Value::Number(*n),
        Val::Text(text) => Value::Text(text.as_str().into()),
        Val::Date(days) => Value::Time(days * 86_400_000),
        Val::Moment(ms) | Val::Time(ms) | Val::Span(ms) => Value::Time(*ms),
        Val::Choice(option) => Value::Choice(*option),
        Val::Multi(options) => Value::Choices(options.clone().into()),
        Val::Rec(_, number) => Value::Reference(RecordId::new(*number).unwrap()),
        Val::Null | Val::List(_) | Val::Object(_) => return None,
    })
}
