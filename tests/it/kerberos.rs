//! The real program with real tickets, against the simulated Errata Tool behind Kerberos.

mod realm;
mod stand_in;

use insta::assert_snapshot;
use oar::core::clients::http::ServiceHttp;
use oar::core::clients::http::auth::{Auth, Proof};
use oar::domain::service::Service;
use oar::domain::task::{Task, TaskStatus};

use crate::real_program::{Ended, ProgramWorld};
use realm::{Realm, Ticket};
use stand_in::{StandIn, http};

const TASK: &str = "check-rhcos-security-alerts";

/// A release with its report, its Errata Tool behind Kerberos, and a realm with a Kerberos server.
struct Office {
    world: ProgramWorld,
    realm: Realm,
    stand_in: StandIn,
}

impl Office {
    /// Nothing where no Kerberos server is installed.
    async fn open() -> Option<Self> {
        let realm = Realm::open().await?;
        let world = ProgramWorld::created().await;
        let stand_in = StandIn::start(&realm, &world.sim).await;
        Some(Self { world, realm, stand_in })
    }

    /// Runs the task against the stand-in that behaves as `manner`.
    async fn checks(&self, ticket: &Ticket, manner: &str) -> String {
        self.runs(TASK, ticket, &self.stand_in.url("localhost", manner)).await
    }

    async fn runs(&self, command: &str, ticket: &Ticket, errata: &str) -> String {
        let mut program = self.world.command(&[command]);
        program.env("OAR_ERRATA_AUTH", "negotiate").env("OAR_ERRATA_URL", errata).env_remove("ERRATA_TOKEN");
        program.envs(self.realm.client(ticket));
        let ended = Ended::of(&program.output().await.expect("the program starts"));
        assert!(!ended.err.contains("Negotiate ") && !ended.err.contains('@'), "{}", ended.err);
        // Log lines carry the time, which the pauses between tries move by chance.
        let err = ended.err.lines().filter(|line| !line.contains("Z: ERROR: ")).map(|line| format!("{line}\n"));
        format!("{}{}exit {}", ended.out, err.collect::<String>(), ended.code)
    }

    #[track_caller]
    fn expect(&self, status: TaskStatus) {
        assert_eq!(self.world.state().status(Task::CheckRhcosSecurityAlerts), status);
    }
}

