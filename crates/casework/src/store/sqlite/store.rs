//! Runs, leads, disclosures and stays on SQLite.

use super::read::{read_32, read_disclosure, read_lead, read_run};
use super::step::open_cases;
use super::{Sqlite, destroy, last_second, moved, put_out};
use crate::destroyed::{Certificate, Destroyed};
use crate::store::cell::{self, key_of_run};
use crate::store::vault::DataKey;
use crate::{
    AskedSoFar, CaseStore as _, Disclosure, DisclosureId, Drafts, Error, Judgement, Known, Lead,
    LeadId, NotRight, Outgoing, PairKey, Pilot, PilotTerms, Planned, Rate, RecordedStay, Review,
    Run, SealedEntry, Stage, StaysState, Store,
};
use sqlx::{Row as _, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Returns the key for what was obtained in a run.
pub(super) async fn key_of(
    store: &Sqlite,
    connection: &mut SqliteConnection,
    run: &str,
) -> Result<DataKey, Error> {
    let inputs: String = sqlx::query_scalar("SELECT inputs FROM run WHERE id = ?")
        .bind(run)
        .fetch_one(connection)
        .await?;
    key_of_run(&store.vault, &inputs)
}

/// Returns the digest of the agreement that a run was begun under; empty if it names none.
async fn agreement_of(connection: &mut SqliteConnection, run: &str) -> Result<String, Error> {
    let inputs: String = sqlx::query_scalar("SELECT inputs FROM run WHERE id = ?")
        .bind(run)
        .fetch_one(connection)
        .await?;
    Ok(crate::run::agreement_in(&inputs).unwrap_or_default())
}

async fn insert_lead(
    connection: &mut SqliteConnection,
    key: &DataKey,
    run: &str,
    cycle: &str,
    lead: &Planned,
) -> Result<(), Error> {
    let stage = if lead.chunk.is_some() { Stage::Planned } else { Stage::Held };
    let sealed = cell::seal_lead(key, lead)?;
    sqlx::query(
        "INSERT INTO lead (id, run, cycle, pair, case_id, case_digest, source_record, recipient_record, weight, probability,
             explanation, returned_digest, stage, chunk, reopens, bond, groups)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(lead.id.as_str())
    .bind(run)
    .bind(cycle)
    .bind(lead.pair.0.as_slice())
    .bind(sealed.case_id)
    .bind(sealed.case_digest)
    .bind(lead.source_record)
    .bind(lead.recipient_record)
    .bind(lead.weight)
    .bind(lead.probability)
    .bind(sealed.explanation)
    .bind(lead.returned_digest.as_slice())
    .bind(stage.as_str())
    .bind(lead.chunk)
    .bind(lead.reopens.as_ref().map(LeadId::as_str))
    .bind(lead.bond.as_ref().map(|bond| bond.0.as_slice()))
    .bind(sealed.groups)
    .execute(connection)
    .await?;
    Ok(())
}

/// Stays are only ever added and lifted, so that the two counts together tell any two states apart.
async fn stays_state(connection: &mut SqliteConnection) -> Result<StaysState, Error> {
    let count = sqlx::query_scalar("SELECT count(*) + count(lifted_at) FROM stay")
        .fetch_one(connection)
        .await?;
    Ok(StaysState(count))
}

impl Store for Sqlite {
    async fn pair_secret(&self, environment: &str, fresh: [u8; 32]) -> Result<[u8; 32], Error> {
        let sealed = cell::seal_pair_secret(&self.vault, &fresh)?;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT OR IGNORE INTO program (only_row, environment, pair_secret) VALUES (1, ?, ?)",
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
            sqlx::query("INSERT INTO opening (opening) VALUES (?)")
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
        let done = sqlx::query("INSERT OR IGNORE INTO filed (agreement) VALUES (?)")
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
        let row = sqlx::query("SELECT * FROM run WHERE cycle = ? AND state <> 'abandoned'")
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
            "SELECT (SELECT coalesce(sum(json_extract(inputs, '$.asked.persons')), 0) FROM run
                     WHERE json_extract(inputs, '$.asked.second') >= ?2) AS persons,
                    (SELECT count(*) FROM run
                     WHERE json_extract(inputs, '$.asked.officer') = ?1 AND (state IN ('started', 'planned') OR EXISTS (
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
            "SELECT json_extract(inputs, '$.asked.entered.matter') AS matter FROM run
             WHERE matter IS NOT NULL AND (state IN ('started', 'planned') OR EXISTS (
                 SELECT 1 FROM lead LEFT JOIN case_file ON case_file.id = lead.id
                 WHERE lead.run = run.id AND coalesce(case_file.stage, lead.stage) <> 'closed'))",
        );
        let matters = matters.fetch_all(&self.pool).await?;
        Ok(matters.into_iter().map(i64::cast_unsigned).collect())
    }

    async fn start(&self, run: &Run, drafts: &Drafts<'_>) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO run (id, cycle, state, started_at, inputs) VALUES (?, ?, 'started', ?, ?)",
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
            sqlx::query("UPDATE run SET state = 'abandoned' WHERE id = ? AND state = 'started'")
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
        let cycle: String = sqlx::query_scalar("SELECT cycle FROM run WHERE id = ?")
            .bind(run)
            .fetch_one(&mut *tx)
            .await?;
        for lead in leads {
            insert_lead(&mut tx, &key, run, &cycle, lead).await?;
        }
        let done = sqlx::query(
            "UPDATE run SET state = 'planned', summary = ? WHERE id = ? AND state = 'started'",
        )
        .bind(summary)
        .bind(run)
        .execute(&mut *tx)
        .await?;
        moved(&done, run)?;
        sqlx::query(
            "UPDATE lead SET stage = 'closed' WHERE stage = 'held' AND run <> ?1
               AND (SELECT json_extract(inputs, '$.asked') FROM run WHERE id = ?1) IS NULL",
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
        for lead in covered {
            sqlx::query("UPDATE lead SET stage = 'closed' WHERE id = ? AND stage = 'held'")
                .bind(lead.as_str())
                .execute(&mut *tx)
                .await?;
        }
        for (lead, chunk) in chunks {
            sqlx::query(
                "UPDATE lead SET stage = 'planned', chunk = ? WHERE id = ? AND stage = 'held'",
            )
            .bind(chunk)
            .bind(lead.as_str())
            .execute(&mut *tx)
            .await?;
        }
        let done = sqlx::query("UPDATE run SET state = 'planned', finished_at = NULL WHERE id = ? AND state IN ('finished', 'planned')")
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
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&disclosure.id.0)
        .bind(&disclosure.run)
        .bind(disclosure.chunk)
        .bind(&disclosure.prepared_at)
        .bind(&disclosure.recipient)
        .bind(&disclosure.purpose)
        .bind(elements)
        .bind(disclosure.persons)
        .bind(&leaf)
        .execute(&mut *tx)
        .await?;
        for (lead, opening) in openings {
            sqlx::query("INSERT INTO opening (disclosure, lead, opening) VALUES (?, ?, ?)")
                .bind(&disclosure.id.0)
                .bind(lead.as_str())
                .bind(cell::seal_opening(&key, lead.as_str(), opening)?)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok((number, leaf))
    }

    async fn prepared(&self, run: &str) -> Result<Vec<Disclosure>, Error> {
        let rows = sqlx::query(
            "SELECT * FROM disclosure WHERE run = ? AND released_at IS NULL AND withdrawn_at IS NULL ORDER BY chunk",
        )
        .bind(run)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_disclosure).collect()
    }

    async fn openings(&self, disclosure: &DisclosureId) -> Result<Vec<(LeadId, String)>, Error> {
        let rows =
            sqlx::query("SELECT lead, opening FROM opening WHERE disclosure = ? ORDER BY number")
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
            "UPDATE disclosure SET withdrawn_at = ?
             WHERE id = ? AND released_at IS NULL AND withdrawn_at IS NULL",
        )
        .bind(at)
        .bind(&disclosure.0)
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() != 1 {
            return Err(Error::NotWaiting { disclosure: disclosure.0.clone() });
        }
        // Nothing was shown to anybody: the values need not be kept, and so they are not.
        sqlx::query("DELETE FROM opening WHERE disclosure = ?")
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
            "UPDATE disclosure SET released_at = ?, ledger_index = ?
             WHERE id = ? AND released_at IS NULL AND withdrawn_at IS NULL RETURNING run",
        )
        .bind(at)
        .bind(index.cast_signed())
        .bind(&disclosure.0)
        .fetch_optional(&mut *tx)
        .await?;
        let run = run.ok_or_else(|| Error::NotWaiting { disclosure: disclosure.0.clone() })?;
        let key = key_of(self, &mut tx, &run).await?;
        for (lead, values) in returned {
            let values = cell::seal_returned(&key, lead.as_str(), values)?;
            let done = sqlx::query("UPDATE lead SET returned = ?, stage = 'open', opened_at = ? WHERE id = ? AND stage = 'planned'")
                .bind(values)
                .bind(at)
                .bind(lead.as_str())
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() != 1 {
                return Err(Error::LeadMoved { lead: lead.to_string() });
            }
        }
        let agreement = agreement_of(&mut tx, &run).await?;
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
        let done = sqlx::query("UPDATE run SET state = 'finished', finished_at = ?, summary = ? WHERE id = ? AND state = 'planned'")
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
        let rows = sqlx::query("SELECT * FROM lead WHERE ?1 IS NULL OR cycle = ?1 ORDER BY id")
            .bind(cycle)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| read_lead(&self.vault, row)).collect()
    }

    async fn lead(&self, id: &LeadId) -> Result<Lead, Error> {
        let row = sqlx::query("SELECT * FROM lead WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| Error::NoSuchLead { lead: id.to_string() })?;
        read_lead(&self.vault, &row)
    }

    async fn count(&self, cycle: &str) -> Result<BTreeMap<Stage, u32>, Error> {
        let rows =
            sqlx::query("SELECT stage, count(*) AS n FROM lead WHERE cycle = ? GROUP BY stage")
                .bind(cycle)
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| {
                let stage: String = row.try_get("stage")?;
                Ok((
                    Stage::read(&stage).ok_or(Error::Unreadable { column: "stage" })?,
                    row.try_get("n")?,
                ))
            })
            .collect()
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
        let mut connection = self.pool.acquire().await?;
        for pair in pairs {
            let not_same = sqlx::query(
                "SELECT lead, expires, number FROM judgement
                 WHERE pair = ?1 AND judgement = 'not-same' AND reversed_by IS NULL
                 UNION ALL SELECT lead, expires, 0 FROM not_same WHERE pair = ?1 ORDER BY number DESC",
            )
            .bind(pair.0.as_slice())
            .fetch_all(&mut *connection)
            .await?;
            let mut standing = None;
            for row in &not_same {
                let expires: Option<String> = row.try_get("expires")?;
                let ended = match expires {
                    None => false,
                    Some(text) => {
                        text.parse::<jiff::Timestamp>()
                            .map_err(|_| Error::Unreadable { column: "expires" })?
                            <= now
                    }
                };
                if !ended {
                    let lead: String = row.try_get("lead")?;
                    standing = Some(Known::NotSame { lead: LeadId::typed(&lead) });
                    break;
                }
            }
            if standing.is_none() {
                let row = sqlx::query(
                    "SELECT id, stage, returned_digest FROM lead
                     WHERE pair = ? AND run <> ? AND (stage = 'planned' OR opened_at IS NOT NULL)
                       AND run IN (SELECT id FROM run WHERE state <> 'abandoned')
                     ORDER BY opened_at IS NULL DESC, opened_at DESC, id DESC LIMIT 1",
                )
                .bind(pair.0.as_slice())
                .bind(before_run)
                .fetch_optional(&mut *connection)
                .await?;
                if let Some(row) = row {
                    let id: String = row.try_get("id")?;
                    let lead = LeadId::typed(&id);
                    let stage: String = row.try_get("stage")?;
                    standing = Some(
                        match Stage::read(&stage).ok_or(Error::Unreadable { column: "stage" })? {
                            Stage::Planned | Stage::Held | Stage::Open => Known::Waiting { lead },
                            Stage::Reviewed | Stage::Closed => Known::Worked {
                                lead,
                                returned_digest: read_32(&row, "returned_digest")?,
                            },
                        },
                    );
                }
            }
            if let Some(standing) = standing {
                known.insert(*pair, standing);
            }
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
             WHERE judgement.reversed_by IS NULL AND json_extract(run.inputs, '$.model') = ?1
               AND (?2 IS NULL OR json_extract(run.inputs, '$.bound') <= ?2)
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
                Ok((judgement, row.try_get::<u32, _>("n")?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Pilot::measure(terms, &tally))
    }

    async fn not_right(&self, model: &str) -> Result<NotRight, Error> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE wrong AND NOT asked) AS part_of_runs, count(*) FILTER (WHERE NOT asked) AS of_runs,
                    count(*) FILTER (WHERE wrong AND asked) AS part_of_look_ups, count(*) FILTER (WHERE asked) AS of_look_ups
             FROM (SELECT judgement.judgement <> 'same' AS wrong, json_extract(run.inputs, '$.asked') IS NOT NULL AS asked
                   FROM judgement JOIN lead ON lead.id = judgement.lead JOIN run ON run.id = lead.run
                   WHERE judgement.reversed_by IS NULL
                     AND coalesce(json_extract(run.inputs, '$.model'), json_extract(run.inputs, '$.by_model')) = ?1) AS judged",
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
        let mut tx = self.readers.begin().await?;
        // By weight, so that nothing tells in which order leads were judged.
        let rows = sqlx::query(
            "WITH judged AS (
                 SELECT judgement.number AS number, judgement.pair AS pair, lead.weight AS weight,
                        judgement.judgement AS judgement
                 FROM judgement JOIN lead ON lead.id = judgement.lead JOIN run ON run.id = lead.run
                 WHERE judgement.reversed_by IS NULL AND json_extract(run.inputs, '$.model') = ?1 AND (?2 IS NULL OR run.cycle = ?2))
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
             WHERE lead.stage = 'open' AND json_extract(run.inputs, '$.model') = ?1 AND (?2 IS NULL OR run.cycle = ?2)
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
             WHERE (lead.opened_at IS NOT NULL OR (lead.stage = 'planned' AND run.id <> ?3))
               AND json_extract(run.inputs, '$.model') = ?1
               AND json_extract(run.inputs, '$.bound') <= ?2",
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
        for lead in leads {
            sqlx::query(
                "UPDATE lead SET stage = 'held', chunk = NULL WHERE id = ? AND stage = 'planned'",
            )
            .bind(lead.as_str())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn close_rest(&self, run: &str, at: &str, drafts: &Drafts<'_>) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE lead SET stage = 'closed' WHERE run = ? AND stage IN ('planned', 'held')",
        )
        .bind(run)
        .execute(&mut *tx)
        .await?;
        sqlx::query("UPDATE disclosure SET withdrawn_at = ? WHERE run = ? AND released_at IS NULL AND withdrawn_at IS NULL")
            .bind(at)
            .bind(run)
            .execute(&mut *tx)
            .await?;
        let done = sqlx::query("UPDATE run SET state = 'finished', finished_at = ? WHERE id = ? AND state IN ('planned', 'finished')")
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
            "SELECT count(*) FROM lead WHERE stage = 'held' AND run <> ?1
                   AND (SELECT json_extract(inputs, '$.asked') FROM run WHERE id = ?1) IS NULL",
        )
        .bind(run)
        .fetch_one(&self.pool)
        .await?;
        Ok(count.cast_unsigned())
    }

    async fn term(&self) -> Result<(u64, u64, u64), Error> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM run WHERE state = 'finished' AND json_extract(inputs, '$.asked') IS NULL) AS cycles,
                    (SELECT coalesce(sum(persons), 0) FROM disclosure WHERE released_at IS NOT NULL) AS persons,
                    (SELECT count(*) FROM judgement WHERE reversed_by IS NULL) AS judged",
        )
        .fetch_one(&self.pool)
        .await?;
        let number = |column| Ok::<u64, Error>(row.try_get::<i64, _>(column)?.cast_unsigned());
        Ok((number("cycles")?, number("persons")?, number("judged")?))
    }

    async fn disclosed(&self, run: &str) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(persons), 0) FROM disclosure WHERE run = ? AND released_at IS NOT NULL",
        )
        .bind(run)
        .fetch_one(&self.pool)
        .await?;
        Ok(count.cast_unsigned())
    }

    async fn register(&self, run: &str) -> Result<Vec<Disclosure>, Error> {
        let rows = sqlx::query(
            "SELECT * FROM disclosure WHERE run = ? AND released_at IS NOT NULL ORDER BY chunk",
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
        sqlx::query("INSERT INTO sealed_entry (lead, entry, seal) VALUES (?, ?, ?)")
            .bind(sealed.lead.as_str())
            .bind(sealed.entry.cast_signed())
            .bind(cell::seal_sealed_entry(&key, sealed)?)
            .execute(&mut *tx)
            .await?;
        for opening in openings {
            sqlx::query("INSERT INTO opening (opening) VALUES (?)")
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
            sqlx::query_as("SELECT entry, seal FROM sealed_entry WHERE lead = ? ORDER BY number")
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
        let done = sqlx::query("INSERT INTO stay (mark, stay, recorded_at) VALUES (?, ?, ?)")
            .bind(mark)
            .bind(stay)
            .bind(at)
            .execute(&mut *tx)
            .await?;
        put_out(&mut tx, drafts).await?;
        tx.commit().await?;
        Ok(done.last_insert_rowid())
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
            "UPDATE stay SET stay = ?, lifted_at = ?, lifted_by = ? WHERE number = ? AND lifted_at IS NULL",
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
        destroy::left_under(self, agreement).await
    }

    async fn destroy(
        &self,
        agreement: &str,
        openings: &[String],
        certificate: Certificate<'_>,
    ) -> Result<Destroyed, Error> {
        destroy::destroy(self, agreement, openings, certificate).await
    }

    async fn closed_before(
        &self,
        agreement: &str,
        before: jiff::Timestamp,
        after: Option<&LeadId>,
        limit: u32,
    ) -> Result<Vec<LeadId>, Error> {
        destroy::closed_before(self, agreement, before, after, limit).await
    }

    async fn destroy_leads(
        &self,
        agreement: &str,
        leads: &[LeadId],
        openings: &[String],
        certificate: Certificate<'_>,
    ) -> Result<Destroyed, Error> {
        destroy::destroy_leads(self, agreement, leads, openings, certificate).await
    }

    async fn stays(&self) -> Result<(StaysState, Vec<RecordedStay>), Error> {
        // Two statements of one snapshot: it holds every stay whose recording has returned to anybody.
        let mut tx = self.readers.begin().await?;
        let state = stays_state(&mut tx).await?;
        let rows = sqlx::query("SELECT * FROM stay ORDER BY number").fetch_all(&mut *tx).await?;
        let stays = rows
            .iter()
            .map(|row| {
                let at: Option<String> = row.try_get("lifted_at")?;
                let by: Option<String> = row.try_get("lifted_by")?;
                Ok(RecordedStay {
                    number: row.try_get("number")?,
                    mark: row.try_get("mark")?,
                    stay: row.try_get("stay")?,
                    recorded_at: row.try_get("recorded_at")?,
                    lifted: at.zip(by),
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok((state, stays))
    }
}
