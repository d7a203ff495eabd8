//! The phrases of a step: when it begins, whom it strikes, how long it lasts. Each is printed and parsed side by side.

use crate::{
    diagnostic::Diagnostic,
    fault::{FaultKind, Length},
    lexer::{Kind, Token},
    name::Name,
    schedule::{Again, Edge, Fact, Lasts, Side, When},
    select::{Link, NODES_MAX, Nodes},
    text::{Cursor, Printer, is_reserved, node_number},
    units::{print_factor, print_micros},
};

const NODES: &str = "nodes such as `n1`, `{n1,n2}`, a role, `primaries`, `one`, `majority`, `rest` or `all`";

/// The selectors that are a single word.
const SINGLE: [(&str, Nodes); 9] = [
    ("all", Nodes::All),
    ("rest", Nodes::Rest),
    ("primaries", Nodes::Primaries),
    ("one", Nodes::One),
    ("some", Nodes::Some),
    ("half", Nodes::Half),
    ("most-up-to-date", Nodes::MostUpToDate),
    ("least-up-to-date", Nodes::LeastUpToDate),
    ("last-voter", Nodes::LastVoter),
];

/// The selectors that may be counted from a node.
const COUNTED: [&str; 3] = ["majority", "minority", "minority-third"];

impl Printer<'_> {
    pub(crate) fn when(&mut self, when: When) {
        match when {
            When::At(delay) => {
                self.word("at");
                self.duration(delay);
            }
            When::Step { step, edge, delay } => {
                self.word("after");
                self.reference(step, edge);
                self.delay(delay);
            }
            When::Fact { fact, side, nth, from, delay } => {
                self.word(if side == Side::Before { "before" } else { "after" });
                self.fact(fact);
                self.word(format!("#{nth}"));
                if let Some((step, edge)) = from {
                    self.word("from");
                    self.reference(step, edge);
                }
                self.delay(delay);
            }
            When::Called => self.word("on call"),
        }
    }

    /// How often a step begins again.
    pub(crate) fn again(&mut self, again: Again) {
        if again.times == 0 {
            return;
        }
        match again.times {
            1 => self.word("again once"),
            times => self.word(format!("again {times} times")),
        }
        if again.every != 0 {
            self.word(if again.about { "every about" } else { "every" });
            self.duration(again.every);
        }
    }

    fn delay(&mut self, delay: u32) {
        if delay != 0 {
            self.word(format!("+{}", print_micros(delay.into())));
        }
    }

    fn fact(&mut self, fact: Fact) {
        match fact {
            Fact::Send(kind, link) => self.message("send", kind, link),
            Fact::Deliver(kind, link) => self.message("deliver", kind, link),
            Fact::Sync(nodes) => self.word(self.nodes(nodes) + " sync"),
            Fact::Write(nodes) => self.word(self.nodes(nodes) + " write"),
            Fact::Role(nodes, role) => self.word(self.nodes(nodes) + " becomes " + &self.guarded_name(role)),
            Fact::Mark(name) => self.word("mark ".to_owned() + &self.quoted_name(name)),
            Fact::Invoke(name) => self.function("invoke", name),
            Fact::Complete(name) => self.function("complete", name),
            Fact::Stops(nodes) => self.word(self.nodes(nodes) + " stops"),
            Fact::Starts(nodes) => self.word(self.nodes(nodes) + " starts"),
            Fact::Fault(name, edge) => {
                self.word("fault");
                self.word(self.keyword(name));
                self.word(edge_word(edge));
            }
        }
    }

    fn function(&mut self, verb: &str, name: Name) {
        self.word(verb);
        if name != Name::ANY {
            self.word(self.name_unless(name, ends_function));
        }
    }

    fn message(&mut self, verb: &str, kind: Name, link: Link) {
        self.word(verb);
        if kind != Name::ANY {
            self.word(self.guarded_name(kind));
        }
        self.optional_link(link);
    }

    pub(crate) fn nodes(&self, nodes: Nodes) -> String {
        let from = |word: &str, node: u8| if node == 0 { word.to_owned() } else { format!("{word} from n{node}") };
        match nodes {
            Nodes::Node(number) => format!("n{number}"),
            Nodes::Role(name) => self.guarded_name(name),
            Nodes::Previous(name) => format!("previous-{}", self.suffix_name(name)),
            Nodes::Set(set) => braces(set),
            Nodes::Majority(node) => from("majority", node),
            Nodes::Minority(node) => from("minority", node),
            Nodes::MinorityThird(node) => from("minority-third", node),
            Nodes::Group(name) => format!("group {}", self.guarded_name(name)),
            Nodes::All
            | Nodes::Rest
            | Nodes::Primaries
            | Nodes::One
            | Nodes::Some
            | Nodes::Half
            | Nodes::MostUpToDate
            | Nodes::LeastUpToDate
            | Nodes::LastVoter => {
                let word = SINGLE.iter().find(|(_, single)| *single == nodes);
                word.expect("every selector without a parameter is a single word").0.to_owned()
            }
        }
    }

    pub(crate) fn link(&self, link: Link) -> String {
        format!("{}->{}", self.nodes(link.from), self.nodes(link.to))
    }

    /// A link, unless it is every link.
    pub(crate) fn optional_link(&mut self, link: Link) {
        if link != Link::ALL {
            self.word(self.link(link));
        }
    }

    pub(crate) fn lasts(&mut self, lasts: Lasts, kind: FaultKind) {
        match lasts {
            Lasts::Healed => {}
            Lasts::Until(step, edge) => {
                self.word("until");
                self.reference(step, edge);
            }
            Lasts::For(_) | Lasts::Constant { .. } | Lasts::Sum { .. } | Lasts::Difference { .. } => {
                self.lasting_words(kind);
                self.word(self.length(lasts));
            }
        }
    }

    /// The length of a step that is neither healed nor ended by another one.
    pub(crate) fn length(&self, lasts: Lasts) -> String {
        let scaled = |name: Name, percent: i8| {
            let factor = if percent == 0 { String::new() } else { format!("*{}", print_factor(percent)) };
            self.name(name) + &factor
        };
        match lasts {
            Lasts::Healed | Lasts::Until(..) => String::new(),
            Lasts::For(micros) => print_micros(micros.into()),
            Lasts::Constant { name, percent } => scaled(name, percent),
            Lasts::Sum { name, percent, other } => scaled(name, percent) + " + " + &self.name(other),
            Lasts::Difference { name, percent, other } => scaled(name, percent) + " - " + &self.name(other),
        }
    }

    fn lasting_words(&mut self, kind: FaultKind) {
        match kind.lasting_words() {
            [] => self.word("for"),
            words => self.append(&format!(", {}", words.join(" "))),
        }
    }
}

