//! Fields that are a choice between words.

use super::Field;
use crate::{
    bytes::{Record, RecordMut},
    diagnostic::Diagnostic,
    dice::Dice,
    draw,
    text::{Cursor, Printer},
    vocabulary::Vocabulary,
};

/// Declares a field that is one of some words. The first is the default; a word's place in the list is its byte and is never
/// given to another; it has to be said if that is `[required]`. Where a target has only some, `of` says which list of the vocabulary names
/// them. After each word: how far it is from the simplest, and how often it is drawn.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident $([$required:ident])? $(of $had:ident)? { $($(#[doc = $vdoc:literal])+ $variant:ident $word:literal $size:literal $weight:literal),+ $(,)? })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $vdoc])+ $variant),+ }

        impl $name {
            /// Every choice, the default first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            const SPELLINGS: &'static [&'static str] = &[$($word),+];

            /// The word for it.
            pub fn word(self) -> &'static str {
                Self::SPELLINGS[self as usize]
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ALL[0]
            }
        }

        impl Field for $name {
            const WORDS: &'static [&'static str] = Self::SPELLINGS;
            const DEFAULT: Option<Self> = if concat!($(stringify!($required))?).is_empty() { Some(Self::ALL[0]) } else { None };

            fn range() -> String {
                let meanings: &[&str] = &[$(concat!($($vdoc),+)),+];
                let explained = Self::SPELLINGS.iter().zip(meanings).map(|(word, meaning)| {
                    format!("`{word}` ({})", meaning.trim().trim_end_matches('.'))
                });
                explained.collect::<Vec<_>>().join(", ")
            }
            fn decode(record: &mut Record<'_>) -> Self {
                let chosen = Self::ALL.get(usize::from(record.byte() & 15)).copied();
                chosen.unwrap_or_else(|| { record.refuse(); Self::ALL[0] })
            }
            fn encode(&self, record: &mut RecordMut<'_>) {
                record.byte(*self as u8);
            }
            fn print(&self, _: &Printer<'_>) -> String {
                self.word().to_owned()
            }
            fn at(cursor: &Cursor<'_>) -> bool {
                Self::SPELLINGS.contains(&cursor.text(0))
            }
            fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Diagnostic> {
                let found = Self::SPELLINGS.iter().position(|word| *word == cursor.text(0));
                let found = found.ok_or_else(|| cursor.fail_near(choices(Self::SPELLINGS), Self::SPELLINGS.iter().copied()))?;
                cursor.advance();
                Ok(Self::ALL[found])
            }
            fn random(_vocabulary: &Vocabulary, dice: &mut Dice) -> Self {
                let weighted = Self::ALL.iter().copied().zip([$($weight),+]);
                $(let weighted = weighted.filter(|(choice, _)| _vocabulary.$had.is_empty() || _vocabulary.$had.contains(choice));)?
                draw::weighted(&weighted.collect::<Vec<_>>(), dice)
            }
            fn simpler(&self) -> Vec<Self> {
                let mut lesser: Vec<Self> = Self::ALL.iter().copied().filter(|other| other.size() < self.size()).collect();
                lesser.sort_by_key(Field::size);
                lesser
            }
            fn size(&self) -> u64 {
                [$($size),+][*self as usize]
            }
        }
    )+

        /// Every word of every choice.
        pub(crate) const WORDS: &[&[&str]] = &[$($name::SPELLINGS),+];
    };
}

