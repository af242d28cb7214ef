//! Listening: an exclusive bind first, so that a second broker on the port is refused; then one
//! socket per shard on the common port, between which the kernel spreads connections, and one on
//! a port of each shard's own.

use std::fmt;
use std::io;
use std::mem;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use glommio::io::PollableFd;
use glommio::timer::sleep;
use tracing::warn;

use crate::config::ListenerAddress;
use crate::io::port::Port;
use crate::io::task::spawn;

/// Connections that are accepted before others get their turn.
const ACCEPTS_MAX: usize = 64;

/// How long accepting rests when descriptors or memory are used up.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct ListenError {
    address: String,
    source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, source } = self;
        match source.raw_os_error() {
            Some(libc::EADDRINUSE) => {
                write!(f, "{address} is taken by another process; stop it, or set `listeners`")
            }
            Some(libc::EACCES) => {
                write!(f, "{address} may not be listened on (ports below 1024 need a privilege)")
            }
            Some(libc::EADDRNOTAVAIL) => write!(f, "{address} is no address of this machine"),
            _ => write!(f, "{address} cannot be listened on: {source}"),
        }
    }
}

impl std::error::Error for ListenError {}

/// The listening sockets of one shard, before its executor runs.
#[derive(Debug, Default)]
pub struct ShardListeners {
    /// With the number of the configured listener.
    sockets: Vec<(u16, TcpListener)>,
}

/// All sockets, and the ports that the kernel gave.
#[derive(Debug)]
pub struct Bound {
    pub shards: Vec<ShardListeners>,
    /// By configured listener: its port, and the first shard's own port.
    pub ports: Vec<(u16, u16)>,
}

/// Binds every listener for `shards` shards. `offset` lies between a listener's port and the
/// first shard's own.
pub fn bind_all(
    listeners: &[ListenerAddress],
    shards: u16,
    offset: u16,
    backlog: i32,
) -> Result<Bound, ListenError> {
    let mut all: Vec<ShardListeners> = (0..shards).map(|_| ShardListeners::default()).collect();
    let mut ports = Vec::new();
    for (number, listener) in listeners.iter().enumerate() {
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let failed = |source| ListenError { address: listener.to_string(), source };
        let address = resolve(listener).map_err(failed)?;
        // Fails if anybody listens there, sharing or not. Only then is the socket made one that
        // shares, for the other shards of this process: nobody can slip in between.
        let first = bind(address, false, Some(backlog)).map_err(failed)?;
        set_option(&first, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1).map_err(failed)?;
        let address = first.local_addr().map_err(failed)?;
        let mut first = Some(first);
        for shard in &mut all {
            let socket = match first.take() {
                Some(first) => first,
                None => bind(address, true, Some(backlog)).map_err(failed)?,
            };
            shard.sockets.push((number, socket));
        }
        let own = bind_own(&mut all, number, listener, (address, offset), backlog)?;
        ports.push((address.port(), own));
    }
    Ok(Bound { shards: all, ports })
}

/// One port for each shard, next to each other. Gives the first.
fn bind_own(
    all: &mut [ShardListeners],
    number: u16,
    listener: &ListenerAddress,
    (common, offset): (SocketAddr, u16),
    backlog: i32,
) -> Result<u16, ListenError> {
    let (first, tries) = match listener.port {
        0 => (Some(0), EPHEMERAL_TRIES),
        port => (port.checked_add(offset), 1),
    };
    let mut own = common;
    let mut failure = io::Error::other("such a port does not exist; set `shard.port.offset`");
    for _ in 0..tries {
        let Some(first) = first else { break };
        match bind_run(&mut own, first, all.len(), backlog) {
            Ok(sockets) => {
                let port = own.port();
                for (shard, socket) in all.iter_mut().zip(sockets) {
                    shard.sockets.push((number, socket));
                }
                return Ok(port);
            }
            Err(error) => failure = error,
        }
    }
    let address = format!("{}, the cores' own ports: {own}", listener.name);
    Err(ListenError { address, source: failure })
}

/// Runs of ports that are tried when the kernel chooses the first: the ones after it may be taken.
const EPHEMERAL_TRIES: usize = 64;

/// Binds `count` ports from `first` on, or from one that the kernel chooses if that is 0. Leaves
/// the first port in `address`, or the one that failed.
fn bind_run(
    address: &mut SocketAddr,
    first: u16,
    count: usize,
    backlog: i32,
) -> io::Result<Vec<TcpListener>> {
    // Where the kernel chooses, a taken port is no reason to wait: the next run is tried.
    let bind = if first == 0 { bind_once } else { bind };
    address.set_port(first);
    let mut sockets = vec![bind(*address, false, Some(backlog))?];
    let first = sockets[0].local_addr()?.port();
    for index in 1..count {
        let port = u16::try_from(usize::from(first) + index);
        address.set_port(port.map_err(|_| io::Error::from_raw_os_error(libc::EADDRNOTAVAIL))?);
        sockets.push(bind(*address, false, Some(backlog))?);
    }
    address.set_port(first);
    Ok(sockets)
}

