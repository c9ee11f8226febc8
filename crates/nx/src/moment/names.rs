//! Names of months and days, and the usual formats, of the languages that moment.js has the same for.

/// What a language calls and writes things.
#[derive(Debug)]
pub(crate) struct Names {
    /// From January.
    pub(crate) months: [&'static str; 12],
    /// From January.
    pub(crate) months_short: [&'static str; 12],
    /// As between hyphens, `D-MMM-YYYY`, where some languages drop the point.
    pub(crate) months_hyphened: [&'static str; 12],
    /// From Monday.
    pub(crate) days: [&'static str; 7],
    /// From Monday.
    pub(crate) days_short: [&'static str; 7],
    /// From Monday.
    pub(crate) days_min: [&'static str; 7],
    /// Formats `LT`, `LTS`, `L`, `LL`, `LLL`, `LLLL`.
    pub(crate) formats: [&'static str; 6],
    /// Day a week begins with, 0 = Monday, and day of January that is always in the first week.
    pub(crate) week: (i64, i64),
    /// What stands behind an ordinal number; the letter says of what (`D`, `M`, `Q`, `w` …).
    pub(crate) ordinal: fn(i64, u8) -> &'static str,
}

impl Names {
    /// Those of a language code such as `de` or `de-AT`; English for languages we have none of.
    pub(crate) fn of(code: &str) -> &'static Self {
        let language = code.split(['-', '_']).next().unwrap_or_default();
        let found = LANGUAGES.iter().find(|(code, _)| code.eq_ignore_ascii_case(language.trim()));
        found.map_or(&EN, |(_, names)| names)
    }

    /// The weekday of a name, full or short, in this language or English; 0 = Monday.
    pub(crate) fn weekday(&self, name: &str) -> Option<usize> {
        let name = name.trim().trim_end_matches('.').to_lowercase();
        [self, &EN]
            .iter()
            .flat_map(|names| [&names.days, &names.days_short, &names.days_min])
            .find_map(|days| days.iter().position(|day| day.trim_end_matches('.').to_lowercase() == name))
    }
}

static LANGUAGES: [(&str, &Names); 6] =
    [("en", &EN), ("de", &DE), ("fr", &FR), ("es", &ES), ("it", &IT), ("nl", &NL)];

static EN: Names = Names {
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    months_short: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    months_hyphened: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    days_short: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    days_min: ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"],
    formats: [
        "h:mm A",
        "h:mm:ss A",
        "MM/DD/YYYY",
        "MMMM D, YYYY",
        "MMMM D, YYYY h:mm A",
        "dddd, MMMM D, YYYY h:mm A",
    ],
    week: (6, 1),
    ordinal: |n, _| match (n % 10, n % 100 / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    },
};

static DE: Names = Names {
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    months_short: [
        "Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sep.", "Okt.", "Nov.", "Dez.",
    ],
    months_hyphened: [
        "Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sep.", "Okt.", "Nov.", "Dez.",
    ],
    days: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    days_short: ["Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."],
    days_min: ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"],
    formats: [
        "HH:mm",
        "HH:mm:ss",
        "DD.MM.YYYY",
        "D. MMMM YYYY",
        "D. MMMM YYYY HH:mm",
        "dddd, D. MMMM YYYY HH:mm",
    ],
    week: (0, 4),
    ordinal: |_, _| ".",
};

static FR: Names = Names {
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    months_short: [
        "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
    ],
    months_hyphened: [
        "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
    ],
    days: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    days_short: ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
    days_min: ["lu", "ma", "me", "je", "ve", "sa", "di"],
    formats: [
        "HH:mm",
        "HH:mm:ss",
        "DD/MM/YYYY",
        "D MMMM YYYY",
        "D MMMM YYYY HH:mm",
        "dddd D MMMM YYYY HH:mm",
    ],
    week: (0, 4),
    ordinal: |n, of| match (n, of) {
        (1, b'w' | b'W') => "re",
        (1, _) => "er",
        // Only the first day of a month is counted: le 1er mai, le 2 mai.
        (_, b'D') => "",
        _ => "e",
    },
};

static ES: Names = Names {
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    months_short: [
        "ene.", "feb.", "mar.", "abr.", "may.", "jun.", "jul.", "ago.", "sep.", "oct.", "nov.", "dic.",
    ],
    months_hyphened: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    days_short: ["lun.", "mar.", "mié.", "jue.", "vie.", "sáb.", "dom."],
    days_min: ["lu", "ma", "mi", "ju", "vi", "sá", "do"],
    formats: [
        "H:mm",
        "H:mm:ss",
        "DD/MM/YYYY",
        "D [de] MMMM [de] YYYY",
        "D [de] MMMM [de] YYYY H:mm",
        "dddd, D [de] MMMM [de] YYYY H:mm",
    ],
    week: (0, 4),
    ordinal: |_, _| "º",
};

static IT: Names = Names {
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    months_short: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
    months_hyphened: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
    days: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
    days_short: ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
    days_min: ["lu", "ma", "me", "gi", "ve", "sa", "do"],
    formats: FR.formats,
    week: (0, 4),
    ordinal: |_, _| "º",
};

static NL: Names = Names {
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    months_short: [
        "jan.", "feb.", "mrt.", "apr.", "mei", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.", "dec.",
    ],
    months_hyphened: ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
    days: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
    days_short: ["ma.", "di.", "wo.", "do.", "vr.", "za.", "zo."],
    days_min: ["ma", "di", "wo", "do", "vr", "za", "zo"],
    formats: [
        "HH:mm",
        "HH:mm:ss",
        "DD-MM-YYYY",
        "D MMMM YYYY",
        "D MMMM YYYY HH:mm",
        "dddd D MMMM YYYY HH:mm",
    ],
    week: (0, 4),
    ordinal: |n, _| if n == 1 || n == 8 || n >= 20 { "ste" } else { "de" },
};
