//! Every built-in function (nx-language.md §4), a file a group.
//!
//! To add one: a [`FunctionDef`] in the `FUNCTIONS` of its group's file, with an example. The checker, the manual
//! page, completion and the tests read it from there.

pub mod arrays;
#[cfg(test)]
pub(crate) mod check;
pub mod dates;
pub mod exchange;
pub mod files;
pub mod json;
pub mod numbers;
pub mod outside;
pub mod records;
pub mod regex;
pub mod screen;
pub mod scripts;
pub mod text;
pub mod users;

use std::{collections::BTreeMap, sync::LazyLock};

use crate::FunctionDef;

/// All groups: a heading of the manual and its functions, in the order of the manual.
pub const GROUPS: &[(&str, &[FunctionDef])] = &[
    ("Numbers", numbers::FUNCTIONS),
    ("Text", text::FUNCTIONS),
    ("Regular expressions", regex::FUNCTIONS),
    ("Dates and times", dates::FUNCTIONS),
    ("Arrays", arrays::FUNCTIONS),
    ("Records and schema", records::FUNCTIONS),
    ("JSON", json::FUNCTIONS),
    ("XML and CSV", exchange::FUNCTIONS),
    ("Scripts", scripts::FUNCTIONS),
    ("Users and environment", users::FUNCTIONS),
    ("Files", files::FUNCTIONS),
    ("Web, mail and shares", outside::FUNCTIONS),
    ("Screen and devices", screen::FUNCTIONS),
];

/// The function of a name or alias.
pub fn function(name: &str) -> Option<&'static FunctionDef> {
    static BY_NAME: LazyLock<BTreeMap<&str, &FunctionDef>> = LazyLock::new(|| {
        let named = |def: &'static FunctionDef| {
            std::iter::once(def.name).chain(def.aliases.iter().copied()).map(move |name| (name, def))
        };
        all().flat_map(named).collect()
    });
    BY_NAME.get(name).copied()
}

/// What functions of other languages are here.
const FOREIGN: &[(&str, &str)] = &[
    ("append", "arrays are joined with array(a, [b])"),
    ("average", "it is avg"),
    ("concatenate", "texts are joined with `+`"),
    ("distinct", "it is unique"),
    ("filter", "items are filtered in brackets: `x[this > 1]`"),
    ("find", "it is index"),
    ("float", "it is number"),
    ("groupby", "unique() gives the keys, a loop the groups"),
    ("hour", "it is number(format(x, \"H\"))"),
    ("iif", "it is `if … then … else … end`"),
    ("indexof", "it is index"),
    ("int", "it is floor, and number for text"),
    ("isblank", "it is `x = null`"),
    ("isempty", "it is `x = null`"),
    ("isnull", "it is `x = null`"),
    ("left", "it is substr(x, 0, n)"),
    ("len", "it is length"),
    ("lookup", "it is `first(select T where …)`"),
    ("map", "something is made of each item in `x.(…)`"),
    ("mean", "it is avg"),
    ("minute", "it is number(format(x, \"m\"))"),
    ("parsedate", "it is date, for text such as \"2024-03-15\""),
    ("parsefloat", "it is number"),
    ("parseint", "it is number"),
    ("power", "it is pow"),
    ("print", "it is debug, which writes to the log"),
    ("push", "arrays are joined with array(a, [b])"),
    ("right", "it is slice(x, -n)"),
    ("second", "it is number(format(x, \"s\"))"),
    ("size", "it is length"),
    ("str", "it is text"),
    ("todate", "it is date, for text such as \"2024-03-15\""),
    ("tolower", "it is lower"),
    ("tostring", "it is text"),
    ("toupper", "it is upper"),
    ("truncate", "it is floor"),
];

/// What to write for a function of another language.
pub(crate) fn foreign(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    FOREIGN.iter().find(|(foreign, _)| *foreign == name).map(|(_, here)| *here)
}

/// All functions, in the order of the manual.
pub fn all() -> impl Iterator<Item = &'static FunctionDef> {
    GROUPS.iter().flat_map(|(_, functions)| functions.iter())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Effect, signature};

    #[test]
    fn what_is_foreign_is_not_here() {
        for (name, _) in FOREIGN {
            assert!(all().all(|def| def.name.to_lowercase() != *name), "{name} is there");
            assert_eq!(*name, name.to_lowercase());
        }
    }

    #[test]
    fn names_are_unique_signatures_readable_examples_there() {
        let mut names = BTreeSet::new();
        for def in all() {
            for name in std::iter::once(&def.name).chain(def.aliases) {
                assert!(names.insert(*name), "{name} is there twice");
            }
            assert!(!def.overloads.is_empty() && !def.doc.is_empty(), "{}", def.name);
            assert!(def.effect > Effect::Reads || !def.examples.is_empty(), "{} has no example", def.name);
            for overload in def.overloads {
                assert!(signature::is_known(overload.signature), "{}: {}", def.name, overload.signature);
            }
        }
    }
}
