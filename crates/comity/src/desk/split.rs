//! What a correction of a wrong link does beyond its own case: other leads on the bond that it cut take no step towards an
//! action, and those that nobody has looked at yet are closed.

use super::Desk;
use crate::Error;
use casework::{Because, CaseStore as _, Closing, LeadId, Stage, StepKind};

impl Desk {
    /// Returns the case whose correction cut the bond that this one hangs on, if the step would go on with it. What helps
    /// the individual goes on.
    pub(super) async fn cut(&self, id: &LeadId, step: StepKind) -> Result<Option<String>, Error> {
        let goes_on = match step {
            StepKind::Review
            | StepKind::Adjudicate
            | StepKind::Verify
            | StepKind::Find
            | StepKind::Confirm
            | StepKind::DraftNotice
            | StepKind::ServeNotice
            | StepKind::TakeEmergencyMeasure
            | StepKind::TakeAction => true,
            StepKind::Assign
            | StepKind::SendBack
            | StepKind::Refute
            | StepKind::NoteReturnedMail
            | StepKind::FileContest
            | StepKind::WithdrawContest
            | StepKind::OpenHearing
            | StepKind::Decide
            | StepKind::EndEmergencyMeasure
            | StepKind::Reverse
            | StepKind::Correct
            | StepKind::Acknowledge
            | StepKind::TellIndividual
            | StepKind::OpenDispute
            | StepKind::AnswerDispute
            | StepKind::ReverseJudgement
            | StepKind::Close => false,
        };
        if !goes_on {
            return Ok(None);
        }
        Ok(self.inner.store.cut_by(id).await?.map(|by| by.to_string()))
    }

    /// Closes the leads that hung on a bond which a correction cut, where nobody has looked at them yet. What is further on
    /// is an officer's to correct.
    pub(super) async fn close_cut(&self, corrected: &LeadId) -> Result<(), Error> {
        let cut = self.inner.store.cluster(corrected).await?.split(corrected).cut;
        for one in cut.into_iter().filter(|one| one.lead != *corrected && one.stage == Stage::Open)
        {
            let version = self.inner.store.case(&one.lead).await?.case.version();
            let words = format!("the correction of {corrected} says that these are two people");
            let closing = Closing { because: Because::Superseded, words };
            // One of two reviewers may have spoken, or somebody may have moved it: then it stays for an officer.
            match self.close_by_machine(&one.lead, version, closing).await {
                Ok(_) | Err(Error::Casework(casework::Error::CaseMoved { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
