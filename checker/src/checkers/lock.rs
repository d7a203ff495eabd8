//! Locks with owners, leases and fencing tokens: did two hold one at the same time for sure?
//!
//! A client holds the lock for sure from the completion of its `acquire` to the invocation of its `release`, and with a lease no
//! longer than so long after it *invoked* the `acquire`, since nobody can have granted it earlier. Wrong are
//!
//! * *double hold*: an `acquire` completed, its lease not being over by then, while another client held the lock for sure; or the
//!   same client, unless its lease is what it renews;
//! * *not owner*: a `release` succeeded of a client that cannot have held the lock;
//! * *token not increasing*: an `acquire` returned no larger a token than one that had completed before it was invoked; or *token
//!   reused*: the same as any other.
//!
//! This needs no search, and times, unlike the locks of [`crate::models`], which say all that follows from order. What is asked of
//! a lock: Kleppmann, 2016, "How to do distributed locking".

use std::collections::{BTreeMap, BTreeSet};

use super::{Checker, Heard, breach, told};
use crate::{
    history::{OpId, Process, Value},
    interner::Interner,
    verdict::Anomaly,
};

/// The names of the functions: `acquire` takes its lease in nanoseconds as an `Int`, or `Nil` for until it is released, and
/// returns its token as an `Int`, or `Nil` where there are none; `release` takes nothing.
pub const FUNCTIONS: &[&str] = &["acquire", "release"];
const ACQUIRE: u8 = 0;

/// Two clients held the lock at once.
pub const DOUBLE_HOLD: &str = "double-hold";
/// The lock was released by a client that had not acquired it.
pub const NOT_OWNER: &str = "not-owner";
/// A later holder has a token that is no larger.
pub const TOKEN_NOT_INCREASING: &str = "token-not-increasing";
/// Two holders have the same token.
pub const TOKEN_REUSED: &str = "token-reused";

/// The judge of one lock.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    holder: Option<Hold>,
    /// Who may hold it: since an `acquire` of unknown end, or one that succeeded.
    possible: BTreeSet<Process>,
    /// By token, who got it first.
    tokens: Interner<u64>,
    owners: Vec<OpId>,
    largest: Option<Token>,
    /// For an `acquire` that is under way, the largest token that had been returned when it was invoked.
    floors: BTreeMap<OpId, Option<Token>>,
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    acquire: OpId,
    process: Process,
    /// When the lease can be over, in nanoseconds.
    until: Option<u64>,
}

