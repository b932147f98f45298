//! `comity link evaluate`: what a model's weights are worth, by a truth, by labels, or by its own reckoning.

mod curves;
mod mistake;

use super::groups::{self, Groups, Told};
use super::label_free::LabelFree;
use super::people::People;
use super::shares::Shares;
use super::{Done, Files, pairs, probability, weight_from};
use crate::clock::Stopwatch;
use crate::own::OwnTable;
use crate::printer::{Printer, thousands};
use crate::{Error, program};
use linkage::estimate::{Interval, interval_of};
use linkage::evaluate::{
    Counts, Known, Labelled, Row, area_under_roc, average_precision, best, mistakes, table,
};
use linkage::model::OneToOne;
use linkage::{Blocks, Detail, Given, Model, Pair, RecordRef, Tables, score_given, settle};
use std::collections::HashSet;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// How many equal parts of the range of probabilities are held against the truth.
const BINS: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// The column of both files that says who is who
    #[arg(long, value_name = "COLUMN", conflicts_with = "labels")]
    truth: Option<String>,
    /// Pairs that people judged (CSV): source, recipient, and same, which is `yes` or `no`; or the labels that Splink
    /// takes
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Where every threshold with all its measures is written (CSV)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the pairs are written that stand on the wrong side of the threshold by weight alone, those furthest from it
    /// first (CSV): two individuals linked, and one individual missed by its weight or by the rules
    #[arg(long, value_name = "FILE")]
    mistakes: Option<PathBuf>,
    /// Where a page is written with the curves and their tables (HTML)
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Counts errors by the values of a column of the source's file too, each with its interval: in aggregate, to see
    /// whether the model errs more on some people; of a group of fewer than ten nothing is told
    #[arg(long, value_name = "COLUMN", conflicts_with = "labels")]
    by: Option<String>,
    /// Looks at pairs from this probability on, the threshold's at most; those below count as left out
    #[arg(long, value_name = "PROBABILITY", value_parser = probability, default_value = "0.001")]
    from: f64,
    /// Evaluates at this probability, instead of the model's threshold
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    probability: Option<f64>,
    #[command(flatten)]
    label_free: LabelFree,
    #[command(flatten)]
    shares: Shares,
}

/// What is known of the pairs.
struct Facts {
    /// Each pair that was looked at, and each of one individual.
    known: Vec<Known>,
    /// Pairs of two individuals that were not looked at.
    unmade: u64,
    /// Pairs of one individual.
    same: u64,
    /// Of these, those that a rule made.
    made: u64,
    /// What the model keeps at its threshold, one-to-one applied, where whole files were linked.
    kept: Option<Counts>,
    /// What each group came to, where groups were asked for.
    groups: Vec<Told>,
}

impl Facts {
    fn labelled(&self) -> Vec<Labelled> {
        let one = |known: &Known| Labelled {
            weight: known.made.then_some(known.pair.weight),
            same: known.same,
        };
        self.known.iter().map(one).collect()
    }

    /// What the model keeps, or none where no threshold was reached.
    fn kept(&self, model: &Model, rows: &[Row]) -> (Counts, Counts) {
        let none = Counts {
            true_positives: 0.0,
            false_positives: 0.0,
            true_negatives: (self.known.len() as u64 + self.unmade - self.same) as f64,
            false_negatives: self.same as f64,
        };
        let at_threshold = rows.iter().rev().find(|row| row.threshold >= model.threshold());
        let by_weight = at_threshold.map_or(none, |row| row.counts);
        (self.kept.unwrap_or(by_weight), by_weight)
    }
}

