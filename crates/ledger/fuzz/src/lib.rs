//! What must hold of any bytes that come from outside: one function for each kind of them.
//!
//! The fuzz targets call these with what libFuzzer thinks of, and the crate's tests with the kept corpora. None of them
//! may panic. What is accepted is written again and must be the same bytes, so that nothing has two spellings; what is
//! accepted as signed must be what the fixed keys of [`seeds`] have signed.

use ledger::{
    Checkpoint, Commitments, Cosigner, Entry, Facts, Hash, Kind, Leaf, Memory, Name, Note, Policy,
    Receipt, Signer, Verifier, Witness,
    merkle::{prove_consistency, prove_inclusion, root, verify_consistency, verify_inclusion},
    tile::{self, Tile},
    witness::{Answer, Request},
};

/// A throw-away key: its bytes stand here, so it proves nothing to anybody.
fn signer() -> Signer {
    Signer::from_random(Name::new("fuzz.example/ledger").unwrap(), [42; 32])
}

fn cosigner() -> Cosigner {
    Cosigner::from_random(Name::new("fuzz.example/witness").unwrap(), [43; 32])
}

fn policy_text() -> String {
    format!("log {}\nwitness w {}\nquorum w\n", signer().verifier(), cosigner().verifier())
}

fn at() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_769_850_000).unwrap()
}

fn leaf(number: u64) -> Leaf {
    let mut facts = Facts::new();
    facts.insert("number".to_owned(), number.into());
    let (commitment, _) = ledger::commit([1; 32], "name", "value".into()).unwrap();
    let commitments = Commitments::from([("name".to_owned(), vec![commitment])]);
    let kind = Kind::new("fuzz.entry").unwrap();
    Entry::new(kind, at(), facts, commitments, [3; 32]).unwrap().to_leaf().unwrap()
}

/// How many entries the ledger of the seeds has.
const SIZE: u64 = 7;

fn hashes() -> Vec<Hash> {
    (0..SIZE).map(|number| leaf(number).hash()).collect()
}

fn signed(size: u64) -> Note {
    let all = hashes();
    let root = root(all.as_slice(), size).unwrap();
    let checkpoint = Checkpoint { size, root, ..Checkpoint::of_nothing(signer().name()) };
    let mut note = checkpoint.sign(&signer()).unwrap();
    note.add(vec![cosigner().cosign(note.text(), at()).unwrap()]).unwrap();
    note
}

/// Any bytes as a note, and as keys.
pub fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        let (log, witness) = (signer(), cosigner());
        let known = [log.verifier(), witness.verifier()];
        if let Ok(verified) = note.verify(&known) {
            let texts: Vec<_> = (0..=SIZE).map(|size| signed(size).text().to_owned()).collect();
            assert!(texts.iter().any(|text| text == verified.text), "a forgery");
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(verifier) = Verifier::parse(text) {
            assert_eq!(verifier.to_string(), text);
        }
        if let Ok(signer) = Signer::parse(text) {
            assert_eq!(signer.to_secret_text(), text);
        }
        if let Ok(cosigner) = Cosigner::parse(text) {
            assert_eq!(cosigner.to_secret_text(), text);
        }
    }
}

/// Any bytes as a checkpoint, signed and not.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(checkpoint) = Checkpoint::parse(text)
    {
        assert!(text.starts_with(&checkpoint.text()), "extension lines alone may follow");
        assert_eq!(Checkpoint::parse(&checkpoint.text()).unwrap(), checkpoint);
    }
    if let Ok(checkpoint) = Checkpoint::open(bytes, signer().verifier()) {
        let all = hashes();
        assert!(checkpoint.size <= SIZE);
        assert_eq!(checkpoint.root, root(all.as_slice(), checkpoint.size).unwrap(), "a forgery");
    }
}

