//! Our tree, proofs, notes and keys against implementations by others.
//!
//! `tlog_tiles` and `signed_note` are ports of Go's; `ct-merkle` was written apart from them.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use ledger::{
    Hash, Log, Memory, Name, Note, Signer,
    entry::Leaf,
    merkle::{prove_consistency, prove_inclusion, root, verify_consistency, verify_inclusion},
    store::Files as _,
    tile::Tiles,
};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use signed_note::{StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::tlog;

use crate::{create, leaf, signer, verifier};

/// The hashes that `tlog_tiles` keeps of a tree, in its own order.
#[derive(Default)]
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|i| self.0[usize::try_from(*i).unwrap()]).collect())
    }
}

impl Stored {
    fn of(leaves: &[Vec<u8>]) -> Self {
        let mut stored = Self::default();
        for (index, leaf) in (0..).zip(leaves) {
            let more = tlog::stored_hashes(index, leaf, &stored).unwrap();
            stored.0.extend(more);
        }
        stored
    }
}

fn ours(hashes: &[tlog::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::from_bytes(hash.0)).collect()
}

fn theirs(hashes: &[Hash]) -> Vec<tlog::Hash> {
    hashes.iter().map(|hash| tlog::Hash(*hash.as_bytes())).collect()
}

#[test]
fn ledgers_of_boundary_sizes_have_the_roots_that_others_compute() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    let mut stored = Stored::default();
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    // Leaves of the large tree differ only in what is cheap to differ in: reading 70,000 entries is for the audit.
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 513] {
        let leaves: Vec<Leaf> = (log.size()..size).map(leaf).collect();
        for (index, leaf) in (log.size()..).zip(&leaves) {
            let more = tlog::stored_hashes(index, leaf.as_bytes(), &stored).unwrap();
            stored.0.extend(more);
            tree.push(leaf.as_bytes().to_vec());
        }
        let _ = log.append(&leaves).unwrap();
        let root = log.checkpoint().root;
        assert_eq!(root.as_bytes(), &tlog::tree_hash(size, &stored).unwrap().0, "{size}");
        assert_eq!(root.as_bytes().as_slice(), tree.root().as_bytes().as_slice(), "{size}");
        for index in [0, 1, 254, 255, 256, 510, 511, 512].into_iter().filter(|i| *i < size) {
            let proof = log.prove_inclusion(index).unwrap();
            assert_eq!(proof, ours(&tlog::prove_record(size, index, &stored).unwrap()));
            let old = index + 1;
            let proof = log.prove_consistency(old).unwrap();
            assert_eq!(proof, ours(&tlog::prove_tree(size, old, &stored).unwrap()));
        }
    }
}

#[test]
fn a_ledger_of_70_000_entries_has_the_root_and_tiles_that_others_compute() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    // One entry over and over is as good as many: the tree does not know.
    let one = leaf(0);
    let _ = log.append(&vec![one.clone(); 69_000]).unwrap();
    let _ = log.append(&vec![one.clone(); 1000]).unwrap();
    let mut stored = Stored::default();
    let hash = tlog::record_hash(one.as_bytes());
    for index in 0..70_000 {
        let more = tlog::stored_hashes_for_record_hash(index, hash, &stored).unwrap();
        stored.0.extend(more);
    }
    let root = *log.checkpoint().root.as_bytes();
    assert_eq!(root, tlog::tree_hash(70_000, &stored).unwrap().0);
    for index in [0, 65_535, 65_536, 69_999] {
        let proof = log.prove_inclusion(index).unwrap();
        tlog::check_record(&theirs(&proof), 70_000, tlog::Hash(root), index, hash).unwrap();
    }
    drop(log);
    for (path, length) in [
        ("tile/0/272", 8192),
        ("tile/0/273.p/112", 112 * 32),
        ("tile/1/000", 8192),
        ("tile/1/001.p/17", 17 * 32),
        ("tile/2/000.p/1", 32),
        ("tile/entries/273.p/112", 112 * 514),
    ] {
        assert_eq!(store.read(path).unwrap().unwrap().len(), length, "{path}");
    }
    let log = Log::open(&mut store, &mut anchor, signer()).unwrap();
    assert_eq!(*log.checkpoint().root.as_bytes(), root);
}

