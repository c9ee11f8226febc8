//! Runs the steps and says what differs.

use std::{
    collections::BTreeSet,
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    CliStep, Exchange, Expected, Step, parse,
    parse::{Request, Row},
};
use crate::{
    Client, Installation, Response, RoundRobin,
    pattern::{self, Captures},
    percent_encode,
};

/// A running server sees catalogue changes of the command line within a second.
const CATALOGUE_DELAY: Duration = Duration::from_millis(1_200);
/// Longest wait for an event of a stream.
const EVENT_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer that was not the expected one.
#[derive(Debug, Clone)]
pub struct Failure {
    /// `conformance/api/records.md:12`
    pub place: String,
    /// The heading.
    pub section: String,
    /// Request, expected answer, what came and the differences, as text.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.place, self.section)?;
        for line in self.detail.lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Answers that were as expected.
    pub passed: usize,
    /// Those that were not, by file and line.
    pub failures: Vec<Failure>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        let mut files: Vec<(&str, usize)> = Vec::new();
        for failure in &self.failures {
            let file = failure.place.split(':').next().unwrap_or_default();
            match files.last_mut() {
                Some((last, count)) if *last == file => *count += 1,
                _ => files.push((file, 1)),
            }
        }
        for (file, count) in files {
            writeln!(f, "{count:>4} failed in {file}")?;
        }
        write!(f, "{} answers as expected, {} not", self.passed, self.failures.len())
    }
}

/// Runs every `*.md` of a folder whose name contains `filter`, against one server, files side by side.
pub fn run_folder(binary: impl AsRef<Path>, folder: &Path, filter: &str) -> Report {
    run_files(&Installation::new(binary), 1, &transcripts(folder, filter))
}

/// As [`run_folder`], against two nodes on a store that they share, each request going to the other one.
pub fn run_folder_on_nodes(binary: impl AsRef<Path>, store: &str, folder: &Path, filter: &str) -> Report {
    run_files(&Installation::shared(binary, store), 2, &transcripts(folder, filter))
}

/// The transcripts of a folder.
fn transcripts(folder: &Path, filter: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    files.retain(|path| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        path.extension().is_some_and(|e| e == "md") && name.contains(filter)
    });
    files.sort();
    assert!(!files.is_empty(), "no transcript in {} matches {filter:?}", folder.display());
    files
}

fn run_files(place: &Installation, nodes: usize, files: &[PathBuf]) -> Report {
    // Teams and keys are made before the server starts: then nobody has to wait until it sees them.
    let access: Vec<(String, String)> = files
        .iter()
        .map(|_| {
            let team = place.team("Conformance");
            let key = place.key(&team, &["--role", "admin", "--name", "conformance"]);
            (team, key)
        })
        .collect();
    let servers: Vec<_> = (0..nodes).map(|_| place.serve()).collect();
    let addresses: Vec<_> = servers.iter().map(crate::Server::addr).collect();
    let balancer = (nodes > 1).then(|| RoundRobin::before(&addresses).expect("a port to listen on"));
    let addr = balancer.as_ref().map_or(addresses[0], RoundRobin::addr);

    let report = Mutex::new(Report::default());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..files.len().min(4) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(file), Some((team, key))) = (files.get(at), access.get(at)) else { break };
                    let mut part = Run::new(place, addr, file, team, key).all();
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    report.passed += part.passed;
                    report.failures.append(&mut part.failures);
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failures.sort_by_key(|failure| {
        let (file, line) = failure.place.rsplit_once(':').unwrap_or_default();
        (file.to_owned(), line.parse::<usize>().unwrap_or(0))
    });
    report
}

