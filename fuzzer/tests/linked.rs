//! Several workers, and several campaigns: what one keeps, the others run, over a link that may be lost at any time.
#![cfg(target_os = "linux")]

mod common;

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Child, ChildStdout, Stdio},
};

use common::{Place, finish, names, signal, wait_until};
use murphy_schedule::Schedule;
use serde_json::Value;

/// A campaign that runs, and what it says on standard output.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn new(place: &Place, line: &str) -> Self {
        let mut command = place.command(&format!("--json {line}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, out }
    }

    /// The next line of which this is so.
    fn hear(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).expect("text") > 0, "it ended before it told of {what}");
            let value: Value = serde_json::from_str(&line).expect("JSON");
            assert_ne!(value["event"], "finding", "in a target without a bug: {value}");
            if is_so(&value) {
                return value;
            }
        }
    }

    /// Where it listens.
    fn address(&mut self) -> String {
        let listening = self.hear("its address", |line| line["event"] == "listening");
        listening["address"].as_str().expect("an address").to_string()
    }

    /// Waits until schedules have come over the link.
    fn received(&mut self) {
        self.hear("schedules that came over the link", |line| line["received"].as_u64() > Some(0));
    }

    /// Its exit code, once it has ended.
    fn ended(mut self) -> i32 {
        let rest = std::io::read_to_string(&mut self.out).expect("a pipe");
        assert!(!rest.contains("\"event\":\"finding\""), "in a target without a bug: {rest}");
        finish(self.child).code
    }
}

fn corpus(place: &Place) -> BTreeSet<String> {
    names(&place.path("corpus/echo")).into_iter().collect()
}

/// A place with a corpus that nobody else has: a schedule's name is a hash of it, and holds a seed of 64 bits.
fn with_corpus(seed: u64) -> (Place, BTreeSet<String>) {
    let place = Place::new();
    assert_eq!(place.murphy(&format!("fuzz echo --execs 3000 --seed {seed}")).code, 0);
    let corpus = corpus(&place);
    assert!(corpus.len() > 10, "{corpus:?}");
    (place, corpus)
}

#[track_caller]
fn is_whole(place: &Place) {
    for name in corpus(place) {
        let bytes = place.read(&format!("corpus/echo/{name}"));
        assert_eq!(Schedule::from_bytes(&bytes).to_bytes(), bytes, "{name}");
    }
    assert!(place.hidden().is_empty(), "{:?}", place.hidden());
}

#[test]
fn workers_of_one_campaign_hear_of_each_other_at_once() {
    let place = Place::new();
    let mut campaign = Running::new(&place, "fuzz echo -j 2 --time 30s");
    campaign.received();
    signal("-INT", campaign.child.id());
    assert_eq!(campaign.ended(), 130);
    is_whole(&place);
}

#[test]
fn campaigns_that_are_joined_get_what_the_other_has() {
    let ((first, of_first), (second, of_second)) = (with_corpus(11), with_corpus(22));
    assert!(of_first.is_disjoint(&of_second));
    let mut listening = Running::new(&first, "fuzz echo --seed 11 --time 60s --listen 0");
    let address = listening.address();
    // One that runs nothing has its corpus to give.
    let ended = second.murphy(&format!("fuzz echo --execs 1 --join {address}"));
    assert_eq!(ended.code, 0, "{ended:?}");
    listening.hear("who joined it", |line| line["event"] == "peers" && line["joined"] == 1);
    listening.hear("all that the other has", |line| line["received"] == of_second.len());
    let mut joined = Running::new(&second, &format!("fuzz echo --seed 22 --time 60s --join {address}"));
    joined.received();
    wait_until("entries of the first are in the second's folder", || !corpus(&second).is_disjoint(&of_first));
    for campaign in [&joined, &listening] {
        signal("-INT", campaign.child.id());
    }
    for campaign in [joined, listening] {
        assert_eq!(campaign.ended(), 130);
    }
    [&first, &second].into_iter().for_each(is_whole);
}

#[test]
fn a_campaign_outlives_the_one_that_it_joined() {
    let (first, second) = (Place::new(), Place::new());
    let mut listening = Running::new(&first, "fuzz echo --seed 1 --time 60s --listen 127.0.0.1:0");
    let mut joined = Running::new(&second, &format!("fuzz echo --seed 2 --time 7s --join {}", listening.address()));
    joined.received();
    signal("-KILL", listening.child.id());
    let before = joined.hear("its status", |line| line["event"] == "status")["execs"].as_u64();
    joined.hear("more executions", |line| line["execs"].as_u64() > before);
    assert_eq!(joined.ended(), 0);
    [&first, &second].into_iter().for_each(is_whole);
    listening.ended();
}

#[test]
fn a_campaign_outlives_one_that_joined_it() {
    let (first, second) = (Place::new(), Place::new());
    let mut listening = Running::new(&first, "fuzz echo --seed 1 --time 7s --listen 127.0.0.1:0");
    let joined = Running::new(&second, &format!("fuzz echo --seed 2 --time 60s --join {}", listening.address()));
    listening.received();
    signal("-KILL", joined.child.id());
    let before = listening.hear("its status", |line| line["event"] == "status")["execs"].as_u64();
    listening.hear("more executions", |line| line["execs"].as_u64() > before);
    assert_eq!(listening.ended(), 0);
    is_whole(&first);
    joined.ended();
}

#[test]
fn what_can_be_neither_listened_at_nor_joined_is_named_before_anything_is_run() {
    let place = Place::new();
    for wrong in ["--listen nonsense", "--join 10.0.0.5", "--listen 127.0.0.1:70000"] {
        place.murphy(&format!("fuzz echo {wrong}")).complains(2, &["expected HOST:PORT"]);
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    place.murphy(&format!("fuzz echo --listen {address}")).complains(10, &["cannot listen at", &address]);
    drop(taken);
    let ended = place.murphy(&format!("fuzz echo --join {address}"));
    ended.complains(10, &["cannot join the campaign at", &address, "`murphy fuzz --listen`"]);
    assert!(corpus(&place).is_empty());
}
