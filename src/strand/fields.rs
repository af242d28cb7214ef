//! Little-endian fields of the formats on disk: taking never reads past the bytes at hand.

/// Bytes that are taken field by field from the front. `None`: there are not enough left.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

macro_rules! take {
    ($($name:ident: $type:ty),*) => {
        $(pub(super) fn $name(&mut self) -> Option<$type> {
            let (head, rest) = self.0.split_first_chunk::<{ size_of::<$type>() }>()?;
            self.0 = rest;
            Some(<$type>::from_le_bytes(*head))
        })*
    };
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    take!(u8: u8, u16: u16, u32: u32, u64: u64, i16: i16, i32: i32, i64: i64);

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Bytes that are filled field by field from the front. Writing past the end is a bug of the
/// caller, who knows the sizes.
pub(super) struct Filling<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

macro_rules! put {
    ($($name:ident: $type:ty),*) => {
        $(pub(super) fn $name(&mut self, value: $type) {
            self.put(&value.to_le_bytes());
        })*
    };
}

impl<'a> Filling<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    put!(u8: u8, u16: u16, u32: u32, u64: u64, i16: i16, i32: i32, i64: i64);

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Bytes filled so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Fills the rest with zeros (R8).
    pub(super) fn zero_rest(&mut self) {
        self.bytes[self.at..].fill(0);
    }
}
