//! Workers.

use murphy::{Boot, CounterOp, ReplyTo, StateView, Timer, sometimes};

use crate::{Cx, LOCK_SERVER, Message, PATIENCE, STORE};

const DEADLINE: Timer = Timer(0);

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Acquiring,
    Reading,
    /// From here on the write may take effect at any time.
    Writing,
}

#[derive(Clone, Copy, Debug)]
struct Task {
    reply: ReplyTo,
    op: CounterOp,
    stage: Stage,
    token: Option<u64>,
    sum: i64,
}

/// It does one task at a time, and nothing of it survives a crash.
#[derive(Clone)]
pub struct Worker {
    task: Option<Task>,
    /// Of the current task, or the last one.
    attempt: u64,
    calls_fenced_writes_failed: bool,
}

impl Worker {
    pub(crate) fn start(boot: &Boot<'_>) -> Self {
        let attempt = u64::from(boot.incarnation) << 32;
        Self { task: None, attempt, calls_fenced_writes_failed: boot.bug("definite-fence") }
    }

    pub(crate) fn on_client(&mut self, op: CounterOp, reply: ReplyTo, cx: &mut Cx<'_>) {
        if self.task.is_some() {
            return cx.refuse(reply);
        }
        self.attempt += 1;
        let attempt = self.attempt;
        let stage = match op {
            CounterOp::Read(key) => {
                cx.send(STORE, Message::Read { attempt, key, token: None });
                Stage::Reading
            }
            CounterOp::Add(key, _) => {
                cx.send(LOCK_SERVER, Message::Acquire { attempt, key });
                Stage::Acquiring
            }
        };
        self.task = Some(Task { reply, op, stage, token: None, sum: 0 });
        cx.set(DEADLINE, PATIENCE);
    }

    pub(crate) fn on_message(&mut self, message: Message, cx: &mut Cx<'_>) {
        let Some(mut task) = self.task else { return };
        let stage = task.stage;
        match message {
            Message::Granted { attempt, token } if attempt == self.attempt && stage == Stage::Acquiring => {
                let CounterOp::Add(key, _) = task.op else { return };
                cx.send(STORE, Message::Read { attempt, key, token: Some(token) });
                self.task = Some(Task { stage: Stage::Reading, token: Some(token), ..task });
            }
            Message::Value { attempt, value } if attempt == self.attempt && stage == Stage::Reading => {
                let (CounterOp::Add(key, more), Some(token)) = (task.op, task.token) else {
                    return self.ends(Some(value), cx);
                };
                task.sum = value + more;
                cx.send(STORE, Message::Write { attempt, key, token, value: task.sum });
                self.task = Some(Task { stage: Stage::Writing, ..task });
            }
            Message::Written { attempt } if attempt == self.attempt => self.ends(Some(task.sum), cx),
            Message::Busy { attempt } if attempt == self.attempt && stage == Stage::Acquiring => self.fails(cx),
            Message::Fenced { attempt } if attempt == self.attempt => {
                sometimes!(stage == Stage::Writing, "a write was fenced");
                if self.calls_fenced_writes_failed {
                    return self.fails(cx);
                }
                self.gives_up(cx);
            }
            _ => {}
        }
    }

    /// The client hears that nothing was done, if that is so, and else nothing.
    pub(crate) fn gives_up(&mut self, cx: &mut Cx<'_>) {
        match self.task {
            Some(Task { stage: Stage::Writing, .. }) => self.task = None,
            Some(_) => self.fails(cx),
            None => {}
        }
    }

    fn fails(&mut self, cx: &mut Cx<'_>) {
        if let Some(task) = self.task.take() {
            self.releases(&task, cx);
            cx.refuse(task.reply);
        }
    }

    fn ends(&mut self, answer: Option<i64>, cx: &mut Cx<'_>) {
        if let Some(task) = self.task.take() {
            self.releases(&task, cx);
            cx.reply(task.reply, answer);
        }
    }

    fn releases(&self, task: &Task, cx: &mut Cx<'_>) {
        if let (CounterOp::Add(key, _), Some(token)) = (task.op, task.token) {
            cx.send(LOCK_SERVER, Message::Release { key, token });
        }
    }

    pub(crate) fn inspect(&self, view: &mut StateView) {
        view.role(match self.task.map(|task| task.stage) {
            None => "idle",
            Some(Stage::Acquiring) => "acquiring",
            Some(Stage::Reading) => "reading",
            Some(Stage::Writing) => "writing",
        });
    }
}
