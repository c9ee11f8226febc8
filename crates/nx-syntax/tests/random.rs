//! Any text at all, and heaps of NX's own words: nothing panics, spans lie in the source, what is printed is stable.

mod stability;

use proptest::prelude::*;

const WORDS: &[&str] = &[
    "let",
    "var",
    "if",
    "then",
    "else",
    "end",
    "switch",
    "do",
    "for",
    "while",
    "function",
    "select",
    "where",
    "order",
    "create",
    "delete",
    "duplicate",
    "this",
    "true",
    "yes",
    "null",
    "void",
    "and",
    "or",
    "not",
    "like",
    "break",
    "in",
    "from",
    "to",
    "step",
    "by",
    "as",
    "server",
    "database",
    "desc",
    "case",
    "default",
    "limit",
    "mod",
    ":=",
    "=",
    "!=",
    "<>",
    "<=",
    ">",
    "+",
    "-",
    "*",
    "/",
    "%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    ":",
    ".",
    "---",
    "a",
    "b",
    "'First Name'",
    "\"text\"",
    "1",
    "2.5",
    "f(",
    ".(",
    "\n",
    "// c\n",
    "/* c */",
    "number",
    "ä",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..40).prop_map(|words| words.join(" "))
}

/// Scripts without mistakes, as text.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "'First Name'",
        "1",
        "2.5e3",
        "\"te\"\"xt\"",
        "this",
        "null",
        "true",
        "no",
        "[]",
        "{}",
        "---x {a} y---",
        "to",
        "break",
        "create T",
        "------",
        "'it''s'",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(6, 60, 4, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "=", "<", ">=", "like", "and", "or", "order by", "mod", "<>",
        ]);
        let (a, b, c) = (inner.clone(), inner.clone(), inner.clone());
        prop_oneof![
            (a.clone(), operator, b.clone()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("- {a}")),
            inner.clone().prop_map(|a| format!("not {a}")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("f({a}, {b})")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("({a}).('to' := {b}; g())")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("({a})[{b}].x.{{y: 1, if = {a}}}")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("(let v := {a}; {b}; v)")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("---t{{{a}}}-{{{b}; 1}} \" }} ---")),
            (a.clone(), b.clone(), c.clone()).prop_map(|(a, b, c)| format!("if {a} then {b} else {c} end")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("if {a} then v := 1; {b} end")),
            (a.clone(), b.clone(), c.clone())
                .prop_map(|(a, b, c)| format!("if {a} then {b} else if 1 then else {c}; 2 end end")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("(if ({a}) then 1 else ({b}))")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("for i, j in ({a}) do {b}; // note\n i end")),
            (a.clone(), b.clone())
                .prop_map(|(a, b)| format!("for i from 0 to ({a}) step 2 do let q := {b} end")),
            (a.clone(), b.clone()).prop_map(|(a, b)| format!("while ({a}) do /* only */ end")
                .replace("only", if b.len() > 5 { "long" } else { "short" })),
            (a.clone(), b.clone(), c.clone()).prop_map(|(a, b, c)| format!(
                "switch ({a}) do case 1, {b}: {c}; 2 case 3: default: {b} end"
            )),
            (a.clone(), b.clone())
                .prop_map(|(a, b)| format!("(select T where ({a}) order by ({b}) desc from 1 to 2 limit 3)")),
            a.clone().prop_map(|a| format!("do as server {a} end")),
            a.clone().prop_map(|a| format!(
                "do as database \"X\" function f(x : [nid(T)], y : text) : any do {a} end end"
            )),
            a.clone().prop_map(|a| format!("(delete {a})")),
            a.prop_map(|a| format!("duplicate({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(source in any::<String>()) {
        stability::check(&source);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        stability::check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_signs(source in r#"[a-c0-9 \n"'{}()\[\]:=;,.+*/<>!-]{0,60}"#) {
        stability::check(&source);
    }

    #[test]
    fn any_words(source in soup()) {
        stability::check(&source);
    }

    #[test]
    fn scripts(statements in prop::collection::vec(expression(), 1..4)) {
        let source = statements.join(";\n");
        let parse = boobook_nx_syntax::parse(&source);
        let invalid = parse.diagnostics.iter().all(|d| d.code == boobook_nx_syntax::codes::BARE_SELECT);
        prop_assert!(invalid, "{source}\n{:?}", parse.diagnostics);
        stability::check(&source);
    }
}
