//! GitHub Apps in the place of a personal token.

use oar::core::statebox::records::REGISTRY_BRANCH;
use oar::sim::auth::APP_KEY;
use oar::sim::facts::github::apps::{READER, WRITER};

use crate::rehearsal::test_world::{TestWorld, fresh, with_state_file};

/// The variables of an App with the key of the simulated ones, and no token.
struct App {
    variables: Vec<(&'static str, String)>,
}

impl App {
    fn of(world: &TestWorld, id: u64) -> Self {
        let file = world.path("app.pem");
        std::fs::write(&file, APP_KEY).expect("a file");
        let key = file.display().to_string();
        let variables = vec![
            ("OAR_GITHUB_APP_ID", id.to_string()),
            ("OAR_GITHUB_APP_KEY_FILE", key),
            ("GITHUB_TOKEN", String::new()),
        ];
        Self { variables }
    }

    fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.retain(|(name, _)| *name != variable);
        self.variables.push((variable, value.to_owned()));
        self
    }

    fn all(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// Tokens that were asked for.
fn asked(world: &TestWorld) -> usize {
    let is_one = |line: &&str| line.contains("POST") && line.contains("/access_tokens\"");
    world.journal().lines().filter(is_one).count()
}

#[tokio::test]
async fn an_app_reads_and_writes_the_state_with_one_token_and_shows_it_to_nobody() {
    let world = fresh().await;
    let app = App::of(&world, WRITER);
    let said = world.oar_with_all(&app.all(), "-v -v create-test-report").await;
    assert!(said.ends_with("exit 0"), "{said}");
    assert!(!world.file().is_empty());
    let tokens = asked(&world);
    assert!((1..=2).contains(&tokens), "one token for each context of a call, not one for each request: {tokens}");
    let everything = format!("{}{}{:?}", world.said(), world.journal(), world.kept());
    let key = APP_KEY.lines().nth(1).expect("a key");
    for secret in ["ghs_", "eyJ"] {
        assert!(!everything.contains(secret), "{secret} is in what was printed, kept or noted");
    }
    assert!(!world.said().contains(key));
}

#[tokio::test]
async fn a_token_serves_until_five_minutes_before_its_end_and_one_that_was_taken_back_is_renewed_once() {
    let mut world = with_state_file().await;
    let app = App::of(&world, WRITER);
    world.add_variables(&app.all());
    let ctx = world.context();
    let read = async || ctx.repo.registry_files(REGISTRY_BRANCH).await;
    read().await.expect("an answer");
    world.time_passes("54m");
    read().await.expect("an answer");
    assert_eq!(asked(&world), 1);
    world.time_passes("2m");
    read().await.expect("an answer");
    assert_eq!(asked(&world), 2, "it would end within five minutes");
    world.simulator().world().facts().github.apps.take_tokens_back();
    read().await.expect("an answer");
    assert_eq!(asked(&world), 3);
    world.refuses("github", "POST", "/graphql", 401);
    let refused = read().await.expect_err("a refusal");
    let (why, next) = (format!("{refused} {refused:?}"), refused.next_step());
    assert!(next.contains("OAR_GITHUB_APP_ID"), "{why}; {next}");
    assert_eq!(asked(&world), 4, "renewed once, not again and again");
}

#[tokio::test]
async fn what_is_wrong_with_an_app_is_named_with_its_variable_and_what_to_do() {
    let world = with_state_file().await;
    let app = || App::of(&world, WRITER);
    let other = world.path("other.pem");
    let stranger = openssl::rsa::Rsa::generate(2048).expect("a key").private_key_to_pem().expect("PEM");
    std::fs::write(&other, stranger).expect("a file");
    let nonsense = world.path("nonsense.pem");
    std::fs::write(&nonsense, "no key\n").expect("a file");
    let path = |path: &std::path::Path| path.display().to_string();
    for (app, exit, parts) in [
        (app().with("OAR_GITHUB_APP_KEY_FILE", ""), 2, ["OAR_GITHUB_APP_KEY_FILE", "next: set"]),
        (app().with("OAR_GITHUB_APP_ID", "release-writer"), 2, ["github.app_id", "OAR_GITHUB_APP_ID"]),
        (app().with("OAR_GITHUB_APP_KEY_FILE", &path(&nonsense)), 2, ["nonsense.pem", "OAR_GITHUB_APP_KEY_FILE"]),
        (app().with("OAR_GITHUB_APP_KEY_FILE", &path(&other)), 6, ["its proof is refused", "OAR_GITHUB_APP_KEY_FILE"]),
        (app().with("OAR_GITHUB_APP_INSTALLATION", "77"), 6, ["it is not installed on", "OAR_GITHUB_APP_INSTALLATION"]),
    ] {
        let said = world.oar_with_all(&app.all(), "status").await;
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?}: {said}");
        assert!(said.ends_with(&format!("exit {exit}")), "{said}");
    }
    world.simulator().world().facts().github.apps.installations.iter_mut().for_each(|one| one.suspended = true);
    let said = world.oar_with_all(&app().all(), "status").await;
    assert!(said.contains("is suspended") && said.ends_with("exit 6"), "{said}");
    let neither = app().with("OAR_GITHUB_APP_ID", "").with("OAR_GITHUB_APP_KEY_FILE", "");
    let said = world.oar_with_all(&neither.all(), "status").await;
    assert!(said.contains("GITHUB_TOKEN") && said.contains("OAR_GITHUB_APP_ID") && said.ends_with("exit 6"), "{said}");
    assert!(world.oar("status").await.ends_with("exit 0"), "a personal token still serves");
}

#[tokio::test]
async fn an_app_of_its_own_reads_the_ci_configuration_which_the_writer_may_not_see() {
    let world = fresh().await;
    let app = App::of(&world, WRITER);
    let said = world.oar_with_all(&app.all(), "job list").await;
    assert!(!said.ends_with("exit 0"), "it is installed on one repository: {said}");
    let key = world.path("app.pem").display().to_string();
    let reader = app.with("OAR_GITHUB_READER_APP_ID", &READER.to_string()).with("OAR_GITHUB_READER_APP_KEY_FILE", &key);
    let said = world.oar_with_all(&reader.all(), "job list").await;
    assert!(said.contains("aws-ipi-f7") && said.ends_with("exit 0"), "{said}");
}
