//! The hands that stories put into the world, and their eyes on it.

use oar::sim::events::Event;
use oar::sim::faults::{Fault, Rule};
use serde_json::Value;

use super::town::Town;

/// What the world hears that is no write: searches and look-ups that travel as POST.
const LOOKS: &[(&str, &str)] = &[
    ("catalog_stage", "/graphql"),
    ("catalog_stage", "/"),
    ("jira", "/search"),
    ("slack", "/usergroups.list"),
    ("slack", "/users.lookupByEmail"),
    ("slack", "/conversations."),
    ("gitlab", "/api/graphql"),
    ("errata", "/security_alerts/refresh"),
];

impl Town {
    /// ART puts the payload into the stable stream, and it is accepted there.
    pub fn payload_is_promoted(&self) {
        for event in [Event::Promote, Event::PromotionAccepted, Event::ChangeLogReady] {
            self.happens(event);
        }
    }

    /// The stage release of the shipment succeeds.
    pub fn stage_release_succeeds(&self) {
        self.happens(Event::StageReleaseStarts);
        self.happens(Event::StageReleaseDone);
    }

    /// The tests of the promoted build end well.
    pub fn tests_of_the_promoted_build_are_accepted(&self) {
        self.happens(Event::PromotedRecordAppears);
        self.happens(Event::PromotedRecordAggregated);
    }

    /// The mirror has the signature.
    pub fn signature_is_published(&self) {
        self.happens(Event::SignaturePublished);
    }

    /// Running pushes get the time that they need.
    pub fn push_finishes(&self) {
        self.time_passes("50m");
    }

    /// The running consistency job gets the time that it needs.
    pub fn consistency_job_finishes(&self) {
        self.time_passes("110m");
    }

    /// The running stage pipeline gets the time that it needs.
    pub fn stage_pipeline_finishes(&self) {
        self.time_passes("200m");
    }

    /// The advisory page becomes public.
    pub fn advisory_page_opens(&self) {
        self.happens(Event::PortalOpens);
    }

    /// From now on a service answers nothing but this status.
    pub fn break_service(&self, service: &str, code: u16) {
        self.plan(Rule::on(service, Fault::Status { code, retry_after_s: None }));
    }

    /// All services work again.
    pub fn repair(&self) {
        self.simulator.world().faults().clear();
    }

    /// The next request of this kind is carried out, but its answer gets lost.
    pub fn answer_gets_lost(&self, service: &str, method: &str, path: &str) {
        self.plan(Rule::on(service, Fault::AppliedThenError).method(method).path(path).times(1));
    }

    /// The next request of this kind is carried out, then the line breaks.
    pub fn line_breaks(&self, service: &str, method: &str, path: &str) {
        self.plan(Rule::on(service, Fault::AppliedThenReset).method(method).path(path).times(1));
    }

    /// Requests of this kind answer nothing but this status.
    pub fn refuses(&self, service: &str, method: &str, path: &str, code: u16) {
        self.plan(Rule::on(service, Fault::Status { code, retry_after_s: None }).method(method).path(path));
    }

    fn plan(&self, rule: Rule) {
        self.simulator.world().faults().add(rule).expect("a rule");
    }

    /// Everything posted to Slack, oldest first: `#channel: text`.
    pub fn posted_messages(&self) -> Vec<String> {
        let facts = self.simulator.world().facts();
        facts.slack.messages.iter().map(|m| self.plain(&format!("#{}: {}", m.channel_name, m.text))).collect()
    }

    /// Every request so far that meant to change something outside, the state file aside.
    pub fn external_writes(&self) -> Vec<String> {
        writes_of(&self.simulator.journal())
    }

    /// How many outside writes so far contain this text.
    pub fn writes_to(&self, text: &str) -> usize {
        self.external_writes().iter().filter(|write| write.contains(text)).count()
    }
}

/// Every request of a journal that means to change something outside, the state file aside.
pub fn writes_of(journal: &str) -> Vec<String> {
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("a journal line"));
    lines.filter(is_write).map(|entry| {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        format!("{} /{}{}", text("method"), text("service"), text("path"))
    }).collect()
}

fn is_write(entry: &Value) -> bool {
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    let (service, path) = (text("service"), text("path"));
    !matches!(text("method"), "GET" | "HEAD")
        && service != "github"
        && !LOOKS.iter().any(|(of, part)| *of == service && path.contains(part))
}
