//! The agreement in plain words: what it allows and what it does not, who signed, which clocks run, what is due.
//! Step 1 of the path, read by everybody who is signed in.
//!
//! It says what the terms say and judges nothing; whether something may be done is asked of the gate when it is done.

use super::frame::Frame;
use super::part::{Cell, Page, Part, Table, Tone};
use super::review::words;
use crate::server::visit::Visit;
use crate::server::{App, Error};
use agreement::{
    Agreement, Discrepancy, ElementRef, Filed, RegisterKey, Role, Standing, Threshold,
    VerificationMethod, VerifiedFact,
};
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Before this many days an end is due soon: the window in which 552a(o)(2)(D) lets a board renew.
const RENEWAL_DAYS: i32 = 90;

/// Shows an agreement.
///
/// `requests` is the register of requests of whoever's node this is, which an annex may name.
pub(crate) fn page(
    frame: Frame,
    filed: &Filed,
    requests: Option<&RegisterKey>,
    digest: &str,
    now: Timestamp,
) -> Page {
    let agreement = &filed.agreement;
    let today = now.to_zoned(TimeZone::UTC).date();
    let standing = filed.standing(now).unwrap_or_default();
    let purpose =
        agreement.purposes.first().map(|purpose| purpose.statement.clone()).unwrap_or_default();
    Page::new(frame, purpose)
        .part(state(filed, &standing, today))
        .part(Part::heading("What it allows"))
        .part(Part::List(allowed(agreement, requests)))
        .part(Part::heading("What nobody may do under it"))
        .part(Part::List(forbidden(agreement)))
        .part(Part::heading("Elements"))
        .part(elements(agreement))
        .parts(watched(agreement))
        .part(Part::heading("Signatures"))
        .part(signatures(&standing))
        .part(Part::heading("Clocks"))
        .part(clocks(filed, today))
        .part(Part::heading("How right the records were found to be"))
        .part(accuracy(agreement))
        .part(Part::heading("Promises"))
        .part(promises(agreement))
        .part(Part::Details {
            title: "For machines".into(),
            parts: vec![Part::Summary(vec![
                ("Program".into(), Cell::code(agreement.program.to_string())),
                ("Digest".into(), Cell::code(digest)),
                ("Laws".into(), listed(agreement.laws.iter()).into()),
                ("Environment".into(), agreement.environment.to_string().into()),
                (
                    "Register of requests".into(),
                    requests.map_or("none".into(), |key| Cell::code(key.as_str())),
                ),
            ])],
        })
}

/// `GET /agreements`
pub(super) async fn show_all(State(app): State<App>, visit: Visit) -> Result<Response, Error> {
    let program = app.program();
    let filed = app.node().await.with_stays(&program.filed).await?;
    let title = program.agreement().title.clone();
    let frame = crate::server::door::frame(&app, &visit, title, "/agreements");
    Ok(super::draw(&page(
        frame,
        &filed,
        program.agreement().requests_key(),
        &program.digest.to_string(),
        app.now(),
    )))
}

fn state(filed: &Filed, standing: &Standing, today: Date) -> Part {
    let term = &filed.agreement.term;
    let left = today.until(term.ends).map_or(0, |span| span.get_days());
    let stays = filed.stays.iter().filter(|stay| stay.lifted.is_none()).count();
    if stays > 0 {
        return Part::banner(
            Tone::Bad,
            "A stay stands",
            format!("{stays} recorded and not lifted. Nothing in its scope is released."),
        );
    }
    if !standing.is_agreed() {
        return Part::banner(Tone::Bad, "Not signed by everybody", "The gate refuses every run.");
    }
    if today > term.ends || today < term.begins {
        return Part::banner(
            Tone::Bad,
            "Not in force today",
            "Corrections, hearing evidence, and the individual's and the auditor's access go on.",
        );
    }
    if left <= RENEWAL_DAYS {
        return Part::banner(
            Tone::Warn,
            "Its end is near",
            format!(
                "It ends on {} ({left} days). The board may renew it once, for a year at most, if nothing changed and \
                 each party certifies compliance.",
                shown(term.ends)
            ),
        );
    }
    Part::banner(
        Tone::Good,
        "In force",
        format!("Signed by every party and board. It ends on {} ({left} days).", shown(term.ends)),
    )
}

