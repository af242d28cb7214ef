use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;

use bytes::Bytes;

use super::*;
use crate::base::ConnId;
use crate::base::Now;
use crate::base::Pool;
use crate::config::ListenerAddress;
use crate::io::lateness::PortFigures;
use crate::io::listener::bind_all;
use crate::io::mesh::mesh_of;
use crate::shard::CloseReason;
use crate::shard::Effects;
use crate::shard::Part;

/// Stands in for a shard: answers each frame with itself, behind its length. `close` closes the
/// connection; `large` is answered with a megabyte of the frame's last byte.
#[derive(Default)]
struct Echo {
    started: bool,
    released: BTreeMap<ConnId, usize>,
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

impl Core for Echo {
    fn tell_figures(&self) {}

    fn start(&mut self, _: Now, out: &mut Effects) {
        self.started = true;
        out.ready = true;
    }

    fn step(&mut self, _: Now, event: Event, out: &mut Effects) {
        match event {
            Event::Received { conn, frame } if &frame[..] == b"close" => {
                out.closes.push((conn, CloseReason::Malformed("asked to".to_owned())));
                out.released.push((conn, frame.len()));
            }
            Event::Received { conn, frame } => {
                let length = (frame.len() as u32).to_be_bytes();
                out.sends.push((conn, Part::Bytes(Bytes::copy_from_slice(&length))));
                out.released.push((conn, frame.len()));
                out.sends.push((conn, Part::Bytes(frame)));
            }
            Event::Ended { conn } => out.closes.push((conn, CloseReason::Ended)),
            Event::Closed { conn } => {
                self.released.remove(&conn);
            }
            Event::Shutdown => out.stopped = true,
            _ => {}
        }
    }

    fn finish_turn(&mut self, _: Now, _: &mut dyn Pool, out: &mut Effects) {
        out.deadline = None;
    }
}

struct Told(Sender<Said>);

#[derive(Debug)]
enum Said {
    Ready,
    Figures(PortFigures),
}

impl Watch for Told {
    fn ready(&self) {
        self.0.send(Said::Ready).expect("a test that listens");
    }

    fn figures(&self, figures: PortFigures) {
        self.0.send(Said::Figures(figures)).expect("a test that listens");
    }
}

struct Running {
    ports: (u16, u16),
    control: Control,
    said: Receiver<Said>,
    handle: ExecutorJoinHandle<io::Result<()>>,
}

const MIB: usize = 1 << 20;

fn start(connections: usize, total: usize) -> Running {
    let listener: ListenerAddress = "PLAINTEXT://127.0.0.1:0".parse().unwrap();
    let mut bound = bind_all(&[listener], 1, 1000, 128).unwrap();
    let control = Control::new().unwrap();
    let plan = ExecutorPlan {
        shard: ShardId(0),
        cpu: 0,
        clock: Clock::start(),
        root: PathBuf::new(),
        strands: Vec::new(),
        room: Room::new(0, Clock::start()),
        open_files: 16,
        frame_bytes: MIB,
        intake: IntakeLimits {
            total,
            small_share: total / 4,
            small: 64 * 1024,
            progress_us: 500_000,
            bytes_per_second: 64 << 20,
        },
        request_max: 100 * MIB,
        connections: ConnectionLimit::new(connections),
        listeners: bound.shards.remove(0),
        mesh: mesh_of(1).remove(0),
        spin: Duration::ZERO,
        preempt: Duration::from_millis(20),
        heartbeat: Some(Duration::from_millis(1)),
        watchdog: Watchdog::start().unwrap(),
        control: control.clone(),
    };
    let (sender, said) = mpsc::channel();
    let handle = start_executor(plan, Echo::default, Told(sender)).unwrap();
    assert!(matches!(said.recv(), Ok(Said::Ready)));
    Running { ports: bound.ports[0], control, said, handle }
}

impl Running {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.ports.0)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn stop(self) -> PortFigures {
        self.control.stop();
        self.handle.join().unwrap().unwrap();
        match self.said.into_iter().last() {
            Some(Said::Figures(figures)) => figures,
            other => panic!("no figures at the end: {other:?}"),
        }
    }
}

fn echoes(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(&framed(bytes)).unwrap();
    let mut back = vec![0; bytes.len() + 4];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, framed(bytes));
}

