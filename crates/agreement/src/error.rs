//! What can fail in this crate because the world failed: a file, a key, a pack.
//!
//! Not here: what is wrong in an agreement's text ([`crate::Problem`], listed all at once), and what the law
//! refuses ([`crate::Refusal`], an answer and not an error).

use std::path::PathBuf;

use crate::{Environment, PackId, PartyId};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An identifier breaks the rule for identifiers.
    #[error(
        "`{text}` is not an identifier: lower-case letters, digits, `-`, `_`, beginning with a letter"
    )]
    NotAnId {
        /// The text as given.
        text: String,
    },
    /// An element is not named as record set and element.
    #[error(
        "`{text}` does not name an element: write record set, point, element, as in `payroll.gross_pay`"
    )]
    NotAnElement {
        /// The text as given.
        text: String,
    },
    /// A digest is not in its text form.
    #[error("`{text}` is not a digest: write `sha256:` and 64 hexadecimal digits")]
    NotADigest {
        /// The text as given.
        text: String,
    },
    /// A public key is not in its text form, or is no point of the curve.
    #[error(
        "`{text}` is not a public key: write `ed25519:` or `test-ed25519:` and 64 hexadecimal digits"
    )]
    NotAKey {
        /// The text as given.
        text: String,
    },
    /// A text is not a witness's public key.
    #[error(
        "`{text}` is not a witness's public key: write it as `comity witness key` prints it, `name+id+base64`"
    )]
    NotAWitnessKey {
        /// The text as given.
        text: String,
    },
    /// A text is not the public key of a register of requests.
    #[error(
        "`{text}` is not the public key of a register of requests: write it as `comity register` prints it, `name+id+base64`"
    )]
    NotARegisterKey {
        /// The text as given.
        text: String,
    },
    /// A key file is not one. Its text is never shown.
    #[error(
        "the key file is damaged: its first line must say `comity signing key, test environment` or `comity signing key, production environment`, its last line 64 hexadecimal digits"
    )]
    NotAKeyFile,
    /// A signature is not in its text form.
    #[error("a signature is not 128 hexadecimal digits")]
    NotASignature,
    /// A key of one environment met an agreement of the other.
    #[error("a key for `{key}` cannot sign for `{agreement}`: keys are never promoted")]
    WrongEnvironment {
        /// The key's environment.
        key: Environment,
        /// The agreement's environment.
        agreement: Environment,
    },
    /// Somebody signed who is neither party, board nor auditor of this agreement.
    #[error("`{signer}` is no {role} of this agreement")]
    UnknownSigner {
        /// Who signed.
        signer: PartyId,
        /// As what.
        role: crate::SignerRole,
    },
    /// A statement names another agreement.
    #[error("the statement of `{signer}` is about {found}, not about this agreement, {expected}")]
    OtherAgreement {
        /// Who signed.
        signer: PartyId,
        /// The digest it names.
        found: crate::Digest,
        /// The digest of this agreement.
        expected: crate::Digest,
    },
    /// A statement was signed with a key that is not the signer's.
    #[error("the statement of `{signer}` names a key that is not its {role} key in this agreement")]
    OtherKey {
        /// Who signed.
        signer: PartyId,
        /// As what.
        role: crate::SignerRole,
    },
    /// The signature does not fit the statement.
    #[error("the signature of `{signer}` does not fit its statement")]
    WrongSignature {
        /// Who is said to have signed.
        signer: PartyId,
    },
    /// A demonstration was asked of an agreement that is none.
    #[error(
        "agreement `{program}` is no demonstration: only one with `demonstration = true` and `environment = \"test\"` is signed with throw-away keys"
    )]
    NotADemonstration {
        /// The matching program.
        program: crate::ProgramId,
    },
    /// Dates cannot be moved so far.
    #[error("the dates of the agreement cannot be moved by {days} days")]
    DatesOutOfRange {
        /// How far.
        days: i64,
    },
    /// A value has no canonical form.
    #[error("a value has no canonical form (RFC 8785)")]
    NotCanonical(#[source] serde_json::Error),
    /// A small file (signature, key change, publications, stay) cannot be read as such.
    #[error("{file}: not a {what}: {reason}")]
    UnreadableFile {
        /// Name of the file.
        file: String,
        /// What it should be.
        what: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// No law pack has this id.
    #[error("no law pack is called `{id}`")]
    UnknownPack {
        /// The id asked for.
        id: PackId,
    },
    /// Two packs bear the same id.
    #[error("two law packs are called `{id}`")]
    PackTwice {
        /// The id.
        id: PackId,
    },
    /// A file of a pack cannot be read.
    #[error("cannot read `{}` of a law pack", path.display())]
    PackFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The manifest or the vectors of a pack are wrong.
    #[error("law pack `{id}`: `{file}` is wrong: {reason}")]
    PackManifest {
        /// The pack.
        id: String,
        /// The file.
        file: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// The policies of a pack do not parse, or do not fit the schema.
    #[error("law pack `{id}`: its policies are wrong: {reason}")]
    PackPolicies {
        /// The pack.
        id: PackId,
        /// What Cedar says.
        reason: String,
    },
    /// A policy lacks one of the four annotations that make a refusal readable.
    #[error("law pack `{id}`: policy `{policy}` lacks `@{annotation}`")]
    PolicyWithoutAnnotation {
        /// The pack.
        id: PackId,
        /// The policy.
        policy: String,
        /// The annotation.
        annotation: &'static str,
    },
    /// Two policies bear the same id.
    #[error("law pack `{id}`: policy id `{policy}` is taken")]
    PolicyTwice {
        /// The pack.
        id: PackId,
        /// The policy.
        policy: String,
    },
    /// A pack other than the floor permits something.
    #[error("law pack `{id}`: policy `{policy}` permits; a pack may only forbid")]
    PackPermits {
        /// The pack.
        id: PackId,
        /// The policy.
        policy: String,
    },
}

impl Error {
    /// Returns what to do about it, where there is something to do, as a line of its own.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::WrongEnvironment { .. } => {
                Some("make a key for that environment with `comity key new`")
            }
            Self::OtherAgreement { .. } => {
                Some("one value changed is a new agreement: every party signs it anew")
            }
            Self::OtherKey { .. } => Some("a new key needs a key change signed with the old key"),
            Self::UnknownPack { .. } => Some("`comity law list` shows the packs this program has"),
            Self::NotADemonstration { .. } => Some("sign it with `comity sign` instead"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;
    use crate::{Digest, SignerRole};

    #[test]
    fn every_error_reads_as_a_sentence_with_its_hint() {
        let party: PartyId = "source".parse().unwrap();
        let pack: PackId = "us-test".parse().unwrap();
        let policy = || "F1-signed".to_owned();
        let signer = || party.clone();
        let errors = [
            Error::NotAnId { text: "A b".into() },
            Error::NotAnElement { text: "payroll".into() },
            Error::NotADigest { text: "sha256:0".into() },
            Error::NotAKey { text: "ed25519:0".into() },
            Error::NotAWitnessKey { text: "court+0+AA".into() },
            Error::NotARegisterKey { text: "requests+0+AA".into() },
            Error::NotAKeyFile,
            Error::NotASignature,
            Error::WrongEnvironment { key: Environment::Test, agreement: Environment::Production },
            Error::UnknownSigner { signer: signer(), role: SignerRole::Board },
            Error::OtherAgreement {
                signer: signer(),
                found: Digest::from_bytes([1; 32]),
                expected: Digest::from_bytes([2; 32]),
            },
            Error::OtherKey { signer: signer(), role: SignerRole::Auditor },
            Error::WrongSignature { signer: signer() },
            Error::NotADemonstration { program: "benefits".parse().unwrap() },
            Error::DatesOutOfRange { days: 9_999_999 },
            Error::NotCanonical(serde::ser::Error::custom("a number that is not finite")),
            Error::UnreadableFile {
                file: "a.sig".into(),
                what: "signature",
                reason: "missing field `answer`".into(),
            },
            Error::UnknownPack { id: pack.clone() },
            Error::PackTwice { id: pack.clone() },
            Error::PackFile {
                path: "laws/x/pack.toml".into(),
                source: std::io::ErrorKind::NotFound.into(),
            },
            Error::PackManifest {
                id: "us-test".into(),
                file: "pack.toml",
                reason: "missing field `id`".into(),
            },
            Error::PackPolicies { id: pack.clone(), reason: "unexpected end of input".into() },
            Error::PolicyWithoutAnnotation {
                id: pack.clone(),
                policy: policy(),
                annotation: "cite",
            },
            Error::PolicyTwice { id: pack.clone(), policy: policy() },
            Error::PackPermits { id: pack, policy: policy() },
        ];
        let mut text = String::new();
        for error in &errors {
            writeln!(text, "{error}").unwrap();
            if let Some(source) = error.source() {
                writeln!(text, "  because: {source}").unwrap();
            }
            if let Some(hint) = error.hint() {
                writeln!(text, "  {hint}").unwrap();
            }
        }
        expect![[r#"
            `A b` is not an identifier: lower-case letters, digits, `-`, `_`, beginning with a letter
            `payroll` does not name an element: write record set, point, element, as in `payroll.gross_pay`
            `sha256:0` is not a digest: write `sha256:` and 64 hexadecimal digits
            `ed25519:0` is not a public key: write `ed25519:` or `test-ed25519:` and 64 hexadecimal digits
            `court+0+AA` is not a witness's public key: write it as `comity witness key` prints it, `name+id+base64`
            `requests+0+AA` is not the public key of a register of requests: write it as `comity register` prints it, `name+id+base64`
            the key file is damaged: its first line must say `comity signing key, test environment` or `comity signing key, production environment`, its last line 64 hexadecimal digits
            a signature is not 128 hexadecimal digits
            a key for `test` cannot sign for `production`: keys are never promoted
              make a key for that environment with `comity key new`
            `source` is no board of this agreement
            the statement of `source` is about sha256:0101010101010101010101010101010101010101010101010101010101010101, not about this agreement, sha256:0202020202020202020202020202020202020202020202020202020202020202
              one value changed is a new agreement: every party signs it anew
            the statement of `source` names a key that is not its auditor key in this agreement
              a new key needs a key change signed with the old key
            the signature of `source` does not fit its statement
            agreement `benefits` is no demonstration: only one with `demonstration = true` and `environment = "test"` is signed with throw-away keys
              sign it with `comity sign` instead
            the dates of the agreement cannot be moved by 9999999 days
            a value has no canonical form (RFC 8785)
              because: a number that is not finite
            a.sig: not a signature: missing field `answer`
            no law pack is called `us-test`
              `comity law list` shows the packs this program has
            two law packs are called `us-test`
            cannot read `laws/x/pack.toml` of a law pack
              because: entity not found
            law pack `us-test`: `pack.toml` is wrong: missing field `id`
            law pack `us-test`: its policies are wrong: unexpected end of input
            law pack `us-test`: policy `F1-signed` lacks `@cite`
            law pack `us-test`: policy id `F1-signed` is taken
            law pack `us-test`: policy `F1-signed` permits; a pack may only forbid
        "#]].assert_eq(&text);
    }
}
