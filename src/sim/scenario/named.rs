//! The list of scenarios: name, meaning, and what befalls the release.

use jiff::SignedDuration;

use super::ReleasePlan;
use super::job_endings::JobEndings;
use super::streams::{Odd, Oddity, Streams};
use crate::domain::release::Minor;
use crate::domain::service::Service;
use crate::sim::act::Act;
use crate::sim::disturbances::KERBERIZED;
use crate::sim::disturbances::gateway::{Bucket, Foreign};
use crate::sim::faults::OLDEST_S;

type Alter = fn(&mut ReleasePlan);

const SMOOTH: (&str, &str, Alter) = ("smooth", "everything goes well", |_| {});

const fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

const LIST: &[(&str, &str, Alter)] = &[
    SMOOTH,
    ("stage-pipeline-fails-twice", "the stage release of the shipment fails twice before it succeeds", |plan| {
        plan.problems.stage_pipeline_failures = 2
    }),
    ("push-fails-once", "one push to the staging CDN fails and has to be repeated", |plan| {
        plan.problems.push_failures = 1;
    }),
    ("push-fails-twice", "the same push fails twice before it succeeds", |plan| {
        plan.problems.push_failures = 2;
    }),
    ("images-unhealthy", "two components are graded too low in the stage catalog until ART rebuilds them", |plan| {
        plan.problems.unhealthy_images = true;
    }),
    ("blocking-alert", "the RHCOS advisory carries a blocking security alert", |plan| {
        plan.problems.blocking_alert = true;
    }),
    ("new-files", "an advisory is in the state NEW_FILES when it should be in QE", |plan| {
        plan.problems.new_files = true;
    }),
    ("promoted-rejected", "the tests of the promoted payload end with a rejection", |plan| {
        plan.problems.promoted_rejected = true;
    }),
    ("payload-rejected-late", "ART rejects the payload that was accepted before, while its jobs run", |plan| {
        plan.problems.acts = vec![(hours(26), Act::RejectPromotion)];
    }),
    ("candidate-rejected", "the tests of the chosen nightly end with a rejection", |plan| {
        plan.problems.candidate_rejected = true;
    }),
    ("portal-never-opens", "the public advisory page does not appear after the approval", |plan| {
        plan.problems.portal_never_opens = true;
    }),
    ("previous-page-open", "the page of the release before is public all the time", |plan| {
        plan.problems.previous_page_open = true;
    }),
    ("mr-merged-early", "the shipment is released and merged before QE approves it", |plan| {
        plan.problems.merged_early = true;
    }),
    ("mr-closed", "somebody closes the shipment merge request in the middle", |plan| {
        plan.problems.acts = vec![(hours(12), Act::CloseMergeRequest)];
    }),
    ("build-data-incomplete", "build data has no advisory numbers yet", |plan| {
        plan.problems.build_data_incomplete = true;
    }),
    ("restricted-cve-bugs", "Jira hides CVE bugs, so elliott cannot list the trackers", |plan| {
        plan.problems.restricted_bugs = true;
    }),
    ("missed-cve-tracker", "one CVE tracker is attached to nothing", |plan| {
        plan.problems.missed_tracker = true;
    }),
    ("stop-ship-kernel", "the kernel of the RHCOS build may not be shipped", |plan| {
        plan.problems.stop_ship_kernel = true;
    }),
    ("state-edited-by-hand", "a colleague commits to the state file in the middle", |plan| {
        plan.problems.acts = [2, 30, 80].map(|after| (hours(after), Act::EditState)).to_vec();
    }),
    ("state-broken-by-hand", "a colleague leaves a state file that is no YAML, and mends it two hours later", |plan| {
        plan.problems.acts = vec![(hours(26), Act::BreakState), (hours(28), Act::MendState)];
    }),
    ("advisory-dropped", "ART drops the rpm advisory", |plan| {
        plan.problems.acts = vec![(hours(12), Act::DropAdvisory)];
    }),
    ("advisory-replaced", "ART makes another advisory in place of the rpm advisory", |plan| {
        plan.problems.acts = vec![(hours(12), Act::ReplaceAdvisory)];
    }),
    ("shipment-replaced", "ART opens another shipment merge request", |plan| {
        plan.problems.acts = vec![(hours(12), Act::ReplaceShipment)];
    }),
    ("date-moved-later", "ART moves the release date by a week", |plan| {
        plan.problems.acts = vec![(hours(48), Act::MoveDateLater)];
    }),
    ("date-moved-earlier", "ART moves the release date to the day before", |plan| {
        plan.problems.acts = vec![(hours(48), Act::MoveDateEarlier)];
    }),
    ("prod-job-played", "ART plays the prod job before QE approves; the merge request merges by itself", |plan| {
        plan.problems.acts = vec![(hours(60), Act::PlayProdJob)];
    }),
    ("jobs-forgotten", "Jenkins and Prow forget the jobs that run", |plan| {
        plan.problems.acts = vec![(hours(27), Act::ForgetBuilds), (hours(27), Act::ForgetProwJobs)];
    }),
    ("github-answers-old", "GitHub answers what it knew before, for ten minutes", |plan| {
        plan.problems.acts = [1, 25, 30].map(|after| (hours(after), Act::AnswerOld)).to_vec();
    }),
    (
        "kerberos-expired",
        "the Errata Tool takes the Kerberos ticket no longer after ten hours, until the event kinit",
        |plan| {
            plan.disturbances.expiring = vec![(KERBERIZED, hours(10))];
        },
    ),
    (
        "no-permission-404",
        "GitLab, then Jenkins, answer 404 for some hours, as to an account without permission",
        |plan| {
            plan.disturbances.hidden =
                vec![(Service::Gitlab, hours(0), hours(3)), (Service::Jenkins, hours(25), hours(29))];
        },
    ),
    ("slack-down", "Slack is out for the first three days", |plan| {
        plan.disturbances.out = vec![(Service::Slack, hours(0), hours(72))];
    }),
    ("gangway-token-expires", "the token of the job gateway expires after ten hours", |plan| {
        plan.disturbances.expiring = vec![(Service::Gangway, hours(10))];
    }),
    ("slack-token-expires", "the token of the Slack bot expires after ten hours", |plan| {
        plan.disturbances.expiring = vec![(Service::Slack, hours(10))];
    }),
    ("two-drivers", "another machine drives the same release at the same time", |plan| {
        plan.problems.second_driver = true;
    }),
    ("conflict-storm", "five writers work on the state file at once", |plan| plan.disturbances.writers = 5),
    ("rate-limits", "GitHub, Gangway and Slack grant only what they grant in real life", |plan| {
        plan.disturbances.limits = true;
    }),
    ("everything-slow", "answers take up to twenty seconds, some a minute", |plan| plan.disturbances.slow = true),
    (
        "old-answers",
        "look-ups show what was true up to five minutes ago, those of GitHub up to twenty seconds",
        |plan| {
            let minutes = [
                Service::Errata,
                Service::Gitlab,
                Service::Gangway,
                Service::Jenkins,
                Service::Jira,
                Service::Prow,
                Service::Slack,
            ];
            let minutes = minutes.map(|service| (service, OLDEST_S));
            plan.disturbances.oldest_s = minutes.into_iter().chain([(Service::Github, 20)]).collect();
        },
    ),
    ("flaky-everything", "one request in twenty meets one fault or another, of every service", |plan| {
        plan.disturbances.flaky_percent = 5;
    }),
    ("from-candidate", "the candidate nightly is made first, and test records come from runs of jobs", |plan| {
        plan.begin_with_candidate();
        // ART lists it at once, so that a rehearsal finds the release when it begins.
        plan.is_candidate_open = false;
    }),
    (
        "job-day",
        "a day with builds of 13 minors, a gateway of nine starts a minute, and a foreign caller there",
        job_day,
    ),
    ("streams-jump-back", "the same day, and for four hours all stable streams show the build before", |plan| {
        job_day(plan);
        plan.streams.odd = vec![Odd { stream: "4-stable", what: Oddity::Back, from: hours(10), to: hours(14) }];
    }),
    ("stream-broken", "the same day, and the nightly stream of one minor answers 500 for six hours", |plan| {
        job_day(plan);
        plan.streams.odd = vec![Odd { stream: "4.15.0-0.nightly", what: Oddity::Broken, from: hours(3), to: hours(9) }];
    }),
    (
        "runs-vanish",
        "the same day, and runs of test jobs end in errors, get stuck or lost, or hide for a moment",
        |plan| {
            job_day(plan);
            plan.job_endings = JobEndings {
                error_percent: 8,
                unseen_percent: 10,
                lost_percent: 3,
                stuck_percent: 2,
                ..plan.job_endings.clone()
            };
        },
    ),
    ("predecessor-writes", "the same day, and the original works on the same branch of test records", |plan| {
        job_day(plan);
        plan.streams.original = Some(vec![Minor::new(4, 12), Minor::new(4, 13)]);
    }),
    ("outages-in-turn", "every five minutes another service is out", |plan| plan.disturbances.outages_in_turn = true),
];

/// Builds of all minors that are tested, on a day when one run in five fails.
fn job_day(plan: &mut ReleasePlan) {
    let minors = (12..=22).map(|minor| Minor::new(4, minor)).chain([0, 1].map(|minor| Minor::new(5, minor)));
    plan.streams =
        Streams { minors: minors.collect(), nightlies: 3, stables: true, rejected_percent: 10, ..Streams::default() };
    plan.job_endings =
        JobEndings { failing_percent: 20, error_percent: 1, aborted_percent: 1, ..JobEndings::default() };
    let foreign = Foreign { every: hours(1), lasts: SignedDuration::from_mins(10) };
    plan.disturbances.gateway = Some(Bucket::of(5, 9).shared_with(foreign));
}

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

/// Alters a plan as the scenario says; false for an unknown name.
pub(super) fn befall(name: &str, plan: &mut ReleasePlan) -> bool {
    let Some((.., alter)) = LIST.iter().find(|(known, ..)| *known == name) else { return false };
    alter(plan);
    true
}
