//! Witnessing: saying of somebody else's ledger, once for each size, that it still continues what it was.
//!
//! A [`Witness`] remembers the largest checkpoint that it has cosigned for each log, and cosigns another only when a
//! proof shows that it continues that one. So a ledger whose witnesses are honest cannot show two people two
//! histories. The bytes of a request come in, the answer goes out: sockets and clocks are for who calls. A request
//! carries hashes only, so a witness learns nothing but how fast a ledger grows.
//!
//! Implements `add-checkpoint` and the monitor's retrieval of
//! [C2SP tlog-witness v1](https://c2sp.org/tlog-witness@v1.0.0). The optional `sign-subtree` is not implemented: it
//! is for cosignatures of another type.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use crate::{
    Error,
    checkpoint::{Checkpoint, Origin},
    cosignature::Cosigner,
    crypto::sha256,
    merkle::{self, Hash},
    note::{self, Note, Signature, Verifier},
    receipt::{parse_hashes, parse_number},
    store::Store,
};

/// How many bytes a request may have: its proof, and a note of the largest size.
pub const BYTES: usize = 1_010_000;

/// What a log sends to a witness: a checkpoint, and the proof that it continues an older one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The size of the older one, zero for none.
    pub old: u64,
    /// The proof.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
}

impl Request {
    /// Reads a request. This checks its form, not what it says.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedRequest`] or, for its checkpoint, [`Error::MalformedNote`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |reason| Error::MalformedRequest { reason };
        if bytes.len() > BYTES {
            return Err(malformed("it is longer than 1,010,000 bytes"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or(malformed("no empty line stands before its checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(parse_number);
        let old = old.ok_or(malformed("it does not begin with the old size"))?;
        let proof = parse_hashes(lines)
            .ok_or(malformed("a line of its proof is not a hash, or there are more than 63"))?;
        Ok(Self { old, proof, note: Note::parse(note.as_bytes())? })
    }
}

/// The body of the request.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// What a witness answers.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "only one of the answers is a cosignature"]
pub enum Answer {
    /// It cosigns: these are its lines.
    Cosigned(Vec<Signature>),
    /// The request is malformed, or the old size is beyond the new one.
    Malformed,
    /// No key that it trusts for the origin has signed, or a signature in such a key's name is false.
    Unsigned,
    /// It does not know the log.
    UnknownLog,
    /// The old size is not that of the checkpoint it cosigned last, which is this.
    OtherSize(u64),
    /// The proof does not show that the checkpoint continues the old one: a fork, or a mistake.
    NotContinued,
}

impl Answer {
    /// Returns the status of the HTTP response.
    pub fn status(&self) -> u16 {
        match self {
            Self::Cosigned(_) => 200,
            Self::Malformed => 400,
            Self::Unsigned => 403,
            Self::UnknownLog => 404,
            Self::OtherSize(_) => 409,
            Self::NotContinued => 422,
        }
    }

    /// Returns the type of the body.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::OtherSize(_) => "text/x.tlog.size",
            Self::Cosigned(_)
            | Self::Malformed
            | Self::Unsigned
            | Self::UnknownLog
            | Self::NotContinued => "text/plain; charset=utf-8",
        }
    }

    /// Returns the body.
    pub fn body(&self) -> String {
        match self {
            Self::Cosigned(lines) => {
                lines.iter().fold(String::new(), |body, line| body + &line.to_string() + "\n")
            }
            Self::Malformed => "the request is malformed\n".to_owned(),
            Self::Unsigned => "no known key has signed the checkpoint\n".to_owned(),
            Self::UnknownLog => "the log is not known here\n".to_owned(),
            Self::OtherSize(size) => format!("{size}\n"),
            Self::NotContinued => "the checkpoint does not continue the last one\n".to_owned(),
        }
    }

    /// Reads an answer. Its lines say nothing until they are verified, for which see [`Note::add`].
    ///
    /// # Errors
    ///
    /// [`Error::MalformedAnswer`] when no witness of this protocol answers so.
    pub fn parse(status: u16, body: &[u8]) -> Result<Self, Error> {
        let malformed = || Error::MalformedAnswer { status };
        let line = || {
            let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= BYTES);
            text.and_then(|text| text.strip_suffix('\n')).ok_or_else(malformed)
        };
        match status {
            200 => Ok(Self::Cosigned(note::parse_signatures(line()?).map_err(|_| malformed())?)),
            400 => Ok(Self::Malformed),
            403 => Ok(Self::Unsigned),
            404 => Ok(Self::UnknownLog),
            409 => Ok(Self::OtherSize(parse_number(line()?).ok_or_else(malformed)?)),
            422 => Ok(Self::NotContinued),
            _ => Err(malformed()),
        }
    }
}

/// A witness at work: its key, the logs it knows, and what it cosigned last for each.
///
/// A witness must have one store only, and never one that was restored from an older copy: it would then cosign
/// what contradicts its own later word.
#[derive(Debug)]
pub struct Witness<S> {
    store: S,
    cosigner: Cosigner,
    logs: BTreeMap<Origin, Vec<Verifier>>,
}

impl<S: Store> Witness<S> {
    /// Makes a witness of these logs, whose keys bear the names of their origins. One log may have several keys.
    pub fn new(store: S, cosigner: Cosigner, logs: impl IntoIterator<Item = Verifier>) -> Self {
        let mut known = BTreeMap::<_, Vec<_>>::new();
        for verifier in logs {
            known.entry(Origin::from(verifier.name())).or_default().push(verifier);
        }
        Self { store, cosigner, logs: known }
    }

