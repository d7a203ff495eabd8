//! Carrying out a schedule: waiting for the moments at which steps begin, applying their faults, and healing.
//!
//! Steps are taken in the order of their content, so that their order in the schedule means nothing. Every step counts the
//! effects it had; a step without any can leave a finding for free.

mod budget;
mod clocks;
mod disks;
mod facts;
mod links;
mod lives;
mod plan;
mod resources;
mod sites;

use std::fmt::Display;

use murphy_schedule::{
    Edge, Fact, Fault, FaultKind, Lasts, Name, Nodes, Side, StepId, When,
    fault::Length,
    field::{Calls, Change, Number, Release, Scope, Sides},
};

pub use self::plan::{StepReport, Struck};
pub(crate) use self::{
    budget::Harm,
    disks::{Call, METADATA, READ, Rules as DiskRules, SYNC, Verdict as DiskVerdict, WRITE},
    facts::{Facts, Moment, sorts_by_clock},
    plan::Plan,
    resources::Resources,
};

use self::{
    disks::Order,
    facts::{MARK, SORTS, sort},
    links::both_ways,
    plan::Planned,
    resources::Pressure,
};
use crate::{
    core::{Core, Event, Phase},
    disk::Wound,
    draw::{Purpose, below, mix},
    hooks::Hooked,
    invariants::Occurred,
    network::{Flips, Limit, Rule, Treatment},
    node::Node,
    select::members,
    trace::What,
};

impl<N: Node> Core<N> {
    /// A step's own trigger has come: it begins, and it is settled when it does so again.
    pub(crate) fn begin_itself(&mut self, at: usize, moment: Option<Moment>) {
        self.plan.steps[at].came = true;
        if self.phase != Phase::Chaos {
            return;
        }
        let planned = &mut self.plan.steps[at];
        let (again, turn) = (planned.step.again, planned.left);
        if again.every > 0 && planned.left > 0 {
            planned.left -= 1;
            let every = u64::from(again.every) * 1_000;
            let key = [self.plan.content(at).into(), turn.into(), self.network.epoch()];
            let drawn = below(mix(self.header.seed, Purpose::Again, key), 2 * every);
            self.queue.push(self.now + if again.about { drawn } else { every }, Event::Begin { step: at as u8 });
        }
        self.begin(at, moment);
    }

    /// A step begins, unless it lasts already; `moment` is what triggered it, if that is happening now.
    pub(crate) fn begin(&mut self, at: usize, moment: Option<Moment>) {
        self.plan.steps[at].came = true;
        if self.plan.steps[at].active || self.phase != Phase::Chaos || self.plan.calm {
            return;
        }
        let planned = &mut self.plan.steps[at];
        let step = planned.step;
        planned.begun = planned.begun.or(Some(self.now));
        planned.active = true;
        planned.turn = planned.turn.saturating_add(1);
        (planned.beats, planned.taken) = (0, 0);
        self.hash.add(1 << 60 | u64::from(self.plan.content(at)));
        self.intercept(Side::Before, None, Hooked::Fault { kind: step.fault.kind(), edge: Edge::Begins });
        self.note(None, |core| What::Begin(core.plan.text(at, &core.vocabulary)));
        let over = self.inject(at, &step.fault, moment) || step.fault.kind().length() == Length::Instant;
        self.occurs(Occurred::Fault(step.fault.kind()));
        self.intercept(Side::After, None, Hooked::Fault { kind: step.fault.kind(), edge: Edge::Begins });
        self.edge(at, Edge::Begins);
        if over {
            self.end(at);
        } else {
            self.plan_end(at, step.lasts);
        }
    }

    fn plan_end(&mut self, at: usize, lasts: Lasts) {
        let Some(micros) = self.length(lasts) else { return };
        self.sided(at, micros);
        let turn = self.plan.steps[at].turn;
        self.queue.push(self.now + micros * 1000, Event::End { step: at as u8, turn });
    }

    /// How many microseconds a step lasts, if it is known as it begins.
    fn length(&self, lasts: Lasts) -> Option<u64> {
        let constant = |name: Name| {
            let index = self.vocabulary.constants.resolve(name)?;
            Some(u64::from(self.vocabulary.constant_micros[index]))
        };
        let scaled = |name, percent: i8| Some(constant(name)? * (100 + i64::from(percent)).max(0) as u64 / 100);
        match lasts {
            Lasts::Healed | Lasts::Until(..) => None,
            Lasts::For(micros) => Some(micros.into()),
            Lasts::Constant { name, percent } => scaled(name, percent),
            Lasts::Sum { name, percent, other } => Some(scaled(name, percent)? + constant(other)?),
            Lasts::Difference { name, percent, other } => Some(scaled(name, percent)?.saturating_sub(constant(other)?)),
        }
    }

