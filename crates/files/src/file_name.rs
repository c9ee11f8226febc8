//! Names of files: which are allowed, what type they tell, and how they travel in a header.

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::NameError;

/// Longest name, in bytes of UTF-8: what file systems allow, so that every download can be saved under its name.
pub const NAME_BYTES_MAX: usize = 255;

/// A file's name as a record holds it: one path segment, free of what could mislead a reader or a file system.
///
/// Blanks around it are cut and Unicode is composed (NFC), so that the same name typed on a Mac, which decomposes
/// umlauts, and on Windows is the same file. It is never a name on the server's disk; contents are stored by hash.
///
/// ```
/// use boobook_files::FileName;
/// let name = FileName::parse(" Angebot für Müller.pdf ").unwrap();
/// assert_eq!(name.as_str(), "Angebot für Müller.pdf");
/// assert_eq!(name.content_type(), "application/pdf");
/// assert!(FileName::parse("../../etc/passwd").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileName(Box<str>);

impl FileName {
    /// Checks and normalises a name. It must be percent-decoded already: what is still encoded is taken literally.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        // A bound on the work for a hostile name; composing does not shrink a text to a fourth.
        if text.len() > NAME_BYTES_MAX * 4 {
            return Err(NameError::TooLong { bytes: text.len() });
        }
        if let Some(character) = text.chars().find(|c| is_refused(*c)) {
            return Err(NameError::Character { character });
        }
        let name = ComposingNormalizerBorrowed::new_nfc().normalize(text.trim());
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.bytes().all(|b| b == b'.') {
            return Err(NameError::Dots);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong { bytes: name.len() });
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The media type the name's last extension tells, without parameters; `application/octet-stream` where it
    /// tells none.
    pub fn content_type(&self) -> &'static str {
        mime_guess::from_path(self.as_str()).first_raw().unwrap_or("application/octet-stream")
    }

    /// The `Content-Type` to send: [`Self::content_type`], and for plain text its encoding.
    pub fn content_type_header(&self) -> &'static str {
        match self.content_type() {
            "text/plain" => "text/plain; charset=utf-8",
            other => other,
        }
    }

    /// How a browser should treat the file when it is opened by its address.
    pub fn disposition(&self) -> Disposition {
        Disposition::of(self.content_type())
    }

    /// The value of a `Content-Disposition` header (RFC 6266): [`Self::disposition`], the name in ASCII for old
    /// clients, and, where that is not the name, the name itself as RFC 8187 wants it.
    pub fn content_disposition(&self) -> String {
        self.content_disposition_as(self.disposition())
    }

    /// As [`Self::content_disposition`] when the caller decides, say for `?download=T`.
    /// It must not say `Inline` where [`Self::disposition`] says `Attachment`, and cannot: that stays a download.
    pub fn content_disposition_as(&self, wanted: Disposition) -> String {
        let disposition = match (wanted, self.disposition()) {
            (Disposition::Inline, Disposition::Inline) => "inline",
            _ => "attachment",
        };
        let plain: String = self.0.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        let mut value = format!("{disposition}; filename=\"{plain}\"");
        if plain != *self.0 {
            value.push_str("; filename*=UTF-8''");
            value.extend(utf8_percent_encode(&self.0, NOT_ATTR_CHAR));
        }
        value
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for FileName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Whether a browser may show a file in our origin or has to save it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It may be shown: the type cannot run script.
    Inline,
    /// It must be saved: HTML, SVG, XML, scripts, and all that is not known to be harmless.
    Attachment,
}

impl Disposition {
    /// By media type, for a server that sends `X-Content-Type-Options: nosniff` with it.
    pub fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_harmless = INLINE.contains(&essence.as_str())
            || essence.starts_with("audio/")
            || essence.starts_with("video/");
        if is_harmless { Self::Inline } else { Self::Attachment }
    }
}

/// What may be shown besides sound and film. SVG is missing on purpose: it is a document that runs script.
const INLINE: &[&str] = &[
    "application/pdf",
    "image/apng",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "text/plain",
];

