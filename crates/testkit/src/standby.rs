//! What tests do to a PostgreSQL server: a standby that loses nothing, its promotion, an orderly stop, and a server that
//! is there and does not answer.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Machine,
    postgres::{self, PATIENCE, Postgres},
};

impl Postgres {
    /// A second server that has whatever this one acknowledges from now on: a commit waits for it. It takes no writes
    /// before [`Self::promote`]. Stopped on drop, and not before this one: commits would wait for ever.
    #[track_caller]
    pub fn standby(&self) -> Self {
        self.standby_at(postgres::free_port())
    }

    /// As [`Self::standby`], on another machine.
    #[track_caller]
    pub fn standby_on(&self, machine: &Machine) -> Self {
        self.follower(postgres::free_port(), machine)
    }

    /// As [`Self::standby`], on the port of a server that is gone.
    #[track_caller]
    pub fn standby_at(&self, port: u16) -> Self {
        self.follower(port, &self.machine)
    }

    #[track_caller]
    fn follower(&self, port: u16, machine: &Machine) -> Self {
        let mut standby = Self::own(self.bin.clone(), self.settings.clone(), machine.clone());
        standby.port = port;
        let data = standby.dir.join("data");
        fs::create_dir(&data).expect("a directory for PostgreSQL's data can be made");
        fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).expect("its mode can be set");
        if postgres::user_id() == 0 {
            postgres::give_to_postgres(&data);
        }
        let slot = format!("s{port}");
        let copied = standby
            .program("pg_basebackup")
            .args(["-h", &self.machine.address().to_string(), "-U", "postgres", "-p", &self.port.to_string()])
            .args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-C", "-S", &slot, "-D"])
            .arg(&data)
            .output()
            .expect("pg_basebackup starts");
        assert!(copied.status.success(), "pg_basebackup failed:\n{}", postgres::text(&copied));
        if let Err(why) = standby.launch() {
            panic!("the standby does not start:\n{why}");
        }
        // After the copy: the standby has nobody to wait for once it is the primary.
        self.psql("alter system set synchronous_standby_names = '*'");
        self.psql("select pg_reload_conf()");
        let begin = Instant::now();
        while self.psql("select count(*) from pg_stat_replication where sync_state = 'sync'") != "1" {
            assert!(begin.elapsed() < PATIENCE, "the standby does not follow");
            thread::sleep(Duration::from_millis(50));
        }
        standby
    }

    /// Makes a standby the primary.
    #[track_caller]
    pub fn promote(&self) {
        self.control(&["-w", "-t", "30", "promote"]);
    }

    /// Stops the server in good order, which ends all its connections; [`Self::restart`] starts it again.
    #[track_caller]
    pub fn stop(&self) {
        self.control(&["-w", "-t", "30", "-m", "fast", "stop"]);
    }

    /// Stops all its processes where they stand: connections are taken, and never answered. Until the answer is dropped.
    #[track_caller]
    pub fn freeze(&self) -> Frozen<'_> {
        // The one first that starts the others.
        self.signal("kill -STOP $p; kill -STOP $(cat /proc/$p/task/$p/children)");
        Frozen(self)
    }

    #[track_caller]
    fn control(&self, args: &[&str]) {
        let done = self.program("pg_ctl").arg("-s").arg("-D").arg(self.dir.join("data")).args(args).output();
        let done = done.expect("pg_ctl starts");
        assert!(done.status.success(), "pg_ctl {args:?} failed:\n{}", postgres::text(&done));
    }

    #[track_caller]
    fn signal(&self, script: &str) {
        let sent = self.shell(&format!(r#"p="$(head -n 1 data/postmaster.pid)"; {script}"#)).output();
        let sent = sent.expect("a shell starts");
        assert!(sent.status.success(), "{script}: {}", postgres::text(&sent));
    }
}

/// A server that does not answer; it does again when this is dropped.
#[derive(Debug)]
pub struct Frozen<'a>(&'a Postgres);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.signal("kill -CONT $(cat /proc/$p/task/$p/children); kill -CONT $p");
    }
}
