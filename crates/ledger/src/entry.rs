//! Entries: what is written for ever, and the one way to spell it.
//!
//! This is the schema that cannot be changed later, only followed by another version. An entry has a kind, a time,
//! facts that hold no personal data, commitments to what does, a nonce so that its hash cannot be guessed, and
//! padding so that its length says little. The ledger knows no kind and no fact: what they mean is for whoever
//! writes them. This file stores nothing.
//!
//! The bytes of a leaf are the canonical JSON ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785)) of an object
//! with exactly these members:
//!
//! | Member | What |
//! | --- | --- |
//! | `at` | UTC time in whole seconds, as `2026-01-31T09:00:00Z` |
//! | `commitments` | object: field → list, not empty, of 32 bytes in base64 |
//! | `facts` | object: any value without null, floats, or numbers beyond 2^53 - 1 |
//! | `kind` | dotted lower-case words |
//! | `nonce` | 32 random bytes in base64 |
//! | `pad` | as many `0` as bring the length to the next of [`SIZES`] |
//! | `v` | `1` |

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{Error, canonical, commitment::Commitment, merkle::Hash};

/// The version of the schema written here, and the only one read.
pub const VERSION: u64 = 1;

/// The lengths a leaf can have. The last is what an entry bundle can hold.
pub const SIZES: [usize; 8] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_535];

/// How every entry ends, after its padding.
const END: &str = r#"","v":1}"#;

/// The facts of an entry, by name.
pub type Facts = Map<String, Value>;

/// The commitments of an entry, by field.
pub type Commitments = BTreeMap<String, Vec<Commitment>>;

/// What sort of event an entry records: dotted lower-case words, such as `run.started`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Kind(String);

impl Kind {
    /// Takes a text for a kind.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedKind`] unless it is dotted words of `a` to `z`, digits and `_`, each beginning with a
    /// letter, and at most 64 characters in all.
    pub fn new(kind: &str) -> Result<Self, Error> {
        let word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        if kind.len() <= 64 && kind.split('.').all(word) {
            Ok(Self(kind.to_owned()))
        } else {
            Err(Error::MalformedKind { kind: kind.to_owned() })
        }
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry, of which every part is known to be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    kind: Kind,
    at: Timestamp,
    facts: Facts,
    commitments: Commitments,
    nonce: [u8; 32],
}

impl Entry {
    /// Makes an entry. The nonce must be random and used for nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::RefusedValue`] when the time is not in whole seconds, when a fact has no single spelling, or when a
    /// field has no name or no commitment.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ledger::entry::{Commitments, Entry, Facts, Kind};
    ///
    /// let mut facts = Facts::new();
    /// facts.insert("count".into(), 12.into());
    /// let entry = Entry::new(
    ///     Kind::new("demo.entry")?,
    ///     "2026-01-31T09:00:00Z".parse()?,
    ///     facts,
    ///     Commitments::new(),
    ///     [7; 32],
    /// )?;
    /// let leaf = entry.to_leaf()?;
    /// assert_eq!(leaf.as_bytes().len(), 512);
    /// assert_eq!(leaf.to_entry()?, entry);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(
        kind: Kind,
        at: Timestamp,
        facts: Facts,
        commitments: Commitments,
        nonce: [u8; 32],
    ) -> Result<Self, Error> {
        let refused =
            |name: &str, reason| Err(Error::RefusedValue { name: name.to_owned(), reason });
        if at.subsec_nanosecond() != 0 {
            return refused("at", "the time is not in whole seconds");
        }
        for (name, value) in &facts {
            canonical::check(name, value)?;
        }
        for (field, list) in &commitments {
            if field.is_empty() {
                return refused("commitments", "a field has no name");
            }
            if list.is_empty() {
                return refused(field, "a field has no commitment");
            }
        }
        Ok(Self { kind, at, facts, commitments, nonce })
    }

    /// Returns what sort of event it records.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Returns when it happened.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns what it says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns what it says of persons, hidden.
    pub fn commitments(&self) -> &Commitments {
        &self.commitments
    }

