//! The language of invariants: what it reads, what it refuses and where, and what each of its words means.

use murphy_checker::{
    history::{Call, Completion, History, Value},
    invariant::{
        Capture, Fields, Invariant, Judge, Occasion, Seen, State, Trigger, collection, history, literal, parse, read,
        variable,
    },
};

const EVERYTHING: &str = include_str!("everything.inv");

/// A state of these objects, each `name group field=number …`.
fn state(fields: &mut Fields, objects: &str) -> State {
    let mut state = State::default();
    for object in objects.split(';').filter(|object| !object.trim().is_empty()) {
        let mut words = object.split_whitespace();
        let (name, group) = (words.next().expect("a name"), words.next().expect("a group"));
        let say = |capture: &mut Capture<'_>| {
            for (field, value) in words.map(|word| word.split_once('=').expect("field=value")) {
                match value.parse::<i64>() {
                    Ok(number) => capture.put_named(field, || number),
                    Err(_) if value == "nil" => capture.put_named(field, || None::<i64>),
                    Err(_) if value.contains(',') => {
                        let numbers = value.split(',').filter_map(|number| number.parse::<i64>().ok());
                        capture.put_named(field, || murphy_checker::invariant::Datum::many(numbers));
                    }
                    Err(_) => capture.put_named(field, || value),
                }
            }
        };
        state.capture(&name.into(), &[group.into()].into(), fields, &mut Vec::new(), say);
    }
    state
}

/// What comes of a clause in these states: `holds`, `undecided`, or why it does not hold.
fn judged(clause: &str, old: &str, new: &str) -> String {
    let invariants = parse(&format!("invariant \"it\", on step: {{ {clause} }}"))
        .unwrap_or_else(|error| panic!("{clause}: {error}"));
    let mut judge = Judge::new(invariants);
    let mut fields = judge.fields().and_all();
    let (old, new) = (state(&mut fields, old), state(&mut fields, new));
    let seen = |new| Seen { new, old: Some(&old), changed: None };
    judge.judge(Occasion::Step, 0, &fields, seen(&old));
    judge.judge(Occasion::Step, 1, &fields, seen(&new)).map_or_else(
        || if judge.undecided().count() > 0 { "undecided".to_string() } else { "holds".to_string() },
        |broken| format!("{}{}", broken.object.map(|object| format!("{object}: ")).unwrap_or_default(), broken.why),
    )
}

#[track_caller]
fn check(clause: &str, new: &str, expected: &str) {
    assert_eq!(judged(clause, "", new), expected, "{clause} of {new}");
}

