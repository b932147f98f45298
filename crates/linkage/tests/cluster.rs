//! What must hold of all clusters, bridges, chains and ids, on graphs made here.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]
#![expect(clippy::float_cmp, reason = "weights are taken over as they are")]

use std::collections::{BTreeMap, BTreeSet};

use linkage::Error;
use linkage::cluster::{
    Bond, Bridges, ClusterId, Clusters, Constraints, Dendrogram, Happening, Member, Method, Policy,
    Reason, Registry, Ties, cluster,
};
use petgraph::graph::{NodeIndex, UnGraph};
use proptest::prelude::*;

const MEMBERS: u32 = 14;

fn member(number: u32) -> Member {
    Member::new(number)
}

fn bond(one: u32, other: u32, weight: f64) -> Bond {
    Bond::new(member(one), member(other), weight)
}

/// Weights of few values, so that ties come often.
fn bonds() -> impl Strategy<Value = Vec<Bond>> {
    let one = (0..MEMBERS, 0..MEMBERS, -6_i32..12)
        .prop_filter("two records", |(one, other, _)| one != other)
        .prop_map(|(one, other, weight)| bond(one, other, f64::from(weight)));
    prop::collection::vec(one, 0..40)
}

fn shuffled(bonds: Vec<Bond>) -> impl Strategy<Value = (Vec<Bond>, Vec<Bond>)> {
    (Just(bonds.clone()), Just(bonds).prop_shuffle())
}

fn policies() -> impl Strategy<Value = Policy> {
    let methods = prop::sample::select(vec![
        Method::Correlation,
        Method::Connected,
        Method::BestLink(Ties::Drop),
        Method::BestLink(Ties::Lowest),
    ]);
    let sizes = prop::option::of(1_u32..8);
    let weak = prop::option::of(-2.0..8.0_f64);
    (methods, sizes, weak, -4.0..4.0_f64).prop_map(
        |(method, most_members, weak_bridge, threshold)| Policy {
            method,
            most_members,
            weak_bridge,
            ..Policy::new(threshold)
        },
    )
}

/// Sources, of which 0 is free of duplicates, and pairs that must not be joined; two records that must.
fn constraints() -> impl Strategy<Value = Constraints> {
    let sources = prop::collection::vec(0_u16..4, MEMBERS as usize);
    let cannot = prop::collection::vec((0..MEMBERS, 0..MEMBERS), 0..5);
    (sources, cannot, prop::bool::ANY).prop_map(|(mut sources, cannot, has_must)| {
        // The two that must be joined are of a source that holds duplicates, and nothing forbids them.
        (sources[0], sources[1]) = (1, 1);
        let mut constraints = Constraints::none().with_sources(sources, [0]);
        for (one, other) in cannot {
            if one != other && (one.min(other), one.max(other)) != (0, 1) {
                constraints = constraints.with_cannot_link(member(one), member(other));
            }
        }
        if has_must { constraints.with_must_link(member(0), member(1)) } else { constraints }
    })
}

fn make(bonds: &[Bond], policy: &Policy, constraints: &Constraints) -> Clusters {
    cluster(MEMBERS, bonds.to_vec(), policy, constraints, |_, _| Some(-7.0)).unwrap()
}

fn firsts(clusters: &Clusters) -> Vec<u32> {
    (0..clusters.members()).map(|number| clusters.first(member(number)).number()).collect()
}

fn graph(bonds: &[Bond]) -> UnGraph<(), f64> {
    let mut graph = UnGraph::default();
    for _ in 0..MEMBERS {
        graph.add_node(());
    }
    for bond in bonds {
        graph.update_edge(at(bond.one), at(bond.other), bond.weight);
    }
    graph
}

fn at(member: Member) -> NodeIndex {
    NodeIndex::new(member.number() as usize)
}

/// Each pair once, the heaviest of its kind.
fn distinct(bonds: &[Bond], threshold: f64) -> Vec<Bond> {
    let mut heaviest: BTreeMap<(Member, Member), f64> = BTreeMap::new();
    for bond in bonds.iter().filter(|bond| bond.weight >= threshold) {
        let weight = heaviest.entry((bond.one, bond.other)).or_insert(bond.weight);
        *weight = weight.max(bond.weight);
    }
    heaviest.into_iter().map(|((one, other), weight)| Bond { one, other, weight }).collect()
}

