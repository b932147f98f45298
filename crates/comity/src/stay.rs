//! Stays as the case store keeps them: recorded and lifted, whole or in part, each with its entry in the same transaction.
//!
//! A stay counts from the transaction that records it; whoever is releasing at that moment looks again before each chunk
//! (floor F8). Whether an officer may record or lift one, the gate says before; the command line records one without
//! asking, for when there is no time.

use crate::Error;
use crate::event::Event;
use crate::node::{drafts, mark};
use agreement::{Filed, Lift, Scope, Stay, StayKind};
use casework::{Database, Store as _};
use jiff::Timestamp;
use ledger::Commitments;

/// Records a stay, and returns its number.
///
/// # Errors
/// The store cannot be written.
pub(crate) async fn record(store: &Database, stay: &Stay) -> Result<i64, Error> {
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let mark = mark()?;
    let event = Event::StayRecorded {
        stay: mark.clone(),
        order: stay.order.clone(),
        authority: stay.authority.clone(),
        scope: serde_json::to_string(&stay.scope).map_err(|_| Error::UnspeakableEvent)?,
        from: instant(stay.from),
        until: instant(stay.until),
    };
    let text = serde_json::to_string(stay).map_err(|_| Error::UnspeakableEvent)?;
    let drafts = drafts(stay.recorded, vec![(event, Commitments::new())]);
    Ok(store.record_stay(&mark, &text, &stay.recorded.to_string(), &drafts).await?)
}

/// Returns a stay that was recorded and not lifted, with the mark that it has in the ledger.
///
/// # Errors
/// No such stay stands, or it cannot be read.
pub(crate) async fn standing(store: &Database, number: i64) -> Result<(Stay, String), Error> {
    let (_, stays) = store.stays().await?;
    let recorded = stays.into_iter().find(|stay| stay.number == number && stay.lifted.is_none());
    let recorded = recorded.ok_or(casework::Error::NoSuchStay { number })?;
    let stay = serde_json::from_str(&recorded.stay);
    Ok((stay.map_err(|_| Error::OldSummary { what: "stay" })?, recorded.mark))
}

/// Lifts a stay by an order of its own, or a part of it alone. Returns the number of what remains of it.
///
/// What remains is recorded first, under the order that the stay is under, so that nothing passes in between.
///
/// # Errors
/// No such stay stands, or the order is the one that it lifts.
pub(crate) async fn lift(
    store: &Database,
    number: i64,
    lift: Lift,
    part: Option<&Scope>,
) -> Result<Option<i64>, Error> {
    let (mut stay, mark) = standing(store, number).await?;
    if lift.order.trim().eq_ignore_ascii_case(stay.order.trim()) {
        return Err(Error::LiftedByItself { order: lift.order });
    }
    let rest = match part {
        None => None,
        Some(part) => Some(record(store, &stay.narrowed(part, lift.at)).await?),
    };
    // If we crash here both stand, and what was to be lifted is still halted: lifting it again goes through.
    let (order, at) = (lift.order.clone(), lift.at);
    let event =
        Event::StayLifted { stay: mark, by: order.clone(), authority: lift.authority.clone() };
    stay.lifted = Some(lift);
    let text = serde_json::to_string(&stay).map_err(|_| Error::UnspeakableEvent)?;
    let drafts = drafts(at, vec![(event, Commitments::new())]);
    store.lift_stay(number, &text, &order, &at.to_string(), &drafts).await?;
    Ok(rest)
}

/// Returns which names in a part that is to be lifted are of nothing here: what was meant by them would stay halted.
pub(crate) fn unknown(part: &Scope, filed: &Filed) -> Vec<String> {
    let stay = Stay {
        order: String::new(),
        authority: String::new(),
        kind: StayKind::Order,
        scope: part.clone(),
        recorded: Timestamp::UNIX_EPOCH,
        from: None,
        until: None,
        lifted: None,
    };
    stay.problems(filed)
}
