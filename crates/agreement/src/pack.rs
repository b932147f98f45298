//! Law packs: a law as data, so that a lawyer can read it and a new law needs no release.
//!
//! A pack is a folder under `laws/` with `pack.toml`, `policies.cedar` and `vectors.toml`, and where it says much of
//! cases with `cases.cedar` and `cases.toml`. Packs are versioned by date
//! and never edited in place; a decision names the pack's digest. The floor is a pack too, the only one that permits
//! anything. A pack is not legal advice, and it says itself what in it is not confirmed.

use std::path::Path;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{Act, Calendar, Clock, Digest, Error, Facts, Gate, PackId, PackRef};

/// Id of the floor.
const FLOOR: &str = "floor";

/// A law pack.
#[derive(Clone, Debug)]
pub struct Pack {
    /// What `pack.toml` says.
    pub manifest: Manifest,
    policies: String,
    vectors: Vectors,
    digest: Digest,
}

/// What `pack.toml` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The pack's id, which is its folder's name.
    pub id: PackId,
    /// The pack's title.
    pub title: String,
    /// The pack's version, a date.
    pub version: Date,
    /// What the pack is and is not.
    pub note: String,
    /// When the law is in force.
    pub in_force: InForce,
    /// When the law applies at all.
    pub regime: Regime,
    /// Elements an agreement under this law must have, beyond what every agreement has.
    #[serde(default)]
    pub required: Vec<Required>,
    /// Periods the law sets.
    #[serde(default)]
    pub clocks: Vec<Clock>,
    /// Calendars that clocks count working days by.
    #[serde(default)]
    pub calendars: Vec<Calendar>,
    /// Texts of notices.
    #[serde(default)]
    pub notices: Vec<NoticeText>,
    /// Reports the law asks for.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// How long things are kept.
    #[serde(default)]
    pub retention: Vec<Kept>,
    /// What is not confirmed against the official text, and how it was read meanwhile.
    #[serde(default)]
    pub unconfirmed: Vec<Unconfirmed>,
}

/// When a law is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InForce {
    /// The first day.
    pub from: Date,
    /// The last day, if it has one.
    #[serde(default)]
    pub to: Option<Date>,
}

impl InForce {
    /// Tells whether the law is in force on a day.
    pub fn contains(&self, day: Date) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// When a law applies at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    /// The test in words.
    pub applies: String,
    /// Where it stands.
    pub cite: String,
    /// What applies where it does not.
    pub otherwise: String,
}

/// An element of the agreement that the law requires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Required {
    /// The key in the agreement's file.
    pub path: String,
    /// Where the law asks for it.
    pub cite: String,
    /// What to write.
    pub remedy: String,
}

/// The text of a notice, with places in braces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeText {
    /// The notice's name.
    pub id: String,
    /// The text.
    pub text: String,
    /// The section that asks for it.
    pub cite: String,
}

/// A report the law asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The report's name.
    pub id: String,
    /// To whom.
    pub to: String,
    /// When.
    pub when: String,
    /// What it says.
    pub contents: Vec<String>,
    /// The section that asks for it.
    pub cite: String,
    /// Whether it was checked against the official text.
    pub confirmed: bool,
}

/// How long something is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// What.
    pub what: String,
    /// How long.
    pub period: String,
    /// The section that says so.
    pub cite: String,
    /// Whether it was checked against the official text.
    pub confirmed: bool,
}

/// Something that is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unconfirmed {
    /// What is not confirmed.
    pub what: String,
    /// The rules that rest on it.
    #[serde(default)]
    pub rules: Vec<String>,
    /// The stricter reading taken meanwhile.
    pub reading: String,
}

/// Test vectors of a pack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    base: Base,
    /// The context of acts about cases, which have other facts.
    #[serde(default)]
    cases: Map<String, Value>,
    #[serde(default)]
    vector: Vec<Vector>,
}

/// The facts from which each vector differs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    principal: Map<String, Value>,
    resource: Map<String, Value>,
    context: Map<String, Value>,
}

/// One vector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    act: Act,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    unset: Vec<String>,
    /// The ids of the rules broken; none for a permit.
    refused_by: Vec<String>,
}

