//! Rows of SQLite as what they stand for. It opens sealed cells and decides nothing.

use crate::store::cases::{CaseLine, Disclosed, Dispatch};
use crate::store::cell;
use crate::store::vault::Vault;
use crate::{
    BondKey, CaseStage, Delivery, Disclosure, DisclosureId, Error, Lead, LeadId, PairKey, Planned,
    Run, RunState, Stage,
};
use agreement::{OfficerId, PartyId};
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

pub(super) fn read_32(row: &SqliteRow, column: &'static str) -> Result<[u8; 32], Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| Error::Unreadable { column })
}

pub(super) fn read_json<T: serde::de::DeserializeOwned>(
    text: &str,
    column: &'static str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::Unreadable { column })
}

pub(super) fn read_run(row: &SqliteRow) -> Result<Run, Error> {
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

pub(super) fn read_bond(row: &SqliteRow) -> Result<Option<BondKey>, Error> {
    let bond: Option<Vec<u8>> = row.try_get("bond")?;
    let bond = bond.map(|bytes| bytes.try_into().map(BondKey)).transpose();
    bond.map_err(|_| Error::Unreadable { column: "bond" })
}

pub(super) fn read_lead(vault: &Vault, row: &SqliteRow) -> Result<Lead, Error> {
    let stage: String = row.try_get("stage")?;
    let returned: Option<Vec<u8>> = row.try_get("returned")?;
    let id: String = row.try_get("id")?;
    let reopens: Option<String> = row.try_get("reopens")?;
    Ok(Lead {
        found: Planned {
            pair: PairKey(read_32(row, "pair")?),
            bond: read_bond(row)?,
            case_id: cell::open_case_id(vault, &id, row.try_get("case_id")?)?,
            source_record: row.try_get("source_record")?,
            recipient_record: row.try_get("recipient_record")?,
            weight: row.try_get("weight")?,
            probability: row.try_get("probability")?,
            explanation: cell::open_explanation(vault, &id, row.try_get("explanation")?)?,
            groups: cell::open_groups(vault, &id, row.try_get("groups")?)?,
            returned_digest: read_32(row, "returned_digest")?,
            reopens: reopens.map(|text| LeadId::typed(&text)),
            chunk: row.try_get("chunk")?,
            id: LeadId::typed(&id),
        },
        run: row.try_get("run")?,
        cycle: row.try_get("cycle")?,
        stage: Stage::read(&stage).ok_or(Error::Unreadable { column: "stage" })?,
        returned: returned.map(|sealed| cell::open_returned(vault, &id, &sealed)).transpose()?,
        opened_at: row.try_get("opened_at")?,
    })
}

pub(super) fn read_disclosure(row: &SqliteRow) -> Result<Disclosure, Error> {
    let elements: String = row.try_get("elements")?;
    let index: Option<i64> = row.try_get("ledger_index")?;
    Ok(Disclosure {
        id: DisclosureId(row.try_get("id")?),
        run: row.try_get("run")?,
        chunk: row.try_get("chunk")?,
        prepared_at: row.try_get("prepared_at")?,
        recipient: row.try_get("recipient")?,
        purpose: row.try_get("purpose")?,
        elements: read_json(&elements, "elements")?,
        persons: row.try_get("persons")?,
        leaf: row.try_get("leaf")?,
        ledger_index: index.map(i64::cast_unsigned),
    })
}

pub(super) fn instant(second: i64, column: &'static str) -> Result<Timestamp, Error> {
    Timestamp::from_second(second).map_err(|_| Error::Unreadable { column })
}

pub(super) fn parsed(text: &str, column: &'static str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| Error::Unreadable { column })
}

pub(super) fn read_line(row: &SqliteRow) -> Result<CaseLine, Error> {
    let id: String = row.try_get("id")?;
    let stage: String = row.try_get("stage")?;
    let due: Option<i64> = row.try_get("due")?;
    let assigned: String = row.try_get("assigned")?;
    let named = |text: String| if text.is_empty() { None } else { Some(text) };
    let version: i64 = row.try_get("version")?;
    Ok(CaseLine {
        id: LeadId::typed(&id),
        stage: CaseStage::read(&stage).ok_or(Error::Unreadable { column: "stage" })?,
        due: due.map(|second| instant(second, "due")).transpose()?,
        assigned: named(assigned)
            .map(|text| OfficerId::new(&text).map_err(|_| Error::Unreadable { column: "assigned" }))
            .transpose()?,
        county: named(row.try_get("county")?),
        worker: named(row.try_get("worker")?),
        weight: row.try_get("weight")?,
        version: version.cast_unsigned(),
        opened_at: parsed(row.try_get("opened_at")?, "opened_at")?,
    })
}

pub(super) fn read_dispatch(row: &SqliteRow) -> Result<Dispatch, Error> {
    let file: String = row.try_get("file")?;
    let number: i64 = row.try_get("number")?;
    let recipient: String = row.try_get("recipient")?;
    let next: Option<i64> = row.try_get("next")?;
    let at = |column: &'static str| -> Result<Option<Timestamp>, Error> {
        let text: Option<String> = row.try_get(column)?;
        text.map(|text| parsed(&text, column)).transpose()
    };
    Ok(Dispatch {
        case: LeadId::typed(&file),
        number: number.cast_unsigned(),
        delivery: Delivery {
            recipient: PartyId::new(&recipient)
                .map_err(|_| Error::Unreadable { column: "recipient" })?,
            attempts: row.try_get("attempts")?,
            next: next.map(|second| instant(second, "next")).transpose()?,
            sent_at: at("sent_at")?,
            acknowledged_at: at("acknowledged_at")?,
        },
    })
}

pub(super) fn read_disclosed(row: &SqliteRow) -> Result<Disclosed, Error> {
    let lead: String = row.try_get("lead")?;
    let elements: String = row.try_get("elements")?;
    let index: Option<i64> = row.try_get("ledger_index")?;
    Ok(Disclosed {
        lead: LeadId::typed(&lead),
        at: parsed(row.try_get("released_at")?, "released_at")?,
        recipient: row.try_get("recipient")?,
        purpose: row.try_get("purpose")?,
        elements: read_json(&elements, "elements")?,
        ledger_index: index.map(i64::cast_unsigned),
    })
}
