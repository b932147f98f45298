//! What the person concerned sees: every disclosure about them, the state of their case, what was found and from where,
//! and the receipts by which anybody can check that (5 U.S.C. 552a(c)(3), (d)(1); floor F10).
//!
//! It is gathered for one case, under the gate's leave for the individual. What another law makes secret for a time is
//! left out without a word; nothing else is.

use crate::desk::File;
use crate::server::visit::AtTheDoor;
use crate::server::{App, Error, api};
use casework::store::cases::Disclosed;
use casework::{
    Actor, Case, CaseStage, CaseStore as _, LeadId, Noticed, SealedEntry, Standing, Step,
    Store as _, Taken,
};
use ledger::Opening;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// What the person concerned sees.
#[derive(Clone, Serialize)]
pub struct MeView {
    /// The number of the letter, which is the case's.
    pub case: String,
    /// Where the case stands, in a word.
    pub stage: &'static str,
    /// Where the case stands, in plain words.
    pub stands: &'static str,
    /// Until when an answer counts as in time; a late one counts too.
    pub answer_until: Option<String>,
    /// Whether an answer can be given now.
    pub may_contest: bool,
    /// Every disclosure about the person, the earliest first.
    pub disclosures: Vec<DisclosedView>,
    /// What the other agency's records say, by element, as it was disclosed.
    pub evidence: Vec<(String, String)>,
    /// What was found beyond that, in words.
    pub finding: Option<String>,
    /// What was put right, if anything was.
    pub corrected: Option<CorrectedView>,
    /// What was done on the case, by whom in general, and when.
    pub steps: Vec<StepView>,
    /// What finds the disclosures above in any copy of the ledger (`comity receipt find`): the person's own, and secret.
    pub finders: Vec<String>,
}

/// A disclosure about the person.
#[derive(Clone, Debug, Serialize)]
pub struct DisclosedView {
    /// When (RFC 3339).
    pub at: String,
    /// What: the elements, in words.
    pub what: Vec<String>,
    /// By whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Why, as the agreement states it.
    pub why: String,
    /// Under which agreement, by its title.
    pub agreement: String,
    /// Where the ledger holds it: a receipt can be had for it.
    pub entry: Option<u64>,
}

/// A correction of what was said about the person.
#[derive(Clone, Serialize)]
pub struct CorrectedView {
    /// What was wrong and what is right, in words.
    pub words: String,
    /// Whether the other record is of somebody else: the two are apart, and known not the same.
    pub is_anothers: bool,
    /// Everybody who is told, and whether each has put it right.
    pub told: Vec<(String, bool)>,
}

impl fmt::Debug for CorrectedView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorrectedView")
            .field("is_anothers", &self.is_anothers)
            .finish_non_exhaustive()
    }
}

/// A step of the case.
#[derive(Clone, Debug, Serialize)]
pub struct StepView {
    /// When (RFC 3339).
    pub at: String,
    /// What, in plain words.
    pub what: &'static str,
    /// Whether the person did it.
    pub yours: bool,
}

impl fmt::Debug for MeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeView").field("case", &self.case).finish_non_exhaustive()
    }
}

/// Asks for the individual's leave to see their own, and notes that they did, before anything is shown.
async fn see(app: &App, door: &AtTheDoor) -> Result<File, Error> {
    let id = LeadId::typed(&door.case);
    // The code of the letter was the proof; without it there is no such session.
    let (files, lines) = app.shown(app.desk().see_own(&id).await?)?;
    app.until_recorded(&lines).await?;
    files.into_iter().next().ok_or(Error::NotFound)
}

