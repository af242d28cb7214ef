//! Memory that the ring can read into and write from, behind `base::Block`. Frames come out of a
//! budget of their own, so that no reader can leave a commit without a buffer (R19).

use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;

use glommio::allocate_dma_buffer;
use glommio::io::DmaBuffer;
use glommio::io::ReadResult;

use crate::base::Block;
use crate::base::Memory;
use crate::base::MemoryMut;
use crate::base::PAGE;
use crate::base::Pool;

/// Bytes of one purpose that are handed out, and how many may be.
#[derive(Debug)]
pub(crate) struct Account {
    used: Cell<usize>,
    most: usize,
}

impl Account {
    pub(crate) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { used: Cell::new(0), most })
    }

    pub(crate) fn used(&self) -> usize {
        self.used.get()
    }

    /// Charges `bytes` if they fit.
    pub(crate) fn charge(self: &Rc<Self>, bytes: usize) -> Option<Charge> {
        let used = self.used.get().checked_add(bytes)?;
        if used > self.most {
            return None;
        }
        self.used.set(used);
        Some(Charge { account: Rc::clone(self), bytes })
    }
}

/// Ends when the memory it stands for is given back.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Rc<Account>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        let used = self.account.used.get();
        assert!(used >= self.bytes, "more memory given back than was taken");
        self.account.used.set(used - self.bytes);
    }
}

/// Commit buffers of one shard. Must be used on the shard's executor, whose arena they come from;
/// when the arena is used up they come from the heap, within the same budget.
#[derive(Debug)]
pub struct DmaPool {
    account: Rc<Account>,
}

impl DmaPool {
    /// At most `most` bytes are handed out at a time, blocks that are still read included.
    pub fn new(most: usize) -> Self {
        Self { account: Account::new(most) }
    }

    /// Bytes handed out.
    pub fn used(&self) -> usize {
        self.account.used()
    }
}

impl Pool for DmaPool {
    fn take(&mut self, bytes: usize) -> Option<Box<dyn MemoryMut>> {
        assert!(bytes > 0 && bytes.is_multiple_of(PAGE), "a length that the disk takes");
        let charge = self.account.charge(class_of(bytes))?;
        Some(Box::new(Filling { buffer: allocate_dma_buffer(bytes), charge }))
    }
}

/// What the arena sets aside for `bytes`: its allocator halves, so a power of two.
fn class_of(bytes: usize) -> usize {
    bytes.next_power_of_two()
}

/// A buffer that is being filled.
struct Filling {
    buffer: DmaBuffer,
    charge: Charge,
}

impl MemoryMut for Filling {
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.as_bytes_mut()
    }

    fn freeze(self: Box<Self>) -> Block {
        Block::new(Rc::new(Filled { buffer: Rc::new(self.buffer), _charge: Some(self.charge) }))
    }
}

/// A buffer that does not change any more; the ring writes from it while others read it.
struct Filled {
    buffer: Rc<DmaBuffer>,
    _charge: Option<Charge>,
}

impl Memory for Filled {
    fn bytes(&self) -> &[u8] {
        self.buffer.as_bytes()
    }
}

/// What the ring read, in the buffer that it read it into.
struct Received {
    result: ReadResult,
}

impl Memory for Received {
    fn bytes(&self) -> &[u8] {
        &self.result
    }
}

/// What a read brought, as a block.
pub(crate) fn received(result: ReadResult) -> Block {
    Block::new(Rc::new(Received { result }))
}

/// A block of a copy, for what did not come out of one read.
pub(crate) fn copied(parts: &[&[u8]]) -> Block {
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    if bytes == 0 {
        return received(ReadResult::default());
    }
    let mut buffer = allocate_dma_buffer(bytes);
    let mut at = 0;
    for part in parts {
        buffer.as_bytes_mut()[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    Block::new(Rc::new(Filled { buffer: Rc::new(buffer), _charge: None }))
}

/// The buffer behind a block, and what keeps it charged. A block of other memory is copied.
pub(crate) fn writable(block: Block) -> (Rc<DmaBuffer>, Rc<dyn Any>) {
    match block.clone().into_any().downcast::<Filled>() {
        Ok(filled) => (Rc::clone(&filled.buffer), filled),
        Err(other) => {
            let mut buffer = allocate_dma_buffer(block.len());
            buffer.as_bytes_mut().copy_from_slice(block.bytes());
            (Rc::new(buffer), other)
        }
    }
}

/// A zeroed buffer.
pub(crate) fn zeroes(bytes: usize) -> Rc<DmaBuffer> {
    let mut buffer = allocate_dma_buffer(bytes);
    buffer.as_bytes_mut().fill(0);
    Rc::new(buffer)
}
