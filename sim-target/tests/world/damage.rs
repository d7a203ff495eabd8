//! Damaged messages, narrow links, and links that are clogged one after another.

use murphy_sim::{Codec, CodecError, What};

use crate::{
    probe::{MS, Numbered, chatter, fates, messages, report, second},
    streams::{all_in_order, in_order, stream},
};

/// Under `steps` exactly this becomes of the messages of a chatter; nothing happens to any other.
#[track_caller]
fn check(steps: &str, expected: &str) {
    assert_eq!(fates(chatter, steps), expected, "{steps}");
}

#[test]
fn a_damaged_message_is_lost_where_nobody_knows_its_bytes() {
    check("at 505ms corrupt n1->n2 100% for 20ms", "n1->n2 51..52 lost");
    check("at 505ms corrupt n1->n2 of Tick 100% for 20ms", "Tick n1->n2 51..52 lost");
    check("at 505ms corrupt n1->n2 0% for 20ms", "");
    assert_eq!(report(&second(chatter(), "at 505ms corrupt n1->n2 100% for 20ms"), "corrupt").effects, 4);
    // 0.01 % where nothing is said.
    assert!(report(&second(chatter(), "at 5ms corrupt all->all"), "corrupt").effects <= 2);
}

#[test]
fn a_stream_sends_a_damaged_message_again() {
    let outcome = second(stream(), "at 505ms corrupt n1->n2 100% for 10ms");
    assert_eq!(in_order(&outcome, 1, 2).len(), 99);
    let (sent, arrivals) = &messages(&outcome)[&(1, 2, "Tick", 51)];
    assert!((200 * MS..203 * MS).contains(&(arrivals[0] - sent)));
}

#[test]
fn damage_spares_a_link_for_a_while_and_only_that_link() {
    check(
        "at 505ms corrupt n1->all of Tick 100% cooldown 30ms for 70ms",
        "Tick n1->n2 51 54 57 lost, Tick n1->n3 51 54 57 lost",
    );
}

#[test]
fn the_rules_for_damage_compete_and_its_draws_hang_together() {
    check(
        "at 505ms corrupt n1->n2 0% rule 1 for 20ms\nat 505ms corrupt all->n2 100% rule 2 for 20ms",
        "n3->n2 51..52 lost",
    );
    let changes = |correlation: &str| {
        let outcome = second(chatter(), &format!("at 5ms corrupt all->all 40% correlation {correlation}"));
        let with = messages(&outcome);
        let lost: Vec<bool> = outcome
            .trace
            .iter()
            .filter_map(|event| match &event.what {
                What::Send { to, kind, text, .. } => {
                    Some(with[&(event.node?, *to, *kind, text.parse().ok()?)].1.is_empty())
                }
                _ => None,
            })
            .collect();
        lost.windows(2).filter(|pair| pair[0] != pair[1]).count()
    };
    let (none, high) = (changes("0%"), changes("90%"));
    assert!(none > 400 && high < 120, "{none} {high}");
}

#[test]
fn a_narrow_link_passes_so_many_bytes_a_second_and_the_rest_waits() {
    // A Tick and a Tock of 100 bytes each come every 10 ms: 20 ms of what passes at 10 kB a second.
    let outcome = second(chatter(), "at 505ms bandwidth n1->n2 10kB for 300ms");
    let (calm, with) = (messages(&second(chatter(), "")), messages(&outcome));
    let late = |kind, number| (with[&(1, 2, kind, number)].1[0] - calm[&(1, 2, kind, number)].1[0]) / MS;
    assert_eq!([late("Tick", 51), late("Tock", 51)], [10, 20]);
    assert_eq!([late("Tick", 52), late("Tock", 52)], [20, 30]);
    assert_eq!([late("Tick", 60), late("Tock", 60)], [100, 110]);
    assert_eq!(report(&outcome, "bandwidth").effects, 60);
    // When the link is wide again, what waits need not wait any longer.
    let last = with[&(1, 2, "Tock", 80)].1[0];
    assert!((805 * MS..807 * MS).contains(&last), "{last}");
    // Wide enough: each message takes 0.1 ms.
    let wide = messages(&second(chatter(), "at 505ms bandwidth n1->n2 1MB for 300ms"));
    assert_eq!((wide[&(1, 2, "Tick", 60)].1[0] - calm[&(1, 2, "Tick", 60)].1[0]) / 1_000, 100);
    assert!(calm.iter().all(|(id, fate)| (id.0, id.1) == (1, 2) || with[id] == *fate));
}

