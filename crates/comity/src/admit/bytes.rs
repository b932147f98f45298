//! The bytes of a file: its digest as delivered, and the stream after unpacking.
//!
//! Step 3 of the path. The digest is taken twice, before the first record is read (a doubled file stops there)
//! and over the very bytes that were read, so that what the ledger names is what was compared. It knows no
//! records.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use flate2::bufread::MultiGzDecoder;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, de};
use std::cell::OnceCell;

use super::error::Error;
use super::spec::Compression;

const BUFFER_BYTES: usize = 1 << 16;

/// The SHA-256 of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(
    /// The thirty-two bytes.
    pub [u8; 32],
);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "a SHA-256 digest is 64 hexadecimal digits";
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut digest = [0; 32];
        for (index, byte) in digest.iter_mut().enumerate() {
            let pair = text.get(2 * index..2 * index + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}

/// A file opened, with its digest once that is known.
pub(super) struct Opened {
    path: PathBuf,
    file: File,
    digest: OnceCell<Digest>,
    pub(super) packing: Packing,
}

/// How the bytes turned out to be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn of(start: &[u8]) -> Self {
        if start.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

impl Opened {
    pub(super) fn open(path: &Path, compression: Compression) -> Result<Self, Error> {
        // Asked before opening, since opening a pipe would wait for its writer for ever.
        let metadata = fs::metadata(path).map_err(|source| Error::opening(path, source))?;
        if !metadata.is_file() {
            return Err(Error::NotAFile { file: path.to_owned() });
        }
        let mut file = File::open(path).map_err(|source| Error::opening(path, source))?;
        let reading = |source| Error::Read { file: path.to_owned(), source };
        let mut start = Vec::new();
        (&mut file).take(4).read_to_end(&mut start).map_err(reading)?;
        if start.is_empty() {
            return Err(Error::Empty { file: path.to_owned() });
        }
        let found = Packing::of(&start);
        let packing = match (compression, found) {
            (Compression::Auto, found) => found,
            (Compression::None, _) => Packing::Plain,
            (Compression::Gzip, Packing::Gzip) => Packing::Gzip,
            (Compression::Zstd, Packing::Zstd) => Packing::Zstd,
            (Compression::Gzip, _) => {
                return Err(Error::NotPacked { file: path.to_owned(), declared: "gzip" });
            }
            (Compression::Zstd, _) => {
                return Err(Error::NotPacked { file: path.to_owned(), declared: "zstd" });
            }
        };
        Ok(Self { path: path.to_owned(), file, digest: OnceCell::new(), packing })
    }

    /// Returns the digest of the file as delivered. Where nobody asked before it was read, it is that of what was read.
    pub(super) fn digest(&self) -> Result<Digest, Error> {
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let digest = self.digest_now()?;
        Ok(*self.digest.get_or_init(|| digest))
    }

    fn digest_now(&self) -> Result<Digest, Error> {
        let mut file = self.whole()?;
        digest_of(&mut file).map_err(|source| Error::Read { file: self.path.clone(), source })
    }

    /// Returns the file from its start, for a format that reads here and there.
    pub(super) fn whole(&self) -> Result<File, Error> {
        let reading = |source| Error::Read { file: self.path.clone(), source };
        let mut file = self.file.try_clone().map_err(reading)?;
        file.rewind().map_err(reading)?;
        Ok(file)
    }

    /// Returns the unpacked bytes from the start.
    pub(super) fn unpacked(&self) -> Result<Unpacked, Error> {
        let hashing = Hashing { file: self.whole()?, hash: Context::new(&SHA256) };
        let input = BufReader::with_capacity(BUFFER_BYTES, hashing);
        let reading = |source| Error::Read { file: self.path.clone(), source };
        Ok(match self.packing {
            Packing::Plain => Unpacked::Plain(input),
            Packing::Gzip => {
                Unpacked::Gzip(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(input)))
            }
            Packing::Zstd => Unpacked::Zstd(BufReader::with_capacity(
                BUFFER_BYTES,
                zstd::Decoder::with_buffer(input).map_err(reading)?,
            )),
        })
    }

    /// Sees that the bytes that were read are those whose digest was taken, if one was.
    pub(super) fn unchanged(&self, read: Unpacked) -> Result<(), Error> {
        let now =
            read.digest().map_err(|source| Error::Read { file: self.path.clone(), source })?;
        self.compare(now)
    }

    /// Sees that the file still has the digest that was taken, for a format that reads here and there.
    pub(super) fn still_unchanged(&self) -> Result<(), Error> {
        let now = self.digest_now()?;
        self.compare(now)
    }

    fn compare(&self, now: Digest) -> Result<(), Error> {
        let before = *self.digest.get_or_init(|| now);
        if now == before {
            Ok(())
        } else {
            Err(Error::Changed { file: self.path.clone(), before, now })
        }
    }

    /// Says why the stream broke off after `line`.
    pub(super) fn broken(&self, line: u64, source: io::Error) -> Error {
        let file = self.path.clone();
        let packing = self.packing.name();
        match (self.packing, source.kind()) {
            (Packing::Plain, _) => Error::Read { file, source },
            (_, io::ErrorKind::UnexpectedEof) => Error::CutOff { file, packing, line, source },
            (_, _) => Error::Damaged { file, packing, line, source },
        }
    }
}

fn digest_of(file: &mut File) -> io::Result<Digest> {
    file.rewind()?;
    let mut hashing = Hashing { file: file.try_clone()?, hash: Context::new(&SHA256) };
    hashing.drain()?;
    Ok(hashing.digest())
}

/// A file that is hashed as it is read.
pub(super) struct Hashing {
    file: File,
    hash: Context,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let Some(read) = buffer.get(..count) {
            self.hash.update(read);
        }
        Ok(count)
    }
}

impl Hashing {
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }

    fn digest(self) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.hash.finish().as_ref());
        Digest(digest)
    }
}

/// The unpacked bytes of a file, its packed bytes hashed on the way.
pub(super) enum Unpacked {
    Plain(BufReader<Hashing>),
    Gzip(BufReader<MultiGzDecoder<BufReader<Hashing>>>),
    Zstd(BufReader<zstd::Decoder<'static, BufReader<Hashing>>>),
}

impl Unpacked {
    pub(super) fn stream(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Plain(input) => input,
            Self::Gzip(input) => input,
            Self::Zstd(input) => input,
        }
    }

    fn digest(self) -> io::Result<Digest> {
        let mut hashing = match self {
            Self::Plain(input) => input.into_inner(),
            Self::Gzip(input) => input.into_inner().into_inner().into_inner(),
            Self::Zstd(input) => input.into_inner().finish().into_inner(),
        };
        hashing.drain()?;
        Ok(hashing.digest())
    }
}
