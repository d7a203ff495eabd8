//! Lines in the logs of nodes that must not be there: a panic, a fatal error.
//!
//! Jepsen's `log-file-pattern` (Kingsbury, jepsen.checker), with words in place of expressions. A history holds no logs, so they
//! are handed in.

use super::{breach, verdict};
use crate::{
    history::NodeId,
    verdict::{Anomaly, Verdict},
};

/// A line of a log has a pattern.
pub const LOG_PATTERN: &str = "log-pattern";

/// The judge of logs.
#[derive(Clone, Debug)]
pub struct LogPatterns {
    /// In lower case.
    patterns: Vec<String>,
}

impl Default for LogPatterns {
    /// What programs say when they die: `panic`, `fatal`.
    fn default() -> Self {
        Self::new(&["panic", "fatal"])
    }
}

impl LogPatterns {
    /// Lines with any of these texts are wrong, in small letters or large.
    pub fn new(patterns: &[&str]) -> Self {
        Self { patterns: patterns.iter().map(|pattern| pattern.to_lowercase()).collect() }
    }

    /// Judges lines, each with the node in whose log it is.
    pub fn check<'a>(&self, lines: impl IntoIterator<Item = (NodeId, &'a str)>) -> Verdict {
        verdict(lines.into_iter().find_map(|(node, line)| self.judge(node, line)))
    }

    fn judge(&self, node: NodeId, line: &str) -> Option<Anomaly> {
        let small = line.to_lowercase();
        let pattern = self.patterns.iter().find(|pattern| small.contains(*pattern))?;
        breach(LOG_PATTERN, &[], format!("n{node} logged `{line}`, which has `{pattern}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{explain::explain, history::History};

    #[test]
    fn a_line_of_a_dying_node_is_told() {
        let check = |lines: &[(NodeId, &str)]| LogPatterns::default().check(lines.iter().copied());
        assert_eq!(check(&[(1, "elected in term 2"), (2, "granted a vote")]), Verdict::Valid);
        let found = check(&[(1, "elected in term 2"), (2, "Panic: index 7 of 3"), (1, "fatal")]);
        let told = explain(&History::default(), found.anomaly().expect("a node panicked"));
        assert_eq!(told.summary, "n2 logged `Panic: index 7 of 3`, which has `panic`");
        assert_eq!(
            LogPatterns::new(&["TERM"]).check([(1, "in term 2")]).anomaly().map(|found| &*found.name),
            Some(LOG_PATTERN)
        );
    }
}
