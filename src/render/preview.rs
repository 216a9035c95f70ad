//! What a change would do, in words: for the person at the terminal, and for whoever confirms for somebody else.

use jiff::Timestamp;

use super::text::clean;
use crate::domain::dates::stamp;
use crate::domain::foreign::{quoted, sentence};
use crate::domain::release::ZStream;
use crate::domain::shipment::MrState;
use crate::domain::state::entries::DID_NOT_HAPPEN;
use crate::operators::jobs::manual::{PreviewedRecord, RecordRequest};
use crate::operators::jobs::run_job::PreviewedJob;
use crate::operators::manual::issues::concerned;
use crate::operators::previewed::{ApprovalPass, PreviewedChange, StoredApproval};

/// What the change will do, one thing a line, as the question on a terminal goes on after "It will:".
pub fn consequences(previewed: &PreviewedChange, release: &ZStream) -> Vec<String> {
    match previewed {
        PreviewedChange::StoredApproval(StoredApproval {
            mr,
            advisories,
            ticket,
            ignores_release_date,
            new_wait_until,
        }) => {
            let advisories: Vec<_> = advisories.iter().map(|(impetus, id)| format!("{id} ({impetus})")).collect();
            let mut will = vec![
                format!("approve the merge request {mr}, unless it is merged or approved already"),
                format!(
                    "move advisories {} to REL_PREP once their page is public, unless they are there already",
                    advisories.join(", ")
                ),
            ];
            will.extend(new_wait_until.map(new_wait));
            if *ignores_release_date {
                will.push("not wait for the day before the release date".to_owned());
            }
            will.extend(ticket.as_ref().map(|ticket| format!("close the QE sub-tasks of {ticket}")));
            will
        }
        PreviewedChange::ShipmentApproval { mr, against } => {
            let approve = format!("approve the merge request {mr}, which lets its content go to the customers");
            std::iter::once(approve).chain(against.iter().map(|one| format!("pass over this: {one}"))).collect()
        }
        PreviewedChange::Takeover { from, to, mr } => vec![
            format!("take {release} over from @{from}, who is its release lead"),
            "set the owner of its advisories, and of the QE sub-tasks".to_owned(),
            format!("name @{to} as release lead on {mr}"),
        ],
        PreviewedChange::StatusByHand { task, before, after, overrides, .. } => {
            let change = format!("change {task} of {release} from {before} to {after}");
            std::iter::once(change).chain(overrides.iter().map(|one| format!("pass over this: {one}"))).collect()
        }
        PreviewedChange::ResolvedBlocker { issue, .. } => {
            vec![format!("resolve the blocker {} ({}): {}", issue.id, concerned(issue), issue.issue)]
        }
        PreviewedChange::Approval(_)
        | PreviewedChange::ForcedStart { .. }
        | PreviewedChange::DecidedBuild { .. }
        | PreviewedChange::Answered { .. } => facts(previewed, release),
    }
}

/// What the start of jobs will do, one job a line.
pub fn of_starts(jobs: &[PreviewedJob]) -> Vec<String> {
    let of_job = |PreviewedJob { order, before, is_open, starts: _ }: &PreviewedJob| {
        let with: Vec<String> = order.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(" ")) };
        let before = match (before.map(stamp), is_open) {
            (None, _) => String::new(),
            (Some(at), true) => format!("; unless the one runs that was asked for at {at} and not answered"),
            (Some(at), false) => format!("; the same was started at {at}"),
        };
        format!("start {}{with}{before}", order.job)
    };
    jobs.iter().map(of_job).collect()
}

/// What a change of a test record will do, and what the record says now.
pub fn of_record(previewed: &PreviewedRecord) -> String {
    let PreviewedRecord { of, request, verdict, accepted, promoted, jobs, passed } = previewed;
    let yes_or_no = |flag: &Option<bool>| match flag {
        None => "not yet",
        Some(true) => "yes",
        Some(false) => "no",
    };
    let what = match request {
        RecordRequest::Promote { reason } => {
            format!("Promote {} ({}), whatever its jobs say: {}", of.build, of.arch.name(), clean(reason))
        }
        RecordRequest::RejectPayload { takes_back, reason } => {
            let label = if *takes_back { "Take the rejected label off" } else { "Label as rejected" };
            format!("{label} the payload of {} ({}): {}", of.build, of.arch.name(), clean(reason))
        }
        RecordRequest::ReplaceRun { job, current, new, reason } => {
            format!("Let run {new} of {} count in the place of {current}: {}", clean(job), clean(reason))
        }
    };
    format!(
        "{what}\nVerdict: {}; accepted: {}; promoted: {}\nJobs: {jobs}, with a run that passed: {passed}",
        verdict.as_deref().unwrap_or("none yet"),
        yes_or_no(accepted),
        yes_or_no(promoted),
    )
}

/// The plan that somebody else confirms: cleaned facts, one a line.
pub fn plan(previewed: &PreviewedChange, release: &ZStream) -> String {
    facts(previewed, release).iter().map(|fact| clean(&sentence(fact))).collect::<Vec<_>>().join("\n")
}

