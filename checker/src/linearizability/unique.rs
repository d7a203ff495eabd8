//! A judge without a search for queues and stacks, as long as no element is put in twice.
//!
//! An element is *surely there* from when its putting returned until its taking began. If these times are empty, it can have been
//! put in and taken out at one moment. What was put in when its taking returned had been put in by then, so each putting counts as
//! returned no later than the taking of its element. A history is linearizable if and only if
//!
//! * what was taken was put in, not later, and was taken once;
//! * within whatever found nothing there, there is a moment at which no element is surely there;
//! * of a queue: no element was put in before another and taken after it, or not at all while the other was;
//! * of a stack: of the elements that are surely there, one after the other, without a moment between at which none is, one can
//!   have been put in first and taken last, and so on without that one. Which one does not matter.
//!
//! Takings of which nobody knows what they took may have taken any element that nobody else took. It is enough to let those that
//! began first take what was put in first; so at a moment at which nothing is surely there, not more elements must have been taken
//! by them than have begun. Of a stack that is not enough, and the answer may be that it is not known.
//!
//! Sources: Henzinger, Sezgin & Vafeiadis, 2013, "Aspect-oriented linearizability proofs", and Bouajjani, Emmi, Enea & Mutluergil,
//! 2017, "Proving linearizability using forward simulations", for what makes a queue wrong; Gibbons, Bruno & Phillips, 2002,
//! "Black-box correctness tests for basic parallel data structures", and Lee & Mathur, 2025, "Efficient decrease-and-conquer
//! linearizability monitoring", for elements that can be left out of a stack. A judgement takes time O(n log n), and of a stack
//! O(n · depth), where the depth is that of elements which are nested by real time.

use crate::{
    history::{Completion, Value},
    interner::Interner,
    model::TakesOut,
};

/// The time of what has not happened.
pub(super) const NEVER: u32 = u32::MAX;

/// An operation on one object, and when it began and returned, as counts of the object's events. An input is what it puts in, none
/// that it takes something out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) input: Value,
    pub(super) completion: Completion<Value>,
    pub(super) began: u32,
    /// [`NEVER`] if it did not.
    pub(super) returned: u32,
}

/// Whether the operations are linearizable as far as the first `limit` events go; `None`: that takes a search.
pub(super) fn judge(order: TakesOut, ops: &[Timed], limit: u32) -> Option<bool> {
    let answer = match Contents::gather(ops, limit, false) {
        Ok(contents) => contents.fits(order),
        Err(Misfit::Impossible) => Some(false),
        Err(Misfit::Unfit) => None,
    };
    answer.or_else(|| {
        let foreseen = Contents::gather(ops, limit, true).ok()?;
        foreseen.fits(order).filter(|fits| *fits)
    })
}

/// Why there are no [`Contents`].
enum Misfit {
    /// Something was taken that was not there, or twice.
    Impossible,
    /// The object is none that can be judged without a search.
    Unfit,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    began: u32,
    returned: u32,
}

/// An element, and when it was put in and taken out.
#[derive(Clone, Copy, Debug)]
struct Element {
    put: Span,
    take: Span,
}

impl Element {
    fn is_surely_there(&self) -> bool {
        self.put.returned < self.take.began
    }
}

/// What was put into one object.
#[derive(Debug, Default)]
struct Contents {
    /// What somebody took.
    taken: Vec<Element>,
    /// When that was put in which nobody is known to have taken, in the order of returning.
    left: Vec<Span>,
    /// When takings began of which nobody knows what they took, in order.
    unknown: Vec<u32>,
    /// What found nothing.
    empty: Vec<Span>,
    /// How many events there are.
    limit: u32,
}

impl Contents {
    /// What was put in and taken out up to then. If that `foresees`, an operation that is pending ends as it will: that is one of
    /// the ways in which it can.
    fn gather(ops: &[Timed], limit: u32, foresees: bool) -> Result<Self, Misfit> {
        let mut contents = Self { limit, ..Self::default() };
        let mut numbers = Interner::new();
        // By number of the element.
        let (mut puts, mut takes) = (Vec::new(), Vec::new());
        let mut is_taken_twice = false;
        for op in ops.iter().take_while(|op| op.began < limit) {
            let has_returned = op.returned < limit;
            let completion = if has_returned || foresees { op.completion } else { Completion::Info };
            let is_ok = has_returned && matches!(completion, Completion::Ok(_));
            let span = Span { began: op.began, returned: if is_ok { op.returned } else { NEVER } };
            match (op.input, completion) {
                (_, Completion::Fail) => {}
                (Value::Int(element), _) => {
                    let is_put_twice = note(&mut puts, numbers.id(element), span);
                    if is_put_twice {
                        return Err(Misfit::Unfit);
                    }
                }
                (Value::Nil, Completion::Ok(Value::Int(element))) => {
                    is_taken_twice |= note(&mut takes, numbers.id(element), span);
                }
                (Value::Nil, Completion::Ok(Value::Nil)) if is_ok => contents.empty.push(span),
                (Value::Nil, Completion::Ok(Value::Nil)) => {}
                (Value::Nil, Completion::Info) => contents.unknown.push(op.began),
                _ => return Err(Misfit::Unfit),
            }
        }
        puts.resize(numbers.len(), None);
        takes.resize(numbers.len(), None);
        let is_possible = puts.into_iter().zip(takes).all(|(put, take)| contents.add(put, take));
        contents.left.sort_unstable_by_key(|put| put.returned);
        if is_possible && !is_taken_twice { Ok(contents) } else { Err(Misfit::Impossible) }
    }

