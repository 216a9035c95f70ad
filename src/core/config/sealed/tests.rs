use super::super::env::Env;
use super::*;

const EXAMPLE: &str = include_str!("../../../../config/example-settings.json");

fn load(json: &Json) -> Result<(SealedSettings, Vec<String>), ConfigError> {
    let mut warnings = Vec::new();
    let settings = SealedSettings::from_json(Path::new("settings"), json.to_string().as_bytes(), &mut warnings)?;
    Ok((settings, warnings))
}

fn example() -> Json {
    serde_json::from_str(EXAMPLE).unwrap()
}

fn complaints(json: &Json) -> Vec<String> {
    match load(json) {
        Err(ConfigError::SealedContent { complaints, .. }) => complaints,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_in_the_repository_is_complete() {
    let (settings, warnings) = load(&example()).unwrap();
    assert_eq!(warnings, [""; 0]);
    assert_eq!(settings.owner(Minor::new(4, 20)), "lead-420@example.com");
    assert_eq!(settings.owner(Minor::new(4, 99)), "release-lead@example.com");
    assert_eq!(settings.prodsec(), ["prodsec-a@example.com", "prodsec-b@example.com"]);
    assert_eq!(settings.slack_channel("art").unwrap(), "#forum-ocp-release");
    assert_eq!(settings.slack("approver", "doc_id").unwrap(), "example-docs-approvers");
    assert_eq!(settings.email("trt").unwrap(), "trt-list@example.com");
}

#[test]
fn a_minor_without_a_lead_falls_back_to_the_group_of_all_leads() {
    let (settings, _) = load(&example()).unwrap();
    let own = settings.lead_handle(Some(Minor::new(4, 20))).unwrap();
    assert_eq!(own, LeadHandle { id: "rel-lead-420", is_fallback: false });
    let fallback = settings.lead_handle(Some(Minor::new(4, 23))).unwrap();
    assert_eq!(fallback, LeadHandle { id: "example-qe-release", is_fallback: true });
}

#[test]
fn unknown_teams_are_kept_and_unknown_keys_are_warnings() {
    let mut json = example();
    json["contacts"]["slack"]["docs"] = serde_json::json!({"channel": "#docs"});
    json["colour"] = "green".into();
    let (settings, warnings) = load(&json).unwrap();
    assert_eq!(settings.slack_channel("docs").unwrap(), "#docs");
    assert_eq!(warnings, ["settings: key colour is not used"]);
    let missing = settings.slack_handle("nobody").unwrap_err();
    assert_eq!(missing.to_string(), "the sealed settings have no contacts.slack.nobody.id");
}

#[test]
fn all_complaints_come_at_once() {
    let mut json = example();
    json["owners"] = serde_json::json!({"4.x": "someone@example.com", "4.20": "a@example.com\nb"});
    json["build_data_url"] = "https://builddata.example.com/%s/%s".into();
    json["gitlab_url"] = 5.into();
    json["contacts"]["slack"]["qe-release"] = serde_json::json!({"channel": ""});
    assert_eq!(
        complaints(&json),
        [
            "contacts.slack.qe-release.channel is not a text, or empty",
            "build_data_url must hold %s exactly once, it does 2 times",
            "gitlab_url is not an address",
            "owners.default is missing",
            "owners.4.20 is not a mail address",
            "owners.4.x is neither default nor a minor such as 4.20",
            "contacts.slack.qe-release.id is missing",
        ]
    );
    assert_eq!(complaints(&serde_json::json!([])), ["it is not a JSON object"]);
}

#[test]
fn plain_settings_inside_a_repository_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inner/settings.json");
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    std::fs::write(&path, EXAMPLE).unwrap();
    let load = || SealedSettings::load(&path, &Credentials::from_env(&Env::default()), &mut Vec::new());
    assert!(load().is_ok());
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    assert!(matches!(load(), Err(ConfigError::PlainInRepository { .. })));
}
