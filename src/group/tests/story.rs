//! Stories of groups: a script says what members do and what they are answered.
//!
//! A line is `who verb arguments`, or `after 3s`, `restart`, `full` (the log takes nothing), `free`,
//! `describe`; of the cluster `topic t 3` and `drop t`. Lines `> …` below it are the answers that came of it, sorted. Members go by short
//! names; the ids that they are given are replaced by them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::consumers;
use super::world::World;
use super::world::topic_id;
use crate::base::Now;
use crate::base::ShardId;
use crate::group::Answer;
use crate::group::Cluster;
use crate::group::Command;
use crate::group::Commit;
use crate::group::CommitPartition;
use crate::group::CommitTopic;
use crate::group::Config;
use crate::group::Context;
use crate::group::Coordinator;
use crate::group::Description;
use crate::group::Error;
use crate::group::FetchOffsets;
use crate::group::Join;
use crate::group::Journal;
use crate::group::JournalError;
use crate::group::Leaving;
use crate::group::Presence;
use crate::group::Protocol;
use crate::group::Record;
use crate::group::Sync;
use crate::group::Ticket;
use crate::group::TopicPartitions;
use crate::group::embedded::Assignment;
use crate::group::kind::Kind;

/// Everything that was written, and whether more is taken.
#[derive(Debug, Default)]
pub(super) struct Paper {
    pub(super) records: Vec<Record>,
    pub(super) is_full: bool,
    /// Largest batch that is taken; `None`: any.
    pub(super) bytes_max: Option<usize>,
}

impl Journal for Paper {
    fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        if self.is_full {
            return Err(JournalError::Unavailable);
        }
        let bytes: usize = records.iter().map(Record::bytes).sum();
        if self.bytes_max.is_some_and(|most| bytes > most) {
            return Err(JournalError::TooLarge);
        }
        self.records.extend_from_slice(records);
        Ok(())
    }
}

/// A coordinator with one group, and those who talk to it.
pub(super) struct Story {
    pub(super) coordinator: Coordinator,
    pub(super) paper: Paper,
    pub(super) now: Now,
    pub(super) world: World,
    config: Arc<Config>,
    /// Ids by short names.
    ids: BTreeMap<String, Arc<str>>,
    /// Who waits for which answer.
    waiting: BTreeMap<u64, String>,
    tickets: u64,
}

/// A group's name, for all stories.
fn group() -> Arc<str> {
    Arc::from("g")
}

impl Story {
    pub(super) fn new(config: Config) -> Self {
        let config = Arc::new(config);
        let now = Now { mono_us: 1_000_000, wall_ms: 1_700_000_000_000 };
        let mut story = Self {
            coordinator: Coordinator::new(7),
            paper: Paper::default(),
            now,
            world: World::default(),
            config,
            ids: BTreeMap::new(),
            waiting: BTreeMap::new(),
            tickets: 0,
        };
        story.with(Coordinator::begin);
        story
    }

    /// Lets the coordinator act, and gives what it answers.
    pub(super) fn with(
        &mut self,
        act: impl FnOnce(&mut Coordinator, &mut Context<'_>),
    ) -> Vec<(Ticket, Answer)> {
        let mut answers = Vec::new();
        let mut cx = Context {
            now: self.now,
            config: &self.config,
            cluster: &self.world,
            journal: &mut self.paper,
            answers: &mut answers,
        };
        act(&mut self.coordinator, &mut cx);
        self.check_timers();
        answers
    }

    /// The coordinator wants to be woken before anybody is over.
    fn check_timers(&self) {
        for (group, found) in &self.coordinator.groups {
            let earliest_us = match &found.kind {
                Kind::Classic(classic) => classic.earliest_us(),
                Kind::Consumer(consumer) => consumer.earliest_us(),
            };
            let wake_us = found.wake_us.unwrap_or(u64::MAX);
            assert!(wake_us <= earliest_us, "{group} is woken too late");
        }
    }

    /// A topic has so many partitions from now on; `None`: it is gone.
    fn change_topic(&mut self, topic: &str, partitions: Option<i32>) {
        let is_made = self.world.topic(topic).is_none();
        match partitions {
            Some(partitions) => self.world.put(topic, partitions),
            None => {
                self.with(|coordinator, cx| coordinator.on_topic_deleted(topic, cx));
                self.world.remove(topic);
            }
        }
        let version = self.world.version();
        self.coordinator.on_topics_changed(&[topic.into()], is_made, version);
    }

    /// From the next restart on.
    pub(super) fn set_config(&mut self, config: Config) {
        self.config = Arc::new(config);
    }

    /// Plays a script; panics where the answers are others.
    #[track_caller]
    pub(super) fn play(&mut self, title: &str, script: &str) {
        let mut lines = script.lines().map(str::trim).peekable();
        while let Some(line) = lines.next() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut expected = Vec::new();
            while let Some(answer) = lines.peek().and_then(|line| line.strip_prefix("> ")) {
                expected.push(answer.trim().to_owned());
                lines.next();
            }
            expected.sort();
            let came = self.line(line);
            assert_eq!(came, expected, "\n{title}\n  after: {line}\n");
        }
        assert!(self.waiting.is_empty(), "{title}: nobody answered {:?}", self.waiting);
    }

