//! Every fault, declared once.
//!
//! A row of the table below is the whole definition of a fault: its meaning, its tag in the byte form, its keyword in the
//! text form, whether it has a length (and the words before it, if not `for`), its fields, each with the word before it if
//! it has one, how often it is drawn, its next weaker kind, what it tests, and an example. The enum, the codec, the parser,
//! the printer, the generator, the shrinker and the documentation are projections of the table, so they cannot disagree.
//!
//! Tags are below 128 and never reused. A tag that names no row is no step at all, so a new row never changes what saved
//! bytes mean. Whether this version's simulator carries a fault out is not said here: see `inject.rs` of `murphy-sim`.

use std::any::Any;

use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    field::{
        Calls, Change, ClockOf, Count, Cut, Damage, DiskFate, Distribution, EXACT, ErrorCode, Factor, Failure, Field,
        FinePercent, Latency, Misread, Miswrite, Number, OfKind, Offset, Operation, Order, Overflow, Party, PauseMode,
        Percent, Place, Release, Scope, Sides, Site, Size, SocketCall, Span, State, StepRef, Strategy, Takedown,
        Transfers, default_text,
    },
    schedule::StepId,
    select::{Link, Nodes},
    text::{Cursor, Printer},
    vocabulary::Vocabulary,
};

/// Whether a fault has a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// It happens and is over.
    Instant,
    /// It lasts as long as its step says, and is healed at the end of the chaos phase at the latest.
    Lasting,
}

/// What the documentation says of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldAbout {
    /// Its name, which is its key in the structured forms.
    pub name: &'static str,
    /// The word before it in the text form; empty if there is none.
    pub word: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Its values, with their units and range.
    pub range: String,
    /// Its value where nothing is said; `None`: it has to be said.
    pub default: Option<String>,
}

