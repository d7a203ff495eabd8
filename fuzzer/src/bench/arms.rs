//! The rows, sorted by whom they are about: a subject is a target with a bug, and has arms that searched for it.

use std::{cell::OnceCell, collections::BTreeMap};

use murphy_schedule::Dice;

use super::{
    row::{Kind, Row},
    statistics::{Curve, Rate, Time, resample},
};

/// The arm whose search learns from what it ran.
pub(super) const GUIDED: &str = "guided";

/// The arms that learn nothing. Any other that was measured by a pool is one, too.
pub(super) const BLIND: [&str; 3] = ["random", "swarm", "pct"];

/// How many values stand for what a pool leaves open.
const PLAUSIBLE: usize = 200;

/// What an arm's effort is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Executions,
    CpuSeconds,
    Events,
}

impl Unit {
    pub(super) const ALL: [Self; 3] = [Self::Executions, Self::CpuSeconds, Self::Events];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Executions => "executions",
            Self::CpuSeconds => "CPU-seconds",
            Self::Events => "events",
        }
    }
}

/// What executions took, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    pub(super) execs: f64,
    pub(super) cpu_s: f64,
    pub(super) events: f64,
}

impl Cost {
    fn of(row: &Row) -> Self {
        Self { execs: row.execs as f64, cpu_s: row.cpu_s, events: row.events as f64 }
    }

    fn add(&mut self, other: Self) {
        self.execs += other.execs;
        self.cpu_s += other.cpu_s;
        self.events += other.events;
    }

    /// What one execution takes; not a number if there was none.
    pub(super) fn of_one(self, unit: Unit) -> f64 {
        match unit {
            Unit::Executions => 1.0,
            Unit::CpuSeconds => self.cpu_s / self.execs,
            Unit::Events => self.events / self.execs,
        }
    }
}

/// One search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trial {
    /// In executions.
    pub(super) time: Time,
    cost: Cost,
}

/// The mean executions until a find, cut off at a budget, and what executions cost on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Effort {
    pub(super) execs: f64,
    cost: Cost,
}

impl Effort {
    /// In a unit: executions by the mean cost of one, which is the mean effort of the searches (Wald, 1945).
    pub(super) fn counted_in(self, unit: Unit) -> f64 {
        self.execs * self.cost.of_one(unit)
    }
}

/// What an arm was measured by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measured<'a> {
    /// Searches until a find or a budget.
    Trials(&'a [Trial]),
    /// Independent executions.
    Pool(&'a Pool),
}

/// Independent executions.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    pub(super) rate: Rate,
    cost: Cost,
    /// What the hit probability may be; each is as plausible as another.
    plausible: OnceCell<Vec<f64>>,
}

impl Pool {
    /// A plausible hit probability.
    pub(super) fn drawn_again(&self, dice: &mut Dice) -> f64 {
        let plausible = self.plausible.get_or_init(|| self.rate.plausible(PLAUSIBLE));
        plausible[dice.below(PLAUSIBLE as u64) as usize]
    }

    /// The effort if executions hit with probability `p`.
    fn effort(&self, p: f64, budget: f64) -> Effort {
        Effort { execs: Rate::restricted_mean(p, budget), cost: self.cost }
    }
}

impl Measured<'_> {
    /// The effort, searches cut off at `budget` executions.
    pub(super) fn effort(self, budget: f64) -> Effort {
        match self {
            Self::Trials(trials) => effort_of(trials, budget),
            Self::Pool(pool) => pool.effort(pool.rate.estimate(), budget),
        }
    }

    /// The least effort that is compatible with what was seen: as `effort`, but of a pool with the upper end of the interval
    /// of its hit probability.
    pub(super) fn least_effort(self, budget: f64) -> Effort {
        match self {
            Self::Trials(trials) => effort_of(trials, budget),
            Self::Pool(pool) => pool.effort(pool.rate.interval().high, budget),
        }
    }

    /// The effort had other trials been drawn, or other executions.
    pub(super) fn drawn_again(self, budget: f64, dice: &mut Dice) -> Effort {
        match self {
            Self::Trials(trials) => effort_of(&resample(trials, dice), budget),
            Self::Pool(pool) => pool.effort(pool.drawn_again(dice), budget),
        }
    }

    /// Whether anything was found.
    pub(super) fn found(self) -> bool {
        match self {
            Self::Trials(trials) => trials.iter().any(|trial| trial.time.found),
            Self::Pool(pool) => pool.rate.hits > 0,
        }
    }

    /// What all of it cost.
    pub(super) fn cost(self) -> Cost {
        match self {
            Self::Trials(trials) => cost_of(trials),
            Self::Pool(pool) => pool.cost,
        }
    }
}

fn effort_of(trials: &[Trial], budget: f64) -> Effort {
    Effort { execs: Curve::of(&times(trials)).restricted_mean(budget), cost: cost_of(trials) }
}

fn cost_of(trials: &[Trial]) -> Cost {
    trials.iter().fold(Cost::default(), |mut sum, trial| {
        sum.add(trial.cost);
        sum
    })
}

/// When each ended.
pub(super) fn times(trials: &[Trial]) -> Vec<Time> {
    trials.iter().map(|trial| trial.time).collect()
}

/// The rows of one arm on one subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Arm {
    pub(super) trials: Vec<Trial>,
    /// The smallest budget of the trials, in executions.
    pub(super) budget: Option<u64>,
    pool: Pool,
}

