use std::fs;

use super::*;

fn load(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> anyhow::Result<Settings> {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        fs::write(folder.path().join("boobook.toml"), file).unwrap();
    }
    Settings::load(&Sources {
        file: None,
        folder: folder.path(),
        variables: variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        flags: flags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    })
}

fn message(result: anyhow::Result<Settings>) -> String {
    format!("{:#}", result.unwrap_err())
}

#[test]
fn flag_before_variable_before_file_before_default() {
    assert_eq!(load("", &[], &[]).unwrap(), Settings::default());
    let file = "listen = \"1.1.1.1:1\"\n[limits]\nchanges_max = 5\nhistory_days = 7\n";
    assert_eq!(load(file, &[], &[]).unwrap().listen, "1.1.1.1:1");
    let variables = [("BOOBOOK_LISTEN", "2.2.2.2:2"), ("BOOBOOK_LIMITS_CHANGES_MAX", "6_000")];
    let settings = load(file, &variables, &[]).unwrap();
    assert_eq!((settings.listen.as_str(), settings.limits.changes_max), ("2.2.2.2:2", 6000));
    let flags = [("listen", "3.3.3.3:3"), ("limits.changes_max", "7")];
    let settings = load(file, &variables, &flags).unwrap();
    assert_eq!((settings.listen.as_str(), settings.limits.changes_max), ("3.3.3.3:3", 7));
    assert_eq!(settings.limits.history_days, 7, "the rest of the file stands");
    assert_eq!(settings.limits.body_bytes_max, Limits::default().body_bytes_max);
}

/// Three values of a setting, as text, that differ from each other and from the default.
fn three_values(path: &str, default: &toml::Value) -> [String; 3] {
    let three = |texts: [&str; 3]| texts.map(str::to_owned);
    match (path, default) {
        ("log.format", _) => three(["json", "text", "json"]),
        ("compat.unknown_field_status", _) => three(["500", "400", "500"]),
        ("script.mail.tls", _) => three(["tls", "none", "starttls"]),
        ("http.public_url", _) => three(["https://a.example", "http://b:8080", "https://c.example/d"]),
        ("store", _) => three(["postgres://one", "postgresql://two", "postgres://three"]),
        ("script.http.allow", _) => three(["10.0.0.0/8", "127.0.0.1", "fd00::/8"]),
        (_, toml::Value::Integer(number)) => [1, 2, 3].map(|n| (number + n).to_string()),
        (_, toml::Value::Boolean(yes)) => [!yes, *yes, !yes].map(|yes| yes.to_string()),
        _ => three(["one", "two", "three"]),
    }
}

#[test]
fn every_setting_comes_from_file_variable_and_flag() {
    // Both or none: with the pair in place, each of them can be set.
    let defaults = toml::Table::try_from(keys::full()).unwrap();
    let at = |table: &toml::Table, path: &str| {
        let whole = toml::Value::Table(table.clone());
        path.split('.').fold(whole, |value, name| value[name].clone())
    };
    let keys = keys::all();
    assert!(keys.len() > 30, "{} settings", keys.len());
    for key in keys {
        let values = three_values(&key.path, &at(&defaults, &key.path));
        let mut file = defaults.clone();
        key.put(&mut file, &values[0]).unwrap();
        let file = file.to_string();
        let variable = [(key.variable.as_str(), values[1].as_str())];
        let flag = [(key.path.as_str(), values[2].as_str())];
        for (n, loaded) in [load(&file, &[], &[]), load(&file, &variable, &[]), load(&file, &variable, &flag)]
            .into_iter()
            .enumerate()
        {
            let loaded = toml::Table::try_from(loaded.unwrap()).unwrap();
            let mut wanted = defaults.clone();
            key.put(&mut wanted, &values[n]).unwrap();
            assert_eq!(at(&loaded, &key.path), at(&wanted, &key.path), "{} by source {n}", key.path);
        }
    }
}

#[test]
fn an_empty_variable_is_none() {
    assert_eq!(load("", &[("BOOBOOK_LISTEN", "")], &[]).unwrap().listen, Settings::default().listen);
}

#[test]
fn lists_and_booleans_from_variables() {
    let variables =
        [("BOOBOOK_HTTP_CORS_ORIGINS", "https://a.example, https://b.example"), ("BOOBOOK_HTTP_DOCS", "no")];
    let http = load("", &variables, &[]).unwrap().http;
    assert_eq!(http.cors_origins, ["https://a.example", "https://b.example"]);
    assert!(!http.docs);
}

#[test]
fn unknown_settings_are_refused_with_their_place() {
    let unknown = message(load("data = \"d\"\n\n[limits]\nbody_max = 1\n", &[], &[]));
    assert!(unknown.contains("line 4") && unknown.contains("body_max"), "{unknown}");
    let unknown = message(load("", &[("BOOBOOK_LIMITS_BODY_MAX", "1")], &[]));
    assert!(unknown.contains("BOOBOOK_LIMITS_BODY_MAX"), "{unknown}");
    let unknown = message(load("", &[], &[("changes_max", "1")]));
    assert!(unknown.contains("did you mean limits.changes_max"), "{unknown}");
    assert!(load("", &[("BOOBOOK_CACHE", "/tmp")], &[]).is_ok(), "other programs have variables too");
}

#[test]
fn wrong_values_are_refused_with_their_place() {
    let wrong = message(load("[limits]\nchanges_max = \"many\"\n", &[], &[]));
    assert!(wrong.contains("line 2"), "{wrong}");
    let wrong = message(load("", &[("BOOBOOK_LIMITS_CHANGES_MAX", "many")], &[]));
    assert!(wrong.contains("BOOBOOK_LIMITS_CHANGES_MAX: expected a whole number, got \"many\""), "{wrong}");
    assert!(message(load("[tls]\ncert = \"c.pem\"\n", &[], &[])).contains("certificate and key"));
    assert!(message(load("[compat]\nunknown_field_status = 418\n", &[], &[])).contains("418"));
}

#[test]
fn a_named_file_must_be_there() {
    let sources = Sources {
        file: Some(Path::new("/nowhere/boobook.toml")),
        folder: Path::new("/"),
        variables: BTreeMap::new(),
        flags: Vec::new(),
    };
    assert!(message(Settings::load(&sources)).contains("/nowhere/boobook.toml"));
}

#[test]
fn the_manual_lists_every_setting() {
    let manual = include_str!("../../../../docs/configuration.md");
    for key in keys::all() {
        let name = key.path.rsplit('.').next().unwrap();
        assert!(manual.contains(&format!("`{name}`")), "docs/configuration.md does not mention {}", key.path);
        assert!(manual.contains(&key.variable), "docs/configuration.md does not mention {}", key.variable);
    }
}
