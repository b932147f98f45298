//! Outcome: action on a concluded notice, and its undoing; correction, until everybody has acknowledged; closing.

use super::super::agreement::shown;
use super::super::frame::Link;
use super::super::number;
use super::super::part::{Cell, Choice, Field, Part, Table, Tone};
use super::answer::{language, language_of};
use super::{Around, Desk, Reader, days_after, form};
use casework::{
    Acknowledgement, ActionKind, ActionOrder, Because, Case, Closing, CorrectionOrder,
    EMERGENCY_DAYS, Emergency, How, Joined, Stage, Standing, Step, StepKind, Told,
};
use std::collections::BTreeSet;

const KINDS: [(ActionKind, &str); 6] = [
    (ActionKind::Reduced, "Payment is less"),
    (ActionKind::Suspended, "Payment stops for a time"),
    (ActionKind::Terminated, "Payment ends"),
    (ActionKind::Denied, "An application is denied"),
    (ActionKind::Recovered, "What was paid is asked back"),
    (ActionKind::Other, "Something else to the person’s disadvantage"),
];

const REASONS: [(Because, &str); 8] = [
    (Because::NotSame, "The two records are not of one person"),
    (Because::CannotBeTold, "It cannot be told whether they are"),
    (Because::Refuted, "Verification found that it is not so"),
    (Because::NoAction, "Nothing is to be done about it"),
    (Because::ContestUpheld, "The person was right"),
    (Because::Corrected, "Everything was corrected, acknowledged and told"),
    (Because::ActionStands, "The action stands and can no longer be contested"),
    (Because::Superseded, "A later run has looked at it again"),
];

/// Says why a case was closed.
pub(in super::super) fn because(reason: Because) -> &'static str {
    REASONS.iter().find(|(one, _)| *one == reason).map_or("", |(_, words)| words)
}

pub(super) fn action(case: &Case, around: &Around<'_>) -> Vec<Part> {
    let desk = Desk::Action;
    let ended = match case.standing() {
        Standing::Noticed(noticed) => Some(noticed.conclude(around.now)),
        Standing::Decided(decided) => Some(decided.conclude(around.now)),
        _ => None,
    };
    let mut parts = match (case.standing(), ended) {
        (_, Some(Err(why))) => vec![Part::banner(Tone::Warn, "Not now", format!("{why}."))],
        (_, Some(Ok(_))) => {
            let kinds =
                KINDS.iter().map(|(kind, words)| Choice::new(kind.as_str(), *words)).collect();
            vec![
                Part::banner(
                    Tone::Note,
                    "The time to answer has ended",
                    "Silence proves nothing: the finding of two people is what this rests on.",
                ),
                Part::Form(
                    form(desk, case, StepKind::TakeAction, around, "Take this action")
                        .field(Field::one("kind", "What is done", kinds))
                        .field(Field::date("from", "From which day on"))
                        .field(Field::short("amount", "Amount a month, or at once").optional())
                        .field(
                            Field::long("undo", "How it would be undone")
                                .hint("What is restored, from when, and by whom."),
                        )
                        .grave(),
                ),
            ]
        }
        (Standing::Action(action), _) => vec![
            Part::Summary(vec![
                ("Done".into(), action.order().kind.as_str().into()),
                ("From".into(), shown(action.order().from).into()),
                ("How it is undone".into(), action.order().undo_plan.clone().into()),
                (
                    "Can be undone until".into(),
                    number::moment(action.order().undo_until, &around.zone).into(),
                ),
            ]),
            Part::Buttons(vec![Link::new(
                format!("/cases/{}/correction", case.id()),
                "Undo it, and correct",
            )]),
        ],
        _ => vec![Part::banner(
            Tone::Plain,
            "No action now",
            format!(
                "The case stands at “{}”. Action follows a served notice whose time has ended.",
                case.stage()
            ),
        )],
    };
    if matches!(
        case.standing(),
        Standing::Noticed(_) | Standing::Contested(_) | Standing::Hearing(_)
    ) {
        parts.push(Part::Details {
            title: "Public health or safety is threatened".into(),
            parts: vec![
                Part::text("5 U.S.C. 552a(p)(3). A named official answers for it, it ends after ten days at most, and it is reviewed."),
                Part::Form(
                    form(desk, case, StepKind::TakeEmergencyMeasure, around, "Take the measure")
                        .field(
                            Field::line("official", "The official who answers for it")
                                .hint("The id of their account"),
                        )
                        .field(Field::one(
                            "ground",
                            "What it threatens",
                            vec![
                                Choice::new("public_health", "Public health"),
                                Choice::new("public_safety", "Public safety"),
                            ],
                        ))
                        .field(Field::long("reason", "What threatens"))
                        .grave(),
                ),
            ],
        });
    }
    parts
}

