//! Handlers that take time.
//!
//! A handler runs as one piece of code, and what it asks for happens as it asks. When it has taken time ([`Core::spend`]), waits
//! for a step to end ([`Core::block`]), or its node is paused within it, what it asks for from then on goes to the outbox of its node
//! instead, and happens in program order, each thing at its own time. Until the last one has happened the handler is under way: what
//! reaches the node waits, nobody looks at the node, and a crash makes void what has not happened by then.

use std::{collections::VecDeque, mem, time::Duration};

use murphy_schedule::Side;

use crate::{
    client::Answer,
    core::{Core, Event, Host, Token},
    disk::Operation,
    inject::Moment,
    marks::{self, Hit},
    network::Fate,
    node::{Node, Timer},
    panics::Panic,
    trace::What,
};

/// One thing that a handler asked for and that has not happened yet.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// So many nanoseconds pass.
    Spend(u64),
    /// So many nanoseconds pass, as far as faults strike then.
    Hold(u64),
    /// A step ends, or so many nanoseconds pass.
    Await(usize, u64),
    /// The message in this slot leaves for a node.
    Send {
        to: usize,
        slot: u32,
    },
    Answer(Token, Answer),
    Set(Timer, Duration),
    Cancel(Timer),
    Exit,
    Disk(Operation<'static>),
    Agree {
        what: &'static str,
        key: u64,
        value: u64,
    },
    Log(String),
    /// Something happens within the node, with a value.
    Event(&'static str, u64),
    /// It says something through `tracing`.
    Say(What),
    /// A mark is hit.
    Mark(Hit),
    Panic(Panic),
}

/// What the handler under way waits for before it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wait {
    #[default]
    Nothing,
    /// A moment, in nanoseconds.
    Until(u64),
    /// The end of a step, or a moment in nanoseconds.
    Step(usize, u64),
}

/// What the handler of one node asked for that has not happened yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    /// A handler is under way, and what it asks for does not happen at once.
    open: bool,
    /// How long the running handler has taken so far, in nanoseconds.
    lag: u64,
    deeds: VecDeque<Deed>,
    wait: Wait,
    /// The first deed has been announced to the steps that wait for it, and this is what they made of it.
    announced: Option<Fate>,
    /// The sort of input that is handled, and what has happened when it is.
    cause: u64,
    after: Option<Moment>,
}

impl Outbox {
    pub(crate) fn reset(&mut self) {
        self.deeds.clear();
        *self = Self { deeds: mem::take(&mut self.deeds), ..Self::default() };
    }

    /// Whether a handler is under way that takes time.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// How long the running handler has taken so far, in nanoseconds.
    pub(crate) fn lag(&self) -> u64 {
        self.lag
    }

    /// The running handler takes so many nanoseconds longer.
    pub(crate) fn fall_behind(&mut self, nanos: u64) {
        self.lag = self.lag.saturating_add(nanos);
    }

    /// More that is still to happen.
    pub(crate) fn extend(&mut self, deeds: impl Iterator<Item = Deed>) {
        self.deeds.extend(deeds);
    }

    /// All has happened.
    pub(crate) fn close(&mut self) {
        debug_assert!(self.deeds.is_empty(), "a handler is through when all has happened that it asked for");
        self.reset();
    }

    fn is_due(&self, now: u64) -> bool {
        match self.wait {
            Wait::Nothing => true,
            Wait::Until(at) | Wait::Step(_, at) => at <= now,
        }
    }
}

impl Host {
    /// Whether all that the running handler asks for happens at once, without an end to it.
    #[inline]
    pub(crate) fn is_unhindered(&self) -> bool {
        self.up && self.effects_left == u32::MAX && self.is_free()
    }

    /// Whether the node would handle an input now.
    pub(crate) fn is_free(&self) -> bool {
        self.paused_by == 0 && !self.outbox.open
    }
}

/// What becomes of an effect when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Now,
    /// Its node is down by now.
    Void,
    /// Its node is paused by now.
    Later,
}

