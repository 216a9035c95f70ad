//! The real program with real tickets, against the simulated Errata Tool behind Kerberos.

mod realm;
mod stand_in;

use insta::assert_snapshot;
use oar::core::clients::http::{Auth, ServiceHttp};
use oar::core::clients::service::Service;
use oar::domain::task::{Task, TaskStatus};

use crate::real_program::{Told, Town};
use realm::{Realm, Ticket};
use stand_in::{StandIn, http};

const TASK: &str = "check-rhcos-security-alerts";

/// A release with its report, its Errata Tool behind Kerberos, and a realm with a Kerberos server.
struct Office {
    town: Town,
    realm: Realm,
    stand_in: StandIn,
}

impl Office {
    /// Nothing where no Kerberos server is installed.
    async fn open() -> Option<Self> {
        let realm = Realm::open().await?;
        let town = Town::created().await;
        let stand_in = StandIn::start(&realm, &town.sim).await;
        Some(Self { town, realm, stand_in })
    }

    /// Runs the task against the stand-in that behaves as `manner`.
    async fn checks(&self, ticket: &Ticket, manner: &str) -> String {
        self.runs(TASK, ticket, &self.stand_in.url("localhost", manner)).await
    }

    async fn runs(&self, command: &str, ticket: &Ticket, errata: &str) -> String {
        let mut program = self.town.command(&[command]);
        program.env("OAR_ERRATA_AUTH", "negotiate").env("OAR_ERRATA_URL", errata).env_remove("ERRATA_TOKEN");
        program.envs(self.realm.client(ticket));
        let told = Told::of(&program.output().await.expect("the program starts"));
        assert!(!told.err.contains("Negotiate ") && !told.err.contains('@'), "{}", told.err);
        format!("{}{}exit {}", told.out, told.err, told.code)
    }

    #[track_caller]
    fn expect(&self, status: TaskStatus) {
        assert_eq!(self.town.state().status(Task::CheckRhcosSecurityAlerts), status);
    }
}

#[tokio::test]
async fn only_a_valid_ticket_of_somebody_with_access_opens_the_errata_tool() {
    let Some(office) = Office::open().await else { return };
    let expiring = office.realm.kinit("tester", "1s").await;
    let tester = office.realm.kinit("tester", "1h").await;
    let stranger = office.realm.kinit("stranger", "1h").await;

    assert_snapshot!(office.checks(&Ticket::none(), "honest").await, @"");
    assert_snapshot!(office.checks(&stranger, "honest").await, @"");
    let by_number = office.stand_in.url("127.0.0.1", "honest");
    assert_snapshot!(office.runs(TASK, &tester, &by_number).await, @"");
    office.realm.expires(&expiring).await;
    assert_snapshot!(office.checks(&expiring, "honest").await, @"");
    office.expect(TaskStatus::NotStarted);

    assert_snapshot!(office.checks(&tester, "honest").await, @"");
    office.expect(TaskStatus::Pass);
}

#[tokio::test]
async fn an_answer_counts_only_when_its_sender_proved_who_it_is() {
    let Some(office) = Office::open().await else { return };
    let tester = office.realm.kinit("tester", "1h").await;

    let silent = office.checks(&tester, "silent").await;
    assert_snapshot!(silent, @"");
    assert_eq!(office.checks(&tester, "forged").await, silent);
    assert_eq!(office.checks(&tester, "moved").await, silent);
    assert_snapshot!(office.checks(&tester, "deaf").await, @"");
    office.expect(TaskStatus::NotStarted);
}

#[tokio::test]
async fn an_outage_of_service_or_realm_is_no_fault_of_the_ticket() {
    let Some(office) = Office::open().await else { return };
    let tester = office.realm.kinit("tester", "1h").await;

    assert_snapshot!(office.checks(&tester, "down").await, @"");
    office.realm.close().await;
    // The ticket for the service is not fetched yet: only the one of kinit is there.
    assert_snapshot!(office.checks(&tester, "honest").await, @"");
    office.expect(TaskStatus::NotStarted);
}

#[tokio::test]
async fn a_plan_tells_that_a_ticket_is_missing_before_anything_is_tried() {
    let Some(office) = Office::open().await else { return };
    let tester = office.realm.kinit("tester", "1h").await;
    let url = office.stand_in.url("localhost", "honest");
    let told = |plan: String| plan.lines().filter(|line| line.contains("ticket")).collect::<Vec<_>>().join("\n");

    assert_snapshot!(told(office.runs("plan", &Ticket::none(), &url).await), @"");
    assert_eq!(told(office.runs("plan", &tester, &url).await), "");
}

#[tokio::test]
async fn a_token_never_leaves_the_host_of_the_service() {
    let app = axum::Router::new().fallback(async |request: axum::extract::Request| {
        if request.headers().contains_key("authorization") { "a token came" } else { "no token" }
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let elsewhere = format!("http://{}/page", listener.local_addr().expect("an address"));
    let request = http::Request::get(&elsewhere).body(bytes::Bytes::new()).expect("a request");
    let errata: ServiceHttp = http().service(Service::Errata, "http://localhost:9", Auth::Negotiate);

    let heard = async {
        let found = errata.get_absolute("read a page", &elsewhere).send().await.expect("an answer").body;
        let forwarded = errata.forward("read a page", oar::core::clients::retry::Repeat::Reads, request).await;
        (found, forwarded.expect("an answer").into_body())
    };
    tokio::select! {
        heard = heard => assert_eq!(heard, ("no token".into(), "no token".into())),
        ended = axum::serve(listener, app) => panic!("the server ended: {ended:?}"),
    }
}
