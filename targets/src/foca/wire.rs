//! What members are called, and how what they say is written down.

use std::{convert::Infallible, fmt};

use bytes::{Buf, BufMut};
use foca::{Codec, Header, Identity, Member, Message, State};
use murphy_sim::NodeId;

/// A member: a process of a node, and which of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// Its node.
    pub node: NodeId,
    /// How often the process was started before.
    pub boot: u32,
    /// How often it has taken a new identity since.
    pub renewed: u32,
}

impl Identity for Id {
    fn renew(&self) -> Option<Self> {
        Some(Self { renewed: self.renewed + 1, ..*self })
    }

    fn has_same_prefix(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

/// A datagram, as the crate encoded it.
#[derive(Clone)]
pub struct Packet(pub(super) Vec<u8>);

impl Packet {
    /// The names of the messages, in the order of their first bytes.
    pub(super) const KINDS: &'static [&'static str] = &[
        "Ping",
        "Ack",
        "PingReq",
        "IndirectPing",
        "IndirectAck",
        "ForwardedAck",
        "Announce",
        "Feed",
        "Gossip",
        "Broadcast",
        "TurnUndead",
    ];

    pub(super) fn kind(&self) -> usize {
        self.0[0].into()
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Wire.decode_header(self.0.as_slice()) {
            Ok(Header { src, src_incarnation, dst, message }) => {
                write!(f, "{message:?} from {src:?} at {src_incarnation} to {dst:?}")
            }
            Err(never) => match never {},
        }
    }
}

/// How headers and members become bytes, and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire;

fn put_id(id: &Id, to: &mut impl BufMut) {
    to.put_u16(id.node);
    to.put_u32(id.boot);
    to.put_u32(id.renewed);
}

fn get_id(from: &mut impl Buf) -> Id {
    Id { node: from.get_u16(), boot: from.get_u32(), renewed: from.get_u32() }
}

fn parts(message: &Message<Id>) -> (u8, Option<Id>, u8) {
    match *message {
        Message::Ping(number) => (0, None, number),
        Message::Ack(number) => (1, None, number),
        Message::PingReq { target, probe_number } => (2, Some(target), probe_number),
        Message::IndirectPing { origin, probe_number } => (3, Some(origin), probe_number),
        Message::IndirectAck { target, probe_number } => (4, Some(target), probe_number),
        Message::ForwardedAck { origin, probe_number } => (5, Some(origin), probe_number),
        Message::Announce => (6, None, 0),
        Message::Feed => (7, None, 0),
        Message::Gossip => (8, None, 0),
        Message::Broadcast => (9, None, 0),
        Message::TurnUndead => (10, None, 0),
    }
}

fn message(kind: u8, probe_number: u8, from: &mut impl Buf) -> Message<Id> {
    match kind {
        0 => Message::Ping(probe_number),
        1 => Message::Ack(probe_number),
        2 => Message::PingReq { target: get_id(from), probe_number },
        3 => Message::IndirectPing { origin: get_id(from), probe_number },
        4 => Message::IndirectAck { target: get_id(from), probe_number },
        5 => Message::ForwardedAck { origin: get_id(from), probe_number },
        6 => Message::Announce,
        7 => Message::Feed,
        8 => Message::Gossip,
        9 => Message::Broadcast,
        _ => Message::TurnUndead,
    }
}

/// Nothing damages a datagram on its way without the checksum of UDP telling, so what is decoded was encoded here.
impl Codec<Id> for Wire {
    type Error = Infallible;

    fn encode_header(&mut self, header: &Header<Id>, mut to: impl BufMut) -> Result<(), Infallible> {
        let (kind, other, number) = parts(&header.message);
        to.put_u8(kind);
        to.put_u8(number);
        put_id(&header.src, &mut to);
        to.put_u16(header.src_incarnation);
        put_id(&header.dst, &mut to);
        other.iter().for_each(|id| put_id(id, &mut to));
        Ok(())
    }

    fn decode_header(&mut self, mut from: impl Buf) -> Result<Header<Id>, Infallible> {
        let (kind, number) = (from.get_u8(), from.get_u8());
        let (src, src_incarnation, dst) = (get_id(&mut from), from.get_u16(), get_id(&mut from));
        Ok(Header { src, src_incarnation, dst, message: message(kind, number, &mut from) })
    }

    fn encode_member(&mut self, member: &Member<Id>, mut to: impl BufMut) -> Result<(), Infallible> {
        put_id(member.id(), &mut to);
        to.put_u16(member.incarnation());
        to.put_u8(match member.state() {
            State::Alive => 0,
            State::Suspect => 1,
            State::Down => 2,
        });
        Ok(())
    }

    fn decode_member(&mut self, mut from: impl Buf) -> Result<Member<Id>, Infallible> {
        let (id, incarnation) = (get_id(&mut from), from.get_u16());
        let state = match from.get_u8() {
            0 => State::Alive,
            1 => State::Suspect,
            _ => State::Down,
        };
        Ok(Member::new(id, incarnation, state))
    }
}
