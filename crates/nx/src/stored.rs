//! Scripts from the form people write to the form a schema keeps, and back (nx-language.md §1.1).
//!
//! A schema keeps scripts by ids, so that renaming a table or field breaks none. Texts that name an option of a choice
//! (`Status = "open"`) stay texts; renaming the option rewrites them. A script that cannot be read stays as it is, and
//! a name that means nothing stays a name: both are told as problems, and neither keeps a schema from loading.
//!
//! An id alone can mean something else than the caption did: in `select Invoices where Customer = Name` the outer field
//! `Name` may have the id of some field of the inner table. So what was printed is read again, and where a name came to
//! mean something else it is written with its table, `'A:C'`, which means nothing but that field in any context.

use std::sync::Arc;

use boobook_model::{Document, FieldId, Schema, TableId, TableSchema};
use boobook_nx_syntax::{Diagnostic, Severity, Span, ast::Script, parse, print};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    Checked, Form, Library, Reference,
    places::{ScriptPlace, map_scripts, of_table, of_view},
};

/// A script that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// Where it stands.
    pub place: ScriptPlace,
    /// Its text.
    pub source: String,
    /// What is wrong, first of all.
    pub diagnostic: Diagnostic,
}

/// An option of a choice that has a new caption.
#[derive(Clone, Debug, PartialEq)]
pub struct RenamedOption {
    /// The field's table.
    pub table: TableId,
    /// The field.
    pub field: FieldId,
    /// The caption it had.
    pub from: String,
    /// The caption it has.
    pub to: String,
}

/// Puts the scripts of a schema into the form it keeps. `written` tells in which form a place has been written to;
/// none: the script stands there as it was kept. Answers which of those written cannot be read.
///
/// `renamed` are options that had other captions when the scripts that were not written anew were made.
pub fn store_scripts(
    schema: &mut Schema,
    written: &dyn Fn(&ScriptPlace) -> Option<Form>,
    renamed: &[RenamedOption],
) -> Vec<Unreadable> {
    let mut any = false;
    map_scripts(schema, &mut |place, _| {
        any |= written(place).is_some();
        None
    });
    if !any && renamed.is_empty() {
        return Vec::new();
    }
    let forms = |place: &ScriptPlace| written(place).unwrap_or(Form::Ids);
    let library = Library::compile_in(Arc::new(schema.clone()), &forms);
    let mut unreadable = Vec::new();
    map_scripts(schema, &mut |place, source| {
        let Some(from) = written(place) else { return with_renamed(&library, place, source, renamed) };
        match converted(&library, place, source, from, Form::Ids) {
            Ok(text) => Some(text),
            Err(diagnostic) => {
                let source = source.to_owned();
                unreadable.push(Unreadable { place: place.clone(), source, diagnostic });
                None
            }
        }
    });
    unreadable
}

/// Writes all scripts of a schema as people read them. `library` is that of the schema.
pub fn human_scripts(schema: &mut Schema, library: &Library) {
    map_scripts(schema, &mut |place, source| converted(library, place, source, Form::Ids, Form::Human).ok());
}

/// As [`human_scripts`], of one table.
pub fn human_table(table: &mut Arc<TableSchema>, library: &Library) {
    of_table(table, &mut |place, source| converted(library, place, source, Form::Ids, Form::Human).ok());
}

/// As [`human_scripts`], of one view.
pub fn human_view(view: &mut Arc<Document>, library: &Library) {
    of_view(view, &mut |place, source| converted(library, place, source, Form::Ids, Form::Human).ok());
}

/// A script in the other form; the first mistake where it cannot be read.
pub fn converted(
    library: &Library,
    place: &ScriptPlace,
    source: &str,
    from: Form,
    to: Form,
) -> Result<String, Diagnostic> {
    if let Some((comparison, rest)) = bare_comparison(place, source) {
        let shifted = |mut mistake: Diagnostic| {
            let by = (source.len() - rest.len()) as u32;
            mistake.span = Span::new(mistake.span.start + by, mistake.span.end + by);
            mistake
        };
        let rest = expression(library, place, rest, from, to).map_err(shifted)?;
        return Ok(format!("{comparison} {rest}"));
    }
    expression(library, place, source, from, to)
}

/// The filter of a view's column may begin with a comparison, whose left side is the column (rest-api.md §7).
pub fn bare_comparison<'s>(place: &ScriptPlace, source: &'s str) -> Option<(&'static str, &'s str)> {
    if place.key == "filter" { leading_comparison(source) } else { None }
}

