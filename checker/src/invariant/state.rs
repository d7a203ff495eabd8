//! What invariants look at: objects with fields, at one moment. Copies share the objects that did not change.

use std::{collections::BTreeSet, fmt, mem, sync::Arc};

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    /// It is there, and has no value: a register never written.
    Nil,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Int(i128),
    /// A text.
    Text(Arc<str>),
    /// A collection.
    Many(Arc<[Self]>),
    /// Values by their ids.
    Map(Arc<[(Self, Self)]>),
}

impl Datum {
    /// The elements of a collection, the values of a map, or the datum itself.
    pub fn elements(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::Many(all) => Box::new(all.iter()),
            Self::Map(all) => Box::new(all.iter().map(|(_, value)| value)),
            Self::Nil => Box::new(std::iter::empty()),
            Self::Bool(_) | Self::Int(_) | Self::Text(_) => Box::new(std::iter::once(self)),
        }
    }

    /// A collection of these.
    pub fn many<D: Into<Self>>(all: impl IntoIterator<Item = D>) -> Self {
        Self::Many(all.into_iter().map(Into::into).collect())
    }

    /// These values by their ids.
    pub fn map<K: Into<Self>, D: Into<Self>>(all: impl IntoIterator<Item = (K, D)>) -> Self {
        Self::Map(all.into_iter().map(|(id, value)| (id.into(), value.into())).collect())
    }

    /// How many bytes it takes beside itself, and where they lie: equal places are one memory.
    fn heap(&self) -> Option<(usize, usize)> {
        match self {
            Self::Nil | Self::Bool(_) | Self::Int(_) => None,
            Self::Text(text) => Some((text.as_ptr() as usize, text.len())),
            Self::Many(all) => Some((all.as_ptr() as usize, mem::size_of_val(&**all))),
            Self::Map(all) => Some((all.as_ptr() as usize, mem::size_of_val(&**all))),
        }
    }
}

impl From<bool> for Datum {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Datum {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl<D: Into<Self>> From<Option<D>> for Datum {
    fn from(value: Option<D>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

macro_rules! from_numbers {
    ($($number:ty),*) => { $(impl From<$number> for Datum {
        fn from(value: $number) -> Self {
            Self::Int(value as i128)
        }
    })* };
}

from_numbers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, i128);

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Many(all) => {
                f.write_str("[")?;
                all.iter()
                    .enumerate()
                    .try_for_each(|(at, one)| write!(f, "{}{one}", if at > 0 { ", " } else { "" }))?;
                f.write_str("]")
            }
            Self::Map(all) => {
                f.write_str("{")?;
                let gap = |at| if at > 0 { ", " } else { "" };
                all.iter().enumerate().try_for_each(|(at, (id, one))| write!(f, "{}{id}: {one}", gap(at)))?;
                f.write_str("}")
            }
        }
    }
}

/// The names of fields that are kept, each with its column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    names: Vec<Arc<str>>,
    /// Names that come up are kept, too.
    grows: bool,
    /// Where texts of the program lie that were asked for, and their columns: to compare places is faster than letters.
    places: Vec<(usize, usize, Option<usize>)>,
}

impl Fields {
    /// Only these: whatever else an object says of itself is passed over.
    pub fn only<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.into_iter().collect();
        Self { names: names.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// These, and all else that objects say of themselves.
    #[must_use]
    pub fn and_all(self) -> Self {
        Self { grows: true, ..self }
    }

    /// Their names, by column.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Where the values of a field are.
    #[inline]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| **known == *name)
    }

    #[inline]
    fn column_of_static(&mut self, name: &'static str) -> Option<usize> {
        let place = (name.as_ptr() as usize, name.len());
        let known = self.places.iter().find(|(at, length, _)| (*at, *length) == place);
        match known {
            Some((_, _, column)) => *column,
            None => self.note_place(name),
        }
    }

    #[cold]
    fn note_place(&mut self, name: &'static str) -> Option<usize> {
        let column = self.column_of_new(name);
        self.places.push((name.as_ptr() as usize, name.len(), column));
        column
    }

    fn column_of_new(&mut self, name: &str) -> Option<usize> {
        let known = self.column(name);
        if known.is_none() && self.grows {
            self.names.push(name.into());
            return Some(self.names.len() - 1);
        }
        known
    }
}