    /// Plays one line and gives the answers that came.
    pub(super) fn line(&mut self, line: &str) -> Vec<String> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["after", time] => {
                let answers = self.pass(millis(time));
                return self.take_answers(answers);
            }
            ["restart"] => self.restart(),
            ["full"] => self.paper.is_full = true,
            ["free"] => self.paper.is_full = false,
            ["topic", topic, partitions] => {
                self.change_topic(topic, Some(partitions.parse().expect("a number")));
            }
            ["drop", topic] => self.change_topic(topic, None),
            ["match"] => self.match_wanted(),
            ["show"] => return self.ask("it", Command::DescribeConsumers),
            ["describe"] => return self.ask("it", Command::Describe),
            ["delete"] => return self.ask("it", Command::Delete),
            [who, verb, arguments @ ..] => {
                let command = self.command(who, verb, arguments);
                return self.ask(who, command);
            }
            _ => panic!("not a line of a story: {line}"),
        }
        self.take_answers(Vec::new())
    }

    /// Lets time pass, waking the coordinator when it wants to be.
    pub(super) fn pass(&mut self, ms: u64) -> Vec<(Ticket, Answer)> {
        let end_us = self.now.mono_us + ms * 1_000;
        let mut answers = Vec::new();
        while let Some(at_us) = self.coordinator.next_deadline().filter(|&at| at <= end_us) {
            self.set_time(at_us.max(self.now.mono_us));
            answers.extend(self.with(Coordinator::on_time));
        }
        self.set_time(end_us);
        answers
    }

    fn set_time(&mut self, mono_us: u64) {
        let passed_ms = mono_us / 1_000 - self.now.mono_us / 1_000;
        self.now = Now { mono_us, wall_ms: self.now.wall_ms + passed_ms as i64 };
    }

    /// A coordinator that knows what was written.
    pub(super) fn restart(&mut self) {
        self.waiting.clear();
        self.coordinator = Coordinator::new(8);
        for record in &self.paper.records {
            self.coordinator.load(self.now, record.clone());
        }
        let answers = self.with(Coordinator::begin);
        assert!(answers.is_empty(), "nobody waits for a coordinator that just began");
    }

    pub(super) fn ask(&mut self, who: &str, command: Command) -> Vec<String> {
        self.ask_of(&group(), who, command)
    }

    /// Asks something of another group.
    pub(super) fn ask_of(&mut self, group: &Arc<str>, who: &str, command: Command) -> Vec<String> {
        if matches!(&command, Command::ConsumerHeartbeat(beat) if *beat.member == *who) {
            self.ids.insert(who.to_owned(), who.into());
        }
        self.tickets += 1;
        let ticket = Ticket { home: ShardId(0), request: self.tickets, part: 0 };
        self.waiting.insert(self.tickets, who.to_owned());
        let answers =
            self.with(|coordinator, cx| coordinator.on_command(ticket, group, command, cx));
        self.take_answers(answers)
    }

    fn take_answers(&mut self, answers: Vec<(Ticket, Answer)>) -> Vec<String> {
        let mut heard = Vec::new();
        for (ticket, answer) in answers {
            let who = self.waiting.remove(&ticket.request).expect("an answer is given once");
            if let Answer::Joined(joined) = &answer
                && matches!(joined.outcome, Ok(_) | Err(Error::MemberIdRequired))
            {
                self.ids.insert(who.clone(), joined.member.clone());
            }
            heard.push((who, answer));
        }
        let mut came: Vec<_> =
            heard.iter().map(|(who, answer)| format!("{who} {}", self.shown(answer))).collect();
        came.sort();
        came
    }

    pub(super) fn id(&self, who: &str) -> Arc<str> {
        self.ids.get(who).cloned().unwrap_or_default()
    }

    fn name(&self, id: &str) -> String {
        let known = self.ids.iter().find(|(_, known)| ***known == *id);
        known.map_or_else(|| "nobody".to_owned(), |(name, _)| name.clone())
    }

    fn names<'a>(&self, ids: impl Iterator<Item = &'a Arc<str>>) -> String {
        let mut names: Vec<_> = ids.map(|id| self.name(id)).collect();
        names.sort();
        names.join(",")
    }
}

