//! The part of `comity link evaluate` that has no labels: second hits and two lists, links per record, and decoys.
//!
//! Beside the path of the data. Three ways that take different things for granted; each says what, and where they disagree
//! one of them is wrong.

use super::evaluate::shown;
use super::groups::{self, Groups};
use super::shares::Shares;
use super::{Done, Files, weight_from};
use crate::Error;
use crate::own::{self, Decoys, OwnFile};
use crate::printer::{Printer, thousands};
use linkage::estimate::{
    ByDecoys, ByLinks, Estimate, Interval, Whole, by_decoys, by_links_per_record, estimate_by_group,
};
use linkage::model::OneToOne;
use linkage::{Link, Model, Scorer, Side, Tables};
use std::path::PathBuf;

/// The probabilities at which links per record and decoys are told, besides the threshold.
const AT: [f64; 6] = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999];

/// What an evaluation without labels may be told.
#[derive(Debug, clap::Args)]
pub(super) struct LabelFree {
    /// Without labels: where drawing records again begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Without labels: how often records are drawn again
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..))]
    resamples: u32,
    /// Without labels: a file with the source's columns, of records that are known to have no counterpart in these files;
    /// every link of them is false
    #[arg(long, value_name = "FILE", conflicts_with_all = ["truth", "labels", "made_decoys", "individuals"])]
    decoys: Option<PathBuf>,
    /// Without labels: makes up so many such records of the values of the source's records
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["truth", "labels", "individuals"])]
    made_decoys: Option<u32>,
    /// Without labels, of two files linked with each other: the share of the source's records that are known to have a
    /// counterpart, such as 1 where the other file holds everybody; recall is then held against it
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with_all = ["truth", "labels"])]
    covered: Option<f64>,
}

fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "write a number such as 0.8".to_owned())?;
    if value > 0.0 && value <= 1.0 {
        Ok(value)
    } else {
        Err("it must lie above 0, and be 1 at most".to_owned())
    }
}

impl LabelFree {
    /// Refuses what the model leaves without effect.
    pub(super) fn check(&self, model: &Model) -> Result<(), Error> {
        // Within one table a record has any number of partners, so their share says nothing of pairs; and where recall is
        // told by two lists alone, they say it without a share.
        let is_told = model.one_to_one() != OneToOne::Off || self.has_decoys();
        if self.covered.is_some() && !(model.link() == Link::Between && is_told) {
            return Err(Error::WithoutEffect {
                option: "--covered",
                of: "two files linked only with each other, one to one or with decoys",
            });
        }
        Ok(())
    }

    fn has_decoys(&self) -> bool {
        self.decoys.is_some() || self.made_decoys.is_some()
    }

    /// Estimates precision and recall.
    pub(super) fn carry_out(
        &self,
        model: &Model,
        tables: &Tables,
        (files, shares, groups): (&Files, &Shares, Option<&Groups>),
        printer: &Printer,
    ) -> Result<Done, Error> {
        let scorer = shares.scorer(model, model.threshold(), tables)?;
        let (group_of, count) = groups.map_or((&[][..], 0), |groups| (&groups.of, groups.count()));
        let (estimate, of_groups) =
            estimate_by_group(&scorer, self.seed, self.resamples, group_of, count)?;
        let told = groups.map(|groups| groups.by_estimate(&of_groups)).unwrap_or_default();
        let covered = self.covered.map(|share| Whole {
            pairs: share * f64::from(tables.records(Side::Source)),
            error: 0.0,
        });
        let all = covered.unwrap_or(estimate.all);
        let links = self.links_per_record(&scorer, all)?;
        let decoys = self.by_decoys(model, (files, shares), all)?;
        printer.json(&serde_json::json!({
            "estimate": estimate, "links_per_record": links, "decoys": decoys, "groups": told,
        }));
        tell_estimate(printer, model, &estimate);
        tell_links(printer, links.as_deref());
        if let Some(decoys) = &decoys {
            tell_decoys(printer, decoys, self.made_decoys.is_some());
        }
        if groups.is_some() {
            groups::tell(printer, &told);
        }
        Ok(Done::Well)
    }

