//! Results as rows of a sheet, for systems that write CSV: which columns there are, and what each may hold.
//!
//! A row that cannot be read is named with its case and the reason, as one that the gate refuses is.

use super::{Outcome, Row, Told};
use crate::server::sheet::{self, Sheet};
use casework::{Had, Source, SourceKind};
use jiff::civil::Date;

/// The columns that a row needs.
pub(crate) const NEEDED: [&str; 5] = ["case", "version", "officer", "outcome", "words"];

/// Those that it may have.
pub(crate) const OTHERS: [&str; 9] =
    ["amount", "access", "from", "to", "months", "source", "reference", "seen", "hours"];

/// Reads a sheet of results.
///
/// # Errors
/// What is wrong with the sheet as a whole.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Told<Row>>, String> {
    let sheet: Sheet = sheet::read(bytes, &NEEDED, &OTHERS)?;
    Ok(sheet
        .rows()
        .map(|row| one(row).map_err(|why| (row.get("case").chars().take(40).collect(), why)))
        .collect())
}

fn one(row: sheet::Row<'_>) -> Result<Row, String> {
    if row.is_too_long() {
        return Err("it has more values than there are columns".to_owned());
    }
    let outcome = match row.get("outcome") {
        "begun" => Outcome::Begun,
        "found" => Outcome::Found,
        "confirmed" => Outcome::Confirmed,
        "refuted" => Outcome::Refuted,
        _ => return Err("`outcome` is one of begun, found, confirmed, refuted".to_owned()),
    };
    let version = row.get("version").parse().map_err(|_| "`version` is a number")?;
    let amount_cents = match row.get("amount") {
        "" => None,
        text => Some(cents(text).ok_or("`amount` is a sum such as 1234.50")?),
    };
    let access = match row.get("access") {
        "" => None,
        "yes" => Some(true),
        "no" => Some(false),
        _ => return Err("`access` is yes or no".to_owned()),
    };
    let minutes = match row.get("hours") {
        "" => None,
        text => Some(minutes(text).ok_or("`hours` is a number such as 1.5, up to 1,000")?),
    };
    Ok(Row {
        case: row.get("case").to_owned(),
        version,
        officer: row.get("officer").to_owned(),
        outcome,
        words: row.get("words").to_owned(),
        amount_cents,
        access,
        periods: periods(row)?,
        sources: source(row)?.into_iter().collect(),
        minutes,
    })
}

/// Reads when it was had: from a day to a day, or months with spaces between.
fn periods(row: sheet::Row<'_>) -> Result<Vec<Had>, String> {
    let mut periods = Vec::new();
    match (row.get("from"), row.get("to")) {
        ("", "") => {}
        (from, to) => {
            let day = |text: &str| text.parse::<Date>();
            let (Ok(from), Ok(to)) = (day(from), day(to)) else {
                return Err("`from` and `to` are days such as 2027-04-02".to_owned());
            };
            periods.push(Had { from, to });
        }
    }
    for month in row.get("months").split_whitespace() {
        let first = format!("{month}-01").parse::<Date>().ok().filter(|_| month.len() == 7);
        let Some(from) = first else {
            return Err("`months` are months such as 2027-04, with spaces between".to_owned());
        };
        periods.push(Had { from, to: from.last_of_month() });
    }
    Ok(periods)
}

fn source(row: sheet::Row<'_>) -> Result<Option<Source>, String> {
    let kind = match row.get("source") {
        "" => return Ok(None),
        "payer" => SourceKind::Payer,
        "registrar" => SourceKind::Registrar,
        "individual" => SourceKind::Individual,
        "document" => SourceKind::Document,
        "other" => SourceKind::Other,
        _ => {
            return Err(
                "`source` is one of payer, registrar, individual, document, other".to_owned()
            );
        }
    };
    let seen = row.get("seen").parse().map_err(|_| "`seen` is a day such as 2027-04-02")?;
    Ok(Some(Source { kind, reference: row.get("reference").to_owned(), seen }))
}

fn cents(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(part) && part.len() <= 2 && whole.len() <= 12).then_some(())?;
    let part: u64 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part)
}

/// Reads hours with up to two decimals as minutes.
fn minutes(text: &str) -> Option<u32> {
    let hundredths = cents(text).filter(|one| *one <= 100_000)?;
    u32::try_from(hundredths * 60 / 100).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(row: &str) -> Told<Row> {
        let heads = "case,version,officer,outcome,words,amount,access,from,to,months,source,reference,seen,hours";
        read(format!("{heads}\n{row}").as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn a_row_is_read_whole() {
        let row = told("2027Q1-0007,3,anna,found,the payer wrote,1234.5,yes,2026-08-01,2026-08-31,2026-09 2026-10,payer,letter 7,2027-01-03,1.5").unwrap();
        assert_eq!(row.amount_cents, Some(123_450));
        assert_eq!(row.minutes, Some(90));
        let days: Vec<_> =
            row.periods.iter().map(|had| (had.from.to_string(), had.to.to_string())).collect();
        assert_eq!(days[1], ("2026-09-01".to_owned(), "2026-09-30".to_owned()));
        assert_eq!(days.len(), 3);
        assert_eq!(row.sources.len(), 1);
    }

    #[test]
    fn a_row_that_cannot_be_read_names_its_case_and_why() {
        for (row, why) in [
            ("1,3,anna,probably,w", "`outcome` is one of begun, found, confirmed, refuted"),
            ("1,x,anna,begun,w", "`version` is a number"),
            ("1,3,anna,found,w,-5", "`amount` is a sum such as 1234.50"),
            ("1,3,anna,found,w,,maybe", "`access` is yes or no"),
            (
                "1,3,anna,found,w,,,2026-02-30,2026-03-01",
                "`from` and `to` are days such as 2027-04-02",
            ),
            (
                "1,3,anna,found,w,,,,,2026-13",
                "`months` are months such as 2027-04, with spaces between",
            ),
            (
                "1,3,anna,found,w,,,,,,gossip",
                "`source` is one of payer, registrar, individual, document, other",
            ),
            ("1,3,anna,found,w,,,,,,payer,x,soon", "`seen` is a day such as 2027-04-02"),
            ("1,3,anna,found,w,,,,,,,,,many", "`hours` is a number such as 1.5, up to 1,000"),
        ] {
            assert_eq!(told(row).err(), Some(("1".to_owned(), why.to_owned())), "{row}");
        }
    }
}
