//! Receipts: one file that proves, to somebody with a policy and nothing else, that an entry is in a ledger.
//!
//! A receipt holds the entry's index, the proof of its inclusion, and the signed checkpoint with the witnesses'
//! lines. In its `extra` line, which nothing signs, ours hold the entry itself and what opens some of its
//! commitments. Nothing of that is believed as it stands: the entry must have the leaf hash that the proof starts
//! from, and each opening must open a commitment of the entry. This file needs no network and no ledger.
//!
//! Implements [C2SP tlog-proof v1](https://c2sp.org/tlog-proof); of the checkpoint, [`crate::policy`] judges.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Error,
    checkpoint::Checkpoint,
    commitment::Opening,
    entry::{Entry, Leaf},
    merkle::{self, Hash},
    note::Note,
    policy::{Accepted, Policy},
};

/// The first line of every receipt.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// How long a receipt may be: an entry of the largest size with all it may open, and a note of 100 signatures.
const BYTES: usize = 1_000_000;

/// The most hashes of a proof: a tree of 2^63 entries has no longer one.
const HASHES: usize = 63;

/// The proof that an entry is in a ledger, in a form that can be kept in one file.
///
/// Nothing in it says anything before [`Receipt::verify`] or [`Receipt::read`] has accepted it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    extra: Option<Vec<u8>>,
    index: u64,
    proof: Vec<Hash>,
    note: Note,
}

/// What a receipt of ours was found to prove.
#[derive(Debug)]
pub struct Told {
    /// Where the entry stands.
    pub index: u64,
    /// The entry, which has the leaf hash that was proved.
    pub entry: Entry,
    /// What opens some of its commitments, each held against the entry. Personal data.
    pub openings: Vec<Opening>,
    /// The checkpoint, and who signed it.
    pub accepted: Accepted,
}

/// What our receipts hold in `extra`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    /// The entry without its padding, which follows from the rest.
    entry: Value,
    openings: Vec<Opening>,
}

impl Receipt {
    /// Puts a receipt together: a proof made for the size of the checkpoint in the note.
    pub fn new(index: u64, proof: Vec<Hash>, note: Note) -> Self {
        Self { extra: None, index, proof, note }
    }

    /// Puts the entry into the receipt, and what opens those of its commitments that the holder may see.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignOpening`] when one opens no commitment of the entry.
    #[expect(clippy::needless_pass_by_value, reason = "whoever puts openings in gives them away")]
    pub fn with_entry(mut self, leaf: &Leaf, openings: Vec<Opening>) -> Result<Self, Error> {
        let entry = leaf.to_entry()?;
        check_openings(&entry, &openings)?;
        self.extra = Some(spell_extra(&entry.spell()?, &openings)?);
        Ok(self)
    }

    /// Returns where the entry is said to stand.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns the signed checkpoint.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Returns what stands in the line that nothing signs. Whoever wrote or changed the file may have put anything
    /// there; [`Receipt::read`] holds ours against the leaf.
    pub fn unauthenticated_extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Reads a receipt. This checks its form, not what it says.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedReceipt`] or, for its checkpoint, [`Error::MalformedNote`] or
    /// [`Error::MalformedCheckpoint`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |reason| Error::MalformedReceipt { reason };
        if bytes.len() > BYTES {
            return Err(malformed("it is longer than 1,000,000 bytes"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or(malformed("no empty line stands before its checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let mut line = lines.next().ok_or(malformed("it has no index"))?;
        let mut extra = None;
        if let Some(base64) = line.strip_prefix("extra ") {
            let decoded = BASE64_STANDARD.decode(base64);
            extra = Some(decoded.map_err(|_| malformed("its extra line is not base64"))?);
            line = lines.next().ok_or(malformed("it has no index"))?;
        }
        let index = line.strip_prefix("index ").and_then(parse_number);
        let index = index.ok_or(malformed("its index is not a number"))?;
        let proof = parse_hashes(lines).ok_or(malformed("a line of its proof is not a hash"))?;
        let note = Note::parse(note.as_bytes())?;
        Checkpoint::parse(note.text())?;
        Ok(Self { extra, index, proof, note })
    }

    /// Checks that the leaf with this hash is in the ledger, as the policy asks.
    ///
    /// # Errors
    ///
    /// As [`Policy::judge`], or [`Error::FalseProof`].
    pub fn verify(&self, leaf: &Hash, policy: &Policy) -> Result<Accepted, Error> {
        let accepted = policy.judge(&self.note)?;
        let checkpoint = &accepted.checkpoint;
        merkle::verify_inclusion(leaf, self.index, checkpoint.size, &checkpoint.root, &self.proof)?;
        Ok(accepted)
    }

    /// Checks a receipt of ours, which holds its entry, and returns what it proves.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedReceipt`] when it holds no entry of ours; [`Error::ForeignOpening`] when it opens what the
    /// entry did not commit to; otherwise as [`Receipt::verify`].
    pub fn read(&self, policy: &Policy) -> Result<Told, Error> {
        let malformed = |reason| Error::MalformedReceipt { reason };
        let extra = self.extra.as_deref().ok_or(malformed("it does not hold its entry"))?;
        let Extra { entry, openings } = serde_json::from_slice(extra)
            .map_err(|_| malformed("what it holds besides its proof is not of ours"))?;
        let entry = Entry::read(entry)?;
        let spelled = entry.spell()?;
        // INVARIANT: what was not held against the leaf is not there: the extra line has one spelling, too.
        let again = spell_extra(&spelled, &openings)?;
        let accepted = self.verify(&entry.pad(spelled)?.hash(), policy)?;
        check_openings(&entry, &openings)?;
        if again != extra {
            return Err(malformed(
                "what it holds besides its proof is not spelled the one way there is",
            ));
        }
        Ok(Told { index: self.index, entry, openings, accepted })
    }
}