macro_rules! faults {
    ($(
        $(#[doc = $doc:literal])+
        $tag:literal $keyword:literal $length:ident $([$($words:literal)+])? $name:ident {
            $($(#[doc = $fdoc:literal])+ $([$word:literal])? $field:ident: $type:ty),* $(,)?
        } weight $weight:literal $(weaker $weaker:ident)? tests $tests:literal example $example:literal;
    )+) => {
        /// What a step does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $($(#[doc = $doc])+ $name { $($(#[doc = $fdoc])+ $field: $type),* },)+ }

        /// A row of the fault table, without the values of its fields.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind { $($(#[doc = $doc])+ $name,)+ }

        /// The words before fields; some are empty.
        pub(crate) const FIELD_WORDS: &[&str] = &[$($(concat!($($word)?),)*)+];

        impl FaultKind {
            /// Every row, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The first byte of its record.
            pub fn tag(self) -> u8 {
                match self { $(Self::$name => $tag,)+ }
            }

            /// The row with this tag, modulo 128.
            pub fn from_tag(tag: u8) -> Option<Self> {
                match tag & 127 { $($tag => Some(Self::$name),)+ _ => None }
            }

            /// The word that names it in the text form.
            pub fn keyword(self) -> &'static str {
                match self { $(Self::$name => $keyword,)+ }
            }

            /// Whether it has a length.
            pub fn length(self) -> Length {
                match self { $(Self::$name => Length::$length,)+ }
            }

            /// The row that this word names in the text form.
            pub fn from_keyword(word: &str) -> Option<Self> {
                match word { $($keyword => Some(Self::$name),)+ _ => None }
            }

            /// The words before its length in the text form, if they are not `for`.
            pub fn lasting_words(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($($words),+)?],)+ }
            }

            /// Its meaning, as the documentation has it.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc, "\n"),+).trim_ascii(),)+ }
            }

            /// How often it is drawn beside the others; 0: never at random.
            pub fn weight(self) -> u64 {
                match self { $(Self::$name => $weight,)+ }
            }

            /// The kind that does less of the same.
            pub fn weaker(self) -> Option<Self> {
                match self { $(Self::$name => [$(Self::$weaker)?].first().copied(),)+ }
            }

            /// What it is good for.
            pub fn tests(self) -> &'static str {
                match self { $(Self::$name => $tests,)+ }
            }

            /// A step that uses it, as text.
            pub fn example(self) -> &'static str {
                match self { $(Self::$name => $example,)+ }
            }

            /// Its fields, in the order of the text form.
            pub fn fields(self) -> Vec<FieldAbout> {
                match self {
                    $(Self::$name => vec![$(FieldAbout {
                        name: stringify!($field),
                        word: concat!($($word)?),
                        meaning: concat!($($fdoc, "\n"),+).trim_ascii(),
                        range: <$type as Field>::range(),
                        default: default_text::<$type>(),
                    }),*],)+
                }
            }
        }

        impl Fault {
            /// Which row of the table it is.
            pub fn kind(&self) -> FaultKind {
                match self { $(Self::$name { .. } => FaultKind::$name,)+ }
            }

            /// Reads the fields of a fault of this kind from `record`.
            pub(crate) fn decode(kind: FaultKind, record: &mut Record<'_>) -> Self {
                let _ = &record;
                match kind { $(FaultKind::$name => Self::$name { $($field: <$type>::decode(record)),* },)+ }
            }

            /// Writes the fields to `record`.
            pub(crate) fn encode(&self, record: &mut RecordMut<'_>) {
                let _ = &record;
                match self { $(Self::$name { $($field),* } => { $($field.encode(record);)* })+ }
            }

            /// The names, words and values of its fields as text; `None` for those that need not be said.
            pub(crate) fn values(&self, printer: &Printer<'_>) -> Vec<(&'static str, &'static str, Option<String>)> {
                let _ = &printer;
                match self {
                    $(Self::$name { $($field),* } => vec![$((
                        stringify!($field),
                        concat!($($word)?),
                        (<$type as Field>::DEFAULT != Some(*$field)).then(|| $field.print(printer)),
                    )),*],)+
                }
            }

            /// Reads the fields of a fault of this kind from words, in any order as far as it is clear which one is meant.
            pub(crate) fn parse(kind: FaultKind, cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
                let _ = &cursor;
                Ok(match kind {
                    $(FaultKind::$name => {
                        $(let mut $field: Option<$type> = None;)*
                        #[allow(unused_mut, unused_assignments, reason = "a fault without fields")]
                        loop {
                            let mut read = false;
                            $(if $field.is_none() && begins::<$type>(cursor, concat!($($word)?)) {
                                $field = Some(<$type>::parse(cursor)?);
                                read = true;
                            })*
                            if !read { break; }
                        }
                        Self::$name { $($field: said($field, cursor, concat!($($word)?))?),* }
                    })+
                })
            }

            /// A fault of this kind whose fields come from elsewhere, by their names. Each is asked for, so that all mistakes
            /// are found; `None` if one of them has no value.
            pub(crate) fn gather(kind: FaultKind, from: &mut impl Fields) -> Option<Self> {
                match kind {
                    $(FaultKind::$name => {
                        $(let $field = from.field::<$type>(stringify!($field), concat!($($word)?));)*
                        Some(Self::$name { $($field: $field?),* })
                    })+
                }
            }

            /// A fault of this kind with fields drawn at random.
            pub fn random(kind: FaultKind, vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
                let _ = (&vocabulary, &dice);
                match kind { $(FaultKind::$name => Self::$name { $($field: <$type>::random(vocabulary, dice)),* },)+ }
            }

            /// The same fault with one field, all equally likely, drawn anew.
            pub(crate) fn redraw(&mut self, vocabulary: &Vocabulary, dice: &mut Dice) {
                match self {
                    $(Self::$name { $($field),* } => {
                        let fields: &[&str] = &[$(stringify!($field)),*];
                        let drawn = fields.get(dice.below(fields.len() as u64) as usize);
                        $(if drawn == Some(&stringify!($field)) { *$field = Field::random(vocabulary, dice); })*
                        let _ = (vocabulary, drawn);
                    })+
                }
            }

            /// The same fault with one field simpler, every field in turn.
            pub(crate) fn simpler_fields(&self) -> Vec<Self> {
                #[allow(unused_mut, reason = "a fault without fields")]
                let mut simpler = Vec::new();
                match *self {
                    $(Self::$name { $($field),* } => {
                        $(for value in $field.simpler() {
                            let mut fault = *self;
                            if let Self::$name { $field, .. } = &mut fault { *$field = value; }
                            simpler.push(fault);
                        })*
                    })+
                }
                simpler
            }

            /// How far its fields are from the simplest.
            pub(crate) fn field_sizes(&self) -> u64 {
                match self { $(Self::$name { $($field),* } => 0 $(+ $field.size())*,)+ }
            }

            /// Its fields by name, for whoever looks for some of their types in faults of every kind.
            pub(crate) fn parts(&self) -> Vec<(&'static str, &dyn Any)> {
                match self { $(Self::$name { $($field),* } => vec![$((stringify!($field), $field as &dyn Any)),*],)+ }
            }

            /// What of its fields means something else than it says, and what to say instead.
            pub(crate) fn flaws(&self) -> Vec<(String, &'static str)> {
                match self { $(Self::$name { $($field),* } => {
                    let flaws: Vec<Option<(String, &'static str)>> = vec![$($field.flaw()),*];
                    flaws.into_iter().flatten().collect()
                })+ }
            }

            /// The step that it refers to; 0: none.
            pub fn reference(&self) -> StepId {
                match self { $(Self::$name { $($field),* } => 0 $(| $field.reference())*,)+ }
            }

            /// Changes the step that it refers to.
            pub(crate) fn refer(&mut self, id: StepId) {
                let _ = id;
                match self { $(Self::$name { $($field),* } => { $($field.refer(id);)* })+ }
            }
        }
    };
}

