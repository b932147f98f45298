//! The audit of where look-ups are counted: in the register of requests that the agreement names (floor F4).
//!
//! A ledger holds no agreement. It shows what a permit was decided on; whoever has the agreement that was signed holds the
//! two against each other.

use super::asked::WHO_ASKED;
use super::{Audited, Reading, Wrong};
use crate::Error;
use crate::event::Decided;
use agreement::{Agreement, Annex, Facts, Party, RegisterKey};
use std::collections::{BTreeMap, BTreeSet};

/// The registers that look-ups were permitted to count in: under which agreement, by its digest, and for which party.
pub(super) type Agreed = BTreeMap<(String, String), BTreeSet<Option<String>>>;

impl Reading<'_> {
    /// Returns the register of requests that the agreement of a permit names, by the facts it was decided on. That they are the
    /// agreement's, only the agreement itself can say: [`hold_to_agreements`].
    pub(super) fn agreed_register(&mut self, decided: &Decided) -> Option<String> {
        let facts = serde_json::from_str::<Facts>(&decided.given).ok()?;
        let key =
            facts.resource.get("requests_key").and_then(|key| key.as_str()).map(str::to_owned);
        let asker = (decided.agreement.clone(), decided.party.clone());
        self.requests.agreed.entry(asker).or_default().insert(key.clone());
        key
    }

    /// A look-up is counted in the register that the agreement of its permit names.
    pub(super) fn counted_as_agreed(&mut self, index: u64, permit: u64, register: Option<&str>) {
        // Without a permit that names one there is nothing to hold it to, and deciding again says so.
        let Some(agreed) = self.permits.get(&permit).and_then(|held| held.register.as_deref())
        else {
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

/// Holds a program's ledger against the agreements themselves, with the annexes of each: look-ups were permitted to count in the
/// register of requests that the agreement, or the annex by which the party joined, names for whoever asked.
///
/// # Errors
/// An agreement has no canonical form.
pub fn hold_to_agreements(
    program: &mut Audited,
    signed: &[(Agreement, Vec<Annex>)],
) -> Result<(), Error> {
    let mut registers = BTreeMap::new();
    for (agreement, annexes) in signed {
        let digest = agreement.digest()?;
        let joined = annexes.iter().filter(|annex| annex.agreement == digest);
        let parties = agreement.parties.iter().chain(joined.map(|annex| &annex.party));
        let of = |party: &Party| (party.id.to_string(), party.requests_key.clone());
        registers.insert(digest.to_string(), parties.map(of).collect::<BTreeMap<_, _>>());
    }
    let mut held = 0_usize;
    let mut without = BTreeSet::new();
    for ((agreement, party), told) in &program.requests.agreed {
        let Some(named) = registers.get(agreement) else {
            without.insert(agreement.clone());
            continue;
        };
        let named = named.get(party).and_then(Option::as_ref).map(RegisterKey::as_str);
        for told in told.iter().map(Option::as_deref) {
            if told == named {
                held += 1;
                continue;
            }
            let spelled =
                |key: Option<&str>| key.map_or("none".to_owned(), |key| format!("`{key}`"));
            let what = format!(
                "look-ups of {party} were decided as if it named {} as the register of requests; it names {}",
                spelled(told),
                spelled(named)
            );
            let remedy =
                "find out who changed what the gate was told, and count what both registers hold";
            program.wrong.push(Wrong::with(format!("agreement {agreement}"), what, remedy));
        }
    }
    program.open.extend(without.into_iter().map(|agreement| {
        format!(
            "whether the register of requests that look-ups under {agreement} were counted in is the one that it names: give \
             --agreement to hold them to it"
        )
    }));
    if held > 0 && program.is_sound() {
        program.proved.push(
            "the register of requests that look-ups were permitted to count in is the one that their agreement names"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use jiff::Timestamp;
    use ledger::{Commitments, Name, Signer};

    const TEXT: &str = include_str!("../../../../examples/benefits/agreement.toml");
    const OTHER: &str =
        "family-support.example/other+00000000+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

    fn signed() -> Agreement {
        Agreement::read(TEXT, "agreement.toml").unwrap()
    }

    /// A look-up under a permit that was decided on these registers, which says that it is counted in that one.
    fn looked_up(told: Option<&str>, counted_in: Option<&str>) -> Audited {
        let agreement = signed().digest().unwrap().to_string();
        let resource =
            told.map_or(serde_json::json!({}), |key| serde_json::json!({ "requests_key": key }));
        let given = serde_json::json!({
            "act": "request_records", "party": "family-support", "agreement": agreement,
            "principal": {}, "resource": resource, "context": {},
        });
        let permit = Decided {
            act: "request_records".to_owned(),
            party: "family-support".to_owned(),
            purpose: "verify-income".to_owned(),
            agreement,
            packs: Vec::new(),
            rules: Vec::new(),
            given: given.to_string(),
            ends: "2027-01-04T09:15:00Z".to_owned(),
        };
        let at: Timestamp = "2027-01-04T09:00:00Z".parse().unwrap();
        let asked = Event::RecordsAsked {
            run: "look-up-1".to_owned(),
            permit: 0,
            persons: 1,
            second: at.as_second(),
            register: counted_in.map(str::to_owned),
            matter: counted_in.map(|_| 0),
        };
        let name = Name::new("family-support.example/ledger").unwrap();
        let key = Signer::from_random(name, [9; 32]).verifier().clone();
        let mut reading = Reading::new(&key);
        for (index, event) in [Event::Permitted(permit), asked].iter().enumerate() {
            let leaf = event.to_leaf(at, Commitments::new(), [7; 32]).unwrap();
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

    #[test]
    fn a_look_up_is_counted_in_the_register_that_its_permit_was_decided_on() {
        let named = signed().requests_key().unwrap().to_string();
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
        let named = signed().requests_key().unwrap().to_string();
        let held = |told: Option<&str>| {
            let mut audited = looked_up(told, told);
            hold_to_agreements(&mut audited, &[(signed(), Vec::new())]).unwrap();
            audited
        };
        assert!(held(Some(&named)).is_sound());
        for told in [Some(OTHER), None] {
            let wrong = held(told).wrong;
            assert_eq!(wrong.len(), 1, "{wrong:#?}");
            assert!(wrong[0].what.contains("decided as if it named"), "{wrong:#?}");
            assert!(wrong[0].place.starts_with("agreement sha256:"), "{wrong:#?}");
        }
    }
}
