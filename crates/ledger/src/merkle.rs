//! The Merkle tree: hashes, roots, and proofs of inclusion and consistency.
//!
//! Pure arithmetic over a [`Nodes`] that knows the hashes of complete subtrees; it stores nothing and signs
//! nothing. [`crate::tile`] is the reader that gets the nodes from files.
//!
//! Implements [RFC 6962 §2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) with SHA-256. Proofs are checked
//! as in [RFC 9162 §2.1.3.2 and §2.1.4.2](https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3), which gives the
//! same proofs a loop in place of a recursion.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{Error, crypto::sha256};

/// A SHA-256 hash: of a leaf, of a node, or the root of the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; Hash::SIZE]);

impl Hash {
    /// How many bytes a hash has.
    pub const SIZE: usize = 32;

    /// Takes bytes for a hash.
    pub const fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// Returns the root of the tree that has no leaf.
    pub fn of_nothing() -> Self {
        Self(sha256(&[]))
    }

    /// Returns the hash of a leaf with these bytes.
    pub fn of_leaf(bytes: &[u8]) -> Self {
        Self(sha256(&[&[0], bytes]))
    }

    /// Returns the hash of the node over these two.
    pub fn of_node(left: &Self, right: &Self) -> Self {
        Self(sha256(&[&[1], &left.0, &right.0]))
    }
}

/// Writes base64, as checkpoints do.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Something that knows the hashes of complete subtrees.
///
/// Promise: the answer for a subtree never changes, whatever the tree grows to.
pub trait Nodes {
    /// Returns the hash over the leaves `index << level` to `(index + 1) << level`, which all exist.
    ///
    /// # Errors
    ///
    /// When the hash cannot be read.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Error>;
}

/// Leaf hashes in memory: the plain reader, for small trees and tests.
impl Nodes for [Hash] {
    fn node(&self, level: u32, index: u64) -> Result<Hash, Error> {
        let beyond = || Error::BeyondSize { asked: index, size: self.len() as u64 };
        let width = 1usize.checked_shl(level).ok_or_else(beyond)?;
        let start =
            usize::try_from(index).ok().and_then(|i| i.checked_mul(width)).ok_or_else(beyond)?;
        let end = start.checked_add(width).ok_or_else(beyond)?;
        fold(self.get(start..end).ok_or_else(beyond)?).ok_or_else(beyond)
    }
}

/// Returns the root over hashes whose number is a power of two; nothing for any other number.
pub(crate) fn fold(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(Hash::of_node(left, right)),
                _ => None,
            })
            .collect();
    }
    row.first().copied()
}

/// Returns the root of the tree over the first `size` leaves.
///
/// # Errors
///
/// When a node cannot be read.
pub fn root<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Result<Hash, Error> {
    if size == 0 { Ok(Hash::of_nothing()) } else { range(nodes, 0, size) }
}

