use super::super::messages::FetchTopic;
use super::super::messages::ForgottenTopic;
use super::*;

const SECOND: u64 = 1_000_000;

fn request(session_id: i32, session_epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let partition = |&(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition,
        fetch_offset,
        ..FetchPartition::default()
    };
    let topic = FetchTopic {
        topic: "t".to_owned(),
        topic_id: TopicId([1; 16]),
        partitions: partitions.iter().map(partition).collect(),
        ..FetchTopic::default()
    };
    FetchRequest { session_id, session_epoch, topics: vec![topic], ..FetchRequest::default() }
}

fn said(bytes: usize, high_watermark: Offset) -> Said {
    Said { bytes, high_watermark, log_start: 0, remarkable: false, failed: false }
}

/// Asks, and answers the same of every partition: session id, partitions read, those mentioned.
fn turn(
    sessions: &mut FetchSessions,
    version: i16,
    request: &FetchRequest,
    now_us: u64,
    says: impl Fn(i32) -> Said,
) -> Result<(i32, Vec<i32>, Vec<i32>), ErrorCode> {
    let (context, wanted) = sessions.open(version, request, now_us)?;
    let read: Vec<i32> = wanted.iter().map(|wanted| wanted.partition).collect();
    let answers: Vec<_> = wanted
        .into_iter()
        .map(|wanted| {
            let said = says(wanted.partition);
            (wanted, said)
        })
        .collect();
    let (id, mentioned) = sessions.answer(version, context, &answers, now_us)?;
    let mentioned = read.iter().zip(mentioned).filter(|(_, mentioned)| *mentioned);
    Ok((id, read.clone(), mentioned.map(|(partition, _)| *partition).collect()))
}

/// A session of partitions 0 to 2.
fn session(sessions: &mut FetchSessions, now_us: u64) -> i32 {
    let request = request(0, 0, &[(0, 0), (1, 0), (2, 0)]);
    turn(sessions, 12, &request, now_us, |_| said(0, 5)).expect("a session").0
}

#[test]
fn rule_70_only_what_changed_is_told() {
    let mut sessions = FetchSessions::new(10, 1000, 1);
    let id = session(&mut sessions, 0);
    let quiet = turn(&mut sessions, 12, &request(id, 1, &[]), 0, |_| said(0, 5));
    assert_eq!(quiet, Ok((id, vec![0, 1, 2], vec![])));
    let moved = |partition| said(0, if partition == 1 { 6 } else { 5 });
    let told = turn(&mut sessions, 12, &request(id, 2, &[]), 0, moved);
    assert_eq!(told, Ok((id, vec![0, 1, 2], vec![1])));
    let failing = |partition| match partition {
        2 => Said { failed: true, remarkable: true, ..said(0, -1) },
        _ => moved(partition),
    };
    let told = turn(&mut sessions, 12, &request(id, 3, &[]), 0, failing);
    assert_eq!(told, Ok((id, vec![0, 1, 2], vec![2])));
    let healed = turn(&mut sessions, 12, &request(id, 4, &[]), 0, moved);
    assert_eq!(healed, Ok((id, vec![0, 1, 2], vec![2])), "told anew after its error");
}

#[test]
fn rule_70_what_was_served_is_read_last_the_next_time() {
    let mut sessions = FetchSessions::new(10, 1000, 1);
    let id = session(&mut sessions, 0);
    let serves = |partition| said(if partition == 0 { 100 } else { 0 }, 5);
    turn(&mut sessions, 12, &request(id, 1, &[]), 0, serves).expect("an answer");
    let next = turn(&mut sessions, 12, &request(id, 2, &[(0, 1)]), 0, |_| said(0, 5));
    assert_eq!(next, Ok((id, vec![1, 2, 0], vec![])));
}

#[test]
fn rule_70_partitions_are_added_changed_and_forgotten() {
    let mut sessions = FetchSessions::new(10, 1000, 1);
    let id = session(&mut sessions, 0);
    let mut change = request(id, 1, &[(3, 7), (1, 9)]);
    change.forgotten_topics_data = vec![ForgottenTopic {
        topic: "t".to_owned(),
        partitions: vec![0, 8],
        ..ForgottenTopic::default()
    }];
    let (_, wanted) = sessions.open(12, &change, 0).expect("the session goes on");
    let wanted: Vec<_> = wanted.iter().map(|wanted| (wanted.partition, wanted.from)).collect();
    assert_eq!(wanted, [(1, 9), (2, 0), (3, 7)]);
    let mut rest = request(id, 2, &[]);
    rest.forgotten_topics_data = vec![ForgottenTopic {
        topic: "t".to_owned(),
        partitions: vec![1, 2, 3],
        ..ForgottenTopic::default()
    }];
    assert_eq!(sessions.open(12, &rest, 0), Ok((Context::Sessionless, Vec::new())));
    assert!(sessions.is_empty(), "a session without partitions is over");
}

