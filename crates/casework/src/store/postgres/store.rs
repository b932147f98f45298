//! The promises of [`Store`] on PostgreSQL. What a run makes by the thousand goes to the server in few statements.

use super::read::{read_32, read_disclosure, read_lead, read_run, read_stage, read_stay};
use super::step::open_cases;
use super::{Postgres, last_second, moved, put_out};
use crate::destroyed::{Certificate, Destroyed};
use crate::run::agreement_in;
use crate::store::{
    cell::{self, key_of_run},
    vault::DataKey,
};
use crate::{
    AskedSoFar, CaseStore as _, Disclosure, DisclosureId, Drafts, Error, Judgement, Known, Lead,
    LeadId, NotRight, Outgoing, PairKey, Pilot, PilotTerms, Planned, Rate, RecordedStay, Review,
    Run, SealedEntry, Stage, StaysState, Store,
};
use sqlx::{PgConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many rows go to the server in one statement.
pub(super) const AT_ONCE: usize = 1000;

/// Stays are only ever added and lifted, so that the two counts together tell any two states apart.
async fn stays_state(connection: &mut PgConnection) -> Result<StaysState, Error> {
    let count = sqlx::query_scalar("SELECT count(*) + count(lifted_at) FROM stay")
        .fetch_one(connection)
        .await?;
    Ok(StaysState(count))
}

async fn inputs_of(connection: &mut PgConnection, run: &str) -> Result<String, Error> {
    let inputs = sqlx::query_scalar("SELECT inputs FROM run WHERE id = $1");
    Ok(inputs.bind(run).fetch_one(connection).await?)
}

/// Returns the key for what was obtained in a run.
async fn key_of(
    store: &Postgres,
    connection: &mut PgConnection,
    run: &str,
) -> Result<DataKey, Error> {
    key_of_run(&store.vault, &inputs_of(connection, run).await?)
}

async fn insert_leads(
    connection: &mut PgConnection,
    key: &DataKey,
    run: &str,
    cycle: &str,
    leads: &[Planned],
) -> Result<(), Error> {
    for leads in leads.chunks(AT_ONCE) {
        let sealed =
            leads.iter().map(|lead| cell::seal_lead(key, lead)).collect::<Result<Vec<_>, _>>()?;
        let stage =
            |lead: &Planned| if lead.chunk.is_some() { Stage::Planned } else { Stage::Held };
        sqlx::query(
            "INSERT INTO lead (run, cycle, id, pair, case_id, case_digest, source_record, recipient_record, weight,
                 probability, explanation, returned_digest, stage, chunk, reopens, bond, groups)
             SELECT $1, $2, * FROM unnest($3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[], $8::bigint[],
                 $9::float8[], $10::float8[], $11::bytea[], $12::bytea[], $13::text[], $14::bigint[], $15::text[], $16::bytea[],
                 $17::bytea[])",
        )
        .bind(run)
        .bind(cycle)
        .bind(column(leads, |lead| lead.id.as_str()))
        .bind(column(leads, |lead| lead.pair.0.as_slice()))
        .bind(column(&sealed, |lead| lead.case_id.as_slice()))
        .bind(column(&sealed, |lead| lead.case_digest.as_slice()))
        .bind(column(leads, |lead| i64::from(lead.source_record)))
        .bind(column(leads, |lead| i64::from(lead.recipient_record)))
        .bind(column(leads, |lead| lead.weight))
        .bind(column(leads, |lead| lead.probability))
        .bind(column(&sealed, |lead| lead.explanation.as_slice()))
        .bind(column(leads, |lead| lead.returned_digest.as_slice()))
        .bind(column(leads, |lead| stage(lead).as_str()))
        .bind(column(leads, |lead| lead.chunk.map(i64::from)))
        .bind(column(leads, |lead| lead.reopens.as_ref().map(LeadId::as_str)))
        .bind(column(leads, |lead| lead.bond.as_ref().map(|bond| bond.0.as_slice())))
        .bind(column(&sealed, |lead| lead.groups.as_deref()))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) fn column<'a, T, C>(rows: &'a [T], cell: impl FnMut(&'a T) -> C) -> Vec<C> {
    rows.iter().map(cell).collect()
}

/// Finds the "not the same" that stands for each pair.
async fn not_same(
    connection: &mut PgConnection,
    pairs: &[&[u8]],
    now: jiff::Timestamp,
    known: &mut HashMap<PairKey, Known>,
) -> Result<(), Error> {
    let rows = sqlx::query(
        "SELECT lead, pair, expires, number FROM judgement
         WHERE pair = ANY ($1) AND judgement = 'not-same' AND reversed_by IS NULL
         UNION ALL SELECT lead, pair, expires, 0 FROM not_same WHERE pair = ANY ($1) ORDER BY number DESC",
    )
    .bind(pairs)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let expires: Option<String> = row.try_get("expires")?;
        let expires = expires.map(|text| text.parse::<jiff::Timestamp>()).transpose();
        let expires = expires.map_err(|_| Error::Unreadable { column: "expires" })?;
        if expires.is_none_or(|expires| expires > now) {
            let lead: String = row.try_get("lead")?;
            let lead = LeadId::typed(&lead);
            known.entry(PairKey(read_32(row, "pair")?)).or_insert(Known::NotSame { lead });
        }
    }
    Ok(())
}

