//! Pruning: taking the oldest entries of a ledger away, by a rule that is stated, without breaking what was proved.
//!
//! Some laws want logs deleted after a time. What may go are whole bundles, and tiles that only they needed; the tree,
//! its checkpoints and every receipt handed out stay as they are, and the rest can still be audited. That it was done,
//! below which index and by which rule, is said in a note under the ledger's key, the file `pruned`, before anything is
//! removed: a ledger with a hole that nobody has signed for is not sound. The bundle of the last entry always stays.
//! This file decides nothing about what may be pruned; destroying openings, which is how a person's values are
//! forgotten, is not its work either.
//!
//! Implements the pruning of [C2SP tlog-tiles v0.1.0](https://c2sp.org/tlog-tiles@v0.1.0).

use crate::{
    Error,
    checkpoint::Origin,
    log,
    note::{Note, Signer, Verifier},
    receipt::parse_number,
    store::{Change, Files, Store},
    tile::{Level, Tile, WIDTH},
};

/// The path of the statement.
pub const PRUNED: &str = "pruned";

/// What was said when a ledger was pruned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pruned {
    /// Entries below this index may be gone.
    pub below: u64,
    /// The rule that asked for it: a line of text, such as a citation.
    pub rule: String,
}

impl Pruned {
    /// Reads the statement of a ledger; none when it was never pruned.
    ///
    /// # Errors
    ///
    /// When the statement cannot be read, or is not signed by the ledger's key.
    pub fn read<F: Files + ?Sized>(files: &F, verifier: &Verifier) -> Result<Option<Self>, Error> {
        let Some(bytes) = files.read(PRUNED)? else {
            return Ok(None);
        };
        let damaged = |reason| Error::Damaged { path: PRUNED.to_owned(), reason };
        let note = Note::parse(&bytes)?;
        let text = note.verify(&[verifier])?.text;
        let mut lines = text.trim_end_matches('\n').split('\n');
        let origin = Origin::from(verifier.name());
        let (Some(first), Some(second), Some(rule), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(damaged("it does not have three lines"));
        };
        if first != origin.as_str() {
            return Err(Error::OtherOrigin {
                expected: origin.to_string(),
                found: first.to_owned(),
            });
        }
        let below = second.strip_prefix("pruned below ").and_then(parse_number);
        let below = below.ok_or(damaged("it does not say below which index"))?;
        Ok(Some(Self { below, rule: rule.to_owned() }))
    }

    fn text(&self, origin: &Origin) -> String {
        format!("{origin}\npruned below {}\n{}\n", self.below, self.rule)
    }

    /// Returns the index of the first entry that must be there: where the bundle of `below` begins.
    pub(crate) fn start(&self) -> u64 {
        self.below / WIDTH * WIDTH
    }
}

/// Prunes a ledger below an index, by a rule. No log may have it open. Says how many files are gone.
///
/// # Errors
///
/// [`Error::RefusedValue`] when no rule is given, when less would be pruned than was, or when the bundle of the last
/// entry would go; or when a file cannot be read or changed.
pub fn prune<S: Store>(
    store: &mut S,
    signer: &Signer,
    below: u64,
    rule: &str,
) -> Result<u64, Error> {
    let refused = |reason| Err(Error::RefusedValue { name: "pruned".to_owned(), reason });
    let (checkpoint, _) = log::read_checkpoint(store, signer.verifier())?;
    let stated = Pruned { below, rule: rule.to_owned() };
    if rule.trim().is_empty() || rule.contains('\n') {
        return refused("the rule is not a line of text");
    }
    if below > checkpoint.size.saturating_sub(1) / WIDTH * WIDTH {
        return refused("the bundle of the last entry always stays");
    }
    let before = Pruned::read(store, signer.verifier())?.map_or(0, |before| before.below);
    if below < before {
        return refused("what was pruned cannot come back");
    }
    let note = Note::sign(&stated.text(&checkpoint.origin), signer)?;
    // If we crash here, more may be gone than is, which is sound; doing it again removes the rest.
    store.write(PRUNED, note.to_string().as_bytes())?;
    let mut gone = 0;
    for path in store.list("tile")? {
        let Ok(tile) = path.parse::<Tile>() else {
            continue;
        };
        if is_gone(&tile, below) {
            store.commit(None, &[Change::Remove { path: &path }])?;
            gone += 1;
        }
    }
    Ok(gone)
}

