//! How many messages do nodes send each other for an operation?
//!
//! Maelstrom's figure for what a protocol costs (Kingsbury, 2021). A history knows nothing of messages, so their number is handed in.

use super::{breach, verdict};
use crate::{
    history::History,
    verdict::{Budget, Verdict},
};

/// Nodes sent more messages for an operation than they may.
pub const MESSAGE_RATE: &str = "message-rate";

/// Whether nodes that sent each other `messages` in the run of `history` kept to `most` for each operation that succeeded.
/// Where none did there is no verdict.
pub fn check(history: &History, messages: u64, most: u64) -> Verdict {
    let operations = history.completed();
    if operations == 0 {
        return Verdict::Unknown(Budget::Unread);
    }
    if messages <= most.saturating_mul(operations) {
        return Verdict::Valid;
    }
    let rate = messages as f64 / operations as f64;
    let sentence = format!("{messages} messages for {operations} operations are {rate:.1} each, more than {most}");
    verdict(breach(MESSAGE_RATE, &[], sentence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{explain::explain, testing::parse};

    #[test]
    fn an_operation_may_take_so_many_messages() {
        let history = parse("p0 write 1\np0 ok\np1 read\np1 ok 1\np1 read\np1 fail");
        assert_eq!(check(&history, 20, 10), Verdict::Valid);
        let found = check(&history, 21, 10);
        let told = explain(&history, found.anomaly().expect("one too many"));
        assert_eq!(told.summary, "21 messages for 2 operations are 10.5 each, more than 10");
        assert_eq!(check(&parse("p0 write 1\np0 info"), 20, 10), Verdict::Unknown(Budget::Unread));
    }
}
