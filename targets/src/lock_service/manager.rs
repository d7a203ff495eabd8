//! The manager of the locks.
//!
//! Invariants, stated as absences: no grant and no release is told that is not durable (the planted volatile-grants aside), no lock has two
//! owners whose leases last, no token of a lock is given away twice, nobody waits behind a lock that is free.
//!
//! A lease is measured on the manager's monotonic clock, which its machine keeps when the process starts again: so what is on the disk
//! tells it which leases last.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use murphy_sim::{Boot, File, Layout, LockOp, NodeId, ReplyTo, StateView, Timer, sometimes};

use crate::words::{bytes, words};

use super::{
    Cx, LEASE, Response, Token, WAIT,
    message::{Attempt, Held, Message},
    nanos,
};

const GRANTS: File = File("grants");
const TIMER: Timer = Timer(0);

/// A record is six words: key, token, who owns the lock from now on (what it is, its number, its attempt), and until when.
const FIELDS: [&str; 6] = ["key", "token", "kind", "owner", "attempt", "until"];
const NOBODY: u64 = 0;
const CLIENT: u64 = 1;
const WORKER: u64 = 2;

/// Where the parts of a record are, for faults that aim at them.
pub(super) fn layout(record: &[u8]) -> Layout {
    let all = Layout::new(0..record.len());
    (0..record.len() / 8).zip(FIELDS).fold(all, |layout, (at, name)| layout.field(name, at * 8..at * 8 + 8))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Client(u64),
    Worker(NodeId, Attempt),
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    owner: Owner,
    /// When its lease is over, on the monotonic clock, in nanoseconds.
    until: u64,
}

#[derive(Clone, Copy, Debug)]
struct Waiter {
    owner: Owner,
    /// Where a client hears of it.
    reply: Option<ReplyTo>,
    /// When it has waited long enough.
    until: u64,
}

#[derive(Clone, Debug, Default)]
struct Lock {
    /// Of the last grant.
    token: Token,
    hold: Option<Hold>,
    queue: VecDeque<Waiter>,
}

impl Lock {
    fn holder(&self, now: u64) -> Option<Hold> {
        self.hold.filter(|hold| hold.until > now)
    }

    /// When something is to be done that nobody will ask for.
    fn due(&self) -> Option<u64> {
        let patience = self.queue.iter().map(|waiter| waiter.until).min()?;
        Some(self.hold.map_or(patience, |hold| hold.until.min(patience)))
    }
}

/// It grants each lock to one owner at a time.
#[derive(Clone, Debug)]
pub struct Manager {
    locks: BTreeMap<u32, Lock>,
    tells_before_sync: bool,
}

