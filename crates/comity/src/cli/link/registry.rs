//! The registry of clusters in its file: ids that stay what they are while data changes.
//!
//! A record is named by its file and its id there, `source:17`, never by a value of anybody.

use crate::printer::{Printer, thousands};
use crate::{Error, program};
use linkage::cluster::{Happening, Registry};
use std::collections::BTreeMap;
use std::path::Path;

/// Reads a registry.
pub(super) fn read(path: &Path) -> Result<Registry<String>, Error> {
    let text = program::read(path)?;
    serde_json::from_str(&text)
        .map_err(|source| Error::UnreadableRegistry { path: path.to_owned(), source })
}

/// Reads a registry, or begins one where there is none.
pub(super) fn begin(path: &Path) -> Result<Registry<String>, Error> {
    if path.exists() { read(path) } else { Ok(Registry::new()) }
}

/// Writes a registry.
pub(super) fn write(path: &Path, registry: &Registry<String>) -> Result<(), Error> {
    let text = serde_json::to_string(registry)
        .map_err(|source| Error::UnreadableRegistry { path: path.to_owned(), source })?;
    program::write(path, &text)
}

/// Counts what happened to ids, by what it was.
pub(super) fn counts(happened: &[Happening]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for one in happened {
        let what = match one {
            Happening::Issued { .. } => "issued",
            Happening::Merged { .. } => "merged",
            Happening::Split { .. } => "split",
            Happening::Restored { .. } => "restored",
            Happening::Ended { .. } => "ended",
            Happening::Parted { .. } => "parted",
        };
        *counts.entry(what).or_insert(0) += 1;
    }
    counts
}

/// Says what happened to ids.
pub(super) fn tell(printer: &Printer, happened: &[Happening]) {
    let counts = counts(happened);
    let each: Vec<String> =
        counts.iter().map(|(what, count)| format!("{} {what}", thousands(*count))).collect();
    let text = if each.is_empty() { "none changed".to_owned() } else { each.join(", ") };
    printer.labelled("ids", &text);
}
