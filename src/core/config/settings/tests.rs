use url::Url;

use super::super::hosts::HostRule;
use super::super::jira::JiraApi;
use super::*;
use crate::core::clients::http::policy::rewrite;
use crate::domain::credential::Credential;
use crate::domain::release::Minor;
use crate::domain::service::Service;

const SIM: &str = "http://127.0.0.1:7777";

fn load(env: &Env, file: &str) -> Result<Settings, ConfigError> {
    Settings::from_layers(env, &Flags::default(), &FileLayer::parse(Some(Path::new("oar.toml")), file)?)
}

fn rewritten(settings: &Settings, url: &str) -> String {
    rewrite(&settings.services.rewrites, url)
}

fn verdict(result: Result<Settings, ConfigError>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
}

fn row(settings: &Settings, key: &str) -> (String, String) {
    let row = settings.rows.iter().find(|row| row.key == key).unwrap_or_else(|| panic!("no row {key}"));
    (row.value.clone(), row.origin.to_string())
}

#[test]
fn an_empty_environment_gives_the_defaults() {
    let settings = load(&Env::default(), "").unwrap();
    assert_eq!(settings.http.connect_timeout, Duration::from_secs(10));
    assert_eq!(settings.http.read_timeout, Duration::from_secs(60));
    assert_eq!(settings.http.tries, 3);
    assert_eq!(settings.http.read_timeout_of(Service::Errata), Duration::from_secs(300));
    assert_eq!(settings.http.total_timeout_of(Service::Errata), Duration::from_secs(600));
    assert_eq!(settings.http.total_timeout_of(Service::Jira), Duration::from_secs(180));
    assert_eq!(settings.http.read_timeout_of(Service::Jira), Duration::from_secs(60));
    assert_eq!((settings.jira.api, settings.errata_auth), (JiraApi::Cloud, ErrataAuth::Negotiate));
    assert_eq!(
        (settings.stage_policy, settings.acceptance_policy),
        (StageTestingPolicy::Strict, AcceptancePolicy::Strict)
    );
    assert_eq!(settings.state.repository, "openshift/release-tests");
    assert_eq!(settings.elliott.limit, Duration::from_secs(900));
    assert_eq!((settings.prow.burst, settings.prow.calls_per_window), (5, 9));
    assert!(!settings.dry_run && !settings.auto_accept && !settings.cve_check_blocking);
    assert_eq!((settings.home.clone(), settings.log_dir.clone()), (".oar".into(), ".oar/logs".into()));
    assert_eq!(settings.services.allowed, HostRule::Any);
    assert_eq!(settings.warnings, [""; 0]);
    assert!(matches!(settings.sealed(), Err(ConfigError::NoSealedSettings)));
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let file = FileLayer::parse(Some(Path::new("oar.toml")), "[state]\n\n  dir = 'from-file'\n").unwrap();
    let env = Env::default();
    let variable = env.clone().with("OAR_STATE_DIR", "from-variable");
    let flag = Flags::default().with("--state", "state.dir", "from-flag");
    let row = |env: &Env, flags: &Flags, file: &FileLayer| {
        row(&Settings::from_layers(env, flags, file).unwrap(), "state.dir")
    };
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(row(&variable, &flag, &file), pair("from-flag", "flag --state"));
    assert_eq!(row(&variable, &Flags::default(), &file), pair("from-variable", "variable OAR_STATE_DIR"));
    assert_eq!(row(&env, &Flags::default(), &file), pair("from-file", "oar.toml:3"));
    assert_eq!(row(&env, &Flags::default(), &FileLayer::default()), pair("", "default"));
}

#[test]
fn an_unknown_key_is_an_error_that_names_its_place_and_the_nearest_key() {
    let env = Env::default();
    assert_eq!(
        verdict(load(&env, "[http]\ntries = 2\nconect_timeout_s = 5\n")),
        "unknown setting \"http.conect_timeout_s\" (oar.toml:3); did you mean http.connect_timeout_s?"
    );
    assert_eq!(
        verdict(load(&env, "[services.gitlap]\nurl = 'https://x.example.com'\n")),
        "unknown setting \"services.gitlap.url\" (oar.toml:2); did you mean services.gitlab.url?"
    );
    assert_eq!(verdict(load(&env, "zzz = 1\n")), "unknown setting \"zzz\" (oar.toml:1)");
    assert_eq!(verdict(load(&env, "[http\n")).split(" is ").next(), Some("oar.toml:1"));
}

#[test]
fn every_default_is_a_known_setting() {
    assert_eq!(verdict(load(&Env::default(), DEFAULTS)), "accepted");
}

#[test]
fn a_value_out_of_bounds_is_refused_with_both_bounds_and_its_place() {
    assert_eq!(
        verdict(load(&Env::default().with("OAR_HTTP_TRIES", "0"), "")),
        "setting http.tries cannot be \"0\" (variable OAR_HTTP_TRIES): it takes a whole number from 1 to 10"
    );
    assert_eq!(
        verdict(load(&Env::default(), "[stage_testing]\npolicy = \"lax\"")),
        "setting stage_testing.policy cannot be \"lax\" (oar.toml:2): it takes strict or overlap"
    );
    assert_eq!(
        verdict(load(&Env::default().with("OAR_DRY_RUN", "maybe"), "")),
        "setting run.dry_run cannot be \"maybe\" (variable OAR_DRY_RUN): it takes true or false"
    );
}

