//! Trust policies: whose signatures make a checkpoint good enough for somebody.
//!
//! A policy is a text that its owner writes: logs, witnesses, groups of them, and the quorum. This file reads it and
//! judges notes by it; it contacts nobody, and the addresses in a policy are only kept for who does.
//!
//! Implements [C2SP tlog-policy](https://c2sp.org/tlog-policy).

use jiff::Timestamp;

use crate::{
    Error,
    checkpoint::{Checkpoint, Origin},
    cosignature,
    note::{Algorithm, Name, Note, Verifier},
};

/// The most logs, witnesses and groups together. The specification asks for 32 of each at least.
const ITEMS: usize = 1000;

/// The name of the quorum that asks for no witness.
const NONE: &[u8] = b"none";

/// Whose signatures make a checkpoint good enough.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use ledger::{Checkpoint, Cosigner, Name, Policy, Signer};
/// # let log = Signer::from_random(Name::new("ledger.example.gov/2026")?, [1; 32]);
/// # let court = Cosigner::from_random(Name::new("court.example.gov")?, [2; 32]);
/// # let (log_key, court_key) = (log.verifier(), court.verifier());
/// let policy = Policy::parse(
///     format!("log {log_key}\nwitness court {court_key} https://court.example.gov/\nquorum court\n").as_bytes(),
/// )?;
/// let mut note = Checkpoint::of_nothing(log.name()).sign(&log)?;
/// assert!(policy.judge(&note).is_err());
/// note.add(vec![court.cosign(note.text(), "2026-01-31T09:00:00Z".parse()?)?])?;
/// assert_eq!(policy.judge(&note)?.cosigned.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    logs: Vec<Log>,
    members: Vec<Member>,
    /// Which member is the quorum; none when no witness is asked for.
    quorum: Option<usize>,
}

/// A log that a policy accepts.
#[derive(Clone, Debug)]
pub struct Log {
    /// Its key, whose name is its origin.
    pub verifier: Verifier,
    /// Where it can be reached, if the policy says; bytes, since a policy is.
    pub address: Option<Vec<u8>>,
}

/// A witness that a policy knows.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Its key.
    pub verifier: Verifier,
    /// Where it can be reached, if the policy says; bytes, since a policy is.
    pub address: Option<Vec<u8>>,
}

/// What a quorum can be made of.
#[derive(Clone, Debug)]
struct Member {
    name: Vec<u8>,
    what: What,
    /// Whether a group has it already: it may count once only.
    taken: bool,
}

#[derive(Clone, Debug)]
enum What {
    Witness(Box<Witness>),
    /// So many of these, each of which stands before the group.
    Group(usize, Vec<usize>),
}

/// What a policy accepted, and by whose word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The witnesses that cosigned it, by the names of their keys, and when.
    pub cosigned: Vec<(Name, Timestamp)>,
    /// The names on signature lines of keys that the policy does not know: nobody answers for these lines.
    pub ignored: Vec<Name>,
}

impl Policy {
    /// Makes the policy that accepts one log and asks for no witness.
    pub fn of_log(verifier: Verifier) -> Self {
        Self { logs: vec![Log { verifier, address: None }], members: Vec::new(), quorum: None }
    }