#[test]
fn every_word_means_what_it_says() {
    let two = "a g x=3 y=4; b g x=5";
    check("x == 3", "a g x=3", "holds");
    check("x == 4", "a g x=3", "expected x == 4, but x is 3");
    check("x != 3", "a g x=3", "expected x != 3, but x is 3");
    check("on object(b): x < 5", two, "expected x < 5, but x is 5");
    check("on object(b): x <= 5", two, "holds");
    check("on object(b): x > 5", two, "expected x > 5, but x is 5");
    check("on object(b): x >= 5", two, "holds");
    check("on object(b): not x >= 5", two, "expected not x >= 5");
    check("on object(b): x >= 5 and x < 5", two, "expected x < 5, but x is 5");
    check("on object(b): x < 5 or x > 5", two, "expected x < 5 or x > 5");
    check("on object(b): x < 5 || x == 5 && true", two, "holds");
    check("on object(b): false or not false", two, "holds");
    check("on every object: x < 5", two, "b: expected x < 5, but x is 5");
    check("on every object: x > 3", two, "a: expected x > 3, but x is 3");
    check("for group(g): sum(x) == 8", two, "holds");
    check("for group(g): sum(x) == 9", two, "expected sum(x) == 9, but sum(x) is 8");
    check("for group(h): sum(x) == 8", two, "undecided");
    check("count(x) == 2", two, "holds");
    check("min(x) + max(x) == 8", two, "holds");
    check("min(x) == 5", two, "expected min(x) == 5, but min(x) is 3");
    check("max(x) == 3", two, "expected max(x) == 3, but max(x) is 5");
    check("y == 4", two, "holds");
    check(
        "x == 4",
        two,
        "it cannot be judged: `x` is a field of a, b and perhaps others: say sum(x), min, max or count, or `on every object`",
    );
    check("1 + 2 * 3 - -1 == 8", two, "holds");
    check("7 / 2 == 3 and 7 % 2 == 1 and (1 + 2) * 3 == 9 and 9 - 3 - 2 == 4", two, "holds");
    check("1 / 0 == 1", two, "it cannot be judged: 1 / 0 has no result");
    check(
        "170141183460469231731687303715884105727 + 1 == 0",
        two,
        "it cannot be judged: 170141183460469231731687303715884105727 + 1 has no result",
    );
    check("count(items) >= 5", "a g items=1,2,3,4,", "expected count(items) >= 5, but count(items) is 4");
    check("on object(a): items[1] == 2", "a g items=1,2,", "holds");
    check("on object(a): items[2] == 2", "a g items=1,2,", "undecided");
    check("read(a) == 5 and read(\"a\") == 5", "a g value=5", "holds");
    check("read(a) == 6", "a g value=5", "expected read(\"a\") == 6, but read(\"a\") is 5");
    check("read(b) == 5", "a g value=5", "undecided");
    check("read(a) == nil and x == nil", "a g value=nil x=nil", "holds");
    check("x < 5", "a g x=nil", "undecided");
    check("x == 5", "a g x=nil", "expected x == 5, but x is nil");
    check("role == \"leader\"", "a g role=leader", "holds");
    check("role == 5", "a g role=leader", "it cannot be judged: \"leader\" and 5 are not of one sort");
    check("x", "a g x=3", "it cannot be judged: `x` is 3, expected true or false");
    check("-role == 3", "a g role=leader", "it cannot be judged: `role` is \"leader\", expected a number");
    check("x >= -5", "a g x=-7", "expected x >= -5, but x is -7");
    check("role + 1 == 3", "a g role=leader", "it cannot be judged: \"leader\" + 1: expected numbers");
    check("sum(role) == 3", "a g role=leader", "it cannot be judged: `role` holds \"leader\", expected numbers");
    check("on object(a): x <= limit", "a g x=3; system g limit=2", "expected x <= limit, but x is 3 and limit is 2");
    check("on every object: limit == 2 and x == 3", "a g x=3; system g limit=2", "holds");
}

#[test]
fn what_is_not_there_decides_nothing() {
    check("z == 3", "a g x=3", "undecided");
    check("z == 3 and x == 4", "a g x=3", "expected x == 4, but x is 3");
    check("z == 3 and x == 3", "a g x=3", "undecided");
    check("z == 3 or x == 3", "a g x=3", "holds");
    check("z == 3 or x == 4", "a g x=3", "undecided");
    check("not z == 3", "a g x=3", "undecided");
    check("sum(z) == 0", "a g x=3", "undecided");
}

#[test]
fn states_before_are_those_before() {
    let check =
        |clause: &str, old: &str, new: &str, expected: &str| assert_eq!(judged(clause, old, new), expected, "{clause}");
    check("on every object: new_x >= old_x", "a g x=3", "a g x=4", "holds");
    check("on every object: x >= old_x", "a g x=4", "a g x=3", "a: expected x >= old_x, but x is 3 and old_x is 4");
    check("sum(x) == sum(old_x)", "a g x=4; b g x=1", "a g x=3; b g x=2", "holds");
    check("old_read(a) == 1 and new_read(a) == 2", "a g value=1", "a g value=2", "holds");
    check("x >= initial_x", "a g x=4", "a g x=3", "expected x >= initial_x, but x is 3 and initial_x is 4");
    check(
        "for group(g): sum(x) == initial_total",
        "a g x=4; system s total=4",
        "a g x=3; system s total=9",
        "expected sum(x) == initial_total, but sum(x) is 3 and initial_total is 4",
    );
    check(
        "for group(g): sum(x) == initial_total",
        "a g x=4; system s initial_total=4",
        "a g x=3; system s initial_total=3",
        "holds",
    );
}

