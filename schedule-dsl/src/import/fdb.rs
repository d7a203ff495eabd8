//! A FoundationDB test in TOML as a schedule.
//!
//! Five of its workloads are known, as they are in FoundationDB's simulation: `Cycle` gives the load, `RandomClogging`,
//! `Rollback`, `Attrition` and `ChangeConfig` what goes wrong. Its tests run one after another; so do their faults here,
//! within one chaos phase. Where FoundationDB draws the length of a clog anew each time, a step has the mean of it.
//!
//! Workloads that check or load something else beside these five, and faults that no step stands for, are left out and named
//! in a comment; but a file with none of the five is no nemesis, and an error.

mod others;

use std::{collections::BTreeSet, fmt::Write, ops::Range};

use self::others::{FAULTS, LOADS};
use super::{complaint, misspelling, number};
use crate::{
    diagnostic::Diagnostic,
    nemesis::{AGAIN_MAX, CHAOS_MAX_US, canonical, comment, listed, tidy},
    tree::{Form, Tree, Value},
    units::print_micros,
};

/// The workloads that are understood.
const WORKLOADS: [&str; 5] = ["Cycle", "RandomClogging", "Rollback", "Attrition", "ChangeConfig"];
/// The longest time in seconds that is understood.
const SECONDS_MAX: f64 = 1e6;
/// The most keys and operations that a schedule can ask for.
const KEYS_MAX: f64 = 63.0;
const OPS_MAX: f64 = 65_534.0;
/// The most steps that are written.
const STEPS_MAX: usize = 120;
/// The most nodes of a cluster, and the fewest beside those that an attrition leaves.
const NODES_MAX: u64 = 16;
const SPARE: u64 = 2;
/// How long an attrition leaves a machine down that is started again, as `attrition` does by itself.
const REBOOT_US: u64 = 1_000_000;
/// The mean of FoundationDB's `10 * exp(-10 * random01())`, for a scale of 1.
const CLOG_US: f64 = 1_000_000.0;

/// The schedule that a FoundationDB test stands for.
///
/// Parameters that a schedule has no use for are named in a comment. Times stay as they are, but a chaos phase ends after
/// 655 s.
///
/// # Errors
/// Every mistake in the TOML; or else every workload that FoundationDB does not have and every parameter of the wrong type;
/// or else all workloads, if none of them is one of the five.
pub fn fdb(text: &str, target: &str) -> Result<String, Vec<Diagnostic>> {
    let tree = Form::Toml.read(text)?;
    let mut import = Import { text, complaints: Vec::new(), known: 0, others: Vec::new(), out: Output::default() };
    import.file(&tree);
    import.nothing_known();
    if import.complaints.is_empty() { Ok(import.out.finish(target)) } else { Err(import.complaints) }
}

struct Import<'t> {
    text: &'t str,
    complaints: Vec<Diagnostic>,
    /// How many workloads are one of the five.
    known: usize,
    /// Where the others are named.
    others: Vec<Range<usize>>,
    out: Output,
}

/// The schedule as far as it is written.
#[derive(Default)]
struct Output {
    titles: Vec<String>,
    remarks: Vec<String>,
    left_out: Vec<String>,
    /// Workloads that are left out, without and with faults.
    loads: BTreeSet<&'static str>,
    faults: BTreeSet<&'static str>,
    /// How many nodes there have to be.
    nodes: u64,
    rate: f64,
    ops: f64,
    keys: f64,
    /// When the present test begins.
    begin_us: u64,
    data_centres: bool,
    steps: String,
    count: usize,
    labels: BTreeSet<String>,
}

/// How often a step comes again. More often than a step can is cut off.
#[derive(Clone, Copy)]
struct Again {
    times: u64,
    every_us: u64,
    about: bool,
}

const ONCE: Again = Again { times: 0, every_us: 0, about: false };

/// The parameters of a workload; those that were asked for are known.
struct Parameters<'p> {
    tree: &'p Tree,
    known: Vec<&'static str>,
}

