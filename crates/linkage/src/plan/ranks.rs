//! The order of records that doesn't depend on the order of rows, for tables that need not fit the memory.
//!
//! The same as that of prepared tables: by their values column by column, then ids, and only then rows. Whom a seed draws,
//! whose sum is added first and who wins a tie go by it. Values are spelled as bytes and sorted in files; what stays in
//! memory is one number a record. It looks at no pair.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type};
use arrow_array::{ArrayRef, BinaryArray, RecordBatch, UInt8Array, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::block_exec::column;
use super::failed;
use super::rows::{RECORD, Rows, SIDE, failed_arrow, prepare};
use super::run::{Bounds, sorted};
use super::spelling::spell;
use super::stage::Staged;
use crate::model::{Column, Link};
use crate::one_to_one::Ranking;
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables};
use crate::{Error, Result};

/// The column of a record's values, spelled one after the other.
const VALUES: &str = "values";

/// What each record takes while it is put in order and ever after: its rank.
const RANK_BYTES: usize = size_of::<u32>();

/// No record has this rank: there are fewer.
const NO_RANK: u32 = u32::MAX;

/// The place of each record in the order of all.
pub(super) struct Ranks {
    link: Link,
    /// By side and record.
    ranks: [Vec<u32>; 2],
}

impl Ranks {
    /// Puts the records of both sides in order.
    ///
    /// # Errors
    ///
    /// What preparing tables meets, [`Error::OutOfMemory`] where a number a record does not fit, and [`Error::FailedPlan`].
    pub(super) fn of(
        columns: &[Column],
        link: Link,
        rows: &Arc<dyn Rows>,
        bounds: &Bounds,
    ) -> Result<Self> {
        let schema = schema();
        let staged = Staged::written(Arc::clone(&schema), rows, bounds, |side, first, batch| {
            let (tables, side) = prepare(columns, link, side, batch)?;
            spelled(&tables, side, first, &schema)
        })?;
        let given = bounds.memory_bytes;
        let needed = usize::try_from(staged.records()).unwrap_or(usize::MAX) * RANK_BYTES;
        if needed > given / 2 {
            let problem = format!(
                "{needed} bytes are needed to put records in order, and {} may be",
                given / 2
            );
            return Err(Error::OutOfMemory { problem });
        }
        let within = Bounds { memory_bytes: given - needed, ..bounds.clone() };
        let mut order = Order {
            rows: rows.as_ref(),
            ranks: Self { link, ranks: [Vec::new(), Vec::new()] },
            run: Vec::new(),
            run_of: (0, Vec::new()),
            next: 0,
            twice: false,
        };
        sorted(&staged, &[SIDE, VALUES, RECORD], &within, |batch| order.take(batch))?;
        order.end_run();
        order.ranks.ranks.iter_mut().for_each(Vec::shrink_to_fit);
        let is_left = |rank: &u32| *rank == NO_RANK;
        if order.twice
            || order.ranks.all() as u64 != staged.records()
            || order.ranks.ranks.iter().flatten().any(is_left)
        {
            let problem = "the records of a side are not numbered from 0 on, each once".to_owned();
            return Err(Error::FailedPlan { problem });
        }
        Ok(order.ranks)
    }

    /// Returns how many records there are in all.
    pub(super) fn all(&self) -> usize {
        self.ranks.iter().map(Vec::len).sum()
    }

    /// Returns how many records there are on either side; within one table, both are that table.
    pub(super) fn records(&self) -> [u32; 2] {
        [Side::Source, Side::Recipient]
            .map(|side| u32::try_from(self.side(side).len()).unwrap_or(u32::MAX))
    }

    /// Returns the rank of each record of a side.
    pub(super) fn side(&self, side: Side) -> &[u32] {
        &self.ranks[usize::from(self.link == Link::Between && side == Side::Recipient)]
    }
}

impl Ranking for Ranks {
    fn link(&self) -> Link {
        self.link
    }

    fn rank(&self, side: Side, record: RecordRef) -> u32 {
        self.side(side)[record.index()]
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(SIDE, DataType::UInt8, false),
        Field::new(RECORD, DataType::UInt32, false),
        Field::new(VALUES, DataType::Binary, false),
    ]))
}

