//! `do as deferred` (nx-language.md §6.5): a block and its variables, kept as text until after the transaction.

use std::sync::Arc;

use boobook_model::{FieldId, RecordId, TableId};
use serde_json::{Map, Value as Json, json};

use crate::{Context, FieldRef, Library, Object, RunError, Value, ir::Deferred};

/// Blocks that one run may put off.
const PUT_OFF_MAX: usize = 1_000;

/// A block that waits for its transaction to be done, with the variables of its surroundings as they were.
#[derive(Clone, Debug)]
pub struct PutOff {
    source: Arc<str>,
    this: Option<TableId>,
    place: usize,
    variables: Vec<Value>,
    is_trusted: bool,
}

impl Context<'_> {
    pub(crate) fn put_off(&mut self, block: &Deferred, variables: Vec<Value>) -> Result<(), RunError> {
        self.step(1)?;
        if self.deferred.len() >= PUT_OFF_MAX {
            return Err(RunError::other(format!("more than {PUT_OFF_MAX} blocks of `do as deferred`")));
        }
        self.deferred.push(PutOff {
            source: Arc::clone(&block.source),
            this: block.this,
            place: block.place,
            variables,
            is_trusted: self.trusted > 0,
        });
        Ok(())
    }
}

impl PutOff {
    /// Runs it. It may have been written under another schema: where its script does not compile any more it is an
    /// error.
    pub fn run(&self, library: &Library, cx: &mut Context<'_>) -> Result<Value, RunError> {
        let checked = library.script(&self.source, self.this);
        let block = checked.deferred.get(self.place).filter(|_| checked.is_sound());
        let block = block.filter(|block| usize::from(block.program.parameters) == self.variables.len());
        let Some(block) = block else {
            return Err(RunError::other("the script does not compile any more".to_owned()));
        };
        let variables = self.variables.clone();
        if !self.is_trusted {
            return block.program.run(cx, variables);
        }
        cx.host.trigger(true);
        let outcome = cx.trusted(|cx| block.program.run(cx, variables));
        cx.host.trigger(false);
        outcome
    }

    /// As JSON, to be stored.
    pub fn to_json(&self) -> Json {
        json!({
            "source": &*self.source,
            "this": self.this.map(|table| table.to_string()),
            "place": self.place,
            "trusted": self.is_trusted,
            "variables": self.variables.iter().map(write).collect::<Vec<_>>(),
        })
    }

    /// From [`Self::to_json`].
    pub fn from_json(json: &Json) -> Option<Self> {
        let this = match json.get("this")? {
            Json::Null => None,
            table => Some(table.as_str()?.parse().ok()?),
        };
        Some(Self {
            source: json.get("source")?.as_str()?.into(),
            this,
            place: usize::try_from(json.get("place")?.as_u64()?).ok()?,
            is_trusted: json.get("trusted")?.as_bool()?,
            variables: json.get("variables")?.as_array()?.iter().map(read).collect::<Option<_>>()?,
        })
    }
}

/// A value with its type: what JSON has no word for is an object of one key.
fn write(value: &Value) -> Json {
    let field = |field: &FieldRef| (field.table.to_string(), field.field.to_string());
    match value {
        Value::Null => Json::Null,
        Value::Bool(yes) => json!(yes),
        Value::Number(n) => json!(n),
        Value::Text(text) => json!(&**text),
        Value::Date(ms) => json!({"date": ms}),
        Value::DateTime(ms) => json!({"datetime": ms}),
        Value::Time(ms) => json!({"time": ms}),
        Value::Interval(ms) => json!({"interval": ms}),
        Value::Appointment(from, to) => json!({"appointment": [from, to]}),
        Value::Choice(of, option) => json!({"choice": [field(of), option]}),
        Value::Choices(of, options) => json!({"choices": [field(of), &**options]}),
        Value::Record(table, record) => json!({"record": [table.to_string(), record.get()]}),
        Value::Records(table, records) => {
            let records: Vec<u32> = records.iter().map(|record| record.get()).collect();
            json!({"records": [table.to_string(), records]})
        }
        Value::User(user) => json!({"user": &**user}),
        Value::File(table, record, name) => json!({"file": [table.to_string(), record.get(), &**name]}),
        Value::Array(items) => Json::Array(items.iter().map(write).collect()),
        Value::Object(object) => {
            let pairs: Map<String, Json> =
                object.iter().map(|(key, value)| (key.to_string(), write(value))).collect();
            json!({"object": pairs})
        }
    }
}

