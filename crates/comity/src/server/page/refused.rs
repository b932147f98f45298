//! What is shown instead of a page where a case does not take a step, or where somebody else has changed it meanwhile. A
//! refusal, and what is not there, the door draws for every page alike.

use super::frame::{Frame, Link};
use super::part::{Page, Part, Tone};

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
