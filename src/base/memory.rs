//! Memory that a disk can be read into and written from. It belongs to the port (glommio's DMA
//! buffers there, aligned heap memory in the simulator and the tools); the machines hold handles.

use std::alloc::Layout;
use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::rc::Rc;

/// The unit of alignment of everything on disk.
pub const PAGE: usize = 4096;

/// Bytes that do not change any more.
pub trait Memory: Any {
    fn bytes(&self) -> &[u8];
}

/// Bytes that are being filled. Not zeroed: who fills a part zeroes the rest (R8).
pub trait MemoryMut {
    fn bytes_mut(&mut self) -> &mut [u8];
    fn freeze(self: Box<Self>) -> Block;
}

/// Where memory comes from. `None`: the reserve is used up; try again after something was released.
pub trait Pool {
    /// `bytes` is a multiple of [`PAGE`]; the memory has exactly that length and alignment.
    fn take(&mut self, bytes: usize) -> Option<Box<dyn MemoryMut>>;
}

/// A handle on frozen memory; a clone is another handle on the same bytes.
#[derive(Clone)]
pub struct Block(Rc<dyn Memory>);

impl Block {
    pub fn new(memory: Rc<dyn Memory>) -> Self {
        Self(memory)
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    pub fn len(&self) -> usize {
        self.0.bytes().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn slice(&self, range: Range<usize>) -> Slice {
        assert!(range.start <= range.end && range.end <= self.len(), "slice beyond its block");
        Slice { block: self.clone(), start: range.start, end: range.end }
    }

    /// Handles on these bytes, this one included.
    pub fn handles(&self) -> usize {
        Rc::strong_count(&self.0)
    }

    /// For the port, which knows what memory it handed out: `Rc::downcast` to its own type.
    pub fn into_any(self) -> Rc<dyn Any> {
        self.0
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({} bytes)", self.len())
    }
}

/// A part of a block. Pins the whole block: charge the block to who holds the slice (R19).
#[derive(Clone)]
pub struct Slice {
    block: Block,
    start: usize,
    end: usize,
}

impl Slice {
    pub fn bytes(&self) -> &[u8] {
        &self.block.bytes()[self.start..self.end]
    }

    pub fn len(&self) -> usize {
        self.end - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub fn block(&self) -> &Block {
        &self.block
    }

    /// `range` counts from the start of this slice.
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "slice beyond its slice");
        Self {
            block: self.block.clone(),
            start: self.start + range.start,
            end: self.start + range.end,
        }
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slice({} of {} bytes)", self.len(), self.block.len())
    }
}

/// Page-aligned heap memory without a bound: for the simulator, the tools and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapPool;

impl HeapPool {
    /// A frozen, page-aligned copy of `bytes`.
    pub fn block(bytes: &[u8]) -> Block {
        let mut memory = HeapMemory::new(bytes.len());
        memory.as_mut().copy_from_slice(bytes);
        Block::new(Rc::new(memory))
    }
}

impl Pool for HeapPool {
    fn take(&mut self, bytes: usize) -> Option<Box<dyn MemoryMut>> {
        let mut memory = HeapMemory::new(bytes);
        // What a reused buffer would hold: whoever forgets to zero padding must be seen.
        memory.as_mut().fill(0xa5);
        Some(Box::new(memory))
    }
}

struct HeapMemory {
    start: NonNull<u8>,
    layout: Layout,
}

impl HeapMemory {
    fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes.max(1), PAGE)
            .expect("a length that fits the address space");
        // SAFETY: the layout's size is not zero.
        let start = unsafe { std::alloc::alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { std::alloc::handle_alloc_error(layout) };
        let layout = Layout::from_size_align(bytes, PAGE).expect("smaller than the one above");
        Self { start, layout }
    }
}

impl Drop for HeapMemory {
    fn drop(&mut self) {
        let layout = Layout::from_size_align(self.layout.size().max(1), PAGE)
            .expect("the layout it was allocated with");
        // SAFETY: allocated in `new` with this layout, freed once.
        unsafe { std::alloc::dealloc(self.start.as_ptr(), layout) };
    }
}

impl AsRef<[u8]> for HeapMemory {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `start` is valid for `size` initialised bytes for as long as `self` lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

impl AsMut<[u8]> for HeapMemory {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl Memory for HeapMemory {
    fn bytes(&self) -> &[u8] {
        self.as_ref()
    }
}

impl MemoryMut for HeapMemory {
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.as_mut()
    }

    fn freeze(self: Box<Self>) -> Block {
        Block::new(Rc::new(*self))
    }
}
