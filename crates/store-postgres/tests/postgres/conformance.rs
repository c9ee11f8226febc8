//! The suite every store passes, on several servers and ways to them.

use boobook_store::conformance::Subject;
use boobook_store::{FaultStore, Faults, Store};
use boobook_store_postgres::PostgresStore;
use boobook_testkit::{Bouncer, Postgres};

/// New tables on the server all tests share; each opening is a node more.
struct OnServer<T = ()> {
    url: String,
    wrap: fn(PostgresStore) -> Box<dyn Store>,
    _server: Postgres,
    _between: T,
}

impl<T> Subject for OnServer<T> {
    fn open(&self) -> Box<dyn Store> {
        (self.wrap)(PostgresStore::open(&self.url).unwrap())
    }
}

fn plain() -> Option<OnServer> {
    let server = Postgres::shared()?;
    Some(OnServer { url: server.url(), wrap: |store| Box::new(store), _server: server, _between: () })
}

mod plain_tests {
    boobook_store::conformance_tests!(match super::plain() {
        Some(subject) => subject,
        None => return,
    });
}

/// Every transaction that does not say otherwise is serializable, as in CockroachDB: the server ends some for the sake of
/// others, and they have to be tried again.
fn serializable() -> Option<OnServer> {
    let subject = plain()?;
    let url = format!("{}&options=-c%20default_transaction_isolation%3Dserializable", subject.url);
    Some(OnServer { url, ..subject })
}

mod serializable_tests {
    boobook_store::conformance_tests!(match super::serializable() {
        Some(subject) => subject,
        None => return,
    });
}

/// A pooler in transaction mode: no state of a session lasts from one transaction to the next.
fn pooled() -> Option<OnServer<Bouncer>> {
    let server = Postgres::shared()?;
    let bouncer = Bouncer::before(&server)?;
    let url = format!("{}&prepare=off", bouncer.url());
    Some(OnServer { url, wrap: |store| Box::new(store), _server: server, _between: bouncer })
}

mod pooled_tests {
    boobook_store::conformance_tests!(match super::pooled() {
        Some(subject) => subject,
        None => return,
    });
}

/// Through the wrapper that the tests of the server stand on.
fn wrapped() -> Option<OnServer> {
    let wrap: fn(PostgresStore) -> Box<dyn Store> = |store| Box::new(FaultStore::new(store, Faults::new()));
    Some(OnServer { wrap, ..plain()? })
}

mod wrapped_tests {
    boobook_store::conformance_tests!(match super::wrapped() {
        Some(subject) => subject,
        None => return,
    });
}

/// Another version of the server.
fn version_18() -> Option<OnServer> {
    let server = Postgres::shared_18()?;
    Some(OnServer { url: server.url(), wrap: |store| Box::new(store), _server: server, _between: () })
}

mod version_18_tests {
    boobook_store::conformance_tests!(match super::version_18() {
        Some(subject) => subject,
        None => return,
    });
}
