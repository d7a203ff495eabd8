//! Is a failing schedule one more case of a finding that is filed already?
//!
//! It is, if its steps of the known finding's kinds are enough to fail in the same way, or if the known finding's faults
//! are, struck at moments that it chose for its own, or at some others: the known skeleton fits inside. Another way to cause what is known
//! already is not worth a folder; the price is that of two bugs of one [`Kind`] the second may go unnoticed until the first
//! is fixed. Asking takes tens of runs, where minimizing takes hundreds.

use std::path::{Path, PathBuf};

use murphy_schedule::{Again, Fault, FaultKind, Lasts, Name, Nodes, Schedule, Step, When, mutate, shrink};

use crate::{
    finding::{self, Finding, variants},
    harness::Harness,
    kind::Kind,
    source,
};

/// A finding that is filed already.
#[derive(Clone, Debug)]
struct Case {
    kind: Kind,
    /// What its steps do, and for how long.
    faults: Vec<(Fault, Lasts)>,
    folder: PathBuf,
}

/// Findings of more faults than this are not looked for at other moments: there are too many ways to choose these.
const MOVABLE_MAX: usize = 2;

/// At so many moments of a run a known finding's only fault is tried.
const MOMENTS: u32 = 16;

/// The findings of one target that are filed already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Vec<Case>);

impl Known {
    /// The findings for `target` in the folder `crashes`. Folders that cannot be read are passed over: they do not name a
    /// known finding, and whoever opens them is told why.
    pub(crate) fn load(crashes: &Path, target: &str) -> Self {
        let mut known = Self::default();
        for folder in source::folders(crashes) {
            let Ok(Ok(entry)) = finding::read_folder(&folder) else { continue };
            let verdict = std::fs::read(folder.join("verdict.json")).ok();
            let verdict = verdict.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
            let word = |field: &str| verdict.as_ref().and_then(|verdict| verdict[field].as_str()).map(str::to_string);
            if let (Some(class), Some(name), true) = (word("class"), word("anomaly"), entry.document.target == target) {
                let answered_by = entry.meta.and_then(|meta| Some(meta["answered_by"].as_str()?.to_string()));
                let kind = Kind { class, name, answered_by };
                let ways = variants::read(&folder).into_iter().map(|variant| variant.schedule);
                let schedules = std::iter::once(entry.document.schedule).chain(ways);
                schedules.for_each(|schedule| known.put(kind.clone(), &schedule, &folder));
            }
        }
        known
    }

    /// Remembers a finding that was filed in `folder`, by one of its schedules.
    pub(crate) fn add(&mut self, finding: &Finding, schedule: &Schedule, folder: &Path) {
        self.put(finding.kind(), schedule, folder);
    }

    /// The folder of a minimal finding that fails still, and of which `finding` is another way; `None` if it has a folder of its own.
    pub(crate) fn home(crashes: &Path, harness: &mut Harness, finding: &Finding) -> Option<PathBuf> {
        let own = crashes.join(finding.folder_name());
        let home = std::iter::once(own.clone()).chain(source::folders(crashes)).find(|folder| {
            let Ok(Ok(entry)) = finding::read_folder(folder) else { return false };
            let is_minimal = entry.meta.is_some_and(|meta| meta["one_minimal"] == true);
            let here = is_minimal && entry.document.target == finding.target;
            here && Finding::new(harness, &entry.document.schedule).is_some_and(|known| known.is_like(finding))
        });
        home.filter(|home| *home != own)
    }

    fn put(&mut self, kind: Kind, schedule: &Schedule, folder: &Path) {
        let faults = faults(schedule);
        if !self.0.iter().any(|case| case.folder == folder && case.faults == faults) {
            self.0.push(Case { kind, faults, folder: folder.to_path_buf() });
        }
    }

    /// The folder of a known finding of this kind whose skeleton fits inside `schedule`, which fails so.
    pub(crate) fn fits(&self, harness: &mut Harness, schedule: &Schedule, kind: &Kind) -> Option<&Path> {
        let mut same = self.0.iter().filter(|case| case.kind == *kind).peekable();
        same.peek()?;
        let chaos = mutate::chaos(&schedule.header, harness.vocabulary());
        let leads = harness.about().roles.first().map(|role| Nodes::Role(Name::of(role)));
        let mut fails = |candidate: &Schedule| Kind::of(harness, candidate).as_ref() == Some(kind);
        same.find(|case| {
            embed(&case.faults, schedule).is_some_and(|keep| fails(&shrink::keep_steps(schedule, &keep)))
                || moved(&case.faults, schedule).iter().any(&mut fails)
                || anywhere(&case.faults, schedule, chaos).iter().any(&mut fails)
                || anywhere(&on(&case.faults, leads), schedule, chaos).iter().any(&mut fails)
        })
        .map(|case| case.folder.as_path())
    }
}