impl Words {
    /// Says what the truth is, for a page.
    fn truth_is(&self) -> String {
        match &self.truth {
            Some(column) => format!("the column `{column}`"),
            None => "pairs that people judged".to_owned(),
        }
    }

    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let mut model = Model::from_toml(&program::read(&self.model)?)?;
        if let Some(probability) = self.probability {
            model = model.with_threshold(weight_from(&model, probability))?;
        }
        self.label_free.check(&model)?;
        let plan = (&model).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let mut watch = Stopwatch::start();
        let (tables, read) = self.files.prepare_with(
            &plan,
            (self.truth.as_ref(), self.by.as_ref()),
            printer,
            &mut watch,
        )?;
        let groups =
            (self.by.as_ref()).map(|column| Groups::of(&tables, &read, column)).transpose()?;
        if self.truth.is_none() && self.labels.is_none() {
            let asked = [&self.out, &self.mistakes, &self.report].into_iter().flatten().next();
            if let Some(path) = asked {
                return Err(Error::NoTruth { path: path.clone() });
            }
        }
        let known = match &self.labels {
            Some(path) => judged(path, &model, &tables, &self.shares)?,
            None if self.truth.is_some() => self.linked(&model, &tables, &read, groups.as_ref())?,
            None => {
                let of = (&self.files, &self.shares, groups.as_ref());
                return self.label_free.carry_out(&model, &tables, of, printer);
            }
        };
        watch.lap("evaluate");
        let rows = table(&known.labelled(), known.unmade);
        let wrong = mistakes(&known.known, model.threshold());
        if let Some(path) = &self.mistakes {
            mistake::write(path, &model, &tables, &wrong)?;
        }
        if let Some(path) = &self.report {
            program::write(
                path,
                &curves::report(&model, &self.truth_is(), &known, &rows, &wrong)?.html()?,
            )?;
        }
        if let Some(path) = &self.out {
            write(path, &model, &rows)?;
        }
        tell(printer, &model, &known, &rows, &watch);
        Ok(Done::Well)
    }

    /// Links whole files, and holds every pair against the column that says who is who.
    fn linked(
        &self,
        model: &Model,
        tables: &Tables,
        read: &[OwnTable],
        groups: Option<&Groups>,
    ) -> Result<Facts, Error> {
        let people = People::of(tables, read);
        let from = weight_from(model, self.from).min(model.threshold());
        let all = model.with_threshold(from)?.with_one_to_one(OneToOne::Off)?;
        let scorer = self.shares.scorer(&all, model.threshold(), tables)?;
        let links = linkage::link_in_detail(&scorer, Detail::Kept, |_| {})?;
        let blocks = Blocks::new(tables, all.rules())?;
        let same = people.same_pairs(tables);
        let found: HashSet<(RecordRef, RecordRef)> =
            links.pairs.iter().map(|pair| (pair.source, pair.recipient)).collect();
        let made = |pair: &Pair| {
            let Pair { source, recipient, pattern, weight, .. } = *pair;
            let same = people.are_same(pair)?;
            Some(Known { pair: Given { source, recipient, pattern, weight }, made: true, same })
        };
        let mut known: Vec<Known> = links.pairs.iter().filter_map(made).collect();
        let looked_at = known.iter().filter(|one| !one.same).count() as u64;
        // Of the pairs of one individual that weigh less, those that a rule made have a weight, and the others none.
        let lighter: Vec<(RecordRef, RecordRef)> =
            same.iter().filter(|pair| !found.contains(pair)).copied().collect();
        let mut missed = 0;
        for given in score_given(&scorer, &lighter)? {
            let made = blocks.first_rule(given.source, given.recipient).is_some();
            missed += u64::from(!made);
            known.push(Known { pair: given, made, same: true });
        }
        let above: Vec<Pair> =
            links.pairs.iter().filter(|pair| pair.weight >= model.threshold()).copied().collect();
        let kept = settle(tables, model.one_to_one(), above).pairs;
        let judged =
            |is: bool| kept.iter().filter(|pair| people.are_same(pair) == Some(is)).count();
        let (right, wrong) = (judged(true) as f64, judged(false) as f64);
        let all_same = same.len() as u64;
        let different = (people.known_pairs(tables) - all_same) as f64;
        Ok(Facts {
            unmade: people.known_pairs(tables) - all_same - looked_at,
            known,
            same: all_same,
            made: all_same - missed,
            groups: groups
                .map(|groups| groups.by_truth(tables, &people, &kept))
                .unwrap_or_default(),
            kept: Some(Counts {
                true_positives: right,
                false_positives: wrong,
                true_negatives: different - wrong,
                false_negatives: all_same as f64 - right,
            }),
        })
    }
}

/// Scores pairs that people judged. No more is known than of these.
fn judged(path: &Path, model: &Model, tables: &Tables, shares: &Shares) -> Result<Facts, Error> {
    let scorer = shares.scorer(model, model.threshold(), tables)?;
    let blocks = Blocks::new(tables, model.rules())?;
    let mut facts =
        Facts { known: Vec::new(), unmade: 0, same: 0, made: 0, kept: None, groups: Vec::new() };
    for (given, said) in pairs::judged_and_weighed(path, &scorer)? {
        let made = blocks.first_rule(given.source, given.recipient).is_some();
        let same = said > 0.5;
        facts.same += u64::from(same);
        facts.made += u64::from(same && made);
        facts.known.push(Known { pair: given, made, same });
    }
    Ok(facts)
}

