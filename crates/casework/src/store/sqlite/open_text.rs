//! Seals what an older version of the program wrote in the open. A text is open, a blob is sealed: the vault came with
//! the third migration. It is done once, and the file's own version number says that it was.

use super::Sqlite;
use super::store::key_of;
use crate::Error;
use crate::store::cell::case_digest;
use sqlx::Row as _;

/// What the file's version number is once nothing in it is open.
const SEALED: i64 = 1;

/// Seals every open text, in one transaction, and has the file written anew so that no page keeps an old one.
pub(super) async fn seal(store: &Sqlite) -> Result<(), Error> {
    let done: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(store.pool()).await?;
    if done == SEALED {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let mut sealed = 0;
    let rows = sqlx::query(
        "SELECT id, run, case_id, explanation, returned FROM lead WHERE typeof(case_id) = 'text'",
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        let (id, run): (String, String) = (row.try_get("id")?, row.try_get("run")?);
        let (case_id, explanation): (String, String) =
            (row.try_get("case_id")?, row.try_get("explanation")?);
        let returned: Option<String> = row.try_get("returned")?;
        let key = key_of(store, &mut tx, &run).await?;
        let cell = |column, text: &str| key.seal("lead", &id, column, text.as_bytes());
        sqlx::query(
            "UPDATE lead SET case_id = ?, case_digest = ?, explanation = ?, returned = ? WHERE id = ?",
        )
        .bind(cell("case_id", &case_id)?)
        .bind(case_digest(&key, &case_id).as_slice())
        .bind(cell("explanation", &explanation)?)
        .bind(returned.map(|text| cell("returned", &text)).transpose()?)
        .bind(&id)
        .execute(&mut *tx)
        .await?;
        sealed += 1;
    }
    let rows = sqlx::query(
        "SELECT judgement.number, judgement.lead, judgement.reason, lead.run
         FROM judgement JOIN lead ON lead.id = judgement.lead WHERE typeof(judgement.reason) = 'text'",
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        let (lead, run, reason): (String, String, String) =
            (row.try_get("lead")?, row.try_get("run")?, row.try_get("reason")?);
        let key = key_of(store, &mut tx, &run).await?;
        sqlx::query("UPDATE judgement SET reason = ? WHERE number = ?")
            .bind(key.seal("judgement", &lead, "reason", reason.as_bytes())?)
            .bind(row.try_get::<i64, _>("number")?)
            .execute(&mut *tx)
            .await?;
        sealed += 1;
    }
    let rows = sqlx::query(
        "SELECT opening.number, opening.lead, opening.opening, lead.run
         FROM opening LEFT JOIN lead ON lead.id = opening.lead WHERE typeof(opening.opening) = 'text'",
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        let (lead, run): (Option<String>, Option<String>) =
            (row.try_get("lead")?, row.try_get("run")?);
        let opening: String = row.try_get("opening")?;
        let key = match run {
            Some(run) => key_of(store, &mut tx, &run).await?,
            None => store.vault.house()?,
        };
        let lead = lead.unwrap_or_default();
        sqlx::query("UPDATE opening SET opening = ? WHERE number = ?")
            .bind(key.seal("opening", &lead, "opening", opening.as_bytes())?)
            .bind(row.try_get::<i64, _>("number")?)
            .execute(&mut *tx)
            .await?;
        sealed += 1;
    }
    // A pair secret in the open is 32 bytes; a sealed one is longer.
    let secret: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT pair_secret FROM program WHERE length(pair_secret) = 32")
            .fetch_optional(&mut *tx)
            .await?;
    if let Some(secret) = secret {
        sqlx::query("UPDATE program SET pair_secret = ?")
            .bind(store.vault.house()?.seal("program", "1", "pair_secret", &secret)?)
            .execute(&mut *tx)
            .await?;
        sealed += 1;
    }
    sqlx::query("PRAGMA user_version = 1").execute(&mut *tx).await?;
    // If we crash before this, everything is open as it was, and sealed at the next start.
    tx.commit().await?;
    if sealed > 0 {
        store.rewrite().await?;
    }
    Ok(())
}