#[test]
fn a_misspelt_variable_is_a_warning() {
    let settings =
        load(&Env::default().with("OAR_GITLB_URL", "https://x.example.com").with("OAR_OTHER", "1"), "").unwrap();
    assert_eq!(settings.warnings, ["variable OAR_GITLB_URL is not known; did you mean OAR_GITLAB_URL?"]);
}

#[test]
fn the_simulator_url_turns_every_service_to_this_machine() {
    let settings = load(&Env::default().with("OAR_SIM_URL", format!("{SIM}/")), "").unwrap();
    let services = &settings.services;
    for service in Service::ALL.iter().filter(|service| !matches!(service, Service::Elliott | Service::Oauth)) {
        assert_eq!(services.url(*service).unwrap(), format!("{SIM}/{service}"));
    }
    assert_eq!(
        services.build_data_url(Minor::new(4, 20)).unwrap(),
        format!("{SIM}/build_data/openshift-4.20/releases.yml")
    );
    assert_eq!(services.release_controller_url("arm64").unwrap(), format!("{SIM}/release_controller"));
    assert_eq!(services.registry_url("registry.example.com"), format!("{SIM}/registry"));
    assert!(settings.http.services.values().all(|one| one.proxy.is_none()));
    assert!(services.allowed.allows(&Url::parse("http://127.0.0.1:1/x").unwrap()));
    assert!(services.allowed.allows(&Url::parse("http://[::1]/x").unwrap()));
    for near in ["ldap://127.0.0.1:1", "ldap://[::1]:1", "ldap://localhost"] {
        assert!(services.allowed.allows(&Url::parse(near).unwrap()), "{near}");
    }
    for away in [
        "https://example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "ldap://10.0.0.1",
        "ldap://127.0.0.1.example.com",
    ] {
        assert!(!services.allowed.allows(&Url::parse(away).unwrap()), "{away}");
    }
}

#[test]
fn real_addresses_inside_data_lead_to_the_simulator() {
    let defaults = load(&Env::default(), "").unwrap();
    let settings = load(&Env::default().with("OAR_SIM_URL", SIM), "").unwrap();
    for service in Service::ALL {
        let Ok(real) = defaults.services.url(*service) else { continue };
        let real = real.replace("{arch}", "ppc64le").replace("%s", "openshift-4.20");
        let rewritten = rewritten(&settings, &format!("{real}/a/b?c#d"));
        assert!(
            rewritten.starts_with(&format!("{SIM}/{service}/")) && rewritten.ends_with("/a/b?c#d"),
            "{real} {rewritten}"
        );
    }
    let (none, built_in) = (FileLayer::default(), FileLayer::parse(None, DEFAULTS).unwrap());
    let (env, flags) = (Env::default(), Flags::default());
    let (aliases, _) = Sources::new(&flags, &env, &none, &built_in).built_in("services.registry.aliases").unwrap();
    for alias in aliases.split(',') {
        assert_eq!(rewritten(&settings, &format!("{alias}/v2/")), format!("{SIM}/registry/v2/"));
    }
    let longer = format!("{}.example.com/x", defaults.services.url(Service::GithubWeb).unwrap());
    assert_eq!(rewritten(&settings, &longer), longer);
    assert_eq!(rewritten(&settings, "https://example.com/x"), "https://example.com/x");
}

#[test]
fn the_longest_rewrite_wins_and_the_variable_beats_the_file() {
    let file = "[url_rewrites]\n'https://a.example.com' = 'http://one'\n'https://a.example.com/b/c' = 'http://two'\n";
    let env = Env::default()
        .with("OAR_URL_REWRITES", "https://a.example.com/b/c=http://three/, https://z.example.com=http://z");
    let settings = load(&env, file).unwrap();
    assert_eq!(rewritten(&settings, "https://a.example.com/b"), "http://one/b");
    assert_eq!(rewritten(&settings, "https://a.example.com/b/c/d"), "http://three/d");
    assert_eq!(rewritten(&settings, "https://z.example.com"), "http://z");
}

#[test]
fn with_a_simulator_nothing_may_point_away() {
    let sim = Env::default().with("OAR_SIM_URL", SIM);
    assert_eq!(
        verdict(load(&sim.clone().with("OAR_GITLAB_URL", "https://gitlab.example.com"), "")),
        "services.gitlab.url is https://gitlab.example.com (variable OAR_GITLAB_URL), which is not on this machine, but OAR_SIM_URL is set"
    );
    let own = load(&sim.clone().with("OAR_GITLAB_URL", "http://localhost:99"), "").unwrap();
    assert_eq!(own.services.url(Service::Gitlab).unwrap(), "http://localhost:99");
    let file = load(&sim, "[services.gitlab]\nurl = 'https://gitlab.example.com'\n").unwrap();
    assert_eq!(file.services.url(Service::Gitlab).unwrap(), format!("{SIM}/gitlab"));
    assert_eq!(rewritten(&file, "https://gitlab.example.com/x"), format!("{SIM}/gitlab/x"));
    assert_eq!(file.warnings.len(), 1);
    assert!(
        verdict(load(&Env::default().with("OAR_SIM_URL", "https://sim.example.com"), ""))
            .contains("not on this machine")
    );
    assert!(verdict(load(&Env::default().with("OAR_SIM_URL", "sim"), "")).contains("it takes an address"));
}

