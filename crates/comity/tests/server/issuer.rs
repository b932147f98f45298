//! Signing in by OpenID Connect, at a small issuer of our own on this machine that signs with keys made for the test;
//! and everything that it may say which proves nothing.

use super::corrections::certificates;
use super::place::{Answer, Browser, Place, location, with_leads};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use casework::store::accounts::{AccountStore as _, Role};
use comity::server::Config;
use comity::server::config::Issuer;
use http::{HeaderMap, StatusCode};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeys;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What signs tokens.
enum Key {
    Rsa(RsaKeys),
    Curve(EcdsaKeyPair),
    /// The public key's bytes as a shared secret: what a forger tries who only knows what is published.
    Shared(Vec<u8>),
    None,
}

fn rsa() -> Key {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.der");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        .args(["-outform", "DER", "-out"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made = std::fs::read(path).unwrap();
    // As DER, versions of OpenSSL write PKCS #8 or the key alone.
    Key::Rsa(RsaKeys::from_pkcs8(&made).or_else(|_| RsaKeys::from_der(&made)).unwrap())
}

fn curve() -> Key {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    Key::Curve(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap())
}

fn part(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Key {
    fn algorithm(&self) -> &'static str {
        match self {
            Key::Rsa(_) => "RS256",
            Key::Curve(_) => "ES256",
            Key::Shared(_) => "HS256",
            Key::None => "none",
        }
    }

    /// Signs as RFC 7515 has it.
    fn token(&self, name: &str, claims: &Value) -> String {
        let head = json!({ "alg": self.algorithm(), "kid": name, "typ": "JWT" });
        let signed = format!("{}.{}", part(head.to_string()), part(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match self {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let padding = &ring::signature::RSA_PKCS1_SHA256;
                key.sign(padding, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
            Key::Curve(key) => key.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Key::Shared(secret) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
                ring::hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
            Key::None => Vec::new(),
        };
        format!("{signed}.{}", part(signature))
    }

    fn published(&self, name: &str) -> Value {
        let mut key = match self {
            Key::Rsa(key) => {
                let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "n": part(public.n), "e": part(public.e) })
            }
            Key::Curve(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": part(x), "y": part(y) })
            }
            Key::Shared(_) | Key::None => panic!("it is not published"),
        };
        key["kid"] = json!(name);
        key["use"] = json!("sig");
        key["alg"] = json!(self.algorithm());
        key
    }
}

/// What a code stands for.
struct Code {
    challenge: String,
    token: String,
}

struct Inner {
    keys: BTreeMap<String, Key>,
    codes: BTreeMap<String, Code>,
    count: u32,
}

/// An issuer that is served until it is dropped.
struct Provider {
    address: String,
    inner: Arc<Mutex<Inner>>,
    _served: JoinSet<()>,
}

type Shared = State<(String, Arc<Mutex<Inner>>)>;

async fn configuration(State((address, _)): Shared) -> Json<Value> {
    Json(json!({
        "issuer": address,
        "authorization_endpoint": format!("{address}/authorize"),
        "token_endpoint": format!("{address}/token"),
        "jwks_uri": format!("{address}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // It says more than is taken.
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
    }))
}

async fn keys(State((_, inner)): Shared) -> Json<Value> {
    let inner = inner.lock().unwrap();
    let keys: Vec<_> = inner.keys.iter().map(|(name, key)| key.published(name)).collect();
    Json(json!({ "keys": keys }))
}

/// Gives the token of a code: once, to this node by its secret, to whoever knows what the challenge is of.
async fn token(State((_, inner)): Shared, headers: HeaderMap, body: String) -> Response {
    let secret = format!("Basic {}", BASE64_STANDARD.encode("comity:between-the-two-of-us"));
    let fields: BTreeMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let code = inner.lock().unwrap().codes.remove(&fields["code"]);
    let challenge = part(Sha256::digest(fields["code_verifier"].as_bytes()));
    let is_ours = headers.get("authorization").is_some_and(|value| *value == *secret)
        && fields["grant_type"] == "authorization_code"
        && fields["redirect_uri"].starts_with("https://node.example/");
    match code.filter(|code| is_ours && code.challenge == challenge) {
        Some(code) => Json(json!({
            "access_token": "none of ours", "token_type": "Bearer", "id_token": code.token,
        }))
        .into_response(),
        None => {
            (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response()
        }
    }
}

impl Provider {
    async fn start() -> Provider {
        Provider::start_over(None).await
    }

    /// Starts it encrypted, or not.
    async fn start_over(tls: Option<TlsAcceptor>) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = match &tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let keys = BTreeMap::from([("one".to_owned(), rsa()), ("two".to_owned(), curve())]);
        let inner = Arc::new(Mutex::new(Inner { keys, codes: BTreeMap::new(), count: 0 }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(self::keys))
            .route("/token", post(token))
            .with_state((address.clone(), Arc::clone(&inner)));
        let mut served = JoinSet::new();
        served.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let answered = hyper::server::conn::http1::Builder::new();
                if let Some(tls) = &tls {
                    // Whoever does not trust it says so, and is gone.
                    let Ok(stream) = tls.accept(stream).await else { continue };
                    let io = hyper_util::rt::TokioIo::new(stream);
                    drop(answered.serve_connection(io, service).await);
                } else {
                    let io = hyper_util::rt::TokioIo::new(stream);
                    drop(answered.serve_connection(io, service).await);
                }
            }
        });
        Provider { address, inner, _served: served }
    }

    /// Names it in the settings, for both doors.
    fn set(&self, folder: &std::path::Path) -> impl FnOnce(&mut Config) {
        let secret = folder.join("issuer.secret");
        std::fs::write(&secret, "between-the-two-of-us\n").unwrap();
        let issuer = Issuer {
            address: self.address.clone(),
            name: "Example Login".to_owned(),
            client: "comity".to_owned(),
            secret: Some(secret),
            authorities: None,
            levels: Vec::new(),
        };
        move |config| {
            config.issuers.officers = Some(issuer.clone());
            config.issuers.individuals = Some(issuer);
        }
    }

    /// What somebody does who signs in at the issuer: takes what the node asked for, and gets a code for it.
    fn authorize(&self, asked: &Asked, key: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": self.address, "aud": "comity", "sub": "7b1", "nonce": asked.of("nonce"),
            "iat": asked.now, "exp": asked.now + 300,
        });
        change(&mut claims);
        let token = self.inner.lock().unwrap().keys[key].token(key, &claims);
        self.code(asked, token)
    }

    fn code(&self, asked: &Asked, token: String) -> String {
        assert_eq!(asked.of("code_challenge_method"), "S256");
        assert_eq!(asked.of("response_type"), "code");
        let mut inner = self.inner.lock().unwrap();
        inner.count += 1;
        let code = format!("code-{}", inner.count);
        inner.codes.insert(code.clone(), Code { challenge: asked.of("code_challenge"), token });
        code
    }
}

