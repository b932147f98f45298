//! The likeness of two texts as functions that a condition may call.
//!
//! Beside the path, where conditions are read. DataFusion has `levenshtein`; here are the ones it lacks, by the names that
//! SQL users know them by, over the same kernels as the levels: over characters, never bytes. They make no level.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;
use datafusion_common::Result;
use datafusion_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::compare::text;

/// Returns the functions.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [Measure::Jaro, Measure::JaroWinkler, Measure::OptimalAlignment, Measure::Damerau]
        .map(|measure| Arc::new(ScalarUDF::new_from_impl(Likeness::new(measure))))
        .to_vec()
}

/// What is measured of two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Measure {
    Jaro,
    JaroWinkler,
    OptimalAlignment,
    Damerau,
}

/// One function of two texts.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Likeness {
    measure: Measure,
    aliases: Vec<String>,
    signature: Signature,
}

impl Likeness {
    fn new(measure: Measure) -> Self {
        let signature =
            Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Immutable);
        let aliases = match measure {
            Measure::Jaro => vec!["jaro".to_owned()],
            Measure::JaroWinkler => vec!["jaro_winkler".to_owned()],
            Measure::OptimalAlignment | Measure::Damerau => Vec::new(),
        };
        Self { measure, aliases, signature }
    }
}

impl ScalarUDFImpl for Likeness {
    fn name(&self) -> &'static str {
        match self.measure {
            Measure::Jaro => "jaro_similarity",
            Measure::JaroWinkler => "jaro_winkler_similarity",
            Measure::OptimalAlignment => "optimal_alignment",
            Measure::Damerau => "damerau_levenshtein",
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.measure {
            Measure::Jaro | Measure::JaroWinkler => DataType::Float64,
            Measure::OptimalAlignment | Measure::Damerau => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let (one, other) = (arrays[0].as_string::<i32>(), arrays[1].as_string::<i32>());
        let measured: ArrayRef = match self.measure {
            Measure::Jaro => Arc::new(each(one, other, text::jaro).collect::<Float64Array>()),
            Measure::JaroWinkler => {
                Arc::new(each(one, other, text::jaro_winkler).collect::<Float64Array>())
            }
            Measure::OptimalAlignment => Arc::new(
                each(one, other, |one, other| count(text::optimal_alignment(one, other)))
                    .collect::<Int64Array>(),
            ),
            Measure::Damerau => Arc::new(
                each(one, other, |one, other| count(text::damerau(one, other)))
                    .collect::<Int64Array>(),
            ),
        };
        Ok(ColumnarValue::Array(measured))
    }
}

/// Goes through two columns of texts; nothing comes of nothing.
fn each<'a, T>(
    one: &'a StringArray,
    other: &'a StringArray,
    measure: impl Fn(&[char], &[char]) -> T + 'a,
) -> impl Iterator<Item = Option<T>> + 'a {
    (0..one.len()).map(move |row| {
        let letters = |array: &StringArray| array.value(row).chars().collect::<Vec<char>>();
        (one.is_valid(row) && other.is_valid(row)).then(|| measure(&letters(one), &letters(other)))
    })
}

fn count(edits: usize) -> i64 {
    i64::try_from(edits).unwrap_or(i64::MAX)
}
