//! What rows take in memory, each by itself.
//!
//! Beside the path. What a unit of work takes must be known before its rows are brought together, so it may not depend on how
//! they are cut into batches then: what several rows take is the sum of what each takes, here and wherever they are counted.

use arrow::datatypes::ArrowNativeType;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

/// What says where a value of changing length ends.
const OFFSET_BYTES: usize = 4;

/// Returns how many bytes each row of a batch takes, whatever larger buffers it is a part of.
pub(super) fn row_bytes(batch: &RecordBatch) -> Vec<usize> {
    // A bit a column says whether there is a value.
    let mut rows = vec![batch.num_columns().div_ceil(8); batch.num_rows()];
    for column in batch.columns() {
        add_column(column, &mut rows);
    }
    rows
}

/// Returns how many bytes all rows of a batch take.
pub(super) fn bytes_of(batch: &RecordBatch) -> usize {
    row_bytes(batch).into_iter().sum()
}

fn add_column(column: &ArrayRef, rows: &mut [usize]) {
    let fixed = match column.data_type() {
        DataType::Boolean => Some(1),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    };
    if let Some(width) = fixed {
        for row in rows {
            *row += width;
        }
    } else if let Some(texts) = column.as_string_opt::<i32>() {
        add_lengths(texts.value_offsets(), rows);
    } else if let Some(bytes) = column.as_binary_opt::<i32>() {
        add_lengths(bytes.value_offsets(), rows);
    } else if let Some(lists) = column.as_list_opt::<i32>() {
        let mut items = vec![0; lists.values().len()];
        add_column(lists.values(), &mut items);
        for (row, ends) in rows.iter_mut().zip(lists.value_offsets().windows(2)) {
            let own = items.get(ends[0].as_usize()..ends[1].as_usize()).unwrap_or_default();
            *row += OFFSET_BYTES + own.iter().sum::<usize>();
        }
    } else {
        // Rows of ours have no such column.
        for (number, row) in rows.iter_mut().enumerate() {
            *row += column.slice(number, 1).to_data().get_slice_memory_size().unwrap_or_default();
        }
    }
}

fn add_lengths(ends: &[i32], rows: &mut [usize]) {
    for (row, ends) in rows.iter_mut().zip(ends.windows(2)) {
        *row += OFFSET_BYTES + (ends[1] - ends[0]).as_usize();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, StringBuilder};
    use arrow_array::{BinaryArray, Float64Array, StringArray, UInt32Array};

    use super::*;

    fn batch() -> RecordBatch {
        let mut keys = FixedSizeBinaryBuilder::new(16);
        keys.append_value([7; 16]).unwrap();
        keys.append_null();
        keys.append_value([9; 16]).unwrap();
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("ana"), Some("maria")]);
        lists.append_null();
        lists.append_value([None::<&str>]);
        let columns: [ArrayRef; 6] = [
            Arc::new(UInt32Array::from(vec![1, 2, 3])),
            Arc::new(keys.finish()),
            Arc::new(StringArray::from(vec![Some("gil"), None, Some("")])),
            Arc::new(BinaryArray::from_vec(vec![b"ab", b"", b"abcd"])),
            Arc::new(Float64Array::from(vec![Some(1.0), None, None])),
            Arc::new(lists.finish()),
        ];
        RecordBatch::try_from_iter_with_nullable(
            columns
                .into_iter()
                .zip(["a", "b", "c", "d", "e", "f"])
                .map(|(array, name)| (name, array, true)),
        )
        .unwrap()
    }

    #[test]
    fn rows_take_the_same_however_they_are_cut() {
        let all = batch();
        let fixed = 1 + 4 + 16 + 4 + 4 + 8 + 4;
        let meant = [fixed + 3 + 2 + (4 + 3) + (4 + 5), fixed, fixed + 4 + 4];
        assert_eq!(row_bytes(&all), meant);
        assert_eq!(bytes_of(&all), meant.iter().sum::<usize>());
        for start in 0..3 {
            for end in start..=3 {
                let slice = all.slice(start, end - start);
                assert_eq!(row_bytes(&slice), meant[start..end], "{start} to {end}");
                let taken: Vec<u32> = (start..end).map(|row| u32::try_from(row).unwrap()).collect();
                let taken = arrow::compute::take_record_batch(&all, &UInt32Array::from(taken));
                assert_eq!(
                    row_bytes(&taken.unwrap()),
                    meant[start..end],
                    "{start} to {end}, copied"
                );
            }
        }
    }
}
