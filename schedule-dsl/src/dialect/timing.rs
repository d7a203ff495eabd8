//! When an entry begins, how long it lasts and how often, in the manner of other tools.

use super::{
    Base, Translator,
    bag::Bag,
    key,
    values::{plain_of, said, text_of, time},
    words,
};
use crate::tree::{Key, Tree, Value};

const KNOWN: [&str; 10] =
    ["after", "at", "immediate", "on_event", "after_fault", "delay", "duration", "every", "times", "until"];
const MOMENTS: [&str; 4] = ["at", "start_time", "start", "after_duration"];

/// Whether a value was meant as a time: no step or fact begins with a digit.
fn is_time(value: &Tree) -> bool {
    text_of(value).is_none_or(|text| text.trim_start().starts_with(|c: char| c.is_ascii_digit()))
}

impl Translator<'_, '_> {
    pub(super) fn timing(&mut self, bag: &mut Bag, base: &mut Base) {
        if let Some((_, timing)) = bag.take(&["timing"]) {
            self.moment(&timing, base);
        }
        let moments: &[&str] = if base.strict { &["at", "start_time", "start", "time"] } else { &["at"] };
        if let Some((found, value)) = bag.take(moments) {
            base.entries.push((key("at", &found.span), value));
        }
        let mut rest = Bag { entries: Vec::new(), span: bag.span.clone() };
        for word in ["on_event", "after_fault", "duration", "immediate"] {
            rest.entries.extend(bag.take(&[word]));
        }
        if let Some(after) = bag.take(&["after"]) {
            let moment = base.strict && is_time(&after.1);
            if moment { base.entries.push((key("at", &after.0.span), after.1)) } else { bag.entries.push(after) }
        }
        if base.strict {
            rest.entries.extend(bag.take(&["repeat", "repetitions"]));
            rest.entries.extend(bag.take(&["repeat_every", "repeat_interval"]));
        }
        self.keys(rest, base);
    }

    /// `immediate`, a time, or a map of what follows what.
    fn moment(&mut self, timing: &Tree, base: &mut Base) {
        match &timing.value {
            Value::Map(_) => self.keys(Bag::new(timing), base),
            Value::Text(text) if matches!(text.as_str(), "immediate" | "now" | "start") => {
                base.entries.push((key("at", &timing.span), said("0s", &timing.span)));
            }
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                base.entries.push((key("at", &timing.span), timing.clone()));
            }
        }
    }

    fn keys(&mut self, mut bag: Bag, base: &mut Base) {
        if let Some((found, value)) = bag.take(&["on_event", "event"]) {
            let event = self.event(&found, &value, &mut bag);
            base.entries.extend(event);
        }
        if let Some((found, label)) = bag.take(&["after_fault"]) {
            let label = text_of(&label).map(super::identifier).map(|text| (text, label.span.clone()));
            let delay = self.delay(&mut bag);
            match label {
                Some((label, span)) => {
                    base.entries.push((key("after", &found.span), said(format!("{label} begins{delay}"), &span)));
                }
                None => self.source.complain(found.span, "the label of a fault"),
            }
        }
        if let Some((found, value)) = bag.take(&MOMENTS) {
            base.entries.push((key("at", &found.span), value));
        }
        if let Some((found, value)) = bag.take(&["after"]) {
            base.entries.push((key(if is_time(&value) { "at" } else { "after" }, &found.span), value));
        }
        let span = bag.span.clone();
        if self.flag(&mut bag, &["immediate"]) == Some(true) {
            base.entries.push((key("at", &span), said("0s", &span)));
        }
        for (theirs, ours) in [("duration", "for"), ("until", "until")] {
            base.entries.extend(bag.take(&[theirs]).map(|(found, value)| (key(ours, &found.span), value)));
        }
        self.repetition(&mut bag, base);
        bag.nothing_left("`timing`", &KNOWN, self.source);
    }

    /// ` +10s`, if a delay is said.
    fn delay(&mut self, bag: &mut Bag) -> String {
        let delay = bag.take(&["delay", "after"]).and_then(|(_, value)| time(&value, self.source));
        delay.map_or_else(String::new, |delay| format!(" +{delay}"))
    }

    /// An event: the beginning of a fault of some kind, or else a mark in the target's code.
    fn event(&mut self, found: &Key, value: &Tree, bag: &mut Bag) -> Option<(Key, Tree)> {
        let mut inner = Bag::new(value);
        let named = inner.take(&["type", "event", "name"]).map(|(_, name)| name);
        let name = named.as_ref().unwrap_or(value);
        let Some(word) = text_of(name).filter(|word| !word.contains('"')) else {
            self.source.complain_of_kind(value, "the name of an event");
            // What belongs to it is understood all the same.
            bag.take(&["nth", "occurrence"]);
            self.delay(bag);
            return None;
        };
        let (stem, edge) = match words::snake(word) {
            snake if snake.ends_with("_ended") => (snake.trim_end_matches("_ended").to_owned(), "ends"),
            snake if snake.ends_with("_healed") => (snake.trim_end_matches("_healed").to_owned(), "ends"),
            snake => (snake, "begins"),
        };
        let fact = match words::kind(&stem) {
            Some(kind) => format!("fault {} {edge}", kind.keyword()),
            None => format!("mark \"{word}\""),
        };
        let nth = inner.take(&["nth", "occurrence", "count"]).or_else(|| bag.take(&["nth", "occurrence"]));
        let nth = nth.and_then(|(_, nth)| plain_of(&nth).map(|nth| format!(" #{nth}"))).unwrap_or_default();
        let delay = self.delay(&mut inner) + &self.delay(bag);
        inner.nothing_left("an event", &["type", "nth", "delay"], self.source);
        Some((key("after", &found.span), said(format!("{fact}{nth}{delay}"), &name.span)))
    }

    fn repetition(&mut self, bag: &mut Bag, base: &mut Base) {
        let times = bag.take(&["times", "repeat", "repetitions", "count"]);
        let every = bag.take(&["every", "interval", "repeat_every", "repeat_interval"]);
        let about = self.flag(bag, &["random"]) == Some(true);
        let Some((found, times)) = times else {
            if let Some((found, _)) = every {
                self.source.complain(found.span, "`times` beside it");
            }
            return;
        };
        let count = plain_of(&times).unwrap_or_default().to_owned();
        // `times` counts the first beginning as well; `repeat` does not.
        let in_all = matches!(found.text.as_str(), "times" | "count");
        let count = match count.parse::<u64>() {
            Ok(0 | 1) if in_all => return,
            Ok(count) if in_all => (count - 1).to_string(),
            _ => count,
        };
        let every = every.and_then(|(_, every)| time(&every, self.source));
        let gap =
            every.map_or_else(String::new, |every| format!(" every {}{every}", if about { "about " } else { "" }));
        base.entries.push((key("again", &found.span), said(format!("{count} times{gap}"), &times.span)));
    }
}
