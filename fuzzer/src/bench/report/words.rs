//! What is said in sentences: where guided does badly, what does not count, what the figures mean.

use super::figures::{brief, count, probability, whole};
use crate::bench::{
    arms::{GUIDED, Unit, called},
    row::{Kind, OnTwin, Row},
    suite::{Outcome, Ratio, Standing, Suite, Versus},
};

/// Everything that speaks against guided, a sentence each.
pub(super) fn losses(suite: &Suite) -> String {
    let lines: Vec<String> = suite.standings.iter().flat_map(against).collect();
    let none = || {
        format!(
            "None: nowhere is `{GUIDED}` behind in executions or CPU-seconds, and each of its trials found its bug.\n"
        )
    };
    format!("## Where guided does badly\n\n{}", if lines.is_empty() { none() } else { lines.concat() })
}

fn against(one: &Standing) -> Vec<String> {
    let mut said = Vec::new();
    match &one.versus {
        Some(versus) => {
            said.extend(behind(versus));
            let found =
                one.subject.arms.values().any(|arm| arm.finds() > 0 || arm.pool().is_some_and(|pool| pool.hits > 0));
            if !found {
                said.push("nobody found it, so there is no ratio and it counts as tied".into());
            }
        }
        None => said.push(format!("not compared, since {}", missing(one))),
    }
    if let Some(arm) = one.subject.guided().filter(|arm| arm.finds() < arm.trials.len()) {
        let without = arm.trials.len() - arm.finds();
        said.push(format!("{without} of {} of `{GUIDED}` did not find it", count(arm.trials.len(), "trial")));
    }
    said.iter().map(|sentence| format!("- **{}**, depth {}: {sentence}.\n", called(&one.name), one.depth)).collect()
}

fn missing(one: &Standing) -> &'static str {
    let guided = one.subject.guided().is_some_and(|arm| !arm.trials.is_empty());
    if guided { "no blind arm was measured" } else { "guided was not measured" }
}

/// Where guided needs more than the best blind arm.
fn behind(versus: &Versus) -> Vec<String> {
    let behind = |at: usize| versus.ratios[at].as_ref().filter(|ratio| ratio.value < 1.0 && !ratio.at_least);
    let times = |ratio: &Ratio, unit: Unit| {
        format!("`{GUIDED}` needs {} times the {} of `{}`", brief(1.0 / ratio.value), unit.name(), ratio.arm)
    };
    let mut said = Vec::new();
    if let Some(ratio) = behind(0) {
        let sure = match versus.outcome {
            Outcome::Loss => "a loss",
            Outcome::Win | Outcome::Tie => "within chance",
        };
        said.push(format!("{}: {sure} (p {})", times(ratio, Unit::Executions), written(versus.adjusted)));
    }
    if let Some(ratio) = behind(1) {
        let (low, high) = (1.0 / ratio.interval.high, 1.0 / ratio.interval.low);
        let ends = format!("95 % interval {} to {}", brief(low), brief(high));
        said.push(format!("{} ({ends})", times(ratio, Unit::CpuSeconds)));
    }
    said
}

fn written(p: f64) -> String {
    let text = probability(p);
    if text.starts_with('<') { text } else { format!("= {text}") }
}

/// The rows that claim a find and do not count, by name.
pub(super) fn doubts(rows: &[Row]) -> String {
    let trials = rows.iter().filter(|row| row.kind == Kind::Trial && row.hits > 0);
    let trials: String = trials.filter_map(|row| Some((row, row.doubt()?))).map(doubt).collect();
    let pools: String = rows.iter().filter(|row| row.kind == Kind::Pool).filter_map(against_pool).collect();
    let none = "All finds count.\n".to_string();
    let mut said = format!(
        "## Rows that do not count\n\nA find counts if its schedule gives the same violation 3 of 3 times, and none on the twin (of a \
        target's own bug there may be no twin). A trial whose find does not count is censored there: taken as one that had found \
        nothing when it ended.\n\n{}",
        if trials.is_empty() { none } else { trials }
    );
    if !pools.is_empty() {
        said += &format!(
            "\nHits of these parts of pools are in doubt, and counted all the same, to the advantage of the blind arm:\n\n{pools}"
        );
    }
    said
}

fn doubt((row, why): (&Row, String)) -> String {
    let schedule = row.schedule.as_ref().map_or_else(String::new, |name| format!(", schedule `{name}`"));
    let (trial, execs) = (row.trial, whole(row.execs as f64));
    format!("- `{}`, `{}`, trial {trial}, after {execs} executions{schedule}: {why}.\n", row.subject(), row.arm)
}

/// A part of a pool of which a hit was looked at, and was none.
fn against_pool(row: &Row) -> Option<String> {
    let differs = row.replays.is_some_and(|replays| replays.same < replays.of);
    let looked_at = differs || row.twin == Some(OnTwin::Fails);
    let why = row.doubt().filter(|_| looked_at && row.hits > 0)?;
    Some(format!("- `{}`, `{}`, part {}: {why}.\n", row.subject(), row.arm, row.trial))
}

pub(super) fn definitions() -> String {
    DEFINITIONS.to_string()
}

const DEFINITIONS: &str = "\
## What the figures mean

- **Time** is counted in executions, the one that finds included. A search that ends without a find is censored. The curve, the \
median and its interval are those of Kaplan and Meier (1958) and of Brookmeyer and Crowley (1982), log(-log) transformed; ∞: the \
curve does not come down to one half.
- **Mean**: restricted to the budget, which is the smallest of the trials compared: the area under the curve (Royston and Parmar, \
2013). Of a blind arm that was measured by a pool with hit probability p it is that of a geometric time, (1 - (1 - p)^budget) / p; \
otherwise that of its trials. No search counts for more than the budget, so where the blind mostly fail the ratio is smaller than \
that of the times it would take: *not cut off* is 1/p over the mean of guided, where all its trials found the bug.
- **Ratio**: the mean of the best blind arm over that of guided. In CPU-seconds and in events, each mean is multiplied by what an \
execution of the arm costs (Wald, 1945); all are cut off at the same number of executions. Intervals are percentiles of 2,000 \
replicates of the bootstrap (Efron, 1979) with a fixed seed: trials are drawn again, the hit probability of a pool is drawn from \
Jeffreys' posterior (Brown, Cai and DasGupta, 2001), and the best arm is chosen again in each, which errs against guided. If no \
blind arm found anything, p of each is taken as the upper end of its interval, and the ratio is a lower bound (>); so is a mean over \
bugs with such a ratio. Bugs that nobody found are in no mean.
- **p**: against trials, the log-rank test (Mantel, 1966). Against a pool, finds and executions of all trials of guided against hits \
and executions of the pool, exactly (Przyborowski and Wilenski, 1940): the one-sample log-rank test (Breslow, 1975) for geometric \
times that accounts for the size of the pool. Corrected over the bugs (Holm, 1979). The blind arm is the best of several as measured, \
which errs against guided, too.
- **A12**: how often a search of guided is sooner than one of the other arm, ties and what censoring leaves open as one half \
(Vargha and Delaney, 2000; Gehan, 1965); against a pool, than a geometric time.
- **Hit probability**: the interval is exact (Clopper and Pearson, 1934), and so are those of shares.
- **Depth**: S, at most two events of the environment must come together; M, three; D, four and more; ?, not said.
";
