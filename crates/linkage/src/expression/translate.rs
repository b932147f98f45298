//! Reads the SQL of one condition and makes a DataFusion expression of it.
//!
//! Beside the path, when a model is read: nothing here sees a record. A column of the source's record is written
//! `l.surname` or `surname_l`, one of the recipient's `r.surname` or `surname_r`. What is understood is what can be
//! worked out of one pair alone and comes to the same every time: operators, `case`, `cast`, and DataFusion's functions
//! of text, numbers and dates. A query, an aggregate, a clock or a die is refused with its position, and so is every
//! name that isn't known. A cast that a value doesn't bear gives no value, as preparation does.
//!
//! The grammar is [sqlparser](https://docs.rs/sqlparser)'s generic dialect, the meaning
//! [DataFusion](https://datafusion.apache.org/user-guide/expressions.html)'s.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow_schema::DataType;
use datafusion_common::{Column, ScalarValue};
use datafusion_expr::expr::{Between, BinaryExpr, Case, InList, Like, ScalarFunction, TryCast};
use datafusion_expr::{Expr, Operator, ScalarUDF, Volatility, lit};
use sqlparser::ast::{
    self, BinaryOperator, CaseWhen, CeilFloorKind, FunctionArg, FunctionArgExpr, FunctionArguments,
    Spanned, TrimWhereField, UnaryOperator,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token};

use super::likeness;
use crate::record::Side;
use crate::{Error, Result};

/// The longest text that is read as SQL, so that a file can't make reading it costly.
pub(crate) const MOST_BYTES: usize = 4096;

/// How deep one condition may be nested.
const DEEPEST: usize = 32;

/// The name of a side's column inside an expression.
pub(super) fn inner_name(side: Side, column: &str) -> String {
    match side {
        Side::Source => format!("l.{column}"),
        Side::Recipient => format!("r.{column}"),
    }
}

/// Reads one condition that may name these columns.
pub(super) fn translate(place: &str, text: &str, columns: &[String]) -> Result<Expr> {
    let unreadable =
        |problem: String| Error::UnreadableExpression { place: place.to_owned(), problem };
    if text.len() > MOST_BYTES {
        return Err(unreadable(format!("it is longer than {MOST_BYTES} bytes")));
    }
    let mut parser = Parser::new(&GenericDialect {})
        .with_recursion_limit(DEEPEST)
        .try_with_sql(text)
        .map_err(|error| unreadable(error.to_string()))?;
    let written = parser.parse_expr().map_err(|error| unreadable(error.to_string()))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let (line, column) = (rest.span.start.line, rest.span.start.column);
        return Err(unreadable(format!(
            "it should end before `{}` at line {line}, column {column}",
            rest.token
        )));
    }
    Translation { place, columns, depth: 0 }.expression(&written)
}

/// Functions that make a text as long as they are told, and so could take all the memory there is.
const LENGTHENING: [&str; 3] = ["repeat", "lpad", "rpad"];

/// The functions that may be called, by every name that they have.
static FUNCTIONS: LazyLock<BTreeMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
    let mut functions = BTreeMap::new();
    let all =
        datafusion_functions::all_default_functions().into_iter().chain(likeness::functions());
    for function in all.filter(|function| !LENGTHENING.contains(&function.name())) {
        for name in
            std::iter::once(function.name()).chain(function.aliases().iter().map(String::as_str))
        {
            functions.insert(name.to_owned(), Arc::clone(&function));
        }
    }
    functions
});

/// One condition while it is read.
struct Translation<'a> {
    place: &'a str,
    columns: &'a [String],
    depth: usize,
}

