//! What happens in the world of a story, and what can be seen of it.

use oar::domain::credential::Credential;
use oar::domain::service::Service;
use oar::sim::auth::accepted;
use oar::sim::events::Event;
use oar::sim::facts::{errata, gitlab};
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use oar::sim::journal::Raw;
use oar::sim::services::table;
use serde_json::Value;

use super::test_world::TestWorld;

impl TestWorld {
    /// ART puts the payload into the stable stream, and it is accepted there.
    pub(crate) fn payload_is_promoted(&self) {
        for event in [Event::Promote, Event::PromotionAccepted, Event::ChangeLogReady] {
            self.happens(event);
        }
    }

    /// The stage release of the shipment succeeds.
    pub(crate) fn stage_release_succeeds(&self) {
        self.happens(Event::StageReleaseStarts);
        self.happens(Event::StageReleaseDone);
    }

    /// The tests of the promoted build end well.
    pub(crate) fn tests_of_the_promoted_build_are_accepted(&self) {
        self.happens(Event::PromotedRecordAppears);
        self.happens(Event::PromotedRecordAggregated);
    }

    /// The mirror has the signature.
    pub(crate) fn signature_is_published(&self) {
        self.happens(Event::SignaturePublished);
    }

    /// Every advisory was pushed to staging by somebody else.
    pub(crate) fn everything_is_pushed(&self) {
        let mut facts = self.simulator.world().facts();
        let now = facts.now;
        let facts = &mut *facts;
        for (id, advisory) in &mut facts.errata.advisories {
            advisory.rhnqa = true;
            let push = errata::push::PushJob {
                id: *id,
                advisory: *id,
                target: advisory.content.stage_target().to_owned(),
                status: errata::push::PushStatus::Complete,
                respin: advisory.respin_count,
                created_at: now,
                updated_at: now,
            };
            facts.errata.pushes.insert(*id, push);
        }
    }

    /// A CVE tracker is taken off its advisory.
    pub(crate) fn a_tracker_is_detached(&self) {
        let mut facts = self.simulator.world().facts();
        let facts = &mut *facts;
        let tracker = facts.elliott.brew.values().flatten().next().expect("a tracker").clone();
        for advisory in facts.errata.advisories.values_mut() {
            advisory.jira_issues.remove(&tracker);
        }
    }

    /// Running pushes get the time that they need.
    pub(crate) fn push_finishes(&self) {
        self.time_passes("50m");
    }

    /// The running consistency job gets the time that it needs.
    pub(crate) fn consistency_job_finishes(&self) {
        self.time_passes("110m");
    }

    /// The running stage pipeline gets the time that it needs.
    pub(crate) fn stage_pipeline_finishes(&self) {
        self.time_passes("200m");
    }

    /// The advisory page becomes public.
    pub(crate) fn advisory_page_opens(&self) {
        self.happens(Event::PortalOpens);
    }

    /// The newest consistency job ends: `success`, `failure`, `aborted`, `error`.
    pub(crate) fn consistency_job_ends(&self, state: &'static str) {
        let mut facts = self.simulator.world().facts();
        let now = facts.now;
        let run = facts.prow.runs.values_mut().next_back().expect("a run");
        (run.state, run.ended) = (state, Some(now));
    }

    /// The running stage pipeline ends: `FAILURE`, `ABORTED`, `UNSTABLE`.
    pub(crate) fn stage_pipeline_ends(&self, result: &'static str) {
        let mut facts = self.simulator.world().facts();
        let now = facts.now;
        facts.jenkins.end_running(result, now);
    }

    /// Somebody else's request waits in front of the stage pipeline.
    pub(crate) fn somebody_queues_a_stage_pipeline(&self) {
        let mut facts = self.simulator.world().facts();
        let now = facts.now;
        facts.jenkins.somebody_queues("4.19", "registry.example.com/ocp/release:4.19.2-x86_64", now);
    }

    /// An advisory changes its state by somebody else's hand.
    pub(crate) fn advisory_becomes(&self, kind: &str, state: errata::rules::State) {
        let mut facts = self.simulator.world().facts();
        let id = facts.release.advisories[kind];
        facts.errata.advisories.get_mut(&id).expect("an advisory").state = state;
    }

