//! The report of a folder of trials, as Markdown: the whole table, losses included.

mod figures;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Depths, Rows,
    arms::{Arm, BLIND, GUIDED, Unit, called},
    row::{Kind, Row},
    statistics::{Curve, Rate},
    suite::{Ablation, Group, Outcome, Standing, Suite, Versus, mean},
};
use figures::{NONE, brief, count, interval, percent, probability, ranges, whole};

/// The report of these rows; `depths` says how deep each bug lies (`?`: it does not).
///
/// The file is to lie beside `report.svg`, which [`super::chart::svg`] draws.
pub(crate) fn markdown(rows: &Rows, depths: &Depths) -> String {
    let suite = Suite::of(rows, depths);
    let sections = [
        introduction(rows),
        headline_section(&suite),
        bug_by_bug(&suite),
        words::losses(&suite),
        equal_budgets(&suite),
        blind_arms(&suite),
        ablations(&suite),
        specificity(&suite),
        words::doubts(&rows.rows),
        words::definitions(),
    ];
    sections.join("\n")
}

/// The outcome in few words.
pub(crate) struct Headline(Suite);

/// The outcome of these rows in few words; `depths` as in [`markdown`].
pub(crate) fn headline(rows: &Rows, depths: &Depths) -> Headline {
    Headline(Suite::of(rows, depths))
}

