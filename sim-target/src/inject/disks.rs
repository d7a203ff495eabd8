//! Faults of disks: calls that fail, lie, are late or take their time, and damage to what is stored.
//!
//! A lasting step is a rule for the calls of its victims. A call that a rule covers draws once, keyed by the step, the node,
//! the slot of time and its number within it, whatever became of the calls before.

use std::ops::Range;

use murphy_schedule::{
    Dice, Nodes,
    field::{Calls, Damage, Distribution, ErrorCode, Misread, Miswrite, Number, Percent, Place},
};

use super::Harm;
use crate::{
    core::Core,
    disk::{Disk, Listed, SECTOR, Use, Wound, files, flip, is_whole, units},
    distribution::sample,
    draw::{Purpose, SLOT, below, fold, mix},
    files::part,
    node::{DiskError, File, Node},
    select::members,
    trace::What,
};

/// Sorts of calls, as bits.
pub(crate) const READ: u8 = 1;
pub(crate) const WRITE: u8 = 2;
pub(crate) const SYNC: u8 = 4;
pub(crate) const METADATA: u8 = 8;
const ALL: u8 = READ | WRITE | SYNC | METADATA;

/// The most bits that a lying call flips.
const FLIPS: u64 = 4;

/// A call of a node to its disk.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    /// `None`: the directory.
    pub(crate) file: Option<File>,
    pub(crate) used_as: Use,
    pub(crate) sorts: u8,
    pub(crate) range: Range<usize>,
    pub(crate) data: Option<&'a [u8]>,
    /// How many bytes more the disk has to hold.
    pub(crate) grows: usize,
    /// The node does not wait for it.
    pub(crate) later: bool,
}

impl<'a> Call<'a> {
    /// A call about a file as a whole.
    pub(crate) fn whole(file: Option<File>, sorts: u8) -> Self {
        Self { file, used_as: Use::Raw, sorts, range: 0..usize::MAX, data: None, grows: 0, later: false }
    }

    /// A write.
    pub(crate) fn write(file: File, used_as: Use, sorts: u8, offset: usize, data: &'a [u8]) -> Self {
        let range = offset..offset + data.len();
        Self { used_as, range, data: Some(data), ..Self::whole(Some(file), sorts) }
    }
}

/// What a lasting step does to calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Treatment {
    Fail(ErrorCode),
    /// So many bytes may be in its place, on each node.
    Limit([u64; 16]),
    Miswrite(Miswrite),
    Misread(Misread),
    /// Syncs are true so much later.
    Lag(Distribution),
    /// They take so much longer.
    Delay(Distribution),
    /// They do not return before the step ends.
    Stall,
    /// They read and write so many bytes a second.
    Throttle(u64),
}

/// A lasting step that is in force on some disks.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    step: usize,
    victims: u16,
    place: Place,
    sorts: u8,
    /// In units of 0.01 %.
    share: u16,
    /// How often it still strikes; `None`: without limit.
    left: Option<u8>,
    treatment: Treatment,
    salt: u64,
    /// For each node: the present slot of time, and how many calls were covered in it.
    counts: [(u64, u32); 16],
}

/// The rules for disks that are in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    active: Vec<Rule>,
    /// Nodes whose calls have to be judged, as bits.
    watched: u16,
    /// Nodes whose calls always have to be judged.
    always: u16,
}

impl Rules {
    /// No rules; `always`: every disk has a size.
    pub(crate) fn reset(&mut self, always: bool) {
        self.active.clear();
        self.always = if always { u16::MAX } else { 0 };
        self.refresh();
    }

    fn refresh(&mut self) {
        self.watched = self.active.iter().fold(self.always, |set, rule| set | rule.victims);
    }

    /// The rules of a step end.
    pub(super) fn end(&mut self, step: usize) {
        self.active.retain(|rule| rule.step != step);
        self.refresh();
    }
}

/// A call that does something else than it says: how, to which bytes of the file, by which draw, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lie {
    how: How,
    at: Range<usize>,
    draw: u64,
    step: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Write(Miswrite),
    Read(Misread),
}

