use super::*;

const MIB: usize = 1 << 20;

fn limits() -> IntakeLimits {
    IntakeLimits {
        total: 128 * MIB,
        small_share: 16 * MIB,
        small: 64 * 1024,
        progress_us: 30_000_000,
        bytes_per_second: 16 * 1024,
    }
}

fn intake(conns: u64) -> Intake {
    let mut intake = Intake::new(limits());
    (0..conns).for_each(|conn| intake.opened(ConnId(conn)));
    intake
}

/// Receives up to `bytes` of an announced request; gives what was granted.
fn receive(intake: &mut Intake, now: u64, conn: u64, announced: usize, bytes: usize) -> usize {
    let conn = ConnId(conn);
    let mut got = 0;
    while got < bytes {
        let Some(granted) = intake.ask(conn, bytes - got) else { break };
        let piece = if got == 0 { granted.min(4) } else { granted };
        intake.arrived(now, conn, piece);
        if got == 0 {
            intake.announced(conn, announced);
        }
        got += piece;
    }
    got
}

/// A whole request, as far as memory allows.
fn request(intake: &mut Intake, now: u64, conn: u64, bytes: usize) -> bool {
    let whole = receive(intake, now, conn, bytes, bytes) == bytes;
    if whole {
        intake.completed(now, ConnId(conn), bytes, 0);
    }
    whole
}

#[test]
fn what_is_announced_costs_nothing_and_what_arrives_is_charged() {
    let mut intake = intake(10);
    for conn in 0..10 {
        assert_eq!(receive(&mut intake, 0, conn, 100 * MIB, 4), 4);
    }
    assert_eq!(intake.held(), 40);
}

#[test]
fn ten_that_send_much_and_stall_leave_small_requests_alone_and_are_closed_first() {
    let mut intake = intake(12);
    for conn in 0..10 {
        receive(&mut intake, 0, conn, 100 * MIB, 20 * MIB);
    }
    // And the lengths of those for which nothing else had room.
    assert_eq!(intake.held(), 112 * MIB + 4 * 4);
    assert!(request(&mut intake, 10, 10, 1000), "small requests have their share");
    assert!(!request(&mut intake, 10, 11, MIB), "a large one waits");
    assert_eq!(intake.expelled(STALLED_US - 1), []);
    let [(victim, Expelled::Crowded)] = intake.expelled(STALLED_US)[..] else {
        panic!("nobody was chosen")
    };
    assert!(victim.0 < 10, "a stalled one goes, not who waits");
    intake.closed(victim);
    assert_eq!(intake.take_woken().last(), Some(&ConnId(11)));
    assert!(request(&mut intake, STALLED_US, 11, MIB));
}

#[test]
fn when_all_wait_for_each_other_the_one_that_misses_most_goes() {
    let mut intake = intake(2);
    assert_eq!(receive(&mut intake, 0, 0, 100 * MIB, 60 * MIB), 60 * MIB);
    assert_eq!(receive(&mut intake, 0, 1, 80 * MIB, 80 * MIB), 52 * MIB);
    assert_eq!(intake.ask(ConnId(0), MIB), None);
    assert_eq!(intake.expelled(1), [(ConnId(0), Expelled::Crowded)]);
}

#[test]
fn small_requests_that_stall_are_closed_when_they_use_up_all_memory() {
    let most = (limits().total / 65_536) as u64;
    let mut intake = intake(most + 2);
    for conn in 0..=most {
        receive(&mut intake, 0, conn, 65_536, 65_532);
    }
    assert_eq!(intake.held(), limits().total);
    assert_eq!(intake.ask(ConnId(most + 1), 1000), None);
    assert_eq!(intake.expelled(STALLED_US - 1), []);
    let expelled = intake.expelled(STALLED_US);
    assert_eq!(expelled.len(), SMALL_AT_ONCE);
    assert!(expelled.iter().all(|&(conn, why)| conn.0 < most && why == Expelled::Crowded));
    expelled.iter().for_each(|(conn, _)| intake.closed(*conn));
    assert!(request(&mut intake, STALLED_US, most + 1, 1000));
}

