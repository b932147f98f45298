//! What an import or an export could not carry over as it stood.
//!
//! Beside the import and the export, which hand a list of these to the caller. Nothing is guessed silently: whatever the
//! two programs do differently for a model is an entry here, with what each does and what can be done about it. It is
//! data to print, and decides nothing. No entry holds anybody's values; a condition's own constants may stand in it.

use std::fmt;

/// One thing that the other program does differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which part of the model it is about, for example ``comparison `city`, level 2``.
    pub place: String,
    /// What it may change.
    pub changes: Changes,
    /// What Splink does.
    pub splink: String,
    /// What Comity does.
    pub comity: String,
    /// What can be done about it; empty where there is nothing to do.
    pub remedy: String,
}

/// What a difference may change in the pairs that come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changes {
    /// Neither which pairs there are nor what they weigh.
    Nothing,
    /// What some pairs weigh.
    Weights,
    /// Which pairs there are.
    Pairs,
}

impl fmt::Display for Changes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nothing => "changes nothing",
            Self::Weights => "may change weights",
            Self::Pairs => "may change pairs",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} ({})\n  splink: {}\n  comity: {}",
            self.place, self.changes, self.splink, self.comity
        )?;
        if !self.remedy.is_empty() {
            write!(formatter, "\n  remedy: {}", self.remedy)?;
        }
        Ok(())
    }
}

impl Difference {
    pub(super) fn new(
        place: impl Into<String>,
        changes: Changes,
        splink: impl Into<String>,
        comity: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            changes,
            splink: splink.into(),
            comity: comity.into(),
            remedy: String::new(),
        }
    }

    #[must_use]
    pub(super) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }
}
