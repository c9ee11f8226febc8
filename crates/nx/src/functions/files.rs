//! Files of records: finding, reading, making them (nx-language.md §4.7). What is done with lists of files is in
//! [`crate::files`]; contents are the host's.

mod sheets;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use boobook_model::{FileEntry, RecordId, TableId};

use super::text::encode;
use crate::{
    Context, Effect, FileSource, FunctionDef, Object, Overload, RunError, Value, convert::text_of,
    files::numbered, json,
};

/// The group. What the functions come to depends on files, so that their examples are a transcript:
/// `conformance/api/nx-files.md`.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "createTextFile",
        &[Overload::nullable("record, any, text -> file", create_text_file)],
        "Attaches a text file to a record: `createTextFile(this, \"Hello\", \"hello.txt\")`. A file of that name is \
         replaced. What is no text becomes one, objects and arrays JSON. Answers the file.",
        &[],
    )
    .effect(Effect::Writes),
    FunctionDef::new(
        "createXLSX",
        &[Overload::nullable("record, any... -> file", create_xlsx), Overload::nullable("any... -> file", no_record)],
        "Attaches an Excel file to a record: `createXLSX(this, data, \"list.xlsx\")`. The data are rows: objects, whose \
         keys become the first row, or arrays, or single values. An object of arrays, `{Sheet: rows, …}`, makes a sheet \
         of each; so do several data, one after another. Numbers, yes/no, dates and times stay what they are; all else is \
         text. Answers the file.",
        &[],
    )
    .effect(Effect::Writes),
    FunctionDef::new(
        "createZipFile",
        &[
            Overload::nullable("record, text -> file", create_zip_file),
            Overload::nullable("[file], text -> file", create_zip_file),
            Overload::nullable("record, [file], text -> file", create_zip_file),
        ],
        "Attaches a zip file to a record, with all its other files or with those given, which may be of several records: \
         `createZipFile(this, \"all.zip\")`, `createZipFile(this, files(this)[text(this) like \".pdf\"], \"pdf.zip\")`. \
         With files alone it belongs to the record of the first. Answers the file.",
        &[],
    )
    .effect(Effect::Writes),
    FunctionDef::new(
        "file",
        &[Overload::nullable("record, text -> file", file)],
        "A file of a record, by name; empty where there is none.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "fileMetadata",
        &[
            Overload::nullable("file -> any", metadata),
            Overload::nullable("record, text -> any", metadata),
            Overload::nullable("record, file -> any", metadata),
        ],
        "What is known of a file: `{name, size, contentType, modifiedAt, modifiedBy, sha256}`; empty where there is none.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "files",
        &[Overload::nullable("record -> [file]", files)],
        "The attachments of a record: its files but those that a file field names.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "fileUrl",
        &[
            Overload::nullable("file -> url", url),
            Overload::nullable("record, text -> url", url),
            Overload::nullable("record, file -> url", url),
        ],
        "Where a file can be loaded, for who has a key: the path on this server; empty where there is no such file.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "importFile",
        &[Overload::nullable("record, text, text? -> file", import_file)],
        "Loads a file from the web and attaches it to a record, under the last part of its address or the name given. \
         Addresses and sizes are limited as those of `http()`. What cannot be loaded is an error. Answers the file.",
        &[],
    )
    .effect(Effect::Writes),
    FunctionDef::new(
        "loadFileAsBase64",
        &[
            Overload::nullable("file -> text", |cx, a| load(cx, a, false)),
            Overload::nullable("record, text -> text", |cx, a| load(cx, a, false)),
            Overload::nullable("record, file -> text", |cx, a| load(cx, a, false)),
        ],
        "The bytes of a file as base64; empty where there is no such file. In a formula it is empty in the answer to the \
         write that changed the record, and there whenever the record is read.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "loadFileAsBase64URL",
        &[
            Overload::nullable("file -> text", |cx, a| load(cx, a, true)),
            Overload::nullable("record, text -> text", |cx, a| load(cx, a, true)),
            Overload::nullable("record, file -> text", |cx, a| load(cx, a, true)),
        ],
        "As `loadFileAsBase64`, as a data URL: `data:image/png;base64,…`.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "removeFile",
        &[
            Overload::nullable("file -> void", remove_file),
            Overload::nullable("record, text -> void", remove_file),
            Overload::nullable("record, file -> void", remove_file),
        ],
        "Removes a file of a record, and its name from the fields that hold it; its share ends. One that is not there is no \
         error.",
        &[],
    )
    .effect(Effect::Writes),
    FunctionDef::new(
        "renameFile",
        &[
            Overload::nullable("file, text -> file", rename_file),
            Overload::nullable("record, text, text -> file", rename_file),
            Overload::nullable("record, file, text -> file", rename_file),
        ],
        "Gives a file of a record another name, in the fields that hold it too; its share ends. Answers the file.",
        &[],
    )
    .effect(Effect::Writes),
];

