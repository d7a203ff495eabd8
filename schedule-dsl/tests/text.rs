//! The text form: it says everything, it has one canonical shape, and its mistakes are pointed at.

mod common;

use common::{raft, same, schedules};
use murphy_schedule::{
    Again, Diagnostic, Document, Edge, Fact, Fault, FaultKind, Lasts, Link, Name, Nodes, Schedule, Side, Step,
    Vocabulary, When,
    field::{Cut, DiskFate, PauseMode},
};

fn parse(text: &str) -> Document {
    Document::parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
}

fn errors(text: &str) -> Vec<Diagnostic> {
    Document::parse(text).expect_err("the text is wrong")
}

/// A line of a file reads as a step and is printed as `printed`.
#[track_caller]
fn check_step(line: &str, printed: &str) {
    let document = parse(&format!("murphy 1\n{line}\n"));
    let last = document.to_string().lines().last().map(str::to_owned);
    assert_eq!(last.as_deref(), Some(printed));
    same(&parse(&document.to_string()).schedule, &document.schedule, line);
}

/// A line of a file is refused with this message.
#[track_caller]
fn check_error(line: &str, message: &str) {
    let errors = errors(&format!("murphy 1\n{line}\n"));
    assert_eq!(errors.iter().map(Diagnostic::to_string).collect::<Vec<_>>(), [message]);
}

#[test]
fn every_schedule_survives_text() {
    for (round, schedule) in (0..).zip(schedules(100_000)) {
        let document = Document::new("raft-kv+B1", schedule, &raft());
        let again = parse(&document.to_string());
        same(&again.schedule, &document.schedule, "with spellings");
        assert_eq!(again.target, document.target);
        if round % 10 != 0 {
            continue;
        }
        let bare = Document::new("any", document.schedule, &Vocabulary::default());
        same(&parse(&bare.to_string()).schedule, &bare.schedule, "with hashes");
    }
}

#[test]
fn formatting_twice_is_formatting_once() {
    for schedule in schedules(600) {
        let text = Document::new("any", schedule, &raft()).to_string();
        assert_eq!(parse(&text).to_string(), text);
    }
}

#[test]
fn every_fault_survives_text() {
    for kind in FaultKind::ALL {
        let vocabulary = raft();
        let mut dice = murphy_schedule::Dice::new(kind.tag().into());
        for _ in 0..200 {
            let fault = Fault::random(*kind, &vocabulary, &mut dice);
            let step = Step { when: When::At(0), fault, lasts: Lasts::Healed, id: 0, again: Again::NEVER };
            let schedule = Schedule { steps: vec![step], ..Schedule::default() };
            let text = Document::new("any", schedule.clone(), &vocabulary).to_string();
            assert!(text.contains(kind.keyword()), "{text}");
            same(&parse(&text).schedule, &schedule, &text);
        }
    }
}

#[test]
fn debug_prints_the_text() {
    let role = Nodes::Role(Name(0x3fa2));
    let step = Step {
        when: When::At(1_200_000),
        fault: Fault::Pause { victims: role, clocks: PauseMode::Running },
        lasts: Lasts::Healed,
        id: 0,
        again: Again::NEVER,
    };
    let schedule = Schedule { steps: vec![step], ..Schedule::default() };
    assert_eq!(format!("{schedule:?}"), "murphy 1\ntarget any\nseed 0x0\n\nat 1.2s  pause name:3fa2\n");
}

const EXAMPLE: &str = r#"murphy 1
target raft-kv
seed   0x5eed
nodes 3, clients 4, keys 2, ops 60
phases chaos 4s, settle 3s

# the leader is slow while it is cut off
slow:  at 1.20s                                 pause leader for 2s     # garbage collection, say
       after slow begins +40ms                  partition {leader} | rest for election_timeout*1.1

       after n2 sync #3                         crash n2 torn, restart after 250ms
       after send AppendEntries leader->n3 #5   delay 300ms
       before mark "two leaders" #1 from slow   pause previous-leader for lease*0.98
       after n3 becomes leader #1               invoke read k1 via previous-leader
# the end
"#;

