//! What an invariant says: expressions over the fields of objects, built in Rust or read from text.

use std::{fmt, sync::Arc};

use super::{
    parse::{RESERVED, is_word},
    state::Datum,
};

/// When a field is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// After what has just happened.
    #[default]
    New,
    /// Before it: before the operation was invoked, before the fault; for those judged each so many milliseconds, the time before.
    Old,
    /// When the invariant was judged for the first time.
    Initial,
}

impl Moment {
    /// What names of fields at this moment begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::New => "",
            Self::Old => "old_",
            Self::Initial => "initial_",
        }
    }
}

/// One number from many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// How many there are.
    Count,
    /// Their sum; of none 0.
    Sum,
    /// The least; of none nothing.
    Min,
    /// The largest; of none nothing.
    Max,
}

impl Fold {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Count, Self::Sum, Self::Min, Self::Max];

    /// Its word in the language.
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// What stands between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// One of them holds.
    Or,
    /// Both hold.
    And,
    /// They are equal.
    Equal,
    /// They differ.
    Unequal,
    /// The left one is less.
    Less,
    /// The left one is not more.
    AtMost,
    /// The left one is more.
    Greater,
    /// The left one is not less.
    AtLeast,
    /// Their sum.
    Plus,
    /// Their difference.
    Minus,
    /// Their product.
    Times,
    /// Their quotient, rounded toward zero.
    Over,
    /// The remainder of that.
    Modulo,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Or,
        Self::And,
        Self::Equal,
        Self::Unequal,
        Self::AtMost,
        Self::AtLeast,
        Self::Less,
        Self::Greater,
        Self::Plus,
        Self::Minus,
        Self::Times,
        Self::Over,
        Self::Modulo,
    ];

    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Over => "/",
            Self::Modulo => "%",
        }
    }

    /// How tightly it binds; `not` stands between [`And`](Self::And) and the comparisons.
    pub fn binds(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::Unequal | Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => 4,
            Self::Plus | Self::Minus => 5,
            Self::Times | Self::Over | Self::Modulo => 6,
        }
    }

    /// Whether its answer is yes or no about an order or an equality.
    pub fn compares(self) -> bool {
        self.binds() == 4
    }
}

/// The name of a field. Two are equal if they are spelled alike.
#[derive(Clone, Debug)]
pub struct FieldName {
    text: Arc<str>,
    /// Where its values are, once somebody judges.
    pub(super) column: usize,
}

impl FieldName {
    /// How it is spelled.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for FieldName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for FieldName {}

impl From<&str> for FieldName {
    fn from(text: &str) -> Self {
        Self { text: text.into(), column: usize::MAX }
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Something that has a value in a state, or none where what it names is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// The value itself.
    Literal(Datum),
    /// A field of the object that is looked at; of several, the one of [`SYSTEM`](super::state::SYSTEM), or of the only one that has it.
    Field(Moment, FieldName),
    /// The field `value` of the object of this name: what was read of it last.
    Read(Moment, Arc<str>),
    /// One number from the values of a field of all objects looked at; collections and maps count as what they hold.
    Fold(Fold, Moment, FieldName),
    /// What a map holds under an id, or a collection at a place from 0.
    At(Box<Self>, Box<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The number below zero as far as this one is above.
    Negative(Box<Self>),
    /// Two expressions and what stands between them.
    Binary(Operator, Box<Self>, Box<Self>),
}

/// The field of a variable: `variable("balance").greater_than(0)`. A name that begins with `old_` or `initial_` is that of an earlier
/// moment.
pub fn variable(name: &str) -> Expression {
    let (moment, name) = at_moment(name);
    Expression::Field(moment, name.into())
}

/// What was read last of a key: `read("x").equals(5)`.
pub fn read(key: impl fmt::Display) -> Expression {
    Expression::Read(Moment::New, key.to_string().into())
}

/// The values of a field of all objects looked at: `collection("items").size().at_least(5)`.
pub fn collection(name: &str) -> Collection {
    Collection(name.to_string())
}

/// A value as it is.
pub fn literal(value: impl Into<Datum>) -> Expression {
    Expression::Literal(value.into())
}

/// A name without its prefix, and the moment that the prefix means.
pub(super) fn at_moment(name: &str) -> (Moment, &str) {
    let earlier = |moment: Moment| name.strip_prefix(moment.prefix()).map(|rest| (moment, rest));
    let earlier = earlier(Moment::Old).or_else(|| earlier(Moment::Initial));
    earlier.filter(|(_, rest)| !rest.is_empty()).unwrap_or((Moment::New, name.strip_prefix("new_").unwrap_or(name)))
}

/// The values of a field; see [`collection`].
#[derive(Clone, Debug)]
pub struct Collection(String);

impl Collection {
    fn fold(&self, fold: Fold) -> Expression {
        let (moment, name) = at_moment(&self.0);
        Expression::Fold(fold, moment, name.into())
    }

    /// How many there are.
    pub fn size(&self) -> Expression {
        self.fold(Fold::Count)
    }

    /// Their sum.
    pub fn sum(&self) -> Expression {
        self.fold(Fold::Sum)
    }

    /// The least of them.
    pub fn min(&self) -> Expression {
        self.fold(Fold::Min)
    }

    /// The largest of them.
    pub fn max(&self) -> Expression {
        self.fold(Fold::Max)
    }
}

impl From<Datum> for Expression {
    fn from(datum: Datum) -> Self {
        Self::Literal(datum)
    }
}

macro_rules! from_literals {
    ($($type:ty),*) => { $(impl From<$type> for Expression {
        fn from(value: $type) -> Self {
            Self::Literal(value.into())
        }
    })* };
}

from_literals!(bool, &str, i32, u64, i64);

impl Expression {
    /// This and another with an operator between them.
    pub fn with(self, operator: Operator, other: impl Into<Self>) -> Self {
        Self::Binary(operator, Box::new(self), Box::new(other.into()))
    }

    /// They are equal.
    pub fn equals(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Equal, other)
    }

    /// They differ.
    pub fn differs_from(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Unequal, other)
    }

