//! Functions that reach outside of the records: the web, mail, shares (nx-language.md §4.6, §4.7). The host does
//! what it can; what it cannot is a clear error.

use crate::{Context, Effect, FunctionDef, Overload, RunError, Value, eval::describe};

macro_rules! outside {
    ($($name:literal, $effect:ident, $signature:literal: $doc:literal;)+) => {
        /// The group.
        pub const FUNCTIONS: &[FunctionDef] = &[HTTP, VALIDATE_XML, $(
            FunctionDef::new(
                $name,
                &[Overload::nullable($signature, |cx, a| ask(cx, $name, a))],
                $doc,
                &[],
            )
            .effect(Effect::$effect),
        )+];
    };
}

outside! {
    "appendTempFile", Outside, "any... -> any": "Appends to a file that is kept for a while.";
    "createTempFile", Outside, "any, text -> any": "Makes a file that is kept for a while.";
    "queryConnection", Outside, "text, text -> any": "Asks a database that is connected.";
    "sendEmail", Outside, "any -> any": "Sends a message: `from`, `to`, `cc`, `bcc`, `replyTo`, `subject`, `text`, \
        `html`, `attachments`. The message is queued with the transaction and sent once that is stored, not at all if it \
        fails: the answer is `{result: true, queued: true}`, or `error` if an address is none. What becomes of it later \
        is in the server's log.";
    "shareFile", Outside, "record, text -> text": "Shares a file of a record; answers the address.";
    "shareView", Outside, "text -> text": "Shares a view; answers the address.";
    "unshareAllViews", Outside, "-> void": "Ends the sharing of all views.";
    "unshareFile", Outside, "record, text -> void": "Ends the sharing of a file.";
    "unshareView", Outside, "text -> void": "Ends the sharing of a view.";
    "urlOf", Volatile, "any... -> text": "The address of a record or view in the web application.";
}

const HTTP: FunctionDef = FunctionDef::new(
    "http",
    &[Overload::nullable("text, text, any?, any?, [file]? -> any", http)],
    "Sends a request: method, address, headers, body, files. The answer is an object with `result` or `error`. With files \
     it is a form (`multipart/form-data`): each file is a part `file`, each key of the body, which is an object then, a \
     part of its own. Other writes to the database do not wait for it; where they change what the script has read, it \
     runs again with the answers it got.",
    &[],
)
.effect(Effect::Outside);

/// Files are told to the host by what is known of them: which ones a script may send is decided here.
fn http(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let mut arguments = arguments.to_vec();
    if let Some(files) = arguments.get_mut(4) {
        let mut known = Vec::with_capacity(files.item_count());
        for file in files.items() {
            match super::files::metadata(cx, std::slice::from_ref(&file))? {
                Value::Null => {
                    let given = describe(&file);
                    return Err(RunError::other(format!("http() sends files of records; {given} is none")));
                }
                file => known.push(file),
            }
        }
        *files = Value::array(known);
    }
    ask(cx, "http", &arguments)
}

/// No validator of XML schemas in Rust is good enough to be relied on: a clear error is better than half of one.
const VALIDATE_XML: FunctionDef = FunctionDef::new(
    "validateXML",
    &[Overload::nullable("text, text -> any", |_, _| {
        Err(RunError::other(
            "validateXML() is not available on this server: it knows no XML schemas; parseXML() is empty for what is \
             no XML",
        ))
    })],
    "Checks XML against a schema (XSD), which this server does not know. Whether a text is XML at all tells `parseXML`.",
    &[],
)
.effect(Effect::Volatile);

fn ask(cx: &mut Context<'_>, name: &'static str, arguments: &[Value]) -> Result<Value, RunError> {
    cx.step(1)?;
    let value = cx.host.outside(name, arguments)?;
    cx.charge(all_bytes(&value))?;
    Ok(value)
}

/// What comes from outside is made outside: nothing has counted its parts. JSON is never nested deeply.
fn all_bytes(value: &Value) -> usize {
    let inside: usize = match value {
        Value::Array(items) => items.iter().map(all_bytes).sum(),
        Value::Object(object) => object.iter().map(|(key, value)| key.len() + all_bytes(value)).sum(),
        _ => 0,
    };
    value.heap_bytes() + inside
}
