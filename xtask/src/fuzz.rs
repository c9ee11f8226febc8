//! The fuzz targets of `fuzz/`: built with coverage on the pinned toolchain, run for a while from the kept inputs and
//! from the examples of `conformance/` (see `fuzz/README.md`).

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::{cargo, root, run, suite::watch, target_dir};

/// What there is to run; each is a binary of `fuzz/`.
const TARGETS: [&str; 5] = ["nx_parse", "nx_diff", "row_codec", "wire_json", "form"];

/// Counters at every edge, and what is compared with what: the flags `cargo fuzz` gives, all of them stable.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Inputs beyond this are slower and say no more.
const INPUT_BYTES_MAX: usize = 4096;
/// How many inputs [`choices`] makes.
const CHOICES_COUNT: usize = 150;
/// Memory of a run, in megabytes; more is a finding.
const MEMORY_MB_MAX: usize = 2048;
/// Time of one input, in seconds; more is a finding.
const INPUT_SECONDS_MAX: usize = 10;
/// What the kept inputs of a target may come to.
const KEPT_FILES_MAX: usize = 200;
const KEPT_BYTES_MAX: u64 = 300_000;

/// What a bounded run came to.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) executions: u64,
    pub(crate) new_inputs: u64,
}

/// `cargo xtask fuzz TARGET [--keep | ARGS…]`
pub(crate) fn command(args: &[String]) -> anyhow::Result<()> {
    let Some((target, rest)) = args.split_first().filter(|(name, _)| TARGETS.contains(&name.as_str())) else {
        bail!("`cargo xtask fuzz` takes a target: {}", TARGETS.join(", "));
    };
    let fuzzer = Fuzzer::build(target)?;
    match rest {
        [option] if option == "--keep" => fuzzer.keep(),
        _ => run(&mut fuzzer.command(rest)?),
    }
}

/// All targets.
pub(crate) fn targets() -> impl Iterator<Item = &'static str> {
    TARGETS.into_iter()
}

/// Builds a target and runs it for `BOOBOOK_FUZZ_SECONDS` (120); an error names the input that it stumbled over.
pub(crate) fn bounded(target: &'static str) -> anyhow::Result<Outcome> {
    let seconds = match env::var("BOOBOOK_FUZZ_SECONDS") {
        Ok(text) => text.parse().with_context(|| format!("BOOBOOK_FUZZ_SECONDS={text} is no number"))?,
        Err(_) => 120_u64,
    };
    let fuzzer = Fuzzer::build(target)?;
    let mut command =
        fuzzer.command(&[format!("-max_total_time={seconds}"), "-print_final_stats=1".into()])?;
    let mut outcome = Outcome::default();
    let mut finding = None;
    let is_good = watch(&mut command, |line| {
        let number = |name: &str| line.strip_prefix(name).and_then(|rest| rest.trim().parse().ok());
        outcome.executions = number("stat::number_of_executed_units:").unwrap_or(outcome.executions);
        outcome.new_inputs = number("stat::new_units_added:").unwrap_or(outcome.new_inputs);
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            finding = Some(path.trim().to_owned());
        }
    })?;
    match (is_good, finding) {
        (true, _) => Ok(outcome),
        (false, Some(path)) => bail!("{target} fails; again with: cargo xtask fuzz {target} {path}"),
        (false, None) => bail!("{target} fails, and left no input"),
    }
}

/// Whether what builds the fuzzing engine is there.
pub(crate) fn has_compiler() -> anyhow::Result<()> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".into());
    let mut command = Command::new(&compiler);
    let status = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => bail!("the C++ compiler {compiler:?} does not run (Debian: install g++; or set CXX)"),
    }
}

/// A target that was built, and its folders.
struct Fuzzer {
    target: String,
    binary: PathBuf,
    /// Kept in the repository.
    kept: PathBuf,
    /// Found on this machine.
    found: PathBuf,
    /// What there is to begin with.
    seeds: PathBuf,
    findings: PathBuf,
}

