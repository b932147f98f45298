//! The individual's answer: in their own words, with papers if there are any. A late answer counts too: whether it
//! restores what was taken, the case says.
//!
//! A paper is of one of a few types, by what it is and not by its name, and is kept before the answer that names it.

use crate::server::page::wrong;
use crate::server::visit::{AtTheDoor, Visit, done};
use crate::server::{App, Error, door, signature};
use axum::extract::{Multipart, State};
use axum::response::Response;
use casework::store::cases::Paper;
use casework::{CaseStore as _, Contest, LeadId};
use sha2::{Digest as _, Sha256};

/// How many papers come with an answer.
const PAPERS: usize = 5;
/// How long a paper is at most, in bytes.
const LONGEST: usize = 5 * 1024 * 1024;
/// How long an answer is at most, in characters.
const WORDS: usize = 20_000;

/// What the page of the answer shows.
#[derive(Clone, Default)]
pub struct AnswerView {
    /// What was typed.
    pub statement: String,
    /// Whether a hearing was asked for.
    pub wants_hearing: bool,
    /// What was wrong with the last attempt.
    pub wrong: Option<String>,
}

impl std::fmt::Debug for AnswerView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerView").field("wrong", &self.wrong).finish_non_exhaustive()
    }
}

/// Asks for the answer.
pub(crate) async fn ask(State(app): State<App>, visit: Visit, _door: AtTheDoor) -> Response {
    door::answer(&app, &visit, &AnswerView::default())
}

/// Takes the answer.
pub(crate) async fn take(
    State(app): State<App>,
    visit: Visit,
    at: AtTheDoor,
    parts: Multipart,
) -> Result<Response, Error> {
    let (mut view, papers) = match read(&app, parts).await {
        Ok(read) => read,
        Err(Error::Malformed { why, .. }) => {
            let view = AnswerView { wrong: Some(why), ..AnswerView::default() };
            return Ok(again(&app, &visit, &view));
        }
        Err(error) => return Err(error),
    };
    if view.statement.is_empty() || view.statement.chars().count() > WORDS {
        view.wrong = Some("Say in a few words what is not right, or what happened.".to_owned());
        return Ok(again(&app, &visit, &view));
    }
    let id = LeadId::typed(&at.case);
    let store = app.desk().store();
    let version = store.case(&id).await?.case.version();
    let attachments = papers.iter().map(|paper| paper.digest.clone()).collect();
    for paper in &papers {
        store.keep_paper(&id, paper).await?;
    }
    let contest =
        Contest { statement: view.statement, attachments, wants_hearing: view.wants_hearing };
    let acted = app.desk().contest(&id, version, contest).await?;
    app.done(acted)?;
    app.drain_soon();
    Ok(done("/me", "Your answer is here. Nothing is done until it is decided on."))
}

fn again(app: &App, visit: &Visit, view: &AnswerView) -> Response {
    wrong(door::answer(app, visit, view))
}

async fn read(app: &App, mut parts: Multipart) -> Result<(AnswerView, Vec<Paper>), Error> {
    let unreadable = |_| Error::malformed("form", "The form could not be read: send it again.");
    let (mut view, mut papers) = (AnswerView::default(), Vec::new());
    while let Some(field) = parts.next_field().await.map_err(unreadable)? {
        match field.name().unwrap_or_default() {
            "statement" => {
                field.text().await.map_err(unreadable)?.trim().clone_into(&mut view.statement);
            }
            "wants_hearing" => {
                view.wants_hearing = field.text().await.map_err(unreadable)? == "yes";
            }
            "papers" => {
                let title = field.file_name().unwrap_or_default().chars().take(200).collect();
                let bytes = field.bytes().await.map_err(unreadable)?.to_vec();
                if bytes.is_empty() {
                    continue;
                }
                let wrong = |why: &str| Err(Error::malformed("papers", why));
                if papers.len() == PAPERS {
                    return wrong(
                        "No more than five papers come with an answer. Bring the others by mail.",
                    );
                }
                if bytes.len() > LONGEST {
                    return wrong("A paper is longer than 5 MB.");
                }
                let Some(media_type) = type_of(&bytes) else {
                    return wrong("A paper must be a PDF, a JPEG or PNG picture, or plain text.");
                };
                papers.push(Paper {
                    digest: signature::hex(&Sha256::digest(&bytes)),
                    media_type: media_type.to_owned(),
                    title,
                    at: app.now(),
                    bytes,
                });
            }
            _ => {}
        }
    }
    Ok((view, papers))
}

/// Says what a paper is by its first bytes; what a name or a header says counts for nothing.
fn type_of(bytes: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 3] = [
        (b"%PDF-", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
    ];
    let known = KNOWN.iter().find(|(begins, _)| bytes.starts_with(begins));
    let is_text = || {
        let text = std::str::from_utf8(bytes).ok()?;
        let plain = |sign: char| !sign.is_control() || sign.is_whitespace();
        (text.chars().all(plain) && !text.trim_start().starts_with('<')).then_some("text/plain")
    };
    known.map(|(_, name)| *name).or_else(is_text)
}

#[cfg(test)]
mod tests {
    use super::type_of;

    #[test]
    fn a_paper_is_what_its_bytes_say() {
        for (bytes, name) in [
            (b"%PDF-1.7\n".as_slice(), Some("application/pdf")),
            (b"\x89PNG\r\n\x1a\nx", Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"I was paid until May.\r\n", Some("text/plain")),
            (b"<html><script>", None),
            (b"  <svg onload=x>", None),
            (b"MZ\x90\x00\x03", None),
            (b"PK\x03\x04", None),
            (b"\x89PN", None),
        ] {
            assert_eq!(type_of(bytes), name, "{bytes:?}");
        }
    }
}