impl Import<'_> {
    fn file(&mut self, tree: &Tree) {
        for (key, value) in tree.entries() {
            match (key.text.as_str(), &value.value) {
                ("test", Value::List(tests)) => tests.iter().for_each(|test| self.test(test)),
                ("test", _) => self.wrong(value.span.clone(), "a list of tests: `[[test]]`"),
                _ => self.out.left_out.push(key.text.clone()),
            }
        }
        if tree.get("test").is_none() {
            self.wrong(0..0, "a test: `[[test]]`");
        }
    }

    fn test(&mut self, test: &Tree) {
        let mut longest = 0;
        for (key, value) in test.entries() {
            match (key.text.as_str(), &value.value) {
                ("testTitle", Value::Text(title)) => self.out.titles.push(title.clone()),
                ("testTitle", _) => self.wrong(value.span.clone(), "the title of the test in quotes"),
                ("workload", Value::List(_)) => {}
                ("workload", _) => self.wrong(value.span.clone(), "a list of workloads: `[[test.workload]]`"),
                _ => self.out.left_out.push(format!("test.{}", key.text)),
            }
        }
        for workload in test.get("workload").map_or(&[][..], Tree::items) {
            longest = longest.max(self.workload(workload));
        }
        self.out.begin_us += longest;
    }

    /// Writes what a workload does, and returns how long it takes.
    fn workload(&mut self, tree: &Tree) -> u64 {
        let Some(name) = tree.get("testName") else {
            self.wrong(tree.span.clone(), "the name of a workload: `testName = 'Cycle'`");
            return 0;
        };
        let Value::Text(text) = &name.value else {
            self.wrong(name.span.clone(), "the name of a workload in quotes");
            return 0;
        };
        if !WORKLOADS.contains(&text.as_str()) {
            self.other(text, name.span.clone());
            return 0;
        }
        self.known += 1;
        let mut parameters = Parameters { tree, known: vec!["testName"] };
        let length = self.seconds(&mut parameters, "testDuration", 10.0);
        match text.as_str() {
            "Cycle" => self.cycle(&mut parameters, length),
            "RandomClogging" => self.clogging(&mut parameters, length),
            "Rollback" => self.rollback(&mut parameters, length),
            "Attrition" => self.attrition(&mut parameters, length),
            _ => return self.change_config(&mut parameters),
        }
        self.forget(&parameters);
        length
    }

    /// Notes a workload that is left out, if FoundationDB has it.
    fn other(&mut self, name: &str, span: Range<usize>) {
        let find = |names: &[&'static str]| names.iter().find(|known| **known == name).copied();
        if let Some(load) = find(LOADS) {
            self.out.loads.insert(load);
        } else if let Some(fault) = find(FAULTS) {
            self.out.faults.insert(fault);
        } else {
            let expected = format!("one of the workloads {}", listed(&WORKLOADS));
            let names = WORKLOADS.iter().chain(LOADS).chain(FAULTS).copied();
            self.complaints.push(misspelling(self.text, span, name, expected, names));
            return;
        }
        self.others.push(span);
    }

    /// Complains of every workload if all of them would be left out.
    fn nothing_known(&mut self) {
        if self.known > 0 || !self.complaints.is_empty() {
            return;
        }
        let expected = format!("at least one of the workloads {} in the file", listed(&WORKLOADS));
        if self.others.is_empty() {
            self.wrong(0..0, &expected);
        }
        for span in std::mem::take(&mut self.others) {
            self.wrong(span, &expected);
        }
    }

    fn cycle(&mut self, parameters: &mut Parameters<'_>, length: u64) {
        let rate = self.number(parameters, "transactionsPerSecond", 5_000.0);
        let keys = self.number(parameters, "nodeCount", rate);
        let ops = rate * length as f64 / 1e6;
        let out = &mut self.out;
        out.remarks.push(format!(
            "Cycle, from {}: {rate} transactions a second on a ring of {keys} keys, {ops:.0} in all.",
            print_micros(out.begin_us),
        ));
        out.rate = out.rate.max(rate);
        out.keys = out.keys.max(keys);
        out.ops += ops;
    }

    fn clogging(&mut self, parameters: &mut Parameters<'_>, length: u64) {
        let scale = self.number(parameters, "scale", 1.0);
        let clogginess = self.number(parameters, "clogginess", 1.0);
        let swizzle = self.flag(parameters, "swizzle", false);
        if scale <= 0.0 || clogginess <= 0.0 || length == 0 {
            self.out.paragraph("RandomClogging: never, as it is written.");
            return;
        }
        let gap = micros(scale / clogginess * 1e6);
        let clog = micros(scale * CLOG_US);
        let every = again(length, gap, true);
        if swizzle {
            self.out.paragraph(
                "RandomClogging with swizzle: half of the nodes are clogged one by one and let go in the reverse order.",
            );
            let words = format!("swizzle half over {}", span(clog / 2));
            self.out.step("swizzle", gap, &words, " for ", clog, every);
        } else {
            self.out
                .paragraph("RandomClogging: what a node sends, what is sent to a node, or a link is held for a while.");
            self.out.step("clog", gap, "clog one->all", " for ", clog, every);
            self.out.step("clog-in", gap, "clog all->one", " for ", clog, every);
        }
        self.out.step("clog-link", gap, "clog one->one", " for ", clog * 2, every);
    }

    fn rollback(&mut self, parameters: &mut Parameters<'_>, length: u64) {
        let mean = self.seconds(parameters, "meanDelay", 20.0);
        let clog = self.seconds(parameters, "clogDuration", 3.0).max(1);
        let failures = self.flag(parameters, "enableFailures", false);
        let multiple = self.flag(parameters, "multiple", true);
        let gap = mean.max(clog * 2);
        let every = if multiple { again(length, gap, false) } else { ONCE };
        self.out.paragraph(
            "Rollback: whoever leads reaches a minority only; then it is lost together with what it reached, so that what it \
             wrote there has to be rolled back.",
        );
        let first = gap.min(length / 2);
        let then = first + clog / 3;
        self.out.step("rollback", first, "clog primaries->majority", " for ", clog, every);
        if failures {
            self.out.step("rollback-kill", then, "crash primaries", ", restart after ", clog, every);
        } else {
            self.out.step("rollback-clog", then, "clog primaries->all", " for ", clog, every);
        }
        self.out.step("rollback-reached", then, "clog minority->all", " for ", clog, every);
    }

    fn attrition(&mut self, parameters: &mut Parameters<'_>, length: u64) {
        let kill = self.number(parameters, "machinesToKill", 2.0) as u64;
        let leave = self.number(parameters, "machinesToLeave", 1.0) as u64;
        let reboot = self.flag(parameters, "reboot", false);
        let data_centre = self.flag(parameters, "killDc", false);
        if kill == 0 || length == 0 {
            self.out.paragraph("Attrition: nobody, as it is written.");
            return;
        }
        let gap = length / kill;
        let fate = if reboot { "and started again" } else { "for good" };
        if data_centre {
            self.out.data_centres = true;
            self.out.paragraph(&format!("Attrition with killDc: a data centre is taken down {fate}."));
            let down = if reboot { 1_000_000 } else { length };
            self.out.step("attrition", gap / 2, "crash group dc1", ", restart after ", down, ONCE);
            return;
        }
        let leave = self.make_room(leave, down_at_once(kill, gap, reboot));
        self.out.paragraph(&format!(
            "Attrition: up to {kill} machines are taken down one by one, {fate}; at least {leave} are left."
        ));
        let down = if reboot { String::new() } else { format!(" down {}", span(length)) };
        // More than a step can count is without limit.
        let most = if kill > 255 { String::new() } else { format!(" kill {kill}") };
        let words = format!("attrition all{most} leave {leave} gap {}{down}", span(gap));
        self.out.step("attrition", 0, &words, " for ", length, ONCE);
    }

    /// Has enough nodes in the cluster that so many can be down while so many are left, and says how many are left then.
    fn make_room(&mut self, leave: u64, down: u64) -> u64 {
        let kept = leave.min(NODES_MAX - SPARE);
        if kept < leave {
            self.out.remarks.push(format!(
                "Attrition is to leave {leave} machines, but there are at most {NODES_MAX}: it leaves {kept}."
            ));
        }
        self.out.nodes = self.out.nodes.max((kept + down.max(SPARE)).clamp(SPARE + 1, NODES_MAX));
        kept
    }

    fn change_config(&mut self, parameters: &mut Parameters<'_>) -> u64 {
        let earliest = self.seconds(parameters, "minDelayBeforeChange", 0.0);
        let latest = self.seconds(parameters, "maxDelayBeforeChange", 0.0).max(earliest);
        let coordinators = self.words(parameters, "coordinators");
        let mode = self.words(parameters, "configMode");
        self.forget(parameters);
        let when = earliest + (latest - earliest) / 2;
        let asked: Vec<String> =
            [coordinators.map(|who| format!("coordinators {who}")), mode.map(|mode| format!("mode {mode}"))]
                .into_iter()
                .flatten()
                .collect();
        if asked.is_empty() {
            self.out.paragraph("ChangeConfig: nothing, as it is written.");
            return latest;
        }
        self.out.paragraph(&format!("ChangeConfig ({}): a member leaves and another comes.", asked.join(", ")));
        self.out.step("change-config", when, "admin remove one", "", 0, ONCE);
        self.out.step("change-config-back", when + 1_000_000, "admin add all", "", 0, ONCE);
        latest
    }

    fn wrong(&mut self, span: Range<usize>, expected: &str) {
        self.complaints.push(complaint(self.text, span, expected));
    }

    /// Notes the parameters of a workload that nobody asked for.
    fn forget(&mut self, parameters: &Parameters<'_>) {
        let name = parameters
            .tree
            .get("testName")
            .map_or("", |tree| if let Value::Text(name) = &tree.value { name } else { "" });
        for (key, _) in parameters.tree.entries() {
            if !parameters.known.contains(&key.text.as_str()) {
                self.out.left_out.push(format!("{name}.{}", key.text));
            }
        }
    }

    fn number(&mut self, parameters: &mut Parameters<'_>, name: &'static str, default: f64) -> f64 {
        let Some(tree) = parameters.get(name) else { return default };
        let read = match &tree.value {
            Value::Number(text) | Value::Text(text) => number(text).filter(|number| *number >= 0.0),
            _ => None,
        };
        if read.is_none() {
            self.wrong(tree.span.clone(), "a number of 0 or more");
        }
        read.unwrap_or(default)
    }

    fn seconds(&mut self, parameters: &mut Parameters<'_>, name: &'static str, default: f64) -> u64 {
        (self.number(parameters, name, default).min(SECONDS_MAX) * 1e6).round() as u64
    }

    fn flag(&mut self, parameters: &mut Parameters<'_>, name: &'static str, default: bool) -> bool {
        let Some(tree) = parameters.get(name) else { return default };
        match &tree.value {
            Value::Bool(flag) => return *flag,
            Value::Number(text) | Value::Text(text) => match text.as_str() {
                "true" | "1" => return true,
                "false" | "0" => return false,
                _ => {}
            },
            _ => {}
        }
        self.wrong(tree.span.clone(), "`true` or `false`");
        default
    }

    fn words(&mut self, parameters: &mut Parameters<'_>, name: &'static str) -> Option<String> {
        let tree = parameters.get(name)?;
        if let Value::Text(text) = &tree.value {
            return Some(text.clone());
        }
        self.wrong(tree.span.clone(), "text in quotes");
        None
    }
}