/// A file by its record and name.
type Target = (TableId, RecordId, Arc<str>);

/// A file as arguments begin with it: `file`, or a record and a name. `None` where one is empty.
pub(super) fn target(arguments: &[Value]) -> Option<Target> {
    match arguments {
        [Value::Record(table, record), Value::Text(name) | Value::File(.., name), ..] => {
            Some((*table, *record, Arc::clone(name)))
        }
        [Value::File(table, record, name), ..] => Some((*table, *record, Arc::clone(name))),
        _ => None,
    }
}

/// The file that arguments name, if it is there and the run may know of it.
pub(super) fn found(
    cx: &mut Context<'_>,
    arguments: &[Value],
) -> Result<Option<(TableId, RecordId, FileEntry)>, RunError> {
    let Some((table, record, name)) = target(arguments) else { return Ok(None) };
    Ok(cx.file(table, record, &name)?.map(|entry| (table, record, entry)))
}

/// The record that a file is to belong to.
fn owner(function: &str, argument: Option<&Value>) -> Result<(TableId, RecordId), RunError> {
    match argument {
        Some(Value::Record(table, record)) => Ok((*table, *record)),
        _ => Err(RunError::other(format!(
            "{function}() needs a record to attach the file to; this one is empty"
        ))),
    }
}

pub(super) fn file_name<'a>(function: &str, argument: Option<&'a Value>) -> Result<&'a str, RunError> {
    match argument {
        Some(Value::Text(name)) => Ok(name),
        _ => Err(RunError::other(format!("{function}() needs a name for the file; this one is empty"))),
    }
}

fn files(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let Some(Value::Record(table, record)) = arguments.first() else { return Ok(Value::array([])) };
    let attached = cx.files(*table, *record)?.into_iter().filter(|seen| !seen.is_of_field);
    let files: Vec<Value> =
        attached.map(|seen| Value::File(*table, *record, seen.entry.name.into())).collect();
    cx.made(Value::array(files))
}

fn file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let found = found(cx, arguments)?;
    Ok(found.map_or(Value::Null, |(table, record, entry)| Value::File(table, record, entry.name.into())))
}

pub(super) fn metadata(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let Some((_, _, entry)) = found(cx, arguments)? else { return Ok(Value::Null) };
    cx.made(known(entry))
}

/// What is known of a file.
pub(super) fn known(entry: FileEntry) -> Value {
    let known: Object = [
        ("name", entry.name.into()),
        ("size", Value::number(entry.size as f64)),
        ("contentType", entry.content_type.into()),
        ("modifiedAt", Value::DateTime(entry.modified_at_ms)),
        ("modifiedBy", Value::User(entry.modified_by.into())),
        ("sha256", entry.sha256.into()),
    ]
    .into_iter()
    .map(|(key, value)| (Arc::from(key), value))
    .collect();
    Value::Object(known.into())
}

fn url(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let Some((table, record, entry)) = found(cx, arguments)? else { return Ok(Value::Null) };
    let (team, database) = cx.host.place();
    let record = format!("/v1/teams/{team}/databases/{database}/tables/{table}/records/{record}");
    cx.made(format!("{record}/files/{}", encode(&entry.name)))
}

fn load(cx: &mut Context<'_>, arguments: &[Value], is_url: bool) -> Result<Value, RunError> {
    let Some((_, _, entry)) = found(cx, arguments)? else { return Ok(Value::Null) };
    let bytes = cx.host.load_file(&entry)?;
    let mut text = if is_url { format!("data:{};base64,", entry.content_type) } else { String::new() };
    cx.charge(bytes.len() + bytes.len() / 3 * 4)?;
    BASE64.encode_string(&bytes, &mut text);
    Ok(text.into())
}

fn create_text_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let (table, record) = owner("createTextFile", arguments.first())?;
    let name = file_name("createTextFile", arguments.get(2))?;
    let content = content_of(cx, arguments.get(1))?;
    let entry = cx.host.make_file(Some(name), FileSource::Text(&content))?;
    cx.add_file(table, record, entry)
}

