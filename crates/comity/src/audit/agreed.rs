//! The audit of where look-ups are counted: in the register of requests that the agreement names (floor F4).
//!
//! A ledger holds no agreement. It shows what a permit was decided on; whoever has the agreement that was signed holds the
//! two against each other.

use super::asked::WHO_ASKED;
use super::{Audited, Reading, Wrong};
use crate::Error;
use crate::event::Decided;
use agreement::{Facts, Filed};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The registers that look-ups were permitted to count in, and since when: under which agreement, by its digest, and for which party.
pub(super) type Agreed = BTreeMap<(String, String), BTreeMap<Option<String>, Timestamp>>;

impl Reading<'_> {
    /// Returns the register of requests that the agreement of a permit names, by the facts it was decided on. That they are the
    /// agreement's, only the agreement itself can say: [`hold_to_agreements`].
    pub(super) fn agreed_register(&mut self, at: Timestamp, decided: &Decided) -> Option<String> {
        let facts = serde_json::from_str::<Facts>(&decided.given).ok()?;
        let key =
            facts.resource.get("requests_key").and_then(|key| key.as_str()).map(str::to_owned);
        let asker = (decided.agreement.clone(), decided.party.clone());
        let told = self.requests.agreed.entry(asker).or_default();
        told.entry(key.clone()).and_modify(|first| *first = at.min(*first)).or_insert(at);
        key
    }

    /// A look-up is counted in the register that the agreement of its permit names.
    pub(super) fn counted_as_agreed(&mut self, index: u64, permit: u64, register: Option<&str>) {
        // Without a permit that names one there is nothing to hold it to, and deciding again says so.
        let Some(agreed) = self.permits.get(&permit).and_then(|held| held.register.as_deref())
        else {
            self.requests.unheld += 1;
            return;
        };
        if register == Some(agreed) {
            self.requests.as_agreed += 1;
        } else {
            let what = "it is not counted in the register of requests that its agreement names";
            self.wrong(index, what, WHO_ASKED);
        }
    }
}

/// Holds a program's ledger against the agreements themselves, as they were filed: look-ups were permitted to count in the register
/// of requests that the agreement, or the annex by which the party joined, named for whoever asked by then.
///
/// Only what everybody has signed says anything: an agreement or an annex that somebody has not accepted is none.
///
/// # Errors
/// An agreement has no canonical form.
pub fn hold_to_agreements(program: &mut Audited, filed: &[Filed]) -> Result<(), Error> {
    let mut by_digest = BTreeMap::new();
    for filed in filed {
        by_digest.insert(filed.agreement.digest()?.to_string(), filed);
    }
    let mut held = 0_usize;
    let mut without = BTreeSet::new();
    if program.requests.unheld > 0 {
        without.insert(format!(
            "in which register {} look-ups were permitted to count: their permits are gone or do not say",
            program.requests.unheld
        ));
    }
    for ((agreement, party), told) in &program.requests.agreed {
        let Some(filed) = by_digest.get(agreement) else {
            without.insert(format!(
                "whether the register of requests that look-ups under {agreement} were counted in is the one that it names: \
                 hold them to it by --agreement with the folder of that one as it was signed (a demonstration's is beside its \
                 ledger)"
            ));
            continue;
        };
        for (told, first) in told {
            if !is_accepted(filed, *first)? {
                without.insert(format!(
                    "whether the register of requests that look-ups under {agreement} were counted in is the one that was agreed on: \
                     its folder does not hold everybody's signatures from before {first}"
                ));
                continue;
            }
            let parties = filed.parties(*first)?;
            let Some(asked) = parties.into_iter().find(|one| one.id.as_str() == party) else {
                without.insert(format!(
                    "whether {party} had joined {agreement}, and with which register: its folder holds no annex of {party} that \
                     everybody had signed by {first}"
                ));
                continue;
            };
            let named = asked.requests_key.as_ref().map(ToString::to_string);
            match (told, &named) {
                (Some(told), Some(named)) if told == named => held += 1,
                // Neither names one: that is no proof that they were counted together with those of other programs.
                (None, None) => {
                    without.insert(format!(
                        "look-ups of {party} under {agreement} were permitted though it names no register of requests: that they were \
                         counted together with those of the recipient's other programs"
                    ));
                }
                (told, named) => {
                    let spelled = |key: &Option<String>| {
                        key.as_ref().map_or("none".to_owned(), |key| format!("`{key}`"))
                    };
                    let what = format!(
                        "look-ups of {party} were decided as if it named {} as the register of requests; it names {}",
                        spelled(told),
                        spelled(named)
                    );
                    let remedy = "find out who changed what the gate was told, and count what both registers hold";
                    program.wrong.push(Wrong::with(format!("agreement {agreement}"), what, remedy));
                }
            }
        }
    }
    let is_all = without.is_empty();
    program.open.extend(without);
    if held > 0 && is_all && program.is_sound() {
        program.proved.push(
            "the register of requests that look-ups were permitted to count in is the one that their agreement names"
                .to_owned(),
        );
    }
    Ok(())
}

