//! Machines for tests: network namespaces of this one, joined by a switch, whose links can be cut. Packets are lost then,
//! and nobody is told, as between real machines.
//!
//! They are made with `ip`, by root, where the system lets it. What a killed test left behind, the next one removes.

use std::{
    cell::Cell,
    ffi::OsStr,
    fs,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Output},
};

/// Machines that reach each other and this process, as long as nothing is cut. Gone on drop.
#[derive(Debug)]
pub struct Network {
    /// The switch; the machines are `switch-1`, `switch-2`, and so are their ends at it.
    switch: String,
    subnet: u8,
    machines: Cell<u8>,
}

/// Where a program runs, and its address there.
#[derive(Debug, Clone)]
pub struct Machine {
    /// `None`: this one, and nobody else reaches it.
    name: Option<String>,
    address: Ipv4Addr,
}

impl Network {
    /// An empty network. `None`, with a printed reason, where none can be made.
    pub fn new() -> Option<Self> {
        let made = (1..250).find_map(|subnet| Self::make(subnet).transpose());
        let said = match made {
            Some(Ok(network)) => return Some(network),
            Some(Err(said)) => said,
            None => "all subnets are taken".to_owned(),
        };
        eprintln!("skipped: no network of namespaces can be made here: {said}");
        None
    }

    /// The network of a subnet; `None` where another process has it.
    fn make(subnet: u8) -> Result<Option<Self>, String> {
        let switch = format!("bb{subnet}");
        if is_in_use(&switch) {
            return Ok(None);
        }
        let network = Self { switch, subnet, machines: Cell::new(0) };
        network.remove();
        let address = format!("{}/24", network.address(1));
        ip(&["link", "add", &network.switch, "type", "bridge"])?;
        ip(&["link", "set", &network.switch, "alias", &std::process::id().to_string()])?;
        ip(&["addr", "add", &address, "dev", &network.switch])?;
        ip(&["link", "set", &network.switch, "up"])?;
        Ok(Some(network))
    }

    /// 198.18.0.0/15 is for tests of networks, and routed nowhere.
    fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.subnet, last)
    }

    /// One more machine.
    #[track_caller]
    pub fn machine(&self) -> Machine {
        let number = self.machines.get() + 1;
        self.machines.set(number);
        let (name, address) = (format!("{}-{number}", self.switch), self.address(number + 1));
        let on_it = format!("{address}/24");
        for command in [
            &["netns", "add", &name][..],
            &["link", "add", &name, "type", "veth", "peer", "name", "eth0", "netns", &name],
            &["link", "set", &name, "master", &self.switch, "up"],
            &["-n", &name, "addr", "add", &on_it, "dev", "eth0"],
            &["-n", &name, "link", "set", "eth0", "up"],
            &["-n", &name, "link", "set", "lo", "up"],
        ] {
            must(command);
        }
        Machine { name: Some(name), address }
    }

    fn remove(&self) {
        // A namespace may outlive its last process for a while; its link goes at once.
        for (folder, kind) in [("/sys/class/net", "link"), ("/run/netns", "netns")] {
            let names = fs::read_dir(folder).into_iter().flatten().flatten();
            let prefix = format!("{}-", self.switch);
            for name in names.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
                if name.starts_with(&prefix) {
                    let _ = ip(&[kind, "del", &name]);
                }
            }
        }
        let _ = ip(&["link", "del", &self.switch]);
    }
}

/// Whether there is such a switch, and the process lives that made it.
fn is_in_use(switch: &str) -> bool {
    let made_by = fs::read_to_string(format!("/sys/class/net/{switch}/ifalias"));
    made_by.is_ok_and(|pid| pid.trim().is_empty() || Path::new("/proc").join(pid.trim()).exists())
}

impl Drop for Network {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Machine {
    /// The machine the tests run on, by its loopback address.
    pub fn here() -> Self {
        Self { name: None, address: Ipv4Addr::LOCALHOST }
    }

    /// Where its servers are reached.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A program on it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(name) = &self.name else { return Command::new(program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", name]).arg(program);
        command
    }

    /// Whether it reaches a server on another one. A machine of containers may filter what passes a switch.
    pub fn reaches(&self, address: Ipv4Addr, port: u16) -> bool {
        let mut connect = self.command("timeout");
        connect.args(["3", "bash", "-c", &format!("exec 3<>/dev/tcp/{address}/{port}")]);
        connect.output().is_ok_and(|output| output.status.success())
    }

    /// Loses what is sent between this machine and others of those that are cut off so; everybody else reaches all of
    /// them.
    #[track_caller]
    pub fn part(&self, is_parted: bool) {
        let isolated = if is_parted { "on" } else { "off" };
        must(&["link", "set", "dev", self.end(), "type", "bridge_slave", "isolated", isolated]);
    }

    /// Loses all that is sent to it and by it.
    #[track_caller]
    pub fn unplug(&self) {
        must(&["link", "set", "dev", self.end(), "down"]);
    }

    #[track_caller]
    fn end(&self) -> &str {
        self.name.as_deref().expect("this machine cannot be cut off from itself")
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let said = |output: Output| String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match Command::new("ip").args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("ip {}: {}", arguments.join(" "), said(output))),
        Err(error) => Err(format!("ip (Debian: iproute2) cannot be started: {error}")),
    }
}

#[track_caller]
fn must(arguments: &[&str]) {
    if let Err(said) = ip(arguments) {
        panic!("{said}");
    }
}
