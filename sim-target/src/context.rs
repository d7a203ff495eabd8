//! Everything a node can do. Effects take place in program order, and a crash may fall between any two of them.
//!
//! Past the point of a crash, effects succeed and do nothing, and the node is dropped when its handler returns.

use std::{fmt::Arguments, time::Duration};

use crate::{
    core::Core,
    node::{DiskError, File, Node, NodeId, ReplyTo, Timer},
};

/// What a node can do while it handles an input.
pub struct Context<'a, N: Node> {
    pub(crate) core: &'a mut Core<N>,
    pub(crate) me: usize,
}

impl<N: Node> Context<'_, N> {
    /// This node's number.
    pub fn me(&self) -> NodeId {
        self.me as NodeId + 1
    }

    /// Sends `message` to a node. To itself is allowed and takes as long as to any other.
    ///
    /// # Panics
    /// If the cluster has no node `to`.
    pub fn send(&mut self, to: NodeId, message: N::Message) {
        self.core.send(self.me, to, message);
    }

    /// Answers a request.
    pub fn reply(&mut self, to: ReplyTo, response: N::Response) {
        self.core.reply(self.me, to, response);
    }

    /// "Not me, and nothing was done": the client asks `leader`, or another node if that is not known.
    pub fn redirect(&mut self, to: ReplyTo, leader: Option<NodeId>) {
        self.core.redirect(self.me, to, leader);
    }

    /// A definite failure: the operation had no effect and never will have one.
    pub fn refuse(&mut self, to: ReplyTo) {
        self.core.refuse(self.me, to);
    }

    /// Sets a timer on this node's monotonic clock, replacing an earlier one of the same number. Gone at a crash.
    pub fn set(&mut self, timer: Timer, after: Duration) {
        self.core.set_timer(self.me, timer, after);
    }

    /// Takes a timer back.
    pub fn cancel(&mut self, timer: Timer) {
        self.core.cancel_timer(self.me, timer);
    }

    /// This node's wall clock, in nanoseconds. It can be wrong, and jump.
    pub fn wall(&self) -> u64 {
        self.core.wall(self.me)
    }

    /// This node's monotonic clock, in nanoseconds. It can run fast, slow, or not at all, but never jumps, and goes on when the process
    /// starts again, as the machine does not.
    pub fn mono(&self) -> u64 {
        self.core.mono(self.me)
    }

    /// Has this handler take so much longer: what it asks for from here on happens that much later, and its clocks show it.
    /// Meanwhile what reaches the node waits. It costs a run nothing but the events.
    pub fn spend(&mut self, time: Duration) {
        self.core.spend(self.me, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// 64 random bits: a pure function of the schedule's seed, this node, its incarnation and `key`.
    pub fn draw_for(&self, key: &[u64]) -> u64 {
        self.core.draw_for(self.me, key)
    }

    /// Appends a record, framed and checksummed. Durable only after [`sync`](Self::sync).
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn append(&mut self, file: File, record: &[u8]) -> Result<(), DiskError> {
        self.core.append(self.me, file, record);
        Ok(())
    }

    /// Replaces the contents of a file, atomically and durably: written aside, synced, renamed, directory synced.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn replace(&mut self, file: File, contents: &[u8]) -> Result<(), DiskError> {
        self.core.replace(self.me, file, contents);
        Ok(())
    }

    /// Makes all that was written to a file durable.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&mut self, file: File) -> Result<(), DiskError> {
        self.core.sync(self.me, file);
        Ok(())
    }

    /// The records of a file, in order, up to the first that is torn. What follows a torn one is cut off.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn records(&mut self, file: File) -> Result<Vec<Vec<u8>>, DiskError> {
        Ok(self.core.records(self.me, file))
    }

    /// The contents of a file that was written by [`replace`](Self::replace); `None` if there is none.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn contents(&mut self, file: File) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(self.core.contents(self.me, file))
    }

    /// Reports a value that must be the same wherever it is reported: the first one under (`what`, `key`) wins, and a
    /// different one is a violation named `what`.
    pub fn agree(&mut self, what: &'static str, key: u64, value: u64) {
        self.core.agree(self.me, what, key, value);
    }

    /// Ends this process; what follows has no effect. What it wrote is kept by the system, synced or not. It starts again when what had
    /// it stop is over, or like one that panicked if nothing had.
    pub fn exit(&mut self) {
        self.core.exit(self.me);
    }

    /// Something happens within this node that the world cannot see: a lock is taken, a page evicted, a system call made. The
    /// target's hooks hear of it, and it is in the trace.
    pub fn event(&mut self, name: &'static str, value: u64) {
        self.core.event(self.me, name, value);
    }

    /// A line for the trace. Costs nothing when no trace is recorded.
    pub fn log(&mut self, line: Arguments<'_>) {
        self.core.log(self.me, line);
    }
}
