//! The byte form: a header of 128 bytes, then 64 bytes for each step.
//!
//! Any bytes decode to a schedule: missing bytes are zero, zero means default, numbers wrap into their range, and a record of
//! which this version does not understand a choice (its fault, its trigger, a selector) is left out, so that what a later
//! version adds never changes what saved bytes mean. Encoding is the inverse: `decode(encode(s)) == s`. Records have a fixed
//! width, so a changed byte stays inside one field and a moved record moves one fault.
//!
//! ```text
//! header   0 version · 1 budget: bit 0 off · 2 seed u64 · 10 nodes · 11 clients · 12 keys · 13 data centres · 14 operations u16
//!          (0 default, else n + 1) · 16 rate u16 · 18 eight weights u8 · 26 latency within · 28 chaos u16 · 30 heal u16 ·
//!          32 settle u16 · 34 jitter u16 · 36 loss u16 · 38 duplication u16 · 40 latency between · 42 active u16 · 44 calm u16 ·
//!          46 cpu u16 · 48 memory u16 · 50 disk u16 · 52 workload u16 · 54 reserved · 64 eight groups: name u16, members u16 · 96 ten latencies
//!          u16 · 116 reserved
//! step     0 fault: bits 0-6 · 1 id · 2 when: bits 0-1 mode, 2 before, 3 from, 5 edge · 3 fact: bits 0-4, 7 edge of a fault ·
//!          4 and 8 two selectors of the fact · 12 the step referred to · 13 n · 14 name u16 · 16 delay in µs u32 ·
//!          20 how many more times · 21 bit 0 about · 22, 26 and 30 selectors of the fault · 34 how long: bits 0-2 mode,
//!          35 percent i8, 36 name u16, 38 step, 39 bit 0 edge · 40 length in µs u32, or another name u16 ·
//!          44 sixteen bytes of parameters · 60 every µs u32
//! selector 0 kind: bits 0-4 · 1 number · 2 name or set u16
//! ```
//!
//! Numbers are little-endian; the spans and sizes of two bytes are described at [`crate::field::Span`] and
//! [`crate::field::Size`]. Reserved bytes are written as zero and ignored when read. Version 1 is frozen: `tests/freeze.rs`
//! holds 64 schedules in text and bytes.

use arbitrary::{Arbitrary, Unstructured};

use crate::{
    fault::{Fault, FaultKind, Length},
    field::{EXACT, Percent, Size, Span},
    name::Name,
    schedule::{
        Again, Budget, DCS_MAX, Edge, Fact, GROUPS_MAX, Group, Header, Lasts, STEPS_MAX, Schedule, Side, Step, When,
    },
    select::{Link, NODES_MAX, Nodes},
};

/// The version this code reads and writes.
pub const VERSION: u8 = 1;
/// Length of the header in bytes.
pub const HEADER: usize = 128;
/// Length of each step in bytes.
pub const RECORD: usize = 64;
/// Length of the longest schedule, in bytes.
pub const BYTES_MAX: usize = HEADER + RECORD * STEPS_MAX;

/// Where selectors stand in a step: two of the fact, three of the fault.
const SELECTORS: [usize; 5] = [4, 8, 22, 26, 30];
const VICTIMS: usize = SELECTORS[2];
/// Where the length begins, which follows the selectors.
const LASTS: usize = 34;
const PARAMS: usize = 44;
const EVERY: usize = 60;

/// A step's record while the fields of its fault are read from it in order.
pub struct Record<'a> {
    bytes: &'a [u8; RECORD],
    selectors: usize,
    params: usize,
    understood: bool,
}

impl Record<'_> {
    /// The next selector.
    pub fn nodes(&mut self) -> Nodes {
        self.selectors += 4;
        let nodes = nodes_at(self.bytes, self.selectors - 4);
        self.understood &= nodes.is_some();
        nodes.unwrap_or_default()
    }

    /// The next byte of the parameters.
    pub fn byte(&mut self) -> u8 {
        self.params += 1;
        self.bytes[self.params - 1]
    }

    /// The next two bytes of the parameters.
    pub fn word(&mut self) -> u16 {
        self.params += 2;
        u16_at(self.bytes, self.params - 2)
    }

    /// What stands there means nothing in this version: there is no such step.
    pub fn refuse(&mut self) {
        self.understood = false;
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

    /// The next byte of the parameters.
    pub fn byte(&mut self, value: u8) {
        assert!(self.params < EVERY, "the fields of a fault fit into its record");
        self.bytes[self.params] = value;
        self.params += 1;
    }

    /// The next two bytes of the parameters.
    pub fn word(&mut self, value: u16) {
        assert!(self.params + 1 < EVERY, "the fields of a fault fit into its record");
        put_u16(self.bytes, self.params, value);
        self.params += 2;
    }
}

