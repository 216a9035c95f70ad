//! Every service can be hit by every kind of fault: a table, counted.

use oar::core::clients::http::policy::{HttpPolicy, Rules};
use oar::core::clients::http::{Http, ServiceHttp};
use oar::core::clock::Clock;
use oar::core::config::hosts::HostRule;
use oar::core::transport::{InMemory, Transport};
use oar::domain::service::Service;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use tokio_util::sync::CancellationToken;

use crate::contract::fixture::accepted_by;
use crate::rehearsal::{TestWorld, promoted};

/// A look-up of each service, and whether its answer is JSON: only that can be changed in its content.
const LOOK_UPS: [(Service, &str, bool); 19] = [
    (Service::Errata, "/api/v1/erratum/155171", true),
    (Service::Koji, "/", false),
    (Service::BrewDownload, "/nothing", false),
    (Service::Jira, "/rest/api/3/serverInfo", true),
    (Service::Gitlab, "/api/v4/projects/hybrid-platforms%2Fart%2Focp-shipment-data/merge_requests/2117", true),
    (Service::Jenkins, "/queue/api/json", true),
    (Service::Slack, "/auth.test", true),
    (Service::Github, "/repos/openshift/release-tests/contents/_releases?ref=z-stream", true),
    (Service::GithubRaw, "/openshift/release-tests/main/README.md", false),
    (Service::BuildData, "/openshift-eng/ocp-build-data/openshift-4.20/releases.yml", false),
    (Service::ReleaseController, "/api/v1/releasestream/4-stable/release/4.20.17", true),
    (Service::Gangway, "/v1/executions", true),
    (Service::Prow, "/prowjobs.js", true),
    (Service::Kube, "/apis", true),
    (Service::Signatures, "/nothing", false),
    (Service::Catalog, "/v1/images", true),
    (Service::CatalogStage, "/graphql", true),
    (Service::CustomerPortal, "/errata/RHBA-2026:12017", false),
    (Service::Registry, "/v2/", true),
];

struct Asked {
    world: TestWorld,
    http: Http,
}

impl Asked {
    async fn begin() -> Self {
        let world = promoted().await;
        let simulator = world.simulator();
        let transport = Transport::InMemory(InMemory::new(simulator.base_url(), simulator.in_memory()));
        let policy = HttpPolicy {
            connect_timeout: std::time::Duration::from_secs(5),
            read_timeout: std::time::Duration::from_secs(60),
            total_timeout: std::time::Duration::from_secs(60),
            tries: 1,
            in_flight: 1,
            max_body_bytes: 1 << 24,
            hosts: HostRule::Loopback,
            rewrites: Vec::new(),
        };
        let clock = Clock::Virtual(world.clock());
        let http = Http::with_rules(policy, &Rules::default(), transport, clock, CancellationToken::new()).unwrap();
        Self { world, http }
    }

    fn client(&self, service: Service) -> ServiceHttp {
        let simulator = self.world.simulator();
        self.http.service(service, &format!("{}/{service}", simulator.base_url()), accepted_by(service))
    }

    /// Does this fault hit a look-up of the service?
    async fn is_hit(&self, service: Service, path: &str, fault: &InjectedFault) -> bool {
        let simulator = self.world.simulator();
        simulator.world().journal().clear();
        simulator.world().faults().clear();
        simulator.world().faults().add(Rule::on(service.id(), fault.clone())).expect("a rule");
        drop(self.client(service).get("look", path).send().await);
        let journal = simulator.world().journal().entries();
        journal.iter().any(|entry| entry.service == service.id() && entry.fault == Some(fault.name()))
    }
}

#[tokio::test]
async fn every_service_can_be_hit_by_every_kind_of_fault() {
    let asked = Asked::begin().await;
    let (mut hit, mut missed) = (0, Vec::new());
    for (service, path, is_json) in LOOK_UPS {
        for fault in InjectedFault::each_kind() {
            let content = matches!(
                fault,
                InjectedFault::UnknownEnum { .. }
                    | InjectedFault::ExtraFields
                    | InjectedFault::MissingField { .. }
                    | InjectedFault::NullField { .. }
            );
            if content && !is_json {
                continue;
            }
            // Those of a certain field need one: a list without entries, or a page of nothing, has none.
            let named = |path: &str| Some(path.to_owned());
            let first = || if service == Service::Github { named("*.sha") } else { named("*") };
            #[expect(clippy::wildcard_enum_match_arm, reason = "the others need no field")]
            let fault = match fault {
                InjectedFault::MissingField { .. } => InjectedFault::MissingField { path: first() },
                InjectedFault::NullField { .. } => InjectedFault::NullField { path: first() },
                InjectedFault::UnknownEnum { .. } => InjectedFault::UnknownEnum { path: first() },
                other => other,
            };
            if asked.is_hit(service, path, &fault).await {
                hit += 1;
            } else {
                missed.push(format!("{service} x {}", fault.name()));
            }
        }
    }
    assert_eq!(missed, [""; 0]);
    // 25 kinds each, less the four of JSON where none is spoken.
    let others = LOOK_UPS.iter().filter(|(.., is_json)| !is_json).count();
    assert_eq!(hit, LOOK_UPS.len() * InjectedFault::each_kind().len() - others * 4);
}

#[test]
fn the_table_lists_every_simulated_service_once() {
    let listed: std::collections::BTreeSet<&str> = LOOK_UPS.iter().map(|(service, ..)| service.id()).collect();
    let simulated: std::collections::BTreeSet<&str> = oar::sim::services::table::answering().collect();
    assert_eq!(listed, simulated);
}
