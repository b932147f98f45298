//! The operations schedule: what the parties may change without a new agreement.
//!
//! Where the files are and how they are laid out, cycles and as-of dates, contacts, control totals, and a threshold no
//! lower than the agreement's bound. It names elements only by the agreement's names; reading the files is the run's
//! work.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::reader::Reader;
use crate::{
    Agreement, Annex, CycleId, Digest, ElementName, PartyId, Problem, ProgramId, RecordSetId,
};

/// The operations schedule of a matching program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The version of this file format; this program reads 1.
    pub format: u32,
    /// The matching program it is for.
    pub program: ProgramId,
    /// At the node of a recipient that joined by an annex: that recipient. Left out at every other node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<PartyId>,
    /// Where the records of each set are, by the set's name.
    pub record_sets: BTreeMap<RecordSetId, Extracted>,
    /// The folder of the register that counts requests about named persons together for all programs of the recipient whose
    /// node this is, relative to the schedule (floor F4). Without one nobody is looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
    /// A threshold higher than the agreement's rule would set; never below its bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The cycles of a recurring program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cycles: Vec<Cycle>,
    /// Whom to call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    /// Where the agreement's witnesses are reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Reached>,
}

/// Where the records of a set are, and how they are laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extracted {
    /// The file, relative to the schedule; `{cycle}` stands for the cycle's name.
    pub path: String,
    /// How it is laid out.
    pub format: FileFormat,
    /// For `fixed`: the layout file, relative to the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// For `csv`: the character between fields; a comma if left out.
    #[schemars(with = "Option<Free>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// The encoding of text; UTF-8 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// The compression; none if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Which column holds an element, by the element's name; the same name if left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<ElementName, String>,
    /// How dates are written, by element, as in `%Y-%m-%d`; that if left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub date_formats: BTreeMap<ElementName, String>,
    /// What to read instead of a value, by element and value. An empty text means that there is none.
    #[schemars(with = "BTreeMap<ElementName, BTreeMap<String, Free>>")]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<ElementName, BTreeMap<String, String>>,
    /// Totals that the file must agree with, or it stops the cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// Who attests how the extract was drawn.
    pub drawn: Drawn,
}

/// Text that may be anything: empty, or a word that would be a placeholder elsewhere.
struct Free;

impl JsonSchema for Free {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Free".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "comity-free" })
    }
}

/// How a file is laid out.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Fields between delimiters, a header first.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Fields at fixed places.
    Fixed,
}

/// The encoding of text.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Encoding {
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows code page 1252, which ISO 8859-1 is read as.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// The compression of a file.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// None.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// Totals that a file must agree with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Control {
    /// The file's last line holds them.
    Trailer {
        /// What the trailer begins with.
        #[schemars(with = "Free")]
        prefix: String,
        /// The place of the count of records among the trailer's fields, from 1.
        count_field: u32,
        /// The place of each sum, by the element summed, from 1; sums are in hundredths.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sum_fields: BTreeMap<ElementName, u32>,
    },
    /// A file beside it holds them.
    Manifest {
        /// The manifest, relative to the schedule; `{cycle}` stands for the cycle's name.
        path: String,
    },
    /// They are known beforehand.
    Expected {
        /// The count of records.
        count: u64,
        /// Each sum, by the element summed, in hundredths.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sums: BTreeMap<ElementName, i64>,
    },
}

/// How an extract was drawn, as its owner attests (floor F3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// The party that attests it: the owner of the record set.
    pub attested_by: PartyId,
    /// How, in words.
    pub statement: String,
    /// The categories of what the records were selected on; empty if the whole roll was drawn.
    pub selected_on: Vec<crate::Category>,
}

/// A cycle of a recurring program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// The cycle's name.
    pub id: CycleId,
    /// The day the records describe.
    #[schemars(with = "String", extend("format" = "date"))]
    pub as_of: Date,
    /// The last day on which the files may arrive; a later file stops the cycle.
    #[schemars(with = "String", extend("format" = "date"))]
    pub due: Date,
}

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The party.
    pub party: PartyId,
    /// The office.
    pub office: String,
    /// Telephone or mail address of the office.
    pub reach: String,
}

/// Where a witness is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// The witness, by its name in the agreement.
    pub id: PartyId,
    /// Its address (C2SP tlog-witness): `https://…`, or `http://…` on this machine.
    pub address: String,
}

