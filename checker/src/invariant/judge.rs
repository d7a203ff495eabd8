//! Invariants judged: which of them are due, and whether they hold.

use std::sync::Arc;

use super::{
    Clause, Expression, Invariant, Scope, Trigger,
    expression::{FieldName, Fold, Moment, Operator},
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
    /// Only this object is not what it was when invariants were judged last, and neither has the system changed; `None`: any may be.
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
            "The invariant {invariant:?} does not hold{object} at {:.3} ms, {occasion}: {why} (`{clause}`).",
            *time as f64 / 1e6
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
    /// Whether what each clause says of one object hangs on that object and the system, and on no other.
    local: Vec<bool>,
}

/// A judge of some invariants.
#[derive(Clone, Debug)]
pub struct Judge {
    all: Vec<Judged>,
    /// Just the fields that they name.
    fields: Fields,
    /// The column of what `read(k)` looks at.
    value: usize,
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
            local: invariant.clauses.iter().map(|clause| is_local(&clause.condition)).collect(),
            invariant,
        };
        let mut all: Vec<_> = invariants.into_iter().map(judged).collect();
        let fields = fields(&all);
        let conditions = all.iter_mut().flat_map(|judged| &mut judged.invariant.clauses);
        conditions.for_each(|clause| resolve(&mut clause.condition, &fields));
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
        let value = fields.column(VALUE).unwrap_or(usize::MAX);
        Self { all, fields, value, earlier }
    }

    /// Another run begins. What was decided goes on counting.
    pub fn reset(&mut self) {
        for judged in &mut self.all {
            (judged.initial, judged.before) = (None, None);
            judged.periods.fill(0);
        }
    }

    /// What another judge of the same invariants has decided counts as decided here.
    pub fn count_on(&mut self, earlier: &Self) {
        let decided = self.all.iter_mut().flat_map(|judged| &mut judged.decided);
        let earlier = earlier.all.iter().flat_map(|judged| &judged.decided);
        decided.zip(earlier).for_each(|(times, earlier)| *times = (*times).max(*earlier));
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

    /// The fields that any of them names: what states are to hold, and may hold more.
    pub fn fields(&self) -> Fields {
        self.fields.clone()
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
            judged.judge(occasion, time, (fields, self.value), seen, self.earlier[1])
        })
    }

    /// Whether a period of any of them has ended by `time` nanoseconds, and nobody has judged it since.
    pub fn is_period_over(&self, time: u64) -> bool {
        self.all.iter().any(|judged| {
            let mut triggers = judged.invariant.when.iter().zip(&judged.periods);
            triggers.any(|(trigger, passed)| period(trigger).is_some_and(|period| time / period > *passed))
        })
    }

    /// Nothing happened up to `time` nanoseconds since this or another method was called last: judges those for which a period
    /// has passed by then.
    pub fn time_passes(&mut self, time: u64, fields: &Fields, new: &State) -> Option<Broken> {
        self.all.iter_mut().find_map(|judged| {
            // All but the first of several periods began in the state in which they ended: one of them stands for all.
            let ends = [judged.end_of_period(time), judged.end_of_period(time)];
            judged.skip_periods(time);
            ends.into_iter().flatten().find_map(|end| {
                let old = judged.before.replace(new.clone());
                let seen = Seen { new, old: old.as_ref(), changed: None };
                judged.judge(Occasion::Time, end, (fields, self.value), seen, self.earlier[1])
            })
        })
    }
}

impl Judged {
    /// When the first period ends that nobody has judged, if it is over by `time`.
    fn end_of_period(&mut self, time: u64) -> Option<u64> {
        let triggers = self.invariant.when.iter().zip(&self.periods);
        let ends = triggers.filter_map(|(trigger, passed)| period(trigger)?.checked_mul(passed + 1));
        let end = ends.filter(|end| *end <= time).min()?;
        self.skip_periods(end);
        Some(end)
    }

    /// The periods that are over by `time` are judged.
    fn skip_periods(&mut self, time: u64) {
        for (trigger, passed) in self.invariant.when.iter().zip(&mut self.periods) {
            *passed = period(trigger).map_or(0, |period| time / period);
        }
    }

