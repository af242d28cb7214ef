use super::*;
use crate::base::Rng;

/// Members by name, each with the numbers of the topics that it reads.
struct Members {
    ids: Vec<Arc<str>>,
    topics: Vec<Arc<BTreeSet<TopicId>>>,
    instances: Vec<Option<Arc<str>>>,
    targets: Vec<Partitions>,
}

fn topic(number: usize) -> TopicId {
    TopicId([number as u8 + 1; 16])
}

impl Members {
    fn reading(topics: &[&[usize]]) -> Self {
        let ids = (0..topics.len()).map(|at| Arc::from(format!("m{at:02}"))).collect();
        let read = |numbers: &&[usize]| Arc::new(numbers.iter().map(|&at| topic(at)).collect());
        Self {
            ids,
            topics: topics.iter().map(read).collect(),
            instances: vec![None; topics.len()],
            targets: vec![Partitions::new(); topics.len()],
        }
    }

    fn assign(&mut self, assignor: Assignor, counts: &[i32]) {
        let counts = counts.iter().enumerate().map(|(at, &count)| (topic(at), count)).collect();
        let subscribers: Vec<_> = (0..self.ids.len())
            .map(|at| Subscriber {
                id: &self.ids[at],
                instance: self.instances[at].as_ref(),
                topics: self.topics[at].clone(),
                target: &self.targets[at],
            })
            .collect();
        self.targets = assign(assignor, &subscribers, &counts);
    }

    fn loads(&self) -> Vec<usize> {
        self.targets.iter().map(|target| target.values().map(BTreeSet::len).sum()).collect()
    }

    fn of(&self, at: usize, number: usize) -> Vec<i32> {
        self.targets[at].get(&topic(number)).into_iter().flatten().copied().collect()
    }

    /// Partitions that are somewhere else than in `before`, of members that are in both.
    fn moved(&self, before: &[Partitions]) -> usize {
        let pairs = self.targets.iter().zip(before);
        let gone = pairs.map(|(target, before)| {
            let lost = before.iter().map(|(topic, found)| {
                let kept = target.get(topic);
                found.iter().filter(|p| kept.is_none_or(|kept| !kept.contains(p))).count()
            });
            lost.sum::<usize>()
        });
        gone.sum()
    }

    /// Every partition that somebody reads is some reader's, and nobody else's.
    fn check(&self, counts: &[i32]) {
        for (number, &count) in counts.iter().enumerate() {
            let id = topic(number);
            let is_read = self.topics.iter().any(|topics| topics.contains(&id));
            for partition in 0..count {
                let owners: Vec<_> = (0..self.ids.len())
                    .filter(|&at| self.of(at, number).contains(&partition))
                    .collect();
                assert_eq!(owners.len(), usize::from(is_read), "{number}-{partition}: {owners:?}");
                assert!(owners.iter().all(|&at| self.topics[at].contains(&id)));
            }
        }
        let given: usize = self.loads().iter().sum();
        let there = counts.iter().enumerate().map(|(number, &count)| {
            let is_read = self.topics.iter().any(|topics| topics.contains(&topic(number)));
            if is_read { count as usize } else { 0 }
        });
        assert_eq!(given, there.sum::<usize>(), "nothing is given that is not there");
    }
}

fn spread(loads: &[usize]) -> usize {
    loads.iter().max().unwrap_or(&0) - loads.iter().min().unwrap_or(&0)
}

#[test]
fn nobody_gets_nothing_and_topics_without_readers_are_nobodys() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        let mut members = Members::reading(&[]);
        members.assign(assignor, &[3]);
        assert!(members.targets.is_empty());
        let mut members = Members::reading(&[&[], &[]]);
        members.assign(assignor, &[3]);
        members.check(&[3]);
    }
}

#[test]
fn a_range_is_the_same_of_every_topic_and_static_members_come_first() {
    let mut members = Members::reading(&[&[0, 1], &[0, 1], &[0, 1]]);
    members.instances[2] = Some("i".into());
    members.assign(Assignor::Range, &[7, 7]);
    members.check(&[7, 7]);
    for number in [0, 1] {
        assert_eq!(members.of(2, number), [0, 1, 2]);
        assert_eq!(members.of(0, number), [3, 4]);
        assert_eq!(members.of(1, number), [5, 6]);
    }
}