/// The receipt itself, as it is kept in a file that ends in `.tlog-proof`.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// Reads a number that is written the one way there is.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// Reads the hashes of a proof, one a line.
pub(crate) fn parse_hashes<'text>(lines: impl Iterator<Item = &'text str>) -> Option<Vec<Hash>> {
    let mut hashes = Vec::new();
    for line in lines {
        let bytes = BASE64_STANDARD.decode(line).ok()?;
        hashes.push(Hash::from_bytes(bytes.try_into().ok()?));
        if hashes.len() > HASHES {
            return None;
        }
    }
    Some(hashes)
}

/// Spells the extra line: canonical JSON of an [`Extra`], whose members are in order, around an entry spelled before.
fn spell_extra(entry: &[u8], openings: &[Opening]) -> Result<Vec<u8>, Error> {
    let openings = serde_json_canonicalizer::to_vec(&openings)
        .map_err(|_| Error::MalformedReceipt { reason: "its openings have no canonical form" })?;
    Ok([br#"{"entry":"#, entry, br#","openings":"#, &openings, b"}"].concat())
}

fn check_openings(entry: &Entry, openings: &[Opening]) -> Result<(), Error> {
    for opening in openings {
        let field = entry.commitments().get(opening.field());
        if !field.is_some_and(|list| list.iter().any(|one| opening.opens(one))) {
            return Err(Error::ForeignOpening { field: opening.field().to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        commitment::commit,
        cosignature::Cosigner,
        entry::{Commitments, Facts, Kind},
        note::{Name, Signer},
    };

    fn signer() -> Signer {
        Signer::from_random(Name::new("ledger.example/2026").unwrap(), [5; 32])
    }

    fn witness() -> Cosigner {
        Cosigner::from_random(Name::new("witness.example").unwrap(), [6; 32])
    }

    fn policy() -> Policy {
        let text =
            format!("log {}\nwitness w {}\nquorum w\n", signer().verifier(), witness().verifier());
        Policy::parse(text.as_bytes()).unwrap()
    }

    fn made() -> (Leaf, Opening) {
        let (commitment, opening) = commit([1; 32], "name", "Ada".into()).unwrap();
        let (other, _) = commit([2; 32], "name", "Ben".into()).unwrap();
        let mut facts = Facts::new();
        facts.insert("count".into(), 2.into());
        let commitments = Commitments::from([("name".to_owned(), vec![other, commitment])]);
        let at = "2026-01-31T09:00:00Z".parse().unwrap();
        let entry =
            Entry::new(Kind::new("demo").unwrap(), at, facts, commitments, [3; 32]).unwrap();
        (entry.to_leaf().unwrap(), opening)
    }

    fn receipt() -> Receipt {
        let (leaf, opening) = made();
        let leaves: Vec<_> =
            (0..7_u8).map(|i| if i == 5 { leaf.hash() } else { Hash::of_leaf(&[i]) }).collect();
        let root = merkle::root(leaves.as_slice(), 7).unwrap();
        let proof = merkle::prove_inclusion(leaves.as_slice(), 5, 7).unwrap();
        let checkpoint = Checkpoint { size: 7, root, ..Checkpoint::of_nothing(signer().name()) };
        let mut note = checkpoint.sign(&signer()).unwrap();
        let at = "2026-01-31T09:00:01Z".parse().unwrap();
        note.add(vec![witness().cosign(note.text(), at).unwrap()]).unwrap();
        Receipt::new(5, proof, note).with_entry(&leaf, vec![opening]).unwrap()
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written_and_proves_its_entry_and_what_it_opens() {
        let text = receipt().to_string();
        let again = Receipt::parse(text.as_bytes()).unwrap();
        assert_eq!(again, receipt());
        assert_eq!(again.to_string(), text);
        let told = again.read(&policy()).unwrap();
        assert_eq!(told.index, 5);
        assert_eq!(told.entry, made().0.to_entry().unwrap());
        assert_eq!(told.openings[0].value(), "Ada");
        assert_eq!(told.accepted.checkpoint.size, 7);
        assert_eq!(told.accepted.cosigned.len(), 1);
        again.verify(&made().0.hash(), &policy()).unwrap();
        assert!(matches!(again.verify(&Hash::of_leaf(b""), &policy()), Err(Error::FalseProof)));
    }

    #[test]
    fn every_changed_byte_of_a_receipt_is_found() {
        let bytes = receipt().to_string().into_bytes();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                let told = Receipt::parse(&changed).and_then(|receipt| receipt.read(&policy()));
                assert!(told.is_err(), "byte {place} bit {bit}");
            }
        }
    }

    #[test]
    fn what_nothing_signs_is_believed_only_when_it_is_held_by_the_leaf() {
        // Another entry in the same place, an opening of another commitment, a value changed, and one thing more.
        let (_, opening) = made();
        let (_, foreign) = commit([9; 32], "name", "Eve".into()).unwrap();
        let (_, elsewhere) = commit([1; 32], "birth_date", "Ada".into()).unwrap();
        let read = |extra: String| {
            let mut receipt = receipt();
            receipt.extra = Some(extra.into_bytes());
            receipt.read(&policy())
        };
        let entry: Value =
            serde_json::from_slice(&made().0.to_entry().unwrap().spell().unwrap()).unwrap();
        let spelled = |entry: &Value, openings: &[&Opening]| {
            String::from_utf8(
                serde_json_canonicalizer::to_vec(
                    &serde_json::json!({"entry": entry, "openings": openings}),
                )
                .unwrap(),
            )
            .unwrap()
        };
        assert!(read(spelled(&entry, &[&opening])).is_ok());
        assert!(read(spelled(&entry, &[])).is_ok());
        for wrong in [&foreign, &elsewhere] {
            let told = read(spelled(&entry, &[&opening, wrong]));
            assert!(matches!(told, Err(Error::ForeignOpening { .. })));
        }
        let mut other = entry.clone();
        other["facts"]["count"] = 3.into();
        assert!(matches!(read(spelled(&other, &[])), Err(Error::FalseProof)));
        let mut padded = entry.clone();
        padded["pad"] = "000".into();
        assert!(read(spelled(&padded, &[])).is_err());
        assert!(read(spelled(&entry, &[&opening]).replace("Ada", "Eve")).is_err());
        assert!(read(spelled(&entry, &[]).replace("\"openings\"", " \"openings\"")).is_err());
        assert!(
            read(spelled(&entry, &[]).replace("\"openings\":[]", "\"openings\":[],\"x\":1"))
                .is_err()
        );
        let mut none = receipt();
        none.extra = None;
        assert!(matches!(none.read(&policy()), Err(Error::MalformedReceipt { .. })));
        assert!(none.verify(&made().0.hash(), &policy()).is_ok());
    }

    #[test]
    fn an_opening_of_another_entry_is_not_put_into_a_receipt() {
        let (_, foreign) = commit([9; 32], "name", "Ada".into()).unwrap();
        let error = receipt().with_entry(&made().0, vec![foreign]).unwrap_err();
        assert!(matches!(error, Error::ForeignOpening { .. }));
        assert!(!error.to_string().contains("Ada"));
    }

    #[test]
    fn the_example_of_the_specification_has_the_form_that_is_read() {
        let note = receipt().note.to_string();
        let proof = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n";
        let good = format!("{HEADER}\nextra YQ==\nindex 73894\n{proof}\n{note}");
        let read = Receipt::parse(good.as_bytes()).unwrap();
        assert_eq!((read.index(), read.unauthenticated_extra()), (73_894, Some(b"a".as_slice())));
        assert!(Receipt::parse(good.replace("extra YQ==\n", "").as_bytes()).is_ok());
        for wrong in [
            good.replace("@v1", "@v2"),
            good.replace("extra YQ==", "extra YQ"),
            good.replace("extra YQ==", "extra"),
            good.replace("index 73894", "index 073894"),
            good.replace("index 73894", "index -1"),
            good.replace("index 73894\n", ""),
            good.replace("lQ=\n", "lQ=\n\n"),
            good.replace("lQ=\n", "lQ\n"),
            good.replace("lQ=\n", "lQ= \n"),
            good.replace("index 73894\n", "index 73894\nextra YQ==\n"),
            good.replace(proof, &proof.repeat(64)),
            format!("{HEADER}\nindex 1\n"),
            String::new(),
        ] {
            assert!(Receipt::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Receipt::parse(good.replace(proof, &proof.repeat(63)).as_bytes()).is_ok());
        assert!(Receipt::parse(&vec![b'\n'; BYTES + 1]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,60}", extra in any::<Vec<u8>>(),
        ) {
            let _ = Receipt::parse(&bytes);
            let head = format!("{HEADER}\nextra {}\nindex 1\n{text}\n\n", BASE64_STANDARD.encode(&extra));
            let _ = Receipt::parse(format!("{head}{}", receipt().note).as_bytes());
            let mut receipt = receipt();
            receipt.extra = Some(extra);
            prop_assert!(receipt.read(&policy()).is_err());
        }
    }
}