/// Where the fields of a fault can come from, other than a line of text.
pub(crate) trait Fields {
    /// The field of this name, with the word before it in the text form; `None` if there is none and there has to be.
    fn field<F: Field>(&mut self, name: &'static str, word: &'static str) -> Option<F>;
}

/// Whether a field begins here: its word, which is taken, or without a word something that can be its value.
fn begins<F: Field>(cursor: &mut Cursor<'_>, word: &'static str) -> bool {
    if !word.is_empty() {
        return cursor.accept(word);
    }
    let begins = F::at(cursor);
    if !begins {
        cursor.consider(F::WORDS);
    }
    begins
}

/// What was said of a field, or its default; if there is none, what stands here has to be it.
fn said<F: Field>(value: Option<F>, cursor: &mut Cursor<'_>, word: &'static str) -> Result<F, Diagnostic> {
    if let Some(value) = value.or(F::DEFAULT) {
        return Ok(value);
    }
    if !word.is_empty() {
        cursor.expect(word)?;
    }
    F::parse(cursor)
}

impl Fault {
    /// Loses every message of a kind on a link.
    pub fn lose(link: Link, kind: OfKind) -> Self {
        let (correlation, each, rule) = (Percent(0), Number(0), Number(0));
        Self::Loss { link, kind, share: Percent(EXACT), correlation, each, rule }
    }

    /// Delays every message of a kind on a link by so many microseconds, rounded down to what a [`Span`] can say.
    pub fn slow(link: Link, kind: OfKind, micros: u32) -> Self {
        let (correlation, each, rule) = (Percent(0), Number(0), Number(0));
        let (queue, overflow) = (Count(0), Overflow::default());
        let latency = Latency(Distribution::fixed(micros));
        Self::Delay { link, kind, latency, correlation, each, queue, overflow, rule }
    }

    /// Repeats every message of a kind on a link so many microseconds later, rounded down to what a [`Span`] can say.
    pub fn repeat(link: Link, kind: OfKind, micros: u32) -> Self {
        let (correlation, each, rule) = (Percent(0), Number(0), Number(0));
        Self::Duplicate { link, kind, share: Percent(EXACT), lag: Span::at_most(micros), correlation, each, rule }
    }

    /// What the next weaker kind does to the same victims.
    pub(crate) fn weaker(&self) -> Option<Self> {
        self.kind().weaker().and_then(|kind| crate::bytes::recast(self, kind))
    }
}

