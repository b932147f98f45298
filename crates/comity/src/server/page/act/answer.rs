//! Notice and answer: the letter is drafted and served, the mail may come back, the individual contests, is heard, and
//! the contest is decided.

use super::super::number;
use super::super::part::{Cell, Choice, Field, Part, Tone};
use super::{Around, Desk, Reader, begin_of, form};
use crate::server::page::frame::Link;
use casework::{
    Addressee, Case, Contest, Draft, Heard, How, Returned, Ruling, Service, Standing, Step,
    StepKind,
};

pub(super) fn notice(case: &Case, around: &Around<'_>) -> Vec<Part> {
    let desk = Desk::Notice;
    let draft = |button: &str| {
        Part::Form(
            form(desk, case, StepKind::DraftNotice, around, button)
                .field(language(around, "Language of the letter")),
        )
    };
    match case.standing() {
        Standing::Verified(verified) => match verified.draft() {
            None => vec![
                Part::text("Write the letter first; you see it before it is served."),
                draft("Write the letter"),
            ],
            Some(written) => {
                let language = written.language.clone();
                vec![
                    Part::Buttons(vec![
                        Link::new(
                            format!("/cases/{}/letter", case.id()),
                            "See and print the letter",
                        ),
                        Link::new(format!("/cases/{}/letter.pdf", case.id()), "The letter as PDF"),
                    ]),
                    Part::heading("It was served"),
                    Part::Form(serve(case, around, &language)),
                    Part::Details {
                        title: "Write it again".into(),
                        parts: vec![draft("Write the letter again")],
                    },
                ]
            }
        },
        other => match other.noticed() {
            Some(noticed) => {
                let service = noticed.service();
                let mut parts = vec![Part::Summary(vec![
                    ("Served".into(), number::moment(service.served_at, &around.zone).into()),
                    ("How".into(), service.how.as_str().into()),
                    ("Language".into(), service.language.clone().into()),
                    ("Tried".into(), format!("{} times", noticed.attempts()).into()),
                    (
                        "Time to answer".into(),
                        noticed.response_ends().map_or_else(
                            || Cell::tag(Tone::Bad, "the mail came back: it does not run"),
                            |ends| {
                                Cell::text(format!("until {}", number::moment(ends, &around.zone)))
                            },
                        ),
                    ),
                ])];
                parts.push(Part::Buttons(vec![Link::new(
                    format!("/cases/{}/letter", case.id()),
                    "See and print the letter",
                )]));
                if noticed.returned_at().is_some() {
                    parts.push(Part::banner(
                        Tone::Bad,
                        "The mail came back",
                        "Try another address, such as the one the payer knows. The time to answer begins anew.",
                    ));
                    parts.push(Part::Form(serve(case, around, &service.language)));
                } else {
                    parts.push(Part::Details {
                        title: "The mail came back".into(),
                        parts: vec![Part::Form(
                            form(
                                desk,
                                case,
                                StepKind::NoteReturnedMail,
                                around,
                                "Record that it came back",
                            )
                            .field(Field::line("reason", "What the post says")),
                        )],
                    });
                }
                parts
            }
            None => vec![Part::banner(
                Tone::Plain,
                "No notice now",
                format!(
                    "The case stands at “{}”. A notice follows what two people have verified.",
                    case.stage()
                ),
            )],
        },
    }
}

fn serve(case: &Case, around: &Around<'_>, language: &str) -> super::super::part::Form {
    form(Desk::Notice, case, StepKind::ServeNotice, around, "Record that it was served")
        .field(Field::hidden("language", language))
        .field(
            Field::one(
                "how",
                "How",
                vec![
                    Choice::new("mail", "By mail"),
                    Choice::new("in-person", "Handed over"),
                    Choice::new("electronic", "Electronically, as the person asked"),
                ],
            )
            .value("mail"),
        )
        .field(
            Field::one(
                "to",
                "To whom",
                vec![
                    Choice::new("individual", "The person"),
                    Choice::new("household", "The household, the payee or the estate"),
                ],
            )
            .value("individual"),
        )
        .field(Field::long("address", "Where to").value(around.address.clone()))
}

