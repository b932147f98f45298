//! What must hold between the values of an agreement, beyond each value alone.
//!
//! These are checks of sense: names that name something, lists that fit together, numbers within the floor's
//! constants. What a law asks is in its pack ([`law_problems`]) and in the gate.

mod subgroups;

use std::collections::{BTreeMap, BTreeSet};

use crate::reader::Reader;
use crate::{
    Agreement, Category, ClaimKind, Discrepancy, Element, ElementRef, ExceptionKind, Kind, Pack,
    Problem, Role, Use,
};

const C: Option<&str> = Some("5 U.S.C. 552a(o)(1)(C)");
const F3: Option<&str> = Some("floor F3");

/// Reads an agreement, or lists everything wrong with it.
pub(crate) fn read_agreement(text: &str, file: &str) -> Result<Agreement, Vec<Problem>> {
    let mut reader = Reader::new(text, file, crate::schema::agreement());
    let value = reader.value();
    let agreement: Option<Agreement> = match serde_json::from_value(value) {
        Ok(agreement) => Some(agreement),
        Err(error) => {
            let what = format!("cannot be read: {error}");
            reader.problem("", what, None, "compare the file with `docs/agreement.schema.json`");
            None
        }
    };
    if let Some(agreement) = &agreement {
        Check { reader: &mut reader, agreement }.all();
    }
    reader.finish(agreement)
}

/// Lists what the law packs that an agreement names ask for and its text lacks.
///
/// It looks at nothing else: whether the text is an agreement at all is [`Agreement::read`]'s answer, whether the terms
/// are lawful is the gate's.
pub fn law_problems(text: &str, file: &str, packs: &[Pack]) -> Vec<Problem> {
    let mut reader = Reader::new(text, file, crate::schema::agreement());
    let named: BTreeSet<String> = reader
        .value()
        .get("laws")
        .and_then(|laws| laws.as_array())
        .into_iter()
        .flatten()
        .filter_map(|law| law.as_str().map(str::to_owned))
        .collect();
    let mut missing = Reader::new(text, file, crate::schema::agreement());
    for pack in packs.iter().filter(|pack| named.contains(pack.manifest.id.as_str())) {
        for required in &pack.manifest.required {
            if !missing.has(&required.path) {
                let what = format!("`{}` is missing", required.path);
                missing.problem(&required.path, what, Some(&required.cite), &required.remedy);
            }
        }
    }
    missing.finish::<()>(None).err().unwrap_or_default()
}

/// The checks of one agreement.
struct Check<'r, 't> {
    reader: &'r mut Reader<'t>,
    agreement: &'r Agreement,
}

impl Check<'_, '_> {
    fn all(&mut self) {
        self.head();
        self.names();
        self.parties();
        self.keys();
        self.registers();
        self.purposes();
        self.record_sets();
        self.elements();
        self.discrepancy();
        self.model();
        self.subgroups();
        self.duties();
        self.witnesses();
        self.exceptions();
        self.claims();
    }

    /// Adds a problem, unless one of the values it rests on is already a problem of its own.
    fn add(&mut self, path: &str, what: impl Into<String>, cite: Option<&str>, remedy: &str) {
        if !self.reader.is_replaced(path) {
            self.reader.problem(path, what, cite, remedy);
        }
    }

    fn head(&mut self) {
        let agreement = self.agreement;
        if agreement.format != 1 {
            let what =
                format!("`format` is {}, which this program does not read", agreement.format);
            self.add("format", what, None, "write `format = 1`, or take a newer program");
        }
        if agreement.laws.is_empty() {
            let remedy = "name a law pack that `comity law list` shows";
            self.add("laws", "`laws` names no law pack", Some("floor F1"), remedy);
        }
        for (index, _) in
            agreement.laws.iter().enumerate().filter(|(_, law)| law.as_str() == "floor")
        {
            let remedy = "name the law; the floor holds whatever is named";
            let what = "the floor is no law to stand under";
            self.add(&format!("laws[{index}]"), what, Some("floor F1"), remedy);
        }
        if agreement.demonstration && agreement.environment != crate::Environment::Test {
            let remedy = "write `environment = \"test\"`, or leave `demonstration` out";
            self.add("demonstration", "a demonstration is never production", None, remedy);
        }
        if self.reader.is_sound(&["term"]) && agreement.term.ends < agreement.term.begins {
            self.add("term.ends", "the term ends before it begins", C, "correct one of the dates");
        }
        if agreement.term.renewal && agreement.continues.is_none() {
            let remedy = "add `continues` with the digest of the agreement it renews";
            let cite = Some("5 U.S.C. 552a(o)(2)(D)");
            self.add("term.renewal", "a renewal says what it renews", cite, remedy);
        }
    }