/// How one vector went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VectorOutcome {
    /// The vector's name.
    pub name: String,
    /// The act it asks for.
    pub act: Act,
    /// The rules it should break, in order of id.
    pub expected: Vec<String>,
    /// The rules it broke, in order of id.
    pub found: Vec<String>,
}

impl VectorOutcome {
    /// Tells whether the decision was the expected one.
    pub fn is_right(&self) -> bool {
        self.expected == self.found
    }
}

impl Pack {
    /// Returns the floor.
    ///
    /// # Errors
    ///
    /// [`Error::PackManifest`], which a test rules out for the shipped floor.
    pub fn floor() -> Result<Self, Error> {
        Self::from_files(
            include_str!("../../../laws/floor/pack.toml"),
            concat!(
                include_str!("../../../laws/floor/policies.cedar"),
                "\n",
                include_str!("../../../laws/floor/cases.cedar")
            ),
            concat!(
                include_str!("../../../laws/floor/vectors.toml"),
                "\n",
                include_str!("../../../laws/floor/cases.toml")
            ),
        )
    }

    /// Returns the law packs that ship with the program, the floor apart.
    ///
    /// # Errors
    ///
    /// [`Error::PackManifest`], which a test rules out for the shipped packs.
    pub fn shipped() -> Result<Vec<Self>, Error> {
        Ok(vec![Self::from_files(
            include_str!("../../../laws/us-cmppa/pack.toml"),
            include_str!("../../../laws/us-cmppa/policies.cedar"),
            include_str!("../../../laws/us-cmppa/vectors.toml"),
        )?])
    }

