//! What the workers of one campaign tell each other at once, over LibAFL's LLMP: messages in shared memory, which a
//! [broker](super::broker) copies from each worker to all.
//!
//! The corpus folder stays the contract, and the truth: a schedule is written there before it is told, and whoever misses a
//! message finds the file. So a link may be lost at any time, and nothing else is. A message is a schedule that somebody kept,
//! behind the name of its target; whoever receives one runs it and judges by what it has seen itself.

use std::{fmt, io, str::FromStr};

use libafl_bolts::{
    ClientId, Error,
    llmp::{LlmpReceiver, LlmpSender, Tag},
    shmem::{ShMem as _, ShMemDescription, ShMemId, ShMemProvider, StdShMem, StdShMemProvider},
};
use murphy_schedule::{Schedule, bytes::BYTES_MAX};
use thiserror::Error;

/// Marks the messages that are schedules.
pub(super) const KEPT: Tag = Tag(0x4d55_5250);
/// Bytes of a page of shared memory.
pub(super) const PAGE: usize = 1 << 20;
/// So many bytes may be under way from a worker to the broker. LLMP gives up, with a panic, on a broker that lets some pages lie.
const WINDOW: usize = PAGE / 2;
/// What LLMP spends on a message besides its bytes, at most.
const OVERHEAD: usize = 128;

/// Shared memory that is gone with the last who uses it, however they end.
///
/// LibAFL's own stays when its maker is killed: nothing but a name is left, and memory until the machine starts anew. Linux lets others
/// take part in memory that is marked to be freed, for as long as somebody does.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(StdShMemProvider);

impl ShMemProvider for Memory {
    type ShMem = StdShMem;

    fn new() -> Result<Self, Error> {
        StdShMemProvider::new().map(Self)
    }

    fn new_shmem(&mut self, size: usize) -> Result<StdShMem, Error> {
        let made = self.0.new_shmem(size)?;
        if cfg!(target_os = "linux") {
            // Its maker marks it when he lets go.
            return self.0.shmem_from_description(made.description());
        }
        Ok(made)
    }

    fn shmem_from_id_and_size(&mut self, id: ShMemId, size: usize) -> Result<StdShMem, Error> {
        self.0.shmem_from_id_and_size(id, size)
    }
}

/// Why there is no link between workers, or to another campaign.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    #[error("`{address}` is no address to {action}: {found}")]
    Address { address: String, action: &'static str, found: String },
    #[error("cannot listen at {address}: {error}")]
    Listen { address: String, error: io::Error },
    #[error("cannot join the campaign at {address}: {found}; expected a `murphy fuzz --listen` that runs there")]
    Join { address: String, found: String },
    #[error("the workers cannot share memory: {0}")]
    Memory(String),
}

impl LinkError {
    /// An error of LibAFL's, without the backtrace that it carries.
    pub(super) fn memory(error: &Error) -> Self {
        Self::Memory(first_line(error))
    }
}

pub(super) fn first_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

/// What a worker needs to take part: its page, the broker's first page, and its number there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(super) own: ShMemDescription,
    pub(super) bus: ShMemDescription,
    pub(super) number: u32,
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { own, bus, number } = self;
        write!(f, "{}:{},{}:{},{number}", own.id.as_str(), own.size, bus.id.as_str(), bus.size)
    }
}

impl FromStr for Seat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let page = |text: &str| {
            let (id, size) = text.split_once(':').filter(|(id, _)| id.parse::<i32>().is_ok())?;
            Some(ShMemDescription { size: size.parse().ok()?, id: ShMemId::from_string(id) })
        };
        let seat = || {
            let mut parts = text.split(',');
            let (own, bus) = (page(parts.next()?)?, page(parts.next()?)?);
            Some(Self { own, bus, number: parts.next()?.parse().ok()? })
        };
        seat().ok_or("expected a seat as a campaign of several workers gives it: ID:SIZE,ID:SIZE,NUMBER")
    }
}

/// A worker's end of a link.
#[derive(Debug)]
pub(crate) struct Member {
    target: String,
    /// `None`: the broker is gone, and the folder is all that is left.
    ends: Option<(Ends, ClientId)>,
    /// Bytes that the broker has not sent to all yet, its sender among them.
    under_way: usize,
}

#[derive(Debug)]
struct Ends {
    to_broker: LlmpSender<StdShMem, Memory>,
    from_broker: LlmpReceiver<StdShMem, Memory>,
}