/// A comparison without its left side.
pub(crate) fn leading_comparison(source: &str) -> Option<(&'static str, &str)> {
    let source = source.trim_start();
    // The longer ones first.
    let signs = ["<=", ">=", "!=", "<>", "<", ">", "="];
    signs.into_iter().find_map(|sign| Some((sign, source.strip_prefix(sign)?.trim_start())))
}

fn expression(
    library: &Library,
    place: &ScriptPlace,
    source: &str,
    from: Form,
    to: Form,
) -> Result<String, Diagnostic> {
    let parsed = parse(source);
    if let Some(mistake) = parsed.diagnostics.iter().find(|d| d.severity == Severity::Error) {
        return Err(mistake.clone());
    }
    let checked = library.check_in(source, &parsed.script, place.table, from);
    let meanings = Meanings::of(&parsed.script, &checked);
    let mut with_table = FxHashSet::default();
    // Each round can only write more names with their tables; three are enough for what names can shadow.
    for round in 0..3 {
        let text = meanings.printed(&parsed.script, &library.schema, to, &with_table);
        let again = parse(&text);
        let found = Meanings::of(&again.script, &library.check_in(&text, &again.script, place.table, to));
        let differing = meanings.differing(&found);
        if differing.is_empty() || round == 2 {
            return Ok(text);
        }
        with_table.extend(differing);
    }
    Ok(source.to_owned())
}

/// What each name of a script means, in the order they are printed.
struct Meanings {
    in_order: Vec<(Span, Option<Reference>)>,
    by_span: FxHashMap<Span, usize>,
}

impl Meanings {
    fn of(script: &Script, checked: &Checked) -> Self {
        let known: FxHashMap<Span, Reference> = checked.references.iter().copied().collect();
        let in_order = std::cell::RefCell::new(Vec::new());
        let _ = print(script, Form::Ids, &|name| {
            in_order.borrow_mut().push((name.span, known.get(&name.span).copied()));
            None
        });
        let in_order = in_order.into_inner();
        let by_span = in_order.iter().enumerate().map(|(at, (span, _))| (*span, at)).collect();
        Self { in_order, by_span }
    }

    /// Places of names that mean something else there. Where the names are not the same ones, all.
    fn differing(&self, other: &Self) -> Vec<usize> {
        let all = || (0..self.in_order.len()).collect();
        if self.in_order.len() != other.in_order.len() {
            return all();
        }
        let both = self.in_order.iter().zip(&other.in_order).enumerate();
        both.filter(|(_, (a, b))| a.1 != b.1).map(|(at, _)| at).collect()
    }

    fn printed(&self, script: &Script, schema: &Schema, form: Form, with_table: &FxHashSet<usize>) -> String {
        print(script, form, &|name| {
            let at = *self.by_span.get(&name.span)?;
            match self.in_order[at].1? {
                Reference::Table(id) => {
                    let table = schema.table(id)?;
                    let by_id = form == Form::Ids || with_table.contains(&at);
                    Some(if by_id { id.to_string() } else { table.caption.clone() })
                }
                Reference::Field(table, field) if with_table.contains(&at) => {
                    Some(format!("{table}:{field}"))
                }
                Reference::Field(_, field) if form == Form::Ids => Some(field.to_string()),
                Reference::Field(table, field) => Some(schema.table(table)?.field(field)?.caption.clone()),
                Reference::Option(..) => None,
            }
        })
    }
}

/// A script with the new captions of options; none where it names none of them.
fn with_renamed(
    library: &Library,
    place: &ScriptPlace,
    source: &str,
    renamed: &[RenamedOption],
) -> Option<String> {
    // Most scripts name none of the options: no need to compile them for that.
    if !renamed.iter().any(|option| source.contains(&option.from.replace('"', "\"\""))) {
        return None;
    }
    let parsed = parse(source);
    let checked = library.check_in(source, &parsed.script, place.table, Form::Ids);
    let mut texts: Vec<Span> = Vec::new();
    for (span, reference) in &checked.references {
        if let Reference::Option(table, field) = reference
            && renamed.iter().any(|option| (option.table, option.field) == (*table, *field))
        {
            texts.push(*span);
        }
    }
    texts.sort_by_key(|span| std::cmp::Reverse(span.start));
    texts.dedup();
    let mut text = source.to_owned();
    for span in texts {
        let range = span.start as usize..span.end as usize;
        let quoted = |caption: &str| format!("\"{}\"", caption.replace('"', "\"\""));
        let was = source.get(range.clone())?;
        if let Some(option) = renamed.iter().find(|option| quoted(&option.from) == was) {
            text.replace_range(range, &quoted(&option.to));
        }
    }
    Some(text)
}
