//! Invariants judged: which of them are due, and whether they hold.

use std::sync::Arc;

use super::{
    Clause, Expression, Invariant, Scope, Trigger,
    expression::{Fold, Moment, Operator},
    state::{Datum, Fields, Object, SYSTEM, State},
};
use crate::{
    history::OpId,
    verdict::{Anomaly, Class, Evidence, slug},
};

/// What happened, for invariants to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion<'a> {
    /// This operation completed.
    Operation(OpId),
    /// Time passed.
    Time,
    /// A fault of this name began or ended.
    Fault(&'a str),
    /// Anything else.
    Step,
    /// The system said that this happened within it.
    Event(&'a str),
    /// A mark of this name was hit.
    Mark(&'a str),
}

impl Occasion<'_> {
    fn is(self, trigger: &Trigger) -> bool {
        match (self, trigger) {
            (Self::Operation(_), Trigger::Operation) | (Self::Fault(_), Trigger::Fault) => true,
            (Self::Step, Trigger::Step) => true,
            (Self::Event(name), Trigger::Event(wanted)) | (Self::Mark(name), Trigger::Mark(wanted)) => {
                *name == **wanted
            }
            _ => false,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Operation(OpId(op)) => format!("as operation {op} completed"),
            Self::Time => "as time passed".to_string(),
            Self::Fault(name) => format!("as the fault {name} began or ended"),
            Self::Step => "after an event".to_string(),
            Self::Event(name) => format!("on the event {name:?}"),
            Self::Mark(name) => format!("on the mark {name:?}"),
        }
    }
}

/// The state at the moments that invariants can name.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Now.
    pub new: &'a State,
    /// Before what has just happened, if it is known.
    pub old: Option<&'a State>,
    /// Only this object is not what it was when invariants were judged last; `None`: any may be.
    pub changed: Option<&'a str>,
}

/// What an invariant says and is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub invariant: String,
    /// The clause that does not hold, as text.
    pub clause: String,
    /// The object of which it does not hold, if it is about each.
    pub object: Option<String>,
    /// The part of the condition that is false, and what stands on either side of it; or why it cannot be judged.
    pub why: String,
    /// What happened just before.
    pub occasion: String,
    /// The operation that completed just before, if that is the occasion.
    pub operation: Option<OpId>,
    /// When, in nanoseconds.
    pub time: u64,
    /// What every object said of itself, as far as it was kept: the fields of each with their values.
    pub state: Vec<(String, Vec<(String, String)>)>,
}

impl Broken {
    /// The anomaly that it is.
    pub fn anomaly(self) -> Anomaly {
        Anomaly {
            class: Class::Invariant,
            name: slug(&self.invariant).into(),
            evidence: Evidence::Broken(Box::new(self)),
        }
    }

    /// What is wrong, in a sentence.
    pub fn sentence(&self) -> String {
        let object = self.object.as_ref().map(|object| format!(" of {object}")).unwrap_or_default();
        let Self { invariant, clause, why, occasion, time, .. } = self;
        format!(
            "The invariant {invariant:?} does not hold{object} at {} ms, {occasion}: {why} (`{clause}`).",
            time / 1_000_000
        )
    }
}

/// An invariant while it is judged.
#[derive(Clone, Debug)]
struct Judged {
    invariant: Invariant,
    initial: Option<State>,
    /// For those judged as time passes: the state of the last time, and how many periods of each trigger have passed.
    before: Option<State>,
    periods: Vec<u64>,
    /// How often each clause was true or false.
    decided: Vec<u64>,
}

/// A judge of some invariants.
#[derive(Clone, Debug)]
pub struct Judge {
    all: Vec<Judged>,
    /// Whether any speaks of an earlier moment.
    earlier: [bool; 2],
}

/// Why an expression has no value, and never can have.
type Wrong = String;

