//! All functions of the language as the manual, completion and the prompt's help show them.

use boobook_nx::{Effect, functions::GROUPS};

/// A chapter of the manual.
pub(crate) struct Group {
    /// Its heading.
    pub(crate) heading: &'static str,
    /// What one should know before the first function.
    pub(crate) intro: &'static str,
    /// Its functions, in the order of the table.
    pub(crate) entries: Vec<Entry>,
}

/// A function.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    /// `(text, number, text?) → text`, a form each.
    pub(crate) forms: Vec<String>,
    pub(crate) place: Place,
    pub(crate) doc: &'static str,
    /// Scripts and the JSON they come to.
    pub(crate) examples: &'static [(&'static str, &'static str)],
}

/// Where a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Anywhere, always with the same result.
    Pure,
    /// Anywhere, but it looks at records, users, the clock or chance.
    Server,
    /// Where a script may write; it reaches out of the database.
    Outside,
    /// Where a script may write; it writes.
    Writes,
    /// It has nothing to do on a server.
    Screen,
    /// Nowhere, or not yet: it is an error to call it.
    NotYet,
}

impl Place {
    /// All of them, in the order of the legend.
    pub(crate) const ALL: [Self; 6] =
        [Self::Pure, Self::Server, Self::Outside, Self::Writes, Self::Screen, Self::NotYet];

    /// In a word or two, behind a function.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Server => "reads the server",
            Self::Outside => "outside",
            Self::Writes => "writes",
            Self::Screen => "screen: no effect on a server",
            Self::NotYet => "not available on this server",
        }
    }

    /// In a sentence, for the legend.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Pure => "runs anywhere; the same arguments always give the same value",
            Self::Server => "runs anywhere; its value depends on records, users, the time or chance",
            Self::Outside => {
                "reaches out of the database: in `/exec` and triggers, not in `/query`, formulas and conditions"
            }
            Self::Writes => {
                "writes records: in `/exec` and triggers, not in `/query`, formulas and conditions"
            }
            Self::Screen => {
                "concerns a screen or a device: on a server its arguments are computed, the call is noted in the \
                 log, the value is null"
            }
            Self::NotYet => "known, so that scripts with it are stored; to call it is an error that says so",
        }
    }
}

/// Functions of the table that need what this server does not have yet. A test calls each of them on a server.
const NOT_YET: &[&str] = &["queryConnection", "validateXML"];

/// What one should know before a chapter.
const INTROS: &[(&str, &str)] = &[
    (
        "Numbers",
        "Numbers are 64-bit floating point, as in JavaScript. What has no value (`sqrt(-1)`, `ln(0)`) is empty, and an \
         empty argument gives an empty result.",
    ),
    (
        "Text",
        "Positions count from 0, in UTF-16 units as in JavaScript: an umlaut is one, most emoji are two. Upper and \
         lower case differ everywhere but in `like`.",
    ),
    (
        "Regular expressions",
        "Regular expressions are those of JavaScript. A backslash is an ordinary character of a text, so that `\"\\d+\"` \
         needs no second one. Flags: `g` all matches, `i` any case, `m` lines, `s` the dot takes line breaks, `u` Unicode.",
    ),
    (
        "Dates and times",
        "A date has no time zone. A datetime is an instant, shown in UTC. A date plus a number is that many days later; \
         anything with a time of day plus a number is that many milliseconds later.",
    ),
    (
        "Arrays",
        "An array, a selection (`select Customer`), a reverse link (`Invoices`) and a multiple choice are all taken. \
         Aggregates pass over empty items; of nothing at all they are empty, and `cnt` is 0.",
    ),
    (
        "JSON",
        "Objects and arrays as other systems send them. `value.key`, `value.'odd key'` and `item(value, \"key\")` read \
         a key; one that is missing is empty.",
    ),
    (
        "XML and CSV",
        "What is read is text throughout: `number(x)` makes a number of it. Objects and arrays are those of JSON.",
    ),
    (
        "Scripts",
        "A script that another one makes. What it may do is known only then: it is compiled, and its rights are asked for, \
         before it runs.",
    ),
    (
        "Users and environment",
        "Who runs a script is the owner of the API key. Functions about users take a user, or ask about the one who \
         runs the script.",
    ),
    (
        "Files",
        "A file belongs to a record; it is given as a file (`file(this, \"a.pdf\")`, an item of `files(this)`, the value of \
         a file field) or as a record and a name. What a script does to files is part of its transaction, all or nothing, \
         and sets off the triggers of a change to the record. A file field takes a file or its name; a file of another \
         record becomes one of this record as well. A script reads and makes at most 64 MB of files \
         (`limits.script.file_bytes_max`).",
    ),
    (
        "Web, mail and shares",
        "What these do cannot be taken back when the script fails later on: call them last.",
    ),
    (
        "Screen and devices",
        "Scripts that were written for the app call these. On a server nobody looks: they do no harm and give null.",
    ),
    (
        "Records and schema",
        "The compiler itself knows most of these: some of their arguments are the name of a table or field, not a value. \
         The examples are about a table Customers with three people: Sofia Young, Adam Smith, bert Ärger.",
    ),
];

