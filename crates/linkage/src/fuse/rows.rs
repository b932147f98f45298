//! Records as short rows of numbers: all that comparing two of them first looks at, side by side.
//!
//! At the head of the fused pass. Columns keep a record's codes far apart, and a pair would wait for memory once a
//! column; a row is one or two cache lines. It holds the code of each comparison's column, of the other columns that
//! levels look at, the keys of rules, and signatures of values whose likeness is one edit or nothing. It holds no value.

use crate::block::Blocks;
use crate::parallel::share;
use crate::record::Side;
use crate::tables::Tables;

/// What one word of a row is.
pub(crate) enum Word {
    /// The code of the record's value in a column.
    Code(usize),
    /// The number of the record's block under a rule.
    Key(usize),
    /// What stands here for the record's code in a column.
    Of(usize, Vec<u32>),
}

/// The rows of one side's records.
pub(crate) struct Rows {
    stride: usize,
    words: Vec<u32>,
}

/// The records that are written by one thread at a time: their rows stay in a cache meanwhile.
const WRITTEN_TOGETHER: usize = 4096;

impl Rows {
    /// Writes the rows of a side.
    pub(crate) fn new(tables: &Tables, blocks: &Blocks<'_>, words: &[Word], side: Side) -> Self {
        let stride = words.len();
        let mut rows = vec![0; stride * tables.records(side) as usize];
        let pieces = rows.chunks_mut(stride.max(1) * WRITTEN_TOGETHER).enumerate().collect();
        share(tables.threads().get(), pieces, |(piece, rows): (usize, &mut [u32])| {
            let from = piece * WRITTEN_TOGETHER;
            for (place, word) in words.iter().enumerate() {
                let cells = rows.iter_mut().skip(place).step_by(stride);
                match word {
                    Word::Code(column) => {
                        let codes = &tables.codes(*column, side)[from..];
                        cells.zip(codes).for_each(|(cell, code)| *cell = *code);
                    }
                    Word::Key(rule) => {
                        let keys = &blocks.keys(*rule, side)[from..];
                        cells.zip(keys).for_each(|(cell, key)| *cell = *key);
                    }
                    Word::Of(column, of) => {
                        let codes = &tables.codes(*column, side)[from..];
                        cells.zip(codes).for_each(|(cell, code)| *cell = of[*code as usize]);
                    }
                }
            }
        });
        Self { stride, words: rows }
    }

    /// Returns how many words a row has.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the row of a record.
    pub(crate) fn row(&self, record: usize) -> &[u32] {
        &self.words[record * self.stride..(record + 1) * self.stride]
    }
}