impl Member {
    /// Takes a seat, for a campaign on `target`.
    ///
    /// # Errors
    /// If the memory is not there: whoever gave the seat is gone.
    pub(crate) fn attach(seat: &Seat, target: &str) -> Result<Self, LinkError> {
        let ends = Ends::attach(seat).map_err(|error| LinkError::memory(&error))?;
        Ok(Self { target: target.to_string(), ends: Some((ends, ClientId(seat.number))), under_way: 0 })
    }

    /// A schedule that another worker keeps, if there is news.
    pub(crate) fn receive(&mut self) -> Option<Schedule> {
        loop {
            let (ends, own) = self.ends.as_mut()?;
            match ends.from_broker.recv_buf() {
                Ok(Some((sender, KEPT, bytes))) if sender == *own => {
                    self.under_way = self.under_way.saturating_sub(bytes.len() + OVERHEAD);
                }
                Ok(Some((_, KEPT, bytes))) => {
                    let schedule = unpack(bytes).filter(|(target, _)| *target == self.target);
                    if let Some((_, bytes)) = schedule {
                        return Some(Schedule::from_bytes(bytes));
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(_) => self.ends = None,
            }
        }
    }

    /// Tells the others of a schedule that is kept, unless the broker is gone or behind: they will find the file.
    pub(crate) fn send(&mut self, schedule: &Schedule) {
        let Some((ends, _)) = &mut self.ends else { return };
        let message = pack(&self.target, schedule);
        let size = message.len() + OVERHEAD;
        if self.under_way + size > WINDOW {
            return;
        }
        self.under_way += size;
        if ends.to_broker.send_buf(KEPT, &message).is_err() {
            self.ends = None;
        }
    }
}

impl Ends {
    fn attach(seat: &Seat) -> Result<Self, Error> {
        let mut memory = Memory::new()?;
        let (own, bus) = (memory.shmem_from_description(seat.own)?, memory.shmem_from_description(seat.bus)?);
        let mut to_broker = LlmpSender::on_existing_shmem(memory.clone(), own, None)?;
        to_broker.set_id(ClientId(seat.number));
        Ok(Self { to_broker, from_broker: LlmpReceiver::on_existing_shmem(memory, bus, None)? })
    }
}

/// A message: the length of the target's name in a byte, the name, the bytes of the schedule.
pub(super) fn pack(target: &str, schedule: &Schedule) -> Vec<u8> {
    let name = &target.as_bytes()[..target.len().min(u8::MAX.into())];
    let mut message = vec![name.len() as u8];
    message.extend_from_slice(name);
    message.extend(schedule.to_bytes());
    message
}

/// The target's name and the schedule's bytes in a message; `None` if it is none of ours.
pub(super) fn unpack(message: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = message.split_first()?;
    let (name, bytes) = rest.split_at_checked(usize::from(*length))?;
    (bytes.len() <= BYTES_MAX).then_some((std::str::from_utf8(name).ok()?, bytes))
}

#[cfg(test)]
mod tests {
    use murphy_schedule::{Dice, Schedule, Vocabulary, bytes::BYTES_MAX, mutate};

    use super::{Seat, pack, unpack};

    #[test]
    fn a_message_holds_a_schedule_and_its_target() {
        let schedule = mutate::random(&Vocabulary::default(), &mut Dice::new(1));
        let message = pack("echo", &schedule);
        let (target, bytes) = unpack(&message).expect("it is a message");
        assert_eq!((target, Schedule::from_bytes(bytes)), ("echo", schedule));
    }

    #[test]
    fn what_is_no_message_is_left_out() {
        let long = [vec![0], vec![1; BYTES_MAX + 1]].concat();
        for bytes in [&[][..], &[9, b'e'], &[1, 0xff, 0], &long] {
            assert_eq!(unpack(bytes), None);
        }
    }

    #[test]
    fn a_seat_survives_its_text_and_nothing_else_is_one() {
        let text = "7:1048576,9:1048576,3";
        assert_eq!(text.parse::<Seat>().expect("a seat").to_string(), text);
        for wrong in ["", "7", "7:1,9:1", "7:1,9:1,x", "a:1,9:1,3", "7:1,99999999999999999999999:1,3"] {
            assert!(wrong.parse::<Seat>().is_err(), "{wrong}");
        }
    }
}
