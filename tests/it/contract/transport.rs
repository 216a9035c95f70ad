//! In memory and over sockets: the same answers, the same errors, the same journal.

use std::time::Duration;

use oar::core::clients::http::auth::Auth;
use oar::core::clients::http::policy::{HttpPolicy, Rules};
use oar::core::clients::http::{Http, ServiceHttp};
use oar::core::clients::retry::Repeat;
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::hosts::HostRule;
use oar::core::transport::{InMemory, Transport};
use oar::domain::credential::Credential;
use oar::domain::service::Service;
use oar::sim::auth::accepted;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::{Faults, Rule};
use oar::sim::scenario::Scenario;
use oar::sim::server::{Simulator, StartOptions};
use tokio_util::sync::CancellationToken;

/// Which way requests go.
#[derive(Debug, Clone, Copy)]
enum Way {
    Sockets,
    Memory,
}

struct Asked {
    simulator: Simulator,
    github: ServiceHttp,
}

const FILE: &str = "/repos/openshift/release-tests/contents/_releases/ocp-4.20-test-jobs-amd64.json";

async fn begin(way: Way, fault: Option<InjectedFault>) -> Asked {
    let mut scenario = Scenario::named("smooth", None, None).unwrap();
    (scenario.plan.sizes.images, scenario.plan.sizes.components) = (40, 8);
    let clock = VirtualClock::starting_at(scenario.start());
    let options = StartOptions { port: 0, scenario, seed: 7, clock: clock.clone(), faults: Faults::none() };
    let simulator = Simulator::start(options).await.unwrap();
    let is_silent =
        matches!(fault, Some(InjectedFault::Hang | InjectedFault::AppliedThenHang | InjectedFault::TlsTimeout));
    if let Some(fault) = fault {
        simulator.world().faults().add(Rule::on("github", fault)).unwrap();
    }
    let transport = match way {
        Way::Sockets => Transport::Network,
        Way::Memory => Transport::InMemory(InMemory::new(simulator.base_url(), simulator.in_memory())),
    };
    let policy = HttpPolicy {
        connect_timeout: Duration::from_secs(5),
        // Where nothing is ever answered, nothing is gained by waiting.
        read_timeout: if is_silent { Duration::from_millis(300) } else { Duration::from_secs(20) },
        total_timeout: Duration::from_secs(20),
        tries: 1,
        in_flight: 4,
        max_body_bytes: 1 << 20,
        hosts: HostRule::Loopback,
        rewrites: Vec::new(),
    };
    let clock = Clock::Virtual(clock);
    let http = Http::with_rules(policy, &Rules::default(), transport, clock, CancellationToken::new()).unwrap();
    let token = accepted(Credential::GithubToken).into();
    let github = http.service(Service::Github, &format!("{}/github", simulator.base_url()), Auth::Bearer(token));
    Asked { simulator, github }
}

impl Asked {
    /// A read, the same while it is unchanged, and a write: what came of each.
    async fn report(&self) -> Vec<String> {
        let first = self.github.get("read", FILE).send().await;
        let etag = first.as_ref().ok().and_then(|answer| answer.header("etag").map(str::to_owned)).unwrap_or_default();
        let again = self.github.get("read again", FILE).header("if-none-match", &etag).accept(&[304]).send().await;
        let body = serde_json::json!({ "message": "write", "content": "eA==", "branch": "z-stream" });
        let path = "/repos/openshift/release-tests/contents/new";
        let written = self.github.put("write", Repeat::LookFirst, path).json(&body).send().await;
        let shown = |outcome: Result<
            oar::core::clients::http::answer::Answer,
            oar::core::clients::error::ClientError,
        >| match outcome {
            Ok(answer) => format!("{} {:?} {} bytes", answer.status, answer.header("etag"), answer.body.len()),
            Err(error) => format!(
                "{:?} {:?} {:?} {:?} {}",
                error.class(),
                error.fault,
                error.retry_after_s,
                error.excerpt(),
                error.may_have_happened()
            ),
        };
        [first, again, written].map(shown).to_vec()
    }
}

