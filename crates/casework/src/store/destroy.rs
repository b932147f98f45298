//! Destroying what was obtained under an agreement, or for some leads, in either database: one text, so that neither can
//! destroy more or less than the other. What is destroyed is looked at and destroyed under the writer's lock: a case that
//! is opened again comes before, and all of it stays, or after, and finds no key.
//!
//! The databases differ in how a list of names goes into a statement, and in what deleted rows leave behind.

/// Implements it for a store.
///
/// `$names` is the table that a JSON list of names is in SQL, `$hold` what holds rows that are read to be deleted.
macro_rules! destroys {
    ($store:ty, $connection:ty, $names:literal, $hold:literal) => {
        use crate::destroyed::{Certificate, Destroyed};
        use crate::store::{Doomed, KEEP_NOT_SAME, LEAVES_OF_A_LEAD, cell, runs_under};
        use crate::{Error, LeadId};
        use jiff::Timestamp;
        use sqlx::AssertSqlSafe;

        const STANDING: &str = concat!(
            "SELECT count(*) FROM lead LEFT JOIN case_file ON case_file.id = lead.id
             WHERE (lead.stage = 'planned' OR case_file.stage <> 'closed') AND lead.run IN ",
            $names
        );
        const LEFT: &str = concat!("SELECT count(*) FROM lead WHERE run IN ", $names);
        const CLOSED: &str = concat!(
            "SELECT id FROM case_file WHERE stage = 'closed' AND id IN ",
            $names,
            $hold
        );

        pub(in crate::store) async fn left_under(
            store: &$store,
            agreement: &str,
        ) -> Result<u64, Error> {
            let mut connection = store.readers().acquire().await?;
            let runs = runs(&mut connection, agreement).await?;
            counted(&mut connection, LEFT, &runs).await
        }

        /// Names the runs under an agreement.
        async fn runs(connection: &mut $connection, agreement: &str) -> Result<Vec<String>, Error> {
            let runs = sqlx::query_as("SELECT id, inputs FROM run").fetch_all(connection).await?;
            Ok(runs_under(&runs, agreement))
        }

        async fn counted(
            connection: &mut $connection,
            select: &'static str,
            runs: &[String],
        ) -> Result<u64, Error> {
            let count: i64 =
                sqlx::query_scalar(select).bind(named(runs)?).fetch_one(connection).await?;
            Ok(count.cast_unsigned())
        }

        /// Names cases that were closed before an instant, those closed first coming first, after the last one seen.
        pub(in crate::store) async fn closed_before(
            store: &$store,
            agreement: &str,
            before: Timestamp,
            after: Option<&LeadId>,
            limit: u32,
        ) -> Result<Vec<LeadId>, Error> {
            let ids: Vec<String> = sqlx::query_scalar(
                "SELECT id FROM case_file WHERE closed_at IS NOT NULL AND closed_at <= $1 AND agreement = $2
                   AND (closed_at, id) > (coalesce((SELECT closed_at FROM case_file WHERE id = $3), -1), $3)
                 ORDER BY closed_at, id LIMIT $4",
            )
            .bind(before.as_second())
            .bind(agreement)
            .bind(after.map_or("", LeadId::as_str))
            .bind(i64::from(limit))
            .fetch_all(store.readers())
            .await?;
            Ok(ids.iter().map(|id| LeadId::typed(id)).collect())
        }

        /// Destroys all that was obtained under an agreement, its key first.
        pub(in crate::store) async fn destroy_all(
            store: &$store,
            agreement: &str,
            openings: &[String],
            certificate: Certificate<'_>,
        ) -> Result<Destroyed, Error> {
            let mut tx = store.begin().await?;
            // Read under the lock: no run begins and no case is opened again until this has ended.
            let runs = runs(&mut tx, agreement).await?;
            let standing = counted(&mut tx, STANDING, &runs).await?;
            if standing > 0 {
                return Err(Error::CasesStanding { standing });
            }
            // If we crash after this, the rows are still there and open for nobody; the next call finds the key
            // destroyed, deletes them and certifies both.
            store.vault.destroy(agreement)?;
            let key = store.vault.is_destroyed(agreement)?;
            let destroyed =
                delete(store, &mut tx, agreement, Doomed::Runs(&runs), key, openings, certificate)
                    .await?;
            tx.commit().await.map_err(busy)?;
            Ok(destroyed)
        }

        /// Destroys what was obtained for some leads. Their key stays, since others are sealed under it too.
        pub(in crate::store) async fn destroy_some(
            store: &$store,
            agreement: &str,
            leads: &[LeadId],
            openings: &[String],
            certificate: Certificate<'_>,
        ) -> Result<Destroyed, Error> {
            let leads: Vec<String> = leads.iter().map(ToString::to_string).collect();
            let mut tx = store.begin().await?;
            // A case that was opened again since it was named keeps all it has (floor F7).
            let closed: Vec<String> =
                sqlx::query_scalar(CLOSED).bind(named(&leads)?).fetch_all(&mut *tx).await?;
            let doomed = Doomed::Leads(&closed);
            let destroyed =
                delete(store, &mut tx, agreement, doomed, false, openings, certificate).await?;
            tx.commit().await.map_err(busy)?;
            Ok(destroyed)
        }

        async fn delete(
            store: &$store,
            connection: &mut $connection,
            agreement: &str,
            doomed: Doomed<'_>,
            key: bool,
            openings: &[String],
            certificate: Certificate<'_>,
        ) -> Result<Destroyed, Error> {
            let select =
                AssertSqlSafe(format!("SELECT id FROM lead WHERE id IN {} ORDER BY id", list(doomed)));
            let leads: Vec<String> = sqlx::query_scalar(select)
                .bind(named(doomed.names())?)
                .fetch_all(&mut *connection)
                .await?;
            let mut destroyed = Destroyed::new(agreement, &leads, key);
            destroyed.kept = of_leads(connection, doomed, KEEP_NOT_SAME).await?;
            of_leads(connection, doomed, "UPDATE lead SET reopens = NULL WHERE reopens IN").await?;
            for (table, column) in LEAVES_OF_A_LEAD {
                let delete = format!("DELETE FROM {table} WHERE {column} IN");
                destroyed.count(table, of_leads(connection, doomed, &delete).await?);
            }
            let house = store.vault.house()?;
            for opening in openings {
                sqlx::query("INSERT INTO opening (opening) VALUES ($1)")
                    .bind(cell::seal_opening(&house, "", opening)?)
                    .execute(&mut *connection)
                    .await?;
            }
            put_out(connection, &certificate(&destroyed)).await?;
            Ok(destroyed)
        }

        /// Carries out a statement that a list of leads follows.
        async fn of_leads(
            connection: &mut $connection,
            doomed: Doomed<'_>,
            statement: &str,
        ) -> Result<u64, Error> {
            let statement = AssertSqlSafe(format!("{statement} {}", list(doomed)));
            let done =
                sqlx::query(statement).bind(named(doomed.names())?).execute(connection).await?;
            Ok(done.rows_affected())
        }

        fn list(doomed: Doomed<'_>) -> &'static str {
            match doomed {
                Doomed::Runs(_) => concat!("(SELECT id FROM lead WHERE run IN ", $names, ")"),
                Doomed::Leads(_) => $names,
            }
        }

        fn named(names: &[String]) -> Result<String, Error> {
            serde_json::to_string(names).map_err(|_| Error::Unreadable { column: "id" })
        }
    };
}

pub(in crate::store) use destroys;