    /// On which side of each of the target's constants the length of a step falls, and how near, is worth knowing.
    fn sided(&mut self, at: usize, micros: u64) {
        let tag = self.plan.steps[at].tag();
        for index in 0..self.vocabulary.constant_micros.len() {
            let constant = u64::from(self.vocabulary.constant_micros[index]);
            let near = micros.abs_diff(constant) * 10 <= constant;
            self.boundary(tag, index, u64::from(micros >= constant) << 1 | u64::from(near));
        }
    }

    /// A beginning of a step has lasted as long as it should.
    pub(crate) fn end_turn(&mut self, at: usize, turn: u16) {
        if self.plan.steps[at].turn == turn {
            self.end(at);
        }
    }

    /// A step that does something again and again does so once more after so many nanoseconds.
    fn beat_after(&mut self, at: usize, after: u64) {
        let turn = self.plan.steps[at].turn;
        self.queue.push(self.now + after, Event::Beat { step: at as u8, turn });
    }

    /// A step does again what it does all the time that it lasts.
    pub(crate) fn beat(&mut self, at: usize, turn: u16) {
        let planned = &mut self.plan.steps[at];
        if !planned.active || planned.turn != turn {
            return;
        }
        planned.beats = planned.beats.wrapping_add(1);
        match planned.step.fault {
            Fault::Strobe { offset, period, .. } => self.strobe_again(at, offset, period),
            Fault::Attrition { victims, how, kill, leave, gap, .. } => {
                self.take_another(at, victims, how, kill, leave, gap);
            }
            _ => unreachable!("no other step does anything again and again"),
        }
    }

    /// A step's effect ends.
    pub(crate) fn end(&mut self, at: usize) {
        if !self.plan.steps[at].active {
            return;
        }
        self.plan.steps[at].active = false;
        self.plan.steps[at].ended = Some(self.now);
        let kind = self.plan.steps[at].step.fault.kind();
        self.intercept(Side::Before, None, Hooked::Fault { kind, edge: Edge::Ends });
        self.heal(at);
        self.note(None, |core| What::End(core.plan.text(at, &core.vocabulary)));
        self.occurs(Occurred::Fault(kind));
        self.intercept(Side::After, None, Hooked::Fault { kind, edge: Edge::Ends });
        self.edge(at, Edge::Ends);
        self.begin_when_ended(at);
    }

    /// A step that begins again neither after a time nor at a fact does so as soon as it has ended.
    fn begin_when_ended(&mut self, at: usize) {
        let planned = &mut self.plan.steps[at];
        let waits = matches!(planned.step.when, When::Fact { .. } | When::Step { .. });
        if planned.step.again.every == 0 && !waits && planned.left > 0 {
            planned.left -= 1;
            let calm = if self.plan.calm { u64::from(self.header.calm) * 10_000_000 } else { 0 };
            self.queue.push(self.now + calm, Event::Begin { step: at as u8 });
        }
    }

    /// Tells the other steps that an edge of this one was reached.
    fn edge(&mut self, at: usize, edge: Edge) {
        let kind = self.plan.steps[at].step.fault.kind();
        if self.facts.are_counted() || !self.plan.watchers[sort(Fact::Fault(Name::ANY, edge))].is_empty() {
            let kind = FaultKind::ALL.iter().position(|other| *other == kind).expect("every kind is in the table");
            let moment = Moment::Fault(kind, edge);
            self.plan.steps[at].effects += u32::from(self.is_awaited(moment));
            if self.facts.are_counted() {
                // Also once all is healed: that it is awaited is an effect even then.
                self.facts.count(Side::After, moment);
            }
            self.fire(Side::After, moment);
        }
        let id = self.plan.steps[at].step.id;
        if !self.plan.owns(at, id) {
            return;
        }
        for rank in self.plan.steps.ranks() {
            let other = self.plan.steps.at(rank);
            let step = self.plan.steps[other].step;
            match step.when {
                When::Step { step, edge: wanted, delay } if step == id && wanted == edge => {
                    if self.plan.steps[other].hits(1) {
                        self.queue.push(self.now + u64::from(delay) * 1000, Event::Begin { step: other as u8 });
                    }
                }
                When::Fact { from: Some(from), .. } if from == (id, edge) => self.plan.steps[other].counting = true,
                When::At(_) | When::Step { .. } | When::Fact { .. } | When::Called => {}
            }
            if step.lasts == Lasts::Until(id, edge) {
                self.end(other);
            }
        }
    }

