//! Rich text as plain text: people read the words, and nothing of the markup can do anything.

/// The text of HTML: no tags, no comments, nothing of scripts and style sheets; blocks on lines of their own. Whatever
/// comes out is still escaped like any text.
pub(super) fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        push_text(&rest[..at], &mut out);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let is_tag = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
        if !is_tag {
            out.push('<');
            rest = &rest[1..];
            continue;
        }
        let (tag, behind) = rest[1..].split_once('>').unwrap_or((&rest[1..], ""));
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .take(12)
            .collect::<String>()
            .to_ascii_lowercase();
        rest = behind;
        match &*name {
            "script" | "style" if !tag.starts_with('/') => rest = behind_end(rest, &name),
            "br" | "p" | "div" | "li" | "tr" | "h1" | "h2" | "h3" | "h4" | "ul" | "ol" | "table"
                if !out.is_empty() && !out.ends_with('\n') =>
            {
                out.push('\n');
            }
            "td" | "th" => out.push(' '),
            _ => {}
        }
    }
    push_text(rest, &mut out);
    out.trim().to_owned()
}

/// What follows the end tag of an element whose content is no text.
fn behind_end<'h>(html: &'h str, name: &str) -> &'h str {
    let mut rest = html;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let is_end = rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if is_end {
            return rest.split_once('>').map_or("", |(_, behind)| behind);
        }
    }
    ""
}

/// Text with its entities decoded, once.
fn push_text(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest[1..].find(';').filter(|len| *len <= 10).map(|len| &rest[1..=len]);
        match entity.and_then(decoded) {
            Some(c) => {
                out.push(c);
                rest = &rest[entity.map_or(0, str::len) + 2..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
}

fn decoded(entity: &str) -> Option<char> {
    if let Some(number) = entity.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).filter(|c| !c.is_control() || *c == '\n');
    }
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "szlig" => 'ß',
        "euro" => '€',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_goes_and_words_stay() {
        for (html, expected) in [
            ("<p>Hello <b>world</b></p><p>Two</p>", "Hello world\nTwo"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
            ("1 < 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
            ("&amp;lt;", "&lt;"),
            ("K&ouml;ln &#8364;5 &#x41; &unknown; & &;", "Köln €5 A &unknown; & &;"),
            ("<script>alert('</div>')</script>x", "x"),
            ("<STYLE>b{}</style >y", "y"),
            ("<script>never ends", ""),
            ("a<!-- <b>hidden</b> -->b", "ab"),
            ("<img src=x onerror=alert(1)>z", "z"),
            ("<b", ""),
            ("plain", "plain"),
            ("ä<ü>", "ä<ü>"),
        ] {
            assert_eq!(plain(html), expected, "{html:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read(html in "[<>/!a-c&;#x\"' -]{0,60}|\\PC{0,40}") {
            let _ = plain(&html);
        }
    }
}
