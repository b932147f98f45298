//! Destroying on SQLite: rows, free pages and the log beside the file.

use super::{Sqlite, busy, put_out};

crate::store::destroy::destroys!(
    Sqlite,
    sqlx::SqliteConnection,
    "(SELECT value FROM json_each($1))",
    ""
);

/// Destroys all that was obtained under an agreement.
pub(super) async fn destroy(
    store: &Sqlite,
    agreement: &str,
    openings: &[String],
    certificate: Certificate<'_>,
) -> Result<Destroyed, Error> {
    let destroyed = destroy_all(store, agreement, openings, certificate).await?;
    // If we crash before this, the rows are gone and their key is; what is left in free pages opens for nobody.
    store.rewrite().await?;
    Ok(destroyed)
}

/// Destroys what was obtained for some leads. Their key stays, so that their pages are overwritten and the log beside the
/// file is emptied.
pub(super) async fn destroy_leads(
    store: &Sqlite,
    agreement: &str,
    leads: &[LeadId],
    openings: &[String],
    certificate: Certificate<'_>,
) -> Result<Destroyed, Error> {
    let destroyed = destroy_some(store, agreement, leads, openings, certificate).await?;
    store.empty_log().await?;
    Ok(destroyed)
}