impl Hold {
    fn is_over(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

#[derive(Clone, Copy, Debug)]
struct Token {
    number: u64,
    acquire: OpId,
}

impl Lock {
    fn acquired(&mut self, event: Heard<'_>, output: Value) -> Option<Anomaly> {
        let operation = event.operation();
        let now = operation.completion.map_or(0, |(_, now)| now);
        let lease = event.input();
        let hold = Hold {
            acquire: event.op,
            process: operation.process,
            until: lease.map(|lease| operation.invoked_at.saturating_add(lease)),
        };
        self.possible.insert(operation.process);
        let held_twice = if hold.is_over(now) { None } else { self.hold(event, hold, now) };
        let token = match output {
            Value::Int(number) => self.token(event, Token { number, acquire: event.op }),
            _ => None,
        };
        held_twice.or(token)
    }

    /// Takes the place of the holder before; wrong if that one still holds it.
    fn hold(&mut self, event: Heard<'_>, hold: Hold, now: u64) -> Option<Anomaly> {
        let before = self.holder.replace(hold).filter(|before| !before.is_over(now))?;
        let renews = before.process == hold.process && before.until.is_some();
        if renews { None } else { double_hold(event, before) }
    }

    fn token(&mut self, event: Heard<'_>, token: Token) -> Option<Anomaly> {
        let floor = self.floors.get(&event.op).copied().flatten();
        if self.largest.is_none_or(|largest| largest.number < token.number) {
            self.largest = Some(token);
        }
        let place = self.tokens.id(token.number) as usize;
        let first = self.owners.get(place).copied();
        if first.is_none() {
            self.owners.push(event.op);
        }
        let not_increasing = floor.filter(|floor| token.number <= floor.number).and_then(|floor| {
            let [one, other] = [floor.acquire, event.op].map(|op| told(event.history, op));
            let (floor_number, number) = (floor.number, token.number);
            let sentence = format!("{other} got token {number}, after {one} had got {floor_number}");
            breach(TOKEN_NOT_INCREASING, &[floor.acquire, event.op], sentence)
        });
        not_increasing.or_else(|| {
            let [one, other] = [first?, event.op].map(|op| told(event.history, op));
            breach(TOKEN_REUSED, &[first?, event.op], format!("{other} got the token of {one}"))
        })
    }
}

fn double_hold(event: Heard<'_>, other: Hold) -> Option<Anomaly> {
    let [held, got] = [other.acquire, event.op].map(|op| told(event.history, op));
    breach(DOUBLE_HOLD, &[other.acquire, event.op], format!("{got} got the lock, which {held} still held"))
}

impl Checker for Lock {
    fn invoke(&mut self, event: Heard<'_>) {
        let process = event.operation().process;
        if event.operation().call.function == ACQUIRE {
            self.floors.insert(event.op, self.largest);
        } else if self.holder.is_some_and(|hold| hold.process == process) {
            self.holder = None;
        }
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let (process, function) = (event.operation().process, event.operation().call.function);
        let found = match (function, event.output()) {
            (ACQUIRE, Some(output)) => self.acquired(event, output),
            (ACQUIRE, None) => {
                if !event.has_failed() {
                    self.possible.insert(process);
                }
                None
            }
            (_, Some(_)) if !self.possible.remove(&process) => {
                let sentence =
                    format!("{} succeeded, but its process had not acquired the lock", told(event.history, event.op));
                breach(NOT_OWNER, &[event.op], sentence)
            }
            (_, _) => None,
        };
        self.floors.remove(&event.op);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::{
        family::Family,
        history::{Completion, History, OpId, Value},
    };

    const FAMILY: Family = Family::Lock;

    #[test]
    fn one_client_holds_the_lock() {
        check(FAMILY, "0 acquire\n1 acquire\n0 ok\n0 release\n1 ok nil\n0 ok\n1 release\n1 ok", "valid");
        only(FAMILY, "0 acquire\n0 ok\n1 acquire\n1 ok", "double-hold");
        only(FAMILY, "0 acquire\n0 ok\n0 acquire\n0 ok", "double-hold");
        check(FAMILY, "0 acquire\n0 info\n1 acquire\n1 ok", "valid");
        says(
            FAMILY,
            "0 acquire\n0 ok\n1 acquire\n1 ok",
            "acquire(k1) by p1 got the lock, which acquire(k1) by p0 still held",
        );
    }

    #[test]
    fn a_lease_ends() {
        // Invoked at 0, over at 3: the other gets it at 3.
        check(FAMILY, "0 acquire 3\n0 ok nil\n1 acquire 3\n1 ok nil", "valid");
        only(FAMILY, "0 acquire 4\n0 ok nil\n1 acquire 3\n1 ok nil", "double-hold");
        check(FAMILY, "0 acquire 9\n0 ok nil\n0 acquire 9\n0 ok nil", "valid");
        // The answer comes when its lease is over already, and another has the lock; this other keeps it.
        check(FAMILY, "0 acquire 2\n1 acquire 9\n1 ok nil\n0 ok nil", "valid");
        only(FAMILY, "0 acquire 2\n1 acquire 9\n1 ok nil\n0 ok nil\n0 acquire 9\n0 ok nil", "double-hold");
    }

    #[test]
    fn who_releases_it_has_acquired_it() {
        only(FAMILY, "0 acquire\n0 ok\n1 release\n1 ok", "not-owner");
        only(FAMILY, "0 acquire\n0 ok\n0 release\n0 ok\n0 release\n0 ok", "not-owner");
        check(FAMILY, "0 acquire\n0 ok\n1 release\n1 fail\n0 release\n0 ok", "valid");
    }

    #[test]
    fn tokens_grow() {
        let turn = |process: u8, token: u8| {
            format!("{process} acquire\n{process} ok {token}\n{process} release\n{process} ok\n")
        };
        check(FAMILY, &(turn(0, 1) + &turn(1, 5)), "valid");
        only(FAMILY, &(turn(0, 5) + &turn(1, 4)), "token-not-increasing");
        only(FAMILY, "0 acquire\n1 acquire\n0 ok 5\n0 release\n0 ok\n1 ok 5", "token-reused");
    }

    /// The definition, pair by pair. Times are positions.
    fn oracle(history: &History) -> Clauses {
        let acquires: Vec<_> = ops(history).filter(|(_, one)| one.call.function == 0).collect();
        let got = || acquires.iter().filter(|(_, one)| is_ok(one));
        let releases = |process| ops(history).filter(move |(_, one)| one.call.function == 1 && one.process == process);
        let lease = |one: &crate::history::Operation| int(one.call.input).map(|lease| one.invoked_at + lease);
        let holds = |op: OpId, one: &crate::history::Operation| {
            lease(one).is_none_or(|until| (completed(history, op) as u64) < until)
        };
        let mut twice = false;
        let mut reused = false;
        let mut decreasing = false;
        for (first, one) in got() {
            for (second, other) in got().filter(|(second, _)| completed(history, *second) > completed(history, *first))
            {
                let (start, now) = (completed(history, *first), completed(history, *second));
                let mut released = releases(one.process).map(|(op, _)| invoked(history, op));
                let is_released = released.any(|at| start < at && at < now);
                // Who came between has the lock in its place.
                let is_replaced = got()
                    .any(|(third, one)| holds(*third, one) && (start + 1..now).contains(&completed(history, *third)));
                let is_over = lease(one).is_some_and(|until| now as u64 >= until);
                let renews = one.process == other.process && lease(one).is_some();
                twice |= holds(*second, other) && !is_released && !is_replaced && !is_over && !renews;
                let token = |one: &crate::history::Operation| match one.completion {
                    Some((Completion::Ok(Value::Int(token)), _)) => Some(token),
                    _ => None,
                };
                if let (Some(one), Some(other)) = (token(one), token(other)) {
                    reused |= one == other;
                    decreasing |= other <= one && start < invoked(history, *second);
                }
            }
        }
        let strange = ops(history).filter(|(_, one)| one.call.function == 1 && is_ok(one)).any(|(release, one)| {
            let end = completed(history, release);
            let earlier = |op| completed(history, op) < end;
            let had = acquires
                .iter()
                .filter(|(op, other)| other.process == one.process && !has_failed(other) && earlier(*op));
            let since = releases(one.process)
                .filter(|(op, other)| is_ok(other) && earlier(*op))
                .map(|(op, _)| completed(history, op))
                .max();
            had.map(|(op, _)| completed(history, *op)).max().is_none_or(|had| since.is_some_and(|since| since > had))
        });
        clauses([
            ("double-hold", twice),
            ("not-owner", strange),
            ("token-not-increasing", decreasing),
            ("token-reused", reused),
        ])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke = |pick, value: u8| match pick % 5 {
            0..2 => "acquire".to_owned(),
            2 => format!("acquire {}", value % 6),
            _ => "release".to_owned(),
        };
        compare(FAMILY, oracle, invoke, |function, pick, value| match (function, pick % 8) {
            (_, 0..3) => "fail".to_owned(),
            (_, 3) => "info".to_owned(),
            ("acquire", 4) => format!("ok {value}"),
            _ => "ok nil".to_owned(),
        });
    }
}
