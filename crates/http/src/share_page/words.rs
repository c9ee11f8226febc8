//! What the page says by itself, in the languages it speaks.

use boobook_app::Language;

/// The words of one language.
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) entry: &'static str,
    pub(super) entries: &'static str,
    pub(super) empty: &'static str,
    pub(super) nothing: &'static str,
    pub(super) sort: &'static str,
    pub(super) broken: &'static str,
    pub(super) download: &'static str,
    pub(super) pages: &'static str,
    pub(super) table: &'static str,
    pub(super) sum: &'static str,
    pub(super) mean: &'static str,
    pub(super) least: &'static str,
    pub(super) greatest: &'static str,
    pub(super) count: &'static str,
    pub(super) password: &'static str,
    pub(super) password_title: &'static str,
    pub(super) password_text: &'static str,
    pub(super) password_wrong: &'static str,
    pub(super) open: &'static str,
    pub(super) gone_title: &'static str,
    pub(super) gone_text: &'static str,
    pub(super) busy_title: &'static str,
    pub(super) busy_text: &'static str,
    pub(super) failed_title: &'static str,
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::De => &GERMAN,
        }
    }
}

static ENGLISH: Words = Words {
    code: "en",
    entry: "entry",
    entries: "entries",
    empty: "There is nothing here yet.",
    nothing: "(empty)",
    sort: "Sort by",
    broken: "Cannot be shown at the moment:",
    download: "Download",
    pages: "Pages",
    table: "Table, scrolls sideways",
    sum: "Sum",
    mean: "Mean",
    least: "Least",
    greatest: "Greatest",
    count: "Count",
    password: "Password",
    password_title: "Password needed",
    password_text: "Who shared this protected it with a password.",
    password_wrong: "That is not the password. Please try again.",
    open: "Open",
    gone_title: "Nothing here",
    gone_text: "This link leads nowhere: it may be mistyped, past its time, or ended by who made it.",
    busy_title: "Too busy",
    busy_text: "This cannot be shown right now. Please try again in a moment.",
    failed_title: "This did not work",
};

static GERMAN: Words = Words {
    code: "de",
    entry: "Eintrag",
    entries: "Einträge",
    empty: "Hier gibt es noch nichts.",
    nothing: "(leer)",
    sort: "Sortieren nach",
    broken: "Kann zurzeit nicht angezeigt werden:",
    download: "Herunterladen",
    pages: "Seiten",
    table: "Tabelle, seitlich verschiebbar",
    sum: "Summe",
    mean: "Mittelwert",
    least: "Kleinster Wert",
    greatest: "Größter Wert",
    count: "Anzahl",
    password: "Passwort",
    password_title: "Passwort nötig",
    password_text: "Diese Ansicht ist mit einem Passwort geschützt.",
    password_wrong: "Das ist nicht das richtige Passwort. Bitte noch einmal versuchen.",
    open: "Öffnen",
    gone_title: "Hier ist nichts",
    gone_text: "Dieser Link führt nirgendwohin: Er ist vielleicht vertippt, abgelaufen oder wurde beendet.",
    busy_title: "Gerade überlastet",
    busy_text: "Das kann gerade nicht angezeigt werden. Bitte gleich noch einmal versuchen.",
    failed_title: "Das hat nicht geklappt",
};
