//! Reads a condition of SQL into terms that a shape can be recognised in.
//!
//! First step of an import. A model of Splink's says everything in SQL text, in the words of the database it was made
//! for. This file parses that text and takes off what differs between databases without meaning anything: quotes, the
//! case of function names, brackets, which way round an inequality is written, how a cast is spelled. It evaluates
//! nothing and knows no comparison: what a term means is `condition`'s to say.
//!
//! Columns are written in one of two ways: `surname_l` and `surname_r` in a level, `l.surname` and `r.surname` in a rule.
//! The left record is Comity's source, the right one its recipient.

use std::fmt;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, Subscript, UnaryOperator, Value,
};
use sqlparser::dialect::{
    Dialect, DuckDbDialect, GenericDialect, PostgreSqlDialect, SQLiteDialect, SparkSqlDialect,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::Side;

/// The longest condition that is read, in bytes.
const LONGEST: usize = 8_192;

/// The most words and signs of a condition. A chain of operators is as deep as it is long, so its depth has a bound.
const MOST_TOKENS: usize = 1_000;

/// How deep a condition may be nested.
const DEEPEST: usize = 24;

/// A condition, or a part of one, in a form that no longer depends on how it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    /// A column of one record of the pair, or of neither.
    Column(Named),
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A function, an operator or a cast with what it is applied to, its name in lower case.
    Call(String, Vec<Term>),
    /// All of them hold; never one in another.
    All(Vec<Term>),
    /// At least one of them holds; never one in another.
    Any(Vec<Term>),
    /// It doesn't hold.
    Not(Box<Term>),
    /// It has no value.
    Absent(Box<Term>),
    /// The two stand so to each other.
    Compare(Relation, Box<Term>, Box<Term>),
    /// Something that is SQL, and that no shape is made of.
    Other,
}

/// A column as a condition names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// Which record's it is; none where the name doesn't say.
    pub(super) side: Option<Side>,
}

/// How two terms stand to each other. The reverse of an inequality is written with its terms swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
}

/// The databases whose way of writing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Database {
    DuckDb,
    Spark,
    Sqlite,
    Postgres,
    /// One that isn't known, whose SQL is read as loosely as can be.
    Other,
}

impl Database {
    /// Takes it from the settings' `sql_dialect`.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "duckdb" => Self::DuckDb,
            "spark" | "databricks" => Self::Spark,
            "sqlite" => Self::Sqlite,
            "postgres" => Self::Postgres,
            _ => Self::Other,
        }
    }

    fn dialect(self) -> Box<dyn Dialect> {
        match self {
            Self::DuckDb => Box::new(DuckDbDialect {}),
            Self::Spark => Box::new(SparkSqlDialect {}),
            Self::Sqlite => Box::new(SQLiteDialect {}),
            Self::Postgres => Box::new(PostgreSqlDialect {}),
            Self::Other => Box::new(GenericDialect {}),
        }
    }
}

/// Why a condition couldn't be read. It quotes no more of the condition than the parser does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Parses one condition.
pub(super) fn parse(condition: &str, database: Database) -> Result<Expr, Unreadable> {
    if condition.len() > LONGEST {
        return Err(Unreadable(format!("it is longer than {LONGEST} bytes")));
    }
    let dialect = database.dialect();
    // Spark escapes a quote by a backslash, where others double it.
    let escaped = (database == Database::Spark).then(|| condition.replace("\\'", "''"));
    let condition = escaped.as_deref().unwrap_or(condition);
    let unreadable = |error: sqlparser::parser::ParserError| Unreadable(error.to_string());
    let tokens = Tokenizer::new(dialect.as_ref(), condition)
        .tokenize_with_location()
        .map_err(|error| Unreadable(error.to_string()))?;
    let written = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    if tokens.iter().filter(written).count() > MOST_TOKENS {
        return Err(Unreadable(format!("it has more than {MOST_TOKENS} words and signs")));
    }
    let mut parser = Parser::new(dialect.as_ref())
        .with_recursion_limit(DEEPEST)
        .with_tokens_with_locations(tokens);
    let expression = parser.parse_expr().map_err(unreadable)?;
    match parser.peek_token().token {
        Token::EOF => Ok(expression),
        token => Err(Unreadable(format!("it goes on after its end, at `{token}`"))),
    }
}

