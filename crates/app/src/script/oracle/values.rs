//! Values drawn at random: few and alike, so that records have some in common.

use super::{draw::Draw, script::Base, world::Val};

/// Halves and quarters, so that sums are exact in whatever order they are added up.
const NUMBERS: &[f64] = &[0.0, 1.0, 2.0, -1.0, 0.5, 3.0, 10.0, -0.25, 100.0, -8.0, 7.0, 12.0];
pub(super) const TEXTS: &[&str] =
    &["", "a", "B", "Ärger", "ab", "12", "7.5", "A1", "x y", "ﬁx", "😀", "Red", "ä", "STRASSE", " b "];

/// A value that is no record.
pub(super) fn value(draw: &mut Draw<'_>, base: Base) -> Val {
    const HOUR: i64 = 3_600_000;
    if base == Base::Num {
        return Val::Num(draw.pick(NUMBERS));
    }
    if base == Base::Text {
        return Val::Text(draw.pick(TEXTS).to_owned());
    }
    let n = draw.below(16) as i64;
    match base {
        Base::Bool => Val::Bool(n % 2 == 1),
        Base::Date => Val::Date(19_782 + n - 8),
        Base::Moment => Val::Moment((19_782 + n / 4) * 24 * HOUR + n % 4 * 6 * HOUR),
        Base::Time => Val::Time(n * HOUR + n % 2 * HOUR / 2),
        Base::Span => Val::Span((n - 4) * HOUR / 2),
        Base::Choice => Val::Choice(1 + (n % 4) as u16),
        Base::Multi => Val::Multi((1..=4).filter(|option| n >> (option - 1) & 1 == 1).collect()),
        Base::Num | Base::Text | Base::Rec(_) => Val::Null,
    }
}
