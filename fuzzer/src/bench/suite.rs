//! Guided against the best of the blind arms, bug by bug and all together; and against itself without one part.

use std::{cmp::Ordering, collections::BTreeMap};

use murphy_schedule::Dice;

use super::{
    Depths, Rows,
    arms::{self, Arm, Effort, Measured, Name, Subject, Trial, Unit},
    row::{Kind, Row},
    statistics::{
        Interval, Pairs, REPLICATES, Rate, a12_geometric, geometric_mean, holm, log_rank, percentile, resample,
    },
};

/// How improbable a difference must be without a cause, over the whole suite.
const SIGNIFICANT: f64 = 0.05;

/// Fixes what is drawn. Each comparison has a stream of its own, so that no bug changes the interval of another.
const SEED: u64 = 0x6d75_7270_6879;

/// All that the rows show.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) standings: Vec<Standing>,
    pub(super) ablations: Vec<Ablation>,
    pub(super) twins: BTreeMap<(String, String), Rate>,
}

/// How guided does on one subject.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) name: Name,
    pub(super) depth: char,
    pub(super) subject: Subject,
    /// What searches are cut off at to be compared, in executions; `None`: there are no trials.
    pub(super) budget: Option<u64>,
    /// Against the best blind arm; `None`: guided or the blind were not measured.
    pub(super) versus: Option<Versus>,
}

/// How many times the effort of guided another arm needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ratio {
    pub(super) value: f64,
    pub(super) interval: Interval,
    /// The other arm found nothing, and `value` is as if its hit probability were the highest that this leaves possible.
    pub(super) at_least: bool,
    /// The other arm.
    pub(super) arm: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Win,
    Tie,
    Loss,
}

/// Guided against the best blind arm.
#[derive(Debug)]
pub(super) struct Versus {
    /// In each of [`Unit::ALL`], against the arm that is the best in it; `None`: that was not measured, or nobody found
    /// anything.
    pub(super) ratios: [Option<Ratio>; 3],
    /// The best in executions; what follows is about it.
    pub(super) best: String,
    /// How much longer a search takes it on average (1/p) than guided, no search cut off; `None`: it was not measured by a
    /// pool with hits, or guided did not always find the bug.
    pub(super) uncut: Option<f64>,
    /// How often guided is sooner.
    pub(super) sooner: f64,
    pub(super) sooner_interval: Interval,
    /// How probable so large a difference is by chance.
    pub(super) probability: f64,
    /// The same, by Holm over the suite.
    pub(super) adjusted: f64,
    pub(super) outcome: Outcome,
}

/// Guided against itself without one part.
#[derive(Debug)]
pub(super) struct Ablation {
    pub(super) name: Name,
    pub(super) arm: String,
    pub(super) trials: usize,
    pub(super) finds: usize,
    pub(super) budget: u64,
    /// In executions and in CPU-seconds.
    pub(super) ratios: [Option<Ratio>; 2],
    pub(super) sooner: f64,
    pub(super) sooner_interval: Interval,
    pub(super) probability: f64,
    pub(super) adjusted: f64,
}

/// The mean over bugs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mean {
    pub(super) value: f64,
    pub(super) interval: Option<Interval>,
    /// Among the ratios are lower bounds, so it is one, too.
    pub(super) at_least: bool,
}

/// Several bugs together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) bugs: usize,
    pub(super) means: [Option<Mean>; 3],
    pub(super) wins: usize,
    pub(super) ties: usize,
    pub(super) losses: usize,
}

/// What an arm finds within a budget, as a probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Chance {
    pub(super) value: f64,
    pub(super) interval: Interval,
}

impl Suite {
    pub(super) fn of(rows: &Rows, depths: &Depths) -> Self {
        let subjects = arms::subjects(&rows.rows);
        let ablations = subjects.iter().flat_map(|(name, subject)| ablations(name, subject)).collect();
        let standings = subjects.into_iter().map(|(name, subject)| Standing::of(name, subject, depths)).collect();
        let mut suite = Self { standings, ablations, twins: twins(&rows.rows) };
        suite.adjust();
        suite
    }