/// The fault of another kind with the same victims, and otherwise its defaults.
pub(crate) fn recast(fault: &Fault, kind: FaultKind) -> Option<Fault> {
    let mut bytes = fault_record(fault);
    bytes[PARAMS..EVERY].fill(0);
    decode_fault(kind, &bytes)
}

/// `fault` with the victims of `other`.
pub(crate) fn with_victims(fault: &Fault, other: &Fault) -> Fault {
    let mut bytes = fault_record(fault);
    bytes[VICTIMS..LASTS].copy_from_slice(&fault_record(other)[VICTIMS..LASTS]);
    decode_fault(fault.kind(), &bytes).expect("both were encoded, so they are understood")
}

/// `step` with every selector replaced by what `change` makes of it.
pub(crate) fn with_nodes(step: &Step, change: impl Fn(Nodes) -> Nodes) -> Step {
    let mut record = [0; RECORD];
    encode_step(step, &mut record);
    change_nodes(&mut record, &SELECTORS, change);
    decode_step(&record).expect("what was encoded is understood")
}

fn change_nodes(record: &mut [u8; RECORD], selectors: &[usize], change: impl Fn(Nodes) -> Nodes) {
    for at in selectors {
        let selector = nodes_at(record, *at).expect("what was encoded is understood");
        put_nodes(record, *at, change(selector));
    }
}

impl Fault {
    /// The same fault on others: every selector of whom it strikes replaced by what `change` makes of it.
    pub fn with_victims(&self, change: impl Fn(Nodes) -> Nodes) -> Self {
        let mut record = fault_record(self);
        change_nodes(&mut record, &SELECTORS[2..], change);
        decode_fault(self.kind(), &record).expect("what was encoded is understood")
    }
}

fn fault_record(fault: &Fault) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    fault.encode(&mut RecordMut { bytes: &mut bytes, selectors: VICTIMS, params: PARAMS });
    bytes
}

fn decode_fault(kind: FaultKind, bytes: &[u8; RECORD]) -> Option<Fault> {
    let mut record = Record { bytes, selectors: VICTIMS, params: PARAMS, understood: true };
    let fault = Fault::decode(kind, &mut record);
    record.understood.then_some(fault)
}

impl Schedule {
    /// The schedule that `bytes` mean. Never fails; bytes past [`BYTES_MAX`] are ignored.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (header, records) = bytes.split_at(bytes.len().min(HEADER));
        let (whole, rest) = records.as_chunks();
        // Room for all of them at once: a decoder in a fuzzer's loop has no time to grow.
        let mut steps = Vec::with_capacity(records.len().div_ceil(RECORD).min(STEPS_MAX));
        steps.extend(whole.iter().take(STEPS_MAX).filter_map(decode_step));
        if whole.len() < STEPS_MAX {
            steps.extend(decode_step(&padded(rest)));
        }
        Self { header: decode_header(&padded(header)), steps }
    }

    /// The canonical bytes of this schedule.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + RECORD * self.steps.len().min(STEPS_MAX)];
        let (header, records) = bytes.split_at_mut(HEADER);
        header.copy_from_slice(&encode_header(&self.header));
        let (records, _) = records.as_chunks_mut();
        records.iter_mut().zip(&self.steps).for_each(|(record, step)| encode_step(step, record));
        bytes
    }
}

impl Step {
    /// The canonical bytes of a schedule of this step alone, under a header that leaves everything open.
    pub fn to_bytes(&self) -> [u8; HEADER + RECORD] {
        let mut bytes = [0; HEADER + RECORD];
        let (header, record) = bytes.split_at_mut(HEADER);
        header.copy_from_slice(&encode_header(&Header::default()));
        encode_step(self, record.first_chunk_mut().expect("a record follows the header"));
        bytes
    }
}

