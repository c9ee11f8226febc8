//! The real binary on a data directory of its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Client, Machine};

/// Longest wait for a server to come up or to go down.
const PATIENCE: Duration = Duration::from_secs(30);

/// A binary and a data directory, deleted on drop, or a store that several servers share. Its command line works whether
/// a server runs on it or not.
#[derive(Debug)]
pub struct Installation {
    binary: PathBuf,
    dir: TempDir,
    store: Option<String>,
    /// Where the servers of a shared store keep files, if not in a directory here.
    files: Option<String>,
    machine: Machine,
}

impl Installation {
    /// An empty data directory for the binary at that path.
    pub fn new(binary: impl AsRef<Path>) -> Self {
        let dir = tempfile::Builder::new().prefix("boobook-test-").tempdir().expect("a temporary directory");
        Self { binary: binary.as_ref().to_owned(), dir, store: None, files: None, machine: Machine::here() }
    }

    /// As [`Self::new`], on the store of a URL instead of a data directory. All servers started from it are nodes of one
    /// cluster; files lie in a directory that they share.
    pub fn shared(binary: impl AsRef<Path>, url: &str) -> Self {
        Self { store: Some(url.to_owned()), ..Self::new(binary) }
    }

    /// The same, with its files somewhere else (`s3://…`).
    pub fn with_files(self, files: &str) -> Self {
        Self { files: Some(files.to_owned()), ..self }
    }

    /// The same, on another machine.
    pub fn on(self, machine: &Machine) -> Self {
        Self { machine: machine.clone(), ..self }
    }

    /// The arguments that name the data, for every command.
    pub fn arguments(&self) -> Vec<String> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        match &self.store {
            Some(url) => {
                let here = || text(self.dir.path().join("files"));
                let files = self.files.clone().unwrap_or_else(here);
                vec!["--store".into(), url.clone(), "--files".into(), files]
            }
            None => vec!["--data".into(), text(self.data())],
        }
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A path for the test's own files, beside the data directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The binary with these arguments and none of our own `BOOBOOK_…` settings.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.machine.command(&self.binary);
        command.args(args).stdin(Stdio::null()).current_dir(self.dir.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BOOBOOK_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs a command on the data directory and gives all it said.
    pub fn try_cli(&self, args: &[&str]) -> Output {
        let mut command = self.command(args);
        command.args(self.arguments());
        match command.output() {
            Ok(output) => output,
            Err(error) => panic!("cannot start {}: {error}", self.binary.display()),
        }
    }

    /// Runs a command on the data directory and gives its standard output; panics where it fails.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> String {
        let output = self.try_cli(args);
        assert!(
            output.status.success(),
            "boobook {} failed ({}):\n{}{}",
            args.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Makes a team; gives its id.
    #[track_caller]
    pub fn team(&self, name: &str) -> String {
        id_of(&self.cli(&["team", "create", name, "--json"]))
    }

    /// Makes a key of a team; `more` are further arguments (`--role`, `admin`).
    #[track_caller]
    pub fn key(&self, team: &str, more: &[&str]) -> String {
        let args = [&["key", "create", "--team", team], more].concat();
        let key = self.cli(&args);
        let key = key.trim();
        assert!(
            !key.is_empty() && !key.contains(char::is_whitespace),
            "`key create` prints the key alone on standard output, got {key:?}"
        );
        key.to_owned()
    }

    /// Makes a database; gives its id.
    #[track_caller]
    pub fn database(&self, team: &str, name: &str) -> String {
        id_of(&self.cli(&["database", "create", "--team", team, name, "--json"]))
    }

    /// Starts the server on a free port and waits until it is ready.
    #[track_caller]
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Starts the server with more arguments.
    #[track_caller]
    pub fn serve_with(&self, more: &[&str]) -> Server {
        match self.try_serve(more) {
            Ok(server) => server,
            Err(message) => panic!("{message}"),
        }
    }

    /// Starts the server with more arguments; says why where it does not come up.
    pub fn try_serve(&self, more: &[&str]) -> Result<Server, String> {
        let anywhere = SocketAddr::from((self.machine.address(), 0));
        let listen = anywhere.to_string();
        let args = [&["serve", "--listen", &listen], more].concat();
        let mut command = self.command(&args);
        command.args(self.arguments()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|e| format!("cannot start {}: {e}", self.binary.display()))?;

        let log = Arc::new(Mutex::new(String::new()));
        let (found, address) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || follow(BufReader::new(stderr), &log, &found));
        }
        let mut server = Server { child, addr: anywhere, log, done: None };
        let tls = match address.recv_timeout(PATIENCE) {
            Ok((addr, tls)) => {
                server.addr = addr;
                tls
            }
            Err(_) => {
                let mut status = None;
                let start = Instant::now();
                // It closed its standard error; its end follows.
                while status.is_none() && start.elapsed() < Duration::from_secs(2) {
                    status = server.child.try_wait().ok().flatten();
                    thread::sleep(Duration::from_millis(5));
                }
                let state = status.map_or_else(|| "is running".to_owned(), |s| format!("ended ({s})"));
                return Err(format!(
                    "the server did not say where it listens; it {state}:\n{}",
                    server.log()
                ));
            }
        };
        // What it says over TLS is for a client that knows TLS; the port is open by now.
        if !tls {
            server.wait_ready()?;
        }
        Ok(server)
    }
}

