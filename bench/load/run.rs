//! A run: setting up, driving all connections from one thread, draining, reading back.

use crate::client::Client;
use crate::client::LoadError;
use crate::client::Topic;
use crate::consumer::Consumer;
use crate::payload::Template;
use crate::plan::Plan;
use crate::process::Usage;
use crate::producer::Common;
use crate::producer::Producer;
use crate::report::Meter;
use crate::report::Report;
use crate::socket::Poll;
use crate::socket::Socket;
use crate::verify::Verifier;
use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;
use strandlog::kafka::versions::ApiKey;

/// With topics by name; later versions name them by id.
const PRODUCE_MOST: i16 = 12;
const FETCH_MOST: i16 = 12;
/// When nothing happens for so long, the run fails.
const STALL: Duration = Duration::from_secs(30);
/// The longest sleep: the end of a phase is noticed with this delay.
const NAP: Duration = Duration::from_millis(20);

/// Does what the plan says.
pub(crate) fn run(plan: &Plan) -> Result<Report, LoadError> {
    let mut client = Client::connect(&plan.bootstrap)?;
    if client.versions.pick(ApiKey::CreateTopics, i16::MAX).is_some() {
        client.create_topic(&plan.topic, plan.partitions as i32, &plan.topic_configs)?;
    }
    let topic = client.topic(&plan.topic)?;
    let starts = starts(plan, &topic)?;
    let template = Template::new(plan.records, plan.record_bytes);
    let version = |api, most, what| client.versions.pick(api, most).ok_or(LoadError::Lacking(what));
    let common = Common {
        version: version(ApiKey::Produce, PRODUCE_MOST, "Produce")?,
        topic: &topic.name,
        acks: plan.acks,
        template: &template,
        records: plan.records,
        batches: plan.batches as usize,
        depth: plan.depth as usize,
        run: run_number(),
    };
    let fetch = match plan.produce_only {
        true => 0,
        false => version(ApiKey::Fetch, FETCH_MOST, "Fetch")?,
    };
    let mut producers = Vec::new();
    for (connection, (leader, partitions)) in (0..).zip(producer_shares(&topic, plan.connections)) {
        let producer = match plan.idempotent {
            true => Some(client.producer_id()?),
            false => None,
        };
        let socket = Socket::connect(&leader)?;
        producers.push(Producer::new(&common, socket, connection, partitions, producer)?);
    }
    let verifier = Verifier::new(common.run, &starts);
    let mut load = Load::new(plan, producers, verifier)?;
    let consumers = if plan.produce_only { 0 } else { plan.consumers };
    let consume = |load: &mut Load<'_, '_>| -> Result<(), LoadError> {
        for (leader, partitions) in consumer_shares(&topic, consumers) {
            let socket = Socket::connect(&leader)?;
            let bytes = plan.fetch_partition_bytes;
            load.consume(Consumer::new(socket, fetch, &topic.name, partitions, bytes))?;
        }
        Ok(())
    };
    if !plan.read_back {
        consume(&mut load)?;
    }
    load.produce()?;
    if plan.read_back {
        consume(&mut load)?;
    }
    if !plan.produce_only {
        load.read_to_the_end()?;
        load.verifier.finish();
    }
    Ok(Report::new(plan, load.meter, load.verifier))
}

/// Where every partition ends before the run. Who answers that leads them: a topic that was made
/// a moment ago may be listed before. Only the ceiling cannot say.
fn starts(plan: &Plan, topic: &Topic) -> Result<Vec<i64>, LoadError> {
    let mut starts = vec![0; topic.leaders.len()];
    for (leader, partitions) in by_leader(topic) {
        let mut client = Client::connect(leader)?;
        if plan.produce_only && client.versions.pick(ApiKey::ListOffsets, i16::MAX).is_none() {
            return Ok(starts);
        }
        let ends = client.ends(&topic.name, &partitions)?;
        for (partition, end) in partitions.into_iter().zip(ends) {
            starts[partition as usize] = end;
        }
    }
    Ok(starts)
}

fn by_leader(topic: &Topic) -> BTreeMap<&str, Vec<u32>> {
    let mut leaders: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (partition, leader) in (0..).zip(&topic.leaders) {
        leaders.entry(leader).or_default().push(partition);
    }
    leaders
}

