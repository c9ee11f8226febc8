//! Files in a zip file.

use std::io::{Cursor, Write};

use boobook_model::FileEntry;
use boobook_nx::HostError;
use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// A zip file. The same files give the same bytes.
pub(super) fn write(
    entries: &[FileEntry],
    mut load: impl FnMut(&FileEntry) -> Result<Bytes, HostError>,
) -> Result<Vec<u8>, HostError> {
    let failed = |error: &dyn std::error::Error| HostError::new(format!("createZipFile(): {error}"));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(time(entry.modified_at_ms).unwrap_or_default());
        writer.start_file(entry.name.as_str(), options).map_err(|error| failed(&error))?;
        writer.write_all(&load(entry)?).map_err(|error| failed(&error))?;
    }
    Ok(writer.finish().map_err(|error| failed(&error))?.into_inner())
}

/// None outside of the years that zip files know.
fn time(ms: i64) -> Option<DateTime> {
    let at = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(ms).ok()?);
    let (year, month, day) = (u16::try_from(at.year()).ok()?, at.month() as u8, at.day() as u8);
    DateTime::from_date_and_time(year, month, day, at.hour() as u8, at.minute() as u8, at.second() as u8).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::ZipArchive;

    use super::*;

    fn entry(name: &str) -> FileEntry {
        FileEntry {
            name: name.into(),
            size: 1,
            sha256: "ab".repeat(32),
            content_type: "text/plain".into(),
            modified_at_ms: 1_700_000_000_000,
            modified_by: "u".into(),
        }
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let load = |entry: &FileEntry| Ok(Bytes::from(entry.name.repeat(1_000)));
        let entries =
            [entry("Grüße.txt"), entry("b c.bin"), FileEntry { modified_at_ms: -1, ..entry("old") }];
        let bytes = write(&entries, load).unwrap();
        assert_eq!(bytes, write(&entries, load).unwrap());
        assert!(bytes.len() < 1_500, "{}", bytes.len());
        let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(archive.len(), 3);
        for entry in &entries {
            let mut content = String::new();
            archive.by_name(&entry.name).unwrap().read_to_string(&mut content).unwrap();
            assert_eq!(content, entry.name.repeat(1_000));
        }
        let refused = write(&entries, |_| Err(HostError::new("lost")));
        assert_eq!(refused.unwrap_err().message, "lost");
    }
}