#[test]
fn tiles_give_the_nodes_that_leaves_give() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let leaves: Vec<_> = (0..600).map(leaf).collect();
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves).unwrap();
    let hashes: Vec<_> = leaves.iter().map(Leaf::hash).collect();
    let tiles = Tiles::new(&store, 600);
    for size in [1, 255, 256, 257, 511, 512, 600] {
        assert_eq!(root(&tiles, size).unwrap(), root(hashes.as_slice(), size).unwrap());
        let proof = prove_consistency(&tiles, size, 600).unwrap();
        assert_eq!(proof, prove_consistency(hashes.as_slice(), size, 600).unwrap());
        let proof = prove_inclusion(&tiles, size - 1, 600).unwrap();
        assert_eq!(proof, prove_inclusion(hashes.as_slice(), size - 1, 600).unwrap());
    }
    assert!(root(&tiles, 601).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_are_those_of_two_other_implementations(
        count in 1u64..150, pick in any::<u64>(), seed in any::<u8>(),
    ) {
        let bytes: Vec<Vec<u8>> = (0..count).map(|i| vec![seed; usize::try_from(i % 40).unwrap()]).collect();
        let hashes: Vec<_> = bytes.iter().map(|leaf| Hash::of_leaf(leaf)).collect();
        let top = root(hashes.as_slice(), count).unwrap();
        let (index, old) = (pick % count, pick % count + 1);
        let at = usize::try_from(index).unwrap();
        let old_top = root(hashes.as_slice(), old).unwrap();

        let stored = Stored::of(&bytes);
        prop_assert_eq!(top.as_bytes(), &tlog::tree_hash(count, &stored).unwrap().0);
        let inclusion = prove_inclusion(hashes.as_slice(), index, count).unwrap();
        prop_assert_eq!(&inclusion, &ours(&tlog::prove_record(count, index, &stored).unwrap()));
        let consistency = prove_consistency(hashes.as_slice(), old, count).unwrap();
        prop_assert_eq!(&consistency, &ours(&tlog::prove_tree(count, old, &stored).unwrap()));

        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for leaf in &bytes {
            tree.push(leaf.clone());
        }
        let tree_root = tree.root();
        prop_assert_eq!(top.as_bytes().as_slice(), tree_root.as_bytes().as_slice());
        let other = tree.prove_inclusion(at);
        let (other, rest) = other.as_bytes().as_chunks::<32>();
        prop_assert!(rest.is_empty());
        let other: Vec<_> = other.iter().copied().map(Hash::from_bytes).collect();
        verify_inclusion(&hashes[at], index, count, &top, &other).unwrap();
        let digests: Vec<_> = inclusion.iter().map(|hash| (*hash.as_bytes()).into()).collect();
        let proof = InclusionProof::<Sha256>::from_digests(&digests);
        tree.root().verify_inclusion(&bytes[at], index, &proof).unwrap();

        let additions = usize::try_from(count - old).unwrap();
        let other = tree.prove_consistency(additions);
        let (other, _) = other.as_bytes().as_chunks::<32>();
        let other: Vec<_> = other.iter().copied().map(Hash::from_bytes).collect();
        verify_consistency(old, &old_top, count, &top, &other).unwrap();
        let digests: Vec<_> = consistency.iter().map(|hash| (*hash.as_bytes()).into()).collect();
        let proof = ConsistencyProof::<Sha256>::from_digests(&digests);
        let old_root = RootHash::<Sha256>::new((*old_top.as_bytes()).into(), old);
        tree.root().verify_consistency(&old_root, &proof).unwrap();
    }

    #[test]
    fn a_random_proof_is_judged_as_others_judge_it(
        size in 1u64..20, index in 0u64..20, old in 1u64..20, length in 0usize..6, true_part in 0usize..6,
    ) {
        // Half-true proofs: a true one cut or lengthened to some length.
        let bytes: Vec<Vec<u8>> = (0..size).map(|i| i.to_be_bytes().to_vec()).collect();
        let hashes: Vec<_> = bytes.iter().map(|leaf| Hash::of_leaf(leaf)).collect();
        let top = root(hashes.as_slice(), size).unwrap();
        let shape = |proof: Vec<Hash>| {
            let mut proof: Vec<_> = proof.into_iter().take(true_part).collect();
            proof.resize(length.max(proof.len()), Hash::of_nothing());
            proof
        };
        let at = index % size;
        let proof = shape(prove_inclusion(hashes.as_slice(), at, size).unwrap());
        let there = hashes[usize::try_from(at).unwrap()];
        let we = verify_inclusion(&there, at, size, &top, &proof).is_ok();
        let they = tlog::check_record(
            &theirs(&proof), size, tlog::Hash(*top.as_bytes()), at, tlog::Hash(*there.as_bytes()),
        ).is_ok();
        prop_assert_eq!(we, they);

        let old = old.min(size);
        let old_top = root(hashes.as_slice(), old).unwrap();
        let proof = shape(prove_consistency(hashes.as_slice(), old, size).unwrap());
        let we = verify_consistency(old, &old_top, size, &top, &proof).is_ok();
        let they = tlog::check_tree(
            &theirs(&proof), size, tlog::Hash(*top.as_bytes()), old, tlog::Hash(*old_top.as_bytes()),
        ).is_ok();
        prop_assert_eq!(we, they);
    }

    #[test]
    fn notes_and_keys_are_read_and_judged_as_others_do(
        random in any::<[u8; 32]>(), text in "[a-zé\n]{0,60}", name in "[a-z./é]{1,20}",
        place in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let text = text + "\n";
        let signer = Signer::from_random(Name::new(&name).unwrap(), random);
        let note = Note::sign(&text, &signer).unwrap().to_string().into_bytes();
        let theirs = |bytes: &[u8]| -> bool {
            let verifier = StandardVerifier::new(&signer.verifier().to_string()).unwrap();
            let known = VerifierList::new(vec![Box::new(verifier)]);
            signed_note::Note::from_bytes(bytes).is_ok_and(|note| note.verify(&known).is_ok())
        };
        let ours = |bytes: &[u8]| -> bool {
            Note::parse(bytes).is_ok_and(|note| note.verify(&[signer.verifier()]).is_ok())
        };
        prop_assert!(theirs(&note) && ours(&note));

        let their_signer = StandardSigner::new(&signer.to_secret_text()).unwrap();
        let mut their_note = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        their_note.add_sigs(&[&their_signer]).unwrap();
        prop_assert_eq!(their_note.to_bytes(), note.clone());

        let mut changed = note;
        let place = place.index(changed.len());
        changed[place] ^= 1 << bit;
        prop_assert!(!ours(&changed));
        prop_assert!(!theirs(&changed));
    }
}

#[test]
fn another_implementation_reads_our_checkpoint() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    let _ = log.append_one(&leaf(0)).unwrap();
    let known =
        VerifierList::new(vec![Box::new(StandardVerifier::new(&verifier().to_string()).unwrap())]);
    let note = signed_note::Note::from_bytes(log.signed_checkpoint()).unwrap();
    assert_eq!(note.verify(&known).unwrap().0.len(), 1);
    let text = String::from_utf8(note.text().to_vec()).unwrap();
    let root: [u8; 32] = Sha256::digest([&[0], leaf(0).as_bytes()].concat()).into();
    assert_eq!(text, format!("test.example/ledger\n1\n{}\n", Hash::from_bytes(root)));
}