/// What becomes of a call that does not fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) lie: Option<Lie>,
    /// It is durable so much later than it says.
    pub(crate) lag: Option<u64>,
    /// It takes so many nanoseconds longer, if the node does not wait for it.
    pub(crate) extra: u64,
}

/// What a step says about calls of disks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) victims: Nodes,
    pub(super) place: Place,
    pub(super) calls: Calls,
    pub(super) share: Percent<10_000>,
    pub(super) times: Number,
}

impl Order {
    /// All calls of these sorts.
    pub(super) fn all(victims: Nodes, place: Place, calls: Calls) -> Self {
        Self { victims, place, calls, share: Percent(10_000), times: Number(0) }
    }
}

fn sorts(calls: Calls) -> u8 {
    match calls {
        Calls::All => ALL,
        Calls::Read => READ,
        Calls::Write => WRITE,
        Calls::Sync => SYNC,
        Calls::Metadata => METADATA,
    }
}

impl From<ErrorCode> for DiskError {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Io => Self::Io,
            ErrorCode::NoSpace => Self::NoSpace,
            ErrorCode::ReadOnly => Self::ReadOnly,
            ErrorCode::Interrupted => Self::Interrupted,
            ErrorCode::Missing => Self::Missing,
        }
    }
}

impl<N: Node> Core<N> {
    /// Whether calls of a node's disk have to be judged.
    #[inline]
    pub(crate) fn is_watched(&self, me: usize) -> bool {
        self.disk_rules.watched & (1 << me) != 0
    }

    /// A lasting step begins to treat calls.
    pub(super) fn treat_disks(&mut self, at: usize, order: Order, treatment: Treatment) {
        let victims = self.select(at, order.victims, 0);
        let harm = match treatment {
            Treatment::Fail(_) | Treatment::Limit(_) => None,
            Treatment::Delay(_) | Treatment::Stall | Treatment::Throttle(_) => None,
            Treatment::Miswrite(Miswrite::Phantom) | Treatment::Lag(_) => Some(Harm::Lost),
            Treatment::Miswrite(_) | Treatment::Misread(_) => Some(Harm::Damaged),
        };
        if harm.is_some_and(|harm| !self.may_harm(harm, victims)) {
            return;
        }
        self.remember(at, victims, 0);
        members(victims).for_each(|node| self.struck(self.plan.steps[at].tag(), node));
        self.disk_rules.active.push(Rule {
            step: at,
            victims,
            place: order.place,
            sorts: sorts(order.calls),
            share: order.share.0,
            left: Some(order.times.0).filter(|times| *times > 0),
            treatment,
            salt: self.plan.occasion(at).into(),
            counts: [(0, 0); 16],
        });
        self.disk_rules.refresh();
    }

    /// Leaves so many bytes in a place of each victim's disk.
    pub(super) fn fill_disks(&mut self, at: usize, victims: Nodes, place: Place, free: u64) {
        let mut limits = [u64::MAX; 16];
        for (node, limit) in limits.iter_mut().enumerate().take(self.hosts.len()) {
            *limit = self.used(node, place) + free;
        }
        self.treat_disks(at, Order::all(victims, place, Calls::All), Treatment::Limit(limits));
    }

    /// Damages what the victims' disks hold.
    pub(super) fn damage_disks(&mut self, at: usize, victims: Nodes, wound: Wound) {
        let victims = self.select(at, victims, 0);
        let harm = match wound.how {
            Damage::Truncate | Damage::Delete => Harm::Lost,
            Damage::Bitflip | Damage::Checksum | Damage::Reorder | Damage::Type | Damage::Value => Harm::Damaged,
            Damage::Repeat | Damage::Zero => Harm::Damaged,
        };
        if !self.may_harm(harm, victims) {
            return;
        }
        self.remember(at, victims, 0);
        for node in members(victims) {
            self.struck(self.plan.steps[at].tag(), node);
            let key = [self.plan.occasion(at).into(), node as u64, self.network.node_epoch(node)];
            let mut dice = Dice::new(mix(self.header.seed, Purpose::Damage, key));
            let about = self.about.clone();
            self.plan.steps[at].effects += self.hosts[node].disk.damage(wound, &about, &mut dice);
        }
    }