/// True once the broker has ended the connection.
fn ends(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn frames_of_many_sizes_come_back_on_both_ports_and_pipelined() {
    let running = start(100, 64 * MIB);
    let mut own = TcpStream::connect(("127.0.0.1", running.ports.1)).unwrap();
    echoes(&mut own, b"on a port of its own");
    let mut stream = running.connect();
    for bytes in [0, 1, 100, 4096, 70_000, 300_000, 5 * MIB] {
        echoes(&mut stream, &vec![7; bytes]);
    }
    let all: Vec<u8> = (0..200u8).flat_map(|number| framed(&[number; 1000])).collect();
    stream.write_all(&all).unwrap();
    let mut back = vec![0; all.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, all, "answers leave in order");
    let figures = running.stop();
    assert!(figures.events >= 208 && figures.turns > 0);
}

#[test]
fn lengths_that_lie_close_only_their_connection() {
    let running = start(100, 64 * MIB);
    let mut good = running.connect();
    for length in [-1, i32::MIN, i32::MAX, 100 * MIB as i32 + 1] {
        let mut bad = running.connect();
        bad.write_all(&length.to_be_bytes()).unwrap();
        assert!(ends(&mut bad));
    }
    let mut closed = running.connect();
    closed.write_all(&framed(b"close")).unwrap();
    assert!(ends(&mut closed));
    let mut half = running.connect();
    half.write_all(&framed(b"abc")[..5]).unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert!(ends(&mut half));
    echoes(&mut good, b"unharmed");
    running.stop();
}

/// The stand-in answers what it received before it hears of the end, and then closes.
#[test]
fn what_was_sent_before_a_half_close_is_answered() {
    let running = start(100, 64 * MIB);
    let mut stream = running.connect();
    let all: Vec<u8> = (0..100u8).flat_map(|number| framed(&[number; 1000])).collect();
    stream.write_all(&all).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert_eq!(back, all);
    running.stop();
}

#[test]
fn ten_that_announce_much_and_stall_neither_hurt_others_nor_stay() {
    let running = start(100, 32 * MIB);
    let mut bad: Vec<TcpStream> = (0..10).map(|_| running.connect()).collect();
    for stream in &mut bad {
        stream.write_all(&(20 * MIB as u32).to_be_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let piece = vec![0; 4 * MIB];
        // As much as is taken; the rest is held back by the broker.
        let _ = stream.write(&piece);
        stream.set_nonblocking(false).unwrap();
    }
    let mut good = running.connect();
    echoes(&mut good, &[1; 1000]);
    for stream in &mut bad {
        assert!(ends(stream), "a request that makes no progress is closed");
    }
    echoes(&mut good, &[1; 2_000_000]);
    running.stop();
}

#[test]
fn a_client_that_never_reads_is_not_read_from_for_ever_and_others_go_on() {
    let running = start(100, 64 * MIB);
    let mut deaf = running.connect();
    deaf.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let frame = framed(&vec![5; MIB]);
    let mut sent = 0;
    while sent < 200 && deaf.write_all(&frame).is_ok() {
        sent += 1;
    }
    assert!(sent < 100, "{sent} MiB were taken of a client that reads nothing");
    echoes(&mut running.connect(), b"unharmed");
    running.stop();
}

#[test]
fn connections_beyond_the_limit_are_refused_and_their_places_come_back() {
    let running = start(3, 64 * MIB);
    let mut some: Vec<TcpStream> = (0..3).map(|_| running.connect()).collect();
    some.iter_mut().for_each(|stream| echoes(stream, b"in"));
    assert!(ends(&mut running.connect()));
    drop(some.pop());
    // The place is free once the broker saw the end; it may refuse until then.
    let came_back = (0..1000).any(|_| {
        let mut stream = running.connect();
        let sent = stream.write_all(&framed(b"in")).is_ok();
        sent && stream.read_exact(&mut [0; 6]).is_ok()
    });
    assert!(came_back);
    running.stop();
}

#[test]
fn a_thousand_connections_are_served() {
    let running = start(2000, 64 * MIB);
    let mut all: Vec<TcpStream> = (0..1000).map(|_| running.connect()).collect();
    for stream in &mut all {
        stream.write_all(&framed(b"all at once")).unwrap();
    }
    for stream in &mut all {
        let mut back = [0; 15];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back[..], framed(b"all at once"));
    }
    running.stop();
}