/// Says whether all that a tile or bundle is over lies below an index.
pub(crate) fn is_gone(tile: &Tile, below: u64) -> bool {
    let height = match tile.level() {
        Level::Entries => 0,
        Level::Hashes(level) => 8 * u32::from(level),
    };
    let end = tile.index().checked_add(1).and_then(|next| next.checked_mul(WIDTH));
    let end = end.and_then(|end| end.checked_mul(1_u64.checked_shl(height)?));
    end.is_some_and(|end| end <= below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Commitments, Entry, Facts, Kind, Leaf, Log, Memory, Name, Outcome, Policy, audit::audit,
    };

    fn signer() -> Signer {
        Signer::from_random(Name::new("ledger.example/2026").unwrap(), [5; 32])
    }

    fn leaf(number: u64) -> Leaf {
        let at = "2026-01-31T09:00:00Z".parse().unwrap();
        let nonce = crate::crypto::sha256(&[&number.to_be_bytes()]);
        let entry =
            Entry::new(Kind::new("demo").unwrap(), at, Facts::new(), Commitments::new(), nonce);
        entry.unwrap().to_leaf().unwrap()
    }

    fn grown(size: u64) -> (Memory, Memory) {
        let (mut store, mut anchor) = (Memory::new(), Memory::new());
        let mut log = Log::create(&mut store, &mut anchor, signer()).unwrap();
        let leaves: Vec<_> = (0..size).map(leaf).collect();
        let _ = log.append(&leaves).unwrap();
        (store, anchor)
    }

    fn audited(store: &Memory) -> Result<(u64, u64, Vec<String>), String> {
        let mut first = None;
        let outcome = audit(store, signer().verifier(), &[], |index, _| {
            first.get_or_insert(index);
        });
        match outcome.unwrap() {
            Outcome::Sound(audit) => {
                Ok((first.unwrap(), audit.verified.entries, audit.unauthenticated))
            }
            Outcome::Unsound(findings) => Err(findings[0].to_string()),
        }
    }

    #[test]
    fn what_is_left_of_a_pruned_ledger_is_sound_goes_on_and_old_receipts_hold() {
        let (mut store, mut anchor) = grown(1000);
        let receipts: Vec<_> = {
            let log = Log::open(&mut store, &mut anchor, signer()).unwrap();
            let reader = log.reader().unwrap();
            [3, 700, 999]
                .map(|index| reader.receipt(index, reader.note(), Vec::new()).unwrap())
                .into()
        };
        assert_eq!(prune(&mut store, &signer(), 600, "art. 25, end of the next year").unwrap(), 4);
        assert_eq!(audited(&store), Ok((512, 488, Vec::new())));
        let policy = Policy::of_log(signer().verifier().clone());
        assert!(receipts.iter().all(|receipt| receipt.read(&policy).is_ok()));

        let mut log = Log::open(&mut store, &mut anchor, signer()).unwrap();
        let more: Vec<_> = (1000..1100).map(leaf).collect();
        let _ = log.append(&more).unwrap();
        assert!(log.leaf(511).is_err());
        assert_eq!(log.leaf(512).unwrap(), leaf(512));
        let reader = log.reader().unwrap();
        assert!(reader.receipt(512, reader.note(), Vec::new()).is_ok());
        assert!(reader.receipt(511, reader.note(), Vec::new()).is_err());
        assert!(reader.request(1000).is_ok());
        drop(log);
        assert_eq!(audited(&store), Ok((512, 588, Vec::new())));
        // Further, and all but the last bundle.
        assert_eq!(prune(&mut store, &signer(), 1024, "the same").unwrap(), 4);
        assert_eq!(audited(&store), Ok((1024, 76, Vec::new())));
    }

    #[test]
    fn a_hole_that_nobody_has_signed_for_is_not_sound() {
        let (store, _) = grown(1000);
        let mut holed = store.clone();
        holed.remove("tile/entries/000").unwrap();
        assert!(audited(&holed).is_err());
        // A statement of another key, of another ledger, or changed.
        let stated = |signer: &Signer, text: &str| {
            let mut holed = holed.clone();
            holed.tamper(PRUNED, Note::sign(text, signer).unwrap().to_string().into_bytes());
            audited(&holed)
        };
        let good = "ledger.example/2026\npruned below 256\nthe rule\n";
        assert_eq!(stated(&signer(), good).unwrap().0, 256);
        let other = Signer::from_random(Name::new("ledger.example/2026").unwrap(), [6; 32]);
        assert!(stated(&other, good).is_err());
        for text in [
            good.replace("2026", "2025"),
            good.replace("256", "255"),
            good.replace("256", "0256"),
            good.replace("below 256", "256"),
            good.replace("the rule\n", ""),
            good.replace("the rule\n", "the rule\nand more\n"),
        ] {
            assert!(stated(&signer(), &text).is_err(), "{text}");
        }
        // What the statement does not cover must be there, and what stays must be what was signed.
        let mut pruned = store;
        prune(&mut pruned, &signer(), 512, "the rule").unwrap();
        for (path, bytes) in [
            ("tile/entries/002", None),
            ("tile/1/000.p/3", None),
            ("tile/1/000.p/3", Some(vec![7; 96])),
            ("tile/0/002", Some(vec![7; 8192])),
        ] {
            let mut wrong = pruned.clone();
            match bytes {
                Some(bytes) => wrong.tamper(path, bytes),
                None => wrong.remove(path).unwrap(),
            }
            assert!(audited(&wrong).is_err(), "{path}");
        }
        // What should be gone and is not, nobody has looked at.
        pruned.tamper("tile/entries/000", Vec::new());
        assert_eq!(audited(&pruned).unwrap().2, ["tile/entries/000"]);
    }

    #[test]
    fn nothing_is_pruned_without_a_rule_or_beyond_the_last_bundle_or_back() {
        let (mut store, _) = grown(600);
        let before = store.clone();
        for (below, rule) in
            [(256, ""), (256, " "), (256, "two\nlines"), (513, "rule"), (600, "rule")]
        {
            assert!(prune(&mut store, &signer(), below, rule).is_err(), "{below} {rule:?}");
        }
        assert_eq!(store.list("").unwrap(), before.list("").unwrap());
        assert_eq!(prune(&mut store, &signer(), 512, "rule").unwrap(), 4);
        assert!(prune(&mut store, &signer(), 256, "rule").is_err());
        assert_eq!(prune(&mut store, &signer(), 512, "rule").unwrap(), 0);
        let (mut exact, _) = grown(512);
        assert!(prune(&mut exact, &signer(), 512, "rule").is_err());
        assert_eq!(prune(&mut exact, &signer(), 256, "rule").unwrap(), 2);
        assert_eq!(audited(&exact), Ok((256, 256, Vec::new())));
    }
}
