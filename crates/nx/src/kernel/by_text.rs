//! Conditions on one text: where records share texts, worked out once for each text.

use std::cell::RefCell;

use boobook_model::{Lane, TextLane};

use super::{Flags, Numbers, Texts};

/// A condition that depends on one text, and what it came to so far.
#[derive(Debug)]
pub(super) struct ByText {
    lane: usize,
    condition: Flags,
    /// By the text's code.
    known: RefCell<Vec<Option<bool>>>,
}

impl ByText {
    pub(super) fn test(&self, lanes: &[Lane<'_>], out: &mut [bool]) {
        let Some(Lane::Texts(texts)) = lanes.get(self.lane) else { return out.fill(false) };
        if texts.codes().len() != out.len() {
            return self.condition.test(lanes, out);
        }
        let mut known = self.known.borrow_mut();
        for (at, (out, &code)) in out.iter_mut().zip(texts.codes()).enumerate() {
            let code = code as usize;
            if code >= known.len() {
                known.resize(code + 1, None);
            }
            *out = *known[code].get_or_insert_with(|| self.holds_for(texts.get(at)));
        }
    }

    /// What the condition comes to for one text.
    fn holds_for(&self, text: &str) -> bool {
        let lane = || {
            let mut lane = TextLane::default();
            lane.push(text);
            Lane::Texts(lane)
        };
        let lanes: Vec<Lane<'_>> = (0..=self.lane).map(|_| lane()).collect();
        let mut holds = [false];
        self.condition.test(&lanes, &mut holds);
        holds[0]
    }
}

/// The lanes an expression reads, as far as that matters here.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    Nothing,
    /// One lane of texts and nothing else.
    Text(usize),
    Others,
}

impl Reads {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, Self::Nothing) | (Self::Nothing, one) => one,
            (one, other) if one == other => one,
            _ => Self::Others,
        }
    }
}

impl Flags {
    /// With the parts that depend on one text only worked out by text.
    pub(super) fn by_text(self) -> Self {
        match (self.reads(), self) {
            (_, Self::Constant(holds)) => Self::Constant(holds),
            (Reads::Text(lane), condition) => {
                Self::ByText(Box::new(ByText { lane, condition, known: RefCell::default() }))
            }
            (_, Self::Not(inner)) => Self::Not(Box::new(inner.by_text())),
            (_, Self::And(sides)) => Self::And(Box::new((sides.0.by_text(), sides.1.by_text()))),
            (_, Self::Or(sides)) => Self::Or(Box::new((sides.0.by_text(), sides.1.by_text()))),
            (_, other) => other,
        }
    }

    fn reads(&self) -> Reads {
        match self {
            Self::Constant(_) => Reads::Nothing,
            Self::Not(inner) => inner.reads(),
            Self::And(sides) | Self::Or(sides) => sides.0.reads().and(sides.1.reads()),
            Self::IsTrue(numbers) => numbers.reads(),
            Self::Numbers(_, sides) => sides.0.reads().and(sides.1.reads()),
            Self::Texts(_, sides) => sides.0.reads().and(sides.1.reads()),
            Self::Like(texts, _) => texts.reads(),
            Self::ByText(by_text) => Reads::Text(by_text.lane),
        }
    }
}

impl Numbers {
    fn reads(&self) -> Reads {
        match self {
            Self::Lane(_) => Reads::Others,
            Self::Constant(_) => Reads::Nothing,
            Self::Arithmetic(_, sides) => sides.0.reads().and(sides.1.reads()),
            Self::Negate(of) | Self::Real(_, of) => of.reads(),
            Self::Length(of) => of.reads(),
            Self::If(parts) => parts.0.reads().and(parts.1.reads()).and(parts.2.reads()),
        }
    }
}

impl Texts {
    fn reads(&self) -> Reads {
        match self {
            Self::Lane(lane) => Reads::Text(*lane),
            Self::Constant(_) => Reads::Nothing,
            Self::Upper(of) | Self::Lower(of) | Self::Trim(of) => of.reads(),
            Self::Join(sides) => sides.0.reads().and(sides.1.reads()),
        }
    }
}

#[cfg(test)]
mod tests {
    use boobook_model::Needle;

    use super::*;
    use crate::ir::Comparison;

    #[test]
    fn shared_texts_are_judged_as_others_are() {
        let texts = ["", "Beta", "alpha", "Beta", "ÄRA", "", "alpha"];
        let needle = || Flags::Like(Texts::Upper(Box::new(Texts::Lane(0))), Needle::new("b"));
        let short = || {
            let sides = (Numbers::Length(Texts::Lane(0)), Numbers::Constant(4.0));
            Flags::Numbers(Comparison::Less, Box::new(sides))
        };
        let condition = || Flags::Or(Box::new((Flags::Not(Box::new(needle())), short())));
        let by_text = condition().by_text();
        assert!(matches!(by_text, Flags::ByText(_)), "{by_text:?}");
        let (mut plain, mut coded) = (TextLane::default(), TextLane::default());
        for text in texts {
            plain.push(text);
            let code = texts.iter().position(|known| *known == text).unwrap();
            coded.push_code(code as u32, || text);
        }
        let test = |flags: &Flags, lane: &TextLane<'_>| {
            let mut out = [false; 7];
            flags.test(&[Lane::Texts(lane.clone())], &mut out);
            out
        };
        let expected = test(&condition(), &plain);
        assert_eq!(expected, [true, false, true, false, true, true, true]);
        for lane in [&plain, &coded, &coded] {
            assert_eq!(test(&by_text, lane), expected);
        }
    }
}