    /// Returns the witness's public key.
    pub fn verifier(&self) -> &Verifier {
        self.cosigner.verifier()
    }

    /// Answers a request. When the answer is a cosignature, what was cosigned is durable already.
    ///
    /// That this takes `&mut self`, and the store one writer, is what makes checking and storing one act.
    ///
    /// # Errors
    ///
    /// When the store fails, or what it holds was changed: then nothing was cosigned, and whoever asked gets no
    /// answer of this protocol but that of a server that failed.
    pub fn add_checkpoint(&mut self, body: &[u8], now: Timestamp) -> Result<Answer, Error> {
        let Ok(request) = Request::parse(body) else {
            return Ok(Answer::Malformed);
        };
        let Ok(checkpoint) = Checkpoint::parse(request.note.text()) else {
            return Ok(Answer::Malformed);
        };
        let Some(keys) = self.logs.get(&checkpoint.origin) else {
            return Ok(Answer::UnknownLog);
        };
        let keys: Vec<_> = keys.iter().collect();
        let by = match request.note.verify(&keys) {
            Ok(verified) => verified.by.into_iter().cloned().collect(),
            Err(_) => return Ok(Answer::Unsigned),
        };
        if request.old > checkpoint.size {
            return Ok(Answer::Malformed);
        }
        let path = path_of(&checkpoint.origin);
        let stored = self.store.read(&path)?;
        let last = stored.as_deref().map(|bytes| self.read_own(&path, bytes)).transpose()?;
        let (last_size, last_root) =
            last.map_or((0, Hash::of_nothing()), |last| (last.size, last.root));
        if request.old != last_size {
            return Ok(Answer::OtherSize(last_size));
        }
        let Checkpoint { size, root, .. } = &checkpoint;
        // A proof from a tree to itself is empty, and so is one from nothing; a tree of nothing has one root.
        if merkle::verify_consistency(last_size, &last_root, *size, root, &request.proof).is_err() {
            return Ok(Answer::NotContinued);
        }
        let line = self.cosigner.cosign(request.note.text(), now)?;
        let mut note = request.note.bare();
        note.add(by)?;
        note.add(vec![line.clone()])?;
        // If we crash before this returns, nobody has the cosignature; afterwards, everybody may have it.
        self.store.replace(&path, stored.as_deref(), note.to_string().as_bytes())?;
        Ok(Answer::Cosigned(vec![line]))
    }