fn facts(previewed: &PreviewedChange, release: &ZStream) -> Vec<String> {
    match previewed {
        PreviewedChange::Approval(pass) => approval(pass, release),
        PreviewedChange::StatusByHand { task, before, after, stored_reason, overrides, reason } => {
            let mut facts = vec![format!("set {task} of {release} by hand from {before} to {after}")];
            facts.extend(overrides.iter().map(|one| clean(one)));
            facts.extend(stored_reason.as_ref().map(|why| format!("stored about it: {}", quoted(why))));
            facts.extend(reason.as_ref().map(|reason| caller_says(reason)));
            facts
        }
        PreviewedChange::ForcedStart { task, before, reason } => vec![
            format!("start {task} of {release} although a gate may be closed; it is {before}"),
            "the closed gate, if there is one, is recorded with the reason".to_owned(),
            caller_says(reason),
        ],
        PreviewedChange::Answered { task, question, choice, reason } => vec![
            format!("answer {} to question {} of {release}: {}", quoted(choice), question.id, quoted(&question.text)),
            match choice == DID_NOT_HAPPEN {
                true => format!("{task} is put back, and its next run does it again: twice, if the answer is wrong"),
                false => format!("{task} is taken for started, and nothing is started again"),
            },
            caller_says(reason),
        ],
        PreviewedChange::ResolvedBlocker { issue, resolution } => {
            let tasks = match issue.related_tasks.is_empty() {
                true => "the whole release".to_owned(),
                false => issue.related_tasks.join(", "),
            };
            vec![
                format!("resolve blocker {} of {release}: {}", issue.id, quoted(&issue.issue)),
                format!("it holds back {}, which can go on then", clean(&tasks)),
                caller_says(resolution),
            ]
        }
        PreviewedChange::DecidedBuild { which, build, record, accept, reason } => {
            let verb = if *accept { "accept" } else { "reject" };
            vec![
                format!("{verb} the {which} build {build} of {release}"),
                format!("its test record says: {}", quoted(record)),
                caller_says(reason),
            ]
        }
        PreviewedChange::StoredApproval(_)
        | PreviewedChange::ShipmentApproval { .. }
        | PreviewedChange::Takeover { .. } => consequences(previewed, release),
    }
}

fn approval(pass: &ApprovalPass, release: &ZStream) -> Vec<String> {
    let mut lines = vec![format!("final approval of {release}")];
    lines.push(match &pass.mr_state {
        MrState::Open if pass.is_approved => format!("merge request {} is approved by this account already", pass.mr),
        MrState::Open => format!("approve merge request {} as it stands then", pass.mr),
        state @ (MrState::Merged | MrState::Closed | MrState::Other(_)) => {
            format!("merge request {} is {state}; no approval is given", pass.mr)
        }
    });
    if !pass.builds.is_empty() {
        lines.push(format!("it ships {}", pass.builds.join(", ")));
    }
    for advisory in &pass.advisories {
        let (id, kind, from) = (advisory.id, &advisory.impetus, &advisory.state);
        lines.push(match from.is_ready() {
            true => format!("advisory {id} ({kind}) is in {from} already"),
            false => format!("advisory {id} ({kind}) from {from} to REL_PREP, once its page is public"),
        });
    }
    lines.push("close the QE sub-tasks in Jira and tell the release's Slack channel".to_owned());
    lines.extend(pass.new_wait_until.map(new_wait));
    if pass.ignores_release_date {
        lines.push("the release date is ignored".to_owned());
    }
    lines.push("cannot be undone by us: REL_PREP hands the advisories over to be shipped".to_owned());
    lines
}

/// A Fail is left alone by everything that runs by itself: whoever runs it knows that it begins anew.
fn new_wait(until: Timestamp) -> String {
    format!("begin a new wait for the advisory page, until {}, because the approval has failed", stamp(until))
}

fn caller_says(text: &str) -> String {
    format!("the caller says: {}", quoted(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::advisory::AdvisoryState;
    use crate::domain::foreign::tests::{HOSTILE, assert_harmless};
    use crate::domain::ids::AdvisoryId;
    use crate::domain::task::Which;
    use crate::operators::previewed::PreviewedAdvisory;

    #[test]
    fn no_text_of_a_stranger_adds_a_line_to_what_a_person_confirms() {
        for hostile in HOSTILE {
            let text = || hostile.to_owned();
            let advisory =
                PreviewedAdvisory { id: AdvisoryId::new(1), impetus: text(), state: AdvisoryState::Other(text()) };
            let pass = ApprovalPass {
                mr: text(),
                mr_state: MrState::Other(text()),
                is_approved: false,
                builds: vec![text()],
                advisories: vec![advisory],
                ignores_release_date: true,
                goes_on: false,
                new_wait_until: None,
            };
            let decided = PreviewedChange::DecidedBuild {
                which: Which::Candidate,
                build: text(),
                record: text(),
                accept: true,
                reason: text(),
            };
            for (previewed, lines) in [(PreviewedChange::Approval(pass), 7), (decided, 3)] {
                let plan = plan(&previewed, &"4.20.17".parse().unwrap());
                assert_eq!(plan.lines().count(), lines, "{plan}");
                plan.lines().for_each(|line| assert_harmless(line, "plan"));
            }
        }
    }
}
