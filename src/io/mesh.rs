//! What shards say to each other: one bounded ring per ordered pair, a FIFO. Nobody ever waits for
//! a full ring: what does not fit waits here, and its number is bounded by the answers that the
//! shard reserved room for before it asked.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use glommio::GlommioError;
use glommio::ResourceType;
use glommio::channels::shared_channel::ConnectedReceiver;
use glommio::channels::shared_channel::ConnectedSender;
use glommio::channels::shared_channel::SharedReceiver;
use glommio::channels::shared_channel::SharedSender;
use glommio::channels::shared_channel::new_bounded;

use crate::base::ShardId;
use crate::io::port::Port;
use crate::io::task::spawn;
use crate::shard::Event;
use crate::shard::Message;

/// Messages that one ring holds.
const RING: usize = 1024;

/// Messages that are taken off a ring before others get their turn.
const DRAIN_MAX: usize = 256;

/// One shard's ends of all rings, before its executor runs.
#[derive(Debug)]
pub struct MeshEnds {
    senders: Vec<(ShardId, SharedSender<Message>)>,
    receivers: Vec<(ShardId, SharedReceiver<Message>)>,
}

/// The ends of the rings between `shards` shards, by shard.
pub fn mesh_of(shards: u16) -> Vec<MeshEnds> {
    let ends = |_| MeshEnds { senders: Vec::new(), receivers: Vec::new() };
    let mut all: Vec<MeshEnds> = (0..shards).map(ends).collect();
    for from in 0..shards {
        for to in (0..shards).filter(|to| *to != from) {
            let (sender, receiver) = new_bounded(RING);
            all[usize::from(from)].senders.push((ShardId(to), sender));
            all[usize::from(to)].receivers.push((ShardId(from), receiver));
        }
    }
    all
}

/// The sending ends of one shard.
#[derive(Debug)]
pub(crate) struct Mesh {
    peers: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    shard: ShardId,
    ring: ConnectedSender<Message>,
    /// What the ring had no room for, oldest first.
    overflow: RefCell<VecDeque<Message>>,
}

impl Mesh {
    /// Connects all rings; every shard must do so at the same time.
    pub(crate) async fn connect(ends: MeshEnds, port: &Rc<Port>) -> Self {
        let receiving: Vec<_> = ends
            .receivers
            .into_iter()
            .map(|(from, receiver)| {
                let port = Rc::clone(port);
                glommio::spawn_local(async move {
                    let ring = receiver.connect().await;
                    spawn(drain(port, from, ring)).detach();
                })
            })
            .collect();
        let mut peers = Vec::new();
        for (shard, sender) in ends.senders {
            let ring = sender.connect().await;
            peers.push(Peer { shard, ring, overflow: RefCell::default() });
        }
        for task in receiving {
            task.await;
        }
        Self { peers }
    }

    pub(crate) fn send(&self, to: ShardId, message: Message) {
        let peer = self.peers.iter().find(|peer| peer.shard == to);
        let peer = peer.expect("a message goes to another shard of this process");
        peer.overflow.borrow_mut().push_back(message);
        peer.send_overflow();
    }

    /// Sends what had no room, as far as there is room.
    pub(crate) fn send_overflow(&self) {
        self.peers.iter().for_each(Peer::send_overflow);
    }

    /// True while something has no room.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.peers.iter().any(|peer| !peer.overflow.borrow().is_empty())
    }
}

impl Peer {
    fn send_overflow(&self) {
        let mut overflow = self.overflow.borrow_mut();
        while let Some(message) = overflow.pop_front() {
            match self.ring.try_send(message) {
                Ok(()) => {}
                Err(GlommioError::WouldBlock(ResourceType::Channel(message))) => {
                    overflow.push_front(message);
                    return;
                }
                // The other shard has stopped: the process ends, and nobody waits for it.
                Err(_) => overflow.clear(),
            }
        }
    }
}

async fn drain(port: Rc<Port>, from: ShardId, ring: ConnectedReceiver<Message>) {
    let mut drained = 0;
    while let Some(message) = ring.recv().await {
        port.inbox().push(Event::Mesh { from, message });
        drained += 1;
        if drained == DRAIN_MAX {
            drained = 0;
            glommio::executor().yield_task_queue_now().await;
        }
        port.inbox().room_for_mesh().await;
    }
}