/// What the node asked of the issuer.
struct Asked {
    query: BTreeMap<String, String>,
    now: i64,
}

impl Asked {
    fn of(&self, name: &str) -> String {
        self.query[name].clone()
    }

    fn read(address: &str, place: &Place) -> Asked {
        let (_, query) = address.split_once('?').expect("it asks for something");
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Asked { query, now: place.now().as_second() }
    }
}

/// Begins to sign in, and returns what the issuer is asked.
async fn begin(place: &Place, browser: &mut Browser, path: &str) -> Asked {
    let answer = place.get(browser, path).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    Asked::read(location(&answer), place)
}

async fn back(place: &Place, browser: &mut Browser, path: &str, code: &str, state: &str) -> Answer {
    place.get(browser, &format!("{path}/back?code={code}&state={state}")).await
}

const OFFICERS: &str = "/sign-in/issuer";
const INDIVIDUALS: &str = "/me/sign-in/issuer";

fn is_in(answer: &Answer, browser: &Browser) -> bool {
    answer.status == StatusCode::SEE_OTHER && browser.cookies.contains_key("__Host-session")
}

async fn place(provider: &Provider) -> (Place, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let place = place_with(provider, provider.set(folder.path())).await;
    (place, folder)
}

async fn place_with(provider: &Provider, set: impl FnOnce(&mut Config)) -> Place {
    let place = Place::with(|config| {
        set(config);
        config.limits.sign_ins_a_minute = 1000;
    })
    .await;
    let issued = Some((provider.address.clone(), "7b1".to_owned()));
    let roles = [Role::Reviewer].into();
    let made = place.app.door().add("officer-1", "Officer", None, issued, &roles, place.now());
    assert!(made.await.unwrap().is_none(), "no password");
    place
}

