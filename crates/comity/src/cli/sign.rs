//! `comity sign`: a party or board accepts, rejects or revokes an agreement, by a detached signature over its digest, or
//! an annex by which another recipient joins, by one in the annex.

use super::{Done, shown};
use crate::Error;
use crate::clock::Clock;
use crate::printer::Printer;
use crate::program::{self, read};
use agreement::{
    Agreement, Annex, Answer, Digest, Document, PartyId, Signature, Signer, SignerRole, SigningKey,
};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The program's folder
    program: PathBuf,
    /// The secret's file
    #[arg(long)]
    key: PathBuf,
    /// The party that signs
    #[arg(long = "as", value_name = "PARTY")]
    party: String,
    /// The party's board signs
    #[arg(long)]
    board: bool,
    /// What it says
    #[arg(
        long,
        default_value = "accept",
        value_name = "accept|reject|revoke|certify|find",
        value_parser = ["accept", "reject", "revoke", "certify", "find"],
        hide_possible_values = true
    )]
    answer: String,
    /// A document on paper or in PDF that was signed instead; its digest is attested
    #[arg(long, value_name = "FILE", requires = "attested_by")]
    document: Option<PathBuf>,
    /// The office that attests having seen it signed
    #[arg(long, value_name = "OFFICE", requires = "document")]
    attested_by: Option<String>,
    /// Signs this annex, by which another recipient joins, and not the agreement
    #[arg(long, value_name = "FILE", conflicts_with = "document")]
    annex: Option<PathBuf>,
}

impl Words {
    pub(super) fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        let answer = match self.answer.as_str() {
            "accept" => Answer::Accept,
            "reject" => Answer::Reject,
            "revoke" => Answer::Revoke,
            "certify" => Answer::Certify,
            "find" => Answer::Find,
            other => {
                let what = format!(
                    "there is no answer `{other}`; there are accept, reject, revoke, certify and find"
                );
                return Err(Error::Unrunnable { what });
            }
        };
        let agreement = program::read_agreement(&self.program, "agreement.toml")?;
        clock.is_for(agreement.environment)?;
        let key = SigningKey::from_secret_text(&read(&self.key)?)?;
        let role = if self.board { SignerRole::Board } else { SignerRole::Party };
        let signer = Signer { id: PartyId::new(&self.party)?, role };
        if let Some(file) = &self.annex {
            return self.sign_annex(file, answer, &signer, agreement, &key, clock, printer);
        }
        let document = match (&self.document, self.attested_by) {
            (Some(path), Some(attested_by)) => {
                let bytes = std::fs::read(path)
                    .map_err(|source| Error::CannotRead { path: path.clone(), source })?;
                Some(Document { sha256: Digest::of(&bytes), attested_by })
            }
            _ => None,
        };
        let attested = document.as_ref().map(|document| document.sha256.to_string());
        let signature = Signature::new(&agreement, answer, &signer, clock.now(), &key, document)?;
        // A signature that would not count is not written.
        let filed = program::read_filed(&self.program, agreement)?;
        signature.verify(&filed.agreement, &filed.key_changes)?;
        let day = clock.now().strftime("%Y%m%dT%H%M%SZ");
        let name = format!("{}-{role}-{}-{day}.toml", self.party, self.answer);
        let file = self.program.join("signatures").join(name);
        program::write(&file, &signature.to_text()?)?;
        let digest = filed.agreement.digest()?.to_string();
        printer.json(&serde_json::json!({
            "signature": shown(&file), "agreement": digest, "attested": attested
        }));
        printer.labelled("sign", &format!("{signer}: {} {digest}", self.answer));
        if let Some(document) = attested {
            printer.labelled("attested", &document);
        }
        printer.labelled("file", &shown(&file));
        Ok(Done::Well)
    }

    #[expect(clippy::too_many_arguments, reason = "it is what the words came to, in one call")]
    fn sign_annex(
        &self,
        file: &Path,
        answer: Answer,
        signer: &Signer,
        agreement: Agreement,
        key: &SigningKey,
        clock: &Clock,
        printer: &Printer,
    ) -> Result<Done, Error> {
        let text = read(file)?;
        let mut annex = Annex::read(&text, &shown(file))?;
        let filed = program::read_filed(&self.program, agreement)?;
        let problems = annex.problems(&text, &shown(file), &filed.agreement)?;
        if !problems.is_empty() {
            return Err(Error::Problems { problems });
        }
        annex.sign(answer, signer, clock.now(), key)?;
        // A signature that would not count is not written.
        if let Some(signature) = annex.signatures.last() {
            annex.verify(signature, &filed.agreement, &filed.key_changes)?;
        }
        program::write(file, &annex.to_text()?)?;
        let digest = annex.digest()?.to_string();
        printer.json(&serde_json::json!({ "annex": digest, "file": shown(file) }));
        printer.labelled("sign", &format!("{signer}: {} annex {digest}", self.answer));
        printer.labelled("file", &shown(file));
        Ok(Done::Well)
    }
}
