//! Rows and columns as they travel between systems ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)): the first line
//! names the columns, and a value that holds a separator, a quote or a line's end stands in quotes.
//!
//! A spreadsheet takes a value that begins with `=`, `+`, `-` or `@` for a formula, which may send what is beside it away.
//! What is written is disarmed by a `'` before it, as spreadsheets themselves mark a text, and read back without it.
//!
//! What a row means is its reader's affair.

use std::collections::BTreeSet;
use std::fmt;

/// How many rows are taken at once.
pub(crate) const MOST: usize = 1000;

/// A sheet that was read. Its values may be personal: `Debug` shows how many rows it has.
pub(crate) struct Sheet {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl fmt::Debug for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sheet").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

/// One row of it.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    heads: &'a [String],
    values: &'a [String],
}

impl Row<'_> {
    /// Returns a value without the space around it; empty where there is none.
    pub(crate) fn get(&self, head: &str) -> &str {
        let place = self.heads.iter().position(|one| one == head);
        place
            .and_then(|place| self.values.get(place))
            .map_or("", |value| armed(value.trim()).trim())
    }

    /// Says whether it has more values than there are columns.
    pub(crate) fn is_too_long(&self) -> bool {
        self.values.len() > self.heads.len()
    }
}

impl Sheet {
    /// Returns its rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|values| Row { heads: &self.heads, values })
    }
}

/// Reads a sheet with columns out of these, the first ones of them needed.
///
/// # Errors
/// What is wrong with it, in a sentence for whoever brought it.
pub(crate) fn read(bytes: &[u8], needed: &[&str], others: &[&str]) -> Result<Sheet, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "Save the file as UTF-8.".to_owned())?;
    let mut rows = rows(text.trim_start_matches('\u{feff}'))?;
    rows.retain(|row| row.iter().any(|value| !value.trim().is_empty()));
    if rows.is_empty() {
        return Err("The file is empty. Its first line names the columns.".to_owned());
    }
    let heads: Vec<String> =
        rows.remove(0).iter().map(|head| head.trim().to_lowercase().replace(' ', "_")).collect();
    let missing: Vec<&str> =
        needed.iter().copied().filter(|head| !heads.iter().any(|one| one == head)).collect();
    if !missing.is_empty() {
        return Err(format!("The first line must name these columns: {}.", missing.join(", ")));
    }
    let mut seen = BTreeSet::new();
    for head in &heads {
        if !needed.contains(&head.as_str()) && !others.contains(&head.as_str()) {
            return Err(format!(
                "There is no such column: {}.",
                head.chars().take(40).collect::<String>()
            ));
        }
        if !seen.insert(head) {
            return Err(format!("A column comes twice: {head}."));
        }
    }
    if rows.len() > MOST {
        return Err(format!("There are more than {MOST} rows. Send them in several files."));
    }
    Ok(Sheet { heads, rows })
}

/// Cuts a text into rows of values. The separator is whichever of comma, semicolon and tab the first line has most of.
fn rows(text: &str) -> Result<Vec<Vec<String>>, String> {
    let first = text.lines().next().unwrap_or_default();
    let count = |sign: char| first.matches(sign).count();
    let separator = [',', ';', '\t'].into_iter().max_by_key(|sign| count(*sign)).unwrap_or(',');
    let (mut all, mut row, mut value) = (Vec::new(), Vec::new(), String::new());
    let (mut is_quoted, mut line) = (false, 1_u64);
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' if is_quoted && signs.peek() == Some(&'"') => {
                signs.next();
                value.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            '"' if value.trim().is_empty() => {
                value.clear();
                is_quoted = true;
            }
            '\n' if !is_quoted => {
                line += 1;
                row.push(std::mem::take(&mut value));
                all.push(std::mem::take(&mut row));
            }
            '\r' if !is_quoted && signs.peek() == Some(&'\n') => {}
            _ if sign == separator && !is_quoted => row.push(std::mem::take(&mut value)),
            _ => {
                line += u64::from(sign == '\n');
                value.push(sign);
            }
        }
    }
    if is_quoted {
        return Err(format!("A quote is opened and not closed, at the latest on line {line}."));
    }
    if !value.is_empty() || !row.is_empty() {
        row.push(value);
        all.push(row);
    }
    Ok(all)
}