    /// Reads a pack from a folder.
    ///
    /// # Errors
    ///
    /// [`Error::PackFile`] when a file cannot be read, [`Error::PackManifest`] when it is wrong.
    pub fn read_folder(folder: &Path) -> Result<Self, Error> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| Error::PackFile { path, source })
        };
        // A pack that says much of cases has a second file of policies and of vectors.
        let both = |first: &str, second: &str| -> Result<String, Error> {
            let text = read(first)?;
            let more = folder.join(second).exists();
            if more { Ok(format!("{text}\n{}", read(second)?)) } else { Ok(text) }
        };
        let policies = both("policies.cedar", "cases.cedar")?;
        Self::from_files(&read("pack.toml")?, &policies, &both("vectors.toml", "cases.toml")?)
    }

    /// Makes a pack of the texts of its three files.
    ///
    /// # Errors
    ///
    /// [`Error::PackManifest`] when the manifest or the vectors are wrong. Policies are checked by [`Gate::new`].
    pub fn from_files(manifest: &str, policies: &str, vectors: &str) -> Result<Self, Error> {
        let mut hash = Sha256::new();
        for (name, text) in
            [("pack.toml", manifest), ("policies.cedar", policies), ("vectors.toml", vectors)]
        {
            hash.update(format!("{name}\n{}\n", text.len()));
            hash.update(text);
        }
        let digest = Digest::from_bytes(hash.finalize().into());
        let manifest: Manifest = parse(manifest, "pack.toml", "?")?;
        let vectors = parse(vectors, "vectors.toml", manifest.id.as_str())?;
        let calendars = manifest.calendars.iter().flat_map(Calendar::problems);
        let clocks = manifest.clocks.iter().flat_map(|clock| clock.problems(&manifest.calendars));
        if let Some(reason) = calendars.chain(clocks).next() {
            let id = manifest.id.to_string();
            return Err(Error::PackManifest { id, file: "pack.toml", reason });
        }
        Ok(Self { manifest, policies: policies.to_owned(), vectors, digest })
    }

    /// Tells whether this is the floor.
    pub fn is_floor(&self) -> bool {
        self.manifest.id.as_str() == FLOOR
    }

    /// Returns the digest over the pack's three files.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the text of the pack's policies.
    pub fn policies(&self) -> &str {
        &self.policies
    }

    /// Returns the ids of the pack's rules, in their order.
    pub fn rules(&self) -> Vec<String> {
        let after = self.policies.split("@id(\"").skip(1);
        after.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    }

    /// Returns the version of a clock that is in force on a day.
    pub fn clock(&self, id: &str, on: Date) -> Option<&Clock> {
        self.manifest
            .clocks
            .iter()
            .find(|clock| clock.id == id && clock.in_force.is_none_or(|law| law.contains(on)))
    }

    /// Returns a calendar.
    pub fn calendar(&self, id: &str) -> Option<&Calendar> {
        self.manifest.calendars.iter().find(|calendar| calendar.id == id)
    }

    /// Returns the calendar that a clock counts working days by; one of calendar days alone if it names none.
    pub fn calendar_of(&self, clock: &Clock) -> Calendar {
        let named = clock.calendar.as_ref().and_then(|id| self.calendar(id));
        named.cloned().unwrap_or_default()
    }

    /// Returns what a decision records of the pack.
    pub fn reference(&self) -> PackRef {
        PackRef {
            id: self.manifest.id.clone(),
            version: self.manifest.version.to_string(),
            digest: self.digest,
        }
    }

    /// Decides every vector of the pack, under the floor and the pack alone.
    ///
    /// # Errors
    ///
    /// As [`Gate::new`], and [`Error::PackManifest`] when a vector sets something that is no fact.
    pub fn test(&self) -> Result<Vec<VectorOutcome>, Error> {
        let packs = if self.is_floor() { Vec::new() } else { vec![self.clone()] };
        let gate = Gate::new(packs)?;
        self.vectors.vector.iter().map(|vector| self.decide(&gate, vector)).collect()
    }

    fn decide(&self, gate: &Gate, vector: &Vector) -> Result<VectorOutcome, Error> {
        let facts = self.facts(vector)?;
        let mut found: Vec<_> = gate.replay(&facts).into_iter().map(|reason| reason.id).collect();
        let mut expected = vector.refused_by.clone();
        found.sort();
        expected.sort();
        Ok(VectorOutcome { name: vector.name.clone(), act: vector.act.clone(), expected, found })
    }

    fn facts(&self, vector: &Vector) -> Result<Facts, Error> {
        let wrong = |key: &str| Error::PackManifest {
            id: self.manifest.id.to_string(),
            file: "vectors.toml",
            reason: format!(
                "vector `{}`: `{key}` is not `principal.…`, `resource.…` or `context.…`",
                vector.name
            ),
        };
        let mut base = self.vectors.base.clone();
        if Act::OF_CASES.contains(&vector.act) {
            base.context.clone_from(&self.vectors.cases);
        }
        for key in &vector.unset {
            let (part, name) = base.part(key).ok_or_else(|| wrong(key))?;
            part.remove(name).ok_or_else(|| wrong(key))?;
        }
        for (key, value) in &vector.set {
            let (part, name) = base.part(key).ok_or_else(|| wrong(key))?;
            part.insert(name.to_owned(), value.clone());
        }
        Ok(Facts::of_vector(vector.act.clone(), base.principal, base.resource, base.context))
    }
}

impl Base {
    /// Returns the part a key belongs to, and its name there.
    fn part<'k>(&mut self, key: &'k str) -> Option<(&mut Map<String, Value>, &'k str)> {
        let (part, name) = key.split_once('.')?;
        let part = match part {
            "principal" => &mut self.principal,
            "resource" => &mut self.resource,
            "context" => &mut self.context,
            _ => return None,
        };
        Some((part, name))
    }
}