impl<N: Node> Core<N> {
    /// The running handler of a node takes so many nanoseconds longer: what it asks for from here on happens that much later.
    pub(crate) fn spend(&mut self, me: usize, nanos: u64) {
        if nanos > 0 && self.alive(me) {
            self.put_off(me, Deed::Spend(nanos));
            self.hosts[me].outbox.fall_behind(nanos);
        }
    }

    /// The running handler of a node goes on from here when the step at `step` has ended, or so many nanoseconds have passed. Its
    /// clocks do not show it: how long it is nobody knows before it is over.
    pub(crate) fn block(&mut self, me: usize, step: usize, most: u64) {
        if self.alive(me) {
            self.put_off(me, Deed::Await(step, most));
        }
    }

    /// A step has ended: handlers that wait for it go on, before anything else of this moment.
    pub(crate) fn unblock(&mut self, step: usize) {
        for node in 0..self.hosts.len() {
            let outbox = &mut self.hosts[node].outbox;
            if matches!(outbox.wait, Wait::Step(waits, _) if waits == step) {
                outbox.wait = Wait::Nothing;
                self.queue.push_first(self.now, Event::Go { node: node as u8 });
            }
        }
    }

    /// From here on nothing that the running handler of a node asks for happens at once.
    pub(crate) fn open_outbox(&mut self, me: usize) {
        if !mem::replace(&mut self.hosts[me].outbox.open, true) && self.running == Some(me) {
            marks::put_off();
        }
    }

    /// What the running handler asks for happens when all has happened that it asked for before.
    pub(crate) fn put_off(&mut self, me: usize, deed: Deed) {
        self.note_telemetry();
        self.open_outbox(me);
        self.put_off_marks(me);
        self.hosts[me].outbox.deeds.push_back(deed);
    }

    /// What the running handler asks for has been announced, but happens when all has happened that it asked for before.
    pub(crate) fn put_off_announced(&mut self, me: usize, deed: Deed) {
        self.put_off(me, deed);
        self.hosts[me].outbox.announced = Some(self.network.fate);
    }

    /// The marks that the running handler has hit by now are hit when all has happened that it asked for before.
    fn put_off_marks(&mut self, me: usize) {
        let deeds = &mut self.hosts[me].outbox.deeds;
        marks::take_put_off(|hit| deeds.push_back(Deed::Mark(hit)));
    }

    /// An effect's time has come: steps that wait for it, or for marks hit before it, begin.
    pub(crate) fn announce(&mut self, me: usize, moment: Option<Moment>) -> Due {
        if self.plan.watches_marks() {
            self.fire_marks(Side::Before);
        }
        self.network.fate.clear();
        match (self.hosts[me].outbox.announced.take(), moment) {
            (Some(fate), _) => self.network.fate = fate,
            (None, Some(moment)) => self.fire(Side::Before, moment),
            (None, None) => {}
        }
        match (self.alive(me), self.hosts[me].paused_by) {
            (false, _) => Due::Void,
            (true, 0) => Due::Now,
            (true, _) => Due::Later,
        }
    }

    /// The node was paused just before this, which happens when it goes on.
    pub(crate) fn put_back(&mut self, me: usize, deed: Deed) {
        self.open_outbox(me);
        let outbox = &mut self.hosts[me].outbox;
        outbox.deeds.push_front(deed);
        outbox.announced = Some(self.network.fate);
    }

    /// The code of a handler has returned, but it is under way: remembers what there is to do when it is through.
    pub(crate) fn stay_under_way(&mut self, me: usize, cause: u64, after: Option<Moment>) {
        let outbox = &mut self.hosts[me].outbox;
        (outbox.cause, outbox.after) = (cause, after);
    }

    /// The code of a handler has returned. Returns whether the handler is still under way.
    pub(crate) fn returned(&mut self, me: usize) -> bool {
        let open = self.hosts[me].outbox.open;
        if open {
            self.put_off_marks(me);
            marks::returned();
        }
        open
    }

