//! A whole `*.murphy` file: a schedule with what only its text knows.
//!
//! A [`Schedule`] holds hashes and ids. A [`Document`] adds the target's name, the spellings of names, labels and comments.
//! Its `Display` is the one canonical formatting (`murphy fmt`): header lines in a fixed order, an empty line, steps in
//! columns. Comments stay with the line they stand above or beside. Nothing here reads or writes files.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

use crate::{
    bytes::VERSION,
    diagnostic::{Complaints, Diagnostic},
    fault::{Fault, FaultKind},
    header,
    labels::{Labels, definition, misnamed, spellable},
    lexer,
    name::Name,
    schedule::{GROUPS_MAX, Group, Header, STEPS_MAX, Schedule, Step, StepId},
    text::{Cursor, Place, Printer},
    vocabulary::Vocabulary,
};

/// The widest column that is padded; a longer trigger pushes only its own line.
const COLUMN_MAX: usize = 48;

/// A schedule as a file: with names, labels and comments.
#[derive(Clone)]
pub struct Document {
    /// The system that it is for; `any` if for any.
    pub target: String,
    /// What goes wrong, and when.
    pub schedule: Schedule,
    /// The spellings behind the schedule's hashes, as far as they are known.
    pub names: BTreeMap<Name, String>,
    /// The labels of steps, by id, where they are not just `s7`. A label that would read back as another id is not printed.
    pub labels: BTreeMap<StepId, String>,
    /// Remarks for people.
    pub comments: Comments,
    /// Where in the text that it was read from, of whatever form, its lines stand: line and column, from 1. Those of a document
    /// that was not read stand nowhere. Two documents that say the same are equal wherever they say it.
    pub places: BTreeMap<Line, (u32, u32)>,
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        let parts = |document: &Self| {
            let Self { target, schedule, names, labels, comments, places: _ } = document.clone();
            (target, schedule, names, labels, comments)
        };
        parts(self) == parts(other)
    }
}

impl Eq for Document {}

/// A line of a document to which comments belong, in the order in which they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// `murphy 1`
    Version,
    /// `target raft-kv`
    Target,
    /// `seed 0x5eed`
    Seed,
    /// `nodes 3, clients 4`
    Shape,
    /// `workload register`
    Workload,
    /// `mix 3 1`
    Mix,
    /// `phases chaos 4s`
    Phases,
    /// `ambient jitter 1ms`
    Ambient,
    /// `budget off`
    Budget,
    /// The data centre or group at this index; `dcs 3` is the first.
    Group(usize),
    /// `latency within 1ms`
    Latency,
    /// `resources memory 64MB`
    Resources,
    /// The step at this index.
    Step(usize),
    /// After everything.
    End,
}

/// The comments of a document. Those of a line that is not printed move on to the next one that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comments {
    /// On lines of their own above a line; an empty one among steps is an empty line. The `#` may be left out.
    pub above: BTreeMap<Line, Vec<String>>,
    /// At the end of a line. The `#` may be left out.
    pub beside: BTreeMap<Line, String>,
}

impl Document {
    /// `schedule` for `target`, without labels and comments.
    pub fn new(target: &str, schedule: Schedule, vocabulary: &Vocabulary) -> Self {
        let (labels, comments) = (BTreeMap::new(), Comments::default());
        let places = BTreeMap::new();
        Self { target: target.to_owned(), schedule, names: vocabulary.spellings(), labels, comments, places }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Every line that cannot be read gives one complaint, in the order of the lines, up to a hundred of them.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let lines = split(text);
        let mut reader = Reader::new(&lines);
        if let Err(complaint) = reader.version(&lines) {
            return Err(vec![complaint]);
        }
        for line in &lines {
            reader.line(line);
        }
        reader.finish()
    }

