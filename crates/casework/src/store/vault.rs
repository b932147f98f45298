//! The vault: what the store knows of a person is encrypted before it reaches the database, cell by cell, under a key
//! of the agreement it was obtained under. Destroying that key destroys the data, in every copy of the database too.
//!
//! The keys are no part of the database and of no copy of it. They lie in a folder of their own, wrapped by a keeper: a
//! key file, or a command that speaks with a key management system. Each cell is bound to its table, row and column, so
//! that none can be put in another's place.
//!
//! It hides no lengths and no numbers of rows, and does not know what the cells mean.
//!
//! Source: XChaCha20-Poly1305 as in [draft-irtf-cfrg-xchacha](https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03),
//! with a random nonce for each cell; destruction by destroying the key as in
//! [NIST SP 800-88r2](https://csrc.nist.gov/pubs/sp/800/88/r2/final), cryptographic erase.

mod keeper;
mod ring;

pub use keeper::Keeper;

use crate::Error;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use ring::{Ring, Seen};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Where fresh random bytes come from.
pub type Random = fn() -> Result<[u8; 32], String>;

/// A secret of 32 bytes, which is overwritten when it is let go.
type Secret = Zeroizing<[u8; 32]>;

/// The first byte of a sealed cell: how it is sealed.
const FORM: u8 = 1;
/// Form, number of the key, nonce.
const HEAD: usize = 1 + 4 + 24;
/// What the cells are sealed under that belong to no one agreement.
const HOUSE: &str = "house";

/// Seals cells under the keys of agreements, and opens them.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    keeper: Keeper,
    random: Random,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    seen: Option<Seen>,
    ring: Ring,
    keys: BTreeMap<u32, DataKey>,
}

/// The key of one agreement.
#[derive(Clone)]
pub struct DataKey {
    number: u32,
    secret: Arc<Secret>,
    random: Random,
}

impl Vault {
    /// Opens the vault whose keys lie in a folder, making the folder if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or read, or the keeper cannot be reached.
    pub fn open(folder: &Path, keeper: Keeper, random: Random) -> Result<Vault, Error> {
        ring::make_folder(folder)?;
        let held = Mutex::new(Held::default());
        let inner = Inner { folder: folder.to_owned(), keeper, random, held };
        let vault = Vault { inner: Arc::new(inner) };
        // What is personal is never written before it is known that it can be read again.
        vault.house()?;
        Ok(vault)
    }

