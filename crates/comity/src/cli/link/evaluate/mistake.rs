//! The file of pairs on the wrong side of a threshold.

use super::super::pairs::of;
use super::super::{field, name};
use crate::{Error, program};
use linkage::evaluate::Mistake;
use linkage::{Link, Model, Side, Tables};
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Writes each pair with what went wrong, its weight, the level that each comparison came to, and, where two files are
/// linked with each other and within, which file either record is of.
pub(super) fn write(
    path: &Path,
    model: &Model,
    tables: &Tables,
    wrong: &[Mistake],
) -> Result<(), Error> {
    let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
    program::write_in_pieces(path, |file| {
        let mut file = BufWriter::new(file);
        let names = model.comparisons().iter().map(|comparison| field(&comparison.name));
        let names: Vec<_> = names.collect();
        let both = tables.link() == Link::Both;
        let files = if both { ",source_file,recipient_file" } else { "" };
        writeln!(file, "mistake,source,recipient,weight,probability,{}{files}", names.join(","))
            .map_err(cannot)?;
        for mistake in wrong {
            let pair = mistake.pair();
            let levels = (0..).zip(model.comparisons()).map(|(place, comparison)| {
                let level = usize::from(pair.pattern.level(place));
                let held = comparison.levels.get(level.wrapping_sub(1));
                held.map_or("missing".to_owned(), |level| field(&level.label()).into_owned())
            });
            let levels: Vec<String> = levels.collect();
            let files = if both {
                format!(",{},{}", of(tables, pair.source), of(tables, pair.recipient))
            } else {
                String::new()
            };
            writeln!(
                file,
                "{},{},{},{},{},{}{files}",
                called(mistake),
                field(&name(tables, Side::Source, pair.source)),
                field(&name(tables, Side::Recipient, pair.recipient)),
                pair.weight,
                model.probability(pair.weight),
                levels.join(",")
            )
            .map_err(cannot)?;
        }
        file.flush().map_err(cannot)
    })
}

fn called(mistake: &Mistake) -> &'static str {
    match mistake {
        Mistake::FalseLink(_) => "false_link",
        Mistake::MissedByWeight(_) => "missed_by_weight",
        Mistake::MissedByRules(_) => "missed_by_rules",
    }
}