/// `key=value` among the arguments.
pub(super) fn option<'a>(arguments: &[&'a str], key: &str) -> Option<&'a str> {
    arguments.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

pub(super) fn millis(time: &str) -> u64 {
    let (number, factor) = match time.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (time.strip_suffix('s').expect("a time ends in s or ms"), 1_000),
    };
    number.parse::<u64>().expect("a number") * factor
}

/// What a consumer says of itself: its topics, and in version 1 what it has. `?` is nothing that
/// can be read.
fn subscription(topics: &str, has: Option<&str>) -> Bytes {
    if topics == "?" {
        return Bytes::from_static(b"?");
    }
    let topics: Vec<_> = topics.split('+').filter(|topic| !topic.is_empty()).collect();
    let mut bytes = vec![0, u8::from(has.is_some())];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    // No user data.
    bytes.extend((-1_i32).to_be_bytes());
    if let Some(has) = has {
        let has: Vec<_> = has.split('+').filter_map(|word| word.split_once('-')).collect();
        bytes.extend((has.len() as i32).to_be_bytes());
        for (topic, partition) in has {
            bytes.extend((topic.len() as i16).to_be_bytes());
            bytes.extend(topic.as_bytes());
            bytes.extend(1_i32.to_be_bytes());
            bytes.extend(partition.parse::<i32>().expect("a partition").to_be_bytes());
        }
    }
    bytes.into()
}

impl Story {
    fn command(&self, who: &str, verb: &str, arguments: &[&str]) -> Command {
        match verb {
            "join" => Command::Join(self.join(who, arguments)),
            "sync" => Command::Sync(self.sync(who, arguments)),
            "heartbeat" => Command::Heartbeat(self.presence(who, arguments)),
            "leave" => Command::Leave(self.leaving(who, arguments)),
            "commit" => Command::Commit(self.commit(who, arguments)),
            "beat" | "leaves" | "away" => {
                Command::ConsumerHeartbeat(Box::new(self.beat(who, verb, arguments)))
            }
            "fetch" => Command::FetchOffsets(FetchOffsets {
                who: option(arguments, "at")
                    .map(|epoch| (self.id(who), epoch.parse().expect("an epoch"))),
                topics: Some(parts(arguments)).filter(|parts| !parts.is_empty()),
            }),
            "forget" => Command::DeleteOffsets(parts(arguments)),
            other => panic!("nobody knows how to {other}"),
        }
    }

    /// `join range/topics sticky/topics type=… static=… session=… rebalance=… v3 v9 id=…`
    fn join(&self, who: &str, arguments: &[&str]) -> Join {
        let offer = |word: &&&str| {
            let (name, topics) = word.split_once('/')?;
            Some(Protocol {
                name: name.into(),
                metadata: subscription(topics, option(arguments, "has")),
            })
        };
        let timeout = |key, default| option(arguments, key).map_or(default, |t| millis(t) as i32);
        let is_old = arguments.contains(&"v3");
        Join {
            member: option(arguments, "id").map_or_else(
                || self.id(who),
                |name| match name {
                    "none" => Arc::default(),
                    name => self.ids.get(name).cloned().unwrap_or_else(|| name.into()),
                },
            ),
            instance: option(arguments, "static").map(Arc::from),
            client_id: Arc::from(who),
            client_host: Arc::from("/127.0.0.1"),
            session_timeout_ms: timeout("session", 10_000),
            rebalance_timeout_ms: timeout("rebalance", 60_000),
            protocol_type: option(arguments, "type").unwrap_or("consumer").into(),
            protocols: arguments.iter().filter_map(|word| offer(&word)).collect(),
            must_know_id: !is_old,
            may_skip_assignment: arguments.contains(&"v9"),
        }
    }