    /// A handler under way goes on as far as it can. `Some`: it is through; the sort of input that it handled, and what has
    /// happened now that it is.
    pub(crate) fn go_on(&mut self, me: usize) -> Option<(u64, Option<Moment>)> {
        let through = self.happen(me);
        if self.plan.watches_marks() {
            self.fire_marks(Side::After);
        }
        if !through || !self.hosts[me].up {
            return None;
        }
        let outbox = &self.hosts[me].outbox;
        let through = (outbox.cause, outbox.after);
        self.conclude(me);
        self.hosts[me].up.then_some(through)
    }

    /// What the handler under way asked for happens until it has to wait or its node is down. Returns whether all has happened.
    fn happen(&mut self, me: usize) -> bool {
        while self.hosts[me].up && self.hosts[me].paused_by == 0 && self.hosts[me].outbox.is_due(self.now) {
            let outbox = &mut self.hosts[me].outbox;
            outbox.wait = Wait::Nothing;
            let Some(deed) = outbox.deeds.pop_front() else { return true };
            self.carry_out(me, deed);
            if self.hosts[me].effects_left == 0 {
                self.conclude(me);
            }
        }
        false
    }

    fn carry_out(&mut self, me: usize, deed: Deed) {
        match deed {
            Deed::Spend(nanos) => self.wait(me, nanos, Wait::Until),
            Deed::Hold(nanos) => self.wait(me, self.while_faults_strike(self.now, nanos), Wait::Until),
            Deed::Await(step, most) if self.plan.steps[step].is_active() => {
                self.wait(me, most, |until| Wait::Step(step, until));
            }
            Deed::Await(..) => {}
            Deed::Send { to, slot } => {
                let message = self.messages.take(slot);
                self.send_now(me, to, message);
            }
            Deed::Answer(token, answer) => self.answer_now(me, token, answer),
            Deed::Set(timer, after) => self.set_timer_now(me, timer, after),
            Deed::Cancel(timer) => self.cancel_timer_now(me, timer),
            Deed::Exit => self.exit_now(me),
            Deed::Disk(operation) => self.operate_now(me, operation),
            Deed::Agree { what, key, value } => self.agree_now(me, what, key, value),
            Deed::Log(line) => self.log_now(me, line),
            Deed::Event(name, value) => self.event_now(me, name, value),
            Deed::Say(what) => self.note(Some(me), |_| what),
            Deed::Mark(hit) => marks::happen(hit),
            Deed::Panic(panic) => self.panicked(me, panic),
        }
    }

    /// The handler under way waits, for so many nanoseconds at most.
    fn wait(&mut self, me: usize, most: u64, wait: impl FnOnce(u64) -> Wait) {
        let until = self.now.saturating_add(most);
        self.hosts[me].outbox.wait = wait(until);
        if until < u64::MAX {
            self.queue.push(until, Event::Go { node: me as u8 });
        }
    }

    /// The node is down: what has not happened never will. What is true all the same is that it got what it was handling.
    pub(crate) fn void_outbox(&mut self, me: usize) -> Option<Moment> {
        let outbox = &mut self.hosts[me].outbox;
        if !outbox.open {
            return None;
        }
        for deed in outbox.deeds.drain(..) {
            if let Deed::Send { slot, .. } = deed {
                self.messages.take(slot);
            }
        }
        let after = outbox.after.filter(|moment| matches!(moment, Moment::Deliver { .. }));
        outbox.reset();
        after
    }

    /// A node turns to what waits for it, before anything else of this moment.
    pub(crate) fn turn_to_backlog(&mut self, node: usize) {
        if self.hosts[node].is_free() && !self.hosts[node].backlog.is_empty() {
            self.queue.push_first(self.now, Event::Go { node: node as u8 });
        }
    }

    /// The node has something to do, now or after a pause.
    pub(crate) fn has_something_to_do(&mut self, node: usize) -> bool {
        let host = &self.hosts[node];
        let busy = host.outbox.open && host.outbox.is_due(self.now);
        let waits = busy || (!host.outbox.open && !host.backlog.is_empty());
        if waits && host.paused_by > 0 {
            self.credit_pause(node);
        }
        waits && self.hosts[node].paused_by == 0
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, rc::Rc, time::Duration};

    use murphy_checker::history::Completion;
    use murphy_schedule::Document;

    use crate::{
        About, Boot, Context, Input, Node, Options, Outcome, Register, RegisterOp, Run, Runner, StateView, Target,
        Timer, What, Workload,
    };