    /// Accounts for the number of tests: those of the suite, and those of the ablations, are a family each.
    fn adjust(&mut self) {
        let mut compared: Vec<&mut Versus> = self.standings.iter_mut().filter_map(|one| one.versus.as_mut()).collect();
        let probabilities: Vec<f64> = compared.iter().map(|versus| versus.probability).collect();
        for (versus, adjusted) in compared.iter_mut().zip(holm(&probabilities)) {
            versus.adjusted = adjusted;
            versus.outcome = versus.decide();
        }
        let probabilities: Vec<f64> = self.ablations.iter().map(|ablation| ablation.probability).collect();
        for (ablation, adjusted) in self.ablations.iter_mut().zip(holm(&probabilities)) {
            ablation.adjusted = adjusted;
        }
    }

    /// The bugs that were compared, all or those of one depth.
    pub(super) fn group(&self, depth: Option<char>) -> Group {
        let of_depth = |one: &&Standing| depth.is_none_or(|depth| one.depth == depth);
        let compared: Vec<&Versus> =
            self.standings.iter().filter(of_depth).filter_map(|one| one.versus.as_ref()).collect();
        let count = |outcome| compared.iter().filter(|versus| versus.outcome == outcome).count();
        let means = std::array::from_fn(|unit| {
            let ratios: Vec<&Ratio> = compared.iter().filter_map(|versus| versus.ratios[unit].as_ref()).collect();
            mean(&ratios)
        });
        let (wins, ties, losses) = (count(Outcome::Win), count(Outcome::Tie), count(Outcome::Loss));
        Group { bugs: compared.len(), means, wins, ties, losses }
    }

    /// The depths of the bugs that were compared, the shallow first.
    pub(super) fn depths(&self) -> Vec<char> {
        let there = |depth: &char| self.standings.iter().any(|one| one.depth == *depth && one.versus.is_some());
        ['S', 'M', 'D', '?'].into_iter().filter(there).collect()
    }
}

impl Standing {
    fn of(name: Name, subject: Subject, depths: &Depths) -> Self {
        let depth = name.1.as_ref().and_then(|bug| depths.get(&(name.0.clone(), bug.clone())));
        // Trials of an arm that has a pool are not what is compared.
        let blind = subject.blind().map(|(_, arm)| arm).filter(|arm| arm.pool().is_none());
        let budget = subject.guided().into_iter().chain(blind).filter_map(|arm| arm.budget).min();
        let guided = subject.guided().filter(|arm| !arm.trials.is_empty());
        let blind: Vec<(&str, &Arm)> = subject.blind().collect();
        let versus = match (guided, budget) {
            (Some(guided), Some(budget)) if !blind.is_empty() => Some(Versus::of(guided, &blind, budget as f64)),
            (Some(_) | None, Some(_) | None) => None,
        };
        Self { depth: depth.copied().unwrap_or('?'), budget, versus, name, subject }
    }

    /// How probably guided finds the bug within so many executions: the share of its trials.
    pub(super) fn guided_within(&self, budget: f64) -> Option<Chance> {
        self.subject.guided().and_then(|arm| share_within(arm, budget))
    }

    /// The blind arm that most probably finds the bug within so many executions; `None` if no arm was measured that far.
    pub(super) fn blind_within(&self, budget: f64) -> Option<(&str, Chance)> {
        let chances = self.subject.blind().filter_map(|(name, arm)| Some((name, blind_chance(arm, budget)?)));
        chances.max_by(|a, b| a.1.value.total_cmp(&b.1.value))
    }

    /// Whether guided always finds the bug, and every blind arm, so far as is known, in fewer than half of equal budgets.
    pub(super) fn only_guided(&self) -> bool {
        let Some(budget) = self.budget.map(|budget| budget as f64) else { return false };
        let always = self.guided_within(budget).is_some_and(|chance| chance.value == 1.0);
        let chances: Vec<Chance> = self.subject.blind().filter_map(|(_, arm)| blind_chance(arm, budget)).collect();
        always && !chances.is_empty() && chances.iter().all(|chance| chance.interval.high < 0.5)
    }
}

fn share_within(arm: &Arm, budget: f64) -> Option<Chance> {
    let reaches = arm.budget.is_some_and(|least| least as f64 >= budget);
    let finds = arm.trials.iter().filter(|trial| trial.time.found && trial.time.at <= budget).count();
    let rate = Rate { hits: finds as u64, execs: arm.trials.len() as u64 };
    reaches.then(|| Chance { value: rate.estimate(), interval: rate.interval() })
}