#[tokio::test]
async fn only_a_valid_ticket_of_somebody_with_access_opens_the_errata_tool() {
    let Some(office) = Office::open().await else { return };
    let expiring = office.realm.kinit("tester", "1s").await;
    let tester = office.realm.kinit("tester", "1h").await;
    let stranger = office.realm.kinit("stranger", "1h").await;

    assert_snapshot!(office.checks(&Ticket::none(), "honest").await, @"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata cannot be asked: no Kerberos ticket (read an advisory)
      next: run kinit, then run it again
    exit 6
    ");
    assert_snapshot!(office.checks(&stranger, "honest").await, @r#"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata did not accept our Kerberos ticket (HTTP 403) (read an advisory), it says "Authorization Required"
      next: klist shows whose ticket it is: run kinit as somebody who has access to errata
    exit 6
    "#);
    let by_number = office.stand_in.url("127.0.0.1", "honest");
    assert_snapshot!(office.runs(TASK, &tester, &by_number).await, @"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata cannot be asked: no Kerberos service for host 127.0.0.1 (read an advisory)
      next: check OAR_ERRATA_URL: it must name the host as Kerberos knows it, not its number; klist shows whose ticket it is
    exit 6
    ");
    office.realm.expires(&expiring).await;
    assert_snapshot!(office.checks(&expiring, "honest").await, @"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata cannot be asked: the Kerberos ticket expired (read an advisory)
      next: ticket expired: run kinit, then run it again
    exit 6
    ");
    office.expect(TaskStatus::NotStarted);

    assert_snapshot!(office.checks(&tester, "honest").await, @"
    check-rhcos-security-alerts Pass: the RHCOS advisory 170172 has no blocking security alert
      did:  refresh the security alerts of advisory 170172
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    office.expect(TaskStatus::Pass);
}

#[tokio::test]
async fn an_answer_counts_only_when_its_sender_proved_who_it_is() {
    let Some(office) = Office::open().await else { return };
    let tester = office.realm.kinit("tester", "1h").await;

    let silent = office.checks(&tester, "silent").await;
    assert_snapshot!(silent, @"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata did not prove its identity; its answer is not used (read an advisory)
      next: check OAR_ERRATA_URL and what stands in between (proxy, VPN): somebody else may have answered
    exit 6
    ");
    assert_eq!(office.checks(&tester, "forged").await, silent);
    assert_eq!(office.checks(&tester, "moved").await, silent);
    assert_snapshot!(office.checks(&tester, "deaf").await, @r#"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata did not accept our Kerberos ticket (HTTP 401) (read an advisory), it says "Authorization Required"
      next: klist shows whose ticket it is: run kinit as somebody who has access to errata
    exit 6
    "#);
    office.expect(TaskStatus::NotStarted);
}

#[tokio::test]
async fn an_outage_of_service_or_realm_is_no_fault_of_the_ticket() {
    let Some(office) = Office::open().await else { return };
    let tester = office.realm.kinit("tester", "1h").await;

    assert_snapshot!(office.checks(&tester, "down").await, @"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata answered HTTP 503 (read an advisory)
      next: wait a few minutes and run it again
    exit 7
    ");
    // Without a ticket for the service yet, which the first request fetches.
    let fresh = office.realm.kinit("tester", "2h").await;
    office.realm.close().await;
    assert_snapshot!(office.checks(&fresh, "honest").await, @"
    error: check-rhcos-security-alerts of 4.20.17 could not be carried out
      why:  errata cannot be asked: no Kerberos server answers (read an advisory)
      next: check that you are on the network of your Kerberos realm (VPN), then run it again
    exit 7
    ");
    office.expect(TaskStatus::NotStarted);
}

#[tokio::test]
async fn a_plan_tells_that_a_ticket_is_missing_before_anything_is_tried() {
    let Some(office) = Office::open().await else { return };
    let tester = office.realm.kinit("tester", "1h").await;
    let url = office.stand_in.url("localhost", "honest");
    let ticket_lines =
        |plan: String| plan.lines().filter(|line| line.contains("ticket")).collect::<Vec<_>>().join("\n");

    assert_snapshot!(ticket_lines(office.runs("plan", &Ticket::none(), &url).await), @"
    post:    the next drive would tell people: take-ownership cannot run: there is no valid Kerberos ticket
    person:  take-ownership cannot run: there is no valid Kerberos ticket (look again at 2026-06-03T06:30:00Z)
    ");
    assert_eq!(ticket_lines(office.runs("plan", &tester, &url).await), "");
}

#[tokio::test]
async fn a_token_never_leaves_the_host_of_the_service() {
    let app = axum::Router::new().fallback(async |request: axum::extract::Request| {
        if request.headers().contains_key("authorization") { "a token came" } else { "no token" }
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let elsewhere = format!("http://{}/page", listener.local_addr().expect("an address"));
    let request = http::Request::get(&elsewhere).body(bytes::Bytes::new()).expect("a request");
    let errata: ServiceHttp = http().service(Service::Errata, "http://localhost:9", Auth::Negotiate(Proof::Required));

    let heard = async {
        let found = errata.get_absolute("read a page", &elsewhere).send().await.expect("an answer").body;
        let forwarded =
            errata.forward("read a page", oar::core::clients::retry::Repeat::Reads, request, |_| Ok(())).await;
        (found, forwarded.expect("an answer").body)
    };
    tokio::select! {
        heard = heard => assert_eq!(heard, ("no token".into(), "no token".into())),
        ended = axum::serve(listener, app) => panic!("the server ended: {ended:?}"),
    }
}
