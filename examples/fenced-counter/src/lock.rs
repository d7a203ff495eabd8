//! The lock server.

use std::collections::BTreeMap;

use murphy::{Boot, File, LockOp, NodeId, ReplyTo, StateView, sometimes};

use crate::{Cx, LEASE, Message};

const TOKENS: File = File("tokens");

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Client(u64),
    Worker(NodeId),
}

#[derive(Clone, Copy, Debug)]
struct Held {
    owner: Owner,
    token: u64,
    until: u64,
}

/// It grants a lock to one owner at a time, for so long as a lease lasts. On its disk is the last token only: so it grants nothing
/// for one lease after it started, when everything that it may have granted before is over.
#[derive(Clone)]
pub struct LockServer {
    held: BTreeMap<u32, Held>,
    token: u64,
    opens: u64,
}

impl LockServer {
    pub(crate) fn start(boot: &Boot<'_>, cx: &mut Cx<'_>) -> Self {
        let last = cx.contents(TOKENS).expect("fail-stop: the tokens");
        let token = last.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("fail-stop: the tokens")));
        let waits = token > 0 && !boot.bug("eager-locks");
        Self { held: BTreeMap::new(), token, opens: if waits { cx.mono() + nanos() } else { 0 } }
    }

    pub(crate) fn on_message(&mut self, from: NodeId, message: Message, cx: &mut Cx<'_>) {
        match message {
            Message::Acquire { attempt, key } => match self.grant(key, Owner::Worker(from), cx) {
                Some(token) => cx.send(from, Message::Granted { attempt, token }),
                None => cx.send(from, Message::Busy { attempt }),
            },
            Message::Release { key, token } if self.held.get(&key).is_some_and(|held| held.token == token) => {
                self.held.remove(&key);
            }
            _ => {}
        }
    }

    pub(crate) fn on_client(&mut self, client: u64, op: LockOp, reply: ReplyTo, cx: &mut Cx<'_>) {
        let owner = Owner::Client(client);
        match op {
            LockOp::Acquire(key) => match self.grant(key, owner, cx) {
                Some(token) => cx.reply(reply, Some(token.cast_signed())),
                None => cx.refuse(reply),
            },
            LockOp::Release(key) if self.held.get(&key).is_some_and(|held| held.owner == owner) => {
                self.held.remove(&key);
                cx.reply(reply, None);
            }
            LockOp::Release(_) => cx.refuse(reply),
        }
    }

    /// A new token, if nobody else can hold the lock.
    fn grant(&mut self, key: u32, owner: Owner, cx: &mut Cx<'_>) -> Option<u64> {
        let now = cx.mono();
        let other = self.held.get(&key).filter(|held| held.owner != owner);
        sometimes!(other.is_some_and(|held| held.until <= now), "a lease ran out");
        if now < self.opens || other.is_some_and(|held| held.until > now) {
            return None;
        }
        self.token += 1;
        cx.replace(TOKENS, &self.token.to_le_bytes()).expect("fail-stop: the tokens");
        self.held.insert(key, Held { owner, token: self.token, until: now + nanos() });
        Some(self.token)
    }

    pub(crate) fn inspect(&self, view: &mut StateView) {
        view.role("lock server").fact("held", self.held.len().min(3) as u64);
    }
}

fn nanos() -> u64 {
    LEASE.as_nanos() as u64
}
