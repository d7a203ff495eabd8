//! The byte form of version 1 is frozen: `golden/version-1.txt` holds 64 schedules, each as text and as bytes.
//!
//! Saved findings, corpora and OSS-Fuzz archives hold nothing but bytes, so a byte that changes its meaning turns all of them
//! into something else without a word. Here either direction fails: the text gives exactly the bytes, and the bytes exactly
//! what the text says. A few more schedules are frozen from bytes alone, which are not canonical: numbers wrap, and what is
//! reserved is ignored.
//!
//! That a new fault, field or selector is frozen too is checked as well: append a schedule that uses it
//! (`=== 65`, its text, and no bytes) and run `MURPHY_BLESS=1 cargo test -p murphy-schedule --test freeze`, which writes the
//! bytes of every text. If it changes any line that was there before, saved bytes have changed their meaning: that takes a
//! new version with a golden file of its own, and a migration.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
};

use common::{same, tree::Tree};
use murphy_schedule::{
    Document, Edge, Fact, FaultKind, Lasts, Nodes, Schedule, Side, When,
    bytes::{HEADER, RECORD, VERSION},
    field::{Distribution, Place, Position, Scope, Sides},
};

/// A schedule in the golden file.
struct Frozen {
    /// The line above it.
    title: String,
    text: String,
    bytes: Vec<u8>,
}

impl Frozen {
    /// Whether its bytes are not canonical, and only their meaning is frozen.
    fn is_loose(&self) -> bool {
        self.title.contains("loose")
    }

