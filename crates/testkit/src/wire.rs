//! The wire between two programs, for tests that cut it: bytes that do not arrive are not lost, as those that TCP sends
//! again are not, and whoever waits for them does not learn that nobody comes.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// A way along a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From who connects.
    There,
    /// To who connects.
    Back,
}

/// A port that leads to another one. Ends on drop, with all its connections.
#[derive(Debug)]
pub struct Wire {
    addr: SocketAddr,
    line: Arc<Line>,
}

#[derive(Debug, Default)]
struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether bytes are held up, there and back.
    held: [bool; 2],
    /// Connections are ended, and none are taken.
    cut: bool,
    /// The wire is gone.
    over: bool,
    /// Both ends of each connection.
    ends: BTreeMap<u64, [TcpStream; 2]>,
    next: u64,
}

impl Wire {
    /// Listens on a free port and leads to `target`.
    pub fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (addr, line) = (listener.local_addr()?, Arc::new(Line::default()));
        let of_thread = Arc::clone(&line);
        thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.state().over {
                    return;
                }
                if let Ok(client) = client {
                    let line = Arc::clone(&of_thread);
                    // A connection that cannot be joined is closed, which the client sees.
                    thread::spawn(move || line.join(client, target));
                }
            }
        });
        Ok(Self { addr, line })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Holds up what goes that way; connections stay, new ones are taken.
    pub fn hold(&self, way: Way) {
        self.line.change(|state| state.held[way as usize] = true);
    }

    /// Ends all connections, and those that come.
    pub fn cut(&self) {
        self.line.change(|state| {
            state.cut = true;
            state.end_all();
        });
    }

    /// As new: what was held up arrives.
    pub fn mend(&self) {
        self.line.change(|state| {
            state.held = [false; 2];
            state.cut = false;
        });
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.line.change(|state| {
            state.over = true;
            state.end_all();
        });
        // So that it looks.
        let _ = TcpStream::connect(self.addr);
    }
}

impl State {
    fn end_all(&mut self) {
        for end in std::mem::take(&mut self.ends).into_values().flatten() {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Carries bytes both ways until both have ended.
    fn join(&self, client: TcpStream, target: SocketAddr) -> io::Result<()> {
        let server = TcpStream::connect_timeout(&target, Duration::from_secs(2))?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ends = [client.try_clone()?, server.try_clone()?];
        let id = {
            let mut state = self.state();
            if state.cut || state.over {
                return Ok(());
            }
            state.next += 1;
            let id = state.next;
            state.ends.insert(id, ends);
            id
        };
        let (from, to) = (client.try_clone()?, server.try_clone()?);
        thread::scope(|scope| {
            scope.spawn(|| self.carry(id, Way::There, from, to));
            self.carry(id, Way::Back, server, client);
        });
        self.state().ends.remove(&id);
        Ok(())
    }

    fn carry(&self, id: u64, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if !self.may_pass(id, way) || to.write_all(&buffer[..n]).is_err() {
                // The other way round has to end as well.
                let _ = from.shutdown(Shutdown::Read);
                break;
            }
        }
        // An end is news too, and is held up as bytes are.
        if self.may_pass(id, way) {
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    /// Waits while that way is held up; whether the connection is still there.
    fn may_pass(&self, id: u64, way: Way) -> bool {
        let mut state = self.state();
        while state.held[way as usize] && state.ends.contains_key(&id) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.ends.contains_key(&id)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    /// A wire to a server that sends back what it gets, and a connection along it.
    fn echo() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Wire::to(listener.local_addr().unwrap()).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || io::copy(&mut &stream, &mut &stream));
            }
        });
        let client = TcpStream::connect(wire.addr()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        (wire, client)
    }

    fn answer(client: &mut TcpStream) -> io::Result<[u8; 3]> {
        let mut got = [0; 3];
        client.read_exact(&mut got).map(|()| got)
    }

    #[test]
    fn what_is_held_up_arrives_later() {
        let (wire, mut client) = echo();
        client.write_all(b"one").unwrap();
        assert_eq!(answer(&mut client).unwrap(), *b"one");
        for way in [Way::There, Way::Back] {
            wire.hold(way);
            client.write_all(b"two").unwrap();
            client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let nothing = answer(&mut client).unwrap_err().kind();
            assert!(matches!(nothing, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{nothing:?}");
            wire.mend();
            client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            assert_eq!(answer(&mut client).unwrap(), *b"two");
        }
    }

    #[test]
    fn a_cut_ends_connections() {
        let (wire, mut client) = echo();
        client.write_all(b"one").unwrap();
        answer(&mut client).unwrap();
        wire.cut();
        assert!(answer(&mut client).is_err());
        let mut other = TcpStream::connect(wire.addr()).unwrap();
        assert!(matches!(other.read(&mut [0]), Ok(0) | Err(_)), "none is taken");
        wire.mend();
        let mut third = TcpStream::connect(wire.addr()).unwrap();
        third.write_all(b"two").unwrap();
        assert_eq!(answer(&mut third).unwrap(), *b"two");
    }
}
