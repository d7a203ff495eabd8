//! What a node remembers of each register, in memory and on its disk.
//!
//! The disk holds one log; a record is all that is known of one register from then on. Nothing is answered before its
//! record is durable.

use std::collections::BTreeMap;

use murphy_sim::{Context, File, Layout, sometimes};

use crate::words;

use super::{
    message::{Ballot, Known},
    node::PaxosNode,
};

const LOG: File = File("paxos");

/// How many changes a version tells of.
const CHANGES: usize = 4;
/// The words of a record: key, promise, two proposals.
const WORDS: usize = 2 + 2 * PROPOSAL_WORDS;
/// The words of a proposal: ballot, whether there is a value, the value, changes.
const PROPOSAL_WORDS: usize = 3 + CHANGES;

/// Where the parts of a record are, for faults that aim at them.
pub(super) fn layout(record: &[u8]) -> Layout {
    let word = |at: usize| at * 8..at * 8 + 8;
    let key = record.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let all = Layout::new(0..record.len());
    if record.len() < WORDS * 8 {
        return all;
    }
    all.field("promised", word(1))
        .field("accepted", word(2))
        .field("committed", word(2 + PROPOSAL_WORDS))
        .key(key, word(4 + PROPOSAL_WORDS))
}

/// A register at one time: its value, and what led to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    pub(super) value: Option<u64>,
    /// The ballots under which its last changes were first proposed, the latest first.
    changes: [Ballot; CHANGES],
}

impl Version {
    /// The version after a change.
    pub(super) fn changed(&self, value: u64, ballot: Ballot) -> Self {
        let mut changes = self.changes;
        changes.rotate_right(1);
        changes[0] = ballot;
        Self { value: Some(value), changes }
    }

    /// Whether one of the changes was first proposed under one of `ballots`, which grow; `None` if that is not known any more.
    pub(super) fn has_any(&self, ballots: &[Ballot]) -> Option<bool> {
        let Some(first) = ballots.first() else { return Some(false) };
        let has = self.changes.iter().any(|change| ballots.contains(change));
        // Each change has a higher ballot than the one before it.
        let all_known = self.changes[CHANGES - 1] < *first;
        (has || all_known).then_some(has)
    }
}

/// A version under the ballot that proposes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    pub(super) ballot: Ballot,
    pub(super) version: Version,
}

impl Proposal {
    /// The later of the two.
    pub(super) fn later(self, other: Self) -> Self {
        if other.ballot > self.ballot { other } else { self }
    }

    fn words(&self) -> [u64; PROPOSAL_WORDS] {
        let Self { ballot, version: Version { value, changes: [a, b, c, d] } } = self;
        [ballot.0, value.is_some().into(), value.unwrap_or(0), a.0, b.0, c.0, d.0]
    }

    fn of(words: &[u64]) -> Self {
        let [ballot, has_value, value, changes @ ..] = words else { panic!("fail-stop: no proposal of ours") };
        let changes = std::array::from_fn(|at| Ballot(changes[at]));
        let version = Version { value: (*has_value != 0).then_some(*value), changes };
        Self { ballot: Ballot(*ballot), version }
    }
}

/// The part of an acceptor that concerns one register.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Register {
    /// It takes part in nothing below this.
    pub(super) promised: Ballot,
    /// What it has accepted since the last commit it knows of.
    pub(super) accepted: Proposal,
    pub(super) committed: Proposal,
}

impl Register {
    /// The highest ballot that it has taken part in. To accept is to promise, also where no prepare arrived.
    fn highest(&self) -> Ballot {
        self.promised.max(self.accepted.ballot).max(self.committed.ballot)
    }

    /// Whether there is an accepted proposal of which it does not know whether it was chosen.
    pub(super) fn is_open(&self) -> bool {
        self.accepted.ballot > self.committed.ballot
    }
}

/// All registers of a node.
#[derive(Clone, Debug)]
pub(super) struct Acceptor {
    registers: BTreeMap<u32, Register>,
    accepts_below_accepted: bool,
}

impl Acceptor {
    /// Reads back what an earlier incarnation saved.
    pub(super) fn replay(accepts_below_accepted: bool, cx: &mut Context<'_, PaxosNode>) -> Self {
        let mut registers = BTreeMap::new();
        for record in cx.records(LOG).expect("fail-stop: cannot read the log") {
            let words: [u64; WORDS] = words::exactly(&record);
            let (accepted, committed) = words[2..].split_at(PROPOSAL_WORDS);
            let (accepted, committed) = (Proposal::of(accepted), Proposal::of(committed));
            registers.insert(words[0] as u32, Register { promised: Ballot(words[1]), accepted, committed });
        }
        sometimes!(registers.values().any(Register::is_open), "restarted with a proposal that is not committed");
        Self { registers, accepts_below_accepted }
    }

    pub(super) fn registers(&self) -> impl Iterator<Item = &Register> {
        self.registers.values()
    }

    /// The highest ballot that was ever heard of here.
    pub(super) fn highest(&self) -> Ballot {
        self.registers().map(Register::highest).max().unwrap_or_default()
    }

    pub(super) fn prepare(
        &mut self,
        key: u32,
        ballot: Ballot,
        cx: &mut Context<'_, PaxosNode>,
    ) -> Result<Known, Ballot> {
        let register = self.registers.entry(key).or_default();
        let highest = register.highest();
        sometimes!(ballot < highest, "a prepare is refused");
        if ballot < highest {
            return Err(highest);
        }
        if ballot > highest {
            register.promised = ballot;
            save(key, register, cx);
        }
        Ok(Known { accepted: register.accepted, committed: register.committed })
    }

    pub(super) fn accept(
        &mut self,
        key: u32,
        offered: Proposal,
        cx: &mut Context<'_, PaxosNode>,
    ) -> Result<(), Ballot> {
        let register = self.registers.entry(key).or_default();
        let least = if self.accepts_below_accepted { register.promised } else { register.highest() };
        sometimes!(offered.ballot < least, "an accept is refused");
        if offered.ballot < least {
            return Err(least);
        }
        sometimes!(register.promised < offered.ballot, "a proposal is accepted that was not prepared here");
        sometimes!(
            register.is_open() && register.accepted.version != offered.version,
            "an accepted proposal gives way to another"
        );
        if offered.ballot != register.accepted.ballot {
            register.accepted = offered;
            save(key, register, cx);
        }
        Ok(())
    }

    pub(super) fn commit(&mut self, key: u32, chosen: Proposal, cx: &mut Context<'_, PaxosNode>) {
        let register = self.registers.entry(key).or_default();
        if chosen.ballot <= register.committed.ballot {
            return;
        }
        sometimes!(register.accepted.ballot < chosen.ballot, "a commit arrives where its proposal was not accepted");
        sometimes!(register.accepted.ballot > chosen.ballot, "a commit arrives after a later proposal");
        register.committed = chosen;
        if !register.is_open() {
            register.accepted = Proposal::default();
        }
        save(key, register, cx);
    }
}

/// Makes durable all that is known of a register.
fn save(key: u32, register: &Register, cx: &mut Context<'_, PaxosNode>) {
    let mut words = [0; WORDS];
    words[..2].copy_from_slice(&[key.into(), register.promised.0]);
    words[2..2 + PROPOSAL_WORDS].copy_from_slice(&register.accepted.words());
    words[2 + PROPOSAL_WORDS..].copy_from_slice(&register.committed.words());
    cx.append(LOG, &words::bytes(&words)).and_then(|()| cx.sync(LOG)).expect("fail-stop: cannot write the log");
}
