//! Scripts of requests that were compiled lately: clients send the same ones again and again.

use std::sync::Arc;

use boobook_model::Schema;
use boobook_nx::{Checked, Library, Locale};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Scripts of one schema version. What does not compile is not kept.
#[derive(Default)]
pub(crate) struct CompiledScripts(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    library: Option<Arc<Library>>,
    /// Of the library's schema: looking a zone up may read a file.
    locale: Locale,
    scripts: FxHashMap<Box<str>, Script>,
    bytes: usize,
}

struct Script {
    checked: Arc<Checked>,
    /// It may run where it is asked for ([`Self::BRIEF_BYTES_MAX`]).
    is_brief: bool,
}

impl Script {
    /// Longest script that is thought brief: functions may take long over long texts.
    const BRIEF_BYTES_MAX: usize = 4 << 10;

    fn new(checked: &Arc<Checked>, source: &str) -> Self {
        let is_brief = source.len() <= Self::BRIEF_BYTES_MAX && checked.program.is_brief();
        Self { checked: Arc::clone(checked), is_brief }
    }
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
                let locale = super::limits::locale(&library.schema);
                *kept = Kept { library: Some(Arc::clone(library)), locale, ..Kept::default() };
            }
            kept.bytes += source.len();
            kept.scripts.insert(source.into(), Script::new(&checked, source));
        }
        checked
    }

    fn known(&self, library: &Arc<Library>, source: &str) -> Option<Arc<Checked>> {
        let kept = self.0.lock();
        let known = kept.scripts.get(source).filter(|_| kept.is_of(library))?;
        Some(Arc::clone(&known.checked))
    }

    /// A script that is compiled already against the scripts of a schema, if it is brief, with what it needs to run.
    pub(crate) fn brief(
        &self,
        schema: &Arc<Schema>,
        source: &str,
    ) -> Option<(Arc<Library>, Locale, Arc<Checked>)> {
        let kept = self.0.lock();
        let library = kept.library.as_ref().filter(|library| Arc::ptr_eq(&library.schema, schema))?;
        let known = kept.scripts.get(source).filter(|script| script.is_brief)?;
        Some((Arc::clone(library), kept.locale.clone(), Arc::clone(&known.checked)))
    }
}

impl Kept {
    fn is_of(&self, library: &Arc<Library>) -> bool {
        self.library.as_ref().is_some_and(|known| Arc::ptr_eq(known, library))
    }
}

#[cfg(test)]
mod tests {
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
        assert!(
            scripts.brief(&one.schema, "1 + 1").is_some() && scripts.brief(&other.schema, "1 + 1").is_none()
        );
        let broken = scripts.get(&one, "1 +");
        assert!(!broken.is_sound() && !Arc::ptr_eq(&broken, &scripts.get(&one, "1 +")));
        for n in 0..20_000 {
            scripts.get(&one, &format!("{n} + 100000000000000000000"));
        }
        assert!(scripts.0.lock().bytes <= BYTES_MAX);
    }
}
