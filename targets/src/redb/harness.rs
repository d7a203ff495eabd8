//! Registers in one database on one node: the harness that the buggy release and its control share.
//!
//! Each change is one durable transaction, and is answered once its calls have been made on the simulated disk. A database that
//! cannot be opened, or a call that fails, is a panic and with it a violation: the simulated disk has kept its side. What the
//! disk itself refuses stops the node. No value of a register is ever removed, values are filled up to different lengths, and the
//! database is compacted and opened again every now and then, which trims its file: so the file grows, shrinks and grows again. The crate's types cannot be copied, so nodes do
//! not fork and runs are never resumed.

use std::{cell::Cell, convert::Infallible, rc::Rc, time::Duration};

use murphy_checker::history::Completion;
use murphy_sim::{
    About, Boot, Context, File, FileCodec, First, Input, Node, Register, RegisterOp, Retry, Routing, StateView, Target,
    Timer, Workload, sometimes,
};
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{
    api,
    backend::{Call, Storage},
};

const DATA: File = File("data.redb");
const MAKING: File = File("data.redb.new");
/// Every value that a register had, by register and number.
const TABLE: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("registers");
const REOPEN: Timer = Timer(0);
const REOPEN_EVERY: Duration = Duration::from_millis(300);
/// Every so often it is compacted before.
const COMPACT_EVERY: u32 = 4;
/// How long a write to the disk takes the process, and a sync. Crashes fall in between.
const WRITE_TAKES: Duration = Duration::from_micros(50);
const SYNC_TAKES: Duration = Duration::from_millis(2);
const CACHE: usize = 1 << 20;
/// The longest values have two to the power of this words, the shortest one.
const LONGEST: u64 = 11;

/// What a client hears: the value read, or (`None`) that a compare-and-set did not match.
pub type Answer = Option<Option<u64>>;

/// A node with its database.
pub struct RedbNode {
    /// `None` only while it is opened again.
    database: Option<Database>,
    storage: Storage,
    file: File,
    length: u64,
    commits: u64,
    reopened: u32,
}

/// A value of a register with a filling whose length, a power of two, depends on it.
fn fill(value: u64) -> Vec<u8> {
    let drawn = value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    value.to_le_bytes().repeat(1 << (drawn % (LONGEST + 1)))
}

/// The value of a register, of which every byte must be there.
fn unfill(bytes: &[u8]) -> u64 {
    let value = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    assert!(fill(value) == bytes, "a value is not what was stored");
    value
}

/// The latest value of a register, and its number.
fn last(
    table: &impl ReadableTable<(u32, u64), &'static [u8]>,
    key: u32,
) -> Result<Option<(u64, u64)>, redb::StorageError> {
    let latest = table.range((key, 0)..=(key, u64::MAX))?.next_back().transpose()?;
    Ok(latest.map(|(at, value)| (at.value().1, unfill(value.value()))))
}

fn open(storage: &Storage, repaired: &Rc<Cell<bool>>) -> Database {
    let seen = repaired.clone();
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_repair_callback(move |_| seen.set(true));
    let opened = builder.create_with_backend(storage.clone());
    opened.unwrap_or_else(|error| panic!("the database cannot be opened: {error}"))
}

impl RedbNode {
    fn start(cx: &mut Context<'_, Self>) -> Self {
        let mut node =
            Self { database: None, storage: Storage::default(), file: DATA, length: 0, commits: 0, reopened: 0 };
        match cx.length(DATA) {
            Some(length) => {
                let bytes = cx.read_at(DATA, 0, length as usize).expect("fail-stop: cannot read the file");
                sometimes!(true, "started with a database");
                (node.storage, node.length) = (Storage::of(bytes), length);
            }
            None => node.make(cx),
        }
        let repaired = node.open(cx);
        sometimes!(repaired, "a database is repaired");
        cx.set(REOPEN, REOPEN_EVERY);
        node
    }

    /// Makes the database under another name and then gives it its own: a file that a crash left without the crate's magic number
    /// is none of a database, in no release.
    fn make(&mut self, cx: &mut Context<'_, Self>) {
        if cx.length(MAKING).is_some() {
            sometimes!(true, "a database was only half made");
            cx.remove(MAKING).expect("fail-stop: cannot remove the file");
        }
        self.file = MAKING;
        self.open(cx);
        self.compact(cx);
        self.close(cx);
        self.file = DATA;
        cx.rename(MAKING, DATA).expect("fail-stop: cannot rename the file");
        cx.sync_directory().expect("fail-stop: cannot sync the directory");
    }

    /// Opens the database. Whether it had to be repaired.
    fn open(&mut self, cx: &mut Context<'_, Self>) -> bool {
        let repaired = Rc::new(Cell::new(false));
        self.database = Some(open(&self.storage, &repaired));
        self.write_out(cx);
        repaired.get()
    }