/// Words in a row: what was expected instead of another one.
fn choices(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

words! {
    /// What a crash does to the disk: to the writes that were not yet durable, or to all of it.
    DiskFate {
        /// All of them are lost, and with them the files created since their folder was last synced.
        Lost "lost" 1 12,
        /// All of them survive.
        Kept "keep" 0 3,
        /// A drawn number of the oldest survives, and a part of the next one.
        Torn "torn" 3 5,
        /// Everything on the disk is gone, durable or not. Only for targets that promise to survive it; never drawn.
        Wiped "wiped" 4 0,
        /// A drawn subset of them survives.
        Subset "subset" 2 3,
    }
    /// Whether the clocks of a paused node go on.
    PauseMode {
        /// They do: time passes while nothing runs.
        Running "running" 0 4,
        /// They do not, as when a virtual machine is suspended.
        Stopped "stopped" 1 1,
    }
    /// With which disk a node is started.
    State {
        /// With what it holds.
        Kept "kept" 0 5,
        /// With an empty one.
        Cold "cold" 1 0,
    }
    /// What an operator can ask of a system.
    Change [required] of changes {
        /// Add nodes to the members.
        Add "add" 0 3,
        /// Remove nodes from the members.
        Remove "remove" 0 3,
        /// Hand leadership over to a node.
        Transfer "transfer" 0 3,
        /// Cut off the log, or compact what is stored.
        Compact "compact" 0 2,
        /// Give back unused space.
        Defrag "defrag" 0 1,
        /// Split a shard.
        Split "split" 0 1,
        /// Merge two shards.
        Merge "merge" 0 1,
        /// Move leaderships of shards about.
        ShuffleLeader "shuffle-leader" 0 1,
        /// Move shards about.
        ShuffleRegion "shuffle-region" 0 1,
        /// Move ranges of keys from one shard to another.
        ShuffleRoute "shuffle-route" 0 1,
    }
    /// What becomes of a message that finds a queue full.
    Overflow {
        /// It is lost.
        DropNewest "drop-newest" 0 2,
        /// The oldest in the queue is lost.
        DropOldest "drop-oldest" 0 1,
        /// The oldest in the queue goes at once.
        Deliver "deliver-oldest" 0 1,
    }
    /// How a buffer of messages chooses the next to go.
    Strategy {
        /// At random among those it holds.
        Shuffle "shuffle" 0 4,
        /// In the order of arrival, each held for the whole window.
        Fifo "fifo" 0 1,
        /// Each is held for a random part of the window.
        Bounded "bounded" 0 2,
        /// By what `order` names, the greatest first.
        Rule "rule" 0 1,
        /// In order, but now and then a whole buffer in reverse.
        Burst "burst" 0 2,
    }
    /// By what messages in a buffer are sorted.
    Order {
        /// When they arrived.
        Arrival "arrival" 0 3,
        /// Who sent them.
        Source "source" 0 1,
        /// Their sender's logical clock as they were sent.
        Logical "logical" 0 1,
        /// Their kind, in the order in which the target lists them.
        Priority "priority" 0 1,
    }
    /// When a buffer lets go of messages.
    Release {
        /// When one has been held for the whole window.
        Time "time" 0 2,
        /// When it is full, or the window is over.
        Full "full" 0 2,
        /// One by one when the receiver has done what it did and asks for more, or when the window is over.
        Demand "demand" 0 1,
    }
    /// How a connection fails to come about.
    Failure {
        /// It is refused at once.
        Refuse "refuse" 0 2,
        /// Nobody answers.
        Hang "hang" 1 2,
        /// Refused or unanswered, as chance has it.
        Either "either" 2 1,
        /// It fails only on one side: the peer believes to be connected.
        Unnoticed "unnoticed" 3 1,
    }
    /// Which transfers of a connection.
    Transfers {
        /// Both.
        Both "both" 0 1,
        /// Reads.
        Reads "reads" 1 1,
        /// Writes.
        Writes "writes" 1 1,
    }
    /// A call of a connection.
    SocketCall {
        /// Connecting.
        Connect "connect" 0 2,
        /// Binding an address.
        Bind "bind" 0 1,
        /// Accepting a connection.
        Accept "accept" 0 1,
        /// Reading.
        Read "read" 0 2,
        /// Writing.
        Write "write" 0 2,
    }
    /// How nodes are taken down.
    Takedown {
        /// Killed: what is not durable is lost.
        Crash "crash" 1 3,
        /// Asked to stop.
        Stop "stop" 0 1,
        /// Killed, with empty disks afterwards.
        Wipe "wipe" 2 0,
    }
    /// Which clock of a node.
    ClockOf {
        /// Both.
        Both "both" 0 2,
        /// The wall clock.
        Wall "wall" 0 2,
        /// The monotonic clock; it only runs fast or slow, and never jumps.
        Monotonic "monotonic" 0 1,
    }
    /// What becomes of data at rest.
    Damage {
        /// Bits are flipped.
        Bitflip "bitflip" 0 4,
        /// The end is cut off: so many bytes, records or segments; of `bytes A to B`, all from A on.
        Truncate "truncate" 1 3,
        /// The checksum is changed.
        Checksum "checksum" 0 2,
        /// Neighbouring records change places.
        Reorder "reorder" 1 1,
        /// The type of a record becomes one that does not exist.
        Type "type" 1 1,
        /// A field gets a value that its schema does not allow.
        Value "value" 1 1,
        /// It is gone.
        Delete "delete" 2 2,
        /// It stands there twice.
        Repeat "repeat" 2 1,
        /// It reads as zeros.
        Zero "zero" 1 2,
    }
    /// What a write does instead.
    Miswrite {
        /// Some bits of what it writes are flipped.
        Bitflip "bitflip" 0 2,
        /// It says that it is done and writes nothing.
        Phantom "phantom" 0 2,
        /// It writes to another place.
        Misdirected "misdirected" 1 2,
        /// It writes a part.
        Short "short" 0 1,
    }
    /// What a read returns instead.
    Misread {
        /// Some bits are flipped.
        Bitflip "bitflip" 0 2,
        /// What stood there before the last write.
        Stale "stale" 0 2,
        /// What stands elsewhere.
        Misdirected "misdirected" 1 2,
        /// A part.
        Short "short" 0 1,
    }
    /// Which calls of a file system.
    Calls {
        /// All that can fail.
        All "all" 0 1,
        /// Reads.
        Read "read" 1 2,
        /// Writes.
        Write "write" 1 2,
        /// Syncs.
        Sync "sync" 1 3,
        /// Creating, renaming, truncating and deleting files.
        Metadata "metadata" 1 1,
    }
    /// The error that a call returns.
    ErrorCode {
        /// Input or output failed.
        Io "EIO" 0 4,
        /// No space left.
        NoSpace "ENOSPC" 0 2,
        /// The file system is read-only.
        ReadOnly "EROFS" 0 1,
        /// Interrupted; worth trying again.
        Interrupted "EINTR" 0 1,
        /// There is no such file.
        Missing "ENOENT" 0 1,
    }
}