#[test]
fn when_all_small_ones_wait_for_each_other_one_goes() {
    let most = (limits().total / 65_536) as u64;
    let mut intake = intake(most + 1);
    for conn in 0..=most {
        receive(&mut intake, 0, conn, 65_536, 65_535);
    }
    for conn in 0..=most {
        assert_eq!(intake.ask(ConnId(conn), 1), None);
    }
    assert_eq!(intake.expelled(1), [(ConnId(most), Expelled::Crowded)]);
}

#[test]
fn a_length_prefix_is_given_back_with_the_frame_it_announced() {
    let mut intake = intake(1);
    intake.arrived(0, ConnId(0), 4 + 100 + 4 + 50);
    intake.completed(0, ConnId(0), 100, 54);
    intake.completed(0, ConnId(0), 50, 0);
    assert_eq!(intake.held(), 150);
    intake.released(ConnId(0), 150);
    assert_eq!(intake.held(), 0);
}

#[test]
fn nobody_is_closed_while_memory_will_come_back() {
    let mut intake = intake(2);
    assert!(request(&mut intake, 0, 0, 100 * MIB));
    assert_eq!(receive(&mut intake, 0, 1, 100 * MIB, 100 * MIB), 12 * MIB);
    assert_eq!(intake.expelled(10), []);
    intake.released(ConnId(0), 100 * MIB);
    assert_eq!(intake.take_woken(), [ConnId(1)]);
    assert_eq!(intake.held(), 12 * MIB);
}

#[test]
fn one_byte_a_second_is_closed_when_its_time_is_over() {
    let mut intake = intake(1);
    receive(&mut intake, 0, 0, 1000, 4);
    for second in 1..31 {
        let now = second * 1_000_000;
        assert_eq!(intake.expelled(now), []);
        intake.arrived(now, ConnId(0), 1);
    }
    assert_eq!(intake.next_deadline(), Some(30_000_000 + 1000 * 1_000_000 / 16_384));
    assert_eq!(intake.expelled(30_061_034), []);
    assert_eq!(intake.expelled(30_100_000), [(ConnId(0), Expelled::Slow)]);
}

#[test]
fn silence_in_the_middle_of_a_large_request_is_not_waited_out_at_the_slowest_rate() {
    let mut intake = intake(1);
    receive(&mut intake, 0, 0, 100 * MIB, MIB);
    intake.arrived(5_000_000, ConnId(0), 1);
    assert_eq!(intake.next_deadline(), Some(35_000_000));
    assert_eq!(intake.expelled(34_999_999), []);
    assert_eq!(intake.expelled(35_000_000), [(ConnId(0), Expelled::Slow)]);
}

#[test]
fn between_requests_there_is_no_deadline() {
    let mut intake = intake(1);
    assert!(request(&mut intake, 0, 0, 500));
    assert_eq!(intake.next_deadline(), None);
    assert_eq!(intake.expelled(u64::MAX), []);
    intake.arrived(7, ConnId(0), 3);
    assert_eq!(intake.next_deadline(), Some(30_000_007));
}

#[test]
fn everything_is_given_back_whatever_order_things_end_in() {
    let mut rng = crate::base::Rng::new(7);
    let mut intake = intake(0);
    let mut held: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for step in 0..20_000u64 {
        let conn = rng.below(20);
        match rng.below(5) {
            0 if !held.contains_key(&conn) => {
                intake.opened(ConnId(conn));
                held.insert(conn, (0, 0));
            }
            1 | 2 if held.contains_key(&conn) => {
                let (_, complete) = held[&conn];
                let bytes = 1 + rng.below(2 * MIB as u64) as usize;
                if held[&conn].0 == 0 && request(&mut intake, step, conn, bytes) {
                    held.insert(conn, (0, complete + bytes));
                } else {
                    held.insert(conn, (1, complete));
                }
            }
            3 if held.get(&conn).is_some_and(|(_, complete)| *complete > 0) => {
                let (partial, complete) = held[&conn];
                intake.released(ConnId(conn), complete);
                held.insert(conn, (partial, 0));
            }
            4 if held.remove(&conn).is_some() => intake.closed(ConnId(conn)),
            _ => {}
        }
        assert!(intake.held() <= limits().total);
    }
    held.keys().for_each(|conn| intake.closed(ConnId(*conn)));
    assert_eq!(intake.held(), 0);
}
