//! Conditions that are none of the known shapes, as expressions over prepared columns.
//!
//! Within an import. The text stays as it is, but for the names of columns, which become those of the prepared ones: a
//! column is prepared with its characters, for an expression is not worked out over bytes. What the functions in it mean
//! is for the expression's own reader to say, and to refuse.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, visit_expressions, visit_expressions_mut};

use crate::model::{Rule, Test};
use crate::splink::import::unsound;
use crate::splink::prepared::{Need, Prepared};
use crate::splink::sql::{Database, Named, parse, qualified, suffixed};
use crate::splink::value::Value;
use crate::{Result, Side};

/// Returns the columns of the input that a condition names, each once.
pub(super) fn columns(place: &str, sql: &str, database: Database) -> Result<Vec<String>> {
    let parsed = read(place, sql, database)?;
    let mut columns = Vec::new();
    let _: ControlFlow<()> = visit_expressions(&parsed, |expression| {
        if let Some(Named { name, side: Some(_) }) = named(expression)
            && !columns.contains(&name)
        {
            columns.push(name);
        }
        ControlFlow::Continue(())
    });
    Ok(columns)
}

/// Makes a level's test of a condition.
pub(super) fn test(
    place: &str,
    sql: &str,
    database: Database,
    prepared: &Prepared,
) -> Result<Test> {
    let name = |name: &str| prepared.name(&Value::plain(name), Need::Characters);
    Ok(Test::Expression(renamed(place, sql, database, Form::Level, name)?))
}

/// Makes a rule of a condition.
pub(super) fn rule(
    place: &str,
    sql: &str,
    explode: &[String],
    database: Database,
    prepared: &Prepared,
) -> Result<Rule> {
    let name = |name: &str| {
        let value = Value::plain(name);
        let value =
            if explode.iter().any(|column| column == name) { value.into_list()? } else { value };
        prepared.name(&value, Need::Characters)
    };
    let sql = renamed(place, sql, database, Form::Rule, name)?;
    // The list is exploded under the name that it is prepared by.
    let list = |column: &String| {
        name(column).ok_or_else(|| {
            unsound(place, format!("its column `{column}` isn't prepared as a list"))
        })
    };
    let explode = explode.iter().map(list).collect::<Result<_>>()?;
    Ok(Rule { sql: Some(sql), explode, ..Rule::default() })
}

/// Where a condition stands, and so how it names a column: `l.name` in a rule, `name_l` in a level.
#[derive(Clone, Copy)]
enum Form {
    Rule,
    Level,
}

/// Writes a condition with its columns renamed.
fn renamed(
    place: &str,
    sql: &str,
    database: Database,
    form: Form,
    name: impl Fn(&str) -> Option<String>,
) -> Result<String> {
    let mut parsed = read(place, sql, database)?;
    let unknown = visit_expressions_mut(&mut parsed, |expression| {
        let Some(Named { name: column, side: Some(side) }) = named(expression) else {
            return ControlFlow::Continue(());
        };
        let Some(column) = name(&column) else {
            return ControlFlow::Break(column);
        };
        let table = match side {
            Side::Source => "l",
            Side::Recipient => "r",
        };
        *expression = match form {
            Form::Rule => {
                Expr::CompoundIdentifier(vec![Ident::new(table), Ident::with_quote('"', column)])
            }
            Form::Level => Expr::Identifier(Ident::with_quote('"', format!("{column}_{table}"))),
        };
        ControlFlow::Continue(())
    });
    match unknown {
        ControlFlow::Continue(()) => Ok(parsed.to_string()),
        ControlFlow::Break(column) => {
            Err(unsound(place, format!("its column `{column}` isn't prepared")))
        }
    }
}

fn named(expression: &Expr) -> Option<Named> {
    match expression {
        Expr::Identifier(name) => Some(suffixed(name)),
        Expr::CompoundIdentifier(names) => match &names[..] {
            [table, column] => qualified(table, column),
            _ => None,
        },
        _ => None,
    }
}

fn read(place: &str, sql: &str, database: Database) -> Result<Expr> {
    parse(sql, database)
        .map_err(|problem| unsound(place, format!("its SQL cannot be read: {problem}")))
}