    fn judge(
        &mut self,
        occasion: Occasion<'_>,
        time: u64,
        (fields, value): (&Fields, usize),
        seen: Seen<'_>,
        initial: bool,
    ) -> Option<Broken> {
        if initial && self.initial.is_none() {
            self.initial = Some(seen.new.clone());
        }
        let judging = Judging { fields, value, new: seen.new, old: seen.old, initial: self.initial.as_ref() };
        for ((clause, decided), local) in self.invariant.clauses.iter().zip(&mut self.decided).zip(&self.local) {
            let (focus, why) = match judging.clause(clause, seen.changed.filter(|_| *local)) {
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
                object: if let (Scope::EveryObject, Focus::One(one)) = (&clause.scope, focus) {
                    Some(one.name.to_string())
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

/// How many nanoseconds a trigger lets pass.
fn period(trigger: &Trigger) -> Option<u64> {
    if let Trigger::Every(period) = trigger { Some((*period).max(1)) } else { None }
}

/// Whether what a condition says of one object hangs on that object and the system, and on no other.
fn is_local(condition: &Expression) -> bool {
    let mut local = true;
    condition.walk(&mut |part| local &= !matches!(part, Expression::Read(..)));
    local
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

/// The fields that invariants name.
fn fields(all: &[Judged]) -> Fields {
    let mut names = Vec::new();
    for clause in all.iter().flat_map(|judged| &judged.invariant.clauses) {
        clause.condition.walk(&mut |part| match part {
            Expression::Field(Moment::Initial, name) => {
                // A variable may be called so itself: see `Judging::initial`.
                names.extend([name.text().to_string(), format!("{}{name}", Moment::Initial.prefix())]);
            }
            Expression::Field(_, name) | Expression::Fold(_, _, name) => names.push(name.text().to_string()),
            Expression::Read(..) => names.push(VALUE.to_string()),
            _ => {}
        });
    }
    Fields::only(names.iter().map(String::as_str))
}

/// Has every name in an expression know its column.
fn resolve(condition: &mut Expression, fields: &Fields) {
    condition.walk_mut(&mut |part| {
        if let Expression::Field(_, name) | Expression::Fold(_, _, name) = part {
            name.column = fields.column(name.text()).unwrap_or(usize::MAX);
        }
    });
}

/// What `read(k)` looks at.
pub(super) const VALUE: &str = "value";

/// Which objects are looked at.
#[derive(Clone, Copy, Debug)]
enum Focus<'a> {
    One(&'a Object),
    Group(&'a str),
    All,
}

/// The states that expressions are about.
struct Judging<'a> {
    fields: &'a Fields,
    /// The column of what `read(k)` looks at.
    value: usize,
    new: &'a State,
    old: Option<&'a State>,
    initial: Option<&'a State>,
}

impl<'a> Judging<'a> {
    /// Whether a clause was decided. An error: it does not hold for this focus, and why.
    fn clause(&self, clause: &'a Clause, changed: Option<&'a str>) -> Result<bool, (Focus<'a>, String)> {
        let one = |name: &str| match self.new.object(name) {
            Some(object) => self.condition(&clause.condition, Focus::One(object)),
            None => Ok(false),
        };
        match (&clause.scope, changed) {
            (Scope::Object(name), _) => one(name),
            (Scope::Group(name), _) => self.condition(&clause.condition, Focus::Group(name)),
            (Scope::System, _) => self.condition(&clause.condition, Focus::All),
            (Scope::EveryObject, Some(changed)) => {
                let own = if changed == SYSTEM { Ok(false) } else { one(changed) };
                // What an object was before is not the same for each operation: others may have changed since this one began.
                let since = self.old.into_iter().flat_map(|old| self.new.changed_since(old));
                since.filter(|object| &*object.name != SYSTEM).try_fold(own?, |decided, object| {
                    Ok(decided | self.condition(&clause.condition, Focus::One(object))?)
                })
            }
            (Scope::EveryObject, None) => {
                let each = self.new.objects().iter().filter(|object| &*object.name != SYSTEM);
                each.map(|object| self.condition(&clause.condition, Focus::One(object)))
                    .try_fold(false, |decided, other| Ok(decided | other?))
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

    /// What a number or a field of the one object that is looked at holds, if that is a number. Most sides of comparisons are, and
    /// need no more.
    #[inline]
    fn number(&self, expression: &Expression, focus: Focus<'a>) -> Option<i128> {
        let datum = match (expression, focus) {
            (Expression::Literal(datum), _) => datum,
            (Expression::Field(Moment::New, name), Focus::One(object)) => object.value(name.column)?,
            (Expression::Field(Moment::Old, name), Focus::One(object)) => self.old?.same(object)?.value(name.column)?,
            _ => return None,
        };
        if let Datum::Int(number) = datum { Some(*number) } else { None }
    }

    fn truth(&self, condition: &Expression, focus: Focus<'a>) -> Result<Option<bool>, Wrong> {
        if let Expression::Binary(operator, left, right) = condition
            && operator.compares()
            && let (Some(left), Some(right)) = (self.number(left, focus), self.number(right, focus))
        {
            return Ok(Some(holds(*operator, &left, &right)));
        }
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
                Ok(self.at(*moment).and_then(|state| state.object(key)?.value(self.value)).cloned())
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

    fn field(&self, moment: Moment, name: &FieldName, focus: Focus<'a>) -> Result<Option<Datum>, Wrong> {
        if moment == Moment::Initial {
            // A variable may be called so itself.
            let spelled = self.fields.column(&format!("{}{name}", moment.prefix()));
            let literal = spelled.map(|column| self.at_column(self.new, column, name, focus)).transpose()?;
            if let Some(value) = literal.flatten() {
                return Ok(Some(value));
            }
        }
        self.at(moment).map_or(Ok(None), |state| self.at_column(state, name.column, name, focus))
    }

    /// What the field `name`, which is in this column, holds in a state.
    #[inline]
    fn at_column(
        &self,
        state: &'a State,
        column: usize,
        name: &FieldName,
        focus: Focus<'a>,
    ) -> Result<Option<Datum>, Wrong> {
        let own = match focus {
            Focus::One(object) if std::ptr::eq(state, self.new) => object.value(column),
            Focus::One(object) => state.same(object).and_then(|object| object.value(column)),
            Focus::Group(_) | Focus::All => None,
        };
        if let Some(value) = own {
            return Ok(Some(value.clone()));
        }
        let of_system = state.object(SYSTEM).and_then(|object| object.value(column));
        if of_system.is_some() || matches!(focus, Focus::One(_)) {
            return Ok(of_system.cloned());
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

    fn fold(&self, fold: Fold, moment: Moment, name: &FieldName, focus: Focus<'a>) -> Result<Option<Datum>, Wrong> {
        let Some(state) = self.at(moment) else { return Ok(None) };
        let mut having = within(state, focus).filter_map(|object| object.value(name.column)).peekable();
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
        Focus::One(one) => object.name == one.name,
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
    if let (Datum::Int(a), Datum::Int(b)) = (a, b) {
        return Ok(Some(Datum::Bool(holds(operator, a, b))));
    }
    let nil = *a == Datum::Nil || *b == Datum::Nil;
    if !nil && discriminant(a) != discriminant(b) {
        return Err(format!("{a} and {b} are not of one sort"));
    }
    match operator {
        // Of what has no value there is no more and no less.
        Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast if nil => Ok(None),
        _ => Ok(Some(Datum::Bool(holds(operator, a, b)))),
    }
}

/// Whether two of one sort compare so.
#[inline]
fn holds<T: PartialOrd>(operator: Operator, a: &T, b: &T) -> bool {
    match operator {
        Operator::Equal => a == b,
        Operator::Unequal => a != b,
        Operator::Less => a < b,
        Operator::AtMost => a <= b,
        Operator::Greater => a > b,
        _ => a >= b,
    }
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