/// The number of components of a graph.
fn components(bonds: &[Bond]) -> usize {
    petgraph::algo::connected_components(&graph(bonds))
}

proptest! {
    #[test]
    fn connected_clusters_are_the_components_of_the_graph(bonds in bonds(), threshold in -6.0..8.0_f64) {
        let policy =
            Policy { method: Method::Connected, most_members: None, ..Policy::new(threshold) };
        let clusters = make(&bonds, &policy, &Constraints::none());
        let graph = graph(&distinct(&bonds, threshold));
        prop_assert_eq!(clusters.count(), petgraph::algo::connected_components(&graph));
        for (one, other) in (0..MEMBERS).flat_map(|one| (0..MEMBERS).map(move |other| (one, other))) {
            let is_joined =
                petgraph::algo::has_path_connecting(&graph, at(member(one)), at(member(other)), None);
            prop_assert_eq!(clusters.first(member(one)) == clusters.first(member(other)), is_joined);
        }
        prop_assert!(clusters.splits().is_empty());
    }

    #[test]
    fn the_order_of_pairs_makes_no_difference(
        (bonds, others) in bonds().prop_flat_map(shuffled), policy in policies(), constraints in constraints(),
    ) {
        prop_assert_eq!(make(&bonds, &policy, &constraints), make(&others, &policy, &constraints));
    }

    #[test]
    fn no_contradiction_remains_and_no_cluster_is_too_large(
        bonds in bonds(), policy in policies(), sources in prop::collection::vec(0_u16..4, MEMBERS as usize),
        cannot in prop::collection::vec((0..MEMBERS, 0..MEMBERS), 0..5),
    ) {
        let cannot: Vec<_> = cannot.into_iter().filter(|(one, other)| one != other).collect();
        let mut constraints = Constraints::none().with_sources(sources.clone(), [0, 2]);
        for (one, other) in &cannot {
            constraints = constraints.with_cannot_link(member(*one), member(*other));
        }
        let clusters = make(&bonds, &policy, &constraints);
        for (one, other) in cannot {
            prop_assert_ne!(clusters.first(member(one)), clusters.first(member(other)));
        }
        for group in clusters.groups() {
            prop_assert!(policy.most_members.is_none_or(|most| group.len() <= most as usize));
            for free in [0, 2] {
                let of = |member: &&Member| sources[member.number() as usize] == free;
                prop_assert!(group.iter().filter(of).count() <= 1);
            }
        }
    }

    #[test]
    fn every_pair_at_the_threshold_is_kept_or_told_of_once(
        bonds in bonds(), policy in policies(), constraints in constraints(),
    ) {
        let clusters = make(&bonds, &policy, &constraints);
        let split: BTreeSet<(Member, Member)> =
            clusters.splits().iter().map(|split| (split.bond.one, split.bond.other)).collect();
        prop_assert_eq!(split.len(), clusters.splits().len());
        for bond in distinct(&bonds, policy.threshold) {
            let is_inside = clusters.first(bond.one) == clusters.first(bond.other);
            prop_assert_eq!(split.contains(&(bond.one, bond.other)), !is_inside);
        }
        // And every cluster hangs together by what it tells of.
        prop_assert_eq!(components(clusters.bonds()), clusters.count());
    }

    #[test]
    fn what_must_be_joined_is(bonds in bonds(), policy in policies(), constraints in constraints()) {
        let linked = constraints.clone().with_must_link(member(0), member(1));
        if let Ok(clusters) = cluster(MEMBERS, bonds, &policy, &linked, |_, _| None) {
            let are_parted = clusters.first(member(0)) != clusters.first(member(1));
            prop_assert!(!are_parted, "{:?}", clusters.splits());
        }
    }

    #[test]
    fn a_bridge_is_a_pair_without_which_there_is_one_cluster_more(bonds in bonds()) {
        let bonds = distinct(&bonds, f64::NEG_INFINITY);
        let found = Bridges::find(MEMBERS, &bonds);
        let bridges: BTreeSet<(Member, Member)> =
            found.bridges().iter().map(|bridge| (bridge.bond.one, bridge.bond.other)).collect();
        for left_out in &bonds {
            let rest: Vec<Bond> =
                bonds.iter().copied().filter(|bond| bond != left_out).collect();
            let is_bridge = components(&rest) > components(&bonds);
            prop_assert_eq!(bridges.contains(&(left_out.one, left_out.other)), is_bridge);
            if let Some(bridge) = found.bridges().iter().find(|bridge| bridge.bond == *left_out) {
                let policy = Policy { method: Method::Connected, most_members: None, ..Policy::new(-99.0) };
                let parted = make(&rest, &policy, &Constraints::none());
                let side = |end: Member| {
                    firsts(&parted).iter().filter(|first| **first == parted.first(end).number()).count()
                };
                prop_assert_eq!(bridge.smaller_side as usize, side(left_out.one).min(side(left_out.other)));
            }
        }
        for number in 0..MEMBERS {
            let is_apart = |bond: &&Bond| bond.one.number() != number && bond.other.number() != number;
            let rest: Vec<Bond> = bonds.iter().filter(is_apart).copied().collect();
            // Taken out, the record stands alone, which is one component that was part of another unless it was alone.
            let is_alone = rest.len() == bonds.len();
            let is_cut = components(&rest) > components(&bonds) + usize::from(!is_alone);
            prop_assert_eq!(found.cut_members().contains(&member(number)), is_cut);
        }
    }

    #[test]
    fn no_other_way_through_a_cluster_has_a_heavier_weakest_pair(bonds in bonds()) {
        let policy = Policy { method: Method::Connected, most_members: None, ..Policy::new(-99.0) };
        let clusters = make(&bonds, &policy, &Constraints::none());
        for (one, other) in (0..MEMBERS).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let (one, other) = (member(one), member(other));
            let Some(chain) = clusters.chain(one, other) else {
                prop_assert_ne!(clusters.first(one), clusters.first(other));
                continue;
            };
            // It leads from the one to the other.
            let end = chain.bonds().iter().fold(one, |at, bond| {
                assert!(bond.one == at || bond.other == at);
                if bond.one == at { bond.other } else { bond.one }
            });
            prop_assert_eq!(end, other);
            let least = chain.bonds().iter().map(|bond| bond.weight).fold(f64::INFINITY, f64::min);
            prop_assert_eq!(chain.weakest().weight, least);
            let heavier: Vec<Bond> =
                bonds.iter().copied().filter(|bond| bond.weight > least).collect();
            prop_assert!(!petgraph::algo::has_path_connecting(&graph(&heavier), at(one), at(other), None));
        }
    }

    #[test]
    fn a_dendrogram_cut_is_what_clustering_at_that_threshold_gives(
        bonds in bonds(), thresholds in prop::collection::vec(-7.0..12.0_f64, 1..6),
    ) {
        let dendrogram = Dendrogram::new(MEMBERS, bonds.clone()).unwrap();
        for cut in dendrogram.cuts(&thresholds) {
            let policy =
                Policy { method: Method::Connected, most_members: None, ..Policy::new(cut.threshold) };
            let clusters = make(&bonds, &policy, &Constraints::none());
            let sizes: Vec<usize> = clusters.groups().iter().map(Vec::len).collect();
            prop_assert_eq!(cut.clusters as usize, clusters.count());
            prop_assert_eq!(cut.pairs, clusters.pairs());
            prop_assert_eq!(cut.largest as usize, sizes.iter().copied().max().unwrap());
            prop_assert_eq!(cut.single as usize, sizes.iter().filter(|size| **size == 1).count());
            let at: Vec<u32> =
                dendrogram.at(cut.threshold).into_iter().map(Member::number).collect();
            prop_assert_eq!(at, firsts(&clusters));
        }
    }

    #[test]
    fn ids_do_not_depend_on_the_order_of_clusters(
        steps in prop::collection::vec(prop::collection::vec(0_u32..6, 12), 1..5), seed in any::<u64>(),
    ) {
        let (mut one, mut other) = (Registry::new(), Registry::new());
        let mut issued: BTreeSet<ClusterId> = BTreeSet::new();
        for step in steps {
            let groups = grouped(&step);
            let mut turned = groups.clone();
            turned.rotate_left(usize::try_from(seed % groups.len() as u64).unwrap());
            turned.reverse();
            let happened = one.update(groups.clone()).unwrap();
            prop_assert_eq!(&happened, &other.update(turned).unwrap());
            prop_assert_eq!(&one, &other);
            for event in happened {
                if let Happening::Issued { id, .. } = event {
                    prop_assert!(issued.insert(id), "an id is issued once");
                }
            }
            // The clusters are those that were handed in, whatever their ids.
            let kept: BTreeSet<BTreeSet<u32>> =
                one.clusters().map(|(_, records)| records.clone()).collect();
            prop_assert_eq!(kept, groups.into_iter().collect::<BTreeSet<_>>());
            // Nothing happens where nothing changed.
            let again: Vec<BTreeSet<u32>> =
                one.clusters().map(|(_, records)| records.clone()).collect();
            prop_assert!(one.clone().update(again).unwrap().is_empty());
        }
        let text = serde_json::to_string(&one).unwrap();
        prop_assert_eq!(serde_json::from_str::<Registry<u32>>(&text).unwrap(), one);
    }

    #[test]
    fn undoing_a_merger_restores_the_former_ids(
        sizes in (1_u32..6, 1_u32..6), asked in (0_u32..6, 0_u32..6),
    ) {
        let mut registry = Registry::new();
        let left: BTreeSet<u32> = (0..sizes.0).collect();
        let right: BTreeSet<u32> = (100..100 + sizes.1).collect();
        registry.update([left.clone(), right.clone()]).unwrap();
        let before = registry.clone();
        let happened = registry.update([&left | &right]).unwrap();
        prop_assert_eq!(happened.len(), 1);
        let (one, other) = (asked.0 % sizes.0, 100 + asked.1 % sizes.1);
        registry.part(&one, &other).unwrap();
        prop_assert!(registry.clusters().eq(before.clusters()));
        prop_assert_eq!(registry.cannot_links().collect::<Vec<_>>(), [&(one, other)]);
        // And the two are not put together again.
        let refused = registry.update([&left | &right]);
        let is_refused = matches!(refused, Err(Error::UnsoundRegistry { .. }));
        prop_assert!(is_refused);
        prop_assert!(registry.clusters().eq(before.clusters()));
        prop_assert!(registry.allow(&other, &one));
        registry.update([&left | &right]).unwrap();
    }
}

