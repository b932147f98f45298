//! Verification: begin, propose a finding, confirm it as a second person, send it back, or find that it is not so; and
//! dispute a source's record.
//!
//! [5 U.S.C. 552a(p)(2)](https://www.law.cornell.edu/uscode/text/5/552a): the amount, the access, the period.

use super::super::agreement::{money, shown};
use super::super::part::{Cell, Choice, Field, Part, Tone, Wrong};
use super::{Around, Desk, Reader, days_after, form};
use ::agreement::ElementRef;
use casework::{
    Case, DisputeAnswer, Finding, Ground, Had, Objection, Settled, Source, SourceKind, Standing,
    Step, StepKind,
};

pub(super) fn parts(case: &Case, around: &Around<'_>) -> Vec<Part> {
    let desk = Desk::Verification;
    let mut parts = match case.standing() {
        Standing::Reviewed(_) => vec![
            Part::text(
                "The two records were judged to be of one person. Begin when you can ask somebody who knows.",
            ),
            Part::Form(form(desk, case, StepKind::Verify, around, "Begin verification")),
        ],
        Standing::Verifying(verifying) => match verifying.proposed() {
            None => vec![
                Part::heading("What you found"),
                Part::Form(propose(case, around)),
                Part::heading("It is not so"),
                Part::Form(
                    form(desk, case, StepKind::Refute, around, "Record that it is not so").field(
                        Field::long("reason", "Why not").hint("Words that the person can read."),
                    ),
                ),
            ],
            Some(proposed) => vec![
                Part::banner(
                    Tone::Warn,
                    "It takes a second person",
                    format!(
                        "{} proposed this finding. Somebody else confirms it or sends it back.",
                        proposed.by()
                    ),
                ),
                Part::Summary(said(proposed.finding())),
                Part::Form(form(
                    desk,
                    case,
                    StepKind::Confirm,
                    around,
                    "Confirm: I have seen the sources",
                )),
                Part::Form(
                    form(desk, case, StepKind::SendBack, around, "Send it back")
                        .field(Field::long("reason", "What is missing")),
                ),
            ],
        },
        Standing::Verified(verified) => vec![
            Part::banner(Tone::Good, "Confirmed by two people", "The next step is the notice."),
            Part::Summary(said(verified.finding())),
            Part::Details {
                title: "It was wrong after all".into(),
                parts: vec![Part::Form(
                    form(desk, case, StepKind::SendBack, around, "Verify anew")
                        .field(Field::long("reason", "What was wrong")),
                )],
            },
        ],
        other => match other.verified() {
            Some(verified) => vec![Part::Summary(said(verified.finding()))],
            None => vec![Part::banner(
                Tone::Plain,
                "Nothing to verify",
                format!("The case stands at “{}”.", case.stage()),
            )],
        },
    };
    parts.extend(disputes(case, around));
    parts
}

fn propose(case: &Case, around: &Around<'_>) -> super::super::part::Form {
    form(Desk::Verification, case, StepKind::Find, around, "Propose this finding")
        .field(
            Field::short("amount", "Amount confirmed")
                .hint("For the whole period, such as 3546.36"),
        )
        .field(Field::one(
            "access",
            "Did the person really have it, for own use?",
            vec![Choice::new("yes", "Yes"), Choice::new("no", "No: somebody else had it")],
        ))
        .field(Field::date("from", "First day on which the person had it"))
        .field(
            Field::date("to", "Last day").hint("A yearly sum divided by twelve confirms no month."),
        )
        .field(Field::one(
            "source",
            "Who confirmed it, beyond the two records?",
            vec![
                Choice::new("payer", "Who pays it, such as the employer"),
                Choice::new("individual", "The person, who said so"),
                Choice::new("registrar", "A registrar"),
                Choice::new("document", "A document that I saw"),
                Choice::new("other", "Somebody else"),
            ],
        ))
        .field(
            Field::line("reference", "How to find it again")
                .hint("A letter’s number or a file reference"),
        )
        .field(Field::date("seen", "When you asked or saw it"))
        .field(Field::long("words", "What was found, in words that the person can read"))
}

/// Says a finding.
pub(in super::super) fn said(finding: &Finding) -> Vec<(String, Cell)> {
    let mut rows = vec![("What was found".to_owned(), Cell::text(finding.words.clone()))];
    match &finding.ground {
        Ground::Independent { amount_cents, access, periods, sources } => {
            let amount = amount_cents.map_or_else(|| "not confirmed".to_owned(), money);
            let access = match access {
                Some(true) => "the person really had it",
                Some(false) => "somebody else had it",
                None => "not confirmed",
            };
            rows.push(("Amount".into(), amount.into()));
            rows.push(("Access".into(), access.into()));
            let periods: Vec<_> = periods
                .iter()
                .map(|had| format!("{} to {}", shown(had.from), shown(had.to)))
                .collect();
            rows.push(("Period".into(), periods.join("; ").into()));
            rows.push((
                "Confirmed by".into(),
                sources.iter().map(source).collect::<Vec<_>>().join("; ").into(),
            ));
        }
        Ground::BoardFinding { document, found } => {
            rows.push(("The board’s finding".into(), Cell::code(document.clone())));
            rows.push(("Made on".into(), shown(*found).into()));
        }
        Ground::Death { certified, second } => {
            rows.push(("Certified record".into(), source(certified).into()));
            rows.push(("Second datum".into(), source(second).into()));
        }
    }
    rows
}