    /// Returns an agreement's key, making it if there is none yet.
    ///
    /// # Errors
    /// The key was destroyed, or the keys cannot be read or written.
    pub fn of(&self, agreement: &str) -> Result<DataKey, Error> {
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut held)?;
        if held.ring.number_of(agreement)?.is_none() {
            let _lock = ring::lock(&self.inner.folder)?;
            // Another process may have made it meanwhile.
            held.seen = None;
            self.refresh(&mut held)?;
            if held.ring.number_of(agreement)?.is_none() {
                let Inner { folder, keeper, random, .. } = &*self.inner;
                if held.ring.is_new() {
                    keeper.begin(*random)?;
                }
                let secret = random().map_err(|why| Error::NoRandomness { why })?;
                let wrapped = keeper.wrap(&Zeroizing::new(secret), *random)?;
                // If we crash before this, there is no key and nothing was sealed under it.
                held.ring.add(agreement, wrapped);
                ring::write(folder, &held.ring)?;
            }
        }
        let number = held.ring.number_of(agreement)?.ok_or(Error::NoKey { number: 0 })?;
        self.key(&mut held, number)
    }

    /// Returns the key of what belongs to no one agreement: the program's own secret, who read a list.
    ///
    /// # Errors
    /// The keys cannot be read or written.
    pub fn house(&self) -> Result<DataKey, Error> {
        self.of(HOUSE)
    }

    /// Opens a sealed cell.
    ///
    /// # Errors
    /// Its key was destroyed or is not here, or the cell is not what was sealed in this place.
    pub fn open_cell(
        &self,
        table: &'static str,
        row: &str,
        column: &'static str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (head, body) = sealed.split_at_checked(HEAD).ok_or(Error::Unreadable { column })?;
        let (&form, rest) = head.split_first().ok_or(Error::Unreadable { column })?;
        let (number, nonce) = rest.split_at_checked(4).ok_or(Error::Unreadable { column })?;
        if form != FORM {
            return Err(Error::Unreadable { column });
        }
        let number = number.try_into().map_err(|_| Error::Unreadable { column })?;
        let key = self.numbered(u32::from_be_bytes(number))?;
        let nonce: [u8; 24] = nonce.try_into().map_err(|_| Error::Unreadable { column })?;
        let place = place(key.number, table, row, column);
        key.cipher()
            .decrypt(&XNonce::from(nonce), Payload { msg: body, aad: &place })
            .map_err(|_| Error::Unreadable { column })
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// As [`Vault::open_cell`].
    pub fn open_text(
        &self,
        table: &'static str,
        row: &str,
        column: &'static str,
        sealed: &[u8],
    ) -> Result<String, Error> {
        let bytes = self.open_cell(table, row, column, sealed)?;
        String::from_utf8(bytes).map_err(|_| Error::Unreadable { column })
    }

    /// Returns the digests by which a value is looked up, one for each key there is.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub fn digests(&self, column: &'static str, value: &str) -> Result<Vec<[u8; 32]>, Error> {
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut held)?;
        let numbers: Vec<u32> = held.ring.numbers().collect();
        numbers
            .into_iter()
            .map(|number| Ok(self.key(&mut held, number)?.digest(column, value)))
            .collect()
    }

    /// Says whether there is a key of an agreement.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub fn holds(&self, agreement: &str) -> Result<bool, Error> {
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut held)?;
        Ok(!held.ring.is_destroyed(agreement) && held.ring.number_of(agreement)?.is_some())
    }

    /// Says whether an agreement's key was destroyed.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub fn is_destroyed(&self, agreement: &str) -> Result<bool, Error> {
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut held)?;
        Ok(held.ring.is_destroyed(agreement))
    }

    /// Destroys an agreement's key. What was sealed under it can never be opened again, here or in any copy. The key
    /// file is changed for a new one, so that older copies of the wrapped keys are of no use either. Says whether there
    /// was a key to destroy.
    ///
    /// # Errors
    /// The keys cannot be read or written.
    pub fn destroy(&self, agreement: &str) -> Result<bool, Error> {
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = ring::lock(&self.inner.folder)?;
        held.seen = None;
        self.refresh(&mut held)?;
        let Some(number) = held.ring.remove(agreement) else {
            return Ok(false);
        };
        held.keys.remove(&number);
        // If we crash after this, the key is gone and only the change of the key file is left undone.
        ring::write(&self.inner.folder, &held.ring)?;
        self.rewrap(&mut held)?;
        drop(lock);
        Ok(true)
    }

    /// Changes the key file for a new one, or asks the command to wrap every key anew.
    ///
    /// # Errors
    /// The keys cannot be read or written. What was readable before stays so.
    pub fn rotate(&self) -> Result<(), Error> {
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = ring::lock(&self.inner.folder)?;
        held.seen = None;
        self.refresh(&mut held)?;
        self.rewrap(&mut held)
    }

    fn rewrap(&self, held: &mut Held) -> Result<(), Error> {
        let Inner { folder, keeper, random, .. } = &*self.inner;
        let numbers: Vec<u32> = held.ring.numbers().collect();
        let keys = numbers
            .into_iter()
            .map(|number| self.key(held, number))
            .collect::<Result<Vec<_>, _>>()?;
        // If we crash between these, the key file holds both keys and either opens what it wrapped.
        keeper.begin_change(*random)?;
        for key in keys {
            held.ring.rewrap(key.number, keeper.wrap(&key.secret, *random)?);
        }
        ring::write(folder, &held.ring)?;
        keeper.end_change()
    }

    fn numbered(&self, number: u32) -> Result<DataKey, Error> {
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.keys.contains_key(&number) {
            self.refresh(&mut held)?;
        }
        self.key(&mut held, number)
    }

    fn key(&self, held: &mut Held, number: u32) -> Result<DataKey, Error> {
        if let Some(key) = held.keys.get(&number) {
            return Ok(key.clone());
        }
        let wrapped = held.ring.wrapped(number)?;
        let secret = Arc::new(self.inner.keeper.unwrap(wrapped)?);
        let key = DataKey { number, secret, random: self.inner.random };
        held.keys.insert(number, key.clone());
        Ok(key)
    }

    /// Reads the keys again if another process has changed them.
    fn refresh(&self, held: &mut Held) -> Result<(), Error> {
        let seen = ring::seen(&self.inner.folder)?;
        if held.seen.is_none() || held.seen != seen {
            held.ring = ring::read(&self.inner.folder)?;
            held.keys.retain(|number, _| held.ring.wrapped(*number).is_ok());
            held.seen = seen;
        }
        Ok(())
    }
}

impl DataKey {
    /// Seals a cell for its place.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn seal(
        &self,
        table: &'static str,
        row: &str,
        column: &'static str,
        bytes: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let random = (self.random)().map_err(|why| Error::NoRandomness { why })?;
        let nonce: [u8; 24] = std::array::from_fn(|i| random[i]);
        let place = place(self.number, table, row, column);
        let body = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: bytes, aad: &place })
            .map_err(|_| Error::Unreadable { column })?;
        Ok([&[FORM][..], &self.number.to_be_bytes(), &nonce, &body].concat())
    }

    /// Returns the digest by which a value is looked up. Without the key nobody can tell what it is of.
    pub fn digest(&self, column: &'static str, value: &str) -> [u8; 32] {
        keyed(
            &keyed(self.secret.as_slice(), &[b"comity look-up"]),
            &[column.as_bytes(), value.as_bytes()],
        )
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&**self.secret).into())
    }
}

/// Spells where a cell stands, each part with its length before it, so that no two places are spelled alike.
fn place(number: u32, table: &str, row: &str, column: &str) -> Vec<u8> {
    let mut place = vec![FORM];
    place.extend(number.to_be_bytes());
    for part in [table, row, column] {
        place.extend((part.len() as u64).to_be_bytes());
        place.extend(part.as_bytes());
    }
    place
}

/// HMAC-SHA-256 over parts, each with its length before it.
fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // INVARIANT: HMAC takes a key of any length, so the error of the general interface does not occur.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keeper", &self.inner.keeper).finish_non_exhaustive()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("number", &self.number).finish_non_exhaustive()
    }
}