/// The faults of a schedule that do something by themselves: what clients ask for is not among them. A length that depends on another step counts as "until healed".
fn faults(schedule: &Schedule) -> Vec<(Fault, Lasts)> {
    let steps = schedule.steps.iter().filter(|step| step.fault.kind() != FaultKind::Note && !invokes(step));
    steps
        .map(|step| (step.fault, if step.references().next().is_some() { Lasts::Healed } else { step.lasts }))
        .collect()
}

fn invokes(step: &Step) -> bool {
    step.fault.kind() == FaultKind::Invoke
}

/// Every step of `schedule` whose kind is among those of `faults`, and what clients ask for; `None` if a kind is missing.
fn embed(faults: &[(Fault, Lasts)], schedule: &Schedule) -> Option<Vec<bool>> {
    let kinds: Vec<FaultKind> = faults.iter().map(|(fault, _)| fault.kind()).collect();
    let present = |kind: &FaultKind| schedule.steps.iter().any(|step| step.fault.kind() == *kind);
    let keep = |step: &Step| invokes(step) || kinds.contains(&step.fault.kind());
    kinds.iter().all(present).then(|| schedule.steps.iter().map(keep).collect())
}

/// `faults` at moments that `schedule` chose: for each choice of as many of its steps, a schedule in which these strike with
/// `faults` instead and all others do nothing but to have clients ask for something.
fn moved(faults: &[(Fault, Lasts)], schedule: &Schedule) -> Vec<Schedule> {
    if faults.is_empty() || faults.len() > MOVABLE_MAX {
        return Vec::new();
    }
    let count = schedule.steps.len();
    let choices = (0..count.pow(faults.len() as u32)).map(|mut choice| {
        let mut places = Vec::new();
        for _ in faults {
            places.push(choice % count);
            choice /= count;
        }
        places
    });
    let distinct = |places: &Vec<usize>| places.iter().enumerate().all(|(at, place)| !places[..at].contains(place));
    choices.filter(distinct).map(|places| struck(schedule, faults, &places)).collect()
}

/// `faults` alone in the world of `schedule`: a schedule for each choice of moments for them, in their order, out of some that are
/// spread evenly over its chaos phase of so many microseconds. What clients were to ask for they ask for.
fn anywhere(faults: &[(Fault, Lasts)], schedule: &Schedule, chaos: u32) -> Vec<Schedule> {
    let step = |((fault, lasts), at): (&(Fault, Lasts), &u32)| Step {
        when: When::At(*at),
        fault: *fault,
        lasts: *lasts,
        id: 0,
        again: Again::NEVER,
    };
    let alone = |times: Vec<u32>| {
        let asked = schedule.steps.iter().copied().filter(invokes);
        Schedule { header: schedule.header, steps: asked.chain(faults.iter().zip(&times).map(step)).collect() }
    };
    moments(faults.len(), chaos).into_iter().map(alone).collect()
}

/// `faults` on whoever holds a role instead of nodes by their numbers, who lead in one run and follow in another; nothing, if they
/// name none.
fn on(faults: &[(Fault, Lasts)], role: Option<Nodes>) -> Vec<(Fault, Lasts)> {
    let numbered = |nodes| if let (Nodes::Node(_), Some(role)) = (nodes, role) { role } else { nodes };
    let on_role: Vec<_> = faults.iter().map(|(fault, lasts)| (fault.with_victims(numbered), *lasts)).collect();
    if on_role == faults { Vec::new() } else { on_role }
}

