//! The console's pages that take files in and give files out, make accounts, and gather votes: as an officer's browser
//! meets them.

use super::place::{Answer, Browser, Place, location, with_leads};
use axum::body::Body;
use casework::store::accounts::{AccountStore as _, Role};
use casework::{CaseStore as _, LeadId, Opinion, Step};
use casework::{Finding, Ground, Had, Judgement, Source, SourceKind};
use comity::desk::{Acted, Officer};
use http::StatusCode;

async fn officer(place: &Place, name: &str, role: Role) -> Browser {
    place.officer(name, &[role]).await;
    place.browser(name).await
}

/// Sends a file as a browser would.
async fn upload(place: &Place, browser: &mut Browser, path: &str, file: &str) -> Answer {
    let csrf = place.get(browser, path).await.csrf();
    let body = format!(
        "--x\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--x\r\ncontent-disposition: form-data; \
         name=\"file\"; filename=\"rows.csv\"\r\ncontent-type: text/csv\r\n\r\n{file}\r\n--x--\r\n"
    );
    let request = browser
        .request("POST", path)
        .header("content-type", "multipart/form-data; boundary=x")
        .header("sec-fetch-site", "same-origin");
    place.call(request.body(Body::from(body)).unwrap()).await
}

/// Waits for an errand, and returns its page.
async fn ended(place: &Place, browser: &mut Browser, path: &str) -> Answer {
    for _ in 0..600 {
        let page = place.get(browser, path).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        if !page.body.contains("data-progress") {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{path} does not end");
}

/// Begins an errand by a form, and returns its address.
async fn begin(
    place: &Place,
    browser: &mut Browser,
    path: &str,
    fields: &[(&str, &str)],
) -> String {
    let csrf = place.get(browser, path).await.csrf();
    let mut all = vec![("csrf", csrf.as_str())];
    all.extend(fields);
    let answer = place.post(browser, path, &all).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    location(&answer).to_owned()
}

async fn step(place: &Place, name: &str, role: Role, id: &LeadId, step: Step) {
    let officer = Officer { id: agreement::OfficerId::new(name).unwrap(), roles: [role].into() };
    let version = place.app.store().case(id).await.unwrap().case.version();
    let acted = place.app.desk().act(&officer, id, version, step).await.unwrap();
    assert!(matches!(acted, Acted::Done(..)), "{acted:?}");
}

/// Brings a case to where two people have confirmed a finding.
async fn verified(place: &Place, id: &LeadId) {
    let opinion = Opinion { judgement: Judgement::Same, reason: "the same".into(), expires: None };
    step(place, "reviewer-1", Role::Reviewer, id, Step::Review(opinion)).await;
    step(place, "verifier-1", Role::Verifier, id, Step::Verify).await;
    let day = |text: &str| text.parse().unwrap();
    let ground = Ground::Independent {
        amount_cents: Some(354_636),
        access: Some(true),
        periods: vec![Had { from: day("2026-08-01"), to: day("2026-08-31") }],
        sources: vec![Source {
            kind: SourceKind::Payer,
            reference: "letter 12".into(),
            seen: day("2027-01-03"),
        }],
    };
    let finding = Finding { ground, words: "The employer paid it.".into() };
    step(place, "verifier-1", Role::Verifier, id, Step::Find(finding)).await;
    step(place, "verifier-2", Role::Verifier, id, Step::Confirm).await;
}

#[tokio::test]
async fn a_work_list_is_made_fetched_and_recorded_and_a_stay_holds_back_one_that_was_made() {
    let place = Place::new().await;
    with_leads(&place.app).await;
    let mut operator = officer(&place, "operator-1", Role::Operator).await;
    let csv =
        begin(&place, &mut operator, "/work-lists", &[("stage", "lead"), ("format", "csv")]).await;
    let page = ended(&place, &mut operator, &csv).await;
    assert!(page.body.contains("40 cases in it"), "{}", page.body);
    let file = place.get(&mut operator, &format!("{csv}/file")).await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<_> = file.body.lines().collect();
    assert_eq!(lines.len(), 41);
    assert_eq!(lines[0], "program,case,version,stage,due,officer,county,worker,opened");
    let json =
        begin(&place, &mut operator, "/work-lists", &[("stage", ""), ("format", "json")]).await;
    ended(&place, &mut operator, &json).await;
    let file = place.get(&mut operator, &format!("{json}/file")).await;
    assert_eq!(file.json().as_array().unwrap().len(), 40);
    // Nobody else sees what somebody had made.
    let mut other = officer(&place, "operator-2", Role::Operator).await;
    assert_eq!(place.get(&mut other, &csv).await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.get(&mut other, &format!("{csv}/file")).await.status, StatusCode::NOT_FOUND);
    assert!(place.get(&mut other, "/errands").await.body.contains("Nothing yet"));

    place.officer("privacy-1", &[Role::PrivacyOfficer]).await;
    let key = place.key("privacy-1").await;
    let stay = r#"{"order":"27-cv-1","authority":"District Court (fictional)"}"#;
    let stayed = place.program(&key, "POST", "/api/v1/stays", Some(stay)).await;
    assert_eq!(stayed.status, StatusCode::CREATED, "{}", stayed.body);
    let held = place.get(&mut operator, &format!("{csv}/file")).await;
    assert_eq!(held.status, StatusCode::FORBIDDEN);
    assert!(held.body.contains("F8"), "{}", held.body);
    let csrf = place.get(&mut operator, "/work-lists").await.csrf();
    let fields = [("csrf", csrf.as_str()), ("format", "csv")];
    assert_eq!(
        place.post(&mut operator, "/work-lists", &fields).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn rejected_rows_of_results_are_named_with_their_case_and_a_file_that_is_none_is_said_to_be()
{
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    let opinion = Opinion { judgement: Judgement::Same, reason: "the same".into(), expires: None };
    step(&place, "reviewer-1", Role::Reviewer, &id, Step::Review(opinion)).await;
    place.officer("verifier-1", &[Role::Verifier]).await;
    place.officer("operator-1", &[Role::Operator, Role::Verifier]).await;
    let mut operator = place.browser("operator-1").await;
    let file = format!(
        "case;version;officer;outcome;words;hours\r\n{id};1;operator-1;begun;;0.5\r\n{id};1;operator-1;begun;;\r\n\
         2027Q1-9999;0;operator-1;begun;;\r\n{id};2;verifier-1;confirmed;;\r\n{id};2;operator-1;guessed;;\r\n"
    );
    let answer = upload(&place, &mut operator, "/results", &file).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let page = ended(&place, &mut operator, location(&answer)).await.body;
    assert!(page.contains("1 taken, 4 rejected."), "{page}");
    assert!(page.contains("They took 0.5 hours"), "{page}");
    for why in ["2027Q1-9999", "it is another officer", "`outcome` is one of"] {
        assert!(page.contains(why), "{why}: {page}");
    }
    for (file, why) in [
        ("", "The file is empty"),
        ("case\n1", "must name these columns"),
        ("\u{0}\u{1}", "must name these columns"),
        ("case,version,officer,outcome,words,salary\n", "There is no such column: salary"),
    ] {
        let answer = upload(&place, &mut operator, "/results", file).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{file:?}");
        assert!(answer.body.contains(why), "{file:?}: {}", answer.body);
        assert!(answer.body.contains("<title>Error: "), "{file:?}");
    }
}

#[tokio::test]
async fn letters_go_to_the_printer_with_a_code_each_and_what_was_mailed_and_came_back_comes_in() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    verified(&place, &id).await;
    let mut notices = officer(&place, "notices-1", Role::NoticeOfficer).await;
    assert!(place.get(&mut notices, "/print-files").await.body.contains("No letter waits"));
    let csrf = place.get(&mut notices, &format!("/cases/{id}/notice")).await.csrf();
    let fields = [("csrf", &*csrf), ("step", "draft-notice"), ("version", "4"), ("language", "es")];
    let drafted = place.post(&mut notices, &format!("/cases/{id}/notice"), &fields).await;
    assert_eq!(drafted.status, StatusCode::SEE_OTHER, "{}", drafted.body);

    let made = begin(&place, &mut notices, "/print-files", &[("format", "json")]).await;
    let page = ended(&place, &mut notices, &made).await;
    assert!(page.body.contains("1 case in it"), "{}", page.body);
    let file = place.get(&mut notices, &format!("{made}/file")).await;
    let letters = file.json();
    let letter = &letters[0];
    assert_eq!(letter["case"], id.as_str());
    assert_eq!(letter["language"], "es");
    let (code, text) = (letter["code"].as_str().unwrap(), letter["text"].as_str().unwrap());
    assert!(text.contains(code) && text.contains(id.as_str()), "{text}");
    assert!(!letter["to_1"].as_str().unwrap().is_empty());
    // What was fetched counts as printed.
    assert!(place.get(&mut notices, "/print-files").await.body.contains("No letter waits"));
    // The code opens the person's door, once; no store holds it as such.
    let mut person = Browser::default();
    let csrf = place.get(&mut person, "/me/sign-in").await.csrf();
    let fields = [("csrf", &*csrf), ("number", id.as_str()), ("code", code)];
    assert_eq!(place.post(&mut person, "/me/sign-in", &fields).await.status, StatusCode::OK);
    let accounts = std::fs::read(place.folder.path().join("work/accounts.sqlite")).unwrap();
    let plain = code.replace('-', "");
    assert!(!accounts.windows(plain.len()).any(|bytes| bytes == plain.as_bytes()));

    let rows = format!(
        "case,what,date,reason\n{id},mailed,2027-01-04,\n2027Q1-9999,mailed,2027-01-04,\n{id},lost,,\n"
    );
    let answer = upload(&place, &mut notices, "/returned-mail", &rows).await;
    let page = ended(&place, &mut notices, location(&answer)).await.body;
    assert!(page.contains("1 taken, 2 rejected."), "{page}");
    let case = place.app.store().case(&id).await.unwrap().case;
    assert_eq!(case.stage().as_str(), "noticed");
    let rows = format!("case,what,reason\n{id},returned,moved\n{id},returned,moved\n");
    let answer = upload(&place, &mut notices, "/returned-mail", &rows).await;
    let page = ended(&place, &mut notices, location(&answer)).await.body;
    assert!(page.contains("1 taken, 1 rejected."), "{page}");
    let case = place.app.store().case(&id).await.unwrap().case;
    assert!(case.standing().noticed().unwrap().returned_at().is_some());
}

#[tokio::test]
async fn a_copy_to_be_sent_voids_the_code_of_the_one_before_and_guessing_is_held_back() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    verified(&place, &id).await;
    let mut notices = officer(&place, "notices-1", Role::NoticeOfficer).await;
    let path = format!("/cases/{id}/letter");
    let seen = place.get(&mut notices, &path).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(!seen.body.contains("class=\"code\""), "a letter on the screen has no code");
    let copy = async |notices: &mut Browser| {
        let csrf = place.get(notices, &path).await.csrf();
        let page = place.post(notices, &path, &[("csrf", &csrf), ("as", "page")]).await.body;
        let at = page.find("class=\"code\">").expect("a copy has a code") + "class=\"code\">".len();
        page[at..].split('<').next().unwrap().to_owned()
    };
    let (first, second) = (copy(&mut notices).await, copy(&mut notices).await);
    let enter = async |code: &str| {
        let mut person = Browser::default();
        let csrf = place.get(&mut person, "/me/sign-in").await.csrf();
        let fields = [("csrf", &*csrf), ("number", id.as_str()), ("code", code)];
        place.post(&mut person, "/me/sign-in", &fields).await.status
    };
    assert_eq!(enter(&first).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(enter(&second).await, StatusCode::OK);
    assert_eq!(enter(&second).await, StatusCode::UNPROCESSABLE_ENTITY, "it counts once");
    let third = copy(&mut notices).await;
    for _ in 0..4 {
        assert_eq!(enter("0000-0000-0000-0000").await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    enter("0000-0000-0000-0000").await;
    assert_eq!(enter(&third).await, StatusCode::TOO_MANY_REQUESTS, "five in vain, and it waits");
    // Its time is over 30 days after the letter's last day.
    let place = place.later(80 * 86_400).await;
    let mut person = Browser::default();
    let csrf = place.get(&mut person, "/me/sign-in").await.csrf();
    let fields = [("csrf", &*csrf), ("number", id.as_str()), ("code", &*third)];
    let late = place.post(&mut person, "/me/sign-in", &fields).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_form_with_errors_shows_a_case_again_only_to_who_may_read_it_and_that_is_noted() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    verified(&place, &id).await;
    let mut notices = officer(&place, "notices-1", Role::NoticeOfficer).await;
    let path = format!("/cases/{id}/notice");
    let csrf = place.get(&mut notices, &path).await.csrf();
    let fields = [("csrf", &*csrf), ("step", "draft-notice"), ("version", "4"), ("language", "en")];
    let drafted = place.post(&mut notices, &path, &fields).await;
    assert_eq!(drafted.status, StatusCode::SEE_OTHER, "{}", drafted.body);
    let before = place.app.store().reads_of(&id, 100).await.unwrap().len();
    let fields = [("csrf", &*csrf), ("step", "serve-notice"), ("version", "5")];
    let again = place.post(&mut notices, &path, &fields).await;
    assert!(again.body.contains("There is a problem"), "{}", again.body);
    assert_eq!(place.app.store().reads_of(&id, 100).await.unwrap().len(), before + 1);
}

#[tokio::test]
async fn accounts_are_made_and_changed_as_the_gate_says_and_not_ones_own() {
    let place = Place::new().await;
    let mut operator = officer(&place, "operator-1", Role::Operator).await;
    let csrf = place.get(&mut operator, "/setup").await.csrf();
    let page = place.get(&mut operator, "/setup").await.body;
    assert!(page.contains("Missing: ") && page.contains("Verifier (0 of 2)"), "{page}");
    let send = async |operator: &mut Browser, path: &str, fields: &[(&str, &str)]| {
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        place.post(operator, path, &all).await
    };
    let wrong = send(&mut operator, "/setup", &[("step", "add"), ("officer", "Not An Id!")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for why in ["Enter an id", "Enter a name", "Choose at least one role"] {
        assert!(wrong.body.contains(why), "{why}");
    }
    let add =
        [("step", "add"), ("officer", "verifier-7"), ("name", "V. Seven"), ("roles", "verifier")];
    let made = send(&mut operator, "/setup", &add).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    assert!(made.body.contains("otpauth://"), "{}", made.body);
    assert_eq!(send(&mut operator, "/admin", &add).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // A seat on the board and work on cases do not go together: the gate says so, and nothing changes.
    let both = [
        ("step", "roles"),
        ("whose", "verifier-7"),
        ("roles", "verifier"),
        ("roles", "board_member"),
    ];
    let refused = send(&mut operator, "/admin", &both).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("F5-account-roles"), "{}", refused.body);
    let own = [("step", "roles"), ("whose", "operator-1"), ("roles", "reviewer")];
    let refused = send(&mut operator, "/admin", &own).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("F5-own-account"), "{}", refused.body);
    let program = place.app.program_name().to_owned();
    let roles = async || place.app.accounts().roles("verifier-7", &program).await.unwrap();
    assert_eq!(roles().await, [Role::Verifier].into());
    let change = [("step", "roles"), ("whose", "verifier-7"), ("roles", "reviewer")];
    assert_eq!(send(&mut operator, "/admin", &change).await.status, StatusCode::SEE_OTHER);
    assert_eq!(roles().await, [Role::Reviewer].into());
    let close = [("step", "close"), ("whose", "verifier-7")];
    assert_eq!(send(&mut operator, "/admin", &close).await.status, StatusCode::SEE_OTHER);
    assert!(place.app.accounts().account("verifier-7").await.unwrap().unwrap().closed);
    let gone = send(&mut operator, "/admin", &close).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_board_votes_on_a_report_that_is_counted_from_the_ledger_and_the_same_each_time() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    verified(&place, &id).await;
    let mut member = officer(&place, "member-1", Role::BoardMember).await;
    let mut auditor = officer(&place, "auditor-1", Role::Auditor).await;
    let year = begin(&place, &mut auditor, "/board", &[("step", "report"), ("year", "2027")]).await;
    let page = ended(&place, &mut auditor, &year).await.body;
    for said in ["Every entry was verified", "Persons disclosed about", "Leads opened", "Confirm"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("Cast the vote"), "an auditor has no vote");
    let report = place.get(&mut auditor, &format!("{year}/file")).await.json();
    assert_eq!(report["counts"]["persons disclosed about"], 40);
    assert_eq!(report["counts"]["leads opened"], 40);
    assert_eq!(report["steps"]["confirm"], 1);
    let again = begin(&place, &mut member, "/board", &[("step", "report"), ("year", "2027")]).await;
    ended(&place, &mut member, &again).await;
    let other = place.get(&mut member, &format!("{again}/file")).await.json();
    assert_eq!(report["root"], other["root"]);
    assert_eq!(report, other, "the same ledger gives the same report");
    let digest = place.app.program().digest.to_string();
    let csrf = place.get(&mut member, "/board").await.csrf();
    let mut vote = vec![("csrf", csrf.as_str()), ("step", "vote"), ("subject", &digest)];
    // A digest of nothing that is before the board is voted on by nobody.
    let unknown = format!("sha256:{}", "0".repeat(64));
    let other =
        [("csrf", csrf.as_str()), ("step", "vote"), ("subject", &*unknown), ("vote", "for")];
    let refused = place.post(&mut member, "/board", &other).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let none = place.post(&mut member, "/board", &vote).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    vote.push(("vote", "for"));
    assert_eq!(place.post(&mut member, "/board", &vote).await.status, StatusCode::SEE_OTHER);
    // The last vote of a member counts, and a page shows who cast it.
    vote.pop();
    vote.push(("vote", "against"));
    for _ in 0..2 {
        assert_eq!(place.post(&mut member, "/board", &vote).await.status, StatusCode::SEE_OTHER);
    }
    // The ledger has one vote of them too, whatever they said before and however often.
    let year = begin(&place, &mut auditor, "/board", &[("step", "report"), ("year", "2027")]).await;
    ended(&place, &mut auditor, &year).await;
    let counted = place.get(&mut auditor, &format!("{year}/file")).await.json();
    assert_eq!(counted["votes"][&digest], serde_json::json!([0, 1]));
    let votes = place.app.accounts().votes().await.unwrap();
    assert_eq!(votes.len(), 1);
    assert!(!votes[0].is_for && votes[0].member == "member-1");
    // The auditor looks; the gate takes no vote of theirs.
    let csrf = place.get(&mut auditor, "/board").await.csrf();
    vote[0] = ("csrf", csrf.as_str());
    let refused = place.post(&mut auditor, "/board", &vote).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("role-vote"), "{}", refused.body);
    let none = begin(&place, &mut auditor, "/board", &[("step", "report"), ("year", "1999")]).await;
    assert!(
        ended(&place, &mut auditor, &none).await.body.contains("Nothing was done in this year")
    );
}
