//! `comity link cluster`: which records are one individual, taken all together.

use super::shares::Shares;
use super::{CANNOT_ENTER, Done, Files, field, name, pairs, probability, registry, weight_from};
use crate::clock::Stopwatch;
use crate::printer::{Printer, thousands};
use crate::{Error, program};
use linkage::cluster::{
    Bond, ClusterId, Clusters, Constraints, Happening, Member, Members, Method, Policy, Reason,
    Registry, Ties, Weigher, cluster,
};
use linkage::model::OneToOne;
use linkage::{Detail, Link, Model, RecordRef, Scorer, Side, Tables};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// The most records of one cluster, unless something else is said.
pub(super) const MOST_MEMBERS: u32 = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// Takes the pairs that `comity link link` wrote, instead of comparing again
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Where the clusters are written (CSV)
    #[arg(long, value_name = "FILE", default_value = "clusters.csv")]
    out: PathBuf,
    /// Where the pairs are written that were left out, each with its reason (CSV)
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,
    /// Joins by pairs from this probability on, instead of the model's threshold
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    probability: Option<f64>,
    /// What decides whether two clusters are joined
    #[arg(long, value_enum, default_value_t = By::Correlation)]
    method: By,
    /// The most records of one cluster; 0 is no bound
    #[arg(long, value_name = "COUNT", default_value_t = MOST_MEMBERS)]
    most_members: u32,
    /// With --method correlation: the probability at which a pair speaks neither for nor against its two clusters; usually
    /// somewhat below the threshold
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    neutral: Option<f64>,
    /// With --method best-link: what becomes of two equal pairs of one record; both are dropped, where nothing is said
    #[arg(long, value_enum)]
    ties: Option<OnTie>,
    /// Splits what a single pair below this probability holds together, where either side has two records or more
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    split_bridges: Option<f64>,
    /// Where the pairs and records are written that alone hold a cluster together (CSV)
    #[arg(long, value_name = "FILE")]
    bridges: Option<PathBuf>,
    /// A file that has nobody twice, so that no cluster takes two records of it
    #[arg(long, value_enum, value_name = "FILE")]
    free_of_duplicates: Vec<Whose>,
    /// Pairs that people judged (CSV): source, recipient, and same. Those of one individual are joined, those of two are
    /// kept apart, whatever they weigh
    #[arg(long, value_name = "FILE")]
    judged: Option<PathBuf>,
    /// Where the ids of clusters are kept (JSON), so that they stay what they are when data changes; begun if it isn't
    /// there. What `comity link part` said is kept to
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    #[command(flatten)]
    shares: Shares,
}

/// What decides whether two clusters are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// All pairs between the two, added up
    Correlation,
    /// One pair at the threshold is enough: connected components
    Connected,
    /// One pair is enough, and it must be the heaviest that either still has
    BestLink,
}

/// What becomes of two equal pairs of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OnTie {
    /// Neither is taken
    Drop,
    /// The one whose records stand first is taken
    Lowest,
}

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Whose {
    /// The first
    Source,
    /// The second
    Recipient,
}