impl Judge {
    /// A judge of these.
    pub fn new(invariants: impl IntoIterator<Item = Invariant>) -> Self {
        let judged = |invariant: Invariant| Judged {
            initial: None,
            before: None,
            periods: vec![0; invariant.when.len()],
            decided: vec![0; invariant.clauses.len()],
            invariant,
        };
        let mut all: Vec<_> = invariants.into_iter().map(judged).collect();
        all.sort_by_key(|judged| std::cmp::Reverse(judged.invariant.priority));
        let mut earlier = [false; 2];
        let mut note = |moment: Moment| match moment {
            Moment::New => {}
            Moment::Old => earlier[0] = true,
            Moment::Initial => earlier[1] = true,
        };
        for condition in all.iter().flat_map(|judged| &judged.invariant.clauses).map(|clause| &clause.condition) {
            condition.walk(&mut |part| match part {
                Expression::Field(moment, _) | Expression::Read(moment, _) | Expression::Fold(_, moment, _) => {
                    note(*moment)
                }
                _ => {}
            });
        }
        Self { all, earlier }
    }

    /// Another run begins. What was decided goes on counting.
    pub fn reset(&mut self) {
        for judged in &mut self.all {
            (judged.initial, judged.before) = (None, None);
            judged.periods.fill(0);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether any of them compares with the state before something happened.
    pub fn looks_back(&self) -> bool {
        self.earlier[0]
    }

    /// Whether any of them is judged then.
    pub fn has(&self, wanted: impl Fn(&Trigger) -> bool) -> bool {
        self.all.iter().any(|judged| judged.invariant.when.iter().any(&wanted))
    }

    /// Just the fields that any of them names.
    pub fn fields(&self) -> Fields {
        let mut names = Vec::new();
        for clause in self.all.iter().flat_map(|judged| &judged.invariant.clauses) {
            clause.condition.walk(&mut |part| match part {
                Expression::Field(_, name) | Expression::Fold(_, _, name) => names.push(&**name),
                // The literal name is looked for first: see `Judging::field`.
                Expression::Read(..) => names.push(VALUE),
                _ => {}
            });
        }
        let spelled: Vec<String> = names.iter().map(|name| format!("{}{name}", Moment::Initial.prefix())).collect();
        Fields::only(names.into_iter().chain(spelled.iter().map(String::as_str)))
    }

    /// The clauses that were neither true nor false so far, each with the name of its invariant.
    pub fn undecided(&self) -> impl Iterator<Item = (&str, &Clause)> {
        self.all.iter().flat_map(|judged| {
            let clauses = judged.invariant.clauses.iter().zip(&judged.decided);
            clauses.filter(|(_, times)| **times == 0).map(|(clause, _)| (judged.invariant.name.as_str(), clause))
        })
    }

    /// Something happened at `time` nanoseconds: judges those that wait for it. `Some`: the first that does not hold.
    pub fn judge(&mut self, occasion: Occasion<'_>, time: u64, fields: &Fields, seen: Seen<'_>) -> Option<Broken> {
        self.all.iter_mut().find_map(|judged| {
            if !judged.invariant.when.iter().any(|trigger| occasion.is(trigger)) {
                return None;
            }
            judged.judge(occasion, time, fields, seen, self.earlier[1])
        })
    }

    /// Nothing happened up to `time` nanoseconds since this or another method was called last: judges those for which a period
    /// has passed by then.
    pub fn time_passes(&mut self, time: u64, fields: &Fields, new: &State) -> Option<Broken> {
        self.all.iter_mut().find_map(|judged| {
            let time = judged.end_of_period(time)?;
            let old = judged.before.replace(new.clone());
            let seen = Seen { new, old: old.as_ref(), changed: None };
            judged.judge(Occasion::Time, time, fields, seen, self.earlier[1])
        })
    }
}

impl Judged {
    /// When the last period ended that is over by `time`, if that is news.
    fn end_of_period(&mut self, time: u64) -> Option<u64> {
        let mut end = None;
        for (trigger, passed) in self.invariant.when.iter().zip(&mut self.periods) {
            if let Trigger::Every(period) = trigger
                && time / period > std::mem::replace(passed, time / period)
            {
                end = end.max(Some(time / period * period));
            }
        }
        end
    }

    fn judge(
        &mut self,
        occasion: Occasion<'_>,
        time: u64,
        fields: &Fields,
        seen: Seen<'_>,
        initial: bool,
    ) -> Option<Broken> {
        if initial && self.initial.is_none() {
            self.initial = Some(seen.new.clone());
        }
        let judging = Judging { fields, new: seen.new, old: seen.old, initial: self.initial.as_ref() };
        for (clause, decided) in self.invariant.clauses.iter().zip(&mut self.decided) {
            let (focus, why) = match judging.clause(clause, seen.changed) {
                Ok(true) => {
                    *decided += 1;
                    continue;
                }
                Ok(false) => continue,
                Err(found) => found,
            };
            *decided += 1;
            let operation = if let Occasion::Operation(op) = occasion { Some(op) } else { None };
            return Some(Broken {
                invariant: self.invariant.name.clone(),
                clause: clause.to_string(),
                object: if let (Scope::EveryObject, Focus::One(name)) = (&clause.scope, focus) {
                    Some(name.into())
                } else {
                    None
                },
                why,
                occasion: occasion.text(),
                operation,
                time,
                state: written(seen.new, fields),
            });
        }
        None
    }
}

/// All that is known of each object, as text.
fn written(state: &State, fields: &Fields) -> Vec<(String, Vec<(String, String)>)> {
    let of = |object: &Arc<Object>| {
        let values = fields.names().iter().enumerate();
        let values = values.filter_map(|(column, name)| Some((name.to_string(), object.value(column)?.to_string())));
        (object.name.to_string(), values.collect())
    };
    state.objects().iter().map(of).collect()
}

/// What `read(k)` looks at.
pub(super) const VALUE: &str = "value";

/// Which objects are looked at.
#[derive(Clone, Copy, Debug)]
enum Focus<'a> {
    One(&'a str),
    Group(&'a str),
    All,
}

/// The states that expressions are about.
struct Judging<'a> {
    fields: &'a Fields,
    new: &'a State,
    old: Option<&'a State>,
    initial: Option<&'a State>,
}

impl<'a> Judging<'a> {
    /// Whether a clause was decided. An error: it does not hold for this focus, and why.
    fn clause(&self, clause: &'a Clause, changed: Option<&'a str>) -> Result<bool, (Focus<'a>, String)> {
        match &clause.scope {
            Scope::Object(name) => self.condition(&clause.condition, Focus::One(name)),
            Scope::Group(name) => self.condition(&clause.condition, Focus::Group(name)),
            Scope::System => self.condition(&clause.condition, Focus::All),
            Scope::EveryObject => {
                let mut decided = false;
                if let Some(name) = changed {
                    return if name == SYSTEM {
                        Ok(false)
                    } else {
                        self.condition(&clause.condition, Focus::One(name))
                    };
                }
                for object in self.new.objects().iter().filter(|object| &*object.name != SYSTEM) {
                    decided |= self.condition(&clause.condition, Focus::One(&object.name))?;
                }
                Ok(decided)
            }
        }
    }

    /// Whether a condition that holds for this focus was decided at all.
    fn condition(&self, condition: &Expression, focus: Focus<'a>) -> Result<bool, (Focus<'a>, String)> {
        match self.truth(condition, focus) {
            Ok(Some(false)) => Err((focus, self.why(condition, focus))),
            Ok(known) => Ok(known.is_some()),
            Err(wrong) => Err((focus, format!("it cannot be judged: {wrong}"))),
        }
    }

    /// Why a condition is false: of several that must hold together the first that is.
    fn why(&self, condition: &Expression, focus: Focus<'a>) -> String {
        match condition {
            Expression::Binary(Operator::And, left, right) => {
                let left_fails = matches!(self.truth(left, focus), Ok(Some(false)));
                self.why(if left_fails { left } else { right }, focus)
            }
            Expression::Binary(operator, left, right) if operator.compares() => {
                let side = |side: &Expression| match self.value(side, focus) {
                    Ok(Some(value)) if !matches!(side, Expression::Literal(_)) => format!("{side} is {value}"),
                    _ => side.to_string(),
                };
                format!(
                    "expected {condition}, but {}",
                    match (&**left, &**right) {
                        (left, Expression::Literal(_)) => side(left),
                        (left, right) => format!("{} and {}", side(left), side(right)),
                    }
                )
            }
            _ => format!("expected {condition}"),
        }
    }

    fn truth(&self, condition: &Expression, focus: Focus<'a>) -> Result<Option<bool>, Wrong> {
        match self.value(condition, focus)? {
            None => Ok(None),
            Some(Datum::Bool(truth)) => Ok(Some(truth)),
            Some(other) => Err(format!("`{condition}` is {other}, expected true or false")),
        }
    }

    fn value(&self, expression: &Expression, focus: Focus<'a>) -> Result<Option<Datum>, Wrong> {
        match expression {
            Expression::Literal(datum) => Ok(Some(datum.clone())),
            Expression::Field(moment, name) => self.field(*moment, name, focus),
            Expression::Read(moment, key) => {
                let column = self.fields.column(VALUE);
                Ok(self.at(*moment).and_then(|state| state.object(key)?.value(column?)).cloned())
            }
            Expression::Fold(fold, moment, name) => self.fold(*fold, *moment, name, focus),
            Expression::At(all, id) => {
                let (Some(all), Some(id)) = (self.value(all, focus)?, self.value(id, focus)?) else { return Ok(None) };
                element(&all, &id)
            }
            Expression::Not(one) => Ok(self.truth(one, focus)?.map(|truth| Datum::Bool(!truth))),
            Expression::Negative(one) => match self.value(one, focus)? {
                Some(Datum::Int(number)) => Ok(Some(Datum::Int(number.checked_neg().ok_or("a number is too large")?))),
                Some(other) => Err(format!("`{one}` is {other}, expected a number")),
                None => Ok(None),
            },
            Expression::Binary(Operator::And, left, right) => self.either(false, left, right, focus),
            Expression::Binary(Operator::Or, left, right) => self.either(true, left, right, focus),
            Expression::Binary(operator, left, right) => {
                let (Some(a), Some(b)) = (self.value(left, focus)?, self.value(right, focus)?) else { return Ok(None) };
                if operator.compares() { compare(*operator, &a, &b) } else { calculate(*operator, &a, &b).map(Some) }
            }
        }
    }

    /// `decides`, if one of two is that; its opposite, if both are; else nothing is known (Kleene, 1938).
    fn either(
        &self,
        decides: bool,
        left: &Expression,
        right: &Expression,
        focus: Focus<'a>,
    ) -> Result<Option<Datum>, Wrong> {
        let left = self.truth(left, focus)?;
        if left == Some(decides) {
            return Ok(Some(Datum::Bool(decides)));
        }
        let right = self.truth(right, focus)?;
        if right == Some(decides) {
            return Ok(Some(Datum::Bool(decides)));
        }
        Ok(left.and(right).map(Datum::Bool))
    }

    fn at(&self, moment: Moment) -> Option<&'a State> {
        match moment {
            Moment::New => Some(self.new),
            Moment::Old => self.old,
            Moment::Initial => self.initial,
        }
    }

    fn field(&self, moment: Moment, name: &str, focus: Focus<'a>) -> Result<Option<Datum>, Wrong> {
        if moment == Moment::Initial {
            // A variable may be called so itself.
            let literal = self.field(Moment::New, &format!("{}{name}", moment.prefix()), focus)?;
            if literal.is_some() {
                return Ok(literal);
            }
        }
        let (Some(state), Some(column)) = (self.at(moment), self.fields.column(name)) else { return Ok(None) };
        let of = |object: &str| state.object(object).and_then(|object| object.value(column));
        let own = if let Focus::One(object) = focus { of(object) } else { None };
        if let Some(value) = own.or_else(|| of(SYSTEM)) {
            return Ok(Some(value.clone()));
        }
        if matches!(focus, Focus::One(_)) {
            return Ok(None);
        }
        let mut having = within(state, focus).filter_map(|object| Some((&object.name, object.value(column)?)));
        let first = having.next();
        match (first, having.next()) {
            (Some((one, _)), Some((other, _))) => Err(format!(
                "`{name}` is a field of {one}, {other} and perhaps others: say sum({name}), min, max or count, or `on every object`"
            )),
            (first, _) => Ok(first.map(|(_, value)| value.clone())),
        }
    }

    fn fold(&self, fold: Fold, moment: Moment, name: &str, focus: Focus<'a>) -> Result<Option<Datum>, Wrong> {
        let (Some(state), Some(column)) = (self.at(moment), self.fields.column(name)) else { return Ok(None) };
        let mut having = within(state, focus).filter_map(|object| object.value(column)).peekable();
        if having.peek().is_none() {
            return Ok(None);
        }
        let mut values = having.flat_map(Datum::elements);
        if fold == Fold::Count {
            return Ok(Some(Datum::from(values.count())));
        }
        let number = |value: &Datum| match value {
            Datum::Int(number) => Ok(*number),
            other => Err(format!("`{name}` holds {other}, expected numbers")),
        };
        let sum = |sum: i128, value| sum.checked_add(value).ok_or_else(|| format!("the sum of `{name}` is too large"));
        match fold {
            Fold::Count | Fold::Sum => {
                values.try_fold(0, |so_far, value| sum(so_far, number(value)?)).map(|sum| Some(Datum::Int(sum)))
            }
            Fold::Min => Ok(values.map(number).collect::<Result<Vec<_>, _>>()?.into_iter().min().map(Datum::Int)),
            Fold::Max => Ok(values.map(number).collect::<Result<Vec<_>, _>>()?.into_iter().max().map(Datum::Int)),
        }
    }
}

fn within<'a>(state: &'a State, focus: Focus<'a>) -> impl Iterator<Item = &'a Arc<Object>> {
    state.objects().iter().filter(move |object| match focus {
        Focus::One(name) => *object.name == *name,
        Focus::Group(name) => object.groups.iter().any(|group| **group == *name),
        Focus::All => true,
    })
}

fn element(all: &Datum, id: &Datum) -> Result<Option<Datum>, Wrong> {
    match (all, id) {
        (Datum::Map(all), id) => Ok(all.iter().find(|(known, _)| known == id).map(|(_, value)| value.clone())),
        (Datum::Many(all), Datum::Int(at)) => Ok(usize::try_from(*at).ok().and_then(|at| all.get(at)).cloned()),
        (Datum::Many(_), other) => Err(format!("a place in a collection is a number, not {other}")),
        (other, _) => Err(format!("{other} has no elements")),
    }
}

fn compare(operator: Operator, a: &Datum, b: &Datum) -> Result<Option<Datum>, Wrong> {
    use std::mem::discriminant;
    let nil = *a == Datum::Nil || *b == Datum::Nil;
    if !nil && discriminant(a) != discriminant(b) {
        return Err(format!("{a} and {b} are not of one sort"));
    }
    let holds = match operator {
        Operator::Equal => a == b,
        Operator::Unequal => a != b,
        // Of what has no value there is no more and no less.
        _ if nil => return Ok(None),
        Operator::Less => a < b,
        Operator::AtMost => a <= b,
        Operator::Greater => a > b,
        _ => a >= b,
    };
    Ok(Some(Datum::Bool(holds)))
}

fn calculate(operator: Operator, a: &Datum, b: &Datum) -> Result<Datum, Wrong> {
    let (Datum::Int(a), Datum::Int(b)) = (a, b) else {
        return Err(format!("{a} {} {b}: expected numbers", operator.word()));
    };
    let result = match operator {
        Operator::Plus => a.checked_add(*b),
        Operator::Minus => a.checked_sub(*b),
        Operator::Times => a.checked_mul(*b),
        Operator::Over => a.checked_div(*b),
        _ => a.checked_rem(*b),
    };
    result.map(Datum::Int).ok_or_else(|| format!("{a} {} {b} has no result", operator.word()))
}