/// One thing with fields: a node, a key of a store, what belongs to no node (the object [`SYSTEM`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: Arc<str>,
    /// The groups that it is in.
    pub groups: Arc<[Arc<str>]>,
    /// By column of [`Fields`]; `None`, or beyond the end: it has no such field.
    values: Vec<Option<Datum>>,
}

/// The object that variables of the whole system belong to.
pub const SYSTEM: &str = "system";

impl Object {
    /// What a field holds, by its column.
    #[inline]
    pub fn value(&self, column: usize) -> Option<&Datum> {
        self.values.get(column)?.as_ref()
    }
}

/// What an object says of itself goes through here.
pub struct Capture<'a> {
    fields: &'a mut Fields,
    values: &'a mut Vec<Option<Datum>>,
    /// What its names begin with: the names of what it is part of.
    prefix: String,
}

impl Capture<'_> {
    /// The field `name` holds this now. Costs next to nothing if nobody asks for the field.
    #[inline]
    pub fn put(&mut self, name: &'static str, value: impl Into<Datum>) {
        self.put_with(name, || value);
    }

    /// The same of what is costly to make: `value` is called if somebody asks for the field.
    #[inline]
    pub fn put_with<D: Into<Datum>>(&mut self, name: &'static str, value: impl FnOnce() -> D) {
        if !self.prefix.is_empty() {
            return self.put_named(name, value);
        }
        if let Some(column) = self.fields.column_of_static(name) {
            self.set(column, value().into());
        }
    }

    /// The same with a name that is made as the program runs.
    pub fn put_named<D: Into<Datum>>(&mut self, name: &str, value: impl FnOnce() -> D) {
        if let Some(column) = self.fields.column_of_new(&format!("{}{name}", self.prefix)) {
            self.set(column, value().into());
        }
    }

    #[inline]
    fn set(&mut self, column: usize, value: Datum) {
        if self.values.len() <= column {
            self.values.resize(column + 1, None);
        }
        self.values[column] = Some(value);
    }

    /// The parts of the field `name` are fields as well: `put("term", …)` within `nested("vote", …)` is the field `vote.term`.
    pub fn nested(&mut self, name: &str, inner: impl FnOnce(&mut Capture<'_>)) {
        let prefix = format!("{}{name}.", self.prefix);
        inner(&mut Capture { fields: self.fields, values: self.values, prefix });
    }
}

/// All objects at one moment.
///
/// A copy is as many pointers as there are objects: it shares each with the original until it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// In the order of their names.
    objects: Vec<Arc<Object>>,
}

impl State {
    /// All objects, in the order of their names.
    pub fn objects(&self) -> &[Arc<Object>] {
        &self.objects
    }

    /// Where an object is, or would be.
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.objects.binary_search_by(|object| (*object.name).cmp(name))
    }

    /// Where the object is whose name is this very text, if there are few.
    #[inline]
    fn find_same(&self, name: &Arc<str>) -> Option<usize> {
        const FEW: usize = 32;
        self.objects.iter().take(FEW).position(|object| Arc::ptr_eq(&object.name, name))
    }

    /// The object that was this one at another moment.
    #[inline]
    pub(super) fn same(&self, object: &Object) -> Option<&Arc<Object>> {
        match self.find_same(&object.name) {
            Some(at) => Some(&self.objects[at]),
            None => self.object(&object.name),
        }
    }

    /// The object of this name.
    #[inline]
    pub fn object(&self, name: &str) -> Option<&Arc<Object>> {
        self.find(name).ok().map(|at| &self.objects[at])
    }

    /// The objects that are not what they were in an earlier state, of which this one was a copy.
    pub(super) fn changed_since<'a>(&'a self, old: &'a Self) -> impl Iterator<Item = &'a Arc<Object>> {
        let mut before = old.objects.iter().peekable();
        self.objects.iter().filter(move |object| {
            if before.next_if(|old| Arc::ptr_eq(old, object)).is_some() {
                return false;
            }
            while before.next_if(|old| old.name <= object.name).is_some() {}
            true
        })
    }

    /// Has an object say what it is now: what it says no more it has no more. Returns whether anything changed; if not, it goes on
    /// sharing its memory with earlier copies.
    pub fn capture(
        &mut self,
        name: &Arc<str>,
        groups: &Arc<[Arc<str>]>,
        fields: &mut Fields,
        room: &mut Vec<Option<Datum>>,
        say: impl FnOnce(&mut Capture<'_>),
    ) -> bool {
        room.clear();
        room.resize(fields.names.len(), None);
        say(&mut Capture { fields, values: room, prefix: String::new() });
        let object = |values| Arc::new(Object { name: name.clone(), groups: groups.clone(), values });
        match self.find_same(name).map_or_else(|| self.find(name), Ok) {
            Ok(at) => {
                let known = &mut self.objects[at];
                if known.values == *room && (Arc::ptr_eq(&known.groups, groups) || known.groups == *groups) {
                    return false;
                }
                match Arc::get_mut(known) {
                    // Nobody else has it: it can change where it is.
                    Some(object) => {
                        mem::swap(&mut object.values, room);
                        object.groups = groups.clone();
                    }
                    None => *known = object(room.clone()),
                }
            }
            Err(at) => self.objects.insert(at, object(room.clone())),
        }
        true
    }

    /// Makes an object what it is in another state, or takes it away if it is not there.
    pub fn copy_object(&mut self, name: &str, from: &Self) {
        match (self.find(name), from.object(name)) {
            (Ok(at), Some(object)) => self.objects[at] = object.clone(),
            (Err(at), Some(object)) => self.objects.insert(at, object.clone()),
            (Ok(at), None) => drop(self.objects.remove(at)),
            (Err(_), None) => {}
        }
    }

    /// An object is there no more.
    pub fn remove(&mut self, name: &str) {
        if let Ok(at) = self.find(name) {
            self.objects.remove(at);
        }
    }

    /// Forgets everything but the memory it occupies.
    pub fn clear(&mut self) {
        self.objects.clear();
    }
}

