//! For the tests of the administrative requests: they travel as bytes.

use bytes::Bytes;

use crate::kafka::wire::Message;
use crate::kafka::wire::Writer;

/// The message as the other side reads it in `version`.
pub(crate) fn carried<M: Message>(version: i16, message: &M) -> M {
    let mut writer = Writer::with_capacity(256);
    message.encode(version, &mut writer).expect("a message that the version can carry");
    let bytes: Bytes = writer.into_bytes();
    M::decode_whole(version, bytes).expect("what was written")
}
