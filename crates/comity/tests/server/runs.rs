//! The program is run from the console: by an operator, as an errand, under the gate that `comity run` asks.

use super::place::{Place, location};
use casework::{CaseStage, CaseStore as _};
use http::StatusCode;
use std::time::Duration;

#[tokio::test]
async fn an_operator_runs_the_program_from_the_console_and_nobody_else_does() {
    let place = Place::new().await;
    place.everybody().await;
    let cycle = place.app.program().schedule.cycles[0].id.to_string();
    let mut reviewer = place.browser("reviewer").await;
    let page = place.get(&mut reviewer, "/program").await;
    assert!(!page.body.contains("/program/run"), "what would be refused is not shown");
    let fields = [("csrf", &*page.csrf()), ("cycle", &cycle)];
    let refused = place.post(&mut reviewer, "/program/run", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);

    let mut operator = place.browser("operator").await;
    let page = place.get(&mut operator, "/program").await;
    assert!(page.body.contains("Run the program"), "{}", page.body);
    let csrf = page.csrf();
    let wrong = [("csrf", &*csrf), ("cycle", "1999Q1")];
    let unknown = place.post(&mut operator, "/program/run", &wrong).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unknown.body.contains("Choose a cycle"), "{}", unknown.body);
    let begun =
        place.post(&mut operator, "/program/run", &[("csrf", &csrf), ("cycle", &cycle)]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let errand = location(&begun).to_owned();
    let mut said = String::new();
    for _ in 0..1200 {
        said = place.get(&mut operator, &errand).await.body;
        if !said.contains("data-progress") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(said.contains("The program was run"), "{said}");
    let counts = place.app.desk().store().counts().await.unwrap();
    assert!(counts.standing[&CaseStage::Lead] > 0, "leads are open");
    let dashboard = place.get(&mut operator, "/program").await;
    assert!(dashboard.body.contains("finished"), "{}", dashboard.body);
}
