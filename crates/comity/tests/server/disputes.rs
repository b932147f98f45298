//! Disputes between two nodes of ours over TLS with certificates on both sides: from the recipient's case to the source's
//! officer, and the answer back.

use super::corrections::{Pair, pair, reopened, walk};
use super::place::with_leads;
use agreement::{OfficerId, PartyId};
use casework::store::accounts::Role;
use casework::{CaseStore as _, Objection, Settled, Step};
use comity::clock::Clock;
use comity::desk::{Acted, Officer};
use comity::server::dispute::{Message, answer, came, send};
use comity::server::{App, Error};
use jiff::Timestamp;
use std::future::Future;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn officer(name: &str, role: Role) -> Officer {
    Officer { id: OfficerId::new(name).unwrap(), roles: [role].into() }
}

/// Serves a node while something is done.
async fn while_served<T>(app: &App, port: u16, work: impl Future<Output = T>) -> T {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = app.clone();
    let mut served = JoinSet::new();
    served.spawn(async move { serving.serve(listener, async { drop(stopped.await) }).await });
    let done = work.await;
    stop.send(()).unwrap();
    served.join_next().await.unwrap().unwrap().unwrap();
    done
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn ledger_says(app: &App, kind: &str) -> bool {
    let work = app.config().work.clone().unwrap();
    walk(&work.join("ledger")).iter().any(|file| {
        let bytes = std::fs::read(file).unwrap();
        bytes.windows(kind.len()).any(|window| window == kind.as_bytes())
    })
}

#[tokio::test]
async fn a_dispute_is_chased_until_the_source_has_taken_it_and_its_answer_until_it_is_noted() {
    let (here, there) = (free_port().await, free_port().await);
    let address = |port: u16| format!("https://localhost:{port}");
    let Pair { folder, source, recipient, names } =
        pair(&address(here), &address(there), true).await;
    let id = with_leads(&recipient).await;
    let privacy = officer("privacy-1", Role::PrivacyOfficer);
    let due = at("2027-02-04T09:00:00Z");
    let open = Step::OpenDispute(Objection {
        element: "payroll.gross_pay".parse().unwrap(),
        reason: "the pay is of another month".to_owned(),
        answer_due: due,
        to: Some(PartyId::new(&names.0).unwrap()),
    });
    let acted = recipient.desk().act(&privacy, &id, 0, open).await.unwrap();
    assert!(matches!(acted, Acted::Done(..)), "{acted:?}");
    // The source's node is not there: it is asked again later, and not at once.
    assert_eq!(recipient.chase_once().await.unwrap(), 0);
    assert_eq!(recipient.chase_once().await.unwrap(), 0);
    let sent = recipient.desk().store().corrections_of(&id).await.unwrap().remove(0);
    assert_eq!(sent.delivery.attempts, 1);

    let (source, recipient) = (reopened(source).await, reopened(recipient).await);
    let taken =
        Box::pin(while_served(&source, there, async { recipient.chase_once().await.unwrap() }))
            .await;
    assert_eq!(taken, 1);
    assert_eq!(recipient.chase_once().await.unwrap(), 0, "it is taken, and not yet due");
    let waiting = came(&source).await.unwrap().remove(0);
    assert_eq!(waiting.dispute.lead, id.to_string());
    assert_eq!(waiting.dispute.answer_due, due.to_string());
    assert!(waiting.answer.is_none() && !waiting.is_delivered);

    // Its day has passed without an answer: it is asked for again, and is one dispute still.
    let config = recipient.config().clone();
    drop(recipient);
    let late = Clock::fixed(due);
    let recipient = App::open(config, late.clone()).await.unwrap();
    let config = source.config().clone();
    drop(source);
    let source = App::open(config, late).await.unwrap();
    let again =
        Box::pin(while_served(&source, there, async { recipient.chase_once().await.unwrap() }))
            .await;
    assert_eq!(again, 1);
    assert_eq!(came(&source).await.unwrap().len(), 1);

    // An officer of the source answers, through the gate and once; nobody else does.
    let number = waiting.dispute.number.clone();
    let of = (names.1.as_str(), number.as_str());
    let words = "the employer has sent the right month";
    let reviewer = officer("reviewer-9", Role::Reviewer);
    let refused = answer(&source, &reviewer, of, Settled::Corrected, words).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let verifier = officer("verifier-9", Role::Verifier);
    answer(&source, &verifier, of, Settled::Corrected, words).await.unwrap();
    let twice = answer(&source, &verifier, of, Settled::Stands, words).await;
    assert!(matches!(twice, Err(Error::Again)), "{twice:?}");
    assert_eq!(source.chase_once().await.unwrap(), 0, "the recipient's node is not there");

    // Ten minutes later it is: the answer arrives, is noted once, and ends the sending on both sides.
    let later = Clock::fixed(at("2027-02-04T09:10:00Z"));
    let config = source.config().clone();
    drop(source);
    let source = App::open(config, later.clone()).await.unwrap();
    let config = recipient.config().clone();
    drop(recipient);
    let recipient = App::open(config, later).await.unwrap();
    let noted =
        Box::pin(while_served(&recipient, here, async { source.chase_once().await.unwrap() }))
            .await;
    assert_eq!(noted, 1);
    assert_eq!(source.chase_once().await.unwrap(), 0);
    assert!(came(&source).await.unwrap()[0].is_delivered);
    let case = recipient.desk().store().case(&id).await.unwrap().case;
    let (settled, reason, _) = case.disputes()[0].answer().unwrap();
    assert_eq!((settled, reason), (Settled::Corrected, words));
    assert_eq!(recipient.chase_once().await.unwrap(), 0);
    for (app, kinds) in [
        (&source, ["dispute.received", "dispute.answered"]),
        (&recipient, ["dispute.sent", "dispute.settled"]),
    ] {
        for kind in kinds {
            assert!(ledger_says(app, kind), "{kind}");
        }
        assert!(!ledger_says(app, "another month"), "nothing of what it says");
    }
    drop(folder);
}

#[tokio::test]
async fn what_is_not_the_sources_own_is_not_taken_for_a_dispute() {
    let port = free_port().await;
    let pair = pair("https://localhost:1", &format!("https://localhost:{port}"), true).await;
    let message = |element: &str, agreement: &str| Message {
        number: "2027Q1-0001/1".to_owned(),
        agreement: agreement.to_owned(),
        from: pair.names.1.clone(),
        to: pair.names.0.clone(),
        lead: "2027Q1-0001".to_owned(),
        element: element.to_owned(),
        reason: "it is wrong".to_owned(),
        answer_due: "2027-02-04T09:00:00Z".to_owned(),
    };
    let agreement = pair.source.program().digest.to_string();
    while_served(&pair.source, port, async {
        for (element, under) in [
            ("caseload.declared_income", agreement.as_str()),
            ("payroll", &agreement),
            ("payroll.gross_pay", "sha256:00"),
        ] {
            let refused = send(&pair.recipient, &message(element, under)).await.unwrap_err();
            assert!(refused.to_string().contains("it answers 422"), "{refused}");
        }
        let mut other = message("payroll.gross_pay", &agreement);
        send(&pair.recipient, &other).await.unwrap();
        other.reason = "something else".to_owned();
        let refused = send(&pair.recipient, &other).await.unwrap_err();
        assert!(refused.to_string().contains("it answers 409"), "{refused}");
    })
    .await;
    assert_eq!(came(&pair.source).await.unwrap().len(), 1);
}