/// For every connection its leader and its partitions: each leader gets connections by its share of
/// the partitions, at least one, and they share its partitions evenly.
fn producer_shares(topic: &Topic, connections: u32) -> Vec<(String, Vec<u32>)> {
    let mut shares = Vec::new();
    let all = topic.leaders.len();
    for (leader, partitions) in by_leader(topic) {
        let count = (connections as usize * partitions.len()).div_ceil(all).max(1);
        for connection in 0..count {
            let own: Vec<u32> = if partitions.len() >= count {
                partitions.iter().copied().skip(connection).step_by(count).collect()
            } else {
                vec![partitions[connection % partitions.len()]]
            };
            shares.push((leader.to_owned(), own));
        }
    }
    shares
}

fn consumer_shares(topic: &Topic, connections: u32) -> Vec<(String, Vec<u32>)> {
    let mut shares = Vec::new();
    for (leader, partitions) in by_leader(topic) {
        let wanted = (connections as usize * partitions.len()).div_ceil(topic.leaders.len());
        let count = wanted.min(partitions.len());
        for connection in 0..count {
            let own = partitions.iter().copied().skip(connection).step_by(count).collect();
            shares.push((leader.to_owned(), own));
        }
    }
    shares
}

/// Tells runs apart.
pub(crate) fn run_number() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(48)
}

fn wall_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_millis() as i64
}

/// All connections of a run, and what they have measured.
struct Load<'p, 'c> {
    plan: &'p Plan,
    origin: Instant,
    poll: Poll,
    producers: Vec<Producer<'c>>,
    consumers: Vec<Consumer>,
    verifier: Verifier,
    meter: Meter,
    /// Something was sent or came.
    last_progress: Instant,
    producing: bool,
}

impl<'p, 'c> Load<'p, 'c> {
    fn new(
        plan: &'p Plan,
        producers: Vec<Producer<'c>>,
        verifier: Verifier,
    ) -> Result<Self, LoadError> {
        let poll = Poll::new()?;
        for (number, producer) in producers.iter().enumerate() {
            poll.add(&producer.socket, number)?;
        }
        let origin = Instant::now();
        Ok(Self {
            plan,
            origin,
            poll,
            producers,
            consumers: Vec::new(),
            verifier,
            meter: Meter::new(plan.warmup_ns(), plan.measured_ns()),
            last_progress: origin,
            producing: true,
        })
    }

