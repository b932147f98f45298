//! Stays over HTTP: recorded and lifted by an officer, under the gate's leave.
//!
//! The command line records a stay without a server too (`comity stay`), for when there is no time.

use super::ask::ask;
use super::visit::SignedIn;
use super::{App, Error};
use agreement::{Act, Lift, Scope, Stay};
use casework::Store as _;

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
    let number = crate::stay::record(app.store(), &stay).await?;
    app.drain_soon();
    Ok(Recorded { number, doubts: stay.problems(&app.program().filed) })
}

/// Lifts a stay, or a part of it alone, by an order of its own. Returns the number of what remains of it.
pub(crate) async fn lift(
    app: &App,
    officer: &SignedIn,
    number: i64,
    (order, authority): (&str, &str),
    part: Option<&Scope>,
) -> Result<Option<i64>, Error> {
    let (stay, _) = crate::stay::standing(app.store(), number).await?;
    let at = app.now();
    let lift = Lift { order: order.to_owned(), authority: authority.to_owned(), at };
    ask(app, officer, Act::LIFT_STAY, |request| {
        request.stay = Some(stay);
        request.lift = Some(lift.clone());
    })
    .await?;
    let rest = crate::stay::lift(app.store(), number, lift, part).await?;
    app.drain_soon();
    Ok(rest)
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
