//! What lies in `deploy/` fits the server: settings that there are, services that there are, and the tools that will
//! read the files find nothing wrong.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::print_stderr, reason = "what is skipped is told on the terminal")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use boobook_testkit::client_dir;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The files as their own tools read them; `None` where those are not installed.
fn read(values: &Value) -> Option<Value> {
    let python = client_dir("deploy", "clients")?.join("bin/python");
    let output = Command::new(python)
        .arg(root().join("tests/engines/deploy/read.py"))
        .arg(root().join("deploy"))
        .arg(values.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Variables of ours that the manual lists.
fn check_variables<'a>(names: impl IntoIterator<Item = &'a String>) {
    let manual = text("docs/configuration.md");
    for name in names.into_iter().filter(|name| name.starts_with("BOOBOOK_")) {
        let is_listed = manual.contains(&format!("`{name}`"));
        assert!(is_listed, "docs/configuration.md does not list {name}");
    }
}

#[test]
fn the_compose_file_fits_the_server_and_its_balancer() {
    let Some(read) = read(&json!({})) else { return };
    let compose = &read["compose"];
    let services = compose["services"].as_object().unwrap();
    let nodes: Vec<&str> = services.keys().map(String::as_str).filter(|n| n.starts_with("node")).collect();
    assert_eq!(nodes.len(), 3);
    for (name, service) in services {
        assert!(service["image"].is_string(), "{name} has no image");
        for other in service["depends_on"].as_object().into_iter().flat_map(|on| on.keys()) {
            assert!(services.contains_key(other), "{name} depends on {other}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            let is_there = match source.strip_prefix("./") {
                Some(file) => root().join("deploy/compose").join(file).is_file(),
                None => compose["volumes"].as_object().unwrap().contains_key(source),
            };
            assert!(is_there, "{name} mounts {source}");
        }
    }
    let node = &services["node1"];
    check_variables(node["environment"].as_object().unwrap().keys());
    let dockerfile = root().join("deploy/compose").join(node["build"]["context"].as_str().unwrap());
    assert!(dockerfile.join(node["build"]["dockerfile"].as_str().unwrap()).is_file());

    let balancer = text("deploy/compose/haproxy.cfg");
    let servers = balancer.lines().filter_map(|line| line.trim().strip_prefix("server "));
    let servers: Vec<&str> = servers.map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(servers, nodes);

    // Every secret has a place in the example, and none has a value there.
    let source = text("deploy/compose/compose.yaml");
    let used = source.split("${").skip(1).map(|rest| rest.split(['}', ':']).next().unwrap());
    let example = text("deploy/compose/.env.example");
    let asked: BTreeSet<&str> = example.lines().map(|line| line.strip_suffix('=').unwrap()).collect();
    assert_eq!(used.collect::<BTreeSet<_>>(), asked);
}

#[test]
fn helm_renders_the_chart() {
    let Some(read) = read(&json!({"replicas": 5, "settings": {"BOOBOOK_LOG": "debug, \"x\""}})) else {
        return;
    };
    assert_eq!(read["lint"]["errors"], json!([]), "{}", read["lint"]);
    let documents = read["chart"].as_array().unwrap();
    let find = |kind: &str| documents.iter().find(|one| one["kind"] == kind).unwrap();
    let deployment = find("Deployment");
    assert_eq!(deployment["metadata"]["name"], "owl");
    assert_eq!(deployment["spec"]["replicas"], 5);
    let template = &deployment["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    for selected in [
        &deployment["spec"]["selector"]["matchLabels"],
        &find("Service")["spec"]["selector"],
        &find("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ] {
        assert_eq!(selected, labels);
    }
    assert_eq!(template["spec"]["securityContext"]["runAsNonRoot"], true);
    let container = &template["spec"]["containers"][0];
    assert_eq!(container["image"], "boobook:0.1.0");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
    let variables = container["env"].as_array().unwrap();
    let value = |name: &str| &variables.iter().find(|one| one["name"] == name).unwrap()["value"];
    assert_eq!(value("BOOBOOK_LOG"), "debug, \"x\"");
    assert_eq!(value("BOOBOOK_FILES"), "s3://boobook/files");
    let names: Vec<String> = variables.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    check_variables(&names);
}

#[test]
fn the_chart_and_the_image_are_of_this_version() {
    let manifest = text("Cargo.toml");
    let value = |key: &str| {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let chart = text("deploy/helm/boobook/Chart.yaml");
    assert!(chart.contains(&format!("appVersion: \"{}\"", value("version"))), "{chart}");
    let image = text("deploy/Dockerfile");
    assert!(image.starts_with('#') && image.contains(&format!("FROM rust:{}-", value("rust-version"))));
    let last_user = image.lines().rev().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert!(!last_user.starts_with("root") && !last_user.starts_with('0'), "{last_user}");
}

/// A tool of the system that says whether a file is right.
fn check(tool: &str, args: &[&str]) {
    match Command::new(tool).args(args).output() {
        Err(error) => eprintln!("skipped: {tool} does not run here: {error}"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{tool} {}: {said}", args.join(" "));
        }
    }
}

#[test]
fn systemd_takes_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = text("deploy/systemd/boobook.service");
    let installed = "/usr/local/bin/boobook";
    assert!(unit.contains(installed));
    let path = folder.path().join("boobook.service");
    fs::write(&path, unit.replace(installed, env!("CARGO_BIN_EXE_boobook"))).unwrap();
    check("systemd-analyze", &["verify", "--man=no", path.to_str().unwrap()]);
    // Of ten, where zero is a program that may do nothing.
    let exposure = ["security", "--offline=true", "--threshold=20", path.to_str().unwrap()];
    check("systemd-analyze", &exposure);
}

#[test]
fn haproxy_takes_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    // Names of services mean something in the network of Compose alone.
    let mut configuration = text("deploy/compose/haproxy.cfg");
    for n in 1..=3 {
        configuration = configuration.replace(&format!("node{n}:8080"), &format!("127.0.0.{n}:8080"));
    }
    let path = folder.path().join("haproxy.cfg");
    fs::write(&path, configuration).unwrap();
    check("haproxy", &["-c", "-f", path.to_str().unwrap()]);
}