    /// Reads a policy.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedPolicy`] with the number of the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::default();
        let mut number = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            number += 1;
            let malformed = |reason| Error::MalformedPolicy { line: number, reason };
            let line = line.strip_suffix(b"\n").ok_or(malformed("it does not end"))?;
            if line.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) {
                return Err(malformed("it has a control character"));
            }
            let mut items =
                line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|i| !i.is_empty());
            let Some(first) = items.next().filter(|first| !first.starts_with(b"#")) else {
                continue;
            };
            reader.read(first, &items.collect::<Vec<_>>()).map_err(malformed)?;
            if reader.logs.len() + reader.members.len() > ITEMS {
                return Err(malformed("it is one more than 1000 logs, witnesses and groups"));
            }
        }
        let quorum = match reader.quorum {
            Quorum::NotStated => {
                let reason = "no line states the quorum";
                return Err(Error::MalformedPolicy { line: number, reason });
            }
            Quorum::Nobody => None,
            Quorum::Member(member) => Some(member),
        };
        Ok(Self { logs: reader.logs, members: reader.members, quorum })
    }

    /// Returns the logs that are accepted.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// Returns the witnesses that are known.
    pub fn witnesses(&self) -> impl Iterator<Item = &Witness> {
        self.members.iter().filter_map(|member| match &member.what {
            What::Witness(witness) => Some(&**witness),
            What::Group(..) => None,
        })
    }

    /// Judges a signed checkpoint: a log of the policy has signed it, and witnesses as the quorum asks.
    ///
    /// # Errors
    ///
    /// [`Error::NoKnownSignature`] when no log of the policy has signed; [`Error::FalseSignature`] when a signature
    /// of any key it knows is not by that key; [`Error::OtherOrigin`] when a log has signed for another;
    /// [`Error::NoQuorum`] when too few witnesses have cosigned.
    pub fn judge(&self, note: &Note) -> Result<Accepted, Error> {
        let logs: Vec<_> = self.logs.iter().map(|log| &log.verifier).collect();
        let signed = note.verify(&logs)?;
        let checkpoint = Checkpoint::parse(signed.text)?;
        let named = |name: &Name| Origin::from(name) == checkpoint.origin;
        if let Some(other) = signed.by.iter().find(|signature| !named(signature.name())) {
            return Err(Error::OtherOrigin {
                expected: other.name().to_string(),
                found: checkpoint.origin.to_string(),
            });
        }
        let witnesses: Vec<_> = self.witnesses().map(|witness| &witness.verifier).collect();
        let mut accepted = Accepted { checkpoint, cosigned: Vec::new(), ignored: Vec::new() };
        let mut by = Vec::new();
        match note.verify(&witnesses) {
            Ok(cosigned) => {
                by = cosigned.by;
                let unknown =
                    |line: &&&crate::note::Signature| !logs.iter().any(|log| log.is_named_by(line));
                accepted.ignored = cosigned
                    .ignored
                    .iter()
                    .filter(unknown)
                    .map(|line| line.name().clone())
                    .collect();
            }
            Err(Error::NoKnownSignature) => {
                accepted.ignored = signed.ignored.iter().map(|line| line.name().clone()).collect();
            }
            Err(error) => return Err(error),
        }
        for line in &by {
            // A verified cosignature has a time; one beyond all calendars counts for nothing.
            let Some(at) = cosignature::time(line) else {
                return Err(Error::FalseSignature { name: line.name().clone() });
            };
            accepted.cosigned.push((line.name().clone(), at));
        }
        // A group stands after its members, so one pass decides all.
        let mut decided: Vec<bool> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            decided.push(match &member.what {
                What::Witness(witness) => by.iter().any(|line| witness.verifier.is_named_by(line)),
                What::Group(least, members) => {
                    let yes = |member: &&usize| decided.get(**member).copied().unwrap_or(false);
                    members.iter().filter(yes).count() >= *least
                }
            });
        }
        match self.quorum {
            Some(quorum) if !decided.get(quorum).copied().unwrap_or(false) => {
                Err(Error::NoQuorum { cosigned: accepted.cosigned.len() })
            }
            Some(_) | None => Ok(accepted),
        }
    }
}

/// What was said of the quorum so far.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Quorum {
    #[default]
    NotStated,
    Nobody,
    Member(usize),
}

/// A policy half read.
#[derive(Default)]
struct Reader {
    logs: Vec<Log>,
    members: Vec<Member>,
    quorum: Quorum,
}

