//! A user's own eyes in a run, which see everything and change nothing.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use murphy_checker::verdict::{Class, Verdict};
use murphy_sim::{About, Boot, Happening, Hooked, Hooks, Input, Options, Outcome, Run, Runner, Side, Target, Workload};

use crate::probe::{
    Cx, LOG, MS, Numbered, Probe, ProbeNode, SECOND, answer, chatter, idle, messages, schedule, second,
};

type Watch = fn(&Happening<'_, ProbeNode>, &mut Vec<String>) -> Result<(), &'static str>;

/// A probe with hooks, and what they wrote down in the last run.
struct Watched {
    probe: Probe,
    watch: Watch,
    notes: Rc<RefCell<Vec<String>>>,
}

struct Eyes {
    watch: Watch,
    notes: Rc<RefCell<Vec<String>>>,
}

impl Hooks<ProbeNode> for Eyes {
    fn begin(&mut self) {
        self.notes.borrow_mut().clear();
    }
    fn on(&mut self, happening: &Happening<'_, ProbeNode>) -> Result<(), &'static str> {
        (self.watch)(happening, &mut self.notes.borrow_mut())
    }
}

impl Target for Watched {
    type Node = ProbeNode;
    fn about(&self) -> About {
        self.probe.about()
    }
    fn start(&self, boot: &Boot<'_>, cx: &mut Cx<'_>) -> ProbeNode {
        self.probe.start(boot, cx)
    }
    fn workloads(&self) -> Vec<Workload<ProbeNode>> {
        self.probe.workloads()
    }
    fn hooks(&self) -> Option<Box<dyn Hooks<ProbeNode>>> {
        Some(Box::new(Eyes { watch: self.watch, notes: self.notes.clone() }))
    }
}

/// What hooks wrote down in the run of `probe` under these steps, and the run.
#[track_caller]
fn watched(probe: Probe, watch: Watch, steps: &str) -> (Vec<String>, Outcome) {
    let notes = Rc::new(RefCell::new(Vec::new()));
    let target = Rc::new(Watched { probe, watch, notes: notes.clone() });
    let mut runner = Runner::new(target, BTreeSet::new());
    let outcome = runner.run(&schedule(&format!("{SECOND}{steps}")), Options::TRACE).clone();
    let first = notes.borrow().clone();
    runner.run(&schedule(&format!("{SECOND}{steps}")), Options::SEARCH);
    assert_eq!(*notes.borrow(), first, "hooks forget the last run, and need no trace");
    (first, outcome)
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Before => "before",
        Side::After => "after",
    }
}

#[test]
fn messages_are_seen_before_and_after_they_are_sent_and_delivered() {
    fn watch(happening: &Happening<'_, ProbeNode>, notes: &mut Vec<String>) -> Result<(), &'static str> {
        let (time, side) = (happening.time / MS, side(happening.side));
        let node = happening.node.unwrap_or(0);
        match happening.what {
            Hooked::Send { to, kind: 0, message } if (node, to, message.number) == (1, 2, 50) => {
                notes.push(format!("{time} {side} n1 sends {}", message.number));
            }
            Hooked::Deliver { from, kind: 0, message } if (from, node, message.number) == (1, 2, 50) => {
                notes.push(format!("{} {side} n2 gets {}", happening.time > 500 * MS, message.number));
            }
            _ => {}
        }
        Ok(())
    }
    let all = ["500 before n1 sends 50", "500 after n1 sends 50", "true before n2 gets 50", "true after n2 gets 50"];
    assert_eq!(watched(chatter(), watch, "").0, all);
    assert_eq!(
        watched(chatter(), watch, "at 495ms block n1->n2 for 10ms").0,
        all[..2],
        "what is lost is not delivered"
    );
    let unsent: [&str; 0] = [];
    assert_eq!(watched(chatter(), watch, "before send Tick n1->n2 #50 crash n1").0, unsent, "nor sent beyond a crash");
    assert_eq!(watched(chatter(), watch, "before deliver Tick n1->n2 #50 crash n2").0, all[..2]);
}

/// Writes, syncs, counts and tells of it after 100 ms.
fn careful() -> Probe {
    fn on(node: &mut ProbeNode, input: Input<ProbeNode>, cx: &mut Cx<'_>) {
        let Input::Timer(_) = input else { return answer(node, input, cx) };
        node.state += 1;
        cx.append(LOG, b"abc").expect("a sound disk");
        cx.sync(LOG).expect("a sound disk");
        cx.event("page evicted", 7);
        cx.send(cx.me(), Numbered { kind: 0, number: 0 });
    }
    let start = |_: &mut ProbeNode, _: &Boot<'_>, cx: &mut Cx<'_>| {
        cx.set(murphy_sim::Timer(0), std::time::Duration::from_millis(100));
    };
    Probe { start, on, ..idle() }
}

fn note_all(happening: &Happening<'_, ProbeNode>, notes: &mut Vec<String>) -> Result<(), &'static str> {
    let what = match &happening.what {
        Hooked::Write { file, bytes } => format!("writes {} bytes to {file}", bytes.len()),
        Hooked::Sync { file } => format!("syncs {file}"),
        Hooked::Event { name, value } => format!("{name} {value}"),
        Hooked::Handled => "handled".to_owned(),
        Hooked::Send { .. } => "sends".to_owned(),
        Hooked::Deliver { .. } => "gets".to_owned(),
        _ => return Ok(()),
    };
    if happening.node == Some(2) {
        let state = happening.state.map_or(String::new(), |node| format!(" in {}", node.state));
        notes.push(format!("{} {what}{state}", side(happening.side)));
    }
    Ok(())
}

#[test]
fn what_a_node_does_is_seen_and_its_state_around_it() {
    let notes = watched(careful(), note_all, "").0.join(", ");
    assert_eq!(
        notes,
        "after handled in 0, before writes 3 bytes to log, after writes 3 bytes to log, before syncs log, after syncs log, \
         after page evicted 7, before sends, after sends, after handled in 1, before gets in 1, after handled in 1, after gets in 1"
    );
    let notes = watched(careful(), note_all, "at 50ms crash n2 cut 2").0.join(", ");
    assert!(notes.ends_with("before syncs log, after syncs log, after handled in 0"), "{notes}");
    let notes = watched(careful(), note_all, "at 50ms crash n2 cut 1").0.join(", ");
    assert!(
        notes.ends_with("before writes 3 bytes to log, after writes 3 bytes to log, after handled in 0"),
        "{notes}"
    );
}

#[test]
fn operations_are_seen_as_they_begin_and_end() {
    fn watch(happening: &Happening<'_, ProbeNode>, notes: &mut Vec<String>) -> Result<(), &'static str> {
        let side = side(happening.side);
        match happening.what {
            Hooked::Invoke { op, call } => notes.push(format!("{side} invoke k{} {}", call.key, op.is_some())),
            Hooked::Complete { op, completion, .. } => notes.push(format!("{side} complete {} {completion:?}", op.0)),
            _ => {}
        }
        Ok(())
    }
    let notes = watched(idle(), watch, "at 100ms invoke read k1 by c1").0;
    let first =
        ["before invoke k1 false", "after invoke k1 true", "before complete 0 Ok(Nil)", "after complete 0 Ok(Nil)"];
    assert_eq!(notes[..4], first);
}

#[test]
fn faults_are_seen_as_they_begin_and_end() {
    fn watch(happening: &Happening<'_, ProbeNode>, notes: &mut Vec<String>) -> Result<(), &'static str> {
        if let Hooked::Fault { kind, edge } = happening.what {
            notes.push(format!("{} {} {} {edge:?}", happening.time / MS, side(happening.side), kind.keyword()));
        }
        Ok(())
    }
    assert_eq!(
        watched(chatter(), watch, "at 100ms pause n1 for 50ms").0,
        ["100 before pause Begins", "100 after pause Begins", "150 before pause Ends", "150 after pause Ends"]
    );
}

#[test]
fn hooks_can_object_and_change_nothing_else() {
    fn object(happening: &Happening<'_, ProbeNode>, _: &mut Vec<String>) -> Result<(), &'static str> {
        if happening.time >= 500 * MS { Err("It is early!") } else { Ok(()) }
    }
    fn assert_early(happening: &Happening<'_, ProbeNode>, _: &mut Vec<String>) -> Result<(), &'static str> {
        assert!(happening.time < 500 * MS, "it is late");
        Ok(())
    }
    fn nothing(_: &Happening<'_, ProbeNode>, _: &mut Vec<String>) -> Result<(), &'static str> {
        Ok(())
    }
    let (_, outcome) = watched(chatter(), object, "");
    let anomaly = outcome.verdict.anomaly().expect("it objects");
    assert_eq!((anomaly.class, anomaly.name.as_ref(), outcome.time), (Class::Invariant, "it-is-early", 500 * MS));
    let (_, outcome) = watched(chatter(), assert_early, "");
    let anomaly = outcome.verdict.anomaly().expect("it panics");
    assert_eq!((anomaly.class, anomaly.name.as_ref(), outcome.time), (Class::Panic, "it-is-late", 500 * MS));
    let steps = "at 100ms crash n1, restart after 50ms\nat 200ms loss n2->n3 50% for 200ms";
    let ((_, with), without) = (watched(chatter(), nothing, steps), second(chatter(), steps));
    assert_eq!(with.verdict, Verdict::Valid);
    assert_eq!((with.trace_hash, messages(&with)), (without.trace_hash, messages(&without)));
}
