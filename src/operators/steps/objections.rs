//! What speaks against an approval of the shipment, as far as state, build data and calendar tell. The final approval
//! stops at the first of it; whoever approves by hand is shown all of it, and may go on.

use super::replaced;
use crate::domain::approval::too_early;
use crate::domain::assembly::Assembly;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::task::{Task, TaskStatus};
use crate::operators::run::Run;

/// All of it, the worst first. Reads nothing but what the run has read.
pub fn standing(run: &Run<'_>, assembly: &Assembly) -> Vec<ClosedGate> {
    let open = run.state.issues().into_iter().filter(|issue| issue.is_open_blocker());
    let mut standing: Vec<_> =
        open.map(|issue| ClosedGate::Blocker { issue: issue.issue, id: Some(issue.id) }).collect();
    standing.extend(replaced::unsettled(run, assembly));
    let before = Task::tracked(assembly.flow()).filter(|task| *task != Task::ChangeAdvisoryStatus);
    let unmet = before.map(|task| (task, run.state.status(task))).filter(|(_, status)| *status != TaskStatus::Pass);
    standing.extend(unmet.map(|(task, status)| ClosedGate::Prerequisite { task, status }));
    standing.extend(too_early(assembly.due(), run.ctx.clock.today(), false));
    standing
}