    /// Applies a fault. Returns whether it is over at once. No `_` arm: whoever adds a fault decides here what it does.
    fn inject(&mut self, at: usize, fault: &Fault, moment: Option<Moment>) -> bool {
        match *fault {
            Fault::Note {} => {}
            Fault::Reseed { scope } => self.plan.steps[at].effects += u32::from(self.reseed(at, scope)),
            Fault::Invoke { operation } => {
                let via = self.select(at, operation.via, 0);
                let invoked = self.invoke_step(at, &operation, via);
                self.plan.steps[at].effects += u32::from(invoked);
            }
            Fault::Heal {} => self.heal_now(at),
            Fault::Activate { step } => self.activate(at, step.0),
            Fault::Deactivate { step } => self.deactivate(at, step.0),
            Fault::Modify { step, add, remove } => self.modify(at, step.0, add.0, remove.0),
            Fault::Partition { sides } => self.partition(at, sides),
            Fault::Block { link } => self.treat_all(at, link, Treatment::Cut),
            Fault::Clog { link } => self.treat_all(at, link, Treatment::Hold),
            Fault::Delay { link, kind, latency, correlation, each, rule, queue, overflow } => {
                let limit = (queue.0 > 0).then_some(Limit { most: queue.0, overflow });
                let treatment = Treatment::Delay(latency.0, limit);
                return self.treat_messages(at, link, kind, treatment, Rule::new(rule, each, correlation), moment);
            }
            Fault::Loss { link, kind, share, correlation, each, rule } => {
                let treatment = Treatment::Lose(share.0);
                return self.treat_messages(at, link, kind, treatment, Rule::new(rule, each, correlation), moment);
            }
            Fault::Duplicate { link, kind, share, lag, correlation, each, rule } => {
                let treatment = Treatment::Repeat(share.0, u64::from(lag.micros()) * 1_000);
                return self.treat_messages(at, link, kind, treatment, Rule::new(rule, each, correlation), moment);
            }
            Fault::Reorder { link, kind, share, release, correlation, rule, .. } => {
                self.network.buffers.polled |= release == Release::Demand;
                let rule = Rule::new(rule, Number(0), correlation);
                self.treat_links(at, self.links(at, link), kind, Treatment::Reorder(share.0), rule);
            }
            Fault::Corrupt { link, kind, share, min_bits, max_bits, cooldown, correlation, rule } => {
                let flips = Flips::new(share.0, min_bits, max_bits, u64::from(cooldown.micros()) * 1_000);
                let rule = Rule::new(rule, Number(0), correlation);
                self.treat_links(at, self.links(at, link), kind, Treatment::Corrupt(flips), rule);
            }
            Fault::Swizzle { victims, over } => self.swizzle(at, victims, u64::from(over.micros()) * 1_000),
            Fault::Bandwidth { link, rate } => self.treat_all(at, link, Treatment::Throttle(rate.bytes())),
            Fault::Connect { link, failure, share } => self.treat_all(at, link, Treatment::Refuse(failure, share.0)),
            Fault::Close { link, share, fin, cooldown } => {
                let cooldown = u64::from(cooldown.micros()) * 1_000;
                self.treat_all(at, link, Treatment::Close(share.0, fin.0, cooldown));
            }
            Fault::Partial { link, transfers, most } => {
                self.treat_all(at, link, Treatment::Partial(transfers, most.0));
            }
            Fault::HalfOpen { link } => self.treat_all(at, link, Treatment::HalfOpen),
            Fault::Socket { link, call, latency } => self.treat_all(at, link, Treatment::Socket(call, latency.0)),
            Fault::Demote { link, kind, .. } => {
                self.treat_links(at, self.links(at, link), kind, Treatment::Demote, Rule::NONE);
            }
            Fault::Crash { victims, disk, cut } => self.crash_nodes(at, victims, disk, cut.0.into()),
            Fault::Pause { victims, clocks } => self.pause_nodes(at, victims, clocks),
            Fault::Restart { victims, state } => self.restart_nodes(at, victims, state),
            Fault::AutoRestart { victims, delay: _ } => self.watch_over(at, victims),
            Fault::Admin { change, victims } => self.administer(at, change, victims),
            Fault::Stop { victims, drain } => self.stop_nodes(at, victims, drain),
            Fault::Attrition { gap, .. } => self.wear_down(at, gap),
            Fault::Redeploy { victims } => self.redeploy(at, victims),
            Fault::Clock { victims, offset, rate, which } => self.set_clocks(at, victims, offset, rate, which),
            Fault::Bump { victims, offset } => self.bump(at, victims, offset),
            Fault::Strobe { victims, offset, period } => self.strobe(at, victims, offset, period),
            Fault::Drift { victims, within } => self.drift(at, victims, within),
            Fault::Cpu { victims, share, threads } => {
                let threads = threads.0.max(1).into();
                self.press(at, victims, Pressure::Processor { share: share.0.into(), threads });
            }
            Fault::Memory { victims, limit, share } => {
                let limit = if limit.bytes() > 0 { limit.bytes() } else { u64::MAX };
                self.press(at, victims, Pressure::Memory { limit, share: share.0.into() });
            }
            Fault::Leak { victims, rate } => {
                self.press(at, victims, Pressure::Leak { rate: rate.bytes(), since: self.now });
            }
            Fault::Yield { victims, share, latency } => {
                self.press(at, victims, Pressure::Yield { share: share.0.into(), takes: latency.0 });
            }
            Fault::Buggify { site, share } => self.switch_on(at, site, share),
            Fault::Damage { victims, place, how, each, amount } => {
                let wound = Wound { place, how, each: each.0.into(), amount: amount.0.into() };
                self.damage_disks(at, victims, wound);
            }
            Fault::Miswrite { victims, place, how, share, times } => {
                let order = Order { victims, place, calls: Calls::Write, share, times };
                self.treat_disks(at, order, disks::Treatment::Miswrite(how));
            }
            Fault::Misread { victims, place, how, share, times } => {
                let order = Order { victims, place, calls: Calls::Read, share, times };
                self.treat_disks(at, order, disks::Treatment::Misread(how));
            }
            Fault::DiskError { victims, place, calls, error, share, times } => {
                let order = Order { victims, place, calls, share, times };
                self.treat_disks(at, order, disks::Treatment::Fail(error));
            }
            Fault::DiskFull { victims, place, free } => self.fill_disks(at, victims, place, free.bytes()),
            Fault::LazySync { victims, place, latency } => {
                let order = Order::all(victims, place, Calls::Sync);
                self.treat_disks(at, order, disks::Treatment::Lag(latency.0));
            }
            Fault::DiskDelay { victims, place, calls, latency } => {
                let order = Order::all(victims, place, calls);
                self.treat_disks(at, order, disks::Treatment::Delay(latency.0));
            }
            Fault::DiskStall { victims, place, calls } => {
                self.treat_disks(at, Order::all(victims, place, calls), disks::Treatment::Stall);
            }
            Fault::DiskThrottle { victims, place, rate } => {
                let order = Order::all(victims, place, Calls::All);
                self.treat_disks(at, order, disks::Treatment::Throttle(rate.bytes()));
            }
        }
        false
    }

