//! A demonstration: a copy of an agreement that is in force today, signed on the spot with throw-away keys.
//!
//! It exists so that the worked example never expires. Only an agreement that says `demonstration = true` and
//! `environment = "test"` becomes one; test keys are good for nothing else.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::{
    Agreement, Answer, CostBenefit, Environment, Error, Filed, Publications, Signature, Signer,
    SignerRole, SigningKey,
};

/// How long before today a demonstration begins.
const BEGUN_DAYS: i64 = 60;

/// A demonstration.
#[derive(Debug)]
pub struct Demonstration {
    /// The agreement with its dates moved and its keys replaced, and everything filed that it needs.
    pub filed: Filed,
    /// The throw-away keys of parties, boards and auditor.
    pub keys: BTreeMap<Signer, SigningKey>,
    /// By how many days the dates were moved.
    pub moved_days: i64,
}

impl Agreement {
    /// Returns a copy that began 60 days before today, keeps its length, and is signed by everybody with throw-away
    /// keys made of the caller's random bytes. Dates of publications move by as many days.
    ///
    /// # Errors
    ///
    /// [`Error::NotADemonstration`] when the agreement is none; [`Error::DatesOutOfRange`] when dates cannot move so far.
    pub fn demonstration(
        &self,
        publications: &Publications,
        now: Timestamp,
        mut random: impl FnMut() -> [u8; 32],
    ) -> Result<Demonstration, Error> {
        if !self.demonstration || self.environment != Environment::Test {
            return Err(Error::NotADemonstration { program: self.program.clone() });
        }
        let today = now.to_zoned(TimeZone::UTC).date();
        let age = self.term.begins.until(today).map_or(0, |span| i64::from(span.get_days()));
        let by = Move { days: age - BEGUN_DAYS };
        let mut agreement = self.clone();
        by.agreement(&mut agreement)?;

        let mut keys = BTreeMap::new();
        let mut key = |id: &crate::PartyId, role| {
            let key = SigningKey::new(Environment::Test, random());
            let public = key.public();
            keys.insert(Signer { id: id.clone(), role }, key);
            public
        };
        for party in &mut agreement.parties {
            party.key = key(&party.id, SignerRole::Party);
            if let Some(board) = &mut party.board {
                board.key = key(&party.id, SignerRole::Board);
            }
        }
        agreement.auditor.key = key(&agreement.auditor.id, SignerRole::Auditor);

        let mut filed = Filed::new(agreement);
        filed.publications = publications.clone();
        by.publications(&mut filed.publications)?;
        filed.publications.agreement = Some(filed.agreement.digest()?);
        for (signer, key) in &keys {
            if signer.role != SignerRole::Auditor {
                let signature =
                    Signature::new(&filed.agreement, Answer::Accept, signer, now, key, None)?;
                filed.signatures.push(signature);
            }
        }
        Ok(Demonstration { filed, keys, moved_days: by.days })
    }
}

/// Moves dates by a number of days.
struct Move {
    days: i64,
}

impl Move {
    fn date(&self, date: &mut Date) -> Result<(), Error> {
        let out_of_range = || Error::DatesOutOfRange { days: self.days };
        let span = Span::new().try_days(self.days).map_err(|_| out_of_range())?;
        *date = date.checked_add(span).map_err(|_| out_of_range())?;
        Ok(())
    }

    fn maybe(&self, date: Option<&mut Date>) -> Result<(), Error> {
        date.map_or(Ok(()), |date| self.date(date))
    }

    /// Moves the agreement's own dates; when a law came into force stays what it is.
    fn agreement(&self, agreement: &mut Agreement) -> Result<(), Error> {
        self.date(&mut agreement.term.begins)?;
        self.date(&mut agreement.term.ends)?;
        self.date(&mut agreement.retention.destroy_by)?;
        for accuracy in &mut agreement.accuracy {
            self.date(&mut accuracy.assessed)?;
        }
        for claim in &mut agreement.claims {
            self.date(&mut claim.begins)?;
            self.date(&mut claim.ends)?;
        }
        match &mut agreement.cost_benefit {
            Some(CostBenefit::Analysis { made, .. }) => self.date(made),
            Some(CostBenefit::Waiver { .. } | CostBenefit::RequiredByStatute { .. }) | None => {
                Ok(())
            }
        }
    }

    fn publications(&self, publications: &mut Publications) -> Result<(), Error> {
        self.maybe(publications.sent_to_committees.as_mut())?;
        self.maybe(publications.reported_in_advance.as_mut())?;
        self.maybe(publications.federal_register.as_mut().map(|notice| &mut notice.date))?;
        self.maybe(publications.notice_last_given.as_mut())?;
        for review in &mut publications.reviews {
            self.date(review)?;
        }
        Ok(())
    }
}
