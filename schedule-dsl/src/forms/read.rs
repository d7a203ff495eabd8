//! From a tree to a document.
//!
//! Every value is read by the grammar of the text form, as if it stood on a line of its own, and complaints are carried back to
//! where it really stands. Only what has no text form is decided here: which keys there are, and what lists and maps mean.

use std::{collections::BTreeMap, ops::Range};

use super::{
    length_key,
    source::{Draft, Source},
};
use crate::{
    bytes::VERSION,
    diagnostic::{Complaints, Diagnostic},
    document::{Document, Line, at_most},
    fault::{Fault, FaultKind, Fields, Length},
    field::{Field, default_text},
    header,
    labels::{Labels, definition, misnamed},
    lexer::{self, is_identifier},
    name::Name,
    schedule::{Again, Lasts, STEPS_MAX, Schedule, Step, StepId, When},
    text::{Cursor, Place},
    tree::{Key, Tree, Value},
    vocabulary::Vocabulary,
};

/// The keys of a file: those of the header, and two more.
fn keys() -> impl Iterator<Item = &'static str> {
    header::keys().chain(["comment", "steps"])
}

/// Those whose value is what stands behind them in the text form.
const PLAIN: [&str; 8] = ["target", "seed", "nodes", "clients", "keys", "ops", "rate", "workload"];
/// Those whose value is a map of what stands behind them in the text form.
const MAPS: [&str; 4] = ["phases", "ambient", "latency", "resources"];
/// The keys of a step that say when it begins.
const WHENS: [&str; 4] = ["at", "after", "before", "on"];
/// The other keys of a step, beside the fields of its fault.
const ROUND: [&str; 6] = ["label", "fault", "for", "until", "again", "comment"];

type Entries = [(Key, Tree)];

/// What a file need not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spared {
    /// The version of the format.
    pub(super) version: bool,
    /// When a step begins: at once, where nothing is said.
    pub(super) moments: bool,
}

/// Reads a document from its tree.
pub(super) fn document(tree: &Tree, spared: Spared, source: Source<'_>) -> Result<Document, Vec<Diagnostic>> {
    let mut reader = Reader::new(source, spared);
    if !matches!(tree.value, Value::Map(_) | Value::Null) {
        reader.source.complain_of_kind(tree, "a map with keys such as `murphy`, `target` and `steps`");
        return reader.finish();
    }
    if !reader.version(tree) {
        return reader.finish();
    }
    reader.header(tree);
    if let Some((_, steps)) = given(tree.entries(), "steps") {
        reader.steps(steps);
    }
    reader.finish()
}

/// The entry of this key, unless its value is null. No user's null is left after translation: it stands for a value of which
/// a complaint has been made.
fn given<'e>(entries: &'e Entries, key: &str) -> Option<&'e (Key, Tree)> {
    entries.iter().find(|(candidate, value)| candidate.text == key && value.value != Value::Null)
}

/// A document in the making.
struct Reader<'t> {
    source: Source<'t>,
    spared: Spared,
    target: String,
    schedule: Schedule,
    names: BTreeMap<Name, String>,
    labels: Labels,
    comments: BTreeMap<Line, Vec<String>>,
    places: BTreeMap<Line, (u32, u32)>,
}

