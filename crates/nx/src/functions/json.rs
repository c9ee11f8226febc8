//! JSON (nx-language.md §4.6).

use crate::{Context, FunctionDef, Overload, RunError, Value, json};

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "formatJSON",
        &[Overload::nullable("any -> text", |cx, a| {
            let mut out = String::new();
            json::write(&a[0], &mut out);
            cx.made(out)
        })],
        "A value as JSON: dates and times as ISO text, records as their ids.",
        &[
            ("formatJSON({a: 1})", "\"{\\\"a\\\":1}\""),
            ("formatJSON([1,\"x\",null,true])", "\"[1,\\\"x\\\",null,true]\""),
            ("formatJSON(date(2024,3,5))", "\"\\\"2024-03-05\\\"\""),
        ],
    ),
    FunctionDef::new(
        "parseJSON",
        &[Overload::strict("text -> any", parse)],
        "The value that JSON stands for; empty where the text is no JSON.",
        &[
            ("parseJSON(\"{\"\"a\"\": 1}\")", "{\"a\":1}"),
            ("parseJSON(\"[1,2]\")", "[1,2]"),
            ("parseJSON(\"no\")", "null"),
        ],
    ),
];

fn parse(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let [Value::Text(text)] = arguments else { return Ok(Value::Null) };
    // A value takes more than its text: `[0,0,0` is two bytes an item.
    cx.charge(text.len().saturating_mul(16))?;
    // The reader refuses what is nested more than 128 deep.
    Ok(serde_json::from_str(text).map_or(Value::Null, json::from_json))
}
