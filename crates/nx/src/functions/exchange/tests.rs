use proptest::prelude::*;

use crate::{Value, functions::check::Setting, json};

fn xml(value: &str) -> String {
    let value = json::from_json(serde_json::from_str(value).unwrap());
    match Setting::default().call("formatXML", &[value]) {
        Ok(Value::Text(text)) => text.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_is_xml_and_what_not() {
    let cases = [
        ("<a/>", r#"{"a":""}"#),
        ("<?xml version=\"1.0\"?><!-- c --><a>x<!-- c -->y</a>\n", r#"{"a":"xy"}"#),
        ("\u{feff}<a/>", r#"{"a":""}"#),
        ("<a> x </a>", r#"{"a":" x "}"#),
        ("<a x='1' y=\"&lt;2\"> t </a>", r##"{"a":{"@x":"1","@y":"<2","#text":" t "}}"##),
        ("<a>\n  <b>1</b>\n  <c/>\n  <b>2</b>\n</a>", r#"{"a":{"b":["1","2"],"c":""}}"#),
        ("<a>one <b>two</b> three</a>", r##"{"a":{"#text":"one  three","b":"two"}}"##),
        ("<a>1 &lt; 2 &amp; &#65;&#x42;&quot;&apos;</a>", r#"{"a":"1 < 2 & AB\"'"}"#),
        ("<a><![CDATA[<b>&amp;</b>]]></a>", r#"{"a":"<b>&amp;</b>"}"#),
        ("<s:a xmlns:s='urn:x'><s:b/></s:a>", r#"{"s:a":{"@xmlns:s":"urn:x","s:b":""}}"#),
        ("<a>é\r\n</a>", r#"{"a":"é\n"}"#),
        // Nothing is expanded, and a document type is nothing.
        ("<!DOCTYPE a [<!ENTITY x \"xxxx\">]><a/>", r#"{"a":""}"#),
        ("<!DOCTYPE a [<!ENTITY x \"xxxx\">]><a>&x;</a>", "null"),
        ("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a b=\"&x;\"/>", "null"),
        ("", "null"),
        ("text", "null"),
        ("<a>", "null"),
        ("</a>", "null"),
        ("<a></b>", "null"),
        ("<a/><b/>", "null"),
        ("<a/><a/>", "null"),
        ("<a/>x", "null"),
        ("<a x='1' x='2'/>", "null"),
        ("<a x=1/>", "null"),
        ("<1/>", "null"),
        ("<a>&nbsp;</a>", "null"),
        ("<a>& b</a>", "null"),
        ("<a>&#0;</a>", "null"),
    ];
    for (text, expected) in cases {
        Setting::default().check("parseXML", &[(&[text.into()], expected)]);
    }
    let arrays = "<a><b><c>1</c></b></a>";
    let expected = r#"{"a":{"b":[{"c":["1"]}]}}"#;
    Setting::default().check("parseXML", &[(&[arrays.into(), true.into()], expected)]);
}

#[test]
fn xml_has_bounds() {
    let nested = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
    assert!(Setting::default().call("parseXML", &[nested(128).into()]).unwrap().is_true());
    let error = Setting::default().call("parseXML", &[nested(129).into()]).unwrap_err();
    assert_eq!(error.to_string(), "the XML is nested more than 128 deep");
    // Three bytes and more an element; the values take a multiple of that.
    let many = format!("<a>{}</a>", "<b/>".repeat(2_000_000));
    let error = Setting::default().call("parseXML", &[many.into()]).unwrap_err();
    assert!(error.is_of_run(), "{error}");
    let mut deep = Value::from("x");
    for _ in 0..200 {
        deep = Value::Object(std::sync::Arc::new(std::iter::once(("a".into(), deep)).collect()));
    }
    let error = Setting::default().call("formatXML", &[deep]).unwrap_err();
    assert_eq!(error.to_string(), "the value is nested more than 128 deep");
    // Small in memory, 2⁶⁴ elements when written.
    let mut wide = Value::from("x");
    for _ in 0..64 {
        wide = Value::array(vec![wide.clone(), wide]);
    }
    let wide = Value::Object(std::sync::Arc::new(std::iter::once(("a".into(), wide)).collect()));
    let error = Setting::default().call("formatXML", &[wide]).unwrap_err();
    assert!(error.is_of_run(), "{error}");
}

#[test]
fn what_xml_is_written() {
    let cases = [
        (r#"{"a":null}"#, "<a/>"),
        (r#"{"a":{}}"#, "<a/>"),
        (r#"{"a":[]}"#, ""),
        (r#"{"a":{"b":[1,true,"x"]}}"#, "<a><b>1</b><b>true</b><b>x</b></a>"),
        (r##"{"a":{"b":1,"@x":"<\"&","#text":"t"}}"##, "<a x=\"&lt;&quot;&amp;\"><b>1</b>t</a>"),
        (r#"{"a":1,"b":2}"#, "<a>1</a><b>2</b>"),
        (r#""1 < 2""#, "1 &lt; 2"),
        (r#"{"a":"\u0001\r\n"}"#, "<a>\u{fffd}&#13;\n</a>"),
    ];
    for (value, expected) in cases {
        assert_eq!(xml(value), expected, "{value}");
    }
    for (value, about) in [
        (r#"{"a b":1}"#, "\\\"a b\\\" cannot be a name in XML"),
        (r#"{"a><b":1}"#, "cannot be a name"),
        (r#"{"":1}"#, "cannot be a name"),
        (r#"{"a":{"@x y":1}}"#, "cannot be a name"),
        (r#"{"a":{"@x":[1]}}"#, "can only be one value"),
        (r#"{"@x":1}"#, "is an attribute of no element"),
    ] {
        assert!(xml(value).contains(about), "{value}: {}", xml(value));
    }
    let value = r#"{"a":{"b":{"c":[1,2]},"d":"x","e":null}}"#;
    let value = json::from_json(serde_json::from_str(value).unwrap());
    let expected = "\"<a>\\n  <b>\\n    <c>1</c>\\n    <c>2</c>\\n  </b>\\n  <d>x</d>\\n  <e/>\\n</a>\"";
    Setting::default().check("formatXML", &[(&[value, true.into()], expected)]);
}

/// Values that XML can hold as they are: text, objects, arrays of at least two.
fn tree() -> impl Strategy<Value = serde_json::Value> {
    let text = "[a-z<>&\"' \n\r\t;é😀]{0,12}";
    let leaf = text.prop_map(serde_json::Value::from);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let many = prop::collection::vec(inner.clone(), 2..4)
            .prop_filter("arrays hold no arrays", |items| items.iter().all(|item| !item.is_array()));
        let child = prop_oneof![inner, many.prop_map(serde_json::Value::from)];
        let attributes = prop::collection::btree_map("@[a-z]{1,2}", "[a-z<\" ]{0,4}", 0..2);
        let children = prop::collection::btree_map("[a-z_][a-z0-9.-]{0,3}", child, 1..4);
        (attributes, children).prop_map(|(attributes, children)| {
            let attributes = attributes.into_iter().map(|(key, value)| (key, value.into()));
            serde_json::Value::Object(attributes.chain(children).collect())
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(root in tree(), pretty: bool) {
        prop_assume!(!root.is_array());
        let value = json::from_json(serde_json::json!({"root": root}));
        let setting = Setting::default();
        let text = setting.call("formatXML", &[value.clone(), pretty.into()]).unwrap();
        let again = setting.call("parseXML", std::slice::from_ref(&text)).unwrap();
        prop_assert_eq!(again, value, "{:?}", text);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "[<>/a!\\[\\]?&;=\"'x -]{0,40}", csv in "[a,;\"\n\r ]{0,40}") {
        let _ = Setting::default().call("parseXML", &[text.into()]);
        let _ = Setting::default().call("parseCSV", &[csv.into()]);
    }

    #[test]
    fn quoted_fields_are_read_as_they_were(rows in prop::collection::vec(prop::collection::vec("[a,;\"\n é]{0,5}", 2), 0..4)) {
        let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(";") + "\r\n";
        let text: String = rows.iter().map(line).collect();
        let value = Setting::default().call("parseCSV", &[text.into(), ";".into(), false.into()]).unwrap();
        let mut shown = String::new();
        json::write(&value, &mut shown);
        prop_assert_eq!(serde_json::from_str::<Vec<Vec<String>>>(&shown).unwrap(), rows);
    }
}

#[test]
fn what_csv_is() {
    let cases = [
        ("", "[]"),
        ("a,b", "[]"),
        ("a,b\n1,2\r\n3,4\n", r#"[{"a":"1","b":"2"},{"a":"3","b":"4"}]"#),
        ("\u{feff}a\n1", r#"[{"a":"1"}]"#),
        ("a,b\n1", r#"[{"a":"1"}]"#),
        ("a\n1,2,3", r#"[{"a":"1","2":"2","3":"3"}]"#),
        (" a ,,a,a\n1,2,3,4", r#"[{"a":"1","2":"2","a 2":"3","a 3":"4"}]"#),
        ("a\n\"x\"\"y\nz\"", r#"[{"a":"x\"y\nz"}]"#),
        ("a\n\n1\n", r#"[{"a":"1"}]"#),
    ];
    for (text, expected) in cases {
        Setting::default().check("parseCSV", &[(&[text.into()], expected)]);
    }
    let setting = Setting::default();
    setting.check("parseCSV", &[(&["a\tb\n1\t2".into(), "\t".into()], r#"[{"a":"1","b":"2"}]"#)]);
    let refused = "error: the separator of CSV is one character, such as \",\" or \";\", or a tab";
    for separator in ["", "ab", "é", "\"", "\n"] {
        setting.check("parseCSV", &[(&["a".into(), separator.into()], refused)]);
    }
    setting.check("parseCSV", &[(&[Value::Null], "null")]);
}