impl<'t> Reader<'t> {
    fn new(source: Source<'t>, spared: Spared) -> Self {
        Self {
            source,
            spared,
            target: "any".to_owned(),
            schedule: Schedule::default(),
            names: BTreeMap::new(),
            labels: Labels::default(),
            comments: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    fn finish(self) -> Result<Document, Vec<Diagnostic>> {
        self.source.finish()?;
        let mut document = Document::new(&self.target, self.schedule, &Vocabulary::default());
        document.names = self.names;
        document.labels = self.labels.by_id();
        document.comments.above = self.comments;
        document.places = self.places;
        Ok(document)
    }

    /// Checks the version. Of another one, nothing else can be trusted.
    fn version(&mut self, tree: &Tree) -> bool {
        let Some((_, version)) = given(tree.entries(), "murphy") else {
            if !self.spared.version {
                let first =
                    tree.entries().first().map_or(tree.span.start..tree.span.start, |(key, _)| key.span.clone());
                self.source.complain(first, format!("a key `murphy` with the version, {VERSION}"));
            }
            return true;
        };
        let understood =
            matches!(&version.value, Value::Number(text) | Value::Text(text) if *text == VERSION.to_string());
        if !understood {
            let expected = format!("version {VERSION}, which is all that this murphy understands");
            self.source.complain(version.span.clone(), expected);
        }
        understood
    }

    /// What `read` makes of a draft, if it is right to its end.
    fn value<T>(&mut self, draft: &Draft, read: impl FnOnce(&mut Cursor<'_>) -> Result<T, Diagnostic>) -> Option<T> {
        let lexed = lexer::lex(draft.text());
        let place = Place::new(1, 0, draft.text(), &lexed.tokens).brief_if(self.source.is_full());
        let mut cursor = Cursor::new(place, &lexed.tokens, &self.labels, &mut self.names);
        let result = read(&mut cursor).and_then(|value| cursor.finish().map(|()| value));
        let result = match (result, lexed.comment) {
            (Ok(_), Some(comment)) => {
                let start = draft.text().find(comment).unwrap_or(0);
                let token = lexer::Token { kind: lexer::Kind::Stray, text: comment, at: start };
                Err(place.complain(Some(&token), "the end of the value (a comment has a key of its own, `comment`)"))
            }
            (result, _) => result,
        };
        result.map_err(|complaint| self.source.carry(draft, complaint)).ok()
    }

    fn header_line(&mut self, draft: &Draft) {
        let (mut target, mut header) = (self.target.clone(), self.schedule.header);
        if let Some(line) = self.value(draft, |cursor| header::parse(cursor, &mut target, &mut header)) {
            (self.target, self.schedule.header) = (target, header);
            let place = self.source.place(draft.first().start);
            // The shape has several keys: it stands where it says how many nodes there are.
            if draft.text().starts_with("nodes") {
                self.places.insert(line, place);
            }
            self.places.entry(line).or_insert(place);
        }
    }

    fn header(&mut self, tree: &Tree) {
        for (key, _) in tree.entries() {
            if keys().all(|known| known != key.text) {
                let expected = format!("one of {}", list(keys()));
                self.source.complain_unknown(key.span.clone(), &key.text, expected, keys());
            }
        }
        for word in keys() {
            if let Some((key, value)) = given(tree.entries(), word) {
                self.item(word, key, value);
            }
        }
    }

    fn item(&mut self, word: &str, key: &Key, value: &Tree) {
        let begin = Draft::new().ours(word, &key.span).ours(" ", &key.span);
        match word {
            _ if PLAIN.contains(&word) => self.plain(begin, value, word),
            "mix" => self.weights(begin, value),
            "budget" => match value.value {
                Value::Bool(false) => self.header_line(&begin.ours("off", &value.span)),
                _ => self.plain(begin, value, "`off`"),
            },
            "dcs" if matches!(value.value, Value::List(_) | Value::Map(_)) => self.declarations("dc", value),
            "dcs" => self.plain(begin, value, "a number"),
            "groups" => self.declarations("group", value),
            "comment" => {
                let lines = self.comment(value);
                self.comments.insert(Line::Version, lines);
            }
            _ if MAPS.contains(&word) => self.map(&begin, value, word),
            _ => {}
        }
    }

    fn plain(&mut self, begin: Draft, value: &Tree, what: &str) {
        let expected = if what.starts_with(['`', 'a']) { what.to_owned() } else { format!("the value of `{what}`") };
        if let Some(draft) = self.scalar(begin, value, &expected) {
            self.header_line(&draft);
        }
    }

    /// Adds text or a number to a draft; complains about anything else.
    fn scalar(&mut self, draft: Draft, value: &Tree, expected: &str) -> Option<Draft> {
        match &value.value {
            Value::Text(text) => Some(draft.say(text, &value.span)),
            Value::Number(number) => Some(draft.say(&plain_number(number), &value.span)),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
                self.source.complain_of_kind(value, expected);
                None
            }
        }
    }

    fn weights(&mut self, begin: Draft, value: &Tree) {
        if value.items().is_empty() {
            return self.plain(begin, value, "a list of weights such as `[3, 1]`");
        }
        let mut draft = begin;
        for weight in value.items() {
            let Some(longer) = self.scalar(draft, weight, "a weight from 0 to 255") else { return };
            draft = longer.ours(" ", &weight.span);
        }
        self.header_line(&draft);
    }

    fn map(&mut self, begin: &Draft, value: &Tree, word: &str) {
        let Value::Map(entries) = &value.value else {
            return self.source.complain_of_kind(value, &format!("a map such as {}", map_example(word)));
        };
        for (key, value) in entries.iter().filter(|(_, value)| value.value != Value::Null) {
            let draft = begin.clone().say(&key.text, &key.span).ours(" ", &key.span);
            if let Some(draft) = self.scalar(draft, value, "text such as `2s`") {
                self.header_line(&draft);
            }
        }
    }

    /// Data centres or groups: a list of maps, or a map from names to members.
    fn declarations(&mut self, word: &str, value: &Tree) {
        for (key, members) in value.entries() {
            let draft = Draft::new().ours(word, &key.span).ours(" ", &key.span).say(&quoted(&key.text), &key.span);
            self.declaration(draft, Some(members));
        }
        for item in value.items() {
            let Value::Map(entries) = &item.value else {
                self.source.complain_of_kind(item, "a map such as `{name: clusterA, members: [n1, n2]}`");
                continue;
            };
            let known = ["name", "members"];
            for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
                self.source.complain_unknown(key.span.clone(), &key.text, "`name` or `members`", known);
            }
            let mut draft = Draft::new().ours(word, &item.span);
            if let Some((key, name)) = given(entries, "name") {
                draft = draft.ours(" ", &key.span);
                let name = Tree { value: name.as_name(), span: name.span.clone() };
                let Some(named) = self.scalar(draft, &name, "a name") else { continue };
                draft = named;
            }
            self.declaration(draft, given(entries, "members").map(|(_, members)| members));
        }
        if !matches!(value.value, Value::List(_) | Value::Map(_)) {
            self.source.complain_of_kind(value, "a list such as `[{name: clusterA, members: [n1, n2]}]`");
        }
    }

    fn declaration(&mut self, draft: Draft, members: Option<&Tree>) {
        let draft = match members {
            None => Some(draft),
            Some(members) => {
                let draft = draft.ours(" ", &members.span);
                self.selector(draft, members, "nodes such as `[n1, n2]`")
            }
        };
        if let Some(draft) = draft {
            self.header_line(&draft);
        }
    }

    /// Adds nodes to a draft: text, or a list of them.
    fn selector(&mut self, draft: Draft, value: &Tree, expected: &str) -> Option<Draft> {
        let Value::List(items) = &value.value else { return self.scalar(draft, value, expected) };
        let mut draft = draft.ours("{", &value.span);
        for (at, item) in items.iter().enumerate() {
            let separated = if at > 0 { draft.ours(",", &item.span) } else { draft };
            draft = self.scalar(separated, item, "a node such as `n1`")?;
        }
        Some(draft.ours("}", &value.span))
    }

    fn comment(&mut self, value: &Tree) -> Vec<String> {
        match &value.value {
            Value::Text(text) | Value::Number(text) => text.lines().map(str::to_owned).collect(),
            Value::List(lines) => lines.iter().flat_map(|line| self.comment(line)).collect(),
            Value::Null | Value::Bool(_) | Value::Map(_) => {
                self.source.complain_of_kind(value, "text");
                Vec::new()
            }
        }
    }

    fn steps(&mut self, steps: &Tree) {
        if !matches!(steps.value, Value::List(_)) {
            return self.source.complain_of_kind(steps, "a list of steps");
        }
        self.collect_labels(steps.items());
        for (at, step) in steps.items().iter().enumerate() {
            if at == STEPS_MAX {
                return self.source.complain(step.span.clone(), at_most(steps.items().len() - STEPS_MAX));
            }
            if !matches!(step.value, Value::Map(_)) {
                self.source.complain_of_kind(step, "a step: a map with keys such as `at` and `fault`");
            } else if let Some(read) = self.step(step) {
                if let Some((_, comment)) = given(step.entries(), "comment") {
                    let lines = self.comment(comment);
                    self.comments.insert(Line::Step(self.schedule.steps.len()), lines);
                }
                let line = Line::Step(self.schedule.steps.len());
                self.places.insert(line, self.source.place(step.span.start));
                self.schedule.steps.push(read);
            }
        }
    }

    /// Gives the labels the ids that they would have in the text form.
    fn collect_labels(&mut self, steps: &[Tree]) {
        let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
        for step in steps {
            let Some((_, label)) = given(step.entries(), "label") else { continue };
            let Value::Text(text) = &label.value else { continue };
            if let Some(earlier) = seen.insert(text.clone(), label.span.clone()) {
                let line = self.source.line(earlier.start);
                let own = format!("a label of its own (line {line} has this one)");
                if !text.ends_with('~') {
                    self.source.complain(label.span.clone(), own);
                }
            }
        }
        let lines: Vec<String> = steps.iter().map(outline).collect();
        let lexed: Vec<lexer::Line<'_>> = lines.iter().map(|line| lexer::lex(line)).collect();
        let tokens =
            lines.iter().zip(&lexed).map(|(text, line)| (Place::new(0, 0, text, &line.tokens), &line.tokens[..]));
        self.labels = Labels::collect(tokens, &mut Complaints::default());
    }

    fn step(&mut self, step: &Tree) -> Option<Step> {
        let entries = step.entries();
        let id = self.label(entries);
        let Some((_, word)) = given(entries, "fault") else {
            self.when(entries);
            self.source.complain(step.span.clone(), "a key `fault`, such as `fault: crash`");
            return None;
        };
        let when = self.when(entries);
        let kind = self.kind(word)?;
        // What nobody knows may have been meant to say when.
        if self.known_keys(entries, kind) && !timed(entries) && !self.spared.moments {
            let expected =
                format!("a key `at`, `after`, `before` or `on` beside `{}`, such as `at: 1.2s`", kind.keyword());
            self.source.complain(word.span.clone(), expected);
        }
        let fault = Fault::gather(kind, &mut StepFields { reader: self, entries, word, kind });
        let lasts = self.lasts(entries, kind);
        let again = self.again(entries);
        Some(Step { when: when?, fault: fault?, lasts: lasts?, id: id?, again: again? })
    }

    fn kind(&mut self, word: &Tree) -> Option<FaultKind> {
        let Value::Text(text) = &word.value else {
            self.source.complain_of_kind(word, "a fault such as `crash`");
            return None;
        };
        let kind = FaultKind::from_keyword(text).or_else(|| FaultKind::from_keyword(&text.replace('_', "-")));
        if kind.is_none() {
            let known = FaultKind::ALL.iter().map(|kind| kind.keyword()).chain(crate::dialect::words());
            let expected = "a fault such as `crash` (`murphy faults` lists them)";
            self.source.complain_unknown(word.span.clone(), text, expected, known);
        }
        kind
    }

    /// Complains about keys that nobody knows. Whether there are none.
    fn known_keys(&mut self, entries: &Entries, kind: FaultKind) -> bool {
        let mut all = true;
        let fields = kind.fields();
        let length = length_key(kind.lasting_words());
        let round = WHENS.into_iter().chain(ROUND).chain([length.as_str()]);
        let known: Vec<&str> = fields.iter().map(|field| field.name).chain(round).collect();
        let words: Vec<&str> = fields.iter().map(|field| field.word).collect();
        for (key, _) in entries {
            let word = key.text.as_str();
            if known.contains(&word) || words.contains(&word) {
                continue;
            }
            all = false;
            let own: Vec<&str> = fields.iter().map(|field| field.name).collect();
            let expected = match own.as_slice() {
                [] => format!("no such key: `{}` has no fields", kind.keyword()),
                own => format!("one of the fields of `{}`: {}", kind.keyword(), list(own.iter().copied())),
            };
            let likely = known.iter().copied().chain(crate::dialect::keys().map(|key| -> &str { key }));
            self.source.complain_unknown(key.span.clone(), word, expected, likely);
        }
        all
    }

    fn label(&mut self, entries: &Entries) -> Option<StepId> {
        let Some((_, label)) = given(entries, "label") else { return Some(0) };
        let expected = "a label: one word of letters, digits and `_`";
        let draft = self.scalar(Draft::new(), label, expected)?;
        let word = draft.text().strip_suffix('~').unwrap_or(draft.text());
        if !is_identifier(word) {
            self.source.complain(label.span.clone(), expected);
            return None;
        }
        let line = format!("{word}:");
        let lexed = lexer::lex(&line);
        let place = Place::new(1, 0, &line, &lexed.tokens);
        let wrong = definition(&lexed.tokens).and_then(|(token, _)| misnamed(place, token));
        if let Some(wrong) = wrong {
            self.source.complain(label.span.clone(), wrong.expected);
            return None;
        }
        self.labels.id(word)
    }

    fn when(&mut self, entries: &Entries) -> Option<When> {
        let mut said =
            entries.iter().filter(|(key, value)| WHENS.contains(&key.text.as_str()) && value.value != Value::Null);
        // Of one that is there and says nothing, a complaint has been made.
        let Some((key, moment)) = said.next() else { return (!timed(entries)).then_some(When::At(0)) };
        if let Some((second, _)) = said.next() {
            self.source.complain(second.span.clone(), format!("one of {}, and `{}` is there", list(WHENS), key.text));
            return None;
        }
        let draft = Draft::new().ours(&key.text, &key.span).ours(" ", &key.span);
        let expected = match key.text.as_str() {
            "at" => "text such as `1.2s`",
            "on" => "`call`",
            _ => "text such as `n2 sync #3`",
        };
        let draft = self.scalar(draft, moment, expected)?;
        self.value(&draft, |cursor| cursor.when())
    }

    fn lasts(&mut self, entries: &Entries, kind: FaultKind) -> Option<Lasts> {
        let length = length_key(kind.lasting_words());
        let said = ["for", "until", length.as_str()];
        let mut said =
            entries.iter().filter(|(key, value)| said.contains(&key.text.as_str()) && value.value != Value::Null);
        let Some((key, value)) = said.next() else { return Some(Lasts::Healed) };
        if let Some((second, _)) = said.next() {
            self.source.complain(second.span.clone(), format!("one length, and `{}` is there", key.text));
            return None;
        }
        if kind.length() == Length::Instant {
            self.source.complain(key.span.clone(), format!("no length, since `{}` is over at once", kind.keyword()));
            return None;
        }
        let word = if key.text == "until" { "until " } else { "for " };
        let expected = if key.text == "until" { "text such as `slow ends`" } else { "text such as `1.2s`" };
        let draft = self.scalar(Draft::new().ours(word, &key.span), value, expected)?;
        self.value(&draft, |cursor| cursor.lasts(kind))
    }

    fn again(&mut self, entries: &Entries) -> Option<Again> {
        let Some((key, value)) = given(entries, "again") else { return Some(Again::NEVER) };
        let draft = Draft::new().ours("again ", &key.span);
        let draft = self.scalar(draft, value, "text such as `3 times every 10s`")?;
        let counted = matches!(value.value, Value::Number(_));
        let draft = if counted { draft.ours(" times", &value.span) } else { draft };
        self.value(&draft, |cursor| cursor.again())
    }
}

/// The fields of one step, for [`Fault::gather`].
struct StepFields<'r, 't, 'e> {
    reader: &'r mut Reader<'t>,
    entries: &'e Entries,
    /// The fault's keyword.
    word: &'e Tree,
    kind: FaultKind,
}

