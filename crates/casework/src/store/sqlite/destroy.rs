//! Destroying what was obtained under an agreement, on SQLite: rows, free pages and the log beside the file.

use super::{Sqlite, busy, put_out};
use crate::destroyed::{Certificate, Destroyed};
use crate::store::{LEAVES_OF_A_LEAD, cell, runs_under};
use crate::{Error, Store as _};
use sqlx::{AssertSqlSafe, SqliteConnection};

pub(super) async fn standing_under(store: &Sqlite, agreement: &str) -> Result<u64, Error> {
    let runs = serde_json::to_string(&runs_under(&store.runs().await?, agreement))
        .map_err(|_| Error::Unreadable { column: "id" })?;
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM lead LEFT JOIN case_file ON case_file.id = lead.id
         WHERE (lead.stage = 'planned' OR case_file.stage <> 'closed') AND lead.run IN (SELECT value FROM json_each(?1))",
    )
    .bind(&runs)
    .fetch_one(store.pool())
    .await?;
    Ok(count.cast_unsigned())
}

pub(super) async fn destroy(
    store: &Sqlite,
    agreement: &str,
    openings: &[String],
    certificate: Certificate<'_>,
) -> Result<Destroyed, Error> {
    let runs = serde_json::to_string(&runs_under(&store.runs().await?, agreement))
        .map_err(|_| Error::Unreadable { column: "id" })?;
    let mut tx = store.begin().await?;
    let leads: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM lead WHERE run IN (SELECT value FROM json_each(?)) ORDER BY id",
    )
    .bind(&runs)
    .fetch_all(&mut *tx)
    .await?;
    let mut destroyed = Destroyed::new(agreement, &leads);
    destroyed.kept = of_leads(
        &mut tx,
        &runs,
        "INSERT INTO not_same (pair, lead, expires) SELECT pair, lead, expires FROM judgement
         WHERE judgement = 'not-same' AND reversed_by IS NULL AND lead IN",
    )
    .await?;
    of_leads(&mut tx, &runs, "UPDATE lead SET reopens = NULL WHERE reopens IN").await?;
    for (table, column) in LEAVES_OF_A_LEAD {
        let delete = format!("DELETE FROM {table} WHERE {column} IN");
        destroyed.count(table, of_leads(&mut tx, &runs, &delete).await?);
    }
    let key = store.vault.house()?;
    for opening in openings {
        sqlx::query("INSERT INTO opening (opening) VALUES (?)")
            .bind(cell::seal_opening(&key, "", opening)?)
            .execute(&mut *tx)
            .await?;
    }
    put_out(&mut tx, &certificate(&destroyed)).await?;
    tx.commit().await.map_err(busy)?;
    // If we crash before this, the rows are gone and their key is; what is left in free pages opens for nobody.
    store.rewrite().await?;
    Ok(destroyed)
}

/// Carries out a statement for the leads of runs.
async fn of_leads(
    connection: &mut SqliteConnection,
    runs: &str,
    statement: &str,
) -> Result<u64, Error> {
    let statement =
        format!("{statement} (SELECT id FROM lead WHERE run IN (SELECT value FROM json_each(?)))");
    let done = sqlx::query(AssertSqlSafe(statement)).bind(runs).execute(connection).await?;
    Ok(done.rows_affected())
}
