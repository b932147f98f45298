//! The one printer: what the program says on the terminal, as lines or as JSON, and a progress bar where there is a
//! terminal to draw it on. Nothing else writes to standard output.

use crate::Error;
use crate::run::{Step, Watch};
use agreement::Refusal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};

/// How long labels are, so that what follows them stands in one column.
const LABEL: usize = 10;

/// Says things to whoever called the program.
#[derive(Debug)]
pub struct Printer {
    json: bool,
    bar: Option<ProgressBar>,
}

impl Printer {
    /// Prints lines, or one JSON value.
    pub fn new(json: bool) -> Printer {
        Printer { json, bar: None }
    }

    /// Says whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line, unless JSON was asked for.
    pub fn line(&self, text: &str) {
        if !self.json {
            self.out(text);
        }
    }

    /// Prints a labelled line, unless JSON was asked for.
    pub fn labelled(&self, label: &str, text: &str) {
        self.line(&format!("{label:LABEL$}{text}"));
    }

    /// Prints a value, if JSON was asked for.
    pub fn json(&self, value: &impl Serialize) {
        if self.json {
            self.out(&serde_json::to_string_pretty(value).unwrap_or_default());
        }
    }

    /// Prints text as it is, whatever was asked for.
    pub fn text(&self, text: &str) {
        self.out(text.trim_end_matches('\n'));
    }

    /// Prints a refusal with every reason, wrapped for a narrow terminal.
    pub fn refusal(&self, refusal: &Refusal) {
        self.json(&serde_json::json!({ "refused": refusal.reasons }));
        self.reasons(refusal);
    }

    /// Prints a refusal's reasons as lines; whoever prints JSON has put them into a value of their own.
    pub fn reasons(&self, refusal: &Refusal) {
        let count = refusal.reasons.len();
        let rules = if count == 1 { "rule is" } else { "rules are" };
        self.labelled("refused", &format!("{}: {count} {rules} broken", refusal.grounds.act));
        for reason in &refusal.reasons {
            self.line("");
            // The rule is worded as what has to be so: on the line of what is broken it would read as what is so.
            self.line(&format!("  {} is broken", reason.id));
            self.wrapped("    rule: ", &reason.reason);
            if let Some(detail) = &reason.detail {
                self.wrapped("    here: ", detail);
            }
            self.wrapped("    law:  ", &reason.cite);
            self.wrapped("    do:   ", &reason.remedy);
        }
    }

    /// Prints an error and its hint on standard error; as JSON on standard output, if that was asked for.
    pub fn error(&self, error: &Error) {
        self.json(&serde_json::json!({ "error": error.chain(), "hint": error.hint() }));
        if !self.json {
            let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "error: {}{hint}", error.chain());
        }
    }

    /// Prints text in lines of at most 80 columns, the first after a lead-in and the others below it.
    pub fn wrapped(&self, lead_in: &str, text: &str) {
        let indent = " ".repeat(lead_in.chars().count());
        self.hanging(lead_in, &indent, text);
    }

    /// As [`Printer::wrapped`], with the lines after the first below an indent of their own.
    pub fn hanging(&self, lead_in: &str, indent: &str, text: &str) {
        for line in wrap(lead_in, indent, text) {
            self.line(&line);
        }
    }

    /// Says that the words of the command are off: on standard error, or as JSON where that was asked for.
    pub fn usage(&self, error: &clap::Error) {
        if self.json {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            let hint = "`comity --help` lists the commands and their words";
            self.json(&serde_json::json!({ "error": text, "hint": hint }));
        } else {
            let _ = error.print();
        }
    }

    fn out(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.suspend(|| put(text));
        } else {
            put(text);
        }
    }
}

fn put(text: &str) {
    // A reader that closed the pipe wants no more; there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn wrap(lead_in: &str, indent: &str, text: &str) -> Vec<String> {
    const COLUMNS: usize = 80;
    let mut lines = vec![lead_in.to_owned()];
    let mut begin = lead_in.chars().count();
    let mut width = begin;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let fits = width + length < COLUMNS || width == begin;
        if !fits {
            lines.push(indent.to_owned());
            begin = indent.chars().count();
            width = begin;
        }
        if let Some(line) = lines.last_mut() {
            if width > begin {
                line.push(' ');
                width += 1;
            }
            line.push_str(word);
            width += length;
        }
    }
    lines
}

/// Writes a count with its thousands apart.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns how the program was called, so that what is shown to be typed next can be typed.
pub fn called() -> &'static str {
    if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "comity" }
}

