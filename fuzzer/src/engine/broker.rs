//! LibAFL's LLMP broker, in a thread of its own: it copies each worker's messages to all, and to the brokers of other
//! campaigns, which form a tree: each joins one, and any number join it.
//!
//! All come by the one listener, workers and other brokers, since it numbers those who come on its own.
//!
//! LLMP knows no passwords: who reaches the address of a broker may end its listening, and send schedules. These
//! are bounded in size, any bytes mean one, and they are run in the world like any other.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _},
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use libafl_bolts::{
    ClientId, Error,
    llmp::{
        Flags, LLMP_FLAG_FROM_B2B, Listener, LlmpBroker, LlmpBrokerInner, LlmpHook, LlmpMsgHookResult, LlmpSharedMap,
        Tag, TcpRequest, TcpResponse, recv_tcp_msg, send_tcp_msg,
    },
    shmem::{ShMem as _, ShMemProvider, StdShMem, StdShMemService},
};

use super::{
    bridge::{self, Bridge, PATIENCE, WAKE},
    folder::Folder,
    link::{KEPT, LinkError, Memory, PAGE, Seat, first_line, pack, unpack},
};

/// How long a broker sleeps when there is nothing to copy.
const TURN: Duration = Duration::from_millis(5);
/// So many turns between two looks into the corpus folder.
const SCAN: u32 = 200;
/// How long messages may take to leave, LLMP's threads being woken [now and then](super::bridge).
const FAREWELL: Duration = WAKE.saturating_mul(5);
/// Tells all that this broker ends; LLMP's own, and private there.
const EXITING: Tag = Tag(0x13C_5171);

/// Whom a broker serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circle {
    /// The target; schedules for others are not passed on.
    pub(crate) target: String,
    /// The corpus folder, of which other campaigns get all.
    pub(crate) corpus: PathBuf,
    /// Where other campaigns may join this one.
    pub(crate) listen: Option<String>,
    /// The campaign to join.
    pub(crate) join: Option<String>,
}

/// Something to tell people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Another campaign sends schedules for this target.
    Foreign(String),
    /// The broker is gone, for this reason.
    Gone(String),
}

/// A broker that runs.
pub(crate) struct Broker {
    address: SocketAddr,
    /// To end the listening, where no other campaign may join.
    door: Option<TcpListener>,
    news: Receiver<News>,
    /// Ends the broker: at once, or once other campaigns have had the time to get the last messages.
    stop: Sender<Farewell>,
    /// To the campaign that was joined.
    bridge: Option<Bridge>,
    /// How many workers and campaigns have come.
    guests: Arc<AtomicU32>,
    /// How many of them are our own: workers, and our end of the bridge.
    reserved: Cell<u32>,
    thread: Option<JoinHandle<()>>,
    /// Kept for as long as shared memory is used.
    _service: Option<StdShMemService>,
}

/// Whether somebody is to be waited for.
type Farewell = bool;

/// A seat that is there to be taken until this is dropped.
pub(crate) struct Reserved {
    pub(crate) seat: Seat,
    _page: LlmpSharedMap<StdShMem>,
}

impl Broker {
    /// Starts a broker: joins the other campaign, if there is one to join, then listens.
    ///
    /// # Errors
    /// If an address is none, or cannot be listened at; if what is to be joined does not answer as a broker; if there is no
    /// shared memory.
    pub(crate) fn start(circle: Circle) -> Result<Self, LinkError> {
        let listen = circle.listen.clone().unwrap_or_else(|| "127.0.0.1:0".into());
        let theirs = circle.join.as_deref().map(join).transpose()?;
        let wanted = resolve(&listen, "listen at")?;
        let refused = |error| LinkError::Listen { address: listen.clone(), error };
        let listener = TcpListener::bind(&wanted[..]).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let door = circle.listen.is_none().then(|| listener.try_clone()).transpose().map_err(refused)?;
        let service = StdShMemService::start().ok();
        let ((started, ready), (stop, stopped), (tell, news)) = (bounded(1), bounded(1), unbounded());
        let guests = Arc::<AtomicU32>::default();
        let count = guests.clone();
        let thread = spawn(move || match Hub::new(circle, listener, count, tell.clone()) {
            Ok(mut hub) => {
                let _ = started.send(Ok(()));
                if let Err(error) = hub.run(&stopped) {
                    let _ = tell.send(News::Gone(first_line(&error)));
                }
            }
            Err(error) => drop(started.send(Err(error))),
        });
        let gone = || LinkError::Memory("the broker's thread ended".into());
        ready.recv().map_err(|_| gone())??;
        let bridge = theirs.map(|theirs| Bridge::between(bridge::knock(reachable(address))?, theirs)).transpose();
        let bridge = bridge.map_err(|error| LinkError::Memory(error.to_string()))?;
        let reserved = Cell::new(u32::from(bridge.is_some()));
        let thread = Some(thread);
        Ok(Self { address, door, news, stop, bridge, guests, reserved, thread, _service: service })
    }