/// Gathers what the individual sees.
pub(crate) async fn gather(app: &App, door: &AtTheDoor) -> Result<MeView, Error> {
    let File { stored, lead, .. } = see(app, door).await?;
    let case = stored.case;
    let all = app.desk().store().disclosed_about(&lead.found.case_id).await?;
    let (hidden, mut disclosed) = part(app, all).await?;
    disclosed.sort_by_key(|one| one.at);
    // What a sealed entry disclosed is not told by another way in.
    let returned = lead.returned.filter(|_| !hidden.iter().any(|one| one.lead == *case.id()));
    let corrected = corrected(app, &case);
    // A record that is known to be of somebody else is theirs to see.
    let returned = returned.filter(|_| !corrected.as_ref().is_some_and(|one| one.is_anothers));
    let finders = finders(app, &lead.found.case_id, &hidden, &disclosed).await?;
    let noticed = case.standing().noticed();
    let served = noticed.is_some();
    let steps = case.steps().iter().filter_map(|taken| {
        let what = in_words(taken.step.kind())?;
        let yours = taken.by == Actor::Individual;
        Some(StepView { at: taken.at.to_string(), what, yours })
    });
    Ok(MeView {
        case: case.id().to_string(),
        stage: case.stage().as_str(),
        stands: stands(case.stage()),
        answer_until: noticed.and_then(Noticed::response_ends).map(|at| at.to_string()),
        may_contest: matches!(case.standing(), Standing::Noticed(_) | Standing::Action(_)),
        disclosures: disclosed.iter().map(|one| view_of(app, one)).collect(),
        evidence: returned
            .into_iter()
            .flatten()
            .map(|(name, value)| (words(&name), value))
            .collect(),
        // A finding is told by the letter first.
        finding: case
            .standing()
            .verified()
            .filter(|_| served)
            .map(|verified| verified.finding().words.clone()),
        corrected,
        steps: steps.collect(),
        finders,
    })
}

/// Says what was last put right on a case.
fn corrected(app: &App, case: &Case) -> Option<CorrectedView> {
    let order = case.correction_ordered()?;
    let agreement = app.program().agreement();
    let ordered = |taken: &&Taken| !matches!(taken.step, Step::Correct(_) | Step::Reverse(_));
    let since: BTreeSet<_> = (case.steps().iter().rev().take_while(ordered))
        .filter_map(|taken| match &taken.step {
            Step::Acknowledge(acknowledgement) => Some(&acknowledgement.recipient),
            _other => None,
        })
        .collect();
    let told = order.recipients.iter().map(|id| {
        let name = agreement.party(id).map_or_else(|| id.to_string(), |party| party.name.clone());
        (name, since.contains(id))
    });
    Some(CorrectedView {
        words: order.words.clone(),
        is_anothers: order.splits,
        told: told.collect(),
    })
}

/// Parts what is sealed just now from what the person sees. Sealed or never there, the person sees the same (floor F10).
async fn part(app: &App, all: Vec<Disclosed>) -> Result<(Vec<Disclosed>, Vec<Disclosed>), Error> {
    let (mut hidden, mut shown) = (Vec::new(), Vec::new());
    let now = app.now();
    for one in all {
        let sealed = app.store().sealed_entries(&one.lead).await?;
        let is_hidden = one
            .ledger_index
            .is_some_and(|entry| SealedEntry::any_hides(&sealed, &one.lead, entry, now));
        if is_hidden { &mut hidden } else { &mut shown }.push(one);
    }
    Ok((hidden, shown))
}

/// Returns what finds the disclosures that are shown. One finder is for a whole run, so that of a run in which anything
/// about the person is sealed is kept back with it.
async fn finders(
    app: &App,
    case_id: &str,
    hidden: &[Disclosed],
    shown: &[Disclosed],
) -> Result<Vec<String>, Error> {
    let mut of_runs = [BTreeSet::new(), BTreeSet::new()];
    for (of_run, disclosed) in of_runs.iter_mut().zip([hidden, shown]) {
        for one in disclosed {
            of_run.insert(app.store().lead(&one.lead).await?.run);
        }
    }
    let [sealed, told] = of_runs;
    let mut finders = Vec::new();
    for run in app.store().runs().await?.iter().filter(|run| told.contains(&run.id)) {
        if !sealed.contains(&run.id) {
            let agreement = run.agreement().unwrap_or_default();
            let vault = app.store().vault();
            let finder = crate::release::finder(vault, &agreement, &run.id, case_id)?;
            finders.push(finder.to_secret_text());
        }
    }
    Ok(finders)
}

fn view_of(app: &App, disclosed: &Disclosed) -> DisclosedView {
    let agreement = app.program().agreement();
    let named = |id: &str| {
        let party = agreement.parties.iter().find(|party| party.id.as_str() == id);
        party.map_or_else(|| id.to_owned(), |party| party.name.clone())
    };
    let source = app.program().source().map(|(source, _)| source.to_string());
    let purpose =
        agreement.purposes.iter().find(|purpose| purpose.id.as_str() == disclosed.purpose);
    DisclosedView {
        at: disclosed.at.to_string(),
        what: disclosed.elements.iter().map(|element| words(element)).collect(),
        from: source.map(|id| named(&id)).unwrap_or_default(),
        to: named(&disclosed.recipient),
        why: purpose.map_or_else(|| disclosed.purpose.clone(), |purpose| purpose.statement.clone()),
        agreement: agreement.title.clone(),
        entry: disclosed.ledger_index,
    }
}

