//! What a target says through `tracing` while a trace is kept: its events and spans, on the line of virtual time.
//!
//! The subscriber only writes down what it hears, for this thread, while a traced run goes on; at all other times nobody
//! listens, and a target's events cost what they cost without a subscriber. Levels are not filtered: whoever reads a trace can.

use std::{
    cell::RefCell,
    fmt::{Debug, Write as _},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::with_default,
};

use crate::{marks, trace::What};

#[derive(Default)]
struct Lines {
    /// Heard since they were last asked for.
    fresh: Vec<What>,
    /// Every span of the run, by its id.
    spans: Vec<Span>,
    /// Those that are entered, outermost first.
    entered: Vec<usize>,
}

struct Span {
    name: &'static str,
    fields: String,
    /// Handles to it.
    handles: usize,
}

thread_local! {
    static LINES: RefCell<Lines> = RefCell::default();
}

/// Runs `run` and, if `listening`, writes down what it says through `tracing`.
pub(crate) fn record<R>(listening: bool, run: impl FnOnce() -> R) -> R {
    if !listening {
        return run();
    }
    let result = with_default(Recorder, run);
    // Or else every event of the target would go on looking for a subscriber.
    tracing::callsite::rebuild_interest_cache();
    result
}

/// Another run begins.
pub(crate) fn forget() {
    LINES.take();
}

/// What was said since the last call.
pub(crate) fn take_fresh() -> Vec<What> {
    LINES.with_borrow_mut(|lines| std::mem::take(&mut lines.fresh))
}

struct Recorder;

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        LINES.with_borrow_mut(|lines| {
            let (name, fields) = (attributes.metadata().name(), fields.all());
            lines.say(What::Span { name, fields: fields.clone(), opens: true });
            lines.spans.push(Span { name, fields, handles: 1 });
            Id::from_u64(lines.spans.len() as u64)
        })
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        LINES.with_borrow_mut(|lines| {
            let own = &mut lines.spans[index(span)].fields;
            let space = if own.is_empty() { "" } else { " " };
            let _ = write!(own, "{space}{}", fields.all());
        });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (event.metadata().level().as_str(), event.metadata().target());
        LINES.with_borrow_mut(|lines| {
            let within = lines.entered.iter().map(|at| lines.spans[*at].text()).collect::<Vec<_>>().join(":");
            let Fields { message, others } = fields;
            lines.say(What::Telemetry { level, target: target.to_owned(), within, message, fields: others });
        });
    }

    fn enter(&self, span: &Id) {
        LINES.with_borrow_mut(|lines| lines.entered.push(index(span)));
    }

    fn exit(&self, span: &Id) {
        LINES.with_borrow_mut(|lines| {
            if let Some(at) = lines.entered.iter().rposition(|entered| *entered == index(span)) {
                lines.entered.remove(at);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        LINES.with_borrow_mut(|lines| lines.spans[index(span)].handles += 1);
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        LINES.with_borrow_mut(|lines| {
            // A span that outlived its run is not of this one.
            let Some(own) = lines.spans.get_mut(index(&span)) else { return false };
            own.handles = own.handles.saturating_sub(1);
            let closed = own.handles == 0;
            if closed {
                let (name, fields) = (own.name, own.fields.clone());
                lines.say(What::Span { name, fields, opens: false });
            }
            closed
        })
    }
}

fn index(span: &Id) -> usize {
    span.into_u64() as usize - 1
}

impl Lines {
    /// Past the point of a crash nothing is said.
    fn say(&mut self, line: What) {
        if !marks::is_muted() {
            self.fresh.push(line);
        }
    }
}

impl Span {
    fn text(&self) -> String {
        if self.fields.is_empty() { self.name.to_owned() } else { format!("{}{{{}}}", self.name, self.fields) }
    }
}

/// The fields of an event or a span as `name=value name=value`, its message apart.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Fields {
    fn all(self) -> String {
        let space = if self.message.is_empty() || self.others.is_empty() { "" } else { " " };
        self.message + space + &self.others
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
            return;
        }
        let space = if self.others.is_empty() { "" } else { " " };
        let _ = write!(self.others, "{space}{}={value:?}", field.name());
    }
}
