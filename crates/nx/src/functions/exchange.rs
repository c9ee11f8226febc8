//! XML and CSV, the formats that other systems send besides JSON (nx-language.md §4.6).

mod csv;
mod xml;

use crate::{FunctionDef, Overload};

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "formatXML",
        &[Overload::nullable("any, boolean? -> text", xml::format)],
        "A value as XML. A key is an element, `@key` an attribute, `#text` the text of an element that has attributes; \
         an array is the same element several times. With `true` as second argument, a line for each element.",
        &[
            (
                "formatXML({note: {to: \"Ada\", body: \"1 < 2\"}})",
                "\"<note><to>Ada</to><body>1 &lt; 2</body></note>\"",
            ),
            (
                "formatXML({list: {item: [1, 2], none: null}})",
                "\"<list><item>1</item><item>2</item><none/></list>\"",
            ),
            (
                "formatXML({price: {'@currency': \"EUR\", '#text': 4.5}})",
                "\"<price currency=\\\"EUR\\\">4.5</price>\"",
            ),
            ("formatXML({a: {b: 1}}, true)", "\"<a>\\n  <b>1</b>\\n</a>\""),
        ],
    ),
    FunctionDef::new(
        "parseCSV",
        &[Overload::nullable("text, text?, boolean? -> [any]", csv::parse)],
        "The lines of a CSV text: objects, whose keys are the names in its first line. The separator is a comma unless \
         given; with `false` as third argument, the first line is data and each line an array. All values are text.",
        &[
            ("parseCSV(urlDecode(\"Name,City%0AAda,London\"))", "[{\"Name\":\"Ada\",\"City\":\"London\"}]"),
            ("parseCSV(urlDecode(\"a;b%0A1;2\"), \";\")", "[{\"a\":\"1\",\"b\":\"2\"}]"),
            ("parseCSV(urlDecode(\"1,2%0A3,4\"), \",\", false)", "[[\"1\",\"2\"],[\"3\",\"4\"]]"),
        ],
    ),
    FunctionDef::new(
        "parseXML",
        &[Overload::nullable("text, boolean? -> any", xml::parse)],
        "The value that XML stands for, as `formatXML` writes it: an element that is there several times is an array. \
         With `true` as second argument every element below the first is an array, however often it is there. All values \
         are text; what is no XML is empty.",
        &[
            (
                "parseXML(\"<note><to>Ada</to><to>Alan</to></note>\")",
                "{\"note\":{\"to\":[\"Ada\",\"Alan\"]}}",
            ),
            ("parseXML(\"<a x='1'>hi</a>\").a.'@x'", "\"1\""),
            ("parseXML(\"<a><b>1</b></a>\", true)", "{\"a\":{\"b\":[\"1\"]}}"),
            ("parseXML(\"<a>\")", "null"),
        ],
    ),
];

#[cfg(test)]
mod tests;
