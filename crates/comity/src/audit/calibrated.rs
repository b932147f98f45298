//! The audit of calibrations: a model that judgements made came of so many that none tells of a single lead.

use super::Reading;
use crate::run::calibrate::FEWEST;

impl Reading<'_> {
    /// Judgements made a model: of those given, how many were of one person, and how many were in doubt. Entries of an earlier
    /// version say neither.
    pub(super) fn calibrated(&mut self, index: u64, judged: u64, told: Option<(u64, u64)>) {
        let fewest = FEWEST as u64;
        let Some((same, in_doubt)) = told else {
            if judged < fewest {
                self.too_few(index, judged);
            } else {
                self.open.push(format!(
                    "entry {index} does not say of how many leads in doubt a model was calibrated"
                ));
            }
            return;
        };
        if same > judged || in_doubt > judged {
            self.wrong(
                index,
                "it counts more leads in doubt, or of one person, than were judged",
                "compare the judgements in the case store",
            );
        } else if in_doubt < fewest {
            self.too_few(index, in_doubt);
        } else {
            self.counted.calibrated += 1;
        }
    }

    fn too_few(&mut self, index: u64, leads: u64) {
        let what = format!(
            "a model was calibrated by {leads} leads, and fewer than {FEWEST} in doubt would tell of single ones"
        );
        self.wrong(index, &what, "let no agreement name the model, and destroy it");
    }
}
