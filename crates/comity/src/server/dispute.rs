//! Disputes between nodes: a recipient tells the source that its record is wrong, and the source must answer by a day
//! (5 U.S.C. 552a(d)(2), (e)(5)). A settled answer goes back to the recipient, whose case waits for it.
//!
//! Both travel as `message.rs` has it: signed, kept and recorded, acknowledged. The recipient's node sends a dispute
//! until the source has taken it, and again each day once its day has passed; the source's node sends its answer until the
//! recipient has taken it (`chase.rs`). What the answer is, an officer of the source says, through the gate
//! (`answer_dispute`); a machine only carries it.

use super::error::Problem;
use super::message::{self, Acknowledged, Signed};
use super::signature;
use super::visit::SignedIn;
use super::{App, Error};
use crate::desk::{Acted, Officer};
use crate::event::Event;
use agreement::{Act, ElementRef};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use casework::store::accounts::{AccountStore as _, Raised, Received};
use casework::{CaseStore as _, DisputeAnswer, LeadId, Settled};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Where a node takes disputes.
pub(crate) const PATH: &str = "/api/v1/disputes";
/// Where a node takes answers to its own.
pub(crate) const ANSWERS: &str = "/api/v1/disputes/answers";

/// How long words are at most, in characters.
const WORDS: usize = 4000;

/// A dispute as a recipient's node sends it to the source's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Dispute)]
pub struct Message {
    /// The sender's own number for it, unique: its case, and the step that opened it.
    #[schema(min_length = 1, max_length = 200)]
    pub number: String,
    /// The digest of the agreement under which the record was disclosed.
    pub agreement: String,
    /// The party that disputes.
    pub from: String,
    /// The party whose record it is.
    pub to: String,
    /// The lead's number, as it was disclosed.
    #[schema(min_length = 1, max_length = 200)]
    pub lead: String,
    /// The element, such as `payroll.gross_pay`.
    #[schema(min_length = 1, max_length = 200)]
    pub element: String,
    /// Why it is thought to be wrong, in words.
    #[schema(min_length = 1, max_length = 4000)]
    pub reason: String,
    /// By when it must be answered (RFC 3339).
    pub answer_due: String,
}

/// The source's answer to a dispute.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DisputeAnswer)]
pub struct Answer {
    /// The number of the dispute, as it was sent.
    #[schema(min_length = 1, max_length = 200)]
    pub number: String,
    /// The agreement's digest.
    pub agreement: String,
    /// The party that answers.
    pub from: String,
    /// The party that disputed.
    pub to: String,
    /// What it comes to.
    #[schema(value_type = String, pattern = "^(corrected|stands)$")]
    pub settled: Settled,
    /// Why, in words.
    #[schema(min_length = 1, max_length = 4000)]
    pub reason: String,
}

/// A dispute that came, for officers of the source.
#[derive(Serialize, ToSchema)]
#[schema(as = RaisedDispute)]
pub struct Came {
    /// When it was first taken (RFC 3339).
    pub at: String,
    /// The dispute.
    pub dispute: Message,
    /// Our answer, if it was given.
    pub answer: Option<Answer>,
    /// Whether the answer has been acknowledged.
    pub is_delivered: bool,
}

macro_rules! redacted {
    ($($type:ident),*) => { $(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), " [redacted]"))
            }
        }
    )* };
}

redacted!(Message, Answer, Came);

/// Takes a dispute of another party's node. It is signed (RFC 9421) with the key that the party's id stands for in this
/// node's settings.
#[utoipa::path(
    post,
    path = "/api/v1/disputes",
    tag = "disputes",
    request_body = Message,
    params(
        ("content-digest" = String, Header, description = "sha-256 of the body (RFC 9530)"),
        ("signature-input" = String, Header, description = "What is signed (RFC 9421): method, path, digest; created, keyid, alg, tag"),
        ("signature" = String, Header, description = "The signature, Ed25519"),
    ),
    responses(
        (status = 200, description = "Taken, now or before; signed over its body", body = Acknowledged),
        (status = 401, description = "Not signed by a party that is known here, over this body, about now", content_type = "application/problem+json", body = Problem),
        (status = 409, description = "The number came before with another message", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "Too long", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "No JSON", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "Not what it has to be", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store or the ledger cannot be written", content_type = "application/problem+json", body = Problem),
    )
)]
pub(crate) async fn take(State(app): State<App>, request: Request) -> Result<Response, Error> {
    let Signed { party, message, bytes, digest } =
        message::signed::<Message>(&app, request, PATH).await?;
    let due = check(&app, &party, &message)?;
    let received = Received {
        party: party.clone(),
        number: message.number.clone(),
        digest,
        body: app.secret().seal(&sealed_for(&party, &message.number), &bytes)?,
        at: app.now().as_second(),
    };
    let at = app.accounts().raise(&received, due.as_second()).await?.ok_or(Error::Again)?;
    // As with corrections: recorded before it is acknowledged, each time that it comes.
    let event = Event::DisputeReceived {
        from: party,
        agreement: message.agreement.clone(),
        message: signature::hex(&digest),
        due: due.to_string(),
    };
    app.node().await.record(vec![event]).await?;
    let at = Timestamp::from_second(at).map_err(|error| Error::failed(&error))?;
    message::acknowledge(&app, message.number, &digest, at)
}

