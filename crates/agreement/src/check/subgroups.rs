//! What must hold of the subgroups of an agreement: each is drawn from the recipient's own caseload, from an element that
//! stands there anyway, and from nothing by which nobody may be selected.

use super::{C, Check, F3};
use crate::{Category, Grouping, Kind};

impl Check<'_, '_> {
    pub(super) fn subgroups(&mut self) {
        let agreement = self.agreement;
        for (index, subgroup) in agreement.subgroups.iter().enumerate() {
            let path = format!("subgroups[{index}].element");
            if !self.reader.is_sound(&[&format!("subgroups[{index}]")]) {
                continue;
            }
            let kinds: &[Kind] = match subgroup.grouping {
                Grouping::Value {} => &[Kind::Code, Kind::Flag],
                Grouping::Years { .. } => &[Kind::Date],
                Grouping::Beginning { .. } => &[Kind::Code],
            };
            let reference = &subgroup.element;
            let Some(element) = self.element_of(reference, &path, kinds) else { continue };
            let caseload = agreement.caseload_id().map(|id| id.record_set);
            if caseload.is_some_and(|caseload| caseload != reference.record_set) {
                let what = format!("`{reference}` is no element of the recipient's caseload");
                let remedy = "name an element of the record set with the `caseload_id`: nothing is disclosed for a \
                              subgroup";
                self.add(&path, what, C, remedy);
            }
            if element.category.is_protected() {
                let what = format!(
                    "`{reference}` is protected or a proxy, and no subgroup: {}",
                    element.category
                );
                let remedy = "take it out: an audit for bias has an agreement of its own, with the purpose `bias_audit`, \
                              and is in aggregate";
                self.add(&path, what, Some("floor F3(e)"), remedy);
            }
            let is_a_date = matches!(subgroup.grouping, Grouping::Years { .. });
            if element.category == Category::Identity && !is_a_date {
                let what =
                    format!("`{reference}` says who somebody is: its groups would be people");
                self.add(&path, what, F3, "name an element that many people share");
            }
        }
    }
}