faults! {
    /// Does nothing. Carries a trigger on which other steps depend.
    0x01 "note" Instant Note {}
        weight 1 tests "nothing: a moment for other steps to refer to" example "after n3 becomes leader  note";
    /// Draws everything that follows anew, for the world, a node or a link; what has happened stays.
    0x02 "reseed" Instant Reseed {
        /// Whose draws.
        scope: Scope,
    } weight 1 tests "how much depends on luck from a moment on" example "at 1s  reseed n2";
    /// Has a client ask for an operation now.
    0x03 "invoke" Instant Invoke {
        /// Who asks for what.
        operation: Operation,
    } weight 2 tests "one operation at the worst moment" example "after n3 becomes leader  invoke write k1 17 by c2 via previous-leader";
    /// Has an operator ask for a change of the system: of its members, its shards, its log. It asks the node that leads, and follows those
    /// who know better.
    0x04 "admin" Instant Admin {
        /// What is to change.
        change: Change,
        /// Whom it concerns.
        victims: Nodes,
    } weight 4 tests "membership changes, leadership transfers, compaction and splits in the midst of faults" example "at 2s  admin remove n3";
    /// Ends all faults that last, and starts nodes that are down.
    0x05 "heal" Instant Heal {} weight 1 tests "recovery in the midst of the chaos phase" example "at 3s  heal";
    /// Begins a step now, whenever it would begin itself: a partition by its name, once more.
    0x06 "activate" Instant Activate {
        /// The step.
        step: StepRef,
    } weight 1 tests "named partitions that come and go" example "at 2s  activate split";
    /// Ends a step now.
    0x07 "deactivate" Instant Deactivate {
        /// The step.
        step: StepRef,
    } weight 1 tests "named partitions that come and go" example "at 3s  deactivate split";
    /// Moves nodes to the first side of a partition in force, or away from it.
    0x08 "modify" Instant Modify {
        /// The step whose partition changes.
        step: StepRef,
        /// Who joins the first side.
        ["add"] add: Party,
        /// Who leaves the first side.
        ["remove"] remove: Party,
    } weight 1 tests "cuts that move while they last" example "at 2s  modify split add {n3} remove {n1}";

    /// Cuts every link between the sides, both ways. Nodes on no side reach everybody.
    0x10 "partition" Lasting Partition {
        /// Who is cut off from whom.
        sides: Sides,
    } weight 20 tests "split brain, lost quorums, stale leaders" example "at 1s  partition leader | rest for election_timeout*1.1";
    /// Cuts the links in one direction only. An ordered stream needs both directions: on it, both fall silent.
    0x11 "block" Lasting Block {
        /// The links that carry nothing.
        link: Link,
    } weight 10 tests "half a connection: who hears, but is not heard" example "at 1s  block n1->rest for 500ms";
    /// Adds to the latency of messages, which wait beside each other and arrive in the order in which their waiting ends. If it
    /// names no link and a message triggers it at once, only of that very message. Of the rules of one kind that match a message
    /// the one with the lowest number decides; those without a number add up, and only where no numbered one matches.
    0x12 "delay" Lasting Delay {
        /// The links that are slow.
        link: Link,
        /// Only messages of this kind.
        ["of"] kind: OfKind,
        /// How much later they arrive; what is drawn below zero is zero.
        latency: Latency,
        /// How likely it is that what befell the message before befalls this one too: bursts.
        ["correlation"] correlation: Percent<0>,
        /// Only each so manieth matching message; 0 and 1 are all.
        ["each"] each: Number,
        /// How many messages can wait on a link at once; 0 is any number.
        ["queue"] queue: Count<0>,
        /// What becomes of a message that finds the queue full. What an ordered stream loses so is sent again.
        ["overflow"] overflow: Overflow,
        /// Its place among the rules for a message.
        ["rule"] rule: Number,
    } weight 10 tests "timeouts, reordering across links, slow replicas" example "at 1s  delay leader->all of AppendEntries normal 200ms dev 50ms for 2s";
    /// Loses a share of the messages. On an ordered stream a lost message is sent again later. If it names no link and a
    /// message triggers it at once, it loses that very message, whatever the share.
    0x13 "loss" Lasting Loss {
        /// The links that lose.
        link: Link,
        /// Only messages of this kind.
        ["of"] kind: OfKind,
        /// Which share.
        share: Percent<10_000>,
        /// How likely it is that what befell the message before befalls this one too: bursts.
        ["correlation"] correlation: Percent<0>,
        /// Only each so manieth matching message; 0 and 1 are all.
        ["each"] each: Number,
        /// Its place among the rules for a message, as for `delay`.
        ["rule"] rule: Number,
    } weight 10 tests "retries, acknowledgements, gaps in logs" example "after send AppendEntries leader->n3 #5  loss n1->n3 30% for 1s";
    /// Delivers a share of the messages a second time, later. An ordered stream removes the second copy. If it names no link
    /// and a message triggers it at once, it repeats that very message, whatever the share.
    0x14 "duplicate" Lasting Duplicate {
        /// The links that repeat.
        link: Link,
        /// Only messages of this kind.
        ["of"] kind: OfKind,
        /// Which share.
        share: Percent<10_000>,
        /// How much later than the first copy the second arrives.
        ["lag"] lag: Span<10_000>,
        /// How likely it is that what befell the message before befalls this one too: bursts.
        ["correlation"] correlation: Percent<0>,
        /// Only each so manieth matching message; 0 and 1 are all.
        ["each"] each: Number,
        /// Its place among the rules for a message, as for `delay`.
        ["rule"] rule: Number,
    } weight 6 tests "idempotence, stale votes and snapshots, double execution" example "at 1s  duplicate n1->n3 of Snapshot 50% lag 2s for 3s";
    /// Holds messages in a buffer at the end of each link and lets them go in another order. An ordered stream undoes that, so
    /// there it does nothing.
    0x15 "reorder" Lasting Reorder {
        /// The links that mix up.
        link: Link,
        /// Only messages of this kind.
        ["of"] kind: OfKind,
        /// Which share is held at all.
        share: Percent<10_000>,
        /// How the next message to go is chosen.
        ["by"] strategy: Strategy,
        /// By what a strategy that sorts does so. Sorted by senders or by their clocks, the links to one receiver share a buffer.
        ["order"] order: Order,
        /// How many messages the buffer holds; a message that finds it full pushes the oldest out.
        ["buffer"] buffer: Count<8>,
        /// The longest that a message is held.
        ["window"] window: Span<50_000>,
        /// When held messages go.
        ["release"] release: Release,
        /// How likely it is that what befell the message before befalls this one too: bursts.
        ["correlation"] correlation: Percent<0>,
        /// Its place among the rules for a message, as for `delay`.
        ["rule"] rule: Number,
    } weight 6 weaker Delay tests "protocols that take order for granted" example "at 1s  reorder n1->n3 by burst buffer 16 window 200ms for 2s";
    /// Flips bits in a share of the messages. Where the target says how its messages are written, its decoder makes of the bytes
    /// what it can; what is no message any more is lost. Elsewhere a checksum catches it, and it is lost. An ordered stream sends
    /// again what is lost.
    0x16 "corrupt" Lasting Corrupt {
        /// The links that damage.
        link: Link,
        /// Only messages of this kind.
        ["of"] kind: OfKind,
        /// Which share.
        share: Percent<1>,
        /// The fewest bits that are flipped in a message.
        ["min"] min_bits: Count<1>,
        /// The most bits that are flipped in a message.
        ["max"] max_bits: Count<8>,
        /// For so long after a damaged message the next ones on the link are spared.
        ["cooldown"] cooldown: Span<0>,
        /// How likely it is that what befell the message before befalls this one too: bursts.
        ["correlation"] correlation: Percent<0>,
        /// Its place among the rules for a message, as for `delay`.
        ["rule"] rule: Number,
    } weight 3 weaker Loss tests "checksums, decoders, defences against garbage" example "at 1s  corrupt n1->n2 1% max 4 for 2s";
    /// Holds everything that is sent on some links, and delivers it in order when the step ends.
    0x17 "clog" Lasting Clog {
        /// The links that hold.
        link: Link,
    } weight 6 weaker Delay tests "bursts of old messages" example "after n2 becomes leader  clog leader->rest for 400ms";
    /// Clogs all links of the victims, one victim after another in a drawn order, and lets them go in the reverse order
    /// (FoundationDB's swizzle).
    0x18 "swizzle" Lasting Swizzle {
        /// Whose links.
        victims: Nodes,
        /// How long it takes until all are clogged, and to let them go again.
        ["over"] over: Span<1_000_000>,
    } weight 3 weaker Clog tests "recovery in an order nobody thought of" example "at 1s  swizzle some over 2s for 6s";
    /// Limits how many bytes a second pass a link; what is too much waits until the step ends at the latest. A message has as many
    /// bytes as its target says, or 100.
    0x19 "bandwidth" Lasting Bandwidth {
        /// The links that are narrow.
        link: Link,
        /// Bytes a second.
        rate: Size,
    } weight 3 weaker Delay tests "backlogs, heartbeats behind bulk data" example "at 1s  bandwidth all->n3 20kB for 3s";
    /// Has new connections fail. Two nodes with an ordered stream between them open one when the one before is broken; refused, they
    /// try again after 50 ms, unanswered after a second, and when the step ends at once. Datagrams need no connection.
    0x1a "connect" Lasting Connect {
        /// The links on which they fail.
        link: Link,
        /// How they fail.
        ["by"] failure: Failure,
        /// Which share of them.
        share: Percent<10_000>,
    } weight 2 tests "reconnecting, connect timeouts" example "at 1s  connect n1->n2 50% by hang for 2s";
    /// Closes connections at random as messages are sent on them; they are opened again after 50 ms. A message whose connection ends
    /// in order is the last one on it. Datagrams need no connection.
    0x1b "close" Lasting Close {
        /// The links whose connections are closed.
        link: Link,
        /// With which probability at each message.
        share: FinePercent<1>,
        /// Which share ends in order (FIN), so that the peer hears of it at once; the rest is reset, and noticed on use (RST).
        ["fin"] fin: Percent<5_000>,
        /// For so long after one is closed the others are spared.
        ["cooldown"] cooldown: Span<0>,
    } weight 2 tests "reconnecting, lost answers" example "at 1s  close all->n2 0.5% fin 20% for 2s";
    /// Lets reads and writes of connections pass only a part of what they are given. A message arrives when all of it has, later by a
    /// round trip for each further write, and by 50 us for each further read. Datagrams are never split.
    0x1c "partial" Lasting Partial {
        /// The links whose connections are affected.
        link: Link,
        /// Reads, writes, or both.
        ["on"] transfers: Transfers,
        /// The most bytes that pass at once.
        ["max"] most: Count<1_000>,
    } weight 1 tests "framing, code that takes one read for one message" example "at 1s  partial n1->n2 on writes max 100 for 2s";
    /// Keeps peers from hearing that a connection is closed or its other end gone: only a timeout tells, or a new connection, or the
    /// end of the step. Datagrams need no connection.
    0x1d "half-open" Lasting HalfOpen {
        /// The links whose endings go unheard.
        link: Link,
    } weight 2 tests "keep-alives, timeouts instead of notifications" example "after n1 stops  half-open n1->rest for 5s";
    /// Makes the calls of connections take their time. Reads and writes delay every message; connecting, accepting, and binding when a
    /// node starts delay new connections, which datagrams do not need.
    0x1e "socket" Lasting Socket {
        /// The links whose connections are slow.
        link: Link,
        /// Which call.
        ["on"] call: SocketCall,
        /// How long it takes, beside the latency of messages.
        ["takes"] latency: Latency<1_000, 11_000>,
    } weight 1 weaker Delay tests "time spent where nobody looks" example "at 1s  socket n1->n2 on accept takes uniform 1ms to 50ms for 2s";
    /// Lowers the priority of what is sent on some links, as a change point of PCT does (Burckhardt et al., 2010): such a message waits at
    /// its receiver's end while anything of a higher priority is under way between any nodes, then one of those that wait goes, and so on.
    /// What no step demotes goes first. Of several such steps the one that began last decides, for what is sent from then on. A stream
    /// keeps its order: what follows a message that waits waits, too.
    0x1f "demote" Lasting Demote {
        /// The links that come later.
        link: Link,
        /// Only messages of this kind.
        ["of"] kind: OfKind,
        /// How low: what is demoted to a higher level waits for this, too.
        ["level"] level: Number,
        /// The longest that a message waits.
        ["window"] window: Span<50_000>,
    } weight 4 tests "races between messages, and bugs that take just one unusual order" example "at 1s  demote leader->all level 2 window 200ms for 2s";

    /// Stops nodes without warning (as SIGKILL does); what is not durable is lost. They start again when the step ends.
    0x20 "crash" Lasting ["restart" "after"] Crash {
        /// Who crashes, all at the same instant.
        victims: Nodes,
        /// What becomes of the disk.
        disk: DiskFate,
        /// How many effects of the next handler still take place.
        ["cut"] cut: Cut,
    } weight 20 weaker Pause tests "recovery from what is durable" example "before n2 sync #3  crash n2 torn cut 2, restart after 250ms";
    /// Stops nodes from running; what reaches them waits.
    0x21 "pause" Lasting Pause {
        /// Who is paused.
        victims: Nodes,
        /// Whether their clocks go on meanwhile.
        ["clocks"] clocks: PauseMode,
    } weight 14 tests "leases, garbage collection pauses, leaders that do not know they were replaced" example "at 1s  pause leader for lease*0.98";
    /// Asks nodes to stop (as SIGTERM does), and stops them when they have, or when their time is up. They start again when
    /// the step ends.
    0x22 "stop" Lasting ["restart" "after"] Stop {
        /// Who is asked.
        victims: Nodes,
        /// How long they have, at most until the step ends. Who is killed then loses what is not durable.
        ["drain"] drain: Span<1_000_000>,
    } weight 4 weaker Pause tests "shutdown, handing over leadership" example "at 1s  stop leader drain 200ms, restart after 1s";
    /// Starts nodes that are down, whichever step holds them down.
    0x23 "restart" Instant Restart {
        /// Who is started.
        victims: Nodes,
        /// With which disk.
        state: State,
    } weight 2 tests "recovery at the wrong moment, nodes that come back empty" example "after n2 becomes leader  restart n1 cold";
    /// While it lasts, nodes that go down start again by themselves.
    0x24 "auto-restart" Lasting AutoRestart {
        /// Who is watched over.
        victims: Nodes,
        /// How long they stay down.
        ["delay"] delay: Span<1_000_000>,
    } weight 1 tests "supervisors, crash loops" example "at 0s  auto-restart all delay 2s";
    /// Takes down one node after another, at random, and starts them again (FoundationDB's attrition).
    0x25 "attrition" Lasting Attrition {
        /// Out of whom.
        victims: Nodes,
        /// How they are taken down.
        ["by"] how: Takedown,
        /// How many are taken down in all; 0 is no limit.
        ["kill"] kill: Number,
        /// How many of them are always left running.
        ["leave"] leave: Number,
        /// Time between two, on average.
        ["gap"] gap: Span<1_000_000>,
        /// How long each stays down. Who is asked to stop has a second to do so.
        ["down"] down: Span<1_000_000>,
    } weight 4 weaker Crash tests "one failure after another, never more than the system must bear" example "at 1s  attrition all kill 10 leave 2 gap 500ms for 8s";
    /// Asks nodes to stop, within a second, empties their disks and removes them from the cluster; when the step ends they start, and are
    /// added as new ones.
    0x26 "redeploy" Lasting ["rejoin" "after"] Redeploy {
        /// Who is replaced.
        victims: Nodes,
    } weight 1 weaker Crash tests "replacing a node, membership with history" example "at 1s  redeploy n3, rejoin after 2s";

    /// Has the clocks of nodes differ from the true time while it lasts.
    0x30 "clock" Lasting Clock {
        /// Whose clocks.
        victims: Nodes,
        /// How far off they are.
        offset: Offset,
        /// How fast they run. Several steps multiply; one that would make it more than ten times as fast as time is void.
        ["rate"] rate: Factor,
        /// Which clock.
        ["of"] which: ClockOf,
    } weight 8 tests "leases, timestamps, clocks that disagree" example "at 1.20s  clock leader ahead 200ms rate 0.5 for 2s";
    /// Moves the wall clock of nodes at once, as an operator or a time server does; it goes on from there.
    0x31 "bump" Instant Bump {
        /// Whose clocks.
        victims: Nodes,
        /// How far.
        offset: Offset,
    } weight 4 tests "timeouts computed from wall clocks" example "at 1s  bump n2 behind 5s";
    /// Moves the wall clock of nodes forth and back, again and again.
    0x32 "strobe" Lasting Strobe {
        /// Whose clocks.
        victims: Nodes,
        /// How far.
        offset: Offset,
        /// How long it stays on each side; at least a millisecond.
        ["period"] period: Span<100_000>,
    } weight 2 weaker Bump tests "clocks that are corrected all the time" example "at 1s  strobe n1 ahead 200ms period 10ms for 2s";
    /// Has the wall clock of each node drift away at a rate of its own, up to a bound.
    0x33 "drift" Lasting Drift {
        /// Whose clocks.
        victims: Nodes,
        /// The largest error, if it drifts on for as long as it can.
        ["within"] within: Span<100_000>,
    } weight 2 weaker Clock tests "clocks as they are: never quite equal" example "at 0s  drift all within 250ms";

    /// Takes a share of the processor away, so that every handler takes longer: 50us of a core where it otherwise takes no time, and
    /// what it says that it takes. A node keeps at least as much of its core as each thread of the others gets.
    0x38 "cpu" Lasting Cpu {
        /// Whose processor.
        victims: Nodes,
        /// Which share of a core each thread of the others wants.
        ["use"] share: Percent<10_000>,
        /// How many threads they have; 0 is one.
        ["threads"] threads: Number,
    } weight 3 tests "slow nodes that are not dead" example "at 1s  cpu n1 use 80% threads 4 for 3s";
    /// Leaves nodes less memory; allocating more fails. Where the header says nothing a machine has 1GB, of which others use a share.
    0x39 "memory" Lasting Memory {
        /// Whose memory.
        victims: Nodes,
        /// How much a node can hold; 0B is no limit.
        ["limit"] limit: Size<false>,
        /// Which share of its machine's memory others use.
        ["use"] share: Percent<0>,
    } weight 2 tests "what runs when memory does not suffice" example "at 1s  memory n2 limit 64MB for 3s";
    /// Uses more and more of the machine's memory, until it ends.
    0x3a "leak" Lasting Leak {
        /// Whose memory.
        victims: Nodes,
        /// Bytes a second.
        rate: Size,
    } weight 1 weaker Memory tests "slow decay" example "at 1s  leak n2 1MB for 10s";
    /// Holds a task back at some of the points where it lets others run: as a handler begins, and before each message, answer and call of
    /// the disk. When the chaos phase is over it goes on.
    0x3b "yield" Lasting Yield {
        /// Whose tasks.
        victims: Nodes,
        /// At which share of the points.
        share: Percent<2_500>,
        /// For how long.
        ["takes"] latency: Latency<0, 10_000>,
    } weight 2 tests "races between tasks of one process" example "at 1s  yield n1 40% takes uniform 0s to 5ms for 2s";
    /// Switches on sites of `buggify!` in the target's code: rare branches that it takes now and then.
    0x3c "buggify" Lasting Buggify {
        /// Which site. Without a name one in four of them is on, which ones is the seed's.
        site: Site,
        /// How often a site that is switched on fires. At 25 % one with a probability of its own fires that often; other shares
        /// change its odds as they change those of 25 %.
        share: Percent<2_500>,
    } weight 3 tests "rare branches that the target's author marked" example "at 1s  buggify \"small batch\" 50% for 2s";

    /// Damages what a disk holds, once.
    0x40 "damage" Instant Damage {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// How.
        ["by"] how: Damage,
        /// Only each so manieth record or block in that place; 0: one of them.
        ["each"] each: Number,
        /// How many bits are flipped, or bytes or records changed.
        ["amount"] amount: Count<1>,
    } weight 3 tests "checksums, recovery modes, repair from replicas" example "at 1s  damage n2 in last record of wal by bitflip";
    /// Has writes do something else than they say.
    0x41 "miswrite" Lasting Miswrite {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// What happens to them.
        ["by"] how: Miswrite,
        /// Which share of them.
        share: Percent<10_000>,
        /// How many at most; 0 is no limit.
        ["times"] times: Number,
    } weight 3 tests "disks that lie" example "at 1s  miswrite n2 in wal by phantom times 1 for 1s";
    /// Has reads return something else than was written.
    0x42 "misread" Lasting Misread {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// What they return.
        ["by"] how: Misread,
        /// Which share of them.
        share: Percent<10_000>,
        /// How many at most; 0 is no limit.
        ["times"] times: Number,
    } weight 3 tests "checksums on reading, stale blocks" example "before n2 starts  misread n2 in manifest by stale times 1";
    /// Has calls of the file system fail.
    0x43 "disk-error" Lasting DiskError {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// Which calls.
        ["on"] calls: Calls,
        /// With which error.
        ["error"] error: ErrorCode,
        /// Which share of them.
        share: Percent<10_000>,
        /// How many at most; 0 is no limit.
        ["times"] times: Number,
    } weight 5 tests "code that runs when a write or a sync fails" example "at 1s  disk-error n2 in wal on sync error EIO 10% for 1s";
    /// Makes the disk slow.
    0x44 "disk-delay" Lasting DiskDelay {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// Which calls.
        ["on"] calls: Calls,
        /// How much longer they take.
        ["takes"] latency: Latency,
    } weight 5 tests "slow disks, syncs behind heartbeats" example "at 1s  disk-delay n2 in wal on sync takes exponential 20ms for 2s";
    /// Lets no call of the file system return until it ends.
    0x45 "disk-stall" Lasting DiskStall {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// Which calls.
        ["on"] calls: Calls,
    } weight 3 weaker DiskDelay tests "disks that hang" example "after leader sync #5  disk-stall leader on sync for 800ms";
    /// Limits how many bytes a second a disk reads and writes.
    0x46 "disk-throttle" Lasting DiskThrottle {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// Bytes a second.
        rate: Size,
    } weight 2 weaker DiskDelay tests "compaction and snapshots that take for ever" example "at 1s  disk-throttle n2 100kB for 5s";
    /// Leaves little space on the disk; writing more fails with ENOSPC.
    0x47 "disk-full" Lasting DiskFull {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// How much space is left.
        ["free"] free: Size<false>,
    } weight 3 weaker DiskError tests "what runs when nothing can be written" example "at 1s  disk-full n2 free 4kB for 2s";
    /// Acknowledges syncs at once and makes data durable only later; a crash in between loses it.
    0x48 "lazy-sync" Lasting LazySync {
        /// Whose disk.
        victims: Nodes,
        /// Where.
        ["in"] place: Place,
        /// How much later.
        ["lag"] latency: Latency<100_000, 100_000>,
    } weight 3 weaker DiskDelay tests "acknowledged before durable" example "at 1s  lazy-sync n2 in wal lag 50ms for 2s";
}
