//! Batches down to their records, as text.

use std::fmt;
use std::io;
use std::io::Write;

use crate::record::Batch;
use crate::record::OPENED_BYTES_MAX;
use crate::record::Record;
use crate::record::Records;
use crate::record::decompress;

/// Bytes of a key or value that are printed.
const SHOWN_BYTES: usize = 200;

/// Prints the records of one stored batch.
pub(super) fn print(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let batch = match Batch::parse(bytes) {
        Ok(batch) => batch,
        Err(error) => return writeln!(out, "        not a batch: {error:?}"),
    };
    let header = &batch.header;
    let codec = match header.attributes.codec() {
        Ok(codec) => codec,
        Err(id) => return writeln!(out, "        unknown compression {id}"),
    };
    let mut plain = Vec::new();
    if let Err(error) = decompress(codec, batch.payload(), OPENED_BYTES_MAX, &mut plain) {
        return writeln!(out, "        {} payload: {error:?}", codec.name());
    }
    for record in Records::new(&plain, header.count) {
        match record {
            Ok(record) => {
                let offset = header.base_offset.wrapping_add(i64::from(record.offset_delta));
                let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
                print_record(offset, timestamp, &record, out)?;
            }
            Err(error) => return writeln!(out, "        {error}"),
        }
    }
    Ok(())
}

fn print_record(
    offset: i64,
    timestamp: i64,
    record: &Record<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (key, value) = (Shown(record.key), Shown(record.value));
    write!(out, "        record {offset} timestamp {timestamp} key {key} value {value}")?;
    for header in record.headers {
        write!(out, " header {}={}", Shown(Some(header.key)), Shown(header.value))?;
    }
    writeln!(out)
}

/// Bytes in quotes, what is no text escaped, long ones cut.
struct Shown<'a>(Option<&'a [u8]>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(bytes) = self.0 else { return f.write_str("null") };
        let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
        write!(f, "\"")?;
        match std::str::from_utf8(shown) {
            Ok(text) => write!(f, "{}", text.escape_debug())?,
            Err(_) => write!(f, "{}", shown.escape_ascii())?,
        }
        write!(f, "\"")?;
        match bytes.len() {
            length if length > SHOWN_BYTES => write!(f, "… ({length} bytes)"),
            _ => Ok(()),
        }
    }
}