/// All functions, a chapter each.
pub(crate) fn groups() -> Vec<Group> {
    let intro = |heading: &str| INTROS.iter().find(|(of, _)| *of == heading).map_or("", |(_, intro)| *intro);
    let group = |(heading, functions): &(&'static str, &'static [boobook_nx::FunctionDef])| Group {
        heading,
        intro: intro(heading),
        entries: functions.iter().map(of_table).collect(),
    };
    GROUPS.iter().map(group).collect()
}

fn of_table(def: &boobook_nx::FunctionDef) -> Entry {
    let place = match def.effect {
        _ if NOT_YET.contains(&def.name) => Place::NotYet,
        Effect::Pure => Place::Pure,
        Effect::Reads | Effect::Volatile | Effect::Evaluates => Place::Server,
        Effect::Screen => Place::Screen,
        Effect::Outside => Place::Outside,
        Effect::Writes => Place::Writes,
    };
    let mut forms: Vec<String> = def.overloads.iter().map(|overload| form(overload.signature)).collect();
    // One form that takes no arguments and one that takes some are one thing to a reader.
    if let Some(any) = forms.iter().position(|form| form.starts_with("(any...)")) {
        let result = forms[any].trim_start_matches("(any...)");
        let empty = format!("(){result}");
        forms.retain(|form| *form != empty);
    }
    Entry { name: def.name, aliases: def.aliases, forms, place, doc: def.doc, examples: def.examples }
}

/// `"text, number? -> text"` as `(text, number?) → text`.
fn form(signature: &str) -> String {
    let (parameters, result) = signature.split_once("->").unwrap_or((signature, "any"));
    let result = match result.trim() {
        "item" => "an item of the first",
        "first" => "as the first",
        "common" => "what all have in common",
        result => result,
    };
    format!("({}) → {result}", parameters.trim())
}

#[cfg(test)]
mod tests {
    use boobook_nx::functions::function;

    use super::*;

    /// The complete list of names that Ninox has (nx-language.md §4.10), and those that only people tell of (§4.9).
    const NAMES: &str = "\
        abs acos age alert appendTempFile appointment array asin atan atan2 avg barcodeScan cached capitalize ceil \
        chosen clientLang closeAllRecords closeFullscreen closeRecord color concat contains cos count cnt \
        createCalendarEvent createCalendarReminder createTempFile createTextFile createXLSX createZipFile databaseId \
        date datetime day days degrees dialog duplicate duration email endof even exp extractx fieldId file \
        fileMetadata files fileUrl first floor format formatJSON formatXML get html http icon importFile index \
        invalidate iPad isAdminMode isDatabaseLocked isDatabaseProtected item join last latitude length ln \
        loadFileAsBase64 loadFileAsBase64URL location log longitude lower max min month monthIndex monthName ninoxApp \
        now number numbers odd openFullscreen openPage openPrintLayout openRecord openTable openURL parseCSV \
        parseJSON parseXML phone popupRecord pow printAndSaveRecord printRecord printTable quarter queryConnection \
        radians random range raw record removeFile removeItem renameFile replace replacex round rpad rsort \
        sendCommand sendEmail set setItem shareFile shareView sign sin sleep slice sort split splitx sqr sqrt start \
        string styled substr substring sum tableId tan teamId testx text time timeinterval timestamp today trim \
        unique unshareAllViews unshareFile unshareView upper url urlDecode urlEncode urlOf user userEmail \
        userFirstName userFullName userHasRole userId userIsAdmin userLastName userName userRole userRoles users \
        validateXML waitForSync week weekday weekdayIndex weekdayName workdays year yearmonth yearquarter yearweek \
        lpad userLang reverse typeof eval debugValueInfo debug records";

    #[test]
    fn every_name_of_ninox_is_there() {
        let lost: Vec<&str> = NAMES.split_whitespace().filter(|name| function(name).is_none()).collect();
        assert!(lost.is_empty(), "not in the table of functions: {}", lost.join(", "));
    }

    #[test]
    fn every_chapter_says_what_to_know() {
        for group in groups() {
            assert!(!group.intro.is_empty() && !group.entries.is_empty(), "{}", group.heading);
        }
        for (heading, _) in INTROS {
            assert!(groups().iter().any(|group| group.heading == *heading), "{heading} is no chapter");
        }
        for name in NOT_YET {
            assert!(function(name).is_some(), "{name} is no function");
        }
    }

    #[test]
    fn forms_are_for_people() {
        assert_eq!(form("text, number, text? -> text"), "(text, number, text?) → text");
        assert_eq!(form("-> date"), "() → date");
        let alert = groups().into_iter().flat_map(|group| group.entries).find(|entry| entry.name == "alert");
        assert_eq!(alert.unwrap().forms, ["(any...) → any"]);
    }
}