#[test]
fn a_narrow_stream_keeps_its_order_and_lets_all_go_when_it_is_wide_again() {
    let outcome = second(stream(), "at 505ms bandwidth n1->n2 1kB for 300ms");
    assert_eq!(all_in_order(&outcome), 6 * 99);
    let with = messages(&outcome);
    assert!((51..=80).all(|number| with[&(1, 2, "Tock", number)].1[0] < 812 * MS));
    assert!(with[&(1, 2, "Tock", 55)].1[0] > 805 * MS);
}

/// When the links from a node were clogged, by the messages that it sent to nobody in time: the first and the last number.
fn clogged(outcome: &murphy_sim::Outcome, from: u16, to: u16) -> Option<(u64, u64)> {
    let late = messages(outcome).into_iter().filter(|(id, (sent, arrivals))| {
        (id.0, id.1) == (from, to) && arrivals.first().is_some_and(|at| at - sent > 2 * MS)
    });
    let numbers: Vec<u64> = late.map(|(id, _)| id.3).collect();
    Some((*numbers.iter().min()?, *numbers.iter().max()?))
}

#[test]
fn a_swizzle_clogs_one_node_after_another_and_lets_them_go_in_the_reverse_order() {
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let text = format!(
            "seed {seed}\nnodes 5, ops 0\nphases chaos 1s, heal 10ms, settle 10ms\nat 205ms swizzle {{n1,n2,n3}} over 100ms for 500ms"
        );
        let outcome = crate::probe::run(chatter(), &text);
        // Between a victim and a bystander, both ways: clogged at 205, 255 or 305 ms, free at 705, 655 or 605 ms.
        let mut spans: Vec<((u64, u64), u16)> =
            (1..=3).map(|node| (clogged(&outcome, node, 5).expect("clogged"), node)).collect();
        assert!((1..=3).all(|node| clogged(&outcome, 5, node) == clogged(&outcome, node, 5)));
        spans.sort_unstable();
        assert_eq!(spans.iter().map(|span| span.0).collect::<Vec<_>>(), [(21, 70), (26, 65), (31, 60)], "seed {seed}");
        orders.insert(spans.iter().map(|span| span.1).collect::<Vec<_>>());
        assert_eq!(clogged(&outcome, 4, 5), None);
        assert!(report(&outcome, "swizzle").effects > 0);
    }
    assert_eq!(orders.len(), 6);
}

#[test]
fn a_swizzle_that_is_too_short_for_all_clogs_those_that_it_can() {
    let outcome = second(chatter(), "at 205ms swizzle all over 100ms for 150ms");
    // The first for 150 ms, the second for 50, the third not at all.
    let spans: Vec<_> = (1..=3u16)
        .map(|node| (1..=3).filter(|to| *to != node).filter_map(|to| clogged(&outcome, node, to)).min())
        .collect();
    assert!(spans.contains(&Some((21, 35))), "{spans:?}");
    let lasting = second(chatter(), "at 205ms swizzle n1 over 0s");
    assert_eq!(clogged(&lasting, 1, 2), Some((21, 99)));
    assert_eq!(report(&second(chatter(), "at 205ms swizzle n1 over 0s for 0s"), "swizzle").effects, 0);
}

/// A chatter whose messages have bytes.
mod written {
    use super::*;
    use crate::probe::ProbeNode;
    use murphy_sim::{
        About, Boot, Context, Input, Node, Register, RegisterOp, Run, Runner, StateView, Target, Timer, Workload,
    };
    use serde::{Deserialize, Serialize, de::DeserializeOwned};
    use std::{collections::BTreeSet, rc::Rc, time::Duration};