fn grouped(labels: &[u32]) -> Vec<BTreeSet<u32>> {
    let mut groups: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for (record, label) in (0..).zip(labels) {
        groups.entry(*label).or_default().insert(record);
    }
    groups.into_values().collect()
}

fn groups(clusters: &Clusters) -> Vec<Vec<u32>> {
    let numbers = |group: Vec<Member>| group.into_iter().map(Member::number).collect();
    clusters.groups().into_iter().map(numbers).collect()
}

/// The single best links of records of these sources, all or some of them free of duplicates.
fn best_links(
    sources: &[u16],
    free: &[u16],
    bonds: &[(u32, u32, f64)],
    ties: Ties,
) -> Vec<Vec<u32>> {
    let constraints = Constraints::none().with_sources(sources.to_vec(), free.iter().copied());
    let bonds = bonds.iter().map(|(one, other, weight)| bond(*one, *other, *weight)).collect();
    let policy = Policy { method: Method::BestLink(ties), ..Policy::new(0.5) };
    let members = u32::try_from(sources.len()).unwrap();
    groups(&cluster(members, bonds, &policy, &constraints, |_, _| None).unwrap())
}

#[test]
fn single_best_links_are_those_of_splinks_worked_graphs() {
    let (a, b, c, d) = (0, 1, 2, 3);
    // Three triads: in the third, the best link of either end lies elsewhere.
    let bonds = [(0, 1, 0.9), (1, 2, 0.7), (3, 5, 0.85), (4, 5, 0.9), (6, 5, 0.8), (6, 7, 0.7)];
    let sources = [a, b, c, a, b, c, a, b, c];
    let expected = vec![vec![0, 1, 2], vec![3, 4, 5], vec![6, 7], vec![8]];
    assert_eq!(best_links(&sources, &[a, b, c], &bonds, Ties::Lowest), expected);
    // A ring of two sources, and one record of a third.
    let bonds = [
        (0, 1, 0.92),
        (1, 2, 0.91),
        (2, 3, 0.99),
        (3, 4, 0.88),
        (4, 5, 0.9),
        (5, 0, 0.96),
        (3, 6, 0.91),
    ];
    let expected = vec![vec![0, 5], vec![1], vec![2, 3, 6], vec![4]];
    assert_eq!(best_links(&[a, b, a, b, a, b, d], &[a, b, d], &bonds, Ties::Lowest), expected);
    // A row of three sources: the record in the middle is left alone.
    let bonds = [(0, 1, 0.98), (1, 2, 0.9), (2, 3, 0.8), (3, 4, 0.81), (4, 5, 0.91), (5, 6, 0.99)];
    let expected = vec![vec![0, 1, 2], vec![3], vec![4, 5, 6]];
    assert_eq!(best_links(&[a, c, b, a, b, c, a], &[a, b, c], &bonds, Ties::Lowest), expected);
    // Two of one source are equally good for one of another; beside them, two equal links to two sources are no tie.
    let bonds = [(0, 2, 0.9), (1, 2, 0.9), (3, 4, 0.8), (3, 5, 0.8)];
    let sources = [a, a, b, a, b, c];
    assert_eq!(
        best_links(&sources, &[a, b, c], &bonds, Ties::Drop),
        [vec![0], vec![1], vec![2], vec![3, 4, 5]]
    );
    assert_eq!(
        best_links(&sources, &[a, b, c], &bonds, Ties::Lowest),
        [vec![0, 2], vec![1], vec![3, 4, 5]]
    );
    // A source that may hold duplicates: one to few.
    let bonds = [(0, 1, 0.9), (0, 2, 0.9), (0, 3, 0.8)];
    assert_eq!(best_links(&[a, b, b, b], &[a], &bonds, Ties::Drop), [vec![0, 1, 2, 3]]);
}

