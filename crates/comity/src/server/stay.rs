//! Stays over HTTP: recorded and lifted by an officer, under the gate's leave. They count from the transaction that
//! records them; whoever is releasing at that moment looks again before each chunk (floor F8).
//!
//! The command line records a stay without a server too (`comity stay`), for when there is no time.

use super::ask::ask;
use super::visit::SignedIn;
use super::{App, Error};
use crate::event::Event;
use crate::node::{drafts, mark};
use agreement::{Act, Lift, Stay};
use casework::Store as _;
use jiff::Timestamp;
use ledger::Commitments;

/// A stay that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number here.
    pub number: i64,
    /// Names in its scope that the agreement does not have: all of their sort is covered until that is put right.
    pub doubts: Vec<String>,
}

/// A stay as it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its number here.
    pub number: i64,
    /// The stay.
    pub stay: Stay,
}

/// Records a stay. It counts from now, whatever it says.
pub(crate) async fn record(
    app: &App,
    officer: &SignedIn,
    mut stay: Stay,
) -> Result<Recorded, Error> {
    if stay.order.trim().is_empty() || stay.authority.trim().is_empty() {
        return Err(Error::malformed("order", "a stay names its order and who gave it"));
    }
    if let (Some(from), Some(until)) = (stay.from, stay.until)
        && until <= from
    {
        return Err(Error::malformed("until", "it must be after `from`"));
    }
    stay.recorded = app.now();
    stay.lifted = None;
    ask(app, officer, Act::RECORD_STAY, |request| {
        request.stay = Some(stay.clone());
    })
    .await?;
    let spelled = |scope| serde_json::to_string(scope).map_err(|error| Error::failed(&error));
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let mark = mark()?;
    let event = Event::StayRecorded {
        stay: mark.clone(),
        order: stay.order.clone(),
        authority: stay.authority.clone(),
        scope: spelled(&stay.scope)?,
        from: instant(stay.from),
        until: instant(stay.until),
    };
    let text = serde_json::to_string(&stay).map_err(|error| Error::failed(&error))?;
    let drafts = drafts(stay.recorded, vec![(event, Commitments::new())]);
    let number = app.store().record_stay(&mark, &text, &stay.recorded.to_string(), &drafts).await?;
    app.drain_soon();
    Ok(Recorded { number, doubts: stay.problems(&app.program().filed) })
}

/// Lifts a stay, by an order of its own.
pub(crate) async fn lift(
    app: &App,
    officer: &SignedIn,
    number: i64,
    order: &str,
    authority: &str,
) -> Result<(), Error> {
    let (_, stays) = app.store().stays().await?;
    let recorded = stays.iter().find(|stay| stay.number == number && stay.lifted.is_none());
    let recorded = recorded.ok_or(Error::NotFound)?;
    let mut stay: Stay =
        serde_json::from_str(&recorded.stay).map_err(|error| Error::failed(&error))?;
    let at = app.now();
    let lift = Lift { order: order.to_owned(), authority: authority.to_owned(), at };
    ask(app, officer, Act::LIFT_STAY, |request| {
        request.stay = Some(stay.clone());
        request.lift = Some(lift.clone());
    })
    .await?;
    stay.lifted = Some(lift);
    let event = Event::StayLifted {
        stay: recorded.mark.clone(),
        by: order.to_owned(),
        authority: authority.to_owned(),
    };
    let text = serde_json::to_string(&stay).map_err(|error| Error::failed(&error))?;
    let drafts = drafts(at, vec![(event, Commitments::new())]);
    app.store().lift_stay(number, &text, order, &at.to_string(), &drafts).await?;
    app.drain_soon();
    Ok(())
}

/// Returns every stay that was recorded here, oldest first.
pub(crate) async fn list(app: &App) -> Result<Vec<Standing>, Error> {
    let (_, stays) = app.store().stays().await?;
    let read = |stay: &casework::RecordedStay| {
        let read = serde_json::from_str(&stay.stay).map_err(|error| Error::failed(&error))?;
        Ok(Standing { number: stay.number, stay: read })
    };
    stays.iter().map(read).collect()
}