    /// A step is void: the trace says why.
    pub(crate) fn void(&mut self, why: impl Display) {
        self.note(None, |_| What::Void(why.to_string()));
    }

    /// The step that owns an id.
    fn step_of(&self, id: StepId) -> Option<usize> {
        self.plan.steps.ranks().map(|rank| self.plan.steps.at(rank)).find(|at| self.plan.owns(*at, id))
    }

    fn activate(&mut self, at: usize, id: StepId) {
        let Some(other) = self.step_of(id).filter(|other| *other != at && !self.plan.steps[*other].active) else {
            return;
        };
        self.plan.steps[at].effects += 1;
        if self.plan.steps[other].step.when == When::Called {
            self.begin_itself(other, None);
        } else {
            self.begin(other, None);
        }
    }

    fn deactivate(&mut self, at: usize, id: StepId) {
        let Some(other) = self.step_of(id).filter(|other| *other != at && self.plan.steps[*other].active) else {
            return;
        };
        self.plan.steps[at].effects += 1;
        self.end(other);
    }

    /// Moves nodes between the two sides of a partition in force. Who leaves the first side joins the second.
    fn modify(&mut self, at: usize, id: StepId, add: Nodes, remove: Nodes) {
        let (add, remove) = (self.select(at, add, 0), self.select(at, remove, 0));
        let Some(other) = self.step_of(id).filter(|other| self.plan.steps[*other].active) else { return };
        if !matches!(self.plan.steps[other].step.fault, Fault::Partition { sides: Sides::Two(..) }) {
            return;
        }
        let Struck { first, second, .. } = self.plan.steps[other].struck;
        let a = (first | add) & !remove;
        let b = (second | (remove & first)) & !a;
        if (a, b) == (first, second) {
            return;
        }
        self.remember(other, a, b);
        // At one stroke: a link that stays cut carries nothing in between.
        let cuts = self.network.active.iter_mut().filter(|active| active.step == other);
        cuts.for_each(|active| active.links = both_ways(a, b));
        self.plan.steps[at].effects += 1 + self.refresh_links();
    }

