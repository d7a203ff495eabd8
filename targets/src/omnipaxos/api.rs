//! What of the crate's interface differs between releases: here 0.2.0.

use omnipaxos::{
    OmniPaxos,
    ballot_leader_election::Ballot,
    messages::{Message, ballot_leader_election::HeartbeatMsg, sequence_paxos::PaxosMsg},
    storage::{Entry, NoSnapshot, StopSign, Storage, StorageResult},
    util::LogEntry,
};

use super::harness::{Change, Command, Store};

pub(super) const SUMMARY: &str =
    "key-value store on the crate omnipaxos 0.2.0, in which nodes can decide different entries";

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
];

pub(super) fn kind(message: &Message<Command>) -> usize {
    match message {
        Message::BLE(ble) => match ble.msg {
            HeartbeatMsg::Request(_) => 0,
            HeartbeatMsg::Reply(_) => 1,
        },
        Message::SequencePaxos(paxos) => match paxos.msg {
            PaxosMsg::PrepareReq => 2,
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
        },
    }
}

pub(super) type Paxos = OmniPaxos<Command, Store>;

pub(super) fn outgoing(paxos: &mut Paxos) -> Vec<Message<Command>> {
    paxos.outgoing_messages()
}

pub(super) fn decided(paxos: &Paxos) -> usize {
    paxos.get_decided_idx() as usize
}

pub(super) fn decided_suffix(paxos: &Paxos, from: usize) -> Option<Vec<LogEntry<Command>>> {
    paxos.read_decided_suffix(from as u64)
}

pub(super) fn leader(paxos: &Paxos) -> Option<u64> {
    paxos.get_current_leader()
}

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

impl Storage<Command> for Store {
    fn append_entry(&mut self, entry: Command) -> StorageResult<u64> {
        self.change(Change::Append(entry));
        Ok(self.len() as u64)
    }
    fn append_entries(&mut self, entries: Vec<Command>) -> StorageResult<u64> {
        entries.into_iter().for_each(|entry| self.change(Change::Append(entry)));
        Ok(self.len() as u64)
    }
    fn append_on_prefix(&mut self, from: u64, entries: Vec<Command>) -> StorageResult<u64> {
        self.change(Change::Truncate(from as usize));
        self.append_entries(entries)
    }
    fn set_promise(&mut self, promise: Ballot) -> StorageResult<()> {
        self.change(Change::Promise(promise));
        Ok(())
    }
    fn set_decided_idx(&mut self, decided: u64) -> StorageResult<()> {
        self.change(Change::Decided(decided as usize));
        Ok(())
    }
    fn get_decided_idx(&self) -> StorageResult<u64> {
        Ok(self.decided() as u64)
    }
    fn set_accepted_round(&mut self, round: Ballot) -> StorageResult<()> {
        self.change(Change::Accepted(round));
        Ok(())
    }
    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.accepted())
    }
    fn get_entries(&self, from: u64, to: u64) -> StorageResult<Vec<Command>> {
        Ok(self.entries(from as usize, to as usize))
    }
    fn get_log_len(&self) -> StorageResult<u64> {
        Ok(self.len() as u64)
    }
    fn get_suffix(&self, from: u64) -> StorageResult<Vec<Command>> {
        Ok(self.suffix(from as usize))
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
    fn trim(&mut self, _: u64) -> StorageResult<()> {
        unreachable!("the harness never trims")
    }
    fn set_compacted_idx(&mut self, _: u64) -> StorageResult<()> {
        unreachable!("the harness never compacts")
    }
    fn get_compacted_idx(&self) -> StorageResult<u64> {
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
