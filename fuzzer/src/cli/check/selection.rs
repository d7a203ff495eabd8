//! Which operations of a history are judged.

use std::ops::Range;

use clap::Args;
use murphy_checker::history::{History, Operation};

use crate::cli::time;

/// What to leave out of a history before it is judged. A part can be wrong where the whole is right: what was read may have been
/// written by what is left out.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Selection {
    /// Judge the operations of these processes only, `0,3`; with `^` before them, all others.
    #[arg(long, value_name = "[^]N,…")]
    process: Option<String>,
    /// Judge those on these keys, `1,x`, or on others.
    #[arg(long, value_name = "[^]KEY,…")]
    key: Option<String>,
    /// Judge those of these functions, `read,cas`, or of others.
    #[arg(long, value_name = "[^]NAME,…")]
    function: Option<String>,
    /// Judge those that were asked of these nodes, `1,n3`, or of others.
    #[arg(long, value_name = "[^]NODE,…")]
    node: Option<String>,
    /// Judge those invoked from the first time on and before the second, `2s..5s`; either may be missing.
    #[arg(long, value_name = "FROM..TO", value_parser = times)]
    between: Option<Range<u64>>,
}

/// A range of times as nanoseconds.
fn times(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("expected two times: `2s..5s`, `2s..`, `..5s`")?;
    let nanos = |text: &str, missing: u64| match text {
        "" => Ok(missing),
        text => time(text).map(|time| time.as_nanos() as u64),
    };
    Ok(nanos(from, 0)?..nanos(to, u64::MAX)?)
}

/// Whether one of `names` is in `list`, or none if it begins with `^`.
fn allows(list: &Option<String>, names: &[String]) -> bool {
    let Some(list) = list else { return true };
    let (is_inverted, list) = list.strip_prefix('^').map_or((false, list.as_str()), |rest| (true, rest));
    let mut items = list.split(',').map(|item| item.trim().trim_start_matches(':'));
    items.any(|item| names.iter().any(|name| name == item)) != is_inverted
}

impl Selection {
    /// What was said, as it is said; nothing if all is judged.
    pub(super) fn words(&self) -> Vec<String> {
        let lists =
            [("process", &self.process), ("key", &self.key), ("function", &self.function), ("node", &self.node)];
        let said = lists.into_iter().filter_map(|(name, list)| Some(format!("--{name} {}", list.as_ref()?)));
        let milliseconds =
            |nanos: u64| if nanos == u64::MAX { String::new() } else { format!("{}ms", nanos / 1_000_000) };
        let between = self.between.iter();
        said.chain(between.map(|at| format!("--between {}..{}", milliseconds(at.start), milliseconds(at.end))))
            .collect()
    }

    /// The part of `history` that is judged.
    pub(super) fn of(&self, history: History) -> History {
        if self.words().is_empty() { history } else { history.filter(|one| self.has(&history, one)) }
    }

    fn has(&self, history: &History, one: &Operation) -> bool {
        let function = history.functions[usize::from(one.call.function)].to_owned();
        allows(&self.process, &[one.process.to_string()])
            && allows(&self.key, &keys(history, one))
            && allows(&self.function, &[function])
            && allows(&self.node, &[one.node.to_string(), format!("n{}", one.node)])
            && self.between.as_ref().is_none_or(|times| times.contains(&one.invoked_at))
    }
}

/// What the keys are called that an operation concerns.
fn keys(history: &History, one: &Operation) -> Vec<String> {
    let parts = history.values.micros(one.call.input).iter().map(|part| part.key);
    let named =
        |key: u32| [key.to_string(), history.names.key(key), history.names.key(key).trim_matches('"').to_owned()];
    parts.chain([one.call.key]).flat_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_allows_what_it_names_or_what_it_does_not() {
        let list = |text: &str| Some(text.to_owned());
        let names = ["3".to_owned(), "n3".to_owned()];
        assert!(allows(&None, &names) && allows(&list("1,n3"), &names) && allows(&list("^1,2"), &names));
        assert!(!allows(&list("1,2"), &names) && !allows(&list("^1, 3"), &names));
    }

    #[test]
    fn either_time_may_be_missing() {
        assert_eq!(times("2s..3s"), Ok(2_000_000_000..3_000_000_000));
        assert_eq!(times("..3ms"), Ok(0..3_000_000));
        assert_eq!(times("3ms.."), Ok(3_000_000..u64::MAX));
        assert!(times("3ms").is_err() && times("1..2s").is_err());
    }
}
