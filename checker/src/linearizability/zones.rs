//! A judge without a search for objects that are read, written and compared-and-set, as long as no value is written twice.
//!
//! A value, its writer and its readers are a *cluster*; in every order its operations stand together. A compare-and-set follows
//! the cluster of the value that it expects at once, so the two are a *block*, and so on along the chain. Of a block the time
//! matters at which the first of its operations returned, and that at which the last of them began. A history is linearizable
//! if and only if
//!
//! * within a block, nothing returned before something earlier in the chain began;
//! * of no two blocks, each had an operation return before one of the other began;
//! * each value that was seen has a writer that did not fail, and was compared-and-set away at most once.
//!
//! Source: Gibbons & Korach, 1997, "Testing shared memories", whose zones these are: their O(n log n) is for a history that is not
//! in the order of time. Here events come in that order, and each looks only at blocks first returned from while its operation
//! was pending. So the first event that leaves no explanation is known at once, which it is not if a search must foresee results.
//!
//! What nobody has seen and has not returned need not have taken effect, and is in no block. What is not said in this way (a
//! value written twice, a result that excludes one value) makes a key *unfit*; its search begins from the first event.

use super::{slots::Fate, transitions::Action};
use crate::history::Completion;

const NONE: u32 = u32::MAX;
/// The head of a cluster that is in no block.
const UNSEEN: u32 = NONE;
/// The head of a cluster that is in no block and will never be.
const FAILED: u32 = NONE - 1;
/// The time of what has not happened.
const NEVER: u32 = u32::MAX;

/// The object is none that can be judged without a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit;

/// A value and the operations that wrote or read it. Times are counts of events.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    /// The value, as a state.
    state: u32,
    object: u32,
    /// The state that its writer expects, or [`NONE`].
    expects: u32,
    /// When its writer began.
    written: u32,
    /// When the first of its operations returned.
    first: u32,
    /// When the last of them began.
    last: u32,
    /// The cluster that follows in the block.
    next: u32,
    /// The cluster with which its block begins, or why there is none.
    head: u32,
    /// If it is the head: `first` and `last` of the whole block.
    block_first: u32,
    block_last: u32,
}

#[derive(Clone, Debug, Default)]
struct Object {
    init: u32,
    /// Blocks and their `first`, in that order.
    blocks: Vec<(u32, u32)>,
}

/// An operation that returns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Returned {
    pub(super) object: u32,
    pub(super) action: Action,
    /// When it began.
    pub(super) began: u32,
    pub(super) now: u32,
}

/// The zones of all objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Zones {
    clusters: Vec<Cluster>,
    /// The cluster of a state. Only if that says so, too: entries of runs before are not cleared.
    of_state: Vec<u32>,
    /// By number of the object; those beyond the objects of this run keep their memory.
    objects: Vec<Object>,
    path: Vec<u32>,
}

impl Zones {
    pub(super) fn reset(&mut self) {
        self.clusters.clear();
    }

    /// Object number `object` is in the state `init`. Objects come in the order of their numbers.
    pub(super) fn begin(&mut self, object: u32, init: u32) {
        let cluster = self.clusters.len() as u32;
        self.clusters.push(Cluster { head: cluster, block_first: 0, first: 0, ..Cluster::new(init, object, NONE, 0) });
        if object as usize == self.objects.len() {
            self.objects.push(Object::default());
        }
        let object = &mut self.objects[object as usize];
        object.init = cluster;
        object.blocks.clear();
        object.blocks.push((0, cluster));
    }

    /// An operation begins of which this much is known.
    #[inline]
    pub(super) fn invoke(&mut self, object: u32, action: Action, now: u32) -> Result<(), Unfit> {
        if action.is_asked() {
            return Err(Unfit);
        }
        let Some(state) = action.writes() else { return Ok(()) };
        let expects = if action.is_unconditional() { NONE } else { action.needs().ok_or(Unfit)? };
        if state == self.clusters[self.objects[object as usize].init as usize].state || self.has(state) {
            return Err(Unfit);
        }
        if state as usize >= self.of_state.len() {
            self.of_state.resize(state as usize + 1, NONE);
        }
        self.of_state[state as usize] = self.clusters.len() as u32;
        self.clusters.push(Cluster::new(state, object, expects, now));
        Ok(())
    }

    /// An operation returns.
    #[inline]
    pub(super) fn complete<R>(&mut self, op: Returned, completion: Completion<R>) -> Result<Fate, Unfit> {
        let Returned { object, action, began, now } = op;
        let seen = match completion {
            Completion::Info => return Ok(Fate::Alive),
            Completion::Fail => return Ok(self.fail(object, action)),
            Completion::Ok(_) => action.writes().or(action.needs()).ok_or(Unfit)?,
        };
        let Some(cluster) = self.find(object, seen) else { return Ok(Fate::Dead) };
        let explains = self.include(cluster) && self.extend(cluster, began, now);
        Ok(if explains { Fate::Alive } else { Fate::Dead })
    }

