//! What of the crate's interface differs between releases: here 0.2.4.

use omnipaxos::{
    OmniPaxos,
    ballot_leader_election::Ballot,
    messages::{Message, ballot_leader_election::HeartbeatMsg, sequence_paxos::PaxosMsg},
    storage::{Entry, NoSnapshot, StopSign, Storage, StorageOp, StorageResult},
    util::LogEntry,
};

use super::harness::{Change, Command, Store};

pub(super) const SUMMARY: &str = "key-value store on the crate omnipaxos 0.2.4, the control of 0.2.0";

pub(super) const KINDS: &[&str] = &[
    "HeartbeatRequest",
    "HeartbeatReply",
    "PrepareReq",
    "Prepare",
    "Promise",
    "AcceptSync",
    "AcceptDecide",
    "Accepted",
    "Decide",
    "ProposalForward",
    "Compaction",
    "AcceptStopSign",
    "ForwardStopSign",
    "NotAccepted",
];

pub(super) fn kind(message: &Message<Command>) -> usize {
    match message {
        Message::BLE(ble) => match ble.msg {
            HeartbeatMsg::Request(_) => 0,
            HeartbeatMsg::Reply(_) => 1,
        },
        Message::SequencePaxos(paxos) => match paxos.msg {
            PaxosMsg::PrepareReq(_) => 2,
            PaxosMsg::Prepare(_) => 3,
            PaxosMsg::Promise(_) => 4,
            PaxosMsg::AcceptSync(_) => 5,
            PaxosMsg::AcceptDecide(_) => 6,
            PaxosMsg::Accepted(_) => 7,
            PaxosMsg::Decide(_) => 8,
            PaxosMsg::ProposalForward(_) => 9,
            PaxosMsg::Compaction(_) => 10,
            PaxosMsg::AcceptStopSign(_) => 11,
            PaxosMsg::ForwardStopSign(_) => 12,
            PaxosMsg::NotAccepted(_) => 13,
        },
    }
}

pub(super) type Paxos = OmniPaxos<Command, Store>;

pub(super) fn outgoing(paxos: &mut Paxos) -> Vec<Message<Command>> {
    let mut messages = Vec::new();
    paxos.take_outgoing_messages(&mut messages);
    messages
}

pub(super) fn decided(paxos: &Paxos) -> usize {
    paxos.get_decided_idx()
}

pub(super) fn decided_suffix(paxos: &Paxos, from: usize) -> Option<Vec<LogEntry<Command>>> {
    paxos.read_decided_suffix(from)
}

pub(super) fn leader(paxos: &Paxos) -> Option<u64> {
    paxos.get_current_leader().map(|(leader, _)| leader)
}

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

impl Storage<Command> for Store {
    /// The harness writes all changes of one input as one record, so they are atomic already.
    fn write_atomically(&mut self, ops: Vec<StorageOp<Command>>) -> StorageResult<()> {
        ops.into_iter().try_for_each(|op| match op {
            StorageOp::AppendEntry(entry) => self.append_entry(entry),
            StorageOp::AppendEntries(entries) => self.append_entries(entries),
            StorageOp::AppendOnPrefix(from, entries) => self.append_on_prefix(from, entries),
            StorageOp::SetPromise(promise) => self.set_promise(promise),
            StorageOp::SetDecidedIndex(decided) => self.set_decided_idx(decided),
            StorageOp::SetAcceptedRound(round) => self.set_accepted_round(round),
            StorageOp::SetCompactedIdx(index) => self.set_compacted_idx(index),
            StorageOp::Trim(index) => self.trim(index),
            StorageOp::SetStopsign(stop) => self.set_stopsign(stop),
            StorageOp::SetSnapshot(snapshot) => self.set_snapshot(snapshot),
        })
    }
    fn append_entry(&mut self, entry: Command) -> StorageResult<()> {
        self.change(Change::Append(entry));
        Ok(())
    }
    fn append_entries(&mut self, entries: Vec<Command>) -> StorageResult<()> {
        entries.into_iter().for_each(|entry| self.change(Change::Append(entry)));
        Ok(())
    }
    fn append_on_prefix(&mut self, from: usize, entries: Vec<Command>) -> StorageResult<()> {
        self.change(Change::Truncate(from));
        self.append_entries(entries)
    }
    fn set_promise(&mut self, promise: Ballot) -> StorageResult<()> {
        self.change(Change::Promise(promise));
        Ok(())
    }
    fn set_decided_idx(&mut self, decided: usize) -> StorageResult<()> {
        self.change(Change::Decided(decided));
        Ok(())
    }
    fn get_decided_idx(&self) -> StorageResult<usize> {
        Ok(self.decided())
    }
    fn set_accepted_round(&mut self, round: Ballot) -> StorageResult<()> {
        self.change(Change::Accepted(round));
        Ok(())
    }
    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.accepted())
    }
    fn get_entries(&self, from: usize, to: usize) -> StorageResult<Vec<Command>> {
        Ok(self.entries(from, to))
    }
    fn get_log_len(&self) -> StorageResult<usize> {
        Ok(self.len())
    }
    fn get_suffix(&self, from: usize) -> StorageResult<Vec<Command>> {
        Ok(self.suffix(from))
    }
    fn get_promise(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.promise())
    }
    fn set_stopsign(&mut self, stop: Option<StopSign>) -> StorageResult<()> {
        assert!(stop.is_none(), "the harness never reconfigures");
        Ok(())
    }
    fn get_stopsign(&self) -> StorageResult<Option<StopSign>> {
        Ok(None)
    }
    fn trim(&mut self, _: usize) -> StorageResult<()> {
        unreachable!("the harness never trims")
    }
    fn set_compacted_idx(&mut self, _: usize) -> StorageResult<()> {
        unreachable!("the harness never compacts")
    }
    fn get_compacted_idx(&self) -> StorageResult<usize> {
        Ok(0)
    }
    fn set_snapshot(&mut self, snapshot: Option<NoSnapshot>) -> StorageResult<()> {
        assert!(snapshot.is_none(), "the harness takes no snapshots");
        Ok(())
    }
    fn get_snapshot(&self) -> StorageResult<Option<NoSnapshot>> {
        Ok(None)
    }
}
