//! Values that have one spelling only.
//!
//! What goes into an entry or a commitment is hashed, so the same value must always give the same bytes, in any
//! program and in any year. This file says which JSON values qualify and spells them. It does not know entries.
//!
//! Implements [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) over part of JSON: numbers are whole and at most
//! 2^53 - 1 either way, because floats are where spellings differ; `null` is left out, because a member that says
//! nothing is better absent; depth is limited, because a reader must be able to refuse before its stack ends.

use serde_json::Value;

use crate::Error;

/// The largest whole number that every reader of JSON keeps exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// How deep lists and objects may stand in one another.
const DEPTH: usize = 16;

/// Checks that a value qualifies; `name` is what an error calls it.
///
/// # Errors
///
/// [`Error::RefusedValue`] when it does not.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), Error> {
    refusal(value, DEPTH)
        .map_or(Ok(()), |reason| Err(Error::RefusedValue { name: name.to_owned(), reason }))
}

/// Returns the one spelling of a value that qualifies.
///
/// # Errors
///
/// [`Error::RefusedValue`] when it does not qualify.
pub(crate) fn spell(name: &str, value: &Value) -> Result<Vec<u8>, Error> {
    check(name, value)?;
    serde_json_canonicalizer::to_vec(value).map_err(|_| Error::RefusedValue {
        name: name.to_owned(),
        reason: "it has no canonical form",
    })
}

/// Returns why a value does not qualify.
fn refusal(value: &Value, depth: usize) -> Option<&'static str> {
    match value {
        Value::Null => Some("null says nothing; leave the member out"),
        Value::Bool(_) | Value::String(_) => None,
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) if whole.unsigned_abs() <= LARGEST => None,
            (Some(_), _) | (_, Some(_)) => Some("the number is larger than 2^53 - 1"),
            (None, None) => Some("the number is not whole"),
        },
        Value::Array(values) => inner(values, depth),
        Value::Object(members) => inner(members.values(), depth),
    }
}

/// Returns why a value inside a list or object does not qualify.
fn inner<'a>(values: impl IntoIterator<Item = &'a Value>, depth: usize) -> Option<&'static str> {
    let Some(depth) = depth.checked_sub(1) else {
        return Some("lists or objects stand more than 16 deep");
    };
    values.into_iter().find_map(|value| refusal(value, depth))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_equal_spellings() {
        let one = json!({"b": [1, true, "\u{e9}"], "a": {"z": -5, "y": "\n"}});
        let other: Value =
            serde_json::from_str(r#" {"a":{"y":"\u000a","z":-5},"b":[1,true,"\u00e9"]}"#).unwrap();
        assert_eq!(spell("x", &one).unwrap(), spell("x", &other).unwrap());
        assert_eq!(
            String::from_utf8(spell("x", &one).unwrap()).unwrap(),
            r#"{"a":{"y":"\n","z":-5},"b":[1,true,"é"]}"#
        );
    }

    #[test]
    fn names_are_ordered_as_utf_16_as_the_rfc_says() {
        let value = json!({"\u{e000}": 1, "\u{1f600}": 2});
        let text = String::from_utf8(spell("x", &value).unwrap()).unwrap();
        assert_eq!(text, "{\"\u{1f600}\":2,\"\u{e000}\":1}");
    }

    #[test]
    fn values_without_one_spelling_are_refused() {
        for value in [
            json!(null),
            json!(1.5),
            json!(1.0),
            json!(-0.0),
            json!(9_007_199_254_740_992_u64),
            json!(u64::MAX),
            json!(i64::MIN),
            json!([[null]]),
            json!({"a": {"b": 0.1}}),
        ] {
            assert!(check("x", &value).is_err(), "{value}");
        }
        for value in [json!(9_007_199_254_740_991_u64), json!(-9_007_199_254_740_991_i64), json!(0)]
        {
            assert!(check("x", &value).is_ok(), "{value}");
        }
    }

    #[test]
    fn values_may_stand_sixteen_deep_and_no_deeper() {
        let nest = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert!(check("x", &nest(16)).is_ok());
        assert!(check("x", &nest(17)).is_err());
    }
}