    /// Returns its random bytes.
    pub fn nonce(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// Spells the entry.
    ///
    /// # Errors
    ///
    /// [`Error::EntryTooLarge`] when it is longer than the largest size.
    pub fn to_leaf(&self) -> Result<Leaf, Error> {
        self.pad(self.spell()?)
    }

    /// Makes the leaf of this entry, which is spelled so without its padding.
    pub(crate) fn pad(&self, spelled: Vec<u8>) -> Result<Leaf, Error> {
        Ok(Leaf::of(pad(spelled)?, self.at))
    }

    /// Reads an entry, which must be spelled exactly as [`Entry::to_leaf`] would.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > 65_535 {
            return Err(Error::EntryTooLarge { bytes: bytes.len() });
        }
        let malformed = |reason| Error::MalformedEntry { reason };
        let entry = serde_json::from_slice(bytes)
            .map_err(|_| malformed("it is not a JSON object"))
            .and_then(Self::read)?;
        // INVARIANT: one entry has one spelling, so its hash stands for what it says and for nothing else.
        // This also catches repeated members, other padding, and other ways to write a time or a number.
        if pad(entry.spell()?)? == bytes { Ok(entry) } else { Err(Error::NotCanonical) }
    }

    /// Takes the members of an entry for one; how they were spelled is not looked at.
    pub(crate) fn read(value: Value) -> Result<Self, Error> {
        let malformed = |reason| Error::MalformedEntry { reason };
        let Value::Object(mut members) = value else {
            return Err(malformed("it is not a JSON object"));
        };
        // The version comes first: of an entry of another version nothing else can be judged.
        match members.remove("v") {
            Some(version) if version.as_u64() == Some(VERSION) => {}
            Some(version @ (Value::Number(_) | Value::String(_))) => {
                return Err(Error::UnknownVersion { version: version.to_string() });
            }
            Some(_) => return Err(malformed("`v` is not a number")),
            None => return Err(malformed("it has no version")),
        }
        let mut take = |name: &str| members.remove(name);
        let (Some(Value::String(kind)), Some(Value::String(at)), Some(Value::String(nonce))) =
            (take("kind"), take("at"), take("nonce"))
        else {
            return Err(malformed("`kind`, `at` or `nonce` is missing or not a string"));
        };
        let (Some(Value::Object(facts)), Some(Value::Object(hidden))) =
            (take("facts"), take("commitments"))
        else {
            return Err(malformed("`facts` or `commitments` is missing or not an object"));
        };
        let Some(Value::String(_)) = take("pad") else {
            return Err(malformed("`pad` is missing or not a string"));
        };
        if let Some((member, _)) = members.into_iter().next() {
            return Err(Error::UnknownMember { member });
        }
        let mut commitments = Commitments::new();
        for (field, list) in hidden {
            let Value::Array(list) = list else {
                return Err(malformed("a field's commitments are not a list"));
            };
            let list: Option<Vec<_>> = list
                .iter()
                .map(|one| one.as_str().and_then(decode).map(Commitment::from_bytes))
                .collect();
            let list = list.ok_or(malformed("a commitment is not 32 bytes in base64"))?;
            commitments.insert(field, list);
        }
        let at = at.parse().map_err(|_| malformed("`at` is not a time"))?;
        let nonce = decode(&nonce).ok_or(malformed("`nonce` is not 32 bytes in base64"))?;
        Self::new(Kind::new(&kind)?, at, facts, commitments, nonce)
    }

    /// Spells the entry without padding.
    pub(crate) fn spell(&self) -> Result<Vec<u8>, Error> {
        let commitments: BTreeMap<_, Vec<_>> = self
            .commitments
            .iter()
            .map(|(field, list)| (field, list.iter().map(Commitment::to_string).collect()))
            .collect();
        let malformed = |_| Error::MalformedEntry { reason: "it has no canonical form" };
        // The members in order of their names. Of those put here as they are, no character is ever escaped.
        let mut bytes = format!(r#"{{"at":"{}","commitments":"#, self.at).into_bytes();
        serde_json_canonicalizer::to_writer(&commitments, &mut bytes).map_err(malformed)?;
        bytes.extend_from_slice(br#","facts":"#);
        serde_json_canonicalizer::to_writer(&self.facts, &mut bytes).map_err(malformed)?;
        let nonce = BASE64_STANDARD.encode(self.nonce);
        let rest = format!(r#","kind":"{}","nonce":"{nonce}","pad":"{END}"#, self.kind);
        bytes.extend_from_slice(rest.as_bytes());
        Ok(bytes)
    }
}

/// The bytes of an entry, as they are stored and hashed.
#[derive(Clone, PartialEq, Eq)]
pub struct Leaf {
    bytes: Vec<u8>,
    at: Timestamp,
    /// Made with the leaf, by whoever makes it, so that the one who writes for many has less to do.
    hash: Hash,
}

impl Leaf {
    /// Takes bytes for a leaf; they are read as an entry to be sure that they are one.
    ///
    /// # Errors
    ///
    /// When they are not an entry of the known version in its one spelling.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Error> {
        let entry = Entry::parse(&bytes)?;
        Ok(Self::of(bytes, entry.at))
    }

    fn of(bytes: Vec<u8>, at: Timestamp) -> Self {
        let hash = Hash::of_leaf(&bytes);
        Self { bytes, at, hash }
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns when the entry happened.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns the leaf's hash in the tree.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the leaf of the same entry at another time.
    ///
    /// # Errors
    ///
    /// When the time is not in whole seconds, or the entry is as large as one can be and the time is longer.
    pub(crate) fn stamped(&self, at: Timestamp) -> Result<Self, Error> {
        let Entry { kind, at: _, facts, commitments, nonce } = self.to_entry()?;
        Entry::new(kind, at, facts, commitments, nonce)?.to_leaf()
    }

    /// Reads the entry.
    ///
    /// # Errors
    ///
    /// Never for a leaf made here: each was read or spelled when it was made.
    pub fn to_entry(&self) -> Result<Entry, Error> {
        Entry::parse(&self.bytes)
    }
}

/// Shows its hash: the bytes are long, and mostly padding.
impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({})", self.hash())
    }
}

