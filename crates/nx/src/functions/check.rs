//! Calls functions and operators without a script, for the tests of their groups.

use std::sync::Arc;

use boobook_model::{Cell, RecordId, Schema, TableId};
use jiff::tz::TimeZone;

use crate::{
    Context, Filter, Host, Locale, RecordMeta, Run, RunError, RunLimits, User, Value, functions, json,
};

/// A database without tables, at an instant that stands still.
pub(crate) struct Still {
    schema: Arc<Schema>,
    user: User,
    now_ms: i64,
}

impl Host for Still {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn exists(&self, _: TableId, _: RecordId) -> bool {
        false
    }

    fn cell(&self, _: TableId, _: RecordId, _: usize) -> Cell<'_> {
        Cell::Empty
    }

    fn meta(&self, _: TableId, _: RecordId) -> Option<RecordMeta> {
        None
    }

    fn reverse(&self, _: TableId, _: usize, _: RecordId, _: &mut Vec<RecordId>) {}

    fn select(&self, _: TableId, _: &Filter<'_>) -> Vec<RecordId> {
        Vec::new()
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn random(&mut self) -> f64 {
        0.5
    }

    fn user(&self) -> &User {
        &self.user
    }

    fn users(&self) -> &[User] {
        std::slice::from_ref(&self.user)
    }

    fn place(&self) -> (&str, &str) {
        ("team", "database")
    }

    fn public_url(&self) -> &'static str {
        ""
    }

    fn log(&mut self, _: &str) {}
}

/// Where and when the tests run.
pub(crate) struct Setting {
    pub(crate) locale: Locale,
    pub(crate) now_ms: i64,
}

impl Default for Setting {
    /// English, UTC, 2024-03-15T14:30:00.
    fn default() -> Self {
        Self { locale: Locale::default(), now_ms: 1_710_513_000_000 }
    }
}

impl Setting {
    /// In the zone of a POSIX rule, for no zone data is at hand.
    pub(crate) fn zone(rule: &str) -> Self {
        let zone = TimeZone::posix(rule).unwrap();
        Self { locale: Locale { zone, ..Locale::default() }, ..Self::default() }
    }

    /// Runs something in a context of this setting.
    pub(crate) fn run<T>(&self, f: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let user = User {
            id: "u".parse().unwrap(),
            name: "Test".into(),
            email: "test@example.com".into(),
            roles: vec!["admin".into()],
        };
        let mut host = Still { schema: Arc::new(Schema::empty("test")), user, now_ms: self.now_ms };
        let is_time_up = || false;
        let library = Arc::new(crate::Library::compile(Arc::clone(&host.schema)));
        let mut cx = Context::new(&mut host, library, self.locale.clone(), RunLimits::default(), &is_time_up);
        f(&mut cx)
    }

    /// Calls a function's first form that takes so many arguments of such values.
    pub(crate) fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, RunError> {
        let def = functions::function(name).unwrap_or_else(|| panic!("no function {name}"));
        let types: Vec<_> = arguments.iter().map(type_of).collect();
        let overload = def
            .overloads
            .iter()
            .find(|o| crate::Signature::parse(o.signature).fits(&types))
            .unwrap_or_else(|| panic!("{name} does not take {arguments:?}"));
        assert!(!matches!(overload.run, Run::Compiled), "{name} is the compiler's");
        self.run(|cx| crate::eval::call(cx, def.name, overload, arguments))
    }

    /// Compares the JSON of calls with what is expected of them.
    pub(crate) fn check(&self, name: &str, cases: &[(&[Value], &str)]) {
        for (arguments, expected) in cases {
            let mut shown = String::new();
            match self.call(name, arguments) {
                Ok(value) => json::write(&value, &mut shown),
                Err(error) => shown = format!("error: {error}"),
            }
            assert_eq!(shown, *expected, "{name}({arguments:?})");
        }
    }
}

/// The static type a value has.
fn type_of(value: &Value) -> crate::Type {
    use crate::{Base, Type};
    Type::one(match value {
        Value::Null | Value::Object(_) => Base::Any,
        Value::Bool(_) => Base::Bool,
        Value::Number(_) => Base::Number,
        Value::Text(_) => return Type::TEXT,
        Value::Date(_) => Base::Date,
        Value::DateTime(_) => Base::DateTime,
        Value::Time(_) => Base::Time,
        Value::Interval(_) => Base::Interval,
        Value::Appointment(..) => Base::Appointment,
        Value::Choice(field, _) => Base::Choice(Some(*field)),
        Value::Choices(field, _) => Base::Multi(Some(*field)),
        Value::Record(table, _) => Base::Record(*table),
        Value::Records(table, _) => return Type::array(Base::Record(*table)),
        Value::User(_) => Base::User,
        Value::File(..) => Base::File,
        Value::Array(items) => {
            let common = items.iter().map(type_of).reduce(Type::unify).unwrap_or(Type::ANY);
            return Type::array(common.base);
        }
    })
}
