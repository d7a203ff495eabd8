//! Accounts between which money moves: is all of it there whenever one looks?
//!
//! Jepsen's `bank` (Kingsbury, jepsen.tests.bank): transfers keep the total, so each read of all accounts that completes must find
//! it. What the accounts are and how much there is, the first such read says. Per read: an account that is none is an
//! *unexpected key*, one without a number a *nil balance*, another sum a *wrong total*, and less than nothing a *negative value*,
//! where that is not allowed.

use std::collections::BTreeSet;

use super::{Checker, Heard, breach, told};
use crate::{
    history::{Micro, OpId, Value},
    verdict::Anomaly,
};

/// The names of the functions: `read` returns a `Transaction` of reads, one for each account; what `transfer` takes is not looked at.
pub const FUNCTIONS: &[&str] = &["read", "transfer"];

/// A read has an account that the first had not.
pub const UNEXPECTED_KEY: &str = "unexpected-key";
/// A read has an account without a balance.
pub const NIL_BALANCE: &str = "nil-balance";
/// The balances of a read do not add up to those of the first.
pub const WRONG_TOTAL: &str = "wrong-total";
/// A balance is below zero.
pub const NEGATIVE_VALUE: &str = "negative-value";

/// The judge of one bank.
#[derive(Clone, Debug)]
pub struct Bank {
    allows_negative: bool,
    first: Option<First>,
}

/// The read by which the others are judged.
#[derive(Clone, Debug)]
struct First {
    read: OpId,
    accounts: BTreeSet<u32>,
    total: i128,
}

impl Bank {
    /// A bank whose accounts can be overdrawn, or cannot.
    pub fn new(allows_negative: bool) -> Self {
        Self { allows_negative, first: None }
    }

    fn negative(&self, event: Heard<'_>, parts: &[Micro]) -> Option<Anomaly> {
        let is_negative = |part: &&Micro| balance(part).is_some_and(|balance| balance < 0);
        let account = account(event, parts.iter().filter(|_| !self.allows_negative).find(is_negative)?);
        let read = told(event.history, event.op);
        breach(NEGATIVE_VALUE, &[event.op], format!("{read} has less than nothing in account {account}"))
    }
}

impl First {
    fn new(read: OpId, parts: &[Micro]) -> Self {
        Self { read, accounts: parts.iter().map(|part| part.key).collect(), total: total(parts) }
    }

    fn unexpected(&self, event: Heard<'_>, parts: &[Micro]) -> Option<Anomaly> {
        let account = account(event, parts.iter().find(|part| !self.accounts.contains(&part.key))?);
        let [first, read] = [self.read, event.op].map(|op| told(event.history, op));
        breach(
            UNEXPECTED_KEY,
            &[self.read, event.op],
            format!("{read} has an account {account}, which {first} had not"),
        )
    }

    fn wrong(&self, event: Heard<'_>, parts: &[Micro]) -> Option<Anomaly> {
        let (total, expected) = (total(parts), self.total);
        if total == expected {
            return None;
        }
        let [first, read] = [self.read, event.op].map(|op| told(event.history, op));
        let sentence = format!("{read} adds up to {total}, but {first} to {expected}");
        breach(WRONG_TOTAL, &[self.read, event.op], sentence)
    }
}

fn nil(event: Heard<'_>, parts: &[Micro]) -> Option<Anomaly> {
    let account = account(event, parts.iter().find(|part| balance(part).is_none())?);
    let read = told(event.history, event.op);
    breach(NIL_BALANCE, &[event.op], format!("{read} has no balance of account {account}"))
}

fn account(event: Heard<'_>, part: &Micro) -> String {
    event.history.names.key(part.key)
}

fn balance(part: &Micro) -> Option<i128> {
    match part.value {
        Value::Int(balance) => Some(balance.cast_signed().into()),
        _ => None,
    }
}

fn total(parts: &[Micro]) -> i128 {
    parts.iter().filter_map(balance).sum()
}

