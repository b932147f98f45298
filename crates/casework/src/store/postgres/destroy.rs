//! Destroying on PostgreSQL. What the server still keeps of the rows, in pages and in its log, opens for nobody once
//! their key is destroyed; what is deleted while the key stays is in both until they are written over.

use super::{Postgres, busy, put_out};

crate::store::destroy::destroys!(
    Postgres,
    sqlx::PgConnection,
    "(SELECT json_array_elements_text($1::json))",
    " FOR UPDATE"
);