    /// How many bytes are in the files that a place lies in.
    fn used(&self, me: usize, place: Place) -> u64 {
        let listed = self.view(me).list();
        files(place, &listed, &self.about).into_iter().map(|at| listed[at].bytes.len() as u64).sum()
    }

    /// What becomes of a call. Errors win over everything else, but take as long. The running handler takes the time of a call
    /// for which it waits.
    pub(crate) fn judge(&mut self, me: usize, call: Call<'_>) -> Result<Verdict, DiskError> {
        let mut verdict = Verdict::default();
        let mut error = self.exceeds_its_disk(me, &call).then_some(DiskError::NoSpace);
        for at in 0..self.disk_rules.active.len() {
            let rule = &self.disk_rules.active[at];
            let (step, treatment) = (rule.step, rule.treatment);
            let Some((range, draw)) = self.covered(at, me, &call) else { continue };
            match treatment {
                Treatment::Fail(code) if error.is_none() => {
                    error = Some(code.into());
                    self.count(at);
                }
                Treatment::Limit(limits) if error.is_none() && self.exceeds(me, at, limits[me], &call) => {
                    error = Some(DiskError::NoSpace);
                    self.count(at);
                }
                Treatment::Miswrite(how) => {
                    verdict.lie = Some(Lie { how: How::Write(how), at: range, draw, step });
                }
                Treatment::Misread(how) => verdict.lie = Some(Lie { how: How::Read(how), at: range, draw, step }),
                Treatment::Lag(lag) if error.is_none() => {
                    verdict.lag = Some(sample(lag, draw));
                    self.count(at);
                }
                Treatment::Delay(latency) => {
                    verdict.extra += sample(latency, draw);
                    self.count(at);
                }
                // A sync for whose end the node does not wait is held back then.
                Treatment::Stall if !call.later => {
                    self.block(me, step, u64::MAX);
                    self.count(at);
                }
                Treatment::Throttle(rate) => self.throttle(me, at, rate, &call),
                Treatment::Fail(_) | Treatment::Limit(_) | Treatment::Lag(_) | Treatment::Stall => {}
            }
        }
        if !call.later {
            self.hold_back(me, verdict.extra);
        }
        match error {
            None => Ok(verdict),
            Some(error) => {
                self.note(Some(me), |_| What::Refused { file: call.file.map_or("/", |file| file.0), error });
                Err(error)
            }
        }
    }

    /// A call takes the time that its bytes need, but no longer than the step lasts.
    fn throttle(&mut self, me: usize, at: usize, rate: u64, call: &Call<'_>) {
        let bytes = match (call.file, call.data) {
            (Some(file), None) if call.sorts == READ => part_length(self.view(me).length(file), &call.range),
            (_, data) => data.map_or(0, <[u8]>::len),
        };
        if bytes > 0 {
            let takes = u128::from(bytes as u64) * 1_000_000_000 / u128::from(rate.max(1));
            self.block(me, self.disk_rules.active[at].step, takes.try_into().unwrap_or(u64::MAX));
            self.count(at);
        }
    }

    /// The step that keeps a sync of a file from being through now.
    pub(crate) fn stalled(&mut self, me: usize, file: File) -> Option<usize> {
        let call = Call::whole(Some(file), SYNC);
        for at in 0..self.disk_rules.active.len() {
            if matches!(self.disk_rules.active[at].treatment, Treatment::Stall) && self.covered(at, me, &call).is_some()
            {
                self.count(at);
                return Some(self.disk_rules.active[at].step);
            }
        }
        None
    }

    /// A rule has struck.
    fn count(&mut self, at: usize) {
        let rule = &mut self.disk_rules.active[at];
        rule.left = rule.left.map(|left| left - 1);
        self.plan.steps[rule.step].effects += 1;
    }

    /// The same, by its step: a lie has changed something.
    fn count_lie(&mut self, step: usize) {
        if let Some(at) = self.disk_rules.active.iter().position(|rule| rule.step == step) {
            self.count(at);
        }
    }