impl<'p> Parameters<'p> {
    fn get(&mut self, name: &'static str) -> Option<&'p Tree> {
        self.known.push(name);
        self.tree.get(name)
    }
}

impl Output {
    fn paragraph(&mut self, remark: &str) {
        self.steps.push('\n');
        let title = self.titles.last().map_or_else(String::new, |title| format!("{title}: "));
        comment(&mut self.steps, &format!("{title}{remark}"));
    }

    /// Writes a step that begins `at` microseconds after the present test has begun.
    fn step(&mut self, label: &str, at: u64, words: &str, ending: &str, length: u64, again: Again) {
        let at = self.begin_us + at;
        if at >= CHAOS_MAX_US || self.count == STEPS_MAX {
            comment(&mut self.steps, &format!("No room for: {words}."));
            return;
        }
        self.count += 1;
        let label = self.label(label);
        let _ = write!(self.steps, "{label}: at {}  {words}", print_micros(tidy_or_zero(at)));
        if !ending.is_empty() {
            let _ = write!(self.steps, "{ending}{}", span(length));
        }
        let times = again.times.min(AGAIN_MAX);
        if times > 0 {
            let about = if again.about { "about " } else { "" };
            let every = span(again.every_us);
            let _ = write!(self.steps, " again {times} times every {about}{every}");
        }
        self.steps.push('\n');
        if times < again.times {
            let last = print_micros(tidy(at + times * again.every_us));
            let remark =
                format!("`{label}` begins for the last time at {last}: a step comes again at most {AGAIN_MAX} times.");
            comment(&mut self.steps, &remark);
        }
    }