#[test]
fn rule_70_errors_of_sessions() {
    let mut sessions = FetchSessions::new(10, 1000, 1);
    let id = session(&mut sessions, 0);
    let open = |sessions: &mut FetchSessions, version, id, epoch| {
        sessions.open(version, &request(id, epoch, &[]), 0).map(|_| ())
    };
    assert_eq!(open(&mut sessions, 12, id ^ 1, 1), Err(ErrorCode::FetchSessionIdNotFound));
    assert_eq!(open(&mut sessions, 12, id, 2), Err(ErrorCode::InvalidFetchSessionEpoch));
    assert_eq!(open(&mut sessions, 13, id, 1), Err(ErrorCode::FetchSessionTopicIdError));
    assert_eq!(open(&mut sessions, 12, id, 1), Ok(()));
    assert_eq!(open(&mut sessions, 12, id, 1), Err(ErrorCode::InvalidFetchSessionEpoch));
    assert_eq!(open(&mut sessions, 12, id, -1), Ok(()), "the reader ends it");
    assert!(sessions.is_empty());
}

#[test]
fn epochs_wrap_past_the_one_that_begins_a_session() {
    assert_eq!(next_epoch(0), 1);
    assert_eq!(next_epoch(i32::MAX), 1);
}

#[test]
fn sessions_are_bounded_and_the_forgotten_one_was_not_used_for_long() {
    let mut sessions = FetchSessions::new(2, 1000, 1);
    let first = session(&mut sessions, 0);
    let second = session(&mut sessions, SECOND);
    assert_ne!(first, second);
    assert_eq!(session(&mut sessions, 2 * SECOND), 0, "no room: a fetch without a session");
    // The first is used again; two minutes later the second has not been.
    turn(&mut sessions, 12, &request(first, 1, &[]), 100 * SECOND, |_| said(0, 5)).expect("alive");
    let third = session(&mut sessions, 122 * SECOND);
    assert_ne!(third, 0);
    assert_eq!(sessions.len(), 2);
    let gone = sessions.open(12, &request(second, 1, &[]), 122 * SECOND);
    assert_eq!(gone, Err(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn partitions_of_all_sessions_are_bounded_together() {
    let mut sessions = FetchSessions::new(10, 4, 1);
    let first = session(&mut sessions, 0);
    assert_ne!(first, 0);
    let more = [(10, 0), (11, 0), (12, 0)];
    let refused = turn(&mut sessions, 12, &request(first, 1, &more), 1, |_| said(0, 5));
    assert_eq!(refused, Err(ErrorCode::FetchSessionIdNotFound), "it begins anew, without one");
    assert!(sessions.is_empty());
}

#[test]
fn a_larger_session_takes_the_place_of_a_smaller_old_one() {
    let mut sessions = FetchSessions::new(1, 1000, 1);
    let small = session(&mut sessions, 0);
    let keep = |sessions: &mut FetchSessions, epoch, at| {
        turn(sessions, 12, &request(small, epoch, &[]), at, |_| said(0, 5)).expect("alive");
    };
    keep(&mut sessions, 1, 60 * SECOND);
    keep(&mut sessions, 2, 119 * SECOND);
    let large: Vec<_> = (0..4).map(|partition| (partition, 0)).collect();
    let create = |sessions: &mut FetchSessions, partitions: &[(i32, i64)], at| {
        turn(sessions, 12, &request(0, 0, partitions), at, |_| said(0, 5)).expect("an answer").0
    };
    assert_eq!(create(&mut sessions, &large, 119 * SECOND), 0, "it has not lived long enough");
    assert_eq!(create(&mut sessions, &large[..2], 121 * SECOND), 0, "it is larger");
    assert_ne!(create(&mut sessions, &large, 121 * SECOND), 0);
}
