//! What a node does to its files: effects in program order, as everything else that it does.
//!
//! A call that no step watches goes straight to the disk. Others are judged first (`inject/disks.rs`): they fail, or do
//! something else than they say, or become durable later than they say.

use std::{borrow::Cow, ops::Range};

use murphy_schedule::Side;

use crate::{
    core::{Core, Event},
    disk::{Body, Disk, Operation, Use, push_frame},
    hooks::Hooked,
    inject::{Call, DiskVerdict as Verdict, METADATA, Moment, READ, SYNC, WRITE},
    node::{DiskError, File, Node},
    outbox::{Deed, Due},
    trace::What,
};

/// How long a sync takes of whose end a node wants to hear, in nanoseconds.
const SYNC_TIME: u64 = 500_000;

/// Something that becomes durable, or is told to be so, at a later time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    file: File,
    /// `None`: names.
    body: Option<Body>,
    /// Changes up to this number.
    upto: u32,
    /// It becomes durable then.
    hardens: bool,
    /// The node hears of it.
    tells: bool,
    /// It waits for this step to end.
    held_by: Option<usize>,
}

impl Pending {
    /// What is written by now becomes durable; nobody hears of it.
    fn silent(file: File, body: Option<Body>, upto: u32) -> Self {
        Self { file, body, upto, hardens: true, tells: false, held_by: None }
    }
}

impl<N: Node> Core<N> {
    /// A call that changes the disk. The node sees at once what it does, even if it takes place later.
    pub(crate) fn operate(&mut self, me: usize, operation: Operation<'_>) -> Result<(), DiskError> {
        if !self.alive(me) {
            return Ok(());
        }
        if self.hosts[me].outbox.is_open() {
            let operation = self.judged(me, operation)?;
            self.hosts[me].look_ahead(&operation);
            self.put_off(me, Deed::Disk(operation.into_owned()));
            return Ok(());
        }
        let due = self.announce(me, Some(moment(me, &operation)));
        if due == Due::Void {
            return Ok(());
        }
        let judged = self.judged(me, operation);
        if due == Due::Now && !self.hosts[me].outbox.is_open() {
            self.take_effect(me);
            self.perform(me, &judged?);
        } else {
            let operation = judged?;
            self.hosts[me].look_ahead(&operation);
            self.put_off_announced(me, Deed::Disk(operation.into_owned()));
        }
        Ok(())
    }

    /// An operation that has been judged takes place, after the handler that asked for it has taken time.
    pub(crate) fn operate_now(&mut self, me: usize, operation: Operation<'_>) {
        match self.announce(me, Some(moment(me, &operation))) {
            Due::Now => self.take_effect(me),
            Due::Void => return,
            Due::Later => return self.put_back(me, Deed::Disk(operation.into_owned())),
        }
        self.perform(me, &operation);
    }

    fn perform(&mut self, me: usize, operation: &Operation<'_>) {
        let file = operation.file();
        let hooked = match operation.is_sync() {
            true => Hooked::Sync { file: file.0 },
            false => Hooked::Write { file: file.0, bytes: operation.data() },
        };
        self.intercept(Side::Before, Some(me), hooked);
        self.hosts[me].disk.operate(operation);
        match operation {
            Operation::Sync(_, Some(lag)) | Operation::Put { lag: Some(lag), .. } => self.harden_later(me, file, *lag),
            Operation::SyncNames(Some(lag)) => {
                let upto = self.hosts[me].disk.last_change();
                self.become_durable_in(me, Pending::silent(file, None, upto), *lag);
            }
            Operation::SyncLater { lag, extra, .. } => {
                let extra = self.while_faults_strike(self.now, *extra);
                let (body, upto) = (self.hosts[me].disk.find(file), self.hosts[me].disk.last_change());
                let pending = Pending { file, body, upto, hardens: lag.is_none(), tells: true, held_by: None };
                self.become_durable_in(me, pending, SYNC_TIME + extra);
                if let Some(lag) = lag {
                    self.harden_later(me, file, SYNC_TIME + extra + lag);
                }
                // It is done when the node hears of it.
                return;
            }
            _ => {}
        }
        self.note(Some(me), |_| if operation.is_sync() { What::Sync(file.0) } else { What::Write(file.0) });
        self.intercept(Side::After, Some(me), hooked);
        self.fire(Side::After, moment(me, operation));
    }

