//! Destroying what was obtained under an agreement, on PostgreSQL. What the server still keeps of the rows, in pages
//! and in its log, opens for nobody: their key is destroyed first.

use super::{Postgres, busy, put_out};
use crate::destroyed::{Certificate, Destroyed};
use crate::store::{Doomed, KEEP_NOT_SAME, LEAVES_OF_A_LEAD, cell, runs_under};
use crate::{Error, Store as _};
use sqlx::{AssertSqlSafe, PgConnection};

pub(super) async fn standing_under(store: &Postgres, agreement: &str) -> Result<u64, Error> {
    let runs = runs_under(&store.runs().await?, agreement);
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM lead LEFT JOIN case_file ON case_file.id = lead.id
         WHERE (lead.stage = 'planned' OR case_file.stage <> 'closed') AND lead.run = ANY ($1)",
    )
    .bind(&runs)
    .fetch_one(store.pool())
    .await?;
    Ok(count.cast_unsigned())
}

/// Destroys all that was obtained under an agreement, or for some leads under it.
pub(super) async fn destroy(
    store: &Postgres,
    agreement: &str,
    leads: Option<&[String]>,
    openings: &[String],
    certificate: Certificate<'_>,
) -> Result<Destroyed, Error> {
    let runs = runs_under(&store.runs().await?, agreement);
    let doomed = leads.map_or(Doomed::Runs(&runs), Doomed::Leads);
    let mut tx = store.begin().await?;
    // A case that was opened again since it was named keeps all it has (floor F7).
    let closed: Vec<String>;
    let doomed = match doomed {
        Doomed::Runs(_) => doomed,
        Doomed::Leads(_) => {
            let select =
                "SELECT id FROM case_file WHERE stage = 'closed' AND id = ANY ($1) FOR UPDATE";
            closed = sqlx::query_scalar(select).bind(doomed.names()).fetch_all(&mut *tx).await?;
            Doomed::Leads(&closed)
        }
    };
    let select =
        AssertSqlSafe(format!("SELECT id FROM lead WHERE id IN {} ORDER BY id", list(doomed)));
    let leads: Vec<String> =
        sqlx::query_scalar(select).bind(doomed.names()).fetch_all(&mut *tx).await?;
    let mut destroyed = Destroyed::new(agreement, &leads);
    destroyed.kept = of_leads(&mut tx, doomed, KEEP_NOT_SAME).await?;
    of_leads(&mut tx, doomed, "UPDATE lead SET reopens = NULL WHERE reopens IN").await?;
    for (table, column) in LEAVES_OF_A_LEAD {
        let delete = format!("DELETE FROM {table} WHERE {column} IN");
        destroyed.count(table, of_leads(&mut tx, doomed, &delete).await?);
    }
    let key = store.vault.house()?;
    for opening in openings {
        sqlx::query("INSERT INTO opening (opening) VALUES ($1)")
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
    connection: &mut PgConnection,
    doomed: Doomed<'_>,
    statement: &str,
) -> Result<u64, Error> {
    let statement = AssertSqlSafe(format!("{statement} {}", list(doomed)));
    let done = sqlx::query(statement).bind(doomed.names()).execute(connection).await?;
    Ok(done.rows_affected())
}

fn list(doomed: Doomed<'_>) -> &'static str {
    match doomed {
        Doomed::Runs(_) => "(SELECT id FROM lead WHERE run = ANY ($1))",
        Doomed::Leads(_) => "(SELECT unnest($1::text[]))",
    }
}