/// Says a source.
pub(in super::super) fn source(source: &Source) -> String {
    format!("{}: {} ({})", source.kind.as_str(), source.reference, shown(source.seen))
}

fn disputes(case: &Case, around: &Around<'_>) -> Vec<Part> {
    let desk = Desk::Verification;
    let mut parts = Vec::new();
    for (number, dispute) in
        case.disputes().iter().enumerate().filter(|(_, dispute)| dispute.is_open())
    {
        parts.push(Part::banner(
            if dispute.is_overdue(around.now) { Tone::Bad } else { Tone::Warn },
            "The source’s record is disputed",
            "No notice is served and no action taken before the source has answered.",
        ));
        let objection = dispute.objection();
        let to = objection.to.as_ref().map_or_else(
            || Cell::tag(Tone::Warn, "nobody’s node"),
            |to| Cell::code(to.to_string()),
        );
        parts.push(Part::Summary(vec![
            ("Dispute".into(), (number + 1).to_string().into()),
            ("Element".into(), Cell::code(objection.element.to_string())),
            ("Why".into(), objection.reason.clone().into()),
            ("Sent to".into(), to),
            (
                "Answer due".into(),
                super::super::number::moment(objection.answer_due, &around.zone).into(),
            ),
        ]));
        // Only the source answers, and its node's signed answer is noted without anybody's hand.
        parts.push(Part::text("The answer is noted here when the source’s node sends it."));
    }
    if !matches!(case.standing(), Standing::Closed(_) | Standing::Lead(_)) {
        parts.push(Part::Details {
            title: "Dispute the source’s record".into(),
            parts: vec![Part::Form(
                form(desk, case, StepKind::OpenDispute, around, "Open a dispute")
                    .field(
                        Field::line("element", "Which element").hint("Such as payroll.gross_pay"),
                    )
                    .field(Field::long("reason", "Why you think it is wrong")),
            )],
        });
    }
    parts
}

pub(super) fn step(
    kind: StepKind,
    case: &Case,
    reader: &mut Reader<'_>,
    around: &Around<'_>,
) -> Option<Step> {
    match kind {
        StepKind::Verify => Some(Step::Verify),
        StepKind::Confirm => Some(Step::Confirm),
        StepKind::SendBack => Some(Step::SendBack(reader.words("reason", "Say what is missing"))),
        StepKind::Refute => Some(Step::Refute(reader.words("reason", "Say why it is not so"))),
        StepKind::Find => {
            let amount_cents = reader.cents("amount");
            if amount_cents.is_none() && reader.typed.one("amount").is_empty() {
                reader.wrong.push(Wrong::new("amount", "Enter the amount that was confirmed"));
            }
            let access =
                reader.of("access", "Say whether the person really had it", |text| match text {
                    "yes" => Some(true),
                    "no" => Some(false),
                    _ => None,
                });
            let from = reader.date("from", "Enter the first day");
            let to = reader.date("to", "Enter the last day");
            if to < from {
                reader.wrong.push(Wrong::new("to", "The last day must not be before the first"));
            }
            let kind = reader.of("source", "Say who confirmed it", source_kind)?;
            let reference = reader.words("reference", "Say how to find it again");
            let seen = reader.date("seen", "Enter the day on which you asked or saw it");
            let words = reader.words("words", "Say what was found");
            let sources = vec![Source { kind, reference, seen }];
            let ground = Ground::Independent {
                amount_cents,
                access,
                periods: vec![Had { from, to }],
                sources,
            };
            Some(Step::Find(Finding { ground, words }))
        }
        StepKind::OpenDispute => {
            let element: ElementRef =
                reader.of("element", "Enter an element such as payroll.gross_pay", |text| {
                    text.parse().ok()
                })?;
            let reason = reader.words("reason", "Say why you think it is wrong");
            let to = around.owners.get(&element.record_set).cloned();
            if to.is_none() {
                let wrong =
                    "Name an element of the other agency’s records, such as payroll.gross_pay";
                reader.wrong.push(Wrong::new("element", wrong));
            }
            Some(Step::OpenDispute(Objection {
                to,
                element,
                reason,
                answer_due: days_after(reader.now, case.terms().dispute_days),
            }))
        }
        StepKind::AnswerDispute => {
            let number = reader.typed.one("number").parse().ok()?;
            let settled =
                reader.of("settled", "Say what the source answers", |text| match text {
                    "corrected" => Some(Settled::Corrected),
                    "stands" => Some(Settled::Stands),
                    _ => None,
                })?;
            Some(Step::AnswerDispute(DisputeAnswer {
                number,
                settled,
                reason: reader.words("reason", "Say why"),
            }))
        }
        _ => None,
    }
}

fn source_kind(text: &str) -> Option<SourceKind> {
    [
        SourceKind::Payer,
        SourceKind::Registrar,
        SourceKind::Individual,
        SourceKind::Document,
        SourceKind::Other,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == text)
}
