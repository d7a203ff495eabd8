//! Workers: they do transactions under locks, one at a time, and nothing of one survives a crash.
//!
//! Invariants, stated as absences: no client hears that a transaction failed whose commit is under way, unless the resource says so; no
//! lock is kept for a transaction that is over.

use std::collections::BTreeMap;

use murphy_sim::{Boot, ListAppendPart, ReplyTo, StateView, Timer, sometimes};

use super::{
    Cx, LEASE, MANAGER, PATIENCE, RENEWAL, RESOURCE, Response,
    message::{Attempt, Held, List, Message},
    nanos,
};

const DEADLINE: Timer = Timer(0);
const RENEW: Timer = Timer(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Locking,
    Reading,
    /// From here on the commit may take effect at any time.
    Committing,
}

#[derive(Clone, Debug)]
struct Task {
    attempt: Attempt,
    reply: ReplyTo,
    parts: Vec<ListAppendPart>,
    /// The keys of the transaction, each once, in the order in which it names them.
    keys: Vec<u32>,
    /// The locks of the first of them.
    locks: Vec<Held>,
    stage: Stage,
    /// What its reads found, once it is known.
    found: Vec<Vec<u64>>,
    /// When the first lock was granted, by the worker's monotonic clock.
    since: u64,
}

/// It does what clients ask.
#[derive(Clone, Debug)]
pub struct Worker {
    task: Option<Task>,
    /// Of the current task, or the last one.
    attempt: Attempt,
}

impl Worker {
    pub(super) fn start(boot: &Boot<'_>) -> Self {
        Self { task: None, attempt: u64::from(boot.incarnation) << 32 }
    }

    pub(super) fn on_client(&mut self, reply: ReplyTo, parts: Vec<ListAppendPart>, cx: &mut Cx<'_>) {
        if self.task.is_some() {
            return cx.refuse(reply);
        }
        self.attempt += 1;
        let mut keys: Vec<u32> = Vec::with_capacity(parts.len());
        for part in &parts {
            let key = key_of(part);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let (attempt, stage) = (self.attempt, Stage::Locking);
        cx.send(MANAGER, Message::Acquire { attempt, key: keys[0] });
        self.task = Some(Task { attempt, reply, parts, keys, locks: vec![], stage, found: vec![], since: 0 });
        cx.set(DEADLINE, PATIENCE);
    }

    pub(super) fn on_message(&mut self, message: Message, cx: &mut Cx<'_>) {
        let current = self.task.as_ref().map(|task| (task.attempt, task.stage));
        match message {
            Message::Granted { attempt, held } => self.on_granted(attempt, held, cx),
            Message::Busy { attempt } if current == Some((attempt, Stage::Locking)) => self.fail(cx),
            Message::Lists { attempt, lists } if current == Some((attempt, Stage::Reading)) => {
                self.on_lists(&lists, cx)
            }
            Message::Committed { attempt } if current == Some((attempt, Stage::Committing)) => self.succeed(cx),
            Message::Fenced { attempt, is_commit } => {
                let stage = if is_commit { Stage::Committing } else { Stage::Reading };
                if current == Some((attempt, stage)) {
                    self.fail(cx);
                }
            }
            _ => {}
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, cx: &mut Cx<'_>) {
        let Some(task) = &self.task else { return };
        if timer == RENEW {
            sometimes!(true, "a worker renews its locks");
            for held in &task.locks {
                cx.send(MANAGER, Message::Renew { attempt: task.attempt, key: held.key });
            }
            return cx.set(RENEW, RENEWAL);
        }
        sometimes!(task.stage == Stage::Committing, "a worker does not know whether it committed");
        if task.stage == Stage::Committing {
            // Its client is left to wonder.
            self.end(cx);
        } else {
            self.fail(cx);
        }
    }

    fn on_granted(&mut self, attempt: Attempt, held: Held, cx: &mut Cx<'_>) {
        let task = self.task.as_mut().filter(|task| task.attempt == attempt);
        let Some(task) = task else {
            sometimes!(true, "a lock is granted to nobody");
            return cx.send(MANAGER, Message::Release { attempt, key: held.key });
        };
        if task.stage != Stage::Locking || task.keys[task.locks.len()] != held.key {
            return;
        }
        if task.locks.is_empty() {
            task.since = cx.mono();
        }
        task.locks.push(held);
        if let Some(key) = task.keys.get(task.locks.len()) {
            return cx.send(MANAGER, Message::Acquire { attempt, key: *key });
        }
        sometimes!(
            cx.mono() - task.since > nanos(LEASE),
            "a worker has its last lock when the lease of its first is over"
        );
        task.stage = Stage::Reading;
        cx.send(RESOURCE, Message::Read { attempt, locks: task.locks.clone() });
        cx.set(RENEW, RENEWAL);
    }

    fn on_lists(&mut self, lists: &[List], cx: &mut Cx<'_>) {
        let Some(task) = &mut self.task else { return };
        sometimes!(cx.mono() - task.since > nanos(LEASE), "a worker goes on after the time of a lease");
        let mut now: BTreeMap<u32, Vec<u64>> = lists.iter().map(|list| (list.key, list.items.clone())).collect();
        let mut changed: Vec<u32> = Vec::new();
        for part in &task.parts {
            let list = now.entry(key_of(part)).or_default();
            match *part {
                ListAppendPart::Read(_) => task.found.push(list.clone()),
                ListAppendPart::Append(key, element) => {
                    list.push(element);
                    if !changed.contains(&key) {
                        changed.push(key);
                    }
                }
            }
        }
        if changed.is_empty() {
            // What it read at one moment is all that it does.
            return self.succeed(cx);
        }
        task.stage = Stage::Committing;
        let lists =
            changed.iter().map(|key| List { key: *key, items: now.remove(key).expect("it was changed") }).collect();
        cx.send(RESOURCE, Message::Commit { attempt: task.attempt, locks: task.locks.clone(), lists });
    }

    fn succeed(&mut self, cx: &mut Cx<'_>) {
        if let Some(task) = self.end(cx) {
            cx.reply(task.reply, Response::Lists(task.found));
        }
    }

    /// Nothing was done, and nothing will be.
    fn fail(&mut self, cx: &mut Cx<'_>) {
        if let Some(task) = self.end(cx) {
            sometimes!(
                task.stage == Stage::Locking && !task.locks.is_empty(),
                "a worker with a lock gives up on another"
            );
            cx.refuse(task.reply);
        }
    }

    /// Lets go of what the task had or waited for.
    fn end(&mut self, cx: &mut Cx<'_>) -> Option<Task> {
        let task = self.task.take()?;
        cx.cancel(DEADLINE);
        cx.cancel(RENEW);
        for key in task.keys.iter().take(task.locks.len() + 1) {
            cx.send(MANAGER, Message::Release { attempt: task.attempt, key: *key });
        }
        Some(task)
    }

    pub(super) fn inspect(&self, view: &mut StateView) {
        let locks = self.task.as_ref().map_or(0, |task| task.locks.len() as u64);
        view.role(match self.task.as_ref().map(|task| task.stage) {
            None => "idle",
            Some(Stage::Locking) => "locking",
            Some(Stage::Reading | Stage::Committing) => "working",
        })
        .fact("has so many locks", locks)
        .fact("commits", u64::from(self.task.as_ref().is_some_and(|task| task.stage == Stage::Committing)));
    }
}

fn key_of(part: &ListAppendPart) -> u32 {
    match *part {
        ListAppendPart::Read(key) | ListAppendPart::Append(key, _) => key,
    }
}