fn blind_chance(arm: &Arm, budget: f64) -> Option<Chance> {
    let Some(pool) = arm.pool() else { return share_within(arm, budget) };
    let Interval { low, high } = pool.interval();
    let within = |p| Rate::within(p, budget);
    Some(Chance { value: within(pool.estimate()), interval: Interval { low: within(low), high: within(high) } })
}

impl Versus {
    fn of(guided: &Arm, blind: &[(&str, &Arm)], budget: f64) -> Self {
        let measured: Vec<(&str, Measured<'_>)> = blind.iter().map(|(name, arm)| (*name, arm.measured())).collect();
        let execs = |(_, arm): &(&str, Measured<'_>)| arm.effort(budget).execs;
        let best = measured.iter().copied().min_by(|a, b| execs(a).total_cmp(&execs(b)));
        let (best, best_measured) = best.expect("there is a blind arm");
        let (sooner, sooner_interval) = sooner(&guided.trials, best_measured);
        Self {
            ratios: ratios(Measured::Trials(&guided.trials), &measured, budget),
            uncut: uncut(guided, best_measured),
            best: best.to_string(),
            sooner,
            sooner_interval,
            probability: by_chance(guided, best_measured),
            adjusted: 1.0,
            outcome: Outcome::Tie,
        }
    }

    fn decide(&self) -> Outcome {
        let Some(ratio) = self.ratios[0].as_ref().filter(|_| self.adjusted < SIGNIFICANT) else { return Outcome::Tie };
        // A lower bound does not say on which side of 1 the ratio is.
        let (guided, even) = if ratio.at_least { (self.sooner, 0.5) } else { (ratio.value, 1.0) };
        match guided.total_cmp(&even) {
            Ordering::Greater => Outcome::Win,
            Ordering::Equal => Outcome::Tie,
            Ordering::Less => Outcome::Loss,
        }
    }
}

/// In each unit, how many times guided's effort the arm needs that is the best in this unit.
///
/// In a replicate of the bootstrap all arms are drawn again, and the best is chosen again.
fn ratios(guided: Measured<'_>, others: &[(&str, Measured<'_>)], budget: f64) -> [Option<Ratio>; 3] {
    let mut dice = Dice::new(SEED);
    let replicates: Vec<(Effort, Vec<Effort>)> = (0..REPLICATES)
        .map(|_| {
            let guided = guided.drawn_again(budget, &mut dice);
            (guided, others.iter().map(|(_, other)| other.drawn_again(budget, &mut dice)).collect())
        })
        .collect();
    let somebody = others.iter().any(|(_, other)| other.found());
    if !somebody && !guided.found() {
        return [None, None, None];
    }
    Unit::ALL.map(|unit| {
        let effort = |other: &Measured<'_>| {
            let effort = if somebody { other.effort(budget) } else { other.least_effort(budget) };
            effort.counted_in(unit)
        };
        let least = others.iter().map(|(name, other)| (*name, effort(other))).min_by(|a, b| a.1.total_cmp(&b.1))?;
        let of = |guided: &Effort, others: &[Effort]| {
            let least = others.iter().map(|other| other.counted_in(unit)).fold(f64::INFINITY, f64::min);
            least / guided.counted_in(unit)
        };
        let value = least.1 / guided.effort(budget).counted_in(unit);
        let interval = percentile(replicates.iter().map(|(guided, others)| of(guided, others)).collect());
        let measured = value.is_finite() && value > 0.0;
        measured.then(|| Ratio { value, interval, at_least: !somebody, arm: least.0.to_string() })
    })
}

fn uncut(guided: &Arm, best: Measured<'_>) -> Option<f64> {
    let Measured::Pool(pool) = best else { return None };
    let always = guided.finds() == guided.trials.len();
    let mean = guided.times().iter().map(|time| time.at).sum::<f64>() / guided.trials.len() as f64;
    (always && pool.rate.hits > 0).then(|| 1.0 / pool.rate.estimate() / mean)
}

