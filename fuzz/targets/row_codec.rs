//! See `check_row_codec`.
#![no_main]

#[path = "../../crates/store/tests/row_codec.rs"]
mod row_codec;

libfuzzer_sys::fuzz_target!(|data: &[u8]| row_codec::check_row_codec(data));
