//! A replica: what it has, and how it takes its inputs.
//!
//! Invariants, stated as absences: nothing is acknowledged, sent or shown that is not durable here; no update is applied twice, and none
//! before those of its origin that precede it (the planted gap aside); no replica waits for another.

use murphy_sim::{Boot, Capture, Context, Input, Node, NodeId, ReplyTo, StateView, sometimes};

use super::{
    Bugs, GOSSIP, Seq,
    log::Log,
    message::Message,
    replication::GOSSIP_TIMER,
    store::{Change, Request, Response, Store, Update},
};

/// One replica of the store.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(super) me: NodeId,
    pub(super) bugs: Bugs,
    /// Everything that this replica has, durable but within a handler.
    pub(super) log: Log,
    /// What the updates of the log amount to.
    pub(super) store: Store,
    /// The number of its own next update.
    next: Seq,
    /// By origin, how many updates there are as far as this replica has heard.
    pub(super) known: Vec<Seq>,
    /// Counts what it told of its own accord.
    pub(super) round: u64,
}

impl Replica {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Context<'_, Self>) -> Self {
        let (me, bugs) = (boot.me, Bugs::of(boot));
        let mut store = Store::default();
        let log = Log::replay(boot.members.len() as NodeId, cx, |update| store.apply(update.change));
        let own = log.have_of(me);
        sometimes!(own > 0, "restarted with updates of its own");
        sometimes!(log.have().iter().sum::<Seq>() > own, "restarted with updates of others");
        let next = if bugs.numbers_from_one_again { 1 } else { own + 1 };
        cx.set(GOSSIP_TIMER, GOSSIP);
        Self { me, bugs, known: log.have().to_vec(), log, store, next, round: 0 }
    }

    fn on_request(&mut self, reply: ReplyTo, request: Request, cx: &mut Context<'_, Self>) {
        let response = match request {
            Request::Update(change) => self.update(change, cx),
            Request::Elements(key) => Response::Elements(self.store.elements(key)),
            Request::Number(key) => Response::Number(self.store.number(key)),
        };
        cx.reply(reply, response);
    }

    /// Makes an update of its own.
    fn update(&mut self, change: Change, cx: &mut Context<'_, Self>) -> Response {
        let update = Update { origin: self.me, seq: self.next, change };
        self.next += 1;
        // Durable before anybody hears of it: its number must not be given away again.
        self.take(update, cx);
        Log::sync(cx);
        for node in self.others() {
            cx.send(node, Message::Update(update));
        }
        Response::Done
    }

    /// Applies an update. It is not durable yet.
    pub(super) fn take(&mut self, update: Update, cx: &mut Context<'_, Self>) {
        self.log.push(update, cx);
        self.store.apply(update.change);
        let known = &mut self.known[usize::from(update.origin) - 1];
        *known = update.seq.max(*known);
    }

    /// Every replica but this one.
    pub(super) fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.me;
        (1..=self.known.len() as NodeId).filter(move |node| *node != me)
    }

    /// Of how many origins it knows that it lacks updates.
    fn lacks_of(&self) -> u64 {
        self.known.iter().zip(self.log.have()).filter(|(known, have)| known > have).count() as u64
    }
}

impl Node for Replica {
    type Message = Message;
    type Request = Request;
    type Response = Response;
    const KINDS: &'static [&'static str] = Message::KINDS;

    fn kind(message: &Message) -> usize {
        message.kind()
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { from, message } => self.on_message(from, message, cx),
            Input::Timer(_) => self.on_gossip_timer(cx),
            Input::Request { reply, request, .. } => self.on_request(reply, request, cx),
            _ => {}
        }
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn expose(&self, state: &mut Capture<'_>) {
        state.put("own", self.log.have_of(self.me));
        state.put("updates", self.log.have().iter().sum::<Seq>());
    }

    fn inspect(&self, view: &mut StateView) {
        let (lacks_of, updates) = (self.lacks_of(), self.log.have().iter().sum());
        view.role(if lacks_of > 0 { "behind" } else { "level" })
            .rank("updates", updates)
            .rank("own updates", self.log.have_of(self.me))
            .progress(updates)
            .fact("lacks updates of so many", lacks_of);
    }
}
