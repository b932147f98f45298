//! Corrections between two nodes of ours over TLS with certificates on both sides, on this machine; and what is not
//! taken for one.

use super::place::{Place, example, with_leads};
use agreement::{OfficerId, PartyId};
use axum::body::Body;
use casework::store::accounts::Role;
use casework::{CaseStore as _, CorrectionOrder, Standing, Step};
use comity::Error;
use comity::clock::Clock;
use comity::desk::{Acted, Officer};
use comity::server::config::{Peer, Tls};
use comity::server::correction::{Message, send};
use comity::server::{App, Config};
use http::{Request, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Makes an authority and, signed by it, a certificate for this machine for each name.
pub(crate) fn certificates(folder: &Path, names: &[&str]) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = KeyPair::generate().unwrap();
    std::fs::write(folder.join("authority.pem"), params.self_signed(&own).unwrap().pem()).unwrap();
    let authority = Issuer::new(params, own);
    for name in names {
        let key = KeyPair::generate().unwrap();
        let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate =
            CertificateParams::new(hosts).unwrap().signed_by(&key, &authority).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn tls(folder: &Path, name: &str) -> Tls {
    Tls {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
        authorities: Some(folder.join("authority.pem")),
    }
}

async fn open(folder: &Path, party: &str, change: impl FnOnce(&mut Config)) -> App {
    let mut config = Config::of_program(example());
    config.work = Some(folder.join(party));
    config.party = Some(party.to_owned());
    change(&mut config);
    App::open(config, Clock::fixed("2027-01-04T09:00:00Z".parse().unwrap())).await.unwrap()
}

fn parties(app: &App) -> (String, String) {
    let source = app.program().source().unwrap().0.to_string();
    let recipient = app.program().recipient().unwrap().0.to_string();
    (source, recipient)
}

/// The source's node, and the recipient's, each of which knows the other's key.
pub(crate) struct Pair {
    pub(crate) folder: TempDir,
    pub(crate) source: App,
    pub(crate) recipient: App,
    pub(crate) names: (String, String),
}

pub(crate) async fn pair(to_recipient: &str, to_source: &str, with_tls: bool) -> Pair {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path(), &["source", "recipient"]);
    // Their keys are made when they are first opened, and put into each other's settings then.
    let probe = Place::new().await;
    let names = parties(&probe.app);
    let path = folder.path();
    let source = open(path, &names.0, |_| {}).await.message_public_key();
    // A demonstration is signed with keys of its own: both nodes file the same one.
    copy(&path.join(&names.0).join("demonstration"), &path.join(&names.1).join("demonstration"));
    let keys = (source, open(path, &names.1, |_| {}).await.message_public_key());
    let source = open(path, &names.0, |config| {
        let peer = Peer { address: to_recipient.to_owned(), key: keys.1.clone() };
        config.parties.insert(names.1.clone(), peer);
        config.tls = with_tls.then(|| tls(path, "source"));
    })
    .await;
    let recipient = open(path, &names.1, |config| {
        let peer = Peer { address: to_source.to_owned(), key: keys.0.clone() };
        config.parties.insert(names.0.clone(), peer);
        config.tls = with_tls.then(|| tls(path, "recipient"));
    })
    .await;
    Pair { folder, source, recipient, names }
}

fn message(pair: &Pair) -> Message {
    Message {
        number: "2027Q1-0001/7".to_owned(),
        agreement: pair.source.program().digest.to_string(),
        from: pair.names.0.clone(),
        to: pair.names.1.clone(),
        lead: "2027Q1-0001".to_owned(),
        words: "the wages were of another person".to_owned(),
        splits: true,
    }
}

#[tokio::test]
async fn a_correction_reaches_the_recipient_and_its_signed_answer_comes_back_once_and_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pair = pair(&format!("https://localhost:{port}"), "https://localhost:1", true).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let recipient = pair.recipient.clone();
    let mut served = tokio::task::JoinSet::new();
    served.spawn(async move { recipient.serve(listener, async { drop(stopped.await) }).await });

    let message = message(&pair);
    let first = send(&pair.source, &message).await.unwrap();
    let again = send(&pair.source, &message).await.unwrap();
    assert_eq!(first, again, "the same message has the same answer");
    let other = Message { words: "something else".to_owned(), ..message.clone() };
    let refused = send(&pair.source, &other).await.unwrap_err();
    assert!(refused.to_string().contains("it answers 409"), "{refused}");
    // A party that does not trust the certificate, or whose address is another's, gets nothing.
    let stranger = TempDir::new().unwrap();
    certificates(stranger.path(), &["source"]);
    let unknown = open(stranger.path(), &pair.names.0, |config| {
        config.parties = pair.source.config().parties.clone();
        config.tls = Some(tls(stranger.path(), "source"));
    })
    .await;
    assert!(matches!(send(&unknown, &message).await, Err(Error::Unreachable { .. })));

    let came = comity::server::correction::came(&pair.recipient).await.unwrap();
    let [one] = came.as_slice() else { panic!("one correction, not {}", came.len()) };
    assert_eq!(one.correction, message);
    stop.send(()).unwrap();
    served.join_next().await.unwrap().unwrap().unwrap();
    // The ledger of who got it says so, and nothing of what it says.
    let ledger = pair.folder.path().join(&pair.names.1).join("ledger");
    let mut bytes = Vec::new();
    for file in walk(&ledger) {
        bytes.extend(std::fs::read(file).unwrap());
    }
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("correction.received"));
    assert!(!has("2027Q1-0001") && !has("wages"));
}