/// How often guided is sooner than the other arm, with the interval.
fn sooner(guided: &[Trial], other: Measured<'_>) -> (f64, Interval) {
    let mut dice = Dice::new(SEED);
    let guided = arms::times(guided);
    match other {
        Measured::Trials(trials) => {
            let pairs = Pairs::of(&guided, &arms::times(trials));
            let drawn = (0..REPLICATES).map(|_| pairs.drawn_again(&mut dice)).collect();
            (pairs.a12(), percentile(drawn))
        }
        Measured::Pool(pool) => {
            let mut again = || a12_geometric(&resample(&guided, &mut dice), pool.drawn_again(&mut dice));
            let drawn = (0..REPLICATES).map(|_| again()).collect();
            (a12_geometric(&guided, pool.rate.estimate()), percentile(drawn))
        }
    }
}

/// How probable so large a difference is between arms that do not differ.
fn by_chance(guided: &Arm, other: Measured<'_>) -> f64 {
    match other {
        Measured::Trials(trials) => log_rank(&guided.times(), &arms::times(trials)),
        Measured::Pool(pool) => Rate::of(&guided.times()).same(pool.rate),
    }
}

fn ablations(name: &Name, subject: &Subject) -> Vec<Ablation> {
    let Some(guided) = subject.guided().filter(|arm| !arm.trials.is_empty()) else { return Vec::new() };
    let one = |(arm, without): (&str, &Arm)| {
        let budget = guided.budget.min(without.budget)?;
        let measured = [(arm, without.measured())];
        let [execs, cpu_s, _] = ratios(Measured::Trials(&guided.trials), &measured, budget as f64);
        let (sooner, sooner_interval) = sooner(&guided.trials, without.measured());
        Some(Ablation {
            name: name.clone(),
            arm: arm.to_string(),
            trials: without.trials.len(),
            finds: without.finds(),
            budget,
            ratios: [execs, cpu_s],
            sooner,
            sooner_interval,
            probability: by_chance(guided, without.measured()),
            adjusted: 1.0,
        })
    };
    subject.ablations().filter_map(one).collect()
}

/// The geometric mean of the ratios, its interval drawn over bugs; one bug has none.
pub(super) fn mean(ratios: &[&Ratio]) -> Option<Mean> {
    let values: Vec<f64> = ratios.iter().map(|ratio| ratio.value).collect();
    if values.is_empty() {
        return None;
    }
    let mut dice = Dice::new(SEED);
    let drawn = || (0..REPLICATES).map(|_| geometric_mean(&resample(&values, &mut dice))).collect();
    let interval = (values.len() > 1).then(drawn).map(percentile);
    Some(Mean { value: geometric_mean(&values), interval, at_least: ratios.iter().any(|ratio| ratio.at_least) })
}

/// Violations among executions of the twins, by target and arm.
fn twins(rows: &[Row]) -> BTreeMap<(String, String), Rate> {
    let mut twins: BTreeMap<(String, String), Rate> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.kind == Kind::Twin) {
        let rate = twins.entry((row.target.clone(), row.arm.clone())).or_default();
        rate.hits += row.hits;
        rate.execs += row.execs;
    }
    twins
}

#[cfg(test)]
mod tests {
    use super::{Mean, Outcome, Standing, Suite, Versus};
    use crate::bench::{
        Depths, Rows,
        statistics::{Interval, near},
        synthetic::Lines,
    };

    const C1: &str = "C1,raft-kv";

    fn only(rows: &Rows) -> Standing {
        let mut suite = Suite::of(rows, &Depths::new());
        assert_eq!(suite.standings.len(), 1);
        suite.standings.remove(0)
    }

    fn versus(rows: &Rows) -> Versus {
        only(rows).versus.expect("both were measured")
    }

    fn covers(versus: &Versus, unit: usize, truth: f64) -> bool {
        let Interval { low, high } = versus.ratios[unit].as_ref().expect("a ratio").interval;
        low <= truth && truth <= high
    }

    /// A bug that guided finds five times as soon as a swarm whose executions cost half as much, measured by `blind`.
    fn five_times(seed: u64, pool: bool) -> Rows {
        let lines = Lines::new(seed).trials(C1, "guided", 60, 0.005, 20_000, 0.02);
        if pool {
            lines.pool(C1, "swarm", 400_000, 0.001, 0.01).rows()
        } else {
            lines.trials(C1, "swarm", 60, 0.001, 20_000, 0.01).rows()
        }
    }