fn parse<T: serde::de::DeserializeOwned>(
    text: &str,
    file: &'static str,
    id: &str,
) -> Result<T, Error> {
    crate::reader::read_small(text).map_err(|reason| Error::PackManifest {
        id: id.to_owned(),
        file,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn packs() -> Vec<Pack> {
        let mut packs = vec![Pack::floor().unwrap()];
        packs.extend(Pack::shipped().unwrap());
        packs
    }

    #[test]
    fn the_policies_of_an_act_decide_as_all_of_them_do() {
        let gate = Gate::shipped().unwrap();
        let acts: Vec<Act> = packs()
            .iter()
            .flat_map(|pack| pack.vectors.vector.iter().map(|vector| vector.act.clone()))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for pack in packs() {
            for (number, vector) in pack.vectors.vector.iter().enumerate() {
                let facts = pack.facts(vector).unwrap();
                let of_a_case = Act::OF_CASES.contains(&vector.act);
                let alike: Vec<_> =
                    acts.iter().filter(|act| Act::OF_CASES.contains(act) == of_a_case).collect();
                // As its own act, and as one of the others that take such facts.
                for act in [&vector.act, alike[number % alike.len()]] {
                    let facts = facts.clone().put_as(act);
                    let whole = gate.replay_by(gate.policies(), &facts);
                    assert_eq!(gate.replay(&facts), whole, "{act}: {}", vector.name);
                }
            }
        }
    }

    #[test]
    fn every_vector_gets_the_decision_it_expects() {
        for pack in packs() {
            for outcome in pack.test().unwrap() {
                assert!(outcome.is_right(), "{}: {outcome:#?}", pack.manifest.id);
            }
        }
    }

    #[test]
    fn every_rule_has_a_vector_that_breaks_it_and_one_that_keeps_it() {
        for pack in packs() {
            let outcomes = pack.test().unwrap();
            for rule in pack.rules() {
                if rule.starts_with("permit-") {
                    let act = rule.trim_start_matches("permit-");
                    assert!(
                        outcomes.iter().any(|o| o.act.as_str() == act && o.found.is_empty()),
                        "no vector is permitted by `{rule}`"
                    );
                } else {
                    let alone: Vec<_> =
                        outcomes.iter().filter(|o| o.found.contains(&rule)).collect();
                    assert!(!alone.is_empty(), "no vector breaks `{rule}`");
                    // Kept where it could have been broken: in the same act, and permitted.
                    assert!(
                        outcomes.iter().any(|o| {
                            o.found.is_empty() && alone.iter().any(|broken| broken.act == o.act)
                        }),
                        "no vector keeps `{rule}`"
                    );
                }
            }
        }
    }

    #[test]
    fn every_clock_and_doubt_names_a_rule_that_exists_and_shows_its_number() {
        for pack in packs() {
            let rules: BTreeSet<_> = pack.rules().into_iter().collect();
            for clock in &pack.manifest.clocks {
                let Some(rule) = &clock.rule else { continue };
                assert!(rules.contains(rule), "clock `{}` names `{rule}`", clock.id);
                let text =
                    pack.policies().split("@id(").find(|t| t.starts_with(&format!("\"{rule}\"")));
                let number = clock.length.to_string();
                let number = if clock.id == "pilot-bound" || clock.id == "reversals" {
                    format!("{number}0")
                } else if clock.id == "emergency" {
                    // Ten days, in seconds.
                    (clock.length * 86_400).to_string()
                } else {
                    number
                };
                // The three months before the end are counted where dates are known, in the facts.
                let numbers: Vec<_> = text.unwrap().split(|c: char| !c.is_ascii_digit()).collect();
                let shown = numbers.contains(&number.as_str()) || clock.id == "renewal-window";
                assert!(shown, "clock `{}`: `{rule}` does not show {number}", clock.id);
            }
            for doubt in &pack.manifest.unconfirmed {
                for rule in &doubt.rules {
                    assert!(rules.contains(rule), "`{}` names `{rule}`", doubt.what);
                }
            }
        }
    }

    #[test]
    fn a_pack_reads_from_a_folder_with_the_same_digest() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../laws/us-cmppa");
        let read = Pack::read_folder(&folder).unwrap();
        assert_eq!(read.digest(), Pack::shipped().unwrap()[0].digest());
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Pack::read_folder(empty.path()), Err(Error::PackFile { .. })));
    }

    #[test]
    fn a_pack_changed_by_one_byte_has_another_digest() {
        let texts = (
            "id = \"x\"\ntitle = \"x\"\nversion = 2027-01-01\nnote = \"\"\n[in_force]\nfrom = 2027-01-01\n[regime]\napplies = \"\"\ncite = \"\"\notherwise = \"\"\n",
            "",
            "[base]\nprincipal = {}\nresource = {}\ncontext = {}\n",
        );
        let one = Pack::from_files(texts.0, texts.1, texts.2).unwrap();
        let two = Pack::from_files(texts.0, &format!("{} ", texts.1), texts.2).unwrap();
        assert_ne!(one.digest(), two.digest());
    }
}
