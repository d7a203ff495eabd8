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
#[derive(Clone, Debug)]
pub(crate) struct Queue<E> {
    /// Sorted from the last to the next.
    near: Vec<Entry<E>>,
    far: BinaryHeap<Reverse<Entry<E>>>,
    sequence: u64,
    /// Sequences of events that go before all others of their time; counts down.
    first: u64,
}

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
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn reset(&mut self) {
        self.items.clear();
        self.free.clear();
    }

    pub(crate) fn put(&mut self, item: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.items[slot as usize] = Some(item);
            return slot;
        }
        self.items.push(Some(item));
        self.items.len() as u32 - 1
    }

    pub(crate) fn take(&mut self, slot: u32) -> T {
        self.free.push(slot);
        self.items[slot as usize].take().expect("an event takes what it put")
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

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