    /// What a call does, if a step has it do something else than it says.
    fn judged<'a>(&mut self, me: usize, operation: Operation<'a>) -> Result<Operation<'a>, DiskError> {
        let file = operation.file();
        let missing = matches!(operation, Operation::Rename(..) | Operation::Remove(_)) && !self.view(me).exists(file);
        if self.is_watched(me) {
            let operation = self.judged_by_steps(me, operation)?;
            return if missing { Err(DiskError::Missing) } else { Ok(operation) };
        }
        if missing { Err(DiskError::Missing) } else { Ok(operation) }
    }

    fn judged_by_steps<'a>(&mut self, me: usize, operation: Operation<'a>) -> Result<Operation<'a>, DiskError> {
        let file = operation.file();
        match operation {
            Operation::Append(_, record) => {
                let mut framed = Vec::new();
                push_frame(&mut framed, &record);
                let end = self.view(me).length(file);
                self.write_judged(me, file, Use::Log, end, framed.into())
            }
            Operation::Write { used_as, offset, data, .. } => self.write_judged(me, file, used_as, offset, data),
            Operation::Resize(_, to) => {
                let grows = to.saturating_sub(self.view(me).length(file));
                self.judge(me, Call { grows, ..Call::whole(Some(file), METADATA) })?;
                Ok(operation)
            }
            Operation::Rename(..) | Operation::Remove(_) => {
                self.judge(me, Call::whole(Some(file), METADATA))?;
                Ok(operation)
            }
            Operation::Replace(_, contents) => {
                let mut framed = Vec::new();
                push_frame(&mut framed, &contents);
                let call = Call::write(file, Use::Whole, WRITE | SYNC | METADATA, 0, &framed);
                let verdict = self.judge(me, Call { grows: framed.len(), ..call })?;
                let lied = verdict.lie.map(|lie| self.lied(me, &lie, (file, 0), &framed, &[]));
                Ok(Operation::Put { file, framed: lied.unwrap_or(framed).into(), lag: verdict.lag })
            }
            Operation::Sync(..) => Ok(Operation::Sync(file, self.sync_judged(me, file, false)?.lag)),
            Operation::SyncLater { .. } => {
                let Verdict { lag, extra, .. } = self.sync_judged(me, file, true)?;
                Ok(Operation::SyncLater { file, lag, extra })
            }
            Operation::SyncNames(_) => Ok(Operation::SyncNames(self.judge(me, Call::whole(None, SYNC))?.lag)),
            Operation::Put { .. } => Ok(operation),
        }
    }

    fn write_judged<'a>(
        &mut self,
        me: usize,
        file: File,
        used_as: Use,
        offset: usize,
        data: Cow<'a, [u8]>,
    ) -> Result<Operation<'a>, DiskError> {
        let creates = if self.view(me).exists(file) { 0 } else { METADATA };
        let verdict = self.judge(me, Call::write(file, used_as, WRITE | creates, offset, &data))?;
        let Some(lie) = verdict.lie else { return Ok(Operation::Write { file, used_as, offset, data }) };
        let old = self.view(me).bytes(file).unwrap_or_default().to_vec();
        let written = self.lied(me, &lie, (file, offset), &data, &old);
        Ok(Operation::Write { file, used_as, offset, data: written.into() })
    }

    /// Judges a sync, which the node may not wait for.
    fn sync_judged(&mut self, me: usize, file: File, later: bool) -> Result<Verdict, DiskError> {
        let verdict = self.judge(me, Call { later, ..Call::whole(Some(file), SYNC) });
        if verdict == Err(DiskError::Io) {
            self.hosts[me].disk.abandon(file);
        }
        verdict
    }

    /// The disk as a node sees it.
    pub(crate) fn view(&self, me: usize) -> &Disk {
        self.hosts[me].ahead.as_ref().unwrap_or(&self.hosts[me].disk)
    }

    /// What is written to a file by now becomes durable so much later, whoever waits for it.
    fn harden_later(&mut self, me: usize, file: File, lag: u64) {
        let disk = &self.hosts[me].disk;
        let (body, upto) = (disk.find(file), disk.last_change());
        if body.is_some() {
            self.become_durable_in(me, Pending::silent(file, body, upto), lag);
        }
    }

    fn become_durable_in(&mut self, me: usize, pending: Pending, lag: u64) {
        let host = &mut self.hosts[me];
        let free = host.pending.iter().position(Option::is_none).unwrap_or_else(|| {
            host.pending.push(None);
            host.pending.len() - 1
        });
        host.pending[free] = Some(pending);
        let event = Event::Durable { node: me as u8, index: free as u16, incarnation: host.incarnation };
        self.queue.push(self.now + lag, event);
    }

    /// Something becomes durable. Whether the node is to hear of it.
    pub(crate) fn becomes_durable(&mut self, me: usize, index: u16) -> bool {
        let Some(mut pending) = self.hosts[me].pending[usize::from(index)] else { return false };
        if pending.tells && self.is_watched(me) {
            pending.held_by = self.stalled(me, pending.file);
            self.hosts[me].pending[usize::from(index)] = Some(pending);
            if pending.held_by.is_some() {
                return false;
            }
        }
        let host = &mut self.hosts[me];
        match pending.body {
            Some(body) if pending.hardens => host.disk.harden(body, pending.upto),
            None if pending.hardens => host.disk.harden_names(pending.upto),
            _ => {}
        }
        if !pending.tells {
            host.pending[usize::from(index)] = None;
        }
        pending.tells
    }

    /// A step has ended: the syncs that it held back are through.
    pub(crate) fn release_syncs(&mut self, step: usize) {
        for (node, host) in self.hosts.iter_mut().enumerate() {
            for (index, pending) in host.pending.iter_mut().enumerate() {
                if let Some(pending) = pending
                    && pending.held_by == Some(step)
                {
                    pending.held_by = None;
                    let (node, index, incarnation) = (node as u8, index as u16, host.incarnation);
                    self.queue.push(self.now, Event::Durable { node, index, incarnation });
                }
            }
        }
    }

    /// The file whose sync the node hears of now.
    pub(crate) fn synced(&mut self, me: usize, index: u16) -> Option<File> {
        self.hosts[me].pending[usize::from(index)].take().map(|pending| pending.file)
    }

    pub(crate) fn records(&mut self, me: usize, file: File) -> Result<Vec<Vec<u8>>, DiskError> {
        let altered = self.read_judged(me, file, 0..usize::MAX)?;
        // The read cuts off what is torn.
        let host = &mut self.hosts[me];
        let records = host.disk.records(file, altered.as_deref());
        Ok(host.ahead.as_mut().map_or(records, |ahead| ahead.records(file, altered.as_deref())))
    }

    pub(crate) fn contents(&mut self, me: usize, file: File) -> Result<Option<Vec<u8>>, DiskError> {
        let altered = self.read_judged(me, file, 0..usize::MAX)?;
        let disk = self.view(me);
        let Some(bytes) = disk.bytes(file) else { return Ok(None) };
        disk.contents(file, altered.as_deref().unwrap_or(bytes)).map(Some)
    }

    pub(crate) fn read_at(&mut self, me: usize, file: File, offset: usize, most: usize) -> Result<Vec<u8>, DiskError> {
        let range = offset..offset.saturating_add(most);
        let altered = self.read_judged(me, file, range.clone())?;
        let bytes = self.view(me).bytes(file).ok_or(DiskError::Missing)?;
        Ok(altered.unwrap_or_else(|| part(bytes, range).to_vec()))
    }

    pub(crate) fn file_length(&self, me: usize, file: File) -> Option<u64> {
        self.view(me).bytes(file).map(|bytes| bytes.len() as u64)
    }

    /// Judges a read: what it returns instead of what stands there, if that is something else.
    fn read_judged(&mut self, me: usize, file: File, range: Range<usize>) -> Result<Option<Vec<u8>>, DiskError> {
        if !self.is_watched(me) || !self.alive(me) {
            return Ok(None);
        }
        let verdict = self.judge(me, Call { range: range.clone(), ..Call::whole(Some(file), READ) })?;
        Ok(verdict.lie.map(|lie| self.misread(me, &lie, file, range)))
    }
}

/// The part of `bytes` that a read gets.
pub(crate) fn part(bytes: &[u8], range: Range<usize>) -> &[u8] {
    let end = range.end.min(bytes.len());
    &bytes[range.start.min(end)..end]
}

/// What steps can wait for when an operation takes place.
fn moment(me: usize, operation: &Operation<'_>) -> Moment {
    if operation.is_sync() { Moment::Sync(me) } else { Moment::Write(me) }
}
