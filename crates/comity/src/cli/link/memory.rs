//! `--memory`: linking and training in no more than a stated amount of memory.
//!
//! Beside the path of the data. Files are read piece by piece into plans of DataFusion, which keep in a folder what they have
//! prepared and what does not fit, and delete it when they end; pairs are written as they come. Of what grows with the
//! files, these stand in memory: ids, and the pairs that are settled one to one; while a model is trained, a number for each
//! record, one column's different values at a time, the records drawn by chance, and the pairs that may compete; all
//! are counted in the bound, by what they take about, of records drawn their rows. That takes the feature `plan`; without it the option is refused. The
//! pairs and the bits of their weights are those of working in memory, and so is the model, but for a prior that is estimated
//! there (docs/method.md).

#[cfg(not(feature = "plan"))]
mod absent;
#[cfg(feature = "plan")]
mod ahead;
#[cfg(feature = "plan")]
mod file_rows;
#[cfg(feature = "plan")]
mod held;
#[cfg(feature = "plan")]
mod one_file;
#[cfg(feature = "plan")]
mod one_to_one;
#[cfg(feature = "plan")]
mod opened;
#[cfg(feature = "plan")]
mod plan;
#[cfg(feature = "plan")]
mod train;
#[cfg(feature = "plan")]
mod trouble;

#[cfg(not(feature = "plan"))]
pub(super) use absent::{link, train};
#[cfg(feature = "plan")]
pub(super) use plan::link;
#[cfg(feature = "plan")]
pub(super) use train::train;

use crate::Error;
use std::path::{Path, PathBuf};

/// The words of a command that can work in bounded memory.
#[derive(Debug, clap::Args)]
pub(super) struct Memory {
    /// Works in so much memory, such as 2GB or 800MiB, and spills to disk what does not fit: slower, the same results.
    /// Takes a build with the feature `plan`
    #[arg(long = "memory", value_name = "SIZE", value_parser = size)]
    bytes: Option<u64>,
    /// The folder that is spilled to, for as long as the command runs; that of what is written, if nothing is said
    #[arg(long, value_name = "FOLDER", requires = "bytes")]
    spill: Option<PathBuf>,
}

impl Memory {
    /// Refuses a bound beside options of which one was given that goes through whole tables.
    pub(super) fn without(&self, options: &[(&'static str, bool)]) -> Result<(), Error> {
        match options.iter().find(|(_, given)| *given && self.bytes.is_some()) {
            Some((option, _)) => Err(Error::WholeTables { option }),
            None => Ok(()),
        }
    }

    /// Returns the bound that was asked for, if one was. `out` is the file that is written.
    pub(super) fn bound(&self, out: &Path) -> Option<Bound> {
        let beside = || match out.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let bytes = self.bytes?;
        Some(Bound { bytes, spill: self.spill.clone().unwrap_or_else(beside) })
    }
}

/// The word of a command that makes clusters of whole tables: a bound is not kept there, and refused by name.
#[derive(Debug, clap::Args)]
pub(super) struct NoMemory {
    #[arg(long = "memory", value_name = "SIZE", value_parser = size, hide = true)]
    bytes: Option<u64>,
}

impl NoMemory {
    /// Refuses a bound, if one was asked for.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.bytes {
            Some(_) => Err(Error::UnboundedClusters),
            None => Ok(()),
        }
    }
}

/// Within what is worked.
#[cfg_attr(not(feature = "plan"), expect(dead_code, reason = "without the feature it is refused"))]
pub(super) struct Bound {
    bytes: u64,
    spill: PathBuf,
}

/// What linking within a bound came to.
pub(super) struct Bounded {
    /// How many pairs were written.
    pub(super) pairs: u64,
    /// Of these, the pairs that only their place in the order set before another of the same weight.
    pub(super) tied_pairs: u64,
    /// How many pieces the work was cut into.
    pub(super) units: u64,
    /// How many bytes the prepared records took in files.
    pub(super) staged_bytes: u64,
    /// How many bytes were written because they did not fit.
    pub(super) spilled_bytes: u64,
    /// How often that was.
    pub(super) spills: u64,
}

/// Reads a size: a whole number and its unit, decimal or binary.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit.trim() {
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("write a whole number and MB, GB, MiB or GiB, as in 2GB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write a whole number first".to_owned())?;
    number.checked_mul(scale).ok_or_else(|| "that is more than can be counted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_its_unit() {
        assert_eq!(size("2GB"), Ok(2_000_000_000));
        assert_eq!(size("800MiB"), Ok(800 << 20));
        assert_eq!(size("1 GiB"), Ok(1 << 30));
        for wrong in ["", "2", "GB", "1.5GB", "2gb", "-1GB", "99999999999999999999GB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
