//! What records are known by when pairs are written, there being no prepared tables.

use crate::cli::link::pairs::Holder;
use arrow_array::{Array, StringArray};
use linkage::{Link, RecordRef, Side};
use std::borrow::Cow;
use std::num::NonZeroUsize;

/// The ids of records, and how records of both files are numbered.
pub(super) struct Held {
    pub(super) link: Link,
    pub(super) threads: NonZeroUsize,
    /// The ids of the source's records and the recipient's, where a column was named.
    pub(super) ids: [Option<StringArray>; 2],
    /// How many records the source has.
    pub(super) boundary: u32,
}

impl Holder for Held {
    fn link(&self) -> Link {
        self.link
    }

    fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    fn origin(&self, side: Side, record: RecordRef) -> (Side, RecordRef) {
        self.link.origin(side, record, self.boundary)
    }

    fn name(&self, side: Side, record: RecordRef) -> Cow<'_, str> {
        let (side, record) = self.origin(side, record);
        let ids = self.ids[usize::from(side == Side::Recipient)].as_ref();
        let row = record.row() as usize;
        match ids.filter(|ids| row < ids.len()) {
            Some(ids) if ids.is_valid(row) => Cow::Borrowed(ids.value(row)),
            Some(_) => Cow::Borrowed(""),
            None => Cow::Owned(row.to_string()),
        }
    }
}
