//! The strongly connected components of a graph (Tarjan, 1972, in the one array of Pearce, 2016).

/// Where an edge leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To this node.
    To(u32),
    /// Nowhere that counts.
    Skip,
    /// There are no more edges.
    End,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    node: u32,
    place: u32,
    is_root: bool,
}

/// Finds components. Its memory is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Components {
    /// By node: 0, not seen; then the number of its visit, at last that of its component, counted down from the largest.
    ranks: Vec<u32>,
    path: Vec<Frame>,
    stack: Vec<u32>,
    /// The nodes of components of more than one, and where each component ends.
    members: Vec<u32>,
    ends: Vec<u32>,
}

impl Components {
    /// Finds the components of more than one node, of a graph of so many nodes with the edges that `next` gives by place.
    pub(super) fn find(&mut self, nodes: u32, next: impl Fn(u32, u32) -> Next) {
        self.ranks.clear();
        self.ranks.resize(nodes as usize, 0);
        self.members.clear();
        self.ends.clear();
        let (mut visits, mut component) = (1, u32::MAX);
        for start in 0..nodes {
            if self.ranks[start as usize] == 0 {
                self.visit(start, &next, &mut visits, &mut component);
            }
        }
    }

    fn visit(&mut self, start: u32, next: &impl Fn(u32, u32) -> Next, visits: &mut u32, component: &mut u32) {
        self.enter(start, visits);
        while let Some(frame) = self.path.last_mut() {
            let node = frame.node as usize;
            match next(frame.node, frame.place) {
                Next::To(to) if self.ranks[to as usize] == 0 => self.enter(to, visits),
                Next::To(to) => {
                    if self.ranks[to as usize] < self.ranks[node] {
                        self.ranks[node] = self.ranks[to as usize];
                        frame.is_root = false;
                    }
                    frame.place += 1;
                }
                Next::Skip => frame.place += 1,
                Next::End => {
                    let frame = *frame;
                    self.path.pop();
                    self.leave(frame, visits, component);
                }
            }
        }
    }

    fn enter(&mut self, node: u32, visits: &mut u32) {
        self.ranks[node as usize] = *visits;
        *visits += 1;
        self.path.push(Frame { node, place: 0, is_root: true });
    }

    /// All edges of a node are done. The edge that led to it is looked at again by who took it.
    fn leave(&mut self, frame: Frame, visits: &mut u32, component: &mut u32) {
        if !frame.is_root {
            self.stack.push(frame.node);
            return;
        }
        let (rank, first) = (self.ranks[frame.node as usize], self.members.len());
        self.ranks[frame.node as usize] = *component;
        *visits -= 1;
        while let Some(node) = self.stack.pop_if(|node| self.ranks[*node as usize] >= rank) {
            self.ranks[node as usize] = *component;
            *visits -= 1;
            self.members.push(node);
        }
        *component -= 1;
        if self.members.len() > first {
            self.members.push(frame.node);
            self.members[first..].sort_unstable();
            self.ends.push(self.members.len() as u32);
        }
    }

    /// How many there are of more than one node.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The nodes of one, in order.
    pub(super) fn members(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.members[start..self.ends[at] as usize]
    }

    /// Whether two nodes are in one component.
    pub(super) fn joins(&self, one: u32, other: u32) -> bool {
        self.ranks[one as usize] == self.ranks[other as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};

    use super::*;

    fn find(nodes: u32, edges: &[(u32, u32)]) -> Components {
        let mut components = Components::default();
        let of = |node: u32| edges.iter().filter(move |edge| edge.0 == node);
        components.find(nodes, |node, place| of(node).nth(place as usize).map_or(Next::End, |edge| Next::To(edge.1)));
        components
    }

    #[test]
    fn a_cycle_is_a_component_and_what_leads_to_it_is_none() {
        let components = find(6, &[(0, 1), (1, 2), (2, 3), (3, 1), (3, 4), (5, 4)]);
        assert_eq!((components.len(), components.members(0)), (1, &[1, 2, 3][..]));
        assert_eq!(find(3, &[(0, 1), (1, 2), (0, 2)]).len(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        #[test]
        fn nodes_are_joined_if_and_only_if_each_reaches_the_other(
            edges in proptest::collection::vec((0..9_u32, 0..9_u32), 0..24)
        ) {
            let components = find(9, &edges);
            let mut reaches = [[false; 9]; 9];
            edges.iter().for_each(|(from, to)| reaches[*from as usize][*to as usize] = true);
            let nodes = || 0..9_usize;
            let pairs = || nodes().flat_map(|one| nodes().map(move |other| (one, other)));
            for via in nodes() {
                pairs().for_each(|(from, to)| reaches[from][to] |= reaches[from][via] && reaches[via][to]);
            }
            for (one, other) in pairs() {
                let is_joined = one == other || reaches[one][other] && reaches[other][one];
                prop_assert_eq!(components.joins(one as u32, other as u32), is_joined);
            }
        }
    }
}
