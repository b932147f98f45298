//! Equality of two values that may stand in different columns.
//!
//! Within one column equal values have one code, so the exact level compares codes and needs nothing of this. Swapped
//! columns have a dictionary each, and the values themselves are compared here. Equality is of prepared values: what
//! counts as the same spelling was decided by the steps of the column.

use crate::tables::Values;

/// Says whether two values of one kind are equal; values of two kinds never are.
pub(crate) fn equal(values: &Values, one: u32, others: &Values, other: u32) -> bool {
    let (one, other) = (one as usize - 1, other as usize - 1);
    match (values, others) {
        (Values::Text(values), Values::Text(others)) => values.get(one) == others.get(other),
        (Values::Dates(values, _), Values::Dates(others, _)) => values[one] == others[other],
        (Values::Numbers(values), Values::Numbers(others)) => {
            values[one].total_cmp(&others[other]).is_eq()
        }
        (Values::Times(values), Values::Times(others)) => values[one] == others[other],
        (Values::Places(values), Values::Places(others)) => values[one] == others[other],
        (Values::Lists(values), Values::Lists(others)) => values.equal(one, others, other),
        (
            Values::Text(_)
            | Values::Dates(..)
            | Values::Numbers(_)
            | Values::Times(_)
            | Values::Places(_)
            | Values::Lists(_),
            _,
        ) => false,
    }
}