impl Translation<'_> {
    fn expression(&mut self, written: &ast::Expr) -> Result<Expr> {
        // The parser bounds brackets and operators, but a chain of equals binds to the left without depth of its own.
        self.depth += 1;
        if self.depth > 2 * DEEPEST {
            let problem = "it is nested too deeply".to_owned();
            return Err(Error::UnreadableExpression { place: self.place.to_owned(), problem });
        }
        let expression = self.node(written);
        self.depth -= 1;
        expression
    }

    fn boxed(&mut self, written: &ast::Expr) -> Result<Box<Expr>> {
        self.expression(written).map(Box::new)
    }

    fn node(&mut self, written: &ast::Expr) -> Result<Expr> {
        Ok(match written {
            ast::Expr::Nested(inner) => self.expression(inner)?,
            ast::Expr::Identifier(name) => self.suffixed(name)?,
            ast::Expr::CompoundIdentifier(names) => self.prefixed(written, names)?,
            ast::Expr::Value(value) => self.literal(written, &value.value)?,
            ast::Expr::TypedString(typed) => {
                let text = typed.value.value.clone().into_string();
                let text =
                    text.ok_or_else(|| self.unsound(written, "this literal isn't understood"))?;
                let kind = self.data_type(written, &typed.data_type)?;
                Expr::TryCast(TryCast::new(Box::new(lit(text)), kind))
            }
            ast::Expr::BinaryOp { left, op, right } => {
                let operator = self.operator(written, op)?;
                let (left, right) = (self.boxed(left)?, self.boxed(right)?);
                Expr::BinaryExpr(BinaryExpr::new(left, operator, right))
            }
            ast::Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Not => Expr::Not(self.boxed(expr)?),
                UnaryOperator::Minus => Expr::Negative(self.boxed(expr)?),
                UnaryOperator::Plus => self.expression(expr)?,
                _ => return Err(self.unsound(written, "this operator isn't understood")),
            },
            ast::Expr::IsNull(inner) => Expr::IsNull(self.boxed(inner)?),
            ast::Expr::IsNotNull(inner) => Expr::IsNotNull(self.boxed(inner)?),
            ast::Expr::IsTrue(inner) => Expr::IsTrue(self.boxed(inner)?),
            ast::Expr::IsNotTrue(inner) => Expr::IsNotTrue(self.boxed(inner)?),
            ast::Expr::IsFalse(inner) => Expr::IsFalse(self.boxed(inner)?),
            ast::Expr::IsNotFalse(inner) => Expr::IsNotFalse(self.boxed(inner)?),
            ast::Expr::IsUnknown(inner) => Expr::IsUnknown(self.boxed(inner)?),
            ast::Expr::IsNotUnknown(inner) => Expr::IsNotUnknown(self.boxed(inner)?),
            ast::Expr::IsDistinctFrom(left, right) => {
                let (left, right) = (self.boxed(left)?, self.boxed(right)?);
                Expr::BinaryExpr(BinaryExpr::new(left, Operator::IsDistinctFrom, right))
            }
            ast::Expr::IsNotDistinctFrom(left, right) => {
                let (left, right) = (self.boxed(left)?, self.boxed(right)?);
                Expr::BinaryExpr(BinaryExpr::new(left, Operator::IsNotDistinctFrom, right))
            }
            ast::Expr::InList { expr, list, negated } => {
                let list = list.iter().map(|item| self.expression(item)).collect::<Result<_>>()?;
                Expr::InList(InList::new(self.boxed(expr)?, list, *negated))
            }
            ast::Expr::Between { expr, negated, low, high } => {
                let expr = self.boxed(expr)?;
                Expr::Between(Between::new(expr, *negated, self.boxed(low)?, self.boxed(high)?))
            }
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                Expr::Like(Like::new(
                    *negated,
                    self.boxed(expr)?,
                    self.boxed(pattern)?,
                    None,
                    false,
                ))
            }
            ast::Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                Expr::Like(Like::new(*negated, self.boxed(expr)?, self.boxed(pattern)?, None, true))
            }
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())?
            }
            ast::Expr::Cast { expr, data_type, array: false, format: None, .. } => {
                let kind = self.data_type(written, data_type)?;
                Expr::TryCast(TryCast::new(self.boxed(expr)?, kind))
            }
            ast::Expr::Extract { field, expr, .. } => {
                let part = lit(field.to_string().to_lowercase());
                let value = self.expression(expr)?;
                self.call(written, "date_part", vec![part, value])?
            }
            ast::Expr::Substring { expr, substring_from, substring_for, .. } => {
                let mut arguments = vec![self.expression(expr)?];
                arguments.push(match substring_from {
                    Some(from) => self.expression(from)?,
                    None => lit(1_i64),
                });
                if let Some(length) = substring_for {
                    arguments.push(self.expression(length)?);
                }
                self.call(written, "substr", arguments)?
            }
            ast::Expr::Position { expr, r#in } => {
                let arguments = vec![self.expression(r#in)?, self.expression(expr)?];
                self.call(written, "strpos", arguments)?
            }
            ast::Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let function = match trim_where {
                    None | Some(TrimWhereField::Both) => "btrim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let mut arguments = vec![self.expression(expr)?];
                for what in trim_what.as_deref().into_iter().chain(trim_characters.iter().flatten())
                {
                    arguments.push(self.expression(what)?);
                }
                self.call(written, function, arguments)?
            }
            ast::Expr::Ceil { expr, field } => self.rounded(written, "ceil", expr, field)?,
            ast::Expr::Floor { expr, field } => self.rounded(written, "floor", expr, field)?,
            ast::Expr::Function(function) => self.function(written, function)?,
            // The grammar has some forty forms more, and grows: none of them speaks of one pair alone.
            _ => {
                return Err(
                    self.unsound(written, "this isn't understood in a condition on one pair")
                );
            }
        })
    }

    fn rounded(
        &mut self,
        written: &ast::Expr,
        function: &str,
        value: &ast::Expr,
        field: &CeilFloorKind,
    ) -> Result<Expr> {
        match field {
            CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) => {
                let value = self.expression(value)?;
                self.call(written, function, vec![value])
            }
            CeilFloorKind::DateTimeField(_) | CeilFloorKind::Scale(_) => {
                Err(self.unsound(written, "rounding to a unit isn't understood"))
            }
        }
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Expr> {
        let operand = operand.map(|operand| self.boxed(operand)).transpose()?;
        let mut whens = Vec::with_capacity(conditions.len());
        for when in conditions {
            whens.push((self.boxed(&when.condition)?, self.boxed(&when.result)?));
        }
        let otherwise = otherwise.map(|otherwise| self.boxed(otherwise)).transpose()?;
        Ok(Expr::Case(Case::new(operand, whens, otherwise)))
    }

    fn function(&mut self, written: &ast::Expr, function: &ast::Function) -> Result<Expr> {
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && matches!(function.parameters, FunctionArguments::None);
        let FunctionArguments::List(list) = &function.args else {
            return Err(self.unsound(written, "a function needs its arguments in brackets"));
        };
        if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
            return Err(self.unsound(written, "only plain functions of one pair are understood"));
        }
        let mut arguments = Vec::with_capacity(list.args.len());
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => {
                    arguments.push(self.expression(value)?);
                }
                _ => return Err(self.unsound(written, "an argument must be an expression")),
            }
        }
        self.call(written, &function.name.to_string().to_lowercase(), arguments)
    }

    fn call(&self, written: &ast::Expr, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
        let start = written.span().start;
        let Some(function) = FUNCTIONS.get(name) else {
            return Err(self.unknown("function", name, start));
        };
        if function.signature().volatility != Volatility::Immutable {
            let problem = format!("`{name}` doesn't come to the same every time");
            return Err(self.unsound(written, &problem));
        }
        Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), arguments)))
    }

    fn prefixed(&self, written: &ast::Expr, names: &[ast::Ident]) -> Result<Expr> {
        let [side, column] = names else {
            return Err(self.unsound(written, "a column is written `l.name` or `r.name`"));
        };
        let side = match side.value.as_str() {
            "l" => Side::Source,
            "r" => Side::Recipient,
            _ => return Err(self.unsound(written, "a column is written `l.name` or `r.name`")),
        };
        self.column(side, &column.value, column.span.start)
    }

    fn suffixed(&self, name: &ast::Ident) -> Result<Expr> {
        if let Some(column) = name.value.strip_suffix("_l") {
            self.column(Side::Source, column, name.span.start)
        } else if let Some(column) = name.value.strip_suffix("_r") {
            self.column(Side::Recipient, column, name.span.start)
        } else {
            Err(self.unknown("column", &name.value, name.span.start))
        }
    }

    fn column(&self, side: Side, column: &str, start: Location) -> Result<Expr> {
        if self.columns.iter().any(|known| known == column) {
            Ok(Expr::Column(Column::new_unqualified(inner_name(side, column))))
        } else {
            Err(self.unknown("column", column, start))
        }
    }

    fn literal(&self, written: &ast::Expr, value: &ast::Value) -> Result<Expr> {
        Ok(match value {
            ast::Value::Number(digits, _) => match digits.parse::<i64>() {
                Ok(whole) => lit(whole),
                Err(_) => match digits.parse::<f64>() {
                    Ok(number) if number.is_finite() => lit(number),
                    _ => return Err(self.unsound(written, "this number isn't understood")),
                },
            },
            ast::Value::SingleQuotedString(text) => lit(text.as_str()),
            ast::Value::Boolean(value) => lit(*value),
            ast::Value::Null => Expr::Literal(ScalarValue::Null, None),
            _ => return Err(self.unsound(written, "this literal isn't understood")),
        })
    }

    fn operator(&self, written: &ast::Expr, operator: &BinaryOperator) -> Result<Operator> {
        Ok(match operator {
            BinaryOperator::And => Operator::And,
            BinaryOperator::Or => Operator::Or,
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::GtEq => Operator::GtEq,
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Modulo,
            BinaryOperator::StringConcat => Operator::StringConcat,
            _ => {
                return Err(
                    self.unsound(written, &format!("the operator `{operator}` isn't understood"))
                );
            }
        })
    }

    fn data_type(&self, written: &ast::Expr, kind: &ast::DataType) -> Result<DataType> {
        use ast::DataType as Sql;
        Ok(match kind {
            Sql::Text
            | Sql::Varchar(_)
            | Sql::Char(_)
            | Sql::CharacterVarying(_)
            | Sql::String(_) => DataType::Utf8,
            Sql::SmallInt(_) | Sql::Int(_) | Sql::Integer(_) | Sql::BigInt(_) => DataType::Int64,
            Sql::Real | Sql::Float(_) | Sql::Double(_) | Sql::DoublePrecision => DataType::Float64,
            Sql::Boolean | Sql::Bool => DataType::Boolean,
            Sql::Date => DataType::Date32,
            _ => return Err(self.unsound(written, &format!("the type `{kind}` isn't understood"))),
        })
    }

    fn unknown(&self, what: &'static str, name: &str, start: Location) -> Error {
        Error::UnknownName {
            place: self.place.to_owned(),
            what,
            name: name.to_owned(),
            line: start.line,
            column: start.column,
        }
    }

    fn unsound(&self, written: &ast::Expr, problem: &str) -> Error {
        let start = written.span().start;
        let problem = if start.line == 0 {
            problem.to_owned()
        } else {
            format!("{problem}, at line {}, column {}", start.line, start.column)
        };
        Error::UnreadableExpression { place: self.place.to_owned(), problem }
    }
}
