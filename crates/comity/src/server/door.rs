//! What stands at the door: the pages of signing in and of one's own account, and the page of a problem. And the frame
//! that every page of a request has.
//!
//! What they are made of is the console's ([`super::page`]); what is typed into them, [`super::sign_in`] reads.

use super::error::Problem;
use super::first::FirstView;
use super::individual::{AnswerView, LetterView, MeView};
use super::page::frame::{Frame, Link, Shown};
use super::page::part::{Cell, Choice, Field, Form, Page, Part, Table, Tone, Wrong};
use super::page::{self, Typed, asset, number};
use super::route::{self, Who};
use super::sign_in::{AccountView, SignInView};
use super::visit::{Visit, Visitor};
use super::{App, Error};
use askama::Template as _;
use axum::extract::Path;
use axum::response::{Html, IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The places of the console, in the order of their tabs; which of them are shown, the officer's roles say.
const TABS: [(&str, &str); 14] = [
    ("/", "My work"),
    ("/cases", "Cases"),
    ("/look-ups", "Look-ups"),
    ("/work-lists", "Work lists"),
    ("/results", "Results"),
    ("/print-files", "Print files"),
    ("/returned-mail", "Returned mail"),
    ("/disputes", "Disputes"),
    ("/program", "Program"),
    ("/agreements", "Agreements"),
    ("/stays", "Stays"),
    ("/board", "Board"),
    ("/ledger", "Ledger"),
    ("/admin", "Administration"),
];

/// Returns the frame of a page for whoever asks.
pub(crate) fn frame(app: &App, visit: &Visit, title: impl Into<String>, current: &str) -> Frame {
    let mut frame = Frame::new(title);
    frame.csrf.clone_from(&visit.csrf);
    frame.flash.clone_from(&visit.flash);
    frame.demonstration = app.is_demonstration();
    frame.agency = app.agency();
    current.clone_into(&mut frame.current);
    if let Visitor::Officer(officer) = &visit.who {
        let roles = officer.roles.iter().map(|role| role.as_str().replace('_', " ")).collect();
        frame.signed_in = Some(Shown { name: officer.name.clone(), roles });
        let may = |path: &str| match route::find(&http::Method::GET, path).map(|route| route.who) {
            Some(Who::Officers) => true,
            Some(Who::Roles(roles)) => roles.iter().any(|role| officer.is(*role)),
            _ => false,
        };
        // Only whose records others get can be asked whether they are right.
        let gives = super::dispute::gives(app);
        let tabs = TABS.iter().filter(|(path, _)| may(path) && (gives || *path != "/disputes"));
        frame.tabs = tabs.map(|(path, name)| Link::new(*path, *name)).collect();
    }
    frame
}

/// Draws a page.
pub(crate) fn draw(page: &Page) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => Error::failed(&error).into_response(),
    }
}

/// Returns a style sheet or a script under the address that carries its digest; it may be kept for ever.
pub(crate) async fn asset(Path((digest, name)): Path<(String, String)>) -> Result<Response, Error> {
    let asset = asset::find(&digest, &name).ok_or(Error::NotFound)?;
    let kept = "public, max-age=31536000, immutable";
    Ok(([(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, kept)], asset.bytes).into_response())
}

/// Draws a problem.
pub(crate) fn problem(app: &App, visit: &Visit, problem: &Problem) -> Response {
    let title = match problem.status {
        403 if problem.reasons.iter().any(|reason| reason.rule == "role") => {
            "This is not your part"
        }
        403 if !problem.reasons.is_empty() => "The gate refused this",
        404 => "There is no such page",
        409 => "The case has moved",
        429 => "Wait a moment",
        500.. => "This did not work",
        _ => "This was not taken",
    };
    let mut page = Page::new(frame(app, visit, title, ""), sentence(&problem.detail));
    for reason in &problem.reasons {
        page = page.part(Part::heading(sentence(&reason.reason))).part(Part::Summary(vec![
            ("Rule".to_owned(), Cell::text(&reason.rule)),
            ("Where it is written".to_owned(), Cell::text(&reason.cite)),
            ("What would remedy it".to_owned(), Cell::text(&reason.remedy)),
        ]));
    }
    if let Some(seconds) = problem.retry_seconds {
        let wait = if seconds < 120 {
            format!("{seconds} seconds")
        } else {
            format!("{} minutes", seconds.div_ceil(60))
        };
        page = page.part(Part::banner(Tone::Note, "When", format!("Try again in {wait}.")));
    }
    draw(&page.part(Part::Buttons(vec![Link::new("/", "Back to the beginning")])))
}