fn read(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(yes) => Value::Bool(*yes),
        Json::Number(n) => Value::number(n.as_f64()?),
        Json::String(text) => Value::text(text.as_str()),
        Json::Array(items) => Value::array(items.iter().map(read).collect::<Option<Vec<_>>>()?),
        Json::Object(object) => {
            let (tag, of) = object.iter().next()?;
            read_tagged(tag, of)?
        }
    })
}

fn read_tagged(tag: &str, of: &Json) -> Option<Value> {
    let table = |at: usize| of.get(at)?.as_str()?.parse::<TableId>().ok();
    let record = |json: &Json| RecordId::new(json.as_u64()?);
    let field = || {
        let of = of.get(0)?;
        let field = of.get(1)?.as_str()?.parse::<FieldId>().ok()?;
        Some(FieldRef { table: of.get(0)?.as_str()?.parse().ok()?, field })
    };
    Some(match tag {
        "date" => Value::Date(of.as_i64()?),
        "datetime" => Value::DateTime(of.as_i64()?),
        "time" => Value::Time(of.as_i64()?),
        "interval" => Value::Interval(of.as_i64()?),
        "appointment" => Value::Appointment(of.get(0)?.as_i64()?, of.get(1)?.as_i64()?),
        "choice" => Value::Choice(field()?, u16::try_from(of.get(1)?.as_u64()?).ok()?),
        "choices" => {
            let options = of.get(1)?.as_array()?.iter().map(|option| u32::try_from(option.as_u64()?).ok());
            Value::Choices(field()?, options.collect::<Option<Vec<_>>>()?.into())
        }
        "record" => Value::Record(table(0)?, record(of.get(1)?)?),
        "records" => {
            let records = of.get(1)?.as_array()?.iter().map(record).collect::<Option<Vec<_>>>()?;
            Value::Records(table(0)?, records.into())
        }
        "user" => Value::User(of.as_str()?.into()),
        "file" => Value::File(table(0)?, record(of.get(1)?)?, of.get(2)?.as_str()?.into()),
        "object" => {
            let pairs = of.as_object()?.iter().map(|(key, value)| Some((key.as_str().into(), read(value)?)));
            Value::Object(pairs.collect::<Option<Object>>()?.into())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_afterwards() {
        let table: TableId = "B".parse().unwrap();
        let field = FieldRef { table, field: "C".parse().unwrap() };
        let record = RecordId::new(7).unwrap();
        let object: Object =
            [("date".into(), Value::Number(1.5)), ("b".into(), Value::Null)].into_iter().collect();
        let values = vec![
            Value::Null,
            Value::Bool(true),
            Value::Number(-0.1),
            Value::text("ä\"\u{1}"),
            Value::Date(-86_400_000),
            Value::DateTime(1),
            Value::Time(2),
            Value::Interval(-3),
            Value::Appointment(4, 5),
            Value::Choice(field, 65_535),
            Value::Choices(field, vec![1, 70_000].into()),
            Value::Record(table, record),
            Value::Records(table, vec![record].into()),
            Value::User("u1".into()),
            Value::File(table, record, "a.png".into()),
            Value::Object(object.into()),
            Value::array(vec![Value::Number(1.0), Value::array(vec![Value::Date(0)])]),
        ];
        let put_off = PutOff {
            source: "do as deferred 1 end".into(),
            this: Some(table),
            place: 3,
            variables: values,
            is_trusted: true,
        };
        let text = put_off.to_json().to_string();
        let again = PutOff::from_json(&serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(again.variables, put_off.variables);
        assert_eq!(
            (again.source, again.this, again.place, again.is_trusted),
            (put_off.source, put_off.this, 3, true)
        );
        assert!(PutOff::from_json(&json!({"source": "1"})).is_none());
    }
}
