//! What holds for every source: spans lie in it, and it can be printed. Printing one without mistakes is stable.
#![allow(dead_code, reason = "each test binary uses a part")]

mod spans;

use boobook_nx_syntax::{Form, Parse, dump, parse, print};

/// Checks the spans of the tree and of the diagnostics, and that both printed forms come back.
pub(crate) fn check(source: &str) {
    let first = parse(source);
    check_spans(source, &first);
    for form in [Form::Human, Form::Ids] {
        let printed = print(&first.script, form, &|_| None);
        let second = parse(&printed);
        if first.diagnostics.is_empty() {
            let problems = &second.diagnostics;
            assert!(problems.is_empty(), "{form:?} of\n{source}\n---\n{printed}\n---\n{problems:?}");
            assert_eq!(dump(&first.script), dump(&second.script), "{form:?} of\n{source}\n---\n{printed}");
            let again = print(&second.script, form, &|_| None);
            assert_eq!(printed, again, "{form:?} of\n{source}\nis not stable");
        }
    }
}

fn check_spans(source: &str, parse: &Parse) {
    for diagnostic in &parse.diagnostics {
        let (start, end) = (diagnostic.span.start as usize, diagnostic.span.end as usize);
        assert!(source.get(start..end).is_some(), "{diagnostic:?} in\n{source}");
    }
    spans::check(source, &parse.script);
}