/// Any bytes as a bundle, as a tile and as a path; the first says how wide it is.
pub fn bundle(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(tile) = text.parse::<Tile>()
    {
        assert_eq!(tile.to_string(), text);
    }
    let Some((width, rest)) = bytes.split_first() else {
        return;
    };
    let width = u64::from(*width) + 1;
    if let Some(tile) = Tile::of_entry(0, width)
        && let Ok(entries) = tile::read_entries(&tile, rest)
    {
        assert_eq!(entries.len() as u64, width);
        let mut again = Vec::new();
        for entry in entries {
            tile::push_entry(&mut again, entry).unwrap();
            if let Ok(leaf) = Leaf::parse(entry.to_vec()) {
                assert_eq!(leaf.as_bytes(), entry);
                assert_eq!(leaf.hash(), Hash::of_leaf(entry));
                assert_eq!(leaf.to_entry().unwrap().to_leaf().unwrap(), leaf);
            }
        }
        assert_eq!(again, rest);
    }
    if let Some(tile) = Tile::at(tile::Level::Hashes(0), 0, width)
        && let Ok(hashes) = tile::read_hashes(&tile, rest)
    {
        assert_eq!(tile::write_hashes(&hashes), rest);
    }
}

/// Any bytes as proofs, and as changes to true ones.
pub fn proof(bytes: &[u8]) {
    let (numbers, rest) = bytes.as_chunks::<8>();
    let mut numbers = numbers.iter().map(|number| u64::from_be_bytes(*number));
    let (first, second) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (raw, _) = bytes.get(16..).unwrap_or(rest).as_chunks::<{ Hash::SIZE }>();
    let raw: Vec<_> = raw.iter().copied().map(Hash::from_bytes).collect();
    if let [leaf, root, proof @ ..] = raw.as_slice() {
        // Whoever chooses the root as well can prove what he likes; only that it ends is checked.
        let _ = verify_inclusion(leaf, first, second, root, proof);
        let _ = verify_consistency(first, leaf, second, root, proof);
    }
    let [size, index, old, changes @ ..] = bytes else {
        return;
    };
    let size = u64::from(*size) + 1;
    let all: Vec<_> = (0..size).map(|i| Hash::of_leaf(&i.to_be_bytes())).collect();
    let (index, old) = (u64::from(*index) % size, u64::from(*old) % (size + 1));
    let top = root(all.as_slice(), size).unwrap();
    let alter = |proof: &[Hash]| {
        let mut bytes: Vec<u8> = tile::write_hashes(proof);
        for change in changes.chunks_exact(3) {
            if let [place, at, with] = change
                && let Some(byte) =
                    bytes.get_mut(usize::from(*place) * Hash::SIZE + usize::from(*at % 32))
            {
                *byte ^= with;
            }
        }
        // One more byte cuts the proof short.
        let kept = match changes.chunks_exact(3).remainder() {
            [cut] => usize::from(*cut) * Hash::SIZE,
            _ => bytes.len(),
        };
        bytes.truncate(kept);
        let (hashes, _) = bytes.as_chunks::<{ Hash::SIZE }>();
        hashes.iter().copied().map(Hash::from_bytes).collect::<Vec<_>>()
    };
    let leaf = Hash::of_leaf(&index.to_be_bytes());
    let (inclusion, consistency) = (
        prove_inclusion(all.as_slice(), index, size).unwrap(),
        prove_consistency(all.as_slice(), old, size).unwrap(),
    );
    let given = alter(&inclusion);
    let proved = verify_inclusion(&leaf, index, size, &top, &given).is_ok();
    assert_eq!(proved, given == inclusion);
    let before = root(all.as_slice(), old).unwrap();
    let given = alter(&consistency);
    let proved = verify_consistency(old, &before, size, &top, &given).is_ok();
    assert_eq!(proved, given == consistency);
}

/// Any bytes as a request to a witness, and as what one answers; the first two say with which status.
pub fn witness(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
    }
    let logs = || [signer().verifier().clone()];
    let mut witness = Witness::new(Memory::new(), cosigner(), logs());
    let answer = witness.add_checkpoint(bytes, at()).unwrap();
    let again = Answer::parse(answer.status(), answer.body().as_bytes()).unwrap();
    assert_eq!(again, answer);
    if let Answer::Cosigned(_) = answer {
        let stored = witness.checkpoint(&signer().name().into()).unwrap().unwrap();
        checkpoint(&stored);
        // What was cosigned once is not cosigned again from nothing, unless it is nothing.
        let size = Checkpoint::open(&stored, signer().verifier()).unwrap().size;
        let second = witness.add_checkpoint(bytes, at()).unwrap();
        assert!(size == 0 || second == Answer::OtherSize(size));
    }
    if let [high, low, body @ ..] = bytes
        && let Ok(answer) = Answer::parse(u16::from_be_bytes([*high, *low]), body)
        && matches!(answer, Answer::Cosigned(_) | Answer::OtherSize(_))
    {
        assert_eq!(answer.body().as_bytes(), body);
    }
}