#[test]
fn one_wrong_pair_does_not_join_two_individuals() {
    // Two individuals of four records each, and one pair between them that is wrong.
    let mut bonds = Vec::new();
    for start in [0, 4] {
        for one in start..start + 4 {
            bonds.extend((one + 1..start + 4).map(|other| bond(one, other, 12.0)));
        }
    }
    bonds.push(bond(3, 4, 6.0));
    let policy = Policy::new(0.0);
    let clusters =
        cluster(8, bonds.clone(), &policy, &Constraints::none(), |_, _| Some(-9.0)).unwrap();
    assert_eq!(groups(&clusters), [vec![0, 1, 2, 3], vec![4, 5, 6, 7]]);
    assert_eq!(clusters.splits().len(), 1);
    assert_eq!(clusters.splits()[0].reason, Reason::Outweighed);
    // Connected components join them, and show the bridge that does it; a bound on bridges parts them again.
    let connected = Policy { method: Method::Connected, ..policy };
    let joined = cluster(8, bonds.clone(), &connected, &Constraints::none(), |_, _| None).unwrap();
    assert_eq!(joined.count(), 1);
    assert_eq!(joined.bridges().bridges().len(), 1);
    assert_eq!(joined.bridges().bridges()[0].bond, bond(3, 4, 6.0));
    assert_eq!(joined.bridges().bridges()[0].smaller_side, 4);
    assert_eq!(joined.bridges().cut_members(), [member(3), member(4)]);
    let strict = Policy { weak_bridge: Some(6.1), ..connected };
    let parted = cluster(8, bonds.clone(), &strict, &Constraints::none(), |_, _| None).unwrap();
    assert_eq!(parted.count(), 2);
    assert_eq!(parted.splits()[0].reason, Reason::WeakBridge);
    assert!(parted.bridges().bridges().is_empty());
    // At its own weight the bridge isn't weak.
    let lenient = Policy { weak_bridge: Some(6.0), ..connected };
    assert_eq!(cluster(8, bonds, &lenient, &Constraints::none(), |_, _| None).unwrap().count(), 1);
}

