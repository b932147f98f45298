//! The right edge of the tree: the hashes that are not yet in a full tile.
//!
//! It is all of the tree that growing needs, at most 255 hashes a level. It reads and writes no file;
//! [`crate::log`] grows with it and [`crate::audit`] derives every tile again with it.

use crate::{
    merkle::{self, Hash},
    tile::WIDTH,
};

/// The partial tiles of a tree, lowest level first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Edge {
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// Takes the partial tiles of a tree, lowest level first.
    pub(crate) fn new(levels: Vec<Vec<Hash>>) -> Self {
        Self { levels }
    }

    /// Returns the partial tiles, lowest level first; a level may have none.
    pub(crate) fn levels(&self) -> &[Vec<Hash>] {
        &self.levels
    }

    /// Adds a leaf and returns the tiles that became full by it, lowest level first.
    pub(crate) fn push(&mut self, leaf: Hash) -> Vec<Vec<Hash>> {
        let (mut full, mut carry) = (Vec::new(), Some(leaf));
        for level in &mut self.levels {
            let Some(hash) = carry.take() else {
                break;
            };
            level.push(hash);
            if level.len() as u64 == WIDTH {
                carry = merkle::fold(level);
                full.push(std::mem::take(level));
            }
        }
        self.levels.extend(carry.map(|hash| vec![hash]));
        full
    }

    /// Returns the root of the tree.
    pub(crate) fn root(&self) -> Hash {
        let mut peaks = Vec::new();
        for level in self.levels.iter().rev() {
            let mut rest = level.as_slice();
            while let Some(largest) = rest.len().checked_ilog2() {
                let (head, tail) = rest.split_at(1 << largest);
                peaks.extend(merkle::fold(head));
                rest = tail;
            }
        }
        peaks
            .into_iter()
            .rev()
            .reduce(|right, left| Hash::of_node(&left, &right))
            .unwrap_or_else(Hash::of_nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_the_edge_is_the_root_of_the_tree() {
        let (mut edge, mut leaves, mut full) = (Edge::default(), Vec::new(), 0);
        assert_eq!(edge.root(), Hash::of_nothing());
        for i in 0..1030_u64 {
            let leaf = Hash::of_leaf(&i.to_be_bytes());
            leaves.push(leaf);
            full += edge.push(leaf).len();
            if i < 20 || i % 256 > 250 || i % 256 < 5 {
                let root = merkle::root(leaves.as_slice(), leaves.len() as u64).unwrap();
                assert_eq!(edge.root(), root, "{} leaves", i + 1);
            }
        }
        assert_eq!(full, 4);
        let widths: Vec<_> = edge.levels().iter().map(Vec::len).collect();
        assert_eq!(widths, [6, 4]);
    }
}
