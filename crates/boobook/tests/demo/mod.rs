//! A running `boobook demo`, for the tests of what the manual shows of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "shared by tests; not every one uses all")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Ends with the test, whatever that comes to.
pub struct Demo {
    child: Child,
    pub url: String,
    /// `/v1/teams/…/databases/…`
    pub database: String,
    pub admin_key: String,
    pub sales_key: String,
}

impl Demo {
    /// Makes a workspace below `data` with so many contacts, serves it, and reads what is printed.
    pub fn start(data: &Path, contacts: u32) -> Self {
        Self::start_on(&["--data", &data.join("data").to_string_lossy()], contacts)
    }

    /// As [`Self::start`], where the arguments say.
    pub fn start_on(place: &[&str], contacts: u32) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_boobook"))
            .args(["demo", "--listen", "127.0.0.1:0", "--contacts", &contacts.to_string()])
            .args(place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        let mut welcome = String::new();
        // It ends with where the documentation is. The port is open by then: requests wait until it is served.
        while !welcome.contains("API documentation") {
            assert!(printed.read_line(&mut welcome).unwrap() > 0, "boobook demo ended:\n{welcome}");
        }
        // Nobody reads on, and nothing more is to be stuck in a full pipe.
        std::thread::spawn(move || _ = printed.read_to_end(&mut Vec::new()));
        let behind = |mark: &str| {
            let rest = welcome.split(mark).nth(1).unwrap_or_else(|| panic!("no {mark:?} in\n{welcome}"));
            rest.split_whitespace().next().unwrap().to_owned()
        };
        Self {
            child,
            url: behind("export BOOBOOK_URL="),
            database: format!("/v1/teams/{}/databases/{}", behind("query --team "), behind(" --database ")),
            admin_key: behind("export BOOBOOK_KEY="),
            sales_key: behind("which may not see everything: "),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