fn allowed(agreement: &Agreement, requests: Option<&RegisterKey>) -> Vec<String> {
    let named = |role| listed(agreement.parties_as(role).map(|party| &party.name));
    let mut lines = vec![
        format!(
            "{} may compare its records with those of {}.",
            named(Role::Recipient),
            named(Role::Source)
        ),
        format!("Compared on: {}.", elements_of(agreement.matched_on())),
        format!("Given to the recipient, for leads alone: {}.", elements_of(agreement.returned())),
        format!("A pair becomes a lead only if {}.", rule(&agreement.discrepancy)),
        match agreement.model.threshold {
            Threshold::Weight { lowest_weight } => {
                format!("Its weight must be {lowest_weight} or more.")
            }
            Threshold::ExpectedPrecision { least_permille, lowest_weight } => format!(
                "At least {:.1} of 100 leads must be expected to be right, and no weight may be below {lowest_weight}.",
                f64::from(least_permille) / 10.0
            ),
        },
        format!(
            "The first {} leads of a new model are a pilot: the rest opens only if fewer than {} % of them are surely \
             wrong or cannot be told.",
            agreement.pilot.sample, agreement.pilot.bound_percent
        ),
    ];
    if let Some(key) = requests {
        lines.push(format!(
            "Single persons of the caseload may be looked up, each by name, few at a time. They are counted with those of the \
             recipient's other programs in the register {}.",
            key.name()
        ));
    }
    for set in &agreement.record_sets {
        lines.push(format!("{}: about {} records.", set.title, set.approx_count));
    }
    lines
}

fn forbidden(agreement: &Agreement) -> Vec<String> {
    let confirms = agreement.verification.confirms.iter().map(|fact| match fact {
        VerifiedFact::Amount => "the amount",
        VerifiedFact::Access => "whether the person really had it",
        VerifiedFact::Period => "the period",
    });
    let verified = match agreement.verification.method {
        VerificationMethod::Independent => {
            format!(
                "Nothing is done against anybody before {} are confirmed beyond the records.",
                listed(confirms)
            )
        }
        VerificationMethod::BoardFinding => {
            "Nothing is done against anybody without the board's finding under 552a(p)(1)(A)(ii)."
                .to_owned()
        }
    };
    vec![
        "A weight decides nothing, however high. Only a person moves a lead on.".into(),
        verified,
        format!(
            "Nothing is done before a notice was served and {} days to answer have ended.",
            agreement.notice.response_period_days
        ),
        "Who reviewed a lead does not verify it alone; a second person confirms.".into(),
        format!("Nothing is passed on: {}", agreement.redisclosure.statement),
        "Nobody is selected by a trait that is protected, or by what stands for one.".into(),
        "What a stay covers is not released, from the moment it is recorded.".into(),
        format!("Nobody may take away the auditor's access: {}", agreement.auditor.access),
    ]
}

fn elements(agreement: &Agreement) -> Part {
    let mut table = Table::new(
        "Every element it names; no other is read",
        &["Element", "Records", "Used for", "Category"],
    );
    for set in &agreement.record_sets {
        for (used, element) in set.elements() {
            let used = match used {
                agreement::Use::MatchedOn => "compared, to find the same person",
                agreement::Use::Compared => "compared, to see whether anything differs",
                agreement::Use::Returned => "given to the recipient",
            };
            table.row(vec![
                words(element.name.as_str()).into(),
                set.title.clone().into(),
                used.into(),
                element.category.to_string().into(),
            ]);
        }
    }
    Part::Table(table)
}

/// Says by which groups error is watched; nothing where it is by none.
fn watched(agreement: &Agreement) -> Vec<Part> {
    if agreement.subgroups.is_empty() {
        return Vec::new();
    }
    vec![
        Part::heading("By which groups error is watched"),
        Part::text(
            "What comes of leads is counted by these groups of the recipient’s own cases. Nobody is selected or listed by \
             one, and nothing is disclosed for it.",
        ),
        Part::List(agreement.subgroups.iter().map(super::subgroup::said).collect()),
    ]
}

fn signatures(standing: &Standing) -> Part {
    let mut table = Table::new("Who has to accept, and who has", &["Who", "Answer"]);
    for signer in &standing.required {
        let (tone, answer) = if standing.revoked.contains(signer) {
            (Tone::Bad, "revoked")
        } else if standing.rejected.contains(signer) {
            (Tone::Bad, "rejected")
        } else if standing.accepted.contains(signer) {
            (Tone::Good, "accepted")
        } else {
            (Tone::Warn, "not yet")
        };
        table.row(vec![signer.to_string().into(), Cell::tag(tone, answer)]);
    }
    for invalid in &standing.invalid {
        table.row(vec![invalid.clone().into(), Cell::tag(Tone::Bad, "counts for nothing")]);
    }
    Part::Table(table)
}

fn clocks(filed: &Filed, today: Date) -> Part {
    let agreement = &filed.agreement;
    let term = &agreement.term;
    let mut table = Table::new("What is due, and when", &["What", "When", "State"]);
    let mut row = |what: &str, when: Date| {
        let left = today.until(when).map_or(0, |span| span.get_days());
        let state = match left {
            ..0 => Cell::tag(Tone::Plain, "past"),
            0..=RENEWAL_DAYS => Cell::tag(Tone::Warn, format!("in {left} days")),
            _ => Cell::tag(Tone::Plain, format!("in {left} days")),
        };
        table.row(vec![what.to_owned().into(), shown(when).into(), state]);
    };
    row("It began", term.begins);
    row("Renewal window opens", term.ends.saturating_sub(jiff::Span::new().days(RENEWAL_DAYS)));
    row("It ends", term.ends);
    row("Everything left is destroyed or returned", agreement.retention.destroy_by);
    let published = &filed.publications;
    for (what, when) in [
        ("Sent to the committees", published.sent_to_committees),
        ("Reported in advance", published.reported_in_advance),
        ("Published", published.federal_register.as_ref().map(|notice| notice.date)),
        ("Periodic notice last given", published.notice_last_given),
    ] {
        if let Some(when) = when {
            row(what, when);
        }
    }
    Part::Table(table)
}