impl Schedule {
    /// The same schedule for a cluster of `nodes` nodes, with every number of a node written as the one that it means there:
    /// of three nodes, n4 is n1.
    pub fn with_node_numbers_below(&self, nodes: u8) -> Self {
        let steps = self.steps.iter().map(|step| with_nodes(step, |selector| wrap(selector, nodes)));
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
        Nodes::MinorityThird(from) => Nodes::MinorityThird(number(from)),
        Nodes::All
        | Nodes::Role(_)
        | Nodes::Previous(_)
        | Nodes::Rest
        | Nodes::Primaries
        | Nodes::One
        | Nodes::Some
        | Nodes::Half
        | Nodes::Group(_)
        | Nodes::MostUpToDate
        | Nodes::LeastUpToDate
        | Nodes::LastVoter => selector,
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

fn padded<const N: usize>(chunk: &[u8]) -> [u8; N] {
    let mut record = [0; N];
    record[..chunk.len()].copy_from_slice(chunk);
    record
}

fn decode_header(b: &[u8; HEADER]) -> Header {
    let dcs = b[13] % (DCS_MAX as u8 + 1);
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
        loss: u16_at(b, 36) % (EXACT + 1),
        duplication: u16_at(b, 38) % (EXACT + 1),
        active: u16_at(b, 42),
        calm: u16_at(b, 44),
        budget: if b[1] & 1 == 0 { Budget::Promised } else { Budget::Off },
        dcs,
        groups: decode_groups(b, dcs.into()),
        within: Span::from_raw(u16_at(b, 26)),
        between: Span::from_raw(u16_at(b, 40)),
        latencies: std::array::from_fn(|pair| Span::from_raw(u16_at(b, 96 + 2 * pair))),
        cpu: Percent(u16_at(b, 46) % (EXACT + 1)),
        memory: Size::from_raw(u16_at(b, 48)),
        disk: Size::from_raw(u16_at(b, 50)),
        workload: Name(u16_at(b, 52)),
    }
}

/// The groups with their gaps closed: behind the data centres only those with a name count.
fn decode_groups(b: &[u8; HEADER], dcs: usize) -> [Group; GROUPS_MAX] {
    let group = |at: usize| Group { name: Name(u16_at(b, 64 + 4 * at)), members: u16_at(b, 66 + 4 * at) };
    let mut groups = [Group::default(); GROUPS_MAX];
    let declared = (0..GROUPS_MAX).map(|at| (at, group(at))).filter(|(at, group)| *at < dcs || group.name != Name::ANY);
    groups.iter_mut().zip(declared).for_each(|(slot, (_, group))| *slot = group);
    groups
}

fn encode_header(header: &Header) -> [u8; HEADER] {
    let mut b = [0; HEADER];
    b[0] = VERSION;
    b[1] = u8::from(header.budget == Budget::Off);
    b[2..10].copy_from_slice(&header.seed.to_le_bytes());
    b[10] = header.nodes;
    b[11] = header.clients;
    b[12] = header.keys;
    b[13] = header.dcs;
    put_u16(&mut b, 14, header.ops.map_or(0, |ops| ops + 1));
    put_u16(&mut b, 16, header.rate);
    b[18..26].copy_from_slice(&header.mix);
    put_u16(&mut b, 26, header.within.raw());
    put_u16(&mut b, 28, header.chaos);
    put_u16(&mut b, 30, header.heal);
    put_u16(&mut b, 32, header.settle);
    put_u16(&mut b, 34, header.jitter);
    put_u16(&mut b, 36, header.loss);
    put_u16(&mut b, 38, header.duplication);
    put_u16(&mut b, 40, header.between.raw());
    put_u16(&mut b, 42, header.active);
    put_u16(&mut b, 44, header.calm);
    put_u16(&mut b, 46, header.cpu.0);
    put_u16(&mut b, 48, header.memory.raw());
    put_u16(&mut b, 50, header.disk.raw());
    put_u16(&mut b, 52, header.workload.0);
    for (at, group) in header.groups.iter().enumerate() {
        put_u16(&mut b, 64 + 4 * at, group.name.0);
        put_u16(&mut b, 66 + 4 * at, group.members);
    }
    for (pair, latency) in header.latencies.iter().enumerate() {
        put_u16(&mut b, 96 + 2 * pair, latency.raw());
    }
    b
}

fn decode_step(b: &[u8; RECORD]) -> Option<Step> {
    let kind = FaultKind::from_tag(b[0])?;
    let when = decode_when(b)?;
    let fault = decode_fault(kind, b)?;
    let lasts = if kind.length() == Length::Lasting { decode_lasts(b)? } else { Lasts::Healed };
    let again = Again { times: b[20], every: u32_at(b, EVERY), about: b[21] & 1 == 1 };
    Some(Step { when, fault, lasts, id: b[1], again: again.normal() })
}

/// Writes `step` to a record of zeros.
fn encode_step(step: &Step, b: &mut [u8; RECORD]) {
    b[0] = step.fault.kind().tag();
    b[1] = step.id;
    encode_when(step.when, b);
    encode_lasts(step.lasts, b);
    b[20] = step.again.times;
    b[21] = u8::from(step.again.about);
    step.fault.encode(&mut RecordMut { bytes: b, selectors: VICTIMS, params: PARAMS });
    put_u32(b, EVERY, step.again.every);
}

fn edge(bit: u8) -> Edge {
    if bit & 1 == 0 { Edge::Begins } else { Edge::Ends }
}

fn decode_when(b: &[u8; RECORD]) -> Option<When> {
    let delay = u32_at(b, 16);
    let (mode, flags, step) = (b[2] & 3, b[2], b[12]);
    Some(match mode {
        0 => When::At(delay),
        // A reference to no step: as good as a time.
        1 if step == 0 => When::At(delay),
        1 => When::Step { step, edge: edge(flags >> 5), delay },
        2 => {
            let fact = decode_fact(b)?;
            let side = if flags & 4 != 0 && fact.has_before() { Side::Before } else { Side::After };
            let from = (flags & 8 != 0 && step != 0).then_some((step, edge(flags >> 5)));
            When::Fact { fact, side, nth: b[13].max(1), from, delay }
        }
        _ => When::Called,
    })
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
        When::Called => {
            b[2] = 3;
            0
        }
    };
    put_u32(b, 16, delay);
}