fn tell(printer: &Printer, model: &Model, known: &Facts, rows: &[Row], watch: &Stopwatch) {
    let (kept, by_weight) = known.kept(model, rows);
    let best_row = best(rows, |counts| counts.f(1.0));
    let bins = bins(model, &known.labelled());
    printer.json(&serde_json::json!({
        "same_pairs": known.same, "made_by_rules": known.made, "threshold": model.threshold(),
        "kept": measures(&kept), "by_weight_alone": measures(&by_weight),
        "best_f1": best_row.map(|row| serde_json::json!({
            "threshold": row.threshold, "measures": measures(&row.counts),
        })),
        "area_under_roc": area_under_roc(rows), "average_precision": average_precision(rows),
        "calibration": bins, "groups": known.groups, "seconds": super::seconds(watch),
    }));
    let made = known.made as f64 / (known.same as f64).max(1.0) * 100.0;
    printer.wrapped(
        "truth     ",
        &format!(
            "{} pairs of one individual, {} of them made by a rule ({made:.1} %)",
            thousands(known.same),
            thousands(known.made)
        ),
    );
    let settled = known.kept.is_some() && model.one_to_one() != OneToOne::Off;
    let how = if settled { ", one-to-one applied" } else { "" };
    printer.labelled("threshold", &format!("{:.2}{how}", model.threshold()));
    printer.labelled("precision", &shown(&precision(&kept)));
    printer.labelled("recall", &shown(&recall(&kept)));
    printer.labelled("F1", &format!("{:.4}", kept.f(1.0)));
    if let Some(row) = best_row {
        printer.wrapped(
            "best F1   ",
            &format!(
                "{:.4} at {:.2}, by weight alone: precision {:.2} %, recall {:.2} %",
                row.counts.f(1.0),
                row.threshold,
                row.counts.precision() * 100.0,
                row.counts.recall() * 100.0
            ),
        );
    }
    printer.labelled(
        "areas",
        &format!(
            "ROC {:.5}, average precision {:.5}",
            area_under_roc(rows),
            average_precision(rows)
        ),
    );
    for bin in bins.iter().filter(|bin| bin.pairs > 0) {
        printer.labelled(
            if bin.from == 0.0 { "said" } else { "" },
            &format!(
                "{:.1} to {:.1}: {:.3} on average, and {:.3} are, of {}",
                bin.from,
                bin.from + 1.0 / BINS as f64,
                bin.said,
                bin.same,
                thousands(bin.pairs)
            ),
        );
    }
    if !known.groups.is_empty() {
        groups::tell(printer, &known.groups);
    }
}

/// What the model says of pairs, and what is so.
#[derive(Debug, serde::Serialize)]
struct Bin {
    from: f64,
    pairs: u64,
    said: f64,
    same: f64,
}

fn bins(model: &Model, labelled: &[Labelled]) -> Vec<Bin> {
    let mut sums = [(0u64, 0.0, 0u64); BINS];
    for (weight, same) in labelled.iter().filter_map(|pair| Some((pair.weight?, pair.same))) {
        let said = model.probability(weight);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a probability times ten is from 0 to 10"
        )]
        let place = ((said * BINS as f64) as usize).min(BINS - 1);
        let bin = &mut sums[place];
        *bin = (bin.0 + 1, bin.1 + said, bin.2 + u64::from(same));
    }
    let bin = |(place, (pairs, said, same)): (usize, &(u64, f64, u64))| {
        let all = (*pairs as f64).max(1.0);
        Bin {
            from: place as f64 / BINS as f64,
            pairs: *pairs,
            said: said / all,
            same: *same as f64 / all,
        }
    };
    sums.iter().enumerate().map(bin).collect()
}

fn precision(counts: &Counts) -> Interval {
    interval_of(counts.true_positives, counts.true_positives + counts.false_positives)
}

fn recall(counts: &Counts) -> Interval {
    interval_of(counts.true_positives, counts.true_positives + counts.false_negatives)
}

pub(super) fn shown(interval: &Interval) -> String {
    format!(
        "{:.2} % (95 % interval {:.2} to {:.2})",
        interval.value * 100.0,
        interval.low * 100.0,
        interval.high * 100.0
    )
}

fn measures(counts: &Counts) -> serde_json::Value {
    serde_json::json!({
        "counts": counts, "precision": precision(counts), "recall": recall(counts),
        "specificity": counts.specificity(), "negative_predictive_value": counts.negative_predictive_value(),
        "accuracy": counts.accuracy(), "f1": counts.f(1.0), "f2": counts.f(2.0), "f0_5": counts.f(0.5),
        "p4": counts.p4(), "phi": counts.phi(),
    })
}

/// Writes every threshold with all that is reckoned from it.
fn write(path: &Path, model: &Model, rows: &[Row]) -> Result<(), Error> {
    let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
    program::write_in_pieces(path, |file| {
        let mut file = BufWriter::new(file);
        writeln!(
            file,
            "threshold,probability,true_positives,false_positives,true_negatives,false_negatives,precision,\
             precision_low,precision_high,recall,recall_low,recall_high,specificity,negative_predictive_value,\
             accuracy,f1,f2,f0_5,p4,phi"
        )
        .map_err(cannot)?;
        for row in rows {
            let counts = &row.counts;
            let (precision, recall) = (precision(counts), recall(counts));
            let numbers = [
                row.threshold,
                model.probability(row.threshold),
                counts.true_positives,
                counts.false_positives,
                counts.true_negatives,
                counts.false_negatives,
                counts.precision(),
                precision.low,
                precision.high,
                counts.recall(),
                recall.low,
                recall.high,
                counts.specificity(),
                counts.negative_predictive_value(),
                counts.accuracy(),
                counts.f(1.0),
                counts.f(2.0),
                counts.f(0.5),
                counts.p4(),
                counts.phi(),
            ];
            let line: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            writeln!(file, "{}", line.join(",")).map_err(cannot)?;
        }
        file.flush().map_err(cannot)
    })
}