/// The records of one batch with their values. Where all are one table, they are all on its one side.
fn spelled(tables: &Tables, side: Side, first: u32, schema: &SchemaRef) -> Result<RecordBatch> {
    let records = tables.records(side);
    let columns: Vec<_> =
        (0..tables.columns().len()).map(|column| (column, tables.codes(column, side))).collect();
    let mut bytes = Vec::new();
    let all = (0..records as usize).map(|row| {
        bytes.clear();
        for (column, codes) in &columns {
            // No value comes before any, as it does by its code.
            bytes.push(u8::from(codes[row] != NO_VALUE));
            if let Some(index) = (codes[row] as usize).checked_sub(1) {
                spell(tables.values(*column), index, &mut bytes);
            }
        }
        bytes.clone()
    });
    let values: BinaryArray = all.map(Some).collect();
    let mark = u8::from(side == Side::Recipient);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt8Array::from_value(mark, records as usize)),
        Arc::new(UInt32Array::from_iter_values((0..records).map(|row| first + row))),
        Arc::new(values),
    ];
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(failed_arrow)
}

/// Records while they come in the order of their values.
struct Order<'r> {
    rows: &'r dyn Rows,
    ranks: Ranks,
    /// Those whose values are all the same, whom ids tell apart.
    run: Vec<u32>,
    run_of: (u8, Vec<u8>),
    next: u32,
    /// Whether two records had one number.
    twice: bool,
}

