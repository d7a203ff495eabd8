//! What holds of every form.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{DEPTH_MAX, Form, Tree, Value, excerpt};

/// The complaints about `text` as `line:column found: expected`. Each must point at what it says that it has found.
pub(super) fn complaints(form: Form, text: &str) -> Vec<String> {
    let found = form.read(text).expect_err("a mistake");
    let show = |complaint: &crate::diagnostic::Diagnostic| {
        let before = &text[..complaint.span.start];
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        assert_eq!(complaint.line as usize, before.matches('\n').count() + 1, "{complaint:?}");
        assert_eq!(complaint.column as usize, column, "{complaint:?}");
        assert_eq!(complaint.found, excerpt(&text[complaint.span.clone()]), "{complaint:?}");
        let hint = complaint.suggestion.as_ref().map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
        format!("{}:{} `{}`: {}{hint}", complaint.line, complaint.column, complaint.found, complaint.expected)
    };
    found.iter().map(show).collect()
}

fn text() -> impl Strategy<Value = String> {
    const TRICKY: &[&str] = &[
        "",
        "no",
        "~",
        "null",
        "true",
        "1e3",
        "0x5eed",
        "1_000",
        "2001-01-01",
        " a",
        "a ",
        "- a",
        "a: b",
        "a #b",
        "#",
        "&a",
        "*a",
        "!a",
        "<<",
        "%",
        "@",
        "`",
        "{",
        "[",
        "? a",
        ":",
        "'",
        "\"",
        "\\",
        "\\n",
        "a\nb",
        "\n",
        "\r\n",
        "\t",
        "é",
        "\u{85}",
        "\u{feff}",
        "\u{2028}",
        "\u{fffe}",
        "😀",
        "---",
        "...",
        "a = 1",
        "1.2s",
        "30%",
        "n1",
        "-1",
        "\0",
        "\u{7f}",
    ];
    prop_oneof![select(TRICKY).prop_map(str::to_owned), "\\PC{0,12}", "[a-z]{1,6}", "[ \n#:\"'\\\\,\\[{=é-]{1,6}"]
}

fn scalar() -> impl Strategy<Value = Tree> {
    prop_oneof![
        3 => text().prop_map(Tree::text),
        1 => any::<bool>().prop_map(Tree::bool),
        1 => any::<i64>().prop_map(Tree::number),
        1 => "(0|[1-9][0-9]{0,4})\\.[0-9]{1,4}(e-?[0-9]{1,2})?".prop_map(Tree::number),
    ]
}

fn items() -> impl Strategy<Value = Tree> {
    vec(scalar(), 0..4).prop_map(Tree::list)
}

fn unique<K: Into<String>>(entries: Vec<(K, Tree)>) -> Vec<(String, Tree)> {
    let mut kept: Vec<(String, Tree)> = Vec::new();
    for (key, tree) in entries {
        let key = key.into();
        if kept.iter().all(|(earlier, _)| *earlier != key) {
            kept.push((key, tree));
        }
    }
    kept
}

fn map_of(value: impl Strategy<Value = Tree>) -> impl Strategy<Value = Tree> {
    let key = prop_oneof![3 => "[a-z_]{1,5}", 1 => text()];
    vec((key, value), 0..4).prop_map(|entries| Tree::map(unique(entries)))
}

fn rows() -> impl Strategy<Value = Tree> {
    vec(map_of(prop_oneof![scalar(), items()]), 1..4).prop_map(Tree::list)
}

fn steps() -> impl Strategy<Value = Tree> {
    let step = ("[a-z_]{1,8}", option::of(text()), map_of(prop_oneof![scalar(), items()]));
    let step = step.prop_map(|(fault, label, rest)| {
        let mut entries = vec![("fault".to_owned(), Tree::text(format!("f{fault}")))];
        entries.extend(label.map(|label| ("label".to_owned(), Tree::text(label))));
        entries.extend(rest.entries().iter().map(|(key, tree)| (key.text.clone(), tree.clone())));
        Tree::map(unique(entries))
    });
    vec(step, 1..4).prop_map(Tree::list)
}

