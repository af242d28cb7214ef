//! One client connection: bytes in, cut into frames and charged; answers out, one vectored write
//! per turn. What is read of one connection in one pass of the reactor is bounded, so that one
//! that always has more does not keep the others waiting.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::task::Poll;
use std::task::Waker;

use glommio::io::PollableFd;
use tracing::debug;
use tracing::info;

use crate::base::ConnId;
use crate::io::port::Port;
use crate::io::task::spawn;
use crate::kafka::frame::Cutter;
use crate::kafka::frame::FrameFault;
use crate::shard::CloseReason;
use crate::shard::Event;
use crate::shard::Part;

/// Pieces of one vectored write; the kernel takes 1024.
const PIECES_MAX: usize = 256;

/// What one connection may bring in during one pass of the reactor; a last read may exceed it.
const PASS_BYTES: usize = 256 << 10;

/// While this much waits to be sent, nothing more is read: whoever does not take answers does not
/// get to ask.
const UNSENT_MAX: usize = 8 << 20;

/// One connection of this shard.
#[derive(Debug)]
pub(crate) struct Conn {
    id: ConnId,
    peer: SocketAddr,
    stream: PollableFd<TcpStream>,
    unsent: RefCell<Unsent>,
    /// The shard wants no requests of it for a while.
    paused: Cell<bool>,
    /// The intake had no memory; it says when to ask again.
    crowded: Cell<bool>,
    closing: Cell<bool>,
    /// The receiving task, while it waits for one of these to change.
    receiver: RefCell<Option<Waker>>,
}

#[derive(Debug, Default)]
struct Unsent {
    parts: VecDeque<Part>,
    /// Bytes of the first part that are sent.
    sent: usize,
    /// Bytes of all parts that are not.
    bytes: usize,
    /// A task waits until the socket takes more.
    writing: bool,
}

/// What the socket did with what it was offered.
enum Written {
    All,
    Blocked,
    Failed,
}

impl Conn {
    /// Takes a socket that was just accepted; it must not block.
    pub(crate) fn new(id: ConnId, peer: SocketAddr, stream: TcpStream) -> io::Result<Rc<Self>> {
        let stream = PollableFd::new(stream).map_err(io::Error::from)?;
        Ok(Rc::new(Self {
            id,
            peer,
            stream,
            unsent: RefCell::default(),
            paused: Cell::new(false),
            crowded: Cell::new(false),
            closing: Cell::new(false),
            receiver: RefCell::default(),
        }))
    }

    pub(crate) fn id(&self) -> ConnId {
        self.id
    }

    pub(crate) fn pause(&self) {
        self.paused.set(true);
    }

    pub(crate) fn resume(&self) {
        self.paused.set(false);
        self.wake_receiver();
    }

    /// The intake has memory again.
    pub(crate) fn grant(&self) {
        self.crowded.set(false);
        self.wake_receiver();
    }

