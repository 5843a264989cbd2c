//! The hash chain over posting batches.
//!
//! The entries of a batch are the leaves of a Merkle tree; the root, the previous link and the
//! batch's extent make the next link. Changing, dropping or swapping an entry breaks every link
//! from its batch on.

use crate::encode::Encoder;
use crate::hash::Hash;

/// The Merkle root over entry hashes, in posting order. An odd leaf moves up as it is. Leaves and
/// nodes are encoded under different names, so that neither can pass for the other.
pub fn merkle_root(leaves: &[Hash]) -> Hash {
    let mut level: Vec<Hash> = leaves.iter().map(leaf).collect();
    if level.is_empty() {
        return Hash::ZERO;
    }
    while level.len() > 1 {
        level = level.chunks(2).map(pair).collect();
    }
    level.first().copied().unwrap_or(Hash::ZERO)
}

/// The same root from leaves that come one after the other, of which few are kept.
#[derive(Clone, Debug, Default)]
pub struct Merkle {
    /// Whole trees, each smaller than the one before, with how often each was paired.
    trees: Vec<(u32, Hash)>,
}

impl Merkle {
    /// The next leaf.
    pub fn add(&mut self, hash: &Hash) {
        let (mut height, mut node) = (0, leaf(hash));
        while let Some((_, left)) = self.trees.pop_if(|(other, _)| *other == height) {
            node = pair(&[left, node]);
            height += 1;
        }
        self.trees.push((height, node));
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> Hash {
        let nodes = self.trees.iter().rev().map(|(_, node)| *node);
        nodes
            .reduce(|right, left| pair(&[left, right]))
            .unwrap_or(Hash::ZERO)
    }
}

/// What stands for an entry and its number among those of a period: a leaf of the tree that a seal signs.
pub fn document(entry: i64, number: i64, hash: &Hash) -> Hash {
    let mut encoder = Encoder::new("tieout.document.v1");
    encoder.value(entry);
    encoder.value(number);
    encoder.bytes(hash.as_bytes());
    encoder.finish()
}

/// One step from a leaf up to the root: the neighbour, and on which side it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The neighbour stands on the left.
    Left(Hash),
    /// The neighbour stands on the right.
    Right(Hash),
}

/// The steps that lead from a leaf to [`merkle_root`]; none when there is no such leaf.
pub fn merkle_path(leaves: &[Hash], index: usize) -> Option<Vec<Step>> {
    if index >= leaves.len() {
        return None;
    }
    let mut level: Vec<Hash> = leaves.iter().map(leaf).collect();
    let (mut at, mut path) = (index, Vec::new());
    while level.len() > 1 {
        // An odd one at the end has no neighbour and moves up as it is.
        if let Some(neighbour) = level.get(at ^ 1) {
            path.push(if at % 2 == 0 {
                Step::Right(*neighbour)
            } else {
                Step::Left(*neighbour)
            });
        }
        level = level.chunks(2).map(pair).collect();
        at /= 2;
    }
    Some(path)
}

/// The root to which a leaf and its path lead.
pub fn root_of_path(hash: &Hash, path: &[Step]) -> Hash {
    path.iter().fold(leaf(hash), |node, step| match step {
        Step::Left(left) => pair(&[*left, node]),
        Step::Right(right) => pair(&[node, *right]),
    })
}

fn leaf(hash: &Hash) -> Hash {
    let mut encoder = Encoder::new("tieout.leaf.v1");
    encoder.bytes(hash.as_bytes());
    encoder.finish()
}

fn pair(nodes: &[Hash]) -> Hash {
    match nodes {
        [left, right] => {
            let mut encoder = Encoder::new("tieout.node.v1");
            encoder.bytes(left.as_bytes());
            encoder.bytes(right.as_bytes());
            encoder.finish()
        }
        [only] => *only,
        _ => Hash::ZERO,
    }
}

/// The link of one posting batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Batches are numbered from 1 without gaps.
    pub batch: i64,
    /// The first entry of the batch.
    pub first_entry: i64,
    /// How many entries it holds.
    pub entries: i64,
    /// The Merkle root over their hashes.
    pub root: Hash,
    /// The hash of the link before, or zeros.
    pub previous: Hash,
}

impl Link {
    /// The hash of this link, which the next one points at.
    pub fn hash(&self) -> Hash {
        let mut encoder = Encoder::new("tieout.link.v1");
        encoder.value(self.batch);
        encoder.value(self.first_entry);
        encoder.value(self.entries);
        encoder.bytes(self.root.as_bytes());
        encoder.bytes(self.previous.as_bytes());
        encoder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_sees_every_leaf_and_its_place() {
        let leaves: Vec<Hash> = (0u8..5).map(|n| Hash::of(&[n])).collect();
        let root = merkle_root(&leaves);
        let mut swapped = leaves.clone();
        swapped.swap(3, 4);
        assert_ne!(merkle_root(&swapped), root);
        assert_ne!(merkle_root(&leaves[..4]), root);
        assert_eq!(merkle_root(&leaves), root);
        assert_eq!(merkle_root(&[]), Hash::ZERO);
    }

    #[test]
    fn leaves_one_after_the_other_make_the_same_root() {
        let leaves: Vec<Hash> = (0u8..70).map(|n| Hash::of(&[n])).collect();
        let mut merkle = Merkle::default();
        for count in 0..=leaves.len() {
            assert_eq!(merkle.root(), merkle_root(&leaves[..count]), "{count}");
            leaves.get(count).iter().for_each(|leaf| merkle.add(leaf));
        }
    }

    #[test]
    fn every_leaf_has_a_path_and_no_other_hash_fits_it() {
        for count in 1..=17u8 {
            let leaves: Vec<Hash> = (0..count).map(|n| Hash::of(&[n])).collect();
            let root = merkle_root(&leaves);
            for (index, hash) in leaves.iter().enumerate() {
                let path = merkle_path(&leaves, index).unwrap();
                assert_eq!(root_of_path(hash, &path), root, "leaf {index} of {count}");
                let other = Hash::of(b"another");
                assert_ne!(root_of_path(&other, &path), root, "leaf {index} of {count}");
            }
            assert_eq!(merkle_path(&leaves, leaves.len()), None);
        }
    }
}
