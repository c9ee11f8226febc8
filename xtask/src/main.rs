//! `cargo xtask`: what a developer runs, so that nobody has to remember flags.
//!
//! It is not part of the server and needs nothing but the Rust toolchain; tools that tests need beyond it are
//! installed under the cache directory (`~/.cache/boobook`, or `BOOBOOK_CACHE`).
//!
//! ```text
//! cargo xtask demo --listen 127.0.0.1:9000
//! cargo xtask test
//! cargo xtask test --deep
//! cargo xtask manual
//! cargo xtask bench filter
//! cargo xtask fuzz nx_parse
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]
#![allow(clippy::disallowed_methods, reason = "a development tool reads its environment and the clock")]

mod counts;
mod fuzz;
mod suite;
mod tools;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, bail};

const HELP: &str = "\
cargo xtask <command>

  demo [ARGS…]    build the server (profile `demo`: optimised, without the slow link step of a release)
                  and run `boobook demo ARGS…`
  test [--deep]   install what the tests need, then check formatting, lints, dependencies, and run all tests;
                  --deep: more kill -9 rounds, more property cases, documentation, benchmarks once through,
                  fuzz targets (each for BOOBOOK_FUZZ_SECONDS, 120), instructions of the hot paths counted
                  --only STEP,…   only the named steps (fmt clippy deny doc tests docs bench fuzz counts)
  manual          write the parts of the manual that come from the code (docs/nx/functions.md)
  bench [FILTER]  run the micro benchmarks
  counts          count the instructions of the hot paths (needs valgrind) and compare them with
                  crates/http/benches/counts.txt; --renew: write them there
  fuzz TARGET [ARGS…]
                  run a fuzz target (nx_parse nx_diff row_codec wire_json) until it finds something; ARGS go to
                  libFuzzer, a file among them is run alone; --keep: put what it found into fuzz/corpus
  help            this text

Environment: BOOBOOK_CACHE (default ~/.cache/boobook) is where tools go; with CI set nothing is skipped.
";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let command = args.next().unwrap_or_else(|| "help".into());
    let rest: Vec<String> = args.collect();
    let done = match command.as_str() {
        "demo" => demo(&rest),
        "test" => suite::test(&rest),
        "manual" => manual(),
        "bench" => bench(&rest),
        "counts" => counts::run(rest.iter().any(|argument| argument == "--renew")).map(|_| ()),
        "fuzz" => fuzz::command(&rest),
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(anyhow::anyhow!("there is no command {other:?}; `cargo xtask help` lists them")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the server and runs `boobook demo`.
fn demo(args: &[String]) -> anyhow::Result<()> {
    eprintln!("building boobook (the first time takes some minutes)");
    run(cargo().args(["build", "--profile", "demo", "--package", "boobook", "--bin", "boobook"]))?;
    let binary = target_dir().join("demo").join(format!("boobook{}", env::consts::EXE_SUFFIX));
    become_it(Command::new(binary).arg("demo").args(args))
}

/// Runs a command in place of this process, so that signals reach it and its exit code is ours.
#[cfg(unix)]
fn become_it(command: &mut Command) -> anyhow::Result<()> {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(error).with_context(|| format!("cannot start `{}`", show(command)))
}

/// Runs a command as the last thing done.
#[cfg(not(unix))]
fn become_it(command: &mut Command) -> anyhow::Result<()> {
    run(command)
}

/// Writes the pages of the manual that are made from the code. A test says when they are stale.
fn manual() -> anyhow::Result<()> {
    let shown = "boobook nx functions --markdown";
    let output = cargo()
        .args(["run", "--quiet", "--package", "boobook", "--bin", "boobook", "--"])
        .args(["nx", "functions", "--markdown"])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed ({})", output.status);
    }
    let page = root().join("docs/nx/functions.md");
    std::fs::write(&page, output.stdout).with_context(|| format!("writing {}", page.display()))?;
    println!("wrote {}", page.display());
    Ok(())
}

/// Runs the divan benchmarks of all crates that have them.
fn bench(args: &[String]) -> anyhow::Result<()> {
    run(cargo().args(["bench", "--workspace", "--bench", "*", "--"]).args(args))
}

/// The cargo that runs this, in the workspace.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // `cargo run` describes xtask in the environment. Build scripts watch these variables: with them, every change
    // between `cargo build` and `cargo xtask` would build half of the dependencies again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
            || text == "OUT_DIR"
        {
            command.env_remove(&name);
        }
    }
    command
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo builds.
fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Runs a command with our terminal; an error names the command.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// A command as one would type it.
fn show(command: &Command) -> String {
    let mut text = Path::new(command.get_program())
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