/// Whether a word can follow a fact whose function is left out.
fn ends_function(word: &str) -> bool {
    word == "from" || FaultKind::from_keyword(word).is_some()
}

/// The word for an edge.
pub(crate) fn edge_word(edge: Edge) -> &'static str {
    match edge {
        Edge::Begins => "begins",
        Edge::Ends => "ends",
    }
}

/// A set of nodes as text.
pub(crate) fn braces(set: u16) -> String {
    let numbers = (1..=NODES_MAX).filter(|number| set >> (number - 1) & 1 == 1);
    let names: Vec<String> = numbers.map(|number| format!("n{number}")).collect();
    format!("{{{}}}", names.join(","))
}

impl Cursor<'_> {
    pub(crate) fn when(&mut self) -> Result<When, Diagnostic> {
        if self.accept("at") {
            return Ok(When::At(self.duration()?));
        }
        if self.accept("on") {
            return self.expect("call").map(|()| When::Called);
        }
        let word = self.peek();
        let side = if self.accept("after") {
            Side::After
        } else if self.accept("before") {
            Side::Before
        } else {
            return Err(self.fail("`at`, `after`, `before` or `on call`"));
        };
        if side == Side::After && matches!(self.text(1), "begins" | "ends") {
            return Ok(When::Step { step: self.label()?, edge: self.edge()?, delay: self.delay()? });
        }
        self.fact_trigger(side, word)
    }

    fn fact_trigger(&mut self, side: Side, word: Option<&Token<'_>>) -> Result<When, Diagnostic> {
        let fact = self.fact()?;
        if side == Side::Before && !fact.has_before() {
            return Err(self
                .place()
                .complain(word, "`after`: a role is seen once it has been taken, a fault once it has begun"));
        }
        Ok(When::Fact { fact, side, nth: self.nth()?, from: self.anchor()?, delay: self.delay()? })
    }

    fn nth(&mut self) -> Result<u8, Diagnostic> {
        let Some(token) = self.peek().filter(|token| token.kind == Kind::Nth) else { return Ok(1) };
        let nth = token.text[1..].parse().ok().filter(|nth| *nth != 0);
        let nth = nth.ok_or_else(|| self.fail("an occurrence from `#1` to `#255`"))?;
        self.advance();
        Ok(nth)
    }

    fn anchor(&mut self) -> Result<Option<(u8, Edge)>, Diagnostic> {
        if !self.accept("from") {
            return Ok(None);
        }
        Ok(Some((self.label()?, self.maybe_edge().unwrap_or_default())))
    }

    fn delay(&mut self) -> Result<u32, Diagnostic> {
        if self.accept("+") { self.duration() } else { Ok(0) }
    }

    fn fact(&mut self) -> Result<Fact, Diagnostic> {
        if self.accept("send") {
            return Ok(Fact::Send(self.kind()?, self.optional_link()?));
        }
        if self.accept("deliver") {
            return Ok(Fact::Deliver(self.kind()?, self.optional_link()?));
        }
        if self.accept("mark") {
            return Ok(Fact::Mark(self.name("a mark such as `\"two leaders\"`")?));
        }
        if self.accept("invoke") {
            return Ok(Fact::Invoke(self.function()?));
        }
        if self.accept("complete") {
            return Ok(Fact::Complete(self.function()?));
        }
        if self.accept("fault") {
            return Ok(Fact::Fault(self.keyword()?, self.edge()?));
        }
        let nodes = self.nodes()?;
        if self.accept("sync") {
            return Ok(Fact::Sync(nodes));
        }
        if self.accept("write") {
            return Ok(Fact::Write(nodes));
        }
        if self.accept("becomes") {
            return Ok(Fact::Role(nodes, self.name("a role")?));
        }
        if self.accept("stops") {
            return Ok(Fact::Stops(nodes));
        }
        if self.accept("starts") {
            return Ok(Fact::Starts(nodes));
        }
        Err(self.fail("`sync`, `write`, `becomes`, `stops` or `starts`"))
    }

    /// A function of the workload, unless what follows is none.
    fn function(&mut self) -> Result<Name, Diagnostic> {
        let function = self.at_name() && !ends_function(self.text(0));
        if function { self.name("a function of the workload") } else { Ok(Name::ANY) }
    }

    /// A kind of fault, by its keyword or its hash.
    fn keyword(&mut self) -> Result<Name, Diagnostic> {
        if self.peek().is_some_and(|token| token.kind == Kind::Hash) {
            return self.name("a kind of fault");
        }
        let keywords = || FaultKind::ALL.iter().map(|kind| kind.keyword());
        let kind = FaultKind::from_keyword(self.text(0));
        let kind = kind.ok_or_else(|| self.fail_near("a kind of fault such as `partition`", keywords()))?;
        self.advance();
        Ok(Name::of(kind.keyword()))
    }

    /// `3 times`
    fn times(&mut self) -> Result<u8, Diagnostic> {
        let times = self.integer(1..=255)? as u8;
        self.expect("times").map(|()| times)
    }

    /// How often a step begins again.
    pub(crate) fn again(&mut self) -> Result<Again, Diagnostic> {
        if !self.accept("again") {
            return Ok(Again::NEVER);
        }
        let times = if self.accept("once") { 1 } else { self.times()? };
        if !self.accept("every") {
            return Ok(Again { times, ..Again::NEVER });
        }
        let about = self.accept("about");
        let every = self.duration()?;
        if every == 0 {
            Err(self.fail("a duration above zero after `every`"))
        } else {
            Ok(Again { times, every, about })
        }
    }

    /// A kind of message, unless what follows is a link or no name at all.
    fn kind(&mut self) -> Result<Name, Diagnostic> {
        let kind = self.at_name() && self.text(1) != "->" && !(self.is_word() && is_reserved(self.text(0)));
        if kind { self.name("a kind of message") } else { Ok(Name::ANY) }
    }

    pub(crate) fn nodes(&mut self) -> Result<Nodes, Diagnostic> {
        let Some(token) = self.peek() else { return Err(self.fail(NODES)) };
        if let Some((_, nodes)) = SINGLE.iter().find(|(word, _)| *word == token.text) {
            self.advance();
            return Ok(*nodes);
        }
        match token.text {
            "{" => self.braces(),
            "majority" => Ok(Nodes::Majority(self.counted_from()?)),
            "minority" => Ok(Nodes::Minority(self.counted_from()?)),
            "minority-third" => Ok(Nodes::MinorityThird(self.counted_from()?)),
            "group" => {
                self.advance();
                self.name("the name of a group").map(Nodes::Group)
            }
            word if node_number(word).is_some() => {
                self.in_braces()?;
                Ok(Nodes::Node(self.node()?))
            }
            _ => self.role(),
        }
    }

    /// Complains about `n1, n2` where `{n1,n2}` has to stand.
    fn in_braces(&self) -> Result<(), Diagnostic> {
        let listed = |pair: &&[Token<'_>]| pair[0].text == "," && node_number(pair[1].text).is_some();
        let [first, rest @ ..] = self.remaining() else { return Ok(()) };
        let others: Vec<&Token<'_>> = rest.chunks_exact(2).take_while(listed).map(|pair| &pair[1]).collect();
        let Some(last) = others.last() else { return Ok(()) };
        let names: Vec<&str> = [first].into_iter().chain(others.iter().copied()).map(|node| node.text).collect();
        let complaint = self.place().complain(Some(first), "braces around several nodes");
        let found = self.place().text[first.at..last.at + last.text.len()].to_owned();
        let span = complaint.span.start..complaint.span.start + found.len();
        Err(Diagnostic { found, span, suggestion: Some(format!("{{{}}}", names.join(","))), ..complaint })
    }

    fn node(&mut self) -> Result<u8, Diagnostic> {
        self.numbered('n', 1..=NODES_MAX, "a node")
    }

    fn counted_from(&mut self) -> Result<u8, Diagnostic> {
        self.advance();
        if node_number(self.text(1)).is_some() && self.accept("from") { self.node() } else { Ok(0) }
    }

    fn role(&mut self) -> Result<Nodes, Diagnostic> {
        let named = self.at_name() && !(self.is_word() && is_reserved(self.text(0)));
        let Some(token) = self.peek().filter(|_| named) else {
            return Err(self.fail_near(NODES, SINGLE.iter().map(|(word, _)| *word).chain(COUNTED)));
        };
        self.advance();
        Ok(match token.text.strip_prefix("previous-") {
            Some(rest) => Nodes::Previous(self.learn(token.kind, rest)),
            None => Nodes::Role(self.learn(token.kind, token.text)),
        })
    }

    /// `{n1,n3}`, or a single selector that needs no braces.
    fn braces(&mut self) -> Result<Nodes, Diagnostic> {
        self.advance();
        if self.accept("}") {
            return Ok(Nodes::Set(0));
        }
        if node_number(self.text(0)).is_none() {
            let nodes = self.nodes()?;
            return self.expect("}").map(|()| nodes);
        }
        let mut set = 1 << (self.node()? - 1);
        while self.accept(",") {
            set |= 1 << (self.node()? - 1);
        }
        if self.accept("}") { Ok(Nodes::Set(set)) } else { Err(self.fail("`,` or `}`")) }
    }

    pub(crate) fn link(&mut self) -> Result<Link, Diagnostic> {
        let from = self.nodes()?;
        self.expect("->")?;
        Ok(Link { from, to: self.nodes()? })
    }

    /// A link, or every link if none stands here.
    fn optional_link(&mut self) -> Result<Link, Diagnostic> {
        if self.at_nodes() { self.link() } else { Ok(Link::ALL) }
    }

    /// Whether what follows are nodes rather than a word that can stand after a link.
    pub(crate) fn at_nodes(&self) -> bool {
        let word = self.text(0);
        let selects = matches!(word, "{" | "group") || SINGLE.iter().any(|(single, _)| *single == word);
        selects
            || COUNTED.contains(&word)
            || node_number(word).is_some()
            || (self.at_name() && !(self.is_word() && is_reserved(word)))
    }

    pub(crate) fn lasts(&mut self, kind: FaultKind) -> Result<Lasts, Diagnostic> {
        if kind.length() == Length::Instant {
            return self.no_length(kind);
        }
        if self.accept("until") {
            return Ok(Lasts::Until(self.label()?, self.edge()?));
        }
        if self.accept("for") || self.other_words(kind)? { self.length() } else { Ok(Lasts::Healed) }
    }

    fn no_length(&mut self, kind: FaultKind) -> Result<Lasts, Diagnostic> {
        if matches!(self.text(0), "for" | "until" | ",") {
            return Err(self.fail(format!("the end of the line, since `{}` is over at once", kind.keyword())));
        }
        Ok(Lasts::Healed)
    }

    /// The words that this kind of fault has in place of `for`.
    fn other_words(&mut self, kind: FaultKind) -> Result<bool, Diagnostic> {
        let [first, rest @ ..] = kind.lasting_words() else { return Ok(false) };
        let comma = self.accept(",");
        if !comma && !self.accept(first) {
            return Ok(false);
        }
        if comma {
            self.expect(first)?;
        }
        rest.iter().try_for_each(|word| self.expect(word))?;
        Ok(true)
    }

    fn length(&mut self) -> Result<Lasts, Diagnostic> {
        if !self.at_name() {
            return Ok(Lasts::For(self.duration()?));
        }
        let name = self.name("a timing constant")?;
        let percent = if self.accept("*") { self.factor()? } else { 0 };
        if self.accept("+") {
            return Ok(Lasts::Sum { name, percent, other: self.name("a timing constant")? });
        }
        if self.accept("-") {
            return Ok(Lasts::Difference { name, percent, other: self.name("a timing constant")? });
        }
        Ok(Lasts::Constant { name, percent })
    }
}