    /// Adds an element; false if it was taken and not put in before.
    fn add(&mut self, put: Option<Span>, take: Option<Span>) -> bool {
        match (put, take) {
            // What is to be taken may still be put in.
            (None, Some(take)) => return take.returned == NEVER,
            (Some(put), Some(take)) if take.returned < put.began => return false,
            (Some(put), Some(take)) => {
                self.taken.push(Element { put: Span { returned: put.returned.min(take.returned), ..put }, take })
            }
            // What nobody is known to have taken need not have been put in.
            (Some(put), None) if put.returned != NEVER => self.left.push(put),
            (_, None) => {}
        }
        true
    }

    fn fits(&self, order: TakesOut) -> Option<bool> {
        if !self.is_empty_for_all(self.unknown.len()) {
            return Some(false);
        }
        match order {
            TakesOut::Any => Some(true),
            TakesOut::First => Some(self.is_in_order()),
            TakesOut::Last => self.is_nested(),
        }
    }

    /// Whether each operation that found nothing can have, if that many of the unknown takings took something.
    fn is_empty_for_all(&self, unknown: usize) -> bool {
        if self.empty.is_empty() {
            return true;
        }
        let moments = self.limit as usize;
        // What changes at each event: elements that are surely there; elements that unknown takings must have taken, less these.
        let (mut there, mut due) = (vec![0_i32; moments + 1], vec![0_i32; moments + 1]);
        for element in self.taken.iter().filter(|element| element.is_surely_there()) {
            there[element.put.returned as usize] += 1;
            there[element.take.began as usize] -= 1;
        }
        self.left.iter().for_each(|put| due[put.returned as usize] += 1);
        self.unknown[..unknown].iter().for_each(|at| due[*at as usize] -= 1);
        // How many moments, each just after an event, there have been at which nothing need be there.
        let mut free = vec![0_u32; moments + 1];
        let (mut elements, mut lacking) = (0, 0);
        for at in 0..moments {
            elements += there[at];
            lacking += due[at];
            free[at + 1] = free[at] + u32::from(elements == 0 && lacking <= 0);
        }
        self.empty.iter().all(|span| free[span.returned as usize] > free[span.began as usize])
    }

    /// Whether nothing was put in before another and taken after it.
    fn is_in_order(&self) -> bool {
        // The first taking to return of an element whose putting began at that event or later.
        let mut overtaken = vec![NEVER; self.limit as usize + 1];
        for element in &self.taken {
            let at = &mut overtaken[element.put.began as usize];
            *at = element.take.returned.min(*at);
        }
        for at in (0..self.limit as usize).rev() {
            overtaken[at] = overtaken[at].min(overtaken[at + 1]);
        }
        let deadline = |put: &Span| overtaken[put.returned as usize];
        let mut unknown = self.unknown.iter();
        let is_taken_in_time = |put: &Span| {
            let deadline = deadline(put);
            deadline == NEVER || unknown.next().is_some_and(|began| *began < deadline)
        };
        self.taken.iter().all(|element| element.take.began < deadline(&element.put))
            && self.left.iter().all(is_taken_in_time)
    }

    /// Whether the elements fit into each other, as those of a stack do; `None`: it depends on what unknown takings took.
    fn is_nested(&self) -> Option<bool> {
        let end = Span { began: self.limit, returned: self.limit + 1 };
        let left = self.left.iter().map(|put| Element { put: *put, take: end });
        if nest(self.taken.iter().copied().chain(left).collect()) && self.is_empty_for_all(0) {
            return Some(true);
        }
        let is_certain = self.unknown.is_empty() || self.left.is_empty() || !nest(self.taken.clone());
        if is_certain { Some(false) } else { None }
    }
}

/// Whether each element was put on a stack and taken off it while others either were not there or stayed.
fn nest(mut elements: Vec<Element>) -> bool {
    elements.retain(Element::is_surely_there);
    elements.sort_unstable_by_key(|element| element.put.returned);
    while !elements.is_empty() {
        let mut inner = Vec::with_capacity(elements.len());
        let mut others = elements.as_slice();
        while !others.is_empty() {
            let (group, rest) = others.split_at(linked(others));
            let known = inner.len();
            let (first, last) = (group[0].put.returned, group.iter().map(|element| element.take.began).max());
            let is_lowest = |one: &Element| one.put.began < first && Some(one.take.returned) > last;
            inner.extend(group.iter().filter(|element| !is_lowest(element)));
            if inner.len() - known == group.len() {
                return false;
            }
            others = rest;
        }
        elements = inner;
    }
    true
}

/// How many of the first elements there are until at some moment none of them is surely there.
fn linked(elements: &[Element]) -> usize {
    let mut until = elements[0].take.began;
    let begins_later = |element: &Element| {
        let is_later = element.put.returned > until;
        until = until.max(element.take.began);
        is_later
    };
    elements.iter().position(begins_later).unwrap_or(elements.len())
}

/// Notes when the element of this number was put or taken. True if it was before.
fn note(spans: &mut Vec<Option<Span>>, number: u32, span: Span) -> bool {
    let number = number as usize;
    if number >= spans.len() {
        spans.resize(number + 1, None);
    }
    spans[number].replace(span).is_some()
}
