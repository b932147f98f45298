//! `comity calibrate`: takes what people judged of a program's leads into the model's probabilities, and writes another model.
//! No run takes that one before an agreement names it, and then it begins with a pilot.

use super::run::cycle;
use super::{Done, Which, shown};
use crate::clock::Clock;
use crate::printer::{Printer, short, thousands};
use crate::run::calibrate::{CalibratedOutcome, calibrate};
use crate::{Error, program};
use linkage::Model;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(override_usage = "comity calibrate [OPTIONS] <PROGRAM> --officer <OFFICER>")]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The officer who has it calibrated, and who has an open account
    #[arg(long)]
    officer: String,
    /// The cycle whose leads were judged, where a model is trained at each; the latest if left out
    #[arg(long)]
    cycle: Option<String>,
    /// Where the other model is written
    #[arg(long, value_name = "FILE", default_value = "calibrated.toml")]
    to: PathBuf,
}

impl Words {
    pub(super) async fn carry_out(
        self,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        let (program, mut node) = self.which.open(clock).await?;
        let cycle = cycle(&program, self.cycle.as_deref(), clock)?;
        let officer = self.which.officer_with_account(&self.officer).await?.id;
        let outcome = Box::pin(calibrate(&program, &mut node, &officer, &cycle, printer)).await?;
        let calibrated = match outcome {
            CalibratedOutcome::Done(calibrated) => calibrated,
            CalibratedOutcome::Refused(refusal) => {
                printer.refusal(&refusal);
                return Ok(Done::Refused);
            }
        };
        program::write(&self.to, &calibrated.model.to_toml()?)?;
        let [before, after] =
            [calibrated.before.digest()?.to_string(), calibrated.model.digest()?.to_string()];
        let at = |model: &Model| model.probability(model.threshold());
        let threshold = |model: &Model| model.threshold();
        printer.json(&serde_json::json!({
            "judged": calibrated.judged, "same": calibrated.same, "in_doubt": calibrated.in_doubt,
            "unsure": calibrated.unsure, "waiting": calibrated.waiting, "before": before, "digest": after,
            "threshold_before": threshold(&calibrated.before), "threshold": threshold(&calibrated.model),
            "probability_before": at(&calibrated.before), "probability": at(&calibrated.model),
            "model": shown(&self.to),
        }));
        let count = |count: usize| thousands(count as u64);
        let (judged, same) = (count(calibrated.judged), count(calibrated.same));
        let in_doubt = count(calibrated.in_doubt);
        let text = format!(
            "{judged} leads, {same} of them of one person; {in_doubt} were in doubt, and these it learns from"
        );
        printer.wrapped("judged    ", &text);
        if calibrated.unsure > 0 {
            let unsure = count(calibrated.unsure);
            printer.wrapped("left out  ", &format!("{unsure} of which nobody was sure"));
        }
        if calibrated.waiting > 0 {
            let text = format!(
                "{} open leads have no judgement yet. If those judged were picked, and did not come by lot or by turn, \
                 what is learnt from them is wrong",
                thousands(calibrated.waiting)
            );
            printer.wrapped("waiting   ", &text);
        }
        let (now, was) = (at(&calibrated.model), at(&calibrated.before));
        let (new, old) = (threshold(&calibrated.model), threshold(&calibrated.before));
        let text = format!("{new:.2}, a probability of {now:.3}; it was {old:.2}, and {was:.3}");
        printer.wrapped("threshold ", &text);
        let text = format!("{} ({}), made of {}", shown(&self.to), short(&after), short(&before));
        printer.wrapped("model     ", &text);
        printer.wrapped(
            "next      ",
            "put it into the program as model.toml and its digest into the agreement, which is then another; once that is \
             signed, a run takes it and begins with a pilot",
        );
        Ok(Done::Well)
    }
}
