//! Signing in, staying in, and being let go.

use super::place::{Browser, PASSWORD, Place, location};
use casework::store::accounts::{AccountStore as _, Role};
use comity::server::{Means, password};
use http::StatusCode;
use std::collections::BTreeSet;

/// A reviewer who has chosen means of their own.
async fn reviewer(place: &Place) -> Means {
    let means = given(place).await;
    place.app.accounts().set_must_change("officer-1", false).await.unwrap();
    means
}

/// A reviewer with the means that an operator has seen.
async fn given(place: &Place) -> Means {
    let roles = BTreeSet::from([Role::Reviewer]);
    let door = place.app.door();
    let made = door.add("officer-1", "Officer One", Some(PASSWORD), None, &roles, place.now());
    made.await.unwrap().unwrap()
}

fn code(means: &Means, place: &Place) -> String {
    password::code_at(&means.secret, place.now()).unwrap()
}

fn is_in(answer: &super::place::Answer) -> bool {
    answer.status == StatusCode::SEE_OTHER
}

#[tokio::test]
async fn name_password_and_code_let_in_and_the_same_code_does_not_again() {
    let place = Place::new().await;
    let means = reviewer(&place).await;
    let code = code(&means, &place);
    let mut browser = Browser::default();
    let answer = place.sign_in(&mut browser, "officer-1", PASSWORD, &code).await;
    assert!(is_in(&answer), "{}", answer.body);
    assert_eq!(location(&answer), "/");
    let page = place.get(&mut browser, "/account").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Officer One"), "{}", page.body);
    // RFC 6238 §5.2: the second use of a code is refused, within its time and with everything else right.
    let again = place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, &code).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    // The next step's code lets in again.
    let place = place.later(30).await;
    let code = password::code_at(&means.secret, place.now()).unwrap();
    assert!(is_in(&place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, &code).await));
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let place = Place::new().await;
    let means = reviewer(&place).await;
    let right = code(&means, &place);
    let mut bodies = BTreeSet::new();
    for (officer, password, code) in [
        ("officer-1", "three words nobody joins", right.as_str()),
        ("officer-1", PASSWORD, "000000"),
        ("officer-1", PASSWORD, ""),
        ("officer-2", PASSWORD, right.as_str()),
    ] {
        let mut browser = Browser::default();
        let answer = place.sign_in(&mut browser, officer, password, code).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{officer}");
        assert!(!browser.cookies.contains_key("__Host-session"));
        let csrf = answer.csrf();
        bodies.insert(answer.body.replace(&csrf, "").replace(officer, "NAME"));
    }
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn after_so_many_attempts_in_vain_a_name_waits_even_with_the_right_code_and_after_a_restart()
{
    let place = Place::new().await;
    let means = reviewer(&place).await;
    for _ in 0..5 {
        let answer = place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, "000000").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let right = code(&means, &place);
    let answer = place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, &right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "900");
    let place = place.later(899).await;
    let right = code(&means, &place);
    let answer = place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, &right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let place = place.later(1).await;
    let right = code(&means, &place);
    assert!(is_in(&place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, &right).await));
}

#[tokio::test]
async fn one_address_tries_so_often_a_minute_whatever_names_it_tries() {
    let place = Place::with(|config| config.limits.sign_ins_a_minute = 3).await;
    for number in 0..3 {
        let name = format!("officer-{number}");
        let answer = place.sign_in(&mut Browser::default(), &name, PASSWORD, "000000").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let answer = place.sign_in(&mut Browser::default(), "officer-9", PASSWORD, "000000").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_recovery_code_counts_once() {
    let place = Place::new().await;
    let means = reviewer(&place).await;
    let [first, second, ..] = means.recovery.as_slice() else { panic!("ten codes") };
    let typed = first.to_lowercase().replace('-', " ");
    assert!(is_in(&place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, &typed).await));
    let again = place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, first).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(is_in(&place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, second).await));
}

