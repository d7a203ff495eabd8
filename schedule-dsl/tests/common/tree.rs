//! What `Debug` derives, as a tree: so that tests see every field of every value without naming any of them.

use std::fmt::Debug;

/// A constructor (or a number, or `[`) and its fields, each with its name or its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) head: String,
    pub(crate) fields: Vec<(String, Tree)>,
}

impl Tree {
    /// The tree of a value whose `Debug` is derived.
    pub(crate) fn of(value: &impl Debug) -> Self {
        let text = format!("{value:?}");
        let mut rest = text.as_str();
        let tree = Self::read(&mut rest);
        assert_eq!(rest, "", "{text}");
        tree
    }

    fn read(rest: &mut &str) -> Self {
        let end = rest.find([' ', ',', '(', '{', '[', ')', '}', ']', ':']).unwrap_or(rest.len());
        let mut head = rest[..end].to_owned();
        *rest = &rest[end..];
        let named = rest.starts_with(" {");
        *rest = rest.trim_start_matches(if named { " " } else { "" });
        let mut fields = Vec::new();
        if let Some(open @ ('(' | '{' | '[')) = rest.chars().next() {
            if open == '[' {
                head.push('[');
            }
            *rest = rest[1..].trim_start();
            while !rest.starts_with([')', '}', ']']) {
                let name = if named {
                    let (name, after) = rest.split_once(": ").expect("a name before its value");
                    *rest = after;
                    name.to_owned()
                } else {
                    fields.len().to_string()
                };
                fields.push((name, Self::read(rest)));
                *rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
            *rest = &rest[1..];
        }
        Self { head, fields }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, tree)| tree)
    }

    /// How many values it has that are not made of others.
    pub(crate) fn leaves(&self) -> usize {
        1 + self.fields.iter().map(|(_, tree)| tree.leaves()).sum::<usize>()
    }

    /// Every constructor with the path of fields to it, such as `when.fact`.
    pub(crate) fn visit(&self, path: &str, found: &mut impl FnMut(&str, &Self)) {
        found(path, self);
        for (name, tree) in &self.fields {
            tree.visit(&format!("{path}.{name}"), found);
        }
    }
}
