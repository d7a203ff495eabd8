//! What `murphy check` says of a history by its user's own invariants.

use std::{fs, path::Path};

use murphy_checker::{
    family::Family,
    history::History,
    invariant::{self, Invariant, history::Judgement},
};
use serde_json::{Value, json};

use super::{
    super::{CheckArguments, exit::Failure},
    Answer, Part, Told,
};
use crate::harness::BadInvariants;

/// The invariants of all files that are named, in order.
pub(super) fn read(arguments: &CheckArguments) -> Result<Vec<Invariant>, Failure> {
    let mut all = Vec::new();
    for path in &arguments.invariants {
        let text = fs::read_to_string(path).map_err(Failure::file("read", path))?;
        let some = invariant::parse(&text).map_err(|error| BadInvariants { path: path.clone(), text, error })?;
        if let Some((invariant, trigger)) = invariant::history::not_for_histories(&some) {
            let (path, name, trigger) = (path.clone(), invariant.name.clone(), trigger.to_string());
            return Err(Failure::NotForHistories { path, name, trigger });
        }
        all.extend(some);
    }
    Ok(all)
}

/// A history, and what invariants say of it.
pub(super) struct Judged {
    family: Family,
    /// What was judged, in a few words.
    subject: String,
    operations: usize,
    invariants: usize,
    judgement: Judgement,
}

impl Judged {
    pub(super) fn new(
        part: &Part<'_>,
        history: &History,
        invariants: &[Invariant],
        arguments: &CheckArguments,
    ) -> Self {
        let judgement = invariant::history::check(history, invariants);
        let (operations, invariants) = (history.operations.len(), invariants.len());
        let subject = part.subject("", history, arguments);
        Self { family: part.family, subject, operations, invariants, judgement }
    }

    /// Valid, invalid, unknown.
    fn place(&self) -> usize {
        match (&self.judgement.broken, &self.judgement.undecided[..]) {
            (Some(_), _) => 1,
            (None, []) => 0,
            (None, _) => 2,
        }
    }

    fn word(&self) -> &'static str {
        ["valid", "invalid", "unknown"][self.place()]
    }

    pub(super) fn answer(&self, path: &Path, json: bool) -> Answer {
        let told = if json {
            Told::Object(self.object(path))
        } else {
            let count = match self.invariants {
                1 => "1 invariant".to_owned(),
                count => format!("{count} invariants"),
            };
            let (word, subject) = (self.word(), &self.subject);
            let line = format!("{word:<7}  {}  ({subject}): {count}", path.display());
            Told::Text { line, why: self.why() }
        };
        Answer { place: self.place(), told, pattern: None }
    }

    fn why(&self) -> String {
        let mut text = String::new();
        if let Some(broken) = &self.judgement.broken {
            text.push_str(&format!("\n  {}\n", broken.sentence()));
            for (object, fields) in &broken.state {
                let fields: Vec<String> = fields.iter().map(|(field, value)| format!("{field} = {value}")).collect();
                text.push_str(&format!("    {object}: {}\n", fields.join(", ")));
            }
            return text;
        }
        for (name, clause) in &self.judgement.undecided {
            text.push_str(&format!("\n  {name:?}: `{clause}` was never true nor false: is a name in it misspelt?"));
        }
        text
    }

    fn object(&self, path: &Path) -> Value {
        let broken = self.judgement.broken.as_ref().map(|broken| {
            let object = |(object, fields): &(String, Vec<(String, String)>)| {
                (object.clone(), fields.iter().map(|(field, value)| (field.clone(), json!(value))).collect::<Value>())
            };
            json!({
                "invariant": broken.invariant, "clause": broken.clause, "object": broken.object, "why": broken.why,
                "occasion": broken.occasion, "operation": broken.operation.map(|op| op.0), "time_ns": broken.time,
                "state": broken.state.iter().map(object).collect::<Value>(),
            })
        });
        let undecided =
            self.judgement.undecided.iter().map(|(name, clause)| json!({ "invariant": name, "clause": clause }));
        json!({
            "schema": "murphy/check/1", "history": path, "model": self.family.name(), "operations": self.operations,
            "verdict": self.word(), "invariants": self.invariants, "broken": broken, "undecided": undecided.collect::<Vec<_>>(),
        })
    }
}
