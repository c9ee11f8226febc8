//! Scripts of requests that were compiled lately: clients send the same ones again and again.

use std::sync::Arc;

use boobook_nx::{Checked, Library};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Scripts of one schema version. What does not compile is not kept.
#[derive(Default)]
pub(crate) struct CompiledScripts(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    library: Option<Arc<Library>>,
    scripts: FxHashMap<Box<str>, Arc<Checked>>,
    bytes: usize,
}

/// Length of all scripts that are kept. A compiled one takes some ten times its length.
const BYTES_MAX: usize = 256 << 10;

impl CompiledScripts {
    /// A script, compiled against a schema's library.
    pub(crate) fn get(&self, library: &Arc<Library>, source: &str) -> Arc<Checked> {
        if let Some(known) = self.known(library, source) {
            return known;
        }
        let checked = Arc::new(library.script(source, None));
        if checked.is_sound() && source.len() <= BYTES_MAX / 16 {
            let mut kept = self.0.lock();
            if kept.bytes + source.len() > BYTES_MAX || !kept.is_of(library) {
                // What is still asked for is compiled once more.
                *kept = Kept { library: Some(Arc::clone(library)), ..Kept::default() };
            }
            kept.bytes += source.len();
            kept.scripts.insert(source.into(), Arc::clone(&checked));
        }
        checked
    }

    fn known(&self, library: &Arc<Library>, source: &str) -> Option<Arc<Checked>> {
        let kept = self.0.lock();
        if kept.is_of(library) { kept.scripts.get(source).cloned() } else { None }
    }
}

impl Kept {
    fn is_of(&self, library: &Arc<Library>) -> bool {
        self.library.as_ref().is_some_and(|known| Arc::ptr_eq(known, library))
    }
}

#[cfg(test)]
mod tests {
    use boobook_model::Schema;

    use super::*;

    #[test]
    fn a_script_is_compiled_once_for_a_schema() {
        let library = || Arc::new(Library::compile(Arc::new(Schema::empty("Lager"))));
        let (one, other) = (library(), library());
        let scripts = CompiledScripts::default();
        let first = scripts.get(&one, "1 + 1");
        assert!(Arc::ptr_eq(&first, &scripts.get(&one, "1 + 1")));
        assert!(!Arc::ptr_eq(&first, &scripts.get(&other, "1 + 1")), "another schema, another meaning");
        assert!(!Arc::ptr_eq(&first, &scripts.get(&one, "1 + 1")), "only the newest schema's are kept");
        let broken = scripts.get(&one, "1 +");
        assert!(!broken.is_sound() && !Arc::ptr_eq(&broken, &scripts.get(&one, "1 +")));
        for n in 0..20_000 {
            scripts.get(&one, &format!("{n} + 100000000000000000000"));
        }
        assert!(scripts.0.lock().bytes <= BYTES_MAX);
    }
}
