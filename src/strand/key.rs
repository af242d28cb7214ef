//! What makes a store's bytes its own.

/// The store's identity and secret, from the manifest. The checksums of extent, frame and footer
/// headers begin with both, so that neither another store's bytes nor a header forged in a
/// client's payload is taken for ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoreKey {
    pub store: [u8; 16],
    pub secret: [u8; 16],
}

impl StoreKey {
    /// CRC-32C over secret, store id, `domain` and `bytes`. `domain` tells kinds of headers apart.
    pub(super) fn crc(&self, domain: &[u8; 4], bytes: &[u8]) -> u32 {
        let crc = crc32c::crc32c(&self.secret);
        let crc = crc32c::crc32c_append(crc, &self.store);
        let crc = crc32c::crc32c_append(crc, domain);
        crc32c::crc32c_append(crc, bytes)
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreKey({})", uuid::Uuid::from_bytes(self.store))
    }
}