/// Writes a sheet.
pub(crate) fn write(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = heads.join(",");
    text.push_str("\r\n");
    for row in rows {
        let row: Vec<String> = row.into_iter().map(|value| quoted(&disarmed(value))).collect();
        text.push_str(&row.join(","));
        text.push_str("\r\n");
    }
    text
}

/// Says whether a spreadsheet might compute a value, or would once the `'` before it was taken away.
fn is_formula(value: &str) -> bool {
    // Spreadsheets pass over white space, and some over signs of control, before they look for a formula.
    let value = value.trim_start_matches(|sign: char| sign.is_whitespace() || sign.is_control());
    value.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

fn disarmed(value: String) -> String {
    if is_formula(&value) { format!("'{value}") } else { value }
}

fn armed(value: &str) -> &str {
    value.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(value)
}

fn quoted(value: &str) -> String {
    if value.contains([',', ';', '\t', '"', '\n', '\r']) || value.trim() != value {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let values = ["plain", "a, b", "say \"no\"", "two\nlines", " space ", "", "Hồ; x"];
        let heads = ["a", "b", "c", "d", "e", "f", "g"];
        let text = write(&heads, [values.map(str::to_owned).to_vec()]);
        let sheet = read(text.as_bytes(), &heads, &[]).unwrap();
        let row = sheet.rows().next().unwrap();
        for (head, value) in heads.iter().zip(values) {
            assert_eq!(row.get(head), value.trim(), "{head}");
        }
    }

    #[test]
    fn a_formula_is_disarmed_where_it_is_written_and_read_back_as_it_was() {
        let formulas = [
            "=HYPERLINK(\"x\")",
            "+1",
            "-2",
            "@SUM(A1)",
            "'=1",
            " =1",
            "\t=1",
            "\r=1",
            "＝1",
            "''+1",
        ];
        for value in formulas {
            let text = write(&["a", "b"], [vec![value.to_owned(), "x".to_owned()]]);
            let line = text.split_once("\r\n").unwrap().1;
            let first = line.trim_start_matches('"').chars().next();
            assert_eq!(first, Some('\''), "{value:?}: {line:?}");
            let sheet = read(text.as_bytes(), &["a", "b"], &[]).unwrap();
            assert_eq!(sheet.rows().next().unwrap().get("a").trim(), value.trim(), "{value:?}");
        }
        for value in ["2027Q1-1", "1,5", "a=b", "d'or", "'tis"] {
            assert_eq!(disarmed(value.to_owned()), value);
            assert_eq!(armed(value), value);
        }
    }

    #[test]
    fn a_sheet_says_what_is_wrong_with_it() {
        for (text, why) in [
            ("", "The file is empty. Its first line names the columns."),
            ("\n\n", "The file is empty. Its first line names the columns."),
            ("reason\nx", "The first line must name these columns: case."),
            ("case,colour\n1,2", "There is no such column: colour."),
            ("case,case\n1,2", "A column comes twice: case."),
            ("case\n\"x", "A quote is opened and not closed, at the latest on line 2."),
        ] {
            assert_eq!(read(text.as_bytes(), &["case"], &["reason"]).unwrap_err(), why, "{text}");
        }
        assert!(read(&[0xff, 0xfe], &["case"], &[]).is_err());
        let long = format!("case\n{}", "1\n".repeat(MOST + 1));
        assert!(read(long.as_bytes(), &["case"], &[]).unwrap_err().contains("more than 1000 rows"));
    }

    #[test]
    fn separators_marks_and_ends_of_lines_of_spreadsheets_are_read() {
        for text in [
            "\u{feff}Case;Reason\r\n7;moved, gone\r\n",
            "case\treason\n7\tmoved, gone",
            "case,reason\n\n7,\"moved, gone\"\n\n",
        ] {
            let sheet = read(text.as_bytes(), &["case"], &["reason"]).unwrap();
            let rows: Vec<_> = sheet.rows().collect();
            assert_eq!(rows.len(), 1, "{text:?}");
            assert_eq!(
                (rows[0].get("case"), rows[0].get("reason")),
                ("7", "moved, gone"),
                "{text:?}"
            );
        }
    }
}
