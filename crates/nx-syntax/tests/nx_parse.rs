//! Trees drawn at random, all forms of the language in them: what is printed of them reads without a mistake, and is
//! printed the same again.

mod stability;
mod tree;

use boobook_nx_syntax::{Form, dump, parse, print};
use proptest::prelude::*;

fn check(bytes: &[u8]) {
    let script = tree::script(bytes);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printed_trees_are_read_as_they_are(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        check(&bytes);
    }
}
