//! The parts that pages are made of: a dozen of them, so that the console is one thing. A page is a list of parts in a
//! frame; `templates/console/parts.html` draws each, and `/design` shows them all.
//!
//! Every text is escaped by the template. Drawings ([`Part::Figure`]) come from `crate::report`, which escapes its own.

use super::frame::{Frame, Link};
use askama::Template;

/// How something is meant; the words say it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Neither good nor bad.
    Plain,
    /// Worth knowing.
    Note,
    /// Done, or in order.
    Good,
    /// To be looked at soon.
    Warn,
    /// Stopped, late or refused.
    Bad,
}

impl Tone {
    /// Returns the class that the style sheet knows.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Note => "note",
            Tone::Good => "good",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
        }
    }
}

/// A value in a table or a summary list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) href: Option<String>,
    pub(crate) tone: Option<Tone>,
    pub(crate) is_number: bool,
    pub(crate) is_late: bool,
    pub(crate) is_code: bool,
}

impl Cell {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A number, set to the right.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers are small, and a call reads better without `&`"
    )]
    pub(crate) fn number(text: impl ToString) -> Cell {
        Cell { text: text.to_string(), is_number: true, ..Cell::default() }
    }

    /// A link.
    pub(crate) fn link(href: impl Into<String>, text: impl Into<String>) -> Cell {
        Cell { text: text.into(), href: Some(href.into()), ..Cell::default() }
    }

    /// A tag.
    pub(crate) fn tag(tone: Tone, text: impl Into<String>) -> Cell {
        Cell { text: text.into(), tone: Some(tone), ..Cell::default() }
    }

    /// A digest or another text for machines.
    pub(crate) fn code(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), is_code: true, ..Cell::default() }
    }

    /// A date that has passed.
    pub(crate) fn late(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), is_late: true, ..Cell::default() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::text(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::text(text)
    }
}

/// A table with a caption; `empty` is said when it has no rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) caption: String,
    /// The heads; a number's head stands to the right.
    pub(crate) heads: Vec<(&'static str, bool)>,
    pub(crate) rows: Vec<Vec<Cell>>,
    pub(crate) empty: String,
}

impl Table {
    pub(crate) fn new(caption: impl Into<String>, heads: &[&'static str]) -> Table {
        Table {
            caption: caption.into(),
            // `#` before a head says that its column is of numbers.
            heads: heads
                .iter()
                .map(|head| (head.trim_start_matches('#'), head.starts_with('#')))
                .collect(),
            ..Table::default()
        }
    }

    pub(crate) fn empty(mut self, text: impl Into<String>) -> Table {
        self.empty = text.into();
        self
    }

    pub(crate) fn row(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    pub(crate) fn with(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Table {
        self.rows.extend(rows);
        self
    }
}

/// A count that leads somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) count: String,
    pub(crate) name: String,
    pub(crate) href: Option<String>,
    pub(crate) aside: String,
}

/// One of several things to do, and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) href: Option<String>,
    pub(crate) hint: String,
    pub(crate) tone: Tone,
    pub(crate) state: String,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) when: String,
    pub(crate) what: String,
    pub(crate) who: String,
    pub(crate) lines: Vec<String>,
}

/// One answer among several.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) hint: String,
    /// The key that chooses it, where the page has keys.
    pub(crate) key: Option<&'static str>,
}

impl Choice {
    pub(crate) fn new(value: impl Into<String>, label: impl Into<String>) -> Choice {
        Choice { value: value.into(), label: label.into(), hint: String::new(), key: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Choice {
        self.hint = hint.into();
        self
    }

    pub(crate) fn key(mut self, key: &'static str) -> Choice {
        self.key = Some(key);
        self
    }
}

/// What kind of answer a field takes.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// One line; `type` and `autocomplete` as HTML has them.
    Line { kind: &'static str, is_short: bool, autocomplete: &'static str },
    /// Several lines.
    Long,
    /// One of a few.
    One(Vec<Choice>),
    /// Any of a few; the values are separated by spaces.
    Several(Vec<Choice>),
    /// One of many.
    Select(Vec<Choice>),
    /// A file, and which endings.
    File { accept: &'static str },
    /// Brought back unseen.
    Hidden,
}

/// A question in a form.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) hint: String,
    pub(crate) value: String,
    pub(crate) wrong: Option<String>,
    pub(crate) is_optional: bool,
    pub(crate) kind: Kind,
}

impl Field {
    fn new(name: &'static str, label: impl Into<String>, kind: Kind) -> Field {
        Field {
            name,
            label: label.into(),
            hint: String::new(),
            value: String::new(),
            wrong: None,
            is_optional: false,
            kind,
        }
    }