    /// Where other campaigns may join.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A seat for one more worker.
    ///
    /// # Errors
    /// If the listener does not answer, or there is no more shared memory.
    pub(crate) fn reserve(&self) -> Result<Reserved, LinkError> {
        self.greet().map_err(|error| LinkError::memory(&error))
    }

    fn greet(&self) -> Result<Reserved, Error> {
        let mut stream = TcpStream::connect_timeout(&reachable(self.address), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let unexpected = || Error::illegal_state("the broker answered with something else");
        let hello = TcpResponse::try_from(recv_tcp_msg(&mut stream)?)?;
        let TcpResponse::BrokerConnectHello { broker_shmem_description: bus, .. } = hello else {
            return Err(unexpected());
        };
        let page = Memory::new()?.new_shmem(PAGE)?;
        let own = page.description();
        let page = LlmpSharedMap::new(ClientId(0), page);
        send_tcp_msg(&mut stream, &TcpRequest::LocalClientHello { shmem_description: own })?;
        match TcpResponse::try_from(recv_tcp_msg(&mut stream)?)? {
            TcpResponse::LocalClientAccepted { client_id } => {
                self.reserved.set(self.reserved.get() + 1);
                Ok(Reserved { seat: Seat { own, bus, number: client_id.0 }, _page: page })
            }
            _ => Err(unexpected()),
        }
    }

    /// All workers have their seats: where no campaign may join, nothing listens any more.
    pub(crate) fn close_door(&mut self) {
        let Some(door) = self.door.take() else { return };
        // The listener shares this flag, and gives up when it would have to wait; a last guest makes it look.
        if door.set_nonblocking(true).is_ok() {
            let _ = TcpStream::connect_timeout(&reachable(self.address), PATIENCE);
        }
    }

    /// How many campaigns have joined this one.
    pub(crate) fn joined(&self) -> u32 {
        self.guests.load(Ordering::Relaxed).saturating_sub(self.reserved.get())
    }

    /// What happened since the last call.
    pub(crate) fn news(&self) -> impl Iterator<Item = News> + '_ {
        self.news.try_iter()
    }
}

impl Drop for Broker {
    /// Ends the broker, once other campaigns have had the time to get the last messages.
    fn drop(&mut self) {
        let _ = self.stop.send(self.bridge.is_some() || self.joined() > 0);
        if let Some(thread) = self.thread.take() {
            // It has told what went wrong.
            let _ = thread.join();
        }
    }
}

/// LLMP's broker and what it needs.
struct Hub {
    broker: LlmpBroker<(Gate, ()), StdShMem, Memory>,
    circle: Circle,
    folder: Option<Folder>,
    passed: Passed,
    guests: Arc<AtomicU32>,
    /// The number of the first guest.
    first: u32,
}

/// The hashes of all messages that were sent to all.
type Passed = Rc<RefCell<BTreeSet<u64>>>;

impl Hub {
    fn new(
        circle: Circle,
        listener: TcpListener,
        guests: Arc<AtomicU32>,
        news: Sender<News>,
    ) -> Result<Self, LinkError> {
        let failed = |error: Error| LinkError::memory(&error);
        let passed = Passed::default();
        let gate = Gate { target: circle.target.clone(), passed: passed.clone(), told: BTreeSet::new(), news };
        let memory = Memory::new().map_err(failed)?;
        let mut broker = LlmpBroker::new(memory, (gate, ())).map_err(failed)?;
        broker.inner_mut().launch_listener(Listener::Tcp(listener)).map_err(failed)?;
        let first = broker.inner().peek_next_client_id().0;
        let others = circle.listen.is_some() || circle.join.is_some();
        let folder = others.then(|| Folder::open(&circle.corpus).ok()).flatten();
        Ok(Self { broker, circle, folder, passed, guests, first })
    }

