//! Finds the pairs and records that alone hold a cluster together.
//!
//! After clustering, for the report and for the splitting of weak bridges. A bridge is a pair without which its cluster
//! would be two; a cut record is one without which it would be several. Both are where a single mistake makes one
//! individual of two. Which bridge is too weak is the policy's to say.
//!
//! Depth-first search with low points: Tarjan, [A Note on Finding the Bridges of a
//! Graph](https://doi.org/10.1016/0020-0190(74)90003-9), 1974; Hopcroft and Tarjan, 1973, for cut records. Without
//! recursion, since a cluster without a bound may be a chain of a million records.

use super::{Bond, Member};

/// A pair without which its cluster would be two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bridge {
    /// The pair.
    pub bond: Bond,
    /// How many records the smaller of the two would have.
    pub smaller_side: u32,
}

/// The pairs and records that alone hold clusters together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bridges {
    bridges: Vec<Bridge>,
    cut_members: Vec<Member>,
}

/// The pairs of each record, one list after the other.
struct Neighbours {
    /// Where each record's list begins.
    begins: Vec<usize>,
    /// The other record, and the place of the pair.
    lists: Vec<(Member, usize)>,
}

impl Neighbours {
    fn new(members: u32, bonds: &[Bond]) -> Self {
        let mut begins = vec![0_usize; members as usize + 1];
        for bond in bonds {
            begins[bond.one.index() + 1] += 1;
            begins[bond.other.index() + 1] += 1;
        }
        for member in 1..begins.len() {
            begins[member] += begins[member - 1];
        }
        let mut ends = begins.clone();
        let mut lists = vec![(Member::new(0), 0); 2 * bonds.len()];
        for (place, bond) in bonds.iter().enumerate() {
            for (own, other) in [(bond.one, bond.other), (bond.other, bond.one)] {
                lists[ends[own.index()]] = (other, place);
                ends[own.index()] += 1;
            }
        }
        Self { begins, lists }
    }

    fn of(&self, member: Member) -> &[(Member, usize)] {
        &self.lists[self.begins[member.index()]..self.begins[member.index() + 1]]
    }
}

/// A record on the way down.
struct Step {
    member: Member,
    /// The pair it was reached by; none for the record that the search began at.
    by: Option<usize>,
    /// How many of its pairs have been looked at.
    seen: usize,
    /// Whether some record below reaches no higher than this one.
    is_cut: bool,
    children: u32,
}

impl Bridges {
    /// Finds them among pairs, each of which comes once.
    pub fn find(members: u32, bonds: &[Bond]) -> Self {
        let neighbours = Neighbours::new(members, bonds);
        let mut search = Search {
            neighbours: &neighbours,
            order: vec![0; members as usize],
            low: vec![0; members as usize],
            below: vec![1; members as usize],
            next: 1,
            found: Vec::new(),
            cut_members: Vec::new(),
        };
        let mut bridges = Vec::new();
        for member in (0..members).map(Member::new) {
            if search.order[member.index()] == 0 && !neighbours.of(member).is_empty() {
                search.run(member);
                let all = search.below[member.index()];
                bridges.extend(search.found.drain(..).map(|(place, below)| Bridge {
                    bond: bonds[place],
                    smaller_side: below.min(all - below),
                }));
            }
        }
        bridges.sort_unstable_by(|one, other| one.bond.by_weight(&other.bond));
        let mut cut_members = search.cut_members;
        cut_members.sort_unstable();
        Self { bridges, cut_members }
    }

    /// Returns the pairs without which a cluster would be two, heaviest first.
    pub fn bridges(&self) -> &[Bridge] {
        &self.bridges
    }

    /// Returns the records without which a cluster would be several, in their order.
    pub fn cut_members(&self) -> &[Member] {
        &self.cut_members
    }
}

struct Search<'n> {
    neighbours: &'n Neighbours,
    /// When each record was first seen, from 1; 0 is not yet.
    order: Vec<u32>,
    /// The earliest record reached from it or below it by one pair that goes back.
    low: Vec<u32>,
    /// How many records stand below each one, itself among them.
    below: Vec<u32>,
    next: u32,
    /// Places of bridges, and how many records stand below them.
    found: Vec<(usize, u32)>,
    cut_members: Vec<Member>,
}

impl Search<'_> {
    fn run(&mut self, start: Member) {
        let mut way = vec![self.enter(start, None)];
        while let Some(step) = way.last_mut() {
            let (member, by) = (step.member, step.by);
            if let Some((other, place)) = self.neighbours.of(member).get(step.seen) {
                step.seen += 1;
                if Some(*place) == by {
                    continue;
                }
                match self.order[other.index()] {
                    0 => {
                        step.children += 1;
                        let next = self.enter(*other, Some(*place));
                        way.push(next);
                    }
                    seen => self.lower(member, seen),
                }
                continue;
            }
            let is_cut = match by {
                Some(_) => step.is_cut,
                // The search began here: only a second child shows that the first didn't reach it.
                None => step.children > 1,
            };
            if is_cut {
                self.cut_members.push(member);
            }
            way.pop();
            if let (Some(above), Some(place)) = (way.last_mut(), by) {
                self.leave(member, place, above);
            }
        }
    }

    fn enter(&mut self, member: Member, by: Option<usize>) -> Step {
        self.order[member.index()] = self.next;
        self.low[member.index()] = self.next;
        self.next += 1;
        Step { member, by, seen: 0, is_cut: false, children: 0 }
    }

    fn lower(&mut self, member: Member, to: u32) {
        self.low[member.index()] = self.low[member.index()].min(to);
    }

    fn leave(&mut self, member: Member, place: usize, above: &mut Step) {
        let low = self.low[member.index()];
        let reached = self.order[above.member.index()];
        self.lower(above.member, low);
        self.below[above.member.index()] += self.below[member.index()];
        above.is_cut |= low >= reached;
        if low > reached {
            self.found.push((place, self.below[member.index()]));
        }
    }
}