    /// Ends everything that lasts, and starts whoever is down.
    fn heal_now(&mut self, at: usize) {
        // What begins because another step ends here goes on.
        let places = self.plan.steps.ranks().map(|rank| self.plan.steps.at(rank));
        let lasting = places.filter(|other| *other != at && self.plan.steps[*other].active);
        let lasting = lasting.fold(0u128, |set, other| set | 1 << other);
        let down = self.hosts.iter().filter(|host| !host.up).count();
        self.plan.steps[at].effects += lasting.count_ones() + down as u32;
        for rank in self.plan.steps.ranks() {
            let other = self.plan.steps.at(rank);
            if lasting & 1 << other != 0 {
                self.end(other);
            }
        }
        (0..self.hosts.len()).for_each(|node| self.revive(node));
    }

    /// The faults of this window are over: all is healed, and nothing begins for a while.
    pub(crate) fn calm_down(&mut self) {
        if self.phase != Phase::Chaos {
            return;
        }
        self.note(None, |_| What::Heal);
        self.plan.calm = true;
        // Before anything that is put off until then.
        self.queue.push(self.now + u64::from(self.header.calm) * 10_000_000, Event::Rouse);
        self.end_all();
        (0..self.hosts.len()).for_each(|node| self.revive(node));
    }

    /// Ends every step, in their order.
    fn end_all(&mut self) {
        self.plan.steps.ranks().for_each(|rank| self.end(self.plan.steps.at(rank)));
    }

    /// The calm is over.
    pub(crate) fn rouse(&mut self) {
        self.plan.calm = false;
        let active = u64::from(self.header.active) * 10_000_000;
        self.queue.push(self.now + active, Event::Calm);
    }

    /// Returns whether it found somebody.
    fn reseed(&mut self, at: usize, scope: Scope) -> bool {
        match scope {
            Scope::World => {
                self.network.reseed_world();
                true
            }
            Scope::Nodes(nodes) => {
                let set = self.select(at, nodes, 0);
                members(set).for_each(|node| self.network.reseed_node(node));
                set != 0
            }
            Scope::Link(link) => {
                let links = self.links(at, link);
                self.network.reseed_links(&links);
                links.iter().any(|receivers| *receivers != 0)
            }
        }
    }

    /// Undoes what a step applied.
    fn heal(&mut self, at: usize) {
        self.network.active.retain(|active| active.step != at);
        self.set_clocks_right(at);
        (0..self.hosts.len()).for_each(|node| self.spare(at, node));
        self.disk_rules.end(at);
        self.resources.end(at);
        let planned = self.plan.steps[at];
        self.plan.steps[at].victims = 0;
        for node in members(planned.victims) {
            match planned.step.fault.kind() {
                FaultKind::Pause => self.resume(node),
                FaultKind::Crash => self.release(node),
                FaultKind::Stop | FaultKind::Attrition | FaultKind::Redeploy => self.end_stop(at, node),
                // Nothing else has victims to let go of, but for a swizzle, whose links are free again.
                _ => {}
            }
        }
        self.let_go(at);
        self.close_buffers(at);
        self.unblock(at);
        self.release_syncs(at);
        self.switch_off(at);
        self.plan.steps[at].effects += self.refresh_links();
        if matches!(planned.step.fault, Fault::Redeploy { .. }) {
            self.ask_for(at, Change::Add, planned.victims);
        }
    }

    /// The chaos phase is over: everything is healed, and nothing more goes wrong.
    pub(crate) fn heal_all(&mut self) {
        self.note(None, |_| What::Heal);
        self.phase = Phase::Heal;
        self.begin_recovery();
        self.end_all();
        for node in 0..self.hosts.len() {
            self.hosts[node].down_by = 0;
            if !self.hosts[node].up {
                self.queue.push(self.now, Event::Start { node: node as u8 });
            }
        }
    }
}