    /// Whether a rule covers a call and is drawn to strike: which bytes of the file it means, and the draw.
    fn covered(&mut self, at: usize, me: usize, call: &Call<'_>) -> Option<(Range<usize>, u64)> {
        let rule = &self.disk_rules.active[at];
        if rule.victims & (1 << me) == 0 || rule.sorts & call.sorts == 0 || rule.left == Some(0) {
            return None;
        }
        let struck = self.meant(me, rule.place, call);
        if struck.is_empty() {
            return None;
        }
        let slot = self.now / SLOT;
        let key = [me as u64, self.network.node_epoch(me), slot];
        let rule = &mut self.disk_rules.active[at];
        let (known, count) = &mut rule.counts[me];
        *count = if *known == slot { *count + 1 } else { 1 };
        *known = slot;
        let key = key.into_iter().chain([rule.salt, (*count).into()]).fold(0, fold);
        let draw = mix(self.header.seed, Purpose::DiskCall, [key]);
        let strikes = below(draw, 10_000) < rule.share.into();
        let draw = mix(draw, Purpose::DiskCall, []);
        strikes.then(|| (struck[below(draw, struck.len() as u64) as usize].clone(), draw))
    }

    /// The parts of what a call is about that a place means.
    fn meant(&self, me: usize, place: Place, call: &Call<'_>) -> Vec<Range<usize>> {
        let Some(file) = call.file else {
            let whole = matches!(place, Place::Anywhere | Place::Disk(_));
            return if whole { vec![call.range.clone()] } else { Vec::new() };
        };
        if place == Place::Anywhere {
            return vec![call.range.clone()];
        }
        let disk = self.view(me);
        let after = call.data.map(|data| disk.after(file, call.used_as, call.range.start, data));
        let mut listed = disk.list();
        listed.retain(|listed| listed.file != file || after.is_none());
        if let Some(bytes) = &after {
            listed.push(Listed { file, bytes, framed: call.used_as != Use::Raw });
            Disk::sort(&mut listed);
        }
        let at = listed.iter().position(|listed| listed.file == file);
        if is_whole(place) {
            let meant = files(place, &listed, &self.about);
            return if at.is_some_and(|at| meant.contains(&at)) { vec![call.range.clone()] } else { Vec::new() };
        }
        let of_file = units(place, &listed, &self.about).into_iter().filter(|unit| Some(unit.at) == at);
        let common = of_file.map(|unit| unit.range.start.max(call.range.start)..unit.range.end.min(call.range.end));
        common.filter(|range| !range.is_empty()).collect()
    }

    /// Whether a call needs more space than a limit leaves in the place of a rule.
    fn exceeds(&self, me: usize, at: usize, limit: u64, call: &Call<'_>) -> bool {
        let grows = self.growth(me, call);
        grows > 0 && self.used(me, self.disk_rules.active[at].place) + grows > limit
    }

    /// Whether a call needs more space than the header gives the disk.
    fn exceeds_its_disk(&self, me: usize, call: &Call<'_>) -> bool {
        let (size, grows) = (self.header.disk.bytes(), self.growth(me, call));
        size > 0 && grows > 0 && self.used(me, Place::Anywhere) + grows > size
    }

    /// By how much a call makes the disk's files longer.
    fn growth(&self, me: usize, call: &Call<'_>) -> u64 {
        let (Some(file), Some(_)) = (call.file, call.data) else { return call.grows as u64 };
        call.range.end.saturating_sub(self.view(me).length(file)).max(call.grows) as u64
    }

