//! Scripts that an edit brings, put into the form the schema keeps.

use std::sync::Arc;

use boobook_model::Schema;
use boobook_nx::{
    Form, Library, RenamedOption, ScriptPlace, Unreadable, converted, map_scripts, store_scripts,
};
use boobook_nx_syntax::line_column;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{AppError, ScriptError};

/// Puts the scripts in which two versions of a schema differ into the form it keeps, and rewrites those that name an
/// option which has another caption now. One that cannot be read is refused, with its place.
pub(super) fn keep_new_scripts(before: &Schema, schema: &mut Schema, form: Form) -> Result<(), AppError> {
    let mut known: FxHashMap<String, String> = FxHashMap::default();
    map_scripts(&mut before.clone(), &mut |place, source| {
        known.insert(place.path.clone(), source.to_owned());
        None
    });
    let mut new = FxHashSet::default();
    let mut library = None;
    map_scripts(schema, &mut |place, source| {
        let before_text = known.get(&place.path);
        if before_text.is_some_and(|before| before == source) {
            return None;
        }
        // Who downloads scripts with captions, renames a field and uploads all of it again has changed no script: with
        // the old captions it is what it was.
        if form == Form::Human
            && let Some(kept) = before_text
        {
            let library = library.get_or_insert_with(|| Library::compile(Arc::new(before.clone())));
            let shown = converted(library, place, kept, Form::Ids, Form::Human);
            if shown.is_ok_and(|shown| shown.trim_end() == source.trim_end()) {
                return Some(kept.clone());
            }
        }
        new.insert(place.path.clone());
        None
    });
    let written = |place: &ScriptPlace| new.contains(&place.path).then_some(form);
    let unreadable = store_scripts(schema, &written, &renamed_options(before, schema));
    match unreadable.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(refused(&first)),
    }
}

/// Puts all scripts of a schema that is new into the form it keeps. One that cannot be read stays as it is: no bad
/// script keeps a database from being made.
pub fn keep_scripts(schema: &mut Schema, form: Form) {
    store_scripts(schema, &|_| Some(form), &[]);
}

fn refused(unreadable: &Unreadable) -> AppError {
    let (line, column) = line_column(&unreadable.source, unreadable.diagnostic.span.start);
    let message = match &unreadable.diagnostic.hint {
        Some(hint) => format!("{} ({hint})", unreadable.diagnostic.message),
        None => unreadable.diagnostic.message.clone(),
    };
    let error = ScriptError { message, line: Some(line), column: Some(column), is_syntax: true };
    AppError::SchemaScript { place: unreadable.place.path.clone(), error }
}

fn renamed_options(before: &Schema, schema: &Schema) -> Vec<RenamedOption> {
    let mut renamed = Vec::new();
    for table in &schema.tables {
        let Some(old_table) = before.table(table.id).filter(|old| !Arc::ptr_eq(old, table)) else {
            continue;
        };
        for field in &table.fields {
            let Some(old) = old_table.field(field.id) else { continue };
            for option in &old.options {
                let now = field.option(option.id).map(|now| &now.caption);
                if let Some(to) = now.filter(|now| **now != option.caption) {
                    let (from, to) = (option.caption.clone(), to.clone());
                    renamed.push(RenamedOption { table: table.id, field: field.id, from, to });
                }
            }
        }
    }
    renamed
}
