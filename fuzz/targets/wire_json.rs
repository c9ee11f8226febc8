//! See `check_wire_json`.
#![no_main]

#[path = "../../crates/http/tests/wire_json.rs"]
mod wire_json;

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire_json::check_wire_json(data));
