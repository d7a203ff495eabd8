//! Where on a disk a fault strikes, in the manner of other tools: file, part of a file, field, key, bytes, device.

use std::ops::Range;

use super::{
    Base, Sketch, Translator,
    bag::Bag,
    values::{plain_of, quoted, said},
    words::{Alias, snake},
};
use crate::tree::Tree;

const DISKS: &[&str] = &["disk", "disks", "disk_id", "device", "block_device", "block_device_id", "volume"];
const FILES: &[&str] = &["file", "path", "store", "log", "wal"];
/// The parts of a file and their keys.
const PARTS: [(&str, &[&str]); 4] =
    [("record", &["record"]), ("segment", &["segment", "wal_segment"]), ("block", &["block"]), ("key", &["key"])];

/// What is said, and where.
type Said = (String, Range<usize>);

impl Translator<'_, '_> {
    /// Sets where on a disk an entry strikes.
    pub(super) fn place(&mut self, alias: &Alias, bag: &mut Bag, step: &mut Sketch, base: &Base) {
        for word in ["key_value", "keyvalue"] {
            if let Some((_, inner)) = bag.take(&[word]) {
                bag.entries.extend(Bag::new(&inner).entries);
            }
        }
        if bag.has(&["place", "in"]) {
            return;
        }
        let disk = self.name(bag, DISKS).map(|(name, span)| (format!("disk {}", quoted(&name)), span));
        let named = self.name(bag, FILES).map(|(name, span)| (quoted(&name), span));
        let file = named.clone().or((!alias.file.is_empty()).then(|| (alias.file.to_owned(), base.word.span.clone())));
        let within = self.part(alias, bag, file.as_ref(), base);
        let (Some((_, span)), Some(_)) = (&disk, within.as_ref().or(named.as_ref())) else {
            if let Some((text, span)) = within.or(disk).or(file) {
                step.set("place", said(text, &span));
            }
            return;
        };
        self.source.complain(span.clone(), "no disk beside a file: a place is one of them");
    }

    /// The value of one of these keys, which is a name or a number.
    fn name(&mut self, bag: &mut Bag, keys: &[&str]) -> Option<Said> {
        let (_, value) = bag.take(keys)?;
        let name = plain_of(&value).map(str::to_owned);
        if name.is_none() {
            self.source.complain_of_kind(&value, "one name");
        }
        Some((name?, value.span))
    }

    /// A part of `file`.
    fn part(&mut self, alias: &Alias, bag: &mut Bag, file: Option<&Said>, base: &Base) -> Option<Said> {
        let of = file.map_or_else(String::new, |(file, _)| format!(" of {file}"));
        self.only_one(bag);
        let field = self.name(bag, &["field"]);
        let part = PARTS.iter().find_map(|(word, keys)| {
            let (position, span) = self.name(bag, keys)?;
            Some((numbered(word, &position), span))
        });
        let bytes = self.bytes(bag);
        let (text, span) = match (field, part) {
            (Some((field, span)), part) => {
                let record = part.map_or_else(|| "record".to_owned(), |(part, _)| part);
                (format!("field {} of {record}", quoted(&field)), span)
            }
            (None, Some(part)) => part,
            (None, None) => {
                bytes.or((!alias.part.is_empty()).then(|| (alias.part.to_owned(), base.word.span.clone())))?
            }
        };
        Some((text + &of, span))
    }

    /// Complains about a second part of a file.
    fn only_one(&mut self, bag: &mut Bag) {
        let mut parts = PARTS.iter().filter(|(_, keys)| bag.has(keys));
        if let (Some((first, _)), Some((second, keys))) = (parts.next(), parts.next())
            && let Some((found, _)) = bag.take(keys)
        {
            self.source.complain(found.span, format!("no `{second}` beside `{first}`: a place is one of them"));
        }
    }

    /// A range of bytes: a list of two numbers, a map of them, or an offset and a length.
    fn bytes(&mut self, bag: &mut Bag) -> Option<Said> {
        let number = |tree: &Tree| plain_of(tree).and_then(|text| text.parse::<u64>().ok());
        if let Some((_, range)) = bag.take(&["byte_range", "range"]) {
            let ends = match range.items() {
                [from, to] => Some((number(from), number(to))),
                _ => range.get("start").zip(range.get("end")).map(|(from, to)| (number(from), number(to))),
            };
            if let Some((Some(from), Some(to))) = ends {
                return Some((format!("bytes {from} to {to}"), range.span));
            }
            self.source.complain(range.span, "two numbers of bytes such as `[100, 120]`");
            return None;
        }
        let (_, offset) = bag.take(&["offset"])?;
        let length = bag.take(&["length", "size"]).map_or(Some(1), |(_, value)| number(&value));
        let (Some(from), Some(length)) = (number(&offset), length) else {
            self.source.complain(offset.span, "an offset and a length in bytes");
            return None;
        };
        Some((format!("bytes {from} to {}", from.saturating_add(length)), offset.span))
    }
}

/// `record 3`, `last record`, `record`.
fn numbered(word: &str, position: &str) -> String {
    match snake(position).as_str() {
        "last" => format!("last {word}"),
        "any" | "all" | "*" => word.to_owned(),
        _ => {
            let digits = position.trim_start_matches(|c: char| !c.is_ascii_digit());
            format!("{word} {}", if digits.is_empty() { position } else { digits })
        }
    }
}