    /// Copies messages until it is stopped.
    fn run(&mut self, stopped: &Receiver<Farewell>) -> Result<(), Error> {
        let (mut turn, mut said, mut spoken) = (0_u32, 0, 0);
        let farewell = loop {
            self.broker.broker_once()?;
            let passed = self.passed.borrow().len();
            if passed > said {
                (said, spoken) = (passed, turn);
            }
            self.guests.store(self.broker.inner().peek_next_client_id().0 - self.first, Ordering::Relaxed);
            if turn.is_multiple_of(SCAN) {
                self.tell_folder()?;
            }
            turn = turn.saturating_add(1);
            match stopped.recv_timeout(TURN) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(farewell) => break farewell,
                Err(RecvTimeoutError::Disconnected) => break false,
            }
        };
        // Whatever the workers said last.
        self.broker.broker_once()?;
        self.tell_folder()?;
        self.broker.inner_mut().send_buf(EXITING, &[])?;
        let fresh = self.passed.borrow().len() > said || TURN * (turn - spoken) < FAREWELL;
        if farewell && fresh {
            // Nobody sends a second time: this is a sleep.
            let _ = stopped.recv_timeout(FAREWELL);
        }
        Ok(())
    }

    /// Tells all what has come into the folder by other ways.
    fn tell_folder(&mut self) -> Result<(), Error> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        // A folder that cannot be read is told of by the workers, who need it.
        for schedule in folder.news().unwrap_or_default() {
            let message = pack(&self.circle.target, &schedule);
            if self.passed.borrow_mut().insert(hash(&message)) {
                self.broker.inner_mut().send_buf(KEPT, &message)?;
            }
        }
        Ok(())
    }
}

/// Decides which messages are sent to all.
struct Gate {
    target: String,
    passed: Passed,
    /// Other targets of which the user knows.
    told: BTreeSet<String>,
    news: Sender<News>,
}

impl LlmpHook<StdShMem, Memory> for Gate {
    fn on_new_message(
        &mut self,
        _: &mut LlmpBrokerInner<StdShMem, Memory>,
        _: ClientId,
        tag: &mut Tag,
        flags: &mut Flags,
        message: &mut [u8],
        _: &mut Vec<(Tag, Flags, Vec<u8>)>,
    ) -> Result<LlmpMsgHookResult, Error> {
        let message = if *tag == KEPT { unpack(message).map(|(target, _)| (target, &*message)) } else { None };
        let Some((target, message)) = message else { return Ok(LlmpMsgHookResult::Handled) };
        if target != self.target {
            if self.told.insert(target.to_string()) {
                let _ = self.news.send(News::Foreign(target.to_string()));
            }
            return Ok(LlmpMsgHookResult::Handled);
        }
        let first = self.passed.borrow_mut().insert(hash(message));
        // Campaigns that share a folder have it already. A worker waits for its own to come back.
        let abroad = (*flags & LLMP_FLAG_FROM_B2B) == LLMP_FLAG_FROM_B2B;
        Ok(if abroad && !first { LlmpMsgHookResult::Handled } else { LlmpMsgHookResult::ForwardToClients })
    }
}

fn hash(message: &[u8]) -> u64 {
    let hash = blake3::hash(message);
    let (first, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    u64::from_le_bytes(*first)
}

#[allow(clippy::disallowed_methods, reason = "the thread copies messages between processes; no run sees it")]
pub(super) fn spawn(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(work)
}

/// The addresses that a text stands for: `HOST:PORT`, or a port of this machine.
fn resolve(text: &str, action: &'static str) -> Result<Vec<SocketAddr>, LinkError> {
    let wrong = |found: String| LinkError::Address { address: text.to_string(), action, found };
    if let Ok(port) = text.parse() {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into()]);
    }
    let addresses: Vec<SocketAddr> = text.to_socket_addrs().map_err(|error| wrong(error.to_string()))?.collect();
    if addresses.is_empty() { Err(wrong("no machine has this name".into())) } else { Ok(addresses) }
}