#[test]
fn a_range_is_shared_by_those_who_read_the_topic() {
    let mut members = Members::reading(&[&[0], &[0, 1], &[1]]);
    members.assign(Assignor::Range, &[3, 2]);
    members.check(&[3, 2]);
    assert_eq!((members.of(0, 0), members.of(1, 0)), (vec![0, 1], vec![2]));
    assert_eq!((members.of(1, 1), members.of(2, 1)), (vec![0], vec![1]));
}

#[test]
fn uniform_members_keep_what_they_have_as_far_as_that_is_fair() {
    let mut members = Members::reading(&[&[0, 1], &[0, 1]]);
    members.assign(Assignor::Uniform, &[5, 4]);
    members.check(&[5, 4]);
    assert_eq!(spread(&members.loads()), 1);
    let before = members.targets.clone();
    members.assign(Assignor::Uniform, &[5, 4]);
    assert_eq!(members.targets, before, "nothing moves without need");
    members.ids.push("m99".into());
    members.topics.push(members.topics[0].clone());
    members.instances.push(None);
    members.targets.push(Partitions::new());
    members.assign(Assignor::Uniform, &[5, 4]);
    members.check(&[5, 4]);
    assert_eq!(members.loads(), [3, 3, 3]);
    assert_eq!(members.moved(&before), 3, "no more than the new member gets");
}

#[test]
fn targets_that_cannot_be_are_put_right() {
    for topics in [&[&[0][..], &[0]][..], &[&[0], &[0, 1]]] {
        let mut members = Members::reading(topics);
        // Both have 1, one has what is not there, one a topic that it does not read.
        members.targets[0] = [(topic(0), [0, 1, 9].into()), (topic(5), [0].into())].into();
        members.targets[1] = [(topic(0), [1].into())].into();
        members.assign(Assignor::Uniform, &[4, 2]);
        members.check(&[4, 2]);
        assert!(members.of(0, 0).contains(&0));
    }
}

#[test]
fn readers_of_different_topics_hand_on_until_nobody_has_two_more() {
    // Who reads both topics leaves the first one to the other.
    let mut members = Members::reading(&[&[0, 1], &[0]]);
    members.assign(Assignor::Uniform, &[4, 4]);
    members.check(&[4, 4]);
    assert_eq!(members.loads(), [4, 4]);
    let before = members.targets.clone();
    members.assign(Assignor::Uniform, &[4, 4]);
    assert_eq!(members.moved(&before), 0);
}

#[test]
fn whatever_members_read_the_assignment_is_whole_balanced_and_calm() {
    let mut rng = Rng::new(5);
    for round in 0..400 {
        let topics = 1 + rng.below(5) as usize;
        let counts: Vec<i32> = (0..topics).map(|_| rng.below(12) as i32).collect();
        let size = 1 + rng.below(7) as usize;
        let alike = rng.one_in(3);
        let mut read = || -> Vec<usize> { (0..topics).filter(|_| !rng.one_in(3)).collect() };
        let first = read();
        let read: Vec<Vec<usize>> =
            (0..size).map(|_| if alike { first.clone() } else { read() }).collect();
        let read: Vec<&[usize]> = read.iter().map(Vec::as_slice).collect();
        for assignor in [Assignor::Uniform, Assignor::Range] {
            let mut members = Members::reading(&read);
            members.assign(assignor, &counts);
            members.check(&counts);
            let before = members.targets.clone();
            members.assign(assignor, &counts);
            members.check(&counts);
            if assignor == Assignor::Uniform {
                assert_eq!(members.moved(&before), 0, "round {round}: {read:?} {counts:?}");
                assert!(!alike || spread(&members.loads()) <= 1, "round {round}");
                // Of two readers of a topic none who has some of it has two more than the other.
                for number in 0..topics {
                    let loads = members.loads();
                    let readers = || (0..size).filter(|&at| read[at].contains(&number));
                    for giver in readers().filter(|&at| !members.of(at, number).is_empty()) {
                        let least = readers().map(|at| loads[at]).min().unwrap_or(0);
                        assert!(loads[giver] <= least + 1, "round {round}: {loads:?}");
                    }
                }
            }
        }
    }
}