impl Arm {
    fn add(&mut self, row: &Row) {
        match row.kind {
            Kind::Trial => {
                // What is in doubt did not find the bug, and ended there.
                let time = Time { at: row.execs as f64, found: row.is_find() };
                self.trials.push(Trial { time, cost: Cost::of(row) });
                self.budget = Some(self.budget.map_or(row.budget, |budget| budget.min(row.budget)));
            }
            Kind::Pool => {
                self.pool.rate.hits += row.hits;
                self.pool.rate.execs += row.execs;
                self.pool.cost.add(Cost::of(row));
            }
            Kind::Twin => {}
        }
    }

    pub(super) fn pool(&self) -> Option<Rate> {
        (self.pool.rate.execs > 0).then_some(self.pool.rate)
    }

    /// What is compared: the pool if there is one, which says more than trials do.
    pub(super) fn measured(&self) -> Measured<'_> {
        if self.pool().is_some() { Measured::Pool(&self.pool) } else { Measured::Trials(&self.trials) }
    }

    pub(super) fn times(&self) -> Vec<Time> {
        times(&self.trials)
    }

    /// How many of its trials found the bug.
    pub(super) fn finds(&self) -> usize {
        self.trials.iter().filter(|trial| trial.time.found).count()
    }
}

/// A target with a bug, and who searched for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    pub(super) arms: BTreeMap<String, Arm>,
}

impl Subject {
    pub(super) fn guided(&self) -> Option<&Arm> {
        self.arms.get(GUIDED)
    }

    pub(super) fn blind(&self) -> impl Iterator<Item = (&str, &Arm)> {
        let is_blind = |(name, arm): &(&str, &Arm)| BLIND.contains(name) || arm.pool().is_some();
        self.named().filter(is_blind)
    }

    /// The arms that are guided, but for one thing.
    pub(super) fn ablations(&self) -> impl Iterator<Item = (&str, &Arm)> {
        self.named().filter(|(name, arm)| *name != GUIDED && !BLIND.contains(name) && arm.pool().is_none())
    }

    fn named(&self) -> impl Iterator<Item = (&str, &Arm)> {
        self.arms.iter().map(|(name, arm)| (name.as_str(), arm))
    }
}

/// A target and its bug (none: the target itself has one).
pub(super) type Name = (String, Option<String>);

/// How a subject is called: its bug, or the target that needs none.
pub(super) fn called((target, bug): &Name) -> String {
    bug.as_ref().map_or_else(|| target.clone(), |bug| format!("{bug} ({target})"))
}

/// All subjects, sorted by target and bug; rows about twins are about none.
pub(super) fn subjects(rows: &[Row]) -> BTreeMap<Name, Subject> {
    let mut subjects: BTreeMap<Name, Subject> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.kind != Kind::Twin) {
        let subject = subjects.entry((row.target.clone(), row.bug.clone())).or_default();
        subject.arms.entry(row.arm.clone()).or_default().add(row);
    }
    subjects
}

#[cfg(test)]
mod tests {
    use super::{Measured, Time, Unit, called, subjects};
    use crate::bench::{statistics::near, synthetic::Lines};

    #[test]
    fn parts_of_a_pool_add_up() {
        let rows = Lines::new(1).pool("C1,raft-kv", "swarm", 10_000, 0.001, 0.5).rows();
        let subjects = subjects(&rows.rows);
        let (name, subject) = subjects.first_key_value().expect("one");
        assert_eq!(called(name), "C1 (raft-kv)");
        let arm = &subject.arms["swarm"];
        assert_eq!(arm.pool().map(|pool| (pool.hits, pool.execs)), Some((10, 10_000)));
        let effort = arm.measured().effort(2000.0);
        near(effort.execs, (1.0 - 0.999_f64.powi(2000)) / 0.001);
        near(effort.counted_in(Unit::CpuSeconds), effort.execs * 0.5);
        near(effort.counted_in(Unit::Events), effort.execs * 100.0);
        assert!(arm.measured().least_effort(2000.0).execs < effort.execs);
    }

    #[test]
    fn a_find_in_doubt_is_censored_where_it_was_made() {
        let line = |twin| format!("C1,raft-kv,guided,trial,1,70,1,1,1,100,0123456789abcdef,{twin},3/3,0123456789ab");
        for (twin, found) in [("passes", true), ("fails", false)] {
            let rows = Lines::new(1).line(&line(twin)).rows();
            let subjects = subjects(&rows.rows);
            let arm = &subjects.first_key_value().expect("one").1.arms["guided"];
            assert_eq!(arm.times(), [Time { at: 70.0, found }]);
            assert_eq!((arm.finds(), arm.budget), (usize::from(found), Some(100)));
        }
    }

    #[test]
    fn whoever_has_a_pool_is_blind() {
        let rows = Lines::new(1)
            .trials("-,foca", "guided", 2, 0.1, 9, 1.0)
            .trials("-,foca", "random", 2, 0.1, 9, 1.0)
            .pool("-,foca", "other", 10, 0.1, 1.0)
            .trials("-,foca", "no-facts", 2, 0.1, 9, 1.0)
            .rows();
        let subjects = subjects(&rows.rows);
        let subject = subjects.first_key_value().expect("one").1;
        assert_eq!(subject.blind().map(|(name, _)| name).collect::<Vec<_>>(), ["other", "random"]);
        assert_eq!(subject.ablations().map(|(name, _)| name).collect::<Vec<_>>(), ["no-facts"]);
        assert!(subject.guided().is_some_and(|arm| matches!(arm.measured(), Measured::Trials(_))));
    }
}