    /// `… 1`: of generation 1.
    fn presence(&self, who: &str, arguments: &[&str]) -> Presence {
        let generation = arguments.iter().find_map(|word| word.parse().ok());
        Presence {
            member: match option(arguments, "id") {
                Some("none") => Arc::default(),
                Some(name) => self.ids.get(name).cloned().unwrap_or_else(|| name.into()),
                None => self.id(who),
            },
            instance: option(arguments, "static").map(Arc::from),
            generation: generation.unwrap_or(-1),
        }
    }

    /// `sync 1 a:anything b:else`, or as consumers understand it `sync 1 a=t-0+t-1`
    fn sync(&self, who: &str, arguments: &[&str]) -> Sync {
        let given = arguments.iter().filter_map(|word| word.split_once(':'));
        let given =
            given.map(|(name, what)| (self.id(name), Bytes::copy_from_slice(what.as_bytes())));
        let real = arguments.iter().filter_map(|word| word.split_once('='));
        let real = real.filter(|(name, _)| self.ids.contains_key(*name));
        let given = given.chain(real.map(|(name, what)| (self.id(name), assignment(what))));
        Sync {
            who: self.presence(who, arguments),
            must_say_protocol: arguments.contains(&"strict"),
            protocol_type: option(arguments, "type").map(Arc::from),
            protocol: option(arguments, "protocol").map(Arc::from),
            assignments: given.collect(),
        }
    }

    /// `leave`, `leave a b`, `leave static=i`
    fn leaving(&self, who: &str, arguments: &[&str]) -> Vec<Leaving> {
        if let Some(instance) = option(arguments, "static") {
            let member = if arguments.contains(&"named") { self.id(who) } else { Arc::default() };
            return vec![Leaving { member, instance: Some(instance.into()) }];
        }
        let own = [who];
        let names = if arguments.is_empty() { &own[..] } else { arguments };
        let leaving = |name: &&str| Leaving {
            member: self.ids.get(*name).cloned().unwrap_or_else(|| (*name).into()),
            instance: None,
        };
        names.iter().map(leaving).collect()
    }

    /// `commit 1 t-0:5 t-1:6 keep=…`
    fn commit(&self, who: &str, arguments: &[&str]) -> Commit {
        let topics =
            arguments.iter().filter_map(|word| word.split_once(':')).map(|(place, offset)| {
                let (topic, partition) = place.split_once('-').expect("topic-partition");
                let (offset, metadata) = offset.split_once('/').unwrap_or((offset, ""));
                CommitTopic {
                    topic: topic.into(),
                    id: topic_id(topic),
                    partitions: vec![CommitPartition {
                        partition: partition.parse().expect("a partition"),
                        offset: offset.parse().expect("an offset"),
                        leader_epoch: 3,
                        metadata: metadata.into(),
                    }],
                }
            });
        let topics = topics.collect();
        let is_alone = who == "simple";
        Commit {
            who: if is_alone {
                Presence { member: Arc::default(), instance: None, generation: -1 }
            } else {
                self.presence(who, arguments)
            },
            retention_ms: option(arguments, "keep").map(|time| millis(time) as i64),
            knows_epochs: arguments.contains(&"v9"),
            topics,
        }
    }

