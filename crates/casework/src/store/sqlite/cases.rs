//! Cases on SQLite.

use super::{Driver, Sqlite, busy, cell, last_second, put_out, read_json};
use crate::store::cases::ready::{Changes, Ready, Results, Step, all_ready, counted, sums};
use crate::store::cases::row::{Beside, CASE_WITH_STEPS, read_case, read_terms};
use crate::store::cases::{
    After, COUNTS, CaseLine, CaseStore, Counts, Disclosed, Dispatch, GROUP_COUNTS, GroupCounts,
    Letter, Moving, NoticeLine, Page, Paper, Queue, Seen, StoredCase, Tally, add_to_group, tallies,
};
use crate::store::writer::Together;
use crate::{
    BondKey, Case, CaseStage, Cluster, Delivery, Drafts, Error, How, Joined, LeadId, Outbox,
    Outgoing, PairKey, Stage, Terms,
};
use agreement::{OfficerId, PartyId};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};

/// Stores steps in one transaction and few statements. The outer error is the database's: then nothing of any of them is
/// stored. An inner one is of that step alone, of which nothing was written.
async fn together(store: &Sqlite, steps: &[Step<'_>]) -> Result<Results, Error> {
    let mut tx = store.begin().await?;
    let mut last = last_second(&mut tx).await?;
    let (ready, mut results) = all_ready(&store.vault, steps, &mut last);
    let moved = move_cases(&mut tx, &ready).await?;
    let (taken, late): (Vec<_>, Vec<_>) =
        ready.into_iter().partition(|(place, _)| moved.contains(place));
    for (place, step) in &late {
        results[*place] = Err(why_not(&mut tx, step.id()).await?);
    }
    let ready: Vec<&Ready<'_>> = taken.iter().map(|(_, step)| step).collect();
    insert_steps(&mut tx, &ready).await?;
    for step in &ready {
        for (change, reason) in &step.beside {
            store_beside(&mut tx, step.id(), step.version(), change, reason.as_deref()).await?;
        }
    }
    count(&mut tx, &counted(&ready)).await?;
    insert_openings(&mut tx, &ready).await?;
    let mut numbers = put_out_all(&mut tx, &ready).await?;
    for (place, step) in &taken {
        results[*place] = Ok(numbers.by_ref().take(step.leaves.len()).collect());
    }
    // If we crash before this, no step of these is stored and nobody was answered; after it, all are and the ledger
    // gets their lines when the outbox is next drained.
    tx.commit().await.map_err(busy)?;
    store.log.committed(&store.pool);
    Ok(results)
}

/// Moves the cases that are as they were when their steps were worked out, and says which: each change of a column
/// changes the indexes that it stands in, so that a statement names only those columns that its steps change.
async fn move_cases(
    connection: &mut SqliteConnection,
    ready: &[(usize, Ready<'_>)],
) -> Result<BTreeSet<usize>, Error> {
    // Of two steps on one case the first that came is the one that finds it as it was.
    let mut first: BTreeMap<&str, &(usize, Ready<'_>)> = BTreeMap::new();
    for one in ready {
        first.entry(one.1.id()).or_insert(one);
    }
    let mut moved = BTreeSet::new();
    for (changes, statement) in [
        (
            Changes::Officer,
            "UPDATE case_file SET assigned = coalesce(put.value ->> 2, assigned), version = put.value ->> 1
             FROM json_each(?) AS put
             WHERE case_file.id = put.value ->> 0 AND case_file.version = (put.value ->> 1) - 1 RETURNING id",
        ),
        (
            Changes::Assignment,
            "UPDATE case_file SET assigned = coalesce(put.value ->> 2, assigned),
                 county = coalesce(put.value ->> 3, county), worker = coalesce(put.value ->> 4, worker),
                 version = put.value ->> 1
             FROM json_each(?) AS put
             WHERE case_file.id = put.value ->> 0 AND case_file.version = (put.value ->> 1) - 1 RETURNING id",
        ),
        (
            Changes::Standing,
            "UPDATE case_file SET stage = put.value ->> 2, due = put.value ->> 3, closed_at = put.value ->> 4,
                 version = put.value ->> 1
             FROM json_each(?) AS put
             WHERE case_file.id = put.value ->> 0 AND case_file.version = (put.value ->> 1) - 1 RETURNING id",
        ),
    ] {
        let some: Vec<_> = first.values().filter(|(_, step)| step.changes() == changes).collect();
        if some.is_empty() {
            continue;
        }
        let put: Vec<_> = some
            .iter()
            .map(|(_, step)| {
                let (id, version, row) = (step.id(), step.version(), &step.row);
                match changes {
                    Changes::Officer | Changes::Assignment => {
                        serde_json::json!([id, version, row.assigned, row.county, row.worker])
                    }
                    Changes::Standing => {
                        serde_json::json!([id, version, row.stage, row.due, row.closed_at])
                    }
                }
            })
            .collect();
        let ids: Vec<String> = sqlx::query_scalar(statement)
            .bind(serde_json::Value::Array(put).to_string())
            .fetch_all(&mut *connection)
            .await?;
        moved.extend(ids.iter().filter_map(|id| first.get(id.as_str())).map(|(place, _)| *place));
    }
    Ok(moved)
}

async fn insert_steps(
    connection: &mut SqliteConnection,
    steps: &[&Ready<'_>],
) -> Result<(), Error> {
    for some in parts(steps) {
        let mut query =
            QueryBuilder::<Driver>::new("INSERT INTO step (file, number, at, by, kind, payload) ");
        query.push_values(some, |mut row, step| {
            row.push_bind(step.id()).push_bind(step.version()).push_bind(step.taken_at.as_str());
            row.push_bind(step.by.as_str()).push_bind(step.kind).push_bind(step.payload.as_slice());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_openings(
    connection: &mut SqliteConnection,
    steps: &[&Ready<'_>],
) -> Result<(), Error> {
    let all = steps.iter().flat_map(|step| step.openings.iter().map(|one| (step.id(), one)));
    let all: Vec<_> = all.collect();
    for some in parts(&all) {
        let mut query = QueryBuilder::<Driver>::new("INSERT INTO opening (lead, opening) ");
        query.push_values(some, |mut row, (lead, opening)| {
            row.push_bind(*lead).push_bind(opening.as_slice());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Puts the steps' lines into the outbox, those of one step one after the other, and returns their numbers in order.
async fn put_out_all(
    connection: &mut SqliteConnection,
    steps: &[&Ready<'_>],
) -> Result<std::vec::IntoIter<i64>, Error> {
    let all = steps.iter().flat_map(|step| step.leaves.iter().map(|leaf| (step.second, leaf)));
    let all: Vec<_> = all.collect();
    let mut numbers = Vec::with_capacity(all.len());
    for some in parts(&all) {
        let mut query = QueryBuilder::<Driver>::new("INSERT INTO outbox (second, leaf) ");
        query.push_values(some, |mut row, (second, leaf)| {
            row.push_bind(*second).push_bind(leaf.as_slice());
        });
        let done = query.build().execute(&mut *connection).await?;
        // INVARIANT: nobody else writes while this transaction does, and AUTOINCREMENT gives each row the number after
        // the last one's: the rows of one statement have consecutive numbers, and the last one's is what is told.
        let last = done.last_insert_rowid();
        let count = i64::try_from(some.len()).unwrap_or(i64::MAX);
        numbers.extend(last - count + 1..=last);
    }
    Ok(numbers.into_iter())
}

/// The most rows that go into the database in one statement.
const AT_ONCE: usize = 256;

/// Cuts rows into parts of 256, 128, 64 … of them: a connection keeps what it has prepared by its text, and so few texts
/// are all kept.
fn parts<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let some = AT_ONCE.min(1 << rest.len().checked_ilog2()?);
        let (part, more) = rest.split_at(some);
        rest = more;
        Some(part)
    })
}

/// Says why a case did not take a step: somebody was first, or there is no such case.
async fn why_not(connection: &mut SqliteConnection, id: &str) -> Result<Error, Error> {
    let version: Option<i64> = sqlx::query_scalar("SELECT version FROM case_file WHERE id = ?")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(match version {
        Some(version) => Error::CaseMoved { case: id.to_owned(), version: version.cast_unsigned() },
        None => Error::NoSuchCase { case: id.to_owned() },
    })
}

async fn store_beside(
    connection: &mut SqliteConnection,
    id: &str,
    version: i64,
    change: &Beside<'_>,
    reason: Option<&[u8]>,
) -> Result<(), Error> {
    let notice =
        "INSERT INTO notice (file, language, how, letter, state, at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (file) DO UPDATE SET language = excluded.language, how = excluded.how,
            letter = excluded.letter, state = excluded.state, at = excluded.at";
    match change {
        Beside::LeadStage(stage) => {
            sqlx::query("UPDATE lead SET stage = ? WHERE id = ?")
                .bind(stage.as_str())
                .bind(id)
                .execute(connection)
                .await?;
        }
        Beside::Judgement { judgement, reason: _, expires, by, at } => {
            let done = sqlx::query(
                "INSERT INTO judgement (lead, pair, judgement, reason, officer, at, expires)
                 SELECT id, pair, ?, ?, ?, ?, ? FROM lead WHERE id = ?",
            )
            .bind(judgement.as_str())
            .bind(reason)
            .bind(by)
            .bind(at.to_string())
            .bind(expires.map(|at| at.to_string()))
            .bind(id)
            .execute(&mut *connection)
            .await?;
            let number = done.last_insert_rowid();
            // One judgement of a lead stands: what was said before gives way to it.
            sqlx::query(
                "UPDATE judgement SET reversed_by = ?1
                 WHERE number <> ?1 AND (reversed_by IS NULL OR reversed_by = number)
                   AND lead = ?2 AND pair = (SELECT pair FROM lead WHERE id = ?2)",
            )
            .bind(number)
            .bind(id)
            .execute(connection)
            .await?;
        }
        // Until another takes its place it is its own reversal.
        Beside::JudgementReversed => {
            sqlx::query(
                "UPDATE judgement SET reversed_by = number
                 WHERE lead = ?1 AND pair = (SELECT pair FROM lead WHERE id = ?1) AND reversed_by IS NULL",
            )
            .bind(id)
            .execute(connection)
            .await?;
        }
        Beside::Cut { at } => {
            sqlx::query(
                "INSERT INTO cut (bond, lead, at) SELECT bond, id, ? FROM lead WHERE id = ? AND bond IS NOT NULL",
            )
            .bind(at.to_string())
            .bind(id)
            .execute(connection)
            .await?;
        }
        Beside::CutReversed => {
            sqlx::query("DELETE FROM cut WHERE lead = ?").bind(id).execute(connection).await?;
        }
        Beside::Correction(delivery) => {
            sqlx::query(
                "INSERT INTO correction (file, number, recipient, next) VALUES (?, ?, ?, ?)",
            )
            .bind(id)
            .bind(version)
            .bind(delivery.recipient.as_str())
            .bind(delivery.next.map(Timestamp::as_second))
            .execute(connection)
            .await?;
        }
        Beside::Acknowledged { recipient, at } => {
            sqlx::query(
                "UPDATE correction SET acknowledged_at = ?, next = NULL
                 WHERE file = ? AND recipient = ? AND acknowledged_at IS NULL
                   AND number NOT IN (SELECT number FROM step WHERE step.file = correction.file AND kind = 'open-dispute')",
            )
            .bind(at.to_string())
            .bind(id)
            .bind(recipient)
            .execute(connection)
            .await?;
        }
        Beside::Drafted { language, letter, at } => {
            sqlx::query(notice)
                .bind(id)
                .bind(language)
                .bind(None::<&str>)
                .bind(letter)
                .bind(Letter::Drafted.as_str())
                .bind(at.as_second())
                .execute(connection)
                .await?;
        }
        Beside::Served { language, letter, how, at } => {
            sqlx::query(notice)
                .bind(id)
                .bind(language)
                .bind(how)
                .bind(letter)
                .bind(Letter::Served.as_str())
                .bind(at.as_second())
                .execute(connection)
                .await?;
        }
        Beside::Returned { at } => {
            sqlx::query("UPDATE notice SET state = 'returned', at = ? WHERE file = ?")
                .bind(at.as_second())
                .bind(id)
                .execute(connection)
                .await?;
        }
        Beside::NoNotice => {
            sqlx::query("DELETE FROM notice WHERE file = ?").bind(id).execute(connection).await?;
        }
    }
    Ok(())
}

async fn count(connection: &mut SqliteConnection, tallies: &[Tally]) -> Result<(), Error> {
    for some in parts(tallies) {
        let mut query = QueryBuilder::<Driver>::new("INSERT INTO tally (what, of_whom, name, n) ");
        query.push_values(some, |mut row, tally| {
            row.push_bind(tally.what).push_bind(&tally.of).push_bind(tally.name).push_bind(tally.n);
        });
        query.push(" ON CONFLICT (what, of_whom, name) DO UPDATE SET n = n + excluded.n");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Opens the cases of leads that are disclosed.
pub(super) async fn open_cases(
    connection: &mut SqliteConnection,
    agreement: &str,
    at: &str,
    returned: &[(LeadId, BTreeMap<String, String>)],
) -> Result<(), Error> {
    let kept: Option<String> = sqlx::query_scalar("SELECT terms FROM terms WHERE agreement = ?")
        .bind(agreement)
        .fetch_optional(&mut *connection)
        .await?;
    let terms = read_terms(agreement, kept.as_deref())?;
    let opened_at: Timestamp = at.parse().map_err(|_| Error::Unreadable { column: "opened_at" })?;
    let mut changes: Vec<Tally> = Vec::new();
    for (lead, values) in returned {
        let listed = |element: &Option<String>| {
            element.as_ref().and_then(|name| values.get(name)).cloned().unwrap_or_default()
        };
        let case = Case::open(lead.clone(), terms.clone(), opened_at);
        sqlx::query(
            "INSERT INTO case_file (id, agreement, stage, due, county, worker, weight, opened_at, groups)
             SELECT id, ?, ?, ?, ?, ?, weight, ?, groups FROM lead WHERE id = ?",
        )
        .bind(agreement)
        .bind(case.stage().as_str())
        .bind(case.due().map(Timestamp::as_second))
        .bind(listed(&terms.county))
        .bind(listed(&terms.worker))
        .bind(at)
        .bind(lead.as_str())
        .execute(&mut *connection)
        .await?;
        changes.extend(tallies(&case));
    }
    count(connection, &sums(changes)).await
}

fn instant(second: i64, column: &'static str) -> Result<Timestamp, Error> {
    Timestamp::from_second(second).map_err(|_| Error::Unreadable { column })
}

fn parsed(text: &str, column: &'static str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| Error::Unreadable { column })
}

fn read_line(row: &SqliteRow) -> Result<CaseLine, Error> {
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

/// Cuts what was read to a page: one line more than asked for says that there is another.
fn page<T>(mut lines: Vec<T>, limit: u32, place: impl Fn(&T) -> After) -> Page<T> {
    let limit = limit as usize;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = if more { lines.last().map(place) } else { None };
    Page { lines, next }
}

fn read_dispatch(row: &SqliteRow) -> Result<Dispatch, Error> {
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

fn read_disclosed(row: &SqliteRow) -> Result<Disclosed, Error> {
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

impl Together for Sqlite {
    async fn together(&self, moving: &[Moving]) -> Result<Vec<Result<Vec<i64>, Error>>, Error> {
        let steps: Vec<Step<'_>> = moving.iter().map(Step::of).collect();
        together(self, &steps).await
    }
}

impl CaseStore for Sqlite {
    async fn keep_terms(&self, terms: &Terms) -> Result<(), Error> {
        let text =
            serde_json::to_string(terms).map_err(|_| Error::Unreadable { column: "terms" })?;
        sqlx::query("INSERT OR IGNORE INTO terms (agreement, terms) VALUES (?, ?)")
            .bind(&terms.agreement)
            .bind(text)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn case(&self, id: &LeadId) -> Result<StoredCase, Error> {
        // One statement and so one snapshot: a step taken meanwhile is in it whole or not at all.
        let rows = sqlx::query(CASE_WITH_STEPS).bind(id.as_str()).fetch_all(&self.readers).await?;
        read_case(&self.vault, id, &rows)
    }

    async fn take(&self, moving: Moving) -> Result<Vec<i64>, Error> {
        self.writer.take(self, moving).await
    }

    async fn queue(&self, queue: &Queue, limit: u32) -> Result<Page<CaseLine>, Error> {
        let closed = queue.stage == Some(CaseStage::Closed);
        let by = if closed { "closed_at" } else { "due" };
        let mut query = QueryBuilder::<Driver>::new(
            "SELECT id, stage, due, assigned, county, worker, weight, version, opened_at, closed_at
             FROM case_file WHERE ",
        );
        query.push(by).push(" IS NOT NULL");
        if let Some(officer) = &queue.assigned {
            query.push(" AND assigned = ").push_bind(officer.as_str());
        } else if queue.unassigned {
            query.push(" AND assigned = ''");
        }
        if let Some(stage) = queue.stage.filter(|_| !closed) {
            query.push(" AND stage = ").push_bind(stage.as_str());
        }
        if let Some(county) = &queue.county {
            query.push(" AND county <> '' AND county = ").push_bind(county);
        }
        if let Some(worker) = &queue.worker {
            query.push(" AND worker <> '' AND worker = ").push_bind(worker);
        }
        if let Some(before) = queue.due_before.filter(|_| !closed) {
            query.push(" AND due < ").push_bind(before.as_second());
        }
        if let Some(after) = &queue.after {
            query.push(" AND (").push(by).push(", id) > (").push_bind(after.second);
            query.push(", ").push_bind(after.id.as_str()).push(")");
        }
        query.push(" ORDER BY ").push(by).push(", id LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = query.build().fetch_all(&self.readers).await?;
        let lines = rows
            .iter()
            .map(|row| {
                let place: i64 = row.try_get(by)?;
                Ok((read_line(row)?, place))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let page =
            page(lines, limit, |(line, second)| After { second: *second, id: line.id.clone() });
        Ok(Page { lines: page.lines.into_iter().map(|(line, _)| line).collect(), next: page.next })
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let rows = sqlx::query(COUNTS).fetch_all(&self.readers).await?;
        let mut counts = Counts::default();
        for row in &rows {
            let (what, of, name): (String, String, String) =
                (row.try_get("what")?, row.try_get("of_whom")?, row.try_get("name")?);
            let n: i64 = row.try_get("n")?;
            counts.add(&what, &of, &name, u64::try_from(n).unwrap_or(0))?;
        }
        Ok(counts)
    }

    async fn group_counts(&self) -> Result<GroupCounts, Error> {
        let rows = sqlx::query(GROUP_COUNTS).fetch_all(&self.readers).await?;
        let mut counts = GroupCounts::new();
        for row in &rows {
            let of: String = row.try_get("of_whom")?;
            add_to_group(&mut counts, &of, row.try_get("name")?, row.try_get("n")?)?;
        }
        Ok(counts)
    }

    async fn add_minutes(&self, minutes: u64) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO tally (what, of_whom, name, n) VALUES ('minutes', '', 'worked', ?)
             ON CONFLICT (what, of_whom, name) DO UPDATE SET n = tally.n + excluded.n",
        )
        .bind(minutes.cast_signed())
        .execute(&mut *tx)
        .await?;
        tx.commit().await.map_err(busy)?;
        Ok(())
    }

    async fn disclosed_about(&self, case_id: &str) -> Result<Vec<Disclosed>, Error> {
        let mut found = Vec::new();
        for digest in cell::case_digests(&self.vault, case_id)? {
            let rows = sqlx::query(
                "SELECT DISTINCT lead.id AS lead, disclosure.released_at, disclosure.recipient, disclosure.purpose,
                        disclosure.elements, disclosure.ledger_index
                 FROM lead JOIN opening ON opening.lead = lead.id JOIN disclosure ON disclosure.id = opening.disclosure
                 WHERE lead.case_digest = ? AND disclosure.released_at IS NOT NULL
                 ORDER BY disclosure.released_at, lead.id",
            )
            .bind(digest.as_slice())
            .fetch_all(&self.readers)
            .await?;
            for row in &rows {
                found.push(read_disclosed(row)?);
            }
        }
        found.sort_by(|a, b| (a.at, &a.lead).cmp(&(b.at, &b.lead)));
        Ok(found)
    }

    async fn disclosed_on(&self, id: &LeadId) -> Result<Vec<Disclosed>, Error> {
        let rows = sqlx::query(
            "SELECT DISTINCT opening.lead AS lead, disclosure.released_at, disclosure.recipient, disclosure.purpose,
                    disclosure.elements, disclosure.ledger_index
             FROM opening JOIN disclosure ON disclosure.id = opening.disclosure
             WHERE opening.lead = ? AND disclosure.released_at IS NOT NULL ORDER BY disclosure.released_at",
        )
        .bind(id.as_str())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read_disclosed).collect()
    }

    async fn corrections_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Dispatch>, Error> {
        let rows = sqlx::query(
            "SELECT * FROM correction WHERE next IS NOT NULL AND next <= ? ORDER BY next, file LIMIT ?",
        )
        .bind(now.as_second())
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read_dispatch).collect()
    }

    async fn corrections_of(&self, id: &LeadId) -> Result<Vec<Dispatch>, Error> {
        let rows =
            sqlx::query("SELECT * FROM correction WHERE file = ? ORDER BY number, recipient")
                .bind(id.as_str())
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(read_dispatch).collect()
    }

    async fn cluster(&self, id: &LeadId) -> Result<Cluster, Error> {
        let rows = sqlx::query(
            "SELECT id, pair, bond, stage FROM lead
             WHERE case_digest = (SELECT case_digest FROM lead WHERE id = ?) ORDER BY id",
        )
        .bind(id.as_str())
        .fetch_all(&self.readers)
        .await?;
        let leads = rows.iter().map(|row| {
            let (lead, stage): (String, String) = (row.try_get("id")?, row.try_get("stage")?);
            Ok(Joined {
                lead: LeadId::typed(&lead),
                pair: PairKey(super::read_32(row, "pair")?),
                bond: super::read_bond(row)?,
                stage: Stage::read(&stage).ok_or(Error::Unreadable { column: "stage" })?,
            })
        });
        Ok(Cluster { leads: leads.collect::<Result<_, Error>>()? })
    }

    async fn cut(&self, bonds: &[BondKey]) -> Result<BTreeSet<BondKey>, Error> {
        let mut cut = BTreeSet::new();
        for some in bonds.chunks(AT_ONCE) {
            let mut query = QueryBuilder::<Driver>::new("SELECT bond FROM cut WHERE bond IN (");
            let mut list = query.separated(", ");
            for bond in some {
                list.push_bind(bond.0.as_slice());
            }
            query.push(")");
            for row in query.build().fetch_all(&self.readers).await? {
                cut.extend(super::read_bond(&row)?);
            }
        }
        Ok(cut)
    }

    async fn cut_by(&self, id: &LeadId) -> Result<Option<LeadId>, Error> {
        let by: Option<String> = sqlx::query_scalar(
            "SELECT cut.lead FROM cut JOIN lead ON lead.bond = cut.bond WHERE lead.id = ? LIMIT 1",
        )
        .bind(id.as_str())
        .fetch_optional(&self.readers)
        .await?;
        Ok(by.map(|lead| LeadId::typed(&lead)))
    }

    async fn note_delivery(
        &self,
        dispatch: &Dispatch,
        drafts: Drafts<'static>,
    ) -> Result<Vec<i64>, Error> {
        let delivery = &dispatch.delivery;
        let mut tx = self.begin().await?;
        // An acknowledgement that came while it was being sent is not undone.
        sqlx::query(
            "UPDATE correction SET attempts = max(attempts, ?), sent_at = ?,
                    next = CASE WHEN acknowledged_at IS NULL THEN ? END
             WHERE file = ? AND number = ? AND recipient = ?",
        )
        .bind(delivery.attempts)
        .bind(delivery.sent_at.map(|at| at.to_string()))
        .bind(delivery.next.map(Timestamp::as_second))
        .bind(dispatch.case.as_str())
        .bind(dispatch.number.cast_signed())
        .bind(delivery.recipient.as_str())
        .execute(&mut *tx)
        .await?;
        let lines = put_out(&mut tx, &drafts).await?;
        tx.commit().await?;
        Ok(lines.into_iter().map(|(number, _)| number).collect())
    }

    async fn notices(
        &self,
        state: Letter,
        after: Option<&After>,
        limit: u32,
    ) -> Result<Page<NoticeLine>, Error> {
        let (second, id) = after.map_or((i64::MIN, ""), |after| (after.second, after.id.as_str()));
        let rows = sqlx::query(
            "SELECT * FROM notice WHERE state = ? AND (at, file) > (?, ?) ORDER BY at, file LIMIT ?",
        )
        .bind(state.as_str())
        .bind(second)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.readers)
        .await?;
        let lines = rows
            .iter()
            .map(|row| {
                let file: String = row.try_get("file")?;
                let how: Option<String> = row.try_get("how")?;
                Ok(NoticeLine {
                    case: LeadId::typed(&file),
                    language: row.try_get("language")?,
                    how: how.as_deref().and_then(How::read),
                    letter: row.try_get("letter")?,
                    state,
                    at: instant(row.try_get("at")?, "at")?,
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(page(lines, limit, |line| After { second: line.at.as_second(), id: line.case.clone() }))
    }

    async fn note_printed(
        &self,
        cases: &[LeadId],
        now: Timestamp,
        drafts: Drafts<'static>,
    ) -> Result<Vec<i64>, Error> {
        let mut tx = self.begin().await?;
        for case in cases {
            sqlx::query(
                "UPDATE notice SET state = 'printed', at = ? WHERE file = ? AND state = 'drafted'",
            )
            .bind(now.as_second())
            .bind(case.as_str())
            .execute(&mut *tx)
            .await?;
        }
        let lines = put_out(&mut tx, &drafts).await?;
        tx.commit().await?;
        Ok(lines.into_iter().map(|(number, _)| number).collect())
    }

    async fn note_read(
        &self,
        cases: &[LeadId],
        seen: &Seen,
        openings: &[String],
        drafts: Drafts<'static>,
    ) -> Result<Vec<i64>, Error> {
        let mut tx = self.begin().await?;
        let at = seen.at.to_string();
        let nobody = [None];
        let files: Vec<Option<&str>> = if cases.is_empty() {
            nobody.to_vec()
        } else {
            cases.iter().map(|case| Some(case.as_str())).collect()
        };
        for file in files {
            sqlx::query("INSERT INTO read_log (file, by, what, at) VALUES (?, ?, ?, ?)")
                .bind(file)
                .bind(&seen.by)
                .bind(&seen.what)
                .bind(&at)
                .execute(&mut *tx)
                .await?;
        }
        let key = self.vault.house()?;
        for opening in openings {
            sqlx::query("INSERT INTO opening (opening) VALUES (?)")
                .bind(cell::seal_opening(&key, "", opening)?)
                .execute(&mut *tx)
                .await?;
        }
        let lines = put_out(&mut tx, &drafts).await?;
        tx.commit().await.map_err(busy)?;
        Ok(lines.into_iter().map(|(number, _)| number).collect())
    }

    async fn reads_of(&self, id: &LeadId, limit: u32) -> Result<Vec<Seen>, Error> {
        let rows = sqlx::query(
            "SELECT by, what, at FROM read_log WHERE file = ? ORDER BY number DESC LIMIT ?",
        )
        .bind(id.as_str())
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Seen {
                    by: row.try_get("by")?,
                    what: row.try_get("what")?,
                    at: parsed(row.try_get("at")?, "at")?,
                })
            })
            .collect()
    }

    async fn keep_paper(&self, id: &LeadId, paper: &Paper) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let agreement: Option<String> =
            sqlx::query_scalar("SELECT agreement FROM case_file WHERE id = ?")
                .bind(id.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        let agreement = agreement.ok_or_else(|| Error::NoSuchCase { case: id.to_string() })?;
        let key = cell::key_of_agreement(&self.vault, &agreement)?;
        let place = format!("{id}/{}", paper.digest);
        sqlx::query(
            "INSERT OR IGNORE INTO paper (file, digest, media_type, title, at, bytes) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(id.as_str())
        .bind(&paper.digest)
        .bind(&paper.media_type)
        .bind(key.seal("paper", &place, "title", paper.title.as_bytes())?)
        .bind(paper.at.to_string())
        .bind(key.seal("paper", &place, "bytes", &paper.bytes)?)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn paper(&self, id: &LeadId, digest: &str) -> Result<Option<Paper>, Error> {
        let row = sqlx::query("SELECT * FROM paper WHERE file = ? AND digest = ?")
            .bind(id.as_str())
            .bind(digest)
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let place = format!("{id}/{digest}");
        Ok(Some(Paper {
            digest: digest.to_owned(),
            media_type: row.try_get("media_type")?,
            title: self.vault.open_text("paper", &place, "title", row.try_get("title")?)?,
            at: parsed(row.try_get("at")?, "at")?,
            bytes: self.vault.open_cell("paper", &place, "bytes", row.try_get("bytes")?)?,
        }))
    }

    async fn acknowledge_all(&self, lines: &[(i64, u64)]) -> Result<(), Error> {
        let Some((last, index)) = lines.iter().max() else { return Ok(()) };
        let numbers: Vec<i64> = lines.iter().map(|(number, _)| *number).collect();
        let numbers = serde_json::to_string(&numbers);
        let numbers = numbers.map_err(|_| Error::Unreadable { column: "number" })?;
        // If we crash before the commit, all of them are still waiting; whoever drains next finds their entries in the
        // ledger and acknowledges them then.
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE outbox SET ledger_index = ? WHERE number = ? AND ledger_index IS NULL",
        )
        .bind(index.cast_signed())
        .bind(last)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 1 {
            // The ledger has them: the last one says how far, and no second copy is kept of the others.
            sqlx::query(
                "DELETE FROM outbox WHERE number < ?
                 AND (ledger_index IS NOT NULL OR number IN (SELECT value FROM json_each(?)))",
            )
            .bind(last)
            .bind(numbers)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        self.log.committed(&self.pool);
        Ok(())
    }

    async fn outbox(&self, limit: u32) -> Result<Outbox, Error> {
        // One statement reads one state.
        let rows = sqlx::query(
            "SELECT acknowledged, number, leaf
             FROM (SELECT max(ledger_index) AS acknowledged FROM outbox) AS ledger
             LEFT JOIN (SELECT number, leaf FROM outbox WHERE ledger_index IS NULL ORDER BY number LIMIT ?) AS first
                 ON TRUE
             ORDER BY number",
        )
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let mut outbox = Outbox { acknowledged: None, waiting: Vec::with_capacity(rows.len()) };
        for row in &rows {
            outbox.acknowledged =
                row.try_get::<Option<i64>, _>("acknowledged")?.map(i64::cast_unsigned);
            if let Some(number) = row.try_get("number")? {
                outbox.waiting.push(Outgoing { number, leaf: row.try_get("leaf")? });
            }
        }
        Ok(outbox)
    }
}

impl Sqlite {
    /// Stores the step that a judgement outside the console is.
    pub(super) async fn store_review(
        &self,
        case: &Case,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        let step = Step { case, drafts, openings };
        let mut results = Box::pin(together(self, &[step])).await?;
        results.pop().unwrap_or(Err(Error::Unanswered)).map(|_| ())
    }
}
