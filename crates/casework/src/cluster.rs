//! Cluster: the leads that the runs joined to one of the recipient's cases, and what a correction of a wrong link makes
//! of it. The recipient's record and one individual of the source are joined by a bond, however many of that
//! individual's records there are; a correction cuts the bond, and what hung on it is apart. What hangs on another bond
//! stays: it was found by itself. Floor F7.
//!
//! It moves no case: [`crate::Case::step`] does, and the store keeps the cut, so that no later run joins the two again.

use crate::{BondKey, LeadId, PairKey, Stage};

/// A lead, with what joined it to its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The lead.
    pub lead: LeadId,
    /// The pair that it is about.
    pub pair: PairKey,
    /// The bond; none for a lead that was found before bonds were kept.
    pub bond: Option<BondKey>,
    /// Where the lead stands.
    pub stage: Stage,
}

/// The leads about one of the recipient's cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The leads, of all runs.
    pub leads: Vec<Joined>,
}

/// What is apart once a bond is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The leads that hung on it, the corrected one among them.
    pub cut: Vec<Joined>,
    /// The leads that stay with the case.
    pub kept: Vec<Joined>,
}

impl Cluster {
    /// Parts what hangs on the bond of a lead from what does not. A lead that is not of the cluster cuts nothing.
    pub fn split(self, at: &LeadId) -> Split {
        let Some(wrong) = self.leads.iter().find(|one| one.lead == *at).cloned() else {
            return Split { cut: Vec::new(), kept: self.leads };
        };
        let hangs =
            |one: &Joined| one.pair == wrong.pair || (one.bond.is_some() && one.bond == wrong.bond);
        let (cut, kept) = self.leads.into_iter().partition(hangs);
        Split { cut, kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(lead: &str, pair: u8, bond: Option<u8>) -> Joined {
        Joined {
            lead: LeadId::typed(lead),
            pair: PairKey([pair; 32]),
            bond: bond.map(|bond| BondKey([bond; 32])),
            stage: Stage::Open,
        }
    }

    fn check(leads: &[Joined], at: &str, cut: &[&str]) {
        let split = Cluster { leads: leads.to_vec() }.split(&LeadId::typed(at));
        let names = |leads: &[Joined]| -> Vec<String> {
            leads.iter().map(|one| one.lead.to_string()).collect()
        };
        assert_eq!(names(&split.cut), cut);
        assert_eq!(split.cut.len() + split.kept.len(), leads.len(), "nothing is lost");
    }

    #[test]
    fn what_hangs_on_the_bond_is_cut_and_all_else_stays() {
        // One individual with two employers, found in two cycles; and somebody else who was joined as well.
        let leads = [
            joined("1-0001", 1, Some(7)),
            joined("1-0002", 2, Some(7)),
            joined("1-0003", 3, Some(8)),
            joined("2-0001", 1, Some(7)),
        ];
        check(&leads, "1-0001", &["1-0001", "1-0002", "2-0001"]);
        check(&leads, "1-0003", &["1-0003"]);
        check(&leads, "9-0009", &[]);
        check(&[], "1-0001", &[]);
    }

    #[test]
    fn leads_from_before_bonds_were_kept_are_cut_by_their_pair_alone() {
        let leads =
            [joined("1-0001", 1, None), joined("1-0002", 2, None), joined("2-0001", 1, Some(7))];
        check(&leads, "1-0001", &["1-0001", "2-0001"]);
        check(&leads, "1-0002", &["1-0002"]);
    }
}