impl Schedule {
    /// Reads a schedule from its TOML text and checks it against its agreement and the annexes to it.
    ///
    /// # Errors
    ///
    /// Everything that is missing, wrong, unknown or still a placeholder, all at once, in the order of the file.
    pub fn read(
        text: &str,
        file: &str,
        agreement: &Agreement,
        annexes: &[Annex],
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(text, file, schemars::schema_for!(Self).to_value());
        let value = reader.value();
        let schedule: Option<Self> = match serde_json::from_value(value) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                let what = format!("cannot be read: {error}");
                reader.problem("", what, None, "compare the file with the worked example's");
                None
            }
        };
        if let Some(schedule) = &schedule {
            match schedule.terms(agreement, annexes) {
                Some(terms) => schedule.check(&terms, &mut reader),
                None => reader.problem(
                    "recipient",
                    "`recipient` joined by no annex to this agreement that names its caseload",
                    Some("floor F1"),
                    "put the annex, with `[caseload]`, into `annexes/`; leave it out at the agreement's own recipient",
                ),
            }
        }
        reader.finish(schedule)
    }

    /// Returns the annex of the recipient whose node this is, if it joined by one that names its caseload.
    pub fn annex<'a>(&self, digest: Digest, annexes: &'a [Annex]) -> Option<&'a Annex> {
        let recipient = self.recipient.as_ref()?;
        annexes.iter().find(|annex| {
            annex.agreement == digest && annex.party.id == *recipient && annex.caseload.is_some()
        })
    }

    /// Returns the terms for the recipient whose node this is, if the agreement or an annex names it. A demonstration is
    /// signed on the spot, by nobody who could sign an annex.
    fn terms<'a>(&self, agreement: &'a Agreement, annexes: &[Annex]) -> Option<Cow<'a, Agreement>> {
        if self.recipient.is_none() {
            return Some(Cow::Borrowed(agreement));
        }
        let annex = self.annex(agreement.digest().ok()?, annexes)?;
        (!agreement.demonstration).then(|| Cow::Owned(annex.terms(agreement)))
    }

    /// Returns the cycle of this name.
    pub fn cycle(&self, id: &CycleId) -> Option<&Cycle> {
        self.cycles.iter().find(|cycle| cycle.id == *id)
    }

    /// Returns how each extract was drawn, as a request to the gate states it.
    pub fn extracts(&self) -> BTreeMap<RecordSetId, crate::Extract> {
        let extract = |drawn: &Drawn| crate::Extract {
            attested_by: Some(drawn.attested_by.clone()),
            selected_on: drawn.selected_on.iter().copied().collect(),
        };
        self.record_sets.iter().map(|(id, set)| (id.clone(), extract(&set.drawn))).collect()
    }

    fn check(&self, agreement: &Agreement, reader: &mut Reader<'_>) {
        let mut add = |path: &str, what: String, cite: Option<&str>, remedy: &str| {
            if !reader.is_replaced(path) {
                reader.problem(path, what, cite, remedy);
            }
        };
        if self.format != 1 {
            let what = format!("`format` is {}, which this program does not read", self.format);
            add("format", what, None, "write `format = 1`");
        }
        if self.program != agreement.program {
            let what = format!("`{}` is not the agreement's program", self.program);
            add("program", what, None, "put the schedule beside its own agreement");
        }
        let bound = agreement.model.threshold.lowest_weight();
        if self.threshold.is_some_and(|threshold| threshold < bound) {
            let what = format!("`threshold` is below {bound}, the bound that was approved");
            let remedy = "raise it; a lower bound is a change of terms and so a new agreement";
            add("threshold", what, Some("floor F12"), remedy);
        }
        let members = agreement.witnesses.as_ref().map_or(&[][..], |them| &them.members);
        for (index, reached) in self.witnesses.iter().enumerate() {
            let path = format!("witnesses[{index}]");
            if !members.iter().any(|member| member.id == reached.id) {
                let what = format!("`{}` is no witness of the agreement", reached.id);
                add(
                    &format!("{path}.id"),
                    what,
                    None,
                    "take it out, or name it as the agreement does",
                );
            }
            let scheme =
                ["https://", "http://"].iter().any(|scheme| reached.address.starts_with(scheme));
            if !scheme || reached.address.contains(char::is_whitespace) {
                let what = format!("`{}` is no address", reached.address);
                add(
                    &format!("{path}.address"),
                    what,
                    None,
                    "write it as in https://court.example.gov/witness",
                );
            }
        }
        if let Some(witnesses) = &agreement.witnesses {
            let is_reached = |member: &&crate::WitnessMember| {
                self.witnesses.iter().any(|reached| reached.id == member.id)
            };
            let reached = members.iter().filter(is_reached).count();
            if (reached as u64) < u64::from(witnesses.quorum) {
                let what = format!(
                    "a release waits for {} witnesses, and an address is given for {reached}",
                    witnesses.quorum
                );
                let remedy = "add a `[[witnesses]]` with `id` and `address` for each";
                add("witnesses", what, Some("floor F9"), remedy);
            }
        }
        for set in &agreement.record_sets {
            if !self.record_sets.contains_key(&set.id) {
                let what = format!("`record_sets.{}` is missing", set.id);
                add("record_sets", what, None, "say where its records are");
            }
        }
        for (id, extracted) in &self.record_sets {
            let path = format!("record_sets.{id}");
            let Some(set) = agreement.record_set(id) else {
                let what = format!("`{id}` is no record set of the agreement");
                add(&path, what, None, "take it out, or name it as the agreement does");
                continue;
            };
            let names = [
                ("columns", extracted.columns.keys().collect::<Vec<_>>()),
                ("date_formats", extracted.date_formats.keys().collect()),
                ("values", extracted.values.keys().collect()),
            ];
            for (list, elements) in names.into_iter().chain(summed(extracted)) {
                for element in elements {
                    let known = set.caseload_id.as_ref() == Some(element)
                        || set.elements().any(|(_, known)| known.name == *element);
                    if !known {
                        let what = format!("`{id}.{element}` is no element of the agreement");
                        let remedy = "take it out: only what the agreement names is ever read";
                        let cite = Some("5 U.S.C. 552a(o)(1)(C)");
                        add(&format!("{path}.{list}.{element}"), what, cite, remedy);
                    }
                }
            }
            if extracted.drawn.attested_by != set.owner {
                let what = format!("`{}` does not own `{id}`", extracted.drawn.attested_by);
                let path = format!("{path}.drawn.attested_by");
                add(
                    &path,
                    what,
                    Some("floor F3"),
                    "let the owner attest how the extract was drawn",
                );
            }
            for category in extracted.drawn.selected_on.iter().filter(|c| c.is_protected()) {
                let what = format!("`{id}` was drawn by `{category}`, protected or a proxy");
                let remedy = "draw the extract without that filter";
                add(&format!("{path}.drawn.selected_on"), what, Some("floor F3"), remedy);
            }
            if let (FileFormat::Fixed | FileFormat::Parquet, Some(Control::Trailer { .. })) =
                (extracted.format, &extracted.control)
            {
                let path = format!("{path}.control");
                let what = format!("`{path}`: a trailer described by its fields is for `csv` only");
                let remedy = "describe it in the layout file under `[trailer]`, or use a manifest";
                add(&path, what, None, remedy);
            }
            match (extracted.format, &extracted.layout, &extracted.delimiter) {
                (FileFormat::Fixed, None, _) => {
                    let what = format!("`{path}.layout` is missing");
                    add(
                        &path,
                        what,
                        None,
                        "name the layout file: where each field begins and ends",
                    );
                }
                (FileFormat::Csv | FileFormat::Parquet, Some(_), _) => {
                    let path = format!("{path}.layout");
                    add(&path, format!("`{path}` is for `fixed` only"), None, "take it out");
                }
                (FileFormat::Fixed | FileFormat::Parquet, _, Some(_)) => {
                    let path = format!("{path}.delimiter");
                    add(&path, format!("`{path}` is for `csv` only"), None, "take it out");
                }
                _ => {}
            }
            let one_byte = |text: &String| text.len() == 1 && text.is_ascii();
            if extracted.delimiter.as_ref().is_some_and(|text| !one_byte(text)) {
                let path = format!("{path}.delimiter");
                add(
                    &path,
                    format!("`{path}` is not one character"),
                    None,
                    "write one, as in \";\"",
                );
            }
        }
        for (index, cycle) in self.cycles.iter().enumerate() {
            let path = format!("cycles[{index}]");
            if self.cycles.iter().take(index).any(|earlier| earlier.id == cycle.id) {
                let what = format!("`{}` stands twice in `cycles`", cycle.id);
                add(&format!("{path}.id"), what, None, "give each cycle its own name");
            }
            let in_term = agreement.term.begins <= cycle.due && cycle.due <= agreement.term.ends;
            // A demonstration's term is moved to today when it runs; its cycles are not.
            if !in_term && !agreement.demonstration {
                let what = format!("cycle `{}` is due outside the agreement's term", cycle.id);
                let cite = Some("5 U.S.C. 552a(o)(1)(C)");
                add(&format!("{path}.due"), what, cite, "correct the date");
            }
        }
        for (index, contact) in self.contacts.iter().enumerate() {
            if agreement.party(&contact.party).is_none() {
                let what = format!("`{}` is no party", contact.party);
                add(&format!("contacts[{index}].party"), what, None, "name a party");
            }
        }
    }
}

/// Returns the elements that a file's control totals add up, and where they are named.
fn summed(extracted: &Extracted) -> Option<(&'static str, Vec<&ElementName>)> {
    match extracted.control.as_ref()? {
        Control::Trailer { sum_fields, .. } => {
            Some(("control.sum_fields", sum_fields.keys().collect()))
        }
        Control::Expected { sums, .. } => Some(("control.sums", sums.keys().collect())),
        Control::Manifest { .. } => None,
    }
}
