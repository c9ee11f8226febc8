//! See `check_nx_diff`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boobook_app::check_nx_diff(data));
