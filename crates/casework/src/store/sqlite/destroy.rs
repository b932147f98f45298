//! Destroying what was obtained under an agreement, on SQLite: rows, free pages and the log beside the file.

use super::{Sqlite, busy, put_out};
use crate::destroyed::{Certificate, Destroyed};
use crate::store::{Doomed, KEEP_NOT_SAME, LEAVES_OF_A_LEAD, cell, runs_under};
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

/// Destroys all that was obtained under an agreement.
pub(super) async fn destroy(
    store: &Sqlite,
    agreement: &str,
    openings: &[String],
    certificate: Certificate<'_>,
) -> Result<Destroyed, Error> {
    let runs = runs_under(&store.runs().await?, agreement);
    let destroyed =
        destroy_some(store, agreement, Doomed::Runs(&runs), openings, certificate).await?;
    // If we crash before this, the rows are gone and their key is; what is left in free pages opens for nobody.
    store.rewrite().await?;
    Ok(destroyed)
}

/// Destroys what was obtained for some leads. Their key stays, so that their pages are overwritten and the log beside the
/// file is emptied.
pub(super) async fn destroy_leads(
    store: &Sqlite,
    agreement: &str,
    leads: &[String],
    openings: &[String],
    certificate: Certificate<'_>,
) -> Result<Destroyed, Error> {
    let destroyed =
        destroy_some(store, agreement, Doomed::Leads(leads), openings, certificate).await?;
    store.empty_log().await?;
    Ok(destroyed)
}

async fn destroy_some(
    store: &Sqlite,
    agreement: &str,
    doomed: Doomed<'_>,
    openings: &[String],
    certificate: Certificate<'_>,
) -> Result<Destroyed, Error> {
    let mut tx = store.begin().await?;
    // A case that was opened again since it was named keeps all it has (floor F7).
    let closed: Vec<String>;
    let doomed = match doomed {
        Doomed::Runs(_) => doomed,
        Doomed::Leads(_) => {
            let select = "SELECT id FROM case_file WHERE stage = 'closed' AND id IN (SELECT value FROM json_each(?))";
            closed = sqlx::query_scalar(select).bind(named(doomed)?).fetch_all(&mut *tx).await?;
            Doomed::Leads(&closed)
        }
    };
    let select =
        AssertSqlSafe(format!("SELECT id FROM lead WHERE id IN {} ORDER BY id", list(doomed)));
    let leads: Vec<String> =
        sqlx::query_scalar(select).bind(named(doomed)?).fetch_all(&mut *tx).await?;
    let mut destroyed = Destroyed::new(agreement, &leads);
    destroyed.kept = of_leads(&mut tx, doomed, KEEP_NOT_SAME).await?;
    of_leads(&mut tx, doomed, "UPDATE lead SET reopens = NULL WHERE reopens IN").await?;
    for (table, column) in LEAVES_OF_A_LEAD {
        let delete = format!("DELETE FROM {table} WHERE {column} IN");
        destroyed.count(table, of_leads(&mut tx, doomed, &delete).await?);
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
    Ok(destroyed)
}

/// Carries out a statement that a list of leads follows.
async fn of_leads(
    connection: &mut SqliteConnection,
    doomed: Doomed<'_>,
    statement: &str,
) -> Result<u64, Error> {
    let statement = AssertSqlSafe(format!("{statement} {}", list(doomed)));
    let done = sqlx::query(statement).bind(named(doomed)?).execute(connection).await?;
    Ok(done.rows_affected())
}

fn list(doomed: Doomed<'_>) -> &'static str {
    match doomed {
        Doomed::Runs(_) => "(SELECT id FROM lead WHERE run IN (SELECT value FROM json_each(?)))",
        Doomed::Leads(_) => "(SELECT value FROM json_each(?))",
    }
}

fn named(doomed: Doomed<'_>) -> Result<String, Error> {
    serde_json::to_string(doomed.names()).map_err(|_| Error::Unreadable { column: "id" })
}