#[tokio::test]
async fn an_officer_comes_in_by_either_kind_of_key_and_has_the_roles_that_are_ours() {
    let provider = Provider::start().await;
    let (place, _folder) = place(&provider).await;
    let page = place.get(&mut Browser::default(), "/sign-in").await;
    assert!(page.body.contains("Sign in with Example Login"), "{}", page.body);
    for key in ["one", "two"] {
        let mut browser = Browser::default();
        let asked = begin(&place, &mut browser, &format!("{OFFICERS}?next=/cases")).await;
        assert_eq!(asked.of("redirect_uri"), "https://node.example/sign-in/issuer/back");
        let code = provider.authorize(&asked, key, |_| {});
        let answer = back(&place, &mut browser, OFFICERS, &code, &asked.of("state")).await;
        assert!(is_in(&answer, &browser), "{key} {}", answer.body);
        assert_eq!(location(&answer), "/cases");
        assert_eq!(place.get(&mut browser, "/cases").await.status, StatusCode::OK);
        assert_eq!(place.get(&mut browser, "/ledger").await.status, StatusCode::FORBIDDEN);
    }
    // Whom the issuer knows and we do not is told as whom, and is not in.
    let mut browser = Browser::default();
    let asked = begin(&place, &mut browser, OFFICERS).await;
    let code = provider.authorize(&asked, "one", |claims| claims["sub"] = json!("somebody else"));
    let answer = back(&place, &mut browser, OFFICERS, &code, &asked.of("state")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("somebody else") && !is_in(&answer, &browser));
    // A closed account is closed at this door too.
    place.app.accounts().close_account("officer-1", place.now().as_second()).await.unwrap();
    let asked = begin(&place, &mut browser, OFFICERS).await;
    let code = provider.authorize(&asked, "one", |_| {});
    let answer = back(&place, &mut browser, OFFICERS, &code, &asked.of("state")).await;
    assert!(!is_in(&answer, &browser), "{}", answer.body);
}