    /// Says a line of the header anew: `nodes 5, clients 3`, `phases chaos 10s`. What it does not mention stays; `dcs` replaces
    /// all data centres, and a group replaces the one of its name.
    ///
    /// # Errors
    /// What was expected instead of the word that cannot be read; the document is then as before.
    pub fn set(&mut self, line: &str) -> Result<(), Diagnostic> {
        let tokens = lexer::lex(line).tokens;
        let place = Place::new(1, 0, line, &tokens);
        let known = header::WORDS.into_iter().filter(|word| *word != "murphy");
        let (labels, mut names) = (Labels::default(), self.names.clone());
        let mut cursor = Cursor::new(place, &tokens, &labels, &mut names);
        if line.contains('\n') || !known.clone().any(|word| word == cursor.text(0)) {
            return Err(
                cursor.fail_near("a line of the header such as `nodes 5, clients 3` or `phases chaos 10s`", known)
            );
        }
        let (mut target, mut header) = (self.target.clone(), self.schedule.header);
        let groups = give_way(&mut header, cursor.text(0), cursor.text(1).trim_matches('"'));
        header::parse(&mut cursor, &mut target, &mut header)?;
        cursor.finish()?;
        let room = header.groups[header.dcs.into()..].iter_mut();
        if groups.len() > room.len() {
            return Err(place.complain(tokens.first(), format!("at most {GROUPS_MAX} groups and data centres")));
        }
        room.zip(groups).for_each(|(slot, group)| *slot = group);
        (self.target, self.schedule.header, self.names) = (target, header, names);
        Ok(())
    }

    fn step_lines(&self) -> Vec<String> {
        let labels = spellable(&self.labels, &self.schedule.steps);
        let mut owners = owners(&self.schedule.steps);
        let rows = self.schedule.steps.iter().enumerate().map(|(at, step)| {
            let printer = || Printer::new(&self.names, &labels);
            let label = match owners.remove(&step.id) {
                _ if step.id == 0 => String::new(),
                Some(owner) if owner == at => printer().label(step.id) + ": ",
                owner => {
                    owners.extend(owner.map(|owner| (step.id, owner)));
                    printer().label(step.id) + "~: "
                }
            };
            (label, print_when(step, printer()), print_what(step, printer()))
        });
        columns(&rows.collect::<Vec<_>>())
    }
}

impl Display for Document {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let head = header::print(&self.target, &self.schedule.header, &self.names);
        let steps = self.step_lines().into_iter().enumerate().map(|(at, text)| (Line::Step(at), Some(text)));
        let mut carried = Vec::new();
        let mut header_ended = false;
        for (line, text) in head.into_iter().chain(steps).chain([(Line::End, None)]) {
            let in_header = line < Line::Step(0);
            let above = self.comments.above.get(&line).into_iter().flatten().flat_map(|text| remarks(text));
            carried.extend(above.filter(|remark| !(in_header && remark.is_empty())));
            let beside =
                self.comments.beside.get(&line).map(|text| remarks(text).join(" ")).filter(|text| !text.is_empty());
            let Some(text) = text else {
                carried.extend(beside);
                continue;
            };
            if !in_header && !header_ended {
                header_ended = true;
                writeln!(f)?;
                trim_start(&mut carried);
            }
            print_remarks(f, &mut carried)?;
            writeln!(f, "{text}{}", beside.map_or_else(String::new, |beside| format!("  {beside}")))?;
        }
        print_end(f, carried, header_ended)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let document = SPOKEN.with_borrow(|(target, names)| {
            let schedule = self.clone();
            Document {
                target: target.clone(),
                names: names.clone(),
                ..Document::new("any", schedule, &Vocabulary::default())
            }
        });
        Display::fmt(&document, f)
    }
}

thread_local! {
    static SPOKEN: RefCell<(String, BTreeMap<Name, String>)> = RefCell::new(("any".to_owned(), BTreeMap::new()));
}

/// From now on, `Debug` prints schedules of this thread as ones for `target`, with its names spelled out. For programs that
/// work on one target and whose output others print, as libFuzzer does.
pub fn speak(target: &str, vocabulary: &Vocabulary) {
    SPOKEN.set((target.to_owned(), vocabulary.spellings()));
}