/// Brings an entry spelled without its padding to the next of the lengths.
fn pad(mut bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let bare = bytes.len();
    let size =
        SIZES.into_iter().find(|size| *size >= bare).ok_or(Error::EntryTooLarge { bytes: bare })?;
    // The padding stands before the end that every entry has, since members are in order of their names.
    bytes.truncate(bare - END.len());
    bytes.resize(size - END.len(), b'0');
    bytes.extend_from_slice(END.as_bytes());
    Ok(bytes)
}

fn decode(text: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn entry() -> Entry {
        let facts =
            json!({"count": 3, "agreement": "sha256:00", "reasons": ["f1", "f2"], "yes": true});
        let mut commitments = Commitments::new();
        commitments.insert("name".to_owned(), vec![Commitment::from_bytes([9; 32])]);
        Entry::new(
            Kind::new("demo.entry").unwrap(),
            "2026-01-31T09:00:00Z".parse().unwrap(),
            facts.as_object().unwrap().clone(),
            commitments,
            [7; 32],
        )
        .unwrap()
    }

    fn text() -> String {
        String::from_utf8(entry().to_leaf().unwrap().bytes).unwrap()
    }

    fn check(change: impl Fn(String) -> String, expected: &str) {
        let error = Leaf::parse(change(text()).into_bytes()).unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}, not {expected}");
    }

    #[test]
    fn the_spelling_of_version_1_is_this_and_stays_this() {
        let expected = concat!(
            r#"{"at":"2026-01-31T09:00:00Z","#,
            r#""commitments":{"name":["CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="]},"#,
            r#""facts":{"agreement":"sha256:00","count":3,"reasons":["f1","f2"],"yes":true},"#,
            r#""kind":"demo.entry","nonce":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=","pad":""#,
        );
        let text = text();
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(r#"0","v":1}"#));
        assert_eq!(text.len(), 512);
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let leaf = entry().to_leaf().unwrap();
        assert_eq!(leaf.to_entry().unwrap(), entry());
        assert_eq!(Leaf::parse(leaf.as_bytes().to_vec()).unwrap(), leaf);
    }

    #[test]
    fn a_padded_leaf_is_canonical_json() {
        let leaf = entry().to_leaf().unwrap();
        let value: Value = serde_json::from_slice(leaf.as_bytes()).unwrap();
        assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), leaf.as_bytes());
    }

    #[test]
    fn another_version_has_its_own_error() {
        check(|t| t.replace(r#""v":1}"#, r#""v":2}"#), "UnknownVersion");
        check(|_| r#"{"v":2,"new":[]}"#.to_owned(), "UnknownVersion");
        check(|_| r#"{"v":"1.1"}"#.to_owned(), "UnknownVersion");
        check(|_| r#"{"v":[1]}"#.to_owned(), "MalformedEntry");
        check(|_| "{}".to_owned(), "MalformedEntry");
    }

    #[test]
    fn an_unknown_member_is_refused() {
        check(|t| t.replace(r#""v":1}"#, r#""v":1,"x":1}"#), "UnknownMember");
    }

    #[test]
    fn a_missing_or_mistyped_member_is_refused() {
        check(|t| t.replace(r#""kind":"demo.entry","#, ""), "MalformedEntry");
        check(|t| t.replace(r#""demo.entry""#, "1"), "MalformedEntry");
        check(|t| t.replace("demo.entry", "Demo"), "MalformedKind");
        check(|t| t.replace("2026-01-31T09", "yesterday"), "MalformedEntry");
        check(|t| t.replace("CQkJCQk=", "CQkJ"), "MalformedEntry");
        check(|t| t.replace("BwcHBwc=", "BwcH"), "MalformedEntry");
        check(|t| t.replace("[\"f1\",\"f2\"]", "null"), "RefusedValue");
        check(|t| t.replace("\"count\":3", "\"count\":3.5"), "RefusedValue");
        check(|_| "[]".to_owned(), "MalformedEntry");
        check(|_| String::new(), "MalformedEntry");
    }

    #[test]
    fn another_spelling_of_the_same_entry_is_refused() {
        check(|t| t.replace("00\",\"v\"", "0 \",\"v\""), "NotCanonical");
        check(|t| t.replace("00\",\"v\"", "0\",\"v\""), "NotCanonical");
        check(|t| t.replace("\"v\":1}", "\"v\":1 }"), "NotCanonical");
        check(|t| t.replace("\"count\":3", "\"count\":2,\"count\":3"), "NotCanonical");
        check(|t| t.replace("\"f1\"", "\"\\u00661\""), "NotCanonical");
        check(|t| t.replace("T09:00:00Z", "T10:00:00+01:00"), "NotCanonical");
        check(|t| t + "\n", "NotCanonical");
        check(|t| t.replace("\"yes\":true", "\"z\":true"), "NotCanonical");
    }

    #[test]
    fn a_leaf_has_one_of_a_few_lengths_and_at_most_what_a_bundle_holds() {
        let with = |length: usize| {
            let mut facts = Facts::new();
            facts.insert("f".to_owned(), "x".repeat(length).into());
            let entry = entry();
            Entry::new(entry.kind, entry.at, facts, entry.commitments, entry.nonce).unwrap()
        };
        let bare = with(0).spell().unwrap().len();
        for size in SIZES {
            assert_eq!(with(size - bare).to_leaf().unwrap().bytes.len(), size);
            assert_eq!(with(size - bare - 1).to_leaf().unwrap().bytes.len(), size);
        }
        assert_eq!(with(513 - bare).to_leaf().unwrap().bytes.len(), 1024);
        assert!(matches!(
            with(65_536 - bare).to_leaf(),
            Err(Error::EntryTooLarge { bytes: 65_536 })
        ));
        assert!(matches!(
            Leaf::parse(vec![b' '; 65_536]),
            Err(Error::EntryTooLarge { bytes: 65_536 })
        ));
    }

    #[test]
    fn a_time_is_in_whole_seconds() {
        let entry = entry();
        let at = "2026-01-31T09:00:00.5Z".parse().unwrap();
        assert!(Entry::new(entry.kind, at, entry.facts, entry.commitments, entry.nonce).is_err());
    }

    #[test]
    fn a_field_has_a_name_and_a_commitment() {
        for (field, list) in [("", vec![Commitment::from_bytes([1; 32])]), ("name", vec![])] {
            let entry = entry();
            let commitments = Commitments::from([(field.to_owned(), list)]);
            assert!(Entry::new(entry.kind, entry.at, entry.facts, commitments, [0; 32]).is_err());
        }
    }

    #[test]
    fn a_kind_is_dotted_lower_case_words() {
        for kind in ["a", "run.started", "a1.b_2"] {
            assert!(Kind::new(kind).is_ok(), "{kind}");
        }
        let long = "a".repeat(65);
        for kind in ["", ".", "a.", ".a", "a..b", "A", "a b", "1a", "a-b", "é", long.as_str()] {
            assert!(Kind::new(kind).is_err(), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail_otherwise_than_with_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            place in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let _ = Leaf::parse(bytes);
            let mut leaf = text().into_bytes();
            let place = place.index(leaf.len());
            leaf[place] = byte;
            if let Ok(read) = Leaf::parse(leaf.clone()) {
                prop_assert_eq!(read.to_entry().unwrap().to_leaf().unwrap().bytes, leaf);
            }
        }

        #[test]
        fn any_fact_of_text_and_number_survives(
            name in ".{0,12}", text in ".{0,40}", number in -9_007_199_254_740_991i64..9_007_199_254_740_991,
        ) {
            let facts = json!({name: {"text": text, "number": number}});
            let old = entry();
            let entry = Entry::new(
                old.kind, old.at, facts.as_object().unwrap().clone(), old.commitments, old.nonce,
            ).unwrap();
            prop_assert_eq!(entry.to_leaf().unwrap().to_entry().unwrap(), entry);
        }
    }
}