/// Separators of paths, characters that no screen shows, and those that turn the direction of text, by which
/// `invoice<RLO>fdp.exe` reads as `invoiceexe.pdf`.
fn is_refused(character: char) -> bool {
    character.is_control()
        || matches!(character, '/' | '\\' | '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// May stand in a quoted `filename`. RFC 6266, appendix D, advises against `%`, which some clients decode.
fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~') && !matches!(character, '"' | '\\' | '%')
}

/// All but `attr-char` of RFC 8187.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_stay_as_they_are() {
        for name in [
            "a",
            "Rechnung 2026-01.pdf",
            "Größe (1).png",
            ".gitignore",
            "Fa. Meyer & Co.",
            "..a",
            "a..b",
            "%2e%2e%2f",
            "日本語.txt",
            "🦉.jpg",
            "O'Neil \"quoted\".txt",
            "CON",
            "a:b|c*?.txt",
        ] {
            assert_eq!(FileName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_are_normalised() {
        for (text, name) in [("  a b.txt ", "a b.txt"), ("\u{a0}x\u{2003}", "x"), ("u\u{308}.txt", "ü.txt")]
        {
            assert_eq!(FileName::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_are_refused() {
        let refused = |text: &str| FileName::parse(text).unwrap_err();
        for text in ["", " ", "\u{2003} "] {
            assert_eq!(refused(text), NameError::Empty);
        }
        for text in [".", "..", "...", " .. "] {
            assert_eq!(refused(text), NameError::Dots);
        }
        for text in
            ["../a", "a/b", "a\\b", "C:\\x", "a\0b", "a\n", "\x1b[2J", "a\x7f", "a\u{85}", "x\u{202e}fdp.exe"]
        {
            assert!(matches!(refused(text), NameError::Character { .. }), "{text:?}");
        }
    }

    #[test]
    fn length_counts_in_bytes() {
        assert!(FileName::parse(&"x".repeat(255)).is_ok());
        assert_eq!(FileName::parse(&"x".repeat(256)), Err(NameError::TooLong { bytes: 256 }));
        assert_eq!(FileName::parse(&"é".repeat(150)), Err(NameError::TooLong { bytes: 300 }));
        assert_eq!(FileName::parse(&"日".repeat(100)), Err(NameError::TooLong { bytes: 300 }));
        assert!(FileName::parse(&"e\u{301}".repeat(120)).is_ok(), "360 bytes that compose to 240");
        assert_eq!(FileName::parse(&"x".repeat(1 << 20)), Err(NameError::TooLong { bytes: 1 << 20 }));
    }

    #[test]
    fn types_by_name() {
        for (name, content_type, disposition) in [
            ("a.jpg", "image/jpeg", Disposition::Inline),
            ("A.JPEG", "image/jpeg", Disposition::Inline),
            ("a.png", "image/png", Disposition::Inline),
            ("a.pdf", "application/pdf", Disposition::Inline),
            ("a.txt", "text/plain", Disposition::Inline),
            ("a.mp3", "audio/mpeg", Disposition::Inline),
            ("a.mp4", "video/mp4", Disposition::Inline),
            ("a.svg", "image/svg+xml", Disposition::Attachment),
            ("a.html", "text/html", Disposition::Attachment),
            ("a.jpg.html", "text/html", Disposition::Attachment),
            ("a.html.jpg", "image/jpeg", Disposition::Inline),
            ("a.xhtml", "application/xhtml+xml", Disposition::Attachment),
            ("a.xml", "text/xml", Disposition::Attachment),
            ("a.js", "text/javascript", Disposition::Attachment),
            ("a.css", "text/css", Disposition::Attachment),
            ("a.csv", "text/csv", Disposition::Attachment),
            ("README", "application/octet-stream", Disposition::Attachment),
            (".html", "application/octet-stream", Disposition::Attachment),
            ("a.", "application/octet-stream", Disposition::Attachment),
        ] {
            let name = FileName::parse(name).unwrap();
            assert_eq!(name.content_type(), content_type, "{name}");
            assert_eq!(name.disposition(), disposition, "{name}");
        }
        assert_eq!(FileName::parse("a.txt").unwrap().content_type_header(), "text/plain; charset=utf-8");
        assert_eq!(Disposition::of("Image/PNG; q=1"), Disposition::Inline);
        assert_eq!(Disposition::of(""), Disposition::Attachment);
    }

    #[test]
    fn the_header() {
        for (name, header) in [
            ("a b.png", "inline; filename=\"a b.png\""),
            ("a.html", "attachment; filename=\"a.html\""),
            (
                "Größe €.pdf",
                "inline; filename=\"Gr__e _.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E2%82%AC.pdf",
            ),
            ("a\"b%41.txt", "inline; filename=\"a_b_41.txt\"; filename*=UTF-8''a%22b%2541.txt"),
        ] {
            assert_eq!(FileName::parse(name).unwrap().content_disposition(), header);
        }
        let [page, picture] = ["a.html", "a.png"].map(|name| FileName::parse(name).unwrap());
        assert!(page.content_disposition_as(Disposition::Inline).starts_with("attachment;"));
        assert!(picture.content_disposition_as(Disposition::Attachment).starts_with("attachment;"));
    }

    /// Reads the header back as RFC 6266 says: the extended form counts where there is one.
    fn name_of(header: &str) -> String {
        match header.split_once("filename*=UTF-8''") {
            Some((_, encoded)) => percent_decode_str(encoded).decode_utf8().unwrap().into_owned(),
            None => header.split('"').nth(1).unwrap().to_owned(),
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_safe(text in prop_oneof![any::<String>(), "[./\\\\a\u{308} %\"]{0,12}"]) {
            let Ok(name) = FileName::parse(&text) else { return Ok(()) };
            let path = std::path::Path::new(name.as_str());
            prop_assert_eq!(path.components().count(), 1);
            prop_assert_eq!(path.file_name().and_then(|n| n.to_str()), Some(name.as_str()));
            prop_assert!(name.as_str().len() <= NAME_BYTES_MAX);
            prop_assert_eq!(&FileName::parse(name.as_str()).unwrap(), &name);
            let header = name.content_disposition();
            prop_assert!(header.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", header);
            prop_assert_eq!(header.matches('"').count(), 2);
            prop_assert_eq!(name_of(&header), name.as_str());
        }

        #[test]
        fn nothing_with_a_separator_passes(before: String, after: String, separator in "[/\\\\\0]") {
            let text = format!("{before}{separator}{after}");
            prop_assert!(FileName::parse(&text).is_err());
        }
    }
}
