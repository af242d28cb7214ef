//! Group commit: while frames are on their way, the next one gathers. No linger.

use crate::connection::Outbox;
use glommio::io::DmaBuffer;
use glommio::io::DmaFile;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::task::Waker;
use strandlog::base::PAGE;

/// Bytes before the batches of a frame; a broker has its header and table there.
const FRAME_HEADER: usize = 128;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Frames on their way at most (K).
    pub(crate) in_flight: usize,
    pub(crate) frame_bytes: usize,
    /// A further frame is started only when this much waits.
    pub(crate) second_from: usize,
    pub(crate) file_bytes: u64,
}

/// Counted since the start.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Figures {
    pub(crate) frames: u64,
    pub(crate) batches: u64,
    pub(crate) batch_bytes: u64,
    /// Readers that waited for room in the gathering frame.
    pub(crate) waits: u64,
}

/// An answer that leaves when its frame, and all before it, are durable.
pub(crate) struct Due {
    pub(crate) outbox: Rc<Outbox>,
    pub(crate) answer: Vec<u8>,
}

struct Frame {
    buffer: DmaBuffer,
    used: usize,
    batches: u64,
    due: Vec<Due>,
}

/// A frame on its way.
struct Flying {
    due: Vec<Due>,
    durable: bool,
}

#[derive(Default)]
struct State {
    gathering: Option<Frame>,
    /// Oldest first.
    flight: VecDeque<Flying>,
    /// Number of the oldest frame in `flight`.
    oldest: u64,
    position: u64,
    driver: Option<Waker>,
    waiting: Vec<Waker>,
    offsets: Vec<i64>,
}

pub(crate) struct Committer {
    file: Rc<DmaFile>,
    limits: Limits,
    state: RefCell<State>,
    figures: Cell<Figures>,
}

impl Committer {
    pub(crate) fn new(file: Rc<DmaFile>, limits: Limits) -> Self {
        assert!(limits.in_flight > 0, "without frames in flight nothing is ever committed");
        assert!(
            (limits.frame_bytes + FRAME_HEADER + PAGE) as u64 * 2 < limits.file_bytes,
            "the file must hold two frames"
        );
        let (state, figures) = (RefCell::default(), Cell::default());
        Self { file, limits, state, figures }
    }

    pub(crate) fn figures(&self) -> Figures {
        self.figures.get()
    }

    /// Takes a batch into the gathering frame, waiting for room where there is none, and returns
    /// the offset of its first record.
    pub(crate) async fn put(&self, partition: usize, batch: &[u8], records: i64) -> i64 {
        let mut waited = false;
        poll_fn(|context| {
            if self.has_room(batch.len()) {
                return Poll::Ready(());
            }
            if !std::mem::replace(&mut waited, true) {
                self.count(|figures| figures.waits += 1);
            }
            self.state.borrow_mut().waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
        let mut state = self.state.borrow_mut();
        let frame = state.gathering.get_or_insert_with(|| {
            let room = self.limits.frame_bytes.max(batch.len());
            let bytes = (FRAME_HEADER + room).next_multiple_of(PAGE);
            let buffer = self.file.alloc_dma_buffer(bytes);
            Frame { buffer, used: FRAME_HEADER, batches: 0, due: Vec::new() }
        });
        let end = frame.used + batch.len();
        frame.buffer.as_bytes_mut()[frame.used..end].copy_from_slice(batch);
        frame.used = end;
        frame.batches += 1;
        let state = &mut *state;
        if state.offsets.len() <= partition {
            state.offsets.resize(partition + 1, 0);
        }
        let offset = state.offsets[partition];
        state.offsets[partition] += records;
        if let Some(driver) = state.driver.take() {
            driver.wake();
        }
        offset
    }

    /// Owes an answer for the batches that were put before it.
    pub(crate) fn owe(&self, due: Due) {
        let mut state = self.state.borrow_mut();
        if let Some(frame) = &mut state.gathering {
            frame.due.push(due);
        } else if let Some(last) = state.flight.back_mut() {
            last.due.push(due);
        } else {
            // Nothing is under way that could be waited for.
            due.outbox.gather(&due.answer);
            due.outbox.flush();
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        let state = self.state.borrow();
        state.gathering.as_ref().is_none_or(|frame| {
            // A batch larger than a frame waits for a frame of its own.
            frame.used + bytes <= FRAME_HEADER + self.limits.frame_bytes
        })
    }

    /// Starts commits for as long as the process lives.
    pub(crate) async fn drive(self: Rc<Self>) {
        loop {
            let (frame, number, position) = poll_fn(|context| {
                let mut state = self.state.borrow_mut();
                match self.next(&mut state) {
                    Some(next) => Poll::Ready(next),
                    None => {
                        state.driver = Some(context.waker().clone());
                        Poll::Pending
                    }
                }
            })
            .await;
            // Detached: a write that is dropped is silently not done.
            glommio::spawn_local(self.clone().write(frame, number, position)).detach();
        }
    }

    fn next(&self, state: &mut State) -> Option<(DmaBuffer, u64, u64)> {
        let frame = state.gathering.as_ref()?;
        let pressed = frame.used >= self.limits.second_from;
        let allowed =
            state.flight.is_empty() || (pressed && state.flight.len() < self.limits.in_flight);
        if !allowed {
            return None;
        }
        let Frame { mut buffer, used, batches, due } = state.gathering.take()?;
        let bytes = used.next_multiple_of(PAGE);
        let all = buffer.as_bytes_mut();
        // Never what the buffer held before.
        all[used..bytes].fill(0);
        all[..FRAME_HEADER].fill(0);
        buffer.trim_to_size(bytes);
        if state.position + bytes as u64 > self.limits.file_bytes {
            state.position = 0;
        }
        let position = state.position;
        state.position += bytes as u64;
        let number = state.oldest + state.flight.len() as u64;
        buffer.as_bytes_mut()[..8].copy_from_slice(&number.to_le_bytes());
        state.flight.push_back(Flying { due, durable: false });
        self.count(|figures| {
            figures.frames += 1;
            figures.batches += batches;
            figures.batch_bytes += (used - FRAME_HEADER) as u64;
        });
        for reader in state.waiting.drain(..) {
            reader.wake();
        }
        Some((buffer, number, position))
    }

    /// Writes a frame; when it and all before it are durable, their answers leave.
    async fn write(self: Rc<Self>, buffer: DmaBuffer, number: u64, position: u64) {
        let bytes = buffer.len();
        let written = self.file.write_at(buffer, position).await;
        assert!(matches!(written, Ok(n) if n == bytes), "a commit failed: {written:?}");
        let mut state = self.state.borrow_mut();
        let at = (number - state.oldest) as usize;
        state.flight[at].durable = true;
        let mut outboxes: Vec<Rc<Outbox>> = Vec::new();
        while state.flight.front().is_some_and(|frame| frame.durable) {
            let frame = state.flight.pop_front().expect("it was just looked at");
            state.oldest += 1;
            for Due { outbox, answer } in frame.due {
                // One send per connection, however many answers.
                if outbox.gather(&answer) {
                    outboxes.push(outbox);
                }
            }
        }
        if let Some(driver) = state.driver.take() {
            driver.wake();
        }
        drop(state);
        for outbox in outboxes {
            outbox.flush();
        }
    }

    fn count(&self, change: impl FnOnce(&mut Figures)) {
        let mut figures = self.figures.get();
        change(&mut figures);
        self.figures.set(figures);
    }
}
