//! The list of scenarios: name, meaning, and what befalls the release.

use jiff::SignedDuration;

use super::ReleasePlan;

type Fate = fn(&mut ReleasePlan);

const SMOOTH: (&str, &str, Fate) = ("smooth", "everything goes well", |_| {});

const LIST: &[(&str, &str, Fate)] = &[
    SMOOTH,
    ("stage-pipeline-fails-twice", "the stage release of the shipment fails twice before it succeeds", |plan| {
        plan.misfortunes.stage_pipeline_failures = 2
    }),
    ("push-fails-once", "one push to the staging CDN fails and has to be repeated", |plan| {
        plan.misfortunes.push_failures = 1;
    }),
    ("blocking-alert", "the RHCOS advisory carries a blocking security alert", |plan| {
        plan.misfortunes.blocking_alert = true;
    }),
    ("new-files", "an advisory is in the state NEW_FILES when it should be in QE", |plan| {
        plan.misfortunes.new_files = true;
    }),
    ("promoted-rejected", "the tests of the promoted payload end with a rejection", |plan| {
        plan.misfortunes.promoted_rejected = true;
    }),
    ("candidate-rejected", "the tests of the chosen nightly end with a rejection", |plan| {
        plan.misfortunes.candidate_rejected = true;
    }),
    ("portal-never-opens", "the public advisory page does not appear after the approval", |plan| {
        plan.misfortunes.portal_never_opens = true;
    }),
    ("previous-page-open", "the page of the release before is public all the time", |plan| {
        plan.misfortunes.previous_page_open = true;
    }),
    ("mr-merged-early", "the shipment is released and merged before QE approves it", |plan| {
        plan.misfortunes.merged_early = true;
    }),
    ("mr-closed", "somebody closes the shipment merge request in the middle", |plan| {
        plan.misfortunes.mr_closed = true;
    }),
    ("build-data-incomplete", "build data has no advisory numbers yet", |plan| {
        plan.misfortunes.build_data_incomplete = true;
    }),
    ("restricted-cve-bugs", "Jira hides CVE bugs, so elliott cannot list the trackers", |plan| {
        plan.misfortunes.restricted_bugs = true;
    }),
    ("missed-cve-tracker", "one CVE tracker is attached to nothing", |plan| {
        plan.misfortunes.missed_tracker = true;
    }),
    ("stop-ship-kernel", "the kernel of the RHCOS build may not be shipped", |plan| {
        plan.misfortunes.stop_ship_kernel = true;
    }),
    ("state-edited-by-hand", "a colleague commits to the state file in the middle", |plan| {
        plan.misfortunes.state_edited = true;
    }),
    ("gangway-token-expires", "the token of the job gateway expires after ten hours", |plan| {
        plan.disturbances.expiring = vec![("gangway", SignedDuration::from_hours(10))];
    }),
    ("slack-token-expires", "the token of the Slack bot expires after ten hours", |plan| {
        plan.disturbances.expiring = vec![("slack", SignedDuration::from_hours(10))];
    }),
    ("conflict-storm", "five writers work on the state file at once", |plan| plan.disturbances.writers = 5),
    ("rate-limits", "GitHub, Gangway and Slack grant only what they grant in real life", |plan| {
        plan.disturbances.limits = true;
    }),
    ("everything-slow", "answers take up to twenty seconds, some a minute", |plan| plan.disturbances.slow = true),
    ("outages-in-turn", "every five minutes another service is out", |plan| plan.disturbances.outages_in_turn = true),
];

/// Names of all scenarios.
pub const NAMES: &[&str] = &{
    let mut names = [""; LIST.len()];
    let mut n = 0;
    while n < LIST.len() {
        names[n] = LIST[n].0;
        n += 1;
    }
    names
};

/// What happens in the scenario `name`, in one sentence; nothing for an unknown name.
pub fn meaning(name: &str) -> &'static str {
    LIST.iter().find(|(known, ..)| *known == name).map_or("", |(_, meaning, _)| meaning)
}

/// Lets the scenario's fate befall a plan; false for an unknown name.
pub(super) fn befall(name: &str, plan: &mut ReleasePlan) -> bool {
    let Some((.., fate)) = LIST.iter().find(|(known, ..)| *known == name) else { return false };
    fate(plan);
    true
}
