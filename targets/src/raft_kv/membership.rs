//! What an operator asks of a leader: other voters, another leader, a shorter log.
//!
//! Voters change one at a time, by an entry of the log that counts as soon as it is in one (Ongaro 2014, §4.1): then any two majorities,
//! of the old voters and of the new ones, have a node in common. That holds for two changes in a row only if the first is committed,
//! and for two leaders only if each has committed an entry of its own term before it changes anything (Ongaro, raft-dev, July 2015).

use murphy_sim::{Context, NodeId, ReplyTo, sometimes};

use super::{
    Index,
    message::Message,
    node::{RaftNode, Role},
    store::{Admin, Command, Response},
    voters::Voters,
};

/// Fewer voters than these there never are: one of them alone could lose all.
const VOTERS_MIN: usize = 2;

impl RaftNode {
    pub(super) fn administer(&mut self, admin: Admin, reply: ReplyTo, cx: &mut Context<'_, Self>) {
        let voters = self.log.voters();
        let accepted = match admin {
            Admin::Add(nodes) => {
                let new = nodes.iter().find(|node| !voters.contains(*node));
                new.is_some_and(|node| self.change_voters(voters.with(node), cx))
            }
            Admin::Remove(nodes) => {
                let old = nodes.iter().find(|node| voters.contains(*node));
                old.is_some_and(|node| self.change_voters(voters.without(node), cx))
            }
            Admin::Transfer(nodes) => {
                let to = nodes.iter().find(|node| *node != self.me && voters.contains(*node));
                to.is_some_and(|to| self.transfer(to, cx))
            }
            Admin::Compact => {
                let has_more = self.commit > self.log.base().end.index;
                if has_more {
                    self.compact(cx);
                }
                has_more
            }
        };
        if accepted { cx.reply(reply, Response::Accepted) } else { cx.refuse(reply) }
    }

    /// Begins to have other voters, if that is safe now.
    fn change_voters(&mut self, voters: Voters, cx: &mut Context<'_, Self>) -> bool {
        let may_be = voters.len() >= VOTERS_MIN;
        let is_settled = self.log.voters_since() <= self.commit;
        let is_complete = self.has_committed_in_term() || self.bugs.changes_voters_early;
        sometimes!(may_be && !is_complete, "a change of voters is refused before a commit");
        let may_change = may_be && is_settled && is_complete;
        if may_change {
            sometimes!(!voters.contains(self.me), "a leader is to remove itself");
            sometimes!(voters.len() > self.log.voters().len(), "a voter is to be added");
            self.append(Command::Voters(voters), cx);
            for node in self.others() {
                self.replicate_more(node, cx);
            }
        }
        may_change
    }

    /// Other voters are committed. A leader that is none of them leaves.
    pub(super) fn on_voters_committed(&mut self, index: Index, cx: &mut Context<'_, Self>) {
        let is_out = index == self.log.voters_since() && !self.log.voters().contains(self.me);
        if self.role == Role::Leader && is_out {
            sometimes!(true, "a leader that is removed steps down");
            self.retire(cx);
        }
    }

    /// Begins to hand leadership over.
    fn transfer(&mut self, to: NodeId, cx: &mut Context<'_, Self>) -> bool {
        self.leadership.successor = Some(to);
        self.hand_over(cx);
        true
    }

    /// Tells the successor to be elected, once its log is complete.
    pub(super) fn hand_over(&mut self, cx: &mut Context<'_, Self>) {
        let last = self.log.last_index();
        let Some(to) = self.leadership.successor else { return };
        if self.leadership.peer(to).matched == last {
            self.leadership.successor = None;
            self.leadership.handed_over = true;
            cx.send(to, Message::TimeoutNow { term: self.ballot.term });
        }
    }
}
