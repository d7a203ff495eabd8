//! Identifiers that a system hands out: is each a new one?
//!
//! Jepsen's `unique-ids` (Kingsbury, jepsen.checker): no two operations that completed returned the same.

use super::{Checker, DUPLICATED, Figure, Heard, breach, spell, told};
use crate::{history::OpId, interner::Interner, verdict::Anomaly};

/// The names of the functions: `generate` returns an `Int`.
pub const FUNCTIONS: &[&str] = &["generate"];

/// The judge of what was handed out.
#[derive(Clone, Debug, Default)]
pub struct UniqueIds {
    ids: Interner<u64>,
    /// By number of the identifier, the operation that returned it first.
    owners: Vec<OpId>,
    attempts: usize,
    acknowledged: usize,
}

impl Checker for UniqueIds {
    fn invoke(&mut self, _event: Heard<'_>) {
        self.attempts += 1;
    }

    fn complete(&mut self, event: Heard<'_>) -> Option<Anomaly> {
        let output = event.output()?;
        let id = *event.history.values.numbers(&output).first()?;
        self.acknowledged += 1;
        let number = self.ids.id(id) as usize;
        if number == self.owners.len() {
            self.owners.push(event.op);
            return None;
        }
        let [first, second] = [self.owners[number], event.op].map(|op| told(event.history, op));
        let id = spell(event.history, id);
        breach(DUPLICATED, &[self.owners[number], event.op], format!("{second} returned {id}, as did {first}"))
    }

    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("attempts", self.attempts),
            Figure::new("acknowledged", self.acknowledged),
            Figure::new("duplicated", self.acknowledged - self.ids.len()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::{family::Family, history::History};

    const FAMILY: Family = Family::UniqueIds;

    #[test]
    fn no_identifier_is_handed_out_twice() {
        check(FAMILY, "0 generate\n1 generate\n0 ok 1\n1 ok 2\n0 generate\n0 info", "valid");
        only(FAMILY, "0 generate\n1 generate\n0 ok 1\n1 ok 1", "duplicated");
        only(FAMILY, "0 generate\n0 ok \"a-1\"\n1 generate\n1 ok \"a-1\"", "duplicated");
        let text = "0 generate\n1 generate\n0 ok 1\n1 ok 1";
        says(FAMILY, text, "generate(k1) -> 1 by p1 returned 1, as did generate(k1) -> 1 by p0");
        assert_eq!(reported(FAMILY, text), "attempts 2, acknowledged 2, duplicated 1");
    }

    fn oracle(history: &History) -> Clauses {
        let ids: Vec<u64> = ops(history).flat_map(|(op, _)| numbers(history, op)).collect();
        clauses([("duplicated", (1..ids.len()).any(|at| ids[..at].contains(&ids[at])))])
    }

    #[test]
    fn the_verdict_is_that_of_the_definition() {
        compare(
            FAMILY,
            oracle,
            |_, _| "generate".to_owned(),
            |_, pick, value| match pick % 8 {
                0 => "fail".to_owned(),
                1 => "info".to_owned(),
                _ => format!("ok {}", value % 32),
            },
        );
    }
}
