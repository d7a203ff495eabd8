//! The event queue: by time, then by the order of insertion.
//!
//! A run has about twenty events pending, where a sorted vector beats a heap; what does not fit goes to a heap beside it,
//! so that a storm of messages stays affordable.

use std::{cmp::Reverse, collections::BinaryHeap};

/// More than this many pending events go to the heap.
const NEAR: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    time: u64,
    sequence: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.sequence).cmp(&(other.time, other.sequence))
    }
}

/// Pending events.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    /// Sorted from the last to the next.
    near: Vec<Entry<E>>,
    far: BinaryHeap<Reverse<Entry<E>>>,
    sequence: u64,
    /// Sequences of events that go before all others of their time; counts down.
    first: u64,
}

clone_fields!(Queue<E: Copy> { near, far, sequence, first });

/// Sequences of ordinary events begin here.
const ORDINARY: u64 = 1 << 32;

impl<E: Copy> Queue<E> {
    pub(crate) fn new() -> Self {
        Self { near: Vec::with_capacity(NEAR), far: BinaryHeap::new(), sequence: ORDINARY, first: ORDINARY }
    }

    pub(crate) fn reset(&mut self) {
        self.near.clear();
        self.far.clear();
        (self.sequence, self.first) = (ORDINARY, ORDINARY);
    }

    pub(crate) fn push(&mut self, time: u64, event: E) {
        self.sequence += 1;
        self.insert(Entry { time, sequence: self.sequence, event });
    }

    /// Pushes an event that leaves before all others of its time.
    pub(crate) fn push_first(&mut self, time: u64, event: E) {
        self.first -= 1;
        self.insert(Entry { time, sequence: self.first, event });
    }

    /// Sets so many sequences apart, for events whose place among those of their time must not depend on when they are
    /// pushed. Returns the first.
    pub(crate) fn reserve(&mut self, count: u64) -> u64 {
        self.sequence += count;
        self.sequence - count + 1
    }

    /// Pushes an event at a place that was set apart.
    pub(crate) fn push_reserved(&mut self, time: u64, sequence: u64, event: E) {
        self.insert(Entry { time, sequence, event });
    }

    /// Has `change` look at every pending event, by its time and sequence: it may move the event by changing them, and
    /// drops it by returning false.
    pub(crate) fn edit(&mut self, mut change: impl FnMut(&mut u64, &mut u64, E) -> bool) {
        self.near.retain_mut(|entry| change(&mut entry.time, &mut entry.sequence, entry.event));
        self.near.sort_unstable_by(|a, b| b.cmp(a));
        if !self.far.is_empty() {
            let mut far = std::mem::take(&mut self.far).into_vec();
            far.retain_mut(|Reverse(entry)| change(&mut entry.time, &mut entry.sequence, entry.event));
            self.far = far.into();
        }
    }

    fn insert(&mut self, entry: Entry<E>) {
        if self.near.len() >= NEAR {
            self.far.push(Reverse(entry));
            return;
        }
        // Most events are due soon, that is, near the end: looking there first beats halving.
        let at = self.near.iter().rposition(|other| *other > entry).map_or(0, |at| at + 1);
        self.near.insert(at, entry);
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, E)> {
        let far_first = match (self.near.last(), self.far.peek()) {
            (Some(near), Some(Reverse(far))) => far < near,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let entry = if far_first { self.far.pop().map(|Reverse(entry)| entry) } else { self.near.pop() };
        entry.map(|entry| (entry.time, entry.event))
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
