//! What is shown instead of a page: a refusal with all its reasons, citations and remedies; what is not there; what
//! somebody else has changed meanwhile; what went wrong.

use super::frame::{Frame, Link};
use super::part::{Cell, Page, Part, Tone};
use agreement::Refusal;

/// A refusal is an answer: every broken rule is said, with where it is written and what would remedy it.
pub(crate) fn refusal(mut frame: Frame, refusal: &Refusal) -> Page {
    "The gate refused this".clone_into(&mut frame.title);
    let count = refusal.reasons.len();
    let intro = format!(
        "Nothing was done. {} The refusal is recorded in the ledger.",
        if count == 1 {
            "One rule stands against it.".to_owned()
        } else {
            format!("{count} rules stand against it.")
        }
    );
    let mut page = Page::new(frame, intro);
    for reason in &refusal.reasons {
        let mut rows = vec![("Rule".to_owned(), Cell::text(&reason.id))];
        rows.extend(reason.detail.iter().map(|detail| ("Here".to_owned(), Cell::text(detail))));
        rows.push(("Where it is written".to_owned(), Cell::text(&reason.cite)));
        rows.push(("What would remedy it".to_owned(), Cell::text(&reason.remedy)));
        page = page.part(Part::heading(&reason.reason)).part(Part::Summary(rows));
    }
    page.part(Part::Buttons(vec![Link::new("/", "Back to my work")]))
}

/// An act that the case does not allow where it stands.
pub(crate) fn not_allowed(mut frame: Frame, case: &str, why: &str) -> Page {
    "The case does not allow this now".clone_into(&mut frame.title);
    Page::new(frame, "Nothing was done.")
        .part(Part::banner(Tone::Warn, "Why", why))
        .part(Part::Buttons(vec![Link::new(format!("/cases/{case}"), format!("Case {case}"))]))
}

/// Somebody else has moved the case since the form was shown: nothing is lost, and nothing overwritten.
pub(crate) fn moved(mut frame: Frame, case: &str, kept: &str) -> Page {
    "Somebody else has worked on this case".clone_into(&mut frame.title);
    let mut page = Page::new(
        frame,
        "The case has moved since you opened the form, so nothing of yours was recorded and nothing was overwritten.",
    );
    if !kept.is_empty() {
        page = page.part(Part::text("What you typed, to copy:")).part(Part::Code(kept.to_owned()));
    }
    page.part(Part::Buttons(vec![Link::new(
        format!("/cases/{case}"),
        "See the case as it stands now",
    )]))
}

/// There is nothing at this address, or nothing for this officer: the two are not told apart.
pub(crate) fn absent(mut frame: Frame) -> Page {
    "There is no such page".clone_into(&mut frame.title);
    Page::new(
        frame,
        "Either nothing is at this address, or it is not yours to see. If you typed the address, check it.",
    )
    .part(Part::Buttons(vec![Link::new("/", "Back to my work")]))
}

/// A page of a role that the officer does not have.
pub(crate) fn not_yours(mut frame: Frame, roles: &str) -> Page {
    "This is not your part".clone_into(&mut frame.title);
    Page::new(frame, "Nothing was shown and nothing was done.")
        .part(Part::banner(
            Tone::Warn,
            "Why",
            format!("This page is for: {roles}. Roles are given per agreement by the operator."),
        ))
        .part(Part::Buttons(vec![Link::new("/", "Back to my work")]))
}

/// Something failed that is no refusal. The number finds it in the log; no personal value is in either.
pub(crate) fn failed(mut frame: Frame, message: &str, hint: Option<&str>) -> Page {
    "This did not work".clone_into(&mut frame.title);
    let mut lines = vec![format!("{message}.")];
    lines.extend(hint.map(|hint| format!("What helps: {hint}.")));
    Page::new(frame, "Nothing was lost: what was recorded before is still there.")
        .part(Part::Banner { tone: Tone::Bad, title: "What happened".into(), lines, link: None })
        .part(Part::Buttons(vec![Link::new("/", "Back to my work")]))
}