    /// One line of text.
    pub(crate) fn line(name: &'static str, label: impl Into<String>) -> Field {
        Field::new(name, label, Kind::Line { kind: "text", is_short: false, autocomplete: "off" })
    }

    /// A short text, such as a date or a sum.
    pub(crate) fn short(name: &'static str, label: impl Into<String>) -> Field {
        Field::new(name, label, Kind::Line { kind: "text", is_short: true, autocomplete: "off" })
    }

    /// A date.
    pub(crate) fn date(name: &'static str, label: impl Into<String>) -> Field {
        Field::new(name, label, Kind::Line { kind: "date", is_short: true, autocomplete: "off" })
    }

    /// A password.
    pub(crate) fn password(name: &'static str, label: impl Into<String>) -> Field {
        let kind =
            Kind::Line { kind: "password", is_short: true, autocomplete: "current-password" };
        Field::new(name, label, kind)
    }

    /// Several lines of text.
    pub(crate) fn long(name: &'static str, label: impl Into<String>) -> Field {
        Field::new(name, label, Kind::Long)
    }

    /// One of a few.
    pub(crate) fn one(name: &'static str, label: impl Into<String>, of: Vec<Choice>) -> Field {
        Field::new(name, label, Kind::One(of))
    }

    /// Any of a few.
    pub(crate) fn several(name: &'static str, label: impl Into<String>, of: Vec<Choice>) -> Field {
        Field::new(name, label, Kind::Several(of))
    }

    /// One of many.
    pub(crate) fn select(name: &'static str, label: impl Into<String>, of: Vec<Choice>) -> Field {
        Field::new(name, label, Kind::Select(of))
    }

    /// A file.
    pub(crate) fn file(
        name: &'static str,
        label: impl Into<String>,
        accept: &'static str,
    ) -> Field {
        Field::new(name, label, Kind::File { accept })
    }

    /// Something brought back unseen.
    pub(crate) fn hidden(name: &'static str, value: impl Into<String>) -> Field {
        Field { value: value.into(), ..Field::new(name, "", Kind::Hidden) }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Field {
        self.hint = hint.into();
        self
    }

    pub(crate) fn value(mut self, value: impl Into<String>) -> Field {
        self.value = value.into();
        self
    }

    pub(crate) fn optional(mut self) -> Field {
        self.is_optional = true;
        self
    }

    pub(crate) fn is_chosen(&self, value: &str) -> bool {
        match self.kind {
            Kind::Several(_) => self.value.split(' ').any(|one| one == value),
            _ => self.value == value,
        }
    }
}

/// A form: what it asks, where it goes, and what was wrong with it.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is set apart from the others, by a word of its own"
)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) csrf: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) button: String,
    /// Whether the button does what cannot be taken back easily.
    pub(crate) is_grave: bool,
    /// Where one goes instead.
    pub(crate) instead: Option<Link>,
    /// Whether files go with it.
    pub(crate) has_files: bool,
    /// Whether it asks only, and changes nothing (GET).
    pub(crate) asks: bool,
    /// Whether its few fields stand in a row above a list.
    pub(crate) is_row: bool,
    /// Set by a page that has keys.
    pub(crate) has_keys: bool,
    /// Put before the ids of its fields: a page may have several forms that ask for the same.
    pub(crate) prefix: String,
}

impl Form {
    pub(crate) fn new(action: impl Into<String>, csrf: &str, button: impl Into<String>) -> Form {
        Form {
            action: action.into(),
            csrf: csrf.to_owned(),
            button: button.into(),
            ..Form::default()
        }
    }

    pub(crate) fn field(mut self, field: Field) -> Form {
        self.has_files |= matches!(field.kind, Kind::File { .. });
        self.fields.push(field);
        self
    }

    pub(crate) fn grave(mut self) -> Form {
        self.is_grave = true;
        self
    }

    pub(crate) fn instead(mut self, href: impl Into<String>, name: impl Into<String>) -> Form {
        self.instead = Some(Link::new(href, name));
        self
    }

    /// Puts back what was typed, and what was wrong with it.
    pub(crate) fn again(mut self, typed: &super::Typed, wrong: &[Wrong]) -> Form {
        for field in &mut self.fields {
            if matches!(field.kind, Kind::Hidden | Kind::File { .. }) {
                continue;
            }
            if let Some(value) = typed.joined(field.name) {
                field.value = value;
            }
            field.wrong =
                wrong.iter().find(|wrong| wrong.field == field.name).map(|wrong| wrong.why.clone());
        }
        self
    }