#[test]
fn a_bound_on_size_leaves_the_lightest_pairs_out() {
    let row = |count: u32| (1..count).map(|at| bond(at - 1, at, f64::from(at))).collect::<Vec<_>>();
    for method in [Method::Connected, Method::Correlation] {
        let policy = Policy { method, most_members: Some(3), ..Policy::new(0.0) };
        let clusters = cluster(4, row(4), &policy, &Constraints::none(), |_, _| None).unwrap();
        assert_eq!(groups(&clusters), [vec![0], vec![1, 2, 3]]);
        assert_eq!(clusters.splits()[0].reason, Reason::TooLarge);
    }
    // A chain of a million records is no trouble for what follows chains, and without a bound it is one cluster.
    let long: Vec<Bond> = (1..1_000_000).map(|at| bond(at - 1, at, 1.0)).collect();
    let policy = Policy { method: Method::Connected, most_members: None, ..Policy::new(0.0) };
    let clusters = cluster(1_000_000, long, &policy, &Constraints::none(), |_, _| None).unwrap();
    assert_eq!((clusters.count(), clusters.bridges().bridges().len()), (1, 999_999));
}

#[test]
fn a_threshold_includes_pairs_of_exactly_its_weight() {
    for method in [Method::Connected, Method::Correlation, Method::BestLink(Ties::Lowest)] {
        for (weight, clusters) in [(2.0, 1), (1.999, 2)] {
            let policy = Policy { method, ..Policy::new(2.0) };
            let made =
                cluster(2, vec![bond(0, 1, weight)], &policy, &Constraints::none(), |_, _| None);
            assert_eq!(made.unwrap().count(), clusters, "{method:?} {weight}");
        }
    }
    let none =
        cluster(0, Vec::new(), &Policy::new(0.0), &Constraints::none(), |_, _| None).unwrap();
    assert_eq!((none.count(), none.pairs(), none.measures()), (0, 0, Vec::new()));
}