    fn label(&mut self, name: &str) -> String {
        let numbered = |number: u32| if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
        let free = (1..).map(numbered).find(|label| !self.labels.contains(label)).expect("numbers do not end");
        self.labels.insert(free.clone());
        free
    }

    fn finish(self, target: &str) -> String {
        let mut text = String::new();
        let titles = if self.titles.is_empty() { "without a title".to_owned() } else { self.titles.join(", ") };
        comment(&mut text, &format!("From a FoundationDB test: {titles}."));
        self.remarks.iter().for_each(|remark| comment(&mut text, remark));
        if !self.left_out.is_empty() {
            let left_out = self.left_out.join(", ");
            comment(&mut text, &format!("Left out, since a schedule has no use for them: {left_out}."));
        }
        self.left_out_workloads(&mut text);
        if self.begin_us > CHAOS_MAX_US || self.keys > KEYS_MAX || self.ops > OPS_MAX {
            comment(
                &mut text,
                "Less than was asked for: a schedule has at most 655s of faults, 63 keys and 65534 operations.",
            );
        }
        let _ = writeln!(text, "murphy 1\ntarget {target}\nseed 0x1");
        if self.nodes > 0 {
            let _ = writeln!(text, "nodes {}", self.nodes);
        }
        if self.rate > 0.0 {
            let (keys, ops) = (self.keys.clamp(1.0, KEYS_MAX) as u8, self.ops.clamp(1.0, OPS_MAX) as u16);
            let _ = writeln!(text, "keys {keys}, ops {ops}, rate {}", self.rate.clamp(1.0, 65_535.0) as u16);
        }
        let chaos = self.begin_us.clamp(10_000, CHAOS_MAX_US).div_ceil(10_000) * 10_000;
        let _ = writeln!(text, "phases chaos {}", print_micros(chaos));
        if self.data_centres {
            text.push_str("dcs 3\n");
        }
        text.push_str(&self.steps);
        canonical(text)
    }

    fn left_out_workloads(&self, text: &mut String) {
        let named = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
        if !self.loads.is_empty() {
            let loads = named(&self.loads);
            comment(text, &format!("Left out, since the target brings its own load and checks: {loads}."));
        }
        if !self.faults.is_empty() {
            let faults = named(&self.faults);
            comment(text, &format!("Left out, although they are faults: {faults}. Add steps of your own for them."));
        }
    }
}

/// How often something comes again within a test of this length that has begun after one gap.
fn again(length: u64, gap: u64, about: bool) -> Again {
    Again { times: length.saturating_sub(gap) / gap.max(1), every_us: gap, about }
}

/// How many machines are down at once.
fn down_at_once(kill: u64, gap: u64, reboot: bool) -> u64 {
    if reboot { kill.min(REBOOT_US.div_ceil(gap.max(1))) } else { kill }
}

fn micros(micros: f64) -> u64 {
    micros.clamp(100.0, SECONDS_MAX * 1e6) as u64
}

/// A length that every field for one can hold.
fn span(micros: u64) -> String {
    print_micros(tidy(micros.min(CHAOS_MAX_US)))
}

fn tidy_or_zero(micros: u64) -> u64 {
    if micros == 0 { 0 } else { tidy(micros) }
}