/// Shortens a digest to what a person can compare at a glance.
pub fn short(digest: &str) -> String {
    let hex = digest.rsplit(':').next().unwrap_or(digest);
    format!("{}…", hex.chars().take(12).collect::<String>())
}

impl Watch for Printer {
    fn said(&mut self, step: &Step) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        match step {
            // The later acts' permits are told by what was done under them.
            Step::Permitted { act, .. } if act != agreement::Act::RUN.as_str() => {}
            Step::Permitted { act, party, until, entry } => {
                let text = format!("{act} by {party} until {until}, entry {entry}");
                self.wrapped("permit    ", &text);
            }
            Step::Admitted { files, caveats } => {
                let files: Vec<String> = files
                    .iter()
                    .map(|(name, rows)| format!("{name} {} records", thousands(*rows)))
                    .collect();
                self.wrapped("read      ", &files.join(", "));
                for caveat in caveats {
                    self.wrapped("          ", caveat);
                }
            }
            // A few are the data's own noise, and stand in the report; one in a hundred is for somebody to look into now.
            Step::Unread { unread, records, .. } if unread * 100 < *records => {}
            Step::Unread { element, unread, records } => {
                let (unread, records) = (thousands(*unread), thousands(*records));
                self.wrapped(
                    "dates     ",
                    &format!("{element}: {unread} of {records} could not be read"),
                );
            }
            Step::GoesOn { run, files } => {
                let text =
                    format!("{run} was broken off, and is gone on with on the files of {files}");
                self.wrapped("goes on   ", &text);
            }
            Step::Trained { recipe, model } => {
                self.labelled(
                    "train",
                    &format!("recipe {} gives model {}", short(recipe), short(model)),
                );
            }
            Step::Compared { pairs, possible, rules } => {
                let (pairs, possible) = (thousands(*pairs), thousands(*possible));
                self.labelled(
                    "compare",
                    &format!("{pairs} pairs by {rules} rules, of {possible} possible"),
                );
            }
            Step::Found { above, one_to_one, with_discrepancy, threshold, precision } => {
                self.wrapped(
                    "weigh     ",
                    &format!(
                        "{} over {threshold:.2}, {} kept, {:.1} % expected right, {} with discrepancy",
                        thousands(*above),
                        thousands(*one_to_one),
                        precision * 100.0,
                        thousands(*with_discrepancy)
                    ),
                );
            }
            Step::Planned { planned, held, known_not_same, covered, pilot_sample } => {
                let mut text = vec![format!("{} opened", thousands(*planned))];
                if *held > 0 {
                    let held = thousands(*held);
                    text.push(format!("{held} held until the pilot of {pilot_sample} is judged"));
                }
                if *known_not_same > 0 {
                    text.push(format!("{} known not the same", thousands(*known_not_same)));
                }
                if *covered > 0 {
                    text.push(format!("{} covered by earlier leads", thousands(*covered)));
                }
                self.wrapped("leads     ", &text.join(", "));
            }
            Step::PilotPassed { judged, not_right, upper_bound } => {
                self.wrapped(
                    "pilot     ",
                    &format!(
                        "passed: {not_right} of {judged} not right, at most {:.1} % surely; the rest opens",
                        upper_bound * 100.0
                    ),
                );
            }
            Step::Released { persons, elements, chunks, entry } => {
                let chunk = if *chunks == 1 { "chunk" } else { "chunks" };
                let who = if *persons == 1 { "person" } else { "persons" };
                self.wrapped(
                    "release   ",
                    &format!(
                        "{elements} elements about {} {who} in {chunks} {chunk}, after entry {entry}",
                        thousands(*persons)
                    ),
                );
            }
            Step::Cosigned { by } => {
                let by: Vec<_> = by.iter().map(|(name, at)| format!("{name} at {at}")).collect();
                self.wrapped("cosigned  ", &by.join(", "));
            }
            Step::QuorumMissed { why } => self.wrapped("quorum    ", why),
            Step::Withheld { why } => self.wrapped("withheld  ", &why.to_string()),
        }
    }

    fn progress(&mut self, done: u64, all: u64) {
        if self.json || !std::io::stderr().is_terminal() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
            if let Ok(style) =
                ProgressStyle::with_template("compare   {bar:40} {human_pos} of {human_len} pairs")
            {
                bar.set_style(style);
            }
            bar
        });
        bar.set_position(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(count), text);
        }
    }

    #[test]
    fn long_text_keeps_within_eighty_columns() {
        let text = "word ".repeat(60);
        let lines = wrap("    do:   ", "          ", &text);
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        assert_eq!(
            lines
                .iter()
                .flat_map(|line| line.split_whitespace())
                .filter(|word| *word == "word")
                .count(),
            60
        );
    }
}