    fn shown(&self, answer: &Answer) -> String {
        let verdicts = |verdicts: &Vec<Vec<Result<(), Error>>>| {
            let each = verdicts.iter().flatten().map(|verdict| match verdict {
                Ok(()) => "ok".to_owned(),
                Err(error) => format!("{error:?}"),
            });
            each.collect::<Vec<_>>().join(" ")
        };
        match answer {
            Answer::Joined(joined) => match &joined.outcome {
                Err(error) => format!("join: {error:?}"),
                Ok(outcome) => {
                    let members = self.names(outcome.members.iter().map(|member| &member.id));
                    let protocol = outcome.protocol.as_deref().unwrap_or("none");
                    let skip = if outcome.skip_assignment { " keeps" } else { "" };
                    let (generation, leader) = (outcome.generation, self.name(&outcome.leader));
                    format!("in {generation} by {protocol}, {leader} leads [{members}]{skip}")
                }
            },
            Answer::Synced(Ok(synced)) => {
                format!("has {}", assigned(&synced.assignment)).trim_end().to_owned()
            }
            Answer::Synced(Err(error)) => format!("sync: {error:?}"),
            Answer::Heartbeat(Ok(())) => "ok".to_owned(),
            Answer::Heartbeat(Err(error)) => format!("{error:?}"),
            Answer::Left(Ok(left)) => format!("left: {}", verdicts(&vec![left.clone()])),
            Answer::Left(Err(error)) => format!("left: {error:?}"),
            Answer::Committed(Ok(committed)) => verdicts(committed),
            Answer::Committed(Err(error)) => format!("commit: {error:?}"),
            Answer::Offsets(Ok(topics)) => {
                let each = topics.iter().flat_map(|topic| {
                    let name = &topic.topic;
                    topic.partitions.iter().map(move |p| {
                        let metadata = if p.metadata.is_empty() { "" } else { "/" };
                        format!("{name}-{}:{}{metadata}{}", p.partition, p.offset, p.metadata)
                    })
                });
                format!("finds {}", each.collect::<Vec<_>>().join(" ")).trim_end().to_owned()
            }
            Answer::Offsets(Err(error)) => format!("fetch: {error:?}"),
            Answer::ConsumerHeartbeat(Ok(heard)) => self.heard(heard),
            Answer::ConsumerHeartbeat(Err(refused)) => format!("{:?}", refused.error),
            Answer::ConsumersDescribed(Ok(described)) => consumers::shown(described),
            Answer::ConsumersDescribed(Err(error)) => format!("shows {error:?}"),
            Answer::Described(Ok(described)) => self.described(described),
            Answer::Described(Err(error)) => format!("is {error:?}"),
            Answer::Deleted(Ok(())) => "is deleted".to_owned(),
            Answer::Deleted(Err(error)) => format!("delete: {error:?}"),
            Answer::OffsetsDeleted(Ok(deleted)) => verdicts(deleted),
            Answer::OffsetsDeleted(Err(error)) => format!("forget: {error:?}"),
            Answer::Listed(_) => unreachable!("coordinators are listed without a command"),
        }
    }

    fn described(&self, described: &Description) -> String {
        let mut members: Vec<_> = described
            .members
            .iter()
            .map(|member| {
                let assignment = assigned(&member.assignment);
                let has = if assignment.is_empty() { "" } else { ":" };
                format!("{}{has}{assignment}", self.name(&member.id))
            })
            .collect();
        members.sort();
        format!("is {:?} [{}]", described.state, members.join(" "))
    }
}

fn parts(words: &[&str]) -> Vec<TopicPartitions> {
    let part = |word: &&str| {
        let (topic, partition) = word.split_once('-')?;
        let partitions = vec![partition.parse().expect("a partition")];
        Some(TopicPartitions { topic: topic.into(), id: topic_id(topic), partitions })
    };
    words.iter().filter_map(part).collect()
}

/// `t-0+t-1`
fn assignment(words: &str) -> Bytes {
    let mut partitions: Vec<(Arc<str>, Vec<i32>)> = Vec::new();
    for (topic, partition) in words.split('+').filter_map(|word| word.split_once('-')) {
        let partition = partition.parse().expect("a partition");
        match partitions.last_mut().filter(|(last, _)| **last == *topic) {
            Some((_, found)) => found.push(partition),
            None => partitions.push((topic.into(), vec![partition])),
        }
    }
    Assignment { partitions, has_user_data: false }.write(0)
}

/// What a leader said in a story, or what a consumer group says to a member of the classic protocol.
fn assigned(bytes: &[u8]) -> String {
    match Assignment::read(bytes).filter(|_| !bytes.is_empty()) {
        None => String::from_utf8_lossy(bytes).into_owned(),
        Some(assignment) => {
            let each = assignment.partitions.iter().flat_map(|(topic, found)| {
                found.iter().map(move |partition| format!("{topic}-{partition}"))
            });
            each.collect::<Vec<_>>().join(" ")
        }
    }
}