    /// Bytes that wait to be sent.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.borrow().bytes
    }

    /// Says why, once, and ends both directions; the receiving task then ends the connection.
    pub(crate) fn close(&self, reason: &CloseReason) {
        if self.closing.replace(true) {
            return;
        }
        match reason {
            CloseReason::Ended => debug!(peer = %self.peer, "socket: ended by the client"),
            _ => info!(peer = %self.peer, ?reason, "socket: closed"),
        }
        self.hang_up();
    }

    /// The FIN goes out at once, and both directions become ready.
    fn hang_up(&self) {
        self.closing.set(true);
        // Fails only when the peer is gone already.
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
        self.wake_receiver();
    }

    fn wake_receiver(&self) {
        if let Some(receiver) = self.receiver.borrow_mut().take() {
            receiver.wake();
        }
    }

    /// Ready when something may be read, or the connection is to end.
    async fn wait_until_wanted(&self) {
        poll_fn(|cx| {
            let held = self.paused.get() || self.crowded.get() || self.unsent() >= UNSENT_MAX;
            if self.closing.get() || !held {
                return Poll::Ready(());
            }
            *self.receiver.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Ready when the connection is to end.
    async fn wait_until_closing(&self) {
        poll_fn(|cx| {
            if self.closing.get() {
                return Poll::Ready(());
            }
            *self.receiver.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Puts a part of an answer behind those that wait; [`Self::flush`] sends.
    pub(crate) fn enqueue(&self, part: Part) {
        let bytes = part.bytes().len();
        if bytes == 0 {
            return;
        }
        let mut unsent = self.unsent.borrow_mut();
        unsent.bytes += bytes;
        unsent.parts.push_back(part);
    }

    /// Sends what waits. What the socket does not take at once, a task of its own sends later.
    pub(crate) fn flush(self: &Rc<Self>, port: &Rc<Port>) {
        if self.unsent.borrow().writing {
            return;
        }
        match self.write(port) {
            Written::All => {}
            Written::Failed => self.hang_up(),
            Written::Blocked => {
                self.unsent.borrow_mut().writing = true;
                port.sending(1);
                let (conn, port) = (Rc::clone(self), Rc::clone(port));
                spawn(async move { conn.write_when_writable(&port).await }).detach();
            }
        }
    }

    async fn write_when_writable(&self, port: &Port) {
        loop {
            let writable = self.stream.writable().await;
            match self.write(port) {
                Written::Blocked if writable.is_ok() && !self.closing.get() => {}
                Written::Blocked | Written::Failed => {
                    self.hang_up();
                    break;
                }
                Written::All => break,
            }
        }
        self.unsent.borrow_mut().writing = false;
        port.sending(-1);
    }

    fn write(&self, port: &Port) -> Written {
        let (mut taken, result) = (0, self.write_parts());
        let result = match result {
            Ok((bytes, written)) => {
                taken += bytes;
                written
            }
            Err(error) => {
                debug!(peer = %self.peer, %error, "socket: write failed");
                self.unsent.borrow_mut().clear();
                Written::Failed
            }
        };
        if taken > 0 {
            port.inbox().push(Event::Sent { conn: self.id, bytes: taken });
            if self.unsent() < UNSENT_MAX {
                self.wake_receiver();
            }
        }
        result
    }

    /// Offers everything; gives how much was taken.
    fn write_parts(&self) -> io::Result<(usize, Written)> {
        let mut unsent = self.unsent.borrow_mut();
        let mut taken = 0;
        while !unsent.parts.is_empty() {
            let (offered, sent) = send(self.stream.get_ref(), &unsent)?;
            let Some(sent) = sent else { return Ok((taken, Written::Blocked)) };
            taken += sent;
            unsent.advance(sent);
            if sent < offered {
                return Ok((taken, Written::Blocked));
            }
        }
        Ok((taken, Written::All))
    }
}

impl Unsent {
    fn advance(&mut self, mut bytes: usize) {
        self.bytes -= bytes;
        while let Some(first) = self.parts.front() {
            let rest = first.bytes().len() - self.sent;
            if bytes < rest {
                self.sent += bytes;
                return;
            }
            bytes -= rest;
            self.sent = 0;
            self.parts.pop_front();
        }
    }

    fn clear(&mut self) {
        self.parts.clear();
        self.sent = 0;
        self.bytes = 0;
    }
}

/// One `sendmsg` of the first parts: how much was offered, and taken if the socket did not block.
fn send(stream: &TcpStream, unsent: &Unsent) -> io::Result<(usize, Option<usize>)> {
    let mut pieces = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; PIECES_MAX];
    let (mut count, mut offered, mut skip) = (0, 0, unsent.sent);
    for (piece, part) in pieces.iter_mut().zip(&unsent.parts) {
        let bytes = &part.bytes()[skip..];
        skip = 0;
        *piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        offered += bytes.len();
        count += 1;
    }
    // SAFETY: all fields of a message header may be zero.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = pieces.as_mut_ptr();
    message.msg_iovlen = count;
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: header and pieces live until the call returns, and the pieces point to bytes that
    // `unsent` keeps; the kernel reads them only.
    let sent = unsafe { libc::sendmsg(stream.as_raw_fd(), &message, flags) };
    match usize::try_from(sent) {
        Ok(sent) => Ok((offered, Some(sent))),
        Err(_) => {
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok((offered, None)),
                _ => Err(error),
            }
        }
    }
}

/// How a connection's input ended.
enum Ended {
    /// The shard closed it, or an answer could not be sent.
    Gone,
    /// The peer sent a FIN, or the connection broke: what came before it counts.
    ByPeer,
    /// It sent what no request can be.
    Refused(CloseReason),
}

/// Receives requests until the connection ends, then takes it out of the port.
pub(crate) async fn receive(port: Rc<Port>, conn: Rc<Conn>) {
    let mut cutter = Cutter::new(port.request_max());
    let ended = receive_until_end(&port, &conn, &mut cutter).await;
    match ended {
        Ended::Gone => {}
        Ended::ByPeer => {
            // The shard takes what came in, and closes.
            cutter.rest();
            port.inbox().push(Event::Ended { conn: conn.id });
            conn.wait_until_closing().await;
        }
        Ended::Refused(reason) => conn.close(&reason),
    }
    conn.hang_up();
    conn.unsent.borrow_mut().clear();
    port.remove(conn.id);
}

async fn receive_until_end(port: &Port, conn: &Conn, cutter: &mut Cutter) -> Ended {
    loop {
        conn.wait_until_wanted().await;
        if conn.closing.get() {
            return Ended::Gone;
        }
        let readable = conn.stream.readable().await;
        if conn.closing.get() {
            return Ended::Gone;
        }
        if readable.is_err() {
            return Ended::ByPeer;
        }
        if let Some(ended) = receive_some(port, conn, cutter) {
            return ended;
        }
    }
}

/// Reads until nothing is left or it was enough for one pass of the reactor.
fn receive_some(port: &Port, conn: &Conn, cutter: &mut Cutter) -> Option<Ended> {
    let mut left = PASS_BYTES;
    while left > 0 {
        // Asked for once there is something to read: an idle connection holds nothing.
        let room = cutter.room().len();
        let granted = port.intake().borrow_mut().ask(conn.id, room);
        let Some(granted) = granted else {
            cutter.rest();
            conn.crowded.set(true);
            return None;
        };
        let bytes = match read(conn.stream.get_ref(), &mut cutter.room()[..granted]) {
            Ok(0) => return Some(Ended::ByPeer),
            Ok(bytes) => bytes,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {
                        cutter.rest();
                        None
                    }
                    _ => Some(Ended::ByPeer),
                };
            }
        };
        // SAFETY: the kernel wrote that many at the start of the room.
        unsafe { cutter.received(bytes) };
        if let Err(fault) = cut(port, conn, cutter, bytes) {
            return Some(Ended::Refused(reason_of(fault)));
        }
        if bytes < granted {
            return None;
        }
        left = left.saturating_sub(bytes);
    }
    None
}

/// Charges what came in and hands on the frames that are complete.
fn cut(port: &Port, conn: &Conn, cutter: &mut Cutter, bytes: usize) -> Result<(), FrameFault> {
    let now_us = port.clock().mono_us();
    let mut intake = port.intake().borrow_mut();
    let known = cutter.announced().is_some();
    intake.arrived(now_us, conn.id, bytes);
    let mut cut_any = false;
    while let Some(frame) = cutter.cut()? {
        intake.completed(now_us, conn.id, frame.len(), cutter.held());
        port.inbox().push(Event::Received { conn: conn.id, frame });
        cut_any = true;
    }
    if let Some(bytes) = cutter.announced().filter(|_| cut_any || !known) {
        intake.announced(conn.id, bytes);
    }
    drop(intake);
    cutter.rest();
    port.wake_granted();
    Ok(())
}

fn reason_of(fault: FrameFault) -> CloseReason {
    match fault {
        FrameFault::TooLarge { bytes } => CloseReason::TooLarge { bytes },
        FrameFault::Negative { bytes } => {
            CloseReason::Malformed(format!("a request of {bytes} bytes"))
        }
    }
}

fn read(stream: &TcpStream, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT;
    // SAFETY: pointer and length describe `into`; the kernel writes at most that much.
    let n = unsafe { libc::recv(stream.as_raw_fd(), into.as_mut_ptr().cast(), into.len(), flags) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}
