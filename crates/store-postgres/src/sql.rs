//! Every statement this crate sends, so that one test can hold them all to the rules of portability.
//!
//! * Tables are written as `bb_…`; the schema is put before them when a statement is prepared ([`qualified`]). Nothing
//!   else may begin with `bb_`.
//! * Whatever is asked while requests wait has `db = $1` (or inserts `$1` as its `db`): that is the distribution column
//!   of Citus, the hash key of YugabyteDB, the range prefix of CockroachDB.
//! * No listening, advisory locks, sequences, triggers, functions of our own, temporary tables, row addresses,
//!   deferrable constraints; definitions one at a time, outside transactions.
//! * Table and record ids are `bigint`: packed table ids reach beyond 2³¹ and load in the order of unsigned numbers.

/// A statement with its tables in that schema.
pub(crate) fn qualified(sql: &str, schema: &str) -> String {
    sql.replace("bb_", &format!("\"{schema}\".bb_"))
}

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: &str = $text;)*

        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

statements! {
    // Transactions.

    BEGIN_SNAPSHOT = "begin isolation level repeatable read read only";
    /// Read committed, whatever the default: what is read under a lock must be what stands behind it, not a snapshot of
    /// the time before one waited for it.
    BEGIN = "begin isolation level read committed";
    /// Milliseconds follow. The server waits for the next statement of a transaction no longer than that: a node that
    /// freezes, or is cut off, must not hold what it has locked until the server's system gives its connection up.
    IDLE_LIMIT = "set local idle_in_transaction_session_timeout = ";
    COMMIT = "commit";
    ROLLBACK = "rollback";

    // Reading a database.

    HEAD = "select d.seq, d.clock_ms, d.sq_min, s.sq, case when s.sq > $2 then s.body else ''::bytea end
        from bb_database as d, bb_schema as s where d.db = $1 and s.db = $1";
    COUNTERS = "select tid, next from bb_counter where db = $1 order by tid";
    RECORDS = "select tid, rid, sq, deleted, body from bb_record where db = $1 order by tid, rid";
    EXISTS = "select 1 from bb_database where db = $1";
    IS_COMMITTED = "select exists (select 1 from bb_tx where db = $1 and seq = $2 and tx_id = $3),
        exists (select 1 from bb_database where db = $1)";
    /// One look-up by primary key for each row, all of them in one round trip. `h.sq < c.sq` ends a damaged chain.
    HISTORY = "with recursive chain (n, sq, prev, at_ms, actor, tid, rid, kind, before) as (
            select 1::bigint, sq, prev, at_ms, actor, tid, rid, kind, before
            from bb_history where db = $1 and sq = $2
        union all
            select c.n + 1, h.sq, h.prev, h.at_ms, h.actor, h.tid, h.rid, h.kind, h.before
            from chain as c, bb_history as h
            where h.db = $1 and h.sq = c.prev and h.sq > $3 and h.sq < c.sq and c.n < $4
        )
        select sq, prev, at_ms, actor, tid, rid, kind, before from chain order by sq desc";
    /// Planned anew each time: a plan made while the table was small reads all of it. Whoever asks leaves out what is too
    /// old.
    IDEMPOTENCY = "select at_ms, request_hash, tid, rids, key from bb_idem
        where db = $1 and key = any($2)";
    CHANGES = "select tid, rid, sq, deleted, body from bb_record where db = $1 and sq > $2 order by sq";

    // For a copy.

    ALL_HISTORY = "select sq, prev, at_ms, actor, tid, rid, kind, before from bb_history
        where db = $1 order by sq";
    ALL_IDEMPOTENCY = "select at_ms, request_hash, tid, rids, key from bb_idem where db = $1
        order by at_ms, key";
    ALL_DEFERRED = "select id, body from bb_deferred where db = $1 order by seq, n";

    // A commit: one statement. `?` are numbered from 6 on, in the order of the parts taken. Every part asks `moved`: a
    // database that does not stand at the base gives it no row, and nothing is written.

    MOVED = "with moved as (
            update bb_database set seq = $3, clock_ms = case when clock_ms < $4 then $4 else clock_ms end
            where db = $1 and seq = $2 returning db
        ), tx as (
            insert into bb_tx (db, seq, tx_id, at_ms) select $1, $3, $5, $4 from moved
        )";
    PUT_RECORDS = "insert into bb_record (db, tid, rid, sq, deleted, body)
            select $1, u.tid, u.rid, u.sq, u.deleted, u.body
            from moved, unnest(?, ?, ?, ?, ?) as u (tid, rid, sq, deleted, body)
            on conflict (db, tid, rid)
            do update set sq = excluded.sq, deleted = excluded.deleted, body = excluded.body";
    PUT_HISTORY = "insert into bb_history (db, sq, prev, at_ms, actor, tid, rid, kind, before)
            select $1, u.sq, u.prev, u.at_ms, u.actor, u.tid, u.rid, u.kind, u.before
            from moved, unnest(?, ?, ?, ?, ?, ?, ?, ?)
            as u (sq, prev, at_ms, actor, tid, rid, kind, before)";
    PUT_COUNTERS = "insert into bb_counter (db, tid, next)
            select $1, u.tid, u.next from moved, unnest(?, ?) as u (tid, next)
            on conflict (db, tid) do update set next = excluded.next";
    PUT_SCHEMA = "insert into bb_schema (db, sq, body) select $1, ?, ? from moved
            on conflict (db) do update set sq = excluded.sq, body = excluded.body";
    PUT_IDEMPOTENCY = "insert into bb_idem (db, key, at_ms, request_hash, tid, rids)
            select $1, u.key, u.at_ms, u.request_hash, u.tid, u.rids
            from moved, unnest(?, ?, ?, ?, ?) as u (key, at_ms, request_hash, tid, rids)
            on conflict (db, key) do update set at_ms = excluded.at_ms,
            request_hash = excluded.request_hash, tid = excluded.tid, rids = excluded.rids";
    PUT_DEFERRED = "insert into bb_deferred (db, seq, n, id, body, node, claim, lease)
            select $1, $3, u.n, u.id, u.body, ?, ''::bytea, now() + ? * interval '1 millisecond'
            from moved, unnest(?, ?, ?) as u (n, id, body)";
    /// 1: written; 0: it stands elsewhere; -1: there is no such database. Later ones are looked for only then.
    OUTCOME = "select case when exists (select 1 from moved) then 1
        when exists (select 1 from bb_database where db = $1) then 0 else -1 end";
    /// Apart from the commit's statement: engines refuse two changes of one table in one.
    TAKE_DEFERRED = "delete from bb_deferred where db = $1 and id = any($2)";

    // Nodes. Leases end by the clock of the server. A claim is named, so that a node whose answer got lost finds what it
    // has taken when it asks again.

    LOOK = "select db, seq from bb_database where db = any($1)";
    HOLD = "select seq from bb_database where db = $1 for update";
    ARE_PUT_OFF = "select id from bb_deferred where db = $1 and id = any($2)";
    TAKE_OWN = "update bb_deferred
        set node = $2, claim = ''::bytea, lease = now() + $3 * interval '1 millisecond'
        where db = $1 and (node = $2 or lease <= now())";
    OWN = "select id, body from bb_deferred where db = $1 and node = $2 order by seq, n";
    RENEW = "update bb_deferred set lease = now() + $2 * interval '1 millisecond' where node = $1";
    CLAIM = "update bb_deferred set node = $1, claim = $3, lease = now() + $2 * interval '1 millisecond'
        where (db, seq, n) in (
            select db, seq, n from bb_deferred where lease <= now() order by db, seq, n limit 100)
        and lease <= now()";
    CLAIMED = "select db, id, body from bb_deferred where node = $1 and claim = $2 order by db, seq, n";
    LEAVE = "update bb_deferred set lease = now() - interval '1 second' where node = $1";

    // Other changes of a database.

    CREATE_DATABASE = "with made as (
            insert into bb_database (db, seq, clock_ms, sq_min) values ($1, 1, $2, 0)
            on conflict (db) do nothing returning db
        )
        insert into bb_schema (db, sq, body) select db, 1, $3 from made";
    /// The row is locked, whether or not the bound rises, until the tombstones are gone as well.
    FORGET = "update bb_database set sq_min = case when sq_min < $3 then $3 else sq_min end
        where db = $1 and seq = $2";
    FORGET_TOMBSTONES = "delete from bb_record as r using unnest($3, $4) as u (tid, rid)
        where r.db = $1 and r.tid = u.tid and r.rid = u.rid and r.deleted and r.sq <= $2";
    DELETE_DATABASE = "delete from bb_database where db = $1";
    DELETE_SCHEMA = "delete from bb_schema where db = $1";
    DELETE_COUNTERS = "delete from bb_counter where db = $1";
    DELETE_DEFERRED = "delete from bb_deferred where db = $1";
    DELETE_RECORDS = "delete from bb_record where db = $1 and (tid, rid) in (
            select tid, rid from bb_record where db = $1 order by tid, rid limit $2)";
    DELETE_HISTORY = "delete from bb_history where db = $1 and sq in (
            select sq from bb_history where db = $1 order by sq limit $2)";
    DELETE_TX = "delete from bb_tx where db = $1 and seq in (
            select seq from bb_tx where db = $1 order by seq limit $2)";
    DELETE_IDEMPOTENCY = "delete from bb_idem where db = $1 and key in (
            select key from bb_idem where db = $1 order by key limit $2)";
    // Clocks never run backwards within a database: what is due lies at the beginning, and one look at the first row
    // tells whether there is anything.
    PURGE_HISTORY = "delete from bb_history where db = $1 and at_ms < $3 and sq in (
            select sq from bb_history where db = $1 order by sq limit $2)
        and exists (select 1 from (select at_ms from bb_history where db = $1 order by sq limit 1) as f
            where f.at_ms < $3)";
    PURGE_TX = "delete from bb_tx where db = $1 and at_ms < $3 and seq in (
            select seq from bb_tx where db = $1 order by seq limit $2)
        and exists (select 1 from (select at_ms from bb_tx where db = $1 order by seq limit 1) as f
            where f.at_ms < $3)";
    PURGE_IDEMPOTENCY = "delete from bb_idem where db = $1 and key in (
            select key from bb_idem where db = $1 and at_ms < $3 order by at_ms limit $2)";

    // The catalogue. Its version is that of a database without a name, so that a look is one look.

    CATALOGUE = "select kind, id, body from bb_catalogue";
    CATALOGUE_VERSION = "select seq from bb_database where db = ''";
    MOVE_CATALOGUE = "update bb_database set seq = seq + 1 where db = '' and seq = $1";
    PUT_ENTRIES = "insert into bb_catalogue (kind, id, body)
        select u.kind, u.id, u.body from unnest($1, $2, $3) as u (kind, id, body)
        on conflict (kind, id) do update set body = excluded.body";
    DELETE_ENTRIES = "delete from bb_catalogue as c using unnest($1, $2) as u (kind, id)
        where c.kind = u.kind and c.id = u.id";

    // For trying a server out.

    SERVER = "select version(), current_setting('default_transaction_isolation')";
    CLEAR = "truncate table bb_catalogue, bb_database, bb_schema, bb_counter, bb_record, bb_history, bb_tx,
        bb_idem, bb_deferred";

    // The format.

    HAS_SCHEMA = "select 1 from pg_catalog.pg_namespace where nspname = $1";
    ENCODING = "select current_setting('server_encoding')";
    FORMAT = "select name, value from bb_meta where name in ('format', 'needs')";
    RAISE_META = "update bb_meta set value = $2 where name = $1 and value < $2";
    MAKE_META = "create table if not exists bb_meta (name text primary key, value bigint not null)";
    FILL_META = "insert into bb_meta (name, value) values ('format', 0), ('needs', 0)
        on conflict (name) do nothing";
    MAKE_CATALOGUE = "create table if not exists bb_catalogue (
        kind text not null, id text not null, body bytea not null, primary key (kind, id))";
    MAKE_DATABASE = "create table if not exists bb_database (
        db text primary key, seq bigint not null, clock_ms bigint not null, sq_min bigint not null)";
    FILL_CATALOGUE = "insert into bb_database (db, seq, clock_ms, sq_min) values ('', 0, 0, 0)
        on conflict (db) do nothing";
    MAKE_SCHEMA = "create table if not exists bb_schema (
        db text primary key, sq bigint not null, body bytea not null)";
    MAKE_COUNTER = "create table if not exists bb_counter (
        db text not null, tid bigint not null, next bigint not null, primary key (db, tid))";
    MAKE_RECORD = "create table if not exists bb_record (
        tid bigint not null, rid bigint not null, sq bigint not null, deleted boolean not null,
        db text not null, body bytea not null, primary key (db, tid, rid))";
    MAKE_RECORD_SQ = "create index if not exists record_sq on bb_record (db, sq)";
    MAKE_HISTORY = "create table if not exists bb_history (
        sq bigint not null, prev bigint not null, at_ms bigint not null, tid bigint not null,
        rid bigint not null, kind smallint not null, db text not null, actor text not null,
        before bytea not null, primary key (db, sq))";
    MAKE_TX = "create table if not exists bb_tx (
        seq bigint not null, at_ms bigint not null, db text not null, tx_id bytea not null,
        primary key (db, seq))";
    MAKE_IDEM = "create table if not exists bb_idem (
        at_ms bigint not null, tid bigint not null, db text not null, key bytea not null,
        request_hash bytea not null, rids bytea not null, primary key (db, key))";
    /// Not led by `db`, for once: a server that knows nothing of the table yet would take that for as good a way to a key
    /// as the primary key, and read the answers of a whole day.
    MAKE_IDEM_OLD = "create index if not exists idem_old on bb_idem (at_ms, db)";
    MAKE_DEFERRED = "create table if not exists bb_deferred (
        seq bigint not null, n bigint not null, db text not null, id bytea not null, body bytea not null,
        node bytea not null, claim bytea not null, lease timestamptz not null, primary key (db, seq, n))";
}

