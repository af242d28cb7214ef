//! A client of the node: one connection at a time, requests whose answers must come in their order,
//! and what it has in mind.

use std::collections::VecDeque;

use bytes::Bytes;
use strandlog::base::ConnId;
use strandlog::base::Rng;
use strandlog::kafka::versions::ApiKey;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::Reader;
use strandlog::kafka::wire::Request;
use strandlog::kafka::wire::ResponseHeader;
use strandlog::kafka::wire::encode_request;

use super::mind::Mind;
use super::truth::Truth;

/// What becomes of a request: its answer, or `None` where the connection broke before it came.
type Then = Box<dyn FnOnce(&mut Stage<'_>, Option<Bytes>)>;

/// A request that waits for its answer.
pub struct Asked {
    correlation: i32,
    pub api: ApiKey,
    pub at: u64,
    then: Then,
}

/// A connection, as the client sees it.
pub struct Link {
    pub conn: ConnId,
    pub asked: VecDeque<Asked>,
    received: Vec<u8>,
    /// It sent what no request is: the node must close.
    pub is_spoilt: bool,
}

/// See the module.
pub struct Client {
    pub rng: Rng,
    pub link: Option<Link>,
    pub mind: Mind,
    correlation: i32,
    /// When it acts next.
    pub acts_at: u64,
}

/// Where a client acts: what it may look at and do.
pub struct Stage<'a> {
    pub now: u64,
    pub wall_ms: i64,
    pub truth: &'a mut Truth,
    pub mind: &'a mut Mind,
    pub rng: &'a mut Rng,
    /// The chaos is over: what is begun is brought to its end, and nothing new is begun.
    pub healing: bool,
    correlation: &'a mut i32,
    conn: ConnId,
    sent: Vec<(Bytes, Option<Asked>)>,
    spoils: bool,
}

impl Stage<'_> {
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// A version that the request has.
    pub fn version<R: Request>(&mut self) -> i16 {
        let (first, last) = (*R::VERSIONS.start(), *R::VERSIONS.end());
        first + self.rng.below((last - first + 1) as u64) as i16
    }

    /// Sends a request; `then` gets its answer.
    pub fn send<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        then: impl FnOnce(&mut Stage<'_>, Option<R::Response>) + 'static,
    ) {
        let frame = self.frame(version, request);
        let then = move |stage: &mut Stage<'_>, frame: Option<Bytes>| {
            then(stage, frame.map(|frame| body::<R>(version, frame)));
        };
        let correlation = *self.correlation;
        let asked = Asked { correlation, api: R::API, at: self.now, then: Box::new(then) };
        self.sent.push((frame, Some(asked)));
    }

    /// Sends a request that has no answer.
    pub fn send_unanswered<R: Request>(&mut self, version: i16, request: &R) {
        let frame = self.frame(version, request);
        self.sent.push((frame, None));
    }

    /// Sends a request that the node refuses by closing the connection.
    pub fn send_refused<R: Request>(&mut self, request: &R) {
        let version = self.version::<R>();
        self.send_unanswered(version, request);
        self.spoils = true;
    }

    fn frame<R: Request>(&mut self, version: i16, request: &R) -> Bytes {
        *self.correlation += 1;
        encode_request(version, *self.correlation, Some("sim"), request).expect("a request")
    }
}

fn body<R: Request>(version: i16, frame: Bytes) -> R::Response {
    let mut reader = Reader::new(frame);
    let flexible = ResponseHeader::flexible(R::API, version >= R::FLEXIBLE_FROM);
    ResponseHeader::decode(flexible, &mut reader).expect("a response header");
    let body = R::Response::decode(version, &mut reader)
        .unwrap_or_else(|error| panic!("answers: {} v{version}: {error}", R::API));
    reader.finish().expect("answers: nothing behind the body");
    body
}

/// What every act of a client needs of the world.
pub struct Setting<'a> {
    pub now: u64,
    pub wall_ms: i64,
    pub truth: &'a mut Truth,
    pub healing: bool,
}

impl Client {
    pub fn new(rng: Rng, mind: Mind) -> Self {
        Self { rng, link: None, mind, correlation: 0, acts_at: 0 }
    }

    pub fn connect(&mut self, conn: ConnId) {
        self.link =
            Some(Link { conn, asked: VecDeque::new(), received: Vec::new(), is_spoilt: false });
    }

    pub fn asked(&self) -> usize {
        self.link.as_ref().map_or(0, |link| link.asked.len())
    }

    pub fn oldest(&self) -> Option<(ApiKey, u64)> {
        self.link.as_ref()?.asked.front().map(|asked| (asked.api, asked.at))
    }

    /// Does something on its connection; gives the bytes that are to be sent.
    pub fn act(&mut self, setting: Setting<'_>, act: impl FnOnce(&mut Stage<'_>)) -> Vec<u8> {
        let Some(link) = self.link.as_mut() else { return Vec::new() };
        let Setting { now, wall_ms, truth, healing } = setting;
        let mut stage = Stage {
            now,
            wall_ms,
            truth,
            mind: &mut self.mind,
            rng: &mut self.rng,
            healing,
            correlation: &mut self.correlation,
            conn: link.conn,
            sent: Vec::new(),
            spoils: false,
        };
        act(&mut stage);
        let Stage { sent, spoils, .. } = stage;
        link.is_spoilt |= spoils;
        let mut bytes = Vec::new();
        for (frame, asked) in sent {
            bytes.extend_from_slice(&frame);
            link.asked.extend(asked);
        }
        bytes
    }

    /// Bytes from the node. Gives what the client sends at once, having read them.
    pub fn receive(&mut self, setting: Setting<'_>, bytes: &[u8]) -> Vec<u8> {
        let Some(link) = self.link.as_mut() else { return Vec::new() };
        link.received.extend_from_slice(bytes);
        let Setting { now, wall_ms, truth, healing } = setting;
        let mut sent = Vec::new();
        while let Some((asked, frame)) = self.next_answer() {
            let setting = Setting { now, wall_ms, truth: &mut *truth, healing };
            let then = asked.then;
            sent.extend(self.act(setting, |stage| then(stage, Some(frame))));
        }
        sent
    }

    /// The next whole answer, which must be the one to the oldest request.
    fn next_answer(&mut self) -> Option<(Asked, Bytes)> {
        let link = self.link.as_mut()?;
        let length = u32::from_be_bytes(*link.received.first_chunk::<4>()?) as usize;
        if link.received.len() < 4 + length {
            return None;
        }
        let frame = Bytes::copy_from_slice(&link.received[4..4 + length]);
        link.received.drain(..4 + length);
        let asked = link.asked.pop_front().expect("answers: one that nobody asked for");
        let correlation = frame.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes));
        assert_eq!(
            correlation,
            Some(asked.correlation),
            "answers: {} is answered out of the order of requests",
            asked.api
        );
        Some((asked, frame))
    }

    /// The connection is gone: what was asked on it has no answer.
    pub fn lose(&mut self, setting: Setting<'_>) {
        let Setting { now, wall_ms, truth, healing } = setting;
        let asked = self.link.as_mut().map(|link| std::mem::take(&mut link.asked));
        for asked in asked.into_iter().flatten() {
            let setting = Setting { now, wall_ms, truth: &mut *truth, healing };
            let then = asked.then;
            self.act(setting, |stage| then(stage, None));
        }
        self.link = None;
        self.mind.on_lost();
    }
}