fn document() -> impl Strategy<Value = Tree> {
    let head = map_of(prop_oneof![scalar(), items(), map_of(scalar())]);
    (head, option::of(rows()), option::of(steps())).prop_map(|(head, groups, steps)| {
        let mut entries: Vec<_> = head.entries().iter().map(|(key, tree)| (key.text.clone(), tree.clone())).collect();
        entries.retain(|(key, _)| key != "groups" && key != "steps");
        entries.extend(groups.map(|groups| ("groups".to_owned(), groups)));
        entries.extend(steps.map(|steps| ("steps".to_owned(), steps)));
        Tree::map(entries)
    })
}

/// Every span lies within that of the value around it, and what is spelled as it is stands there.
fn check_spans(tree: &Tree, text: &str) {
    for (key, value) in tree.entries() {
        let found = text.get(key.span.clone()).expect("a span lies on characters");
        let understood = matches!(key.text.as_str(), "steps" | "fault" | "label");
        assert!(found == key.text || found.starts_with('"') || understood, "{found:?} for {key:?}");
        check_spans(value, text);
    }
    tree.items().iter().for_each(|item| check_spans(item, text));
    let found = text.get(tree.span.clone()).expect("a span lies on characters");
    match &tree.value {
        Value::Number(number) => assert_eq!(found, number),
        Value::Text(_) => assert!(found.starts_with('"') || tree.as_text() == Some(found), "{found:?} for {tree:?}"),
        Value::Bool(value) => assert_eq!(found, value.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => {}
    }
}

#[track_caller]
fn check_written(form: Form, tree: &Tree) {
    let text = form.write(tree);
    let read = form.read(&text).unwrap_or_else(|found| panic!("{}: {found:#?} in\n{text}", form.name()));
    assert_eq!(&read, tree, "{} through\n{text}", form.name());
    check_spans(&read, &text);
    if form == Form::Json {
        serde_json::from_str::<serde_json::Value>(&text).expect("serde_json agrees");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(tree in document()) {
        Form::ALL.into_iter().for_each(|form| check_written(form, &tree));
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "([a-z]{1,3}|[ \n\t:#,&*!|>'\"%@`=.;~?\\-\\[\\]{}()\\\\]|0x1|\r\n|é|😀|- |: |---|<<){0,40}") {
        for form in Form::ALL {
            if let Ok(tree) = form.read(&text) {
                form.write(&tree);
            } else {
                complaints(form, &text);
            }
        }
    }

    #[test]
    fn json_agrees_with_serde_json(text in "([ \n,:{}\\[\\]]|\"[a-c]{0,2}\"|\\\\|\"a\":|1|-|0|\\.|e|null|true|\"\\\\\\\\[u\"nx]00e9\"){0,12}") {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match Form::Json.read(&text) {
            Ok(_) => prop_assert!(theirs.is_ok(), "{:?} of {text}", theirs),
            Err(found) if found.iter().all(|complaint| complaint.expected.contains(" once (")) => {}
            Err(found) => prop_assert!(theirs.is_err() || text.contains('e'), "{found:?} of {text}"),
        }
    }
}

#[test]
fn a_number_that_a_form_cannot_spell_becomes_text() {
    let check = |number: &str, expected: [&str; 4]| {
        let tree = Tree::map([("seed", Tree::number(number))]);
        let written = Form::ALL.map(|form| form.write(&tree).replace('\n', ""));
        assert_eq!(written, expected);
    };
    check("0x5eed", ["seed = 0x5eed", "seed: 0x5eed", "{  \"seed\": \"0x5eed\"}", "schedule(seed=0x5eed)"]);
    check("1_000", ["seed = 1_000", "seed: 1000", "{  \"seed\": 1000}", "schedule(seed=1_000)"]);
    let most = u64::MAX.to_string();
    let texts = [
        format!("seed = \"{most}\""),
        format!("seed: {most}"),
        format!("{{  \"seed\": {most}}}"),
        format!("schedule(seed={most})"),
    ];
    check(&most, texts.each_ref().map(String::as_str));
    check(
        "0xffffffffffffffff",
        [
            "seed = \"0xffffffffffffffff\"",
            "seed: 0xffffffffffffffff",
            "{  \"seed\": \"0xffffffffffffffff\"}",
            "schedule(seed=0xffffffffffffffff)",
        ],
    );
}

#[test]
fn no_digit_of_a_seed_is_lost() {
    let text = |form: Form| match form {
        Form::Toml => "seed = 18446744073709551615",
        Form::Yaml => "seed: 18446744073709551615",
        Form::Json => "{\"seed\": 18446744073709551615}",
        Form::Script => "schedule(seed=18446744073709551615)",
    };
    for form in Form::ALL {
        assert_eq!(form.read(text(form)), Ok(Tree::map([("seed", Tree::number(u64::MAX))])));
    }
}

#[test]
fn nesting_ends() {
    let nested = |depth: usize| (1..depth).fold(Tree::list([]), |tree, _| Tree::list([tree]));
    for form in Form::ALL {
        check_written(form, &Tree::map([("a", nested(DEPTH_MAX - 1))]));
        let deep = form.write(&Tree::map([("a", nested(DEPTH_MAX))]));
        assert!(complaints(form, &deep)[0].ends_with("lists and maps nested 64 deep at most"), "{deep}");
    }
}

#[test]
fn a_bomb_of_brackets_overflows_no_stack() {
    for form in Form::ALL {
        for bracket in
            ["[", "{", "{a=", "{a:", "{\"a\":", "- ", "? ", "a(", "[[", "a.", "\"", "&a ", "[a.", "- - a:\n "]
        {
            for start in ["", "a = ", "a: ", "a(", "schedule(a="] {
                let bomb = format!("{start}{}", bracket.repeat(20_000));
                let tree = form.read(&bomb);
                assert!(tree.is_err() || form == Form::Yaml, "{} {start} {bracket}", form.name());
            }
        }
    }
}

#[test]
fn every_repeated_key_is_a_mistake() {
    for (form, text) in [
        (Form::Toml, "a = 1\nb = { c = 1, c = 2 }\na = 2\n"),
        (Form::Yaml, "a: 1\nb: { c: 1, c: 2 }\na: 2\n"),
        (Form::Json, "{\"a\": 1,\n\"b\": {\"c\": 1, \"c\": 2},\n\"a\": 2}"),
        (Form::Script, "schedule(a=1,\nb={c=1, c=2},\na=2)"),
    ] {
        let found = complaints(form, text);
        let lines: Vec<_> = found.iter().map(|complaint| complaint.split(':').next().unwrap_or_default()).collect();
        assert_eq!(lines, ["2", "3"], "{found:?}");
        assert!(found.iter().all(|complaint| complaint.contains("` once")), "{found:?}");
    }
}

#[test]
fn forms_are_known_by_their_extensions() {
    for form in Form::ALL {
        assert_eq!(Form::from_extension(form.extension()), Some(form));
    }
    assert_eq!(Form::from_extension("yml"), Some(Form::Yaml));
    assert_eq!(Form::from_extension("murphy"), None);
}

/// A sample of another tool, where the folder of samples stands beside the repository.
fn sample(file: &str) -> Option<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/schedules/");
    std::fs::read_to_string(format!("{folder}{file}")).ok()
}

#[test]
fn the_samples_of_other_tools_are_read() {
    let (Some(toml), Some(yaml), Some(json)) =
        (sample("madjep.toml"), sample("madjep.yaml"), sample("operation-start.json"))
    else {
        return println!("skipped: the samples are not beside the repository");
    };
    let toml = Form::Toml.read(&toml).expect("valid");
    let faults = toml.get("faults").expect("there are some").entries();
    assert_eq!(faults.iter().map(|(key, _)| key.text.as_str()).collect::<Vec<_>>(), ["network_delay_1", "node_crash"]);
    let yaml = Form::Yaml.read(&yaml).expect("valid");
    let faults = yaml.get("faults").expect("there are some").items();
    assert_eq!(faults[0].get("target"), faults_target(&toml).as_ref());
    assert_eq!(faults[1].get("probability"), Some(&Tree::number("0.1")));
    assert_eq!(faults.len(), 3);
    Form::Json.read(&json).expect("valid");
}

fn faults_target(toml: &Tree) -> Option<Tree> {
    toml.get("faults")?.get("network_delay_1")?.get("target").cloned()
}

#[test]
fn toml_within_yaml_is_pointed_at() {
    let text = "faults:\n  - target: { from = \"a\", until: \"b\", to = \"c\" }\n";
    assert_eq!(
        complaints(Form::Yaml, text),
        [
            "2:15 `from = \"a\"`: `:` between key and value; did you mean `from: \"a\"`?",
            "2:39 `to = \"c\"`: `:` between key and value; did you mean `to: \"c\"`?",
        ]
    );
}
