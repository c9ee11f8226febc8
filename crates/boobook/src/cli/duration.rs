//! Durations as people write them: `90d`, `12h`, `1y`.

const SECOND_MS: i64 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * SECOND_MS;

/// Milliseconds of a whole number with a unit: `s`, `m`, `h`, `d`, `w` or `y` (365 days).
pub(crate) fn parse_ms(text: &str) -> Result<i64, String> {
    let expected =
        || format!("expected a whole number and a unit (s, m, h, d, w, y), such as 90d or 12h, got {text:?}");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let (number, unit) = text.split_at(unit_at);
    let number: i64 = number.parse().map_err(|_| expected())?;
    let unit_ms = match unit {
        "s" => SECOND_MS,
        "m" => 60 * SECOND_MS,
        "h" => 60 * 60 * SECOND_MS,
        "d" => DAY_MS,
        "w" => 7 * DAY_MS,
        "y" => 365 * DAY_MS,
        _ => return Err(expected()),
    };
    if number == 0 {
        return Err(
            "a key that lives for no time would be of no use; leave --expires away for one without end"
                .into(),
        );
    }
    number.checked_mul(unit_ms).filter(|ms| *ms <= 1000 * 365 * DAY_MS).ok_or_else(|| {
        format!("{text:?} is more than 1,000 years; leave --expires away for a key without end")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, ms) in [
            ("1s", 1_000),
            ("2m", 120_000),
            ("12h", 43_200_000),
            ("90d", 7_776_000_000),
            ("2w", 1_209_600_000),
            ("1y", 31_536_000_000),
        ] {
            assert_eq!(parse_ms(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in ["", "d", "90", "1.5d", "-1d", "90 d", "1mo", "90D", "99999999999999999999d"] {
            assert!(parse_ms(text).unwrap_err().contains("such as 90d"), "{text}");
        }
        assert!(parse_ms("0d").unwrap_err().contains("no time"));
        assert!(parse_ms("1001y").unwrap_err().contains("1,000 years"));
        assert!(parse_ms("9223372036854775807y").unwrap_err().contains("1,000 years"));
    }
}