    /// The state of an advisory, as the Errata Tool shows it.
    pub(crate) fn advisory_state(&self, kind: &str) -> &'static str {
        let facts = self.simulator.world().facts();
        facts.errata.advisories[&facts.release.advisories[kind]].state.name()
    }

    /// The shipment merge request is closed, merged or opened by somebody else.
    pub(crate) fn merge_request_becomes(&self, state: gitlab::merge_requests::MrState) {
        let mut facts = self.simulator.world().facts();
        let iid = facts.release.shipment_iid;
        facts.gitlab.merge_requests.get_mut(&iid).expect("a merge request").state = state;
    }

    /// Comments on the shipment merge request, oldest first.
    pub(crate) fn comments(&self) -> Vec<String> {
        let facts = self.simulator.world().facts();
        facts.gitlab.merge_requests[&facts.release.shipment_iid].notes.iter().map(|note| note.body.clone()).collect()
    }

    /// Everything else about the world.
    pub(crate) fn facts(&self) -> std::sync::MutexGuard<'_, oar::sim::world::Facts> {
        self.simulator.world().facts()
    }

    /// From now on a service answers nothing but this status.
    pub(crate) fn break_service(&self, service: &str, code: u16) {
        self.plan(Rule::on(service, InjectedFault::Status { code, retry_after_s: None }));
    }

    /// From now on a service answers a login page, with status 200.
    pub(crate) fn answers_a_login_page(&self, service: &str) {
        self.plan(Rule::on(service, InjectedFault::Html));
    }

    /// What goes wrong in this world.
    pub(crate) fn faults(&self) -> std::sync::MutexGuard<'_, oar::sim::faults::rules::Faults> {
        self.simulator.world().faults()
    }

    /// Did anything go wrong?
    pub(crate) fn was_disturbed(&self) -> bool {
        self.simulator.world().journal().any(|raw| raw.fault.is_some())
    }

    /// Nobody can look at the messages of Slack.
    pub(crate) fn break_history(&self) {
        self.plan(Rule::on("slack", InjectedFault::status(500)).path("conversations."));
    }

    /// What these services show is up to five minutes old.
    pub(crate) fn answers_are_old(&self, services: &[Service]) {
        self.answers_are_as_old_as(services, 300);
    }

    /// What these services show is up to so many seconds old.
    pub(crate) fn answers_are_as_old_as(&self, services: &[Service], seconds: u32) {
        let mut facts = self.simulator.world().facts();
        facts.disturbances.oldest_s.extend(services.iter().map(|service| (*service, seconds)));
    }

    /// All services work again.
    pub(crate) fn repair(&self) {
        self.simulator.world().faults().clear();
    }

    /// The next request of this kind is carried out, but its answer gets lost.
    pub(crate) fn answer_gets_lost(&self, service: &str, method: &str, path: &str) {
        self.plan(Rule::on(service, InjectedFault::AppliedThenError).method(method).path(path).times(1));
    }

    /// The next request of this kind is carried out, then the line breaks.
    pub(crate) fn line_breaks(&self, service: &str, method: &str, path: &str) {
        self.plan(Rule::on(service, InjectedFault::AppliedThenReset).method(method).path(path).times(1));
    }

    /// Requests of this kind answer nothing but this status.
    pub(crate) fn refuses(&self, service: &str, method: &str, path: &str, code: u16) {
        self.plan(Rule::on(service, InjectedFault::Status { code, retry_after_s: None }).method(method).path(path));
    }

    pub(crate) fn plan(&self, rule: Rule) {
        self.simulator.world().faults().add(rule).expect("a rule");
    }

    /// Asks Gangway as anybody with its token could.
    pub(crate) async fn asks_gangway(&self, path: &str) -> Value {
        let token = accepted(Credential::ApiToken);
        let url = format!("{}/gangway{path}", self.simulator.base_url());
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.expect("an answer");
        serde_json::from_str(&answer.text().await.expect("a whole answer")).expect("JSON")
    }

    /// Everything posted to Slack, oldest first: `#channel: text`.
    pub(crate) fn posted_messages(&self) -> Vec<String> {
        let facts = self.simulator.world().facts();
        facts.slack.messages.iter().map(|m| self.plain(&format!("#{}: {}", m.channel_name, m.text))).collect()
    }

    /// Every request so far that meant to change something outside, the state file aside.
    pub(crate) fn external_writes(&self) -> Vec<String> {
        let is_write = |raw: &Raw| raw.service != "github" && !table::is_look_up(&raw.service, &raw.method, &raw.path);
        let writes = self.simulator.world().journal().entries_of(is_write);
        writes.iter().map(|write| format!("{} /{}{}", write.method, write.service, write.path)).collect()
    }

    /// How many outside writes so far contain this text.
    pub(crate) fn writes_to(&self, text: &str) -> usize {
        self.external_writes().iter().filter(|write| write.contains(text)).count()
    }
}