    fn parse(&self) -> Document {
        Document::parse(&self.text).unwrap_or_else(|errors| panic!("{}: {errors:#?}\n{}", self.title, self.text))
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/version-{VERSION}.txt"))
}

/// The remarks at the top of the golden file, and its schedules.
fn golden() -> (String, Vec<Frozen>) {
    let file = std::fs::read_to_string(path()).expect("the golden file is there");
    let mut parts = file.split("=== ");
    let remarks = parts.next().expect("a split gives a part").to_owned();
    (remarks, parts.map(frozen).collect())
}

fn frozen(part: &str) -> Frozen {
    let (title, rest) = part.split_once('\n').expect("a title is a line");
    let (text, hex) = rest.split_once("--- bytes\n").unwrap_or((rest, ""));
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("a byte");
    Frozen { title: title.to_owned(), text: text.to_owned(), bytes: digits.chunks(2).map(byte).collect() }
}

fn print(remarks: &str, all: &[Frozen]) -> String {
    let mut file = remarks.to_owned();
    for Frozen { title, text, bytes } in all {
        write!(file, "=== {title}\n{text}--- bytes\n").expect("a string takes everything");
        for line in bytes.chunks(RECORD) {
            let hex: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(file, "{hex}").expect("a string takes everything");
        }
    }
    file
}

/// Writes the texts in their canonical shape and their bytes, and the texts of loose bytes.
fn bless() {
    let (remarks, mut all) = golden();
    for frozen in &mut all {
        if frozen.is_loose() {
            let schedule = Schedule::from_bytes(&frozen.bytes);
            frozen.text = Document { schedule, ..frozen.parse() }.to_string();
        } else {
            let document = frozen.parse();
            (frozen.text, frozen.bytes) = (document.to_string(), document.schedule.to_bytes());
        }
    }
    std::fs::write(path(), print(&remarks, &all)).expect("the golden file can be written");
}

#[test]
fn no_byte_changes_its_meaning() {
    if std::env::var_os("MURPHY_BLESS").is_some() {
        bless();
    }
    let (remarks, all) = golden();
    assert!(all.iter().filter(|frozen| !frozen.is_loose()).count() >= 64);
    for frozen in &all {
        let document = frozen.parse();
        same(&Schedule::from_bytes(&frozen.bytes), &document.schedule, &frozen.title);
        if !frozen.is_loose() {
            assert_eq!(document.schedule.to_bytes(), frozen.bytes, "{}", frozen.title);
            let printed = Document { schedule: Schedule::from_bytes(&frozen.bytes), ..document };
            assert_eq!(printed.to_string(), frozen.text, "{}", frozen.title);
        }
        assert_eq!(frozen.bytes.len(), HEADER + RECORD * frozen.parse().schedule.steps.len(), "{}", frozen.title);
    }
    let unchanged = std::fs::read_to_string(path()).expect("the golden file is there");
    assert!(print(&remarks, &all) == unchanged, "the golden file is as `MURPHY_BLESS=1` writes it");
}

/// Declares the names of the variants of an enum, all of them: the match has no `_` arm.
macro_rules! variants {
    ($type:ident: $($name:ident),+) => {{
        #[allow(dead_code, reason = "it only has to compile")]
        fn all(value: $type) {
            match value { $($type::$name { .. } => {})+ }
        }
        vec![$(stringify!($name)),+]
    }};
}

/// What can stand at a place in a step, by the path of fields to it.
fn forms() -> Vec<(&'static str, Vec<&'static str>)> {
    let nodes = variants!(Nodes: All, Node, Role, Previous, Set, Majority, Minority, Rest, MinorityThird, Primaries, One,
        Some, Half, Group, MostUpToDate, LeastUpToDate, LastVoter);
    let edges = variants!(Edge: Begins, Ends);
    let positions = variants!(Position: Any, Nth, Last);
    vec![
        (".when", variants!(When: At, Step, Fact, Called)),
        (".when.fact", variants!(Fact: Send, Deliver, Sync, Write, Role, Mark, Invoke, Complete, Stops, Starts, Fault)),
        (".when.side", variants!(Side: After, Before)),
        (".when.edge", edges.clone()),
        (".when.from", vec!["None", "Some"]),
        (".when.from.0.1", edges.clone()),
        (".lasts", variants!(Lasts: Healed, For, Constant, Sum, Difference, Until)),
        (".lasts.1", edges),
        (".again.about", vec!["false", "true"]),
        (".fault.victims", nodes),
        (".fault.sides", variants!(Sides: Two, Three, Ring, Bridge)),
        (".fault.scope", variants!(Scope: World, Nodes, Link)),
        (".fault.latency.0", variants!(Distribution: Fixed, Uniform, Normal, Exponential, LogNormal, Pareto, Bimodal)),
        (".fault.place", variants!(Place: Anywhere, File, Disk, Block, Segment, Record, Field, Key, Bytes)),
        (".fault.place.0", positions),
    ]
}

/// Numbers of a step of which two have to be frozen.
const NUMBERS: [&str; 12] = [
    ".id",
    ".again.times",
    ".again.every",
    ".when.0",
    ".when.step",
    ".when.nth",
    ".when.delay",
    ".when.from.0.0",
    ".lasts.0",
    ".lasts.name.0",
    ".lasts.percent",
    ".lasts.other.0",
];

/// What the schedules lack, in words.
fn lacking(schedules: &[Schedule]) -> Vec<String> {
    let mut heads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut fields: BTreeMap<(FaultKind, String), Vec<Tree>> = BTreeMap::new();
    for schedule in schedules {
        let mut found = |path: &str, tree: &Tree| {
            heads.entry(path.to_owned()).or_default().insert(tree.head.clone());
        };
        Tree::of(&schedule.header).visit("header", &mut found);
        for step in &schedule.steps {
            Tree::of(step).visit("", &mut found);
            for (name, tree) in Tree::of(&step.fault).fields {
                fields.entry((step.fault.kind(), name)).or_default().push(tree);
            }
        }
    }
    let has = |path: &str, head: &str| heads.get(path).is_some_and(|found| found.contains(head));
    let mut lacking = Vec::new();
    for (path, forms) in forms() {
        lacking.extend(forms.into_iter().filter(|form| !has(path, form)).map(|form| format!("{form} at {path}")));
    }
    let few = |path: &str| heads.get(path).is_none_or(|found| found.len() < 2);
    lacking.extend(NUMBERS.into_iter().filter(|path| few(path)).map(|path| format!("two numbers at {path}")));
    Tree::of(&schedules[0].header).visit("header", &mut |path, tree| {
        if tree.fields.is_empty() && few(path) {
            lacking.push(format!("two values at {path}"));
        }
    });
    let mut words: BTreeMap<String, (usize, BTreeSet<String>)> = BTreeMap::new();
    for kind in FaultKind::ALL {
        let mut bytes = [0; HEADER + RECORD];
        bytes[HEADER] = kind.tag();
        let plain = Tree::of(&Schedule::from_bytes(&bytes).steps[0].fault);
        for field in kind.fields() {
            let default = plain.field(field.name).expect("a fault has its fields");
            let seen = fields.get(&(*kind, field.name.to_owned())).map(Vec::as_slice).unwrap_or_default();
            if !seen.contains(default) || seen.iter().all(|tree| tree == default) {
                lacking.push(format!("{}: `{}` as it is without a word, and otherwise", kind.keyword(), field.name));
            }
            let is_word =
                |part: &str| part.len() > 2 && part.starts_with('`') && !part[1..part.len() - 1].contains('`');
            if field.range.split(", ").all(is_word) {
                let (all, found) = words.entry(field.range.clone()).or_default();
                *all = field.range.split(", ").count();
                found.extend(seen.iter().map(|tree| tree.head.clone()));
            }
        }
        if !schedules.iter().flat_map(|schedule| &schedule.steps).any(|step| step.fault.kind() == *kind) {
            lacking.push(format!("{} itself", kind.keyword()));
        }
    }
    let some = words.iter().filter(|(_, (all, found))| found.len() < *all);
    lacking.extend(some.map(|(range, (_, found))| format!("some of {range}, beside {found:?}")));
    lacking
}

#[test]
fn everything_is_frozen() {
    let frozen = golden().1;
    let schedules: Vec<Schedule> =
        frozen.iter().filter(|frozen| !frozen.is_loose()).map(|frozen| frozen.parse().schedule).collect();
    assert_eq!(lacking(&schedules), Vec::<String>::new());
}
