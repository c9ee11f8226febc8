//! `cargo xtask test`: every check and test in order, a headline for each, one line at the end.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};

use crate::{cargo, counts, fuzz, run, show, tools};

/// What a step came to.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// One step of the suite.
struct Step {
    name: &'static str,
    what: &'static str,
    deep_only: bool,
    go: fn(&Options) -> anyhow::Result<Count>,
}

/// What the command line asked for.
struct Options {
    deep: bool,
    only: Option<Vec<String>>,
    /// In CI nothing may be skipped.
    ci: bool,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", what: "formatting", deep_only: false, go: fmt },
    Step { name: "clippy", what: "lints", deep_only: false, go: clippy },
    Step { name: "deny", what: "dependencies: bans, licences, sources", deep_only: false, go: deny },
    Step { name: "doc", what: "examples in the documentation", deep_only: false, go: doc_tests },
    Step { name: "docs", what: "documentation builds without warnings", deep_only: true, go: docs },
    Step { name: "bench", what: "benchmarks, once through", deep_only: true, go: benches },
    Step { name: "fuzz", what: "fuzz targets, each for two minutes", deep_only: true, go: fuzz },
    Step { name: "counts", what: "instructions of the hot paths", deep_only: true, go: count_instructions },
    Step {
        name: "tests",
        what: "unit tests, conformance transcripts, clients, kill -9",
        deep_only: false,
        go: nextest,
    },
];

/// Runs the suite. Later steps run even where one failed; the error at the end says how many did.
pub(crate) fn test(args: &[String]) -> anyhow::Result<()> {
    let options = parse(args)?;
    let mut total = Count::default();
    let mut lines = Vec::new();
    for step in STEPS {
        let wanted = match &options.only {
            Some(only) => only.iter().any(|name| name == step.name),
            None => options.deep || !step.deep_only,
        };
        if !wanted {
            continue;
        }
        println!("\n=== {}: {}", step.name, step.what);
        let start = Instant::now();
        let (count, note) = match (step.go)(&options) {
            Ok(count) => (count, String::new()),
            Err(error) => {
                eprintln!("error: {error:#}");
                (Count { failed: 1, ..Count::default() }, format!("  {error:#}"))
            }
        };
        total.passed += count.passed;
        total.failed += count.failed;
        total.skipped += count.skipped;
        lines.push(format!(
            "{:8} {:>5} passed {:>3} failed {:>3} skipped  {}{note}",
            step.name,
            count.passed,
            count.failed,
            count.skipped,
            seconds(start.elapsed()),
        ));
    }
    println!("\n=== summary");
    for line in &lines {
        println!("{line}");
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    std::io::stdout().flush()?;
    if total.failed > 0 {
        bail!("the test run failed");
    }
    Ok(())
}

fn parse(args: &[String]) -> anyhow::Result<Options> {
    let mut options =
        Options { deep: false, only: None, ci: env::var_os("CI").is_some_and(|v| !v.is_empty()) };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--deep" => options.deep = true,
            "--only" => {
                let list = args.next().context("--only takes a list of steps, e.g. --only fmt,clippy")?;
                let names: Vec<String> = list.split(',').map(str::to_owned).collect();
                if let Some(name) = names.iter().find(|n| STEPS.iter().all(|s| s.name != **n)) {
                    let all: Vec<_> = STEPS.iter().map(|s| s.name).collect();
                    bail!("there is no step {name:?}; there are {}", all.join(", "));
                }
                options.only = Some(names);
            }
            other => bail!("unknown argument {other:?}; `cargo xtask help` lists them"),
        }
    }
    Ok(options)
}

/// A check that is one thing: it passes or fails.
fn one(command: &mut Command) -> anyhow::Result<Count> {
    run(command)?;
    Ok(Count { passed: 1, ..Count::default() })
}

