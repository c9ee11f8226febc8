//! Texts in texts, as `like` and `contains` filters find them.

/// A text looked for in others, whatever the case.
#[derive(Clone, Debug)]
pub struct Needle {
    lower: String,
    is_ascii: bool,
}

impl Needle {
    /// What is looked for.
    pub fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        Self { is_ascii: lower.is_ascii(), lower }
    }

    /// Whether a text contains it, both in lower case. ASCII, which nearly all texts are, is searched as it lies.
    pub fn is_in(&self, text: &str) -> bool {
        if text.is_ascii() { self.is_in_ascii(text) } else { text.to_lowercase().contains(&self.lower) }
    }

    /// As [`Self::is_in`], for a text that is known to be ASCII.
    pub fn is_in_ascii(&self, text: &str) -> bool {
        let (text, needle) = (text.as_bytes(), self.lower.as_bytes());
        let Some(&first) = needle.first() else { return true };
        if !self.is_ascii || needle.len() > text.len() {
            return false;
        }
        let upper = first.to_ascii_uppercase();
        let starts = &text[..=text.len() - needle.len()];
        memchr::memchr2_iter(first, upper, starts)
            .any(|at| text[at..at + needle.len()].eq_ignore_ascii_case(needle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_found_whatever_the_case() {
        for (text, needle, expected) in [
            ("Straße", "STRASSE", false),
            ("Ärger", "äR", true),
            ("\u{212a}elvin", "kel", true),
            ("kelvin", "\u{212a}EL", true),
            ("Active", "cTI", true),
            ("Active", "active!", false),
            ("aab", "AB", true),
            ("ab", "ä", false),
            ("", "", true),
            ("", "a", false),
            ("ΟΔΟΣ", "οδος", text_has("ΟΔΟΣ", "οδος")),
        ] {
            assert_eq!(Needle::new(needle).is_in(text), expected, "{needle:?} in {text:?}");
        }
    }

    fn text_has(text: &str, needle: &str) -> bool {
        text.to_lowercase().contains(&needle.to_lowercase())
    }
}
