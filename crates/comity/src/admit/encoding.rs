//! Encodings: bytes of one field to text.
//!
//! Step 3 of the path. Only fields that are named are decoded, so the bytes of other columns may be anything.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;
use serde::Deserialize;

/// How a text file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[non_exhaustive]
pub enum Encoding {
    /// [UTF-8](https://www.rfc-editor.org/rfc/rfc3629), with or without a byte order mark. Plain ASCII is UTF-8 too.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows code page 1252.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO 8859-1.
    #[serde(rename = "latin1")]
    Latin1,
}

impl Encoding {
    /// Returns the encoding's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "ISO 8859-1",
        }
    }

    /// Returns the text, or `None` where the bytes cannot be text in this encoding.
    ///
    /// Control characters are no text: in a one-byte encoding, where every byte means something, they are what
    /// gives a wrong declaration away. Tabs and line ends within a field are let through.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        if let Some(text) = plain(bytes) {
            return Some(Cow::Borrowed(text));
        }
        let text = match self {
            Self::Utf8 => Cow::Borrowed(str::from_utf8(bytes).ok()?),
            Self::Windows1252 => WINDOWS_1252.decode_without_bom_handling(bytes).0,
            Self::Latin1 => encoding_rs::mem::decode_latin1(bytes),
        };
        let odd = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r');
        if text.contains(odd) { None } else { Some(text) }
    }

    /// Tells whether text in a one-byte encoding was more probably written as UTF-8.
    pub(super) fn seems_utf8(self, bytes: &[u8]) -> Option<bool> {
        match self {
            Self::Utf8 => None,
            Self::Windows1252 | Self::Latin1 if bytes.is_ascii() => None,
            Self::Windows1252 | Self::Latin1 => Some(str::from_utf8(bytes).is_ok()),
        }
    }
}

/// Returns printable ASCII as text, which it is in every encoding here; `None` where there is anything else.
pub(super) fn plain(bytes: &[u8]) -> Option<&str> {
    // Without a branch a byte, so that many are looked at at once.
    let odd = bytes.iter().fold(false, |odd, byte| odd | !(b' '..=b'~').contains(byte));
    if odd { None } else { str::from_utf8(bytes).ok() }
}

/// Names the encoding whose mark the file begins with, and the mark's length.
pub(super) fn mark(start: &[u8]) -> Option<(&'static str, usize)> {
    if start.starts_with(&[0xef, 0xbb, 0xbf]) {
        Some(("UTF-8", 3))
    } else if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        Some(("UTF-16", 2))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_reads_what_it_writes_and_refuses_what_it_cannot() {
        for (encoding, bytes, expected) in [
            (Encoding::Utf8, &b"Ren\xc3\xa9e"[..], Some("Renée")),
            (Encoding::Utf8, b"Ren\xe9e", None),
            (Encoding::Utf8, b"R\0e", None),
            (Encoding::Windows1252, b"Ren\xe9e \x80", Some("Renée €")),
            (Encoding::Windows1252, b"Ren\x81", None),
            (Encoding::Latin1, b"Ren\xe9e", Some("Renée")),
            (Encoding::Latin1, b"\x80", None),
        ] {
            assert_eq!(encoding.decode(bytes).as_deref(), expected);
        }
    }
}
