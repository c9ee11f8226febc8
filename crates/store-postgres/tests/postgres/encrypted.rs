//! Connections over TLS: who is believed, and who is not.

use boobook_store::{Store, StoreError};
use boobook_store_postgres::PostgresStore;
use boobook_testkit::Postgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// A server whose certificate, for `localhost`, is signed by an authority of its own; its URL with that name, and the
/// file with the authority's certificate.
fn encrypted() -> Option<(Postgres, String, tempfile::NamedTempFile)> {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let files = [("server.crt", &*certificate.pem()), ("server.key", &*key.serialize_pem())];
    let server = Postgres::start_with(&["ssl=on"], &files)?;
    let url = server.url().replace("127.0.0.1", "localhost");
    let root = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(root.path(), authority.pem()).unwrap();
    Some((server, url, root))
}

fn open(url: &str, options: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&format!("{url}&application_name=tls_test&{options}"))
}

#[test]
fn connections_are_encrypted_and_verified_as_told() {
    let Some((server, url, root)) = encrypted() else { return };
    let is_encrypted = || {
        let sql = "select distinct s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid) \
                   where a.application_name = 'tls_test'";
        server.psql(sql) == "t"
    };
    let root = root.path().display();
    for (options, encrypted) in [
        ("sslmode=disable", false),
        ("", true),
        ("sslmode=prefer", true),
        ("sslmode=require", true),
        (&format!("sslmode=verify-full&sslrootcert={root}"), true),
        (&format!("sslrootcert={root}"), true),
    ] {
        let store = open(&url, options).unwrap();
        assert_eq!(store.catalogue_version(), Ok(0));
        assert_eq!(is_encrypted(), encrypted, "{options}");
        drop(store);
        while !server.psql("select 1 from pg_stat_activity where application_name = 'tls_test'").is_empty() {}
    }
    let other_name = url.replace("localhost", "127.0.0.1");
    for (url, options) in
        [(&url, "sslmode=verify-full"), (&other_name, &*format!("sslmode=verify-full&sslrootcert={root}"))]
    {
        let error = open(url, options).err().expect("it is not believed").to_string();
        assert!(error.contains("certificate"), "{error}");
    }
    let missing = open(&url, "sslrootcert=/nowhere.pem").err().unwrap().to_string();
    assert!(missing.contains("sslrootcert /nowhere.pem"), "{missing}");
}
