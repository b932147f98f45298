//! Who keeps the key that wraps the others: a file, or a command that speaks with a key management system.

use super::{Random, Secret, ring};
use crate::Error;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer of a command that is read.
const LONGEST: u64 = 16 * 1024;
/// What a wrapped key is bound to.
const PLACE: &[u8] = b"comity data key";

/// Wraps keys and unwraps them.
#[derive(Clone)]
pub enum Keeper {
    /// A file of 32 random bytes in hexadecimal that its owner alone can read. It is made when the first key is.
    File(PathBuf),
    /// A program with its arguments. It is called with one more, `wrap` or `unwrap`, gets one line on its standard
    /// input and answers with one line: a key in hexadecimal is wrapped into a text without spaces, and back.
    Command(Vec<String>),
}

impl Keeper {
    /// Makes the key file, for a store that has no keys yet.
    pub(super) fn begin(&self, random: Random) -> Result<(), Error> {
        match self {
            Keeper::File(path) => match read(path)? {
                Some(_) => Ok(()),
                None => write(path, &[fresh(random)?]),
            },
            Keeper::Command(_) => Ok(()),
        }
    }

    pub(super) fn wrap(&self, secret: &Secret, random: Random) -> Result<String, Error> {
        match self {
            Keeper::File(path) => {
                let wrong = || Error::KeyFile { path: shown(path) };
                let keys = read(path)?.ok_or_else(wrong)?;
                let key = keys.first().ok_or_else(wrong)?;
                let random = fresh(random)?;
                let nonce: [u8; 24] = std::array::from_fn(|i| random[i]);
                let payload = Payload { msg: secret.as_slice(), aad: PLACE };
                let body = cipher(key).encrypt(&XNonce::from(nonce), payload);
                Ok(hex(&[&nonce[..], &body.map_err(|_| wrong())?].concat()))
            }
            Keeper::Command(words) => ask(words, "wrap", &Zeroizing::new(hex(secret.as_slice()))),
        }
    }

    pub(super) fn unwrap(&self, wrapped: &str) -> Result<Secret, Error> {
        match self {
            Keeper::File(path) => {
                let wrong = || Error::KeyFile { path: shown(path) };
                // No key is made here: with a new one nothing could be opened, and the loss would be covered up.
                let keys = read(path)?.ok_or_else(wrong)?;
                let bytes = bytes_of(wrapped).ok_or_else(wrong)?;
                let (nonce, body) = bytes.split_at_checked(24).ok_or_else(wrong)?;
                let nonce: [u8; 24] = nonce.try_into().map_err(|_| wrong())?;
                let opened = keys.iter().find_map(|key| {
                    let payload = Payload { msg: body, aad: PLACE };
                    cipher(key).decrypt(&XNonce::from(nonce), payload).ok().map(Zeroizing::new)
                });
                let secret = opened.and_then(|opened| opened.as_slice().try_into().ok());
                secret.map(Zeroizing::new).ok_or_else(wrong)
            }
            Keeper::Command(words) => {
                let answer = Zeroizing::new(ask(words, "unwrap", wrapped)?);
                secret_of(&answer).ok_or_else(|| Error::KeyCommand {
                    deed: "unwrap",
                    why: "its answer is no key of 32 bytes".to_owned(),
                })
            }
        }
    }

    /// Puts a new key before the one in the file.
    pub(super) fn begin_change(&self, random: Random) -> Result<(), Error> {
        match self {
            Keeper::File(path) => {
                let mut keys = read(path)?.ok_or_else(|| Error::KeyFile { path: shown(path) })?;
                keys.insert(0, fresh(random)?);
                write(path, &keys)
            }
            Keeper::Command(_) => Ok(()),
        }
    }

    /// Leaves only the new key in the file.
    pub(super) fn end_change(&self) -> Result<(), Error> {
        match self {
            Keeper::File(path) => {
                let mut keys = read(path)?.ok_or_else(|| Error::KeyFile { path: shown(path) })?;
                keys.truncate(1);
                write(path, &keys)
            }
            Keeper::Command(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keeper::File(path) => f.debug_tuple("File").field(path).finish(),
            // An argument may be a password.
            Keeper::Command(words) => f.debug_tuple("Command").field(&words.first()).finish(),
        }
    }
}

fn fresh(random: Random) -> Result<Secret, Error> {
    random().map(Zeroizing::new).map_err(|why| Error::NoRandomness { why })
}

fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**key).into())
}

/// Reads the keys in the file, one a line; the first wraps, all of them unwrap. None if there is no file.
fn read(path: &Path) -> Result<Option<Vec<Secret>>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ring::failed(path)(error)),
    };
    let keys: Option<Vec<Secret>> = text.lines().map(secret_of).collect();
    let keys = keys.filter(|keys| !keys.is_empty());
    keys.map(Some).ok_or_else(|| Error::KeyFile { path: shown(path) })
}

fn write(path: &Path, keys: &[Secret]) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        ring::make_folder(folder)?;
    }
    let mut text = Zeroizing::new(String::new());
    for key in keys {
        text.push_str(&Zeroizing::new(hex(key.as_slice())));
        text.push('\n');
    }
    ring::replace(path, text.as_bytes()).map_err(ring::failed(path))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn secret_of(line: &str) -> Option<Secret> {
    let bytes = Zeroizing::new(bytes_of(line)?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits =
        text.trim().chars().map(|sign| sign.to_digit(16).and_then(|n| u8::try_from(n).ok()));
    let digits = digits.collect::<Option<Vec<u8>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Asks a command to wrap or unwrap one line.
fn ask(words: &[String], deed: &'static str, line: &str) -> Result<String, Error> {
    let failed = |why: &str| Error::KeyCommand { deed, why: why.to_owned() };
    let (program, arguments) = words.split_first().ok_or_else(|| failed("it names no program"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg(deed)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| failed(&error.to_string()))?;
    let answer = converse(&mut child, line);
    let Some(answer) = answer else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(failed("it did not answer within 30 seconds"));
    };
    let ended = child.wait().map_err(|error| failed(&error.to_string()))?;
    let answer = answer.map_err(|error| failed(&error.to_string()))?;
    if !ended.success() {
        return Err(failed("it failed"));
    }
    let answer = answer.trim();
    if answer.is_empty() || answer.contains(char::is_whitespace) {
        return Err(failed("its answer is not one line without spaces"));
    }
    Ok(answer.to_owned())
}

/// Writes a line to a command and reads its answer; none if there is no answer in time.
fn converse(child: &mut Child, line: &str) -> Option<io::Result<Zeroizing<String>>> {
    let (input, output) = (child.stdin.take()?, child.stdout.take()?);
    let line = Zeroizing::new(format!("{line}\n"));
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut input = input;
        // A command that has ended already says why by its exit code.
        let _ = input.write_all(line.as_bytes());
        drop(input);
        let mut text = Zeroizing::new(String::new());
        let read = output.take(LONGEST).read_to_string(&mut text).map(|_| text);
        let _ = sender.send(read);
    });
    receiver.recv_timeout(PATIENCE).ok()
}