impl Fuzzer {
    fn build(target: &str) -> anyhow::Result<Self> {
        let package = root().join("fuzz");
        // The server's own versions, whenever they change; cargo adds what the fuzzer alone needs.
        let (ours, theirs) = (root().join("Cargo.lock"), package.join("Cargo.lock"));
        let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        if changed(&theirs) < changed(&ours) {
            fs::copy(&ours, &theirs).with_context(|| format!("copying {}", ours.display()))?;
        }
        let built = target_dir().join("fuzz");
        let platform = host_platform()?;
        run(cargo()
            .args(["build", "--quiet", "--release", "--manifest-path"])
            .arg(package.join("Cargo.toml"))
            // With a platform named, build scripts and macros are built without the flags.
            .args(["--target", &platform, "--bin", target, "--target-dir"])
            .arg(&built)
            .env("RUSTFLAGS", COVERAGE))?;
        let fuzzer = Self {
            target: target.to_owned(),
            binary: built.join(&platform).join("release").join(target),
            kept: package.join("corpus").join(target),
            found: built.join("found").join(target),
            seeds: built.join("seeds").join(target),
            findings: built.join("findings").join(target),
        };
        for folder in [&fuzzer.kept, &fuzzer.found, &fuzzer.findings] {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        Ok(fuzzer)
    }

    /// The target with its limits; without files among the arguments, it runs on all inputs there are.
    fn command(&self, args: &[String]) -> anyhow::Result<Command> {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(root())
            .arg(format!("-max_len={INPUT_BYTES_MAX}"))
            .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
            .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
            .arg(format!("-artifact_prefix={}/", self.findings.display()));
        let words = root().join("fuzz").join(format!("{}.dict", self.target));
        if words.exists() {
            command.arg(format!("-dict={}", words.display()));
        }
        command.args(args);
        if args.iter().all(|arg| arg.starts_with('-')) {
            self.write_seeds()?;
            command.args([&self.found, &self.kept, &self.seeds]);
        }
        Ok(command)
    }

    fn write_seeds(&self) -> anyhow::Result<()> {
        let _ = fs::remove_dir_all(&self.seeds);
        fs::create_dir_all(&self.seeds)?;
        for (at, seed) in seeds(&self.target)?.into_iter().enumerate() {
            fs::write(self.seeds.join(at.to_string()), seed)?;
        }
        Ok(())
    }

    /// Replaces the kept inputs by as few as reach the same code as all that were found. Where they are too many, the
    /// greatest stay, which reach the most.
    fn keep(&self) -> anyhow::Result<()> {
        let merged = self.found.with_extension("merged");
        let _ = fs::remove_dir_all(&merged);
        fs::create_dir_all(&merged)?;
        self.write_seeds()?;
        run(self.command(&["-set_cover_merge=1".into(), merged.display().to_string()])?.args([
            &self.kept,
            &self.found,
            &self.seeds,
        ]))?;
        let mut inputs = files(&merged)?;
        inputs.sort_by(|a, b| b.cmp(a));
        fs::remove_dir_all(&self.kept)?;
        fs::create_dir_all(&self.kept)?;
        let (mut count, mut bytes) = (0, 0);
        for (size, path) in inputs {
            if count == KEPT_FILES_MAX || bytes + size > KEPT_BYTES_MAX {
                continue;
            }
            (count, bytes) = (count + 1, bytes + size);
            let name = path.file_name().unwrap_or_default();
            fs::copy(&path, self.kept.join(name)).with_context(|| format!("copying {}", path.display()))?;
        }
        println!("{count} inputs of {bytes} bytes are kept in {}", self.kept.display());
        Ok(())
    }
}

/// Files of a folder with their sizes.
fn files(folder: &Path) -> anyhow::Result<Vec<(u64, PathBuf)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    entries
        .map(|entry| {
            let entry = entry?;
            Ok((entry.metadata()?.len(), entry.path()))
        })
        .collect()
}