    /// Returns the checkpoint that was cosigned last for a log, for monitors; nothing when there is none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn checkpoint(&self, origin: &Origin) -> Result<Option<Vec<u8>>, Error> {
        self.store.read(&path_of(origin))
    }

    /// Answers a monitor's request by its path: `<origin hash>/checkpoint`.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn checkpoint_at(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.logs.keys().find(|origin| path_of(origin) == path) {
            Some(origin) => self.checkpoint(origin),
            None => Ok(None),
        }
    }

    /// Reads a checkpoint that this witness has stored, and holds it to its own signature.
    fn read_own(&self, path: &str, bytes: &[u8]) -> Result<Checkpoint, Error> {
        let damaged = |_| Error::Damaged {
            path: path.to_owned(),
            reason: "it is not what this witness has cosigned",
        };
        let note = Note::parse(bytes).map_err(damaged)?;
        let verified = note.verify(&[self.cosigner.verifier()]).map_err(damaged)?;
        let checkpoint = Checkpoint::parse(verified.text).map_err(damaged)?;
        if path_of(&checkpoint.origin) == path {
            Ok(checkpoint)
        } else {
            Err(damaged(Error::NoLedger))
        }
    }
}

/// Returns where the last checkpoint of a log is kept, and where monitors ask for it.
pub fn path_of(origin: &Origin) -> String {
    let digest = sha256(&[origin.as_str().as_bytes()]);
    let hex = digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("{hex}/checkpoint")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        note::{Name, Signer},
        store::{Fault, Files as _, Memory},
    };

    fn log() -> Signer {
        Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32])
    }

    fn cosigner() -> Cosigner {
        Cosigner::from_random(Name::new("witness.example").unwrap(), [6; 32])
    }

    fn witness(store: &mut Memory) -> Witness<&mut Memory> {
        Witness::new(store, cosigner(), [log().verifier().clone()])
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Leaves of one history; with `fork` other than zero, of another from that leaf on.
    fn leaves(size: u64, fork: u64) -> Vec<Hash> {
        let leaf =
            |i: u64| if fork > 0 && i >= fork { format!("other {i}") } else { i.to_string() };
        (0..size).map(|i| Hash::of_leaf(leaf(i).as_bytes())).collect()
    }

    fn request(old: u64, size: u64, fork: u64) -> Request {
        let all = leaves(size, fork);
        let root = merkle::root(all.as_slice(), size).unwrap();
        let checkpoint = Checkpoint { size, root, ..Checkpoint::of_nothing(log().name()) };
        let proof = merkle::prove_consistency(all.as_slice(), old.min(size), size).unwrap();
        Request { old, proof, note: checkpoint.sign(&log()).unwrap() }
    }

    fn ask(store: &mut Memory, request: &Request) -> Answer {
        witness(store).add_checkpoint(request.to_string().as_bytes(), at(1_769_850_000)).unwrap()
    }

    #[test]
    fn a_witness_cosigns_what_continues_and_remembers_it() {
        let mut store = Memory::new();
        let mut old = 0;
        for size in [0, 1, 2, 7, 7, 8, 100] {
            let request = request(old, size, 0);
            assert_eq!(Request::parse(request.to_string().as_bytes()).unwrap(), request);
            let Answer::Cosigned(lines) = ask(&mut store, &request) else {
                panic!("{old} to {size} was not cosigned");
            };
            let answer = Answer::Cosigned(lines.clone());
            assert_eq!(Answer::parse(200, answer.body().as_bytes()).unwrap(), answer);
            let mut note = request.note.clone();
            note.add(lines).unwrap();
            assert_eq!(note.verify(&[cosigner().verifier()]).unwrap().by.len(), 1);
            old = size;
        }
        let origin = Origin::from(log().name());
        let kept = witness(&mut store).checkpoint_at(&path_of(&origin)).unwrap().unwrap();
        let note = Note::parse(&kept).unwrap();
        let both = [log().verifier().clone(), cosigner().verifier().clone()];
        assert_eq!(note.verify(&both.each_ref()).unwrap().by.len(), 2);
        assert_eq!(witness(&mut store).checkpoint_at("else/checkpoint").unwrap(), None);
    }

    #[test]
    fn every_fork_of_a_small_ledger_is_refused_and_changes_nothing() {
        for size in 1..=20 {
            let mut store = Memory::new();
            let _ = ask(&mut store, &request(0, size, 0));
            let before = store.read(&path_of(&Origin::from(log().name()))).unwrap();
            for fork in 1..size {
                for new in size..=size + 3 {
                    assert_eq!(ask(&mut store, &request(size, new, fork)), Answer::NotContinued);
                }
                // Rolled back, and grown again from there.
                assert_eq!(ask(&mut store, &request(fork, size, fork)), Answer::OtherSize(size));
                assert_eq!(ask(&mut store, &request(0, fork, 0)), Answer::OtherSize(size));
            }
            assert_eq!(store.read(&path_of(&Origin::from(log().name()))).unwrap(), before);
            assert!(matches!(ask(&mut store, &request(size, size + 1, 0)), Answer::Cosigned(_)));
        }
    }

    #[test]
    fn each_refusal_has_its_status() {
        let mut store = Memory::new();
        let _ = ask(&mut store, &request(0, 5, 0));
        let check = |store: &mut Memory, request: &Request, status: u16| {
            let answer = ask(store, request);
            assert_eq!(answer.status(), status, "{answer:?}");
            assert_eq!(Answer::parse(status, answer.body().as_bytes()).unwrap(), answer);
        };
        check(&mut store, &request(9, 8, 0), 400);
        let mut stranger = request(5, 6, 0);
        let other = Signer::from_random(Name::new("other.example").unwrap(), [7; 32]);
        stranger.note = Checkpoint::of_nothing(other.name()).sign(&other).unwrap();
        stranger.old = 0;
        check(&mut store, &stranger, 404);
        let mut unsigned = request(5, 6, 0);
        let namesake = Signer::from_random(Name::new("ledger.example").unwrap(), [8; 32]);
        unsigned.note = Note::sign(unsigned.note.text(), &namesake).unwrap();
        check(&mut store, &unsigned, 403);
        let mut false_signature = request(5, 6, 0);
        let line = log().verifier().line(vec![7; 64]);
        false_signature.note.add(vec![line]).unwrap();
        check(&mut store, &false_signature, 403);
        check(&mut store, &request(4, 6, 0), 409);
        check(&mut store, &request(0, 6, 0), 409);
        check(&mut store, &request(5, 6, 3), 422);
        let mut superfluous = request(5, 5, 0);
        superfluous.proof.push(Hash::of_nothing());
        check(&mut store, &superfluous, 422);
        let mut short = request(5, 6, 0);
        short.proof.pop();
        check(&mut store, &short, 422);
        let mut nothing = request(0, 0, 0);
        nothing.note =
            Checkpoint { root: Hash::of_leaf(b""), ..Checkpoint::of_nothing(log().name()) }
                .sign(&log())
                .unwrap();
        check(&mut Memory::new(), &nothing, 422);
        let mut proof_of_nothing = request(0, 5, 0);
        proof_of_nothing.proof.push(Hash::of_nothing());
        check(&mut Memory::new(), &proof_of_nothing, 422);
        check(&mut store, &request(5, 6, 0), 200);
    }

    #[test]
    fn a_witness_that_cannot_store_does_not_cosign_and_one_that_crashed_cosigns_no_fork() {
        for fault in [Fault::NotStored, Fault::Stored] {
            let mut store = Memory::new();
            let _ = ask(&mut store, &request(0, 3, 0));
            store.fail_after(0, fault);
            let body = request(3, 5, 0).to_string();
            assert!(witness(&mut store).add_checkpoint(body.as_bytes(), at(1)).is_err());
            store.restart();
            let now = if fault == Fault::Stored { 5 } else { 3 };
            assert_eq!(ask(&mut store, &request(0, 9, 0)), Answer::OtherSize(now));
            assert_eq!(ask(&mut store, &request(now, 9, 2)), Answer::NotContinued);
            assert!(matches!(ask(&mut store, &request(now, 9, 0)), Answer::Cosigned(_)));
        }
    }

    #[test]
    fn a_witness_whose_memory_was_changed_stops_and_does_not_begin_anew() {
        let mut store = Memory::new();
        let _ = ask(&mut store, &request(0, 3, 0));
        let path = path_of(&Origin::from(log().name()));
        let bytes = store.read(&path).unwrap().unwrap();
        for wrong in
            [Vec::new(), bytes[1..].to_vec(), request(0, 3, 0).note.to_string().into_bytes()]
        {
            store.tamper(&path, wrong);
            let body = request(0, 4, 0).to_string();
            let answer = witness(&mut store).add_checkpoint(body.as_bytes(), at(1));
            assert!(matches!(answer, Err(Error::Damaged { .. })));
        }
    }

    #[test]
    fn a_malformed_request_is_refused() {
        let good = request(5, 6, 0).to_string();
        assert!(Request::parse(good.as_bytes()).is_ok());
        let mut store = Memory::new();
        for wrong in [
            good.replace("old 5", "old 05"),
            good.replace("old 5", "old -5"),
            good.replace("old 5", "old"),
            good.replace("old 5\n", ""),
            good.replace("old 5\n", "old 5\nAAAA\n"),
            good.replace("old 5\n", "old 5\r\n"),
            good.replace("\n\n", "\n"),
            good.trim_end().to_owned(),
            format!("old 5\n{}{good}", "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n".repeat(64)),
            String::new(),
        ] {
            let answer = witness(&mut store).add_checkpoint(wrong.as_bytes(), at(1)).unwrap();
            assert_eq!(answer, Answer::Malformed, "{wrong}");
        }
    }

    #[test]
    fn what_no_witness_answers_is_no_answer() {
        for (status, body) in [
            (200, ""),
            (200, "no line\n"),
            (409, "07\n"),
            (409, "7"),
            (409, "seven\n"),
            (500, "oops\n"),
            (301, ""),
        ] {
            assert!(Answer::parse(status, body.as_bytes()).is_err(), "{status} {body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_witness_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,60}", status in any::<u16>(),
        ) {
            let mut store = Memory::new();
            let mut witness = witness(&mut store);
            prop_assert_eq!(witness.add_checkpoint(&bytes, at(1)).unwrap(), Answer::Malformed);
            let _ = witness.add_checkpoint(format!("old 0\n\n{text}\n\n\u{2014} {text}\n").as_bytes(), at(1));
            let _ = Answer::parse(status, &bytes);
            let _ = Answer::parse(200, text.as_bytes());
        }

        /// Whatever honest and forked requests come, in whatever order, all that is cosigned is one history.
        #[test]
        fn whatever_is_asked_only_one_history_is_cosigned(
            asked in proptest::collection::vec((0_u64..12, 0_u64..12, 0_u64..6), 1..30),
        ) {
            let mut store = Memory::new();
            let mut cosigned: Vec<(u64, u64)> = Vec::new();
            for (old, size, fork) in asked {
                if let Answer::Cosigned(_) = ask(&mut store, &request(old, size, fork)) {
                    // A fork beyond the end is the honest history.
                    cosigned.push((size, if fork >= size { 0 } else { fork }));
                }
            }
            for (size, fork) in &cosigned {
                for (other_size, other_fork) in &cosigned {
                    let shorter = *size.min(other_size);
                    prop_assert_eq!(leaves(shorter, *fork), leaves(shorter, *other_fork));
                }
            }
            prop_assert!(cosigned.is_sorted_by_key(|(size, _)| *size));
        }
    }
}