    fn consume(&mut self, mut consumer: Consumer) -> Result<(), LoadError> {
        self.poll.add(&consumer.socket, self.producers.len() + self.consumers.len())?;
        consumer.ask(&self.verifier)?;
        self.consumers.push(consumer);
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Produces for the time of the plan, then waits for the answers that are due.
    fn produce(&mut self) -> Result<(), LoadError> {
        let warm = self.plan.warmup_ns();
        let end = warm + self.plan.measured_ns();
        let mut usage = None;
        // Consumers were set up since the origin was taken.
        self.origin = Instant::now();
        self.last_progress = self.origin;
        let mut schedule = self.plan.rate.map(Schedule::new);
        let mut ready = Vec::new();
        loop {
            let now = self.now_ns();
            if usage.is_none() && now >= warm {
                usage = Some(Usage::now(self.plan.pid));
            }
            if now >= end {
                break;
            }
            let due = match &mut schedule {
                Some(schedule) => self.send_due(schedule, now)?,
                None => self.send_all(now)?,
            };
            self.turn(due.saturating_sub(self.now_ns()), &mut ready)?;
        }
        let before = usage.unwrap_or_else(|| Usage::now(self.plan.pid));
        self.meter.usage = Usage::now(self.plan.pid).since(&before);
        self.producing = false;
        while !self.producers.iter().all(Producer::is_idle) {
            self.turn(NAP.as_nanos() as u64, &mut ready)?;
        }
        Ok(())
    }

    /// Reads until everything that was acknowledged was seen, or nothing comes any more.
    fn read_to_the_end(&mut self) -> Result<(), LoadError> {
        let begin = Instant::now();
        let bytes = self.meter.read_bytes_all;
        let mut ready = Vec::new();
        while !self.consumers.is_empty() && !self.verifier.is_complete() {
            match self.turn(NAP.as_nanos() as u64, &mut ready) {
                // What never comes is loss; the verifier says so.
                Err(LoadError::Stalled(_)) => break,
                other => other?,
            }
        }
        self.meter.read_back =
            (self.meter.read_bytes_all - bytes, begin.elapsed().as_nanos() as u64);
        Ok(())
    }

    /// Closed loop: whoever may send does. Returns when to look again at the latest.
    fn send_all(&mut self, now: u64) -> Result<u64, LoadError> {
        for at in 0..self.producers.len() {
            self.send_free(at, now)?;
        }
        Ok(now + NAP.as_nanos() as u64)
    }

    fn send_free(&mut self, at: usize, now: u64) -> Result<(), LoadError> {
        let wall = wall_ms();
        while self.producers[at].is_free() {
            self.producers[at].send(now, wall)?;
            self.complete(at)?;
        }
        Ok(())
    }

    /// Open loop: what has become due is sent, or waits for its busy connection. Returns when the
    /// next request is due.
    fn send_due(&mut self, schedule: &mut Schedule, now: u64) -> Result<u64, LoadError> {
        while schedule.next_ns() <= now {
            let at = (schedule.count % self.producers.len() as u64) as usize;
            let due = schedule.take();
            self.producers[at].late.push_back(due);
            self.send_late(at)?;
        }
        Ok(schedule.next_ns())
    }

    fn send_late(&mut self, at: usize) -> Result<(), LoadError> {
        while self.producers[at].is_free() {
            let Some(intended) = self.producers[at].late.pop_front() else { return Ok(()) };
            self.producers[at].send(intended, wall_ms())?;
            self.complete(at)?;
        }
        Ok(())
    }

    /// Waits for sockets, at most `nanos`, and serves those where something happened.
    fn turn(&mut self, nanos: u64, ready: &mut Vec<usize>) -> Result<(), LoadError> {
        let timeout = match self.plan.spin {
            true => Duration::ZERO,
            false => Duration::from_nanos(nanos).min(NAP),
        };
        self.poll.wait(timeout, ready)?;
        let producers = self.producers.len();
        for &number in ready.iter() {
            if let Some(consumer) = number.checked_sub(producers) {
                self.serve_consumer(consumer)?;
            } else {
                self.producers[number].push()?;
                self.complete(number)?;
                match (self.producing, self.plan.rate) {
                    (true, None) => self.send_free(number, self.now_ns())?,
                    (true, Some(_)) => self.send_late(number)?,
                    (false, _) => {}
                }
            }
        }
        if self.last_progress.elapsed() > STALL {
            return Err(LoadError::Stalled("the run"));
        }
        Ok(())
    }

    /// Takes the answers that are there.
    fn complete(&mut self, at: usize) -> Result<(), LoadError> {
        while let Some(done) = self.producers[at].done()? {
            let now = self.now_ns();
            let batches = self.producers[at].batches() as u64;
            self.last_progress = Instant::now();
            self.meter.acknowledged(done.intended_ns, now, batches);
            for (partition, end) in done.ends {
                self.verifier.acknowledge(partition, end);
            }
        }
        Ok(())
    }

    fn serve_consumer(&mut self, at: usize) -> Result<(), LoadError> {
        let consumer = &mut self.consumers[at];
        consumer.push()?;
        loop {
            let (origin, meter) = (self.origin, &mut self.meter);
            let mut now = None;
            let seen = |intended: u64| {
                let now = *now.get_or_insert_with(|| origin.elapsed().as_nanos() as u64);
                meter.seen(intended, now);
            };
            let Some(bytes) = consumer.take(&mut self.verifier, seen)? else { return Ok(()) };
            if bytes > 0 {
                self.last_progress = Instant::now();
            }
            let now = self.origin.elapsed().as_nanos() as u64;
            self.meter.read(bytes, now);
        }
    }
}

/// Moments at even distances.
struct Schedule {
    interval_ns: f64,
    count: u64,
}

impl Schedule {
    fn new(rate: f64) -> Self {
        Self { interval_ns: 1e9 / rate, count: 0 }
    }

    fn next_ns(&self) -> u64 {
        (self.count as f64 * self.interval_ns) as u64
    }

    fn take(&mut self) -> u64 {
        let next = self.next_ns();
        self.count += 1;
        next
    }
}