    fn links_per_record(
        &self,
        scorer: &Scorer<'_>,
        all: Whole,
    ) -> Result<Option<Vec<ByLinks>>, Error> {
        let at = thresholds(scorer.model());
        match by_links_per_record(scorer, &at, Some(all), self.seed, self.resamples) {
            Ok(links) => Ok(Some(links)),
            Err(linkage::Error::SeveralPartners) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn by_decoys(
        &self,
        model: &Model,
        (files, shares): (&Files, &Shares),
        all: Whole,
    ) -> Result<Option<Vec<ByDecoys>>, Error> {
        let of_file = self.decoys.as_deref().map(|path| files.file(path, None));
        let decoys = match (&of_file, self.made_decoys) {
            (Some(file), _) => Decoys::OfFile(file),
            (None, Some(count)) => Decoys::MadeUp { count, seed: self.seed },
            (None, None) => return Ok(None),
        };
        let without_ids = |file: OwnFile| OwnFile { id: None, ..file };
        let (source, recipient) = (without_ids(files.source()), files.recipient().map(without_ids));
        let (tables, rows) =
            own::prepare_with_decoys(model, &source, recipient.as_ref(), decoys, files.threads())?;
        let scorer = shares.scorer_with_decoys(model, &tables, &rows)?;
        Ok(Some(by_decoys(&scorer, &rows, &thresholds(model), Some(all))?))
    }
}

/// The model's threshold, and the weights of some probabilities.
fn thresholds(model: &Model) -> Vec<f64> {
    let others = AT.iter().map(|probability| weight_from(model, *probability));
    std::iter::once(model.threshold()).chain(others).collect()
}

fn tell_estimate(printer: &Printer, model: &Model, estimate: &Estimate) {
    printer.labelled(
        "kept",
        &format!("{} pairs at {:.2} or above", thousands(estimate.pairs), estimate.threshold),
    );
    printer.labelled("precision", &shown(&estimate.precision));
    printer.labelled("recall", &shown(&estimate.recall));
    printer.wrapped(
        "rules     ",
        &format!(
            "made about {:.0} pairs of one individual, and are reckoned to have missed {:.0} or more",
            estimate.same_pairs, estimate.missed_by_rules
        ),
    );
    let precision = if estimate.by_second_hits {
        "precision from second hits"
    } else {
        "precision without second hits, as the model has it"
    };
    let rule = estimate.by_two_lists.and_then(|rule| model.rules().get(usize::from(rule)));
    let recall = match rule {
        Some(rule) => format!(
            "recall from what `{rule}` finds and what all that shares no column with it finds, as if neither knew \
             of the other"
        ),
        None => "recall from the rules that made each pair".to_owned(),
    };
    let how =
        format!("reckoned without labels: {precision}; {recall}. A reviewed sample is worth more");
    printer.wrapped("how       ", &how);
    if model.link() != Link::Between {
        let caution = "where people have many records in one table nothing here notices when this is far off: of one \
                       with some ten each, full of mistakes, 0.61 of the pairs were reckoned to be found, and 0.36 were. \
                       Judge a sample";
        printer.wrapped("caution   ", caution);
    }
}

fn tell_links(printer: &Printer, links: Option<&[ByLinks]>) {
    let Some(links) = links else {
        let why = "not told: a record may have several partners here, and how many links it has then says nothing of \
                   false ones. Decoys do: --decoys, --made-decoys";
        return printer.wrapped("links     ", why);
    };
    let how = "by how many links each record has, weights left aside: nobody stands in the recipient's file twice, false \
               links come apart from each other, and who has a partner has no more of them. Households break the last; \
               what is kept is right if one's own link outweighs others. With intervals of 95 %, the model's threshold first";
    printer.wrapped("links     ", how);
    table(
        printer,
        "links",
        links.iter().map(|at| Row {
            threshold: at.threshold,
            count: at.links,
            shares: [Some(at.precision), Some(at.kept_precision), at.recall],
        }),
    );
}

fn tell_decoys(printer: &Printer, decoys: &[ByDecoys], made_up: bool) {
    let how = if made_up {
        "made up of the source's own values: strangers and people of one home, but no twins and no parents of the same name, \
         so precision may be said too high"
    } else {
        "as right as the decoys are like the source's records, and surely without a counterpart"
    };
    let all = decoys.first().map_or(0, |at| at.decoys);
    printer.wrapped(
        "decoys    ",
        &format!("{}, {how}. How many have a link, and what follows", thousands(all)),
    );
    table(
        printer,
        "decoys",
        decoys.iter().map(|at| Row {
            threshold: at.threshold,
            count: at.links_of_decoys,
            shares: [Some(at.precision), at.kept_precision, at.recall],
        }),
    );
}

/// What is reckoned at one threshold.
struct Row {
    threshold: f64,
    count: u64,
    /// Precision, that of what is kept one to one, and recall.
    shares: [Option<Interval>; 3],
}

/// Prints a row for each threshold, the model's own first.
fn table(printer: &Printer, counted: &str, rows: impl Iterator<Item = Row>) {
    let [one, two, three] = ["precision, %", "kept one to one, %", "recall, %"];
    printer.line(&format!("{:>7} {counted:>8}  {one:<20} {two:<20} {three}", "weight"));
    for Row { threshold, count, shares } in rows {
        let cell = |share: Option<Interval>| {
            let share = share.map(|Interval { value, low, high }| [value, low, high]);
            share.map_or_else(String::new, |share| {
                let [value, low, high] = share.map(|share| 100.0 * share);
                format!("{value:.2} {low:.2}–{high:.2}")
            })
        };
        let [one, two, three] = shares.map(cell);
        let row = format!("{threshold:>7.2} {:>8}  {one:<20} {two:<20} {three}", thousands(count));
        printer.line(row.trim_end());
    }
}
