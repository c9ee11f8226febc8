//! See `check_form`.
#![no_main]

#[path = "../../crates/http/tests/form.rs"]
mod form;

libfuzzer_sys::fuzz_target!(|data: &[u8]| form::check_form(data));
