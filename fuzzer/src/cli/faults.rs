//! `murphy faults`: the fault table for people, as a document, and as a dictionary for libFuzzer.

use std::fmt::Write as _;

use murphy_schedule::{
    FaultKind, Name,
    diagnostic::nearest,
    fault::{FieldAbout, Length},
    text,
};
use murphy_sim::AnyTarget;
use serde_json::{Value, json};

use super::{
    FaultsArguments,
    exit::{Exit, Failure, put},
};

/// How to read the document.
const INTRODUCTION: &str = include_str!("faults.md");

/// What stands for any name.
const ANY: &str = "any";

/// Lists the faults, or explains one.
pub(super) fn faults(targets: &[Box<dyn AnyTarget>], arguments: &FaultsArguments, json: bool) -> Result<Exit, Failure> {
    let chosen = match &arguments.name {
        Some(name) => vec![FaultKind::from_keyword(name).ok_or_else(|| unknown(name))?],
        None => FaultKind::ALL.to_vec(),
    };
    if json {
        chosen.into_iter().for_each(|kind| put(&object(kind).to_string()));
    } else if arguments.dictionary {
        put(dictionary(targets).trim_end());
    } else if arguments.markdown {
        put(document().trim_end());
    } else if arguments.name.is_some() {
        chosen.into_iter().for_each(|kind| put(explanation(kind).trim_end()));
    } else {
        chosen.into_iter().for_each(|kind| put(&row(kind)));
    }
    Ok(Exit::Clean)
}

fn unknown(name: &str) -> Failure {
    let suggestion = nearest(name, FaultKind::ALL.iter().map(|kind| kind.keyword()));
    Failure::UnknownFault { found: name.to_string(), suggestion }
}