/// `x86_64-unknown-linux-gnu`
fn host_platform() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start `rustc -vV`")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// What a target begins with: what `conformance/` has for it, the scripts of its pages and the bodies of its requests;
/// and choices for cases of some size, which a fuzzer that begins with a few bytes would take long to come to.
fn seeds(target: &str) -> anyhow::Result<BTreeSet<Vec<u8>>> {
    let (folder, of_page): (&str, fn(&str) -> Vec<String>) = match target {
        "nx_parse" => ("conformance/nx", scripts),
        "wire_json" => ("conformance/api", bodies),
        "form" => ("conformance/api", forms),
        "nx_diff" => return Ok((1..=CHOICES_COUNT).map(choices).collect()),
        _ => return Ok(BTreeSet::new()),
    };
    let mut found = BTreeSet::new();
    for (_, path) in files(&root().join(folder))? {
        if path.extension().is_some_and(|extension| extension == "md") {
            let page = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let seeds = of_page(&page).into_iter().map(String::into_bytes);
            found.extend(seeds.filter(|seed| seed.len() <= INPUT_BYTES_MAX));
        }
    }
    Ok(found)
}

/// Bytes without a meaning, the same for the same number; the greater it is, the more.
fn choices(number: usize) -> Vec<u8> {
    let mut state = number as u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as u8
    };
    // The first ones of a small number are all small.
    (0..20 + 4 * number).map(next).skip(20).collect()
}

/// Fenced blocks of a kind.
fn blocks<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let mut parts = page.split("\n```");
    parts.next();
    // Behind each opening fence there is a closing one.
    parts
        .step_by(2)
        .filter_map(|block| block.split_once('\n'))
        .filter_map(|(head, body)| (head.split(' ').next() == Some(kind)).then_some(body))
        .collect()
}

/// Blocks of NX, and what stands between back quotes in tables.
fn scripts(page: &str) -> Vec<String> {
    let cells = page.lines().filter(|line| line.starts_with('|'));
    let cells = cells.flat_map(|line| line.split('`').skip(1).step_by(2));
    cells.chain(blocks(page, "nx")).map(|script| script.replace("\\|", "|")).collect()
}

/// Bodies of requests.
fn bodies(page: &str) -> Vec<String> {
    let bodies = blocks(page, "http").into_iter().filter_map(|block| block.split_once("\n\n"));
    bodies.map(|(_, body)| body.to_owned()).collect()
}

/// Forms among the bodies of requests, below their type.
fn forms(page: &str) -> Vec<String> {
    let requests = blocks(page, "http").into_iter().filter_map(|block| block.split_once("\n\n"));
    let form = |(head, body): (&str, &str)| {
        let content_type = head.lines().find_map(|line| line.strip_prefix("Content-Type: multipart/"))?;
        Some(format!("multipart/{content_type}\n{}\r\n", body.trim_end().replace('\n', "\r\n")))
    };
    requests.filter_map(form).collect()
}

#[cfg(test)]
mod tests {
    use super::{bodies, forms, scripts};

    #[test]
    fn examples_become_seeds() {
        let page = "# Page\n\n| script | value |\n|---|---|\n| `1 + 2` | `3` |\n\n```nx exec\nlet a := 1;\na\n```\n```json\n1\n```\n";
        assert_eq!(scripts(page), ["1 + 2", "3", "let a := 1;\na"]);
        let page =
            "text\n\n```http\nPOST {P}/x\n\n{\"a\": 1}\n```\n```json\n{}\n```\n\n```http\nGET {P}/y\n```\n";
        assert_eq!(bodies(page), ["{\"a\": 1}"]);
        let page = "text\n\n```http\nPOST {P}/x\nContent-Type: multipart/form-data; boundary=X\n\n--X\nA: b\n\nx\n--X--\n```\n";
        assert_eq!(forms(page), ["multipart/form-data; boundary=X\n--X\r\nA: b\r\n\r\nx\r\n--X--\r\n"]);
    }
}
