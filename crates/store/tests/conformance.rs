//! The suite, on the stores of this crate.

use boobook_store::{FaultStore, Faults, MemStore, Store};

mod mem {
    use super::*;

    fn make() -> impl Fn() -> Box<dyn Store> {
        let store = MemStore::new();
        move || Box::new(store.clone())
    }

    boobook_store::conformance_tests!(make());
}

mod fault_store_without_faults {
    use super::*;

    fn make() -> impl Fn() -> Box<dyn Store> {
        let store = FaultStore::new(MemStore::new(), Faults::new());
        move || Box::new(store.clone())
    }

    boobook_store::conformance_tests!(make());
}
