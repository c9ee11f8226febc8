//! Sources made to break a parser: deep, long, unclosed. None overflows the stack, in `drop` neither.

mod stability;

use boobook_nx_syntax::{Form, codes, dump, parse, print};

const MANY: usize = 100_000;

fn check_prints(source: &str) {
    assert_eq!(parse(source).diagnostics, []);
    stability::check(source);
}

fn check_too_deep(source: &str, part: &str) {
    let parse = parse(source);
    let reported = parse.diagnostics.iter().any(|d| d.code == codes::NESTED_TOO_DEEPLY);
    assert!(reported, "{part}: {:?}", parse.diagnostics.first());
    for form in [Form::Human, Form::Ids] {
        print(&parse.script, form, &|_| None);
    }
    dump(&parse.script);
}

#[test]
fn long_chains_are_flat() {
    for separator in ["+", " - ", " and ", "*", ";", " = ", ";\n"] {
        check_prints(&vec!["a"; MANY].join(separator));
    }
    check_prints(&vec!["x"; 500].join(" + y * "));
    check_prints(&format!("[{}]", vec!["1"; MANY].join(",")));
    check_prints(&format!("f({})", vec!["{a: 1}"; 10_000].join(",")));
    check_prints(&"---{a}--- + ".repeat(10_000).add_operand());
}

trait AddOperand {
    fn add_operand(self) -> String;
}

impl AddOperand for String {
    fn add_operand(mut self) -> String {
        self.push('1');
        self
    }
}

#[test]
fn chains_of_else_if_are_flat() {
    let chain = format!("if a then b{}", " else if a then b".repeat(20_000));
    check_prints(&format!("{chain} end"));
    check_prints(&chain);
    check_prints(&format!("{chain} else c; d end"));
}

#[test]
fn what_machines_nest_needs_no_stack() {
    let pairs = format!("{}e{}", "(var a := 1; ".repeat(10_000), ")".repeat(10_000));
    check_prints(&pairs);
    let sums = format!("{}a{}", "(".repeat(MANY), "+b)".repeat(MANY));
    check_prints(&sums);
}

#[test]
fn depth_has_an_end() {
    for (opening, closing) in [
        ("(", ")"),
        ("[", "]"),
        ("{a: ", "}"),
        ("f(", ")"),
        ("x.(", ")"),
        ("x[", "]"),
        ("---{", "}---"),
        ("- ", ""),
        ("not ", ""),
        ("a := ", ""),
        ("if a then ", " end"),
        ("if a then b else (", ")"),
        ("do ", " end"),
        ("for a in b do ", " end"),
        ("switch a do case 1: ", " end"),
        ("function f() do ", " end"),
        ("(a + ", ")"),
        ("(1; ", " + 1)"),
        ("delete ", ""),
        ("duplicate ", ""),
        ("select T where ", ""),
        ("", ".a"),
        ("", "[1]"),
        ("", " order by a"),
        ("(", ".a)"),
        ("(", " + a * 2) * 3"),
        ("x + = ", ""),
        ("-- ", ""),
    ] {
        for operand in ["a", ""] {
            let many = MANY.min(900_000 / (opening.len() + closing.len()));
            let balanced = format!("{}{operand}{}", opening.repeat(many), closing.repeat(many));
            check_too_deep(&balanced, opening);
        }
        if !opening.is_empty() {
            parse(&opening.repeat(MANY / 2));
        }
        parse(&closing.repeat(MANY / 2));
    }
}

#[test]
fn depth_within_the_limit_is_fine() {
    for (opening, closing) in
        [("(1 + ", ")"), ("f(", ")"), ("if a then ", " end"), ("---{", "}---"), ("x.(b; ", ")")]
    {
        check_prints(&format!("{}a{}", opening.repeat(90), closing.repeat(90)));
    }
}

/// The stored form has parentheses that the source does not have.
#[test]
fn what_is_read_is_read_again_once_it_is_stored() {
    for (opening, closing) in [
        ("+", ""),
        ("- ", ""),
        ("not ", ""),
        ("f(a or b and not c = d + e * -", ")"),
        ("a := b + [(", ")]"),
        ("if a or b then 1 + 2 * (", ") end"),
        ("(select T where a = b + ", ")"),
        ("x.(a + b * ", " order by a)"),
        ("---{1 + 2 * ", "}---"),
    ] {
        let mut read = 0;
        for depth in (1..=200).step_by(7) {
            let source = format!("{}a{}", opening.repeat(depth), closing.repeat(depth));
            if parse(&source).diagnostics.is_empty() {
                stability::check(&source);
                read = depth;
            }
        }
        assert!(read > 30, "{opening} is read {read} times within itself");
    }
}

#[test]
fn sizes_have_an_end() {
    let codes = |source: &str| parse(source).diagnostics.iter().map(|d| d.code).collect::<Vec<_>>();
    assert_eq!(codes(&" ".repeat(1_000_001)), [codes::SOURCE_TOO_LONG]);
    assert_eq!(codes(&" ".repeat(1_000_000)), []);
    assert!(codes(&"a;".repeat(300_000)).contains(&codes::SOURCE_TOO_LONG));
    assert!(codes(&"@".repeat(1_000_000)).len() <= 100);
    assert!(codes(&") ".repeat(400_000)).len() <= 101);
}

#[test]
fn broken_sources_take_linear_time() {
    for part in [
        "( ",
        "[ ",
        "{",
        "(]",
        "([{",
        "if ",
        "if a ",
        "then ",
        "else ",
        "end ",
        "if a then\nb\n end ",
        "else if ",
        "if a then b else ",
        "for ",
        "do ",
        "switch a do case ",
        "case ",
        "\"",
        "'",
        "---",
        "---{",
        "/*",
        "// ",
        "a ",
        ", ",
        ":= ",
        "= ",
        ". ",
        "a.",
        "let ",
        "function ",
        "function f(",
        "select ",
        "order ",
        "{a ",
        "{if",
        "}",
        "if a then (",
        "end;",
        "  end\n",
        "x := if a then b else c; ",
        "while a do if b then end ",
        "\u{a0}é",
        "💥",
    ] {
        let source = part.repeat(1_000_000 / part.len() / 4);
        let parse = parse(&source);
        print(&parse.script, Form::Human, &|_| None);
        print(&parse.script, Form::Ids, &|_| None);
    }
}