pub(super) fn correction(case: &Case, around: &Around<'_>) -> Vec<Part> {
    let desk = Desk::Correction;
    let order = |kind: StepKind, button: &str| {
        Part::Form(
            form(desk, case, kind, around, button)
                .field(Field::long("words", "What was wrong, and what is right"))
                .field(
                    Field::several(
                        "splits",
                        "Records",
                        vec![Choice::new(
                            "yes",
                            "Records that were joined are of different people: split them",
                        )],
                    )
                    .optional(),
                )
                .field(language(around, "Language of the letter that tells the person")),
        )
    };
    let told = Table::new("Who must hear of it", &["Recipient", "Party"])
        .empty("Nothing about this case was disclosed to anybody.")
        .with(
            around
                .recipients
                .iter()
                .map(|(id, name)| vec![Cell::text(name.clone()), Cell::code(id.clone())]),
        );
    match case.standing() {
        Standing::Correction(correction) => {
            let mut table = Table::new("Recipients", &["Recipient", "State"])
                .empty("Nothing went to anybody: nobody has to acknowledge.");
            for party in &correction.order().recipients {
                let state = if correction.acknowledged().contains_key(party) {
                    Cell::tag(Tone::Good, "acknowledged")
                } else {
                    Cell::tag(Tone::Warn, "waiting")
                };
                table.row(vec![party.to_string().into(), state]);
            }
            let records = if correction.order().splits {
                "of different people: split, and known not the same"
            } else {
                "of one person: amended"
            };
            let mut parts = vec![
                Part::Summary(vec![
                    ("Corrected".into(), correction.order().words.clone().into()),
                    ("The two records are".into(), records.into()),
                    ("Ordered".into(), number::moment(correction.at(), &around.zone).into()),
                    (
                        "The person was told".into(),
                        correction.told_at().map_or_else(
                            || Cell::tag(Tone::Warn, "not yet"),
                            |at| Cell::text(number::moment(at, &around.zone)),
                        ),
                    ),
                ]),
                Part::Table(table),
            ];
            if let Some(party) = correction.outstanding().next() {
                parts.push(Part::Form(
                    form(
                        desk,
                        case,
                        StepKind::Acknowledge,
                        around,
                        &format!("Record that {party} acknowledged"),
                    )
                    .field(Field::hidden("recipient", party.to_string()))
                    .field(
                        Field::line("answer", "SHA-256 of its signed answer").hint(
                            "Nodes acknowledge by themselves; this is for an answer on paper.",
                        ),
                    ),
                ));
            }
            parts.push(Part::Buttons(vec![
                Link::new(
                    format!("/cases/{}/letter", case.id()),
                    "See and print the letter that tells the person",
                ),
                Link::new(format!("/cases/{}/letter.pdf", case.id()), "The letter as PDF"),
            ]));
            parts.extend(hanging(around));
            if correction.told_at().is_none() {
                parts.push(Part::Form(
                    form(
                        desk,
                        case,
                        StepKind::TellIndividual,
                        around,
                        "Record that the person was told",
                    )
                    .field(
                        Field::one(
                            "how",
                            "How",
                            vec![
                                Choice::new("mail", "By mail"),
                                Choice::new("in-person", "In person"),
                            ],
                        )
                        .value("mail"),
                    ),
                ));
            }
            parts
        }
        Standing::Action(_) => vec![
            Part::text(
                "The action is undone, what was taken is restored, and everybody to whom it went is told.",
            ),
            Part::Table(told),
            joined(around),
            order(StepKind::Reverse, "Undo the action, and correct"),
        ],
        Standing::Closed(_) => {
            vec![Part::banner(
                Tone::Plain,
                "The case is closed",
                "A judgement is reversed on the page that closes.",
            )]
        }
        _ => {
            vec![
                Part::Table(told),
                joined(around),
                order(StepKind::Correct, "Order the correction"),
            ]
        }
    }
}

/// Shows what the runs joined to the person's case, and what a split would part from it.
fn joined(around: &Around<'_>) -> Part {
    let row = |one: &Joined, what: Cell| {
        vec![
            Cell::link(format!("/cases/{}", one.lead), one.lead.to_string()),
            one.stage.as_str().into(),
            what,
        ]
    };
    let cut = around.split.cut.iter().map(|one| row(one, Cell::tag(Tone::Warn, "is parted")));
    let kept = around.split.kept.iter().map(|one| row(one, Cell::text("stays")));
    let table = Table::new(
        "Leads that were joined to this person, if the records are split",
        &["Lead", "It stands", "A split"],
    );
    Part::Table(table.with(cut.chain(kept)))
}

