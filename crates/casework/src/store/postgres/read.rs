//! Rows of PostgreSQL as what they stand for. It opens sealed cells and decides nothing.

use crate::store::cell;
use crate::store::vault::Vault;
use crate::{
    Disclosure, DisclosureId, Error, Lead, LeadId, PairKey, Planned, RecordedStay, Run, RunState,
    Stage,
};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

pub(super) fn read_32(row: &PgRow, column: &'static str) -> Result<[u8; 32], Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| Error::Unreadable { column })
}

/// Reads a number that is never negative nor large.
pub(super) fn read_u32(row: &PgRow, column: &'static str) -> Result<u32, Error> {
    let number: i64 = row.try_get(column)?;
    u32::try_from(number).map_err(|_| Error::Unreadable { column })
}

pub(super) fn read_stage(row: &PgRow) -> Result<Stage, Error> {
    let stage: String = row.try_get("stage")?;
    Stage::read(&stage).ok_or(Error::Unreadable { column: "stage" })
}

pub(super) fn read_run(row: &PgRow) -> Result<Run, Error> {
    let state: String = row.try_get("state")?;
    Ok(Run {
        id: row.try_get("id")?,
        cycle: row.try_get("cycle")?,
        state: RunState::read(&state).ok_or(Error::Unreadable { column: "state" })?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
        inputs: row.try_get("inputs")?,
        summary: row.try_get("summary")?,
    })
}

pub(super) fn read_lead(vault: &Vault, row: &PgRow) -> Result<Lead, Error> {
    let id: String = row.try_get("id")?;
    let returned: Option<Vec<u8>> = row.try_get("returned")?;
    let reopens: Option<String> = row.try_get("reopens")?;
    let chunk: Option<i64> = row.try_get("chunk")?;
    let chunk = chunk.map(u32::try_from).transpose();
    Ok(Lead {
        found: Planned {
            pair: PairKey(read_32(row, "pair")?),
            case_id: cell::open_case_id(vault, &id, row.try_get("case_id")?)?,
            source_record: read_u32(row, "source_record")?,
            recipient_record: read_u32(row, "recipient_record")?,
            weight: row.try_get("weight")?,
            probability: row.try_get("probability")?,
            explanation: cell::open_explanation(vault, &id, row.try_get("explanation")?)?,
            returned_digest: read_32(row, "returned_digest")?,
            reopens: reopens.map(|text| LeadId::typed(&text)),
            chunk: chunk.map_err(|_| Error::Unreadable { column: "chunk" })?,
            id: LeadId::typed(&id),
        },
        run: row.try_get("run")?,
        cycle: row.try_get("cycle")?,
        stage: read_stage(row)?,
        returned: returned.map(|sealed| cell::open_returned(vault, &id, &sealed)).transpose()?,
        opened_at: row.try_get("opened_at")?,
    })
}

pub(super) fn read_disclosure(row: &PgRow) -> Result<Disclosure, Error> {
    let elements: String = row.try_get("elements")?;
    let index: Option<i64> = row.try_get("ledger_index")?;
    Ok(Disclosure {
        id: DisclosureId(row.try_get("id")?),
        run: row.try_get("run")?,
        chunk: read_u32(row, "chunk")?,
        prepared_at: row.try_get("prepared_at")?,
        recipient: row.try_get("recipient")?,
        purpose: row.try_get("purpose")?,
        elements: serde_json::from_str(&elements)
            .map_err(|_| Error::Unreadable { column: "elements" })?,
        persons: read_u32(row, "persons")?,
        leaf: row.try_get("leaf")?,
        ledger_index: index.map(i64::cast_unsigned),
    })
}

pub(super) fn read_stay(row: &PgRow) -> Result<RecordedStay, Error> {
    let at: Option<String> = row.try_get("lifted_at")?;
    let by: Option<String> = row.try_get("lifted_by")?;
    Ok(RecordedStay {
        number: row.try_get("number")?,
        mark: row.try_get("mark")?,
        stay: row.try_get("stay")?,
        recorded_at: row.try_get("recorded_at")?,
        lifted: at.zip(by),
    })
}
