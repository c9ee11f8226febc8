//! Functions that reach outside of the records: the web, mail, shares (nx-language.md §4.6, §4.7). The host does
//! what it can; what it cannot is a clear error.

use super::files::{found, metadata, target};
use crate::{Context, Effect, FunctionDef, Overload, RunError, Value, eval::describe};

macro_rules! outside {
    ($($name:literal, $effect:ident, $signature:literal: $doc:literal;)+) => {
        /// The group.
        pub const FUNCTIONS: &[FunctionDef] = &[HTTP, SHARE_FILE, SHARE_VIEW, UNSHARE_ALL_VIEWS, UNSHARE_FILE, UNSHARE_VIEW, VALIDATE_XML, $(
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
            match metadata(cx, std::slice::from_ref(&file))? {
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

/// What all functions of shares have in common.
macro_rules! share_doc {
    ($doc:literal) => {
        concat!(
            $doc,
            " Needs the admin role, as in the API. It holds at once, whether or not the script's transaction is stored."
        )
    };
}

const SHARE_FILE: FunctionDef = FunctionDef::new(
    "shareFile",
    &[
        Overload::nullable("file -> url", share_file),
        Overload::nullable("record, text -> url", share_file),
        Overload::nullable("record, file -> url", share_file),
    ],
    share_doc!(
        "Shares a file of a record: who has the link that is answered can load it without a key, as long as who shared it \
         may see it. One that is shared already keeps its link. The link begins with `http.public_url` of the server's \
         settings; without that it is the path on this server, `/share/…`."
    ),
    &[],
)
.effect(Effect::Outside);

/// A script does not say from which table it runs when it is a request, and in a trigger the table of `this` need not be
/// the one that is meant: so the name decides alone, and where it does not, nothing is shown to the world.
const SHARE_VIEW: FunctionDef = FunctionDef::new(
    "shareView",
    &[Overload::nullable("text -> url", |cx, a| ask(cx, "shareView", a))],
    share_doc!(
        "Shares a view of this database, by its caption or its id; answers the link as `shareFile` does. A caption that \
         views of several tables have is an error that names their ids. The link shows what the person who shared it may \
         see at the time of reading."
    ),
    &[],
)
.effect(Effect::Outside);

const UNSHARE_ALL_VIEWS: FunctionDef = FunctionDef::new(
    "unshareAllViews",
    &[Overload::nullable("-> void", |cx, a| ask(cx, "unshareAllViews", a))],
    share_doc!("Ends the shares of all views of this database: their links are dead."),
    &[],
)
.effect(Effect::Outside);

const UNSHARE_FILE: FunctionDef = FunctionDef::new(
    "unshareFile",
    &[
        Overload::nullable("file -> void", unshare_file),
        Overload::nullable("record, text -> void", unshare_file),
        Overload::nullable("record, file -> void", unshare_file),
    ],
    share_doc!("Ends the share of a file: its link is dead. One that is not shared is no error."),
    &[],
)
.effect(Effect::Outside);

const UNSHARE_VIEW: FunctionDef = FunctionDef::new(
    "unshareView",
    &[Overload::nullable("text -> void", |cx, a| ask(cx, "unshareView", a))],
    share_doc!(
        "Ends the share of a view, which is named as for `shareView`. One that is not shared is no error."
    ),
    &[],
)
.effect(Effect::Outside);

fn share_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    match found(cx, arguments)? {
        Some((table, record, entry)) => {
            ask(cx, "shareFile", &[Value::Record(table, record), entry.name.into()])
        }
        None => {
            let given: Vec<String> = arguments.iter().map(describe).collect();
            Err(RunError::other(format!("shareFile() finds no such file: {}", given.join(", "))))
        }
    }
}

fn unshare_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    // The share of a file that is gone has to end all the same.
    match target(arguments) {
        Some((table, record, name)) => {
            ask(cx, "unshareFile", &[Value::Record(table, record), Value::Text(name)])
        }
        None => Ok(Value::Null),
    }
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
