//! The cells that both databases keep sealed, one function a cell, so that neither can seal one otherwise than the other.

use super::vault::{DataKey, Vault};
use crate::{Error, Groups, LeadId, Planned, SealedEntry, run};
use std::collections::BTreeMap;

/// What a database stores of a lead's personal columns.
pub(super) struct SealedLead {
    pub(super) case_id: Vec<u8>,
    pub(super) case_digest: Vec<u8>,
    pub(super) explanation: Vec<u8>,
    pub(super) groups: Option<Vec<u8>>,
}

/// Returns the key for what was obtained in a run: its agreement's.
pub(super) fn key_of_run(vault: &Vault, inputs: &str) -> Result<DataKey, Error> {
    key_of_agreement(vault, &run::agreement_in(inputs).unwrap_or_default())
}

/// Returns the key of an agreement; the house's where there is none.
pub(super) fn key_of_agreement(vault: &Vault, agreement: &str) -> Result<DataKey, Error> {
    if agreement.is_empty() { vault.house() } else { vault.of(agreement) }
}

pub(super) fn seal_lead(key: &DataKey, lead: &Planned) -> Result<SealedLead, Error> {
    let id = lead.id.as_str();
    Ok(SealedLead {
        case_id: key.seal("lead", id, "case_id", lead.case_id.as_bytes())?,
        case_digest: case_digest(key, &lead.case_id).to_vec(),
        explanation: key.seal("lead", id, "explanation", lead.explanation.as_bytes())?,
        groups: seal_groups(key, id, &lead.groups)?,
    })
}

pub(super) fn case_digest(key: &DataKey, case_id: &str) -> [u8; 32] {
    key.digest("case_id", case_id)
}

pub(super) fn case_digests(vault: &Vault, case_id: &str) -> Result<Vec<[u8; 32]>, Error> {
    vault.digests("case_id", case_id)
}

pub(super) fn open_case_id(vault: &Vault, lead: &str, sealed: &[u8]) -> Result<String, Error> {
    vault.open_text("lead", lead, "case_id", sealed)
}

pub(super) fn open_explanation(vault: &Vault, lead: &str, sealed: &[u8]) -> Result<String, Error> {
    vault.open_text("lead", lead, "explanation", sealed)
}

/// Where a case is in no group, nothing is kept. A case has the very cell of its lead.
fn seal_groups(key: &DataKey, lead: &str, groups: &Groups) -> Result<Option<Vec<u8>>, Error> {
    if groups.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_vec(groups).map_err(|_| Error::Unreadable { column: "groups" })?;
    key.seal("lead", lead, "groups", &text).map(Some)
}

pub(super) fn open_groups(
    vault: &Vault,
    lead: &str,
    sealed: Option<&[u8]>,
) -> Result<Groups, Error> {
    let Some(sealed) = sealed else { return Ok(Groups::default()) };
    let text = vault.open_cell("lead", lead, "groups", sealed)?;
    serde_json::from_slice(&text).map_err(|_| Error::Unreadable { column: "groups" })
}

pub(super) fn seal_returned(
    key: &DataKey,
    lead: &str,
    values: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let text = serde_json::to_vec(values).map_err(|_| Error::Unreadable { column: "returned" })?;
    key.seal("lead", lead, "returned", &text)
}

pub(super) fn open_returned(
    vault: &Vault,
    lead: &str,
    sealed: &[u8],
) -> Result<BTreeMap<String, String>, Error> {
    let text = vault.open_cell("lead", lead, "returned", sealed)?;
    serde_json::from_slice(&text).map_err(|_| Error::Unreadable { column: "returned" })
}

/// An opening is bound to its lead, or to none.
pub(super) fn seal_opening(key: &DataKey, lead: &str, opening: &str) -> Result<Vec<u8>, Error> {
    key.seal("opening", lead, "opening", opening.as_bytes())
}

pub(super) fn open_opening(vault: &Vault, lead: &str, sealed: &[u8]) -> Result<String, Error> {
    vault.open_text("opening", lead, "opening", sealed)
}

pub(super) fn seal_sealed_entry(key: &DataKey, sealed: &SealedEntry) -> Result<Vec<u8>, Error> {
    let text =
        serde_json::to_vec(&sealed.seal).map_err(|_| Error::Unreadable { column: "seal" })?;
    key.seal("sealed_entry", sealed.lead.as_str(), "seal", &text)
}

pub(super) fn open_sealed_entry(
    vault: &Vault,
    lead: &LeadId,
    entry: i64,
    sealed: &[u8],
) -> Result<SealedEntry, Error> {
    let unreadable = || Error::Unreadable { column: "seal" };
    let text = vault.open_cell("sealed_entry", lead.as_str(), "seal", sealed)?;
    let seal = serde_json::from_slice(&text).map_err(|_| unreadable())?;
    let entry = u64::try_from(entry).map_err(|_| unreadable())?;
    Ok(SealedEntry { lead: lead.clone(), entry, seal })
}

pub(super) fn seal_reason(key: &DataKey, lead: &str, reason: &str) -> Result<Vec<u8>, Error> {
    key.seal("judgement", lead, "reason", reason.as_bytes())
}

pub(super) fn seal_pair_secret(vault: &Vault, secret: &[u8; 32]) -> Result<Vec<u8>, Error> {
    vault.house()?.seal("program", "1", "pair_secret", secret)
}

pub(super) fn open_pair_secret(vault: &Vault, sealed: &[u8]) -> Result<[u8; 32], Error> {
    // It is the first thing that anybody opens, so that it tells whether the keys are the right ones.
    let opened = vault.open_cell("program", "1", "pair_secret", sealed);
    let secret = opened.map_err(|error| match error {
        Error::Unreadable { .. } | Error::NoKey { .. } => Error::OtherKeys,
        other => other,
    })?;
    secret.try_into().map_err(|_| Error::Unreadable { column: "pair_secret" })
}