impl Fields for StepFields<'_, '_, '_> {
    fn field<F: Field>(&mut self, name: &'static str, word: &'static str) -> Option<F> {
        let named = given(self.entries, name);
        let worded = given(self.entries, word).filter(|_| word != name && !WHENS.contains(&word));
        if let (Some(_), Some((key, _))) = (named, worded) {
            self.reader.source.complain(key.span.clone(), format!("no `{word}` beside `{name}`, which is the same"));
            return None;
        }
        let Some((_, value)) = named.or(worded) else { return self.default(name) };
        let value = if matches!(name, "kind" | "site") { &value.as_name().at(value.span.clone()) } else { value };
        let draft = self.draft(name, value, &F::range())?;
        if draft.text().is_empty() && default_text::<F>().is_some_and(|text| text.is_empty()) {
            return F::DEFAULT;
        }
        self.reader.value(&draft, F::parse)
    }
}

impl StepFields<'_, '_, '_> {
    fn default<F: Field>(&mut self, name: &str) -> Option<F> {
        if self.entries.iter().any(|(key, _)| key.text == name) {
            return None;
        }
        if F::DEFAULT.is_none() {
            let or = if crate::dialect::aims_at(name) { " (or `target`)" } else { "" };
            let expected = format!("a key `{name}`{or} beside `{}`: {}", self.kind.keyword(), F::range());
            self.reader.source.complain(self.word.span.clone(), expected);
        }
        F::DEFAULT
    }

    fn draft(&mut self, name: &str, value: &Tree, range: &str) -> Option<Draft> {
        if name == "sides" {
            return self.sides(value, range);
        }
        self.reader.selector(Draft::new(), value, range)
    }

    /// Text, or a list of sides, each of which is text or a list of nodes.
    fn sides(&mut self, value: &Tree, range: &str) -> Option<Draft> {
        let Value::List(items) = &value.value else { return self.reader.scalar(Draft::new(), value, range) };
        if !(2..=3).contains(&items.len()) {
            self.reader.source.complain(value.span.clone(), "two or three sides");
            return None;
        }
        let mut draft = Draft::new();
        for (at, side) in items.iter().enumerate() {
            let separated = if at > 0 { draft.ours(" | ", &side.span) } else { draft };
            draft = self.reader.selector(separated, side, "nodes such as `[n1, n2]`")?;
        }
        Some(draft)
    }
}

