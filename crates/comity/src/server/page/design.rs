//! The tokens page: type, space, colour with its contrast, and every part that pages are made of. It is there in a
//! demonstration, for those who draw pages.

use super::colour::{self, Theme};
use super::frame::{Frame, Link};
use super::part::{Card, Cell, Choice, Done, Field, Form, Part, Parts, Table, Task, Tone, Wrong};
use askama::Template;

/// The page.
#[derive(Template)]
#[template(path = "console/design.html")]
pub(crate) struct DesignPage {
    frame: Frame,
    sizes: &'static [&'static str],
    swatches: &'static [&'static str],
    parts: Vec<Part>,
}

impl DesignPage {
    pub(crate) fn new(frame: Frame) -> DesignPage {
        DesignPage {
            frame,
            sizes: &["small", "text", "large", "title"],
            swatches: &[
                "ground",
                "paper",
                "sunken",
                "ink",
                "muted",
                "line",
                "link",
                "primary",
                "danger",
                "focus",
                "good",
                "note",
                "warn",
                "bad",
                "mark",
                "chart",
                "chart-away",
            ],
            parts: [contrast(), parts()].concat(),
        }
    }
}

/// `GET /design`
pub(super) async fn show(
    axum::extract::State(app): axum::extract::State<crate::server::App>,
    visit: crate::server::visit::Visit,
) -> axum::response::Response {
    super::draw(&DesignPage::new(crate::server::door::frame(&app, &visit, "Design", "/design")))
}

fn contrast() -> Vec<Part> {
    let (light, dark) = (colour::tokens(Theme::Light), colour::tokens(Theme::Dark));
    let mut table = Table::new(
        "Contrast, computed from the style sheet",
        &["Token", "On", "#Least", "#Light", "#Dark"],
    );
    let pairs = colour::TEXTS.iter().map(|pair| (pair, 4.5));
    for ((text, ground), least) in pairs.chain(colour::BOUNDARIES.iter().map(|pair| (pair, 3.0))) {
        let ratio = |tokens: &std::collections::BTreeMap<&str, [u8; 3]>| match (
            tokens.get(text),
            tokens.get(ground),
        ) {
            (Some(one), Some(other)) => format!("{:.1}:1", colour::contrast(*one, *other)),
            _ => "missing".to_owned(),
        };
        table.row(vec![
            (*text).into(),
            (*ground).into(),
            Cell::number(format!("{least}:1")),
            Cell::number(ratio(&light)),
            Cell::number(ratio(&dark)),
        ]);
    }
    vec![Part::heading("Contrast"), Part::Table(table)]
}

fn parts() -> Vec<Part> {
    let form = Form::new("/design", "", "Record")
        .field(Field::line("name", "One line").hint("A hint says what is expected."))
        .field(Field::date("day", "A date"))
        .field(Field::long("story", "Several lines").optional())
        .field(Field::select(
            "land",
            "One of many",
            vec![Choice::new("a", "First"), Choice::new("b", "Second")],
        ))
        .field(Field::one(
            "one",
            "One of a few",
            vec![
                Choice::new("yes", "Yes").hint("With a hint").key("y"),
                Choice::new("no", "No").key("n"),
            ],
        ))
        .field(Field::several(
            "many",
            "Any of a few",
            vec![Choice::new("c", "Third"), Choice::new("d", "Fourth")],
        ))
        .field(Field::file("paper", "A file", ".pdf,.png"))
        .again(
            &super::Typed::default(),
            &[Wrong::new("day", "Enter a date that is not in the future")],
        )
        .instead("/design", "Go back instead");
    let mut form = form;
    form.asks = true;
    vec![
        Part::heading("Banners"),
        Part::banner(Tone::Note, "Note", "Worth knowing."),
        Part::banner(Tone::Good, "Done", "It is recorded."),
        Part::banner(Tone::Warn, "Due soon", "The time to answer ends in two days."),
        Part::Banner {
            tone: Tone::Bad,
            title: "Stopped".into(),
            lines: vec!["A stay stands against every release.".into()],
            link: Some(Link::new("/design", "See the stay")),
        },
        Part::heading("Cards"),
        Part::Cards(vec![
            Card {
                count: "12".into(),
                name: "to review".into(),
                href: Some("/design".into()),
                aside: "3 due this week".into(),
            },
            Card { count: "0".into(), name: "overdue".into(), href: None, aside: String::new() },
        ]),
        Part::heading("Tags in a table"),
        Part::Table(Table::new("Stages", &["Case", "Stage", "#Weight"]).with([
            vec![
                Cell::link("/design", "2027Q1-0001"),
                Cell::tag(Tone::Note, "reviewed"),
                Cell::number("14.20"),
            ],
            vec![
                Cell::link("/design", "2027Q1-0002"),
                Cell::tag(Tone::Warn, "noticed"),
                Cell::number("12.02"),
            ],
            vec![
                Cell::link("/design", "2027Q1-0003"),
                Cell::tag(Tone::Bad, "late"),
                Cell::number("9.75"),
            ],
        ])),
        Part::Pages { previous: Some("/design".into()), next: Some("/design".into()) },
        Part::heading("Summary list"),
        Part::Summary(vec![
            ("Purpose".into(), "Verify declared income".into()),
            ("Digest".into(), Cell::code("sha256:1858c80b947800ca704f2eb4fec4e849")),
        ]),
        Part::heading("Task list"),
        Part::Tasks(vec![
            Task {
                name: "Confirm the amount".into(),
                href: Some("/design".into()),
                hint: String::new(),
                tone: Tone::Good,
                state: "done".into(),
            },
            Task {
                name: "Confirm the period".into(),
                href: Some("/design".into()),
                hint: "Ask the employer.".into(),
                tone: Tone::Plain,
                state: "to do".into(),
            },
        ]),
        Part::heading("Steps taken"),
        Part::Steps(vec![Done {
            when: "2027-04-02 10:12 UTC".into(),
            what: "Reviewed: same person".into(),
            who: "officer-3".into(),
            lines: vec!["Name, birth and home agree.".into()],
        }]),
        Part::heading("Form"),
        Part::Form(form),
        Part::heading("Buttons"),
        Part::Buttons(vec![Link::new("/design", "First"), Link::new("/design", "Second")]),
        Part::Form(Form::new("/design", "", "Destroy").grave().instead("/design", "Keep it")),
        Part::heading("Progress"),
        Part::Progress {
            label: "Leads released".into(),
            done: 40,
            of: 100,
            again: "/design".into(),
            cancel: None,
        },
        Part::heading("Details"),
        Part::Details {
            title: "More".into(),
            parts: vec![
                Part::text("Shown on demand."),
                Part::List(vec!["one".into(), "two".into()]),
                Part::Code("comity receipt verify receipt.tlog-proof".into()),
            ],
        },
    ]
}
