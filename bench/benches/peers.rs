//! How many messages and how many short runs does a simulator do in a second of CPU time, and how far is it from a loop that
//! does nothing else?
//!
//! Murphy, its peers and the bare loop take turns in one process and one thread, several rounds of them, and the best round of
//! each counts: what is left out is what the machine did meanwhile. All have the same conversations (`src/lib.rs`); the
//! messages that nodes received are counted and compared. The last column is the mean cost of an event in units of the bare
//! loop's.
//!
//! Not measured: faults, disks, judging a history, the search. Peers run what a user wrote for tokio, which Murphy does not
//! yet; that is worth something and is not in these figures. Nothing here says how fast a peer could be made.
//!
//! `cargo bench` in the folder `bench`; `-- --test` runs each case once, and checks the messages.

use murphy_bench::{Talk, bare::Bare, cpu_nanos, madsim, moonpool, murphy::Murphy, turmoil};

/// Rounds of which the best counts.
const TURNS: u32 = 5;

/// Something that has a conversation once, from a seed, and says how many messages were received.
type Simulator = Box<dyn FnMut(u64) -> u64>;

/// A simulator and how often it runs in one turn, so that all take about as long.
struct Contestant {
    name: &'static str,
    runs: u64,
    simulator: Simulator,
    /// Nanoseconds of CPU time of a run, in the best turn.
    best: f64,
}

impl Contestant {
    fn new(name: &'static str, runs: u64, simulator: impl FnMut(u64) -> u64 + 'static) -> Self {
        Self { name, runs, simulator: Box::new(simulator), best: f64::INFINITY }
    }

    fn turn(&mut self, talk: Talk, turn: u32, test: bool) {
        let runs = if test { 1 } else { self.runs };
        let begun = cpu_nanos();
        let received: u64 = (0..runs).map(|run| (self.simulator)(1 + u64::from(turn) * runs + run)).sum();
        let nanos = (cpu_nanos() - begun) as f64;
        assert_eq!(received, talk.messages() * runs, "{}: not every message was received", self.name);
        self.best = self.best.min(nanos / runs as f64);
    }
}

/// Everybody has the same conversation. `runs`: how often Murphy, the bare loop, and each peer do so in a turn.
fn contest(talk: Talk, runs: [u64; 3], test: bool) -> Vec<Contestant> {
    let [ours, limit, theirs] = runs;
    let (mut murphy, mut bare) = (Murphy::new(talk), Bare::default());
    let mut all = vec![
        Contestant::new("bare loop", limit, move |seed| bare.run(talk, seed)),
        Contestant::new("Murphy", ours, move |seed| murphy.run(seed)),
        Contestant::new("turmoil", theirs, move |seed| turmoil::run(talk, seed)),
        Contestant::new("madsim", theirs, move |seed| madsim::run(talk, seed)),
        Contestant::new("moonpool-sim", theirs, move |seed| moonpool::run(talk, seed)),
    ];
    for turn in 0..if test { 1 } else { TURNS } {
        all.iter_mut().for_each(|contestant| contestant.turn(talk, turn, test));
    }
    all
}

/// The contest, and what came of it. `units`: how much of what is counted a run does.
fn compare(title: &str, talk: Talk, units: f64, runs: [u64; 3], test: bool) {
    let all = contest(talk, runs, test);
    if test {
        println!("{title}: {} messages, received by {} contestants", talk.messages(), all.len());
    } else {
        show(title, talk, units, &all);
    }
}

/// Prints what `units` a run of each does in a second, beside the bare loop and the best peer.
fn show(title: &str, talk: Talk, units: f64, all: &[Contestant]) {
    println!("{title}");
    let per_second = |contestant: &Contestant| units * 1e9 / contestant.best;
    let [bare, murphy, peers @ ..] = all else { unreachable!("there are peers") };
    for contestant in all {
        let event = contestant.best / talk.messages() as f64;
        println!(
            "  {:<14}{:>14.0} per CPU-second{:>10.0} ns a message{:>8.1} x the bare loop's",
            contestant.name,
            per_second(contestant),
            event,
            contestant.best / bare.best
        );
    }
    let best = peers.iter().min_by(|a, b| a.best.total_cmp(&b.best)).expect("there are peers");
    println!(
        "  Murphy / best peer ({}): {:.1}    Murphy / bare loop: {:.3}\n",
        best.name,
        best.best / murphy.best,
        bare.best / murphy.best
    );
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    for clients in [4, 32] {
        // As many messages in all.
        let talk = Talk { clients, rounds: 64_000 / clients };
        let title = format!("messages, 1 server and {clients} clients");
        compare(&title, talk, talk.messages() as f64, [10, 20, 1], test);
    }
    let talk = Talk { clients: 4, rounds: 10 };
    let title = format!("short runs, 5 nodes and {} messages", talk.messages());
    compare(&title, talk, 1.0, [10_000, 20_000, 500], test);
}
