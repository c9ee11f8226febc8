//! Positions in the change feed, as clients hold them: sequences, some of them marked.
//!
//! A client that stands below `sq_min` may have missed deletions and must begin anew. But pages of a walk from 0
//! end below `sq_min`, too, and a plain sequence would send their client back to the start for ever. So positions below `sq_min` are handed out with a mark: who brings it is on a walk from 0. (A walk
//! that pauses for longer than deletions are kept may miss some.)

use boobook_model::Sq;

/// No sequence gets there, and sums with it are whole numbers to clients that count in `f64`.
const MARK: u64 = 1 << 52;

/// The sequence of a position, and whether it is of a walk from 0.
pub(crate) fn read(position: Sq) -> (Sq, bool) {
    (Sq(position.0 % MARK), position.0 == 0 || position.0 >= MARK)
}

/// The position to hand out for a sequence.
pub(crate) fn write(sq: Sq, sq_min: Sq) -> Sq {
    if sq < sq_min && sq > Sq(0) { Sq(sq.0 + MARK) } else { sq }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positions_of_walks_are_marked() {
        for (sq, is_walk) in [(0, true), (1, true), (9, true), (10, false), (11, false)] {
            assert_eq!(read(write(Sq(sq), Sq(10))), (Sq(sq), is_walk), "{sq}");
        }
        assert_eq!(read(Sq(9)), (Sq(9), false));
        assert_eq!(write(Sq(9), Sq(0)), Sq(9), "nothing is marked where nothing was forgotten");
    }
}