/// Makes room in a header for a line that begins with `word` and goes on with `name`. Returns the groups that come after it.
fn give_way(header: &mut Header, word: &str, name: &str) -> Vec<Group> {
    if word == "dcs" {
        let groups = header.groups[header.dcs.into()..].iter().copied().filter(|group| *group != Group::default());
        let groups = groups.collect();
        (header.dcs, header.groups) = (0, [Group::default(); GROUPS_MAX]);
        return groups;
    }
    let of_that_name = |group: &&mut Group| word == "group" && group.name == Name::of(name);
    if let Some(group) = header.groups[header.dcs.into()..].iter_mut().find(of_that_name) {
        *group = Group::default();
    }
    Vec::new()
}

/// The index of the step that owns each id: the lesser in order, and of equals the first.
pub(crate) fn owners(steps: &[Step]) -> BTreeMap<StepId, usize> {
    let mut owners = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        let owner = owners.entry(step.id).or_insert(at);
        if *step < steps[*owner] {
            *owner = at;
        }
    }
    owners
}

fn print_when(step: &Step, mut printer: Printer<'_>) -> String {
    printer.when(step.when);
    printer.finish()
}

fn print_what(step: &Step, mut printer: Printer<'_>) -> String {
    printer.word(step.fault.kind().keyword());
    for (_, word, value) in step.fault.values(&printer) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        if !word.is_empty() {
            printer.word(word);
        }
        printer.word(value);
    }
    printer.lasts(step.lasts, step.fault.kind());
    printer.again(step.again);
    printer.finish()
}

fn columns(rows: &[(String, String, String)]) -> Vec<String> {
    let width = |column: fn(&(String, String, String)) -> &String| {
        rows.iter().map(|row| column(row).chars().count()).filter(|width| *width <= COLUMN_MAX).max().unwrap_or(0)
    };
    let (labels, whens) = (width(|row| &row.0), width(|row| &row.1));
    rows.iter().map(|(label, when, what)| format!("{label:labels$}{when:whens$}  {what}")).collect()
}

/// The lines of a comment as they are printed: with their `#`, or empty.
fn remarks(text: &str) -> Vec<String> {
    let remark = |line: &str| match line.trim_end().strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| !(c == ' ' || c == '#' || c == '!')) => format!("# {rest}"),
        Some(rest) => format!("#{rest}"),
        None if line.trim().is_empty() => String::new(),
        None => format!("# {}", line.trim_end()),
    };
    if text.is_empty() { vec![String::new()] } else { text.lines().map(remark).collect() }
}

fn trim_start(remarks: &mut Vec<String>) {
    let empty = remarks.iter().take_while(|remark| remark.is_empty()).count();
    remarks.drain(..empty);
}

fn trim_end(remarks: &mut Vec<String>) {
    while remarks.pop_if(|remark| remark.is_empty()).is_some() {}
}

fn print_remarks(f: &mut Formatter<'_>, remarks: &mut Vec<String>) -> fmt::Result {
    remarks.dedup_by(|b, a| a.is_empty() && b.is_empty());
    remarks.drain(..).try_for_each(|remark| writeln!(f, "{remark}"))
}

fn print_end(f: &mut Formatter<'_>, mut remarks: Vec<String>, header_ended: bool) -> fmt::Result {
    trim_end(&mut remarks);
    if !header_ended && !remarks.is_empty() {
        trim_start(&mut remarks);
        writeln!(f)?;
    }
    print_remarks(f, &mut remarks)
}

/// A line of the text, taken apart.
struct Source<'t> {
    place: Place<'t>,
    lexed: lexer::Line<'t>,
}

/// The lines of a text; a byte order mark at its start is none of it.
fn split(text: &str) -> Vec<Source<'_>> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut start = text.len() - body.len();
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(body.split('\n')) {
        let lexed = lexer::lex(line);
        lines.push(Source { place: Place::new(number, start, line, &lexed.tokens), lexed });
        start += line.len() + 1;
    }
    lines
}

