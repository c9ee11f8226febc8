//! What to say where a name is not one of a table's fields.

use boobook_model::TableSchema;

/// Names longer than this are not compared.
const NAME_CHARS_MAX: usize = 64;

/// `there is no such field in table "Contact"; did you mean "First name"?`
pub(crate) fn unknown_field(key: &str, table: &TableSchema) -> String {
    let mut text = format!("there is no such field in table {:?}", table.caption);
    let nearest = table
        .fields
        .iter()
        .filter(|field| !field.is_hidden())
        .filter_map(|field| Some((distance(key, &field.caption)?, &field.caption)))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, caption)) = nearest {
        text.push_str(&format!("; did you mean {caption:?}?"));
    }
    text
}

/// Edits from one name to the other, letter case apart; `None` where they have little in common.
fn distance(a: &str, b: &str) -> Option<usize> {
    let lower =
        |text: &str| text.chars().flat_map(char::to_lowercase).take(NAME_CHARS_MAX + 1).collect::<Vec<_>>();
    let (a, b) = (lower(a), lower(b));
    if a.len() > NAME_CHARS_MAX || b.len() > NAME_CHARS_MAX {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    let edits = row[b.len()];
    (edits <= a.len().max(b.len()) / 3).then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        assert_eq!(distance("First name", "First Name"), Some(0));
        assert_eq!(distance("Frist name", "First name"), Some(2));
        assert_eq!(distance("Nmae", "Name"), None);
        assert_eq!(distance("Adress", "Address"), Some(1));
        assert_eq!(distance("Age", "City"), None);
        assert_eq!(distance("", ""), Some(0));
    }
}
