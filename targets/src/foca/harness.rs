//! Nodes that keep a list of each other: the harness that the buggy release and its control share.
//!
//! The crate is driven as its documentation says: `handle_data`, `handle_timer`, a `Runtime` that sends and sets timers, and its
//! random numbers from without, anew for each input. Members that are told to be down are notified, and take a new identity, as
//! the crate recommends. Each node knows all others as seeds, and announces itself now and then to one that is not on its list,
//! without which two halves of a cluster would never hear of each other again. The crate's types cannot be copied, so nodes do
//! not fork and runs are never resumed.

use std::{cell::Cell, collections::BTreeMap, num::NonZero, rc::Rc, time::Duration};

use foca::{Config, Foca, NoCustomBroadcast, Notification, PeriodicParams, Runtime, Timer as FocaTimer};
use murphy_checker::history::Completion;
use murphy_sim::{
    About, Boot, Context, First, Input, Limit, Node, NodeId, Retry, Routing, StateView, Target, Timer, Workload,
    sometimes,
};
use rand_core_06::{Error, RngCore};

use super::{
    api,
    wire::{Id, Packet, Wire},
    workload::Members,
};

const ANNOUNCE: Timer = Timer(0);
const ANNOUNCE_EVERY: Duration = Duration::from_millis(500);
const PROBE_PERIOD: Duration = Duration::from_millis(200);
const PROBE_TIMEOUT: Duration = Duration::from_millis(60);
const SUSPICION: Duration = Duration::from_millis(500);
const GOSSIP_EVERY: Duration = Duration::from_millis(200);

/// So many `TurnUndead` may a node send within a second. See the page of this target for how it comes about.
const MOST_TURN_UNDEAD: u32 = 100;

/// What a draw is for.
const DRAW_PHASE: u64 = 0;
const DRAW_INPUT: u64 = 1;
const DRAW_SEED: u64 = 2;

/// The crate's random numbers (SplitMix64, Steele et al., 2014), set anew before each input.
#[derive(Clone, Debug, Default)]
struct Draws(Rc<Cell<u64>>);

impl RngCore for Draws {
    fn next_u64(&mut self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn fill_bytes(&mut self, to: &mut [u8]) {
        to.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]));
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(to);
        Ok(())
    }
}

/// What a node keeps beside the crate.
#[derive(Debug, Default)]
struct State {
    /// What the crate wants to be told of, by the number of our timer.
    timers: BTreeMap<u32, FocaTimer<Id>>,
    last_timer: u32,
    connected: bool,
    /// Members that this node has seen go down.
    downs: u64,
    renewals: u64,
}

/// What the crate asks for, done at once.
struct Effects<'a, 'b> {
    state: &'a mut State,
    cx: &'a mut Context<'b, FocaNode>,
}

impl Runtime<Id> for Effects<'_, '_> {
    fn notify(&mut self, notification: Notification<Id>) {
        match notification {
            Notification::MemberUp(_) => sometimes!(self.state.downs > 0, "a member is up after one was down"),
            Notification::MemberDown(_) => {
                sometimes!(true, "a member is down");
                self.state.downs += 1;
            }
            Notification::Active => self.state.connected = true,
            Notification::Idle => {
                sometimes!(true, "a node is left alone");
                self.state.connected = false;
            }
            Notification::Defunct => unreachable!("an identity can always be renewed"),
            Notification::Rejoin(_) => {
                sometimes!(true, "a node takes a new identity");
                self.state.renewals += 1;
            }
        }
    }

    fn send_to(&mut self, to: Id, data: &[u8]) {
        self.cx.send(to.node, Packet(data.to_vec()));
    }

    fn submit_after(&mut self, event: FocaTimer<Id>, after: Duration) {
        self.state.last_timer += 1;
        self.state.timers.insert(self.state.last_timer, event);
        self.cx.set(Timer(self.state.last_timer), after);
    }
}

/// A member of the cluster.
pub struct FocaNode {
    foca: Foca<Id, Wire, Draws, NoCustomBroadcast>,
    state: State,
    draws: Draws,
    inputs: u64,
    /// Every node but this one.
    seeds: Vec<NodeId>,
}

