//! The files of a command as a plan wants them: sides that can be gone through again.

use super::ahead::Ahead;
use super::one_file::{OneFile, Take};
use super::trouble::Trouble;
use linkage::plan::{Batches, Rows};
use linkage::{Link, RecordRef, Side};
use std::fmt;
use std::sync::Arc;

/// The files of a command, read anew each time a side is opened.
pub(super) struct FileRows {
    /// The source's and the recipient's, each with the number of its first record.
    files: Vec<(Arc<OneFile>, u32)>,
    link: Link,
    trouble: Trouble,
}

impl FileRows {
    /// Takes the source's file and the recipient's, each with the number of its first record.
    pub(super) fn new(files: Vec<(Arc<OneFile>, u32)>, link: Link, trouble: Trouble) -> Self {
        Self { files, link, trouble }
    }
}

impl fmt::Debug for FileRows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FileRows({} files)", self.files.len())
    }
}

impl Rows for FileRows {
    fn parts(&self, side: Side) -> usize {
        usize::from(self.files.len() > usize::from(side == Side::Recipient))
    }

    fn open(&self, side: Side, _: usize) -> linkage::Result<Batches> {
        let Some((file, first)) = self.files.get(usize::from(side == Side::Recipient)) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let (file, trouble) = (Arc::clone(file), self.trouble.clone());
        let read = move |take: &mut Take<'_>| file.read_columns(take).map(drop);
        Ok(Box::new(Ahead::new(*first, trouble, read)))
    }

    fn id(&self, side: Side, record: u32) -> Option<&str> {
        let boundary = self.files.get(1).map_or(u32::MAX, |(_, first)| *first);
        let (side, record) = self.link.origin(side, RecordRef::new(record), boundary);
        let (file, _) = self.files.get(usize::from(side == Side::Recipient))?;
        file.id_of(record.row())
    }
}
