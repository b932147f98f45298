//! Cases on SQLite.

use super::read::{instant, parsed, read_32, read_bond, read_disclosed, read_dispatch, read_line};
use super::step::{AT_ONCE, together};
use super::{Driver, Sqlite, busy, put_out};
use crate::store::cases::ready::Step;
use crate::store::cases::row::{CASE_WITH_STEPS, read_case, read_outbox};
use crate::store::cases::{
    After, COUNTS, CaseLine, CaseStore, Counts, Disclosed, Dispatch, GROUP_COUNTS, GroupCounts,
    Letter, Moving, NoticeLine, Page, Paper, Queue, Seen, StoredCase, add_to_group,
};
use crate::store::cell;
use crate::store::writer::Together;
use crate::{
    BondKey, Case, CaseStage, Cluster, Drafts, Error, How, Joined, LeadId, Outbox, PairKey, Stage,
    Terms,
};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};
use std::collections::BTreeSet;

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
        let page = Page::cut(lines, limit, |(line, second)| After {
            second: *second,
            id: line.id.clone(),
        });
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
                pair: PairKey(read_32(row, "pair")?),
                bond: read_bond(row)?,
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
                cut.extend(read_bond(&row)?);
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
        read_outbox(&rows)
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
