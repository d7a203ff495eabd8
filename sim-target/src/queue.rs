//! The event queue: by time, then by the order of insertion.
//!
//! A run has about twenty events pending, where a sorted vector beats a heap; what does not fit goes to a heap beside it,
//! so that a storm of messages stays affordable.

use std::{cmp::Reverse, collections::BinaryHeap};

/// When an event is due, its sequence among those of its time, and where it is kept, from the highest bits to the lowest: numbers
/// in the order in which events leave, and small enough that a heap of them moves quickly.
type Key = u128;

/// More than this many pending events go to the heap.
const NEAR: usize = 16;
/// Bits of a key that say where the event is kept.
const PLACE_BITS: u32 = 24;
/// The most events that can be pending.
const PENDING_MAX: usize = 1 << PLACE_BITS;

/// Pending events.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    /// Sorted from the last to the next.
    near: Vec<Key>,
    far: BinaryHeap<Reverse<Key>>,
    events: Vec<E>,
    /// Places in `events` that are free.
    free: Vec<u32>,
    sequence: u64,
    /// Sequences of events that go before all others of their time; counts down.
    first: u64,
}

clone_fields!(Queue<E: Copy> { near, far, events, free, sequence, first });

/// Sequences of ordinary events begin here.
const ORDINARY: u64 = 1 << 32;

/// The key of an event from its parts.
#[inline]
fn key(time: u64, sequence: u64, place: usize) -> Key {
    u128::from(time) << 64 | u128::from(sequence << PLACE_BITS | place as u64)
}

/// Where the event of a key is kept.
#[inline]
fn place(key: Key) -> usize {
    key as usize & (PENDING_MAX - 1)
}

impl<E: Copy> Queue<E> {
    pub(crate) fn new() -> Self {
        Self {
            near: Vec::new(),
            far: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            sequence: ORDINARY,
            first: ORDINARY,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.near.clear();
        self.far.clear();
        self.events.clear();
        self.free.clear();
        (self.sequence, self.first) = (ORDINARY, ORDINARY);
    }

    #[inline]
    pub(crate) fn push(&mut self, time: u64, event: E) {
        self.sequence += 1;
        self.insert(time, self.sequence, event);
    }

    /// Pushes an event that leaves before all others of its time.
    pub(crate) fn push_first(&mut self, time: u64, event: E) {
        self.first -= 1;
        self.insert(time, self.first, event);
    }

    /// Sets so many sequences apart, for events whose place among those of their time must not depend on when they are
    /// pushed. Returns the first.
    pub(crate) fn reserve(&mut self, count: u64) -> u64 {
        self.sequence += count;
        self.sequence - count + 1
    }

    /// Pushes an event at a place that was set apart.
    pub(crate) fn push_reserved(&mut self, time: u64, sequence: u64, event: E) {
        self.insert(time, sequence, event);
    }

    /// Has `change` look at every pending event, by its time and sequence: it may move the event by changing them, and
    /// drops it by returning false.
    pub(crate) fn edit(&mut self, mut change: impl FnMut(&mut u64, &mut u64, E) -> bool) {
        let (events, free) = (&self.events, &mut self.free);
        let mut edit = |own: &mut Key| {
            let (mut time, mut sequence) = ((*own >> 64) as u64, *own as u64 >> PLACE_BITS);
            let place = place(*own);
            let stays = change(&mut time, &mut sequence, events[place]);
            *own = key(time, sequence, place);
            if !stays {
                free.push(place as u32);
            }
            stays
        };
        self.near.retain_mut(&mut edit);
        self.near.sort_unstable_by(|a, b| b.cmp(a));
        if !self.far.is_empty() {
            let mut far = std::mem::take(&mut self.far).into_vec();
            far.retain_mut(|Reverse(own)| edit(own));
            self.far = far.into();
        }
    }

    /// Every pending event and when it is due, in no order that means anything.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (u64, E)> {
        let keys = self.near.iter().copied().chain(self.far.iter().map(|Reverse(key)| *key));
        keys.map(|key| ((key >> 64) as u64, self.events[place(key)]))
    }

    #[inline]
    fn insert(&mut self, time: u64, sequence: u64, event: E) {
        let place = match self.free.pop() {
            Some(place) => place as usize,
            None => self.make_room(event),
        };
        self.events[place] = event;
        let key = key(time, sequence, place);
        if self.near.len() >= NEAR {
            return self.far.push(Reverse(key));
        }
        // Most events are due soon, that is, near the end: looking there first beats halving.
        let at = self.near.iter().rposition(|other| *other > key).map_or(0, |at| at + 1);
        self.near.insert(at, key);
    }

    #[cold]
    fn make_room(&mut self, event: E) -> usize {
        assert!(self.events.len() < PENDING_MAX, "{PENDING_MAX} events are pending, and there is no room for another");
        self.events.push(event);
        self.events.len() - 1
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(u64, E)> {
        let key = if self.far.is_empty() { self.near.pop()? } else { self.pop_either()? };
        self.free.push(place(key) as u32);
        Some(((key >> 64) as u64, self.events[place(key)]))
    }

    fn pop_either(&mut self) -> Option<Key> {
        let far = self.far.peek().map(|Reverse(far)| *far);
        match self.near.last() {
            Some(near) if far.is_none_or(|far| *near < far) => self.near.pop(),
            _ => self.far.pop().map(|Reverse(key)| key),
        }
    }
}

/// Things kept by number while an event that names them is pending.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
}

clone_fields!(Slab<T: Clone> { items, free });

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn reset(&mut self) {
        self.items.clear();
        self.free.clear();
    }

    #[inline]
    pub(crate) fn put(&mut self, item: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.items[slot as usize] = Some(item);
            return slot;
        }
        self.items.push(Some(item));
        self.items.len() as u32 - 1
    }

    #[inline]
    pub(crate) fn take(&mut self, slot: u32) -> T {
        self.free.push(slot);
        self.items[slot as usize].take().expect("an event takes what it put")
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn an_edit_moves_and_drops_events_wherever_they_wait() {
        let mut queue = Queue::new();
        let place = queue.reserve(1);
        (0..1000).for_each(|event| queue.push(5, event));
        queue.push_reserved(5, place, 1000);
        queue.edit(|time, _, event| {
            *time += u64::from(event == 7 || event == 900);
            event % 10 == 0 || event == 7
        });
        let popped: Vec<i32> = std::iter::from_fn(|| queue.pop().map(|(_, event)| event)).collect();
        let stay = (0..1000).filter(|event| event % 10 == 0 && *event != 900);
        assert_eq!(popped, std::iter::once(1000).chain(stay).chain([7, 900]).collect::<Vec<_>>());
    }

    #[test]
    fn events_leave_by_time_then_in_order_of_insertion_however_many_are_pending() {
        let mut queue = Queue::new();
        let times: Vec<u64> = (0..5000u64).map(|i| (i * 7919) % 97).collect();
        for (i, time) in times.iter().enumerate() {
            queue.push(*time, i);
        }
        let popped: Vec<(u64, usize)> = std::iter::from_fn(|| queue.pop()).collect();
        let mut expected: Vec<(u64, usize)> = times.into_iter().enumerate().map(|(i, time)| (time, i)).collect();
        expected.sort_unstable();
        assert_eq!(popped, expected);
    }
}
