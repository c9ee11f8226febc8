//! An object store that speaks S3: SeaweedFS on ports of its own.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Client, client_dir};

/// Longest wait for it to come up: it takes three to five seconds on a quiet machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// HTTP ports of master, volume server, filer and S3; the port for its own protocol is each plus 10,000.
const PORTS: usize = 4;

/// A running SeaweedFS with one bucket, killed and removed on drop.
#[derive(Debug)]
pub struct SeaweedFs {
    child: Option<Child>,
    binary: PathBuf,
    ports: [u16; PORTS],
    dir: TempDir,
}

impl SeaweedFs {
    /// The bucket that is there.
    pub const BUCKET: &str = "boobook";
    /// Whom it knows.
    pub const KEY_ID: &str = "owl";
    /// That one's secret.
    pub const SECRET: &str = "hoot-hoot-hoot";

    /// Starts one. `None` where it is not installed; then a reason is printed. Panics instead where the tests were
    /// told that it must be there: `BOOBOOK_REQUIRE` names `s3`, or `CI` is set.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let binary = client_dir("seaweedfs", "s3")?.join("bin").join("weed");
        let dir = tempfile::Builder::new().prefix("boobook-s3-").tempdir().expect("a temporary directory");
        let identities = serde_json::json!({ "identities": [{
            "name": "boobook",
            "credentials": [{ "accessKey": Self::KEY_ID, "secretKey": Self::SECRET }],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }]});
        fs::write(dir.path().join("s3.json"), identities.to_string())
            .expect("a file in a temporary directory");
        fs::create_dir(dir.path().join("data")).expect("a directory in a temporary one");
        let mut server = Self { child: None, binary, ports: free_ports(), dir };
        server.restart();
        server.make_bucket();
        Some(server)
    }

    /// Where S3 is spoken: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address(3))
    }

    /// The options of object stores that reach it.
    pub fn options(&self) -> Vec<(String, String)> {
        let options = [
            ("aws_endpoint", self.endpoint()),
            ("aws_allow_http", "true".to_owned()),
            ("aws_access_key_id", Self::KEY_ID.to_owned()),
            ("aws_secret_access_key", Self::SECRET.to_owned()),
        ];
        options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Every object below a folder of the bucket, as its directory shows them: keys, in no order.
    pub fn keys(&self, folder: &str) -> Vec<String> {
        let filer = Client::new(self.address(2), None);
        let mut found = Vec::new();
        let mut folders = vec![folder.trim_matches('/').to_owned()];
        while let Some(folder) = folders.pop() {
            let path = format!("/buckets/{}/{folder}/?limit=100000", Self::BUCKET);
            let listed = filer.request("GET", &path, &[("Accept", "application/json")], None);
            let listed = listed.expect("the filer lists a folder");
            if listed.status() == 404 {
                continue;
            }
            for entry in listed.json()["Entries"].as_array().into_iter().flatten() {
                let full = entry["FullPath"].as_str().unwrap_or_default();
                let key = full.trim_start_matches(&format!("/buckets/{}/", Self::BUCKET)).to_owned();
                // Directories have the mode bit that Go gives them.
                if entry["Mode"].as_u64().is_some_and(|mode| mode & (1 << 31) != 0) {
                    folders.push(key);
                } else {
                    found.push(key);
                }
            }
        }
        found
    }

    /// SIGKILL; what it stored is on its disk.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same ports and data, and waits until it answers.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        let log = File::create(self.dir.path().join("log")).expect("a log in a temporary directory");
        let again = log.try_clone().expect("a second handle of a file");
        let [master, volume, filer, s3] = self.ports;
        let child = Command::new(&self.binary)
            .arg(format!("-logdir={}", self.dir.path().display()))
            .args(["server", "-master.telemetry=false", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .args([format!("-master.port={master}"), format!("-volume.port={volume}")])
            .args([format!("-filer.port={filer}"), format!("-s3.port={s3}")])
            .args([
                "-s3",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-master.volumeSizeLimitMB=64",
                "-volume.max=0",
            ])
            .arg(format!("-s3.config={}", self.dir.path().join("s3.json").display()))
            .arg(format!("-dir={}", self.dir.path().join("data").display()))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(again)
            .spawn();
        match child {
            Ok(child) => self.child = Some(child),
            Err(error) => panic!("cannot start {}: {error}", self.binary.display()),
        }
        // Without a signature the answer is 403: all parts of it have come up.
        self.wait_for("SeaweedFS does not come up", || self.get(3, "GET", "/") == Some(403));
    }

    fn make_bucket(&self) {
        let path = format!("/buckets/{}/", Self::BUCKET);
        self.wait_for("the bucket cannot be made", || {
            self.get(2, "POST", &path).is_some_and(|status| (200..300).contains(&status))
        });
    }

    fn get(&self, port: usize, method: &str, path: &str) -> Option<u16> {
        let client = Client::new(self.address(port), None);
        Some(client.request(method, path, &[], None).ok()?.status())
    }

    #[track_caller]
    fn wait_for(&self, what: &str, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            let log = || fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(start.elapsed() < PATIENCE, "{what}:\n{}", log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn address(&self, port: usize) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[port]))
    }
}

impl Drop for SeaweedFs {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports that are free, as are those 10,000 above them. Another program may take one in between; a test that is
/// unlucky so says that it does not come up.
fn free_ports() -> [u16; PORTS] {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    // Held until all are chosen, so that none is chosen twice.
    let mut held = Vec::new();
    let mut ports = Vec::new();
    while ports.len() < PORTS {
        let Some(any) = bind(0) else { continue };
        let Ok(port) = any.local_addr().map(|address| address.port()) else { continue };
        // Below the ports that the system gives to clients, and so that nothing exceeds 65535.
        let port = 12_000 + port % 10_000;
        if let (Some(one), Some(other)) = (bind(port), bind(port + 10_000)) {
            held.extend([one, other]);
            ports.push(port);
        }
    }
    ports.try_into().expect("as many as were asked for")
}
