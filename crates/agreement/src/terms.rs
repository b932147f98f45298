//! What the floor and the packs would refuse in an agreement whatever is filed about it: its terms alone.
//!
//! It asks the gate whether the agreement may be filed on its first day, as if everybody had signed, and shows each
//! rule still broken at its place in the file. Signatures, publications, counts and stays are not looked at; they are
//! the gate's when the time comes.

use serde_json::{Value, json};

use crate::reader::Reader;
use crate::{Act, Agreement, Filed, Gate, Problem, Request, Role};

/// Lists the rules of the floor and of the packs that the terms of an agreement break, each with its place in the text
/// the agreement was read from.
pub fn terms_problems(agreement: &Agreement, text: &str, file: &str, gate: &Gate) -> Vec<Problem> {
    let mut reader = Reader::new(text, file, crate::schema::agreement());
    let begins = agreement.term.begins_at();
    let filed = Filed::new(agreement.clone());
    let asks = |role| agreement.parties_as(role).next();
    let Some(party) = asks(Role::Recipient).or_else(|| asks(Role::Source)) else {
        return Vec::new();
    };
    for purpose in &agreement.purposes {
        let mut request = Request::new(agreement, Act::FILE, &party.id, &purpose.id);
        request.ledger_writable = true;
        let Ok(mut facts) = gate.facts(&request, &filed, begins) else { continue };
        let resource = &mut facts.resource;
        let given = |name: &str, resource: &serde_json::Map<String, Value>| {
            resource.get(name).cloned().unwrap_or_else(|| json!([]))
        };
        for (name, value) in [
            ("accepted", given("parties", resource)),
            ("approved", given("boards", resource)),
            ("certified", given("parties", resource)),
            ("certified_in_time", given("parties", resource)),
            ("board_finding_filed", json!(true)),
            ("previous_filed", json!(true)),
            ("previous_agreed", json!(true)),
            ("previous_is_renewal", json!(false)),
            ("follows_on", json!(true)),
            ("unchanged", json!(true)),
            ("renewal_approved_in_time", json!(true)),
        ] {
            resource.insert(name.to_owned(), value);
        }
        let own = gate.own_reasons(&request, &filed, begins);
        for reason in own.into_iter().chain(gate.replay(&facts)) {
            let mut what = format!("not kept: {}", reason.reason);
            if let Some(detail) = &reason.detail {
                what = format!("{what}; here: {detail}");
            }
            reader.problem(place(&reason.id), what, Some(&reason.cite), reason.remedy);
        }
    }
    reader.finish::<()>(None).err().unwrap_or_default()
}

/// Returns where in the file a rule's subject stands; the head of the file for a rule not known here.
fn place(rule: &str) -> &'static str {
    match rule {
        "F1-law" | "gate-unknown-pack" | "gate-pack-not-in-force" | "us-cmppa-a8-named" => "laws",
        "F1-basis"
        | "F3-matched-on"
        | "F3-returned"
        | "F3-compared"
        | "us-cmppa-a8-applies"
        | "us-cmppa-o1C-records" => "record_sets",
        "F3-reason" => "discrepancy",
        "F11-auditor" | "us-cmppa-o1K-access" => "auditor.access",
        "F12-bound" => "pilot",
        "F13-purposes" | "F14-apart" | "us-cmppa-o1A-purpose" => "purposes",
        "F1-not-ended" | "us-cmppa-o2-term" | "us-cmppa-o2-renewal" => "term.ends",
        "us-cmppa-o1-parties" | "us-cmppa-u2-board" => "parties",
        "us-cmppa-o1B-justification" => "justification",
        "us-cmppa-o1D-notice" | "us-cmppa-p-notice" => "notice",
        "us-cmppa-p-response-period" => "notice.response_period_days",
        "us-cmppa-o1E-verification" | "us-cmppa-p-verification" => "verification",
        "us-cmppa-o1F-retention" => "retention",
        "us-cmppa-o1G-security" => "security",
        "us-cmppa-o1H-redisclosure" => "redisclosure",
        "us-cmppa-o1I-use" => "use_of_records",
        "us-cmppa-o1J-accuracy" => "accuracy",
        "us-cmppa-u4-cost-benefit" => "cost_benefit",
        _ => "",
    }
}
