//! Records that share a key, and the pairs that they make.

use crate::increment::Since;
use crate::model::Link;
use crate::record::{RecordRef, Side};
use crate::tables::Tables;

/// Records that share a key.
#[derive(Clone, Copy)]
pub(super) struct Group<'b> {
    pub(super) source: &'b [RecordRef],
    pub(super) recipient: &'b [RecordRef],
}

impl<'b> Group<'b> {
    pub(super) fn count(self, link: Link) -> u64 {
        let (sources, recipients) = (self.source.len() as u64, self.recipient.len() as u64);
        match link {
            Link::Between => sources * recipients,
            Link::Within | Link::Both => sources * sources.saturating_sub(1) / 2,
        }
    }

    /// Returns the pair at a place, counted from 0.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a place in a list of records fits a usize"
    )]
    #[expect(clippy::cast_sign_loss, reason = "a root isn't below nothing")]
    pub(super) fn pair(self, link: Link, place: u64) -> (RecordRef, RecordRef) {
        match link {
            Link::Between => {
                let wide = self.recipient.len() as u64;
                (self.source[(place / wide) as usize], self.recipient[(place % wide) as usize])
            }
            Link::Within | Link::Both => {
                // Pairs in the order of their later record, which stands where the triangle before it ends; the root in
                // floating point may be off by one.
                let mut later = ((2.0 * place as f64).sqrt() as u64).max(1);
                while later * (later - 1) / 2 > place {
                    later -= 1;
                }
                while later * (later + 1) / 2 <= place {
                    later += 1;
                }
                let earlier = place - later * (later - 1) / 2;
                (self.source[earlier as usize], self.source[later as usize])
            }
        }
    }

    /// Goes through the pairs, those of one source record together.
    pub(super) fn rows(self, link: Link) -> impl Iterator<Item = Vec<(RecordRef, RecordRef)>> + 'b {
        self.source.iter().enumerate().map(move |(place, source)| {
            let recipients = match link {
                Link::Between => self.recipient,
                Link::Within | Link::Both => &self.source[place + 1..],
            };
            recipients.iter().map(|recipient| (*source, *recipient)).collect()
        })
    }

    pub(super) fn pairs(self, link: Link) -> impl Iterator<Item = (RecordRef, RecordRef)> + 'b {
        self.source.iter().enumerate().flat_map(move |(place, source)| {
            // Records stand in their block by row, so the later ones are those with larger references.
            let recipients = match link {
                Link::Between => self.recipient,
                Link::Within | Link::Both => &self.source[place + 1..],
            };
            recipients.iter().map(move |recipient| (*source, *recipient))
        })
    }

    /// Goes through the pairs in which a record is new. Within one table, and between two, it looks at no other.
    pub(super) fn pairs_since(
        self,
        tables: &Tables,
        since: Since,
    ) -> impl Iterator<Item = (RecordRef, RecordRef)> {
        let link = tables.link();
        let is_new = move |record: RecordRef| {
            let (side, own) = tables.origin(Side::Source, record);
            own.row() >= if side == Side::Source { since.source } else { since.recipient }
        };
        self.source.iter().enumerate().flat_map(move |(place, source)| {
            let (recipients, first) = match link {
                Link::Between if source.row() >= since.source => (self.recipient, 0),
                Link::Between => (self.recipient, since.recipient),
                Link::Within => (&self.source[place + 1..], since.source),
                // Both tables stand one after the other, so new records come in two places.
                Link::Both => (&self.source[place + 1..], 0),
            };
            let old = recipients.partition_point(|record| record.row() < first);
            let is_wanted = move |recipient: &&RecordRef| {
                link != Link::Both || is_new(*source) || is_new(**recipient)
            };
            recipients[old..].iter().filter(is_wanted).map(move |recipient| (*source, *recipient))
        })
    }
}
