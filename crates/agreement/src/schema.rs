//! The JSON Schema of the agreement and of the schedule, generated from the Rust types.
//!
//! `docs/agreement.schema.json` is this, written down for editors; a test keeps it current. A draft may hold `TODO`
//! where a value is still to come: it has the right shape then, and [`crate::Agreement::read`] lists what is missing.

use serde_json::Value;

use crate::Agreement;

/// Returns the schema of the agreement.
pub(crate) fn agreement() -> Value {
    schemars::schema_for!(Agreement).to_value()
}

/// Returns the JSON Schema of the agreement as the text of `docs/agreement.schema.json`.
pub fn agreement_schema() -> String {
    let mut text = format!("{:#}", agreement());
    text.push('\n');
    text
}
