//! Addresses that people may follow from a page. Only what is on these lists becomes a link; all else stays text.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What must not stand as it is in the address of a `mailto:` link: it would add headers or a body.
const IN_MAILTO: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'%').add(b'&').add(b'<').add(b'>').add(b'?').add(b'#').add(b'`');

/// A web address, by `http` or `https`; without either it gets the latter.
pub(super) fn web(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) {
        return (!rest.is_empty() && !rest.starts_with('/')).then(|| text.to_owned());
    }
    // Another scheme, or none that anybody meant.
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let is_name = host.contains('.')
        && !host.starts_with('.')
        && host.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-');
    is_name.then(|| format!("https://{text}"))
}

/// An e-mail address.
pub(super) fn mail(text: &str) -> Option<String> {
    let text = text.trim();
    let (name, host) = text.rsplit_once('@')?;
    let is_address = !name.is_empty()
        && !name.contains('@')
        && host.contains('.')
        && host.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || ",;:".contains(c));
    is_address.then(|| format!("mailto:{}", utf8_percent_encode(text, IN_MAILTO)))
}

/// A telephone number: its digits.
pub(super) fn phone(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.chars().all(|c| c.is_ascii_digit() || " \u{a0}+-/().".contains(c)) {
        return None;
    }
    let digits: String = text.chars().filter(|c| c.is_ascii_digit()).collect();
    let plus = if text.starts_with('+') { "+" } else { "" };
    (digits.len() >= 3).then(|| format!("tel:{plus}{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_schemes_become_links() {
        for (text, expected) in [
            ("https://example.com/a?b=c#d", Some("https://example.com/a?b=c#d")),
            ("HTTP://example.com", Some("HTTP://example.com")),
            (" www.example.com/x ", Some("https://www.example.com/x")),
            ("müller.de", Some("https://müller.de")),
            ("javascript:alert(1)", None),
            ("JaVaScRiPt:alert(1)//x.y", None),
            ("java\nscript:alert(1)", None),
            ("data:text/html,<script>1</script>", None),
            ("//evil.example/x", None),
            ("/path", None),
            ("https:///x", None),
            ("https://", None),
            ("just text", None),
            ("", None),
        ] {
            assert_eq!(web(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_and_numbers() {
        for (text, expected) in [
            ("a.b+c@example.com", Some("mailto:a.b+c@example.com")),
            ("a@b.c?bcc=x", None),
            ("a?bcc=x@b.c", Some("mailto:a%3Fbcc=x@b.c")),
            ("a@b@c.d", None),
            ("a b@c.d", None),
            ("nobody", None),
        ] {
            assert_eq!(mail(text).as_deref(), expected, "{text:?}");
        }
        for (text, expected) in [
            ("+49 (30) 123-45/6", Some("tel:+4930123456")),
            ("030 12", Some("tel:03012")),
            ("12", None),
            ("030;ext=1", None),
            ("call me", None),
        ] {
            assert_eq!(phone(text).as_deref(), expected, "{text:?}");
        }
    }
}
