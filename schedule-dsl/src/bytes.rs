//! The byte form: a header of 64 bytes, then 64 bytes for each step.
//!
//! Any bytes decode to a schedule: missing bytes are zero, zero means default, values wrap into their range, and a record
//! whose tag names no fault is left out. Encoding is the inverse: `decode(encode(s)) == s`. Records have a fixed width, so
//! a changed byte stays inside one field and a moved record moves one fault.
//!
//! ```text
//! header   0 version · 1 reserved · 2 seed u64 · 10 nodes · 11 clients · 12 keys · 13 reserved · 14 operations u16 (0 default,
//!          else n + 1) · 16 rate u16 · 18 eight weights u8 · 26 reserved · 28 chaos u16 · 30 heal u16 · 32 settle u16 ·
//!          34 jitter u16 · 36 loss u16 · 38 duplication u16 · 40 reserved
//! step     0 fault · 1 id · 2 when: bits 0-1 mode, 2 before, 3-4 from, 5 edge · 3 fact · 4 and 8 two selectors of the fact ·
//!          12 the step referred to · 13 n · 14 name u16 · 16 delay in µs u32 · 20 reserved · 22, 26 and 30 selectors of the
//!          fault · 34 how long: mode, 35 percent i8, 36 name u16, 38 step, 39 edge · 40 length in µs u32 · 44 eight
//!          parameters u16 · 60 reserved
//! selector 0 kind · 1 number · 2 name or set u16
//! ```
//!
//! Numbers are little-endian. Reserved bytes are written as zero and ignored when read.

use arbitrary::{Arbitrary, Unstructured};

use crate::{
    fault::{Fault, FaultKind, Length},
    name::Name,
    schedule::{Edge, Fact, Header, Lasts, STEPS_MAX, Schedule, Side, Step, When},
    select::{Link, NODES_MAX, Nodes},
};

/// The version this code reads and writes.
pub const VERSION: u8 = 1;
/// Length of the header and of each step, in bytes.
pub const RECORD: usize = 64;
/// Length of the longest schedule, in bytes.
pub const BYTES_MAX: usize = RECORD * (1 + STEPS_MAX);

/// Where selectors stand in a step: two of the fact, three of the fault.
const SELECTORS: [usize; 5] = [4, 8, 22, 26, 30];
const VICTIMS: usize = SELECTORS[2];
const PARAMS: usize = 44;

/// A step's record while the fields of its fault are read from it in order.
pub struct Record<'a> {
    bytes: &'a [u8; RECORD],
    selectors: usize,
    params: usize,
}

impl Record<'_> {
    /// The next selector.
    pub fn nodes(&mut self) -> Nodes {
        self.selectors += 4;
        nodes_at(self.bytes, self.selectors - 4)
    }

    /// The next parameter.
    pub fn param(&mut self) -> u16 {
        self.params += 2;
        u16_at(self.bytes, self.params - 2)
    }
}

/// A step's record while the fields of its fault are written to it in order.
pub struct RecordMut<'a> {
    bytes: &'a mut [u8; RECORD],
    selectors: usize,
    params: usize,
}

impl RecordMut<'_> {
    /// The next selector.
    pub fn nodes(&mut self, nodes: Nodes) {
        put_nodes(self.bytes, self.selectors, nodes);
        self.selectors += 4;
    }

    /// The next parameter.
    pub fn param(&mut self, value: u16) {
        put_u16(self.bytes, self.params, value);
        self.params += 2;
    }
}

impl Schedule {
    /// The schedule that `bytes` mean. Never fails; bytes past [`BYTES_MAX`] are ignored.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut records = bytes.chunks(RECORD).take(1 + STEPS_MAX).map(padded);
        let header = decode_header(&records.next().unwrap_or([0; RECORD]));
        Self { header, steps: records.filter_map(|record| decode_step(&record)).collect() }
    }

    /// The canonical bytes of this schedule.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = encode_header(&self.header).to_vec();
        bytes.extend(self.steps.iter().take(STEPS_MAX).flat_map(encode_step));
        bytes
    }
}

impl Schedule {
    /// The same schedule for a cluster of `nodes` nodes, with every number of a node written as the one that it means there:
    /// of three nodes, n4 is n1.
    pub fn with_node_numbers_below(&self, nodes: u8) -> Self {
        let steps = self.steps.iter().filter_map(|step| {
            let mut record = encode_step(step);
            for at in SELECTORS {
                let wrapped = wrap(nodes_at(&record, at), nodes);
                put_nodes(&mut record, at, wrapped);
            }
            decode_step(&record)
        });
        Self { header: self.header, steps: steps.collect() }
    }
}

