//! What the gate has to know of a case: counts, names of officers by pseudonym, instants and yes or no. Nothing personal,
//! so that a decision on it can be kept for ever and decided again.

use crate::notice::Noticed;
use crate::{Case, CaseStage, Heard, Standing};
use agreement::{OfficerId, VerifiedFact};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What the gate has to know of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that a policy asks for by name")]
pub struct CaseFacts {
    /// Where it stands.
    pub stage: CaseStage,
    /// How many steps it has taken.
    pub version: u64,
    /// Who judged the lead.
    pub reviewers: BTreeSet<OfficerId>,
    /// Who proposed the finding, if one was.
    pub verifier: Option<OfficerId>,
    /// The second person, who confirmed it.
    pub confirmer: Option<OfficerId>,
    /// The facts of 552a(p)(2) that are confirmed.
    pub confirmed: BTreeSet<VerifiedFact>,
    /// Sources beyond the matched record.
    pub sources: u32,
    /// Whether the finding is the board's, (p)(1)(A)(ii).
    pub board_finding: bool,
    /// Whether the finding is of a death.
    pub death: bool,
    /// Whether a registrar's certified record shows it.
    pub death_certified: bool,
    /// Whether a second datum, from elsewhere, shows it too.
    pub death_second_datum: bool,
    /// When the notice was served, if it was and the mail has not come back.
    pub served_at: Option<Timestamp>,
    /// When its period ends.
    pub response_ends: Option<Timestamp>,
    /// Whether it has ended.
    pub period_over: bool,
    /// Whether mail came back and the notice was not served again.
    pub returned_mail_open: bool,
    /// Whether the individual answered and it is not decided.
    pub contest_open: bool,
    /// Whether the answer came late.
    pub contest_late: bool,
    /// Whether a hearing is open.
    pub hearing_open: bool,
    /// How a contest was decided.
    pub heard: Option<Heard>,
    /// Whether the agency's records show that aid went on until it was.
    pub aid_continued: bool,
    /// Whether the source has not answered a dispute.
    pub dispute_open: bool,
    /// Until when an action can be undone, where one was taken.
    pub undo_until: Option<Timestamp>,
    /// Recipients that have not acknowledged a correction.
    pub unacknowledged: u32,
}

impl CaseFacts {
    pub(crate) fn of(case: &Case, now: Timestamp) -> CaseFacts {
        let standing = case.standing();
        let verified = standing.verified();
        let noticed = standing.noticed();
        let contested = standing.contested();
        let proposed = match standing {
            Standing::Verifying(verifying) => verifying.proposed.as_ref(),
            _other => verified.map(|verified| &verified.proposed),
        };
        let finding = proposed.map(|proposed| &proposed.finding);
        let response_ends = noticed.and_then(Noticed::response_ends);
        CaseFacts {
            stage: case.stage(),
            version: case.version(),
            reviewers: case.reviewers().cloned().collect(),
            verifier: proposed.map(|proposed| proposed.by.clone()),
            confirmer: verified.map(|verified| verified.confirmed_by.clone()),
            confirmed: finding.map(crate::Finding::confirms).unwrap_or_default(),
            sources: finding.map_or(0, |one| u32::try_from(one.sources()).unwrap_or(u32::MAX)),
            board_finding: finding.is_some_and(crate::Finding::is_boards),
            death: finding.is_some_and(crate::Finding::is_of_death),
            death_certified: finding.is_some_and(crate::Finding::has_certified_death),
            death_second_datum: finding.is_some_and(crate::Finding::has_second_datum),
            served_at: noticed
                .filter(|noticed| noticed.returned_at.is_none())
                .map(|noticed| noticed.service.served_at),
            response_ends,
            period_over: response_ends.is_some_and(|ends| now >= ends),
            returned_mail_open: noticed.is_some_and(|noticed| noticed.returned_at.is_some())
                || matches!(standing, Standing::Action(action) if action.returned_at.is_some()),
            contest_open: matches!(standing, Standing::Contested(_) | Standing::Hearing(_)),
            contest_late: contested.is_some_and(crate::Contested::is_late),
            hearing_open: matches!(standing, Standing::Hearing(_)),
            heard: match standing {
                Standing::Decided(decided) => Some(decided.ruling.heard),
                Standing::Action(action) => action.concluded.heard(),
                _other => None,
            },
            aid_continued: matches!(standing, Standing::Decided(decided)
                if decided.ruling.aid_continued.as_ref().is_some_and(|shown| !shown.trim().is_empty())),
            dispute_open: case.disputes().iter().any(crate::Dispute::is_open),
            undo_until: match standing {
                Standing::Action(action) => Some(action.order.undo_until),
                _other => None,
            },
            unacknowledged: match standing {
                Standing::Correction(correction) => {
                    u32::try_from(correction.outstanding().count()).unwrap_or(u32::MAX)
                }
                _other => 0,
            },
        }
    }
}
