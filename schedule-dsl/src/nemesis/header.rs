//! The head of the file: the shape of the cluster, the load, the phases.

use std::{fmt::Write, ops::RangeInclusive};

use super::{
    CHAOS_MAX_US,
    plan::{Plan, whole},
    shape::set_of,
};
use crate::units::print_micros;

impl Plan {
    pub(super) fn header(&self) -> String {
        let mut text = format!("murphy 1\ntarget {}\nseed {:#x}\n", self.target, self.seed);
        line(&mut text, "", self.cluster());
        line(&mut text, "phases ", self.phases());
        if let Some(count) = self.data_centres {
            let _ = writeln!(text, "dcs {}", count.clamp(1, 5));
        }
        self.groups().iter().for_each(|(name, nodes)| {
            let _ = writeln!(text, "group {name} {}", set_of(nodes.clone()));
        });
        text
    }

    fn cluster(&self) -> Vec<String> {
        let shape = [
            ("nodes", self.node_count().map(u16::from)),
            ("clients", self.clients.map(u16::from)),
            ("keys", self.keys.map(u16::from)),
            ("ops", self.ops.or_else(|| self.ops_at_rate())),
            ("rate", self.rate),
        ];
        shape.into_iter().filter_map(|(word, value)| Some(format!("{word} {}", value?))).collect()
    }

    fn phases(&self) -> Vec<String> {
        let recovery = self.long_recovery.map_or([0, 0], |long| [long.active_us, long.calm_us]);
        let phases = [
            ("chaos", self.chaos_us()),
            ("active", recovery[0]),
            ("calm", recovery[1]),
            ("heal", self.final_recovery_us),
        ];
        let length = |micros: u64| print_micros(whole(micros.min(CHAOS_MAX_US), 10_000));
        let there = phases.into_iter().filter(|(_, micros)| *micros > 0);
        there.map(|(word, micros)| format!("{word} {}", length(micros))).collect()
    }

    fn ops_at_rate(&self) -> Option<u16> {
        let ops = u64::from(self.rate?) * self.chaos_us() / 1_000_000;
        Some(ops.clamp(1, 65_534) as u16)
    }

    /// Which nodes are of which kind, if the target has no kinds of its own: equal shares, in order.
    pub(super) fn groups(&self) -> Vec<(&'static str, RangeInclusive<u8>)> {
        let kinds = if self.target == "any" { self.kinds() } else { vec![] };
        let nodes = self.node_count().unwrap_or(1).max(1);
        let count = kinds.len() as u8;
        let share = |at: usize| {
            let first = (nodes * at as u8) / count.max(1) + 1;
            let last = (nodes * (at as u8 + 1)) / count.max(1);
            first.min(nodes)..=last.clamp(first.min(nodes), nodes)
        };
        kinds.into_iter().enumerate().map(|(at, kind)| (kind, share(at))).collect()
    }
}

/// A line of the header, if any of its items is there.
fn line(text: &mut String, word: &str, items: Vec<String>) {
    if !items.is_empty() {
        let _ = writeln!(text, "{word}{}", items.join(", "));
    }
}
