//! Every warning, each beside a twin that gets none.

use super::{System, Warning, lint, position};
use crate::{Document, Vocabulary, document::Line, forms::parse, tree::Form, vocabulary::Names};

fn raft() -> Vocabulary {
    Vocabulary {
        nodes: (3, 5),
        spares: 0,
        kinds: Names::new(["AppendEntries", "RequestVote"]),
        roles: Names::new(["leader", "follower", "candidate"]),
        marks: Names::new(["two leaders"]),
        sites: Names::new(["small batch"]),
        workloads: Names::new(["register", "map"]),
        functions: Names::new(["read", "write"]),
        files: Names::new(["wal"]),
        constants: Names::new(["election_timeout", "lease"]),
        constant_micros: vec![150_000, 100_000],
        chaos_micros: 4_000_000,
        ..Vocabulary::default()
    }
}

#[track_caller]
fn document(target: &str, lines: &str) -> Document {
    let text = format!("murphy 1\ntarget {target}\n{lines}\n");
    Document::parse(&text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"))
}

#[track_caller]
fn warnings(lines: &str) -> Vec<Warning> {
    let system = System { vocabulary: &raft(), survives_wiped_disks: false };
    lint(&document("raft-kv", lines), Some(system))
}

/// `lines` get one warning, which says `words`; `twin` gets none.
#[track_caller]
fn check(lines: &str, words: &[&str], twin: &str) {
    let found = warnings(lines);
    let [warning] = &found[..] else { panic!("{lines}: one warning, not {found:#?}") };
    let text = format!("{}; {}", warning.what, warning.help);
    words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is missing in: {text}"));
    assert_eq!(warnings(twin), [], "{twin}");
}

#[test]
fn numbers_beyond_the_cluster_wrap() {
    check("at 1s crash n4", &["3 nodes", "n4 is n1", "`nodes 4`"], "nodes 4\nat 1s crash n4");
    check("at 1s crash n7", &["n7 is n1", "n1 to n3"], "at 1s crash n3");
    check("at 1s partition {n1,n5} | rest", &["n5 is n2"], "nodes 5\nat 1s partition {n1,n5} | rest");
    check("after n4 sync crash n1", &["n4 is n1"], "after n3 sync crash n1");
    check("at 1s pause majority from n9", &["n9 is n3"], "at 1s pause majority from n3");
    check("nodes 6", &["3 to 5 nodes", "6 become 3", "`nodes 5`"], "nodes 5");
    let open = document("any", "at 1s crash n16");
    assert_eq!(lint(&open, None), [], "of any target nobody knows how many nodes it has");
    assert_eq!(lint(&document("any", "nodes 5\nat 1s crash n6"), None).len(), 1);
}

#[test]
fn names_that_the_target_does_not_know() {
    let sorts = [
        ("at 1s crash leadr", "role `leadr`", "`leader`", "at 1s crash leader"),
        ("at 1s pause previous-boss", "role `boss`", "there are: leader", "at 1s pause previous-leader"),
        ("after n1 becomes king note", "role `king`", "candidate", "after n1 becomes leader note"),
        ("after send AppendEntry note", "message `AppendEntry`", "`AppendEntries`?", "after send AppendEntries note"),
        (
            "at 1s delay n1->n2 of RequestVot 5ms",
            "RequestVot",
            "`RequestVote`?",
            "at 1s delay n1->n2 of RequestVote 5ms",
        ),
        ("after mark \"one leader\" note", "mark `one leader`", "two leaders", "after mark \"two leaders\" note"),
        ("after invoke wite note", "function `wite`", "`write`?", "after invoke write note"),
        ("at 1s invoke raed k1", "function `raed`", "`read`?", "at 1s invoke read k1"),
        ("at 1s pause n1 for leese", "constant `leese`", "`lease`?", "at 1s pause n1 for lease"),
        (
            "at 1s pause n1 for lease + timeout",
            "constant `timeout`",
            "lease",
            "at 1s pause n1 for lease + election_timeout",
        ),
        ("at 1s disk-full n1 in wol", "file `wol`", "`wal`?", "at 1s disk-full n1 in wal"),
        ("at 1s crash name:1234", "role `name:1234`", "next one by hash", "at 1s crash {n1}"),
    ];
    for (wrong, found, help, right) in sorts {
        check(wrong, &[found, help], right);
    }
    let open = document("any", "at 1s crash boss\nafter mark \"m\" pause n1 for patience");
    assert_eq!(lint(&open, None), [], "a schedule for any target may name what some have");
}

#[test]
fn groups_that_nobody_declares() {
    let declared = "group east {n1,n2}\nat 1s crash group east";
    check("at 1s crash group east", &["called `east`", "declare"], declared);
    check("group east {n1,n2}\nat 1s partition group eest | rest", &["`eest`", "`east`?"], declared);
    check("dcs 2\nat 1s partition group dc3 | rest", &["`dc3`"], "dcs 3\nat 1s partition group dc3 | rest");
    assert_eq!(lint(&document("any", "at 1s crash group east"), None).len(), 1);
}

#[test]
fn steps_beyond_the_chaos_phase() {
    check("at 5s crash n1", &["ends at 4s", "`phases chaos TIME`"], "phases chaos 5s\nat 5s crash n1");
    check("phases chaos 1s\nat 1001ms crash n1", &["ends at 1s"], "phases chaos 1s\nat 1s crash n1");
    check("a: at 3s note\nafter a ends +2s crash n1", &["ends at 4s"], "a: at 3s note\nafter a ends +1s crash n1");
    check("after n1 sync +5s crash n1", &["ends at 4s"], "after n1 sync +3s crash n1");
    assert_eq!(lint(&document("any", "at 600s crash n1"), None), [], "its length is the target's");
}

#[test]
fn steps_within_a_calm_window() {
    let windows = |step: &str| format!("phases chaos 9s, active 2s, calm 1s\n{step}");
    check(
        &windows("at 2500ms crash n1"),
        &["2.5s is within a calm window", "for 2s", "for 1s"],
        &windows("at 1900ms crash n1"),
    );
    check(
        &windows("at 2500ms crash n1 again 2 times every 3s"),
        &["calm window"],
        &windows("at 2500ms crash n1 again 2 times every 1s"),
    );
    assert_eq!(warnings(&windows("at 2500ms crash n1 again 2 times every about 3s")), []);
    assert_eq!(warnings(&windows("x: at 2500ms crash n1\nat 1s activate x")), [], "it is activated earlier");
}

#[test]
fn steps_that_nobody_calls() {
    let twin = "x: on call crash n1\nat 1s activate x";
    check("on call crash n1", &["no step does that", "label"], twin);
    check("x: on call crash n1", &["no step does that", "`activate x`"], twin);
    let idle = warnings("x: on call crash n1\ny: on call activate x");
    assert_eq!(idle.len(), 2, "{idle:#?}");
    assert!(idle[0].what.contains("never begin themselves"), "{idle:#?}");
}

#[test]
fn references_to_steps_that_are_not_there() {
    let twin = |step: &str| format!("s7: at 1s partition n1 | rest for 1s\n{step}");
    for (step, words) in [
        ("after s7 ends crash n1", "waits for `s7`"),
        ("after n1 sync from s7 crash n1", "waits for `s7`"),
        ("at 1s crash n1 until s7 ends", "lasts until `s7`"),
        ("at 1s activate s7", "no step has the label `s7`"),
        ("at 1s deactivate s7", "no step has the label `s7`"),
        ("at 1s modify s7 add n2", "no step has the label `s7`"),
    ] {
        check(step, &[words], &twin(step));
    }
    check("x: at 1s activate x", &["of itself"], "x: at 1s note\nat 2s activate x");
    check("x: at 1s crash n1 until x ends", &["its own end"], "y: at 2s note\nat 1s crash n1 until y ends");
    check(
        "x: at 1s crash n1\nat 2s modify x add n2",
        &["no partition"],
        "x: at 1s partition n1\nat 2s modify x add n2",
    );
    check("x: at 1s note\nat 2s deactivate x", &["over as soon"], "x: at 1s crash n1\nat 2s deactivate x");
    check(
        "x: at 1s partition n1\nat 2s modify x",
        &["nobody joins"],
        "x: at 1s partition n1\nat 2s modify x remove n1",
    );
}

#[test]
fn steps_that_wait_for_each_other() {
    let circle = warnings("a: after b ends crash n1\nb: after c begins note\nc: after n1 sync from a note");
    assert_eq!(circle.len(), 3, "{circle:#?}");
    assert!(circle[0].what.contains("in a circle") && circle[0].what.contains("`a` → `b` → `c`"), "{circle:#?}");
    check("a: after a ends crash n1", &["waits for itself"], "a: at 1s crash n1");
    assert_eq!(warnings("a: after b ends crash n1\nb: after a begins note\nat 1s activate a"), [], "one is activated");
    let behind = warnings("a: at 5s note\nafter a begins crash n1");
    assert!(behind[1].what.contains("`a`, which never begins"), "{behind:#?}");
}

#[test]
fn faults_that_no_step_has() {
    check(
        "after fault pause begins crash n1",
        &["`pause`", "no step"],
        "at 1s pause n2\nafter fault pause begins crash n1",
    );
    check("after fault crash ends crash n1", &["`crash`"], "at 1s crash n2\nafter fault crash ends crash n1");
}

#[test]
fn rules_that_other_rules_hide() {
    let lone = "at 1s delay n1->n2 9ms rule 2";
    for (above, hidden) in [
        ("at 1s delay 5ms rule 1", "at 1s delay n1->n2 9ms rule 2 for 1s"),
        ("at 0s delay n1->all 5ms rule 1", "at 1s delay n1->n2 of RequestVote 9ms"),
        ("at 0s loss {n1,n2}->{n2,n3} 5% rule 1 for 3s", "at 1s loss n1->n3 9% rule 7 for 2s"),
        ("after n1 sync delay leader->all 5ms rule 1", "after n1 sync delay leader->all 9ms rule 2"),
    ] {
        check(&format!("{above}\n{hidden}"), &["rule 1", "never applies"], lone);
    }
    for twins in [
        "at 1s delay n1->n2 5ms rule 1\nat 1s delay 9ms rule 2",
        "at 1s delay of RequestVote 5ms rule 1\nat 1s delay of AppendEntries 9ms rule 2",
        "at 1s delay 5ms rule 1\nat 1s loss 9% rule 2",
        "at 1s delay 5ms rule 2\nat 1s delay 9ms rule 2",
        "at 1s delay 5ms\nat 1s delay 9ms",
        "at 2s delay 5ms rule 1\nat 1s delay 9ms rule 2",
        "at 1s delay 5ms rule 1 for 1s\nat 1s delay 9ms rule 2 for 2s",
        "at 1s delay 5ms rule 1\nat 1s delay 9ms rule 2\nat 2s heal",
        "x: at 1s delay 5ms rule 1\nat 1s delay 9ms rule 2\nat 2s deactivate x",
        "at 0s delay leader->all 5ms rule 1\nat 1s delay leader->all 9ms rule 2",
        "at 1s delay one->all 5ms rule 1\nat 1s delay one->all 9ms rule 2",
        "after send n1->n2 delay 5ms rule 1\nafter send n1->n2 delay 9ms rule 2",
        "phases active 2s, calm 1s\nat 1s delay 5ms rule 1\nat 1s delay 9ms rule 2",
    ] {
        assert_eq!(warnings(twins), [], "{twins}");
    }
}

#[test]
fn disks_wiped_beyond_the_promise() {
    check("at 1s crash n1 wiped", &["promise", "`budget off`"], "budget off\nat 1s crash n1 wiped");
    check("at 0s crash n1\nat 1s restart n1 cold", &["void"], "at 0s crash n1\nat 1s restart n1");
    let (bold, vocabulary) = (document("raft-kv", "at 1s crash n1 wiped"), raft());
    let system = System { vocabulary: &vocabulary, survives_wiped_disks: true };
    assert_eq!(lint(&bold, Some(system)), []);
    assert_eq!(lint(&document("any", "at 1s crash n1 wiped"), None), []);
}

#[test]
fn nothing_at_all() {
    check("at 1s pause n1 for 0s", &["`0s` is no time at all"], "at 1s pause n1 for 1us");
    check("at 1s pause n1 for lease*0", &["`lease*0`"], "at 1s pause n1 for lease*0.01");
    check("at 1s pause n1 for lease - election_timeout", &["no time"], "at 1s pause n1 for election_timeout - lease");
    check("at 1s loss n1->n2 0%", &["never"], "at 1s loss n1->n2 0.01%");
    check("at 1s delay n1->n2 0s", &["no time"], "at 1s delay n1->n2 1ms");
}

#[test]
fn selectors_that_find_nobody() {
    for (wrong, right) in [
        ("at 1s crash {}", "at 1s crash {n1}"),
        ("after {} sync crash n1", "after all sync crash n1"),
        ("at 1s partition {} | rest", "at 1s partition n1 | rest"),
        ("at 1s partition all | rest", "at 1s partition all | n1"),
        ("at 1s partition rest | rest", "at 1s partition rest | n1"),
        ("at 1s partition majority | all", "at 1s partition majority | minority"),
        ("at 1s partition leader | leader", "at 1s partition leader | previous-leader"),
        ("at 1s partition {n1,n2} | {n1,n2,n3}", "at 1s partition {n1,n2,n3} | {n1,n2}"),
        ("at 1s partition {n1,n2,n3} | rest", "nodes 4\nat 1s partition {n1,n2,n3} | rest"),
        ("at 1s partition n1 | n1 | n1", "at 1s partition n1 | n1 | rest"),
        ("at 1s partition bridge {n1,n2}", "at 1s partition bridge n1"),
        ("at 1s block n1->n1", "at 1s block n1->n2"),
        ("at 1s block leader->leader", "at 1s block leader->all"),
        ("at 1s block all->rest", "at 1s block all->all"),
        ("after send n2->{n2} note", "after send n2->{n1,n2} note"),
        ("at 1s reseed {}", "at 1s reseed n1"),
    ] {
        check(wrong, &[], right);
    }
}

#[test]
fn a_workload_that_the_target_does_not_have() {
    check("workload regster", &["raft-kv has no workload `regster`", "did you mean `register`?"], "workload register");
}

#[test]
fn shapes_that_need_more_nodes() {
    let vocabulary = Vocabulary { nodes: (2, 5), ..raft() };
    let system = System { vocabulary: &vocabulary, survives_wiped_disks: false };
    for shape in ["ring", "bridge", "minority | rest", "half | one"] {
        let lines = |nodes: u8| document("raft-kv", &format!("nodes {nodes}\nat 1s partition {shape}"));
        let expected = usize::from(shape != "half | one");
        assert_eq!(lint(&lines(2), Some(system)).len(), expected, "{shape}");
        assert_eq!(lint(&lines(5), Some(system)), [], "{shape}");
    }
}

#[test]
fn a_warning_has_its_place_in_the_text() {
    let text = "# why\nmurphy 1\ntarget any\n\nnodes 5\n  a: at 1s note\n# and\nat: at 2s note\nseed: at 3s note";
    let places = [
        (Line::Target, (3, 1)),
        (Line::Shape, (5, 1)),
        (Line::Step(0), (6, 3)),
        (Line::Step(1), (8, 1)),
        (Line::Step(2), (9, 1)),
    ];
    for (line, place) in places {
        assert_eq!(position(text, line), Some(place), "{line:?}");
    }
    assert_eq!(position(text, Line::Step(3)), None);
}

#[test]
fn sides_that_are_drawn_alike_are_others() {
    for step in ["partition one | one", "partition half | half", "partition some | some", "block one->one"] {
        assert_eq!(warnings(&format!("at 1s {step}")), [], "{step}");
    }
    check("at 1s partition last-voter | last-voter", &["nothing is cut"], "at 1s partition last-voter | one");
}

#[test]
fn distributions_that_cannot_be() {
    let delay = |latency: &str| format!("at 1s delay n1->n2 {latency}");
    check(&delay("uniform 11ms to 1ms"), &["wrong way round", "lesser one first"], &delay("uniform 1ms to 1ms"));
    check(&delay("pareto 30ms mean 10ms"), &["mean below its least"], &delay("pareto 10ms mean 30ms"));
    check(
        "at 1s socket n1->n2 takes uniform 2ms to 1ms",
        &["`uniform 2ms to 1ms`"],
        "at 1s socket n1->n2 takes uniform 1ms to 2ms",
    );
}

#[test]
fn values_that_are_missing_or_contradict_each_other() {
    check("at 1s corrupt min 8 max 2", &["at least 8", "at most 2"], "at 1s corrupt min 2 max 2");
    check("at 1s corrupt min 10", &["at most 8"], "at 1s corrupt min 8");
    check("at 1s memory n1", &["`memory` without a value", "`limit 64MB`"], "at 1s memory n1 use 1%");
    check("at 1s clock n1", &["`clock` without a value"], "at 1s clock n1 rate 1.1");
    check("at 1s clock n1 of wall", &["`clock` without a value"], "at 1s clock n1 behind 1ms of wall");
    check("at 1s bump n1", &["`bump` without a value"], "at 1s bump n1 ahead 1ms");
    check("at 1s strobe n1", &["`strobe` without a value"], "at 1s strobe n1 ahead 1ms");
    check("at 1s attrition all leave 3", &["3 nodes", "none is taken down"], "at 1s attrition all leave 2");
    assert_eq!(warnings("nodes 4\nat 1s attrition all leave 3"), []);
}

#[test]
fn members_beyond_the_cluster() {
    check("group east {n1,n4}", &["n4 is n1", "`nodes 4`"], "nodes 4\ngroup east {n1,n4}");
    check("dc east {n5}\ndc {n1}", &["n5 is n2"], "dc east {n3}\ndc {n1}");
    assert_eq!(warnings("group east {n1}\ngroup west {n4}")[0].line, Line::Group(1));
    assert_eq!(lint(&document("any", "group east {n16}"), None), []);
}

#[test]
fn latencies_of_data_centres_that_are_not_there() {
    check("latency within 1ms", &["no data centre", "`dcs 2`"], "dcs 2\nlatency within 1ms");
    check("latency between 40ms", &["no data centre"], "dcs 2\nlatency between 40ms");
    check("dcs 1\nlatency between 40ms", &["one data centre"], "dcs 1\nlatency within 1ms");
    check("dcs 2\nlatency dc1 to dc3 1ms", &["2 data centres", "`dcs 3`"], "dcs 3\nlatency dc1 to dc3 1ms");
    assert_eq!(warnings("latency within 1ms")[0].line, Line::Latency);
}

#[test]
fn restarts_of_nodes_that_cannot_be_down() {
    check("at 1s restart n1", &["takes a node down"], "at 1s crash n1\nat 2s restart n1");
    assert_eq!(warnings("at 1s disk-full n1\nat 2s restart n1"), [], "a program may give up");
    assert_eq!(warnings("on call crash n1\nat 1s restart n1").len(), 2, "what never begins takes nobody down");
}

#[test]
fn beginnings_that_never_come_again() {
    check(
        "at 1s pause n1 for 1s again 3 times every 200ms",
        &["0 times, not 3"],
        "at 1s pause n1 for 200ms again 3 times every 200ms",
    );
    check(
        "at 1s pause n1 for 500ms again 3 times every 200ms",
        &["1 times, not 3"],
        "at 1s pause n1 for 500ms again 3 times every about 200ms",
    );
    check(
        "at 1s pause n1 again 3 times every 1s",
        &["does not begin again"],
        "at 1s pause n1 again 3 times every 1s\nat 2500ms heal",
    );
    for twin in [
        "at 1s pause n1 for 1s again 3 times",
        "at 1s reseed again 3 times every 200ms",
        "phases active 500ms, calm 500ms\nat 0s pause n1 for 1s again 3 times every 600ms",
        "x: at 1s pause n1 for 1s again 3 times every 600ms\nat 1s deactivate x",
        "after send loss for 1s again 3 times every 100ms",
    ] {
        assert_eq!(warnings(twin), [], "{twin}");
    }
}

#[test]
fn windows_that_are_none() {
    check("phases active 2s", &["`active` without `calm`"], "phases active 2s, calm 1s");
    check("phases calm 2s", &["`calm` without `active`"], "phases chaos 2s");
    assert_eq!(warnings("phases calm 2s")[0].line, Line::Phases);
}

#[test]
fn steps_that_begin_as_a_calm_window_does() {
    let windows = |step: &str| format!("phases chaos 9s, active 2s, calm 1s\n{step}");
    check(&windows("at 2s pause n1"), &["begins at 2s", "as soon as it begins"], &windows("at 1999ms pause n1"));
    check(&windows("at 5s crash n1, restart after 1s"), &["begins at 5s"], &windows("at 3s crash n1"));
    assert_eq!(warnings(&windows("at 2s bump n1 ahead 5s")), [], "it is over before");
    assert_eq!(warnings(&windows("at 2s pause n1 again once every 1s")), []);
}

#[test]
fn a_node_with_a_large_letter_is_a_role() {
    check("at 1s crash N1", &["role `N1`", "did you mean `n1`?"], "at 1s crash n1");
}

#[test]
fn what_is_read_from_any_form_knows_where_it_stands() {
    let text = "\u{feff}murphy 1\nclients 2\nnodes 5\nphases active 1s\n\n  at 1s note\n";
    let places = Document::parse(text).expect("valid").places;
    assert_eq!(places[&Line::Step(0)], (6, 3));
    assert_eq!((places[&Line::Shape], places[&Line::Phases]), ((3, 1), (4, 1)));
    for (form, text, line, place) in [
        (
            Form::Yaml,
            "murphy: 1\nnodes: 3\nsteps:\n- {at: 1s, fault: note}\n- at: 2s\n  fault: note\n",
            Line::Step(1),
            (5, 3),
        ),
        (Form::Yaml, "murphy: 1\nclients: 1\nnodes: 3\n", Line::Shape, (3, 1)),
        (Form::Json, "{\"murphy\": 1,\n \"steps\": [{\"at\": \"1s\", \"fault\": \"note\"}]}", Line::Step(0), (2, 12)),
        (Form::Toml, "[faults.a]\ntype = \"note\"\n\n[faults.b]\ntype = \"note\"\n", Line::Step(1), (4, 1)),
        (Form::Script, "reseed()\n\nb = crash(\"n1\")\n", Line::Step(1), (3, 1)),
    ] {
        let document = parse(form, text).expect("valid");
        assert_eq!(document.places.get(&line), Some(&place), "{text}");
        let mut elsewhere = document.clone();
        elsewhere.places.clear();
        assert_eq!(elsewhere, document);
    }
}