/// Draws the sign-in page.
pub(crate) fn sign_in(app: &App, visit: &Visit, view: &SignInView) -> Response {
    let wrong: Vec<_> = view.wrong.iter().map(|why| Wrong::new("officer", why)).collect();
    let typed = Typed::new(vec![("officer".to_owned(), view.officer.clone())]);
    let form = Form::new("/sign-in", &visit.csrf, "Sign in")
        .field(Field::line("officer", "Your id"))
        .field(Field::password("password", "Password"))
        .field(Field::short("code", "Code").hint(
            "The six digits that your authenticator app shows, or one of the codes you keep for when it is lost",
        ))
        .field(Field::hidden("next", &view.next))
        .again(&typed, &wrong);
    let page = Page::new(frame(app, visit, "Sign in", ""), "For officers of this agency.");
    let page = match &app.config().issuers.officers {
        None => page,
        Some(issuer) => {
            let next: String = form_urlencoded::byte_serialize(view.next.as_bytes()).collect();
            let going = if next.is_empty() { String::new() } else { format!("?next={next}") };
            let name = format!("Sign in with {}", issuer.name);
            page.part(Part::Buttons(vec![Link::new(format!("/sign-in/issuer{going}"), name)]))
        }
    };
    let elsewhere = "Did you get a letter? Then this is not the place: your own door is beside it.";
    draw(
        &page
            .part(Part::Form(form))
            .part(Part::text(elsewhere))
            .part(Part::Buttons(vec![Link::new("/me/sign-in", "I got a letter")])),
    )
}

/// Draws the sign-in page of the person's door.
pub(crate) fn letter(app: &App, visit: &Visit, view: &LetterView) -> Response {
    let wrong: Vec<_> = view.wrong.iter().map(|why| Wrong::new("number", why)).collect();
    let typed = Typed::new(vec![("number".to_owned(), view.number.clone())]);
    let form = Form::new("/me/sign-in", &visit.csrf, "Continue")
        .field(Field::line("number", "Number of your letter"))
        .field(
            Field::line("code", "Code on your letter")
                .hint("Four groups of four letters and digits. Each code counts once"),
        )
        .again(&typed, &wrong);
    let intro = "For whoever got a letter from us. See what was disclosed about you, and answer.";
    let page = Page::new(frame(app, visit, "Your letter", ""), intro).part(Part::Form(form));
    draw(&match &app.config().issuers.individuals {
        None => page,
        Some(issuer) => page
            .part(Part::text(format!("Were you here before, and did you choose {}?", issuer.name)))
            .part(Part::Buttons(vec![Link::new(
                "/me/sign-in/issuer",
                format!("Come in with {}", issuer.name),
            )])),
    })
}

/// Shows the individual the way to an issuer that is to vouch for them from now on.
pub(crate) fn to_issuer(app: &App, visit: &Visit, name: &str, address: &str) -> Response {
    let frame = frame(app, visit, format!("Come in with {name} the next time"), "/me")
        .below([Link::new("/me", "What there is about you")]);
    let intro =
        "You sign in there, and it brings you back here. The codes on your letter go on to count.";
    draw(
        &Page::new(frame, intro)
            .part(Part::Buttons(vec![Link::new(address, format!("Go to {name}"))])),
    )
}