/// One file's run.
struct Run<'a> {
    place: &'a Installation,
    addr: SocketAddr,
    file: &'a Path,
    shown: String,
    captures: Captures,
    /// Names that the file captures somewhere.
    variables: BTreeSet<String>,
    section: String,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(place: &'a Installation, addr: SocketAddr, file: &'a Path, team: &str, key: &str) -> Self {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let captures = [("team", team), ("key", key), ("host", &addr.to_string())]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        Self {
            place,
            addr,
            file,
            shown: format!("conformance/api/{name}"),
            captures,
            variables: BTreeSet::new(),
            section: String::new(),
            report: Report::default(),
        }
    }

    fn all(mut self) -> Report {
        let sections = match fs::read_to_string(self.file) {
            Ok(text) => {
                self.variables = captured_names(&text);
                parse(&text)
            }
            Err(error) => Err(error.to_string()),
        };
        let sections = match sections {
            Ok(sections) => sections,
            Err(error) => {
                self.fail(0, format!("not a transcript: {error}"));
                return self.report;
            }
        };
        self.make_database();
        for section in &sections {
            section.name.clone_into(&mut self.section);
            for step in &section.steps {
                match step {
                    Step::Exchange(exchange) => {
                        for row in &exchange.rows {
                            self.exchange(exchange, row);
                        }
                    }
                    Step::Cli(cli) => self.cli(cli),
                }
            }
        }
        self.report
    }

    /// Each file has a fresh database, `{db}`; `{P}` is its path.
    fn make_database(&mut self) {
        let team = self.captures["team"].clone();
        let body = json!({"name": "Lager"}).to_string();
        let client = Client::new(self.addr, Some(&self.captures["key"]));
        let answer =
            client.request("POST", &format!("/v1/teams/{team}/databases"), &[], Some(body.as_bytes()));
        let id = match &answer {
            Ok(response) => serde_json::from_slice::<Value>(&response.body)
                .ok()
                .and_then(|made| made["id"].as_str().map(str::to_owned)),
            Err(_) => None,
        };
        match id {
            Some(id) => {
                self.captures.insert("P".into(), format!("/v1/teams/{team}/databases/{id}"));
                self.captures.insert("db".into(), id);
            }
            None => self.fail(0, format!("no database for this file: {answer:?}")),
        }
    }

    fn fail(&mut self, line: usize, detail: String) {
        let place = format!("{}:{line}", self.shown);
        self.report.failures.push(Failure { place, section: self.section.clone(), detail });
    }

    fn exchange(&mut self, exchange: &Exchange, row: &Row) {
        let line = if row.line > 0 { row.line } else { exchange.request.line };
        let request = self.fill(&exchange.request.text, row);
        let expected = self.fill(&exchange.expected.text, row);
        // An answer may use what it itself captures further up.
        let missing = self.variables.iter().find(|name| {
            let used = format!("{{{name}}}");
            let own = expected.contains(&format!("<={name}"));
            request.contains(&used) || (expected.contains(&used) && !own)
        });
        if let Some(name) = missing {
            return self.fail(line, format!("not run: {{{name}}} was not captured (see the failures above)"));
        }
        let sent = match Sent::parse(&request, &exchange.request) {
            Ok(sent) => sent,
            Err(error) => return self.fail(line, error),
        };
        let client = Client::new(self.addr, Some(&self.captures["key"]));
        let (got, problems) = if exchange.request.events {
            self.events(&client, &sent, &expected)
        } else {
            match sent.send(&client) {
                Ok(response) => {
                    let problems = self.compare(&response, &expected);
                    (show_response(&response), problems)
                }
                Err(error) => (format!("no answer: {error}"), vec![error.to_string()]),
            }
        };
        if problems.is_empty() {
            self.report.passed += 1;
            return;
        }
        let detail = format!(
            "--- sent\n{}\n--- expected (line {})\n{}\n--- got\n{got}\n--- differences\n{}",
            request.trim_end(),
            exchange.expected.line,
            expected.trim_end(),
            problems.join("\n"),
        );
        self.fail(line, detail);
    }

    /// Puts captured values in for `{name}` and a row's cells for `$column`.
    fn fill(&self, text: &str, row: &Row) -> String {
        let mut text = text.to_owned();
        for (column, cell) in &row.cells {
            text = text.replace(&format!("${column}"), cell);
        }
        for (name, value) in &self.captures {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }

    /// What differs from the expected status line, headers and body.
    fn compare(&mut self, response: &Response, expected: &str) -> Vec<String> {
        let (mut problems, body) = self.compare_head(&response.head, expected);
        let body = body.trim();
        let text = response.text();
        if body == "<empty>" {
            if !response.body.is_empty() {
                problems.push(format!("expected an empty body, got {} bytes", response.body.len()));
            }
        } else if !body.is_empty() {
            match (pattern::parse(body), serde_json::from_str::<Value>(&text)) {
                (Ok(pattern), Ok(got)) => {
                    let found = pattern::compare(&pattern, &got, &mut self.captures);
                    problems.extend(found.into_iter().map(|m| format!("{}: {}", m.path, m.problem)));
                }
                (Ok(_), Err(error)) => problems.push(format!("the body is no JSON: {error}")),
                (Err(error), _) if body.starts_with(['{', '[']) => problems.push(error),
                (Err(_), _) if pattern::is_wildcard(body) => {
                    if let Err(problem) = pattern::wildcard(body, &Value::String(text), &mut self.captures) {
                        problems.push(problem);
                    }
                }
                (Err(_), _) if body == text.trim() => {}
                (Err(_), _) => problems.push(format!("expected the text {body:?}")),
            }
        }
        problems
    }

    /// Compares status and headers; gives the expected body, which is not looked at.
    fn compare_head<'t>(&mut self, head: &crate::Head, expected: &'t str) -> (Vec<String>, &'t str) {
        let (expected_head, body) = expected.split_once("\n\n").unwrap_or((expected, ""));
        let mut lines = expected_head.lines();
        let mut problems = Vec::new();
        let status = lines.next().unwrap_or_default();
        let status = status.strip_prefix("HTTP/1.1 ").unwrap_or(status);
        let status = status.split(' ').next().unwrap_or_default();
        let got = head.status.to_string();
        if status.len() != got.len() || !status.chars().zip(got.chars()).all(|(w, g)| w == 'x' || w == g) {
            problems.push(format!("status: expected {status}, got {}", head.status));
        }
        for line in lines {
            let Some((name, want)) = line.split_once(':') else {
                problems.push(format!("the transcript's header has no colon: {line:?}"));
                continue;
            };
            let want = want.trim();
            match head.header(name) {
                None if want == "<absent>" => {}
                None => problems.push(format!("{name}: expected {want:?}, but it is absent")),
                Some(got) if want == "<absent>" => {
                    problems.push(format!("{name}: not expected, got {got:?}"));
                }
                Some(got) if pattern::is_wildcard(want) => {
                    let got = Value::String(got.to_owned());
                    if let Err(problem) = pattern::wildcard(want, &got, &mut self.captures) {
                        problems.push(format!("{name}: {problem}"));
                    }
                }
                Some(got) if got == want => {}
                Some(got) => problems.push(format!("{name}: expected {want:?}, got {got:?}")),
            }
        }
        (problems, body)
    }

    /// Reads as many events of a stream as are expected and compares their fields.
    fn events(&mut self, client: &Client, sent: &Sent, expected: &str) -> (String, Vec<String>) {
        let headers: Vec<(&str, &str)> = sent.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let (head, mut stream) = match client.stream(&sent.target, &headers) {
            Ok(stream) => stream,
            Err(error) => return (format!("no answer: {error}"), vec![error.to_string()]),
        };
        let mut got = format!("{}\n", head.status);
        for (name, value) in &head.headers {
            got += &format!("{name}: {value}\n");
        }
        let (mut problems, body) = self.compare_head(&head, expected);
        let _ = stream.set_timeout(EVENT_TIMEOUT);
        for wanted in body.trim().split("\n\n").filter(|event| !event.trim().is_empty()) {
            let event = match stream.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => {
                    problems.push("the stream ended".into());
                    break;
                }
                Err(error) => {
                    problems.push(format!("no event: {error}"));
                    break;
                }
            };
            got += &format!("\nid: {}\nevent: {}\ndata: {}\n", event.0, event.1, event.2);
            for line in wanted.lines() {
                let (name, want) = line.split_once(':').unwrap_or((line, ""));
                let have = match name {
                    "id" => &event.0,
                    "event" => &event.1,
                    _ => &event.2,
                };
                let have = serde_json::from_str(have).unwrap_or_else(|_| Value::String(have.clone()));
                let want =
                    pattern::parse(want.trim()).unwrap_or_else(|_| Value::String(want.trim().to_owned()));
                let found = pattern::compare(&want, &have, &mut self.captures);
                problems.extend(found.into_iter().map(|m| format!("{name} {}: {}", m.path, m.problem)));
            }
        }
        (got, problems)
    }

    /// Runs commands of the binary on the data directory, then waits until the server has seen them.
    fn cli(&mut self, cli: &CliStep) {
        let mut printed = String::new();
        for line in self.fill(&cli.text, &Row::default()).lines().filter(|line| !line.trim().is_empty()) {
            let (name, command) = match line.split_once("=$(") {
                Some((name, command)) => (Some(name.trim()), command.trim_end().trim_end_matches(')')),
                None => (None, line),
            };
            let words = words(command);
            let Some(("boobook", args)) = words.split_first().map(|(first, rest)| (first.as_str(), rest))
            else {
                return self.fail(cli.line, format!("not a command of boobook: {line}"));
            };
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = self.place.try_cli(&args);
            printed = String::from_utf8_lossy(&output.stdout).into_owned();
            if !output.status.success() {
                let error = String::from_utf8_lossy(&output.stderr);
                return self.fail(cli.line, format!("{line}\n{}\n{printed}{error}", output.status));
            }
            if let Some(name) = name {
                self.captures.insert(name.to_owned(), printed.trim().to_owned());
            }
        }
        let problems = match &cli.expected {
            Some(expected) => self.compare_output(&printed, expected),
            None => Vec::new(),
        };
        if problems.is_empty() {
            self.report.passed += 1;
        } else {
            self.fail(cli.line, format!("{}--- printed\n{printed}\n{}", cli.text, problems.join("\n")));
        }
        thread::sleep(CATALOGUE_DELAY);
    }

    fn compare_output(&mut self, printed: &str, expected: &Expected) -> Vec<String> {
        let head = crate::Head { status: 200, headers: Vec::new() };
        let response = Response { head, body: printed.as_bytes().to_vec(), asked: String::new() };
        let text = self.fill(&expected.text, &Row::default());
        self.compare(&response, &text)
    }
}

