//! Runs the inputs that the fuzzer has found worth keeping. Every crate with a fuzz target includes this file in a
//! test, so that a change is held to them without a fuzzer.

use std::{fs, path::Path};

/// Gives each file of `fuzz/corpus/<target>` to `check`, in the order of their names.
///
/// # Panics
/// If there are none, as the test would hold nothing then, and where `check` does: the name of the file is printed.
pub(crate) fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "nothing in {}", folder.display());
    for path in paths {
        let input = fs::read(&path).unwrap();
        if let Err(panic) = std::panic::catch_unwind(|| check(&input)) {
            #[allow(clippy::print_stderr, reason = "the name belongs to the panic that was printed")]
            {
                eprintln!("with the input {}", path.display());
            }
            std::panic::resume_unwind(panic);
        }
    }
}