    const MS: u64 = 1_000_000;

    /// A target whose node 1 waits for the first step to end, twice, 100 ms after it has started.
    struct Waiter;

    impl Node for Waiter {
        type Message = ();
        type Request = RegisterOp;
        type Response = Option<u64>;
        const KINDS: &'static [&'static str] = &["Nothing"];

        fn kind((): &()) -> usize {
            0
        }

        fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
            match input {
                Input::Timer(Timer(1)) => {
                    cx.log(format_args!("first"));
                    cx.spend(Duration::from_millis(10));
                    cx.core.block(cx.me, 0, u64::MAX);
                    cx.log(format_args!("second"));
                    cx.spend(Duration::from_millis(10));
                    cx.core.block(cx.me, 0, u64::MAX);
                    cx.log(format_args!("third"));
                }
                Input::Request { reply, .. } => cx.reply(reply, None),
                _ => {}
            }
        }

        fn inspect(&self, _: &mut StateView) {}
    }

    impl Target for Waiter {
        type Node = Self;

        fn about(&self) -> About {
            About::new("waiter")
        }

        fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Self>) -> Self {
            if boot.me == 1 && boot.incarnation == 0 {
                cx.set(Timer(1), Duration::from_millis(100));
                cx.set(Timer(2), Duration::from_millis(150));
            }
            Self
        }

        fn workloads(&self) -> Vec<Workload<Self>> {
            vec![Workload::new("register", Register::default(), |op| *op, |_, answer| Completion::Ok(answer))]
        }
    }

    fn second(steps: &str) -> Outcome {
        let text = format!("murphy 1\nseed 1\nclients 1, keys 1, ops 0\nphases chaos 1s, heal 10ms\n{steps}\n");
        let schedule = Document::parse(&text).expect("a schedule").schedule;
        Runner::new(Rc::new(Waiter), BTreeSet::new()).run(&schedule, Options::TRACE).clone()
    }

    #[track_caller]
    fn check(steps: &str, expected: &str) {
        let outcome = second(steps);
        let events = outcome.trace.iter().filter(|event| event.node == Some(1) && event.time < 1_000 * MS);
        let words = events.filter_map(|event| match &event.what {
            What::Log(line) => Some(format!("{} {line}", event.time / MS)),
            What::Timer(timer) => Some(format!("{} timer{timer}", event.time / MS)),
            What::Crash => Some(format!("{} crash", event.time / MS)),
            _ => None,
        });
        assert_eq!(words.collect::<Vec<_>>().join(", "), expected, "{steps}");
    }

    #[test]
    fn a_handler_that_waits_for_a_step_goes_on_as_it_ends() {
        let done = |second: u64, third: u64| {
            let timer = third.max(150);
            format!("100 timer1, 100 first, {second} second, {third} third, {timer} timer2")
        };
        check("at 50ms pause n3 for 150ms", &done(200, 210));
        // Before it begins and after its end there is nothing to wait for.
        check("at 50ms pause n3 for 20ms", &done(110, 120));
        check("at 105ms pause n3 for 8ms", &done(113, 123));
        check("at 115ms pause n3 for 45ms", &done(110, 160));
        check("at 105ms pause n3 for 20ms again 1 times every 30ms", &done(125, 155));
        check("at 50ms pause n3 until x begins\nx: at 180ms note", &done(180, 190));
        // At the end of the chaos phase all ends.
        check("at 50ms pause n3", "100 timer1, 100 first");
    }

    #[test]
    fn a_node_that_waits_can_be_paused_and_crash() {
        let stall = "at 50ms pause n3 for 150ms";
        check(&format!("{stall}\nat 120ms crash n1"), "100 timer1, 100 first, 120 crash");
        let late = "100 timer1, 100 first, 250 second, 260 third, 260 timer2";
        check(&format!("{stall}\nat 180ms pause n1 for 70ms"), late);
        let early = "100 timer1, 100 first, 200 second, 210 third, 210 timer2";
        check(&format!("{stall}\nat 120ms pause n1 for 70ms"), early);
    }
}