/// A request ready to go out.
struct Sent {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Sent {
    /// Request line, headers, an empty line, the body. Lines that start with `?` or `&` after blanks belong to the
    /// target. The body's last line end is not part of it.
    fn parse(text: &str, request: &Request) -> Result<Self, String> {
        let (head, body) = match text.split_once("\n\n") {
            Some((head, body)) => (head, Some(body.strip_suffix('\n').unwrap_or(body).to_owned())),
            None => (text.trim_end(), None),
        };
        let mut lines = head.lines().peekable();
        let first = lines.next().unwrap_or_default().trim_end();
        let (method, target) = first.split_once(' ').ok_or_else(|| format!("no request line: {first:?}"))?;
        let mut target = target.strip_suffix(" HTTP/1.1").unwrap_or(target).to_owned();
        while let Some(more) = lines.next_if(|line| line.trim_start().starts_with(['?', '&'])) {
            target.push_str(more.trim());
        }
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| format!("not a header: {line:?}"))?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        if !request.raw {
            target = percent_encode(&target);
        }
        // Lines of a multipart body end as RFC 2046 wants it, the last one too.
        let is_multipart = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("content-type") && value.starts_with("multipart/")
        };
        let body = match body {
            Some(body) if headers.iter().any(is_multipart) => Some(body.replace('\n', "\r\n") + "\r\n"),
            body => body,
        };
        Ok(Self { method: method.to_owned(), target, headers, body })
    }

    fn send(&self, client: &Client) -> std::io::Result<Response> {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        client.request(&self.method, &self.target, &headers, self.body.as_deref().map(str::as_bytes))
    }
}