/// Finds the last lead that earlier runs opened, or plan to open, on each pair.
async fn covered(
    connection: &mut PgConnection,
    pairs: &[&[u8]],
    before_run: &str,
    known: &mut HashMap<PairKey, Known>,
) -> Result<(), Error> {
    let rows = sqlx::query(
        "SELECT DISTINCT ON (pair) pair, id, stage, returned_digest FROM lead
         WHERE pair = ANY ($1) AND run <> $2 AND (stage = 'planned' OR opened_at IS NOT NULL)
           AND run IN (SELECT id FROM run WHERE state <> 'abandoned')
         ORDER BY pair, opened_at IS NULL DESC, opened_at DESC, id DESC",
    )
    .bind(pairs)
    .bind(before_run)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let id: String = row.try_get("id")?;
        let lead = LeadId::typed(&id);
        let standing = match read_stage(row)? {
            Stage::Planned | Stage::Held | Stage::Open => Known::Waiting { lead },
            Stage::Reviewed | Stage::Closed => {
                Known::Worked { lead, returned_digest: read_32(row, "returned_digest")? }
            }
        };
        known.entry(PairKey(read_32(row, "pair")?)).or_insert(standing);
    }
    Ok(())
}

impl Store for Postgres {
    async fn pair_secret(&self, environment: &str, fresh: [u8; 32]) -> Result<[u8; 32], Error> {
        let sealed = cell::seal_pair_secret(&self.vault, &fresh)?;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO program (only_row, environment, pair_secret) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(environment)
        .bind(sealed)
        .execute(&mut *tx)
        .await?;
        let row =
            sqlx::query("SELECT environment, pair_secret FROM program").fetch_one(&mut *tx).await?;
        let made_for: String = row.try_get("environment")?;
        if made_for != environment {
            return Err(Error::OtherEnvironment { made_for, asked: environment.to_owned() });
        }
        let secret = cell::open_pair_secret(&self.vault, row.try_get("pair_secret")?)?;
        tx.commit().await?;
        Ok(secret)
    }

    async fn note(&self, drafts: &Drafts<'_>) -> Result<Vec<i64>, Error> {
        self.note_opened(&[], drafts).await
    }

    async fn note_opened(
        &self,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> Result<Vec<i64>, Error> {
        let key = self.vault.house()?;
        let mut tx = self.begin().await?;
        for opening in openings {
            sqlx::query("INSERT INTO opening (opening) VALUES ($1)")
                .bind(cell::seal_opening(&key, "", opening)?)
                .execute(&mut *tx)
                .await?;
        }
        let lines = put_out(&mut tx, drafts).await?;
        tx.commit().await?;
        Ok(lines.into_iter().map(|(number, _)| number).collect())
    }

    async fn last_second(&self) -> Result<Option<i64>, Error> {
        last_second(&mut *self.pool.acquire().await?).await
    }

    async fn file_once(&self, agreement: &str, drafts: &Drafts<'_>) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("INSERT INTO filed (agreement) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(agreement)
            .execute(&mut *tx)
            .await?;
        let is_new = done.rows_affected() == 1;
        if is_new {
            put_out(&mut tx, drafts).await?;
        }
        tx.commit().await?;
        Ok(is_new)
    }

    async fn waiting(&self) -> Result<Vec<Outgoing>, Error> {
        let rows = sqlx::query(
            "SELECT number, leaf FROM outbox WHERE ledger_index IS NULL ORDER BY number",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok(Outgoing { number: row.try_get("number")?, leaf: row.try_get("leaf")? }))
            .collect()
    }

    async fn count_waiting(&self) -> Result<u64, Error> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM outbox WHERE ledger_index IS NULL")
                .fetch_one(&self.pool)
                .await?;
        Ok(count.cast_unsigned())
    }

