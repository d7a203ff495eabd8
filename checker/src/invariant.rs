//! Invariants: what must hold of the state of a system, said in a small language or in Rust.
//!
//! ```text
//! # Nothing is lost when money moves, and nobody owes any.
//! invariant "money is conserved": {
//!     for group(accounts): sum(balance) == sum(initial_balance)
//!     on every object: balance >= 0
//! }
//! invariant "terms grow", on step, priority 1: {
//!     on every object: term >= old_term
//! }
//! ```
//!
//! Grammar (`{ … }` repeats, `[ … ]` may be missing; `#` begins a comment):
//!
//! ```text
//! file       = invariant { invariant }
//! invariant  = "invariant" TEXT { "," option } ":" "{" clause { clause } "}"
//! option     = "on" ( "operation" | "fault" | "step" | "event" TEXT | "mark" TEXT )
//!            | "every" NUMBER "ms" | "priority" NUMBER
//! clause     = [ scope ":" ] condition
//! scope      = "on" "object" "(" name ")" | "on" "every" "object" | "for" "group" "(" name ")" | "system_wide"
//! condition  = both { "or" both }
//! both       = denied { "and" denied }
//! denied     = "not" denied | comparison
//! comparison = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum ]
//! sum        = product { ( "+" | "-" ) product }
//! product    = unary { ( "*" | "/" | "%" ) unary }
//! unary      = "-" unary | primary { "[" condition "]" }
//! primary    = NUMBER | TEXT | "true" | "false" | "nil" | field | "(" condition ")"
//!            | [ moment ] "read" "(" name ")" | ( "count" | "sum" | "min" | "max" ) "(" field ")"
//! field      = [ moment ] WORD
//! moment     = "old_" | "new_" | "initial_"
//! name       = WORD | TEXT | NUMBER
//! ```
//!
//! A TEXT stands in quotes, on one line; a backslash in it is read as in Rust, and takes what is no escape there as it is.
//!
//! A name of a field means that of the object looked at; where several are, that of the object `system`, or of the only one that has
//! it. `&&` and `||` are read as `and` and `or`. An invariant without an occasion is judged on every operation.
//!
//! What names something that is not there has no value, and a condition that hangs on it is not decided: it does not fail. So that a
//! misspelt name does not pass for ever, [`Judge::undecided`] tells the clauses that never were.
//!
//! Nothing here knows what a node is: whoever judges says what its objects are ([`history`] does for a history).

pub mod expression;
pub mod history;
pub mod judge;
mod parse;
pub mod state;

use std::{fmt, sync::Arc};

pub use self::{
    expression::{Expression, FieldName, collection, literal, read, variable},
    judge::{Broken, Judge, Occasion, Seen},
    parse::{InvariantError, parse},
    state::{Capture, Datum, Fields, SYSTEM, State},
};

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// What it is called, in findings as well.
    pub name: String,
    /// When it is judged; several make it hybrid.
    pub when: Vec<Trigger>,
    /// Of those judged at one moment, those with larger numbers go first.
    pub priority: u8,
    /// All of them must hold.
    pub clauses: Vec<Clause>,
}

/// When an invariant is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// An operation has completed. The old state is that before it was invoked.
    Operation,
    /// So many nanoseconds have passed. The old state is that of the time before.
    Every(u64),
    /// A fault has begun or ended. The old state is that before it did.
    Fault,
    /// Anything has happened. The old state is that before it did.
    Step,
    /// The system said that this happened within it. The old state is that before whatever it said so in.
    Event(Arc<str>),
    /// A mark of this name was hit. The old state is that before whatever it was hit in.
    Mark(Arc<str>),
}

/// Which objects a condition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one of this name.
    Object(Arc<str>),
    /// Each but `system`, by itself.
    EveryObject,
    /// Those of a group, together.
    Group(Arc<str>),
    /// All of them, together.
    System,
}

/// A condition, and which objects it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Which objects.
    pub scope: Scope,
    /// What must be true.
    pub condition: Expression,
}

impl Expression {
    /// Must hold for the object of this name.
    pub fn on_object(self, name: &str) -> Clause {
        Clause { scope: Scope::Object(name.into()), condition: self }
    }

    /// Must hold for each object but `system`.
    pub fn on_every_object(self) -> Clause {
        Clause { scope: Scope::EveryObject, condition: self }
    }

    /// Must hold for the objects of a group, together.
    pub fn on_group(self, name: &str) -> Clause {
        Clause { scope: Scope::Group(name.into()), condition: self }
    }

    /// Must hold for all objects, together.
    pub fn system_wide(self) -> Clause {
        Clause { scope: Scope::System, condition: self }
    }
}

impl From<Expression> for Clause {
    fn from(condition: Expression) -> Self {
        condition.system_wide()
    }
}

impl Invariant {
    /// Judged on every operation, unless [`when`](Self::when) says otherwise.
    ///
    /// ```
    /// use murphy_checker::invariant::{Invariant, collection, variable};
    ///
    /// let money = Invariant::new("money is conserved", variable("balance").at_least(0).on_every_object())
    ///     .and(collection("balance").sum().equals(variable("initial_total")).on_group("accounts"));
    /// let text = "invariant \"money is conserved\": {
    ///     on every object: balance >= 0
    ///     for group(accounts): sum(balance) == initial_total
    /// }";
    /// assert_eq!(murphy_checker::invariant::parse(text).as_deref(), Ok(&[money][..]));
    /// ```
    pub fn new(name: &str, clause: impl Into<Clause>) -> Self {
        Self { name: name.to_string(), when: vec![Trigger::Operation], priority: 0, clauses: vec![clause.into()] }
    }

    /// This must hold as well.
    #[must_use]
    pub fn and(mut self, clause: impl Into<Clause>) -> Self {
        self.clauses.push(clause.into());
        self
    }

    /// It is judged then.
    #[must_use]
    pub fn when(mut self, triggers: impl IntoIterator<Item = Trigger>) -> Self {
        self.when = triggers.into_iter().collect();
        self
    }

    /// Of those judged at one moment, those with larger numbers go first.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation => f.write_str("on operation"),
            Self::Every(nanos) => write!(f, "every {} ms", nanos / 1_000_000),
            Self::Fault => f.write_str("on fault"),
            Self::Step => f.write_str("on step"),
            Self::Event(name) => write!(f, "on event {name:?}"),
            Self::Mark(name) => write!(f, "on mark {name:?}"),
        }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Object(name) => write!(f, "on object({name:?}): ")?,
            Scope::EveryObject => f.write_str("on every object: ")?,
            Scope::Group(name) => write!(f, "for group({name:?}): ")?,
            Scope::System => f.write_str("system_wide: ")?,
        }
        write!(f, "{}", self.condition)
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {:?}", self.name)?;
        self.when.iter().try_for_each(|trigger| write!(f, ", {trigger}"))?;
        if self.priority > 0 {
            write!(f, ", priority {}", self.priority)?;
        }
        f.write_str(": {\n")?;
        self.clauses.iter().try_for_each(|clause| writeln!(f, "    {clause}"))?;
        f.write_str("}")
    }
}