impl Reader {
    /// Reads one line that says something.
    fn read(&mut self, first: &[u8], rest: &[&[u8]]) -> Result<(), &'static str> {
        match (first, rest) {
            (b"log", [key, address @ ..]) if address.len() < 2 => {
                let verifier = parse_key(key, Algorithm::Ed25519)?;
                if self.logs.iter().any(|log| log.verifier.is_same_key(&verifier)) {
                    return Err("another log has the same key");
                }
                let address = address.first().map(|address| address.to_vec());
                self.logs.push(Log { verifier, address });
            }
            (b"witness", [name, key, address @ ..]) if address.len() < 2 => {
                let verifier = parse_key(key, Algorithm::Cosignature)?;
                let same = |member: &Member| match &member.what {
                    What::Witness(witness) => witness.verifier.is_same_key(&verifier),
                    What::Group(..) => false,
                };
                if self.members.iter().any(same) {
                    return Err("another witness has the same key");
                }
                let address = address.first().map(|address| address.to_vec());
                self.define(name, What::Witness(Box::new(Witness { verifier, address })))?;
            }
            (b"group", [name, least, names @ ..]) if !names.is_empty() => {
                let mut members = Vec::new();
                for name in names {
                    let (place, member) = self.find(name)?;
                    if member.taken {
                        return Err("a member of it is a member of a group already");
                    }
                    member.taken = true;
                    members.push(place);
                }
                let least = match *least {
                    b"any" => 1,
                    b"all" => members.len(),
                    digits => parse_number(digits)
                        .filter(|least| (1..=members.len()).contains(least))
                        .ok_or("it asks for none of its members, or for more than it has")?,
                };
                self.define(name, What::Group(least, members))?;
            }
            (b"quorum", [name]) => {
                if self.quorum != Quorum::NotStated {
                    return Err("the quorum is stated already");
                }
                self.quorum =
                    if *name == NONE { Quorum::Nobody } else { Quorum::Member(self.find(name)?.0) };
            }
            _ => return Err("it is no line of a policy"),
        }
        Ok(())
    }

    fn define(&mut self, name: &[u8], what: What) -> Result<(), &'static str> {
        if name == NONE || self.members.iter().any(|member| member.name == name) {
            return Err("its name stands for something else already");
        }
        self.members.push(Member { name: name.to_vec(), what, taken: false });
        Ok(())
    }

    fn find(&mut self, name: &[u8]) -> Result<(usize, &mut Member), &'static str> {
        let members = self.members.iter_mut().enumerate();
        members
            .into_iter()
            .find(|(_, member)| member.name == name)
            .ok_or("it names what no line before it defines")
    }
}

fn parse_key(bytes: &[u8], wanted: Algorithm) -> Result<Verifier, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "its key is malformed")?;
    let verifier = Verifier::parse(text).map_err(|_| "its key is malformed")?;
    if verifier.algorithm() == wanted {
        Ok(verifier)
    } else {
        Err("its key is for another kind of signature")
    }
}

