//! One client: requests off the socket, answers into it, in order.

use crate::commit::Committer;
use crate::commit::Due;
use crate::requests;
use crate::requests::About;
use crate::requests::Parsed;
use futures_lite::AsyncReadExt;
use futures_lite::AsyncWriteExt;
use glommio::net::TcpStream;
use std::cell::Cell;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::task::Poll;
use std::task::Waker;

/// The receive buffer, which grows only for a frame that is larger.
const BUFFER_BYTES: usize = 1 << 20;
/// `socket.request.max.bytes`.
const FRAME_MAX: usize = 100 << 20;

/// Answers of one connection that may leave.
pub(crate) struct Outbox {
    socket: RawFd,
    /// Gathered, and not yet in the socket.
    pending: RefCell<Vec<u8>>,
    /// The socket was full: the writer task has `pending` now.
    blocked: Cell<bool>,
    writer: RefCell<Option<Waker>>,
    closed: Cell<bool>,
}

impl Outbox {
    /// Adds an answer. True: somebody has to flush.
    pub(crate) fn gather(&self, answer: &[u8]) -> bool {
        let mut pending = self.pending.borrow_mut();
        let first = pending.is_empty();
        pending.extend_from_slice(answer);
        first && !self.blocked.get()
    }

    /// Sends what was gathered: at once where the socket takes it, else by the writer task.
    pub(crate) fn flush(&self) {
        if self.blocked.get() || self.closed.get() {
            return;
        }
        let mut pending = self.pending.borrow_mut();
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: pointer and length describe `pending`; the socket is open until `closed` is set.
        let sent =
            unsafe { libc::send(self.socket, pending.as_ptr().cast(), pending.len(), flags) };
        // What went wrong, if it is not a full socket, the writer task meets again.
        pending.drain(..usize::try_from(sent).unwrap_or(0));
        if !pending.is_empty() {
            self.blocked.set(true);
            if let Some(writer) = self.writer.borrow_mut().take() {
                writer.wake();
            }
        }
    }
}

/// Serves a connection until its peer is done.
pub(crate) async fn serve(
    mut stream: TcpStream,
    committer: Rc<Committer>,
    about: About,
) -> io::Result<()> {
    stream.set_nodelay(true).map_err(io::Error::other)?;
    // SAFETY: a system call without pointers.
    let twin = unsafe { libc::dup(stream.as_raw_fd()) };
    if twin < 0 {
        return Err(io::Error::last_os_error());
    }
    let outbox = Rc::new(Outbox {
        socket: twin,
        pending: RefCell::default(),
        blocked: Cell::new(false),
        writer: RefCell::default(),
        closed: Cell::new(false),
    });
    // SAFETY: the descriptor was just duplicated and belongs to nobody else. The outbox borrows it
    // and stops using it when the writer, which owns it, ends.
    let writer = unsafe { TcpStream::from_raw_fd(twin) };
    glommio::spawn_local(drain(writer, outbox.clone())).detach();
    let read = read_requests(&mut stream, &committer, &outbox, about).await;
    outbox.closed.set(true);
    if let Some(writer) = outbox.writer.borrow_mut().take() {
        writer.wake();
    }
    read
}

/// The writer task: sends what did not fit into the socket at once.
async fn drain(mut stream: TcpStream, outbox: Rc<Outbox>) {
    loop {
        poll_fn(|context| {
            if outbox.blocked.get() || outbox.closed.get() {
                return Poll::Ready(());
            }
            *outbox.writer.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        if outbox.closed.get() {
            return;
        }
        let pending = outbox.pending.take();
        if stream.write_all(&pending).await.is_err() {
            // The reader meets the same error and ends the connection.
            return;
        }
        if outbox.pending.borrow().is_empty() {
            outbox.blocked.set(false);
        }
    }
}

async fn read_requests(
    stream: &mut TcpStream,
    committer: &Committer,
    outbox: &Rc<Outbox>,
    about: About,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut from, mut to) = (0, 0);
    loop {
        while let Some(bytes) = whole_frame(&buffer[from..to])? {
            let frame = &buffer[from + 4..from + bytes];
            let answer = match requests::parse(frame, &about)? {
                Parsed::Answer(answer) => answer,
                Parsed::Produce(mut produce) => {
                    while let Some(part) = produce.next_part(frame)? {
                        let batch = &frame[part.batch.clone()];
                        let offset = committer.put(part.partition, batch, part.records).await;
                        produce.answer_part(offset);
                    }
                    match produce.finish() {
                        Some(answer) => answer,
                        None => {
                            from += bytes;
                            continue;
                        }
                    }
                }
            };
            committer.owe(Due { outbox: outbox.clone(), answer });
            from += bytes;
        }
        make_room(&mut buffer, &mut from, &mut to);
        let read = stream.read(&mut buffer[to..]).await?;
        if read == 0 {
            return Ok(());
        }
        to += read;
    }
}

/// Bytes of the frame at the front, its length included; `None` while it is not there as a whole.
fn whole_frame(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    let Some(length) = usize::try_from(length).ok().filter(|&length| length <= FRAME_MAX) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "impossible frame length"));
    };
    Ok((bytes.len() >= 4 + length).then_some(4 + length))
}

/// Moves the cut-off frame to the front when what it still needs does not fit behind it.
fn make_room(buffer: &mut Vec<u8>, from: &mut usize, to: &mut usize) {
    if from == to {
        (*from, *to) = (0, 0);
        return;
    }
    let needed = match buffer[*from..*to].first_chunk::<4>() {
        Some(length) => 4 + u32::from_be_bytes(*length) as usize,
        None => 4,
    };
    if *from + needed > buffer.len() {
        buffer.copy_within(*from..*to, 0);
        (*from, *to) = (0, *to - *from);
        if needed > buffer.len() {
            buffer.resize(needed, 0);
        }
    } else if *to == buffer.len() {
        // Cannot be: a whole frame would have been taken.
        unreachable!("a frame that fits into the buffer was left in it");
    }
}
