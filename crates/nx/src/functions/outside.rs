//! Functions that reach outside of the records: the web, mail, shares (nx-language.md §4.6, §4.7). The host does
//! what it can; what it cannot is a clear error.

use std::sync::Arc;

use boobook_model::{Document, TableId};

use super::files::{content_of, file_name, found, known, metadata, target};
use crate::{Context, Effect, FileSource, FunctionDef, Object, Overload, RunError, Value, eval::describe};

macro_rules! outside {
    ($($name:literal, $effect:ident, $signature:literal: $doc:literal;)+) => {
        /// The group.
        pub const FUNCTIONS: &[FunctionDef] = &[APPEND_TEMP_FILE, CREATE_TEMP_FILE, HTTP, SEND_EMAIL, SHARE_FILE, SHARE_VIEW, UNSHARE_ALL_VIEWS, UNSHARE_FILE, UNSHARE_VIEW, URL_OF, VALIDATE_XML, $(
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
    "queryConnection", Outside, "text, text -> any": "Asks a database that is connected.";
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

fn http(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let mut arguments = arguments.to_vec();
    if let Some(files) = arguments.get_mut(4) {
        *files = known_files(cx, "http", files)?;
    }
    ask(cx, "http", &arguments)
}

const CREATE_TEMP_FILE: FunctionDef = FunctionDef::new(
    "createTempFile",
    &[Overload::nullable("any, text -> url", create_temp_file)],
    "Makes a text file of no record, `createTempFile(\"Hello\", \"hello.txt\")`, and answers a link, as `shareFile` does: who \
     has it can load the file without a key for a day; then it is gone. What is no text becomes one, objects and arrays \
     JSON. It is made at once, whether or not the script's transaction is stored.",
    &[],
)
.effect(Effect::Outside);

const APPEND_TEMP_FILE: FunctionDef = FunctionDef::new(
    "appendTempFile",
    &[Overload::nullable("text, any -> url", append_temp_file)],
    "Appends to a file of `createTempFile`, which is named by its link: `appendTempFile(link, \"more\")`. Only who made \
     it, or the admin role. Each call writes the whole file anew: what is long is better joined first. Answers the link.",
    &[],
)
.effect(Effect::Outside);

fn create_temp_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let name = file_name("createTempFile", arguments.get(1))?;
    let content = content_of(cx, arguments.first())?;
    let entry = cx.host.make_file(Some(name), FileSource::Text(&content))?;
    ask(cx, "createTempFile", &[known(entry)])
}

fn append_temp_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let Some(link @ Value::Text(_)) = arguments.first() else {
        return Err(RunError::other(
            "appendTempFile() needs the link of createTempFile(); this one is empty",
        ));
    };
    let content = content_of(cx, arguments.get(1))?;
    ask(cx, "appendTempFile", &[link.clone(), Value::Text(content)])
}

const SEND_EMAIL: FunctionDef = FunctionDef::new(
    "sendEmail",
    &[Overload::nullable("any -> any", send_email)],
    "Sends a message: `from`, `to`, `cc`, `bcc`, `replyTo`, `subject`, `text`, `html`, `attachments` (files of records: \
     `attachments: files(this)`, as they are now). The message is queued with the transaction and sent once that is \
     stored, not at all if it fails: the answer is `{result: true, queued: true}`, or `error` if an address is none. What \
     becomes of it later is in the server's log.",
    &[],
)
.effect(Effect::Outside);

fn send_email(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let attachments: Arc<str> = "attachments".into();
    match arguments.first() {
        Some(Value::Object(message)) if message.contains_key(&attachments) => {
            let mut message = Object::clone(message);
            let given = message.get(&attachments).cloned().unwrap_or_default();
            message.insert(attachments, known_files(cx, "sendEmail", &given)?);
            ask(cx, "sendEmail", &[Value::Object(message.into())])
        }
        _ => ask(cx, "sendEmail", arguments),
    }
}

/// Files are told to the host by what is known of them: which ones a script may send is decided here.
fn known_files(cx: &mut Context<'_>, function: &str, files: &Value) -> Result<Value, RunError> {
    let mut known = Vec::with_capacity(files.item_count());
    for file in files.items() {
        match metadata(cx, std::slice::from_ref(&file))? {
            Value::Null => {
                let given = describe(&file);
                return Err(RunError::other(format!("{function}() sends files of records; {given} is none")));
            }
            file => known.push(file),
        }
    }
    Ok(Value::array(known))
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
    &[Overload::nullable("text -> url", |cx, a| ask_of_view(cx, "shareView", a))],
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
    &[Overload::nullable("text -> void", |cx, a| ask_of_view(cx, "unshareView", a))],
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

const URL_OF: FunctionDef = FunctionDef::new(
    "urlOf",
    &[Overload::nullable("record -> url", url_of_record), Overload::nullable("text -> url", url_of_view)],
    "The address of a record in the web application, or of a view, which is named as for `shareView`. It begins with \
     `http.public_url` of the server's settings; without that it is the path on this server. Empty of an empty record.",
    &[],
)
.effect(Effect::Volatile);

fn url_of_record(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    match arguments.first() {
        Some(Value::Record(table, record)) => url_of(cx, &format!("{table}/node/{record}")),
        _ => Ok(Value::Null),
    }
}

fn url_of_view(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let (table, view) = view_of(cx, "urlOf", arguments)?;
    url_of(cx, &format!("{table}/view/{view}"))
}

/// As the web application of the original has its addresses.
fn url_of(cx: &mut Context<'_>, place: &str) -> Result<Value, RunError> {
    let (team, database) = cx.host.place();
    let base = cx.host.public_url();
    cx.made(format!("{base}/#/teams/{team}/database/{database}/module/{place}"))
}

fn ask_of_view(cx: &mut Context<'_>, function: &'static str, arguments: &[Value]) -> Result<Value, RunError> {
    let (table, view) = view_of(cx, function, arguments)?;
    ask(cx, function, &[table.to_string().into(), view.into()])
}

/// The view of an id or, where that is the only one so called, of a caption; with its table.
fn view_of(cx: &Context<'_>, function: &str, arguments: &[Value]) -> Result<(TableId, String), RunError> {
    let Some(Value::Text(name)) = arguments.first() else {
        return Err(RunError::other(format!("{function}() needs the name of a view; this one is empty")));
    };
    let views = || cx.schema.views.iter().filter_map(|view| Some((view, view.table?)));
    if let Some((view, table)) = views().find(|(view, _)| *view.id == **name) {
        return Ok((table, view.id.to_string()));
    }
    let so_called: Vec<_> = views().filter(|(view, _)| *view.caption == **name).collect();
    match &so_called[..] {
        [(view, table)] => Ok((*table, view.id.to_string())),
        [] => Err(RunError::other(format!("there is no view {name:?} in this database"))),
        several => {
            let of = |(view, table): &(&Arc<Document>, TableId)| {
                let caption = cx.schema.table(*table).map_or("", |table| &*table.caption);
                format!("{:?} of table {caption:?}", view.id)
            };
            let told: Vec<String> = several.iter().map(of).collect();
            Err(RunError::other(format!(
                "several views are called {name:?}; name the one that is meant by its id: {}",
                told.join(", ")
            )))
        }
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
