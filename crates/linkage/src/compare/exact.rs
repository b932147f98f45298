//! Equality of two values that may stand in different columns.
//!
//! Within one column equal values have one code, so the exact level compares codes and needs nothing of this. Swapped
//! columns have a dictionary each, and the values themselves are compared here. Equality is of prepared values: what
//! counts as the same spelling was decided by the steps of the column.

use crate::tables::Values;

/// Says whether two values of one kind are equal; values of two kinds never are.
pub(crate) fn equal(these: &Values, one: u32, those: &Values, other: u32) -> bool {
    let (one, other) = (one as usize - 1, other as usize - 1);
    match (these, those) {
        (Values::Text(these), Values::Text(those)) => these[one] == those[other],
        (Values::Dates(these, _), Values::Dates(those, _)) => these[one] == those[other],
        (Values::Numbers(these), Values::Numbers(those)) => {
            these[one].total_cmp(&those[other]).is_eq()
        }
        (Values::Text(_) | Values::Dates(..) | Values::Numbers(_), _) => false,
    }
}
