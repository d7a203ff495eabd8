//! How often one search is sooner than another.

use murphy_schedule::Dice;

use super::{Rate, Time, resample};

/// Who was sooner in each pair of searches, one of either group.
pub(crate) struct Pairs {
    /// A row for each search of the first group: 2 where it was sooner, 0 where the other was, 1 where neither or nobody knows.
    rows: Vec<Vec<u32>>,
    /// The searches of the second group, by their number.
    columns: Vec<usize>,
}

impl Pairs {
    pub(crate) fn of(a: &[Time], b: &[Time]) -> Self {
        let row = |one: &Time| b.iter().map(|other| sooner(*one, *other)).collect();
        Self { rows: a.iter().map(row).collect(), columns: (0..b.len()).collect() }
    }

    /// How often a search of the first group finds before one of the second, ties counted half (Vargha and Delaney, 2000). It
    /// is a tie, too, where censoring leaves open who was first (Gehan, 1965).
    pub(crate) fn a12(&self) -> f64 {
        let rows: Vec<&Vec<u32>> = self.rows.iter().collect();
        share(&rows, &self.columns)
    }

    /// The same, had other searches been drawn.
    pub(crate) fn drawn_again(&self, dice: &mut Dice) -> f64 {
        let rows: Vec<&Vec<u32>> = self.rows.iter().collect();
        share(&resample(&rows, dice), &resample(&self.columns, dice))
    }
}

fn share(rows: &[&Vec<u32>], columns: &[usize]) -> f64 {
    let points = |row: &&Vec<u32>| columns.iter().map(|column| row[*column]).sum::<u32>();
    f64::from(rows.iter().map(points).sum::<u32>()) / (2 * rows.len() * columns.len()) as f64
}

/// As [`Pairs::a12`], where the second group is all searches of a blind arm, whose times are geometric with this hit probability: the exact mean
/// over them.
pub(crate) fn a12_geometric(a: &[Time], p: f64) -> f64 {
    let score = |time: &Time| {
        let later = 1.0 - Rate::within(p, time.at);
        // A tie: found in the same execution; or not known, since `a` gave up before the other found.
        let tie = if time.found { p * (1.0 - Rate::within(p, time.at - 1.0)) } else { later };
        if time.found { later + tie / 2.0 } else { tie / 2.0 }
    };
    a.iter().map(score).sum::<f64>() / a.len() as f64
}

/// 2: `a` was sooner; 0: `b` was; 1: neither, or nobody knows.
fn sooner(a: Time, b: Time) -> u32 {
    match (a.found, b.found) {
        (true, true) if a.at == b.at => 1,
        (true, true) => 2 * u32::from(a.at < b.at),
        (true, false) if a.at <= b.at => 2,
        (false, true) if b.at <= a.at => 0,
        (true | false, true | false) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{Pairs, Time, a12_geometric};
    use crate::bench::statistics::near;

    fn a12(a: &[Time], b: &[Time]) -> f64 {
        Pairs::of(a, b).a12()
    }

    fn found(at: &[f64]) -> Vec<Time> {
        at.iter().map(|at| Time { at: *at, found: true }).collect()
    }

    #[test]
    fn a_search_that_is_always_sooner_wins_always() {
        near(a12(&found(&[1.0, 2.0]), &found(&[3.0, 4.0])), 1.0);
        assert_eq!(a12(&found(&[3.0, 4.0]), &found(&[1.0, 2.0])), 0.0);
        // Nine pairs: four won, two tied.
        near(a12(&found(&[1.0, 2.0, 3.0]), &found(&[1.0, 2.0, 9.0])), 5.0 / 9.0);
    }

    #[test]
    fn what_censoring_leaves_open_is_a_tie() {
        let gave_up = |at| vec![Time { at, found: false }];
        near(a12(&gave_up(10.0), &gave_up(10.0)), 0.5);
        near(a12(&gave_up(5.0), &found(&[7.0])), 0.5);
        near(a12(&found(&[7.0]), &gave_up(5.0)), 0.5);
        near(a12(&found(&[10.0]), &gave_up(10.0)), 1.0);
        assert_eq!(a12(&gave_up(10.0), &found(&[10.0])), 0.0);
    }

    #[test]
    fn a_blind_arm_is_the_limit_of_many_of_its_trials() {
        let (p, until) = (0.3, 60);
        let mut a = found(&[1.0, 4.0, 2.0]);
        a.push(Time { at: 5.0, found: false });
        // All times of the blind arm up to where nothing is left, each with its probability.
        let sum = (1..=until).map(|at| {
            let share = (1.0_f64 - p).powi(at - 1) * p;
            share * a12(&a, &found(&[f64::from(at)]))
        });
        near(a12_geometric(&a, p), sum.sum());
        near(a12_geometric(&[Time { at: 9.0, found: false }], 0.0), 0.5);
        near(a12_geometric(&found(&[9.0]), 0.0), 1.0);
    }
}