/// Makes terms of a parsed condition.
pub(super) fn term(expression: &Expr) -> Term {
    match expression {
        Expr::Nested(inner) => term(inner),
        Expr::Identifier(name) => Term::Column(suffixed(name)),
        Expr::CompoundIdentifier(names) => compound(names),
        Expr::Value(value) => literal(&value.value),
        Expr::IsNull(inner) => Term::Absent(Box::new(term(inner))),
        Expr::IsNotNull(inner) => Term::Not(Box::new(Term::Absent(Box::new(term(inner))))),
        Expr::BinaryOp { .. } => chain(expression),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Term::Not(Box::new(term(expr))),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match term(expr) {
            Term::Number(number) => Term::Number(-number),
            other => Term::Call("negative".to_owned(), vec![other]),
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => term(expr),
        Expr::Cast { kind, expr, data_type, .. } => cast(kind, term(expr), data_type),
        Expr::Extract { field, expr, .. } => {
            Term::Call(field.to_string().to_lowercase(), vec![term(expr)])
        }
        Expr::Floor { expr, .. } => Term::Call("floor".to_owned(), vec![term(expr)]),
        Expr::Ceil { expr, .. } => Term::Call("ceil".to_owned(), vec![term(expr)]),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let rest = [substring_from, substring_for].into_iter().flatten().map(|part| term(part));
            Term::Call("substr".to_owned(), std::iter::once(term(expr)).chain(rest).collect())
        }
        Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => {
            Term::Call("trim".to_owned(), vec![term(expr)])
        }
        Expr::Interval(interval) => match &interval.leading_field {
            Some(field) => Term::Call(
                format!("interval {}", field.to_string().to_lowercase()),
                vec![term(&interval.value)],
            ),
            None => Term::Other,
        },
        Expr::Case { operand: None, conditions, else_result, .. } => {
            let mut parts: Vec<Term> = conditions
                .iter()
                .flat_map(|when| [term(&when.condition), term(&when.result)])
                .collect();
            parts.extend(else_result.iter().map(|result| term(result)));
            Term::Call("case".to_owned(), parts)
        }
        Expr::CompoundFieldAccess { root, access_chain } => match &access_chain[..] {
            [AccessExpr::Subscript(Subscript::Index { index })] => {
                Term::Call("item".to_owned(), vec![term(root), term(index)])
            }
            _ => Term::Other,
        },
        Expr::Array(array) => Term::Call("list".to_owned(), array.elem.iter().map(term).collect()),
        Expr::Lambda(lambda) => Term::Call(
            format!("lambda {}", lambda.params.to_string().to_lowercase()),
            vec![term(&lambda.body)],
        ),
        Expr::Function(function) => call(function),
        _ => Term::Other,
    }
}

/// Splits `surname_l` into the column and the side it ends with.
pub(super) fn suffixed(name: &Ident) -> Named {
    let text = name.value.as_str();
    let side = match text.get(text.len().saturating_sub(2)..) {
        Some("_l" | "_L") => Some(Side::Source),
        Some("_r" | "_R") => Some(Side::Recipient),
        _ => None,
    };
    let length = if side.is_some() { text.len() - 2 } else { text.len() };
    Named { name: text[..length].to_owned(), side }
}

/// Splits `l.surname` into its parts.
pub(super) fn qualified(table: &Ident, column: &Ident) -> Option<Named> {
    let side = match table.value.as_str() {
        "l" | "L" => Side::Source,
        "r" | "R" => Side::Recipient,
        _ => return None,
    };
    Some(Named { name: column.value.clone(), side: Some(side) })
}

fn compound(names: &[Ident]) -> Term {
    match names {
        [table, column] => qualified(table, column).map_or(Term::Other, Term::Column),
        _ => Term::Other,
    }
}

fn literal(value: &Value) -> Term {
    match value {
        Value::Number(digits, _) => digits.parse().map_or(Term::Other, Term::Number),
        Value::SingleQuotedString(text)
        | Value::DoubleQuotedString(text)
        | Value::EscapedStringLiteral(text) => Term::Text(text.clone()),
        Value::Boolean(truth) => Term::Call(truth.to_string(), Vec::new()),
        _ => Term::Other,
    }
}

/// Goes down a chain of binary operators along its left side in a loop, since such a chain may be long.
fn chain(expression: &Expr) -> Term {
    let mut rest = Vec::new();
    let mut leftmost = expression;
    while let Expr::BinaryOp { left, op, right } = leftmost {
        rest.push((op, right));
        leftmost = left;
    }
    let mut sofar = term(leftmost);
    for (operator, right) in rest.into_iter().rev() {
        sofar = joined(sofar, operator, term(right));
    }
    sofar
}

