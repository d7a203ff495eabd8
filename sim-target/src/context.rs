//! Everything a node can do. Effects take place in program order, and a crash may fall between any two of them.
//!
//! Past the point of a crash, effects succeed and do nothing, and the node is dropped when its handler returns.

use std::{fmt::Arguments, time::Duration};

use crate::{
    core::Core,
    disk::{Operation, Use},
    node::{DiskError, File, Node, NodeId, OutOfMemory, ReplyTo, Timer},
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
        self.let_others_run();
        self.core.send(self.me, to, message);
    }

    /// Answers a request.
    pub fn reply(&mut self, to: ReplyTo, response: N::Response) {
        self.let_others_run();
        self.core.reply(self.me, to, response);
    }

    /// "Not me, and nothing was done": the client asks `leader`, or another node if that is not known.
    pub fn redirect(&mut self, to: ReplyTo, leader: Option<NodeId>) {
        self.let_others_run();
        self.core.redirect(self.me, to, leader);
    }

    /// A definite failure: the operation had no effect and never will have one.
    pub fn refuse(&mut self, to: ReplyTo) {
        self.let_others_run();
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
        self.core.reads.wall.set(true);
        self.core.wall(self.me)
    }

    /// This node's monotonic clock, in nanoseconds. It can run fast, slow, or not at all, but never jumps, and goes on when the process
    /// starts again, as the machine does not.
    pub fn mono(&self) -> u64 {
        self.core.reads.mono.set(true);
        self.core.mono(self.me)
    }

    /// Has this handler take so much longer: what it asks for from here on happens that much later, and its clocks show it.
    /// Meanwhile what reaches the node waits. It costs a run nothing but the events. While others use the node's processor it takes
    /// longer than it says.
    pub fn spend(&mut self, time: Duration) {
        self.core.work(self.me, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// 64 random bits: a pure function of the schedule's seed, this node, its incarnation and `key`.
    pub fn draw_for(&self, key: &[u64]) -> u64 {
        self.core.draw_for(self.me, key)
    }

    /// Appends a record to a log, framed and checksummed. Durable only after [`sync`](Self::sync).
    ///
    /// # Errors
    /// If the disk refuses: nothing was appended.
    pub fn append(&mut self, file: File, record: &[u8]) -> Result<(), DiskError> {
        self.operate(Operation::Append(file, record.into()))
    }

    /// Replaces the contents of a file, atomically and durably: written aside with a checksum, synced, renamed, directory
    /// synced.
    ///
    /// # Errors
    /// If the disk refuses: the file holds what it held.
    pub fn replace(&mut self, file: File, contents: &[u8]) -> Result<(), DiskError> {
        self.operate(Operation::Replace(file, contents.into()))
    }

    /// Writes `data` at an offset of a raw file, which is made if there is none, and grows if it is shorter; a gap is zero.
    /// Durable only after [`sync`](Self::sync), and of a file that it made the name only after
    /// [`sync_directory`](Self::sync_directory).
    ///
    /// # Errors
    /// If the disk refuses: nothing was written.
    pub fn write_at(&mut self, file: File, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let (used_as, offset, data) = (Use::Raw, offset as usize, data.into());
        self.operate(Operation::Write { file, used_as, offset, data })
    }

    /// Cuts a raw file off, or makes it longer; what is new is zero. Makes the file if there is none. Durable only after
    /// [`sync`](Self::sync); a crash before can keep a later write and lose this, or the other way round.
    ///
    /// # Errors
    /// If the disk refuses: the file is as long as it was.
    pub fn set_length(&mut self, file: File, length: u64) -> Result<(), DiskError> {
        self.operate(Operation::Resize(file, length as usize))
    }

    /// Renames a file, atomically; one that has the new name already is gone. Durable only after
    /// [`sync_directory`](Self::sync_directory), and apart from what was written to the file.
    ///
    /// # Errors
    /// If the disk refuses, or there is no such file: nothing has changed.
    pub fn rename(&mut self, from: File, to: File) -> Result<(), DiskError> {
        self.operate(Operation::Rename(from, to))
    }

    /// Removes a file. Durable only after [`sync_directory`](Self::sync_directory).
    ///
    /// # Errors
    /// If the disk refuses, or there is no such file: nothing has changed.
    pub fn remove(&mut self, file: File) -> Result<(), DiskError> {
        self.operate(Operation::Remove(file))
    }

    /// Makes all that was written to a file durable, and the name of a log.
    ///
    /// # Errors
    /// If the disk refuses. After [`DiskError::Io`] what was written since the last sync is dropped: the node still reads it,
    /// until it stops, but no later sync makes it durable, even if it says so. After other errors it can be tried again.
    pub fn sync(&mut self, file: File) -> Result<(), DiskError> {
        self.operate(Operation::Sync(file, None))
    }

    /// Makes the names of all files durable: those that were made, renamed and removed.
    ///
    /// # Errors
    /// If the disk refuses: nothing is lost, and it can be tried again.
    pub fn sync_directory(&mut self) -> Result<(), DiskError> {
        self.operate(Operation::SyncNames(None))
    }

    /// Begins to make all that was written to a file by now durable, and comes back at once: [`Input::Synced`] says when it
    /// is done. A crash before that may lose it.
    ///
    /// [`Input::Synced`]: crate::Input::Synced
    ///
    /// # Errors
    /// As for [`sync`](Self::sync).
    pub fn sync_later(&mut self, file: File) -> Result<(), DiskError> {
        self.operate(Operation::SyncLater { file, lag: None, extra: 0 })
    }

    /// The records of a log, in order, up to the first that is torn or damaged. What follows that one is cut off.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn records(&mut self, file: File) -> Result<Vec<Vec<u8>>, DiskError> {
        self.let_others_run();
        self.core.records(self.me, file)
    }

    /// What [`replace`](Self::replace) put into a file, or all the bytes of another one; `None` if there is none.
    ///
    /// # Errors
    /// If the disk refuses; [`DiskError::Corrupt`] if it was replaced and its checksum is wrong.
    pub fn contents(&mut self, file: File) -> Result<Option<Vec<u8>>, DiskError> {
        self.let_others_run();
        self.core.contents(self.me, file)
    }

    /// At most `most` bytes of a file from an offset on; fewer at its end.
    ///
    /// # Errors
    /// If the disk refuses, or there is no such file.
    pub fn read_at(&mut self, file: File, offset: u64, most: usize) -> Result<Vec<u8>, DiskError> {
        self.let_others_run();
        self.core.read_at(self.me, file, offset as usize, most)
    }

    /// The length of a file in bytes; `None` if there is none.
    pub fn length(&self, file: File) -> Option<u64> {
        self.core.file_length(self.me, file)
    }

    /// Takes so many bytes of memory for this process, until it gives them back or goes down. Only what is said here counts, and
    /// there is no limit unless a schedule sets one.
    ///
    /// # Errors
    /// If so much is not left: the process holds what it held.
    pub fn allocate(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.core.allocate(self.me, bytes)
    }

    /// Gives so many bytes of memory back.
    ///
    /// # Panics
    /// If this process holds fewer.
    pub fn free(&mut self, bytes: u64) {
        self.core.free(self.me, bytes);
    }

    /// How many bytes of memory this process has [allocated](Self::allocate) and not given back.
    pub fn memory_in_use(&self) -> u64 {
        self.core.hosts[self.me].memory
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

    /// A line for the trace, and for the target's [limits](crate::Target::limits) of what is logged. Costs nothing when there is neither.
    pub fn log(&mut self, line: Arguments<'_>) {
        self.core.log(self.me, line);
    }

    fn operate(&mut self, operation: Operation<'_>) -> Result<(), DiskError> {
        self.let_others_run();
        self.core.operate(self.me, operation)
    }

    /// What comes next is asked of others: a task waits here, and steps may have it wait longer.
    #[inline]
    fn let_others_run(&mut self) {
        if self.core.is_pressed(self.me) {
            self.core.come_to_point(self.me);
        }
    }
}
