//! The adjustment for term frequencies: of the levels in Splink, of the whole comparison in Comity.
//!
//! Within an import. What one adjustment for all levels cannot say is reported.

use crate::model::{Frequency, Level, Test};
use crate::splink::difference::{Changes, Difference};
use crate::splink::import::{Importer, ReadLevel};
use crate::splink::settings::FrequencyText;
use crate::splink::value::Value;

impl Importer {
    /// Makes the adjustment of the exact level the comparison's, and of the levels that grade likeness where all of them
    /// share it.
    pub(super) fn frequency(
        &mut self,
        place: &str,
        main: &Value,
        levels: &[Level],
        read: &[&ReadLevel<'_>],
    ) -> Option<Frequency> {
        let adjusted: Vec<Option<&FrequencyText>> = read
            .iter()
            .map(|level| level.written.frequency.as_ref().filter(|text| text.weight != 0.0))
            .collect();
        if adjusted.iter().all(Option::is_none) {
            return None;
        }
        let exact =
            levels.iter().position(|level| level.test == Test::Exact && level.column.is_none());
        let own = exact.and_then(|exact| adjusted.get(exact).copied().flatten());
        let own = own.filter(|own| main.is_plain() && main.column == [own.column.clone()]);
        // A level of its own u begins from that, but for the exact level, whose own it is.
        let alike = |text: &FrequencyText| {
            own.is_some_and(|own| FrequencyText { own_u: own.own_u, ..text.clone() } == *own)
                && !text.own_u
        };
        let others = || {
            let all = levels.iter().zip(&adjusted).enumerate();
            all.filter(|(index, _)| Some(*index) != exact).map(|(_, pair)| pair)
        };
        let similar = others().any(|(_, text)| text.is_some())
            && others().all(|(level, text)| !level.test.is_likeness() || text.is_some_and(alike));
        let lost = others().filter(|(level, text)| {
            text.is_some() && level.test != Test::Else && !(similar && level.test.is_likeness())
        });
        let mut lost: Vec<String> = lost.map(|(level, _)| format!("`{}`", level.label())).collect();
        if own.is_none() && exact.is_some_and(|exact| adjusted[exact].is_some()) {
            lost.insert(0, "`exact`".to_owned());
        }
        if !lost.is_empty() {
            self.report.push(
                Difference::new(
                    format!("{place}, term frequencies"),
                    Changes::Weights,
                    "adjusts each level for frequency by a column, weight and minimum of its own",
                    format!(
                        "adjusts for the compared column, and by one weight and minimum; not adjusted are {}",
                        lost.join(", ")
                    ),
                )
                .with_remedy("state `frequency` for the comparison, and train again"),
            );
        }
        let by_items = |level: &&Level| level.test.asks_for_equal_items();
        if let Some(level) = own.and(levels.iter().find(by_items)) {
            self.report.push(
                Difference::new(
                    format!("{place}, term frequencies"),
                    Changes::Weights,
                    "adjusts levels of items in common by whole lists or not at all",
                    format!(
                        "adjusts `{}` by the rarest item that the two lists share",
                        level.label()
                    ),
                )
                .with_remedy("leave `frequency` out of the comparison, if that is not meant"),
            );
        }
        own.map(|own| Frequency { weight: own.weight, minimum_u: own.minimum_u, similar })
    }
}