/// The text that a file is to hold.
pub(super) fn content_of(cx: &mut Context<'_>, value: Option<&Value>) -> Result<Arc<str>, RunError> {
    let content: Arc<str> = match value {
        None => "".into(),
        Some(Value::Text(text)) => Arc::clone(text),
        Some(value @ (Value::Object(_) | Value::Array(_))) => {
            let mut out = String::new();
            json::write(value, &mut out);
            out.into()
        }
        Some(value) => text_of(value, &cx.schema, &cx.locale),
    };
    cx.charge(content.len())?;
    Ok(content)
}

fn import_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let (table, record) = owner("importFile", arguments.first())?;
    let Some(Value::Text(address)) = arguments.get(1) else {
        return Err(RunError::other(
            "importFile() needs an address to load the file from; this one is empty",
        ));
    };
    let name = match arguments.get(2) {
        Some(Value::Text(name)) => Some(&**name),
        _ => None,
    };
    let entry = cx.host.make_file(name, FileSource::Web(address))?;
    cx.add_file(table, record, entry)
}

fn no_record(_: &mut Context<'_>, _: &[Value]) -> Result<Value, RunError> {
    let form = "createXLSX(this, data, \"list.xlsx\")";
    Err(RunError::other(format!("createXLSX() needs a record first, to attach the file to: {form}")))
}

fn create_xlsx(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let (table, record) = owner("createXLSX", arguments.first())?;
    let (name, data) = arguments[1..].split_last().unwrap_or((&Value::Null, &[]));
    let name = file_name("createXLSX", Some(name))?;
    let sheets = sheets::of(cx, data)?;
    let entry = cx.host.make_file(Some(name), FileSource::Sheets(&sheets))?;
    cx.add_file(table, record, entry)
}

fn create_zip_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    const FUNCTION: &str = "createZipFile";
    let name = file_name(FUNCTION, arguments.last())?;
    let (owned_by, given) = match arguments {
        [Value::Record(table, record), _] => ((*table, *record), None),
        [Value::Record(table, record), files, _] => ((*table, *record), Some(files)),
        [files, _] => match files.item(0) {
            Some(Value::File(table, record, _)) => ((table, record), Some(files)),
            _ => return Err(RunError::other("createZipFile() needs files, or a record; there are none")),
        },
        _ => (owner(FUNCTION, None)?, None),
    };
    let mut entries: Vec<FileEntry> = Vec::new();
    match given {
        // The zip file that was made before is none of what is in it.
        None => {
            let seen = cx.files(owned_by.0, owned_by.1)?;
            entries.extend(seen.into_iter().map(|seen| seen.entry).filter(|entry| entry.name != name));
        }
        Some(files) => {
            for file in files.items() {
                let found = found(cx, &[file])?.map(|(_, _, entry)| entry);
                entries.extend(found);
            }
        }
    }
    tell_apart(cx, &mut entries)?;
    let entry = cx.host.make_file(Some(name), FileSource::Zip(&entries))?;
    cx.add_file(owned_by.0, owned_by.1, entry)
}

/// Files of several records may have the same name: in a zip file they cannot.
fn tell_apart(cx: &mut Context<'_>, entries: &mut [FileEntry]) -> Result<(), RunError> {
    let mut taken = std::collections::BTreeSet::new();
    for entry in entries {
        let mut names = numbered(&entry.name);
        while let Some(name) = names.next() {
            cx.step(1)?;
            if taken.insert(name.clone()) {
                drop(names);
                entry.name = name;
                break;
            }
        }
    }
    Ok(())
}

fn remove_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    if let Some((table, record, name)) = target(arguments) {
        cx.remove_file(table, record, &name)?;
    }
    Ok(Value::Null)
}

fn rename_file(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    // `renameFile(file, new)` has a record of its own; with three arguments the record is the first.
    let named = match arguments {
        [of @ Value::File(..), to] => target(std::slice::from_ref(of)).map(|target| (target, to)),
        [_, _, to] => target(&arguments[..2]).map(|target| (target, to)),
        _ => None,
    };
    let Some(((table, record, name), to)) = named else {
        return Err(RunError::other("renameFile() needs a file, and a name for it"));
    };
    cx.rename_file(table, record, &name, file_name("renameFile", Some(to))?)
}