    /// It is more.
    pub fn greater_than(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Greater, other)
    }

    /// It is not less.
    pub fn at_least(self, other: impl Into<Self>) -> Self {
        self.with(Operator::AtLeast, other)
    }

    /// It is less.
    pub fn less_than(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Less, other)
    }

    /// It is not more.
    pub fn at_most(self, other: impl Into<Self>) -> Self {
        self.with(Operator::AtMost, other)
    }

    /// Both hold.
    pub fn and(self, other: impl Into<Self>) -> Self {
        self.with(Operator::And, other)
    }

    /// One of them holds.
    pub fn or(self, other: impl Into<Self>) -> Self {
        self.with(Operator::Or, other)
    }

    /// It does not hold.
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Has `visit` see this and every expression in it.
    pub(super) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Literal(_) | Self::Field(..) | Self::Read(..) | Self::Fold(..) => {}
            Self::Not(one) | Self::Negative(one) => one.walk(visit),
            Self::At(one, other) | Self::Binary(_, one, other) => {
                one.walk(visit);
                other.walk(visit);
            }
        }
    }

    /// The same, where `visit` may change it.
    pub(super) fn walk_mut(&mut self, visit: &mut impl FnMut(&mut Self)) {
        visit(self);
        match self {
            Self::Literal(_) | Self::Field(..) | Self::Read(..) | Self::Fold(..) => {}
            Self::Not(one) | Self::Negative(one) => one.walk_mut(visit),
            Self::At(one, other) | Self::Binary(_, one, other) => {
                one.walk_mut(visit);
                other.walk_mut(visit);
            }
        }
    }

    /// How tightly it holds together: what binds less needs parentheses within.
    fn binds(&self) -> u8 {
        match self {
            Self::Binary(operator, ..) => operator.binds(),
            Self::Not(_) => 3,
            Self::Negative(_) => 7,
            _ => 8,
        }
    }

    fn within(&self, least: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.binds() < least { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

/// How the field of a moment is written: `new_`, which nobody needs otherwise, where its name would be read as something else.
fn spelled(moment: Moment, name: &str) -> String {
    let plain = moment != Moment::New || (at_moment(name) == (moment, name) && !RESERVED.contains(&name));
    format!("{}{name}", if plain { moment.prefix() } else { "new_" })
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(datum) => write!(f, "{datum}"),
            Self::Field(moment, name) => f.write_str(&spelled(*moment, name.text())),
            Self::Read(moment, key) => write!(f, "{}read({key:?})", moment.prefix()),
            Self::Fold(fold, moment, name) => match spelled(*moment, name.text()) {
                name if is_word(&name) => write!(f, "{}({name})", fold.word()),
                name => write!(f, "{}({name:?})", fold.word()),
            },
            Self::At(all, id) => {
                all.within(8, f)?;
                write!(f, "[{id}]")
            }
            Self::Not(one) => {
                f.write_str("not ")?;
                one.within(3, f)
            }
            Self::Negative(one) => {
                f.write_str("-")?;
                one.within(7, f)
            }
            Self::Binary(operator, left, right) => {
                // Comparisons do not chain, and the others group from the left.
                left.within(operator.binds() + u8::from(operator.compares()), f)?;
                write!(f, " {} ", operator.word())?;
                right.within(operator.binds() + 1, f)
            }
        }
    }
}
