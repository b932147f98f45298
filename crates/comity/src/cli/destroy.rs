//! `comity destroy`: destroys what was obtained under the agreement, once the day has come, and certifies it.

use super::{Done, Which};
use crate::Error;
use crate::clock::Clock;
use crate::destroy::Destroying;
use crate::printer::{Printer, thousands};
use agreement::{By, OfficerId, OfficerRole};

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The officer who has it done
    #[arg(long)]
    officer: String,
}

impl Words {
    pub(super) async fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        let (program, mut node) = self.which.open(clock).await?;
        clock.is_for(program.agreement().environment)?;
        let officer = OfficerId::new(&self.officer)?;
        // Whoever owns the folder and its keys keeps the node: an operator, whom the gate lets destroy what is over.
        let by = By::Officer { id: officer, roles: [OfficerRole::Operator].into() };
        let destroyed = match crate::destroy::destroy(&mut node, &program, by).await? {
            Destroying::Done(destroyed) => destroyed,
            Destroying::Refused(refusal) => {
                printer.refusal(&refusal);
                return Ok(Done::Refused);
            }
        };
        let digest = &destroyed.agreement;
        printer.json(&serde_json::json!({
            "agreement": destroyed.agreement, "rows": destroyed.rows,
            "leads": destroyed.leads, "kept": destroyed.kept,
        }));
        printer.labelled("destroyed", &format!("all that was obtained under {digest}"));
        for (table, rows) in &destroyed.rows {
            printer.labelled("", &format!("{} rows of {table}", thousands(*rows)));
        }
        if destroyed.kept > 0 {
            let kept = thousands(destroyed.kept);
            printer
                .labelled("kept", &format!("{kept} times that two records are not of one person"));
        }
        Ok(Done::Well)
    }
}