impl Words {
    /// Refuses what the method that was asked for doesn't look at.
    fn check(&self) -> Result<(), Error> {
        let of = if self.neutral.is_some() && self.method != By::Correlation {
            Some(("--neutral", "--method correlation"))
        } else if self.ties.is_some() && self.method != By::BestLink {
            Some(("--ties", "--method best-link"))
        } else {
            None
        };
        of.map_or(Ok(()), |(option, of)| Err(Error::WithoutEffect { option, of }))
    }

    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        self.check()?;
        let model = Model::from_toml(&program::read(&self.model)?)?;
        let mut plan = (&model).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let threshold =
            self.probability.map_or(model.threshold(), |share| weight_from(&model, share));
        let weighs = self.method == By::Correlation;
        if self.pairs.is_some() && !weighs {
            // Nothing is compared, so nothing but the ids is read.
            plan.columns = &[];
        }
        let mut watch = Stopwatch::start();
        let (tables, _) = self.files.prepare(&plan, printer, &mut watch)?;
        let members = Members::new(&tables)?;
        let scorer = if plan.columns.is_empty() {
            None
        } else {
            Some(self.shares.scorer(&model, model.threshold(), &tables)?)
        };
        let bonds = match &self.pairs {
            Some(path) => read_bonds(path, &tables, &members)?,
            None => bonds(&model, threshold, (&tables, &self.shares), &members)?,
        };
        watch.lap("pairs");
        let policy = self.policy(&model, threshold);
        let free = self.free_of_duplicates.iter().map(|whose| match whose {
            Whose::Source => 0,
            Whose::Recipient => 1,
        });
        let mut constraints = Constraints::none().with_sources(members.sources(), free);
        if let Some(path) = &self.judged {
            constraints = with_judged(constraints, path, &tables, &members)?;
        }
        let known_as = |member| {
            known(&tables, &members, member).map(|(whose, record)| format!("{whose}:{record}"))
        };
        let mut registry = self.registry.as_deref().map(registry::begin).transpose()?;
        if let Some(registry) = &registry {
            constraints = with_parted(constraints, registry, &members, known_as)?;
        }
        let mut weigher = match &scorer {
            Some(scorer) if weighs => Some(Weigher::new(scorer)?),
            _ => None,
        };
        let weigh = |one, other| weigher.as_mut()?.weight(one, other);
        let clusters = cluster(members.count(), bonds, &policy, &constraints, weigh)?;
        watch.lap("cluster");
        let groups = clusters.groups();
        let mut ids = None;
        let mut happened = Vec::new();
        if let (Some(registry), Some(path)) = (&mut registry, &self.registry) {
            let named =
                |group: &Vec<Member>| group.iter().map(|member| known_as(*member)).collect();
            happened = registry.update(
                groups.iter().map(named).collect::<Result<Vec<BTreeSet<String>>, Error>>()?,
            )?;
            registry::write(path, registry)?;
            let id = |group: &Vec<Member>| match group.first() {
                Some(first) => Ok(registry.id(&known_as(*first)?).map_or(0, ClusterId::number)),
                None => Ok(0),
            };
            ids = Some(groups.iter().map(id).collect::<Result<Vec<u64>, Error>>()?);
        }
        write_clusters(&self.out, &tables, &members, &groups, ids.as_deref())?;
        if let Some(path) = &self.splits {
            write_splits(path, &tables, &members, &clusters)?;
        }
        if let Some(path) = &self.bridges {
            write_bridges(path, &tables, &members, &clusters)?;
        }
        watch.lap("write");
        self.tell(printer, &clusters, &groups, &happened, threshold, &watch);
        Ok(Done::Well)
    }

    fn policy(&self, model: &Model, threshold: f64) -> Policy {
        let method = match self.method {
            By::Correlation => Method::Correlation,
            By::Connected => Method::Connected,
            By::BestLink => Method::BestLink(match self.ties {
                Some(OnTie::Lowest) => Ties::Lowest,
                Some(OnTie::Drop) | None => Ties::Drop,
            }),
        };
        let weight = |share: Option<f64>| share.map(|share| weight_from(model, share));
        Policy {
            threshold,
            method,
            most_members: (self.most_members > 0).then_some(self.most_members),
            neutral: weight(self.neutral),
            weak_bridge: weight(self.split_bridges),
        }
    }

    fn tell(
        &self,
        printer: &Printer,
        clusters: &Clusters,
        groups: &[Vec<Member>],
        happened: &[Happening],
        threshold: f64,
        watch: &Stopwatch,
    ) {
        let mut sizes: BTreeMap<usize, u64> = BTreeMap::new();
        for group in groups {
            *sizes.entry(group.len()).or_insert(0) += 1;
        }
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for split in clusters.splits() {
            *reasons.entry(said(split.reason)).or_insert(0) += 1;
        }
        let bridges = clusters.bridges().bridges();
        let weak = bridges.iter().filter(|bridge| bridge.smaller_side >= 2).count() as u64;
        let of_more = groups.iter().filter(|group| group.len() > 1).count() as u64;
        let largest = sizes.last_key_value().map_or(0, |(size, _)| *size as u64);
        let out = super::super::shown(&self.out);
        printer.json(&serde_json::json!({
            "records": clusters.members(), "clusters": groups.len(), "of_two_or_more": of_more,
            "largest": largest, "sizes": sizes, "pairs_in_clusters": clusters.pairs(), "left_out": reasons,
            "bridges": bridges.len(), "bridges_between_twos": weak,
            "cut_records": clusters.bridges().cut_members().len(), "threshold": threshold, "ids": registry::counts(happened),
            "out": out, "seconds": super::seconds(watch),
        }));
        printer.wrapped(
            "records   ",
            &format!(
                "{} in {} clusters at {threshold:.2}, {} of them of two records or more, the largest of {largest}",
                thousands(u64::from(clusters.members())),
                thousands(groups.len() as u64),
                thousands(of_more),
            ),
        );
        let left: u64 = reasons.values().sum();
        let each: Vec<String> =
            reasons.iter().map(|(why, count)| format!("{} {why}", thousands(*count))).collect();
        let each = if each.is_empty() { String::new() } else { format!(": {}", each.join(", ")) };
        printer.wrapped("left out  ", &format!("{} pairs{each}", thousands(left)));
        if weak > 0 {
            let text = format!(
                "{} pairs alone hold two or more records to two or more others: look at these first",
                thousands(weak)
            );
            printer.wrapped("bridges   ", &text);
        }
        if self.registry.is_some() {
            registry::tell(printer, happened);
        }
        printer.labelled("clusters", &out);
        printer.line(CANNOT_ENTER);
    }
}