/// Choices of so many moments in order, up to [`MOVABLE_MAX`], spread over so many microseconds.
fn moments(faults: usize, length: u32) -> Vec<Vec<u32>> {
    let moment = |at: u32, of: u32| length / of * at;
    let pair =
        |first| (first..MOMENTS / 2).map(move |second| [first, second].map(|at| moment(at, MOMENTS / 2)).to_vec());
    match faults {
        1 => (0..MOMENTS).map(|at| vec![moment(at, MOMENTS)]).collect(),
        2 => (0..MOMENTS / 2).flat_map(pair).collect(),
        _ => Vec::new(),
    }
}

fn struck(schedule: &Schedule, faults: &[(Fault, Lasts)], places: &[usize]) -> Schedule {
    let mut moved = schedule.clone();
    for step in moved.steps.iter_mut().filter(|step| !invokes(step)) {
        (step.fault, step.lasts) = (Fault::Note {}, Lasts::Healed);
    }
    for ((fault, lasts), place) in faults.iter().zip(places) {
        (moved.steps[*place].fault, moved.steps[*place].lasts) = (*fault, *lasts);
    }
    moved
}

#[cfg(test)]
mod tests {
    use murphy_schedule::{Document, Name, Nodes, Schedule};

    use super::{Known, anywhere, faults, on};
    use crate::{
        finding::{Finding, Provenance},
        harness::Harness,
    };

    fn schedule(steps: &str) -> Schedule {
        let text = format!("murphy 1\ntarget any\n{steps}");
        Document::parse(&text).expect("it has no mistake").schedule
    }

    #[test]
    fn another_way_is_at_home_with_a_finding_until_that_one_passes() {
        let text = include_str!("../../testdata/echo-early-ack.invalid.murphy");
        let targets: Vec<_> = crate::targets![murphy_sim::echo::Echo];
        let mut harness = Harness::new(&targets, "echo+early-ack").expect("it is there");
        let place = tempfile::tempdir().expect("a folder for the test");
        let mut finding = |text: &str| {
            let schedule = Document::parse(text).expect("a schedule").schedule;
            Finding::new(&mut harness, &schedule).expect("it fails")
        };
        let known = finding(text);
        let other = finding(&format!("{text}at 1.2s  pause n2 for 10ms\n"));
        assert_ne!(known.key(), other.key());
        let provenance = Provenance { one_minimal: true, ..Provenance::default() };
        let folder = known.write(place.path(), &provenance).expect("it can be written");
        assert_eq!(Known::home(place.path(), &mut harness, &other), Some(folder.clone()));
        assert_eq!(Known::home(place.path(), &mut harness, &known), None, "it has its own");
        let passing = "murphy 1\ntarget echo+early-ack\nseed 0x1\nops 0\n";
        std::fs::write(folder.join("schedule.murphy"), passing).expect("it can be written");
        let bytes = Document::parse(passing).expect("a schedule").schedule.to_bytes();
        std::fs::write(folder.join("input.bin"), bytes).expect("it can be written");
        assert_eq!(Known::home(place.path(), &mut harness, &other), None, "the known one is fixed");
    }

    #[test]
    fn one_or_two_faults_are_tried_at_moments_in_their_order_and_more_are_not() {
        let found = schedule("at 10ms invoke read k1 by c1\nat 20ms pause n1 for 30ms\n");
        let tried = |steps: &str| anywhere(&faults(&schedule(steps)), &found, 1_600_000);
        let one = tried("at 1s crash n2\n");
        assert_eq!(one.len(), 16);
        assert_eq!(one[3], schedule("at 10ms invoke read k1 by c1\nat 300ms crash n2\n"));
        let two = tried("at 1s crash n2\nat 2s restart n2\n");
        assert_eq!(two.len(), 36);
        assert!(two.contains(&schedule("at 10ms invoke read k1 by c1\nat 200ms crash n2\nat 1400ms restart n2\n")));
        assert!(tried("at 1s crash n1\nat 1s crash n2\nat 1s crash n3\n").is_empty());
    }

    #[test]
    fn numbers_of_nodes_become_a_role_and_what_has_none_is_not_tried_again() {
        let leader = Some(Nodes::Role(Name::of("leader")));
        let re_aimed = on(&faults(&schedule("at 1s partition n2 | rest for 20ms\n")), leader);
        assert_eq!(re_aimed, faults(&schedule("at 1s partition leader | rest for 20ms\n")));
        assert!(on(&faults(&schedule("at 1s crash one\n")), leader).is_empty());
        assert!(on(&faults(&schedule("at 1s crash n1\n")), None).is_empty());
    }
}