/// Leads to what the person handed in.
fn papers(case: &Case, digests: &[String]) -> Option<Part> {
    let link = |(digest, number): (&String, u32)| {
        Link::new(format!("/cases/{}/papers/{digest}", case.id()), format!("Fetch paper {number}"))
    };
    let links: Vec<Link> = digests.iter().zip(1..).map(link).collect();
    (!links.is_empty()).then_some(Part::Buttons(links))
}

pub(super) fn contest(case: &Case, around: &Around<'_>) -> Vec<Part> {
    let desk = Desk::Contest;
    let mut parts = Vec::new();
    if let Some(contested) = case.standing().contested() {
        parts.push(Part::Summary(vec![
            ("Answered".into(), number::moment(contested.filed_at(), &around.zone).into()),
            (
                "In time".into(),
                if contested.is_late() { "late: it counts all the same" } else { "yes" }.into(),
            ),
            ("In their own words".into(), contested.contest().statement.clone().into()),
            (
                "Papers".into(),
                match contested.contest().attachments.len() {
                    0 => "none".to_owned(),
                    count => format!("{count}, below"),
                }
                .into(),
            ),
            (
                "Asks for a hearing".into(),
                if contested.contest().wants_hearing { "yes" } else { "no" }.into(),
            ),
        ]));
        parts.extend(papers(case, &contested.contest().attachments));
        if let Standing::Contested(_) = case.standing() {
            parts.push(Part::Details {
                title: "The person takes it back".into(),
                parts: vec![Part::Form(
                    form(
                        desk,
                        case,
                        StepKind::WithdrawContest,
                        around,
                        "Record that it is taken back",
                    )
                    .field(Field::long("reason", "How the person said so")),
                )],
            });
        }
        return parts;
    }
    match case.standing() {
        Standing::Noticed(_) | Standing::Action(_) => {
            parts.push(Part::text("For an answer that came by letter, by telephone or in person."));
            parts.push(Part::Form(
                form(desk, case, StepKind::FileContest, around, "Record the answer")
                    .field(Field::long("statement", "What the person says, in their own words"))
                    .field(
                        Field::several(
                            "hearing",
                            "Hearing",
                            vec![Choice::new("yes", "The person asks for a hearing")],
                        )
                        .optional(),
                    ),
            ));
        }
        _ => parts.push(Part::banner(
            Tone::Plain,
            "Nobody has answered",
            format!("The case stands at “{}”.", case.stage()),
        )),
    }
    parts
}

pub(super) fn hearing(case: &Case, around: &Around<'_>) -> Vec<Part> {
    match case.standing() {
        Standing::Contested(_) => vec![Part::Form(
            form(Desk::Hearing, case, StepKind::OpenHearing, around, "Open the hearing").field(
                Field::date("day", "When it takes place")
                    .hint("The person is told. Aid continues."),
            ),
        )],
        Standing::Hearing(hearing) => vec![
            Part::Summary(vec![(
                "Takes place".into(),
                number::moment(hearing.takes_place(), &around.zone).into(),
            )]),
            Part::Buttons(vec![Link::new(
                format!("/cases/{}/decision", case.id()),
                "Decide on the contest",
            )]),
        ],
        _ => vec![Part::banner(
            Tone::Plain,
            "No hearing now",
            format!("The case stands at “{}”.", case.stage()),
        )],
    }
}