/// Reads a number that is written the one way there is.
fn parse_number(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|number: &usize| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{cosignature::Cosigner, note::Signer};

    fn log() -> Signer {
        Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32])
    }

    fn witness(number: u8) -> Cosigner {
        Cosigner::from_random(
            Name::new(&format!("witness.example/{number}")).unwrap(),
            [number; 32],
        )
    }

    /// The policy of the specification's example, with six keys.
    fn example() -> String {
        let key = |number: u8| witness(number).verifier().to_string();
        format!(
            "log {}\n\n# the first operator\nwitness X1 {}\nwitness X2 {} \n\twitness  X3\t{}\n\
             group X-witnesses 2 X1 X2 X3\n\n# the second operator\nwitness Y1 {} https://y1.example/\n\
             witness Y2 {}\nwitness Y3 {}\ngroup Y-witnesses any Y1 Y2 Y3\n\n\
             group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
            log().verifier(),
            key(11),
            key(12),
            key(13),
            key(21),
            key(22),
            key(23),
        )
    }

    fn note(by: &[u8]) -> Note {
        let mut note = Checkpoint::of_nothing(log().name()).sign(&log()).unwrap();
        let at = Timestamp::from_second(1_769_850_000).unwrap();
        let lines = by.iter().map(|number| witness(*number).cosign(note.text(), at).unwrap());
        let lines = lines.collect();
        note.add(lines).unwrap();
        note
    }

    #[test]
    fn the_quorum_of_the_specifications_example_is_two_of_one_group_and_one_of_the_other() {
        let policy = Policy::parse(example().as_bytes()).unwrap();
        assert_eq!((policy.logs().len(), policy.witnesses().count()), (1, 6));
        assert_eq!(
            policy.witnesses().nth(3).unwrap().address.as_deref(),
            Some(b"https://y1.example/".as_slice())
        );
        for (by, enough) in [
            (&[][..], false),
            (&[11], false),
            (&[11, 12], false),
            (&[11, 21], false),
            (&[21, 22, 23], false),
            (&[11, 12, 13], false),
            (&[11, 13, 22], true),
            (&[12, 13, 21, 23], true),
            (&[11, 12, 13, 21, 22, 23], true),
            (&[11, 11, 21], false),
            (&[11, 99, 21], false),
        ] {
            let answer = policy.judge(&note(by));
            match answer {
                Ok(accepted) => {
                    assert!(enough, "{by:?}");
                    assert_eq!(accepted.cosigned.len(), by.len(), "{by:?}");
                    assert_eq!(accepted.cosigned[0].1.to_string(), "2026-01-31T09:00:00Z");
                }
                Err(Error::NoQuorum { .. }) => assert!(!enough, "{by:?}"),
                Err(other) => panic!("{by:?}: {other}"),
            }
        }
    }

    #[test]
    fn lines_of_unknown_keys_are_ignored_and_named_and_false_ones_of_known_keys_are_not() {
        let policy = Policy::parse(example().as_bytes()).unwrap();
        let accepted = policy.judge(&note(&[11, 12, 21, 99])).unwrap();
        assert_eq!(accepted.ignored, [Name::new("witness.example/99").unwrap()]);
        let of_log = Policy::of_log(log().verifier().clone());
        assert_eq!(of_log.judge(&note(&[99])).unwrap().ignored.len(), 1);

        // The line of one witness under the name and id of another is false, enough others or not.
        let mut wrong = note(&[11, 12, 21]);
        let at = Timestamp::from_second(1).unwrap();
        let other = witness(22).cosign(wrong.text(), at).unwrap();
        wrong.add(vec![witness(13).verifier().line(other.bytes().to_vec())]).unwrap();
        assert!(matches!(policy.judge(&wrong), Err(Error::FalseSignature { .. })));
    }

    #[test]
    fn a_checkpoint_no_log_of_the_policy_signed_is_refused_however_many_cosigned_it() {
        let other = Signer::from_random(Name::new("other.example").unwrap(), [9; 32]);
        let mut unsigned = Checkpoint::of_nothing(other.name()).sign(&other).unwrap();
        let at = Timestamp::from_second(1).unwrap();
        let lines = [11, 12, 21].map(|number| witness(number).cosign(unsigned.text(), at).unwrap());
        unsigned.add(lines.to_vec()).unwrap();
        let policy = Policy::parse(example().as_bytes()).unwrap();
        assert!(matches!(policy.judge(&unsigned), Err(Error::NoKnownSignature)));
        // Signed by a log of the policy, but for another origin.
        let foreign = Checkpoint::of_nothing(other.name()).sign(&log()).unwrap();
        assert!(matches!(
            Policy::of_log(log().verifier().clone()).judge(&foreign),
            Err(Error::OtherOrigin { .. })
        ));
    }

    #[test]
    fn a_malformed_policy_is_refused_by_its_line() {
        let (log_key, one, two) = (
            log().verifier().clone(),
            witness(1).verifier().clone(),
            witness(2).verifier().clone(),
        );
        let same = Cosigner::from_random(Name::new("else.example").unwrap(), [1; 32]);
        for (text, line) in [
            (String::new(), 0),
            ("quorum none".to_owned(), 1),
            ("quorum none\nquorum none\n".to_owned(), 2),
            ("quorum a\n".to_owned(), 1),
            ("quorum\n".to_owned(), 1),
            ("quorum none none\n".to_owned(), 1),
            ("quorum none\r\n".to_owned(), 1),
            ("log\nquorum none\n".to_owned(), 1),
            (format!("log {one}\nquorum none\n"), 1),
            (format!("log {log_key} a b\nquorum none\n"), 1),
            (format!("log {log_key}\nlog {log_key}\nquorum none\n"), 2),
            (format!("witness a {log_key}\nquorum a\n"), 1),
            (format!("witness a {one}\nwitness a {two}\nquorum a\n"), 2),
            (format!("witness a {one}\nwitness b {}\nquorum a\n", same.verifier()), 2),
            (format!("witness none {one}\nquorum none\n"), 1),
            (format!("witness a {one}\ngroup g 0 a\nquorum g\n"), 2),
            (format!("witness a {one}\ngroup g 2 a\nquorum g\n"), 2),
            (format!("witness a {one}\ngroup g 01 a\nquorum g\n"), 2),
            (format!("witness a {one}\ngroup g any\nquorum g\n"), 2),
            (format!("witness a {one}\ngroup g all a a\nquorum g\n"), 2),
            (format!("witness a {one}\ngroup g any a\ngroup h any a\nquorum h\n"), 3),
            (format!("witness a {one}\ngroup g any g\nquorum g\n"), 2),
            (format!("witness a {one}\ngroup g any none\nquorum g\n"), 2),
            (format!("group g any a\nwitness a {one}\nquorum g\n"), 1),
            (format!("quorum a\nwitness a {one}\n"), 1),
            ("surprise\nquorum none\n".to_owned(), 1),
        ] {
            match Policy::parse(text.as_bytes()) {
                Err(Error::MalformedPolicy { line: found, .. }) => {
                    assert_eq!(found, line, "{text}");
                }
                other => panic!("{text}: {}", other.is_ok()),
            }
        }
    }

    #[test]
    fn names_are_bytes_and_a_policy_without_logs_may_be_read() {
        let mut text = b"witness \xe2\x84\xaa ".to_vec();
        text.extend(witness(1).verifier().to_string().bytes());
        text.extend(b"\nwitness \xff ");
        text.extend(witness(2).verifier().to_string().bytes());
        let mut ending = text.clone();
        ending.extend(b"\nquorum \xff\n");
        assert!(Policy::parse(&ending).unwrap().logs().is_empty());
        text.extend(b"\nquorum K\n");
        assert!(Policy::parse(&text).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Policy::parse(&bytes);
        }

        /// The quorum as one would decide it by hand, over random sets of witnesses.
        #[test]
        fn a_group_is_satisfied_by_so_many_of_its_members(
            least in 1_usize..=5, signed in proptest::collection::btree_set(1_u8..=8, 0..=8),
        ) {
            let mut text = format!("log {}\n", log().verifier());
            for number in 1..=5 {
                text = format!("{text}witness w{number} {}\n", witness(number).verifier());
            }
            let text = format!("{text}group g {least} w1 w2 w3 w4 w5\nquorum g\n");
            let policy = Policy::parse(text.as_bytes()).unwrap();
            let by: Vec<_> = signed.iter().copied().collect();
            let known = signed.iter().filter(|number| **number <= 5).count();
            prop_assert_eq!(policy.judge(&note(&by)).is_ok(), known >= least);
        }
    }
}
