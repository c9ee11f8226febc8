//! What scripts may use, and the language they speak to people.

use boobook_model::{JsonMap, Schema};
use boobook_nx::{Language, Locale, RunLimits};
use jiff::tz::TimeZone;

/// Bounds of scripts (`[limits.script]`).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptLimits {
    /// Longest script of a request.
    pub source_bytes_max: usize,
    /// Calls, turns of loops, records looked at.
    pub steps_max: u64,
    /// Bytes of text, arrays and objects a run makes in all.
    pub bytes_max: u64,
    /// How deep functions call each other.
    pub depth_max: u32,
    /// How long a script that reads runs, in milliseconds.
    pub ms_max: u64,
    /// How long one that writes runs, answers of the web included.
    pub write_ms_max: u64,
    /// How long one that writes may hold up other writes to its database; one that takes longer runs beside them.
    pub writer_ms_max: u64,
    /// Largest answer.
    pub result_bytes_max: usize,
    /// Bytes of files that a run reads and makes in all.
    pub file_bytes_max: u64,
    /// Scripts that may wait for a thread.
    pub waiting_max: usize,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        let run = RunLimits::default();
        Self {
            source_bytes_max: 1 << 20,
            steps_max: 100_000_000,
            bytes_max: 256 << 20,
            depth_max: run.depth_max,
            ms_max: 30_000,
            write_ms_max: 10_000,
            writer_ms_max: 50,
            result_bytes_max: 64 << 20,
            file_bytes_max: 64 << 20,
            waiting_max: 1_000,
        }
    }
}

impl ScriptLimits {
    pub(crate) fn run(&self) -> RunLimits {
        RunLimits {
            steps_max: self.steps_max,
            bytes_max: self.bytes_max,
            depth_max: self.depth_max,
            ..RunLimits::default()
        }
    }
}

/// Language and zone from the database's settings `locale` and `timeZone`; English and UTC where they are not known.
pub(crate) fn locale(schema: &Schema) -> Locale {
    let settings: &JsonMap = &schema.settings.0;
    let text = |key: &str| settings.get(key).and_then(|value| value.as_str());
    Locale::new(
        text("locale").and_then(Language::from_code).unwrap_or_default(),
        text("timeZone").and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC),
    )
}