/// Where something that listens at `address` is reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A connection to the broker at an address.
fn join(text: &str) -> Result<TcpStream, LinkError> {
    let mut found = String::new();
    for address in resolve(text, "join")? {
        match bridge::knock(address) {
            Ok(stream) => return Ok(stream),
            Err(error) => found = error.to_string(),
        }
    }
    Err(LinkError::Join { address: text.to_string(), found })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Write as _, path::Path};

    use libafl_bolts::llmp::{LlmpReceiver, LlmpSender};
    use murphy_schedule::{Dice, Schedule, Vocabulary, mutate};

    use super::*;
    use crate::engine::link::Member;

    fn schedule(seed: u64) -> Schedule {
        mutate::random(&Vocabulary::default(), &mut Dice::new(seed))
    }

    fn circle(corpus: &Path, listen: bool, join: Option<String>) -> Circle {
        let listen = listen.then(|| "0".to_string());
        Circle { target: "echo".into(), corpus: corpus.to_path_buf(), listen, join }
    }

    fn member(broker: &Broker) -> Member {
        let reserved = broker.reserve().expect("the broker answers");
        Member::attach(&reserved.seat, "echo").expect("there is shared memory")
    }

    /// Waits until something is so, at most half a minute.
    #[track_caller]
    #[allow(clippy::disallowed_methods, reason = "it waits for another thread, which tells nobody when it is ready")]
    fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..3000 {
            if is_so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{what}: not after half a minute");
    }

    /// Drops brokers, which wait for each other to hear their last words, side by side.
    fn drop_all(brokers: Vec<Broker>) {
        std::thread::scope(|scope| brokers.into_iter().for_each(|broker| drop(scope.spawn(|| drop(broker)))));
    }

    #[test]
    fn what_one_worker_keeps_the_others_hear_of_at_once() {
        let corpus = tempfile::tempdir().expect("a temporary folder");
        let mut broker = Broker::start(circle(corpus.path(), false, None)).expect("a broker");
        let mut members = [member(&broker), member(&broker)];
        broker.close_door();
        for turn in 0..2 {
            let [first, second] = &mut members;
            first.send(&schedule(turn));
            let mut heard = None;
            wait_until("it is heard", || {
                heard = second.receive();
                heard.is_some()
            });
            assert_eq!(heard, Some(schedule(turn)));
            assert_eq!(first.receive(), None, "it knows what it said itself");
            members.reverse();
        }
        assert_eq!(broker.joined(), 0);
        wait_until("nobody can come any more", || TcpStream::connect(broker.address()).is_err());
    }

    #[test]
    fn campaigns_that_are_joined_hear_of_all_and_of_each_once() {
        let corpora = [(); 3].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let mut brokers: Vec<Broker> = Vec::new();
        let (in_all, mut expected) = (schedule(200), BTreeSet::new());
        // A tree that is a line: the one in the middle joins, and is joined.
        for (at, corpus) in corpora.iter().enumerate() {
            let in_folder = schedule(100 + at as u64);
            let entries = [in_folder, in_all.clone()].map(|entry| entry.to_bytes());
            for (name, entry) in ["entry", "another"].iter().zip(&entries) {
                std::fs::write(corpus.path().join(name), entry).expect("written");
            }
            expected.extend(entries);
            let join = brokers.last().map(|broker| broker.address().to_string());
            brokers.push(Broker::start(circle(corpus.path(), true, join)).expect("a broker"));
        }
        let mut members: Vec<Member> = brokers.iter().flat_map(|broker| [member(broker), member(broker)]).collect();
        for (at, member) in members.iter_mut().enumerate() {
            member.send(&schedule(at as u64));
            expected.insert(schedule(at as u64).to_bytes());
        }
        let mut heard: Vec<BTreeMap<Vec<u8>, u32>> = vec![BTreeMap::new(); members.len()];
        for (at, heard) in heard.iter_mut().enumerate() {
            heard.insert(schedule(at as u64).to_bytes(), 1);
        }
        wait_until("all hear of all", || {
            for (member, heard) in members.iter_mut().zip(&mut heard) {
                while let Some(schedule) = member.receive() {
                    *heard.entry(schedule.to_bytes()).or_default() += 1;
                }
            }
            heard.iter().all(|heard| heard.len() == expected.len())
        });
        for heard in heard {
            assert!(heard.keys().eq(&expected) && heard.values().all(|times| *times == 1), "{:?}", heard.values());
        }
        assert_eq!(brokers.iter().map(Broker::joined).collect::<Vec<_>>(), [1, 1, 0]);
        drop_all(brokers);
    }

    #[test]
    fn who_joins_late_gets_all_there_was() {
        let corpora = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let mut told = BTreeSet::new();
        for seed in 0..1000 {
            let bytes = schedule(seed).to_bytes();
            std::fs::write(corpora[0].path().join(seed.to_string()), &bytes).expect("written");
            told.insert(bytes);
        }
        let first = Broker::start(circle(corpora[0].path(), true, None)).expect("a broker");
        let address = first.address().to_string();
        let second = Broker::start(circle(corpora[1].path(), false, Some(address))).expect("a broker");
        let mut hears = member(&second);
        let mut heard = BTreeSet::new();
        wait_until("all is heard", || {
            heard.extend(std::iter::from_fn(|| hears.receive()).map(|schedule| schedule.to_bytes()));
            heard.len() == told.len()
        });
        assert_eq!(heard, told);
        drop_all(vec![first, second]);
    }

    #[test]
    fn a_worker_outlives_its_broker() {
        let corpus = tempfile::tempdir().expect("a temporary folder");
        let broker = Broker::start(circle(corpus.path(), false, None)).expect("a broker");
        let mut member = member(&broker);
        drop(broker);
        for seed in 0..2000 {
            member.send(&schedule(seed));
            assert_eq!(member.receive(), None);
        }
    }

    #[test]
    fn a_worker_whose_broker_is_stuck_is_silent_and_goes_on() {
        let mut memory = Memory::new().expect("shared memory");
        let mut page = || memory.new_shmem(PAGE).expect("shared memory");
        let (own, bus) = (page(), page());
        let seat = Seat { own: own.description(), bus: bus.description(), number: 3 };
        let _pages = [own, bus].map(|page| LlmpSharedMap::new(ClientId(0), page));
        let mut member = Member::attach(&seat, "echo").expect("a member");
        for seed in 0..20_000 {
            member.send(&schedule(seed));
        }
        assert_eq!(member.receive(), None);
    }

    #[test]
    fn schedules_for_other_targets_and_what_is_no_message_are_left_out() {
        let corpus = tempfile::tempdir().expect("a temporary folder");
        let broker = Broker::start(circle(corpus.path(), false, None)).expect("a broker");
        let reserved = broker.reserve().expect("the broker answers");
        let mut hearer = member(&broker);
        let mut memory = Memory::new().expect("shared memory");
        let own = memory.shmem_from_description(reserved.seat.own).expect("shared memory");
        let mut stranger = LlmpSender::on_existing_shmem(memory.clone(), own, None).expect("a sender");
        stranger.set_id(ClientId(reserved.seat.number));
        stranger.send_buf(Tag(0x1234), &pack("echo", &schedule(1))).expect("sent");
        stranger.send_buf(KEPT, &[200, 1, 2]).expect("sent");
        for _ in 0..2 {
            stranger.send_buf(KEPT, &pack("raft-kv", &schedule(2))).expect("sent");
        }
        stranger.send_buf(KEPT, &pack("echo", &schedule(3))).expect("sent");
        let mut heard = None;
        wait_until("what is for this target is heard", || {
            heard = hearer.receive();
            heard.is_some()
        });
        assert_eq!(heard, Some(schedule(3)), "and nothing before it");
        assert_eq!(broker.news().collect::<Vec<_>>(), [News::Foreign("raft-kv".into())]);
        // The bus itself has nothing else.
        let bus = memory.shmem_from_description(reserved.seat.bus).expect("shared memory");
        let mut bus = LlmpReceiver::on_existing_shmem(memory, bus, None).expect("a receiver");
        let mut messages = 0;
        while bus.recv_buf().expect("a message").is_some() {
            messages += 1;
        }
        assert_eq!(messages, 1);
    }

    fn refused(circle: Circle) -> String {
        Broker::start(circle).err().expect("it cannot start").to_string()
    }

    #[test]
    fn addresses_at_which_nothing_can_be_done_are_named() {
        let corpus = tempfile::tempdir().expect("a temporary folder");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address").to_string();
        let listen = Circle { listen: Some(address.clone()), ..circle(corpus.path(), true, None) };
        assert!(refused(listen).starts_with(&format!("cannot listen at {address}: ")));

        let stranger = std::thread::scope(|scope| {
            let answer =
                || taken.accept().and_then(|(mut guest, _)| guest.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
            scope.spawn(answer);
            refused(circle(corpus.path(), false, Some(address.clone())))
        });
        assert!(stranger.starts_with(&format!("cannot join the campaign at {address}: ")), "{stranger}");
        assert!(stranger.ends_with("expected a `murphy fuzz --listen` that runs there"), "{stranger}");

        drop(taken);
        let nobody = refused(circle(corpus.path(), false, Some(address.clone())));
        assert!(nobody.contains(&address) && nobody.contains("refused"), "{nobody}");
        let nowhere = refused(circle(corpus.path(), false, Some("no-such-machine.invalid:1".into())));
        assert!(nowhere.starts_with("`no-such-machine.invalid:1` is no address to join: "), "{nowhere}");
    }
}
