//! Sockets that do not block, and waiting for many of them at once.

use crate::client::LoadError;
use bytes::Bytes;
use bytes::BytesMut;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What is read at a time at least.
const READ_BYTES: usize = 64 * 1024;
/// What is read at a time at most.
const READ_BYTES_MAX: usize = 1 << 20;
const FRAME_MAX: usize = 128 << 20;
const EVENTS_MAX: usize = 256;

/// A connection with what has arrived of its frames.
pub(crate) struct Socket {
    stream: TcpStream,
    input: BytesMut,
    /// Bytes of the frame that is being read, once its length is there.
    awaited: usize,
}

impl Socket {
    pub(crate) fn connect(address: &str) -> Result<Self, LoadError> {
        let connecting = |error| LoadError::Io("connecting", error);
        let stream = TcpStream::connect(address).map_err(connecting)?;
        stream.set_nodelay(true).map_err(connecting)?;
        stream.set_nonblocking(true).map_err(connecting)?;
        Ok(Self { stream, input: BytesMut::new(), awaited: 0 })
    }

    /// Sends what the socket takes; 0 when it is full.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<usize, LoadError> {
        match self.stream.write(bytes) {
            Ok(sent) => Ok(sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(LoadError::Io("sending", error)),
        }
    }

    /// The next whole frame, without its length; `None` when nothing more is there.
    pub(crate) fn frame(&mut self) -> Result<Option<Bytes>, LoadError> {
        loop {
            if let Some(frame) = self.cut()? {
                return Ok(Some(frame));
            }
            let used = self.input.len();
            let room = self.awaited.saturating_sub(used).clamp(READ_BYTES, READ_BYTES_MAX);
            self.input.resize(used + room, 0);
            let read = self.stream.read(&mut self.input[used..]);
            self.input.truncate(used + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => {
                    let end = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(LoadError::Io("the broker closed the connection", end));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(LoadError::Io("receiving", error)),
            }
        }
    }

    fn cut(&mut self) -> Result<Option<Bytes>, LoadError> {
        let Some(length) = self.input.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > FRAME_MAX {
            return Err(LoadError::Answer(format!("a frame of {length} bytes")));
        }
        self.awaited = 4 + length;
        if self.input.len() < self.awaited {
            self.input.reserve(self.awaited - self.input.len());
            return Ok(None);
        }
        let mut frame = self.input.split_to(self.awaited);
        self.awaited = 0;
        Ok(Some(frame.split_off(4).freeze()))
    }
}

/// Waits for sockets.
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poll {
    pub(crate) fn new() -> Result<Self, LoadError> {
        // SAFETY: a system call without pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(LoadError::Io("epoll_create1", io::Error::last_os_error()));
        }
        // SAFETY: the descriptor was just opened and belongs to nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        let none = libc::epoll_event { events: 0, u64: 0 };
        Ok(Self { epoll, events: vec![none; EVENTS_MAX] })
    }

    /// Adds a socket; its events carry `number`. They come once for every change (edge-triggered).
    pub(crate) fn add(&self, socket: &Socket, number: usize) -> Result<(), LoadError> {
        let events = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET) as u32;
        let mut event = libc::epoll_event { events, u64: number as u64 };
        let (epoll, fd) = (self.epoll.as_raw_fd(), socket.stream.as_raw_fd());
        // SAFETY: both descriptors are open, and the event outlives the call.
        let added = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) };
        if added < 0 {
            return Err(LoadError::Io("epoll_ctl", io::Error::last_os_error()));
        }
        Ok(())
    }

    /// Waits at most `timeout` and fills `ready` with the numbers of sockets where something
    /// happened.
    pub(crate) fn wait(
        &mut self,
        timeout: Duration,
        ready: &mut Vec<usize>,
    ) -> Result<(), LoadError> {
        ready.clear();
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
        };
        // SAFETY: the buffer holds as many events as is said, and the timeout outlives the call.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                &raw const timeout,
                std::ptr::null::<libc::sigset_t>(),
                0,
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                return Ok(());
            }
            return Err(LoadError::Io("epoll_pwait2", error));
        }
        ready.extend(self.events[..count as usize].iter().map(|event| event.u64 as usize));
        Ok(())
    }
}