impl FocaNode {
    fn start(boot: &Boot<'_>, cx: &mut Context<'_, Self>) -> Self {
        let few = |number| NonZero::new(number).expect("it is not zero");
        let config = Config {
            probe_period: PROBE_PERIOD,
            probe_rtt: PROBE_TIMEOUT,
            num_indirect_probes: few(2),
            max_transmissions: NonZero::new(6).expect("it is not zero"),
            suspect_to_down_after: SUSPICION,
            notify_down_members: true,
            periodic_gossip: Some(PeriodicParams { frequency: GOSSIP_EVERY, num_members: few(1) }),
            ..Config::simple()
        };
        let (draws, id) = (Draws::default(), Id { node: boot.me, boot: boot.incarnation, renewed: 0 });
        let foca = Foca::new(id, config, draws.clone(), Wire);
        let seeds = boot.members.iter().copied().filter(|node| *node != boot.me).collect();
        let node = Self { foca, state: State::default(), draws, inputs: 0, seeds };
        let phase = (cx.draw_for(&[DRAW_PHASE]) % 100) as f64 / 100.0;
        cx.set(ANNOUNCE, ANNOUNCE_EVERY.mul_f64(phase / 5.0));
        node.draws.0.set(cx.draw_for(&[DRAW_INPUT, 0]));
        node
    }

    /// Lets the crate do something.
    fn call(
        &mut self,
        cx: &mut Context<'_, Self>,
        call: impl FnOnce(&mut Foca<Id, Wire, Draws, NoCustomBroadcast>, Effects<'_, '_>) -> Result<(), foca::Error>,
    ) {
        self.inputs += 1;
        self.draws.0.set(cx.draw_for(&[DRAW_INPUT, self.inputs]));
        let result = call(&mut self.foca, Effects { state: &mut self.state, cx });
        if let Err(error) = result {
            cx.log(format_args!("foca: {error}"));
        }
    }

    fn is_listed(&self, node: NodeId) -> bool {
        self.foca.iter_members().any(|member| member.id().node == node)
    }

    /// Tells one of the seeds that are not on the list, if there is any, that this node is there.
    fn announce(&mut self, cx: &mut Context<'_, Self>) {
        cx.set(ANNOUNCE, ANNOUNCE_EVERY);
        let missing: Vec<NodeId> = self.seeds.iter().copied().filter(|node| !self.is_listed(*node)).collect();
        if !missing.is_empty() {
            let drawn = cx.draw_for(&[DRAW_SEED, self.inputs]) as usize % missing.len();
            // Which life of it does not matter to an announcement.
            let seed = Id { node: missing[drawn], boot: 0, renewed: 0 };
            self.call(cx, |foca, effects| foca.announce(seed, effects));
        }
    }
}

impl Node for FocaNode {
    type Message = Packet;
    type Request = ();
    type Response = u64;
    const KINDS: &'static [&'static str] = Packet::KINDS;

    fn kind(message: &Packet) -> usize {
        message.kind()
    }

    fn size(message: &Packet) -> usize {
        message.0.len()
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { message, .. } => {
                self.call(cx, |foca, effects| foca.handle_data(&message.0, effects));
            }
            Input::Timer(ANNOUNCE) => self.announce(cx),
            Input::Timer(timer) => {
                if let Some(event) = self.state.timers.remove(&timer.0) {
                    self.call(cx, |foca, effects| foca.handle_timer(event, effects));
                }
            }
            Input::Request { reply, .. } => cx.reply(reply, self.foca.num_members() as u64 + 1),
            _ => {}
        }
    }

    fn inspect(&self, view: &mut StateView) {
        view.role(if self.state.connected { "connected" } else { "alone" })
            .rank("members", self.foca.num_members() as u64)
            .rank("downs", self.state.downs.min(8))
            .rank("renewals", self.state.renewals.min(8));
    }
}

/// The target `foca`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FocaTarget;

impl Target for FocaTarget {
    type Node = FocaNode;

    fn about(&self) -> About {
        About::new("foca")
            .summary(api::SUMMARY)
            .nodes(3..=5)
            .roles(&["connected", "alone"])
            .constant("probe_period", PROBE_PERIOD)
            .constant("suspect_to_down", SUSPICION)
            .constant("announce", ANNOUNCE_EVERY)
            .recovers_within(Duration::from_secs(1))
            .marks_in(module_path!())
    }

    fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, FocaNode>) -> FocaNode {
        FocaNode::start(boot, cx)
    }

    fn workloads(&self) -> Vec<Workload<FocaNode>> {
        let timeout = Duration::from_millis(500);
        let routing = Routing { first: First::AnyNode, follow_redirects: 0, timeout, retry: Retry::Never };
        vec![Workload::new("members", Members, |()| (), |(), members| Completion::Ok(members)).routing(routing)]
    }

    fn limits(&self) -> Vec<Limit> {
        vec![Limit::Sends { kind: Some("TurnUndead"), most: MOST_TURN_UNDEAD, within: Duration::from_secs(1) }]
    }
}
