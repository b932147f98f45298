//! A file that came with a form: its name, its bytes, and the answers beside it.
//!
//! What is in it, its reader says; a name is kept as it came, cut short.

use super::Typed;
use crate::server::Error;
use axum::extract::Multipart;
use std::fmt;

/// What came.
pub(super) struct Upload {
    /// The answers.
    pub(super) typed: Typed,
    /// What the file is called.
    pub(super) name: String,
    /// Its bytes; none if there was no file.
    pub(super) bytes: Vec<u8>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Reads a form with one file in the field `file`.
pub(super) async fn read(mut parts: Multipart) -> Result<Upload, Error> {
    let unreadable = |_| Error::malformed("form", "it could not be read: send it again");
    let mut upload = Upload { typed: Typed::default(), name: String::new(), bytes: Vec::new() };
    let mut answers = Vec::new();
    while let Some(field) = parts.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            upload.name = field.file_name().unwrap_or_default().chars().take(200).collect();
            upload.bytes = field.bytes().await.map_err(unreadable)?.to_vec();
        } else {
            answers.push((name, field.text().await.map_err(unreadable)?));
        }
    }
    upload.typed = Typed::new(answers);
    Ok(upload)
}