#[tokio::test]
async fn an_answer_and_every_fault_mean_the_same_in_memory_and_over_sockets() {
    let only_without_a_shared_port =
        |fault: &InjectedFault| matches!(fault, InjectedFault::Refused | InjectedFault::TlsBadCert);
    let mut faults: Vec<Option<InjectedFault>> =
        InjectedFault::each_kind().into_iter().filter(|fault| !only_without_a_shared_port(fault)).map(Some).collect();
    faults.push(None);
    faults.push(Some(InjectedFault::Status { code: 429, retry_after_s: Some(7) }));
    for fault in faults {
        let (socket, memory) = (begin(Way::Sockets, fault.clone()).await, begin(Way::Memory, fault.clone()).await);
        assert_eq!(socket.report().await, memory.report().await, "{fault:?}");
        assert_eq!(socket.simulator.journal(), memory.simulator.journal(), "{fault:?}");
    }
}

#[tokio::test]
async fn nobody_listening_and_an_untrusted_certificate_end_before_anything_is_sent() {
    for fault in [InjectedFault::Refused, InjectedFault::TlsBadCert] {
        let asked = begin(Way::Memory, Some(fault)).await;
        let error = asked.github.get("read", FILE).send().await.unwrap_err();
        assert_eq!(error.fault, oar::core::clients::error::Fault::Unreachable);
        assert!(!error.may_have_happened());
    }
}

/// The same client, of a service at `base`.
fn service_at(base: &str) -> ServiceHttp {
    let policy = HttpPolicy {
        connect_timeout: Duration::from_millis(300),
        read_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(5),
        tries: 1,
        in_flight: 4,
        max_body_bytes: 1 << 20,
        hosts: HostRule::Loopback,
        rewrites: Vec::new(),
    };
    let clock = Clock::Virtual(VirtualClock::starting_at("2026-06-03T06:00:00Z".parse().unwrap()));
    let (rules, cancel) = (Rules::default(), CancellationToken::new());
    let http = Http::with_rules(policy, &rules, Transport::Network, clock, cancel).unwrap();
    http.service(Service::Github, base, Auth::Bearer("invented".into()))
}

/// A write that ends before anything was sent: a later try does no harm.
#[track_caller]
fn was_not_sent(what: &str, error: &oar::core::clients::error::ClientError) {
    assert_eq!(error.class(), oar::core::error::ErrorClass::Transient, "{what}: {error}");
    assert!(!error.may_have_happened(), "{what}: {error}");
}

#[tokio::test]
async fn a_port_without_listener_a_strange_certificate_and_a_silent_handshake_end_before_anything_is_sent() {
    let write = async |base: &str| service_at(base).put("write", Repeat::LookFirst, "/x").send().await.unwrap_err();
    let port = async || tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();

    let closed = port().await.local_addr().unwrap();
    was_not_sent("refused", &write(&format!("http://{closed}")).await);

    let silent = port().await;
    let base = format!("https://{}", silent.local_addr().unwrap());
    was_not_sent("tls_timeout", &write(&base).await);

    let folder = tempfile::tempdir().unwrap();
    let tcp = port().await;
    let base = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let hears = heard.clone();
    let router = axum::Router::new().fallback(async move || hears.store(true, std::sync::atomic::Ordering::Relaxed));
    let identity = stranger(folder.path());
    let serving = async { axum::serve(oar::web::tls::TlsListener::new(tcp, &identity), router).await };
    let error = tokio::select! {
        error = write(&base) => error,
        _ = serving => panic!("the server ended"),
    };
    was_not_sent("tls_bad_cert", &error);
    assert!(!heard.load(std::sync::atomic::Ordering::Relaxed));
}

/// A certificate of localhost that nobody vouches for.
fn stranger(folder: &std::path::Path) -> oar::web::tls::Identity {
    use openssl::pkey::PKey;
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut name = openssl::x509::X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut certificate = openssl::x509::X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&openssl::asn1::Asn1Time::days_from_now(1).unwrap()).unwrap();
    certificate.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    let (cert, secret) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, certificate.build().to_pem().unwrap()).unwrap();
    std::fs::write(&secret, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    oar::web::tls::Identity::read(&cert, &secret).unwrap()
}

#[tokio::test]
async fn a_simulator_that_stopped_cannot_be_reached_either_way() {
    for way in [Way::Sockets, Way::Memory] {
        let Asked { simulator, github } = begin(way, None).await;
        simulator.shutdown().await;
        let error = github.get("read", FILE).send().await.unwrap_err();
        assert_eq!(error.fault, oar::core::clients::error::Fault::Unreachable, "{way:?}");
    }
}
