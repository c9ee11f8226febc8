//! Which column goes into which field, and the records that come of it.

use serde_json::{Map, Value as Json, json};

use super::{
    columns::{Inferred, Lined, Reading, infer, reading_for},
    file::{BadRow, Sheet, line_of},
    value::to_json,
};
use crate::{client::Table, failure::Failure};

/// What happens to a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A new field of a new table, or one to be added.
    New,
    /// A field that is there.
    Existing,
}

/// A column of the file with its field.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Name of the field.
    pub(crate) name: String,
    /// Its type.
    pub(crate) base: String,
    /// How values are read.
    pub(crate) reading: Reading,
    /// Options of the field.
    pub(crate) choices: Vec<String>,
    /// New or there.
    pub(crate) target: Target,
    /// A word about the type.
    pub(crate) remark: String,
    /// Up to three values.
    pub(crate) samples: Vec<String>,
}

impl Column {
    /// The field as `POST tables` takes it.
    pub(crate) fn to_field(&self) -> Json {
        let mut field = json!({ "name": self.name, "type": self.base });
        if !self.choices.is_empty() {
            field["choices"] = self.choices.iter().map(|caption| json!({ "caption": caption })).collect();
        }
        field
    }
}

/// Types that text can be read into.
const IMPORTABLE: [&str; 21] = [
    "string",
    "number",
    "date",
    "timestamp",
    "timeinterval",
    "time",
    "appointment",
    "boolean",
    "choice",
    "multi",
    "link",
    "url",
    "email",
    "phone",
    "location",
    "html",
    "ref",
    "dchoice",
    "dmulti",
    "color",
    "icon",
];

/// Finds a field for each column. `types` are those asked for with `--type`.
pub(crate) fn columns(
    sheet: &Sheet,
    table: Option<&Table>,
    types: &[(String, String)],
    create_fields: bool,
) -> anyhow::Result<Vec<Column>> {
    if let Some((name, _)) = types.iter().find(|(name, _)| !sheet.columns.contains(name)) {
        return Err(Failure::usage(
            format!("--type names a column {name:?}, which is not in the file"),
            format!("its columns are {}", sheet.columns.join(", ")),
        ));
    }
    let mut columns = Vec::with_capacity(sheet.columns.len());
    let mut unknown = Vec::new();
    for (at, name) in sheet.columns.iter().enumerate() {
        let values: Vec<Lined<'_>> =
            sheet.rows.iter().map(|row| (line_of(row), row.get(at).unwrap_or_default())).collect();
        let wanted = types.iter().find(|(column, _)| column == name).map(|(_, base)| base.as_str());
        let field = table.and_then(|table| field_of(table, name));
        let mut column = match field {
            Some(field) => {
                let choices = field.choices.iter().map(|choice| choice.caption.clone()).collect();
                let reading = reading_for(&field.base, &values, sheet.separator == ',');
                let mut column = Column::new(&field.name, &field.base, reading, choices, Target::Existing);
                if !IMPORTABLE.contains(&field.base.as_str()) && field.base != "user" {
                    return Err(not_importable(name, &field.base));
                }
                column.remark = "is there".into();
                column
            }
            None => {
                if table.is_some() && !create_fields {
                    unknown.push(format!("{name:?}"));
                }
                new_column(name, &values, wanted, sheet)?
            }
        };
        let filled = values.iter().map(|(_, v)| v.trim()).filter(|v| !v.is_empty());
        column.samples = filled.take(3).map(|v| v.chars().take(24).collect()).collect();
        columns.push(column);
    }
    match table {
        Some(table) if !unknown.is_empty() => Err(Failure::new(
            format!("table {:?} has no field for {}; nothing was imported", table.name, unknown.join(", ")),
            "add --create-fields to make them, or rename the columns as the fields are called",
        )),
        _ => Ok(columns),
    }
}

impl Column {
    fn new(name: &str, base: &str, reading: Reading, choices: Vec<String>, target: Target) -> Self {
        let (name, base) = (name.to_owned(), base.to_owned());
        Self { name, base, reading, choices, target, remark: String::new(), samples: Vec::new() }
    }
}

/// By exact name, else by the only one that differs in case.
fn field_of<'a>(table: &'a Table, name: &str) -> Option<&'a crate::client::Field> {
    table.fields.iter().find(|field| field.name == name).or_else(|| {
        let lower = name.to_lowercase();
        let mut alike = table.fields.iter().filter(|field| field.name.to_lowercase() == lower);
        alike.next().filter(|_| alike.next().is_none())
    })
}

fn new_column(
    name: &str,
    values: &[Lined<'_>],
    wanted: Option<&str>,
    sheet: &Sheet,
) -> anyhow::Result<Column> {
    let comma_file = sheet.separator == ',';
    let Some(base) = wanted else {
        let Inferred { base, reading, choices, remark } = infer(values, sheet.rows.len(), comma_file);
        let mut column = Column::new(name, base, reading, choices, Target::New);
        column.remark = remark.unwrap_or_default();
        return Ok(column);
    };
    if !IMPORTABLE.contains(&base) || matches!(base, "ref" | "dchoice" | "dmulti" | "multi") {
        return Err(not_importable(name, base));
    }
    let mut column = Column::new(name, base, reading_for(base, values, comma_file), Vec::new(), Target::New);
    if base == "choice" {
        let mut choices: Vec<String> =
            values.iter().map(|(_, v)| v.trim()).filter(|v| !v.is_empty()).map(str::to_owned).collect();
        choices.sort();
        choices.dedup();
        column.choices = choices;
    }
    column.remark = "as asked for".into();
    Ok(column)
}

fn not_importable(name: &str, base: &str) -> anyhow::Error {
    Failure::new(
        format!("column {name:?} cannot go into a field of type {base:?}; nothing was imported"),
        format!("types that text goes into: {}", IMPORTABLE.join(", ")),
    )
}

/// The records of all rows, each as `{"fields":{…}}`, and the rows whose values do not fit.
pub(crate) fn records(sheet: &Sheet, columns: &[Column]) -> (Vec<Json>, Vec<BadRow>) {
    let mut good = Vec::with_capacity(sheet.rows.len());
    let mut bad = Vec::new();
    for row in &sheet.rows {
        let mut fields = Map::new();
        let mut problem = None;
        for (column, cell) in columns.iter().zip(row) {
            match to_json(cell, column.reading, &column.base, &column.choices) {
                Ok(None) => {}
                Ok(Some(json)) => {
                    fields.insert(column.name.clone(), json);
                }
                Err(expected) => {
                    problem = Some(format!("column {:?}: {expected}", column.name));
                    break;
                }
            }
        }
        match problem {
            None => good.push(json!({ "fields": fields })),
            Some(problem) => bad.push(BadRow { line: line_of(row), problem }),
        }
    }
    (good, bad)
}