async fn comes_in(
    place: &Place,
    provider: &Provider,
    key: &str,
    change: impl FnOnce(&mut Value),
) -> bool {
    let mut browser = Browser::default();
    let asked = begin(place, &mut browser, OFFICERS).await;
    let code = provider.authorize(&asked, key, change);
    let answer = back(place, &mut browser, OFFICERS, &code, &asked.of("state")).await;
    is_in(&answer, &browser)
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_found_and_one_that_it_took_back_counts_no_more() {
    let provider = Provider::start().await;
    let (place, _folder) = place(&provider).await;
    assert!(comes_in(&place, &provider, "one", |_| {}).await);
    let old = {
        let mut inner = provider.inner.lock().unwrap();
        inner.keys.insert("three".to_owned(), curve());
        inner.keys.remove("one").unwrap()
    };
    assert!(comes_in(&place, &provider, "three", |_| {}).await, "it is asked once more");
    assert!(comes_in(&place, &provider, "two", |_| {}).await, "the other goes on");
    // Signed with the key that is not published any more, under its old name and under a new one.
    for name in ["one", "three"] {
        let mut browser = Browser::default();
        let asked = begin(&place, &mut browser, OFFICERS).await;
        let claims = json!({
            "iss": provider.address, "aud": "comity", "sub": "7b1", "nonce": asked.of("nonce"),
            "iat": asked.now, "exp": asked.now + 300,
        });
        let code = provider.code(&asked, old.token(name, &claims));
        let answer = back(&place, &mut browser, OFFICERS, &code, &asked.of("state")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(!browser.cookies.contains_key("__Host-session"), "{name}");
    }
}

#[tokio::test]
async fn a_level_that_was_asked_for_is_asked_of_the_issuer_and_of_its_token() {
    const HIGH: &str = "urn:example:high";
    let provider = Provider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let set = provider.set(folder.path());
    let place = place_with(&provider, |config| {
        set(config);
        let officers = config.issuers.officers.as_mut().unwrap();
        officers.levels = vec!["urn:example:highest".to_owned(), HIGH.to_owned()];
    })
    .await;
    let asked = begin(&place, &mut Browser::default(), OFFICERS).await;
    assert_eq!(asked.of("acr_values"), format!("urn:example:highest {HIGH}"));
    assert!(comes_in(&place, &provider, "one", |claims| claims["acr"] = json!(HIGH)).await);
    assert!(!comes_in(&place, &provider, "one", |_| {}).await, "it says no level");
    for other in ["urn:example:low", "", "urn:example:high "] {
        let is_in = comes_in(&place, &provider, "one", |claims| claims["acr"] = json!(other)).await;
        assert!(!is_in, "`{other}`");
    }
}

#[tokio::test]
async fn an_issuer_is_believed_over_tls_by_the_authority_that_the_settings_name_and_by_no_other() {
    let (trusted, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificates(trusted.path(), &["issuer"]);
    certificates(other.path(), &["issuer"]);
    let chain = CertificateDer::pem_file_iter(trusted.path().join("issuer.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(trusted.path().join("issuer.key")).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key)
        .unwrap();
    let provider = Provider::start_over(Some(TlsAcceptor::from(Arc::new(config)))).await;
    for (authority, believed) in [(trusted.path(), true), (other.path(), false)] {
        let set = provider.set(trusted.path());
        let authorities = Some(authority.join("authority.pem"));
        let place = place_with(&provider, |config| {
            set(config);
            config.issuers.officers.as_mut().unwrap().authorities = authorities.clone();
            config.issuers.individuals.as_mut().unwrap().authorities = authorities;
        })
        .await;
        if believed {
            assert!(comes_in(&place, &provider, "one", |_| {}).await);
        } else {
            let answer = place.get(&mut Browser::default(), OFFICERS).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_token_that_is_forged_or_over_or_of_another_time_client_or_issuer_lets_nobody_in() {
    let provider = Provider::start().await;
    let (place, _folder) = place(&provider).await;
    let now = place.now().as_second();
    let modulus = {
        let inner = provider.inner.lock().unwrap();
        inner.keys["one"].published("one").to_string()
    };
    let changes: [(&str, Value); 9] = [
        ("exp", json!(now)),
        ("exp", json!(now - 1)),
        ("iat", json!(now - 3600)),
        ("iat", json!(now + 3600)),
        ("aud", json!("another client")),
        ("aud", json!(["comity", "another client"])),
        ("iss", json!("http://127.0.0.1:1")),
        ("nonce", json!("of another time")),
        ("nonce", Value::Null),
    ];
    let mut refused = 0;
    for (claim, value) in changes {
        let mut browser = Browser::default();
        let asked = begin(&place, &mut browser, OFFICERS).await;
        let code = provider.authorize(&asked, "one", |claims| claims[claim] = value.clone());
        let answer = back(&place, &mut browser, OFFICERS, &code, &asked.of("state")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{claim} {value}");
        assert!(!browser.cookies.contains_key("__Host-session"), "{claim} {value}");
        refused += 1;
    }
    for (what, key) in [
        ("another key of the same name", rsa()),
        ("another curve's key of the same name", curve()),
        ("what is published as a shared secret", Key::Shared(modulus.into_bytes())),
        ("the client's secret", Key::Shared(b"between-the-two-of-us".to_vec())),
        ("no signature", Key::None),
    ] {
        let mut browser = Browser::default();
        let asked = begin(&place, &mut browser, OFFICERS).await;
        let claims = json!({
            "iss": provider.address, "aud": "comity", "sub": "7b1", "nonce": asked.of("nonce"),
            "iat": now, "exp": now + 300,
        });
        let code = provider.code(&asked, key.token("one", &claims));
        let answer = back(&place, &mut browser, OFFICERS, &code, &asked.of("state")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
        assert!(!browser.cookies.contains_key("__Host-session"), "{what}");
        refused += 1;
    }
    assert_eq!(refused, 14);
}

#[tokio::test]
async fn what_comes_twice_late_from_another_browser_or_with_another_proof_is_not_taken() {
    let provider = Provider::start().await;
    let (place, folder) = place(&provider).await;
    // Twice: the state is used up, whatever code comes with it.
    let mut browser = Browser::default();
    let asked = begin(&place, &mut browser, OFFICERS).await;
    let state = asked.of("state");
    let kept = browser.clone();
    let code = provider.authorize(&asked, "one", |_| {});
    assert!(is_in(&back(&place, &mut browser, OFFICERS, &code, &state).await, &browser));
    for code in [code, provider.authorize(&asked, "one", |_| {})] {
        let mut again = kept.clone();
        let answer = back(&place, &mut again, OFFICERS, &code, &state).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!again.cookies.contains_key("__Host-session"));
    }
    // A code of one attempt with the state of another: the proof key does not fit.
    let (mut one, mut other) = (Browser::default(), Browser::default());
    let (first, second) =
        (begin(&place, &mut one, OFFICERS).await, begin(&place, &mut other, OFFICERS).await);
    let code = provider.authorize(&first, "one", |_| {});
    let answer = back(&place, &mut other, OFFICERS, &code, &second.of("state")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Another browser brings what this one began: a link that somebody was sent signs nobody in.
    let code = provider.authorize(&first, "one", |_| {});
    let mut victim = Browser::default();
    place.get(&mut victim, "/sign-in").await;
    let answer = back(&place, &mut victim, OFFICERS, &code, &first.of("state")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!victim.cookies.contains_key("__Host-session"));
    // The other door does not take what was begun at this one; nothing, and not ours, is not taken either.
    let asked = begin(&place, &mut one, OFFICERS).await;
    let code = provider.authorize(&asked, "one", |_| {});
    let answer = back(&place, &mut one, INDIVIDUALS, &code, &asked.of("state")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for query in ["", "?state=x&code=y", "?error=access_denied&state="] {
        let answer = place.get(&mut one, &format!("{OFFICERS}/back{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    // An answer that names another issuer (RFC 9207).
    let asked = begin(&place, &mut one, OFFICERS).await;
    let code = provider.authorize(&asked, "one", |_| {});
    let path = format!("{OFFICERS}/back?code={code}&state={}&iss=http://other", asked.of("state"));
    assert_eq!(place.get(&mut one, &path).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // After a restart it is begun again, and an issuer that is gone is said to be.
    let asked = begin(&place, &mut one, OFFICERS).await;
    let code = provider.authorize(&asked, "one", |_| {});
    let set = provider.set(folder.path());
    let place = place.later_with(1, set).await;
    let answer = back(&place, &mut one, OFFICERS, &code, &asked.of("state")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    drop(provider);
    let answer = place.get(&mut one, OFFICERS).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_person_whom_a_letter_let_in_may_come_in_by_the_issuer_from_then_on_and_nobody_else() {
    let provider = Provider::start().await;
    let (place, _folder) = place(&provider).await;
    let lead = with_leads(&place.app).await;
    // Nobody is known before.
    let mut browser = Browser::default();
    let asked = begin(&place, &mut browser, INDIVIDUALS).await;
    let code = provider.authorize(&asked, "two", |_| {});
    let answer = back(&place, &mut browser, INDIVIDUALS, &code, &asked.of("state")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);

    let ends = place.now() + jiff::SignedDuration::from_hours(24 * 30);
    let letter = place.app.door().notice_code(lead.as_str(), ends, place.now()).await.unwrap();
    let mut browser = Browser::default();
    let page = place.get(&mut browser, "/me/sign-in").await;
    let fields = [("csrf", &*page.csrf()), ("number", lead.as_str()), ("code", &letter)];
    assert_eq!(place.post(&mut browser, "/me/sign-in", &fields).await.status, StatusCode::OK);
    let page = place.get(&mut browser, "/me").await;
    assert!(page.body.contains("Come in with Example Login the next time"), "{}", page.body);
    // The way there is a page of ours and not an address that a browser could be made to follow.
    let answer = place.get(&mut browser, "/me/issuer").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let page = place.post(&mut browser, "/me/issuer", &[("csrf", &page.csrf())]).await;
    let at = page.body.find(&format!("{}/authorize?", provider.address)).expect("a way there");
    let way =
        page.body[at..].split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let asked = Asked::read(&way, &place);
    let code = provider.authorize(&asked, "two", |_| {});
    let answer = back(&place, &mut browser, INDIVIDUALS, &code, &asked.of("state")).await;
    assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, "/me"));

    for (subject, known) in [("7b1", true), ("7b2", false)] {
        let mut browser = Browser::default();
        let asked = begin(&place, &mut browser, INDIVIDUALS).await;
        let code = provider.authorize(&asked, "two", |claims| claims["sub"] = json!(subject));
        let answer = back(&place, &mut browser, INDIVIDUALS, &code, &asked.of("state")).await;
        assert_eq!(is_in(&answer, &browser), known, "{subject}");
        let page = place.get(&mut browser, "/me").await;
        assert_eq!(page.body.contains(lead.as_str()), known, "{subject}");
        // Who is in at this door is no officer.
        assert_ne!(place.get(&mut browser, "/cases").await.status, StatusCode::OK);
    }
}