#[test]
fn text_and_rust_make_the_same_and_print_as_they_read() {
    let all = parse(EVERYTHING).expect("it is right");
    let printed: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(parse(&printed.join("\n")).as_deref(), Ok(&all[..]), "{}", printed.join("\n"));
    let built = [Invariant::new("rust", read("x").equals(5).or(variable("old_balance").greater_than(0).negated()))
        .and(collection("items").size().at_least(5).and(collection("items").max().at_most(9)).on_object("box"))
        .and(collection("x").min().less_than(3).and(collection("initial_x").sum().differs_from(1)).on_group("g"))
        .and(literal(true).on_every_object())
        .when([Trigger::Every(10_000_000), Trigger::Fault])
        .priority(3)];
    assert_eq!(all[0..1], built);
}

#[test]
fn what_rust_names_prints_as_it_reads() {
    let check = |name: &str, condition: murphy_checker::invariant::Expression| {
        let all = [Invariant::new(name, condition)];
        let printed = all[0].to_string();
        assert_eq!(parse(&printed).as_deref(), Ok(&all[..]), "{printed}");
    };
    check("two\nlines, a\ttab, \u{200b}, \\n and \"quotes\"", variable("x").equals("a\r\n\u{301}"));
    check("below zero", variable("x").at_least(-5).and(literal(i64::MIN).less_than(variable("y"))));
    for name in
        ["new_old_x", "new_new_x", "new_initial_", "new_nil", "new_and", "new_x", "old_new_x", "old_", "old_nil"]
    {
        check("names", variable(name).equals(collection(name).sum()));
    }
    for name in ["my field", "3", "old_my \"field\"", "ключ"] {
        check("names in quotes", collection(name).sum().equals(1));
    }
}

