//! Runs random schedules on a target and says what came of them: `blind TARGET EXECUTIONS [SEED] [BUG…]`.

use std::collections::BTreeMap;

use murphy_checker::verdict::Verdict;
use murphy_schedule::{Dice, mutate};
use murphy_sim::{AnyTarget, Options, Shared};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| args.get(at).and_then(|word| word.parse().ok()).unwrap_or(default);
    let target: Box<dyn AnyTarget> = match args[0].as_str() {
        "omnipaxos" => Box::new(Shared::new(murphy_targets::omnipaxos::OmniPaxosTarget)),
        "raft-kv" => Box::new(Shared::new(murphy_targets::raft_kv::RaftKv)),
        _ => Box::new(Shared::new(murphy_sim::echo::Echo)),
    };
    let bugs = args.iter().skip(3).cloned().collect();
    let words = target.vocabulary();
    let mut runner = target.runner(&bugs);
    let mut dice = Dice::new(number(2, 1));
    let mut counts = BTreeMap::new();
    let mut table: BTreeMap<(&str, &str), (u32, u32, u32)> = BTreeMap::new();
    let (mut events, mut time, mut ok, mut ops, mut effective, mut steps) = (0, 0, 0, 0, 0, 0);
    let begun = std::time::Instant::now();
    for i in 0..number(1, 1000) {
        let schedule = mutate::random(&words, &mut dice);
        let outcome = runner.run(&schedule, Options::SEARCH);
        events += outcome.events;
        time += outcome.time / 1_000_000;
        ops += outcome.history.operations.len();
        ok += outcome
            .history
            .operations
            .iter()
            .filter(|op| matches!(op.completion, Some((murphy_checker::history::Completion::Ok(_), _))))
            .count();
        steps += outcome.steps.len();
        effective += outcome.steps.iter().filter(|s| s.effects > 0).count();
        for step in &outcome.steps {
            use murphy_schedule::{Fact, When};
            let when = match step.step.when {
                When::At(_) => "at",
                When::Step { .. } => "step",
                When::Fact { fact: Fact::Send(..), .. } => "send",
                When::Fact { fact: Fact::Deliver(..), .. } => "deliver",
                When::Fact { fact: Fact::Sync(..), .. } => "sync",
                When::Fact { fact: Fact::Write(..), .. } => "write",
                When::Fact { fact: Fact::Role(..), .. } => "role",
                When::Fact { fact: Fact::Mark(..), .. } => "mark",
            };
            let cell: &mut (u32, u32, u32) = table.entry((step.step.fault.kind().keyword(), when)).or_default();
            cell.0 += 1;
            cell.1 += u32::from(step.begun.is_some());
            cell.2 += u32::from(step.effects > 0);
        }
        let name = match &outcome.verdict {
            Verdict::Valid => "valid".to_string(),
            Verdict::Invalid(anomaly) => format!("{}:{}", anomaly.class.name(), anomaly.name),
            Verdict::Unknown(budget) => budget.reason().to_string(),
        };
        counts.entry(name).or_insert((0, i)).0 += 1;
    }
    println!(
        "{counts:?}\n{events} events, {time} ms virtual, {ok}/{ops} ops ok, {effective}/{steps} steps effective, {:?}",
        begun.elapsed()
    );
    for ((fault, when), (all, begun, effective)) in table {
        println!(
            "{fault:<10} {when:<8} {all:>6} begun {:>3}% effective {:>3}%",
            begun * 100 / all,
            effective * 100 / all
        );
    }
}