impl Manager {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Cx<'_>) -> Self {
        let mut locks: BTreeMap<u32, Lock> = BTreeMap::new();
        for record in cx.records(GRANTS).expect("fail-stop: cannot read the grants") {
            let [key, token, kind, owner, attempt, until] = words(&record)[..] else {
                panic!("fail-stop: no record of ours: {record:?}")
            };
            let owner = match kind {
                CLIENT => Some(Owner::Client(owner)),
                WORKER => Some(Owner::Worker(owner as NodeId, attempt)),
                _ => None,
            };
            let hold = owner.map(|owner| Hold { owner, until });
            locks.insert(key as u32, Lock { token, hold, queue: VecDeque::new() });
        }
        let now = cx.mono();
        sometimes!(!locks.is_empty(), "the manager restarts with grants of its past");
        sometimes!(locks.values().any(|lock| lock.holder(now).is_some()), "the manager restarts within a lease");
        Self { locks, tells_before_sync: boot.bug("volatile-grants") }
    }

    pub(super) fn on_message(&mut self, from: NodeId, message: Message, cx: &mut Cx<'_>) {
        match message {
            Message::Acquire { attempt, key } => self.acquire(key, Owner::Worker(from, attempt), None, cx),
            Message::Renew { attempt, key } => self.renew(key, Owner::Worker(from, attempt), cx),
            Message::Release { attempt, key } => {
                self.release(key, Owner::Worker(from, attempt), cx);
            }
            _ => {}
        }
        self.set_timer(cx);
    }

    pub(super) fn on_client(&mut self, client: u64, reply: ReplyTo, op: LockOp, cx: &mut Cx<'_>) {
        let owner = Owner::Client(client);
        match op {
            LockOp::Acquire(key) => self.acquire(key, owner, Some(reply), cx),
            LockOp::Release(key) if self.release(key, owner, cx) => cx.reply(reply, Response::Released),
            LockOp::Release(_) => cx.refuse(reply),
        }
        self.set_timer(cx);
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_>) {
        let keys: Vec<u32> = self.locks.keys().copied().collect();
        for key in keys {
            self.serve(key, cx);
        }
        self.set_timer(cx);
    }

    /// The owner waits behind those who came before. Who has the lock already gets it anew: a client as a new grant, a worker's attempt,
    /// which asks only once, as the one it has.
    fn acquire(&mut self, key: u32, owner: Owner, reply: Option<ReplyTo>, cx: &mut Cx<'_>) {
        let now = cx.mono();
        let lock = self.locks.entry(key).or_default();
        let own = lock.holder(now).filter(|hold| hold.owner == owner);
        match (own, owner) {
            (Some(_), Owner::Worker(node, attempt)) => {
                sometimes!(true, "a lock is asked for twice");
                let held = Held { key, token: lock.token };
                return cx.send(node, Message::Granted { attempt, held });
            }
            (Some(_), Owner::Client(_)) => return self.grant(key, Waiter { owner, reply, until: now }, cx),
            (None, _) if lock.queue.iter().any(|waiter| waiter.owner == owner) => return,
            (None, _) => {}
        }
        sometimes!(lock.holder(now).is_some(), "a lock is waited for");
        sometimes!(!lock.queue.is_empty(), "several wait for one lock");
        lock.queue.push_back(Waiter { owner, reply, until: now + nanos(WAIT) });
        self.serve(key, cx);
    }

    /// Grants a lock that is free to whoever waits first, and sends away who has waited too long.
    fn serve(&mut self, key: u32, cx: &mut Cx<'_>) {
        let now = cx.mono();
        while let Some(lock) = self.locks.get_mut(&key).filter(|lock| lock.holder(now).is_none()) {
            sometimes!(lock.hold.is_some() && !lock.queue.is_empty(), "a lease runs out before those who wait");
            let Some(waiter) = lock.queue.pop_front() else { return };
            self.grant(key, waiter, cx);
        }
        let Some(lock) = self.locks.get_mut(&key) else { return };
        while let Some(waiter) = lock.queue.pop_front_if(|waiter| waiter.until <= now) {
            sometimes!(true, "a lock is waited for in vain");
            match (waiter.owner, waiter.reply) {
                (Owner::Worker(node, attempt), _) => cx.send(node, Message::Busy { attempt }),
                (Owner::Client(_), Some(reply)) => cx.refuse(reply),
                (Owner::Client(_), None) => {}
            }
        }
    }

    fn grant(&mut self, key: u32, waiter: Waiter, cx: &mut Cx<'_>) {
        let lock = self.locks.entry(key).or_default();
        lock.token += 1;
        lock.hold = Some(Hold { owner: waiter.owner, until: cx.mono() + nanos(LEASE) });
        let held = Held { key, token: lock.token };
        self.write(key, cx);
        if !self.tells_before_sync {
            sync(cx);
        }
        match (waiter.owner, waiter.reply) {
            (Owner::Worker(node, attempt), _) => cx.send(node, Message::Granted { attempt, held }),
            (Owner::Client(_), Some(reply)) => cx.reply(reply, Response::Granted(held.token)),
            (Owner::Client(_), None) => {}
        }
    }

    fn renew(&mut self, key: u32, owner: Owner, cx: &mut Cx<'_>) {
        let now = cx.mono();
        let Some(lock) = self.locks.get_mut(&key) else { return };
        let own = lock.hold.as_mut().filter(|hold| hold.owner == owner);
        sometimes!(own.is_none(), "a lock is renewed that another has");
        if let Some(hold) = own {
            sometimes!(hold.until <= now, "a lock is renewed that nobody took after its lease");
            hold.until = now + nanos(LEASE);
            self.write(key, cx);
            sync(cx);
        }
    }

    /// Whether the lock was its own. Who waited waits no longer.
    fn release(&mut self, key: u32, owner: Owner, cx: &mut Cx<'_>) -> bool {
        let Some(lock) = self.locks.get_mut(&key) else { return false };
        lock.queue.retain(|waiter| waiter.owner != owner);
        let is_own = lock.hold.is_some_and(|hold| hold.owner == owner);
        sometimes!(!is_own && lock.hold.is_some(), "a lock is released that another has");
        if is_own {
            lock.hold = None;
            self.write(key, cx);
            sync(cx);
            self.serve(key, cx);
        }
        is_own
    }

    fn write(&self, key: u32, cx: &mut Cx<'_>) {
        let Lock { token, hold, .. } = &self.locks[&key];
        let (kind, owner, attempt) = match hold.map(|hold| hold.owner) {
            None => (NOBODY, 0, 0),
            Some(Owner::Client(client)) => (CLIENT, client, 0),
            Some(Owner::Worker(node, attempt)) => (WORKER, node.into(), attempt),
        };
        let until = hold.map_or(0, |hold| hold.until);
        let record = bytes(&[key.into(), *token, kind, owner, attempt, until]);
        cx.append(GRANTS, &record).expect("fail-stop: cannot write the grants");
    }

    fn set_timer(&self, cx: &mut Cx<'_>) {
        match self.locks.values().filter_map(Lock::due).min() {
            Some(due) => cx.set(TIMER, Duration::from_nanos(due.saturating_sub(cx.mono()))),
            None => cx.cancel(TIMER),
        }
    }

    pub(super) fn inspect(&self, view: &mut StateView) {
        let count = |is: fn(&Lock) -> bool| self.locks.values().filter(|lock| is(lock)).count().min(3) as u64;
        let tokens = self.locks.values().map(|lock| lock.token).sum();
        view.role("manager")
            .progress(tokens)
            .fact("locks that are held", count(|lock| lock.hold.is_some()))
            .fact("locks that are waited for", count(|lock| !lock.queue.is_empty()))
            .fact(
                "the longest queue",
                self.locks.values().map(|lock| lock.queue.len()).max().unwrap_or(0).min(3) as u64,
            );
    }
}

fn sync(cx: &mut Cx<'_>) {
    cx.sync(GRANTS).expect("fail-stop: cannot sync the grants");
}