fn fmt(_: &Options) -> anyhow::Result<Count> {
    one(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy(_: &Options) -> anyhow::Result<Count> {
    one(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn deny(options: &Options) -> anyhow::Result<Count> {
    let tool = match tools::cargo_tool("cargo-deny", "0.20.2") {
        Ok(tool) => tool,
        Err(error) => return skip(options, "cargo-deny", &error),
    };
    // The check reads the manifests of all platforms' dependencies; with them here it needs no network.
    run(cargo().args(["fetch", "--quiet", "--locked"]))?;
    one(Command::new(tool)
        .current_dir(crate::root())
        .args(["--offline", "--all-features", "--log-level", "error"])
        .args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))
}

fn doc_tests(_: &Options) -> anyhow::Result<Count> {
    let mut count = Count::default();
    let ok = watch(cargo().args(["test", "--quiet", "--doc", "--workspace"]), |line| {
        if let Some(rest) = line.strip_prefix("test result:") {
            count.passed += number_before(rest, " passed");
            count.failed += number_before(rest, " failed");
        }
    })?;
    settle(count, ok)
}

fn docs(_: &Options) -> anyhow::Result<Count> {
    one(cargo().args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn benches(_: &Options) -> anyhow::Result<Count> {
    one(cargo().args(["bench", "--quiet", "--workspace", "--bench", "*", "--", "--test"]))
}

fn fuzz(options: &Options) -> anyhow::Result<Count> {
    if let Err(error) = fuzz::has_compiler() {
        return skip(options, "a C++ compiler", &error);
    }
    run(cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))?;
    let mut count = Count::default();
    for target in fuzz::targets() {
        match fuzz::bounded(target) {
            Ok(outcome) => {
                println!("{target}: {} executions, {} new inputs", outcome.executions, outcome.new_inputs);
                count.passed += 1;
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                count.failed += 1;
            }
        }
    }
    Ok(count)
}

fn count_instructions(options: &Options) -> anyhow::Result<Count> {
    if let Err(error) = counts::valgrind() {
        return skip(options, "valgrind", &error);
    }
    Ok(Count { passed: counts::run(false)?, ..Count::default() })
}

fn nextest(options: &Options) -> anyhow::Result<Count> {
    let tool =
        tools::cargo_tool("cargo-nextest", "0.9.143").context("cargo-nextest is needed to run the tests")?;
    let missing = tools::clients();
    for (name, error) in &missing {
        if options.ci {
            bail!("{name}: {error:#}");
        }
        println!("skipped: tests that need {name}: {error:#}");
    }
    let mut command = Command::new(tool);
    command
        .current_dir(crate::root())
        .args(["nextest", "run", "--workspace", "--ignore-default-filter"])
        .args(["--no-fail-fast", "--status-level", "fail"])
        .args(["--final-status-level", "fail"])
        .env("BOOBOOK_CLIENTS_DIR", tools::cache_dir()?.join("clients"));
    if missing.is_empty() {
        command.env("BOOBOOK_REQUIRE", "browser,clients,data,postgres,s3");
    }
    if options.deep {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = now.as_secs().to_string();
        println!("property tests draw from PROPTEST_RNG_SEED={seed}");
        command.env("PROPTEST_RNG_SEED", seed);
        for (name, value) in
            [("BOOBOOK_DEEP", "1"), ("BOOBOOK_KILL_ROUNDS", "200"), ("PROPTEST_CASES", "4096")]
        {
            if env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
    }
    let mut count = Count::default();
    let ok = watch(&mut command, |line| {
        // `Summary [   1.234s] 12 tests run: 11 passed (1 slow), 1 failed, 2 skipped`
        if let Some(rest) = line.trim_start().strip_prefix("Summary [") {
            count.passed = number_before(rest, " passed");
            count.failed = number_before(rest, " failed") + number_before(rest, " timed out");
            count.skipped = number_before(rest, " skipped");
        }
    })?;
    settle(count, ok)
}

/// A tool that cannot be had: a failure in CI, else told and counted as skipped.
fn skip(options: &Options, tool: &str, error: &anyhow::Error) -> anyhow::Result<Count> {
    if options.ci {
        bail!("{tool} is needed in CI: {error:#}");
    }
    println!("skipped: {tool} is not there and could not be installed: {error:#}");
    Ok(Count { skipped: 1, ..Count::default() })
}

/// A failed command counts as at least one failure, whatever it printed.
fn settle(mut count: Count, ok: bool) -> anyhow::Result<Count> {
    if !ok && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// Runs a command, shows what it prints and gives each line to `look`; `true` where it succeeded.
pub(crate) fn watch(command: &mut Command, mut look: impl FnMut(&str)) -> anyhow::Result<bool> {
    let shown = show(command);
    let start = || format!("cannot start `{shown}`");
    let (reader, writer) = std::io::pipe().with_context(start)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().with_context(start)?)
        .stderr(writer)
        .spawn()
        .with_context(start)?;
    // The command object holds the write ends open; without this the loop below would not end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        look(&line);
    }
    Ok(child.wait()?.success())
}

/// The number right in front of a word: 11 for ` passed` in `ok. 11 passed; 0 failed`.
fn number_before(text: &str, word: &str) -> u64 {
    let Some(at) = text.find(word) else { return 0 };
    let digits = text[..at].rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    digits.parse().unwrap_or(0)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::number_before;

    #[test]
    fn counts_are_read_from_summaries() {
        let line = "   1.234s] 12 tests run: 11 passed (1 slow), 1 failed, 2 skipped";
        assert_eq!(number_before(line, " passed"), 11);
        assert_eq!(number_before(line, " failed"), 1);
        assert_eq!(number_before(line, " skipped"), 2);
        assert_eq!(number_before(" ok. 3 passed; 0 failed; 1 ignored", " passed"), 3);
        assert_eq!(number_before("nothing", " passed"), 0);
    }
}