    /// Says what is wrong with one field, a file's too.
    pub(crate) fn put_wrong(&mut self, name: &str, why: impl Into<String>) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.name == name) {
            field.wrong = Some(why.into());
        }
    }

    /// Returns what is wrong, for the summary at the top: the id of the field, and why.
    pub(crate) fn errors(&self) -> Vec<(String, &str)> {
        self.fields
            .iter()
            .filter_map(|field| {
                Some((format!("{}{}", self.prefix, field.name), field.wrong.as_deref()?))
            })
            .collect()
    }
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

impl Wrong {
    pub(crate) fn new(field: &'static str, why: impl Into<String>) -> Wrong {
        Wrong { field, why: why.into() }
    }
}

/// One part of a page.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A second heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A list of sentences.
    List(Vec<String>),
    /// What happened, or what stands in the way.
    Banner { tone: Tone, title: String, lines: Vec<String>, link: Option<Link> },
    /// Names and values.
    Summary(Vec<(String, Cell)>),
    /// A table.
    Table(Table),
    /// Counts that lead somewhere.
    Cards(Vec<Card>),
    /// What there is to do.
    Tasks(Vec<Task>),
    /// What was done.
    Steps(Vec<Done>),
    /// A form.
    Form(Form),
    /// A drawing with what it shows in words; the table beside it says the same.
    Figure { svg: String, caption: String },
    /// Links drawn as buttons.
    Buttons(Vec<Link>),
    /// To the page before and the page after.
    Pages { previous: Option<String>, next: Option<String> },
    /// How far something is, and how to stop it.
    Progress { label: String, done: u64, of: u64, again: String, cancel: Option<Form> },
    /// What is shown on demand.
    Details { title: String, parts: Vec<Part> },
    /// Text for machines.
    Code(String),
}

impl Part {
    pub(crate) fn text(text: impl Into<String>) -> Part {
        Part::Text(text.into())
    }

    pub(crate) fn heading(text: impl Into<String>) -> Part {
        Part::Heading(text.into())
    }

    pub(crate) fn banner(tone: Tone, title: impl Into<String>, line: impl Into<String>) -> Part {
        Part::Banner { tone, title: title.into(), lines: vec![line.into()], link: None }
    }

    /// Gives each form but the first a prefix, so that no two fields of a page have one id.
    fn number_forms(&mut self, forms: &mut usize) {
        match self {
            Part::Form(form) => {
                *forms += 1;
                if *forms > 1 {
                    form.prefix = format!("form{forms}-");
                }
            }
            Part::Details { parts, .. } => {
                for part in parts {
                    part.number_forms(forms);
                }
            }
            _ => {}
        }
    }

    /// Returns what is wrong with its forms.
    pub(crate) fn errors(&self) -> Vec<(String, &str)> {
        match self {
            Part::Form(form) => form.errors(),
            Part::Details { parts, .. } => parts.iter().flat_map(Part::errors).collect(),
            _ => Vec::new(),
        }
    }

    /// Says whether it has to be seen at once: what somebody has to mend is not hidden.
    pub(crate) fn is_wrong(&self) -> bool {
        !self.errors().is_empty()
    }
}

/// A page: a frame, a heading, an introduction, and parts.
#[derive(Debug, Template)]
#[template(path = "console/page.html")]
pub(crate) struct Page {
    pub(crate) frame: Frame,
    /// What the page is for, in a sentence.
    pub(crate) intro: String,
    pub(crate) parts: Vec<Part>,
    /// How many forms it has so far.
    forms: usize,
}

impl Page {
    pub(crate) fn new(frame: Frame, intro: impl Into<String>) -> Page {
        Page { frame, intro: intro.into(), parts: Vec::new(), forms: 0 }
    }

    pub(crate) fn part(mut self, mut part: Part) -> Page {
        part.number_forms(&mut self.forms);
        self.frame.has_errors |= !part.errors().is_empty();
        self.parts.push(part);
        self
    }

    pub(crate) fn parts(mut self, parts: impl IntoIterator<Item = Part>) -> Page {
        for part in parts {
            self = self.part(part);
        }
        self
    }

    /// Returns what is wrong with the page's forms.
    fn errors(&self) -> Vec<(String, &str)> {
        self.parts.iter().flat_map(Part::errors).collect()
    }
}

/// Parts alone, for pages with a template of their own.
#[derive(Debug, Template)]
#[template(path = "console/parts.html")]
pub(crate) struct Parts<'a> {
    pub(crate) parts: &'a [Part],
}

impl<'a> Parts<'a> {
    pub(crate) fn of(parts: &'a [Part]) -> Parts<'a> {
        Parts { parts }
    }
}

/// A form alone.
#[derive(Debug, Template)]
#[template(path = "console/form.html")]
pub(crate) struct FormPart<'a> {
    pub(crate) form: &'a Form,
}

impl<'a> FormPart<'a> {
    pub(crate) fn of(form: &'a Form) -> FormPart<'a> {
        FormPart { form }
    }
}