#[test]
fn a_star_hangs_on_one_record_and_a_triangle_on_none() {
    let bonds = vec![
        bond(0, 1, 3.0),
        bond(0, 2, 2.0),
        bond(0, 3, 4.0),
        bond(4, 5, 1.0),
        bond(5, 6, 1.0),
        bond(4, 6, 1.0),
        bond(7, 8, 9.0),
    ];
    let policy = Policy { method: Method::Connected, ..Policy::new(0.0) };
    let clusters = cluster(9, bonds, &policy, &Constraints::none(), |_, _| None).unwrap();
    let measures = clusters.measures();
    assert_eq!(measures.len(), 3);
    let (star, triangle, pair) = (&measures[0], &measures[1], &measures[2]);
    assert_eq!((star.density, star.centralisation, star.bridges), (0.5, Some(1.0), 3));
    assert_eq!((star.lightest, star.degrees[0]), (2.0, (member(0), 3)));
    assert_eq!((star.centrality(3), star.centrality(1)), (1.0, 1.0 / 3.0));
    assert_eq!((triangle.density, triangle.centralisation, triangle.bridges), (1.0, Some(0.0), 0));
    assert_eq!((pair.members(), pair.density, pair.centralisation), (2, 1.0, None));
}

#[test]
fn what_cannot_be_clustered_is_said() {
    let policy = Policy::new(0.0);
    let make =
        |bonds, constraints: &Constraints| cluster(3, bonds, &policy, constraints, |_, _| None);
    let (none, one, two) = (Constraints::none(), member(1), member(2));
    let contradictory = none.clone().with_must_link(member(0), one).with_must_link(one, two);
    let contradictory = contradictory.with_cannot_link(two, member(0));
    let cases = [
        make(vec![bond(0, 3, 1.0)], &none),
        make(vec![bond(0, 1, f64::NAN)], &none),
        make(vec![bond(0, 1, f64::INFINITY)], &none),
        make(Vec::new(), &none.clone().with_must_link(one, member(3))),
        make(Vec::new(), &none.clone().with_cannot_link(one, one)),
        make(Vec::new(), &none.with_sources(vec![0; 2], [0])),
        make(Vec::new(), &contradictory),
    ];
    for case in cases {
        assert!(matches!(case, Err(Error::UnsoundClustering { .. })), "{case:?}");
    }
}

