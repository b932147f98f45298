//! Reading about a person at the desk: an act too, asked of the gate for each case and noted before anything is shown
//! (floor F9, F10).

use super::file::case_file;
use super::{Asker, Desk, File, Officer, Read, by_whom};
use crate::Error;
use crate::event::Event;
use crate::node::drafts;
use agreement::{Act, CaseRef, Decision};
use casework::{Actor, CaseStore as _, LeadId, Seen, Store as _};
use ledger::Commitments;

impl Desk {
    /// Shows cases to an officer, once it is noted who reads them and why they may.
    ///
    /// # Errors
    /// There is no such case, or the store fails.
    pub async fn read(
        &self,
        officer: &Officer,
        cases: &[LeadId],
        what: &str,
    ) -> Result<Read<Vec<File>>, Error> {
        self.show(&Asker::officer(officer), &[Act::READ_CASE, Act::READ_EVIDENCE], cases, what)
            .await
    }

    /// Shows an individual who has proved to be the one the own case.
    ///
    /// # Errors
    /// As [`Desk::read`].
    pub async fn see_own(&self, case: &LeadId) -> Result<Read<Vec<File>>, Error> {
        let cases = std::slice::from_ref(case);
        self.show(&Asker::individual(), &[Act::SEE_OWN], cases, "own").await
    }

    async fn show(
        &self,
        asker: &Asker,
        acts: &[Act],
        cases: &[LeadId],
        what: &str,
    ) -> Result<Read<Vec<File>>, Error> {
        let mut files = Vec::with_capacity(cases.len());
        let mut decisions = Vec::with_capacity(cases.len());
        for id in cases {
            let stored = self.inner.store.case(id).await?;
            let (mut refused, mut permitted) = (None, None);
            for act in acts {
                let mut request = self.request(act.clone(), asker).await?;
                request.case = CaseRef::new(id.as_str()).ok();
                request.file = case_file(&stored.case);
                match self.decide(&request).await? {
                    (Decision::Permit(permit), event) => {
                        decisions.push((event, Commitments::new()));
                        permitted = Some(permit);
                        break;
                    }
                    // The first refusal says what would have to be otherwise; the second way in is the narrower one.
                    (Decision::Refusal(refusal), event) => {
                        refused.get_or_insert((refusal, event));
                    }
                }
            }
            let permit = match (permitted, refused) {
                (Some(permit), _) => permit,
                (None, Some((refusal, event))) => {
                    self.note(vec![(event, Commitments::new())], &[]).await?;
                    return Ok(Read::Refused(refusal));
                }
                // Nobody asks for no act; if somebody did, nothing would be shown.
                (None, None) => return Err(Error::OtherPermit),
            };
            files.push(File { lead: self.inner.store.lead(id).await?, stored, permit });
        }
        let now = self.now();
        let (commitments, openings) = by_whom(&asker.actor)?;
        let read = match &asker.actor {
            Actor::Individual => Event::IndividualSaw { cases: cases.len() as u64 },
            Actor::Officer(_) | Actor::Machine => Event::CaseRead { cases: cases.len() as u64 },
        };
        decisions.push((read, commitments));
        let seen = Seen { by: asker.actor.spelled(), what: what.to_owned(), at: now };
        let told = drafts(now, decisions);
        let lines = self.inner.store.note_read(cases, &seen, &openings, told).await?;
        Ok(Read::Shown(files, lines))
    }
}
