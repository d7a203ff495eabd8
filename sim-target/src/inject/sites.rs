//! Rare branches in the target's code, which steps switch on.

use murphy_schedule::{
    Fault, Name,
    field::{Percent, Site},
};

use super::plan::Struck;
use crate::{
    core::Core,
    marks::{self, Switch, Who},
    node::Node,
    trace::What,
};

impl<N: Node> Core<N> {
    pub(super) fn switch_on(&mut self, step: usize, site: Site, share: Percent<2_500>) {
        let rank = if site.0 == Name::ANY { None } else { self.site(site.0) };
        if site.0 != Name::ANY && rank.is_none() {
            return self.void("the target has no rare branches".to_owned());
        }
        let (content, epoch) = (self.plan.content(step), self.network.epoch());
        marks::switch_on(Switch { step, content, site: rank, share: share.0, epoch });
    }

    pub(super) fn switch_off(&mut self, step: usize) {
        if matches!(self.plan.steps[step].step.fault, Fault::Buggify { .. }) {
            marks::switch_off(step);
        }
    }

    /// The rank, among all marks of the program, of the site that a schedule names.
    fn site(&self, name: Name) -> Option<usize> {
        let index = self.vocabulary.sites.resolve(name)?;
        marks::names().binary_search(&self.vocabulary.sites.spellings()[index].as_str()).ok()
    }

    /// A handler begins: rare branches are this node's from now on.
    pub(crate) fn enter_buggify(&mut self, node: usize) {
        let incarnation = self.hosts[node].incarnation;
        let (seed, epoch) = (self.header.seed, self.network.node_epoch(node));
        marks::buggify_in(Some(Who { seed, node, incarnation, epoch, now: self.now }));
    }

    /// A handler is over: each branch that it took is an effect of the step that had it.
    pub(crate) fn leave_buggify(&mut self, node: usize) {
        marks::buggify_in(None);
        let mut taken = std::mem::take(&mut self.plan.taken);
        marks::credits(&mut taken);
        for at in taken.drain(..) {
            self.note(Some(node), |core| What::Branch(core.plan.text(at, &core.vocabulary)));
            self.plan.steps[at].effects += 1;
            if self.plan.steps[at].struck == Struck::default() {
                self.remember(at, 1 << node, 0);
            }
            self.plan.steps[at].struck.first |= 1 << node;
            self.struck(self.plan.steps[at].tag(), node);
        }
        self.plan.taken = taken;
    }
}