    #[test]
    fn a_true_ratio_is_covered_and_told_from_chance() {
        for pool in [false, true] {
            let all: Vec<Versus> = (0..10).map(|seed| versus(&five_times(seed, pool))).collect();
            let covering = all.iter().filter(|versus| covers(versus, 0, 5.0)).count();
            assert!(covering >= 8, "{covering} of 10, pool: {pool}");
            assert!(all.iter().filter(|versus| covers(versus, 1, 2.5)).count() >= 8);
            assert!(all.iter().all(|versus| versus.adjusted < 0.01 && versus.outcome == Outcome::Win));
            assert!(all.iter().all(|versus| versus.sooner_interval.low > 0.6), "{all:?}");
        }
    }

    #[test]
    fn arms_that_are_the_same_are_a_tie() {
        let rows = |seed| {
            let lines = Lines::new(seed).trials(C1, "guided", 50, 0.001, 20_000, 0.01);
            if seed % 2 == 0 {
                lines.trials(C1, "pct", 50, 0.001, 20_000, 0.01).rows()
            } else {
                lines.pool(C1, "pct", 200_000, 0.001, 0.01).rows()
            }
        };
        let all: Vec<Versus> = (0..10).map(|seed| versus(&rows(seed))).collect();
        assert!(all.iter().filter(|versus| versus.outcome == Outcome::Tie).count() >= 9);
        assert!(all.iter().filter(|versus| covers(versus, 0, 1.0)).count() >= 8);
    }

    #[test]
    fn guided_is_compared_with_the_best_in_each_unit() {
        let rows = Lines::new(1)
            .trials(C1, "guided", 40, 0.005, 20_000, 0.01)
            .pool(C1, "random", 100_000, 0.0005, 0.01)
            .pool(C1, "pct", 100_000, 0.002, 0.1)
            .pool(C1, "swarm", 100_000, 0.001, 0.01)
            .rows();
        let versus = versus(&rows);
        let arms = versus.ratios.each_ref().map(|ratio| ratio.as_ref().map_or("", |ratio| &ratio.arm));
        assert_eq!((arms, versus.best.as_str()), (["pct", "swarm", "pct"], "pct"));
    }

    #[test]
    fn where_the_blind_find_nothing_the_ratio_is_a_lower_bound() {
        let lines = || Lines::new(1).trials(C1, "guided", 30, 0.01, 1_000_000, 0.01);
        let versus = versus(&lines().pool(C1, "swarm", 1_000_000, 0.0, 0.01).rows());
        let ratio = versus.ratios[0].as_ref().expect("guided finds it");
        assert!(ratio.at_least && versus.outcome == Outcome::Win && versus.uncut.is_none());
        // The interval of no hit in a million ends at 3.7 in a million.
        let p = 3.688_874e-6_f64;
        let times: f64 = lines().rows().rows.iter().map(|row| row.execs as f64).sum();
        let least = (1.0 - (-p * 1e6).exp()) / p;
        assert!((ratio.value / (least / (times / 30.0)) - 1.0).abs() < 1e-3, "{ratio:?}");
    }

    #[test]
    fn a_lower_bound_below_one_is_no_loss() {
        let lines = Lines::new(1).trials(C1, "guided", 30, 5e-6, 1_000_000, 0.01);
        let lines = lines.pool(C1, "pct", 3_000_000, 0.0, 0.01).pool(C1, "random", 100_000, 0.0, 0.01);
        let versus = versus(&lines.rows());
        let ratio = versus.ratios[0].as_ref().expect("guided finds it");
        assert!(ratio.at_least && ratio.value < 1.0, "the small pool leaves it open: {ratio:?}");
        assert_eq!((versus.best.as_str(), versus.outcome), ("pct", Outcome::Win));
    }

    #[test]
    fn what_nobody_finds_has_no_ratio() {
        let lines = Lines::new(1).trials(C1, "guided", 30, 0.0, 1000, 0.01);
        let versus = versus(&lines.pool(C1, "swarm", 1_000_000, 0.0, 0.01).rows());
        assert!(versus.ratios.iter().all(Option::is_none));
        assert_eq!(versus.outcome, Outcome::Tie);
    }

    #[test]
    fn a_loss_is_a_loss() {
        let lines = Lines::new(1).trials(C1, "guided", 30, 0.0, 10_000, 0.01);
        let versus = versus(&lines.pool(C1, "swarm", 100_000, 0.01, 0.01).rows());
        assert_eq!(versus.outcome, Outcome::Loss);
        assert!(versus.ratios[0].as_ref().is_some_and(|ratio| ratio.value < 0.02) && versus.sooner < 0.01);
    }