fn accuracy(agreement: &Agreement) -> Part {
    let table = Table::new(
        "Accuracy assessments, 552a(o)(1)(J)",
        &["Records", "Assessed", "How", "Result"],
    )
    .empty("None is filed.");
    Part::Table(table.with(agreement.accuracy.iter().map(|one| {
        vec![
            words(one.record_set.as_str()).into(),
            shown(one.assessed).into(),
            one.method.clone().into(),
            one.result.clone().into(),
        ]
    })))
}

fn promises(agreement: &Agreement) -> Part {
    let languages = match agreement.notice.languages.as_slice() {
        [] => "any that the recipient has words for".to_owned(),
        named => listed(named.iter()),
    };
    Part::Summary(vec![
        ("Told when applying".into(), agreement.notice.at_application.clone().into()),
        ("Told regularly".into(), agreement.notice.periodic.clone().unwrap_or_default().into()),
        ("Told of findings".into(), agreement.notice.of_findings.clone().into()),
        ("Languages of the letters".into(), languages.into()),
        ("Verification".into(), agreement.verification.plan.clone().into()),
        ("Kept for".into(), agreement.retention.statement.clone().into()),
        ("Security".into(), agreement.security.technical.clone().into()),
        ("Auditor".into(), agreement.auditor.name.clone().into()),
    ])
}

/// Says a discrepancy rule in words.
fn rule(rule: &Discrepancy) -> String {
    match rule {
        Discrepancy::All { of } => of.iter().map(self::rule).collect::<Vec<_>>().join(", and "),
        Discrepancy::Any { of } => of.iter().map(self::rule).collect::<Vec<_>>().join(", or "),
        Discrepancy::PresentInBoth { .. } => "the person is in both record sets".into(),
        Discrepancy::PeriodsOverlap { one, other, least_days } => format!(
            "{} to {} and {} to {} have {least_days} or more days in common",
            element(&one.from),
            element(&one.to),
            element(&other.from),
            element(&other.to)
        ),
        Discrepancy::AmountExceeds { amount, over, tolerance_cents } => format!(
            "{} is more than {} by more than {}",
            element(amount),
            element(over),
            money(*tolerance_cents)
        ),
        Discrepancy::AmountDiffers { amount, from, tolerance_cents } => format!(
            "{} differs from {} by more than {}",
            element(amount),
            element(from),
            money(*tolerance_cents)
        ),
        Discrepancy::ValueDiffers { value, from } => {
            format!("{} differs from {}", element(value), element(from))
        }
    }
}

fn element(reference: &ElementRef) -> String {
    reference.element.as_str().replace('_', " ")
}

fn elements_of(references: impl Iterator<Item = ElementRef>) -> String {
    let mut names: Vec<String> = references.map(|reference| element(&reference)).collect();
    names.sort();
    names.dedup();
    listed(names.iter())
}

/// Spells an amount in hundredths.
pub(crate) fn money(cents: u64) -> String {
    format!("{}.{:02}", super::number::count(cents / 100), cents % 100)
}

fn listed<T: ToString>(all: impl Iterator<Item = T>) -> String {
    let all: Vec<String> = all.map(|one| one.to_string()).collect();
    match all.as_slice() {
        [] => "nothing".into(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// Spells a day.
pub(crate) fn shown(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_listed_as_people_say_them() {
        for (all, said) in [
            (vec![], "nothing"),
            (vec!["a"], "a"),
            (vec!["a", "b"], "a and b"),
            (vec!["a", "b", "c"], "a, b and c"),
        ] {
            assert_eq!(listed(all.iter()), said);
        }
    }

    #[test]
    fn the_example_is_said_in_plain_words() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/benefits/agreement.toml");
        let text = std::fs::read_to_string(folder).expect("the example");
        let agreement = Agreement::read(&text, "agreement.toml").expect("it reads");
        let said = rule(&agreement.discrepancy);
        assert_eq!(
            said,
            "pay from to pay to and benefit from to benefit to have 1 or more days in common, and gross pay is more than \
             declared income by more than 100.00"
        );
        assert!(allowed(&agreement, None).iter().any(|line| line.contains("The first 40 leads")));
        let counted = |line: &String| line.contains("counted with those of the recipient's other");
        assert!(!allowed(&agreement, None).iter().any(counted));
        assert!(allowed(&agreement, agreement.requests_key()).iter().any(counted));
        assert!(forbidden(&agreement).iter().any(|line| line.contains("30 days to answer")));
    }
}
