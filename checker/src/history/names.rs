//! What the numbers of a history stand for that was read from a file.

use std::collections::BTreeMap;

use super::{Event, OpId};

/// What is not a number is one from here on: beyond those that files count with.
const WORDS: u64 = 1 << 62;
/// The same for keys.
const KEY_WORDS: u32 = 1 << 30;

/// The words that a history's large numbers stand for. A history of a run needs none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    keys: Vec<String>,
    words: Vec<String>,
    /// Lists are the letters of texts.
    pub(crate) spells: bool,
    /// What else is said of an event, by its operation and whether it is the completion: fields and contents, as numbers of `texts`.
    notes: BTreeMap<(OpId, bool), Vec<[u32; 2]>>,
    /// Each once, however many events say it.
    texts: Vec<String>,
    numbers: BTreeMap<String, u32>,
}

fn place(event: Event) -> (OpId, bool) {
    match event {
        Event::Invoke(op) => (op, false),
        Event::Complete(op) => (op, true),
    }
}

impl Names {
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.words.clear();
        self.spells = false;
        self.notes.clear();
        self.texts.clear();
        self.numbers.clear();
    }

    /// Notes that a file says this of an event, too: a field and its contents in EDN.
    pub(crate) fn add_note(&mut self, event: Event, field: &str, contents: String) {
        let note = [self.text(field.to_owned()), self.text(contents)];
        self.notes.entry(place(event)).or_default().push(note);
    }

    fn text(&mut self, text: String) -> u32 {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    /// The fields that a file has of an event beyond those that a history knows, with their contents in EDN.
    pub fn notes(&self, event: Event) -> Vec<(&str, &str)> {
        let Some(notes) = self.notes.get(&place(event)) else { return Vec::new() };
        let text = |number: u32| self.texts[number as usize].as_str();
        notes.iter().map(|[field, contents]| (text(*field), text(*contents))).collect()
    }

    /// The same names for operations with other numbers; those without one are left out.
    pub(crate) fn renumber(&mut self, numbers: &[Option<OpId>]) {
        let old = std::mem::take(&mut self.notes).into_iter();
        let new = old.filter_map(|((op, is_end), notes)| Some(((numbers[op.0 as usize]?, is_end), notes)));
        self.notes = new.collect();
    }

    /// Whether a number stands for itself as a key.
    pub(crate) fn is_plain_key(number: i64) -> bool {
        (1..i64::from(KEY_WORDS)).contains(&number)
    }

    /// Whether a value is a number and no word.
    pub(crate) fn is_number(value: u64) -> bool {
        value >> 62 != 1
    }

    /// A new key, to be called so.
    pub(crate) fn add_key(&mut self, name: String) -> u32 {
        self.keys.push(name);
        KEY_WORDS + self.keys.len() as u32 - 1
    }

    /// A new value, to be called so.
    pub(crate) fn add_word(&mut self, name: String) -> u64 {
        self.words.push(name);
        WORDS | (self.words.len() as u64 - 1)
    }

    /// `k1`, or the file's own word for the key.
    pub fn key(&self, key: u32) -> String {
        let name = key.checked_sub(KEY_WORDS).and_then(|at| self.keys.get(at as usize));
        name.cloned().unwrap_or_else(|| format!("k{key}"))
    }

    /// A number, or the word it stands for; those from 2^63 are negative.
    pub fn number(&self, number: u64) -> String {
        let name = number.checked_sub(WORDS).and_then(|at| self.words.get(usize::try_from(at).ok()?));
        name.cloned().unwrap_or_else(|| number.cast_signed().to_string())
    }

    /// `[1 2 3]`, or the text of which these are the letters.
    pub fn list(&self, items: &[u64]) -> String {
        if self.spells {
            let letter = |item: &u64| u32::try_from(*item).ok().and_then(char::from_u32);
            return format!("{:?}", items.iter().filter_map(letter).collect::<String>());
        }
        format!("[{}]", items.iter().map(|item| self.number(*item)).collect::<Vec<_>>().join(" "))
    }
}