/// Takes the source's answer to a dispute of ours.
#[utoipa::path(
    post,
    path = "/api/v1/disputes/answers",
    tag = "disputes",
    request_body = Answer,
    params(
        ("content-digest" = String, Header, description = "sha-256 of the body (RFC 9530)"),
        ("signature-input" = String, Header, description = "What is signed (RFC 9421): method, path, digest; created, keyid, alg, tag"),
        ("signature" = String, Header, description = "The signature, Ed25519"),
    ),
    responses(
        (status = 200, description = "Taken, now or before; signed over its body", body = Acknowledged),
        (status = 401, description = "Not signed by a party that is known here, over this body, about now", content_type = "application/problem+json", body = Problem),
        (status = 409, description = "It was answered otherwise before", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "Too long", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "No JSON", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "Not what it has to be, or of no dispute with that party", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store or the ledger cannot be written", content_type = "application/problem+json", body = Problem),
    )
)]
pub(crate) async fn take_answer(
    State(app): State<App>,
    request: Request,
) -> Result<Response, Error> {
    let Signed { party, message, digest, .. } =
        message::signed::<Answer>(&app, request, ANSWERS).await?;
    addressed(&app, &party, (&message.from, &message.to), &message.agreement)?;
    if message.reason.trim().is_empty() || message.reason.chars().count() > WORDS {
        return Err(Error::malformed("reason", "it must be 1 to 4000 characters"));
    }
    let nothing = || Error::malformed("number", "it is of no dispute that this party was sent");
    let (lead, step) = message.number.rsplit_once('/').ok_or_else(nothing)?;
    let step: u64 = step.parse().map_err(|_| nothing())?;
    let lead = LeadId::typed(lead);
    let case = app.store().case(&lead).await.map_err(|error| match error {
        casework::Error::NoSuchCase { .. } | casework::Error::NoSuchLead { .. } => nothing(),
        error => Error::from(crate::Error::from(error)),
    })?;
    let number = case.case.dispute_opened_by(step).ok_or_else(nothing)?;
    let place = number.saturating_sub(1) as usize;
    let dispute = case.case.disputes().get(place).ok_or_else(nothing)?;
    if dispute.objection().to.as_ref().map(agreement::PartyId::as_str) != Some(party.as_str()) {
        return Err(nothing());
    }
    let at = if let Some((settled, reason, at)) = dispute.answer() {
        if settled != message.settled || reason != message.reason {
            return Err(Error::Again);
        }
        at
    } else {
        let answer =
            DisputeAnswer { number, settled: message.settled, reason: message.reason.clone() };
        let digest = signature::hex(&digest);
        match app.desk().note_settled(&lead, answer, &digest).await? {
            Acted::Done(stored, _) => stored.case.last_at(),
            Acted::Refused(refusal) => return Err(Error::Refused(Box::new(refusal))),
            Acted::NotAllowed(why) => return Err(Error::NotAllowed { why: why.to_string() }),
        }
    };
    // Acknowledged once the ledger holds that it came.
    app.until_drained().await?;
    message::acknowledge(&app, message.number, &digest, at)
}

fn addressed(
    app: &App,
    party: &str,
    (from, to): (&str, &str),
    agreement: &str,
) -> Result<(), Error> {
    let wrong = |field: &str, why: &str| Err(Error::malformed(field, why));
    if from != party {
        return wrong("from", "it is not who signed");
    }
    if to != app.party().as_str() {
        return wrong("to", "it is not this node's party");
    }
    if agreement != app.program().digest.to_string() {
        return wrong("agreement", "it is not the agreement that is filed here");
    }
    Ok(())
}

/// Holds a dispute to what it has to be, and returns by when it must be answered.
fn check(app: &App, party: &str, dispute: &Message) -> Result<Timestamp, Error> {
    let wrong = |field: &str, why: &str| Error::malformed(field, why);
    addressed(app, party, (&dispute.from, &dispute.to), &dispute.agreement)?;
    for (field, text) in [("number", &dispute.number), ("lead", &dispute.lead)] {
        if !message::is_name(text) {
            return Err(wrong(field, "it must be 1 to 200 characters on one line"));
        }
    }
    if dispute.reason.trim().is_empty() || dispute.reason.chars().count() > WORDS {
        return Err(wrong("reason", "it must be 1 to 4000 characters"));
    }
    // Only what is ours can be disputed with us.
    let element: Option<ElementRef> = dispute.element.parse().ok();
    let sets = &app.program().agreement().record_sets;
    let set = element.and_then(|element| sets.iter().find(|set| set.id == element.record_set));
    if set.is_none_or(|set| set.owner != *app.party()) {
        return Err(wrong("element", "it is of no record set of this party"));
    }
    dispute.answer_due.parse().map_err(|_| wrong("answer_due", "it is no instant"))
}

