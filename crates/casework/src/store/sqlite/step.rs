//! Steps on SQLite: many of them in one transaction and few statements, and the cases of leads that are disclosed.

use super::{Driver, Sqlite, busy, last_second};
use crate::store::cases::ready::{Changes, Ready, Results, Step, all_ready, counted, sums};
use crate::store::cases::row::{Beside, read_terms};
use crate::store::cases::{Letter, Tally, tallies};
use crate::{Case, Error, LeadId};
use jiff::Timestamp;
use sqlx::{QueryBuilder, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};

/// Stores steps in one transaction and few statements. The outer error is the database's: then nothing of any of them is
/// stored. An inner one is of that step alone, of which nothing was written.
pub(super) async fn together(store: &Sqlite, steps: &[Step<'_>]) -> Result<Results, Error> {
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
pub(super) const AT_ONCE: usize = 256;

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
