//! How much a minimal schedule depends on luck: under how many other seeds it fails, too, and how long each of its lengths and
//! latencies may be.

use std::fmt;

use murphy_checker::verdict::Anomaly;
use murphy_schedule::{Dice, Fault, Lasts, Schedule, Step, field::Distribution, print_micros};
use murphy_sim::{resolve, workload_of};

use crate::harness::Harness;

/// Under so many other seeds a minimal schedule is run.
pub(crate) const SEEDS: u32 = 16;

/// How much a schedule that fails depends on luck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Robustness {
    /// Under so many other seeds it was run.
    pub seeds: u32,
    /// Under so many of them it failed in the same way.
    pub failing: u32,
    /// The times in it that can be longer or shorter.
    pub windows: Vec<Window>,
}

/// What a window is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// How long the step lasts.
    Length,
    /// The latency that it adds.
    Latency,
}

/// Between which bounds a time of a step can be, all else being equal, with the schedule failing in the same way. What lies
/// between was not tried value by value: the bounds are what doubling and then bisection found, each one that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Index of the step.
    pub step: usize,
    /// Which of its times.
    pub part: Part,
    /// The least, in microseconds; `None`: however short.
    pub from: Option<u32>,
    /// The most, in microseconds; `None`: however long, up to the end of the chaos phase.
    pub to: Option<u32>,
}

impl Robustness {
    /// What was found, a sentence each without a full stop. `steps` are the lines of the schedule.
    pub fn sentences(&self, steps: &[String]) -> Vec<String> {
        let seeds = format!("fails under {} of {} other seeds", self.failing, self.seeds);
        let of = |window: &Window| format!("`{}`: {window}", steps[window.step]);
        std::iter::once(seeds).chain(self.windows.iter().map(of)).collect()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Length => "length",
            Part::Latency => "latency",
        };
        let time = |micros: u32| print_micros(micros.into());
        match (self.from, self.to) {
            (None, None) => write!(f, "for any {part}"),
            (Some(from), None) => write!(f, "for any {part} from {} on", time(from)),
            (None, Some(to)) => write!(f, "for any {part} up to {}", time(to)),
            (Some(from), Some(to)) if from == to => write!(f, "for no other {part}"),
            (Some(from), Some(to)) => write!(f, "for any {part} from {} to {}", time(from), time(to)),
        }
    }
}

/// How robust `schedule` is, which fails with an anomaly of this class and name.
pub fn robustness(harness: &mut Harness, schedule: &Schedule, anomaly: &Anomaly) -> Robustness {
    let most = u32::from(resolve(&schedule.header, harness.about()).chaos) * 10_000;
    let others = other_seeds(harness, schedule);
    let mut fails = |candidate: &Schedule| {
        let found = harness.run(candidate).verdict.anomaly();
        found.is_some_and(|found| found.class == anomaly.class && found.name == anomaly.name)
    };
    let failing = others.filter(|other| fails(other)).count() as u32;
    let times = (0..schedule.steps.len()).flat_map(|step| [Part::Length, Part::Latency].map(|part| (step, part)));
    let windows = times.filter_map(|(step, part)| window(schedule, step, part, most, &mut fails)).collect();
    Robustness { seeds: SEEDS, failing, windows }
}

/// The same under other seeds, with the workload that clients run under its own: another seed shall not be another workload.
pub(crate) fn other_seeds(harness: &Harness, schedule: &Schedule) -> impl Iterator<Item = Schedule> + use<> {
    let workloads = &harness.vocabulary().workloads;
    let mut seeds = Dice::new(!schedule.header.seed);
    let mut other = schedule.clone();
    other.header.workload = workloads.name(workload_of(&schedule.header, workloads));
    (0..SEEDS).map(move |_| {
        other.header.seed = seeds.word();
        other.clone()
    })
}

/// A time of a step in microseconds, if it is a number.
fn time(step: &Step, part: Part) -> Option<u32> {
    match (part, step.lasts, step.fault) {
        (Part::Length, Lasts::For(micros), _) => Some(micros),
        (Part::Latency, _, Fault::Delay { latency, .. }) => fixed(latency.0),
        (Part::Latency, _, Fault::DiskDelay { latency, .. }) => fixed(latency.0),
        _ => None,
    }
}

