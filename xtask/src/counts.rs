//! Instructions of the hot paths, counted by valgrind. Unlike times they are nearly the same on a busy machine, so that
//! a change for the worse is seen where it is made.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use anyhow::{Context, bail};

use crate::{cargo, root, show};

/// What is recorded may be exceeded by this part before it is an error.
const TOLERANCE: f64 = 0.10;
/// A path as recorded: a line of the file.
struct Recorded {
    name: String,
    /// How often it is run: preparations take a million more or less each time, as hashes are seeded at random.
    runs: u64,
    instructions: u64,
}

fn file() -> PathBuf {
    root().join("crates/http/benches/counts.txt")
}

/// Whether valgrind can be started.
pub(crate) fn valgrind() -> anyhow::Result<()> {
    let found = Command::new("valgrind").arg("--version").output();
    match found {
        Ok(output) if output.status.success() => Ok(()),
        _ => bail!("valgrind is not installed (Debian: apt-get install valgrind)"),
    }
}

/// `cargo xtask counts [--renew]`: counts, compares or records. Answers how many paths keep within their ceilings.
pub(crate) fn run(renew: bool) -> anyhow::Result<u64> {
    valgrind()?;
    let path = file();
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let program = build()?;
    let mut renewed = String::new();
    let mut exceeded = Vec::new();
    let mut passed = 0;
    for line in text.lines() {
        let Some(recorded) = parse(line)? else {
            writeln!(renewed, "{line}")?;
            continue;
        };
        let Recorded { name, runs, .. } = &recorded;
        let alone = count(&program, name, runs + 1)?.saturating_sub(count(&program, name, 1)?);
        let counted = alone / runs;
        let change = counted as f64 / recorded.instructions.max(1) as f64 - 1.0;
        println!(
            "{name:12} {counted:>12} instructions, {:+.1} % of {}",
            change * 100.0,
            recorded.instructions
        );
        writeln!(renewed, "{name:12} {runs:>6} {counted:>10}")?;
        if change > TOLERANCE {
            exceeded.push(format!("{name}: {counted} instead of {}", recorded.instructions));
        } else {
            passed += 1;
        }
    }
    if renew {
        fs::write(&path, renewed).with_context(|| format!("writing {}", path.display()))?;
        println!("wrote {}", path.display());
        return Ok(passed);
    }
    if !exceeded.is_empty() {
        bail!(
            "more instructions than recorded, by over {:.0} %: {}. Look at what changed with `valgrind --tool=callgrind \
             {} PATH 100`; if it is worth that, `cargo xtask counts --renew` records the new counts",
            TOLERANCE * 100.0,
            exceeded.join(", "),
            program.display(),
        );
    }
    Ok(passed)
}

/// A path and its instructions; nothing for a comment.
fn parse(line: &str) -> anyhow::Result<Option<Recorded>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let mut read = || {
        let name = words.next()?.to_owned();
        let runs = words.next()?.parse().ok().filter(|runs| *runs > 0)?;
        Some(Recorded { name, runs, instructions: words.next()?.parse().ok()? })
    };
    let recorded = read();
    recorded.map(Some).with_context(|| format!("counts.txt: expected a path, runs and a count, got {line:?}"))
}

/// Builds the program that has the paths.
fn build() -> anyhow::Result<PathBuf> {
    let mut command = cargo();
    // The whole workspace, as the step `bench` builds it: with other features all would be built once more.
    command.args(["bench", "--workspace", "--bench", "counts", "--no-run"]);
    let output = command.output().with_context(|| format!("cannot start `{}`", show(&command)))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`{}` failed ({}):\n{told}", show(&command), output.status);
    }
    // `  Executable benches/counts.rs (target/release/deps/counts-0123)`
    let is_program = |line: &&str| line.trim_start().starts_with("Executable benches/counts");
    let program = told.lines().find(is_program);
    let program = program.and_then(|line| line.split_once('(')?.1.split_once(')'));
    let (program, _) = program.with_context(|| format!("`{}` named no program:\n{told}", show(&command)))?;
    Ok(root().join(program))
}

/// Instructions of a whole run of the program.
fn count(program: &PathBuf, path: &str, runs: u64) -> anyhow::Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(program).args([path, &runs.to_string()]);
    let output = command.output().with_context(|| format!("cannot start `{}`", show(&command)))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`{}` failed ({}):\n{told}", show(&command), output.status);
    }
    refs(&told).with_context(|| format!("`{}` told no count:\n{told}", show(&command)))
}

/// The number in `==12== I   refs:      1,234,567`.
fn refs(told: &str) -> Option<u64> {
    let line = told.lines().find(|line| line.contains(" I ") && line.contains("refs:"))?;
    let digits: String = line.split_once("refs:")?.1.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_counts_are_read() {
        let recorded = parse("count-first  300  36518").unwrap().unwrap();
        assert_eq!(
            (recorded.name.as_str(), recorded.runs, recorded.instructions),
            ("count-first", 300, 36_518)
        );
        assert!(parse("# comment").unwrap().is_none() && parse("").unwrap().is_none());
        assert!(parse("record 0 1").is_err() && parse("record 3").is_err());
        assert_eq!(refs("==7== \n==7== I   refs:      1,234,567\n"), Some(1_234_567));
        assert_eq!(refs("==7== I refs:  12"), Some(12));
        assert_eq!(refs("nothing"), None);
    }
}
