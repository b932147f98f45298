//! A problem in a file that people write: where it is, what is wrong, which law asks for it, and what to do.
//!
//! Problems are listed all at once, because a lawyer who mends one at a time gives up at the fifth. They concern the
//! text of an agreement or a schedule; what a signed agreement may not do is a [`crate::Refusal`].

use std::fmt;

/// One thing wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// The law that asks for it, where one does.
    pub cite: Option<String>,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        if let Some(cite) = &self.cite {
            write!(f, " ({cite})")?;
        }
        write!(f, "\n  {}", self.remedy)
    }
}

/// Returns line and column, from 1, of a byte in a text.
pub(crate) fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before.get(line_start..).map_or(0, |start| start.chars().count()) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_not_bytes() {
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("a\nb", 2), (2, 1));
        assert_eq!(place("é = 1", 3), (1, 3));
        assert_eq!(place("a", 99), (1, 2));
    }

    #[test]
    fn a_problem_reads_as_file_line_column_what_and_remedy() {
        let problem = Problem {
            file: "agreement.toml".into(),
            line: 12,
            column: 3,
            what: "`notice.at_application` is missing".into(),
            cite: Some("5 U.S.C. 552a(o)(1)(D)".into()),
            remedy: "say how applicants are told when they apply".into(),
        };
        expect_test::expect![[r"
            agreement.toml:12:3: `notice.at_application` is missing (5 U.S.C. 552a(o)(1)(D))
              say how applicants are told when they apply"]]
        .assert_eq(&problem.to_string());
    }
}
