//! Tests of rows by several fields at once: the fields are handed out block by block, a lane each.

use boobook_model::{Cell, LANE_LEN_MAX, Lane, Sieve, StorageClass, TextLane};

use crate::{
    Table,
    bitmap::{bits, each_row},
    chunk::{CHUNK_WORDS, PodChunk, Pods},
    column::Column,
    mask::Mask,
};

/// Words of a mask that make up a block. Blocks do not reach over chunks.
const BLOCK_WORDS: usize = LANE_LEN_MAX / 64;

impl Table {
    /// Keeps rows that pass a sieve.
    pub(crate) fn sift(&self, mask: &mut Mask<'_>, sieve: &dyn Sieve) {
        let mut lanes: Vec<Lane<'_>> =
            sieve.slots().iter().map(|&slot| empty(self.layout.slot(slot).class)).collect();
        let mut keep = Vec::with_capacity(LANE_LEN_MAX);
        for (block, words) in mask.words_mut().chunks_mut(BLOCK_WORDS).enumerate() {
            let len = words.iter().map(|word| word.count_ones() as usize).sum();
            if len == 0 {
                continue;
            }
            for (&slot, lane) in sieve.slots().iter().zip(&mut lanes) {
                self.read_lane(slot, block * BLOCK_WORDS, words, lane);
            }
            keep.clear();
            keep.resize(len, false);
            sieve.test(&lanes, &mut keep);
            let mut kept = keep.iter();
            for word in words {
                *word = bits(*word)
                    .zip(kept.by_ref())
                    .fold(0, |word, (bit, &is_kept)| word | u64::from(is_kept) << bit);
            }
        }
    }

    fn read_lane<'t>(&'t self, slot: usize, from: usize, words: &[u64], lane: &mut Lane<'t>) {
        let column = self.columns.get(slot).and_then(Option::as_deref);
        match lane {
            Lane::Numbers(lane) => {
                lane.clear();
                match column.and_then(Column::as_numbers) {
                    Some(numbers) => numbers.read_lane(from, words, lane, finite),
                    None => {
                        each_row(from, words, |row| lane.push(column.map_or(f64::NAN, |c| number(c, row))));
                    }
                }
            }
            Lane::Texts(lane) => {
                lane.clear();
                match column.and_then(Column::as_texts) {
                    Some(texts) => texts.read_lane(from, words, lane),
                    None => each_row(from, words, |_| lane.push("")),
                }
            }
        }
    }
}

fn empty<'a>(class: Option<StorageClass>) -> Lane<'a> {
    match class {
        Some(StorageClass::Text) => Lane::Texts(TextLane::default()),
        _ => Lane::Numbers(Vec::with_capacity(LANE_LEN_MAX)),
    }
}

/// NaN for what is no number to anybody who calculates.
#[inline]
fn finite(n: f64) -> f64 {
    if n.is_finite() { n } else { f64::NAN }
}

fn number(column: &Column, row: u32) -> f64 {
    match column.get(row) {
        Cell::Number(n) => finite(n),
        Cell::Time(ms) => ms as f64,
        Cell::Bool(yes) => f64::from(yes),
        _ => f64::NAN,
    }
}

impl<T: Copy> Pods<T> {
    /// Appends the values of rows whose bits are set in `words`, which begin with word `from` of the column and
    /// end in the same chunk; NaN for empty ones.
    fn read_lane(&self, from: usize, words: &[u64], out: &mut Vec<f64>, number: impl Fn(T) -> f64) {
        match self.chunk(from / CHUNK_WORDS) {
            Some(PodChunk::Dense { values, valid, .. }) => {
                for (at, &word) in words.iter().enumerate() {
                    let index = from % CHUNK_WORDS + at;
                    let valid = valid.word(index);
                    let values = values.get(index * 64..).unwrap_or_default();
                    match values.first_chunk::<64>() {
                        Some(all) if word & valid == u64::MAX => out.extend(all.iter().map(|&v| number(v))),
                        Some(all) if word == u64::MAX => {
                            out.extend(all.iter().zip(0..64).map(|(&value, bit)| {
                                if valid >> bit & 1 == 1 { number(value) } else { f64::NAN }
                            }));
                        }
                        _ => out.extend(bits(word).map(|bit| match values.get(bit) {
                            Some(&value) if valid >> bit & 1 == 1 => number(value),
                            _ => f64::NAN,
                        })),
                    }
                }
            }
            Some(chunk) => each_row(from % CHUNK_WORDS, words, |at| {
                out.push(chunk.get(at as usize).map_or(f64::NAN, &number));
            }),
            None => {
                let len: usize = words.iter().map(|word| word.count_ones() as usize).sum();
                out.resize(out.len() + len, f64::NAN);
            }
        }
    }
}