#[tokio::test]
async fn a_session_ends_unused_and_after_its_longest_time() {
    let place = Place::with(|_| {}).await;
    place.officer("auditor", &[Role::Auditor]).await;
    let mut browser = place.browser("auditor").await;
    // Used just in time, again and again: it goes on until its longest time.
    let place = place.later(29 * 60 + 59).await;
    assert_eq!(place.get(&mut browser, "/account").await.status, StatusCode::OK);
    let place = place.later(30 * 60).await;
    assert_eq!(place.get(&mut browser, "/account").await.status, StatusCode::SEE_OTHER);

    let idle = |config: &mut comity::server::Config| config.sessions.idle_minutes = 720;
    let place = place.later_with(0, idle).await;
    let mut browser = place.browser("auditor").await;
    let place = place.later_with(12 * 3600 - 1, idle).await;
    assert_eq!(place.get(&mut browser, "/account").await.status, StatusCode::OK);
    let place = place.later_with(1, idle).await;
    assert_eq!(place.get(&mut browser, "/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn signing_in_gives_a_new_session_and_ends_the_one_before() {
    let place = Place::new().await;
    let means = reviewer(&place).await;
    let mut browser = place.browser("officer-1").await;
    let old = browser.clone();
    place.post(&mut browser, "/sign-out", &[("csrf", "wrong")]).await;
    assert_eq!(place.get(&mut browser.clone(), "/account").await.status, StatusCode::OK);
    // The sign-in page sends those who are in on: the form is filled in as another page of the same browser would.
    let csrf = place.get(&mut browser, "/account").await.csrf();
    let right = code(&means, &place);
    let fields =
        [("csrf", &*csrf), ("officer", "officer-1"), ("password", PASSWORD), ("code", &*right)];
    assert!(is_in(&place.post(&mut browser, "/sign-in", &fields).await));
    assert_ne!(browser.cookies["__Host-session"], old.cookies["__Host-session"]);
    assert_eq!(place.get(&mut old.clone(), "/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(place.get(&mut browser, "/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_out_everywhere_and_other_roles_end_every_session() {
    let place = Place::new().await;
    place.officer("auditor", &[Role::Auditor]).await;
    let (mut one, mut other) = (place.browser("auditor").await, place.browser("auditor").await);
    let csrf = place.get(&mut one, "/account").await.csrf();
    let answer = place.post(&mut one, "/sign-out/everywhere", &[("csrf", &csrf)]).await;
    assert_eq!(location(&answer), "/sign-in");
    assert!(place.get(&mut one, "/sign-in").await.body.contains("signed out everywhere"));
    assert_eq!(place.get(&mut other, "/account").await.status, StatusCode::SEE_OTHER);

    let mut browser = place.browser("auditor").await;
    let roles = BTreeSet::from([Role::Operator]);
    place.app.door().set_roles("auditor", &roles).await.unwrap();
    assert_eq!(place.get(&mut browser, "/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_closed_account_lets_nobody_in_by_session_key_or_link() {
    let place = Place::new().await;
    place.officer("auditor", &[Role::Auditor]).await;
    let (mut browser, key) = (place.browser("auditor").await, place.key("auditor").await);
    assert_eq!(place.program(&key, "GET", "/api/v1/program", None).await.status, StatusCode::OK);
    place.app.accounts().close_account("auditor", place.now().as_second()).await.unwrap();
    assert_eq!(place.get(&mut browser, "/account").await.status, StatusCode::SEE_OTHER);
    let answer = place.program(&key, "GET", "/api/v1/program", None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(place.app.door().new_key("auditor", 90, place.now()).await.is_err());
}

#[tokio::test]
async fn a_link_works_once_and_looking_at_it_uses_nothing_up() {
    let place = Place::new().await;
    place.officer("auditor", &[Role::Auditor]).await;
    let link = place.app.door().once_link("auditor", place.now()).await.unwrap();
    let mut browser = Browser::default();
    for _ in 0..3 {
        assert_eq!(place.get(&mut browser, &link).await.status, StatusCode::OK);
    }
    let csrf = place.get(&mut browser, &link).await.csrf();
    assert!(is_in(&place.post(&mut browser.clone(), &link, &[("csrf", &csrf)]).await));
    let again = place.post(&mut browser, &link, &[("csrf", &csrf)]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_changed_password_counts_from_then_on_and_ends_the_sessions() {
    let place = Place::new().await;
    let means = reviewer(&place).await;
    let mut browser = place.browser("officer-1").await;
    let csrf = place.get(&mut browser, "/account").await.csrf();
    let fields = |new: &'static str, code: &str| {
        vec![
            ("csrf".to_owned(), csrf.clone()),
            ("password".to_owned(), PASSWORD.to_owned()),
            ("new_password".to_owned(), new.to_owned()),
            ("code".to_owned(), code.to_owned()),
        ]
    };
    let [weak, good, back] = [&means.recovery[0], &means.recovery[1], &means.recovery[2]];
    for (new, code, status) in [
        ("short", weak, StatusCode::UNPROCESSABLE_ENTITY),
        ("five words that nobody joins", good, StatusCode::SEE_OTHER),
    ] {
        let fields = fields(new, code);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let answer = place.post(&mut browser, "/account/password", &fields).await;
        assert_eq!(answer.status, status, "{new}");
    }
    assert_eq!(place.get(&mut browser, "/account").await.status, StatusCode::SEE_OTHER);
    let old = place.sign_in(&mut Browser::default(), "officer-1", PASSWORD, back).await;
    assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY);
    let new = "five words that nobody joins";
    assert!(is_in(&place.sign_in(&mut Browser::default(), "officer-1", new, back).await));
}

#[tokio::test]
async fn nothing_that_lets_anybody_in_lies_in_the_accounts_as_such() {
    let place = Place::new().await;
    let means = reviewer(&place).await;
    let key = place.key("officer-1").await;
    let browser = place.browser("officer-1").await;
    let session = browser.cookies["__Host-session"].clone();
    let mut kept = Vec::new();
    for file in std::fs::read_dir(place.folder.path().join("work")).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("accounts.sqlite") {
            kept.extend(std::fs::read(path).unwrap());
        }
    }
    let has = |bytes: &[u8]| kept.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(b"officer-1"), "the accounts were looked at");
    let recovery = means.recovery[0].replace('-', "");
    for secret in [
        PASSWORD.as_bytes(),
        key.as_bytes(),
        session.as_bytes(),
        &means.secret,
        recovery.as_bytes(),
    ] {
        assert!(!has(secret));
    }
}

#[tokio::test]
async fn the_code_of_a_letter_lets_its_person_in_once_and_gives_another_for_the_next_time() {
    let place = Place::new().await;
    let ends = jiff::Timestamp::from_second(place.now().as_second() + 30 * 86_400).unwrap();
    let code = place.app.door().notice_code("2027Q1-0001", ends, place.now()).await.unwrap();
    let other = place.app.door().notice_code("2027Q1-0002", ends, place.now()).await.unwrap();
    let mut bodies = BTreeSet::new();
    for (number, code) in [
        ("2027Q1-0001", other.as_str()),
        ("2027Q1-0003", code.as_str()),
        ("2027Q1-0001", "AAAA-AAAA-AAAA-AAAA"),
        ("2027Q1-0001", ""),
        ("", code.as_str()),
    ] {
        let mut browser = Browser::default();
        let csrf = place.get(&mut browser, "/me/sign-in").await.csrf();
        let fields = [("csrf", &*csrf), ("number", number), ("code", code)];
        let answer = place.post(&mut browser, "/me/sign-in", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{number} {code}");
        assert!(!browser.cookies.contains_key("__Host-session"));
        let page = answer.body.replace(&answer.csrf(), "");
        bodies.insert(page.replace(&format!("value=\"{number}\""), "value=\"\""));
    }
    assert_eq!(bodies.len(), 1, "a wrong code tells nothing");

    let mut browser = Browser::default();
    let csrf = place.get(&mut browser, "/me/sign-in").await.csrf();
    let fields = [("csrf", &*csrf), ("number", "2027Q1-0001"), ("code", &*code)];
    let answer = place.post(&mut browser, "/me/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(browser.cookies.contains_key("__Host-session"));
    let again = place.post(&mut Browser::default(), "/me/sign-in", &fields).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "a form of another browser");
    let at = answer.body.find("<pre").unwrap();
    let next: String = answer.body[at..].chars().skip_while(|sign| *sign != '>').collect();
    let next =
        next.replace("<code>", "").trim_start_matches('>').split('<').next().unwrap().to_owned();
    for (code, status) in
        [(code.as_str(), StatusCode::UNPROCESSABLE_ENTITY), (next.as_str(), StatusCode::OK)]
    {
        let mut browser = Browser::default();
        let csrf = place.get(&mut browser, "/me/sign-in").await.csrf();
        let fields = [("csrf", &*csrf), ("number", "2027Q1-0001"), ("code", code)];
        assert_eq!(place.post(&mut browser, "/me/sign-in", &fields).await.status, status, "{code}");
    }
    // The individual is no officer.
    for path in ["/", "/cases", "/stays", "/admin", "/account"] {
        assert_eq!(place.get(&mut browser, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn the_code_of_a_letter_ends_with_the_time_to_answer() {
    let place = Place::new().await;
    let ends = jiff::Timestamp::from_second(place.now().as_second() + 60).unwrap();
    let code = place.app.door().notice_code("2027Q1-0001", ends, place.now()).await.unwrap();
    let place = place.later(60).await;
    let mut browser = Browser::default();
    let csrf = place.get(&mut browser, "/me/sign-in").await.csrf();
    let fields = [("csrf", &*csrf), ("number", "2027Q1-0001"), ("code", &*code)];
    let answer = place.post(&mut browser, "/me/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// Reads the secret in the address that an authenticator app reads (RFC 4648 §6).
fn secret_in(page: &str) -> Vec<u8> {
    let at = page.find("secret=").expect("the page shows a secret") + "secret=".len();
    let text = page[at..].chars().take_while(char::is_ascii_alphanumeric);
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for sign in text {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(sign).unwrap();
        bits = bits << 5 | u32::try_from(value).unwrap();
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let at = page.find(&start).expect("the form has it") + start.len();
    page[at..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn who_was_given_means_chooses_others_before_anything_else_and_then_nobody_else_knows_them() {
    let place = Place::new().await;
    let means = given(&place).await;
    let mut browser = Browser::default();
    let first = code(&means, &place);
    assert!(is_in(&place.sign_in(&mut browser, "officer-1", PASSWORD, &first).await));
    for path in ["/", "/cases", "/account", "/program"] {
        let answer = place.get(&mut browser, path).await;
        assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, "/account/first"));
    }
    let page = place.get(&mut browser, "/account/first").await;
    assert_eq!(page.status, StatusCode::OK);
    let secret = secret_in(&page.body);
    assert_ne!(secret, means.secret, "another secret");
    let right = password::code_at(&secret, place.now()).unwrap();
    let (csrf, sealed) = (page.csrf(), hidden(&page.body, "sealed"));
    let own = "five other words nobody joins";
    let send = async |browser: &mut Browser, sealed: &str, password: &str, code: &str| {
        let fields =
            [("csrf", &*csrf), ("sealed", sealed), ("new_password", password), ("code", code)];
        place.post(browser, "/account/first", &fields).await
    };
    for (sealed, password, code) in [
        (&*sealed, own, "000000"),
        (&*sealed, own, &*first),
        (&*sealed, PASSWORD, &*right),
        (&*sealed, "short", &*right),
        ("", own, &*right),
        ("AAAA", own, &*right),
    ] {
        let answer = send(&mut browser, sealed, password, code).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    }
    assert!(place.app.accounts().account("officer-1").await.unwrap().unwrap().must_change);
    let answer = send(&mut browser, &sealed, own, &right).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(!browser.cookies.contains_key("__Host-session"), "one signs in with the new ones");

    // A page that is asked again gives nothing again, and what was given lets nobody in.
    let place = place.later(60).await;
    let given = code(&means, &place);
    let own_code = password::code_at(&secret, place.now()).unwrap();
    for (password, code) in [(PASSWORD, &given), (own, &given), (own, &means.recovery[0])] {
        let answer = place.sign_in(&mut Browser::default(), "officer-1", password, code).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut browser = Browser::default();
    assert!(is_in(&place.sign_in(&mut browser, "officer-1", own, &own_code).await));
    assert_eq!(place.get(&mut browser, "/cases").await.status, StatusCode::OK);
    assert_eq!(place.get(&mut browser, "/account/first").await.status, StatusCode::NOT_FOUND);
    // New means of an operator's are seen again, and changed again.
    place.app.door().reset("officer-1", PASSWORD).await.unwrap();
    assert!(place.app.accounts().account("officer-1").await.unwrap().unwrap().must_change);
}
