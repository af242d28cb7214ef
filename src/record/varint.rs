//! Variable-length integers as records use them: zigzag over little-endian groups of seven bits.

/// Reads a byte slice from the front; every read is checked against what is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// `None`: fewer than `count` bytes are left.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// `None`: cut off, or longer than the five bytes of a 32-bit value.
    #[inline]
    pub(super) fn varint(&mut self) -> Option<i32> {
        let first = *self.rest.first()?;
        if first < 0x80 {
            self.rest = &self.rest[1..];
            return Some(unzigzag32(u32::from(first)));
        }
        if let Some(value) = self.two_bytes() {
            return Some(unzigzag32(value));
        }
        let value = self.long_form(5, 0x0f)?;
        Some(unzigzag32(value as u32))
    }

    /// `None`: cut off, or longer than the ten bytes of a 64-bit value.
    #[inline]
    pub(super) fn varlong(&mut self) -> Option<i64> {
        let first = *self.rest.first()?;
        if first < 0x80 {
            self.rest = &self.rest[1..];
            return Some(unzigzag64(u64::from(first)));
        }
        if let Some(value) = self.two_bytes() {
            return Some(unzigzag64(u64::from(value)));
        }
        let value = self.long_form(10, 0x01)?;
        Some(unzigzag64(value))
    }

    /// A value that takes two bytes, as lengths and offset deltas above 63 mostly do. The first one
    /// says that there is another.
    #[inline]
    fn two_bytes(&mut self) -> Option<u32> {
        let &[first, second, ref rest @ ..] = self.rest else { return None };
        if second >= 0x80 {
            return None;
        }
        self.rest = rest;
        Some(u32::from(first & 0x7f) | u32::from(second) << 7)
    }

    /// Up to `bytes_max` bytes, of which the last may not exceed `last_max` (or bits would be lost).
    fn long_form(&mut self, bytes_max: usize, last_max: u8) -> Option<u64> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().take(bytes_max).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                if index + 1 == bytes_max && byte > last_max {
                    return None;
                }
                self.rest = &self.rest[index + 1..];
                return Some(value);
            }
        }
        None
    }
}

#[inline]
fn unzigzag32(value: u32) -> i32 {
    ((value >> 1) as i32) ^ -((value & 1) as i32)
}

#[inline]
fn unzigzag64(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Appends `value` in its shortest form.
pub(super) fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_varlong(out, i64::from(value));
}

/// Appends `value` in its shortest form.
pub(super) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes that [`put_varint`] writes.
pub(super) fn varint_bytes(value: i32) -> usize {
    varlong_bytes(i64::from(value))
}

/// Bytes that [`put_varlong`] writes.
pub(super) fn varlong_bytes(value: i64) -> usize {
    let bits = 64 - (((value << 1) ^ (value >> 63)) as u64 | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_take_the_bytes_foretold() {
        let edges = [0, -1, 1, 63, 64, -64, -65, 8191, 8192, i32::MAX, i32::MIN];
        for value in edges {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_bytes(value), "{value}");
            let mut cursor = Cursor::new(&out);
            assert_eq!((cursor.varint(), cursor.remaining()), (Some(value), 0));
        }
        for value in edges.map(i64::from).into_iter().chain([i64::MAX, i64::MIN, 1 << 40]) {
            let mut out = Vec::new();
            put_varlong(&mut out, value);
            assert_eq!(out.len(), varlong_bytes(value), "{value}");
            let mut cursor = Cursor::new(&out);
            assert_eq!((cursor.varlong(), cursor.remaining()), (Some(value), 0));
        }
    }

    #[test]
    fn zigzag_is_kafkas() {
        let mut out = Vec::new();
        put_varint(&mut out, -1);
        put_varint(&mut out, 1);
        put_varint(&mut out, 300);
        assert_eq!(out, [0x01, 0x02, 0xd8, 0x04]);
    }

    #[test]
    fn cut_off_and_overlong_values_are_refused() {
        assert_eq!(Cursor::new(&[]).varint(), None);
        assert_eq!(Cursor::new(&[0x80]).varint(), None);
        assert_eq!(Cursor::new(&[0x80, 0x80, 0x80, 0x80, 0x10]).varint(), None);
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).varint(), Some(i32::MIN));
        assert_eq!(Cursor::new(&[0x80; 6]).varint(), None);
        assert_eq!(Cursor::new(&[0x80; 11]).varlong(), None);
        let mut overlong = [0xff; 10];
        overlong[9] = 0x02;
        assert_eq!(Cursor::new(&overlong).varlong(), None);
        overlong[9] = 0x01;
        assert_eq!(Cursor::new(&overlong).varlong(), Some(i64::MIN));
    }
}
