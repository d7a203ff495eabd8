//! `--break-at`: the process stops in the midst of a run, so that a debugger can look at it or walk on through a handler.
//!
//! Two runs are one run: the first finds out in which turn of the world's loop the event happens, the second stops before that
//! turn. A debugger that is there already gets a trap; if there is none, the process stops until somebody has it go on.

use std::collections::BTreeMap;

use murphy_schedule::Schedule;
use murphy_sim::{Outcome, What};

use super::super::{
    divergence::listed,
    exit::{Failure, say},
};
use crate::harness::Harness;

/// Events shown of what came before.
const BEFORE: usize = 10;

/// Runs `schedule`, and stops this process before the event of this number, counted from 1 as `replay -v` does.
pub(super) fn stop_before(harness: &mut Harness, schedule: &Schedule, number: usize) -> Result<Outcome, Failure> {
    let mut turn = 0;
    let outcome = harness.trace_watched(schedule, &mut |trace| turn += usize::from(trace.len() < number));
    let events = outcome.trace.len();
    if !(1..=events).contains(&number) {
        return Err(Failure::NoEvent { number, events });
    }
    let mut turns = 0;
    Ok(harness.trace_watched(schedule, &mut |_| {
        turns += 1;
        if turns == turn {
            say(&state(&outcome, number));
            stop();
        }
    }))
}

/// What there is to know as the process stops.
fn state(outcome: &Outcome, number: usize) -> String {
    let mut roles = BTreeMap::new();
    for event in &outcome.trace[..number - 1] {
        if let (Some(node), What::Role(role)) = (event.node, &event.what) {
            roles.insert(node, *role);
        }
    }
    let roles: Vec<String> = roles.iter().map(|(node, role)| format!("n{node} {role}")).collect();
    let lines = listed(outcome);
    let before = lines[number.saturating_sub(BEFORE + 1)..number - 1].join("\n");
    let (process, roles) = (std::process::id(), roles.join(", "));
    format!(
        "{before}\n>{}\n\nprocess {process} stops before event {number}; roles: {roles}\n  \
         attach   gdb -p {process}   or   lldb -p {process}\n  go on    kill -CONT {process}   or   fg",
        &lines[number - 1][1..]
    )
}

#[cfg(unix)]
fn stop() {
    use nix::sys::signal::{Signal, raise};
    let signal = if is_debugged() { Signal::SIGTRAP } else { Signal::SIGSTOP };
    raise(signal).expect("a process can signal itself");
}

/// Whether a debugger is attached, as far as the system tells.
#[cfg(unix)]
fn is_debugged() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|process| process.trim() != "0")
}

/// Without signals, the process waits for a line on standard input.
#[cfg(not(unix))]
fn stop() {
    let _ = std::io::stdin().read_line(&mut String::new());
}