impl Headline {
    /// Lines of text: the score and the mean ratios, of all bugs and of each depth.
    pub(crate) fn text(&self) -> String {
        let lines = groups(&self.0).into_iter().map(|(name, group)| {
            let Group { bugs, means, wins, ties, losses } = group;
            let means = Unit::ALL.iter().zip(&means);
            let means = means.map(|(unit, mean)| format!("{} {}", unit.name(), figures::mean(mean.as_ref())));
            let bugs = count(bugs, "bug");
            let means = means.collect::<Vec<_>>().join(", ");
            format!("{name}: {bugs}, won {wins}, tied {ties}, lost {losses}; times the effort of guided: {means}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// One object.
    pub(crate) fn json(&self) -> Value {
        let object = |(name, group): (String, Group)| {
            let means = Unit::ALL.iter().zip(&group.means).map(|(unit, mean)| {
                let mean = mean.as_ref().map(|mean| {
                    let interval = mean.interval.map(|interval| [interval.low, interval.high]);
                    json!({ "ratio": mean.value, "interval": interval, "at_least": mean.at_least })
                });
                (unit.name().to_string(), json!(mean))
            });
            let means: serde_json::Map<String, Value> = means.collect();
            let Group { bugs, wins, ties, losses, means: _ } = group;
            json!({ "bugs": name, "count": bugs, "won": wins, "tied": ties, "lost": losses, "ratios": means })
        };
        let groups: Vec<Value> = groups(&self.0).into_iter().map(object).collect();
        json!({ "schema": "murphy/bench-report/1", "groups": groups })
    }
}

/// All bugs, then those of each depth.
fn groups(suite: &Suite) -> Vec<(String, Group)> {
    let depths = suite.depths().into_iter().map(|depth| (depth.to_string(), suite.group(Some(depth))));
    [("all".to_string(), suite.group(None))].into_iter().chain(depths).collect()
}

/// A table of Markdown.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = vec!["---".to_string(); N];
    let body: String = rows.into_iter().map(|row| line(&row)).collect();
    line(&head.map(String::from)) + &line(&rule) + &body
}

fn introduction(rows: &Rows) -> String {
    let named: BTreeSet<&str> = rows.rows.iter().map(|row| row.revision.as_str()).collect();
    let named: Vec<String> = named.iter().map(|name| format!("`{name}`")).collect();
    let mut said = vec![format!(
        "# How soon planted bugs are found\n\n\
        `{GUIDED}` learns from each execution where to look next. `{}` learn nothing, and share all else with it: simulator, \
        workload, vocabulary of faults, judges, limits of a run. Every search begins with nothing; the number of a trial is its \
        seed. Revision: {}.\n",
        BLIND.join("`, `"),
        if named.is_empty() { NONE.to_string() } else { named.join(", ") },
    )];
    if named.len() > 1 {
        said.push("**The rows are of several revisions: what is compared may not be the same program.**\n".into());
    }
    if named.iter().any(|name| name.contains('+')) {
        said.push("**`+`: there were changes that were not committed.**\n".into());
    }
    if let Some(torn) = &rows.torn {
        said.push(format!(
            "The last line of the file has no end and is left out: {} bytes after byte {}.\n",
            torn.len(),
            rows.whole
        ));
    }
    said.push(effort(&rows.rows));
    said.push("\n![Share of searches that have found each bug, by executions](report.svg)\n".into());
    said.join("\n")
}

/// What each arm ran.
fn effort(rows: &[Row]) -> String {
    let mut arms: BTreeMap<(&str, Kind), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        arms.entry((&row.arm, row.kind)).or_default().push(row);
    }
    let body = arms.into_iter().map(|((arm, kind), rows)| {
        let seeds: BTreeSet<u64> = rows.iter().map(|row| row.trial).collect();
        let subjects: BTreeSet<String> = rows.iter().map(|row| row.subject()).collect();
        let budgets: BTreeSet<u64> = rows.iter().map(|row| row.budget).collect();
        let budgets: Vec<String> = budgets.into_iter().map(|budget| whole(budget as f64)).collect();
        let execs: u64 = rows.iter().map(|row| row.execs).sum();
        let cpu_s: f64 = rows.iter().map(|row| row.cpu_s).sum();
        let on = whole(subjects.len() as f64);
        // The least of a pool or a twin is how much was run, which says nothing.
        let budgets = if kind == Kind::Trial { budgets.join("; ") } else { NONE.into() };
        let rows = whole(rows.len() as f64);
        [arm.into(), kind.name().into(), on, rows, ranges(seeds), budgets, whole(execs as f64), whole(cpu_s)]
    });
    table(["arm", "kind", "targets with a bug", "rows", "numbers", "budgets", "executions", "CPU-seconds"], body)
}

fn headline_section(suite: &Suite) -> String {
    let body = groups(suite).into_iter().map(|(name, Group { bugs, means, wins, ties, losses })| {
        let [execs, cpu_s, events] = means.each_ref().map(|mean| figures::mean(mean.as_ref()));
        [name, bugs.to_string(), execs, cpu_s, events, wins.to_string(), ties.to_string(), losses.to_string()]
    });
    let head = ["depth", "bugs", "executions", "CPU-seconds", "events", "won", "tied", "lost"];
    format!(
        "## The suite\n\nHow many times the effort of `{GUIDED}` the best blind arm needs: geometric mean over bugs, with its 95 % \
        interval. Above 1, `{GUIDED}` is better. Won, tied and lost are at 0.05, corrected for the number of bugs.\n\n{}",
        table(head, body)
    )
}

fn bug_by_bug(suite: &Suite) -> String {
    let head = [
        "bug",
        "depth",
        "budget",
        "found",
        "median [95 %]",
        "mean",
        "best blind",
        "its mean",
        "executions",
        "CPU-seconds",
        "events",
        "not cut off",
        "A12",
        "p",
        "",
    ];
    format!(
        "## Bug by bug\n\nFound: trials of `{GUIDED}`. Median and mean: its executions until the find, searches cut off at the \
        budget. Then how many times its effort the best blind arm needs, in each unit that which is best in it (named where it is \
        another).\n\n{}",
        table(head, suite.standings.iter().map(standing))
    )
}

fn standing(one: &Standing) -> [String; 15] {
    let budget = one.budget.map(|budget| budget as f64);
    let guided = one.subject.guided().filter(|arm| !arm.trials.is_empty());
    let [found, median, mean] = guided.map_or([NONE; 3].map(String::from), |arm| trials(arm, budget));
    let blank = || NONE.to_string();
    let [best, its_mean, execs, cpu_s, events, uncut, sooner, p, outcome] =
        one.versus.as_ref().map_or_else(|| [(); 9].map(|()| blank()), |versus| versus_cells(one, versus));
    let budget = budget.map_or_else(blank, whole);
    let (bug, depth) = (called(&one.name), one.depth.to_string());
    [bug, depth, budget, found, median, mean, best, its_mean, execs, cpu_s, events, uncut, sooner, p, outcome]
}

/// How many found it, the median, and the mean up to a budget.
fn trials(arm: &Arm, budget: Option<f64>) -> [String; 3] {
    let curve = Curve::of(&arm.times());
    let median = curve.median();
    let wide =
        format!("{} [{}, {}]", figures::execs(median.median), figures::execs(median.low), figures::execs(median.high));
    let mean = budget.map_or_else(|| NONE.to_string(), |budget| whole(curve.restricted_mean(budget)));
    [format!("{} of {}", arm.finds(), arm.trials.len()), wide, mean]
}

fn versus_cells(one: &Standing, versus: &Versus) -> [String; 9] {
    let best = one.subject.arms.get(&versus.best).map(Arm::measured);
    let mean = one.budget.zip(best).map(|(budget, best)| whole(best.effort(budget as f64).execs));
    let ratio = |at: usize| {
        let ratio = versus.ratios[at].as_ref();
        let other = ratio.filter(|ratio| ratio.arm != versus.best);
        figures::ratio(ratio) + &other.map_or_else(String::new, |ratio| format!(" (`{}`)", ratio.arm))
    };
    let sooner =
        format!("{:.2} [{:.2}, {:.2}]", versus.sooner, versus.sooner_interval.low, versus.sooner_interval.high);
    let outcome = match versus.outcome {
        Outcome::Win => "won",
        Outcome::Tie => "tied",
        Outcome::Loss => "lost",
    };
    [
        format!("`{}`", versus.best),
        mean.unwrap_or_else(|| NONE.into()),
        ratio(0),
        ratio(1),
        ratio(2),
        versus.uncut.map_or_else(|| NONE.into(), brief),
        sooner,
        probability(versus.adjusted),
        outcome.into(),
    ]
}

fn equal_budgets(suite: &Suite) -> String {
    let chance = |chance: Option<(&str, super::suite::Chance)>| {
        chance.map_or_else(
            || NONE.to_string(),
            |(arm, chance)| {
                let (low, high) = (percent(chance.interval.low), percent(chance.interval.high));
                format!("{} [{low}, {high}] (`{arm}`)", percent(chance.value))
            },
        )
    };
    let body = suite.standings.iter().filter_map(|one| {
        let budget = one.budget? as f64;
        let guided = chance(one.guided_within(budget).map(|chance| (GUIDED, chance)));
        let blind = chance(one.blind_within(budget));
        Some([called(&one.name), whole(budget), guided, blind, chance(one.blind_within(10.0 * budget))])
    });
    let head = ["bug", "budget in executions", "guided", "best blind", "best blind, ten times the budget"];
    let body = table(head, body);
    let only: Vec<String> =
        suite.standings.iter().filter(|one| one.only_guided()).map(|one| called(&one.name)).collect();
    let listed = if only.is_empty() { "none".to_string() } else { only.join(", ") };
    format!(
        "## Found within an equal budget\n\nThe share of trials, or of a blind arm with a pool, 1 - (1 - p)^budget; with 95 % \
        intervals.\n\n{body}\nFound in all trials of `{GUIDED}` where every blind arm finds it in fewer than half of equal budgets, \
        the upper end of its interval included: {listed}.\n"
    )
}

fn blind_arms(suite: &Suite) -> String {
    let arms = suite.standings.iter().flat_map(|one| one.subject.blind().map(move |(name, arm)| (one, name, arm)));
    let rows = arms.map(|(one, name, arm)| {
        let cost = arm.measured().cost().of_one(Unit::CpuSeconds);
        let [hits, p, expected, median] = arm.pool().map_or([NONE; 4].map(String::from), pool);
        let (trials, same) = if arm.trials.is_empty() { (NONE.into(), NONE.into()) } else { cross_check(arm) };
        [called(&one.name), format!("`{name}`"), hits, p, expected, median, brief(cost), trials, same]
    });
    let head = [
        "bug",
        "arm",
        "hits in pool",
        "hit probability p [95 %]",
        "expected 1/p",
        "median ln 2/p",
        "CPU-seconds an execution",
        "trials: found",
        "trials as the pool: p",
    ];
    format!(
        "## Blind arms\n\nEach of their executions hits with one probability, whatever went before: their time until a find is \
        geometric. A pool is one stream of executions, and its hits are counted as they are, without replays, to the advantage of \
        the blind arm. Where there are trials as well, the last column says how probable so large a difference to the pool is.\n\n{}",
        table(head, rows)
    )
}

/// Hits, their probability, its inverse and the median, of a pool.
fn pool(rate: Rate) -> [String; 4] {
    let hits = format!("{} in {}", whole(rate.hits as f64), whole(rate.execs as f64));
    let wide = rate.interval();
    if rate.hits == 0 {
        let least = |times: f64| format!("> {}", whole(times / wide.high));
        return [hits, format!("< {}", brief(wide.high)), least(1.0), least(std::f64::consts::LN_2)];
    }
    let p = rate.estimate();
    let expected = format!("{} [{}, {}]", whole(1.0 / p), whole(1.0 / wide.high), whole(1.0 / wide.low));
    [hits, format!("{} {}", brief(p), interval(wide)), expected, whole(std::f64::consts::LN_2 / p)]
}

/// How many real trials of a blind arm found the bug, and whether they are as its pool says.
fn cross_check(arm: &Arm) -> (String, String) {
    let same = arm.pool().map_or_else(|| NONE.into(), |pool| probability(Rate::of(&arm.times()).same(pool)));
    (format!("{} of {}", arm.finds(), arm.trials.len()), same)
}

fn ablations(suite: &Suite) -> String {
    let title = "## Without one part\n\n";
    if suite.ablations.is_empty() {
        return format!("{title}No ablation was measured.\n");
    }
    let mut arms: BTreeMap<&str, Vec<&Ablation>> = BTreeMap::new();
    for ablation in &suite.ablations {
        arms.entry(&ablation.arm).or_default().push(ablation);
    }
    let summary = arms.into_iter().map(|(arm, ablations)| {
        let means = [0, 1].map(|unit| {
            let ratios: Vec<_> = ablations.iter().filter_map(|ablation| ablation.ratios[unit].as_ref()).collect();
            figures::mean(mean(&ratios).as_ref())
        });
        let told = |slower: bool| {
            let side =
                |ablation: &&&Ablation| ablation.ratios[0].as_ref().is_some_and(|one| (one.value > 1.0) == slower);
            ablations.iter().filter(|ablation| ablation.adjusted < 0.05).filter(side).count().to_string()
        };
        let [execs, cpu_s] = means;
        [format!("`{arm}`"), ablations.len().to_string(), execs, cpu_s, told(true), told(false)]
    });
    let head = ["arm", "bugs", "executions", "CPU-seconds", "slower on", "faster on"];
    let summary = table(head, summary);
    let body = suite.ablations.iter().map(|ablation| {
        let [execs, cpu_s] = ablation.ratios.each_ref().map(|ratio| figures::ratio(ratio.as_ref()));
        let found = format!("{} of {}", ablation.finds, ablation.trials);
        let wide = ablation.sooner_interval;
        let sooner = format!("{:.2} [{:.2}, {:.2}]", ablation.sooner, wide.low, wide.high);
        let p = probability(ablation.adjusted);
        let budget = whole(ablation.budget as f64);
        [called(&ablation.name), format!("`{}`", ablation.arm), budget, found, execs, cpu_s, sooner, p]
    });
    let head = ["bug", "arm", "budget", "found", "executions", "CPU-seconds", "A12", "p"];
    format!(
        "{title}`{GUIDED}` without one part, and how many times the effort of the whole it needs: above 1, the part helps. Slower and \
        faster: on so many bugs by more than chance (log-rank, 0.05 after Holm over all rows below). A12: how often the whole is \
        sooner.\n\n{summary}\n{}",
        table(head, body)
    )
}

fn specificity(suite: &Suite) -> String {
    let title = "## Twins\n\n";
    if suite.twins.is_empty() {
        return format!("{title}No twin was run.\n");
    }
    let body = suite.twins.iter().map(|((target, arm), rate)| {
        let (execs, below) = (whole(rate.execs as f64), brief(rate.below(0.95)));
        [target.clone(), format!("`{arm}`"), execs, whole(rate.hits as f64), below]
    });
    let all = suite
        .twins
        .values()
        .fold(Rate::default(), |sum, rate| Rate { hits: sum.hits + rate.hits, execs: sum.execs + rate.execs });
    let (hits, execs) = (count(all.hits as usize, "violation"), whole(all.execs as f64));
    format!(
        "{title}The same targets without the bugs, where every violation is a false alarm: {hits} in {execs} executions. The last \
        column is the 95 % upper bound of the rate.\n\n{}",
        table(["target", "arm", "executions", "violations", "rate below"], body)
    )
}
