//! The people and pipelines around a release: ART, the test runs, the public side.
//!
//! They make world events follow one another; what an event does to a service is the service's matter.

use jiff::{SignedDuration, Timestamp};

use crate::domain::task::Task;
use crate::sim::act::Act;
use crate::sim::events::Event;
use crate::sim::facts::elliott::Behaviour;
use crate::sim::facts::{build_data, images, jira};
use crate::sim::records::{self, Record, Stream, Verdict};
use crate::sim::scenario::Progress;
use crate::sim::scenario::candidate::CHOICE;
use crate::sim::world::Facts;

/// How long ART needs to look at a failed stage release before it runs again.
const ART_REPAIRS: SignedDuration = SignedDuration::from_mins(150);
/// From the prod release to the merge of the shipment.
const MERGE: SignedDuration = SignedDuration::from_mins(20);
/// Hour of the release day at which advisories go live.
const LIVE_HOUR: SignedDuration = SignedDuration::from_hours(14);

/// Lets the actors react to what happened.
pub fn hear(facts: &mut Facts, event: &Event) {
    let timing = facts.release.timing.clone();
    let past = facts.release.past.clone();
    let shipment = facts.release.shipment_iid != 0;
    match event {
        Event::Begin => begin(facts),
        Event::Promote if !facts.actors.promoted => {
            facts.actors.promoted = true;
            if past.promoted {
                return;
            }
            facts.schedule_in(timing.acceptance, Event::PromotionAccepted);
            facts.schedule_in(timing.change_log, Event::ChangeLogReady);
            facts.schedule_in(timing.signature, Event::SignaturePublished);
            if !facts.release.begins_with_candidate {
                facts.schedule_in(timing.record, Event::PromotedRecordAppears);
            }
        }
        Event::CandidateChosen => chosen(facts),
        Event::PromotedRecordAppears => {
            promoted_record(facts, Verdict::Running);
            facts.schedule_in(timing.aggregation, Event::PromotedRecordAggregated);
        }
        Event::PromotedRecordAggregated => {
            let rejected = facts.release.problems.promoted_rejected;
            promoted_record(facts, if rejected { Verdict::Rejected } else { Verdict::Accepted });
        }
        Event::StageReleaseStarts => {
            facts.actors.stage_runs = true;
            let fails = facts.actors.stage_failures < facts.release.problems.stage_pipeline_failures;
            let end = if fails { Event::StageReleaseFails } else { Event::StageReleaseDone };
            facts.schedule_in(timing.stage_release_run, end);
        }
        Event::StageReleaseFails => {
            facts.actors.stage_failures += 1;
            facts.actors.stage_runs = false;
            facts.schedule_in(ART_REPAIRS, Event::Person(Act::RetryStageRelease));
        }
        Event::StageReleaseDone => {
            facts.actors.stage_runs = false;
            facts.actors.stage_released = true;
        }
        Event::QeApproved if !facts.actors.approved => {
            facts.actors.approved = true;
            if shipment && past.progress(Task::ChangeAdvisoryStatus.name()) != Progress::Passed {
                facts.schedule_in(timing.prod_release, Event::ProdRelease);
            }
        }
        Event::ProdRelease => {
            facts.schedule_in(MERGE, Event::MrMerged);
            if !facts.release.problems.portal_never_opens {
                facts.schedule_in(timing.portal, Event::PortalOpens);
            }
        }
        Event::Promote
        | Event::PromotionAccepted
        | Event::ChangeLogReady
        | Event::SignaturePublished
        | Event::QeApproved
        | Event::PortalOpens
        | Event::MrMerged
        | Event::ReleaseDay
        | Event::Errata(_)
        | Event::Gitlab(_)
        | Event::Jenkins(_)
        | Event::Prow(_)
        | Event::Stream(_)
        | Event::CandidateMade
        | Event::OriginalLooks
        | Event::Person(_) => {}
    }
}

