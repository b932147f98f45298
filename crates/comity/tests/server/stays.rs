//! Stays by the doors of officers and programs: what one covers, and lifting it whole or in part.

use super::place::{Place, location};
use agreement::{Scope, Stay};
use casework::Store as _;
use casework::store::accounts::Role;
use http::StatusCode;

/// Returns the stays as the store has them.
async fn stays(place: &Place) -> Vec<Stay> {
    let (_, stays) = place.app.store().stays().await.unwrap();
    stays.iter().map(|stay| serde_json::from_str(&stay.stay).unwrap()).collect()
}

fn part(element: &str) -> Scope {
    Scope { elements: [element.to_owned()].into(), ..Scope::default() }
}

#[tokio::test]
async fn a_part_of_a_stay_is_lifted_by_an_order_of_its_own_and_what_remains_stands() {
    let place = Place::new().await;
    place.officer("privacy", &[Role::PrivacyOfficer]).await;
    let key = place.key("privacy").await;
    let body = r#"{"order":"27-cv-1","authority":"Example Court","until":"2027-06-01T00:00:00Z"}"#;
    let answer = place.program(&key, "POST", "/api/v1/stays", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let number = answer.json()["number"].as_i64().unwrap();
    let lift = async |body: &str| {
        let path = format!("/api/v1/stays/{number}/lift");
        place.program(&key, "POST", &path, Some(body)).await
    };
    let unknown = r#"{"order":"27-cv-1-B","authority":"Example Court","part":{"elements":["payroll.shoe_size"]}}"#;
    assert_eq!(lift(unknown).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let itself =
        r#"{"order":"27-cv-1","authority":"Example Court","part":{"elements":["payroll.pay_to"]}}"#;
    let refused = lift(itself).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    assert!(refused.body.contains("F8-lift"), "{}", refused.body);
    assert_eq!(stays(&place).await.len(), 1, "nothing was recorded for what was not lifted");

    let order = itself.replace("\"27-cv-1\"", "\"27-cv-1-B\"");
    assert_eq!(lift(&order).await.status, StatusCode::NO_CONTENT);
    assert_eq!(lift(&order).await.status, StatusCode::NOT_FOUND, "it is lifted once");
    let kept = stays(&place).await;
    let [whole, rest] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(whole.lifted.as_ref().unwrap().order, "27-cv-1-B");
    assert_eq!(*rest, whole.narrowed(&part("payroll.pay_to"), place.now()));
    assert!(rest.is_in_force(place.now()));

    // What remains can be lifted in part again, on its page, and says what it covers.
    let mut privacy = place.browser("privacy").await;
    let path = format!("/stays/{}/lift", number + 1);
    let page = place.get(&mut privacy, &path).await;
    assert!(
        page.body.contains("everything, but no longer elements payroll.pay_to"),
        "{}",
        page.body
    );
    let csrf = page.csrf();
    let wrong = [
        ("csrf", &*csrf),
        ("order", "27-cv-1-C"),
        ("authority", ""),
        ("elements", "payroll.shoe_size"),
        ("territories", "The North"),
    ];
    let again = place.post(&mut privacy, &path, &wrong).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.body);
    for said in ["Enter who ordered it", "Choose among the elements", "Enter small letters"] {
        assert!(again.body.contains(said), "{said}: {}", again.body);
    }
    let right = [
        ("csrf", &*csrf),
        ("order", "27-cv-1-C"),
        ("authority", "Example Court"),
        ("elements", "payroll.gross_pay"),
        ("territories", "north"),
    ];
    let done = place.post(&mut privacy, &path, &right).await;
    assert_eq!((done.status, location(&done)), (StatusCode::SEE_OTHER, "/stays"), "{}", done.body);
    let page = place.get(&mut privacy, "/stays").await.body;
    assert!(page.contains("Stay 3 is what remains"), "{page}");
    let kept = stays(&place).await;
    assert_eq!(kept.len(), 3);
    let both =
        Scope { territories: ["north".parse().unwrap()].into(), ..part("payroll.gross_pay") };
    assert_eq!(kept[2].scope, kept[1].scope.without(&both));
    let shown = place.program(&key, "GET", "/api/v1/stays", None).await.json();
    assert_eq!(shown[2]["except"][0]["elements"][0], "payroll.pay_to");
    assert_eq!(shown[2]["except"][1]["territories"][0], "north");
    assert_eq!(shown[2]["until"], "2027-06-01T00:00:00Z");
    let gone = place.get(&mut privacy, &path).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "it was lifted");
}

#[tokio::test]
async fn a_form_of_a_stay_with_errors_is_shown_again_and_records_nothing() {
    let place = Place::new().await;
    place.officer("privacy", &[Role::PrivacyOfficer]).await;
    let mut privacy = place.browser("privacy").await;
    let csrf = place.get(&mut privacy, "/stays/new").await.csrf();
    let wrong = [("csrf", &*csrf), ("order", "27-cv-1"), ("territories", "north;south")];
    let again = place.post(&mut privacy, "/stays", &wrong).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.body);
    assert!(again.body.contains("27-cv-1"), "what was typed is there: {}", again.body);
    assert!(stays(&place).await.is_empty());
}