/// Returns the proof that the leaf at `index` is in the tree over the first `size` leaves.
///
/// # Errors
///
/// When the tree has no such leaf, or a node cannot be read.
pub fn prove_inclusion<N: Nodes + ?Sized>(
    nodes: &N,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, Error> {
    if index >= size {
        return Err(Error::BeyondSize { asked: index, size });
    }
    // From the root down, keeping the sibling at each step; a proof is read from the leaf up.
    let (mut start, mut width, mut proof) = (0, size, Vec::new());
    while width > 1 {
        let left = split(width);
        if index - start < left {
            proof.push(range(nodes, start + left, width - left)?);
            width = left;
        } else {
            proof.push(range(nodes, start, left)?);
            start += left;
            width -= left;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Returns the proof that the tree over `new_size` leaves continues the one over `old_size`.
///
/// # Errors
///
/// When the old tree is the larger one, or a node cannot be read.
pub fn prove_consistency<N: Nodes + ?Sized>(
    nodes: &N,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, Error> {
    if old_size > new_size {
        return Err(Error::BeyondSize { asked: old_size, size: new_size });
    }
    if old_size == 0 || old_size == new_size {
        return Ok(Vec::new());
    }
    // RFC 6962 §2.1.2, SUBPROOF, as a loop. `whole` is its flag b: the old root itself needs no mention.
    let (mut start, mut width, mut old, mut whole) = (0, new_size, old_size, true);
    let mut proof = Vec::new();
    while old < width {
        let left = split(width);
        if old <= left {
            proof.push(range(nodes, start + left, width - left)?);
            width = left;
        } else {
            proof.push(range(nodes, start, left)?);
            start += left;
            width -= left;
            old -= left;
            whole = false;
        }
    }
    if !whole {
        proof.push(range(nodes, start, width)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that `leaf` stands at `index` in the tree of `size` leaves with this root.
///
/// # Errors
///
/// [`Error::FalseProof`] when it does not follow from the proof.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    if index >= size {
        return Err(Error::FalseProof);
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(Error::FalseProof);
        }
        if at & 1 == 1 || at == last {
            hash = Hash::of_node(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::of_node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(Error::FalseProof) }
}

/// Checks that the tree of `new_size` leaves continues the one of `old_size`.
///
/// # Errors
///
/// [`Error::FalseProof`] when it does not follow from the proof.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    let holds = |yes: bool| if yes { Ok(()) } else { Err(Error::FalseProof) };
    if old_size > new_size {
        return Err(Error::FalseProof);
    }
    if old_size == new_size {
        return holds(proof.is_empty() && old_root == new_root);
    }
    if old_size == 0 {
        return holds(proof.is_empty() && *old_root == Hash::of_nothing());
    }
    let mut rest = proof.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { rest.next() };
    let Some(first) = first else {
        return Err(Error::FalseProof);
    };
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(Error::FalseProof);
        }
        if at & 1 == 1 || at == last {
            old = Hash::of_node(sibling, &old);
            new = Hash::of_node(sibling, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = Hash::of_node(&new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    holds(last == 0 && old == *old_root && new == *new_root)
}

/// Returns the hash over `width` leaves from `start`, which is where a subtree of the whole begins.
fn range<N: Nodes + ?Sized>(nodes: &N, start: u64, width: u64) -> Result<Hash, Error> {
    if width.is_power_of_two() {
        let level = width.trailing_zeros();
        return nodes.node(level, start >> level);
    }
    let left = split(width);
    let (left, right) = (range(nodes, start, left)?, range(nodes, start + left, width - left)?);
    Ok(Hash::of_node(&left, &right))
}

/// Returns the largest power of two smaller than `width`, which is at least two.
fn split(width: u64) -> u64 {
    1 << (u64::BITS - 1 - (width - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6962 §2.1 word for word: the definition that the fast functions are held to.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of_nothing(),
            [one] => *one,
            many => {
                let k = many.len().next_power_of_two() / 2;
                let (left, right) = many.split_at(k);
                Hash::of_node(&naive_root(left), &naive_root(right))
            }
        }
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|i| Hash::of_leaf(&i.to_be_bytes())).collect()
    }

    fn hex(hash: &Hash) -> String {
        hash.as_bytes().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// The eight leaves of the Certificate Transparency reference tests, and the root after each.
    const KNOWN: [(&[u8], &str); 8] = [
        (&[], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (&[0x00], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (&[0x10], "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (&[0x20, 0x21], "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        (&[0x30, 0x31], "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        (
            &[0x40, 0x41, 0x42, 0x43],
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        ),
        (
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        ),
        (
            &[
                0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
                0x6e, 0x6f,
            ],
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    ];

    #[test]
    fn a_hash_is_shown_as_checkpoints_write_it() {
        let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(Hash::of_nothing().to_string(), text);
        assert_eq!(format!("{:?}", Hash::of_nothing()), format!("Hash({text})"));
    }

    #[test]
    fn the_known_trees_of_certificate_transparency_have_their_known_roots() {
        assert_eq!(
            hex(&Hash::of_nothing()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let mut hashes = Vec::new();
        for (leaf, known) in KNOWN {
            hashes.push(Hash::of_leaf(leaf));
            assert_eq!(hex(&root(hashes.as_slice(), hashes.len() as u64).unwrap()), known);
        }
    }

    #[test]
    fn every_proof_of_every_small_tree_verifies_and_serves_no_other_place() {
        for size in 0..=40u64 {
            let all = leaves(size);
            let top = root(all.as_slice(), size).unwrap();
            assert_eq!(top, naive_root(&all), "size {size}");
            for (index, leaf) in (0..).zip(&all) {
                let proof = prove_inclusion(all.as_slice(), index, size).unwrap();
                verify_inclusion(leaf, index, size, &top, &proof).unwrap();
                for other in (0..=size).filter(|other| *other != index) {
                    assert!(verify_inclusion(leaf, other, size, &top, &proof).is_err());
                }
            }
            for old in 0..=size {
                let (head, _) = all.split_at(usize::try_from(old).unwrap());
                let old_top = naive_root(head);
                let proof = prove_consistency(all.as_slice(), old, size).unwrap();
                verify_consistency(old, &old_top, size, &top, &proof).unwrap();
                if old > 0 && old < size {
                    let wrong = Hash::of_leaf(b"another root");
                    assert!(verify_consistency(old, &wrong, size, &top, &proof).is_err());
                    assert!(verify_consistency(old, &old_top, size, &wrong, &proof).is_err());
                    assert!(verify_consistency(old - 1, &old_top, size, &top, &proof).is_err());
                }
            }
        }
    }

    #[test]
    fn nothing_beyond_the_tree_can_be_proved() {
        let all = leaves(3);
        assert!(prove_inclusion(all.as_slice(), 3, 3).is_err());
        assert!(prove_inclusion(all.as_slice(), 0, 4).is_err());
        assert!(prove_consistency(all.as_slice(), 4, 3).is_err());
        let top = root(all.as_slice(), 3).unwrap();
        assert!(verify_inclusion(&top, u64::MAX, u64::MAX, &top, &[]).is_err());
        assert!(verify_inclusion(&top, 0, 0, &top, &[]).is_err());
        assert!(verify_consistency(u64::MAX, &top, 3, &top, &[]).is_err());
    }

    proptest! {
        #[test]
        fn a_proof_with_anything_changed_does_not_verify(
            size in 2u64..600, pick in any::<u64>(), bit in 0usize..256, place in any::<usize>(),
        ) {
            let all = leaves(size);
            let top = root(all.as_slice(), size).unwrap();
            let index = pick % size;
            let leaf = Hash::of_leaf(&index.to_be_bytes());
            let proof = prove_inclusion(all.as_slice(), index, size).unwrap();
            prop_assert!(verify_inclusion(&leaf, index, size, &top, &proof).is_ok());

            let mut changed = proof.clone();
            let place = place % changed.len();
            changed[place].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_inclusion(&leaf, index, size, &top, &changed).is_err());
            let mut shorter = proof.clone();
            shorter.remove(place);
            prop_assert!(verify_inclusion(&leaf, index, size, &top, &shorter).is_err());
            let mut longer = proof;
            longer.insert(place, top);
            prop_assert!(verify_inclusion(&leaf, index, size, &top, &longer).is_err());
        }

        #[test]
        fn roots_and_proofs_agree_with_the_plain_definition(
            size in 1u64..700, pick in any::<u64>(),
        ) {
            let all = leaves(size);
            let old = pick % size + 1;
            let (head, _) = all.split_at(usize::try_from(old).unwrap());
            prop_assert_eq!(root(all.as_slice(), old).unwrap(), naive_root(head));
            let proof = prove_consistency(all.as_slice(), old, size).unwrap();
            prop_assert!(
                verify_consistency(old, &naive_root(head), size, &naive_root(&all), &proof).is_ok()
            );
        }
    }
}