fn resolve(listener: &ListenerAddress) -> io::Result<SocketAddr> {
    if listener.host.is_empty() {
        // One socket for both families where there is IPv6.
        let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
        let any = match bind(v6, false, None) {
            Ok(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            Err(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        return Ok(SocketAddr::new(any, listener.port));
    }
    let mut found = (listener.host.as_str(), listener.port).to_socket_addrs()?;
    found.next().ok_or_else(|| io::Error::from_raw_os_error(libc::EADDRNOTAVAIL))
}

/// How long a taken port is tried: the ring of a process that was killed holds its sockets until
/// the kernel has torn it down, which is after the process is gone.
const BIND_PATIENCE: Duration = Duration::from_secs(3);

const BIND_PAUSE: Duration = Duration::from_millis(10);

/// As [`bind_once`], and patient where the port is taken.
fn bind(address: SocketAddr, shared: bool, backlog: Option<i32>) -> io::Result<TcpListener> {
    let begun = Instant::now();
    loop {
        match bind_once(address, shared, backlog) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < BIND_PATIENCE =>
            {
                std::thread::sleep(BIND_PAUSE);
            }
            done => return done,
        }
    }
}

/// A socket that is bound, that listens if there is a `backlog`, and that does not block.
fn bind_once(address: SocketAddr, shared: bool, backlog: Option<i32>) -> io::Result<TcpListener> {
    let family = if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: a system call without pointers.
    let fd = checked(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: the descriptor was just opened and nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // Ports of connections that linger after a restart can be taken again.
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if shared {
        set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    if address.is_ipv6() {
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0)?;
    }
    let (storage, length) = raw_address(address);
    // SAFETY: pointer and length describe an address that lives until the call returns.
    checked(unsafe { libc::bind(fd, (&raw const storage).cast(), length) })?;
    if let Some(backlog) = backlog {
        // SAFETY: a system call without pointers.
        checked(unsafe { libc::listen(fd, backlog) })?;
    }
    Ok(TcpListener::from(socket))
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn set_option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: pointer and length describe `value`, which lives until the call returns.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length)
    };
    checked(result).map(|_| ())
}

fn raw_address(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all fields of an address may be zero.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let length = match address {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: the storage is larger than, and aligned for, every kind of address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(raw) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(raw) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, length as libc::socklen_t)
}

/// The sockets that a shard accepts on.
#[derive(Debug)]
pub(crate) struct Accepting {
    sockets: Vec<Rc<PollableFd<TcpListener>>>,
}

impl Accepting {
    /// Starts to accept, in tasks that end only with [`Self::stop`].
    pub(crate) fn start(listeners: ShardListeners, port: &Rc<Port>) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for (number, socket) in listeners.sockets {
            let socket = Rc::new(PollableFd::new(socket).map_err(io::Error::from)?);
            spawn(accept(Rc::clone(port), number, Rc::clone(&socket))).detach();
            sockets.push(socket);
        }
        Ok(Self { sockets })
    }

    /// No further connection is taken; who waits in the backlog is refused.
    pub(crate) fn stop(&self) {
        for socket in &self.sockets {
            // SAFETY: a system call on a descriptor that is open as long as `socket` lives.
            unsafe { libc::shutdown(socket.get_ref().as_raw_fd(), libc::SHUT_RDWR) };
        }
    }
}

async fn accept(port: Rc<Port>, number: u16, socket: Rc<PollableFd<TcpListener>>) {
    while socket.readable().await.is_ok() {
        for _ in 0..ACCEPTS_MAX {
            match accept_one(socket.get_ref()) {
                Ok((stream, peer)) => port.admit(stream, peer, number),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => break,
                    // The socket was shut down.
                    Some(libc::EINVAL) => return,
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        warn!(%error, "listener: accepting rests");
                        sleep(ACCEPT_REST).await;
                        break;
                    }
                    // The client went away before it was accepted.
                    _ => {}
                },
            }
        }
    }
}

fn accept_one(socket: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = socket.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;

    use super::*;

    fn local(port: u16) -> ListenerAddress {
        ListenerAddress { name: "PLAINTEXT".to_owned(), host: "127.0.0.1".to_owned(), port }
    }

    #[test]
    fn a_port_that_a_broker_listens_on_is_refused_with_a_remedy() {
        let first = bind_all(&[local(0)], 2, 1000, 16).unwrap();
        let (port, own) = first.ports[0];
        let refusal = bind_all(&[local(port)], 2, 1000, 16).unwrap_err().to_string();
        assert!(refusal.contains("taken by another process"), "{refusal}");
        let refusal = bind_all(&[local(own)], 1, 1000, 16).unwrap_err().to_string();
        assert!(refusal.contains("taken by another process"), "{refusal}");
        drop(first);
        assert!(bind_all(&[local(port)], 2, 1000, 16).is_ok());
    }

    #[test]
    fn the_cores_own_ports_lie_next_to_each_other() {
        let bound = bind_all(&[local(0)], 3, 1000, 16).unwrap();
        let (_, first) = bound.ports[0];
        for (index, shard) in bound.shards.iter().enumerate() {
            let ports: Vec<u16> =
                shard.sockets.iter().map(|(_, s)| s.local_addr().unwrap().port()).collect();
            assert_eq!(ports, [bound.ports[0].0, first + index as u16]);
        }
    }

    #[test]
    fn the_kernel_spreads_connections_over_the_shards() {
        let bound = bind_all(&[local(0)], 2, 1000, 256).unwrap();
        let port = bound.ports[0].0;
        let clients: Vec<TcpStream> =
            (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
        let mut accepted = [0, 0];
        for (shard, count) in bound.shards.iter().zip(&mut accepted) {
            while let Ok((mut stream, _)) = accept_one(&shard.sockets[0].1) {
                stream.write_all(b"x").unwrap();
                *count += 1;
            }
        }
        assert_eq!(accepted[0] + accepted[1], 100);
        assert!(accepted.iter().all(|count| *count > 10), "{accepted:?}");
        for mut client in clients {
            client.read_exact(&mut [0]).unwrap();
        }
    }
}