#[test]
fn the_allow_list_names_hosts() {
    let settings = load(&Env::default().with("OAR_NETWORK_ALLOW", "a.example.com, B.example.com"), "").unwrap();
    let allows = |url: &str| settings.services.allowed.allows(&Url::parse(url).unwrap());
    assert!(allows("https://a.example.com/x") && allows("https://b.example.com:8443/x"));
    assert!(!allows("https://c.example.com/x") && !allows("https://x.a.example.com/x"));
}

#[test]
fn registries_can_be_mapped_one_by_one() {
    let settings =
        load(&Env::default().with("OAR_REGISTRY_MAP", "images.example.com=http://127.0.0.1:5000/"), "").unwrap();
    assert_eq!(settings.services.registry_url("images.example.com"), "http://127.0.0.1:5000");
    assert_eq!(settings.services.registry_url("registry.example.com"), "https://registry.example.com");
    assert!(verdict(load(&Env::default().with("OAR_REGISTRY_MAP", "images.example.com"), "")).contains("from=to"));
}

#[test]
fn an_address_with_a_password_is_refused_without_showing_it() {
    let text = verdict(load(&Env::default().with("OAR_GITLAB_URL", "https://user:hunter2@gitlab.example.com"), ""));
    assert!(text.contains("without credentials") && !text.contains("hunter2"), "{text}");
}

#[test]
fn sealed_addresses_beat_the_defaults_and_lose_to_file_and_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    std::fs::write(&path, include_str!("../../../../config/example-settings.json")).unwrap();
    let env =
        Env::default().with("OAR_CONFIG_FILE", path.to_str().unwrap()).with("OAR_JENKINS_URL", "https://j.example.com");
    let settings = load(&env, "[services.jira]\nurl = 'https://file.example.com/'\n").unwrap();
    let url = |service| settings.services.url(service).unwrap();
    assert_eq!(url(Service::Gitlab), "https://gitlab.example.com");
    assert_eq!(url(Service::Jira), "https://file.example.com");
    assert_eq!(url(Service::Jenkins), "https://j.example.com");
    assert_eq!(row(&settings, "services.gitlab.url").1, format!("{} (gitlab_url)", path.display()));
    assert_eq!(
        settings.services.build_data_url(Minor::new(4, 20)).unwrap(),
        "https://builddata.example.com/ocp-build-data/openshift-4.20/releases.yml"
    );
    let simulated =
        load(&Env::default().with("OAR_CONFIG_FILE", path.to_str().unwrap()).with("OAR_SIM_URL", SIM), "").unwrap();
    assert_eq!(
        rewritten(&simulated, "https://gitlab.example.com/x/-/merge_requests/1"),
        format!("{SIM}/gitlab/x/-/merge_requests/1")
    );
}

#[test]
fn sealed_settings_without_their_key_are_missed_only_by_those_who_need_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.jwe");
    let key = super::super::jwe::SealKey::parse(&super::super::secret::Secret::new("0123456789abcdef")).unwrap();
    let plain = include_bytes!("../../../../config/example-settings.json");
    std::fs::write(&path, super::super::jwe::encrypt(plain, &key).unwrap()).unwrap();
    let env = Env::default().with("OAR_CONFIG_FILE", path.to_str().unwrap());

    let closed = load(&env, "").unwrap();
    let missing = closed.sealed().unwrap_err();
    assert!(matches!(&missing, ConfigError::MissingCredentials(all) if *all == [Credential::OarJwk]), "{missing:?}");

    let open = load(&env.clone().with("OAR_JWK", "0123456789abcdef\n"), "").unwrap();
    assert_eq!(open.sealed().unwrap().slack_handle("art").unwrap(), "release-artists-example");

    let wrong = load(&env.with("OAR_JWK", "fedcba9876543210"), "").unwrap_err();
    assert!(wrong.next_step().contains("OAR_JWK and OAR_CONFIG_FILE"), "{wrong}");
    assert_eq!(wrong.class(), crate::core::error::ErrorClass::Auth);
}

#[test]
fn a_settings_file_is_found_by_flag_variable_or_place() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("oar");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("settings.toml"), "[http]\ntries = 7\n").unwrap();
    let env = Env::default().with("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
    assert_eq!(Settings::load(&env, &Flags::default()).unwrap().http.tries, 7);
    let missing = Settings::load(&env.with("OAR_SETTINGS", "/nowhere/oar.toml"), &Flags::default());
    assert!(matches!(missing, Err(ConfigError::Unreadable { .. })));
}