/// Compares, and returns the pairs from a threshold on, however many one record has.
pub(super) fn bonds(
    model: &Model,
    threshold: f64,
    (tables, shares): (&Tables, &Shares),
    members: &Members<'_>,
) -> Result<Vec<Bond>, Error> {
    let all = model.with_threshold(threshold)?.with_one_to_one(OneToOne::Off)?;
    let scorer = shares.scorer(&all, model.threshold(), tables)?;
    let links = linkage::link_in_detail(&scorer, Detail::Kept, |_| {})?;
    Ok(members.bonds(&links.pairs)?)
}

/// Clusters with nothing else said: by connected components, or by all pairs between two clusters added up; 0 is no bound
/// on members.
pub(super) fn connected_or_correlated(
    members: &Members<'_>,
    scorer: &Scorer<'_>,
    bonds: Vec<Bond>,
    threshold: f64,
    (connected, most_members): (bool, u32),
) -> Result<Clusters, Error> {
    let policy = Policy {
        method: if connected { Method::Connected } else { Method::Correlation },
        most_members: (most_members > 0).then_some(most_members),
        ..Policy::new(threshold)
    };
    let constraints = Constraints::none().with_sources(members.sources(), []);
    let mut weigher = if connected { None } else { Some(Weigher::new(scorer)?) };
    let weigh = |one, other| weigher.as_mut()?.weight(one, other);
    Ok(cluster(members.count(), bonds, &policy, &constraints, weigh)?)
}

fn read_bonds(path: &Path, tables: &Tables, members: &Members<'_>) -> Result<Vec<Bond>, Error> {
    let is_weight = |text: &str| text.parse().ok().filter(|weight: &f64| weight.is_finite());
    let named = pairs::read(path, tables, "weight", "a weight", is_weight)?;
    let bond = |pair: &pairs::Named| {
        let one = members.member(Side::Source, pair.source)?;
        let other = members.member(Side::Recipient, pair.recipient)?;
        Ok(Bond::new(one, other, pair.said))
    };
    named.iter().map(bond).collect()
}

/// Takes what people judged: one individual, or two.
fn with_judged(
    mut constraints: Constraints,
    path: &Path,
    tables: &Tables,
    members: &Members<'_>,
) -> Result<Constraints, Error> {
    for pair in pairs::judged(path, tables)? {
        let one = members.member(Side::Source, pair.source)?;
        let other = members.member(Side::Recipient, pair.recipient)?;
        constraints = if pair.said > 0.5 {
            constraints.with_must_link(one, other)
        } else {
            constraints.with_cannot_link(one, other)
        };
    }
    Ok(constraints)
}

/// Takes what was parted before, where both records are still there.
fn with_parted(
    mut constraints: Constraints,
    registry: &Registry<String>,
    members: &Members<'_>,
    known_as: impl Fn(Member) -> Result<String, Error>,
) -> Result<Constraints, Error> {
    let parted: BTreeSet<&String> =
        registry.cannot_links().flat_map(|(one, other)| [one, other]).collect();
    if parted.is_empty() {
        return Ok(constraints);
    }
    let mut found: BTreeMap<String, Member> = BTreeMap::new();
    for member in (0..members.count()).map(Member::new) {
        let record = known_as(member)?;
        if parted.contains(&record) {
            found.insert(record, member);
        }
    }
    for (one, other) in registry.cannot_links() {
        if let (Some(one), Some(other)) = (found.get(one), found.get(other)) {
            constraints = constraints.with_cannot_link(*one, *other);
        }
    }
    Ok(constraints)
}

/// Says in words why a pair was left out.
fn said(reason: Reason) -> &'static str {
    match reason {
        Reason::CannotLink => "said to be two",
        Reason::SourceTwice(_) => {
            "would have put two records of a file without duplicates together"
        }
        Reason::TooLarge => "would have made too large a cluster",
        Reason::Outweighed => "outweighed by the other pairs",
        Reason::WeakBridge => "too weak a bridge",
        Reason::Tie => "as good as another",
    }
}