/// Makes the receipt of a disclosure about the individual, with what opens their own values in it and nobody else's.
pub(crate) async fn receipt(app: &App, door: &AtTheDoor, index: u64) -> Result<String, Error> {
    let File { stored, lead, .. } = see(app, door).await?;
    let id = stored.case.id().clone();
    let (_, disclosed) = part(app, app.desk().store().disclosed_on(&id).await?).await?;
    if !disclosed.iter().any(|one| one.ledger_index == Some(index)) {
        return Err(Error::NotFound);
    }
    let register = app.store().register(&lead.run).await?;
    let disclosure = register.iter().find(|one| one.ledger_index == Some(index));
    let disclosure = disclosure.ok_or(Error::NotFound)?;
    let openings = app.store().openings(&disclosure.id).await?;
    let openings = openings
        .iter()
        .filter(|(of, _)| *of == id)
        .map(|(_, text)| {
            serde_json::from_str::<Opening>(text).map_err(|error| Error::failed(&error))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let reader = api::reader(app)?;
    let note = reader.note().clone();
    let receipt = reader.receipt(index, &note, openings).map_err(crate::Error::from)?;
    Ok(receipt.to_string())
}

/// Writes an element's name as a person would say it: `payroll.gross_pay` is "gross pay".
fn words(element: &str) -> String {
    element.rsplit('.').next().unwrap_or(element).replace('_', " ")
}

/// Says in plain words where a case stands, for the person.
fn stands(stage: CaseStage) -> &'static str {
    match stage {
        CaseStage::Lead => "Two records may be about you. Nobody has looked at them yet.",
        CaseStage::Reviewed | CaseStage::Verifying => {
            "Somebody looked at two records that may be about you. The facts are being checked. Nothing is decided."
        }
        CaseStage::Verified => {
            "The facts were checked. You will get a letter before anything is done."
        }
        CaseStage::Refuted => "The facts were checked, and nothing came of it.",
        CaseStage::Noticed => {
            "You were sent a letter. You can answer; nothing is done before your time to answer is over."
        }
        CaseStage::Contested => "You answered. Nothing is done until your answer is decided on.",
        CaseStage::Hearing => "There will be a hearing. Nothing is done until it is decided.",
        CaseStage::Decided => "Your answer was decided on.",
        CaseStage::Action => "Action was taken. It can be undone: you can still answer.",
        CaseStage::Correction => "Records are being put right, with us and with everybody we told.",
        CaseStage::Closed => "This is closed. Nothing more is done.",
    }
}

/// Says in plain words what was done; none for what is only the agency's own order of work.
fn in_words(kind: casework::StepKind) -> Option<&'static str> {
    use casework::StepKind as Kind;
    match kind {
        Kind::Review | Kind::Adjudicate => Some("An officer compared the two records."),
        Kind::Verify => Some("Checking of the facts began."),
        Kind::Find => Some("A finding was proposed."),
        Kind::Confirm => Some("A second officer confirmed the finding."),
        Kind::SendBack => Some("A second officer sent the finding back."),
        Kind::Refute => Some("The finding was dropped: the facts are otherwise."),
        Kind::ServeNotice => Some("The letter was sent to you."),
        Kind::NoteReturnedMail => Some("The letter came back."),
        Kind::FileContest => Some("Your answer came."),
        Kind::WithdrawContest => Some("Your answer was taken back."),
        Kind::OpenHearing => Some("A hearing was opened."),
        Kind::Decide => Some("Your answer was decided on."),
        Kind::TakeEmergencyMeasure => Some("A measure was taken that could not wait."),
        Kind::EndEmergencyMeasure => Some("That measure was ended."),
        Kind::TakeAction => Some("Action was taken."),
        Kind::Reverse => Some("The action was undone."),
        Kind::Correct => Some("Records are being put right."),
        Kind::Acknowledge => Some("An agency that we had told has put its record right."),
        Kind::TellIndividual => Some("You were told of it."),
        Kind::OpenDispute => Some("We asked the other agency whether its record is right."),
        Kind::AnswerDispute => Some("The other agency answered."),
        Kind::ReverseJudgement => Some("The comparison of the two records was taken back."),
        Kind::Close => Some("The case was closed."),
        Kind::Assign | Kind::DraftNotice => None,
    }
}