fn joined(left: Term, operator: &BinaryOperator, right: Term) -> Term {
    let compare = |relation, one, other| Term::Compare(relation, Box::new(one), Box::new(other));
    match operator {
        BinaryOperator::And => Term::All(flat(left, right, |term| match term {
            Term::All(parts) => Ok(parts),
            other => Err(other),
        })),
        BinaryOperator::Or => Term::Any(flat(left, right, |term| match term {
            Term::Any(parts) => Ok(parts),
            other => Err(other),
        })),
        BinaryOperator::Eq => compare(Relation::Equal, left, right),
        BinaryOperator::NotEq => compare(Relation::NotEqual, left, right),
        BinaryOperator::Lt => compare(Relation::Less, left, right),
        BinaryOperator::LtEq => compare(Relation::LessOrEqual, left, right),
        BinaryOperator::Gt => compare(Relation::Less, right, left),
        BinaryOperator::GtEq => compare(Relation::LessOrEqual, right, left),
        other => Term::Call(other.to_string().to_lowercase(), vec![left, right]),
    }
}

/// Puts two terms in one list, each that is such a list already by its parts.
fn flat(left: Term, right: Term, parts: fn(Term) -> Result<Vec<Term>, Term>) -> Vec<Term> {
    let mut all = parts(left).unwrap_or_else(|one| vec![one]);
    match parts(right) {
        Ok(more) => all.extend(more),
        Err(one) => all.push(one),
    }
    all
}

fn cast(kind: &CastKind, inner: Term, to: &DataType) -> Term {
    let to = to.to_string().to_lowercase();
    let to = match to.split('(').next().unwrap_or(&to).trim() {
        "varchar" | "text" | "string" | "char" | "character varying" => "text",
        "float" | "double" | "double precision" | "real" | "float8" | "float4" | "decimal"
        | "numeric" | "int" | "integer" | "bigint" | "int8" | "int4" | "smallint" => "number",
        "date" => "date",
        "timestamp" | "datetime" | "timestamp without time zone" => "timestamp",
        _ => "other",
    };
    // A cast that fails is no value where it may be tried, and an error in the database where it may not.
    let name = match kind {
        CastKind::Cast | CastKind::DoubleColon => format!("cast to {to}"),
        CastKind::TryCast | CastKind::SafeCast => format!("try cast to {to}"),
    };
    Term::Call(name, vec![inner])
}

fn call(function: &Function) -> Term {
    let plain = matches!(function.parameters, FunctionArguments::None)
        && function.filter.is_none()
        && function.over.is_none()
        && function.within_group.is_empty();
    let FunctionArguments::List(list) = &function.args else {
        return Term::Other;
    };
    if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return Term::Other;
    }
    let mut arguments = Vec::with_capacity(list.args.len());
    for argument in &list.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => {
                arguments.push(term(expression));
            }
            _ => return Term::Other,
        }
    }
    Term::Call(function.name.to_string().to_lowercase(), arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(condition: &str, database: Database) -> Term {
        term(&parse(condition, database).unwrap())
    }

    #[test]
    fn what_databases_write_differently_and_mean_alike_is_one_term() {
        let one = read(r#"levenshtein("sur name_l", "sur name_r") <= 2"#, Database::DuckDb);
        for (other, database) in [
            ("2 >= LEVENSHTEIN(`sur name_l`, `sur name_r`)", Database::Spark),
            (r#"((levenshtein("sur name_L", ("sur name_R")) <= 2))"#, Database::Postgres),
            (r#"levenshtein(l."sur name", r."sur name") <= 2.0"#, Database::Sqlite),
        ] {
            assert_eq!(read(other, database), one, "{other}");
        }
        assert_eq!(
            read("cast(dob_l as varchar) = dob_r", Database::DuckDb),
            read("dob_l::TEXT = dob_r", Database::Postgres)
        );
    }

    #[test]
    fn a_chain_is_one_list_however_it_is_bracketed() {
        let one = read("a_l = a_r and b_l = b_r and c_l = c_r", Database::DuckDb);
        assert_eq!(one, read("a_l = a_r and (b_l = b_r and (c_l = c_r))", Database::DuckDb));
        assert!(matches!(one, Term::All(parts) if parts.len() == 3));
    }

    #[test]
    fn a_column_says_whose_it_is() {
        let named = |name: &str, side| Term::Column(Named { name: name.to_owned(), side });
        assert_eq!(read("x_l", Database::DuckDb), named("x", Some(Side::Source)));
        assert_eq!(read("r.x_l", Database::DuckDb), named("x_l", Some(Side::Recipient)));
        assert_eq!(read("x", Database::DuckDb), named("x", None));
        assert_eq!(read("é", Database::DuckDb), named("é", None));
        assert_eq!(read("_l", Database::DuckDb), named("", Some(Side::Source)));
    }

    #[test]
    fn what_is_no_condition_says_where_it_stops_being_one() {
        for condition in ["", "a_l = ", "a_l = a_r b", "select 1", "'", "(((("] {
            assert!(parse(condition, Database::DuckDb).is_err(), "{condition}");
        }
    }
}
