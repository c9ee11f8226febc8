//! Files as parts of a form that `http()` sends (RFC 7578).

use boobook_model::FileEntry;
use boobook_nx::{HostError, Value};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::super::{HttpRequest, Reach, Recording, outside::as_json};

impl Reach<'_> {
    /// Makes a request one that sends files, besides the keys of its body. `files` are what is known of each.
    pub(crate) fn add_files(
        &self,
        recording: &Recording,
        request: &mut HttpRequest,
        body: &Value,
        files: &Value,
    ) -> Result<(), HostError> {
        let fields: Vec<(&str, String)> = match body {
            Value::Null => Vec::new(),
            Value::Object(object) => object.iter().map(|(key, value)| (&**key, as_text(value))).collect(),
            _ => {
                return Err(HostError::new(
                    "the body of http() is an object where files are sent: its keys go along",
                ));
            }
        };
        let mut sent = Vec::with_capacity(files.item_count());
        for file in files.items() {
            let entry = entry(&file).ok_or_else(|| HostError::new("http() sends files of records"))?;
            let content = self.load(recording, &entry)?;
            sent.push((entry, content));
        }
        let boundary = boundary(&fields, &sent);
        // Whatever the script says: only who writes the parts knows what parts them.
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        request.headers.push(("Content-Type".into(), format!("multipart/form-data; boundary={boundary}")));
        request.body = Some(form(&boundary, &fields, &sent).into());
        Ok(())
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) => text.to_string(),
        other => as_json(other),
    }
}

/// A file as scripts have what is known of it.
pub(crate) fn entry(file: &Value) -> Option<FileEntry> {
    let mut json = serde_json::from_str::<serde_json::Value>(&as_json(file)).ok()?;
    // The only member that is another here than in a record's list.
    json.as_object_mut()?.insert("modifiedAt".into(), 0.into());
    serde_json::from_value(json).ok()
}

/// What no part can hold: a hash of all of them.
fn boundary(fields: &[(&str, String)], files: &[(FileEntry, Bytes)]) -> String {
    let mut hasher = Sha256::new();
    for (key, value) in fields {
        hasher.update(key);
        hasher.update(value);
    }
    for (entry, _) in files {
        hasher.update(&entry.sha256);
    }
    let hash = hasher.finalize();
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("boobook-{digits}")
}

fn form(boundary: &str, fields: &[(&str, String)], files: &[(FileEntry, Bytes)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in fields {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", quoted(key));
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    for (entry, content) in files {
        let (name, kind) = (quoted(&entry.name), &entry.content_type);
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: {kind}\r\n\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// As browsers write names of parts.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_fields_and_files() {
        let file: Value = boobook_nx::json::from_json(serde_json::json!({
            "name": "a \"b\".png", "size": 2, "contentType": "image/png", "modifiedAt": "2024-01-01T00:00:00",
            "modifiedBy": "u", "sha256": "ab"}));
        let files = [(entry(&file).unwrap(), Bytes::from_static(&[0xff, 0x0a]))];
        let fields = [("k\r\n", "v".to_owned())];
        let expected = b"--B\r\nContent-Disposition: form-data; name=\"k%0D%0A\"\r\n\r\nv\r\n\
            --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.png\"\r\n\
            Content-Type: image/png\r\n\r\n\xff\n\r\n--B--\r\n";
        assert_eq!(form("B", &fields, &files), expected);
        let one = boundary(&fields, &files);
        assert_eq!(one, boundary(&fields, &files));
        assert_ne!(one, boundary(&[], &files));
        assert!(entry(&Value::Null).is_none() && entry(&"x".into()).is_none());
    }
}
