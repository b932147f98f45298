//! The console's two files, style and script, under addresses that carry their digest, so that a browser may keep them
//! for ever and never has an old one.

use crate::summary::hex;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// A file that pages need.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is, for the answer's header.
    pub(crate) kind: &'static str,
    /// Its bytes.
    pub(crate) bytes: &'static [u8],
    /// The first half of its SHA-256, in hexadecimal digits.
    pub(crate) digest: String,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |name, kind, bytes: &'static [u8]| {
        let digest = hex(&Sha256::digest(bytes)[..16]);
        Asset { name, kind, bytes, digest }
    };
    vec![
        asset(
            "console.css",
            "text/css; charset=utf-8",
            include_bytes!("../../../assets/console.css"),
        ),
        asset(
            "console.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../../assets/console.js"),
        ),
    ]
});

/// Returns a file by its digest and name.
pub(crate) fn find(digest: &str, name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name && asset.digest == digest)
}

/// Returns the address of a file.
pub(crate) fn href(name: &str) -> String {
    let digest = ASSETS.iter().find(|asset| asset.name == name).map(|asset| asset.digest.as_str());
    format!("/assets/{}/{name}", digest.unwrap_or("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_its_own_digest_alone() {
        let href = href("console.css");
        let mut parts = href.split('/').skip(2);
        let (digest, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        assert!(find(digest, name).is_some());
        assert!(find("00", name).is_none());
        assert!(find(digest, "console.js").is_none());
    }
}
