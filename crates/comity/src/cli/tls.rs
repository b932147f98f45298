//! The words that say with which certificates this node speaks to others, for every command that does.

use crate::Error;
use crate::witness::Certificates;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Tls {
    /// Our certificate, with those above it (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["certificate_key", "trust"])]
    certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// The authorities whose certificates the other side may show (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    trust: Option<PathBuf>,
}

impl Tls {
    /// Reads what was given, if anything was.
    pub(super) fn read(&self) -> Result<Option<Certificates>, Error> {
        match (&self.certificate, &self.certificate_key, &self.trust) {
            (Some(own), Some(key), Some(trust)) => Ok(Some(Certificates::read(own, key, trust)?)),
            _ => Ok(None),
        }
    }
}