/// What is expected of a file with so many steps too many.
pub(crate) fn at_most(excess: usize) -> String {
    let more = if excess > 1 { format!(" ({} more follow this one)", excess - 1) } else { String::new() };
    format!("at most {STEPS_MAX} steps{more}")
}

/// A document in the making.
struct Reader {
    document: Document,
    labels: Labels,
    /// About labels that two lines have.
    repeated: Complaints,
    /// About everything else.
    complaints: Complaints,
    /// The first step beyond the limit, and how many there are.
    excess: Option<(Diagnostic, usize)>,
    /// Comments and empty lines since the last line that said something.
    above: Vec<String>,
    /// On which line each item of the header stands.
    seen: BTreeMap<&'static str, u32>,
}

impl Reader {
    fn new(lines: &[Source<'_>]) -> Self {
        let mut complaints = Complaints::default();
        let tokens = lines.iter().map(|line| (line.place, line.lexed.tokens.as_slice()));
        let labels = Labels::collect(tokens, &mut complaints);
        let document = Document::new("any", Schedule::default(), &Vocabulary::default());
        Self {
            document,
            labels,
            repeated: complaints,
            complaints: Complaints::default(),
            excess: None,
            above: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Checks the first line that says something. Of another version, nothing else can be trusted.
    fn version(&mut self, lines: &[Source<'_>]) -> Result<(), Diagnostic> {
        let expected = || format!("`murphy {VERSION}` on the first line");
        let first = lines.iter().find(|line| !line.lexed.tokens.is_empty());
        let Some(line) = first else { return Err(lines[0].place.complain(None, expected())) };
        let mut cursor = Cursor::new(line.place, &line.lexed.tokens, &self.labels, &mut self.document.names);
        if !cursor.accept("murphy") {
            return Err(cursor.fail(expected()));
        }
        let understood = |text: &str| text.parse().ok().filter(|version: &u8| *version == VERSION);
        cursor.number(understood, format!("version {VERSION}, which is all that this murphy understands"))?;
        cursor.finish()
    }

    fn line(&mut self, line: &Source<'_>) {
        if line.lexed.tokens.is_empty() {
            self.above.push(line.lexed.comment.unwrap_or_default().to_owned());
            return;
        }
        match self.content(line) {
            Ok(Some(place)) => {
                self.locate(place, line);
                self.attach(place, line.lexed.comment);
            }
            Ok(None) => {}
            Err(complaint) => self.complaints.push(|| complaint),
        }
    }

    /// Remembers where a line stands. The shape may stand on several: then where it says how many nodes there are.
    fn locate(&mut self, place: Line, line: &Source<'_>) {
        let at = (line.place.number, line.place.column(line.lexed.tokens[0].at));
        let first = *self.document.places.entry(place).or_insert(at);
        if first != at && line.lexed.tokens.iter().any(|token| token.text == "nodes") {
            self.document.places.insert(place, at);
        }
    }

    fn attach(&mut self, line: Line, comment: Option<&str>) {
        if line < Line::Step(0) {
            self.above.retain(|remark| !remark.is_empty());
        } else if line == Line::Step(0) {
            trim_start(&mut self.above);
        }
        let comments = &mut self.document.comments;
        let above = comments.above.entry(line).or_default();
        above.append(&mut self.above);
        if let Some(comment) = comment {
            above.extend(comments.beside.insert(line, comment.to_owned()));
        }
        if above.is_empty() {
            comments.above.remove(&line);
        }
    }

    /// Reads a line; nothing comes of a step beyond the limit.
    fn content(&mut self, line: &Source<'_>) -> Result<Option<Line>, Diagnostic> {
        let tokens = line.lexed.tokens.as_slice();
        let word = header::WORDS.into_iter().find(|word| *word == tokens[0].text && definition(tokens).is_none());
        if word == Some("murphy") && !self.seen.contains_key("murphy") {
            self.seen.insert("murphy", line.place.number);
            return Ok(Some(Line::Version));
        }
        self.once(line)?;
        let place = line.place.brief_if(self.complaints.is_full());
        let mut cursor = Cursor::new(place, tokens, &self.labels, &mut self.document.names);
        if word.is_none() {
            let step = step(&mut cursor)?;
            return Ok(self.push(step, line));
        }
        let read = header::parse(&mut cursor, &mut self.document.target, &mut self.document.schedule.header)?;
        cursor.finish().map(|()| Some(read))
    }

    /// Complains about an item of the header that stands there already.
    fn once(&mut self, line: &Source<'_>) -> Result<(), Diagnostic> {
        let tokens = line.lexed.tokens.as_slice();
        if definition(tokens).is_some() || !header::WORDS.contains(&tokens[0].text) {
            return Ok(());
        }
        let starts = tokens.iter().enumerate().filter(|(at, _)| *at == 0 || tokens[at - 1].text == ",");
        for (_, token) in starts {
            let known = header::WORDS.into_iter().find(|word| *word == token.text);
            let Some(word) = known.filter(|word| !header::REPEATED.contains(word)) else { continue };
            if let Some(earlier) = self.seen.insert(word, line.place.number) {
                return Err(line.place.complain(Some(token), format!("`{word}` once (line {earlier} has it)")));
            }
        }
        Ok(())
    }

    fn push(&mut self, step: Step, line: &Source<'_>) -> Option<Line> {
        let steps = &mut self.document.schedule.steps;
        if steps.len() == STEPS_MAX {
            let first = || (line.place.complain(line.lexed.tokens.first(), ""), 0);
            self.excess.get_or_insert_with(first).1 += 1;
            return None;
        }
        steps.push(step);
        Some(Line::Step(steps.len() - 1))
    }

    fn finish(mut self) -> Result<Document, Vec<Diagnostic>> {
        trim_end(&mut self.above);
        self.attach(Line::End, None);
        let mut complaints = self.repeated;
        complaints.append(self.complaints);
        if let Some((first, excess)) = self.excess {
            let mut limit = Complaints::default();
            limit.push(|| Diagnostic { expected: at_most(excess), ..first });
            complaints.append(limit);
        }
        if !complaints.is_empty() {
            return Err(complaints.finish());
        }
        self.document.labels = self.labels.by_id();
        Ok(self.document)
    }
}

fn step(cursor: &mut Cursor<'_>) -> Result<Step, Diagnostic> {
    let id = label(cursor)?;
    const WHENS: [&str; 4] = ["at", "after", "before", "on"];
    if !WHENS.contains(&cursor.text(0)) {
        let words = header::WORDS.into_iter().chain(WHENS);
        return Err(cursor.fail_near("a step (`at`, `after`, `before`, `on call`) or a line of the header", words));
    }
    let when = cursor.when()?;
    let kind = fault_kind(cursor)?;
    let fault = Fault::parse(kind, cursor)?;
    let lasts = cursor.lasts(kind)?;
    let again = cursor.again()?;
    cursor.finish()?;
    Ok(Step { when, fault, lasts, id, again })
}

fn label(cursor: &mut Cursor<'_>) -> Result<StepId, Diagnostic> {
    let Some((label, owned)) = definition(cursor.remaining()) else { return Ok(0) };
    if let Some(complaint) = misnamed(cursor.place(), label) {
        return Err(complaint);
    }
    let id = cursor.label()?;
    if !owned {
        cursor.advance();
    }
    cursor.advance();
    Ok(id)
}

fn fault_kind(cursor: &mut Cursor<'_>) -> Result<FaultKind, Diagnostic> {
    let keywords = || FaultKind::ALL.iter().map(|kind| kind.keyword());
    let kind = FaultKind::from_keyword(cursor.text(0));
    let kind =
        kind.ok_or_else(|| cursor.fail_near("a fault such as `crash` (`murphy faults` lists them)", keywords()))?;
    cursor.advance();
    Ok(kind)
}