/// Drops the schema and all that is in it.
pub(crate) fn drop_schema(schema: &str) -> String {
    format!("drop schema if exists \"{schema}\" cascade")
}

/// Removes an index.
pub(crate) fn drop_index(schema: &str, name: &str) -> String {
    format!("drop index if exists \"{schema}\".{name}")
}

/// Makes the schema.
pub(crate) fn make_schema(schema: &str) -> String {
    format!("create schema if not exists \"{schema}\"")
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// What some server of the protocol does not have, or what would tie nodes or transactions to each other.
    const BANNED: &[&str] = &[
        "listen",
        "notify",
        "advisory",
        "lock table",
        "sequence",
        "serial",
        "nextval",
        "identity",
        "trigger",
        "function",
        "procedure",
        "language",
        "temp",
        "unlogged",
        "ctid",
        "xmin",
        "deferrable",
        "partition",
        "collate",
        "references",
        "vacuum",
        "copy",
        "cursor",
        "returning *",
        "select *",
        "natural join",
    ];

    /// Statements that are about no database, or about all of them: seldom, or on a table of few rows.
    const OF_NO_DATABASE: &[&str] = &[
        "LOOK",
        "RENEW",
        "CLAIM",
        "CLAIMED",
        "LEAVE",
        "CATALOGUE",
        "CATALOGUE_VERSION",
        "MOVE_CATALOGUE",
        "PUT_ENTRIES",
        "DELETE_ENTRIES",
        "FORMAT",
        "RAISE_META",
        "FILL_META",
        "FILL_CATALOGUE",
        "CREATE_DATABASE",
        "CLEAR",
    ];

    fn words(sql: &str) -> Vec<&str> {
        sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
    }

    /// All parts of a commit at once.
    fn whole_commit() -> String {
        let parts =
            [PUT_RECORDS, PUT_HISTORY, PUT_COUNTERS, PUT_SCHEMA, PUT_IDEMPOTENCY, PUT_DEFERRED].join("; ");
        format!("{MOVED} {parts} {OUTCOME}")
    }

    #[test]
    fn statements_are_portable() {
        for (name, sql) in ALL {
            let lower = format!(" {} ", words(sql).join(" "));
            assert_eq!(lower, lower.to_lowercase(), "{name}: SQL is written in small letters");
            for banned in BANNED {
                let found = lower.contains(&format!(" {banned} ")) || sql.contains(&format!("{banned} ("));
                assert!(!found, "{name} has {banned:?}");
            }
            assert!(!sql.contains(';'), "{name} is one statement");
        }
    }

    #[test]
    fn definitions_can_be_repeated() {
        for (name, sql) in ALL {
            if words(sql).iter().any(|word| ["create", "alter", "drop"].contains(word)) {
                assert!(sql.contains("if not exists") || sql.contains("if exists"), "{name}");
                assert!(name.starts_with("MAKE_"), "{name} defines something");
            }
        }
    }

    #[test]
    fn statements_name_their_database_first() {
        for (name, sql) in ALL {
            let has_table = words(sql).iter().any(|word| word.starts_with("bb_"));
            if has_table && !name.starts_with("MAKE_") && !OF_NO_DATABASE.contains(name) {
                assert!(sql.contains("db = $1") || sql.contains("select $1"), "{name}: {sql}");
            }
        }
        for name in OF_NO_DATABASE {
            assert!(ALL.iter().any(|(known, _)| known == name), "there is no statement {name}");
        }
    }

    /// CockroachDB refuses two changes of a table in one statement, and rightly: their order is not defined.
    #[test]
    fn a_statement_changes_a_table_once() {
        let commit = whole_commit();
        for (name, sql) in ALL.iter().copied().chain([("commit", &*commit)]) {
            let mut changed: Vec<&str> = Vec::new();
            for three in words(sql).windows(3) {
                match three {
                    ["insert", "into", table] | ["delete", "from", table] | ["update", table, _]
                        if table.starts_with("bb_") =>
                    {
                        assert!(!changed.contains(table), "{name} changes {table} twice");
                        changed.push(table);
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn tables_are_the_only_names_with_the_prefix() {
        let made: Vec<&str> = ALL
            .iter()
            .filter(|(name, _)| name.starts_with("MAKE_"))
            .filter_map(|(_, sql)| words(sql).into_iter().find(|word| word.starts_with("bb_")))
            .collect();
        for (name, sql) in ALL {
            for word in words(sql).iter().filter(|word| word.contains("bb_")) {
                assert!(made.contains(word), "{name}: {word} is no table");
            }
        }
        let sql = "select 1 from bb_tx as t where t.db = $1";
        assert_eq!(qualified(sql, "s1"), "select 1 from \"s1\".bb_tx as t where t.db = $1");
    }

    #[test]
    fn no_statement_is_anywhere_else() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            for words in
                ["\"select ", "\"insert ", "\"update ", "\"delete ", "\"create ", "\"begin", "\"with "]
            {
                assert!(path.ends_with("sql.rs") || !text.contains(words), "{}: {words}", path.display());
            }
        }
    }
}