#[test]
fn a_backslash_takes_what_is_no_escape_as_it_is() {
    let name = |text: &str| parse(&format!("invariant {text}: {{ true }}")).map(|all| all[0].name.clone());
    assert_eq!(name(r#""\q\\\u\u{d800}\u{41}\u{}\u{41""#).as_deref(), Ok("q\\uu{d800}Au{}u{41"));
    assert!(name(r#""\u{4""#).is_ok());
    assert!(name(r#""\""#).is_err());
}

#[test]
fn long_texts_are_read_fast_and_long_conditions_refused() {
    let clauses = "x == 1 ".repeat(20_000);
    assert_eq!(parse(&format!("invariant \"x\": {{ {clauses} }}")).map(|all| all[0].clauses.len()), Ok(20_000));
    let sum = |terms: usize| format!("invariant \"x\", on step: {{ {} >= {} }}", vec!["x"; terms - 1].join(" + "), "0");
    let judged = parse(&sum(1000)).map(|all| {
        let mut judge = Judge::new(all.clone());
        let state = state(&mut judge.fields(), "a g x=3");
        let seen = Seen { new: &state, old: None, changed: None };
        (
            judge.judge(Occasion::Step, 0, &judge.fields(), seen),
            parse(&all[0].to_string()).is_ok_and(|again| again == all),
        )
    });
    assert_eq!(judged, Ok((None, true)));
    let refused = |text: &str| parse(text).map_err(|error| error.expected);
    let expected = "at most 1000 names and values in a condition".to_string();
    assert_eq!(refused(&sum(1_000_000)), Err(expected.clone()));
    assert_eq!(refused(&format!("invariant \"x\": {{ x{} == 1 }}", "[0]".repeat(100_000))), Err(expected));
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(parse(text).map_err(|error| error.to_string()), Err(expected.to_string()), "{text}");
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    refused("", "1:1: found the end, expected `invariant`");
    refused("# nothing\n", "1:1: found the end, expected `invariant`");
    refused("invarient \"x\": { true }", "1:1: found `invarient`, expected `invariant`");
    refused("invariant x: { true }", "1:11: found `x`, expected a name in quotes");
    refused("invariant \"x: { true }", "1:11: found a text without an end, expected `\"` on the same line");
    refused("invariant \"x\" { true }", "1:15: found `{`, expected `:`");
    refused("invariant \"x\": { }", "1:19: found the end, expected a condition before this");
    refused(
        "invariant \"x\": {\n  a ==\n}",
        "3:1: found `}`, expected a name, a number, a text, `read`, `count`, `sum`, `min`, `max` or `(`",
    );
    refused(
        "invariant \"x\": { a < b < c }",
        "1:24: found `<`, expected `and`, `or` or the end of the condition: comparisons do not chain",
    );
    refused("invariant \"x\": { a = 3 }", "1:20: found `=`, expected a name, a number, a text or a sign");
    refused(
        "invariant \"x\": { a == 3",
        "1:24: found the end, expected a name, a number, a text, `read`, `count`, `sum`, `min`, `max` or `(`",
    );
    refused("invariant \"x\": { summ(a) == 3 }", "1:22: found `(`, expected no parentheses: `summ` is no function");
    refused("invariant \"x\": { on objekt(a): true }", "1:21: found `objekt`, expected `object`");
    refused("invariant \"x\": { for group(): true }", "1:28: found `)`, expected the name of a group");
    refused(
        "invariant \"x\", every 0 ms: { true }",
        "1:22: found `0`, expected at least 1 and fewer than 2^44 milliseconds",
    );
    refused("invariant \"x\", every 5 s: { true }", "1:24: found `s`, expected `ms`");
    refused(
        "invariant \"x\", on tuesdays: { true }",
        "1:19: found `tuesdays`, expected `operation`, `fault`, `step`, `event` or `mark`",
    );
    refused("invariant \"x\", priority 256: { true }", "1:25: found `256`, expected a number from 0 to 255");
    refused("invariant \"x\", often: { true }", "1:16: found `often`, expected `every`, `on` or `priority`");
    refused(
        "invariant \"x\": { true }\ninvariant \"x\": { true }",
        "2:1: found a second invariant \"x\", expected a name of its own",
    );
    refused(
        "invariant \"x\": { 999999999999999999999999999999999999999999 == 1 }",
        "1:18: found `999999999999999999999999999999999999999999`, expected a number below 2^127",
    );
    let deep = format!("invariant \"x\": {{ {}true }}", "(".repeat(100_000));
    assert!(parse(&deep).is_err_and(|error| error.expected == "at most 64 levels of nesting"));
}

/// `invoke` and `complete` of writes and reads of keys, with values: `w1=5 r1=5`.
fn written(words: &str) -> History {
    let mut history = History::default();
    history.reset(&["read", "write"]);
    for (at, word) in words.split_whitespace().enumerate() {
        let (key, value) = word[1..].split_once('=').expect("key=value");
        let value = Value::Int(value.parse().expect("a number"));
        let is_read = word.starts_with('r');
        let input = if is_read { Value::Nil } else { value };
        let call = Call { function: u8::from(!is_read), key: key.parse().expect("a number"), input };
        let now = at as u64 * 2_000_000;
        let op = history.invoke(at as u32 % 3, call, 1, now);
        history.complete(op, Completion::Ok(if is_read { value } else { Value::Nil }), now + 1_000_000);
    }
    history
}

#[test]
fn a_history_is_judged_as_its_operations_complete() {
    let judged = |text: &str, words: &str| history::check(&written(words), &parse(text).expect("it is right"));
    let conserved = "invariant \"sum\": { read(1) + read(2) <= 10 }";
    let found = judged(conserved, "w1=5 w2=5 r1=5 w2=6 w1=9");
    let broken = found.broken.expect("6 + 5 is more than 10");
    assert_eq!((broken.operation.map(|op| op.0), broken.time), (Some(3), 7_000_000));
    assert_eq!(broken.state[1], ("2".to_string(), vec![("value".to_string(), "6".to_string())]));
    assert!(found.undecided.is_empty());
    assert!(judged(conserved, "w1=5 w2=5 r1=5").broken.is_none());
    assert_eq!(judged("invariant \"typo\": { read(3) == 1 }", "w1=5").undecided.len(), 1);
    let grows = "invariant \"grows\": { on every object: value >= old_value }";
    assert!(judged(grows, "w1=5 w2=1 r1=6 w2=2").broken.is_none());
    let broken = judged(grows, "w1=5 w2=1 r1=4").broken.expect("4 is less than 5");
    assert_eq!(broken.object.as_deref(), Some("1"));
    let slow = judged("invariant \"fast\": { latency_us < 1000 }", "w1=5").broken.expect("it took a millisecond");
    assert!(slow.why.contains("latency_us is 1000"), "{}", slow.why);
    let periodic = judged("invariant \"seldom\", every 3 ms: { read(1) < 5 }", "w1=5 w1=1").broken.expect("5 at 3 ms");
    assert_eq!((periodic.time, periodic.operation), (3_000_000, None));
}

#[test]
fn what_hangs_on_other_objects_is_judged_of_all_whichever_changed() {
    let broken = |text: &str, words: &str| {
        let invariants = parse(&format!("invariant \"x\": {{ {text} }}")).expect("it is right");
        history::check(&written(words), &invariants)
            .broken
            .map(|broken| (broken.operation.map(|op| op.0), broken.object))
    };
    let (one, two) = (Some("1".to_string()), Some("2".to_string()));
    assert_eq!(broken("on every object: value <= read(9)", "w9=5 w1=5 w9=4"), Some((Some(2), one)));
    assert_eq!(broken("on every object: value <= ok + 3", "w2=4 w1=1"), None);
    assert_eq!(broken("on every object: value >= ok", "w2=2 w1=3 w1=3"), Some((Some(2), two)));
}

#[test]
fn each_object_is_compared_with_what_it_was_before_this_very_operation() {
    let mut history = History::default();
    history.reset(&["read", "write"]);
    let write = |key, value| Call { function: 1, key, input: Value::Int(value) };
    let done = Completion::Ok(Value::Nil);
    let op = history.invoke(0, write(1, 2), 1, 0);
    history.complete(op, done, 1);
    // It begins when 1 holds 2, and is over when that holds 3 again.
    let slow = history.invoke(0, write(1, 3), 1, 2);
    let op = history.invoke(1, write(1, 5), 1, 3);
    history.complete(op, done, 4);
    let other = history.invoke(2, write(7, 7), 1, 5);
    history.complete(slow, done, 6);
    history.complete(other, done, 7);
    let grows = parse("invariant \"grows\": { on every object: value >= old_value }").expect("it is right");
    let broken = history::check(&history, &grows).broken.expect("1 was 5 when the last operation began");
    assert_eq!((broken.operation, broken.object.as_deref()), (Some(other), Some("1")));
}

#[test]
fn time_in_which_nothing_happens_is_judged_as_well() {
    let judged = |text: &str, times: &[u64]| {
        let mut judge = Judge::new(parse(text).expect("it is right"));
        let mut fields = judge.fields();
        times.iter().enumerate().find_map(|(at, time)| {
            let state = state(&mut fields, &format!("a g x={at}"));
            assert!(judge.is_period_over(time * 1_000_000), "at {time} ms");
            let broken = judge.time_passes(time * 1_000_000, &fields, &state);
            assert!(!judge.is_period_over(time * 1_000_000), "at {time} ms");
            broken.map(|broken| broken.time / 1_000_000)
        })
    };
    let lives = "invariant \"lives\", every 10 ms: { x > old_x }";
    assert_eq!(judged(lives, &[10, 20, 35, 49]), None);
    assert_eq!(judged(lives, &[10, 20, 45]), Some(40));
    assert_eq!(judged(lives, &[10, 25, 95]), Some(40));
    assert_eq!(judged("invariant \"x\", every 10 ms: { x < 2 }", &[10, 20, 95]), Some(30));
    assert_eq!(judged("invariant \"lives\", every 10 ms, every 15 ms: { x > old_x }", &[10, 15, 21, 30, 45]), Some(45));
    let mut always = Judge::new([Invariant::new("x", variable("x").equals(0)).when([Trigger::Every(0)])]);
    let mut fields = always.fields();
    let state = state(&mut fields, "a g x=1");
    assert!(always.is_period_over(1) && always.time_passes(1, &fields, &state).is_some());
}
