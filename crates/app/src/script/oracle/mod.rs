//! Scripts drawn at random, run over the engine and by a walker that knows nothing of it: both must say the same.
//!
//! The walker ([`naive`]) works on a typed tree of its own and on plain maps, so that no mistake of parser, checker,
//! evaluator or engine is in it, too. A case ([`case`]) is run over a snapshot again and again, over a transaction in
//! which half of the records are not yet applied, and over what a script that writes leaves behind.
//!
//! Everything is drawn from bytes ([`draw`]): proptest's here, a fuzzer's in `fuzz/`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod case;
mod draw;
mod functions;
mod generate;
mod naive;
mod scalars;
mod script;
mod statements;
mod text;
mod values;
mod world;
mod writes;

use case::Case;
use draw::Draw;
use world::World;

/// Records of a table where there are few.
const FEW: usize = 8;
/// So many that columns have several chunks, and indexes are worth their while.
const MANY: usize = 6_000;

/// Runs the case that the bytes stand for.
///
/// # Panics
/// If engine and walker differ.
pub fn check_nx_diff(data: &[u8]) {
    let mut draw = Draw::new(data);
    // These take fifty times as long.
    if draw.chance(2) {
        let seed = draw.seed();
        check(&mut Draw::new(&draw::expand(seed, 150_000)), &mut draw, MANY, true);
    } else {
        let mut world = draw.part();
        check(&mut world, &mut draw, FEW, false);
    }
}

fn check(data: &mut Draw<'_>, choices: &mut Draw<'_>, records_max: usize, is_flat: bool) {
    let world = World::draw(data, records_max);
    Case::new(&world).check(choices, records_max as u64 / 2, is_flat);
}

#[cfg(test)]
#[path = "../../../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn few_records(
            data in prop::collection::vec(any::<u8>(), 0..200),
            choices in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            check(&mut Draw::new(&data), &mut Draw::new(&choices), FEW, false);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 64 + 1, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn many_records(seed in any::<u64>(), choices in prop::collection::vec(any::<u8>(), 0..300)) {
            check(&mut Draw::new(&draw::expand(seed, 150_000)), &mut Draw::new(&choices), MANY, true);
        }
    }

    #[test]
    fn kept_inputs_of_the_fuzzer() {
        super::replay::replay("nx_diff", check_nx_diff);
    }
}