/// Any bytes as a receipt.
pub fn receipt(bytes: &[u8]) {
    let Ok(receipt) = Receipt::parse(bytes) else {
        return;
    };
    assert_eq!(receipt.to_string().as_bytes(), bytes);
    let policy = Policy::parse(policy_text().as_bytes()).unwrap();
    if let Ok(told) = receipt.read(&policy) {
        assert_eq!(told.entry.to_leaf().unwrap(), leaf(told.index), "a forgery");
    }
}

/// Any bytes as a policy.
pub fn policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse(bytes) {
        assert!(bytes.is_empty() || bytes.ends_with(b"\n"));
        let _ = policy.judge(&signed(SIZE));
        assert!(policy.logs().len() + policy.witnesses().count() <= 1000);
    }
}

/// The corpora as they began: for each target, what is right, so that what libFuzzer makes of it is nearly so.
pub fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let all = hashes();
    let text = |text: String| text.into_bytes();
    let request = |old, size| {
        let proof = prove_consistency(all.as_slice(), old, size).unwrap();
        text(Request { old, proof, note: signed(size) }.to_string())
    };
    let receipt = |index| {
        let proof = prove_inclusion(all.as_slice(), index, SIZE).unwrap();
        let (_, opening) = ledger::commit([1; 32], "name", "value".into()).unwrap();
        let receipt = Receipt::new(index, proof, signed(SIZE));
        (receipt.clone(), receipt.with_entry(&leaf(index), vec![opening]).unwrap())
    };
    let mut bundle = vec![2];
    for number in 0..3 {
        tile::push_entry(&mut bundle, leaf(number).as_bytes()).unwrap();
    }
    let mut tile = vec![6];
    tile.extend(tile::write_hashes(&all));
    let mut raw = [3_u64, 7].map(u64::to_be_bytes).concat();
    raw.extend(tile::write_hashes(&[all[3], root(all.as_slice(), SIZE).unwrap()]));
    let mut answer = 200_u16.to_be_bytes().to_vec();
    answer.extend(cosigner().cosign(signed(3).text(), at()).unwrap().to_string().into_bytes());
    answer.push(b'\n');
    let mut size = 409_u16.to_be_bytes().to_vec();
    size.extend(b"7\n");
    let group = "group both all a b\ngroup any any w x\ngroup two 1 both any\nquorum two\n";
    let witness = |name: &str, byte| {
        let key = Cosigner::from_random(Name::new("w.example").unwrap(), [byte; 32]);
        format!("witness {name} {} https://w.example/\n", key.verifier())
    };
    let witnesses: String =
        [("a", 1), ("b", 2), ("w", 3), ("x", 4)].map(|(name, byte)| witness(name, byte)).concat();
    vec![
        ("note", "signed", text(signed(SIZE).to_string())),
        ("note", "verifier", text(signer().verifier().to_string())),
        // The form of a private key without one: none is kept in the tree, not even a throw-away one.
        ("note", "secret", b"PRIVATE+KEY+fuzz.example/ledger+00000000+AQ==".to_vec()),
        ("checkpoint", "text", text(signed(SIZE).text().to_owned())),
        ("checkpoint", "extended", text(signed(SIZE).text().to_owned() + "an extension\n")),
        ("checkpoint", "signed", text(signed(SIZE).to_string())),
        ("bundle", "entries", bundle),
        ("bundle", "hashes", tile),
        ("bundle", "path", b"tile/entries/x001/234.p/17".to_vec()),
        ("proof", "raw", raw),
        ("proof", "true", vec![200, 77, 99]),
        ("proof", "changed", vec![200, 77, 99, 2, 5, 1]),
        ("proof", "cut", vec![200, 77, 99, 3]),
        ("witness", "first", request(0, 3)),
        ("witness", "next", request(3, 7)),
        ("witness", "answer", answer),
        ("witness", "size", size),
        ("receipt", "bare", text(receipt(5).0.to_string())),
        ("receipt", "entry", text(receipt(5).1.to_string())),
        ("policy", "one", text(policy_text())),
        ("policy", "none", text(format!("log {}\nquorum none\n", signer().verifier()))),
        ("policy", "groups", text(format!("# of four\n{witnesses}{group}"))),
    ]
}