#[test]
fn the_example_of_the_design_reads_and_is_formatted() {
    let document = parse(EXAMPLE);
    assert_eq!(document.schedule.steps.len(), 6);
    assert_eq!(document.labels.get(&1).map(String::as_str), Some("slow"));
    let expected = r#"murphy 1
target raft-kv
seed 0x5eed
nodes 3, clients 4, keys 2, ops 60
phases chaos 4s, settle 3s

# the leader is slow while it is cut off
slow: at 1.2s                                       pause leader for 2s  # garbage collection, say
      after slow begins +40ms                       partition leader | rest for election_timeout*1.1

      after n2 sync #3                              crash n2 torn, restart after 250ms
      after send AppendEntries leader->n3 #5        delay 300ms
      before mark "two leaders" #1 from slow begins pause previous-leader for lease*0.98
      after n3 becomes leader #1                    invoke read k1 by c1 via previous-leader
# the end
"#;
    let expected = expected.replace("begins pause", "begins  pause");
    let aligned: Vec<String> = expected.lines().map(squeeze).collect();
    assert_eq!(document.to_string().lines().map(squeeze).collect::<Vec<_>>(), aligned);
    assert_eq!(parse(&document.to_string()).to_string(), document.to_string());
}

/// `line` with every run of spaces as one.
fn squeeze(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_example_means_what_it_says() {
    let steps = parse(EXAMPLE).schedule.steps;
    assert_eq!(
        steps[2],
        Step {
            when: When::Fact { fact: Fact::Sync(Nodes::Node(2)), side: Side::After, nth: 3, from: None, delay: 0 },
            fault: Fault::Crash { victims: Nodes::Node(2), disk: DiskFate::Torn, cut: Cut(0) },
            lasts: Lasts::For(250_000),
            id: 0,
            again: Again::NEVER,
        }
    );
    let mark = Fact::Mark(Name::of("two leaders"));
    let from = Some((1, Edge::Begins));
    assert_eq!(steps[4].when, When::Fact { fact: mark, side: Side::Before, nth: 1, from, delay: 0 });
    assert_eq!(steps[4].lasts, Lasts::Constant { name: Name::of("lease"), percent: -2 });
    let link = Link { from: Nodes::Role(Name::of("leader")), to: Nodes::Node(3) };
    let sent = Fact::Send(Name::of("AppendEntries"), link);
    assert_eq!(steps[3].when, When::Fact { fact: sent, side: Side::After, nth: 5, from: None, delay: 0 });
}

#[test]
fn what_is_left_out_is_the_default() {
    check_step("at 1s partition n1", "at 1s  partition n1 | rest");
    check_step("after send crash n1", "after send #1  crash n1");
    check_step("after send Vote crash n1", "after send Vote #1  crash n1");
    check_step("after deliver n1->n2 delay 5ms", "after deliver n1->n2 #1  delay 5ms");
    check_step("at 0s invoke read k2", "at 0s  invoke read k2 by c1");
    check_step("s2: at 1000ms pause n1 for lease*1.00", "s2: at 1s  pause n1 for lease");
    check_step("at 2m block until s3 ends", "at 120s  block until s3 ends");
}

#[test]
fn nodes_are_written_in_several_ways() {
    for text in
        ["n16", "{n1,n3}", "{n1}", "{}", "leader", "previous-leader", "majority", "minority from n2", "rest", "all"]
    {
        check_step(&format!("at 1s pause {text}"), &format!("at 1s  pause {text}"));
    }
    check_step("at 1s pause {leader}", "at 1s  pause leader");
    check_step("at 1s pause {majority from n2}", "at 1s  pause majority from n2");
    check_step("at 1s pause \"rest\"", "at 1s  pause \"rest\"");
    check_step("at 1s pause previous-\"log keeper\"", "at 1s  pause previous-\"log keeper\"");
    check_step("at 1s pause name:3fa2", "at 1s  pause name:3fa2");
    check_step("at 1s block majority from n1->previous-name:0000", "at 1s  block majority from n1->previous-name:0000");
    check_step("at 1s reseed all", "at 1s  reseed all");
    check_step("at 1s reseed all->all", "at 1s  reseed all->all");
    check_step(
        "after send n1->majority from n2 #1 from s4 begins reseed",
        "after send n1->majority from n2 #1 from s4 begins  reseed",
    );
}

#[test]
fn a_crash_restarts_and_other_faults_end() {
    check_step("at 1s crash n1 keep cut 3 for 20ms", "at 1s  crash n1 keep cut 3, restart after 20ms");
    check_step("at 1s crash n1 restart after lease*0.5", "at 1s  crash n1, restart after lease*0.5");
    check_step("at 1s crash n1 until s9 begins", "at 1s  crash n1 until s9 begins");
    check_error(
        "at 1s pause n1, restart after 1s",
        "line 2:15: found `,`, expected `clocks`, `until`, `for`, `again`, or the end of the line",
    );
    check_error(
        "at 1s note for 1s",
        "line 2:12: found `for`, expected the end of the line, since `note` is over at once",
    );
}

#[test]
fn an_invocation_keeps_its_values() {
    check_step("at 0s invoke write k63 17 by c15 via leader", "at 0s  invoke write k63 17 by c15 via leader");
    check_step("at 0s invoke cas k1 0 5", "at 0s  invoke cas k1 0 5 by c1");
    check_step("at 0s invoke \"log in\" k1", "at 0s  invoke \"log in\" k1 by c1");
    check_step("at 0s invoke name:0000 k1", "at 0s  invoke name:0000 k1 by c1");
}

#[test]
fn a_file_has_all_its_errors_reported() {
    let text = "murphy 1\ntarget raft-kv\nseed 0x1\nnodes 3, clients 2\nat 10mz crash n1\nat 1s crush n2\nat 1s partition {n1 | rest\nafter mark leader #0 pause n1 for 1s\nat 2s clock n1 rate fast for 1s\nat 1s delay n1->n9\n";
    let errors = errors(text);
    let messages: Vec<String> = errors.iter().map(Diagnostic::to_string).collect();
    let faults = "a fault such as `crash` (`murphy faults` lists them)";
    assert_eq!(
        messages,
        [
            "line 5:4: found `10mz`, expected a duration such as `10ms` (units us, ms, s, m)".to_owned(),
            format!("line 6:7: found `crush`, expected {faults}; did you mean `crash`?"),
            "line 7:21: found `|`, expected `,` or `}`".to_owned(),
            "line 8:19: found `#0`, expected an occurrence from `#1` to `#255`".to_owned(),
            "line 9:21: found `fast`, expected a factor from 0 to 65.535, in steps of 0.001".to_owned(),
            "line 10:19: found the end of the line, expected a duration such as `10ms`, or a distribution of them"
                .to_owned(),
        ]
    );
    assert!(errors.iter().all(|error| text[error.span.clone()] == error.found));
}

#[test]
fn an_error_says_what_was_expected() {
    check_error(
        "sed 7",
        "line 2:1: found `sed`, expected a step (`at`, `after`, `before`, `on call`) or a line of the header; did you mean `seed`?",
    );
    check_error(
        "before n1 becomes leader note",
        "line 2:1: found `before`, expected `after`: a role is seen once it has been taken, a fault once it has begun",
    );
    check_error("at 5 note", "line 2:4: found `5`, expected a duration such as `10ms` (units us, ms, s, m)");
    check_error("at 9999s note", "line 2:4: found `9999s`, expected a duration of at most 4294967.295ms");
    check_error("at 0.5us note", "line 2:4: found `0.5us`, expected a duration in steps of 1us");
    check_error("phases chaos 15ms", "line 2:14: found `15ms`, expected a duration in steps of 10ms");
    check_error(
        "ambient loss 101%",
        "line 2:14: found `101%`, expected a share from `0%` to `100%`, in steps of 0.01%",
    );
    check_error("nodes 17", "line 2:7: found `17`, expected a number from 0 to 16");
    check_error("nodes 3, keys 1, nodes 4", "line 2:18: found `nodes`, expected `nodes` once (line 2 has it)");
    check_error("at 1s pause n17", "line 2:13: found `n17`, expected a node from `n1` to `n16`");
    check_error("target raft kv", "line 2:13: found `kv`, expected the end of the line");
    check_error(
        "at 1s crash n1 tron",
        "line 2:16: found `tron`, expected `lost`, `keep`, `torn`, `wiped`, `subset`, `cut`, `until`, `for`, `,`, `restart`, `again`, or the end of the line; did you mean `torn`?",
    );
    check_error(
        "at 1s pause n1 for lease*2.28",
        "line 2:26: found `2.28`, expected a factor from 0 to 2.27, in steps of 0.01",
    );
    check_error(
        "at 1s pause \"open",
        "line 2:13: found `\"open`, expected nodes such as `n1`, `{n1,n2}`, a role, `primaries`, `one`, `majority`, `rest` or `all`",
    );
    check_error("murphy 1", "line 2:1: found `murphy`, expected `murphy` once (line 1 has it)");
}

#[test]
fn the_first_line_names_the_version() {
    let first = |text| errors(text)[0].to_string();
    assert_eq!(first(""), "line 1:1: found the end of the line, expected `murphy 1` on the first line");
    assert_eq!(first("seed 1"), "line 1:1: found `seed`, expected `murphy 1` on the first line");
    assert_eq!(
        first("murphy 2\nblah"),
        "line 1:8: found `2`, expected version 1, which is all that this murphy understands"
    );
    assert_eq!(errors("murphy 2\nblah").len(), 1);
    parse("# a finding\n\nmurphy 1 # the first\n");
}

#[test]
fn labels_are_ids() {
    let text = "murphy 1\nb: at 0s note\ns1: at 0s note\na: after b begins note\nafter a ends pause n1 until s7 ends\n";
    let document = parse(text);
    let ids: Vec<u8> = document.schedule.steps.iter().map(|step| step.id).collect();
    assert_eq!(ids, [2, 1, 3, 0]);
    assert_eq!(document.schedule.steps[3].references().collect::<Vec<_>>(), [3, 7]);
    same(&parse(&document.to_string()).schedule, &document.schedule, "labels");
    assert!(document.to_string().contains("after a ends"));
}

#[test]
fn a_label_that_would_read_as_another_id_is_a_number() {
    let mut document = parse("murphy 1\nfirst: at 0s note\nsecond: at 1s note\nafter second ends note\n");
    document.schedule.steps.remove(0);
    let text = document.to_string();
    assert!(text.contains("s2: at 1s") && text.contains("after s2 ends"), "{text}");
    same(&parse(&text).schedule, &document.schedule, &text);
}

#[test]
fn a_label_belongs_to_one_step() {
    check_error(
        "a: at 0s note\na: at 1s note",
        "line 3:1: found `a`, expected a label of its own (line 2 has this one)",
    );
    check_error("n1: at 0s note", "line 2:1: found `n1`, expected a label that is no node");
    check_error("s0: at 0s note", "line 2:1: found `s0`, expected a label from `s1` to `s255`, or another word");
    check_error("slow: at 0s note\nafter fast begins note", "line 3:7: found `fast`, expected the label of a step");
    check_error(
        "slow: at 0s note\nafter slwo begins note",
        "line 3:7: found `slwo`, expected the label of a step; did you mean `slow`?",
    );
    check_step("s4: at 0s note\ns4~: at 1s note", "s4~: at 1s  note");
}

#[test]
fn comments_survive_formatting() {
    let text = "#top\nmurphy 1\n\n# who\nclients 2 # two\n# where\ntarget raft-kv\nseed 3\nphases chaos 0s # nothing\n\n\n#1 first\nat 1s note# one\n\n\n# left\n\nat 2s note #two\n\n# end\n\n";
    let formatted = "# top\nmurphy 1\n# where\ntarget raft-kv\nseed 0x3\n# who\nclients 2  # two\n\n# nothing\n# 1 first\nat 1s  note  # one\n\n# left\n\nat 2s  note  # two\n\n# end\n";
    assert_eq!(parse(text).to_string(), formatted);
    assert_eq!(parse(formatted).to_string(), formatted);
}

#[test]
fn a_file_without_steps_is_a_schedule() {
    let text = "murphy 1\ntarget any\nseed 0x0\nops 0\nmix 0 2\nambient jitter 1ms, loss 0.5%, duplication 1%\n\n# nothing goes wrong\n";
    let document = parse(text);
    assert_eq!(document.schedule.header.ops, Some(0));
    assert_eq!(document.to_string(), text);
}

#[test]
fn no_text_makes_the_parser_panic() {
    let mut dice = murphy_schedule::Dice::new(7);
    let pieces: Vec<&str> =
        EXAMPLE.split_inclusive(' ').chain(["#0", "\"", "é", "{", "->", "name:", "s999 ", "\n", "~:"]).collect();
    for _ in 0..20_000 {
        let count = dice.below(20);
        let text: String = (0..count).map(|_| *dice.pick(&pieces).expect("there are pieces")).collect();
        let _ = Document::parse(&text);
        let text = format!("murphy 1\n{text}");
        if let Ok(document) = Document::parse(&text) {
            let formatted = document.to_string();
            assert_eq!(parse(&formatted).to_string(), formatted, "{text}");
            same(&parse(&formatted).schedule, &document.schedule, &text);
        }
        for error in Document::parse(&text).err().unwrap_or_default() {
            assert_eq!(text.get(error.span.clone()), Some(error.found.as_str()));
        }
    }
}

#[test]
fn very_many_mistakes_are_counted() {
    let many = 40_000;
    let found = errors(&format!("murphy 1\n{}", "at 1s note\n".repeat(many)));
    assert_eq!(found.len(), 1);
    let expected = format!("line 130:1: found `at`, expected at most 128 steps ({} more follow this one)", many - 129);
    assert_eq!(found[0].to_string(), expected);
    let found = errors(&format!("murphy 1\n{}at 1s note\n", "at 1s note\n".repeat(128)));
    assert_eq!(found[0].to_string(), "line 130:1: found `at`, expected at most 128 steps");
    for line in ["at 1s crush n1\n", "a: at 1s\n", "seed 1\nsed\n"] {
        let text = format!("murphy 1\n{}", line.repeat(300_000));
        let found = errors(&text);
        assert_eq!(found.len(), 100, "{line}");
        assert!(found[98].line < found[99].line || found[98].column <= found[99].column);
        let last = &found[99].expected;
        assert!(last.contains("(and ") && last.ends_with(" more mistakes below)"), "{last}");
    }
}

#[test]
fn an_item_of_the_header_is_said_once() {
    let check = |line: &str, column: u32, what: &str| {
        let found = errors(&format!("murphy 1\ndcs 3\n{line}\n"));
        assert_eq!((found.len(), found[0].column), (1, column), "{line}: {found:?}");
        assert_eq!(found[0].expected, format!("{what} once (line 3 has it)"));
    };
    check("phases chaos 3s, chaos 5s", 18, "`chaos`");
    check("phases chaos 3s, calm 1s, chaos 3s", 27, "`chaos`");
    check("ambient loss 1%, loss 1%", 18, "`loss`");
    check("latency within 1ms, within 2ms", 21, "`within`");
    check("latency dc1 to dc2 1ms, dc2 to dc1 2ms", 25, "each pair");
    check("resources cpu 1%, cpu 2%", 19, "`cpu`");
    let right = "murphy 1\ndcs 3\nlatency dc1 to dc2 1ms, dc1 to dc3 2ms, within 1ms\n";
    assert_eq!(parse(right).schedule.header.within.micros(), 1_000);
}

#[test]
fn a_number_without_its_unit_asks_for_it() {
    let share = |line: &str, found: &str, meant: &str| {
        let error = &errors(&format!("murphy 1\n{line}\n"))[0];
        assert_eq!((error.found.as_str(), error.suggestion.as_deref()), (found, Some(meant)), "{line}");
        assert_eq!(error.expected, "a share such as `30%`, with its `%`");
    };
    share("at 1s loss 0.3", "0.3", "30%");
    share("at 1s loss 30", "30", "30%");
    share("at 1s loss n1->n2 1", "1", "1%");
    share("at 1s close all->n2 0.5", "0.5", "50%");
    share("at 1s cpu n1 use 80", "80", "80%");
    share("ambient loss 0.01", "0.01", "1%");
    check_error(
        "at 1s bandwidth n1->n2 20",
        "line 2:24: found `20`, expected a size such as `100B`, `20kB`, `64MB` or `1GB`: whole numbers below 16384 of a unit",
    );
    check_error(
        "at 1s pause n1 for 5",
        "line 2:20: found `5`, expected a duration such as `10ms` (units us, ms, s, m)",
    );
}

#[test]
fn several_nodes_stand_in_braces() {
    check_error(
        "at 1s crash n1, n2",
        "line 2:13: found `n1, n2`, expected braces around several nodes; did you mean `{n1,n2}`?",
    );
    check_error(
        "at 1s partition n1,n2, n3 | rest",
        "line 2:17: found `n1,n2, n3`, expected braces around several nodes; did you mean `{n1,n2,n3}`?",
    );
    check_step("at 1s crash n1, restart after 1s", "at 1s  crash n1, restart after 1s");
}
