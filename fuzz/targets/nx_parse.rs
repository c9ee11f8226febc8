//! See `check_nx_parse`.
#![no_main]

#[path = "../../crates/nx-syntax/tests/nx_parse.rs"]
mod nx_parse;

libfuzzer_sys::fuzz_target!(|data: &[u8]| nx_parse::check_nx_parse(data));