impl Order<'_> {
    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let sides = column(batch, SIDE).map_err(failed)?.as_primitive::<UInt8Type>();
        let records = column(batch, RECORD).map_err(failed)?.as_primitive::<UInt32Type>();
        let values = column(batch, VALUES).map_err(failed)?.as_binary::<i32>();
        for row in 0..batch.num_rows() {
            let (side, values) = (sides.value(row), values.value(row));
            if side != self.run_of.0 || values != self.run_of.1 {
                self.end_run();
                if side != self.run_of.0 {
                    self.next = 0;
                }
                self.run_of.0 = side;
                self.run_of.1.clear();
                self.run_of.1.extend_from_slice(values);
            }
            self.run.push(records.value(row));
        }
        Ok(())
    }

    fn end_run(&mut self) {
        let (is_recipient, rows) = (self.run_of.0 != 0, self.rows);
        let side = if is_recipient { Side::Recipient } else { Side::Source };
        // They come in the order of rows, and stay in it where ids are the same.
        self.run.sort_by_key(|record| rows.id(side, *record).unwrap_or_default());
        let ranks = &mut self.ranks.ranks[usize::from(is_recipient)];
        for record in self.run.drain(..) {
            let place = record as usize;
            if ranks.len() <= place {
                ranks.resize(place + 1, NO_RANK);
            }
            self.twice |= ranks[place] != NO_RANK;
            ranks[place] = self.next;
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use arrow_array::builder::StringBuilder;

    use super::super::rows::{Batches, HeldTables};
    use super::*;
    use crate::Recipe;
    use crate::random::Dice;
    use crate::tables::Table;

    const RECIPE: &str = r#"
        name = "kinds"
        link = "LINK"
        threshold = { weight = 0.0 }
        column = [
            { name = "name", from = ["name"], steps = [] },
            { name = "born", from = ["born"], kind = { date = "%Y-%m-%d" } },
            { name = "wage", from = ["wage"], kind = "number" },
            { name = "seen", from = ["seen"], kind = { time = "%Y-%m-%d %H:%M" } },
            { name = "home", from = ["home"], kind = "place" },
            { name = "known", from = ["known"], kind = { list = ";" } },
        ]
        [[rule]]
        keys = [{ column = "name" }]
        [[comparison]]
        name = "name"
        column = "name"
        level = [{ test = "exact" }, { test = "else" }]
        [training]
        seed = 3
        prior = { stated = 0.01 }
        rules = [{ keys = [{ column = "born" }] }]
    "#;

    /// The values of each column, some before others in one order and behind them in another.
    const CELLS: [(&str, [&str; 4]); 6] = [
        ("name", ["", "Zoë", "zoe", "ab\u{1}"]),
        ("born", ["", "0009-10-01", "1999-02-03", "1999-10-01"]),
        ("wage", ["", "-12.5", "9", "10"]),
        ("seen", ["", "1969-12-31 23:59", "1970-01-01 00:00", "2030-10-01 09:00"]),
        ("home", ["", "-1.5 10", "-1.5 9", "51 -0.1"]),
        ("known", ["", "a", "a;b", "ab;c"]),
    ];

    /// Tables with ids.
    #[derive(Debug)]
    struct Named {
        held: HeldTables,
        ids: [Vec<String>; 2],
    }

    impl Rows for Named {
        fn parts(&self, side: Side) -> usize {
            self.held.parts(side)
        }

        fn open(&self, side: Side, part: usize) -> Result<Batches> {
            self.held.open(side, part)
        }

        fn id(&self, side: Side, record: u32) -> Option<&str> {
            let ids = &self.ids[usize::from(side == Side::Recipient)];
            ids.get(record as usize).map(String::as_str)
        }
    }

    /// Draws records, many of them alike in all but their ids, and some in these too.
    fn drawn(records: usize, dice: &mut Dice) -> (RecordBatch, Vec<String>) {
        let mut columns: Vec<StringBuilder> = CELLS.iter().map(|_| StringBuilder::new()).collect();
        let mut ids = Vec::new();
        for _ in 0..records {
            let alike = dice.place(3) == 0;
            for ((_, cells), column) in CELLS.iter().zip(&mut columns) {
                let cell = cells[if alike { 1 } else { dice.place(cells.len()) }];
                column.append_option((!cell.is_empty()).then_some(cell));
            }
            ids.push(format!("{}", dice.place(30)));
        }
        let names = CELLS.iter().map(|(name, _)| *name);
        let arrays = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let id = Arc::new(StringArray::from(ids.clone())) as ArrayRef;
        let all = names.zip(arrays).chain([("id", id)]).map(|(name, array)| (name, array, true));
        (RecordBatch::try_from_iter_with_nullable(all).unwrap(), ids)
    }

    #[test]
    fn records_of_every_kind_of_value_are_in_the_order_of_prepared_tables_and_then_of_their_ids() {
        let mut dice = Dice::new(11);
        let (left, left_ids) = drawn(150, &mut dice);
        let (right, right_ids) = drawn(90, &mut dice);
        for (link, ids) in [
            ("between", [left_ids.clone(), right_ids.clone()]),
            ("within", [left_ids.clone(), Vec::new()]),
            ("both", [[left_ids, right_ids].concat(), Vec::new()]),
        ] {
            let recipe = Recipe::from_toml(&RECIPE.replace("LINK", link)).unwrap();
            let columns = recipe.columns();
            let (source, recipient) = ([left.clone()], [right.clone()]);
            let (own, other) =
                (Table::new(&source).with_id("id"), Table::new(&recipient).with_id("id"));
            let tables = match link {
                "between" => Tables::between(columns, own, other),
                "within" => Tables::within(columns, own),
                _ => Tables::both(columns, own, other),
            };
            let tables = tables.unwrap();
            let first = if link == "both" { 150 } else { 0 };
            let others = if link == "within" { Vec::new() } else { vec![(first, right.clone())] };
            let pieces = [(100, left.slice(100, 50)), (0, left.slice(0, 100))];
            let held = HeldTables::numbered(pieces.into(), others);
            let rows: Arc<dyn Rows> = Arc::new(Named { held, ids });
            let bounds = Bounds::new(16 << 20, std::env::temp_dir());
            let ranks = Ranks::of(columns, recipe.link(), &rows, &bounds).unwrap();
            for side in [Side::Source, Side::Recipient] {
                let records = (0..tables.records(side)).map(RecordRef::new);
                let expected: Vec<u32> = records.map(|record| tables.rank(side, record)).collect();
                assert_eq!(ranks.side(side), expected, "{link} {side}");
            }
        }
    }
}
