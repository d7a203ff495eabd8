//! Who decides: the members of the cluster, as a value.

use murphy_sim::NodeId;

/// A set of nodes, each a number from 1 to 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Voters(u64);

impl Voters {
    /// The set whose bits are these: bit 0 is node 1.
    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Bit 0 is node 1.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    pub(super) fn contains(self, node: NodeId) -> bool {
        self.0 & bit(node) != 0
    }

    pub(super) fn with(self, node: NodeId) -> Self {
        Self(self.0 | bit(node))
    }

    pub(super) fn without(self, node: NodeId) -> Self {
        Self(self.0 & !bit(node))
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// How many of them are a majority.
    pub(super) fn quorum(self) -> usize {
        self.len() / 2 + 1
    }

    /// How many of them are in `other`, too.
    pub(super) fn common(self, other: Self) -> usize {
        Self(self.0 & other.0).len()
    }

    /// In ascending order.
    pub(super) fn iter(self) -> impl Iterator<Item = NodeId> {
        let bits = std::iter::successors(Some(self.0), |left| Some(left & left.wrapping_sub(1)));
        bits.take_while(|left| *left != 0).map(|left| left.trailing_zeros() as NodeId + 1)
    }
}

impl FromIterator<NodeId> for Voters {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        nodes.into_iter().fold(Self::default(), Self::with)
    }
}

fn bit(node: NodeId) -> u64 {
    1 << (node - 1)
}
