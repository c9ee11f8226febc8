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

mod mem_as_nodes {
    use super::*;

    fn make() -> impl Fn() -> Box<dyn Store> {
        let store = MemStore::new();
        move || Box::new(store.node())
    }

    boobook_store::conformance_tests!(make());

    /// A node that does not say that it lives loses its work at the end of its lease; one that does keeps it.
    #[test]
    fn a_lease_ends() -> Result<(), boobook_store::StoreError> {
        use boobook_store::{Batch, LEASE_MS};
        let store = MemStore::new();
        let (dead, lives, other) = (store.node(), store.node(), store.node());
        for (n, node) in [(1u64, &dead), (2, &lives)] {
            let id = format!("database{n}").parse().expect("an id");
            node.create_database(&id, b"{}", 0)?;
            let put_off = vec![(u128::from(n), Vec::new())];
            let batch =
                Batch { base: boobook_model::Sq(1), seq: boobook_model::Sq(2), put_off, ..Batch::default() };
            node.open_database(&id)?.commit(&batch)?;
        }
        let taken = |node: &MemStore| {
            let work = node.cluster().expect("it is shared").take_over()?;
            Ok::<_, boobook_store::StoreError>(work.into_iter().map(|work| work.id).collect::<Vec<_>>())
        };
        store.pass_time(LEASE_MS - 1);
        assert_eq!((taken(&lives)?, taken(&other)?), (vec![], vec![]));
        store.pass_time(1);
        assert_eq!((taken(&other)?, taken(&dead)?, taken(&other)?), (vec![1], vec![], vec![]));
        Ok(())
    }
}

mod fault_store_of_nodes_without_faults {
    use super::*;

    fn make() -> impl Fn() -> Box<dyn Store> {
        let store = MemStore::new();
        move || Box::new(FaultStore::new(store.node(), Faults::new()))
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
