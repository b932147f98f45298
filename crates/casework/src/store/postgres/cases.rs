//! The promises of [`CaseStore`] on PostgreSQL.

use super::read::{parsed, read_disclosed, read_dispatch, read_line, read_notice, read_seen};
use super::step::together;
use super::store::column;
use super::{Driver, Postgres, put_out};
use crate::store::cases::ready::Step;
use crate::store::cases::row::{CASE_WITH_STEPS, read_case, read_outbox};
use crate::store::cases::{
    After, COUNTS, CaseLine, CaseStore, Counts, Disclosed, Dispatch, GROUP_COUNTS, GroupCounts,
    Letter, Moving, NoticeLine, Page, Paper, Queue, Seen, StoredCase, add_to_group,
};
use crate::store::cell;
use crate::store::writer::Together;
use crate::{
    BondKey, Case, CaseStage, Cluster, Drafts, Error, Joined, LeadId, Outbox, PairKey, Stage, Terms,
};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};
use std::collections::BTreeSet;

impl Together for Postgres {
    async fn together(&self, moving: &[Moving]) -> Result<Vec<Result<Vec<i64>, Error>>, Error> {
        let steps: Vec<Step<'_>> = moving.iter().map(Step::of).collect();
        together(self, &steps).await
    }
}

impl CaseStore for Postgres {
    async fn keep_terms(&self, terms: &Terms) -> Result<(), Error> {
        let text =
            serde_json::to_string(terms).map_err(|_| Error::Unreadable { column: "terms" })?;
        sqlx::query("INSERT INTO terms (agreement, terms) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&terms.agreement)
            .bind(text)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn case(&self, id: &LeadId) -> Result<StoredCase, Error> {
        // One statement and so one snapshot: a step taken meanwhile is in it whole or not at all.
        let rows = sqlx::query(CASE_WITH_STEPS).bind(id.as_str()).fetch_all(&self.pool).await?;
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
        let rows = query.build().fetch_all(&self.pool).await?;
        let lines = rows
            .iter()
            .map(|row| Ok((read_line(row)?, row.try_get::<i64, _>(by)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let page = Page::cut(lines, limit, |(line, second)| After {
            second: *second,
            id: line.id.clone(),
        });
        Ok(Page { lines: page.lines.into_iter().map(|(line, _)| line).collect(), next: page.next })
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let rows = sqlx::query(COUNTS).fetch_all(&self.pool).await?;
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
        let rows = sqlx::query(GROUP_COUNTS).fetch_all(&self.pool).await?;
        let mut counts = GroupCounts::new();
        for row in &rows {
            let of: String = row.try_get("of_whom")?;
            add_to_group(&mut counts, &of, row.try_get("name")?, row.try_get("n")?)?;
        }
        Ok(counts)
    }

    async fn add_minutes(&self, minutes: u64) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO tally (what, of_whom, name, n) VALUES ('minutes', '', 'worked', $1)
             ON CONFLICT (what, of_whom, name) DO UPDATE SET n = tally.n + excluded.n",
        )
        .bind(minutes.cast_signed())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn disclosed_about(&self, case_id: &str) -> Result<Vec<Disclosed>, Error> {
        let digests = cell::case_digests(&self.vault, case_id)?;
        let rows = sqlx::query(
            "SELECT DISTINCT lead.id AS lead, disclosure.released_at, disclosure.recipient, disclosure.purpose,
                    disclosure.elements, disclosure.ledger_index
             FROM lead JOIN opening ON opening.lead = lead.id JOIN disclosure ON disclosure.id = opening.disclosure
             WHERE lead.case_digest = ANY ($1) AND disclosure.released_at IS NOT NULL
             ORDER BY disclosure.released_at, lead.id",
        )
        .bind(column(&digests, <[u8; 32]>::as_slice))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_disclosed).collect()
    }

    async fn disclosed_on(&self, id: &LeadId) -> Result<Vec<Disclosed>, Error> {
        let rows = sqlx::query(
            "SELECT DISTINCT opening.lead AS lead, disclosure.released_at, disclosure.recipient, disclosure.purpose,
                    disclosure.elements, disclosure.ledger_index
             FROM opening JOIN disclosure ON disclosure.id = opening.disclosure
             WHERE opening.lead = $1 AND disclosure.released_at IS NOT NULL ORDER BY disclosure.released_at",
        )
        .bind(id.as_str())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_disclosed).collect()
    }

    async fn corrections_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Dispatch>, Error> {
        let rows = sqlx::query(
            "SELECT * FROM correction WHERE next IS NOT NULL AND next <= $1 ORDER BY next, file LIMIT $2",
        )
        .bind(now.as_second())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_dispatch).collect()
    }

    async fn corrections_of(&self, id: &LeadId) -> Result<Vec<Dispatch>, Error> {
        let rows =
            sqlx::query("SELECT * FROM correction WHERE file = $1 ORDER BY number, recipient")
                .bind(id.as_str())
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(read_dispatch).collect()
    }

    async fn cluster(&self, id: &LeadId) -> Result<Cluster, Error> {
        let rows = sqlx::query(
            "SELECT id, pair, bond, stage FROM lead
             WHERE case_digest = (SELECT case_digest FROM lead WHERE id = $1) ORDER BY id",
        )
        .bind(id.as_str())
        .fetch_all(&self.pool)
        .await?;
        let leads = rows.iter().map(|row| {
            let (lead, stage): (String, String) = (row.try_get("id")?, row.try_get("stage")?);
            Ok(Joined {
                lead: LeadId::typed(&lead),
                pair: PairKey(super::read::read_32(row, "pair")?),
                bond: super::read::read_bond(row)?,
                stage: Stage::read(&stage).ok_or(Error::Unreadable { column: "stage" })?,
            })
        });
        Ok(Cluster { leads: leads.collect::<Result<_, Error>>()? })
    }

    async fn cut(&self, bonds: &[BondKey]) -> Result<BTreeSet<BondKey>, Error> {
        let bonds: Vec<&[u8]> = bonds.iter().map(|bond| bond.0.as_slice()).collect();
        let rows = sqlx::query("SELECT DISTINCT bond FROM cut WHERE bond = ANY ($1)")
            .bind(bonds)
            .fetch_all(&self.pool)
            .await?;
        let bonds = rows.iter().map(super::read::read_bond).collect::<Result<Vec<_>, _>>()?;
        Ok(bonds.into_iter().flatten().collect())
    }

    async fn cut_by(&self, id: &LeadId) -> Result<Option<LeadId>, Error> {
        let by: Option<String> = sqlx::query_scalar(
            "SELECT cut.lead FROM cut JOIN lead ON lead.bond = cut.bond WHERE lead.id = $1 LIMIT 1",
        )
        .bind(id.as_str())
        .fetch_optional(&self.pool)
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
            "UPDATE correction SET attempts = greatest(attempts, $1), sent_at = $2,
                    next = CASE WHEN acknowledged_at IS NULL THEN $3::bigint END
             WHERE file = $4 AND number = $5 AND recipient = $6",
        )
        .bind(i64::from(delivery.attempts))
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
            "SELECT * FROM notice WHERE state = $1 AND (at, file) > ($2, $3) ORDER BY at, file LIMIT $4",
        )
        .bind(state.as_str())
        .bind(second)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.pool)
        .await?;
        let lines = rows.iter().map(|row| read_notice(row, state));
        let lines = lines.collect::<Result<Vec<_>, Error>>()?;
        Ok(Page::cut(lines, limit, |line| After {
            second: line.at.as_second(),
            id: line.case.clone(),
        }))
    }

    async fn note_printed(
        &self,
        cases: &[LeadId],
        now: Timestamp,
        drafts: Drafts<'static>,
    ) -> Result<Vec<i64>, Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE notice SET state = 'printed', at = $1 WHERE file = ANY ($2) AND state = 'drafted'",
        )
        .bind(now.as_second())
        .bind(column(cases, LeadId::as_str))
        .execute(&mut *tx)
        .await?;
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
        let key = self.vault.house()?;
        let openings = openings.iter().map(|opening| cell::seal_opening(&key, "", opening));
        let openings = openings.collect::<Result<Vec<_>, _>>()?;
        let files: Vec<Option<&str>> =
            if cases.is_empty() { vec![None] } else { column(cases, |case| Some(case.as_str())) };
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO read_log (file, by, what, at) SELECT file, $1, $2, $3 FROM unnest($4::text[]) AS put (file)",
        )
        .bind(&seen.by)
        .bind(&seen.what)
        .bind(seen.at.to_string())
        .bind(files)
        .execute(&mut *tx)
        .await?;
        sqlx::query("INSERT INTO opening (opening) SELECT * FROM unnest($1::bytea[])")
            .bind(openings)
            .execute(&mut *tx)
            .await?;
        let lines = put_out(&mut tx, &drafts).await?;
        tx.commit().await?;
        Ok(lines.into_iter().map(|(number, _)| number).collect())
    }

    async fn reads_of(&self, id: &LeadId, limit: u32) -> Result<Vec<Seen>, Error> {
        let rows = sqlx::query(
            "SELECT by, what, at FROM read_log WHERE file = $1 ORDER BY number DESC LIMIT $2",
        )
        .bind(id.as_str())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_seen).collect()
    }

    async fn keep_paper(&self, id: &LeadId, paper: &Paper) -> Result<(), Error> {
        let agreement: Option<String> =
            sqlx::query_scalar("SELECT agreement FROM case_file WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(&self.pool)
                .await?;
        let agreement = agreement.ok_or_else(|| Error::NoSuchCase { case: id.to_string() })?;
        let key = cell::key_of_agreement(&self.vault, &agreement)?;
        let place = format!("{id}/{}", paper.digest);
        sqlx::query(
            "INSERT INTO paper (file, digest, media_type, title, at, bytes) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
        )
        .bind(id.as_str())
        .bind(&paper.digest)
        .bind(&paper.media_type)
        .bind(key.seal("paper", &place, "title", paper.title.as_bytes())?)
        .bind(paper.at.to_string())
        .bind(key.seal("paper", &place, "bytes", &paper.bytes)?)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn paper(&self, id: &LeadId, digest: &str) -> Result<Option<Paper>, Error> {
        let row = sqlx::query("SELECT * FROM paper WHERE file = $1 AND digest = $2")
            .bind(id.as_str())
            .bind(digest)
            .fetch_optional(&self.pool)
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
        // If we crash before this, all of them are still waiting; whoever drains next finds their entries in the ledger
        // and acknowledges them then. After it, the last one says how far the ledger is, and no second copy is kept of
        // the others.
        sqlx::query(
            "WITH last AS (UPDATE outbox SET ledger_index = $1 WHERE number = $2 AND ledger_index IS NULL RETURNING number)
             DELETE FROM outbox USING last WHERE outbox.number < last.number
                 AND (outbox.ledger_index IS NOT NULL OR outbox.number = ANY ($3))",
        )
        .bind(index.cast_signed())
        .bind(last)
        .bind(column(lines, |(number, _)| *number))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn outbox(&self, limit: u32) -> Result<Outbox, Error> {
        // One statement reads one state.
        let rows = sqlx::query(
            "SELECT acknowledged, number, leaf
             FROM (SELECT max(ledger_index) AS acknowledged FROM outbox) AS ledger
             LEFT JOIN (SELECT number, leaf FROM outbox WHERE ledger_index IS NULL ORDER BY number LIMIT $1) AS first
                 ON TRUE
             ORDER BY number",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        read_outbox(&rows)
    }
}

impl Postgres {
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