fn wrap(selector: Nodes, count: u8) -> Nodes {
    let number = |number: u8| if number == 0 { 0 } else { (number - 1) % count + 1 };
    match selector {
        Nodes::Node(node) => Nodes::Node(number(node)),
        Nodes::Majority(from) => Nodes::Majority(number(from)),
        Nodes::Minority(from) => Nodes::Minority(number(from)),
        Nodes::Set(set) => {
            let members = (0..16).filter(|bit| set & (1 << bit) != 0);
            Nodes::Set(members.fold(0, |to, bit| to | 1 << (bit % u16::from(count))))
        }
        Nodes::All | Nodes::Role(_) | Nodes::Previous(_) | Nodes::Rest => selector,
    }
}

impl<'a> Arbitrary<'a> for Schedule {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let length = u.len();
        Ok(Self::from_bytes(u.bytes(length)?))
    }

    fn arbitrary_take_rest(u: Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::from_bytes(u.take_rest()))
    }
}

fn padded(chunk: &[u8]) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..chunk.len()].copy_from_slice(chunk);
    record
}

fn decode_header(b: &[u8; RECORD]) -> Header {
    Header {
        seed: u64::from_le_bytes(b[2..10].try_into().expect("eight bytes")),
        nodes: b[10] % (NODES_MAX + 1),
        clients: b[11] % 16,
        keys: b[12] % 64,
        ops: u16_at(b, 14).checked_sub(1),
        rate: u16_at(b, 16),
        mix: b[18..26].try_into().expect("eight bytes"),
        chaos: u16_at(b, 28),
        heal: u16_at(b, 30),
        settle: u16_at(b, 32),
        jitter: u16_at(b, 34),
        loss: u16_at(b, 36) % 10_001,
        duplication: u16_at(b, 38) % 10_001,
    }
}

fn encode_header(header: &Header) -> [u8; RECORD] {
    let mut b = [0; RECORD];
    b[0] = VERSION;
    b[2..10].copy_from_slice(&header.seed.to_le_bytes());
    b[10] = header.nodes;
    b[11] = header.clients;
    b[12] = header.keys;
    put_u16(&mut b, 14, header.ops.map_or(0, |ops| ops + 1));
    put_u16(&mut b, 16, header.rate);
    b[18..26].copy_from_slice(&header.mix);
    put_u16(&mut b, 28, header.chaos);
    put_u16(&mut b, 30, header.heal);
    put_u16(&mut b, 32, header.settle);
    put_u16(&mut b, 34, header.jitter);
    put_u16(&mut b, 36, header.loss);
    put_u16(&mut b, 38, header.duplication);
    b
}

fn decode_step(b: &[u8; RECORD]) -> Option<Step> {
    let kind = FaultKind::from_tag(b[0])?;
    let fault = Fault::decode(kind, &mut Record { bytes: b, selectors: VICTIMS, params: PARAMS });
    let lasts = match kind.length() {
        Length::Instant => Lasts::Healed,
        Length::Lasting => decode_lasts(b),
    };
    Some(Step { when: decode_when(b), fault, lasts, id: b[1] })
}

fn encode_step(step: &Step) -> [u8; RECORD] {
    let mut b = [0; RECORD];
    b[0] = step.fault.kind().tag();
    b[1] = step.id;
    encode_when(step.when, &mut b);
    step.fault.encode(&mut RecordMut { bytes: &mut b, selectors: VICTIMS, params: PARAMS });
    encode_lasts(step.lasts, &mut b);
    b
}

fn edge(bit: u8) -> Edge {
    if bit & 1 == 0 { Edge::Begins } else { Edge::Ends }
}

fn decode_when(b: &[u8; RECORD]) -> When {
    let delay = u32_at(b, 16);
    let (mode, flags, step) = (b[2] & 3, b[2], b[12]);
    match mode {
        1 if step != 0 => When::Step { step, edge: edge(flags >> 5), delay },
        2 => {
            let fact = decode_fact(b);
            let before = flags & 4 != 0 && !matches!(fact, Fact::Role(..));
            let from = (flags & 8 != 0 && step != 0).then_some((step, edge(flags >> 5)));
            When::Fact { fact, side: if before { Side::Before } else { Side::After }, nth: b[13].max(1), from, delay }
        }
        _ => When::At(delay),
    }
}

fn encode_when(when: When, b: &mut [u8; RECORD]) {
    let edge_bit = |edge| if edge == Edge::Ends { 1 << 5 } else { 0 };
    let delay = match when {
        When::At(delay) => delay,
        When::Step { step, edge, delay } => {
            b[2] = 1 | edge_bit(edge);
            b[12] = step;
            delay
        }
        When::Fact { fact, side, nth, from, delay } => {
            b[2] = 2 | if side == Side::Before { 4 } else { 0 };
            if let Some((step, edge)) = from {
                b[2] |= 8 | edge_bit(edge);
                b[12] = step;
            }
            b[13] = nth;
            encode_fact(fact, b);
            delay
        }
    };
    put_u32(b, 16, delay);
}

