//! A load balancer as tests need one: each connection goes to the next node.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Hands connections round, past nodes that do not answer. Ends on drop.
#[derive(Debug)]
pub struct RoundRobin {
    addr: SocketAddr,
    stopping: Arc<AtomicBool>,
}

impl RoundRobin {
    /// Listens on a free port and serves from these nodes.
    pub fn before(nodes: &[SocketAddr]) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (addr, stopping) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let (nodes, next, stop): (Arc<[_]>, _, _) =
            (nodes.into(), AtomicUsize::new(0), Arc::clone(&stopping));
        thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                let (nodes, first) = (Arc::clone(&nodes), next.fetch_add(1, Ordering::Relaxed));
                thread::spawn(move || {
                    let order = (0..nodes.len()).map(|n| nodes[(first + n) % nodes.len()]);
                    let mut reached = order
                        .filter_map(|node| TcpStream::connect_timeout(&node, Duration::from_secs(2)).ok());
                    // Nobody there: the client sees its connection end.
                    if let Some(node) = reached.next() {
                        let _ = join(client, node);
                    }
                });
            }
        });
        Ok(Self { addr, stopping })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for RoundRobin {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // So that it looks.
        let _ = TcpStream::connect(self.addr);
    }
}

/// Carries bytes both ways until both have ended.
fn join(client: TcpStream, node: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    node.set_nodelay(true)?;
    let (from, to) = (client.try_clone()?, node.try_clone()?);
    let there = thread::spawn(move || carry(from, to));
    carry(node, client);
    let _ = there.join();
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..n]).is_err() {
            // The other way round has to end as well.
            let _ = from.shutdown(Shutdown::Read);
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
