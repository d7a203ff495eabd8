//! `isr-log` keeps its promises, and the planted bug breaks them where its hand-written schedule says.

use std::rc::Rc;

use murphy_checker::{history::Completion, verdict::Verdict};
use murphy_schedule::{Dice, Document, Header, Schedule, mutate};
use murphy_sim::{Options, Run, Runner, vocabulary};
use murphy_targets::isr_log::IsrLog;

fn runner(bug: Option<&str>) -> Runner<IsrLog> {
    Runner::new(Rc::new(IsrLog), bug.into_iter().map(String::from).collect())
}

fn random(index: u64) -> Schedule {
    mutate::random(&vocabulary(&IsrLog), &mut Dice::new(index))
}

#[test]
fn a_follower_must_not_truncate_to_its_own_high_watermark() {
    let text = include_str!("../../testdata/isr-log-f4.invalid.murphy");
    let document = Document::parse(text).expect("the file is well-formed");
    let verdict = |bug| runner(bug).run(&document.schedule, Options::SEARCH).verdict.clone();
    let buggy = verdict(Some("F4"));
    assert!(matches!(&buggy, Verdict::Invalid(found) if found.name == "missing-element"), "{buggy:?}");
    assert_eq!(verdict(None), Verdict::Valid);
}

/// A follower asks where the present epoch ends, asks again when no answer comes, fetches another record, and starts again. While
/// it asks once more the first answer arrives.
#[test]
fn a_late_answer_must_not_truncate_what_came_since() {
    let text = "murphy 1\ntarget isr-log\nseed 0x1\nnodes 4, clients 1, keys 1, ops 0\n
               at 1s                                              invoke add k1 1 by c1 via n2
        first: at 1.2s                                            crash n4, restart after 10ms
               before send EpochEnd n2->n4 #1 from first begins   delay 300ms
               at 1.4s                                            invoke add k1 2 by c1 via n2
        again: at 1.5s                                            crash n4 keep, restart after 2ms
               before send EpochEnd n2->n4 #1 from again begins   delay 300ms
               after again begins                                 loss n2->n4 of Records
               at 1.7s                                            invoke read k1 by c1 via n2\n";
    let document = Document::parse(text).expect("the schedule is well-formed");
    assert_eq!(runner(None).run(&document.schedule, Options::SEARCH).verdict, Verdict::Valid);
}

#[test]
fn without_faults_every_operation_succeeds() {
    let mut runner = runner(None);
    for seed in 0..100 {
        let schedule = Schedule { header: Header { seed, ..Header::default() }, steps: vec![] };
        let outcome = runner.run(&schedule, Options::SEARCH);
        assert!(matches!(outcome.verdict, Verdict::Valid), "seed {seed}: {:?}", outcome.verdict);
        assert!(outcome.history.operations.len() > 50, "seed {seed}: {} operations", outcome.history.operations.len());
        for operation in &outcome.history.operations {
            // Before the first decision of the controller has arrived nobody knows who leads.
            let led = operation.invoked_at > 10_000_000;
            match operation.completion {
                Some((Completion::Ok(_), _)) => {}
                Some((Completion::Fail, _)) if !led => {}
                other => panic!("seed {seed}: {operation:?} ended {other:?}"),
            }
        }
    }
}

#[test]
fn random_schedules_find_the_planted_bug() {
    let mut runner = runner(Some("F4"));
    let found = (0..30_000).find(|index| runner.run(&random(*index), Options::SEARCH).verdict.anomaly().is_some());
    assert!(found.is_some());
}