/// Whether a step says when it begins.
pub(crate) fn timed(entries: &Entries) -> bool {
    entries.iter().any(|(key, _)| WHENS.contains(&key.text.as_str()))
}

/// A step as a line, as far as labels go.
fn outline(step: &Tree) -> String {
    let text = |key: &str| match given(step.entries(), key).map(|(_, value)| &value.value) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let label = text("label").map(|label| match label.strip_suffix('~') {
        Some(label) => format!("{label}~: "),
        None => format!("{label}: "),
    });
    let whens = WHENS.into_iter().chain(["until"]).filter_map(|key| Some(format!("{key} {} ", text(key)?)));
    let rest = text("fault").into_iter().chain(text("step")).collect::<Vec<_>>().join(" ");
    label.into_iter().chain(whens).chain([rest]).collect()
}

/// A number as the text form writes it.
fn plain_number(number: &str) -> String {
    number.strip_prefix('+').unwrap_or(number).replace('_', "")
}

/// A name as the text form can read it, whatever its characters.
pub(super) fn quoted(name: &str) -> String {
    let lexed = lexer::lex(name);
    let one = lexed.tokens.len() == 1 && lexed.comment.is_none();
    let known = one && matches!(lexed.tokens[0].kind, lexer::Kind::Word | lexer::Kind::Quoted | lexer::Kind::Hash);
    if known || name.contains('"') { name.to_owned() } else { format!("\"{name}\"") }
}

impl Tree {
    fn as_name(&self) -> Value {
        match &self.value {
            Value::Text(text) => Value::Text(quoted(text)),
            other => other.clone(),
        }
    }
}

fn map_example(word: &str) -> &'static str {
    match word {
        "phases" => "`{chaos: 4s, settle: 3s}`",
        "ambient" => "`{jitter: 1ms, loss: 1%}`",
        "latency" => "`{within: 1ms, between: 40ms}`",
        _ => "`{cpu: 50%, memory: 64MB}`",
    }
}

fn list<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
