//! `comity link all`: trains, links and clusters in one go, reading the files once.
//!
//! The same as the three commands one after the other with what they do when nothing else is said; only the reading and
//! preparing is shared. Who wants a part of it otherwise calls that part.

use super::cluster::{MOST_MEMBERS, bonds, connected_or_correlated, write_clusters};
use super::memory::NoMemory;
use super::shares::Shares;
use super::{CANNOT_ENTER, Done, Files, pairs, probability, weight_from};
use crate::clock::Stopwatch;
use crate::printer::{Printer, thousands};
use crate::{Error, program};
use linkage::cluster::{Members, Reason};
use linkage::model::OneToOne;
use linkage::{Detail, Recipe};
use std::mem::ManuallyDrop;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The recipe (TOML)
    recipe: PathBuf,
    #[command(flatten)]
    files: Files,
    /// The folder that `model.toml`, `pairs.csv` and `clusters.csv` are written to
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Writes the pairs from this probability on; those of clusters are at the threshold, whatever is written
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    probability: Option<f64>,
    /// Joins by single pairs at the threshold: connected components
    #[arg(long)]
    connected: bool,
    /// The most records of one cluster; 0 is no bound
    #[arg(long, value_name = "COUNT", default_value_t = MOST_MEMBERS)]
    most_members: u32,
    #[command(flatten)]
    shares: Shares,
    #[command(flatten)]
    memory: NoMemory,
}

/// How far below a probability's own weight pairs are kept while training, for calibration may move it that far. Where it
/// moves it further, linking goes through the pairs once more.
const ROOM: f64 = 4.0;

impl Words {
    /// The weight from which on training keeps pairs: low enough that linking hardly ever goes through them again.
    fn least_kept(&self) -> f64 {
        self.probability.map_or(f64::INFINITY, |share| linkage::weight_of(share) - ROOM)
    }

    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        self.memory.check()?;
        let recipe = Recipe::from_toml(&program::read(&self.recipe)?)?;
        let plan = (&recipe).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let cannot = |source| Error::CannotWrite { path: self.out.clone(), source };
        std::fs::create_dir_all(&self.out).map_err(cannot)?;
        let mut watch = Stopwatch::start();
        let (tables, _) = self.files.prepare(&plan, printer, &mut watch)?;
        // The command ends with them, and the system takes their memory back at once.
        let tables = ManuallyDrop::new(tables);
        let trained = linkage::train_and_keep(&recipe, &tables, self.least_kept())?;
        let model = trained.model().clone();
        let model_file = self.out.join("model.toml");
        program::write(&model_file, &model.to_toml()?)?;
        watch.lap("train, block, compare and score");

        let least = self.probability.map(|share| weight_from(&model, share));
        let wide = model.with_threshold(least.unwrap_or(model.threshold()))?;
        let scorer = self.shares.scorer(&wide, model.threshold(), &tables)?;
        let links = if self.shares.is_counted() {
            trained.link(wide.threshold())?
        } else {
            // Supplied shares weigh otherwise than those that training counted.
            drop(trained);
            linkage::link_in_detail(&scorer, Detail::Kept, |_| {})?
        };
        watch.lap("settle");
        let pairs_file = self.out.join("pairs.csv");
        pairs::write(&pairs_file, &*tables, &wide, &links.pairs)?;
        watch.lap("write pairs");

        let members = Members::new(&tables)?;
        // One-to-one has taken pairs out that clusters are made of; without it, what was found is all there is.
        let of_clusters =
            if wide.one_to_one() == OneToOne::Off && wide.threshold() <= model.threshold() {
                let at_threshold = |pair: &&linkage::Pair| pair.weight >= model.threshold();
                let kept: Vec<_> = links.pairs.iter().filter(at_threshold).copied().collect();
                members.bonds(&kept)?
            } else {
                bonds(&model, model.threshold(), (&tables, &self.shares), &members)?
            };
        let clusters = ManuallyDrop::new(connected_or_correlated(
            &members,
            &scorer,
            of_clusters,
            model.threshold(),
            (self.connected, self.most_members),
        )?);
        let grouped = ManuallyDrop::new(clusters.grouped());
        let groups = grouped.groups();
        let clusters_file = self.out.join("clusters.csv");
        write_clusters(&clusters_file, &tables, &members, &groups, None)?;
        watch.lap("cluster and write");

        let of_more = groups.iter().filter(|group| group.len() > 1).count() as u64;
        let largest = groups.iter().map(|group| group.len()).max().unwrap_or(0) as u64;
        let too_large = |split: &&linkage::cluster::Split| split.reason == Reason::TooLarge;
        let cut = clusters.splits().iter().filter(too_large).count() as u64;
        printer.json(&serde_json::json!({
            "model": super::super::shown(&model_file), "digest": model.digest()?.to_string(),
            "threshold": model.threshold(), "scored_pairs": links.scored_pairs, "all_pairs": tables.all_pairs(),
            "pairs": links.pairs.len(), "clusters": groups.len(), "of_two_or_more": of_more,
            "largest": largest, "cut_for_size": cut, "threads": tables.threads(), "seconds": super::seconds(&watch),
        }));
        let of = |count: u64, of: u64| format!("{} of {}", thousands(count), thousands(of));
        printer.labelled(
            "compare",
            &format!("{} possible pairs", of(links.scored_pairs, tables.all_pairs())),
        );
        let written = |count: usize, file: &PathBuf| {
            format!("{}, in {}", thousands(count as u64), super::super::shown(file))
        };
        printer.labelled("model", &super::super::shown(&model_file));
        printer.labelled("pairs", &written(links.pairs.len(), &pairs_file));
        printer.labelled("clusters", &written(groups.len(), &clusters_file));
        if cut > 0 {
            let text = format!(
                "{} pairs would have joined more than {} records: they are left out, and hint at a rule or a threshold \
                 that is too loose. --most-members says otherwise",
                thousands(cut),
                self.most_members
            );
            printer.wrapped("bound     ", &text);
        }
        printer.line(CANNOT_ENTER);
        Ok(Done::Well)
    }
}
