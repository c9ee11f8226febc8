//! Any bytes, as a source and as choices for a tree in which all forms of the language may be. A source has spans that
//! lie in it, and is printed the same again; what is printed of a tree reads without a mistake. The fuzz target
//! `nx_parse` includes this file.
#![allow(dead_code, reason = "the fuzz target runs no tests")]

mod stability;
mod tree;

use boobook_nx_syntax::{Form, dump, parse, print};

/// Holds any bytes to what is said above.
///
/// # Panics
/// Where it does not hold.
pub(crate) fn check_nx_parse(data: &[u8]) {
    stability::check(&String::from_utf8_lossy(data));
    check_tree(data);
}

fn check_tree(choices: &[u8]) {
    let script = tree::script(choices);
    for form in [Form::Human, Form::Ids] {
        let printed = print(&script, form, &|_| None);
        let parse = parse(&printed);
        let problems = &parse.diagnostics;
        assert!(problems.is_empty(), "{form:?} of\n{}---\n{printed}\n---\n{problems:?}", dump(&script));
        let again = print(&parse.script, form, &|_| None);
        assert_eq!(printed, again, "{form:?} of\n{}is not stable", dump(&script));
        stability::check(&printed);
    }
    // The forms differ in their layout, not in what they say.
    let stored = parse(&print(&script, Form::Ids, &|_| None));
    let human = print(&stored.script, Form::Human, &|_| None);
    assert_eq!(human, print(&script, Form::Human, &|_| None), "{}", dump(&script));
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 6, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn printed_trees_are_read_as_they_are(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            super::check_tree(&bytes);
        }
    }

    #[test]
    fn kept_inputs_of_the_fuzzer() {
        super::replay::replay("nx_parse", super::check_nx_parse);
    }
}
