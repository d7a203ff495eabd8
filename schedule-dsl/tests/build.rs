//! The Rust builder: it says what the text says, and refuses what the text refuses.

mod common;

use std::time::Duration;

use common::{raft, same};
use murphy_schedule::{
    Dice, Document, Edge, Fault, FaultKind, Link, Nodes,
    build::{
        Build, Doing, after, at, becomes, before, begins, complete, constant, deliver, ends, fault, group, invoke,
        mark, millis, node, nodes, on_call, previous, role, secs, send, starts, stops, sync, write,
    },
    fault::Length,
    field::{
        ClockOf, Count, Cut, Damage, DiskFate, Distribution, Factor, Latency, Number, OfKind, Offset, Overflow, Party,
        PauseMode, Percent, Place, Position, Sides, Size,
    },
};

fn built(build: Build) -> Document {
    build.finish().unwrap_or_else(|errors| panic!("{errors}"))
}

/// A step that is built is this line of text.
#[track_caller]
fn check(step: Doing, line: &str) {
    let document = built(Document::build("any").step(at(secs(0)).does("note").label("slow")).step(step));
    let text = format!("murphy 1\nslow: at 0s note\n{line}\n");
    let expected = Document::parse(&text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
    same(&document.schedule, &expected.schedule, line);
    assert_eq!(document.to_string(), expected.to_string());
}

#[track_caller]
fn check_error(build: Build, message: &str) {
    assert_eq!(build.finish().expect_err("it is wrong").to_string(), message);
}

#[test]
fn every_fault_can_be_built() {
    let vocabulary = raft();
    for kind in FaultKind::ALL {
        let mut dice = Dice::new(kind.tag().into());
        for _ in 0..50 {
            let fault = Fault::random(*kind, &vocabulary, &mut dice);
            let step = at(millis(1_200)).fault(fault);
            let step = if kind.length() == Length::Lasting { step.lasts(millis(250)) } else { step };
            let document = built(Document::build("any").vocabulary(&vocabulary).step(step));
            assert_eq!(document.schedule.steps[0].fault, fault);
            same(&Document::parse(&document.to_string()).expect("printed").schedule, &document.schedule, "built");
        }
    }
}

#[test]
fn steps_say_what_the_text_says() {
    check(
        at(millis(1_200))
            .fault_with(|words| Fault::Clock {
                victims: words.role("leader"),
                offset: Offset::exactly(-200).expect("exact"),
                rate: Factor(500),
                which: ClockOf::Both,
            })
            .lasts(secs(2)),
        "at 1.2s clock leader behind 200ms rate 0.5 for 2s",
    );
    check(
        after(begins("slow"))
            .plus(millis(40))
            .fault_with(|words| Fault::Partition { sides: Sides::Two(words.role("leader"), Nodes::Rest) })
            .lasts(constant("election_timeout").percent(110)),
        "after slow begins +40ms partition leader for election_timeout*1.1",
    );
    check(
        before(sync(node(2)).nth(3))
            .fault(Fault::Crash { victims: Nodes::Node(2), disk: DiskFate::Torn, cut: Cut(2) })
            .lasts(millis(250)),
        "before n2 sync #3 crash n2 torn cut 2, restart after 250ms",
    );
    check(
        after(send("AppendEntries").over(role("leader"), node(3)).nth(5).since(ends("slow"))).fault_with(|words| {
            Fault::Delay {
                link: Link { from: words.role("leader"), to: Nodes::Rest },
                kind: OfKind(words.name("AppendEntries")),
                latency: Latency(Distribution::fixed(300_000)),
                correlation: Percent(2_500),
                each: Number(2),
                queue: Count(0),
                overflow: Overflow::DropNewest,
                rule: Number(0),
            }
        }),
        "after send AppendEntries leader->n3 #5 from slow ends delay leader->rest of AppendEntries 300ms correlation 25% each 2",
    );
    check(
        before(mark("two leaders").since(begins("slow")))
            .does("pause previous-leader")
            .lasts(constant("lease").percent(98)),
        "before mark \"two leaders\" from slow pause previous-leader for lease*0.98",
    );
    check(
        on_call().fault_with(|words| Fault::Damage {
            victims: words.group("kv stores"),
            place: Place::Record(Position::Last, words.name("wal")),
            how: Damage::Bitflip,
            each: Number(0),
            amount: Count(1),
        }),
        "on call damage group \"kv stores\" in last record of wal",
    );
    check(
        after(becomes(nodes([1, 3]), "leader")).does("pause n1").until(ends("slow")).again(3),
        "after {n1,n3} becomes leader pause n1 until slow ends again 3 times",
    );
    check(
        after(starts(group("kv stores")).nth(2)).does("note").again_every(4, secs(10)),
        "after group \"kv stores\" starts #2 note again 4 times every 10s",
    );
    check(
        at(secs(1))
            .fault(Fault::Pause { victims: Nodes::All, clocks: PauseMode::Stopped })
            .again_about_every(2, millis(1_500)),
        "at 1s pause all clocks stopped again 2 times every about 1.5s",
    );
    check(
        at(secs(1)).fault_with(|words| Fault::Modify {
            step: words.step("slow"),
            add: Party(Nodes::Node(3)),
            remove: Party(Nodes::Set(0)),
        }),
        "at 1s modify slow add n3",
    );
    check(
        after(fault(FaultKind::Partition, Edge::Ends)).does("heal").label("healed"),
        "healed: after fault partition ends heal",
    );
    check(
        after(deliver("").over(previous("leader"), Nodes::Majority(2))).does("note"),
        "after deliver previous-leader->majority from n2 note",
    );
    check(after(stops(role("rest"))).does("note"), "after \"rest\" stops note");
    check(after(write(previous("odd role"))).does("note"), "after previous-\"odd role\" write note");
    check(after(invoke("write").nth(2)).does("note"), "after invoke write #2 note");
    check(
        after(complete("")).does("disk-full n1 free 4kB").lasts(constant("a b").plus("c").clone()),
        "after complete disk-full n1 free 4kB for \"a b\" + c",
    );
    check(after(stops(Nodes::One)).does("heal"), "after one stops heal");
    check(
        at(Duration::from_micros(40)).does("pause n1").lasts(constant("lease").minus("until")),
        "at 40us pause n1 for lease - until",
    );
}

#[test]
fn headers_say_what_the_text_says() {
    let document = built(
        Document::build("raft-kv+B1")
            .seed(0x5eed)
            .nodes(5)
            .clients(4)
            .keys(2)
            .ops(0)
            .rate(100)
            .mix([3, 0, 1])
            .chaos(secs(10))
            .calm(secs(2), secs(1))
            .heal(secs(2))
            .settle(millis(10))
            .jitter(millis(1))
            .loss(Percent(50))
            .duplication(Percent(100))
            .budget_off()
            .latency_within(millis(1))
            .latency_between(millis(40))
            .latency("east", "dc2", millis(80))
            .cpu(Percent(5_000))
            .memory(Size::at_most(64_000_000))
            .disk(Size::at_most(1_000_000_000))
            .group("data", [1, 2])
            .dc("east", [1, 2, 3])
            .dc("west", [])
            .comment("one\ntwo")
            .step(at(secs(1)).does("note").comment("nothing")),
    );
    let expected = "\
# one
# two
murphy 1
target raft-kv+B1
seed 0x5eed
nodes 5, clients 4, keys 2, ops 0, rate 100
mix 3 0 1
phases chaos 10s, active 2s, calm 1s, heal 2s, settle 10ms
ambient jitter 1ms, loss 0.5%, duplication 1%
budget off
dc east {n1,n2,n3}
dc west
group data {n1,n2}
latency within 1ms, between 40ms, east to west 80ms
resources cpu 50%, memory 64MB, disk 1GB

# nothing
at 1s  note
";
    assert_eq!(document.to_string(), expected);
    assert_eq!(built(Document::build("any").dcs(3)).schedule.header.dcs, 3);
}

#[test]
fn labels_are_ids_as_in_the_text() {
    let document = built(
        Document::build("any")
            .step(at(secs(0)).does("note").label("b"))
            .step(at(secs(0)).does("note").label("s1"))
            .step(after(begins("b")).does("note").label("a"))
            .step(after(ends("a")).does("pause n1").until(ends("s7"))),
    );
    let ids: Vec<u8> = document.schedule.steps.iter().map(|step| step.id).collect();
    assert_eq!(ids, [2, 1, 3, 0]);
    assert_eq!(document.schedule.steps[3].references().collect::<Vec<_>>(), [3, 7]);
}

#[test]
fn what_is_wrong_is_said_and_nothing_panics() {
    let build = || Document::build("any");
    let step = |text: &str| build().step(at(secs(1)).does(text));
    check_error(build().nodes(17), "header, `nodes 17`: found `17`, expected a number from 0 to 16");
    check_error(
        build().chaos(millis(15)),
        "header, `phases chaos 15ms`: found `15ms`, expected a duration in steps of 10ms",
    );
    check_error(build().seed(1).seed(2), "header, `seed 0x2`: found `seed`, expected `seed` once (line 3 has it)");
    check_error(build().mix([1; 9]), "header, `mix 1 1 1 1 1 1 1 1 1`: found `1`, expected the end of the line");
    check_error(
        Document::build("two words"),
        "header, `target two words`: found `words`, expected the end of the line",
    );
    check_error(
        Document::build("x\nat 0s heal"),
        "header, `target x\nat 0s heal`: found ``, expected one line without a comment"
            .replace("found ``", "found the end of the line")
            .as_str(),
    );
    check_error(
        build().group("a", [1, 33]),
        "header, `group a {n1,n33}`: found `n33`, expected a node from `n1` to `n16`",
    );
    check_error(step("crash n17"), "step 1, `at 1s crash n17`: found `n17`, expected a node from `n1` to `n16`");
    check_error(
        step("crush n1"),
        "step 1, `at 1s crush n1`: found `crush`, expected a fault such as `crash` (`murphy faults` lists them); did you mean `crash`?",
    );
    check_error(
        step("crash n1 # no"),
        "step 1, `at 1s crash n1 # no`: found `# no`, expected one line without a comment",
    );
    check_error(
        build().step(at(secs(1)).fault(Fault::Crash { victims: Nodes::Node(0), disk: DiskFate::Kept, cut: Cut(99) })),
        "step 1, `at 1s crash n0 keep cut 99`: found `n0`, expected a node from `n1` to `n16`",
    );
    check_error(
        build().step(
            at(secs(1)).fault(Fault::Pause { victims: Nodes::All, clocks: PauseMode::Running }).label("two words"),
        ),
        "step 1, `two words: at 1s pause all`: found `two`, expected a step (`at`, `after`, `before`, `on call`) or a line of the header",
    );
    check_error(
        build().step(after(begins("slow")).does("note")),
        "step 1, `after slow begins note`: found `slow`, expected the label of a step",
    );
    check_error(
        build().step(at(Duration::from_nanos(1_500)).does("note")),
        "step 1, `at 1.500us note`: found `1.500us`, expected a duration in steps of 1us",
    );
    check_error(
        build().step(at(Duration::MAX).does("note")),
        "step 1, `at 18446744073709551615999999.999us note`: found `18446744073709551615999999.999us`, expected a duration in steps of 1us",
    );
    check_error(
        build().step(after(sync(node(1)).nth(0)).does("note")).step(at(secs(1)).does("note").lasts(secs(1))),
        "step 1, `after n1 sync #0 note`: found `#0`, expected an occurrence from `#1` to `#255`\n\
         step 2, `at 1s note for 1s`: found `for`, expected the end of the line, since `note` is over at once",
    );
    let many = (0..129).fold(build(), |build, _| build.step(at(secs(1)).does("note")));
    check_error(many, "step 129, `at 1s note`: found `at`, expected at most 128 steps");
    assert!(build().step(after(mark("a\"b")).does("note")).finish().is_err());
    assert!(build().step(after(sync(role("a\"b"))).does("note")).finish().is_err());
}

#[test]
fn a_complaint_points_into_its_line() {
    let build = Document::build("any").nodes(3).step(at(secs(1)).does("note")).step(at(secs(2)).does("crush n1"));
    let errors = build.finish().expect_err("it is wrong").0;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].step, Some(1));
    assert_eq!(&errors[0].text[errors[0].diagnostic.span.clone()], "crush");
    assert_eq!(errors[0].diagnostic.suggestion.as_deref(), Some("crash"));
}

#[test]
fn windows_said_twice_are_a_mistake() {
    let twice = Document::build("any").calm(secs(1), secs(2)).calm(secs(3), secs(4)).finish();
    let errors = twice.expect_err("said twice").0;
    assert_eq!(errors[0].diagnostic.expected, "`active` once (line 3 has it)");
    assert!(Document::build("any").calm(secs(1), secs(2)).finish().is_ok());
}
