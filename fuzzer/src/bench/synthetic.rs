//! Rows of searches whose truth is known.

use murphy_schedule::Dice;

use super::{
    Rows,
    row::Row,
    statistics::{Rate, Time},
};

/// The time of a search that hits with probability `p`, within a budget.
pub(super) fn geometric(p: f64, budget: f64, dice: &mut Dice) -> Time {
    let uniform = (dice.word() >> 11) as f64 / (1_u64 << 53) as f64;
    // The inverse of the distribution function.
    let at = ((-uniform).ln_1p() / (-p).ln_1p()).floor() + 1.0;
    Time { at: at.min(budget), found: at <= budget }
}

/// A file of rows, line by line.
pub(super) struct Lines(Vec<String>, Dice);

impl Lines {
    pub(super) fn new(seed: u64) -> Self {
        Self(vec![Row::header()], Dice::new(seed))
    }

    pub(super) fn line(mut self, line: &str) -> Self {
        self.0.push(line.to_string());
        self
    }

    /// So many trials, each of which hits with probability `p` in an execution, of 100 events and `cost` seconds.
    pub(super) fn trials(mut self, subject: &str, arm: &str, count: u64, p: f64, budget: u64, cost: f64) -> Self {
        for trial in 1..=count {
            let time = geometric(p, budget as f64, &mut self.1);
            let end = if time.found { "0123456789abcdef,passes,3/3" } else { "-,-,-" };
            let (hits, execs) = (u8::from(time.found), time.at as u64);
            let cpu = time.at * cost;
            let events = execs * 100;
            self.0.push(format!(
                "{subject},{arm},trial,{trial},{execs},{events},{cpu},{hits},{budget},{end},0123456789ab"
            ));
        }
        self
    }

    /// A pool in two parts, of which exactly the expected number hits.
    pub(super) fn pool(mut self, subject: &str, arm: &str, execs: u64, p: f64, cost: f64) -> Self {
        let all = Rate { hits: (execs as f64 * p).round() as u64, execs };
        for (trial, hits) in [(1, all.hits / 2), (2, all.hits - all.hits / 2)] {
            let (half, cpu) = (execs / 2, execs as f64 / 2.0 * cost);
            let events = half * 100;
            self.0.push(format!("{subject},{arm},pool,{trial},{half},{events},{cpu},{hits},{half},-,-,-,0123456789ab"));
        }
        self
    }

    pub(super) fn rows(self) -> Rows {
        let text = self.0.join("\n") + "\n";
        Rows::parse(text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong:?}"))
    }
}