/// How many bytes these states take together; what several share counts once.
pub fn memory<'a>(states: impl IntoIterator<Item = &'a State>) -> usize {
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for state in states {
        bytes += mem::size_of::<State>() + mem::size_of_val(&*state.objects);
        for object in &state.objects {
            if !seen.insert(Arc::as_ptr(object) as usize) {
                continue;
            }
            bytes += mem::size_of::<Object>() + mem::size_of_val(&*object.values);
            let heaps = object.values.iter().flatten().filter_map(Datum::heap);
            bytes += heaps.filter(|(place, _)| seen.insert(*place)).map(|(_, bytes)| bytes).sum::<usize>();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Capture, Fields, State, memory};

    /// Three nodes whose `term` is `terms[i]`, each with a log of a hundred entries.
    fn capture(state: &mut State, fields: &mut Fields, terms: [u64; 3]) -> [bool; 3] {
        let (none, mut room) = ([].into(), Vec::new());
        let mut at = 0;
        terms.map(|term| {
            at += 1;
            let say = |capture: &mut Capture<'_>| {
                capture.put("term", term);
                capture.put_with("log", || super::Datum::many(0..100u8));
            };
            state.capture(&format!("n{at}").as_str().into(), &none, fields, &mut room, say)
        })
    }

    #[test]
    fn copies_share_what_did_not_change() {
        let (mut state, mut fields) = (State::default(), Fields::default().and_all());
        assert_eq!(capture(&mut state, &mut fields, [1, 1, 1]), [true; 3]);
        let before = state.clone();
        assert_eq!(capture(&mut state, &mut fields, [1, 2, 1]), [false, true, false]);
        let (one, both) = (memory([&state]), memory([&before, &state]));
        assert!(both < one * 3 / 2, "{one} bytes each, {both} together");
        assert_ne!(before, state);
    }

    #[test]
    fn what_nobody_asks_for_takes_no_memory() {
        let (mut full, mut selective) = (State::default(), State::default());
        capture(&mut full, &mut Fields::default().and_all(), [1, 2, 3]);
        capture(&mut selective, &mut Fields::only(["term"]), [1, 2, 3]);
        let (full, selective) = (memory([&full]), memory([&selective]));
        assert!(selective * 10 < full, "selective {selective}, full {full}");
    }

    #[test]
    fn an_object_that_says_less_has_less() {
        let (mut state, mut fields, none) = (State::default(), Fields::default().and_all(), [].into());
        let mut room = Vec::new();
        state.capture(&"a".into(), &none, &mut fields, &mut room, |capture| capture.put("x", 1));
        state.capture(&"a".into(), &none, &mut fields, &mut room, |capture| {
            capture.nested("vote", |vote| vote.put("term", 7));
        });
        let a = state.object("a").expect("it was captured");
        assert_eq!((a.value(0), a.value(1).map(ToString::to_string).as_deref()), (None, Some("7")));
        assert_eq!(&*fields.names()[1], "vote.term");
    }
}
