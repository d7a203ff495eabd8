//! Latencies and rates of a run over its virtual time, as Jepsen plots them (`latency-raw`, `rate`), with the time during which each
//! effective step lasted behind. Virtual latencies are the simulator's, not the system's: what they show is when it answered at all.

use std::fmt::Write as _;

use murphy_checker::history::{Completion, Operation};
use murphy_schedule::FaultKind;
use murphy_sim::Outcome;

use crate::svg;

/// Size of the plot, and of what is around it: left, above, right, below.
const PLOT: (f64, f64) = (820.0, 300.0);
const AROUND: (f64, f64, f64, f64) = (64.0, 34.0, 16.0, 40.0);
/// Windows in which completions are counted.
const WINDOWS: u64 = 40;
/// How operations end, as Jepsen calls it.
const ENDS: [&str; 3] = ["ok", "fail", "info"];

const STYLE: &str = "\
:root { --ok: #0969da; --fail: #bf3989; --info: #bc4c00; --fault: #6e7781 }
@media (prefers-color-scheme: dark) { :root { --ok: #58a6ff; --fail: #f778ba; --info: #f0883e; --fault: #9198a1 } }
.fault { fill: var(--fault); opacity: .28 }
circle.ok, text.ok { fill: var(--ok) }
circle.fail, text.fail { fill: var(--fail) }
circle.info, text.info { fill: var(--info) }
path.ok { stroke: var(--ok) }
path.fail { stroke: var(--fail) }
path.info { stroke: var(--info) }
";

/// An operation that ended: how, when it was invoked, and when it ended, in nanoseconds.
type Ended = (&'static str, u64, u64);

/// A dot for each operation that ended: when it was invoked, and how long it took.
pub(crate) fn latencies(outcome: &Outcome, title: &str) -> String {
    let ended = ended(outcome);
    let micros = |(_, from, to): &Ended| ((to - from) as f64 / 1e3).max(1.0);
    let (least, most) = ended.iter().map(micros).fold((f64::MAX, 1.0_f64), |(a, b), at| (a.min(at), b.max(at)));
    let (low, high) = (least.min(most).log10().floor(), most.log10().ceil().max(least.min(most).log10().floor() + 1.0));
    let y = |micros: f64| PLOT.1 * (1.0 - (micros.log10() - low) / (high - low));
    let ticks: Vec<(f64, String)> = (low as i32..=high as i32)
        .map(|decade| (y(10_f64.powi(decade)), format!("{} ms", 10_f64.powi(decade) / 1e3)))
        .collect();
    let mut drawn = String::new();
    for operation in &ended {
        let (x, y, class) = (svg::round(x(outcome, operation.1)), svg::round(y(micros(operation))), operation.0);
        let _ = writeln!(drawn, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"2\"/>");
    }
    plot(outcome, &format!("{title}: latency of each operation"), &ticks, &drawn)
}

/// How many operations ended in each second, a curve for each way to end.
pub(crate) fn rates(outcome: &Outcome, title: &str) -> String {
    let (ended, window) = (ended(outcome), outcome.time / WINDOWS + 1);
    let counts = ENDS.map(|end| {
        let mut counts = [0_u32; WINDOWS as usize];
        ended.iter().filter(|(how, ..)| *how == end).for_each(|(_, _, to)| counts[(to / window) as usize] += 1);
        counts
    });
    let second = |count: u32| f64::from(count) * 1e9 / window as f64;
    let most = second(counts.iter().flatten().copied().max().unwrap_or_default()).max(1.0);
    let y = |rate: f64| PLOT.1 * (1.0 - rate / most);
    let ticks: Vec<(f64, String)> =
        [0.0, 0.5, 1.0].map(|share| (y(most * share), format!("{:.1} /s", most * share))).to_vec();
    let mut drawn = String::new();
    for (end, counts) in ENDS.iter().zip(counts).filter(|(_, counts)| counts.iter().any(|count| *count > 0)) {
        let middle = |at: u64| x(outcome, at * window + window / 2);
        let corners: Vec<(f64, f64)> =
            (0..).zip(counts).map(|(at, count)| (middle(at).min(PLOT.0), y(second(count)))).collect();
        let _ = writeln!(drawn, "<path class=\"curve {end}\" d=\"{}\"/>", svg::points(&corners));
    }
    plot(outcome, &format!("{title}: operations that ended, a second"), &ticks, &drawn)
}

fn ended(outcome: &Outcome) -> Vec<Ended> {
    let how = |operation: &Operation| {
        let (completion, at) = operation.completion.as_ref()?;
        let end = match completion {
            Completion::Ok(_) => ENDS[0],
            Completion::Fail => ENDS[1],
            Completion::Info => ENDS[2],
        };
        Some((end, operation.invoked_at, *at))
    };
    outcome.history.operations.iter().filter_map(how).collect()
}

fn x(outcome: &Outcome, time: u64) -> f64 {
    PLOT.0 * time as f64 / outcome.time.max(1) as f64
}

/// The frame with the steps behind, and what is `drawn` in it.
fn plot(outcome: &Outcome, title: &str, ticks: &[(f64, String)], drawn: &str) -> String {
    let (width, height) = PLOT;
    let mut text = format!("<g transform=\"translate({} {})\">\n", AROUND.0, AROUND.1);
    let _ = writeln!(text, "<text class=\"title\" x=\"0\" y=\"-14\">{}</text>", svg::escaped(title));
    for (at, end) in ENDS.iter().enumerate() {
        let _ =
            writeln!(text, "<text class=\"{end}\" x=\"{}\" y=\"-14\">{end}</text>", width - 100.0 + 40.0 * at as f64);
    }
    for report in
        outcome.steps.iter().filter(|report| report.effects > 0 && report.step.fault.kind() != FaultKind::Note)
    {
        let Some(begun) = report.begun else { continue };
        let (from, to) = (x(outcome, begun), x(outcome, report.ended.unwrap_or(begun).max(begun)));
        let (from, wide) = (svg::round(from), svg::round((to - from).max(2.0)));
        let kind = report.step.fault.kind().keyword();
        let _ = writeln!(
            text,
            "<rect class=\"fault\" x=\"{from}\" y=\"0\" width=\"{wide}\" height=\"{height}\"><title>{kind}</title></rect>"
        );
    }
    for (y, label) in ticks {
        let y = svg::round(*y);
        let _ = writeln!(text, "<path class=\"grid\" d=\"M0 {y}H{width}\"/>");
        let _ = writeln!(text, "<text text-anchor=\"end\" x=\"-6\" y=\"{}\">{label}</text>", y + 4.0);
    }
    for at in 0..=4_u32 {
        let (x, time) = (width * f64::from(at) / 4.0, outcome.time as f64 / 1e9 * f64::from(at) / 4.0);
        let _ = writeln!(text, "<text text-anchor=\"middle\" x=\"{x}\" y=\"{}\">{time:.2} s</text>", height + 18.0);
    }
    let _ = writeln!(text, "<path class=\"axis\" d=\"M0 0V{height}H{width}\"/>\n{drawn}</g>");
    let size = (AROUND.0 + width + AROUND.2, AROUND.1 + height + AROUND.3);
    svg::document(size, title, STYLE, &text)
}