/// The words of a doc comment in one line.
fn flow(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn row(kind: FaultKind) -> String {
    format!("{:<14}{}", kind.keyword(), kind.tests())
}

/// How its length is said.
fn length(kind: FaultKind) -> String {
    match (kind.length(), kind.lasting_words()) {
        (Length::Instant, _) => "over at once".to_string(),
        (Length::Lasting, []) => "`for LENGTH`; to the end of the chaos phase where nothing is said".to_string(),
        (Length::Lasting, words) => {
            format!("`, {} LENGTH`; to the end of the chaos phase where nothing is said", words.join(" "))
        }
    }
}

fn written(field: &FieldAbout) -> String {
    if field.word.is_empty() { "VALUE".to_string() } else { format!("{} VALUE", field.word) }
}

/// Its value where nothing is said, if it has one.
fn value(field: &FieldAbout) -> Option<String> {
    let nameless = format!("name:{:04x}", Name::ANY.0);
    field.default.as_ref().map(|value| value.replace(&nameless, ANY))
}

/// The same in words.
fn default(field: &FieldAbout) -> String {
    match value(field) {
        None => "has to be said".to_string(),
        Some(nothing) if nothing.is_empty() => "nothing".to_string(),
        Some(value) => value,
    }
}

fn explanation(kind: FaultKind) -> String {
    let mut text = format!("{}\n  {}\n\n", kind.keyword(), flow(kind.meaning()));
    let mut line = |word: &str, value: &str| writeln!(text, "  {word:<10}{value}").expect("it is a string");
    line("tests", kind.tests());
    line("example", kind.example());
    line("length", &length(kind));
    if let Some(weaker) = kind.weaker() {
        line("weaker", weaker.keyword());
    }
    for field in kind.fields() {
        let _ = write!(
            text,
            "\n  {}   {}\n    {}\n    values    {}\n    default   {}\n",
            field.name,
            written(&field),
            flow(field.meaning),
            field.range,
            default(&field),
        );
    }
    text
}

fn object(kind: FaultKind) -> Value {
    let fields: Vec<Value> = kind
        .fields()
        .iter()
        .map(|field| {
            json!({
                "name": field.name, "word": field.word, "meaning": flow(field.meaning), "values": field.range,
                "default": value(field),
            })
        })
        .collect();
    json!({
        "schema": "murphy/faults/1", "name": kind.keyword(), "tag": kind.tag(), "meaning": flow(kind.meaning()),
        "tests": kind.tests(), "example": kind.example(), "lasting": kind.length() == Length::Lasting,
        "length_words": kind.lasting_words(), "weaker": kind.weaker().map(FaultKind::keyword), "weight": kind.weight(),
        "fields": fields,
    })
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    flow(text).replace('|', "\\|")
}

/// A value in a cell of a table.
fn code(value: &str) -> String {
    if value == ANY { value.to_string() } else { format!("`{}`", cell(value)) }
}

fn document() -> String {
    let mut text = INTRODUCTION.to_string();
    text.push_str("## The faults\n\n| fault | tests | defaults |\n| --- | --- | --- |\n");
    for kind in FaultKind::ALL {
        let said = |field: &FieldAbout| {
            let value = value(field).filter(|value| !value.is_empty())?;
            Some(format!("{} {}", if field.word.is_empty() { field.name } else { field.word }, code(&value)))
        };
        let defaults: Vec<String> = kind.fields().iter().filter_map(said).collect();
        let keyword = kind.keyword();
        let _ = writeln!(text, "| [`{keyword}`](#{keyword}) | {} | {} |", cell(kind.tests()), defaults.join(", "));
    }
    for kind in FaultKind::ALL {
        text.push_str(&section(*kind));
    }
    text
}

fn section(kind: FaultKind) -> String {
    let mut text = format!("\n### {}\n\n{}\n\n", kind.keyword(), flow(kind.meaning()));
    let _ = writeln!(text, "```text\n{}\n```\n", kind.example());
    let _ = writeln!(text, "- tests: {}\n- length: {}", kind.tests(), length(kind));
    if let Some(weaker) = kind.weaker() {
        let _ = writeln!(text, "- weaker: [`{0}`](#{0})", weaker.keyword());
    }
    let fields = kind.fields();
    if !fields.is_empty() {
        text.push_str("\n| field | written | meaning | values | default |\n| --- | --- | --- | --- | --- |\n");
    }
    for field in &fields {
        let said = value(field).filter(|value| !value.is_empty());
        let default = said.map_or_else(|| default(field), |value| code(&value));
        let (name, written) = (field.name, written(field));
        let (meaning, values) = (cell(field.meaning), cell(&field.range));
        let _ = writeln!(text, "| {name} | `{written}` | {meaning} | {values} | {default} |");
    }
    text
}

/// Words and boundaries that a fuzzer of bytes would not come upon by itself, as libFuzzer reads them.
fn dictionary(targets: &[Box<dyn AnyTarget>]) -> String {
    let mut text = String::from(
        "# Words of schedules, names and timing constants of the targets: murphy faults --dictionary\n\n# words\n",
    );
    for word in text::vocabulary() {
        let _ = writeln!(text, "\"{word}\"");
    }
    text.push_str("\n# nodes, times, shares, sizes\n");
    let nodes = (1..=7).map(|node| format!("n{node}"));
    let numbers =
        ["10ms", "1.2s", "40us", "2m", "30%", "0.01%", "64MB", "100B", "0x5eed", "#3", "->", "{n1,n2}", "+40ms"];
    for word in nodes.chain(numbers.map(str::to_string)) {
        let _ = writeln!(text, "\"{word}\"");
    }
    for target in targets {
        let words = target.vocabulary();
        let _ = writeln!(text, "\n# {}: names as text, and by their hash\n\"{0}\"", target.about().name);
        for (name, spelling) in words.spellings() {
            let _ = writeln!(text, "{}\n{}", printable(&spelling), bytes(&name.0.to_le_bytes()));
        }
        let _ = writeln!(
            text,
            "\n# {}: its timing constants in microseconds, and just under and over",
            target.about().name
        );
        for micros in &words.constant_micros {
            for near in [*micros, micros / 50 * 49, micros / 50 * 51] {
                let _ = writeln!(text, "{}", bytes(&near.to_le_bytes()));
            }
        }
    }
    text
}

/// Text as an entry of the dictionary.
fn printable(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    format!("\"{}\"", text.bytes().map(escaped).collect::<String>())
}

fn bytes(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{digits}\"")
}