/// The `id` of a JSON object a command printed.
#[track_caller]
fn id_of(printed: &str) -> String {
    let value: serde_json::Value = match serde_json::from_str(printed) {
        Ok(value) => value,
        Err(error) => panic!("`--json` prints JSON alone on standard output ({error}), got {printed:?}"),
    };
    value["id"].as_str().expect("what was created is printed with its id").to_owned()
}

/// Collects the log and reports the address from the line `boobook listens on http://127.0.0.1:PORT` (or https).
fn follow(lines: impl BufRead, log: &Mutex<String>, found: &mpsc::Sender<(SocketAddr, bool)>) {
    for line in lines.split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        if let Some((_, url)) = line.split_once("listens on http") {
            let tls = url.starts_with('s');
            let address: String = url
                .trim_start_matches(['s', ':', '/'])
                .chars()
                .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
                .collect();
            if let Ok(address) = address.parse() {
                let _ = found.send((address, tls));
            }
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
    }
}

/// A running server, killed on drop.
#[derive(Debug)]
pub struct Server {
    child: Child,
    addr: SocketAddr,
    log: Arc<Mutex<String>>,
    done: Option<ExitStatus>,
}

impl Server {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A client with that key.
    pub fn client(&self, key: &str) -> Client {
        Client::new(self.addr, Some(key))
    }

    /// A client without a key.
    pub fn anonymous(&self) -> Client {
        Client::new(self.addr, None)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a key that was just made is known to the server.
    #[track_caller]
    pub fn wait_for_key(&self, key: &str) {
        let client = self.client(key);
        let start = Instant::now();
        while client.get("/v1/teams").status() == 401 {
            assert!(start.elapsed() < PATIENCE, "the server does not see the new key:\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait_ready(&mut self) -> Result<(), String> {
        let start = Instant::now();
        let client = self.anonymous();
        loop {
            if client.request("GET", "/readyz", &[], None).is_ok_and(|r| r.status() == 200) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended ({status}):\n{}", self.log()));
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("the server does not become ready:\n{}", self.log()));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGKILL, as a crash; returns when the process is gone.
    pub fn kill9(mut self) {
        let _ = self.child.kill();
        self.done = self.child.wait().ok();
    }

    /// SIGTERM, as an orderly stop; returns how the process ended. Panics where it does not end.
    #[track_caller]
    pub fn terminate(mut self) -> ExitStatus {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "cannot send SIGTERM");
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                self.done = Some(status);
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the server ignores SIGTERM:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How the process ended, once it has been told to; waits for it.
    pub fn terminated(mut self) -> ExitStatus {
        let status = self.child.wait().expect("the server's end can be waited for");
        self.done = Some(status);
        status
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.done.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the server's last lines");
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}
