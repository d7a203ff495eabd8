//! Texts of transactions by session, without times: those of AWDIT and of Plume.
//!
//! Operations of such a history are one after the other as the text has them, which says nothing of those of different sessions.

use std::collections::BTreeMap;

use super::{Builder, Format, ReadError, ReadErrorKind};
use crate::{
    edn::{self, Edn},
    family::Family,
    history::{Call, Completion, Deed, History, Micro, Process, Value},
};

/// The format of a text that begins so, if it is one of these.
pub(super) fn format(text: &str) -> Option<Format> {
    let line = text.lines().next()?.trim_end();
    if deed(line, '(').is_some() && line.ends_with(')') {
        Some(Format::Plume)
    } else {
        (deed(line, ' ').is_some() && line.split(' ').count() == 3).then_some(Format::Awdit)
    }
}

/// What a line does, and the rest of it.
fn deed(line: &str, next: char) -> Option<(Deed, &str)> {
    let deed = if line.starts_with('r') { Deed::Read } else { Deed::Write };
    Some((deed, line.strip_prefix(['r', 'w'])?.strip_prefix(next)?))
}

/// A part of a transaction: what it does to which object, with which value.
type Part = (Deed, i64, i64);

/// Transactions with their sessions, in order.
type Transactions = Vec<(Process, Vec<Part>)>;

/// Reads such a text.
pub(super) fn read(text: &str, format: Format, mut builder: Builder) -> Result<History, ReadError> {
    if builder.family != Family::RwRegister {
        let kind = ReadErrorKind::UnknownFunction { found: "txn".to_owned(), family: builder.family };
        return Err(ReadError { place: edn::place(text, 0), kind });
    }
    let mut transactions = Transactions::new();
    let mut reading = Reading::default();
    let mut start = 0;
    for line in text.lines() {
        let read = match format {
            Format::Plume => reading.plume(line.trim(), &mut transactions),
            _ => reading.awdit(line.trim(), &mut transactions),
        };
        let syntax = |message: &str| ReadErrorKind::Syntax(message.to_owned());
        read.map_err(|message| ReadError { place: edn::place(text, start), kind: syntax(message) })?;
        start += line.len() + 1;
    }
    build(&mut builder, &transactions);
    Ok(builder.history)
}

/// Where a reader is.
#[derive(Debug, Default)]
struct Reading {
    /// Of AWDIT: the session.
    session: Process,
    /// Of AWDIT: whether the next part begins a transaction.
    is_between: bool,
    /// Of Plume: the place of each transaction, by session and number.
    places: BTreeMap<(i64, i64), usize>,
    sessions: BTreeMap<i64, Process>,
}

impl Reading {
    fn awdit(&mut self, line: &str, transactions: &mut Transactions) -> Result<(), &'static str> {
        const EXPECTED: &str = "expected `r KEY VALUE`, `w KEY VALUE`, `-----` or `=====`";
        if line.is_empty() {
            return Ok(());
        }
        if line.starts_with("---") || line.starts_with("===") {
            self.session += Process::from(line.starts_with('='));
            self.is_between = true;
            return Ok(());
        }
        let (deed, rest) = deed(line, ' ').ok_or(EXPECTED)?;
        let [key, value] = numbers(rest, ' ').ok_or(EXPECTED)?;
        if self.is_between || transactions.is_empty() {
            transactions.push((self.session, Vec::new()));
        }
        self.is_between = false;
        transactions.last_mut().expect("one was pushed").1.push((deed, key, value));
        Ok(())
    }

    fn plume(&mut self, line: &str, transactions: &mut Transactions) -> Result<(), &'static str> {
        const EXPECTED: &str = "expected `r(KEY,VALUE,SESSION,TRANSACTION)` or `w(KEY,VALUE,SESSION,TRANSACTION)`";
        if line.is_empty() {
            return Ok(());
        }
        let (deed, rest) = deed(line, '(').ok_or(EXPECTED)?;
        let numbers = rest.strip_suffix(')').and_then(|rest| numbers(rest, ','));
        let [key, value, session, transaction] = numbers.ok_or(EXPECTED)?;
        let known = self.sessions.len() as Process;
        let process = *self.sessions.entry(session).or_insert(known);
        let place = *self.places.entry((session, transaction)).or_insert(transactions.len());
        if place == transactions.len() {
            transactions.push((process, Vec::new()));
        }
        transactions[place].1.push((deed, key, value));
        Ok(())
    }
}

fn numbers<const COUNT: usize>(text: &str, between: char) -> Option<[i64; COUNT]> {
    let numbers: Option<Vec<i64>> = text.split(between).map(|number| number.trim().parse().ok()).collect();
    numbers?.try_into().ok()
}

/// A register that nobody writes 0 to reads 0 before any write.
fn build(builder: &mut Builder, transactions: &Transactions) {
    let parts = || transactions.iter().flat_map(|(_, parts)| parts);
    let mut zeros: Vec<i64> =
        parts().filter(|part| part.0 == Deed::Write && part.2 == 0).map(|(_, key, _)| *key).collect();
    zeros.sort_unstable();
    for (process, parts) in transactions {
        let mut micros = Vec::with_capacity(parts.len());
        for &(deed, key, value) in parts {
            let is_initial = deed == Deed::Read && value == 0 && zeros.binary_search(&key).is_err();
            let value = if is_initial { Value::Nil } else { Value::Int(value.cast_unsigned()) };
            micros.push(Micro { deed, key: builder.key(&Edn::Int(key)), value });
        }
        let input = builder.history.values.transaction(&micros);
        let now = builder.history.events.len() as u64;
        let op = builder.history.invoke(*process, Call { function: 0, key: 0, input }, 0, now);
        builder.history.complete(op, Completion::Ok(input), now + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::read, *};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = match read(text, Format::of(text), Family::RwRegister) {
            Err(error) => error.to_string(),
            Ok(history) => {
                let parts = |op: &crate::history::Operation| {
                    let part = |micro: &Micro| {
                        let values = history.values.numbers(&micro.value);
                        let letter = if micro.deed == Deed::Read { "r" } else { "w" };
                        format!("{letter}{}={values:?}", history.names.key(micro.key))
                    };
                    let micros = history.values.micros(op.call.input).iter().map(part);
                    format!("p{} {}", op.process, micros.collect::<Vec<_>>().join(" "))
                };
                history.operations.iter().map(parts).collect::<Vec<_>>().join("; ")
            }
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn transactions_of_awdit_end_with_dashes_and_sessions_with_double_ones() {
        check("w 3 1\nr 4 0\n-----\nr 3 1\n=====\nw 4 2\n", "p0 wk3=[1] rk4=[]; p0 rk3=[1]; p1 wk4=[2]");
        check("w 0 0\n=====\nr 0 0", "p0 w0=[0]; p1 r0=[0]");
        check("w 3 1\nx 1", "2:1: expected `r KEY VALUE`, `w KEY VALUE`, `-----` or `=====`");
    }

    #[test]
    fn transactions_of_plume_are_named_by_session_and_number() {
        check("w(3,1,7,0)\nr(4,0,9,0)\nr(3,1,7,1)\nw(4,2,9,0)", "p0 wk3=[1]; p1 rk4=[] wk4=[2]; p0 rk3=[1]");
        check("w(3,1)", "1:1: expected `r(KEY,VALUE,SESSION,TRANSACTION)` or `w(KEY,VALUE,SESSION,TRANSACTION)`");
    }
}