pub(super) fn decision(case: &Case, around: &Around<'_>) -> Vec<Part> {
    match case.standing() {
        Standing::Contested(_) | Standing::Hearing(_) => {
            let mut parts = Vec::new();
            if let Some(contested) = case.standing().contested() {
                parts.push(Part::Summary(vec![(
                    "The person says".into(),
                    contested.contest().statement.clone().into(),
                )]));
                parts.extend(papers(case, &contested.contest().attachments));
            }
            let mut decide =
                form(Desk::Decision, case, StepKind::Decide, around, "Record the decision")
                    .field(Field::one(
                        "heard",
                        "The decision",
                        vec![
                            Choice::new("upheld", "The person is right"),
                            Choice::new("upheld-in-part", "The person is right in part"),
                            Choice::new("not-upheld", "The finding stands"),
                        ],
                    ))
                    .field(Field::long("reason", "Why, in words that the person can read"));
            if let Standing::Hearing(_) = case.standing() {
                let aid = Field::short("aid", "Where it shows that aid went on until today")
                    .hint("The payment record's number. Without it no action can follow.")
                    .optional();
                decide = decide.field(aid);
            }
            parts.push(Part::Form(decide));
            parts
        }
        Standing::Decided(decided) => vec![Part::Summary(vec![
            ("Decided".into(), number::moment(decided.at(), &around.zone).into()),
            ("How".into(), decided.ruling().heard.as_str().into()),
            ("Why".into(), decided.ruling().reason.clone().into()),
        ])],
        _ => vec![Part::banner(
            Tone::Plain,
            "Nothing to decide",
            format!("The case stands at “{}”.", case.stage()),
        )],
    }
}

/// The choice of a letter's language.
pub(super) fn language(around: &Around<'_>, label: &'static str) -> Field {
    let offered = around.letters.offered().map(|one| Choice::new(one.code(), one.name()));
    Field::one("language", label, offered.collect()).value(around.letters.first().code())
}

/// Reads the choice.
pub(super) fn language_of(
    reader: &mut Reader<'_>,
    around: &Around<'_>,
    missing: &str,
) -> Option<String> {
    reader.of("language", missing, |code| Some(around.letters.offer(code)?.code().to_owned()))
}

pub(super) fn step(
    kind: StepKind,
    case: &Case,
    reader: &mut Reader<'_>,
    around: &Around<'_>,
) -> Option<Step> {
    match kind {
        StepKind::DraftNotice => {
            let language = language_of(reader, around, "Choose a language")?;
            let letter = around.letter.clone()?.digest;
            Some(Step::DraftNotice(Draft { language, letter }))
        }
        StepKind::ServeNotice => {
            let how = reader.of("how", "Say how it was served", |text| match text {
                "mail" => Some(How::Mail),
                "in-person" => Some(How::InPerson),
                "electronic" => Some(How::Electronic),
                _ => None,
            })?;
            let to = reader.of("to", "Say to whom it was served", |text| match text {
                "individual" => Some(Addressee::Individual),
                "household" => Some(Addressee::Household),
                _ => None,
            })?;
            let language = language_of(reader, around, "Choose a language")?;
            let address = reader.words("address", "Enter where it was sent");
            let letter = around.letter.clone()?;
            let served = Service {
                how,
                to,
                language,
                address,
                letter: letter.digest,
                states: letter.states,
                served_at: reader.now,
                response_ends: letter.ends,
            };
            Some(Step::ServeNotice(served))
        }
        StepKind::NoteReturnedMail => Some(Step::NoteReturnedMail(Returned {
            reason: reader.words("reason", "Say what the post says"),
        })),
        StepKind::FileContest => Some(Step::FileContest(Contest {
            statement: reader.words("statement", "Enter what the person says"),
            attachments: Vec::new(),
            wants_hearing: reader.ticked("hearing"),
        })),
        StepKind::WithdrawContest => {
            Some(Step::WithdrawContest(reader.words("reason", "Say how the person said so")))
        }
        StepKind::OpenHearing => {
            let day = reader.date("day", "Enter the day of the hearing");
            Some(Step::OpenHearing(begin_of(day).max(case.last_at())))
        }
        StepKind::Decide => {
            let heard = reader.of("heard", "Choose the decision", Heard::read)?;
            let reason = reader.words("reason", "Say why");
            let aid = reader.typed.one("aid").trim().to_owned();
            let aid_continued = (!aid.is_empty()).then_some(aid);
            Some(Step::Decide(Ruling { heard, reason, aid_continued }))
        }
        _ => None,
    }
}