fn fixed(latency: Distribution) -> Option<u32> {
    if let Distribution::Fixed(span) = latency { Some(span.micros()) } else { None }
}

/// Sets a time that is a number.
fn set_time(step: &mut Step, part: Part, micros: u32) {
    match (part, &mut step.fault) {
        (Part::Length, _) => step.lasts = Lasts::For(micros),
        (Part::Latency, Fault::Delay { latency, .. }) => latency.0 = Distribution::fixed(micros),
        (Part::Latency, Fault::DiskDelay { latency, .. }) => latency.0 = Distribution::fixed(micros),
        (Part::Latency, _) => unreachable!("only these have a latency"),
    }
}

fn window(
    schedule: &Schedule,
    step: usize,
    part: Part,
    most: u32,
    fails: &mut dyn FnMut(&Schedule) -> bool,
) -> Option<Window> {
    let value = time(&schedule.steps[step], part).filter(|micros| *micros > 0)?;
    let mut candidate = schedule.clone();
    let unit = unit(value);
    let mut holds = |units: u32| {
        set_time(&mut candidate.steps[step], part, units * unit);
        fails(&candidate)
    };
    let here = value / unit;
    let from = bound(here, half, &mut holds);
    let to = bound(here, |units| twice(units, most / unit), &mut holds);
    Some(Window { step, part, from: from.map(|units| units * unit), to: to.map(|units| units * unit) })
}

/// The largest power of ten that divides a number and leaves it at least two digits.
fn unit(value: u32) -> u32 {
    std::iter::successors(Some(1u32), |unit| unit.checked_mul(10))
        .take_while(|unit| value.is_multiple_of(*unit) && value / unit >= 10)
        .last()
        .unwrap_or(1)
}

fn half(units: u32) -> Option<u32> {
    (units > 1).then_some(units / 2)
}

fn twice(units: u32, most: u32) -> Option<u32> {
    (units < most).then(|| units.saturating_mul(2).min(most))
}

/// How far one can go from `here` in strides while it `holds`, to the last unit; `None` if there is no end to it.
fn bound(here: u32, stride: impl Fn(u32) -> Option<u32>, holds: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
    let mut good = here;
    let mut bad = loop {
        let next = stride(good)?;
        if !holds(next) {
            break next;
        }
        good = next;
    };
    while good.abs_diff(bad) > 1 {
        let middle = good.midpoint(bad);
        if holds(middle) { good = middle } else { bad = middle }
    }
    Some(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(here: u32, window: std::ops::RangeInclusive<u32>) -> (Option<u32>, Option<u32>) {
        let mut holds = |units| window.contains(&units);
        let from = bound(here, half, &mut holds);
        (from, bound(here, |units| twice(units, 400), &mut holds))
    }

    #[test]
    fn another_seed_is_not_another_workload() {
        let harness =
            Harness::with_bugs(&murphy_sim::Shared::new(murphy_sim::echo::Echo), [].into()).expect("it is there");
        let workload = |schedule: &Schedule| workload_of(&schedule.header, &harness.vocabulary().workloads);
        for seed in 0..8 {
            let mut schedule = Schedule::default();
            schedule.header.seed = seed;
            let others: Vec<Schedule> = other_seeds(&harness, &schedule).collect();
            assert!(others.iter().all(|other| workload(other) == workload(&schedule)), "seed {seed}");
            assert!(others.iter().all(|other| other.header.seed != seed));
        }
    }

    #[test]
    fn bounds_are_found_to_the_unit() {
        assert_eq!(found(50, 38..=109), (Some(38), Some(109)));
        assert_eq!(found(50, 50..=50), (Some(50), Some(50)));
        assert_eq!(found(50, 0..=1000), (None, None));
        assert_eq!(found(50, 0..=399), (None, Some(399)));
        assert_eq!(found(500, 0..=1000), (None, None));
    }

    #[test]
    fn a_time_is_measured_in_units_of_its_second_digit() {
        assert_eq!([1_000_000, 250_000, 7, 12_345, 90].map(unit), [100_000, 10_000, 1, 1, 1]);
    }
}
