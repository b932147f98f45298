//! What was found out about a filing before: an agreement's digest, and which statements verify. Finding either out takes
//! longer than all else that a decision does, and a node decides on one filing thousands of times.
//!
//! Each answer is kept with the whole of what was asked, and counts for that alone: an agreement or a statement that was
//! changed in anything is another one, and is looked at anew. So a memo can be wrong about nothing, and nobody has to
//! empty it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{Agreement, Digest, Error, Signature};

/// How many answers of each sort are kept; a filing has an agreement, perhaps one before it, and a few signers.
const MOST: usize = 64;

/// What was found out before. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Memo(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    digests: Vec<(Agreement, Digest)>,
    genuine: Vec<Signature>,
}

impl Memo {
    /// Returns an agreement's digest.
    pub(crate) fn digest(&self, agreement: &Agreement) -> Result<Digest, Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, digest)) = known.digests.iter().find(|(seen, _)| seen == agreement) {
            return Ok(*digest);
        }
        let digest = agreement.digest()?;
        if known.digests.len() >= MOST {
            known.digests.clear();
        }
        known.digests.push((agreement.clone(), digest));
        Ok(digest)
    }

    /// Tells whether a statement bears its key's signature. Whose key it is, is another question.
    pub(crate) fn is_genuine(&self, signature: &Signature) -> Result<bool, Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.genuine.contains(signature) {
            return Ok(true);
        }
        // One that does not verify is looked at each time: it is nobody's to slow others down with.
        let verifies = signature.key.verifies(&signature.statement()?, &signature.signature);
        if verifies {
            if known.genuine.len() >= MOST {
                known.genuine.clear();
            }
            known.genuine.push(signature.clone());
        }
        Ok(verifies)
    }
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memo")
    }
}
