//! Two conditions too long to recognise piece by piece: they are written out, and what was read is held against that.
//!
//! Shared by the import and the export, so that what the one writes the other knows.

/// Writes the distance of two places along the globe, by the spherical law of cosines, as Splink does.
pub(super) fn kilometres_sql(latitude: &str, longitude: &str) -> String {
    let name = |column: &str, side: &str| format!("\"{}_{side}\"", column.replace('"', "\"\""));
    let (north, other_north) = (name(latitude, "l"), name(latitude, "r"));
    let (east, other_east) = (name(longitude, "l"), name(longitude, "r"));
    let cosine = format!(
        "sin(radians({north})) * sin(radians({other_north})) + cos(radians({north})) * \
         cos(radians({other_north})) * cos(radians({other_east} - {east}))"
    );
    format!(
        "cast(acos(case when ({cosine}) > 1 then 1 when ({cosine}) < -1 then -1 else ({cosine}) end) \
         * 6371 as float)"
    )
}

/// Writes the most alike of any two items of two lists, as Splink does.
pub(super) fn pairwise_sql(
    outer: &str,
    transform: &str,
    first: u32,
    function: &str,
    left: &str,
    right: &str,
) -> String {
    let second = first + 1;
    format!(
        "{outer}({transform}(flatten({transform}({left}, x -> {transform}({right}, y -> [x, y]))), \
         pair -> {function}(pair[{first}], pair[{second}])))"
    )
}