/// Stops a node, and starts it again ten minutes later.
pub(crate) async fn reopened(app: App) -> App {
    let config = app.config().clone();
    drop(app);
    App::open(config, Clock::fixed("2027-01-04T09:10:00Z".parse().unwrap())).await.unwrap()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for file in walk(from) {
        let place = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(file, place).unwrap();
    }
}

pub(crate) fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_is_not_signed_by_a_party_that_is_known_is_not_taken() {
    let pair = pair("http://127.0.0.1:1", "http://127.0.0.1:1", false).await;
    let place = Place::new().await;
    let body = serde_json::to_string(&message(&pair)).unwrap();
    let post = || Request::post("/api/v1/corrections").header("content-type", "application/json");
    let input = |party: &str| {
        format!(
            "sig=(\"@method\" \"@path\" \"content-digest\");created=1799053200;keyid=\"{party}\";alg=\"ed25519\";tag=\"comity-1\""
        )
    };
    for headers in [
        vec![],
        vec![("signature-input", "x".to_owned())],
        vec![("signature-input", input("nobody"))],
        vec![("signature-input", input(&pair.names.0)), ("signature", "sig=:AAAA:".to_owned())],
        vec![
            ("signature-input", input(&pair.names.0)),
            ("signature", "sig=::".to_owned()),
            ("content-digest", "sha-256=::".to_owned()),
        ],
    ] {
        let mut request = post();
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let router = pair.recipient.router();
        let request = request.body(Body::from(body.clone())).unwrap();
        let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{headers:?}");
    }
    assert!(comity::server::correction::came(&pair.recipient).await.unwrap().is_empty());
    let request = Request::post("/api/v1/corrections").body(Body::from("x")).unwrap();
    assert_eq!(place.call(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn corrections_that_came_are_the_privacy_officers_to_read() {
    let place = Place::new().await;
    for (role, status) in
        [(Role::PrivacyOfficer, StatusCode::OK), (Role::Reviewer, StatusCode::FORBIDDEN)]
    {
        place.officer(role.as_str(), &[role]).await;
        let key = place.key(role.as_str()).await;
        let answer = place.program(&key, "GET", "/api/v1/corrections", None).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_correction_that_an_officer_orders_is_sent_until_it_is_acknowledged_and_the_case_says_so()
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pair = pair("https://localhost:1", &format!("https://localhost:{port}"), true).await;
    let (app, other) = (&pair.recipient, &pair.names.0);
    let id = with_leads(app).await;
    let roles = BTreeSet::from([Role::PrivacyOfficer]);
    let officer = Officer { id: OfficerId::new("privacy-1").unwrap(), roles };
    let order = Step::Correct(CorrectionOrder {
        words: "the wages were of another person".to_owned(),
        recipients: BTreeSet::from([PartyId::new(other).unwrap()]),
        splits: true,
        language: "en".to_owned(),
    });
    let acted = app.desk().act(&officer, &id, 0, order).await.unwrap();
    assert!(matches!(acted, Acted::Done(..)), "{acted:?}");
    // The other party's node is not there yet: it is asked again later, and not at once.
    drop(listener);
    assert_eq!(app.chase_once().await.unwrap(), 0);
    let waiting = app.desk().store().corrections_of(&id).await.unwrap().remove(0);
    assert_eq!((waiting.delivery.attempts, waiting.delivery.acknowledged_at), (1, None));
    assert_eq!(app.chase_once().await.unwrap(), 0);
    let waiting = app.desk().store().corrections_of(&id).await.unwrap().remove(0);
    assert_eq!(waiting.delivery.attempts, 1, "its time has not come");

    // Ten minutes later it is due, and the node is there.
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let Pair { folder, source, recipient, names } = pair;
    let (source, app) = (reopened(source).await, reopened(recipient).await);
    let mut served = tokio::task::JoinSet::new();
    served.spawn({
        let source = source.clone();
        async move { source.serve(listener, async { drop(stopped.await) }).await }
    });
    assert_eq!(app.chase_once().await.unwrap(), 1);
    let case = app.desk().store().case(&id).await.unwrap().case;
    let Standing::Correction(correction) = case.standing() else { panic!("{:?}", case.stage()) };
    assert_eq!(correction.outstanding().count(), 0);
    assert_eq!(
        correction.acknowledged().keys().map(PartyId::as_str).collect::<Vec<_>>(),
        [names.0.as_str()]
    );
    assert_eq!(app.chase_once().await.unwrap(), 0);
    assert_eq!(comity::server::correction::came(&source).await.unwrap().len(), 1);
    stop.send(()).unwrap();
    served.join_next().await.unwrap().unwrap().unwrap();
    drop(folder);
}