/// The names a file gives to values: `"<=name…>"` in answers, `name=$(…)` in commands.
fn captured_names(text: &str) -> BTreeSet<String> {
    let answers = text.split("<=").skip(1).filter_map(|part| part.split([':', '>']).next());
    let commands = text.lines().filter_map(|line| line.split_once("=$(").map(|(name, _)| name));
    answers.chain(commands).map(str::to_owned).collect()
}

/// Splits a command at blanks, `"…"` holding them together.
fn words(command: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in command.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => out.push(String::new()),
            c => {
                if let Some(word) = out.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    out.retain(|word| !word.is_empty());
    out
}

fn show_response(response: &Response) -> String {
    let mut out = format!("{}\n", response.head.status);
    for (name, value) in &response.head.headers {
        out += &format!("{name}: {value}\n");
    }
    let text = response.text();
    let pretty = serde_json::from_str::<Value>(&text)
        .ok()
        .filter(|_| text.len() > 110)
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or(text);
    let cut: String = pretty.chars().take(4_000).collect();
    out + "\n" + &cut + if cut.len() < pretty.len() { " …" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let request = Request { line: 1, raw: false, events: false, text: String::new() };
        let sent = Sent::parse("GET /a b\n  ?x={\"L\":1}\n  &y=2\nA: b\n\n{}\n", &request).unwrap();
        assert_eq!(sent.target, "/a%20b?x=%7B%22L%22:1%7D&y=2");
        assert_eq!(sent.headers, [("A".to_owned(), "b".to_owned())]);
        assert_eq!(sent.body.as_deref(), Some("{}"));
        let sent = Sent::parse("DELETE /a HTTP/1.1\n", &request).unwrap();
        assert_eq!((sent.method.as_str(), sent.target.as_str(), sent.body), ("DELETE", "/a", None));
    }

    #[test]
    fn names_of_values() {
        let text = "{\"id\": \"<=a:id:17>\", \"x\": \"<=b>\"}\nkey=$(boobook key create)\n{P}";
        assert_eq!(captured_names(text), ["a", "b", "key"].map(str::to_owned).into());
    }

    #[test]
    fn commands() {
        assert_eq!(
            words("boobook team create \"Werkstatt Nord\"  --json"),
            ["boobook", "team", "create", "Werkstatt Nord", "--json"]
        );
    }
}
