//! How many decisions about cases the gate makes in a second, on one thread: under the worked example's agreement, for a
//! case that lacks nothing, so that every rule is weighed. `bench/casework/run` calls it.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "it measures time, prints a table, and fails loudly"
)]

use agreement::{
    Act, Agreement, By, CaseFile, CaseRequest, CaseStage, Gate, NoticePart, NoticeServed,
    OfficerId, OfficerRole, Publications, Reviews, Service, VerifiedFact,
};
use jiff::Timestamp;
use std::time::{Duration, Instant};

const TEXT: &str = include_str!("../../../examples/benefits/agreement.toml");
const PUBLICATIONS: &str = include_str!("../../../examples/benefits/publications.toml");

fn main() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let agreement = Agreement::read(TEXT, "agreement.toml").unwrap();
    let published = Publications::read(PUBLICATIONS, "publications.toml").unwrap();
    let mut seed = 0;
    let random = || {
        seed += 1;
        [seed; 32]
    };
    let signed = at("2027-05-04T12:00:00Z");
    let filed = agreement.demonstration(&published, signed, random).unwrap().filed;
    let begun = Instant::now();
    let gate = Gate::shipped().unwrap();
    println!("| the gate opened, once | {:.0} ms |", begun.elapsed().as_secs_f64() * 1000.0);
    let officer = |name: &str| -> OfficerId { name.parse().unwrap() };
    let by = By::Officer { id: officer("third"), roles: [OfficerRole::Verifier].into() };
    let purpose = &filed.agreement.purposes[0].id;
    let party = "family-support".parse().unwrap();
    let mut request = CaseRequest::new(&filed.agreement, Act::VERIFY, &party, purpose, by);
    request.case = Some("r-0001".parse().unwrap());
    request.ledger_writable = true;
    request.file = CaseFile {
        stage: Some(CaseStage::Noticed),
        reviews: Some(Reviews::Same),
        reviewed_by: [officer("first")].into(),
        verified_by: [officer("second")].into(),
        confirmed: [VerifiedFact::Amount, VerifiedFact::Access, VerifiedFact::Period].into(),
        sources: 1,
        notice: Some(NoticeServed {
            served_at: at("2027-06-01T15:00:00Z"),
            service: Service::Mailed,
            told_until: None,
            states: [NoticePart::Findings, NoticePart::RightToContest, NoticePart::LastDay].into(),
            returned: false,
        }),
        ..CaseFile::default()
    };
    for act in [Act::VERIFY, Act::ASSIGN, Act::READ_CASE] {
        request.act = act;
        let begun = Instant::now();
        let (mut made, mut permitted) = (0_u32, 0_u32);
        while begun.elapsed() < Duration::from_secs(3) {
            let now = at("2027-09-01T12:00:00Z");
            let (decision, facts) = gate.decide_case_with_facts(&request, &filed, now);
            made += 1;
            permitted += u32::from(facts.is_some() && decision.into_permit().is_ok());
        }
        assert_eq!(made, permitted, "each is a permit");
        let rate = f64::from(made) / begun.elapsed().as_secs_f64();
        println!("| decisions on `{}`, one thread | {rate:.0}/s |", request.act);
    }
}