    fn fail(&mut self, object: u32, action: Action) -> Fate {
        let Some(cluster) = action.writes().and_then(|state| self.find(object, state)) else { return Fate::Alive };
        let head = &mut self.clusters[cluster as usize].head;
        let was_seen = *head != UNSEEN;
        *head = FAILED;
        if was_seen { Fate::Dead } else { Fate::Alive }
    }

    fn has(&self, state: u32) -> bool {
        let cluster = self.of_state.get(state as usize).and_then(|&at| self.clusters.get(at as usize));
        cluster.is_some_and(|cluster| cluster.state == state)
    }

    /// The cluster of `state`, if anybody has begun to write it.
    #[inline]
    fn find(&self, object: u32, state: u32) -> Option<u32> {
        let init = self.objects[object as usize].init;
        if state == self.clusters[init as usize].state {
            return Some(init);
        }
        let at = *self.of_state.get(state as usize)?;
        let cluster = self.clusters.get(at as usize)?;
        (cluster.state == state && cluster.object == object).then_some(at)
    }

    /// The value of `cluster` has been seen, so it was written, and so were those from which a chain leads to it. False if that
    /// cannot be.
    #[inline]
    fn include(&mut self, cluster: u32) -> bool {
        self.clusters[cluster as usize].head < FAILED || self.include_chain(cluster)
    }

    fn include_chain(&mut self, cluster: u32) -> bool {
        let mut path = std::mem::take(&mut self.path);
        path.clear();
        let is_written = self.trace(cluster, &mut path);
        let explains = is_written && path.iter().rev().all(|&cluster| self.join(cluster));
        self.path = path;
        explains
    }

    /// Puts the clusters into `path` that lead to `cluster` and are in no block yet, itself first. False if one of them cannot have
    /// been written.
    fn trace(&self, mut cluster: u32, path: &mut Vec<u32>) -> bool {
        loop {
            let Cluster { head, expects, object, .. } = self.clusters[cluster as usize];
            if head < FAILED {
                return true;
            }
            path.push(cluster);
            // A path that long goes round in circles.
            if head == FAILED || path.len() > self.clusters.len() {
                return false;
            }
            if expects == NONE {
                return true;
            }
            let Some(source) = self.find(object, expects) else { return false };
            cluster = source;
        }
    }

    /// Puts `cluster` into the block of the one from which it comes, or makes it one of its own.
    fn join(&mut self, cluster: u32) -> bool {
        let Cluster { expects, object, written, .. } = self.clusters[cluster as usize];
        let mut head = cluster;
        if expects != NONE {
            let source = self.find(object, expects).expect("the chain was traced");
            let source = &mut self.clusters[source as usize];
            if source.next != NONE {
                return false;
            }
            source.next = cluster;
            head = source.head;
        }
        self.clusters[cluster as usize].head = head;
        self.extend(cluster, written, NEVER)
    }

    /// An operation of `cluster` began and returned at these times. False if there is no order any more.
    #[inline]
    fn extend(&mut self, cluster: u32, began: u32, returned: u32) -> bool {
        let one = &mut self.clusters[cluster as usize];
        one.first = one.first.min(returned);
        let (head, next, is_later) = (one.head, one.next, began > one.last);
        one.last = one.last.max(began);
        if is_later && self.returned_before(next, began) {
            return false;
        }
        let block = &mut self.clusters[head as usize];
        let (first, last) = (block.block_first, block.block_last);
        block.block_last = last.max(began);
        if first != NEVER {
            return began <= last || !self.crosses(head, last, began);
        }
        if returned != NEVER {
            block.block_first = returned;
            let object = block.object as usize;
            self.objects[object].blocks.push((returned, head));
        }
        true
    }

    /// Whether in the chain from `cluster` on something returned before `began`.
    #[inline]
    fn returned_before(&self, mut cluster: u32, began: u32) -> bool {
        while cluster != NONE {
            let Cluster { first, next, .. } = self.clusters[cluster as usize];
            if first < began {
                return true;
            }
            cluster = next;
        }
        false
    }

    /// Whether of the block at `head` and another, each had an operation return before one of the other began, now that the last of
    /// the block's began at `began` and not at `last`.
    #[inline]
    fn crosses(&self, head: u32, last: u32, began: u32) -> bool {
        let Cluster { object, block_first, .. } = self.clusters[head as usize];
        let blocks = self.objects[object as usize].blocks.iter().rev();
        let mut others = blocks.skip_while(|(first, _)| *first >= began).take_while(|(first, _)| *first >= last);
        others.any(|&(_, other)| other != head && self.clusters[other as usize].block_last > block_first)
    }
}

impl Cluster {
    /// That of a value which nobody has seen.
    fn new(state: u32, object: u32, expects: u32, written: u32) -> Self {
        let (first, last, next, head) = (NEVER, 0, NONE, UNSEEN);
        Self { state, object, expects, written, first, last, next, head, block_first: NEVER, block_last: 0 }
    }
}
