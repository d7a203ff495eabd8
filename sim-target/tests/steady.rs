//! A run allocates nothing once a few have been made, if the target does not.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::BTreeSet,
    rc::Rc,
    time::Duration,
};

use murphy_checker::history::Completion;
use murphy_schedule::{Document, Schedule};
use murphy_sim::{
    About, Boot, Context, File, Input, Node, NodeId, Options, Property, Register, RegisterOp, Run, Runner, StateView,
    Target, Timer, Verdict, Workload, sometimes,
};

/// Counts what this thread asks the system for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "only an allocator can count allocations; it hands everything on as it is")]
// SAFETY: every method hands its arguments on to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const KEEPER: NodeId = 1;
const LOG: File = File("log");

/// A node without memory of its own on the heap. The first keeps registers, the others ping it.
struct Plain {
    nodes: NodeId,
    registers: [Option<u64>; 64],
    pings: u64,
}

impl Node for Plain {
    type Message = u64;
    type Request = RegisterOp;
    type Response = Option<Option<u64>>;
    const KINDS: &'static [&'static str] = &["Ping", "Pong"];

    fn kind(message: &u64) -> usize {
        (*message & 1) as usize
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { from, message } if message & 1 == 0 => cx.send(from, message | 1),
            Input::Message { .. } => {
                self.pings += 1;
                sometimes!(self.pings == 10, "ten pings were answered");
            }
            Input::Timer(_) => {
                let me = cx.me();
                (1..=self.nodes).filter(|node| *node != me).for_each(|node| cx.send(node, 2 * self.pings));
                cx.set(Timer(0), Duration::from_millis(20));
            }
            Input::Request { reply, .. } if cx.me() != KEEPER => cx.redirect(reply, Some(KEEPER)),
            Input::Request { reply, request, .. } => {
                let answer = self.apply(request);
                cx.append(LOG, &[7; 24]).expect("a sound disk");
                cx.sync(LOG).expect("a sound disk");
                cx.agree("answers", self.pings % 100, self.pings % 100);
                cx.reply(reply, answer);
            }
            _ => {}
        }
    }

    fn inspect(&self, view: &mut StateView) {
        view.role(if self.pings > 50 { "old" } else { "young" }).rank("pings", self.pings).progress(self.pings);
    }
}

impl Plain {
    fn apply(&mut self, request: RegisterOp) -> Option<Option<u64>> {
        match request {
            RegisterOp::Read(key) => return Some(self.registers[key as usize]),
            RegisterOp::Write(key, value) => self.registers[key as usize] = Some(value),
            RegisterOp::Cas(key, old, new) if self.registers[key as usize] == Some(old) => {
                self.registers[key as usize] = Some(new);
            }
            RegisterOp::Cas(..) => return None,
        }
        Some(None)
    }
}

struct PlainTarget;

impl Target for PlainTarget {
    type Node = Plain;

    fn about(&self) -> About {
        About::new("plain")
            .nodes(3..=5)
            .roles(&["young", "old"])
            .constant("period", Duration::from_millis(20))
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Plain>) -> Plain {
        cx.set(Timer(0), Duration::from_millis(20));
        Plain { nodes: boot.members.len() as NodeId, registers: [None; 64], pings: 0 }
    }

    fn workloads(&self) -> Vec<Workload<Plain>> {
        let hear = |_: &RegisterOp, answer: Option<Option<u64>>| answer.map_or(Completion::Fail, Completion::Ok);
        vec![Workload::new("register", Register::default(), |op| *op, hear)]
    }

    fn properties(&self) -> Vec<Property<Plain>> {
        vec![Property::always("somebody is up", |cluster| cluster.up().count() > 0)]
    }
}

/// What makes the world do something. The keeper never goes down, for it keeps nothing.
const STEPS: &[&str] = &[
    "",
    "at 1s partition one | rest for 500ms again 3 times every 600ms",
    "at 1s partition ring for 500ms\nat 2s partition bridge n2 for 500ms",
    "at 1s block n2->n3 for 1s\nafter send Ping n1->n2 #30 delay 100ms\nat 2s delay all->all 1ms for 1s",
    "at 1s loss all->all 20% for 1s\nat 1s duplicate all->all 20% for 1s\nat 1.5s clog n1->n2 for 300ms",
    "at 1s crash n2 torn, restart after 200ms again 2 times every 500ms\nat 1.1s auto-restart {n2,n3} delay 50ms",
    "at 1s pause half for 400ms\nat 1.2s pause some for 400ms\nat 1.3s heal\nat 2s reseed",
    "x: on call pause n3 for 100ms\nat 1s activate x\nafter mark \"ten pings were answered\" #1 invoke write k1 7 by c1",
    "after n3 becomes old #1 invoke cas k1 1 2 by c2\nafter complete read #3 restart n2\nafter fault pause begins #1 crash n2 wiped",
    "after n1 sync #3 pause n2 for 700ms\nat 1s invoke read k1 by c3 via n2\nat 2s note again 5 times",
    "at 1s cpu n2 use 80% threads 4 for 1s again 1 times every 1.5s\nat 1.2s yield n3 takes uniform 0s to 2ms for 1s",
    "at 1s memory all limit 64MB for 1s\nat 1.5s leak n2 1MB for 1s\nat 1.7s memory n2 use 50% for 1s",
];

fn schedules() -> Vec<Schedule> {
    let headers = ["nodes 3", "nodes 5, clients 7, keys 3", "nodes 4\nambient jitter 1ms, loss 2%, duplication 2%"];
    let texts = headers.iter().flat_map(|header| STEPS.iter().map(move |steps| (header, steps)));
    let numbered =
        (0..).zip(texts).map(|(seed, (header, steps))| format!("murphy 1\nseed {seed}\n{header}\n{steps}\n"));
    numbered
        .map(|text| Document::parse(&text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}")).schedule)
        .collect()
}

#[test]
fn a_run_allocates_nothing_once_a_few_were_made() {
    let (schedules, mut runner) = (schedules(), Runner::new(Rc::new(PlainTarget), BTreeSet::new()));
    let mut operations = 0;
    for _ in 0..2 {
        for schedule in &schedules {
            let outcome = runner.run(schedule, Options::SEARCH);
            assert_eq!(outcome.verdict, Verdict::Valid, "{schedule:?}");
            operations += outcome.history.completed();
        }
    }
    assert!(operations > 2000, "{operations}");
    for schedule in &schedules {
        let before = ALLOCATIONS.get();
        runner.run(schedule, Options::SEARCH);
        assert_eq!(ALLOCATIONS.get() - before, 0, "{schedule:?}");
    }
    let before = ALLOCATIONS.get();
    drop(vec![1]);
    assert_eq!(ALLOCATIONS.get() - before, 1, "the counter counts");
}