    async fn last_acknowledged(&self) -> Result<Option<u64>, Error> {
        let index: Option<i64> = sqlx::query_scalar("SELECT max(ledger_index) FROM outbox")
            .fetch_one(&self.pool)
            .await?;
        Ok(index.map(i64::cast_unsigned))
    }

    async fn acknowledge(&self, number: i64, index: u64) -> Result<(), Error> {
        self.acknowledge_all(&[(number, index)]).await
    }

    async fn run(&self, cycle: &str) -> Result<Option<Run>, Error> {
        let row = sqlx::query("SELECT * FROM run WHERE cycle = $1 AND state <> 'abandoned'")
            .bind(cycle)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read_run).transpose()
    }

    async fn runs(&self) -> Result<Vec<Run>, Error> {
        let rows =
            sqlx::query("SELECT * FROM run ORDER BY started_at, id").fetch_all(&self.pool).await?;
        rows.iter().map(read_run).collect()
    }

    async fn asked_since(
        &self,
        officer: &str,
        since: jiff::Timestamp,
    ) -> Result<AskedSoFar, Error> {
        let row = sqlx::query(
            "SELECT (SELECT coalesce(sum((inputs::jsonb -> 'asked' ->> 'persons')::bigint), 0)::bigint FROM run
                     WHERE (inputs::jsonb -> 'asked' ->> 'second')::bigint >= $2) AS persons,
                    (SELECT count(*) FROM run
                     WHERE inputs::jsonb -> 'asked' ->> 'officer' = $1 AND (state IN ('started', 'planned') OR EXISTS (
                         SELECT 1 FROM lead LEFT JOIN case_file ON case_file.id = lead.id
                         WHERE lead.run = run.id AND coalesce(case_file.stage, lead.stage) <> 'closed'))) AS matters",
        )
        .bind(officer)
        .bind(since.as_second())
        .fetch_one(&self.pool)
        .await?;
        let number = |column| Ok::<u64, Error>(row.try_get::<i64, _>(column)?.cast_unsigned());
        Ok(AskedSoFar { persons: number("persons")?, open_matters: number("matters")? })
    }

    async fn open_matters(&self) -> Result<BTreeSet<u64>, Error> {
        let matters = sqlx::query_scalar::<_, i64>(
            "SELECT (inputs::jsonb -> 'asked' -> 'entered' ->> 'matter')::bigint FROM run
             WHERE inputs::jsonb -> 'asked' -> 'entered' ->> 'matter' IS NOT NULL
               AND (state IN ('started', 'planned') OR EXISTS (
                 SELECT 1 FROM lead LEFT JOIN case_file ON case_file.id = lead.id
                 WHERE lead.run = run.id AND coalesce(case_file.stage, lead.stage) <> 'closed'))",
        );
        let matters = matters.fetch_all(&self.pool).await?;
        Ok(matters.into_iter().map(i64::cast_unsigned).collect())
    }

    async fn start(&self, run: &Run, drafts: &Drafts<'_>) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO run (id, cycle, state, started_at, inputs) VALUES ($1, $2, 'started', $3, $4)",
        )
        .bind(&run.id)
        .bind(&run.cycle)
        .bind(&run.started_at)
        .bind(&run.inputs)
        .execute(&mut *tx)
        .await?;
        put_out(&mut tx, drafts).await?;
        Ok(tx.commit().await?)
    }

    async fn abandon(&self, run: &str, drafts: &Drafts<'_>) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let done =
            sqlx::query("UPDATE run SET state = 'abandoned' WHERE id = $1 AND state = 'started'")
                .bind(run)
                .execute(&mut *tx)
                .await?;
        moved(&done, run)?;
        put_out(&mut tx, drafts).await?;
        Ok(tx.commit().await?)
    }

    async fn plan(
        &self,
        run: &str,
        summary: &str,
        leads: &[Planned],
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        // If we crash before the commit, the run is still `started` and begins clean; after it, it goes on.
        let mut tx = self.begin().await?;
        let key = key_of(self, &mut tx, run).await?;
        let cycle: String = sqlx::query_scalar("SELECT cycle FROM run WHERE id = $1")
            .bind(run)
            .fetch_one(&mut *tx)
            .await?;
        insert_leads(&mut tx, &key, run, &cycle, leads).await?;
        let done = sqlx::query(
            "UPDATE run SET state = 'planned', summary = $1 WHERE id = $2 AND state = 'started'",
        )
        .bind(summary)
        .bind(run)
        .execute(&mut *tx)
        .await?;
        moved(&done, run)?;
        sqlx::query(
            "UPDATE lead SET stage = 'closed' WHERE stage = 'held' AND run <> $1
               AND (SELECT inputs::jsonb -> 'asked' FROM run WHERE id = $1) IS NULL",
        )
        .bind(run)
        .execute(&mut *tx)
        .await?;
        put_out(&mut tx, drafts).await?;
        Ok(tx.commit().await?)
    }

    async fn unhold(
        &self,
        run: &str,
        chunks: &[(LeadId, u32)],
        covered: &[LeadId],
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE lead SET stage = 'closed' WHERE id = ANY ($1) AND stage = 'held'")
            .bind(column(covered, LeadId::as_str))
            .execute(&mut *tx)
            .await?;
        for chunks in chunks.chunks(AT_ONCE) {
            sqlx::query(
                "UPDATE lead SET stage = 'planned', chunk = put.chunk
                 FROM unnest($1::text[], $2::bigint[]) AS put (id, chunk)
                 WHERE lead.id = put.id AND lead.stage = 'held'",
            )
            .bind(column(chunks, |(lead, _)| lead.as_str()))
            .bind(column(chunks, |(_, chunk)| i64::from(*chunk)))
            .execute(&mut *tx)
            .await?;
        }
        let done = sqlx::query(
            "UPDATE run SET state = 'planned', finished_at = NULL WHERE id = $1 AND state IN ('finished', 'planned')",
        )
        .bind(run)
        .execute(&mut *tx)
        .await?;
        moved(&done, run)?;
        put_out(&mut tx, drafts).await?;
        Ok(tx.commit().await?)
    }

    async fn prepare(
        &self,
        disclosure: &Disclosure,
        openings: &[(LeadId, String)],
        drafts: &Drafts<'_>,
    ) -> Result<(i64, Vec<u8>), Error> {
        // If we crash after this, the entry waits in the outbox and nothing has been released: the next start drains
        // the outbox, finds the disclosure prepared, and asks the gate again before it releases.
        let mut tx = self.begin().await?;
        let key = key_of(self, &mut tx, &disclosure.run).await?;
        let mut lines = put_out(&mut tx, drafts).await?;
        let (Some((number, leaf)), true) = (lines.pop(), lines.is_empty()) else {
            let why = "a disclosure is one entry".to_owned();
            return Err(Error::CannotSpell { why });
        };
        let elements = serde_json::to_string(&disclosure.elements)
            .map_err(|_| Error::Unreadable { column: "elements" })?;
        sqlx::query(
            "INSERT INTO disclosure (id, run, chunk, prepared_at, recipient, purpose, elements, persons, leaf)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&disclosure.id.0)
        .bind(&disclosure.run)
        .bind(i64::from(disclosure.chunk))
        .bind(&disclosure.prepared_at)
        .bind(&disclosure.recipient)
        .bind(&disclosure.purpose)
        .bind(elements)
        .bind(i64::from(disclosure.persons))
        .bind(&leaf)
        .execute(&mut *tx)
        .await?;
        for openings in openings.chunks(AT_ONCE) {
            let sealed = openings
                .iter()
                .map(|(lead, opening)| cell::seal_opening(&key, lead.as_str(), opening))
                .collect::<Result<Vec<_>, _>>()?;
            // The numbers follow the order of the rows, which the openings are given back in.
            sqlx::query(
                "INSERT INTO opening (disclosure, lead, opening)
                 SELECT $1, put.lead, put.opening
                 FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS put (lead, opening, place) ORDER BY put.place",
            )
            .bind(&disclosure.id.0)
            .bind(column(openings, |(lead, _)| lead.as_str()))
            .bind(sealed)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok((number, leaf))
    }

    async fn prepared(&self, run: &str) -> Result<Vec<Disclosure>, Error> {
        let rows = sqlx::query(
            "SELECT * FROM disclosure WHERE run = $1 AND released_at IS NULL AND withdrawn_at IS NULL ORDER BY chunk",
        )
        .bind(run)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_disclosure).collect()
    }

    async fn openings(&self, disclosure: &DisclosureId) -> Result<Vec<(LeadId, String)>, Error> {
        let rows =
            sqlx::query("SELECT lead, opening FROM opening WHERE disclosure = $1 ORDER BY number")
                .bind(&disclosure.0)
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| {
                let lead: String = row.try_get("lead")?;
                let opening = cell::open_opening(&self.vault, &lead, row.try_get("opening")?)?;
                Ok((LeadId::typed(&lead), opening))
            })
            .collect()
    }

    async fn withdraw(
        &self,
        disclosure: &DisclosureId,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE disclosure SET withdrawn_at = $1
             WHERE id = $2 AND released_at IS NULL AND withdrawn_at IS NULL",
        )
        .bind(at)
        .bind(&disclosure.0)
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() != 1 {
            return Err(Error::NotWaiting { disclosure: disclosure.0.clone() });
        }
        // Nothing was shown to anybody: the values need not be kept, and so they are not.
        sqlx::query("DELETE FROM opening WHERE disclosure = $1")
            .bind(&disclosure.0)
            .execute(&mut *tx)
            .await?;
        put_out(&mut tx, drafts).await?;
        Ok(tx.commit().await?)
    }

    async fn release(
        &self,
        disclosure: &DisclosureId,
        index: u64,
        at: &str,
        stays: StaysState,
        returned: &[(LeadId, BTreeMap<String, String>)],
    ) -> Result<(), Error> {
        // If we crash before the commit, nothing was released; the entry in the ledger stands, and the same
        // disclosure is released at the next start. If after, the leads are open and it is not released twice.
        let mut tx = self.begin().await?;
        if stays_state(&mut tx).await? != stays {
            return Err(Error::StaysChanged);
        }
        let run: Option<String> = sqlx::query_scalar(
            "UPDATE disclosure SET released_at = $1, ledger_index = $2
             WHERE id = $3 AND released_at IS NULL AND withdrawn_at IS NULL RETURNING run",
        )
        .bind(at)
        .bind(index.cast_signed())
        .bind(&disclosure.0)
        .fetch_optional(&mut *tx)
        .await?;
        let run = run.ok_or_else(|| Error::NotWaiting { disclosure: disclosure.0.clone() })?;
        let inputs = inputs_of(&mut tx, &run).await?;
        let key = key_of_run(&self.vault, &inputs)?;
        for (lead, values) in returned {
            let done = sqlx::query(
                "UPDATE lead SET returned = $1, stage = 'open', opened_at = $2 WHERE id = $3 AND stage = 'planned'",
            )
            .bind(cell::seal_returned(&key, lead.as_str(), values)?)
            .bind(at)
            .bind(lead.as_str())
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() != 1 {
                return Err(Error::LeadMoved { lead: lead.to_string() });
            }
        }
        let agreement = agreement_in(&inputs).unwrap_or_default();
        open_cases(&mut tx, &agreement, at, returned).await?;
        Ok(tx.commit().await?)
    }

    async fn finish(
        &self,
        run: &str,
        at: &str,
        summary: &str,
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE run SET state = 'finished', finished_at = $1, summary = $2 WHERE id = $3 AND state = 'planned'",
        )
        .bind(at)
        .bind(summary)
        .bind(run)
        .execute(&mut *tx)
        .await?;
        moved(&done, run)?;
        put_out(&mut tx, drafts).await?;
        Ok(tx.commit().await?)
    }

    async fn leads(&self, cycle: Option<&str>) -> Result<Vec<Lead>, Error> {
        let rows =
            sqlx::query("SELECT * FROM lead WHERE $1::text IS NULL OR cycle = $1 ORDER BY id")
                .bind(cycle)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(|row| read_lead(&self.vault, row)).collect()
    }

    async fn lead(&self, id: &LeadId) -> Result<Lead, Error> {
        let row = sqlx::query("SELECT * FROM lead WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| Error::NoSuchLead { lead: id.to_string() })?;
        read_lead(&self.vault, &row)
    }

    async fn count(&self, cycle: &str) -> Result<BTreeMap<Stage, u32>, Error> {
        let rows =
            sqlx::query("SELECT stage, count(*) AS n FROM lead WHERE cycle = $1 GROUP BY stage")
                .bind(cycle)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(|row| Ok((read_stage(row)?, super::read::read_u32(row, "n")?))).collect()
    }

    async fn review(
        &self,
        review: &Review,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        let stage = self.lead(&review.lead).await?.stage;
        if stage != Stage::Open {
            return Err(Error::NotOpen { lead: review.lead.to_string(), stage: stage.as_str() });
        }
        let case = review.on(self.case(&review.lead).await?.case)?;
        self.store_review(&case, openings, drafts).await
    }

    async fn known(
        &self,
        pairs: &[PairKey],
        before_run: &str,
        now: jiff::Timestamp,
    ) -> Result<HashMap<PairKey, Known>, Error> {
        let mut known = HashMap::new();
        let mut tx = self.begin_reading().await?;
        for pairs in pairs.chunks(AT_ONCE) {
            let pairs = column(pairs, |pair| pair.0.as_slice());
            not_same(&mut tx, &pairs, now, &mut known).await?;
            covered(&mut tx, &pairs, before_run, &mut known).await?;
        }
        Ok(known)
    }

    async fn pilot(
        &self,
        model: &str,
        bound: Option<f64>,
        terms: &PilotTerms,
    ) -> Result<Pilot, Error> {
        let rows = sqlx::query(
            "SELECT judgement.judgement AS judgement, count(*) AS n
             FROM judgement JOIN lead ON lead.id = judgement.lead JOIN run ON run.id = lead.run
             WHERE judgement.reversed_by IS NULL AND run.inputs::jsonb ->> 'model' = $1
               AND ($2::float8 IS NULL OR (run.inputs::jsonb ->> 'bound')::float8 <= $2)
             GROUP BY judgement.judgement",
        )
        .bind(model)
        .bind(bound)
        .fetch_all(&self.pool)
        .await?;
        let tally = rows
            .iter()
            .map(|row| {
                let word: String = row.try_get("judgement")?;
                let judgement =
                    Judgement::read(&word).ok_or(Error::Unreadable { column: "judgement" })?;
                Ok((judgement, super::read::read_u32(row, "n")?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Pilot::measure(terms, &tally))
    }

    async fn not_right(&self, model: &str) -> Result<NotRight, Error> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE wrong AND NOT asked) AS part_of_runs, count(*) FILTER (WHERE NOT asked) AS of_runs,
                    count(*) FILTER (WHERE wrong AND asked) AS part_of_look_ups, count(*) FILTER (WHERE asked) AS of_look_ups
             FROM (SELECT judgement.judgement <> 'same' AS wrong, run.inputs::jsonb ->> 'asked' IS NOT NULL AS asked
                   FROM judgement JOIN lead ON lead.id = judgement.lead JOIN run ON run.id = lead.run
                   WHERE judgement.reversed_by IS NULL
                     AND coalesce(run.inputs::jsonb ->> 'model', run.inputs::jsonb ->> 'by_model') = $1) AS judged",
        )
        .bind(model)
        .fetch_one(&self.pool)
        .await?;
        let number = |column| Ok::<u64, Error>(row.try_get::<i64, _>(column)?.cast_unsigned());
        let rate =
            |part, whole| Ok::<Rate, Error>(Rate { part: number(part)?, whole: number(whole)? });
        Ok(NotRight {
            of_runs: rate("part_of_runs", "of_runs")?,
            of_look_ups: rate("part_of_look_ups", "of_look_ups")?,
        })
    }

    async fn judged_weights(
        &self,
        model: &str,
        cycle: Option<&str>,
    ) -> Result<(Vec<(f64, Judgement)>, u64), Error> {
        // Two statements of one snapshot: nobody is counted as judged and as waiting.
        let mut tx = self.begin_reading().await?;
        // By weight, so that nothing tells in which order leads were judged.
        let rows = sqlx::query(
            "WITH judged AS (
                 SELECT judgement.number AS number, judgement.pair AS pair, lead.weight AS weight,
                        judgement.judgement AS judgement
                 FROM judgement JOIN lead ON lead.id = judgement.lead JOIN run ON run.id = lead.run
                 WHERE judgement.reversed_by IS NULL AND run.inputs::jsonb ->> 'model' = $1 AND ($2::text IS NULL OR run.cycle = $2::text))
             SELECT weight, judgement FROM judged
             WHERE number IN (SELECT max(number) FROM judged GROUP BY pair) ORDER BY weight, judgement",
        )
        .bind(model)
        .bind(cycle)
        .fetch_all(&mut *tx)
        .await?;
        let judged = rows
            .iter()
            .map(|row| {
                let word: String = row.try_get("judgement")?;
                let judgement =
                    Judgement::read(&word).ok_or(Error::Unreadable { column: "judgement" })?;
                Ok((row.try_get("weight")?, judgement))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM lead JOIN run ON run.id = lead.run
             WHERE lead.stage = 'open' AND run.inputs::jsonb ->> 'model' = $1 AND ($2::text IS NULL OR run.cycle = $2::text)
               AND NOT EXISTS (SELECT 1 FROM judgement
                               WHERE judgement.lead = lead.id AND judgement.reversed_by IS NULL)",
        )
        .bind(model)
        .bind(cycle)
        .fetch_one(&mut *tx)
        .await?;
        Ok((judged, waiting.cast_unsigned()))
    }

    async fn opened(&self, model: &str, bound: f64, but_run: &str) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM lead JOIN run ON run.id = lead.run
             WHERE (lead.opened_at IS NOT NULL OR (lead.stage = 'planned' AND run.id <> $3))
               AND run.inputs::jsonb ->> 'model' = $1
               AND (run.inputs::jsonb ->> 'bound')::float8 <= $2",
        )
        .bind(model)
        .bind(bound)
        .bind(but_run)
        .fetch_one(&self.pool)
        .await?;
        Ok(count.cast_unsigned())
    }

    async fn hold(&self, leads: &[LeadId]) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE lead SET stage = 'held', chunk = NULL WHERE id = ANY ($1) AND stage = 'planned'",
        )
        .bind(column(leads, LeadId::as_str))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn close_rest(&self, run: &str, at: &str, drafts: &Drafts<'_>) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE lead SET stage = 'closed' WHERE run = $1 AND stage IN ('planned', 'held')",
        )
        .bind(run)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE disclosure SET withdrawn_at = $1 WHERE run = $2 AND released_at IS NULL AND withdrawn_at IS NULL",
        )
        .bind(at)
        .bind(run)
        .execute(&mut *tx)
        .await?;
        let done = sqlx::query(
            "UPDATE run SET state = 'finished', finished_at = $1 WHERE id = $2 AND state IN ('planned', 'finished')",
        )
        .bind(at)
        .bind(run)
        .execute(&mut *tx)
        .await?;
        moved(&done, run)?;
        put_out(&mut tx, drafts).await?;
        Ok(tx.commit().await?)
    }

    async fn held_before(&self, run: &str) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM lead WHERE stage = 'held' AND run <> $1
                   AND (SELECT inputs::jsonb -> 'asked' FROM run WHERE id = $1) IS NULL",
        )
        .bind(run)
        .fetch_one(&self.pool)
        .await?;
        Ok(count.cast_unsigned())
    }

    async fn term(&self) -> Result<(u64, u64, u64), Error> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM run WHERE state = 'finished' AND inputs::jsonb -> 'asked' IS NULL) AS cycles,
                    (SELECT coalesce(sum(persons), 0)::bigint FROM disclosure WHERE released_at IS NOT NULL) AS persons,
                    (SELECT count(*) FROM judgement WHERE reversed_by IS NULL) AS judged",
        )
        .fetch_one(&self.pool)
        .await?;
        let number = |column| Ok::<u64, Error>(row.try_get::<i64, _>(column)?.cast_unsigned());
        Ok((number("cycles")?, number("persons")?, number("judged")?))
    }

    async fn disclosed(&self, run: &str) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(persons), 0)::bigint FROM disclosure WHERE run = $1 AND released_at IS NOT NULL",
        )
        .bind(run)
        .fetch_one(&self.pool)
        .await?;
        Ok(count.cast_unsigned())
    }

    async fn register(&self, run: &str) -> Result<Vec<Disclosure>, Error> {
        let rows = sqlx::query(
            "SELECT * FROM disclosure WHERE run = $1 AND released_at IS NOT NULL ORDER BY chunk",
        )
        .bind(run)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_disclosure).collect()
    }

    async fn seal_entry(
        &self,
        sealed: &SealedEntry,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> Result<Vec<i64>, Error> {
        let key = self.vault.house()?;
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO sealed_entry (lead, entry, seal) VALUES ($1, $2, $3)")
            .bind(sealed.lead.as_str())
            .bind(sealed.entry.cast_signed())
            .bind(cell::seal_sealed_entry(&key, sealed)?)
            .execute(&mut *tx)
            .await?;
        for opening in openings {
            sqlx::query("INSERT INTO opening (opening) VALUES ($1)")
                .bind(cell::seal_opening(&key, "", opening)?)
                .execute(&mut *tx)
                .await?;
        }
        let lines = put_out(&mut tx, drafts).await?;
        tx.commit().await?;
        Ok(lines.into_iter().map(|(number, _)| number).collect())
    }

    async fn sealed_entries(&self, lead: &LeadId) -> Result<Vec<SealedEntry>, Error> {
        let rows: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT entry, seal FROM sealed_entry WHERE lead = $1 ORDER BY number")
                .bind(lead.as_str())
                .fetch_all(self.pool())
                .await?;
        rows.iter()
            .map(|(entry, seal)| cell::open_sealed_entry(&self.vault, lead, *entry, seal))
            .collect()
    }

    async fn record_stay(
        &self,
        mark: &str,
        stay: &str,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> Result<i64, Error> {
        let mut tx = self.begin().await?;
        let number = sqlx::query_scalar(
            "INSERT INTO stay (mark, stay, recorded_at) VALUES ($1, $2, $3) RETURNING number",
        )
        .bind(mark)
        .bind(stay)
        .bind(at)
        .fetch_one(&mut *tx)
        .await?;
        put_out(&mut tx, drafts).await?;
        tx.commit().await?;
        Ok(number)
    }

    async fn lift_stay(
        &self,
        number: i64,
        stay: &str,
        by: &str,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE stay SET stay = $1, lifted_at = $2, lifted_by = $3 WHERE number = $4 AND lifted_at IS NULL",
        )
        .bind(stay)
        .bind(at)
        .bind(by)
        .bind(number)
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() != 1 {
            return Err(Error::NoSuchStay { number });
        }
        put_out(&mut tx, drafts).await?;
        Ok(tx.commit().await?)
    }

    async fn left_under(&self, agreement: &str) -> Result<u64, Error> {
        super::destroy::left_under(self, agreement).await
    }

    async fn destroy(
        &self,
        agreement: &str,
        openings: &[String],
        certificate: Certificate<'_>,
    ) -> Result<Destroyed, Error> {
        super::destroy::destroy_all(self, agreement, openings, certificate).await
    }

    async fn closed_before(
        &self,
        agreement: &str,
        before: jiff::Timestamp,
        after: Option<&LeadId>,
        limit: u32,
    ) -> Result<Vec<LeadId>, Error> {
        super::destroy::closed_before(self, agreement, before, after, limit).await
    }

    async fn destroy_leads(
        &self,
        agreement: &str,
        leads: &[LeadId],
        openings: &[String],
        certificate: Certificate<'_>,
    ) -> Result<Destroyed, Error> {
        super::destroy::destroy_some(self, agreement, leads, openings, certificate).await
    }

    async fn stays(&self) -> Result<(StaysState, Vec<RecordedStay>), Error> {
        let mut tx = self.begin_reading().await?;
        let state = stays_state(&mut tx).await?;
        let rows = sqlx::query("SELECT * FROM stay ORDER BY number").fetch_all(&mut *tx).await?;
        let stays = rows.iter().map(read_stay).collect::<Result<Vec<_>, Error>>()?;
        Ok((state, stays))
    }
}