    fn names(&mut self) {
        let agreement = self.agreement;
        self.unique("parties", agreement.parties.iter().map(|party| party.id.as_str()));
        self.unique("purposes", agreement.purposes.iter().map(|purpose| purpose.id.as_str()));
        self.unique("record_sets", agreement.record_sets.iter().map(|set| set.id.as_str()));
        self.unique("subgroups", agreement.subgroups.iter().map(|group| group.id.as_str()));
        self.unique("claims", agreement.claims.iter().map(|claim| claim.id.as_str()));
    }

    fn unique<'i>(&mut self, list: &str, ids: impl Iterator<Item = &'i str>) {
        let mut seen = BTreeSet::new();
        for (index, id) in ids.enumerate() {
            if !seen.insert(id) {
                let what = format!("`{id}` stands twice in `{list}`");
                self.add(&format!("{list}[{index}].id"), what, None, "give each its own name");
            }
        }
    }

    fn parties(&mut self) {
        let agreement = self.agreement;
        for (role, word) in [(Role::Source, "source"), (Role::Recipient, "recipient")] {
            if agreement.parties_as(role).next().is_none() {
                let what = format!("no party is the {word}");
                let remedy = format!("give a party the role `{word}`");
                self.add("parties", what, Some("5 U.S.C. 552a(o)(1)"), &remedy);
            }
        }
        for (index, party) in agreement.parties.iter().enumerate() {
            if party.roles.is_empty() {
                let what = format!("party `{}` has no role", party.id);
                let remedy = "write what it does: source, recipient, matching_agent, facilitator";
                self.add(&format!("parties[{index}].roles"), what, None, remedy);
            }
        }
        if agreement.party(&agreement.auditor.id).is_some() {
            let remedy = "name an auditor who is no party";
            self.add("auditor.id", "a party cannot be its own auditor", Some("floor F11"), remedy);
        }
    }

    fn keys(&mut self) {
        let agreement = self.agreement;
        let mut keys = Vec::new();
        for (index, party) in agreement.parties.iter().enumerate() {
            keys.push((format!("parties[{index}].key"), &party.key));
            if let Some(board) = &party.board {
                keys.push((format!("parties[{index}].board.key"), &board.key));
            }
        }
        keys.push(("auditor.key".to_owned(), &agreement.auditor.key));
        let sound: Vec<_> =
            keys.into_iter().filter(|(path, _)| self.reader.is_sound(&[path])).collect();
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for (path, key) in sound {
            if key.environment() != agreement.environment && self.reader.is_sound(&["environment"])
            {
                let what = format!(
                    "`{path}` is a {} key in a {} agreement",
                    key.environment(),
                    agreement.environment
                );
                let remedy = match agreement.environment {
                    crate::Environment::Test => "make a key with `comity key new FILE --test`",
                    crate::Environment::Production => "make a key with `comity key new FILE`",
                };
                self.add(&path, what, None, remedy);
            }
            if let Some(other) = seen.insert(key.to_string(), path.clone()) {
                let what = format!("`{path}` is the same key as `{other}`");
                self.add(&path, what, None, "give each signer a key of its own");
            }
        }
    }

    /// A register of requests is one recipient's.
    fn registers(&mut self) {
        const F4: Option<&str> = Some("floor F4");
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (index, party) in self.agreement.parties.iter().enumerate() {
            let path = format!("parties[{index}].requests_key");
            let Some(key) = party.requests_key.as_ref() else { continue };
            if !self.reader.is_sound(&[&path]) {
                continue;
            }
            if !party.roles.contains(&Role::Recipient) && !party.roles.is_empty() {
                let what = format!("`{}` is no recipient, and counts no look-ups", party.id);
                self.add(&path, what, F4, "put it with the recipient, or leave it out");
            }
            if let Some(other) = seen.insert(key.public(), party.id.as_str()) {
                let what = format!("`{}` has the register of requests of `{other}`", party.id);
                self.add(&path, what, F4, "each recipient counts in a register of its own");
            }
        }
    }

    fn witnesses(&mut self) {
        const F9: Option<&str> = Some("floor F9");
        let Some(witnesses) = &self.agreement.witnesses else { return };
        let members = &witnesses.members;
        let ids = members.iter().map(|member| member.id.as_str());
        self.unique("witnesses.members", ids.clone());
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        if !(1..=count).contains(&witnesses.quorum) {
            let what = format!(
                "`witnesses.quorum` is {}, and there are {count} witnesses",
                witnesses.quorum
            );
            self.add(
                "witnesses.quorum",
                what,
                F9,
                "ask for one of them at least, and for no more than there are",
            );
        }
        let longest = crate::witnesses::LONGEST_WAIT_SECONDS;
        if !(1..=longest).contains(&witnesses.within_seconds) {
            let what = format!("`witnesses.within_seconds` is {}", witnesses.within_seconds);
            let remedy = format!("write a number from 1 to {longest}");
            self.add("witnesses.within_seconds", what, F9, &remedy);
        }
        let mut seen = BTreeSet::new();
        for (index, member) in members.iter().enumerate() {
            let path = format!("witnesses.members[{index}].key");
            if self.reader.is_sound(&[&path]) && !seen.insert(member.key.public()) {
                let what = format!("`{}` has the key of another witness", member.id);
                self.add(
                    &path,
                    what,
                    F9,
                    "a witness that stands there twice counts once: name another",
                );
            }
        }
        for (index, id) in ids.enumerate().filter(|(_, id)| *id == "none") {
            let path = format!("witnesses.members[{index}].id");
            let what = format!("no witness can be called `{id}`");
            self.add(
                &path,
                what,
                F9,
                "give it another name: in a policy it means that nobody is asked",
            );
        }
    }

    fn purposes(&mut self) {
        let agreement = self.agreement;
        let cite = Some("5 U.S.C. 552a(o)(1)(A)");
        if agreement.purposes.is_empty() {
            self.add("purposes", "no purpose is stated", cite, "add a `[[purposes]]`");
        }
        for (index, purpose) in agreement.purposes.iter().enumerate() {
            if purpose.authority.is_empty() {
                let what = format!("purpose `{}` has no legal authority", purpose.id);
                let remedy = "cite the law that allows it under `authority`";
                self.add(&format!("purposes[{index}].authority"), what, cite, remedy);
            }
        }
    }

    fn record_sets(&mut self) {
        let agreement = self.agreement;
        let owned_by = |role: Role| {
            agreement.record_sets.iter().any(|set| {
                agreement.party(&set.owner).is_some_and(|party| party.roles.contains(&role))
            })
        };
        let sound = self.reader.is_sound(&["parties", "record_sets"]);
        if sound && !owned_by(Role::Source) {
            self.add("record_sets", "no source has a record set", C, "add the source's records");
        }
        if sound && !owned_by(Role::Recipient) {
            let remedy = "add the recipient's own caseload";
            self.add("record_sets", "no recipient has a record set", Some("floor F4"), remedy);
        }
        for (index, set) in agreement.record_sets.iter().enumerate() {
            let path = format!("record_sets[{index}]");
            let owner = agreement.party(&set.owner);
            if owner.is_none() && self.reader.is_sound(&[&format!("{path}.owner")]) {
                let what = format!("`{}` is no party", set.owner);
                self.add(
                    &format!("{path}.owner"),
                    what,
                    C,
                    "name the party whose records they are",
                );
            }
            let plays = |role| owner.is_some_and(|party| party.roles.contains(&role));
            if !set.returned.is_empty() && owner.is_some() && !plays(Role::Source) {
                let what = format!("`{}` returns elements but belongs to no source", set.id);
                let remedy = "list under `returned` only what the source has";
                self.add(&format!("{path}.returned"), what, C, remedy);
            }
            if set.caseload_id.is_some() && owner.is_some() && !plays(Role::Recipient) {
                let what = format!("`{}` is no recipient's caseload", set.id);
                let remedy = "put `caseload_id` into the recipient's record set";
                self.add(&format!("{path}.caseload_id"), what, Some("floor F4"), remedy);
            }
            if set.matched_on.is_empty() {
                let what = format!("`{}` has nothing to be matched on", set.id);
                self.add(&format!("{path}.matched_on"), what, C, "list the elements");
            }
        }
        match agreement.record_sets.iter().filter(|set| set.caseload_id.is_some()).count() {
            1 => {}
            0 => {
                let remedy = "add `caseload_id` to the recipient's record set";
                let what = "no record set has a `caseload_id`: answers go to the recipient's own cases only";
                self.add("record_sets", what, Some("floor F4"), remedy);
            }
            _ => {
                let remedy = "keep one, the recipient's";
                let what = "more than one record set has a `caseload_id`";
                self.add("record_sets", what, Some("floor F4"), remedy);
            }
        }
    }

    fn elements(&mut self) {
        let agreement = self.agreement;
        for (index, set) in agreement.record_sets.iter().enumerate() {
            let lists = [
                ("matched_on", &set.matched_on),
                ("returned", &set.returned),
                ("compared", &set.compared),
            ];
            let mut known: BTreeMap<&str, &Element> = BTreeMap::new();
            for (list, elements) in lists {
                let mut seen = BTreeSet::new();
                for (place, element) in elements.iter().enumerate() {
                    let path = format!("record_sets[{index}].{list}[{place}]");
                    if !self.reader.is_sound(&[&path]) {
                        continue;
                    }
                    let name = element.name.as_str();
                    if !seen.insert(name) {
                        let what = format!("`{}.{name}` stands twice in `{list}`", set.id);
                        self.add(&path, what, C, "list each element once");
                    }
                    let other = known.entry(name).or_insert(element);
                    if (other.kind, other.category) != (element.kind, element.category) {
                        let what = format!("`{}.{name}` has two kinds or categories", set.id);
                        self.add(&path, what, F3, "give it the same kind and category everywhere");
                    }
                }
            }
            for (place, element) in set.matched_on.iter().enumerate() {
                let path = format!("record_sets[{index}].matched_on[{place}]");
                if element.category.is_protected() {
                    let what = format!(
                        "`{}.{}` is matched on and is protected or a proxy: {}",
                        set.id, element.name, element.category
                    );
                    let remedy =
                        "take it out: nobody is selected by a protected trait or its proxy";
                    self.add(&path, what, F3, remedy);
                }
                let others = agreement.record_sets.iter().filter(|other| other.id != set.id);
                let has = |element: &Element| {
                    others
                        .clone()
                        .any(|other| other.matched_on.iter().any(|e| e.name == element.name))
                };
                let lost = (0..agreement.record_sets.len())
                    .any(|index| self.reader.lost_a_name(&format!("record_sets[{index}]")));
                if others.clone().next().is_some() && !lost && !has(element) {
                    let what =
                        format!("`{}.{}` has nothing to be matched on with", set.id, element.name);
                    let remedy = "list it in the other record set too, under the same name; columns are mapped in the schedule";
                    self.add(&path, what, C, remedy);
                }
            }
        }
    }

    fn discrepancy(&mut self) {
        let agreement = self.agreement;
        if self.reader.is_replaced("discrepancy") {
            return;
        }
        self.discrepancy_rule(&agreement.discrepancy, "discrepancy");
        if !self.reader.is_sound(&["discrepancy"]) {
            return;
        }
        self.protected_reasons();
        let looked_at: BTreeSet<_> = agreement.discrepancy.elements().into_iter().collect();
        for (index, set) in agreement.record_sets.iter().enumerate() {
            for (place, element) in set.compared.iter().enumerate() {
                if !looked_at.contains(&set.reference(&element.name)) {
                    let path = format!("record_sets[{index}].compared[{place}]");
                    let what = format!("`{}.{}` is asked for and not used", set.id, element.name);
                    let remedy = "take it out: the discrepancy rule does not look at it";
                    self.add(&path, what, C, remedy);
                }
            }
        }
    }

    fn discrepancy_rule(&mut self, rule: &Discrepancy, path: &str) {
        match rule {
            Discrepancy::All { of } | Discrepancy::Any { of } => {
                if of.is_empty() {
                    let what = format!("`{path}.of` holds no rule");
                    self.add(path, what, None, "say what must differ or overlap");
                }
                for (index, rule) in of.iter().enumerate() {
                    self.discrepancy_rule(rule, &format!("{path}.of[{index}]"));
                }
            }
            Discrepancy::PresentInBoth { record_sets } => {
                let known = |id| self.agreement.record_set(id).is_some();
                let two = record_sets.iter().collect::<BTreeSet<_>>().len() == 2;
                if !two || !record_sets.iter().all(known) {
                    let what = format!("`{path}.record_sets` does not name two record sets");
                    self.add(path, what, None, "name two record sets of this agreement");
                }
            }
            Discrepancy::PeriodsOverlap { one, other, .. } => {
                for (period, name) in [(one, "one"), (other, "other")] {
                    for (element, end) in [(&period.from, "from"), (&period.to, "to")] {
                        self.element_of(element, &format!("{path}.{name}.{end}"), &[Kind::Date]);
                    }
                }
            }
            Discrepancy::AmountExceeds { amount, over, .. } => {
                self.amounts(amount, over, path, "over");
            }
            Discrepancy::AmountDiffers { amount, from, .. } => {
                self.amounts(amount, from, path, "from");
            }
            Discrepancy::ValueDiffers { value, from } => {
                let all = [
                    Kind::Text,
                    Kind::Date,
                    Kind::Number,
                    Kind::Money,
                    Kind::Code,
                    Kind::Identifier,
                    Kind::Flag,
                ];
                let value_path = format!("{path}.value");
                if let (Some(one), Some(two)) = (
                    self.element_of(value, &value_path, &all),
                    self.element_of(from, &format!("{path}.from"), &all),
                ) {
                    self.one_kind((value, &one), (from, &two), &value_path);
                }
            }
        }
    }

    fn amounts(&mut self, amount: &ElementRef, other: &ElementRef, path: &str, name: &str) {
        let kinds = [Kind::Money, Kind::Number];
        let amount_path = format!("{path}.amount");
        let (Some(one), Some(two)) = (
            self.element_of(amount, &amount_path, &kinds),
            self.element_of(other, &format!("{path}.{name}"), &kinds),
        ) else {
            return;
        };
        self.one_kind((amount, &one), (other, &two), &amount_path);
        if one.per.is_none() || one.per != two.per {
            let what = format!("`{amount}` and `{other}` do not cover the same span of time");
            let remedy = "say under `per` what each covers, and compare only sums over the same span: income is never averaged over another";
            self.add(&amount_path, what, Some("5 U.S.C. 552a(p)(2)(C)"), remedy);
        }
    }

    /// Like is held against like: two values of different kinds always differ, and that says nothing.
    fn one_kind(
        &mut self,
        (one, of_one): (&ElementRef, &Element),
        (other, of_other): (&ElementRef, &Element),
        path: &str,
    ) {
        if of_one.kind != of_other.kind {
            let what = format!("`{one}` and `{other}` are of different kinds");
            self.add(path, what, None, "compare elements of one kind");
        }
    }

    /// Nobody is selected by a protected trait: whatever the rule names can be the reason for a lead, in whichever
    /// list it stands.
    fn protected_reasons(&mut self) {
        let agreement = self.agreement;
        let named: BTreeSet<_> = agreement.discrepancy.elements().into_iter().collect();
        let kinds: BTreeSet<_> = agreement.purposes.iter().map(|purpose| purpose.kind).collect();
        let apart = !kinds.is_empty() && kinds.iter().all(|kind| kind.opens_no_leads());
        if apart || !self.reader.is_sound(&["purposes", "exceptions"]) {
            return;
        }
        for (index, set) in agreement.record_sets.iter().enumerate() {
            let lists = [("returned", &set.returned), ("compared", &set.compared)];
            for (list, elements) in lists {
                for (place, element) in elements.iter().enumerate() {
                    let category = element.category;
                    let excepted = agreement.exceptions.iter().any(|exception| {
                        exception.kind == ExceptionKind::BenefitItself
                            && exception.category == category
                            && matches!(category, Category::Disability | Category::Health)
                    });
                    if category.is_protected()
                        && !excepted
                        && named.contains(&set.reference(&element.name))
                    {
                        let path = format!("record_sets[{index}].{list}[{place}]");
                        let name = &element.name;
                        let what = format!(
                            "`{}.{name}` would be a reason for a lead and is protected or a proxy: {category}",
                            set.id
                        );
                        let remedy = "take it out of the discrepancy rule";
                        self.add(&path, what, F3, remedy);
                    }
                }
            }
        }
    }

    /// Returns an element the discrepancy rule names, if it is there and of a fitting kind.
    fn element_of(&mut self, element: &ElementRef, path: &str, kinds: &[Kind]) -> Option<Element> {
        let sets = &self.agreement.record_sets;
        let place = sets.iter().position(|set| set.id == element.record_set);
        let set_path = place.map_or("record_sets".to_owned(), |i| format!("record_sets[{i}]"));
        let lost = match place {
            Some(_) => self.reader.lost_a_name(&set_path),
            None => !self.reader.is_sound(&["record_sets"]) && self.lost_a_set(),
        };
        let Some((_, found)) = self.agreement.element(element) else {
            if lost {
                return None;
            }
            let (what, remedy) = if self.agreement.record_set(&element.record_set).is_none() {
                let remedy = "name one of this agreement's record sets";
                (format!("`{element}` is in no record set of this agreement"), remedy)
            } else {
                let remedy = "list it under `returned` or `compared`";
                (format!("`{element}` is no element of its record set"), remedy)
            };
            self.add(path, what, C, remedy);
            return None;
        };
        if lost || !self.reader.is_sound(&[&set_path]) && self.element_is_unsound(element) {
            return None;
        }
        if !kinds.contains(&found.kind) {
            let what = format!("`{element}` is of another kind than the rule needs");
            let kinds: Vec<_> =
                kinds.iter().map(|kind| format!("{kind:?}").to_lowercase()).collect();
            let remedy = format!("name an element of kind {}", kinds.join(" or "));
            self.add(path, what, None, &remedy);
            return None;
        }
        Some(found.clone())
    }

    /// Tells whether the name of a record set was replaced.
    fn lost_a_set(&self) -> bool {
        let sets = 0..self.agreement.record_sets.len();
        self.reader.is_replaced("record_sets")
            || sets.into_iter().any(|i| self.reader.is_replaced(&format!("record_sets[{i}].id")))
    }

    /// Tells whether anything about an element was replaced.
    fn element_is_unsound(&self, element: &ElementRef) -> bool {
        self.agreement.record_sets.iter().enumerate().any(|(index, set)| {
            let lists = [
                ("matched_on", &set.matched_on),
                ("returned", &set.returned),
                ("compared", &set.compared),
            ];
            set.id == element.record_set
                && lists.into_iter().any(|(list, elements)| {
                    elements.iter().enumerate().any(|(place, found)| {
                        let path = format!("record_sets[{index}].{list}[{place}]");
                        found.name == element.element && !self.reader.is_sound(&[&path])
                    })
                })
        })
    }

    fn model(&mut self) {
        let model = &self.agreement.model;
        let given =
            usize::from(model.digest.is_some()) + usize::from(model.recipe_digest.is_some());
        if given != 1 {
            let what = "`model` names a finished model or a recipe, one of the two";
            self.add("model", what, None, "write either `digest` or `recipe_digest`");
        }
    }

    fn duties(&mut self) {
        let agreement = self.agreement;
        let cite = Some("5 U.S.C. 552a(o)(1)(E), (p)");
        if agreement.verification.sources.is_empty() {
            let what = "`verification.sources` names nobody";
            let remedy = "say who or what confirms the facts beyond the two records";
            self.add("verification.sources", what, cite, remedy);
        }
        if self.reader.is_sound(&["retention.destroy_by", "term.begins"])
            && agreement.retention.destroy_by < agreement.term.begins
        {
            let what = "`retention.destroy_by` is before the term begins";
            let cite = Some("5 U.S.C. 552a(o)(1)(F)");
            self.add("retention.destroy_by", what, cite, "correct one of the dates");
        }
        let zone = agreement.notice.time_zone.as_deref();
        if zone.is_some_and(|name| crate::clock::zone(Some(name)).is_none()) {
            let what = "`notice.time_zone` names no time zone";
            let cite = Some("5 U.S.C. 552a(p)(1)(C)");
            let remedy = "write a name of the IANA database, as in `America/Chicago`";
            self.add("notice.time_zone", what, cite, remedy);
        }
        for (index, language) in agreement.notice.languages.iter().enumerate() {
            let path = format!("notice.languages[{index}]");
            let cite = Some("5 U.S.C. 552a(p)(1)(B)");
            if !is_language(language) {
                let what = format!("`{language}` is no tag of a language");
                let remedy = "write two or three small letters, and a script or region where it matters, as in `es` or `zh-Hant`";
                self.add(&path, what, cite, remedy);
            }
            if agreement.notice.languages.iter().take(index).any(|one| one == language) {
                self.add(&path, format!("`{language}` is named twice"), cite, "name it once");
            }
        }
        for (index, accuracy) in agreement.accuracy.iter().enumerate() {
            if agreement.record_set(&accuracy.record_set).is_none() {
                let what = format!("`{}` is no record set of this agreement", accuracy.record_set);
                let path = format!("accuracy[{index}].record_set");
                let cite = Some("5 U.S.C. 552a(o)(1)(J)");
                self.add(&path, what, cite, "name the record set that was assessed");
            }
        }
    }

    fn exceptions(&mut self) {
        let agreement = self.agreement;
        let used: BTreeSet<Category> = agreement
            .record_sets
            .iter()
            .flat_map(|set| set.categories(Use::Returned).chain(set.categories(Use::Compared)))
            .collect();
        for (index, exception) in agreement.exceptions.iter().enumerate() {
            if !self.reader.is_sound(&[&format!("exceptions[{index}]")]) {
                continue;
            }
            let path = format!("exceptions[{index}].category");
            let fits = match exception.kind {
                ExceptionKind::BenefitItself => {
                    matches!(exception.category, Category::Disability | Category::Health)
                }
                ExceptionKind::PendingCase => exception.category == Category::Citizenship,
                ExceptionKind::Outreach | ExceptionKind::BiasAudit => {
                    exception.category.is_protected()
                }
            };
            if !fits {
                let what = format!(
                    "exception `{}` is not for category `{}`",
                    exception.kind.as_str(),
                    exception.category
                );
                self.add(&path, what, F3, "take the exception out, or name the category it is for");
            } else if !used.contains(&exception.category) && self.reader.is_sound(&["record_sets"])
            {
                let what = format!("no element is of category `{}`", exception.category);
                self.add(&path, what, F3, "take the exception out: nothing needs it");
            }
        }
    }

    fn claims(&mut self) {
        let agreement = self.agreement;
        for (index, claim) in agreement.claims.iter().enumerate() {
            let path = |name: &str| format!("claims[{index}].{name}");
            if agreement.party(&claim.owner).is_none() {
                let what = format!("`{}` is no party", claim.owner);
                self.add(&path("owner"), what, None, "name the party that claims it");
            }
            if claim.ends < claim.begins {
                self.add(
                    &path("ends"),
                    "a claim ends before it begins",
                    None,
                    "correct one of the dates",
                );
            }
            if claim.law.as_str() == "floor" {
                let remedy = "take the claim out";
                self.add(&path("law"), "nothing waives the floor", Some("the floor"), remedy);
            }
            let (what, wrong) = match claim.kind {
                ClaimKind::Waiver => ("a waiver names the rules it waives", claim.rules.is_empty()),
                ClaimKind::Exemption => {
                    ("an exemption is from a whole law and names no rule", !claim.rules.is_empty())
                }
            };
            if wrong && !self.reader.is_replaced(&path("kind")) {
                let remedy = "see the rules with `comity law show`";
                self.add(&path("rules"), what, None, remedy);
            }
        }
    }
}

/// Says whether a text has the form of a language's tag: a language of two or three letters, and subtags of letters and
/// digits after it ([RFC 5646](https://www.rfc-editor.org/rfc/rfc5646) §2.1). It becomes a file's name.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}
