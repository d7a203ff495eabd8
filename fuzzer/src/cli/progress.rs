//! What a campaign shows while it runs: a line that is overwritten on a terminal, and repeated now and then elsewhere.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Monitor,
    exit::{put, say},
};
use crate::{
    engine::Stats,
    minimize::{Progress, Trail},
};

/// How often a terminal's line changes, and how often a line is written elsewhere.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// The clock is asked once in so many executions.
const EVERY: u64 = 64;

/// The real time.
#[allow(clippy::disallowed_methods, reason = "people watch campaigns in real time; no run sees it")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Findings of a campaign so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) new: u64,
    pub(super) known: u64,
    /// Violations of kinds of which enough were minimized already.
    pub(super) unexamined: u64,
}

/// The line of a campaign.
pub(super) struct Line {
    began: Instant,
    shown: Option<Instant>,
    calls: u64,
    form: Form,
}

/// How a line is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Overwritten.
    Terminal,
    /// Repeated.
    Plain,
    Json,
    Nothing,
}

impl Form {
    fn of(monitor: Monitor, json: bool) -> Self {
        match monitor {
            Monitor::Json => Self::Json,
            Monitor::Auto if json => Self::Json,
            Monitor::Auto | Monitor::Plain if std::io::stderr().is_terminal() => Self::Terminal,
            Monitor::Auto | Monitor::Plain => Self::Plain,
            Monitor::None => Self::Nothing,
        }
    }
}

impl Line {
    pub(super) fn new(monitor: Monitor, json: bool) -> Self {
        Self { began: now(), shown: None, calls: 0, form: Form::of(monitor, json) }
    }

    pub(super) fn elapsed(&self) -> Duration {
        now().duration_since(self.began)
    }

    /// Shows the line if it is time to.
    pub(super) fn update(&mut self, stats: &Stats, tally: Tally) {
        self.calls += 1;
        if self.calls.is_multiple_of(EVERY) {
            self.refresh(stats, tally);
        }
    }

    /// The same, without counting calls.
    pub(super) fn refresh(&mut self, stats: &Stats, tally: Tally) {
        let interval = if self.form == Form::Plain { INTERVALS.1 } else { INTERVALS.0 };
        let present = now();
        if self.shown.is_none_or(|shown| present.duration_since(shown) >= interval) {
            self.shown = Some(present);
            self.show(stats, tally);
        }
    }

    /// Shows the line now.
    pub(super) fn show(&self, stats: &Stats, tally: Tally) {
        match self.form {
            Form::Terminal => self.fleeting(&self.text(stats, tally)),
            Form::Plain => say(&format!("  {}", self.text(stats, tally))),
            Form::Json => put(&self.object(stats, tally).to_string()),
            Form::Nothing => {}
        }
    }

    /// Clears the way for other output.
    pub(super) fn clear(&self) {
        if self.form == Form::Terminal {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }

    /// Something that changes fast; only a terminal shows it.
    pub(super) fn fleeting(&self, text: &str) {
        if self.form == Form::Terminal {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K  {text}");
        }
    }

    /// How minimizing comes along: `37 → 9 → 2 faults, 210 → 4 operations`.
    pub(super) fn minimizing(&self, trail: &mut Trail, progress: Progress) {
        trail.follow(progress);
        self.fleeting(&format!("minimizing: {trail}, {} runs", thousands(progress.runs)));
    }

    fn text(&self, stats: &Stats, tally: Tally) -> String {
        let elapsed = self.elapsed();
        let seconds = elapsed.as_secs();
        let rate = stats.execs as f64 / elapsed.as_secs_f64().max(0.001);
        format!(
            "{:02}:{:02}  execs {} ({rate:.0}/s)  corpus {}  states {}{}  marks {}  findings {} new, {} known{}",
            seconds / 60,
            seconds % 60,
            thousands(stats.execs),
            thousands(stats.corpus as u64),
            thousands(stats.states),
            saturation(stats),
            stats.marks,
            tally.new,
            tally.known,
            if stats.unknown > 0 { format!("  unknown {}", stats.unknown) } else { String::new() }
                + &if stats.received > 0 { format!("  received {}", thousands(stats.received)) } else { String::new() },
        )
    }

    fn object(&self, stats: &Stats, tally: Tally) -> serde_json::Value {
        let mut object = serde_json::to_value(stats).expect("numbers serialize");
        object["schema"] = json!("murphy/fuzz/1");
        object["event"] = json!("status");
        object["seconds"] = json!(self.elapsed().as_secs_f64());
        object["new"] = json!(tally.new);
        object["known"] = json!(tally.known);
        object["unexamined"] = json!(tally.unexamined);
        object
    }
}

/// `1234567` as `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How much of what a campaign runs is still new to it; empty as long as everything is.
fn saturation(stats: &Stats) -> String {
    if stats.execs < 2 * 1024 {
        String::new()
    } else {
        format!(" ({}.{} % new)", stats.novelty / 10, stats.novelty % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, thousands};
    use crate::cli::Monitor;

    #[test]
    fn what_is_shown_is_what_was_asked_for() {
        assert_eq!(Form::of(Monitor::Auto, true), Form::Json);
        assert_eq!(Form::of(Monitor::Json, true), Form::Json);
        for (monitor, json) in [(Monitor::Auto, false), (Monitor::Plain, false), (Monitor::Plain, true)] {
            assert!(matches!(Form::of(monitor, json), Form::Terminal | Form::Plain), "{monitor:?}");
        }
        assert_eq!(Form::of(Monitor::None, true), Form::Nothing);
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