    /// What is written instead of `data` at `offset`, over `old`.
    pub(crate) fn lied(
        &mut self,
        me: usize,
        lie: &Lie,
        (file, offset): (File, usize),
        data: &[u8],
        old: &[u8],
    ) -> Vec<u8> {
        let How::Write(how) = lie.how else { return data.to_vec() };
        let mut written = data.to_vec();
        let mut dice = Dice::new(lie.draw);
        let part = lie.at.start - offset..lie.at.end - offset;
        match how {
            Miswrite::Bitflip => flip(&mut written[part], 1 + dice.below(FLIPS) as usize, &mut dice),
            Miswrite::Phantom => as_before(&mut written[part], old, lie.at.start),
            Miswrite::Misdirected => {
                as_before(&mut written[part.clone()], old, lie.at.start);
                self.write_elsewhere(me, file, lie.at.start, &data[part], &mut dice);
            }
            Miswrite::Short => written.truncate(part.start + dice.below(part.len() as u64) as usize),
        }
        if written != data {
            self.count_lie(lie.step);
        }
        written
    }

    /// Writes over something else.
    fn write_elsewhere(&mut self, me: usize, file: File, start: usize, data: &[u8], dice: &mut Dice) {
        let disk = &mut self.hosts[me].disk;
        let Some((file, offset)) = elsewhere(disk, file, start, dice) else { return };
        let many = data.len().min(disk.length(file) - offset);
        disk.write(file, Use::Raw, offset, &data[..many]);
    }

    /// What a read of a part of a file returns instead.
    pub(crate) fn misread(&mut self, me: usize, lie: &Lie, file: File, range: Range<usize>) -> Vec<u8> {
        let disk = self.view(me);
        let bytes = disk.bytes(file).unwrap_or_default();
        let truth = part(bytes, range.clone()).to_vec();
        let How::Read(how) = lie.how else { return truth };
        let mut read = truth.clone();
        let within =
            lie.at.start.max(range.start) - range.start..lie.at.end.min(bytes.len()).max(range.start) - range.start;
        let within = within.start.min(read.len())..within.end.min(read.len());
        let mut dice = Dice::new(lie.draw);
        match how {
            Misread::Bitflip => flip(&mut read[within], 1 + dice.below(FLIPS) as usize, &mut dice),
            Misread::Stale => {
                let before = disk.before(file).unwrap_or_default();
                let before = part(&before, range).to_vec();
                let end = within.end.min(before.len()).max(within.start);
                let kept = before.get(within.start..end).unwrap_or_default();
                read[within.start..within.start + kept.len()].copy_from_slice(kept);
                if within.end == read.len() && before.len() < read.len() {
                    read.truncate(end);
                } else if within.end == read.len() {
                    read.extend_from_slice(&before[read.len()..]);
                }
            }
            Misread::Misdirected => {
                if let Some((other, offset)) = elsewhere(disk, file, lie.at.start, &mut dice) {
                    let found = disk.bytes(other).unwrap_or_default()[offset..].iter().chain(std::iter::repeat(&0));
                    read[within].iter_mut().zip(found).for_each(|(byte, other)| *byte = *other);
                }
            }
            Misread::Short => read.truncate(within.start + dice.below(within.len() as u64) as usize),
        }
        if read != truth {
            self.count_lie(lie.step);
        }
        read
    }
}

/// How many of so many bytes a range is about.
fn part_length(length: usize, range: &Range<usize>) -> usize {
    range.end.min(length).saturating_sub(range.start)
}

/// Sets `part` to what stood there before: `old` from `offset` on, and zeros beyond its end.
fn as_before(part: &mut [u8], old: &[u8], offset: usize) {
    let old = old.get(offset..).unwrap_or_default().iter().chain(std::iter::repeat(&0));
    part.iter_mut().zip(old).for_each(|(byte, old)| *byte = *old);
}

/// Another place of a disk than `start` of `file` that holds something: the beginning of a sector, if there is one.
fn elsewhere(disk: &Disk, file: File, start: usize, dice: &mut Dice) -> Option<(File, usize)> {
    let listed = disk.list();
    let sectors = listed
        .iter()
        .flat_map(|listed| (0..listed.bytes.len()).step_by(SECTOR).map(move |offset| (listed.file, offset)));
    let others: Vec<(File, usize)> = sectors.filter(|place| *place != (file, start)).collect();
    let length = disk.length(file) as u64;
    if others.is_empty() && length > 1 {
        return Some((file, 1 + dice.below(length - 1) as usize));
    }
    dice.pick(&others).copied()
}
