//! The house rules that a compiler does not check: which crate may use which, what each must not touch, sizes.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn crates() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .flatten()
        .filter(|e| e.path().join("Cargo.toml").exists())
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Crates of ours each crate may depend on (ARCHITECTURE.md, "The crates").
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("nx-syntax", &[]),
    ("nx", &["model", "nx-syntax"]),
    ("engine", &["model"]),
    ("store", &["model"]),
    ("store-sqlite", &["model", "store"]),
    ("store-postgres", &["model", "store"]),
    ("files", &["model"]),
    ("app", &["model", "nx-syntax", "nx", "engine", "store", "files"]),
    ("http", &["model", "engine", "files", "app"]),
    (
        "boobook",
        &[
            "model",
            "nx-syntax",
            "nx",
            "engine",
            "store",
            "store-sqlite",
            "store-postgres",
            "files",
            "app",
            "http",
        ],
    ),
    ("testkit", &[]),
];

fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let mut names = BTreeSet::new();
    let mut in_dependencies = false;
    for line in text.lines() {
        if line.starts_with('[') {
            in_dependencies = line.trim() == "[dependencies]";
        } else if in_dependencies
            && let Some(name) = line.split(['.', '=', ' ']).next().filter(|n| !n.is_empty())
        {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn crates_use_only_what_they_may() {
    for name in crates() {
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(c, _)| *c == name)
            .unwrap_or_else(|| panic!("crate {name} is not in MAY_USE: say what it may depend on"));
        for used in dependencies(&root().join("crates").join(&name).join("Cargo.toml")) {
            if let Some(ours) = used.strip_prefix("boobook-") {
                assert!(allowed.contains(&ours), "{name} must not depend on {ours}");
            }
        }
    }
}

/// What a crate must not have among its dependencies or in its sources.
const MUST_NOT: &[(&str, &[&str], &[&str])] = &[
    ("model", &["tokio", "axum", "rusqlite", "getrandom"], &["std::fs", "std::net", "SystemTime", "Instant"]),
    (
        "engine",
        &["tokio", "axum", "rusqlite", "getrandom"],
        &["std::fs", "std::net", "SystemTime", "Instant"],
    ),
    (
        "nx-syntax",
        &["tokio", "axum", "rusqlite", "getrandom"],
        &["std::fs", "std::net", "SystemTime", "Instant"],
    ),
    ("nx", &["tokio", "axum", "rusqlite", "getrandom"], &["std::fs", "std::net", "SystemTime", "Instant"]),
    ("store", &["tokio", "axum", "rusqlite"], &["std::fs", "SystemTime"]),
    ("store-sqlite", &["tokio", "axum"], &[]),
    ("store-postgres", &["axum", "rusqlite"], &["SystemTime", "Instant"]),
    ("files", &["axum", "hyper", "rusqlite"], &["std::net", "SystemTime::now", "Instant"]),
    ("app", &["axum", "hyper", "rusqlite"], &["std::fs"]),
    ("http", &["rusqlite"], &["std::fs"]),
];

#[test]
fn crates_keep_away_from_what_is_not_theirs() {
    for (name, dependencies_banned, words_banned) in MUST_NOT {
        let folder = root().join("crates").join(name);
        for used in dependencies(&folder.join("Cargo.toml")) {
            assert!(!dependencies_banned.contains(&used.as_str()), "{name} must not depend on {used}");
        }
        for path in sources(&folder.join("src")) {
            if name == &"app" && path.ends_with("host.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for word in *words_banned {
                let used = text.lines().any(|l| l.contains(word) && !l.trim_start().starts_with("//"));
                assert!(!used, "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn only_store_crates_know_sql() {
    for name in crates().iter().filter(|n| !n.starts_with("store-")) {
        for path in sources(&root().join("crates").join(name).join("src")) {
            let text = fs::read_to_string(&path).unwrap().to_lowercase();
            for words in ["insert into ", "create table if", "pragma "] {
                assert!(!text.contains(words), "{} seems to hold SQL: {words:?}", path.display());
            }
        }
    }
}

#[test]
fn files_are_one_room_each() {
    let mut long = Vec::new();
    for name in crates() {
        for path in sources(&root().join("crates").join(name).join("src")) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > 600 {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "at most 600 lines a file:\n{}", long.join("\n"));
}

#[test]
fn libraries_say_what_they_are() {
    for name in crates() {
        let lib = root().join("crates").join(&name).join("src/lib.rs");
        let Ok(text) = fs::read_to_string(&lib) else { continue };
        let head: String = text.lines().take_while(|l| l.starts_with("//!")).collect::<Vec<_>>().join("\n");
        assert!(head.len() > 100, "{}: its head says what the crate is, and what it is not", lib.display());
        assert!(head.contains("not"), "{}: its head says what the crate is *not*", lib.display());
    }
}

#[test]
fn nothing_is_left_undone() {
    let (todo, unimplemented) = (concat!("todo", "!("), concat!("unimplemented", "!("));
    for name in crates() {
        for path in sources(&root().join("crates").join(name)) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains(todo) && !text.contains(unimplemented), "{}", path.display());
        }
    }
}

#[test]
fn record_json_is_written_in_one_module() {
    let name_json = ".name_json()";
    for name in ["http", "app", "boobook"] {
        for path in sources(&root().join("crates").join(name).join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            let is_the_one = path.components().any(|c| c.as_os_str() == "wire");
            assert!(is_the_one || !text.contains(name_json), "{} writes records", path.display());
        }
    }
}

#[test]
fn the_architecture_names_every_crate() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() <= 300);
    for name in crates() {
        assert!(text.contains(&format!("**`{name}`**")), "ARCHITECTURE.md does not speak of {name}");
    }
}
