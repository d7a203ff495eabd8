//! From when on a violation could not be averted: how likely it is if everything after a moment is drawn anew.
//!
//! At a moment the world draws again what follows, once, twice, up to 32 times: so many futures of one past. The share of them
//! that fail in the same way, moment by moment, is a curve. It is one at the violation; where it jumps, the run was lost.
//! Antithesis draws such curves for its customers. Steps, which the schedule fixes, stay.

use std::fmt::Write as _;

use murphy_schedule::{Again, Fault, Lasts, Schedule, Step, When, field::Scope, schedule::STEPS_MAX};
use murphy_sim::TraceEvent;
use serde_json::{Value, json};

use super::{fails_alike, ms};
use crate::{finding::Finding, harness::Harness, picture};

/// Futures of each past.
const FUTURES: usize = 32;
/// Moments of the curve, the violation's among them.
const MOMENTS: u64 = 16;
/// A rise by so many futures from one moment to the next is a jump.
const JUMP: usize = FUTURES / 4;
/// Width of the chart's bars.
const WIDTH: usize = 32;

/// How many futures fail if everything after a moment is drawn anew.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// In nanoseconds.
    at: u64,
    fails: usize,
}

/// The event at which the likelihood jumps.
struct Lost {
    at: u64,
    /// Who did what.
    event: String,
    before: usize,
    after: usize,
}

/// The likelihood of a violation over the moments of its run.
pub(super) struct Curve {
    points: Vec<Point>,
    /// How many futures each moment has: fewer if the schedule has hardly room for the draws.
    futures: usize,
    lost: Option<Lost>,
}

impl Curve {
    pub(super) fn of(harness: &mut Harness, finding: &Finding) -> Self {
        let futures = FUTURES.min(STEPS_MAX - finding.schedule.steps.len().min(STEPS_MAX));
        let mut look = |at: u64| Point { at, fails: failing(harness, finding, at, futures) };
        let end = finding.outcome.time;
        let points: Vec<Point> = (0..MOMENTS).map(|moment| look(end * moment / (MOMENTS - 1))).collect();
        let lost = jump(&points).map(|(low, high)| lost(finding, low, high, &mut look));
        Self { points, futures, lost }
    }

    pub(super) fn text(&self) -> String {
        let mut text =
            format!("how often it fails if everything after a moment is drawn anew, {} times\n", self.futures);
        for Point { at, fails } in &self.points {
            let bar = "█".repeat(fails * WIDTH / self.futures.max(1));
            let _ = writeln!(text, "  {:>14}  {bar:<WIDTH$}  {fails}/{}", ms(*at), self.futures);
        }
        text + "\n" + &self.sentence() + "\n"
    }

    fn sentence(&self) -> String {
        match &self.lost {
            Some(Lost { at, event, before, after }) => format!(
                "the run is lost at {}: {event}. Drawn anew before that, {before} of {n} fail, and after it {after}",
                ms(*at),
                n = self.futures
            ),
            None if self.points.iter().all(|point| point.fails == self.futures) => {
                "the schedule alone makes it fail, whatever is drawn".to_string()
            }
            None if self.points.iter().all(|point| point.fails * 4 >= self.futures * 3) => {
                "it is likely from the start, and no event stands out".to_string()
            }
            None => "it becomes likelier little by little: no event stands out".to_string(),
        }
    }

    pub(super) fn object(&self) -> Value {
        let point = |point: &Point| json!({ "at_ns": point.at, "fails": point.fails });
        let lost = self.lost.as_ref().map(|lost| {
            json!({ "at_ns": lost.at, "event": lost.event, "fails_before": lost.before, "fails_after": lost.after })
        });
        json!({
            "futures": self.futures, "points": self.points.iter().map(point).collect::<Vec<_>>(), "lost": lost,
            "sentence": self.sentence(),
        })
    }
}

/// How many futures of the run up to `at` fail in the same way.
fn failing(harness: &mut Harness, finding: &Finding, at: u64, futures: usize) -> usize {
    let fails = |times: usize| {
        let schedule = drawn_anew(&finding.schedule, at, times);
        fails_alike(&harness.run(&schedule).verdict, finding)
    };
    (1..=futures).map(fails).filter(|fails| *fails).count()
}

/// `schedule`, with everything that follows `at` drawn anew so many times.
fn drawn_anew(schedule: &Schedule, at: u64, times: usize) -> Schedule {
    let micros = u32::try_from(at.div_ceil(1000)).unwrap_or(u32::MAX);
    let fault = Fault::Reseed { scope: Scope::World };
    let step = Step { when: When::At(micros), fault, lasts: Lasts::Healed, id: 0, again: Again::NEVER };
    let mut anew = schedule.clone();
    anew.steps.extend(std::iter::repeat_n(step, times));
    anew
}

/// The two moments between which the likelihood rises most, if it jumps.
fn jump(points: &[Point]) -> Option<(Point, Point)> {
    let rises = points.windows(2).map(|pair| (pair[0], pair[1]));
    let rise = |(low, high): &(Point, Point)| high.fails.saturating_sub(low.fails);
    rises.max_by_key(|pair| (rise(pair), std::cmp::Reverse(pair.0.at))).filter(|pair| rise(pair) >= JUMP)
}

/// The event between two moments after which most of the rise has come, by bisection.
fn lost(finding: &Finding, low: Point, high: Point, look: &mut impl FnMut(u64) -> Point) -> Lost {
    let trace = &finding.outcome.trace;
    let between = |event: &&TraceEvent| event.time > low.at && event.time <= high.at;
    let mut times: Vec<u64> = trace.iter().filter(between).map(|event| event.time).collect();
    times.dedup();
    let (mut before, mut after) = (low, high);
    while !times.is_empty() {
        let point = look(times[times.len() / 2]);
        if 2 * point.fails >= low.fails + high.fails {
            times.truncate(times.len() / 2);
            after = point;
        } else {
            times.drain(..=times.len() / 2);
            before = point;
        }
    }
    Lost { at: after.at, event: event_at(finding, after.at), before: before.fails, after: after.fails }
}

/// What happened at a moment, in words: what a node did first, or else the world.
fn event_at(finding: &Finding, at: u64) -> String {
    let mut then = finding.outcome.trace.iter().filter(|event| event.time == at);
    let first = then.clone().next();
    let Some(event) = then.find(|event| event.node.is_some()).or(first) else { return "it ended".to_string() };
    let who = event.node.map_or_else(String::new, |node| format!("n{node} "));
    format!("{who}{}", picture::words(&finding.outcome, event))
}

#[cfg(test)]
mod tests {
    use super::{Point, jump};

    fn points(fails: &[usize]) -> Vec<Point> {
        fails.iter().enumerate().map(|(at, fails)| Point { at: at as u64, fails: *fails }).collect()
    }

    #[test]
    fn the_steepest_rise_is_the_jump() {
        let (low, high) = jump(&points(&[0, 2, 2, 30, 32])).expect("it jumps");
        assert_eq!((low.at, high.at), (2, 3));
    }

    #[test]
    fn what_rises_little_by_little_does_not_jump() {
        assert!(jump(&points(&[8, 12, 16, 20, 24, 28, 32])).is_none());
        assert!(jump(&points(&[32, 32, 32])).is_none());
    }
}