/// Draws what there is about the individual.
pub(crate) fn me(app: &App, visit: &Visit, view: &MeView) -> Response {
    let mut page = Page::new(frame(app, visit, "What there is about you", "/me"), view.stands);
    let mut summary = vec![("Number of your letter".to_owned(), Cell::text(&view.case))];
    summary.extend(
        view.answer_until.iter().map(|ends| ("Answer until".to_owned(), last_day(ends).into())),
    );
    page = page.part(Part::Summary(summary));
    if view.may_contest {
        page = page.part(Part::Buttons(vec![Link::new("/me/contest", "Answer")]));
    }
    if let Some(corrected) = &view.corrected {
        page = page.part(Part::heading("What was put right")).part(Part::text(&corrected.words));
        if corrected.is_anothers {
            page = page.part(Part::text(
                "The other agency's record is of somebody else. It is not joined with yours any more, and no later \
                 comparison joins the two again.",
            ));
        }
        let state =
            |done| if done { "has put it right" } else { "was told, or will be until it answers" };
        let told = corrected
            .told
            .iter()
            .map(|(name, done)| vec![name.clone().into(), state(*done).into()]);
        page = page.part(Part::Table(
            Table::new("Who is told", &["Who", "How far"]).empty("It went to nobody.").with(told),
        ));
    }
    let evidence = view.evidence.iter().map(|(name, value)| (capital(name), Cell::text(value)));
    page = page
        .part(Part::heading("What the other agency's records say"))
        .part(Part::Summary(evidence.collect()));
    if let Some(finding) = &view.finding {
        page = page.part(Part::heading("What was found")).part(Part::text(finding));
    }
    let mut given = Table::new(
        "What was disclosed about you",
        &["When", "What", "By", "To", "Why", "Under", "Receipt"],
    )
    .empty("Nothing was disclosed about you.");
    for one in &view.disclosures {
        let receipt = one.entry.map_or_else(
            || Cell::text(""),
            |entry| Cell::link(format!("/me/receipts/{entry}"), format!("Entry {entry}")),
        );
        given.row(vec![
            day(&one.at).into(),
            one.what.join(", ").into(),
            one.from.clone().into(),
            one.to.clone().into(),
            one.why.clone().into(),
            one.agreement.clone().into(),
            receipt,
        ]);
    }
    let mut done = Table::new("What was done", &["When", "What"]).empty("Nothing yet.");
    for step in &view.steps {
        done.row(vec![day(&step.at).into(), step.what.into()]);
    }
    let mut page = page.part(Part::Table(given)).part(Part::Table(done));
    if let Some(issuer) = &app.config().issuers.individuals {
        let name = format!("Come in with {} the next time", issuer.name);
        page = page.part(Part::Form(Form::new("/me/issuer", &visit.csrf, name)));
    }
    draw(&page.part(Part::Form(Form::new("/sign-out", &visit.csrf, "Leave"))))
}

/// Draws the form of the individual's answer.
pub(crate) fn answer(app: &App, visit: &Visit, view: &AnswerView) -> Response {
    let wrong: Vec<_> = view.wrong.iter().map(|why| Wrong::new("statement", why)).collect();
    let hearing = if view.wants_hearing { "yes" } else { "" };
    let typed = Typed::new(vec![
        ("statement".to_owned(), view.statement.clone()),
        ("wants_hearing".to_owned(), hearing.to_owned()),
    ]);
    let form = Form::new("/me/contest", &visit.csrf, "Send the answer")
        .field(
            Field::long("statement", "What is not right, or what happened")
                .hint("In your own words. You need no lawyer and no form of words"),
        )
        .field(
            Field::file("papers", "Papers, if you have any", ".pdf,.png,.jpg,.jpeg,.txt")
                .hint("PDF, JPEG, PNG or plain text, 5 MB at most")
                .optional(),
        )
        .field(
            Field::several(
                "wants_hearing",
                "A hearing",
                vec![Choice::new("yes", "I want to be heard in person")],
            )
            .optional(),
        )
        .again(&typed, &wrong);
    let intro = "Your answer counts even if it comes late. Nothing is done until it is decided on.";
    let frame =
        frame(app, visit, "Answer", "/me").below([Link::new("/me", "What there is about you")]);
    draw(&Page::new(frame, intro).part(Part::Form(form)))
}

/// Draws the code for the next time, this once.
pub(crate) fn next_code(app: &App, visit: &Visit, code: &str) -> Response {
    let intro = "You are in. The code on your letter is used up.";
    draw(
        &Page::new(frame(app, visit, "Your code for the next time", ""), intro)
            .part(Part::text("To come back, use the number of your letter with this code. Write it down: it is shown this once."))
            .part(Part::Code(code.to_owned()))
            .part(Part::Buttons(vec![Link::new("/me", "Continue")])),
    )
}

