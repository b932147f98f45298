//! `comity link explain`: why a pair weighs what it weighs, or how two records hang together in a cluster.

use super::shares::Shares;
use super::{Done, Files, cluster};
use crate::Error;
use crate::printer::Printer;
use linkage::cluster::{Constraints, Members, Policy, Weigher};
use linkage::{RecordRef, Scorer, Side, Tables};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// The source's record: its id, or its row counted from 0 where no column of ids is named
    #[arg(long, value_name = "ID")]
    one: String,
    /// The recipient's record
    #[arg(long, value_name = "ID")]
    other: String,
    /// Makes clusters, and tells the pairs that lead from one record to the other
    #[arg(long)]
    chain: bool,
    #[command(flatten)]
    shares: Shares,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let Some((model, tables)) = self.files.prepare_for(&self.model, printer)? else {
            return Ok(Done::Refused);
        };
        let scorer = self.shares.scorer(&model, model.threshold(), &tables)?;
        let one = find(&tables, Side::Source, &self.one)?;
        let other = find(&tables, Side::Recipient, &self.other)?;
        if self.chain {
            return tell_chain(printer, &scorer, &self.shares, one, other);
        }
        let explanation = linkage::explain(&scorer, one, other)?;
        printer.json(&explanation);
        super::super::explain::parts(
            printer,
            &explanation,
            (model.threshold(), "a pair of this is kept"),
        );
        Ok(Done::Well)
    }
}

fn tell_chain(
    printer: &Printer,
    scorer: &Scorer<'_>,
    shares: &Shares,
    one: RecordRef,
    other: RecordRef,
) -> Result<Done, Error> {
    let (model, tables) = (scorer.model(), scorer.tables());
    let members = Members::new(tables)?;
    let bonds = cluster::bonds(model, model.threshold(), (tables, shares), &members)?;
    let mut weigher = Weigher::new(scorer)?;
    let clusters = linkage::cluster::cluster(
        members.count(),
        bonds,
        &Policy::new(model.threshold()),
        &Constraints::none(),
        |one, other| weigher.weight(one, other),
    )?;
    let ends = (members.member(Side::Source, one)?, members.member(Side::Recipient, other)?);
    let Some(chain) = clusters.chain(ends.0, ends.1) else {
        printer.json(&serde_json::json!({ "chain": null }));
        printer.line("The two records are in two clusters: no pairs lead from one to the other.");
        return Ok(Done::Well);
    };
    let mut told = Vec::new();
    for bond in chain.bonds() {
        let (one, other) = (
            cluster::known(tables, &members, bond.one)?,
            cluster::known(tables, &members, bond.other)?,
        );
        printer.line(&format!(
            "{:>8.2}  {} {} and {} {}",
            bond.weight, one.0, one.1, other.0, other.1
        ));
        told.push(serde_json::json!({
            "one_file": one.0, "one": one.1, "other_file": other.0, "other": other.1, "weight": bond.weight,
        }));
    }
    printer.json(&serde_json::json!({ "chain": told, "weakest": chain.weakest().weight }));
    printer.labelled("weakest", &format!("{:.2}", chain.weakest().weight));
    Ok(Done::Well)
}

fn find(tables: &Tables, side: Side, named: &str) -> Result<RecordRef, Error> {
    let mut records = (0..tables.records(side)).map(RecordRef::new);
    let is_named = |record: &RecordRef| match tables.id(side, *record) {
        Some(id) => id == named,
        None => record.row().to_string() == named,
    };
    records.find(is_named).ok_or(Error::NoSuchRecord { side })
}