fn sealed_for(party: &str, number: &str) -> String {
    format!("dispute {party} {number}")
}

fn answer_for(party: &str, number: &str) -> String {
    format!("answer {party} {number}")
}

/// Lists the disputes that other parties raised, those not answered first.
#[utoipa::path(
    get,
    path = "/api/v1/disputes",
    tag = "disputes",
    security(("key" = [])),
    responses(
        (status = 200, description = "The disputes that came", body = Vec<Came>),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    officer: SignedIn,
) -> Result<Json<Vec<Came>>, Error> {
    ask(&app, &officer.at_desk(), Vec::new()).await?;
    Ok(Json(came(&app).await?))
}

/// Says whether other parties get records of this one's, and so can dispute them.
pub(crate) fn gives(app: &App) -> bool {
    let sets = &app.program().agreement().record_sets;
    sets.iter().any(|set| set.owner == *app.party() && !set.returned.is_empty())
}

/// Asks the gate for an officer of this node's own party: what came is read in order to be answered.
pub(crate) async fn ask(app: &App, officer: &Officer, then: Vec<Event>) -> Result<(), Error> {
    if !gives(app) {
        // Nothing can have come, and there is nothing to answer.
        return Ok(());
    }
    let own = app.party().clone();
    let as_source = move |request: &mut agreement::CaseRequest| request.party = own;
    let asked = app.desk().permit(officer, Act::ANSWER_DISPUTE, as_source, then).await?;
    let ((), lines) = app.shown(asked)?;
    app.until_recorded(&lines).await
}

/// Returns the disputes that other parties raised, those not answered first.
///
/// # Errors
/// They cannot be read.
pub async fn came(app: &App) -> Result<Vec<Came>, Error> {
    let raised = app.accounts().raised(200).await?;
    raised.into_iter().map(|one| opened(app, &one)).collect()
}

fn opened(app: &App, one: &Raised) -> Result<Came, Error> {
    let (party, number) = (&one.message.party, &one.message.number);
    let bytes = app.secret().unseal(&sealed_for(party, number), &one.message.body)?;
    let dispute = serde_json::from_slice(&bytes).map_err(|error| Error::failed(&error))?;
    let at = Timestamp::from_second(one.message.at).map_err(|error| Error::failed(&error))?;
    let answer = one.answer.as_ref().map(|(sealed, _)| {
        let bytes = app.secret().unseal(&answer_for(party, number), sealed)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::failed(&error))
    });
    Ok(Came {
        at: at.to_string(),
        dispute,
        answer: answer.transpose()?,
        is_delivered: one.answer.is_some() && one.next.is_none(),
    })
}

/// Answers a dispute in an officer's name: asked of the gate, recorded, kept, and sent from then on.
///
/// # Errors
/// The gate refuses, it was answered before, or there is no such dispute.
pub async fn answer(
    app: &App,
    officer: &Officer,
    (party, number): (&str, &str),
    settled: Settled,
    reason: &str,
) -> Result<(), Error> {
    let raised = app.accounts().raised(u32::MAX).await?;
    let is_it = |one: &&Raised| one.message.party == party && one.message.number == number;
    let one = raised.iter().find(is_it).ok_or(Error::NotFound)?;
    if one.answer.is_some() {
        return Err(Error::Again);
    }
    let answer = Answer {
        number: number.to_owned(),
        agreement: app.program().digest.to_string(),
        from: app.party().to_string(),
        to: party.to_owned(),
        settled,
        reason: reason.to_owned(),
    };
    let bytes = serde_json::to_vec(&answer).map_err(|error| Error::failed(&error))?;
    let event = Event::DisputeAnswered {
        message: signature::hex(&one.message.digest),
        settled: settled.as_str().to_owned(),
    };
    // If we crash after this, the ledger says that it was answered and the officer is asked once more: no answer has left.
    ask(app, officer, vec![event]).await?;
    let sealed = app.secret().seal(&answer_for(party, number), &bytes)?;
    let at = app.now().as_second();
    if !app.accounts().answer_raised(party, number, &sealed, at).await? {
        return Err(Error::Again);
    }
    Ok(())
}

/// Sends a dispute to the source's node.
///
/// # Errors
/// As `message::deliver`.
pub async fn send(app: &App, sent: &Message) -> Result<String, crate::Error> {
    message::deliver(app, &sent.to, PATH, &sent.number, sent).await
}

/// Sends an answer to the node that disputed.
///
/// # Errors
/// It cannot be read, or as `message::deliver`.
pub(crate) async fn send_answer(app: &App, one: &Raised) -> Result<String, Error> {
    let answer = opened(app, one)?.answer.ok_or(Error::NotFound)?;
    Ok(message::deliver(app, &answer.to, ANSWERS, &answer.number, &answer).await?)
}