fn decode_fact(b: &[u8; RECORD]) -> Fact {
    let (first, name) = (nodes_at(b, 4), Name(u16_at(b, 14)));
    let link = Link { from: first, to: nodes_at(b, 8) };
    match b[3] % 6 {
        0 => Fact::Send(name, link),
        1 => Fact::Deliver(name, link),
        2 => Fact::Sync(first),
        3 => Fact::Write(first),
        4 => Fact::Role(first, name),
        _ => Fact::Mark(name),
    }
}

fn encode_fact(fact: Fact, b: &mut [u8; RECORD]) {
    let (tag, first, second, name) = match fact {
        Fact::Send(name, link) => (0, link.from, link.to, name),
        Fact::Deliver(name, link) => (1, link.from, link.to, name),
        Fact::Sync(nodes) => (2, nodes, Nodes::All, Name::ANY),
        Fact::Write(nodes) => (3, nodes, Nodes::All, Name::ANY),
        Fact::Role(nodes, name) => (4, nodes, Nodes::All, name),
        Fact::Mark(name) => (5, Nodes::All, Nodes::All, name),
    };
    b[3] = tag;
    put_nodes(b, 4, first);
    put_nodes(b, 8, second);
    put_u16(b, 14, name.0);
}

fn decode_lasts(b: &[u8; RECORD]) -> Lasts {
    match b[34] & 3 {
        1 => Lasts::For(u32_at(b, 40)),
        2 => Lasts::Constant { name: Name(u16_at(b, 36)), percent: b[35].cast_signed().max(-100) },
        3 if b[38] != 0 => Lasts::Until(b[38], edge(b[39])),
        _ => Lasts::Healed,
    }
}

fn encode_lasts(lasts: Lasts, b: &mut [u8; RECORD]) {
    match lasts {
        Lasts::Healed => {}
        Lasts::For(micros) => {
            b[34] = 1;
            put_u32(b, 40, micros);
        }
        Lasts::Constant { name, percent } => {
            b[34] = 2;
            b[35] = percent.cast_unsigned();
            put_u16(b, 36, name.0);
        }
        Lasts::Until(step, edge) => {
            b[34] = 3;
            b[38] = step;
            b[39] = u8::from(edge == Edge::Ends);
        }
    }
}

fn nodes_at(b: &[u8; RECORD], at: usize) -> Nodes {
    let (number, word) = (b[at + 1], u16_at(b, at + 2));
    match b[at] & 15 {
        1 => Nodes::Node(number % NODES_MAX + 1),
        2 => Nodes::Role(Name(word)),
        3 => Nodes::Previous(Name(word)),
        4 => Nodes::Set(word),
        5 => Nodes::Majority(number % (NODES_MAX + 1)),
        6 => Nodes::Minority(number % (NODES_MAX + 1)),
        7 => Nodes::Rest,
        _ => Nodes::All,
    }
}

fn put_nodes(b: &mut [u8; RECORD], at: usize, nodes: Nodes) {
    let (kind, number, word) = match nodes {
        Nodes::All => (0, 0, 0),
        Nodes::Node(number) => (1, number - 1, 0),
        Nodes::Role(name) => (2, 0, name.0),
        Nodes::Previous(name) => (3, 0, name.0),
        Nodes::Set(set) => (4, 0, set),
        Nodes::Majority(from) => (5, from, 0),
        Nodes::Minority(from) => (6, from, 0),
        Nodes::Rest => (7, 0, 0),
    };
    b[at] = kind;
    b[at + 1] = number;
    put_u16(b, at + 2, word);
}

fn u16_at(b: &[u8; RECORD], at: usize) -> u16 {
    u16::from_le_bytes([b[at], b[at + 1]])
}

fn u32_at(b: &[u8; RECORD], at: usize) -> u32 {
    u32::from_le_bytes(b[at..at + 4].try_into().expect("four bytes"))
}

fn put_u16(b: &mut [u8; RECORD], at: usize, value: u16) {
    b[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

fn put_u32(b: &mut [u8; RECORD], at: usize, value: u32) {
    b[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use crate::Document;

    #[test]
    fn numbers_of_nodes_are_written_as_the_ones_they_mean() {
        let schedule = |text: &str| Document::parse(&format!("murphy 1\n{text}\n")).expect("it parses").schedule;
        let written = schedule("before n5 sync #1  partition {n2,n4} | majority from n6");
        let meant = schedule("before n2 sync #1  partition {n1,n2} | majority from n3");
        assert_eq!(written.with_node_numbers_below(3), meant);
        assert_eq!(meant.with_node_numbers_below(3), meant);
    }
}
