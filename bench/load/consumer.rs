//! One consuming connection: a fetch is always under way.

use crate::client::LoadError;
use crate::client::decode_answer;
use crate::socket::Socket;
use crate::verify::Verifier;
use bytes::Bytes;
use strandlog::kafka::messages::FetchPartition;
use strandlog::kafka::messages::FetchRequest;
use strandlog::kafka::messages::FetchTopic;
use strandlog::kafka::wire::encode_request;

const WAIT_MS: i32 = 500;
const ANSWER_BYTES: i32 = 50 << 20;

pub(crate) struct Consumer {
    pub(crate) socket: Socket,
    version: i16,
    topic: String,
    partitions: Vec<u32>,
    partition_bytes: i32,
    correlation: i32,
    request: Bytes,
    sent: usize,
}

impl Consumer {
    pub(crate) fn new(
        socket: Socket,
        version: i16,
        topic: &str,
        partitions: Vec<u32>,
        partition_bytes: u32,
    ) -> Self {
        Self {
            socket,
            version,
            topic: topic.to_owned(),
            partitions,
            partition_bytes: partition_bytes.min(i32::MAX as u32) as i32,
            correlation: 0,
            request: Bytes::new(),
            sent: 0,
        }
    }

    /// Asks for what comes next of every partition.
    pub(crate) fn ask(&mut self, verifier: &Verifier) -> Result<(), LoadError> {
        // What stands first is served first: take turns.
        self.partitions.rotate_left(1);
        let asked = self
            .partitions
            .iter()
            .map(|&partition| FetchPartition {
                partition: partition as i32,
                fetch_offset: verifier.next(partition),
                partition_max_bytes: self.partition_bytes,
                ..FetchPartition::default()
            })
            .collect();
        let topic =
            FetchTopic { topic: self.topic.clone(), partitions: asked, ..FetchTopic::default() };
        let request = FetchRequest {
            max_wait_ms: WAIT_MS,
            min_bytes: 1,
            max_bytes: ANSWER_BYTES,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        self.correlation = self.correlation.wrapping_add(1) & i32::MAX;
        self.request =
            encode_request(self.version, self.correlation, Some("strandlog-load"), &request)
                .map_err(|error| LoadError::Answer(error.to_string()))?;
        self.sent = 0;
        self.push()
    }

    /// Sends on.
    pub(crate) fn push(&mut self) -> Result<(), LoadError> {
        while self.sent < self.request.len() {
            match self.socket.send(&self.request[self.sent..])? {
                0 => return Ok(()),
                sent => self.sent += sent,
            }
        }
        Ok(())
    }

    /// Takes the answer, if it is there, has it verified and asks again. Returns the bytes of
    /// records in it.
    pub(crate) fn take(
        &mut self,
        verifier: &mut Verifier,
        mut seen: impl FnMut(u64),
    ) -> Result<Option<u64>, LoadError> {
        let Some(answer) = self.socket.frame()? else { return Ok(None) };
        let answer = decode_answer::<FetchRequest>(self.version, self.correlation, answer)?;
        if answer.error_code != 0 {
            return Err(LoadError::Refused("Fetch", answer.error_code));
        }
        let mut bytes = 0;
        for part in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            if part.error_code != 0 {
                return Err(LoadError::Refused("Fetch of a partition", part.error_code));
            }
            let partition = part.partition_index as u32;
            if !self.partitions.contains(&partition) {
                return Err(LoadError::Answer(format!("partition {partition} was not asked for")));
            }
            if let Some(records) = &part.records {
                bytes += records.len() as u64;
                verifier.look(partition, records, &mut seen);
            }
        }
        self.ask(verifier)?;
        Ok(Some(bytes))
    }
}