/// Returns whose file a record is in, and what it is known by there.
pub(super) fn known<'t>(
    tables: &'t Tables,
    members: &Members<'_>,
    member: Member,
) -> Result<(&'static str, Cow<'t, str>), Error> {
    let (side, record) = members.record(member)?;
    Ok(named(tables, side, record))
}

fn named(tables: &Tables, side: Side, record: RecordRef) -> (&'static str, Cow<'_, str>) {
    let whose = match tables.link() {
        Link::Between if side == Side::Recipient => "recipient",
        Link::Between | Link::Within => "source",
        Link::Both => pairs::of(tables, record),
    };
    (whose, name(tables, side, record))
}

pub(super) fn write_clusters(
    path: &Path,
    tables: &Tables,
    members: &Members<'_>,
    groups: &[impl AsRef<[Member]> + Sync],
    ids: Option<&[u64]>,
) -> Result<(), Error> {
    let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
    program::write_in_pieces(path, |file| {
        writeln!(file, "cluster,file,record").map_err(cannot)?;
        program::write_rows(file, path, tables.threads(), groups, |before, groups, rows| {
            let mut records = Vec::new();
            // Some records at once, and then their ids, for they stand all over memory.
            for (piece, groups) in groups.chunks(LOOKED_UP).enumerate() {
                records.clear();
                for member in groups.iter().flat_map(AsRef::as_ref) {
                    records.push(members.record(*member)?);
                }
                let mut all: Vec<(&str, Cow<'_, str>)> =
                    records.iter().map(|(side, record)| named(tables, *side, *record)).collect();
                let mut rest = all.as_mut_slice();
                for (place, group) in (before + piece * LOOKED_UP..).zip(groups) {
                    let number = ids.map_or(place as u64 + 1, |ids| ids[place]);
                    let (own, others) = rest.split_at_mut(group.as_ref().len());
                    rest = others;
                    own.sort_unstable();
                    for same in own.chunk_by(PartialEq::eq) {
                        let (whose, record) = &same[0];
                        write!(rows, "{number},{whose},").map_err(cannot)?;
                        rows.extend_from_slice(field(record).as_bytes());
                        rows.push(b'\n');
                    }
                }
            }
            Ok(())
        })
    })
}

/// How many clusters' records are looked up at once.
const LOOKED_UP: usize = 256;

fn write_splits(
    path: &Path,
    tables: &Tables,
    members: &Members<'_>,
    clusters: &Clusters,
) -> Result<(), Error> {
    let rows = clusters.splits().iter().map(|split| {
        let pair = spelled(tables, members, &split.bond)?;
        Ok(format!("{pair},{}", said(split.reason)))
    });
    write_rows(path, "reason", rows)
}

/// Writes what alone holds a cluster together: pairs without which it would be two, and then records without which it would
/// be several.
fn write_bridges(
    path: &Path,
    tables: &Tables,
    members: &Members<'_>,
    clusters: &Clusters,
) -> Result<(), Error> {
    let held = clusters.bridges();
    let pairs = held.bridges().iter().map(|bridge| {
        let pair = spelled(tables, members, &bridge.bond)?;
        Ok(format!("{pair},{}", bridge.smaller_side))
    });
    let records = held.cut_members().iter().map(|cut| {
        let (whose, record) = known(tables, members, *cut)?;
        Ok(format!("{whose},{},,,,", field(&record)))
    });
    write_rows(path, "smaller_side", pairs.chain(records))
}

/// Writes pairs of records with their weights and one column more.
fn write_rows(
    path: &Path,
    column: &str,
    mut rows: impl Iterator<Item = Result<String, Error>>,
) -> Result<(), Error> {
    let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
    program::write_in_pieces(path, |file| {
        let mut file = BufWriter::new(file);
        writeln!(file, "one_file,one,other_file,other,weight,{column}").map_err(cannot)?;
        rows.try_for_each(|row| writeln!(file, "{}", row?).map_err(cannot))?;
        file.flush().map_err(cannot)
    })
}

/// A pair as these files have it: two records and the weight.
fn spelled(tables: &Tables, members: &Members<'_>, bond: &Bond) -> Result<String, Error> {
    let (one_file, one) = known(tables, members, bond.one)?;
    let (other_file, other) = known(tables, members, bond.other)?;
    let (one, other) = (field(&one), field(&other));
    Ok(format!("{one_file},{one},{other_file},{other},{:?}", bond.weight))
}