/// Draws the page of a link that signs in once.
pub(crate) fn once(app: &App, visit: &Visit, action: &str) -> Response {
    let form = Form::new(action, &visit.csrf, "Sign in");
    draw(
        &Page::new(frame(app, visit, "Sign in", ""), "This link works once.")
            .part(Part::Form(form)),
    )
}

/// Draws the officer's own account.
pub(crate) fn account(app: &App, visit: &Visit, view: &AccountView) -> Response {
    let wrong: Vec<_> = view.wrong.iter().map(|why| Wrong::new("password", why)).collect();
    let change = Form::new("/account/password", &visit.csrf, "Change the password")
        .field(Field::password("password", "Password as it is"))
        .field(Field::password("new_password", "New password").hint(format!(
            "{} characters or more; several words that nobody would put together are good",
            super::password::LEAST
        )))
        .field(
            Field::short("code", "Code").hint("The six digits that your authenticator app shows"),
        )
        .again(&Typed::new(Vec::new()), &wrong);
    let everywhere = Form::new("/sign-out/everywhere", &visit.csrf, "Sign out everywhere");
    draw(
        &Page::new(frame(app, visit, "Your account", ""), "")
            .part(Part::heading("Password"))
            .part(Part::Form(change))
            .part(Part::heading("Sessions"))
            .part(Part::text(
                "If a browser that you used is not in your hands any more, end all sessions.",
            ))
            .part(Part::Form(everywhere)),
    )
}

/// Draws what an officer has to choose before anything else.
pub(crate) fn first(app: &App, visit: &Visit, view: &FirstView) -> Response {
    let wrong: Vec<_> = view.wrong.iter().map(|why| Wrong::new("new_password", why)).collect();
    let form = Form::new("/account/first", &visit.csrf, "Choose these")
        .field(Field::hidden("sealed", &view.sealed))
        .field(Field::password("new_password", "New password").hint(format!(
            "{} characters or more; several words that nobody would put together are good",
            super::password::LEAST
        )))
        .field(
            Field::short("code", "Code")
                .hint("The six digits that your authenticator app shows for the new secret above"),
        )
        .again(&Typed::new(vec![("sealed".to_owned(), view.sealed.clone())]), &wrong);
    let intro = "Whoever made your account has seen what lets you in. Choose means of your own: nobody else will know them.";
    let mut frame = frame(app, visit, "Before you begin", "");
    frame.tabs.clear();
    draw(
        &Page::new(frame, intro)
            .part(Part::heading("Put this into your authenticator app, in place of the old one"))
            .part(Part::Code(view.app.clone()))
            .part(Part::Form(form)),
    )
}

/// Draws the codes of an officer who has chosen other means, this once.
pub(crate) fn chosen(app: &App, visit: &Visit, recovery: &[String]) -> Response {
    let mut frame = frame(app, visit, "Your codes for when the app is lost", "");
    frame.tabs.clear();
    frame.signed_in = None;
    draw(
        &Page::new(frame, "Your password and your app count from now on. Write these down: they are shown this once.")
            .part(Part::text("Each counts once. The codes you were given before count no more."))
            .part(Part::Code(recovery.join("\n")))
            .part(Part::Buttons(vec![Link::new("/sign-in", "Sign in")])),
    )
}

/// Says the day of an instant, as people say it.
fn day(at: &str) -> String {
    at.parse().map_or_else(|_| at.to_owned(), number::day)
}

/// Says the last day before an instant: the one that the letter names.
fn last_day(ends: &str) -> String {
    let last = ends
        .parse::<Timestamp>()
        .ok()
        .and_then(|ends| ends.to_zoned(TimeZone::UTC).date().yesterday().ok());
    last.map_or_else(|| ends.to_owned(), page::agreement::shown)
}

/// Begins a text with a capital.
fn capital(text: &str) -> String {
    let mut signs = text.chars();
    let first: String = signs.next().map(|sign| sign.to_uppercase().collect()).unwrap_or_default();
    first + signs.as_str()
}

/// Makes a sentence of a message of ours: a capital, and a full stop.
fn sentence(message: &str) -> String {
    format!("{}.", capital(message.trim_end_matches('.')))
}