    /// Messages as JSON.
    const fn json<M: Serialize + DeserializeOwned>() -> Codec<M> {
        Codec {
            encode: |message| serde_json::to_vec(message).expect("it has no maps whose keys are no strings"),
            decode: |bytes| serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string())),
        }
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Note {
        number: u64,
    }

    pub(super) struct Writer(Vec<u64>);

    impl Node for Writer {
        type Message = Note;
        type Request = RegisterOp;
        type Response = Option<u64>;
        const KINDS: &'static [&'static str] = &["Note"];
        const CODEC: Option<Codec<Note>> = Some(json());

        fn kind(_: &Note) -> usize {
            0
        }

        fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
            match input {
                Input::Timer(_) => {
                    cx.send(2, Note { number: 1_000_000_000 });
                    cx.set(Timer(0), Duration::from_millis(1));
                }
                Input::Message { message, .. } => self.0.push(message.number),
                _ => {}
            }
        }

        fn inspect(&self, _: &mut StateView) {}
    }

    pub(super) struct Written;

    impl Target for Written {
        type Node = Writer;

        fn about(&self) -> About {
            About::new("written").nodes(2..=2)
        }

        fn start(&self, boot: &Boot<'_>, cx: &mut Context<'_, Writer>) -> Writer {
            if boot.me == 1 {
                cx.set(Timer(0), Duration::from_millis(1));
            }
            Writer(Vec::new())
        }

        fn workloads(&self) -> Vec<Workload<Writer>> {
            vec![Workload::new("register", Register::default(), |op| *op, |_, value| murphy_sim::Completion::Ok(value))]
        }
    }

    /// The numbers that arrived, as text, and how many messages were sent.
    pub(super) fn arrived(step: &str) -> (Vec<u64>, usize, u32) {
        let header = "seed 3\nops 0\nphases chaos 4s, heal 10ms, settle 10ms";
        let schedule = crate::probe::schedule(&format!("{header}\n{step}"));
        let outcome = Runner::new(Rc::new(Written), BTreeSet::new()).run(&schedule, murphy_sim::Options::TRACE).clone();
        // What is sent after the chaos phase is whole.
        let chaos = || outcome.trace.iter().filter(|event| event.time < 4_000 * MS);
        let number = |text: &str| text.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number");
        let sent = chaos().filter(|event| matches!(event.what, What::Send { .. })).count();
        let numbers = chaos().filter_map(|event| match &event.what {
            What::Deliver { text, .. } => Some(number(text)),
            _ => None,
        });
        (numbers.collect(), sent, outcome.steps.first().map_or(0, |step| step.effects))
    }

    #[test]
    fn flipped_bits_of_an_encoded_message_give_another_message_or_none() {
        let (numbers, sent, effects) = arrived("at 0s corrupt n1->n2 100% max 1");
        assert!(sent > 3_900 && effects as usize > 3_900);
        // A flip within the ten digits may give another digit; anything else is no JSON, or no note.
        assert!(numbers.len() > sent / 5 && numbers.len() < sent * 2 / 3, "{} of {sent}", numbers.len());
        assert!(numbers.iter().all(|number| *number != 1_000_000_000), "one flipped bit is never nothing");
        assert!(numbers.iter().collect::<BTreeSet<_>>().len() > 20);
    }

    #[test]
    fn as_many_bits_are_flipped_as_is_said() {
        let share = |bits: &str| {
            let (numbers, sent, _) = arrived(&format!("at 0s corrupt n1->n2 100% {bits}"));
            numbers.len() * 100 / sent
        };
        // The more bits, the fewer messages can still be read.
        let (one, few, many) = (share("min 1 max 1"), share("min 3 max 3"), share("min 60 max 60"));
        assert!(one > 2 * few && few >= many && many == 0, "{one} {few} {many}");
        let between = share("min 1 max 3");
        assert!(few < between && between < one, "{few} {between} {one}");
    }

    #[test]
    fn a_codec_says_why_bytes_are_no_message() {
        let codec = json::<Note>();
        let note = Note { number: 7 };
        assert_eq!((codec.encode)(&note), br#"{"number":7}"#);
        assert_eq!((codec.decode)(br#"{"number":7}"#), Ok(note));
        let error = (codec.decode)(br#"{"number":"#).expect_err("it ends too early");
        assert!(matches!(&error, CodecError::Malformed(why) if why.contains("EOF")), "{error}");
        assert_eq!(CodecError::Short { found: 3, expected: 8 }.to_string(), "3 bytes, expected at least 8");
    }

    #[test]
    fn the_bytes_of_a_message_count_on_a_narrow_link() {
        assert_eq!(Writer::size(&Note { number: 7 }), 12);
        assert_eq!(ProbeNode::size(&Numbered { kind: 0, number: 7 }), 100);
    }
}