    fn compact(&mut self, cx: &mut Context<'_, Self>) {
        let database = self.database.as_mut().expect("it is open between inputs");
        let compacted = database.compact();
        self.write_out(cx);
        compacted.unwrap_or_else(|error| panic!("the database cannot be compacted: {error}"));
    }

    fn close(&mut self, cx: &mut Context<'_, Self>) {
        self.database = None;
        self.write_out(cx);
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("it is open between inputs")
    }

    /// Does to the disk what the crate has done to the image.
    fn write_out(&mut self, cx: &mut Context<'_, Self>) {
        let file = self.file;
        for call in self.storage.take_calls() {
            match call {
                Call::Write { offset, data } => {
                    cx.spend(WRITE_TAKES);
                    cx.write_at(file, offset, &data).expect("fail-stop: cannot write the file");
                }
                Call::SetLength(length) => {
                    sometimes!(length > self.length && self.length > 0, "the file grows");
                    sometimes!(length < self.length, "the file shrinks");
                    self.length = length;
                    cx.set_length(file, length).expect("fail-stop: cannot set the length of the file");
                }
                Call::Sync => {
                    cx.spend(SYNC_TAKES);
                    cx.sync(file).expect("fail-stop: cannot sync the file");
                }
            }
        }
    }

    fn read(&self, key: u32) -> Result<Option<u64>, redb::Error> {
        let transaction = self.database().begin_read()?;
        let table = match transaction.open_table(TABLE) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        Ok(last(&table, key)?.map(|(_, value)| value))
    }

    /// Sets a register in a transaction of its own; with `expected`, if it holds that. Whether it did.
    fn write(&mut self, key: u32, expected: Option<u64>, value: u64) -> Result<bool, redb::Error> {
        let transaction = self.database().begin_write()?;
        let mut table = transaction.open_table(TABLE)?;
        let present = last(&table, key)?;
        let matches = expected.is_none() || present.map(|(_, value)| value) == expected;
        if matches {
            let number = present.map_or(0, |(number, _)| number + 1);
            table.insert((key, number), fill(value).as_slice())?;
        }
        drop(table);
        if matches {
            transaction.commit()?
        } else {
            transaction.abort()?
        }
        Ok(matches)
    }

    fn answer(&mut self, op: RegisterOp) -> Result<Answer, redb::Error> {
        let (key, expected, value) = match op {
            RegisterOp::Read(key) => return Ok(Some(self.read(key)?)),
            RegisterOp::Write(key, value) => (key, None, value),
            RegisterOp::Cas(key, expected, value) => (key, Some(expected), value),
        };
        let matches = self.write(key, expected, value)?;
        self.commits += u64::from(matches);
        sometimes!(!matches, "a transaction is aborted");
        Ok(matches.then_some(None))
    }
}

impl Node for RedbNode {
    type Message = Infallible;
    type Request = RegisterOp;
    type Response = Answer;
    const KINDS: &'static [&'static str] = &[];

    fn kind(message: &Infallible) -> usize {
        match *message {}
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Request { reply, request, .. } => {
                let answer = self.answer(request);
                self.write_out(cx);
                cx.reply(reply, answer.unwrap_or_else(|error| panic!("the database failed: {error}")));
            }
            Input::Timer(_) => {
                self.reopened += 1;
                if self.reopened.is_multiple_of(COMPACT_EVERY) {
                    self.compact(cx);
                }
                self.close(cx);
                self.open(cx);
                cx.set(REOPEN, REOPEN_EVERY);
            }
            Input::Stop => {
                self.close(cx);
                cx.exit();
            }
            _ => {}
        }
    }

    fn inspect(&self, view: &mut StateView) {
        view.role("server").rank("length", self.length >> 16).progress(self.commits);
    }
}

/// The target `redb`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedbTarget;

impl Target for RedbTarget {
    type Node = RedbNode;

    fn about(&self) -> About {
        About::new("redb")
            .summary(api::SUMMARY)
            .nodes(1..=1)
            .roles(&["server"])
            .constant("sync", SYNC_TAKES)
            .constant("reopen", REOPEN_EVERY)
            .recovers_within(Duration::from_secs(1))
            .fail_stop("fail-stop:")
            .file(DATA.0, FileCodec::BLOCKS)
            .marks_in(module_path!())
    }

    fn start(&self, _: &Boot<'_>, cx: &mut Context<'_, RedbNode>) -> RedbNode {
        RedbNode::start(cx)
    }

    fn workloads(&self) -> Vec<Workload<RedbNode>> {
        let hear = |_: &RegisterOp, answer: Answer| match answer {
            Some(value) => Completion::Ok(value),
            None => Completion::Fail,
        };
        let timeout = Duration::from_millis(500);
        let routing = Routing { first: First::AnyNode, follow_redirects: 0, timeout, retry: Retry::Never };
        vec![Workload::new("register", Register::default(), |op| *op, hear).routing(routing)]
    }
}