/// Says whether everybody who has to accept an agreement had done so.
fn is_accepted(filed: &Filed, at: Timestamp) -> Result<bool, Error> {
    // Who has revoked it since had signed it all the same.
    let standing = filed.standing(at)?;
    Ok(standing.required.is_subset(&standing.accepted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use agreement::{
        Agreement, Annex, Answer, Demonstration, Environment, Publications, Signer as By,
        SignerRole, SigningKey,
    };
    use ledger::{Commitments, Name, Signer};

    const TEXT: &str = include_str!("../../../../examples/benefits/agreement.toml");
    const OTHER: &str =
        "family-support.example/other+00000000+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

    fn at() -> Timestamp {
        "2027-01-04T09:00:00Z".parse().unwrap()
    }

    /// The agreement, signed by everybody an hour before.
    fn signed() -> Demonstration {
        let drafted = Agreement::read(TEXT, "agreement.toml").unwrap();
        let mut number = 0;
        let random = || {
            number += 1;
            [number; 32]
        };
        let hour = jiff::SignedDuration::from_hours(1);
        drafted.demonstration(&Publications::default(), at() - hour, random).unwrap()
    }

    fn named() -> String {
        signed().filed.agreement.requests_key().unwrap().to_string()
    }

    /// A look-up of a party under a permit that was decided on these registers, which says that it is counted in that one.
    fn looked_up_by(party: &str, told: Option<&str>, counted_in: Option<&str>) -> Audited {
        let agreement = signed().filed.agreement.digest().unwrap().to_string();
        let resource =
            told.map_or(serde_json::json!({}), |key| serde_json::json!({ "requests_key": key }));
        let given = serde_json::json!({
            "act": "request_records", "party": party, "agreement": agreement,
            "principal": {}, "resource": resource, "context": {},
        });
        let permit = Decided {
            act: "request_records".to_owned(),
            party: party.to_owned(),
            purpose: "verify-income".to_owned(),
            agreement,
            packs: Vec::new(),
            rules: Vec::new(),
            given: given.to_string(),
            ends: "2027-01-04T09:15:00Z".to_owned(),
        };
        let asked = Event::RecordsAsked {
            run: "look-up-1".to_owned(),
            permit: 0,
            persons: 1,
            second: at().as_second(),
            register: counted_in.map(str::to_owned),
            matter: counted_in.map(|_| 0),
        };
        let name = Name::new("family-support.example/ledger").unwrap();
        let key = Signer::from_random(name, [9; 32]).verifier().clone();
        let mut reading = Reading::new(&key);
        for (index, event) in [Event::Permitted(permit), asked].iter().enumerate() {
            let leaf = event.to_leaf(at(), Commitments::new(), [7; 32]).unwrap();
            let _ = reading.take(index as u64, &leaf.to_entry().unwrap());
        }
        // That no run began is not what is looked at here.
        reading.wrong.retain(|wrong| !wrong.what.contains("has not started"));
        let mut proved = Vec::new();
        let requests = reading.requests_end(&mut proved);
        Audited {
            origin: key.name().to_string(),
            entries: 2,
            root: String::new(),
            proved,
            open: reading.open,
            erased: Vec::new(),
            unauthenticated: Vec::new(),
            wrong: reading.wrong,
            requests,
        }
    }

    fn looked_up(told: Option<&str>, counted_in: Option<&str>) -> Audited {
        looked_up_by("family-support", told, counted_in)
    }

    fn held_to(mut audited: Audited, filed: &Filed) -> Audited {
        hold_to_agreements(&mut audited, std::slice::from_ref(filed)).unwrap();
        audited
    }

    fn is_proved(audited: &Audited) -> bool {
        audited.proved.iter().any(|proved| proved.contains("is the one that their agreement names"))
    }

    #[test]
    fn a_look_up_is_counted_in_the_register_that_its_permit_was_decided_on() {
        let named = named();
        let sound = looked_up(Some(&named), Some(&named));
        assert!(sound.is_sound(), "{sound:#?}");
        assert!(sound.proved[0].starts_with("each of 1 look-ups is counted in the register"));
        for counted_in in [Some(OTHER), None] {
            let wrong = looked_up(Some(&named), counted_in).wrong;
            assert_eq!(wrong.len(), 1, "{wrong:#?}");
            assert!(wrong[0].what.contains("not counted in the register"), "{wrong:#?}");
        }
    }

    #[test]
    fn a_permit_that_was_decided_on_another_register_than_the_agreement_names_is_found() {
        let (named, filed) = (named(), signed().filed);
        let held = |told: Option<&str>| held_to(looked_up(told, told), &filed);
        let sound = held(Some(&named));
        assert!(sound.is_sound() && is_proved(&sound), "{sound:#?}");
        for told in [Some(OTHER), None] {
            let wrong = held(told).wrong;
            assert_eq!(wrong.len(), 1, "{wrong:#?}");
            assert!(wrong[0].what.contains("decided as if it named"), "{wrong:#?}");
            assert!(wrong[0].place.starts_with("agreement sha256:"), "{wrong:#?}");
        }
    }

    #[test]
    fn a_look_up_whose_permit_is_gone_or_says_nothing_leaves_the_register_unproved() {
        let (named, filed) = (named(), signed().filed);
        let mut audited = looked_up(Some(&named), Some(&named));
        audited.requests.unheld = 1;
        let open = held_to(audited, &filed);
        assert!(open.is_sound() && !is_proved(&open), "{open:#?}");
        assert!(open.open.iter().any(|open| open.contains("their permits are gone")), "{open:#?}");
        // What cannot be read is counted so, and so is what is not there.
        let name = Name::new("family-support.example/ledger").unwrap();
        let key = Signer::from_random(name, [9; 32]).verifier().clone();
        let mut reading = Reading::new(&key);
        let asked = Event::RecordsAsked {
            run: "look-up-1".to_owned(),
            permit: 7,
            persons: 1,
            second: at().as_second(),
            register: Some(named),
            matter: Some(0),
        };
        let leaf = asked.to_leaf(at(), Commitments::new(), [7; 32]).unwrap();
        let _ = reading.take(0, &leaf.to_entry().unwrap());
        assert_eq!(reading.requests_end(&mut Vec::new()).unheld, 1);
    }

    #[test]
    fn an_agreement_that_somebody_has_not_signed_by_then_proves_no_register() {
        let (named, mut filed) = (named(), signed().filed);
        filed.signatures.pop();
        let open = held_to(looked_up(Some(&named), Some(&named)), &filed);
        assert!(!is_proved(&open), "{open:#?}");
        assert!(open.open.iter().any(|open| open.contains("everybody's signatures")), "{open:#?}");
    }

    #[test]
    fn where_neither_agreement_nor_permit_names_a_register_nothing_is_proved() {
        let mut drafted = Agreement::read(TEXT, "agreement.toml").unwrap();
        for party in &mut drafted.parties {
            party.requests_key = None;
        }
        let hour = jiff::SignedDuration::from_hours(1);
        let filed = drafted.demonstration(&Publications::default(), at() - hour, || [3; 32]);
        let filed = filed.unwrap().filed;
        let mut audited = looked_up(None, None);
        let told = audited.requests.agreed.pop_first().unwrap();
        let digest = filed.agreement.digest().unwrap().to_string();
        audited.requests.agreed.insert((digest, told.0.1), told.1);
        let open = held_to(audited, &filed);
        assert!(open.is_sound() && !is_proved(&open), "{open:#?}");
        assert!(open.open.iter().any(|open| open.contains("it names no register")), "{open:#?}");
    }

    /// An annex by which a party joins with a register of its own, signed by everybody but those left out at the end.
    fn annex(id: &str, made: &Demonstration, left_out: usize) -> Annex {
        let own = SigningKey::new(Environment::Test, [99; 32]);
        let agreement = &made.filed.agreement;
        let recipient = agreement.parties.iter().find(|party| party.requests_key.is_some());
        let mut party = recipient.unwrap().clone();
        (party.id, party.key) = (id.parse().unwrap(), own.public());
        party.requests_key = Some(other_key());
        let agreement = agreement.digest().unwrap();
        let mut annex = Annex { agreement, party, caseload: None, signatures: Vec::new() };
        let joining = By { id: id.parse().unwrap(), role: SignerRole::Party };
        let mut keys: Vec<_> = made.keys.iter().chain([(&joining, &own)]).collect();
        keys.retain(|(by, _)| by.role != SignerRole::Auditor);
        let hour = jiff::SignedDuration::from_hours(1);
        for (by, key) in &keys[..keys.len() - left_out] {
            annex.sign(Answer::Accept, by, at() - hour, key).unwrap();
        }
        annex
    }

    fn other_key() -> agreement::RegisterKey {
        let name = Name::new("housing.comity.example/requests-test").unwrap();
        Signer::from_random(name, [7; 32]).verifier().to_string().parse().unwrap()
    }

    #[test]
    fn an_annex_counts_for_whoever_joined_by_it_and_only_once_everybody_has_signed_it() {
        let (made, theirs) = (signed(), other_key().to_string());
        let held = |party: &str, annexes: Vec<Annex>, told: &str| {
            let mut filed = made.filed.clone();
            filed.annexes = annexes;
            held_to(looked_up_by(party, Some(told), Some(told)), &filed)
        };
        let joined = held("housing", vec![annex("housing", &made, 0)], &theirs);
        assert!(joined.is_sound() && is_proved(&joined), "{joined:#?}");
        for left_out in 1..=4 {
            let unsigned = held("housing", vec![annex("housing", &made, left_out)], &theirs);
            assert!(!is_proved(&unsigned), "{left_out}: {unsigned:#?}");
            let says =
                |open: &String| open.contains("no annex of housing that everybody had signed");
            assert!(unsigned.open.iter().any(says), "{left_out}: {unsigned:#?}");
        }
        // Nor does one take the place of a party of the agreement.
        let instead = vec![annex("family-support", &made, 0)];
        let replaced = held("family-support", instead.clone(), &theirs);
        assert!(!replaced.is_sound(), "{replaced:#?}");
        let own = held("family-support", instead, &named());
        assert!(own.is_sound() && is_proved(&own), "{own:#?}");
    }
}
