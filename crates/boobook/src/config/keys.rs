//! The keys of all settings, found by looking at the settings themselves.

use toml::{Table, Value};

use super::{Settings, TlsSettings};

/// What to do about a wrong setting.
pub(super) const WHERE_LISTED: &str =
    "docs/configuration.md lists all settings; `boobook serve --help` the common ones";

/// A setting that can be set.
pub(super) struct Key {
    /// Place in the file: `limits.body_bytes_max`.
    pub(super) path: String,
    /// Name of its variable: `BOOBOOK_LIMITS_BODY_BYTES_MAX`.
    pub(super) variable: String,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Whole,
    YesNo,
    List,
}

/// The default settings, with something in those that are unset by default.
pub(super) fn full() -> Settings {
    Settings {
        tls: TlsSettings { cert: Some("x".into()), key: Some("x".into()) },
        files: Some("x".into()),
        store: Some("postgres://x".into()),
        store_password_file: Some("x".into()),
        ..Settings::default()
    }
}

/// All of them.
pub(super) fn all() -> Vec<Key> {
    // What is unset does not show.
    let table = Table::try_from(full()).unwrap_or_default();
    let mut keys = Vec::new();
    collect("", &table, &mut keys);
    keys
}

fn collect(prefix: &str, table: &Table, keys: &mut Vec<Key>) {
    for (name, value) in table {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let kind = match value {
            Value::Table(section) => {
                collect(&path, section, keys);
                continue;
            }
            Value::Integer(_) => Kind::Whole,
            Value::Boolean(_) => Kind::YesNo,
            Value::Array(_) => Kind::List,
            _ => Kind::Text,
        };
        keys.push(Key { variable: variable(&path), path, kind });
    }
}

fn variable(path: &str) -> String {
    match path {
        // The one everybody types by hand.
        "log.filter" => "BOOBOOK_LOG".into(),
        path => format!("BOOBOOK_{}", path.replace('.', "_").to_uppercase()),
    }
}

impl Key {
    /// Sets it in a table to what the text means.
    pub(super) fn put(&self, table: &mut Table, text: &str) -> Result<(), String> {
        let value = match self.kind {
            Kind::Text => Value::String(text.to_owned()),
            Kind::Whole => {
                let digits = text.replace('_', "");
                let number = digits.parse::<i64>().ok().filter(|n| *n >= 0);
                Value::Integer(number.ok_or_else(|| format!("expected a whole number, got {text:?}"))?)
            }
            Kind::YesNo => Value::Boolean(match text {
                "true" | "yes" | "1" | "on" => true,
                "false" | "no" | "0" | "off" => false,
                _ => return Err(format!("expected true or false, got {text:?}")),
            }),
            Kind::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
        };
        let (sections, name) = self.path.rsplit_once('.').unwrap_or(("", &self.path));
        let mut table = table;
        for section in sections.split('.').filter(|section| !section.is_empty()) {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = section else { return Err(format!("{sections} is no section")) };
            table = inner;
        }
        table.insert(name.to_owned(), value);
        Ok(())
    }
}

/// `; did you mean …?`, where a key ends alike.
pub(super) fn similar(known: &[Key], path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    let alike = known.iter().find(|key| key.path.ends_with(name) || name.ends_with(&key.path));
    alike.map_or_else(String::new, |key| format!("; did you mean {}?", key.path))
}