fn decode_fact(b: &[u8; RECORD]) -> Option<Fact> {
    let name = Name(u16_at(b, 14));
    let nodes = || nodes_at(b, 4);
    let link = || Some(Link { from: nodes_at(b, 4)?, to: nodes_at(b, 8)? });
    Some(match b[3] & 31 {
        0 => Fact::Send(name, link()?),
        1 => Fact::Deliver(name, link()?),
        2 => Fact::Sync(nodes()?),
        3 => Fact::Write(nodes()?),
        4 => Fact::Role(nodes()?, name),
        5 => Fact::Mark(name),
        6 => Fact::Invoke(name),
        7 => Fact::Complete(name),
        8 => Fact::Stops(nodes()?),
        9 => Fact::Starts(nodes()?),
        10 => Fact::Fault(name, edge(b[3] >> 7)),
        _ => return None,
    })
}

fn encode_fact(fact: Fact, b: &mut [u8; RECORD]) {
    let everywhere = Link::ALL;
    let at = |nodes: Nodes| Link { from: nodes, ..everywhere };
    let (tag, link, name) = match fact {
        Fact::Send(name, link) => (0, link, name),
        Fact::Deliver(name, link) => (1, link, name),
        Fact::Sync(nodes) => (2, at(nodes), Name::ANY),
        Fact::Write(nodes) => (3, at(nodes), Name::ANY),
        Fact::Role(nodes, name) => (4, at(nodes), name),
        Fact::Mark(name) => (5, everywhere, name),
        Fact::Invoke(name) => (6, everywhere, name),
        Fact::Complete(name) => (7, everywhere, name),
        Fact::Stops(nodes) => (8, at(nodes), Name::ANY),
        Fact::Starts(nodes) => (9, at(nodes), Name::ANY),
        Fact::Fault(name, Edge::Begins) => (10, everywhere, name),
        Fact::Fault(name, Edge::Ends) => (10 | 1 << 7, everywhere, name),
    };
    b[3] = tag;
    put_nodes(b, 4, link.from);
    put_nodes(b, 8, link.to);
    put_u16(b, 14, name.0);
}

fn decode_lasts(b: &[u8; RECORD]) -> Option<Lasts> {
    let (name, percent, other) = (Name(u16_at(b, 36)), b[35].cast_signed().max(-100), Name(u16_at(b, 40)));
    Some(match b[LASTS] & 7 {
        0 => Lasts::Healed,
        1 => Lasts::For(u32_at(b, 40)),
        2 => Lasts::Constant { name, percent },
        // A reference to no step: as good as none.
        3 if b[38] == 0 => Lasts::Healed,
        3 => Lasts::Until(b[38], edge(b[39])),
        4 => Lasts::Sum { name, percent, other },
        5 => Lasts::Difference { name, percent, other },
        _ => return None,
    })
}

