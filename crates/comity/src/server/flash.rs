//! What was done just now, carried to the next page in a cookie: a sentence of ours, without personal values.
//!
//! A browser could send anything in its place, to itself: it is cut to a sentence's length, and templates escape it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// How long a sentence is at most, in bytes.
const MOST: usize = 300;

/// Writes a sentence so that a cookie can carry it.
pub(crate) fn write(said: &str) -> String {
    let end = said.floor_char_boundary(MOST);
    BASE64_URL_SAFE_NO_PAD.encode(&said.as_bytes()[..end])
}

/// Reads a sentence back.
pub(crate) fn read(carried: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(carried).ok()?;
    let said = String::from_utf8(bytes).ok()?;
    (said.len() <= MOST && !said.is_empty() && !said.contains(char::is_control)).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_comes_back_and_nothing_else_does() {
        assert_eq!(
            read(&write("The review is recorded – thank you.")).as_deref(),
            Some("The review is recorded – thank you.")
        );
        assert_eq!(read(&write(&"ü".repeat(400))).map(|text| text.len()), Some(300));
        assert_eq!(read(""), None);
        assert_eq!(read("%%%"), None);
        assert_eq!(read(&BASE64_URL_SAFE_NO_PAD.encode("a\nb")), None);
        assert_eq!(read(&BASE64_URL_SAFE_NO_PAD.encode([0xff, 0xfe])), None);
    }
}