#[test]
fn ids_follow_the_most_records_and_the_older_of_two() {
    let set = |records: &[u32]| -> BTreeSet<u32> { records.iter().copied().collect() };
    let id = ClusterId::new;
    let mut registry = Registry::new();
    registry.update([set(&[1, 2, 3]), set(&[4, 5]), set(&[6, 7])]).unwrap();
    // 3 leaves 1 for 2; both have then as many of the new cluster as each other, and the older id is kept for it.
    let happened =
        registry.update([set(&[1, 2]), set(&[3, 4, 5]), set(&[6, 8]), set(&[7])]).unwrap();
    let expected = [
        Happening::Issued { id: id(4), records: 1 },
        Happening::Split { from: id(1), into: vec![id(2)] },
        Happening::Split { from: id(3), into: vec![id(4)] },
    ];
    assert_eq!(happened, expected);
    let now = |registry: &Registry<u32>, record| registry.id(&record).map(ClusterId::number);
    assert_eq!(
        [1, 3, 6, 7, 9].map(|record| now(&registry, record)),
        [Some(1), Some(2), Some(3), Some(4), None]
    );
    // All go into one: the id of the most records, and what went into it can still be found.
    let happened = registry.update([set(&[1, 2, 3, 4, 5, 6, 8])]).unwrap();
    let expected = [
        Happening::Merged { from: id(1), into: id(2) },
        Happening::Merged { from: id(3), into: id(2) },
        Happening::Ended { id: id(4) },
    ];
    assert_eq!(happened, expected);
    assert_eq!([1, 2, 3].map(|number| registry.current(id(number))), [Some(id(2)); 3]);
    assert_eq!([4, 5].map(|number| registry.current(id(number))), [None; 2]);
    // Parting two that never had two ids: the one named last leaves alone.
    let happened = registry.part(&4, &5).unwrap();
    assert_eq!(happened[0], Happening::Parted { from: id(2) });
    assert_eq!((now(&registry, 5), now(&registry, 4)), (Some(5), Some(2)));
    // A former id comes back for its records, whoever parts them.
    let happened = registry.update([set(&[1, 2]), set(&[3, 4, 6, 8]), set(&[5])]).unwrap();
    assert_eq!(happened[0], Happening::Restored { id: id(1), records: 2 });
    assert!(registry.part(&1, &1).is_err());
    for unsound in [vec![set(&[])], vec![set(&[1]), set(&[1, 2])], vec![set(&[4, 5])]] {
        let before = registry.clone();
        assert!(matches!(registry.update(unsound), Err(Error::UnsoundRegistry { .. })));
        assert_eq!(registry, before, "what is refused changes nothing");
    }
}

#[test]
fn a_registry_that_cannot_be_is_not_read() {
    let sound = r#"{"next":3,"clusters":{"1":[1,2]},"former":{"2":{"into":1,"records":[2]}},"cannot":[[1,3]]}"#;
    let registry: Registry<u32> = serde_json::from_str(sound).unwrap();
    assert_eq!(registry.current(ClusterId::new(2)), Some(ClusterId::new(1)));
    for (from, to) in [
        ("\"next\":3", "\"next\":2"),
        ("{\"1\":[1,2]}", "{\"1\":[]}"),
        ("{\"1\":[1,2]}", "{\"1\":[1,2],\"2\":[2]}"),
        ("{\"1\":[1,2]}", "{\"2\":[1,2]}"),
        ("[[1,3]]", "[[3,1]]"),
        ("\"cannot\"", "\"never\""),
    ] {
        let text = sound.replace(from, to);
        assert!(serde_json::from_str::<Registry<u32>>(&text).is_err(), "{text}");
    }
}
