//! A few operations as bars over time, a line each.

use crate::history::{Event, History, OpId};

/// Columns for each event.
const WIDTH: usize = 3;

/// A bar for each of `operations`: `[` where it was invoked, `]` where it completed, open to the right if it had not by the completion
/// of `last`. Events are at equal distances, whatever time passed between them.
pub(super) fn bars(history: &History, operations: &[OpId], last: OpId) -> Vec<String> {
    let end = history.events.iter().position(|event| *event == Event::Complete(last)).map_or(usize::MAX, |at| at + 1);
    let shown = |event: &&Event| match event {
        Event::Invoke(op) | Event::Complete(op) => operations.contains(op),
    };
    let events: Vec<Event> = history.events.iter().take(end).filter(shown).copied().collect();
    let column = |event: Event| events.iter().position(|other| *other == event).map(|at| at * WIDTH);
    let width = events.len() * WIDTH;
    operations
        .iter()
        .map(|op| {
            let begin = column(Event::Invoke(*op)).unwrap_or(0);
            let (end, close) = column(Event::Complete(*op)).map_or((width - 1, '-'), |end| (end, ']'));
            let bar = format!("{}[{}{close}", " ".repeat(begin), "-".repeat(end.saturating_sub(begin + 1)));
            format!("{bar:width$}")
        })
        .collect()
}
