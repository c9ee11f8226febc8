//! "Did you mean …?"

/// The candidate closest to `name`, if one is close enough to be a slip of the keyboard: the edit distance (a
/// transposition of neighbours counts one, upper and lower case count nothing) is at most a third of the length.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().take(LENGTH_MAX).flat_map(char::to_lowercase).collect();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let have: Vec<char> = candidate.chars().take(LENGTH_MAX).flat_map(char::to_lowercase).collect();
        let bound = wanted.len().max(have.len()) / 3;
        if candidate == name || wanted.len().abs_diff(have.len()) > bound.max(1) {
            continue;
        }
        let distance = distance(&wanted, &have);
        let close = distance <= bound.max(usize::from(wanted.len() > 1));
        if close && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Names are compared up to this length; the cost of a comparison is its square.
const LENGTH_MAX: usize = 64;

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                cost = cost.min(before_last[j - 1] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn suggests_slips_and_nothing_else() {
        let fields = ["First Name", "Last Name", "Status", "Net", "Id"];
        let suggested = |name| suggest(name, fields);
        assert_eq!(suggested("Frist Name"), Some("First Name"));
        assert_eq!(suggested("status"), Some("Status"));
        assert_eq!(suggested("Sattus"), Some("Status"));
        assert_eq!(suggested("Nett"), Some("Net"));
        assert_eq!(suggested("id"), Some("Id"));
        assert_eq!(suggested("Birthday"), None);
        assert_eq!(suggested("x"), None);
        assert_eq!(suggested("Status"), None);
    }
}