impl Checker for Bank {
    fn invoke(&mut self, _event: Heard<'_>) {}

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let output @ Value::Transaction(_) = event.output()? else { return None };
        let parts = event.history.values.micros(output);
        let first = self.first.get_or_insert_with(|| First::new(event.op, parts));
        let found = first.unexpected(event, parts).or_else(|| nil(event, parts)).or_else(|| first.wrong(event, parts));
        found.or_else(|| self.negative(event, parts))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{output, testing::*};
    use crate::{family::Family, history::History};

    const FAMILY: Family = Family::Bank;
    const OVERDRAFT: Family = Family::BankOverdraft;

    #[test]
    fn the_total_stays() {
        let start = "0 read\n0 ok {0 10, 1 10}\n1 transfer {:from 0 :to 1 :amount 5}\n1 ok\n0 read\n";
        check(FAMILY, &format!("{start}0 ok {{0 5, 1 15}}"), "valid");
        only(FAMILY, &format!("{start}0 ok {{0 5, 1 10}}"), "wrong-total");
        check(FAMILY, &format!("{start}0 ok {{0 20}}"), "valid");
    }

    #[test]
    fn accounts_stay_and_have_balances() {
        let start = "0 read\n0 ok {0 10, 1 10, 2 0}\n0 read\n";
        only(FAMILY, &format!("{start}0 ok {{0 10, 1 10, 7 0}}"), "unexpected-key");
        only(FAMILY, &format!("{start}0 ok {{0 10, 1 10, 2 nil}}"), "nil-balance");
        only(FAMILY, &format!("{start}0 ok {{0 25, 1 -5, 2 0}}"), "negative-value");
        check(OVERDRAFT, &format!("{start}0 ok {{0 25, 1 -5, 2 0}}"), "valid");
        says(
            FAMILY,
            &format!("{start}0 ok {{0 9, 1 10, 2 0}}"),
            "read(r 0 9, r k1 10, r k2 0) by p0 adds up to 19, but read(r 0 10, r k1 10, r k2 0) by p0 to 20",
        );
    }

    /// The definition, read by read.
    fn oracle(history: &History) -> Clauses {
        let balances = |op| {
            let parts = history.values.micros(output(history, op).unwrap()).to_vec();
            parts.into_iter().map(|part| (part.key, int(part.value).map(u64::cast_signed))).collect::<Vec<_>>()
        };
        let mut reads: Vec<_> =
            ops(history).filter(|(_, one)| one.call.function == 0 && is_ok(one)).map(|(op, _)| op).collect();
        reads.sort_by_key(|read| completed(history, *read));
        let reads: Vec<_> = reads.into_iter().map(balances).collect();
        let sum = |read: &[(u32, Option<i64>)]| read.iter().filter_map(|(_, balance)| *balance).sum::<i64>();
        let all = || reads.iter().flatten();
        clauses([
            ("unexpected-key", all().any(|(key, _)| !reads[0].iter().any(|(other, _)| other == key))),
            ("nil-balance", all().any(|(_, balance)| balance.is_none())),
            ("wrong-total", reads.iter().any(|read| sum(read) != sum(&reads[0]))),
            ("negative-value", all().any(|(_, balance)| balance.is_some_and(|balance| balance < 0))),
        ])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        let invoke =
            |pick: u8, _| if pick.is_multiple_of(8) { "transfer {:from 1 :to 2 :amount 1}" } else { "read" }.to_owned();
        compare(FAMILY, oracle, invoke, |function, pick, value| match (function, pick % 16, value % 8) {
            (_, 0, _) => "fail".to_owned(),
            (_, 1, _) => "info".to_owned(),
            ("transfer", ..) => "ok".to_owned(),
            (_, 2, _) => "ok {1 5, 2 nil}".to_owned(),
            (_, 3, _) => "ok {1 5, 3 5}".to_owned(),
            (_, _, moved) => format!("ok {{1 {}, 2 {}}}", 6 - i32::from(moved), 4 + moved + u8::from(pick % 16 == 4)),
        });
    }
}