/// Leads to what hung on the same bond and is further on than a machine may close.
fn hanging(around: &Around<'_>) -> Option<Part> {
    let is_left = |one: &&Joined| one.lead != *around.case && one.stage == Stage::Reviewed;
    let left: Vec<_> = around.split.cut.iter().filter(is_left).collect();
    let links = left.iter().map(|one| {
        Link::new(format!("/cases/{}/correction", one.lead), format!("Correct {}", one.lead))
    });
    (around.was_split && !left.is_empty()).then(|| Part::Details {
        title: "Other cases rest on the same wrong link".into(),
        parts: vec![
            Part::text("They take no further step towards an action. Correct each as well."),
            Part::Buttons(links.collect()),
        ],
    })
}

pub(super) fn close(case: &Case, around: &Around<'_>) -> Vec<Part> {
    let desk = Desk::Close;
    if let Standing::Closed(closed) = case.standing() {
        return vec![
            Part::Summary(vec![
                ("Closed".into(), number::moment(closed.at(), &around.zone).into()),
                ("Why".into(), because(closed.because()).into()),
            ]),
            Part::Details {
                title: "The judgement was wrong".into(),
                parts: vec![Part::Form(
                    form(
                        desk,
                        case,
                        StepKind::ReverseJudgement,
                        around,
                        "Reverse it: look at the lead again",
                    )
                    .field(Field::long("reason", "Why it was wrong")),
                )],
            },
        ];
    }
    let reasons =
        REASONS.iter().map(|(reason, words)| Choice::new(reason.as_str(), *words)).collect();
    vec![Part::Form(
        form(desk, case, StepKind::Close, around, "Close the case")
            .field(Field::one("because", "Why nothing more follows", reasons))
            .field(Field::long("words", "In your words").optional()),
    )]
}

pub(super) fn step(kind: StepKind, reader: &mut Reader<'_>, around: &Around<'_>) -> Option<Step> {
    match kind {
        StepKind::TakeAction => {
            let kind = reader.of("kind", "Choose what is done", |text| {
                KINDS.iter().find(|(kind, _)| kind.as_str() == text).map(|(kind, _)| *kind)
            });
            let from = reader.date("from", "Enter the day from which it counts");
            let amount_cents = reader.cents("amount");
            let undo_plan = reader.words("undo", "Say how it would be undone");
            // Two years and a day: what undoing takes outlives every term that the project sets itself.
            let undo_until = days_after(reader.now, 731);
            Some(Step::TakeAction(ActionOrder {
                kind: kind?,
                from,
                amount_cents,
                undo_plan,
                undo_until,
            }))
        }
        StepKind::TakeEmergencyMeasure => {
            let official = reader.of(
                "official",
                "Name the official who answers for it, by the id of their account",
                |text| agreement::OfficerId::new(text).ok(),
            );
            let ground = reader.of("ground", "Say what it threatens", |text| match text {
                "public_health" => Some(agreement::EmergencyGround::PublicHealth),
                "public_safety" => Some(agreement::EmergencyGround::PublicSafety),
                _ => None,
            });
            let reason = reader.words("reason", "Say what threatens");
            let ends = days_after(reader.now, u32::try_from(EMERGENCY_DAYS).unwrap_or(10));
            Some(Step::TakeEmergencyMeasure(Emergency {
                ground: ground?,
                official: official?,
                reason,
                ends,
            }))
        }
        StepKind::EndEmergencyMeasure => {
            Some(Step::EndEmergencyMeasure(reader.words("reason", "Say why it ends")))
        }
        StepKind::Reverse => Some(Step::Reverse(order(reader, around))),
        StepKind::Correct => Some(Step::Correct(order(reader, around))),
        StepKind::Acknowledge => {
            let recipient =
                reader.of("recipient", "Name the recipient", |text| text.parse().ok())?;
            let answer = reader.words("answer", "Enter the digest of its answer");
            Some(Step::Acknowledge(Acknowledgement { recipient, answer }))
        }
        StepKind::TellIndividual => {
            let how = reader.of("how", "Say how", |text| match text {
                "mail" => Some(How::Mail),
                "in-person" => Some(How::InPerson),
                _ => None,
            })?;
            let letter = around.letter.as_ref().map(|letter| letter.digest.clone());
            let letter = letter.unwrap_or_default();
            Some(Step::TellIndividual(Told { how, letter }))
        }
        StepKind::Close => {
            let because = reader.of("because", "Choose why", Because::read)?;
            Some(Step::Close(Closing { because, words: reader.typed.one("words").to_owned() }))
        }
        StepKind::ReverseJudgement => {
            Some(Step::ReverseJudgement(reader.words("reason", "Say why it was wrong")))
        }
        _ => None,
    }
}

fn order(reader: &mut Reader<'_>, around: &Around<'_>) -> CorrectionOrder {
    let words = reader.words("words", "Say what was wrong, and what is right");
    let recipients: BTreeSet<_> =
        around.recipients.iter().filter_map(|(id, _)| id.parse().ok()).collect();
    let language = language_of(reader, around, "Choose the language of the letter");
    let language = language.unwrap_or_default();
    CorrectionOrder { words, recipients, splits: reader.ticked("splits"), language }
}