/// Lays out the files that exist from the start and sets the first happenings going.
fn begin(facts: &mut Facts) {
    let minor = facts.release.release.minor();
    let registry = records::registry(minor, facts.release.sizes.record_jobs);
    facts.github.put_file("main", &records::registry_path(minor), &registry);
    for other in facts.release.streams.minors.clone().into_iter().filter(|other| *other != minor) {
        let registry = records::registry(other, facts.release.sizes.record_jobs);
        facts.github.put_file("main", &records::registry_path(other), &registry);
    }
    if facts.release.is_candidate_open {
        facts.schedule_in(CHOICE, Event::CandidateChosen);
    } else {
        tracked(facts);
    }
    if facts.release.begins_with_candidate {
        facts.schedule_in(SignedDuration::ZERO, Event::CandidateMade);
    } else {
        candidate_record(facts);
    }
    problems(facts);

    let (timing, past) = (facts.release.timing.clone(), facts.release.past.clone());
    let shipment = facts.release.shipment_iid != 0;
    if past.promoted {
        facts.schedule_in(SignedDuration::ZERO, Event::Promote);
        facts.schedule_in(SignedDuration::ZERO, Event::PromotionAccepted);
        facts.schedule_in(SignedDuration::ZERO, Event::ChangeLogReady);
        let later = |task: Task, delay| {
            if past.progress(task.name()) == Progress::Untouched { delay } else { SignedDuration::ZERO }
        };
        facts.schedule_in(later(Task::ImageSignedCheck, timing.signature), Event::SignaturePublished);
        match past.progress(Task::AnalyzePromotedBuild.name()) {
            Progress::Passed | Progress::Failed => {
                facts.schedule_in(SignedDuration::ZERO, Event::PromotedRecordAggregated);
            }
            Progress::Running => facts.schedule_in(SignedDuration::ZERO, Event::PromotedRecordAppears),
            Progress::Untouched => facts.schedule_in(timing.record, Event::PromotedRecordAppears),
        }
    } else {
        facts.schedule_in(timing.promotion, Event::Promote);
    }
    if shipment && past.stage_released {
        facts.schedule_in(SignedDuration::ZERO, Event::StageReleaseDone);
    } else if shipment {
        facts.schedule_in(timing.stage_release, Event::StageReleaseStarts);
    }
    if past.qe_approved {
        facts.schedule_in(SignedDuration::ZERO, Event::QeApproved);
        if past.progress(Task::ChangeAdvisoryStatus.name()) == Progress::Passed {
            facts.schedule_in(SignedDuration::ZERO, Event::ProdRelease);
        }
    }
    facts.schedule(live_at(facts.release.release_date), Event::ReleaseDay);
}

/// ART lists the release; z-streams are tracked besides, while candidates are found by nobody.
fn chosen(facts: &mut Facts) {
    facts.release.is_candidate_open = false;
    if let Ok(text) = build_data::releases_yml(&facts.release, &facts.base_url) {
        facts.build_data.releases_yml = text;
    }
    tracked(facts);
}

fn tracked(facts: &mut Facts) {
    if facts.release.release.candidate().is_none() {
        let (minor, tracking) = (facts.release.release.minor(), records::tracking(&facts.release));
        facts.github.put_file("z-stream", &records::tracking_path(minor), &tracking);
    }
}

/// When advisories go live on the release date.
pub(in crate::sim) fn live_at(date: jiff::civil::Date) -> Timestamp {
    date.to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(Timestamp::UNIX_EPOCH, |day| day.timestamp())
        .saturating_add(LIVE_HOUR)
        .unwrap_or(Timestamp::MAX)
}

/// Arranges what befalls the release from outside.
fn problems(facts: &mut Facts) {
    let problems = facts.release.problems.clone();
    let hours = SignedDuration::from_hours;
    if problems.previous_page_open
        && let Some(page) = facts.registry.versions.values().next()
    {
        let name = page.rsplit('/').next().unwrap_or_default().to_owned();
        facts.customer_portal.publish(&name);
    }
    if problems.merged_early {
        let after = facts.release.timing.stage_release + facts.release.timing.stage_release_run + hours(2);
        facts.schedule_in(after, Event::ProdRelease);
    }
    if problems.restricted_bugs {
        let cves: Vec<String> =
            jira::bugs(&facts.release).into_iter().filter(|bug| bug.cve).map(|bug| bug.key).collect();
        for key in cves {
            if let Some(issue) = facts.jira.issues.get_mut(&key) {
                issue.visible = false;
            }
        }
        facts.elliott.behaviour = Behaviour::CannotFetch;
    }
    if problems.missed_tracker {
        facts.elliott.miss("image", "OCPBUGS-70001");
    }
    if problems.unhealthy_images {
        let graded_low = images::outside_payload(&facts.release).into_iter().take(2).map(|component| component.name);
        facts.catalog_stage.unhealthy.extend(graded_low);
    }
    for (after, act) in problems.acts {
        facts.schedule_in(after, Event::Person(act));
    }
}

fn candidate_record(facts: &mut Facts) {
    let plan = &facts.release;
    let Some(build) = plan.nightly() else { return };
    let verdict = if plan.problems.candidate_rejected { Verdict::Rejected } else { Verdict::Accepted };
    let began = plan.start.saturating_sub(SignedDuration::from_hours(30)).unwrap_or(plan.start);
    let record = Record {
        build,
        pull_spec: &format!("registry.ci.example.com/ocp/release:{build}"),
        jobs: records::jobs(plan.release.minor(), Stream::Nightly, plan.sizes.record_jobs),
        began,
    };
    let (path, file) = (records::record_path(build), record.file(verdict));
    facts.github.put_file("record", &path, &file);
}

fn promoted_record(facts: &mut Facts, verdict: Verdict) {
    let began = *facts.actors.record_began.get_or_insert(facts.now);
    let plan = &facts.release;
    let build = plan.release.to_string();
    let record = Record {
        build: &build,
        pull_spec: &plan.release.payload(crate::sim::facts::images::PAYLOADS, "x86_64"),
        jobs: records::jobs(plan.release.minor(), Stream::Stable, plan.sizes.record_jobs),
        began,
    };
    let (path, file) = (records::record_path(&build), record.file(verdict));
    facts.github.put_file("record", &path, &file);
}
