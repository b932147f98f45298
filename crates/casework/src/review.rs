//! Review: a person's clerical judgement of a lead. Three answers, never a fourth, and never the machine's.
//!
//! Where the agreement asks for two, the second does not see what the first said; where the two differ, a third person
//! decides. What is judged not the same is closed, and stays known until it expires or is reversed.

use crate::closing::Because;
use crate::verification::redacted;
use crate::{Actor, Case, Error, LeadId, NotAllowed, Reviewers, Step};
use agreement::OfficerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a person says of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// The two records are of one person.
    Same,
    /// They are not.
    NotSame,
    /// It cannot be told from what is there.
    Unsure,
}

impl Judgement {
    /// Returns the word as stored and typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Judgement::Same => "same",
            Judgement::NotSame => "not-same",
            Judgement::Unsure => "unsure",
        }
    }

    /// Reads the word as stored and typed.
    pub fn read(text: &str) -> Option<Judgement> {
        [Judgement::Same, Judgement::NotSame, Judgement::Unsure]
            .into_iter()
            .find(|judgement| judgement.as_str() == text)
    }
}

/// One judgement, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The lead judged.
    pub lead: LeadId,
    /// The judgement.
    pub judgement: Judgement,
    /// Why, in the officer's words.
    pub reason: String,
    /// The officer, by the pseudonym the agency uses in its records.
    pub officer: String,
    /// When.
    pub at: Timestamp,
    /// Until when a "not the same" is carried into later cycles; none for as long as the program lasts.
    pub expires: Option<Timestamp>,
}

impl Review {
    /// Takes it as the step that it is.
    pub(crate) fn on(&self, case: Case) -> Result<Case, Error> {
        let id = case.id().to_string();
        let officer =
            OfficerId::new(&self.officer).map_err(|_| Error::Unreadable { column: "officer" })?;
        let step = Step::Review(Opinion {
            judgement: self.judgement,
            reason: self.reason.clone(),
            expires: self.expires,
        });
        case.step(&step, &Actor::Officer(officer), self.at)
            .map_err(|why| Error::NotTaken { case: id, why })
    }
}

/// What earlier cycles know of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A person said that the two records are not of one person, and that has not expired.
    NotSame {
        /// The lead on which it was said.
        lead: LeadId,
    },
    /// A lead on the pair waits to be worked.
    Waiting {
        /// That lead.
        lead: LeadId,
    },
    /// A lead on the pair was worked.
    Worked {
        /// That lead.
        lead: LeadId,
        /// The keyed digest of the values that were returned then.
        returned_digest: [u8; 32],
    },
}

/// What an officer says of a lead, and why.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opinion {
    /// The judgement.
    pub judgement: Judgement,
    /// Why, in the officer's words.
    pub reason: String,
    /// Until when a "not the same" is carried into later cycles; none for as long as the program lasts.
    pub expires: Option<Timestamp>,
}

redacted!(Opinion);

/// An opinion, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub(crate) opinion: Opinion,
    pub(crate) by: OfficerId,
    pub(crate) at: Timestamp,
}

impl Judged {
    /// Returns what was said.
    pub fn opinion(&self) -> &Opinion {
        &self.opinion
    }

    /// Returns who said it.
    pub fn by(&self) -> &OfficerId {
        &self.by
    }

    /// Returns when.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Stage `lead`: something for a person to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub(crate) judged: Vec<Judged>,
}

/// What came of one more opinion.
pub(crate) enum Passed {
    /// Another one is needed.
    Waits(Waiting),
    /// It is the same person, or cannot be told.
    Reviewed(Reviewed),
    /// It is not the same person.
    NotSame(Because, Vec<Judged>),
}

impl Waiting {
    /// Returns the opinions so far. Whoever is to give the next one is not to see them ([`Waiting::opinions_for`]).
    pub fn opinions(&self) -> &[Judged] {
        &self.judged
    }

    /// Returns the opinions that an officer may see now: one's own, and all of them once two are there.
    pub fn opinions_for<'case>(
        &'case self,
        officer: &'case OfficerId,
    ) -> impl Iterator<Item = &'case Judged> {
        let all = self.judged.len() > 1;
        self.judged.iter().filter(move |judged| all || judged.by == *officer)
    }

    /// Says whether two opinions differ, so that a third person decides.
    pub fn is_disputed(&self) -> bool {
        self.judged.len() > 1
    }

    /// Takes an opinion of somebody who has not given one here.
    pub(crate) fn review(
        mut self,
        judged: Judged,
        reviewers: Reviewers,
    ) -> Result<Passed, NotAllowed> {
        if self.is_disputed() {
            return Err(NotAllowed::NeedsAdjudication);
        }
        self.not_again(&judged)?;
        self.judged.push(judged);
        let agreed = match (reviewers, self.judged.as_slice()) {
            (Reviewers::One, [.., last]) => Some(last.opinion.judgement),
            (Reviewers::TwoBlind, [first, second])
                if first.opinion.judgement == second.opinion.judgement =>
            {
                Some(second.opinion.judgement)
            }
            (Reviewers::One | Reviewers::TwoBlind, _) => None,
        };
        Ok(match agreed {
            Some(judgement) => concluded(self.judged, judgement),
            None => Passed::Waits(self),
        })
    }

    /// Takes the opinion of a third person, which settles it.
    pub(crate) fn adjudicate(mut self, judged: Judged) -> Result<Passed, NotAllowed> {
        if !self.is_disputed() {
            return Err(NotAllowed::NothingToAdjudicate);
        }
        self.not_again(&judged)?;
        let judgement = judged.opinion.judgement;
        self.judged.push(judged);
        Ok(concluded(self.judged, judgement))
    }

    fn not_again(&self, judged: &Judged) -> Result<(), NotAllowed> {
        if judged.opinion.reason.trim().is_empty() {
            return Err(NotAllowed::NoReason);
        }
        if judged.opinion.expires.is_some_and(|expires| expires <= judged.at) {
            return Err(NotAllowed::ExpiredAlready);
        }
        if self.judged.iter().any(|before| before.by == judged.by) {
            return Err(NotAllowed::SamePerson { did: "judged this lead before" });
        }
        Ok(())
    }
}

fn concluded(judged: Vec<Judged>, judgement: Judgement) -> Passed {
    match judgement {
        Judgement::NotSame => Passed::NotSame(Because::NotSame, judged),
        Judgement::Same | Judgement::Unsure => Passed::Reviewed(Reviewed { judged, judgement }),
    }
}

/// Stage `reviewed`: people have judged the lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    pub(crate) judged: Vec<Judged>,
    pub(crate) judgement: Judgement,
}

impl Reviewed {
    /// Returns every opinion, in order.
    pub fn opinions(&self) -> &[Judged] {
        &self.judged
    }

    /// Returns what they came to: the same, or not to be told.
    pub fn judgement(&self) -> Judgement {
        self.judgement
    }

    /// Returns who judged.
    pub fn reviewers(&self) -> impl Iterator<Item = &OfficerId> {
        self.judged.iter().map(Judged::by)
    }

    /// Somebody else looks at what could not be told, and settles it.
    pub(crate) fn adjudicate(self, judged: Judged) -> Result<Passed, NotAllowed> {
        match self.judgement {
            Judgement::Unsure => {
                let waiting = Waiting { judged: self.judged };
                waiting.not_again(&judged)?;
                let judgement = judged.opinion.judgement;
                let mut all = waiting.judged;
                all.push(judged);
                Ok(concluded(all, judgement))
            }
            Judgement::Same | Judgement::NotSame => Err(NotAllowed::NothingToAdjudicate),
        }
    }
}