fn encode_lasts(lasts: Lasts, b: &mut [u8; RECORD]) {
    let mut constant = |mode: u8, name: Name, percent: i8, other: Name| {
        b[LASTS] = mode;
        b[35] = percent.cast_unsigned();
        put_u16(b, 36, name.0);
        put_u16(b, 40, other.0);
    };
    match lasts {
        Lasts::Healed => {}
        Lasts::Constant { name, percent } => constant(2, name, percent, Name::ANY),
        Lasts::Sum { name, percent, other } => constant(4, name, percent, other),
        Lasts::Difference { name, percent, other } => constant(5, name, percent, other),
        Lasts::For(micros) => {
            b[LASTS] = 1;
            put_u32(b, 40, micros);
        }
        Lasts::Until(step, edge) => {
            b[LASTS] = 3;
            b[38] = step;
            b[39] = u8::from(edge == Edge::Ends);
        }
    }
}

fn nodes_at(b: &[u8; RECORD], at: usize) -> Option<Nodes> {
    let (number, word) = (b[at + 1], u16_at(b, at + 2));
    let from = number % (NODES_MAX + 1);
    Some(match b[at] & 31 {
        0 => Nodes::All,
        1 => Nodes::Node(number % NODES_MAX + 1),
        2 => Nodes::Role(Name(word)),
        3 => Nodes::Previous(Name(word)),
        4 => Nodes::Set(word),
        5 => Nodes::Majority(from),
        6 => Nodes::Minority(from),
        7 => Nodes::Rest,
        8 => Nodes::MinorityThird(from),
        9 => Nodes::Primaries,
        10 => Nodes::One,
        11 => Nodes::Some,
        12 => Nodes::Half,
        13 => Nodes::Group(Name(word)),
        14 => Nodes::MostUpToDate,
        15 => Nodes::LeastUpToDate,
        16 => Nodes::LastVoter,
        _ => return None,
    })
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
        Nodes::MinorityThird(from) => (8, from, 0),
        Nodes::Primaries => (9, 0, 0),
        Nodes::One => (10, 0, 0),
        Nodes::Some => (11, 0, 0),
        Nodes::Half => (12, 0, 0),
        Nodes::Group(name) => (13, 0, name.0),
        Nodes::MostUpToDate => (14, 0, 0),
        Nodes::LeastUpToDate => (15, 0, 0),
        Nodes::LastVoter => (16, 0, 0),
    };
    b[at] = kind;
    b[at + 1] = number;
    put_u16(b, at + 2, word);
}

fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([b[at], b[at + 1]])
}

fn u32_at(b: &[u8; RECORD], at: usize) -> u32 {
    u32::from_le_bytes(b[at..at + 4].try_into().expect("four bytes"))
}

fn put_u16(b: &mut [u8], at: usize, value: u16) {
    b[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

fn put_u32(b: &mut [u8; RECORD], at: usize, value: u32) {
    b[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use crate::{Document, Nodes, Step};

    #[test]
    fn numbers_of_nodes_are_written_as_the_ones_they_mean() {
        let schedule = |text: &str| Document::parse(&format!("murphy 1\n{text}\n")).expect("it parses").schedule;
        let written = schedule("before n5 sync #1  partition {n2,n4} | majority from n6");
        let meant = schedule("before n2 sync #1  partition {n1,n2} | majority from n3");
        assert_eq!(written.with_node_numbers_below(3), meant);
        assert_eq!(meant.with_node_numbers_below(3), meant);
    }

    #[test]
    fn a_fault_strikes_others_and_its_step_waits_for_the_same() {
        let step = |text: &str| Document::parse(&format!("murphy 1\n{text}\n")).expect("it parses").schedule.steps[0];
        let written = step("before n1 sync #1  partition n1 | n2");
        let fault = written.fault.with_victims(|victim| if victim == Nodes::Node(1) { Nodes::Node(3) } else { victim });
        assert_eq!(Step { fault, ..written }, step("before n1 sync #1  partition n3 | n2"));
    }
}
