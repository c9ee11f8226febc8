//! Records, the schema, and what only the compiler knows (nx-language.md §4.4, §4.9).
//!
//! Most of these take the name of a table or field, or what is known of an expression, instead of a value: the
//! compiler makes them into something else (`check/call.rs`), and the table here only tells of them.

use std::sync::Arc;

use crate::{Context, Effect, FunctionDef, Overload, RunError, Value};

/// The group. The examples are about the table `Customers` of the language's manual.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "cached",
        &[Overload::compiled("any -> first")],
        "The value itself. In the app it is kept for display; here nothing needs to be kept.",
        &[("cached(1 + 2)", "3")],
    ),
    FunctionDef::new(
        "debugValueInfo",
        &[Overload::compiled("any -> text")],
        "A value as JSON behind its type, as the compiler knows it.",
        &[("debugValueInfo(\"Ada\")", "\"text(\\\"Ada\\\")\""), ("debugValueInfo([1])", "\"[number]([1])\"")],
    ),
    FunctionDef::new(
        "duplicate",
        &[Overload::compiled("record -> record")],
        "Makes a copy of a record, with copies of the records that are part of it; answers the copy. Of several \
         records, several copies.",
        &[("duplicate(record(Customers, 1)).'First Name'", "\"Sofia\"")],
    )
    .effect(Effect::Writes),
    FunctionDef::new(
        "fieldId",
        &[Overload::compiled("field -> text"), Overload::compiled("record, text -> text")],
        "The id of a field: `fieldId(Name)`, `fieldId(x.Name)`, or of a record and the field's name as text.",
        &[
            ("fieldId(record(Customers, 1).'First Name')", "\"A\""),
            ("fieldId(record(Customers, 1), \"First Name\")", "\"A\""),
        ],
    ),
    FunctionDef::new(
        "get",
        &[Overload::compiled("record, text -> any"), Overload::nullable("text -> any", kept)],
        "The field of a record with that name or id: `get(x, \"Name\")` is `x.Name`. Without a record: what `set` has \
         kept under a name, as long as the script runs.",
        &[
            ("get(record(Customers, 2), \"Last Name\")", "\"Smith\""),
            ("set(\"n\", 21); 2 * get(\"n\")", "42"),
            ("get(\"n\")", "null"),
        ],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "invalidate",
        &[Overload::compiled("record -> void"), Overload::compiled("table -> void")],
        "Does nothing: there are no caches that a script would have to tell.",
        &[("invalidate(Customers)", "null")],
    ),
    FunctionDef::new(
        "record",
        &[Overload::compiled("table, number -> record")],
        "The record with that number, whether it exists or not. The `Id` of one that does not exist is empty.",
        &[
            ("record(Customers, 1)", "\"A1\""),
            ("record(Customers, 2).'First Name'", "\"Adam\""),
            ("record(Customers, 4711).Id", "null"),
        ],
    )
    .effect(Effect::Reads),
    FunctionDef::new(
        "records",
        &[Overload::compiled("table, [number] -> [record]")],
        "The records with these numbers.",
        &[("records(Customers, [1, 3]).'First Name'", "[\"Sofia\",\"bert\"]")],
    )
    .effect(Effect::Reads),
    FunctionDef::new(
        "set",
        &[Overload::compiled("record, text, any -> void"), Overload::nullable("text, any -> void", keep)],
        "Writes the field of a record with that name or id: `set(x, \"Name\", \"Doe\")` is `x.Name := \"Doe\"`. Without \
         a record: keeps a value under a name for `get`, as long as the script runs.",
        &[
            ("set(record(Customers, 1), \"First Name\", \"Sofia\")", "null"),
            ("set(\"seen\", [1, 2]); get(\"seen\")", "[1,2]"),
        ],
    )
    .effect(Effect::Writes),
    FunctionDef::new(
        "tableId",
        &[
            Overload::compiled("record -> text"),
            Overload::compiled("table -> text"),
            Overload::compiled("text -> text"),
        ],
        "The id of a table, of a record's table, or of the table of a name.",
        &[
            ("tableId(Customers)", "\"A\""),
            ("tableId(first(select Customers))", "\"A\""),
            ("tableId(\"Customers\")", "\"A\""),
            ("tableId(\"Nobody\")", "null"),
        ],
    ),
    FunctionDef::new(
        "typeof",
        &[Overload::compiled("any -> text")],
        "The type of an expression as the compiler knows it.",
        &[
            ("typeof(1 + 2)", "\"number\""),
            ("typeof([\"a\"])", "\"[text]\""),
            ("typeof(select Customers)", "\"[Customers]\""),
        ],
    ),
];

fn kept(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let Some(Value::Text(name)) = arguments.first() else { return Ok(Value::Null) };
    Ok(cx.kept.get(name).cloned().unwrap_or_default())
}

fn keep(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let [Value::Text(name), value] = arguments else {
        return Err(RunError::other("set() needs a name to keep the value under"));
    };
    cx.charge(size_of::<Value>() + name.len() + value.heap_bytes())?;
    cx.kept.insert(Arc::clone(name), value.clone());
    Ok(Value::Null)
}
