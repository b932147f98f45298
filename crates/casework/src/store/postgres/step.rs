//! Steps on PostgreSQL: those of many callers in one transaction and few statements.

use super::store::column;
use super::{Postgres, last_second};
use crate::store::cases::ready::{Ready, Results, Step, all_ready, counted, sums};
use crate::store::cases::row::{Beside, read_terms};
use crate::store::cases::{Letter, Tally, tallies};
use crate::{Case, Error, LeadId};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};
use std::collections::BTreeMap;

/// Stores steps in one transaction. The outer error is the database's: then nothing of any of them is stored.
pub(super) async fn together(store: &Postgres, steps: &[Step<'_>]) -> Result<Results, Error> {
    let mut tx = store.begin().await?;
    let mut last = last_second(&mut tx).await?;
    let (ready, mut results) = all_ready(&store.vault, steps, &mut last);
    let moved = move_cases(&mut tx, &ready).await?;
    let (taken, late): (Vec<_>, Vec<_>) =
        ready.into_iter().partition(|(place, _)| moved.contains(place));
    for (place, step) in &late {
        results[*place] = Err(why_not(&mut tx, step.id()).await?);
    }
    let taken_steps: Vec<&Ready<'_>> = taken.iter().map(|(_, step)| step).collect();
    insert_steps(&mut tx, &taken_steps).await?;
    for step in &taken_steps {
        for (change, reason) in &step.beside {
            store_beside(&mut tx, step.id(), step.version(), change, reason.as_deref()).await?;
        }
    }
    count(&mut tx, &counted(&taken_steps)).await?;
    insert_openings(&mut tx, &taken_steps).await?;
    let mut numbers = put_out_all(&mut tx, &taken_steps).await?.into_iter();
    for (place, step) in &taken {
        results[*place] = Ok(numbers.by_ref().take(step.leaves.len()).collect());
    }
    // If we crash before this, no step of these is stored and nobody was answered; after it, all are and the ledger
    // gets their lines when the outbox is next drained.
    tx.commit().await?;
    Ok(results)
}

/// Moves the cases that are as they were when their steps were worked out, and says which.
async fn move_cases(
    connection: &mut PgConnection,
    ready: &[(usize, Ready<'_>)],
) -> Result<Vec<usize>, Error> {
    let places: Vec<i64> = sqlx::query_scalar(
        "UPDATE case_file SET stage = put.stage, due = put.due, assigned = coalesce(put.assigned, case_file.assigned),
             county = coalesce(put.county, case_file.county), worker = coalesce(put.worker, case_file.worker),
             version = put.version, closed_at = put.closed_at
         FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[])
             WITH ORDINALITY AS put (id, version, stage, due, assigned, county, worker, closed_at, place)
         WHERE case_file.id = put.id AND case_file.version = put.version - 1
         RETURNING put.place",
    )
    .bind(column(ready, |(_, step)| step.id()))
    .bind(column(ready, |(_, step)| step.version()))
    .bind(column(ready, |(_, step)| step.row.stage))
    .bind(column(ready, |(_, step)| step.row.due))
    .bind(column(ready, |(_, step)| step.row.assigned.as_deref()))
    .bind(column(ready, |(_, step)| step.row.county.as_deref()))
    .bind(column(ready, |(_, step)| step.row.worker.as_deref()))
    .bind(column(ready, |(_, step)| step.row.closed_at))
    .fetch_all(connection)
    .await?;
    let place = |ordinal: &i64| usize::try_from(ordinal - 1).ok().and_then(|at| ready.get(at));
    Ok(places.iter().filter_map(place).map(|(place, _)| *place).collect())
}

/// Says why a case did not take a step: somebody was first, or there is no such case.
async fn why_not(connection: &mut PgConnection, id: &str) -> Result<Error, Error> {
    let version: Option<i64> = sqlx::query_scalar("SELECT version FROM case_file WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(match version {
        Some(version) => Error::CaseMoved { case: id.to_owned(), version: version.cast_unsigned() },
        None => Error::NoSuchCase { case: id.to_owned() },
    })
}

async fn insert_steps(connection: &mut PgConnection, steps: &[&Ready<'_>]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO step (file, number, at, by, kind, payload)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[])",
    )
    .bind(column(steps, |step| step.id()))
    .bind(column(steps, |step| step.version()))
    .bind(column(steps, |step| step.taken_at.as_str()))
    .bind(column(steps, |step| step.by.as_str()))
    .bind(column(steps, |step| step.kind))
    .bind(column(steps, |step| step.payload.as_slice()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_openings(connection: &mut PgConnection, steps: &[&Ready<'_>]) -> Result<(), Error> {
    let all = steps
        .iter()
        .flat_map(|step| step.openings.iter().map(|opening| (step.id(), opening.as_slice())));
    let all: Vec<(&str, &[u8])> = all.collect();
    if !all.is_empty() {
        sqlx::query(
            "INSERT INTO opening (lead, opening) SELECT put.lead, put.opening
             FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS put (lead, opening, place) ORDER BY put.place",
        )
        .bind(column(&all, |(lead, _)| *lead))
        .bind(column(&all, |(_, opening)| *opening))
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Puts the steps' lines into the outbox, those of one step one after the other, and returns their numbers in order.
async fn put_out_all(
    connection: &mut PgConnection,
    steps: &[&Ready<'_>],
) -> Result<Vec<i64>, Error> {
    let all =
        steps.iter().flat_map(|step| step.leaves.iter().map(|leaf| (step.second, leaf.as_slice())));
    let all: Vec<(i64, &[u8])> = all.collect();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let mut numbers: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO outbox (second, leaf) SELECT put.second, put.leaf
         FROM unnest($1::bigint[], $2::bytea[]) WITH ORDINALITY AS put (second, leaf, place) ORDER BY put.place
         RETURNING number",
    )
    .bind(column(&all, |(second, _)| *second))
    .bind(column(&all, |(_, leaf)| *leaf))
    .fetch_all(connection)
    .await?;
    numbers.sort_unstable();
    Ok(numbers)
}

async fn store_beside(
    connection: &mut PgConnection,
    id: &str,
    version: i64,
    change: &Beside<'_>,
    reason: Option<&[u8]>,
) -> Result<(), Error> {
    let notice = |language: &str, how: Option<&str>, letter: &str, state: Letter, at: Timestamp| {
        sqlx::query(
            "INSERT INTO notice (file, language, how, letter, state, at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (file) DO UPDATE SET language = excluded.language, how = excluded.how,
                 letter = excluded.letter, state = excluded.state, at = excluded.at",
        )
        .bind(id.to_owned())
        .bind(language.to_owned())
        .bind(how.map(str::to_owned))
        .bind(letter.to_owned())
        .bind(state.as_str())
        .bind(at.as_second())
    };
    let query = match change {
        Beside::LeadStage(stage) => {
            sqlx::query("UPDATE lead SET stage = $1 WHERE id = $2").bind(stage.as_str()).bind(id)
        }
        Beside::Judgement { judgement, reason: _, expires, by, at } => {
            let number: i64 = sqlx::query_scalar(
                "INSERT INTO judgement (lead, pair, judgement, reason, officer, at, expires)
                 SELECT id, pair, $1, $2, $3, $4, $5 FROM lead WHERE id = $6 RETURNING number",
            )
            .bind(judgement.as_str())
            .bind(reason)
            .bind(by)
            .bind(at.to_string())
            .bind(expires.map(|at| at.to_string()))
            .bind(id)
            .fetch_one(&mut *connection)
            .await?;
            // One judgement of a lead stands: what was said before gives way to it.
            sqlx::query(
                "UPDATE judgement SET reversed_by = $1
                 WHERE number <> $1 AND (reversed_by IS NULL OR reversed_by = number)
                   AND lead = $2 AND pair = (SELECT pair FROM lead WHERE id = $2)",
            )
            .bind(number)
            .bind(id)
        }
        // Until another takes its place it is its own reversal.
        Beside::JudgementReversed => sqlx::query(
            "UPDATE judgement SET reversed_by = number
             WHERE lead = $1 AND pair = (SELECT pair FROM lead WHERE id = $1) AND reversed_by IS NULL",
        )
        .bind(id),
        Beside::Cut { at } => sqlx::query(
            "INSERT INTO cut (bond, lead, at) SELECT bond, id, $1 FROM lead WHERE id = $2 AND bond IS NOT NULL",
        )
        .bind(at.to_string())
        .bind(id),
        Beside::CutReversed => sqlx::query("DELETE FROM cut WHERE lead = $1").bind(id),
        Beside::Correction(delivery) => sqlx::query(
            "INSERT INTO correction (file, number, recipient, next) VALUES ($1, $2, $3, $4)",
        )
        .bind(id)
        .bind(version)
        .bind(delivery.recipient.as_str())
        .bind(delivery.next.map(Timestamp::as_second)),
        Beside::Acknowledged { recipient, at } => sqlx::query(
            "UPDATE correction SET acknowledged_at = $1, next = NULL
             WHERE file = $2 AND recipient = $3 AND acknowledged_at IS NULL
                   AND number NOT IN (SELECT number FROM step WHERE step.file = correction.file AND kind = 'open-dispute')",
        )
        .bind(at.to_string())
        .bind(id)
        .bind(recipient),
        Beside::Drafted { language, letter, at } => {
            notice(language, None, letter, Letter::Drafted, *at)
        }
        Beside::Served { language, letter, how, at } => {
            notice(language, Some(how), letter, Letter::Served, *at)
        }
        Beside::Returned { at } => {
            sqlx::query("UPDATE notice SET state = 'returned', at = $1 WHERE file = $2")
                .bind(at.as_second())
                .bind(id)
        }
        Beside::NoNotice => sqlx::query("DELETE FROM notice WHERE file = $1").bind(id),
    };
    query.execute(connection).await?;
    Ok(())
}

/// Adds to the counts.
async fn count(connection: &mut PgConnection, sums: &[Tally]) -> Result<(), Error> {
    if sums.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO tally (what, of_whom, name, n)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
         ON CONFLICT (what, of_whom, name) DO UPDATE SET n = tally.n + excluded.n",
    )
    .bind(column(sums, |one| one.what))
    .bind(column(sums, |one| one.of.as_str()))
    .bind(column(sums, |one| one.name))
    .bind(column(sums, |one| one.n))
    .execute(connection)
    .await?;
    Ok(())
}

/// Opens the cases of leads that are disclosed.
pub(super) async fn open_cases(
    connection: &mut PgConnection,
    agreement: &str,
    at: &str,
    returned: &[(LeadId, BTreeMap<String, String>)],
) -> Result<(), Error> {
    let kept = sqlx::query("SELECT terms FROM terms WHERE agreement = $1")
        .bind(agreement)
        .fetch_optional(&mut *connection)
        .await?;
    let kept: Option<String> = kept.map(|row| row.try_get("terms")).transpose()?;
    let terms = read_terms(agreement, kept.as_deref())?;
    let opened_at: Timestamp = at.parse().map_err(|_| Error::Unreadable { column: "opened_at" })?;
    let listed = |element: &Option<String>, values: &BTreeMap<String, String>| {
        element.as_ref().and_then(|element| values.get(element)).cloned().unwrap_or_default()
    };
    for returned in returned.chunks(super::store::AT_ONCE) {
        let cases: Vec<Case> = returned
            .iter()
            .map(|(lead, _)| Case::open(lead.clone(), terms.clone(), opened_at))
            .collect();
        sqlx::query(
            "INSERT INTO case_file (id, agreement, stage, due, county, worker, weight, opened_at, groups)
             SELECT lead.id, $1, put.stage, put.due, put.county, put.worker, lead.weight, $2, lead.groups
             FROM unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])
                 AS put (id, stage, due, county, worker) JOIN lead ON lead.id = put.id",
        )
        .bind(agreement)
        .bind(at)
        .bind(column(&cases, |case| case.id().as_str()))
        .bind(column(&cases, |case| case.stage().as_str()))
        .bind(column(&cases, |case| case.due().map(Timestamp::as_second)))
        .bind(column(returned, |(_, values)| listed(&terms.county, values)))
        .bind(column(returned, |(_, values)| listed(&terms.worker, values)))
        .execute(&mut *connection)
        .await?;
        count(connection, &sums(cases.iter().flat_map(tallies))).await?;
    }
    Ok(())
}