    #[test]
    fn several_bugs_have_a_mean_and_a_score() {
        let pair = |lines: Lines, bug: &str, guided, blind| {
            lines.trials(bug, "guided", 50, guided, 20_000, 0.01).pool(bug, "swarm", 400_000, blind, 0.01)
        };
        let lines = pair(Lines::new(1), C1, 0.01, 0.001);
        let lines = pair(lines, "A1,raft-kv", 0.01, 0.001);
        let lines = pair(lines, "B1,raft-kv", 0.001, 0.001);
        let lines = pair(lines, "J3,crdt-store", 0.001, 0.01);
        let depths = [("C1", 'D'), ("A1", 'D'), ("B1", 'S')];
        let depths = depths.map(|(bug, depth)| (("raft-kv".to_string(), bug.to_string()), depth));
        let suite = Suite::of(&lines.rows(), &Depths::from(depths));
        assert_eq!(suite.depths(), ['S', 'D', '?']);
        let all = suite.group(None);
        assert_eq!((all.bugs, all.wins, all.ties, all.losses), (4, 2, 1, 1));
        let deep = suite.group(Some('D'));
        assert_eq!((deep.bugs, deep.wins), (2, 2));
        let Some(Mean { value, interval: Some(interval), at_least: false }) = deep.means[0] else { panic!("{deep:?}") };
        assert!((7.0..14.0).contains(&value) && interval.low <= value && value <= interval.high);
        assert!(suite.group(Some('S')).means[0].as_ref().is_some_and(|mean| mean.interval.is_none()));
    }

    #[test]
    fn what_only_guided_finds_is_told() {
        let lines = |blind| {
            Lines::new(1).trials(C1, "guided", 30, 0.01, 10_000, 0.01).pool(C1, "pct", 1_000_000, blind, 0.01).rows()
        };
        assert!(only(&lines(0.000_03)).only_guided());
        // Half of all budgets is 0.000069.
        assert!(!only(&lines(0.000_09)).only_guided());
        // Too little was run to know.
        let few = Lines::new(1).trials(C1, "guided", 30, 0.01, 10_000, 0.01).pool(C1, "pct", 10_000, 0.0, 0.01).rows();
        assert!(!only(&few).only_guided());
        let (arm, chance) =
            only(&lines(0.000_09)).blind_within(10_000.0).map(|(arm, at)| (arm.to_string(), at)).unwrap();
        assert_eq!(arm, "pct");
        near(chance.value, 1.0 - 0.99991_f64.powi(10_000));
    }

    #[test]
    fn an_ablation_is_compared_with_the_whole() {
        let rows = Lines::new(5)
            .trials(C1, "guided", 50, 0.005, 20_000, 0.01)
            .trials(C1, "no-states", 50, 0.001, 20_000, 0.01)
            .trials(C1, "no-splice", 50, 0.005, 20_000, 0.01)
            .rows();
        let suite = Suite::of(&rows, &Depths::new());
        let [splice, states] = &suite.ablations[..] else { panic!("two ablations") };
        assert_eq!((splice.arm.as_str(), states.arm.as_str()), ("no-splice", "no-states"));
        assert!(states.adjusted < 0.01 && splice.adjusted > 0.05);
        let interval = states.ratios[0].as_ref().expect("a ratio").interval;
        assert!(interval.low > 2.0 && interval.low <= 5.0 && interval.high >= 5.0, "{interval:?}");
        assert!(suite.standings[0].versus.is_none());
    }

    #[test]
    fn the_same_rows_give_the_same_figures() {
        let of = || format!("{:?}", Suite::of(&five_times(1, true), &Depths::new()));
        assert_eq!(of(), of());
    }

    #[test]
    fn runs_of_twins_add_up() {
        let twin = |trial, hits| format!("-,raft-kv,swarm,twin,{trial},1000,1,1,{hits},1000,-,-,-,0123456789ab");
        let rows = Lines::new(1).line(&twin(1, 0)).line(&twin(2, 1)).rows();
        let suite = Suite::of(&rows, &Depths::new());
        let [(_, rate)] = suite.twins.iter().collect::<Vec<_>>()[..] else { panic!("one") };
        assert_eq!((rate.hits, rate.execs), (1, 2000));
        assert!(suite.standings.is_empty());
    }
}
