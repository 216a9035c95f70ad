//! Every parser of a file with a sample that it accepts: one table for the sweep and for the fuzzer.

use std::path::Path;

use oar::core::cache::DiskCache;
use oar::core::clients::elliott::keys_in;
use oar::core::clients::jenkins::queue_id;
use oar::core::config::env::Env;
use oar::core::config::jwe::{self, SealKey};
use oar::core::config::pull_secret;
use oar::core::config::sealed::SealedSettings;
use oar::core::config::secret::Secret;
use oar::core::config::settings::Settings;
use oar::core::config::sources::Flags;
use oar::core::effects::ledger::Ledger;
use oar::core::statebox::unsent::{self, Unsent};
use oar::domain::acceptance::{AcceptancePolicy, judge};
use oar::domain::assembly::BuildData;
use oar::domain::build::Stream;
use oar::domain::evaluation::evaluate;
use oar::domain::job_registry::JobRegistry;
use oar::domain::kernel::Nvr;
use oar::domain::pull_spec::PullSpec;
use oar::domain::release::ZStream;
use oar::domain::result_file::ResultFile;
use oar::domain::result_file::name::check_latest;
use oar::domain::shipment::{MrAddress, ShipmentFile};
use oar::domain::state::lease::LeaseKey;
use oar::domain::state::oddities::oddities;
use oar::domain::state::view::State;
use oar::domain::{discovery, image_health, job_trace, mask};

/// One parser.
pub(crate) struct Parser {
    pub(crate) name: &'static str,
    /// What it accepts.
    pub(crate) sample: Vec<u8>,
    /// What it makes of bytes: a reading, or an error as people see it.
    pub(crate) read: fn(&[u8]) -> Result<String, String>,
}

const STATE: &str = "schema_version: '1.0'
release: 4.20.17
created_at: '2026-06-03T06:00:00Z'
updated_at: '2026-06-03T06:00:00Z'
metadata:
  jira_ticket: ART-1
  advisory_ids:
    rpm: 170171
  release_date: 2026-Jun-10
  candidate_builds:
    x86_64: 4.20.0-0.nightly-2026-06-01-230000
  shipment_mr: null
tasks:
- name: stage-testing
  status: Fail
  started_at: '2026-06-03T06:00:00Z'
  completed_at: '2026-06-03T07:00:00Z'
  result: |-
    2026-06-03T06:00:00Z: INFO: job #12
    a line with 'quotes', \"more\" and: colons
issues:
- issue: >-
    folded text
    over lines
  reported_at: '2026-06-03T06:00:00Z'
  resolved: false
  resolution: null
  blocker: true
  related_tasks: [stage-testing]
";

const BUILD_DATA: &str = "releases:
  4.20.17:
    assembly:
      type: standard
      basis:
        assembly: 4.20.16
        reference_releases: {x86_64: 4.20.0-0.nightly-2026-06-01-230000}
      group:
        advisories: {rpm: 170171, rhcos: 170172}
        release_jira: ART-1
        release_date: 2026-Jun-10
        shipment:
          url: https://gitlab.example.com/a/b/-/merge_requests/1
  4.20.16:
    assembly:
      type: standard
      group:
        advisories: {rpm: 170071}
";

const SHIPMENT: &str = "shipment:
  metadata:
    product: ocp
    application: openshift-4-20
    fbc: false
  environments:
    stage:
      advisory:
        internal_url: https://gitlab.example.com/a/b/-/raw/main/advisory.yaml
  snapshot:
    spec:
      components:
      - name: cli
        containerImage: quay.example.com/a/cli@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  data:
    releaseNotes:
      issues:
        fixed:
        - {id: OCPBUGS-1, source: issues.example.com}
";

const ADVISORY: &str = "spec:
  content:
    images:
    - component: cli
      architecture: amd64
      containerImage: quay.example.com/a/cli@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
";

const RECORD: &str = r#"{"result":[{"jobName":"periodic-a","firstJob":{"jobID":"1","jobState":"success",
"jobCompletionTime":"2026-06-01T00:00:00Z"},"retriedJobs":[{"jobID":"2","jobState":"failure"}]}],
"build":"4.20.0-0.nightly-2026-06-01-230000","aggregated":true,"accepted":true}"#;

const REGISTRY: &str =
    r#"{"nightly":[{"prowJob":"periodic-a","optional":false,"disabled":false}],"stable":[],"upgrade":[]}"#;

const SETTINGS: &str =
    "[http]\ntries = 2\n[state]\ndir = 'here'\n[services.jira]\nurl = \"https://jira.example.com\"\n";

const CONSOLE: &str = "2026-06-03T06:00:00Z: INFO: https://jenkins.example.com/job/Stage-Pipeline/12/\n\
    stage job status according to job id: 12\nStarted job 0b1d7a5e-1111-4222-8333-abcdefabcdef\nOCPBUGS-1, OCPBUGS-22\n\
    https://jenkins.example.com/queue/item/7/\n";

const TEAM: &str = r#"{"contacts":{"slack":{"qe-release":{"id":"U1"}},"email":{}},
"owners":{"default":"a@example.com"}}"#;

const PULL_SECRET: &str = r#"{"auths":{"registry.example.com":{"auth":"YTpi"}}}"#;

const LEDGER: &str = "{\"at\":\"2026-06-03T06:00:00Z\",\"key\":\"a\",\"step\":\"intent\"}\n\
    {\"at\":\"2026-06-03T06:00:01Z\",\"key\":\"a\",\"step\":\"done\"}\n";

const UNSENT: &str =
    "{\"id\":\"1\",\"at\":\"2026-06-03T06:00:00Z\",\"store\":\"s\",\"message\":\"m\",\"operations\":[]}\n";

fn key() -> SealKey {
    SealKey::parse(&Secret::new("example-key-0001")).expect("a key")
}

fn release() -> ZStream {
    "4.20.17".parse().expect("a release")
}

/// As the product reads files that have to be text.
fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "stream did not contain valid UTF-8".to_owned())
}

/// An error with its causes, as the front end prints it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut with_causes = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        with_causes += &format!(": {one}");
        cause = one.source();
    }
    oar::domain::mask::mask(&with_causes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// In a file of this name below a new folder.
fn in_file<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Path, &Path) -> T) -> T {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, bytes).expect("a file");
    read(home.path(), &path)
}

fn state(bytes: &[u8]) -> Result<String, String> {
    let text = text(bytes)?;
    let state = State::parse(text, None).map_err(|error| with_causes(&error))?;
    let _ = (
        oddities(&state),
        state.tasks(),
        state.issues(),
        state.metadata(),
        state.lease(LeaseKey::Driver),
        state.to_json(),
    );
    let written = state.to_yaml();
    let again = State::parse(&written, None).map_err(|error| with_causes(&error)).expect("what we write can be read");
    assert_eq!(again.to_yaml(), written, "writing is stable");
    Ok(written)
}

fn build_data(bytes: &[u8]) -> Result<String, String> {
    let data = BuildData::parse(text(bytes)?).map_err(|error| with_causes(&error))?;
    let mut seen = String::new();
    for key in data.keys().take(50) {
        match data.resolve_key(key) {
            Ok(assembly) => seen += &format!("{key} {} {}", assembly.flow(), data.differences(&assembly).len()),
            Err(error) => seen += &with_causes(&error),
        }
    }
    Ok(seen.chars().take(1_000).collect())
}

fn shipment(bytes: &[u8]) -> Result<String, String> {
    let file = ShipmentFile::parse("shipment/a.yaml", text(bytes)?).map_err(|error| with_causes(&error))?;
    let Some(file) = file else { return Ok("something else".to_owned()) };
    let issues = file.fixed_issues(&["issues.example.com"]).map_err(|error| with_causes(&error))?;
    let components = file.components().map_err(|error| with_causes(&error))?;
    Ok(format!("{} {} {:?}", issues.len(), components.0.len(), file.stage_advisory().map(|url| url.len())))
}

fn settings(bytes: &[u8]) -> Result<String, String> {
    in_file("settings.toml", bytes, |_, path| {
        let env = Env::default().with("OAR_SETTINGS", path.display().to_string());
        let settings = Settings::load(&env, &Flags::default()).map_err(|error| with_causes(&error))?;
        Ok(settings.rows.len().to_string())
    })
}

fn console(bytes: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let job = "0b1d7a5e-1111-4222-8333-abcdefabcdef".parse().expect("an id");
    let found = (
        job_trace::stage_build(&text),
        job_trace::consistency_job(&text),
        job_trace::says_success(&text, &job),
        keys_in(&text).len(),
        text.lines().take(100).filter_map(queue_id).count(),
        text.lines().take(100).filter_map(Nvr::parse).count(),
        text.lines().take(100).filter(|line| line.parse::<PullSpec>().is_ok()).count(),
        text.lines().take(100).filter(|line| line.parse::<ZStream>().is_ok()).count(),
        text.lines().take(100).filter(|line| MrAddress::parse(line, "https://gitlab.example.com").is_ok()).count(),
        mask::mask(&text).len() <= 4 * text.len() + 100,
    );
    Ok(format!("{found:?}"))
}

fn cache(bytes: &[u8]) -> Result<String, String> {
    let home = tempfile::tempdir().expect("a folder");
    let cache = DiskCache::below(home.path());
    cache.write("a", "\"1\"", b"body");
    for file in std::fs::read_dir(home.path().join("cache")).expect("a folder") {
        std::fs::write(file.expect("an entry").path(), bytes).expect("a file");
    }
    match cache.read("a") {
        Some(kept) => Ok(kept.etag),
        None => Err("nothing kept".to_owned()),
    }
}

fn kept_by_cache() -> Vec<u8> {
    let home = tempfile::tempdir().expect("a folder");
    DiskCache::below(home.path()).write("a", "\"1\"", b"body");
    let mut files = std::fs::read_dir(home.path().join("cache")).expect("a folder");
    std::fs::read(files.next().expect("a file").expect("an entry").path()).expect("a file")
}

/// All of them.
pub(crate) fn parsers() -> Vec<Parser> {
    let parser = |name, sample: &str, read| Parser { name, sample: sample.as_bytes().to_vec(), read };
    vec![
        parser("state", STATE, state),
        parser("build data", BUILD_DATA, build_data),
        parser("shipment", SHIPMENT, shipment),
        parser("stage advisory", ADVISORY, |bytes| {
            image_health::listed_images(text(bytes)?)
                .map(|images| images.len().to_string())
                .map_err(|why| mask::mask(&why))
        }),
        parser("tracking file", "releases:\n  4.20.17: {}\n", |bytes| {
            discovery::tracked(text(bytes)?).map(|(known, _)| known.len().to_string()).map_err(|why| mask::mask(&why))
        }),
        parser("record", RECORD, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ =
                judge("4.20.0-0.nightly-2026-06-01-230000", Some(&text), Some(REGISTRY), AcceptancePolicy::default());
            let file = ResultFile::read(&text).map_err(|error| with_causes(&error))?;
            let written = file.to_text();
            let again = ResultFile::read(&written).expect("what we write can be read");
            assert_eq!(again.to_text(), written, "writing is stable");
            let registry = JobRegistry::read(REGISTRY, None);
            let evaluation = evaluate(&file, registry.section(Stream::Nightly).expect("a section"));
            let decision = evaluation.strict.decision.name();
            Ok(format!("{decision} {} {:?}", evaluation.contradictions.len(), file.build()))
        }),
        parser("current build", r#"{"name":"4.20.17","phase":"Accepted"}"#, |bytes| {
            check_latest(text(bytes)?).map(|()| String::new()).map_err(|error| with_causes(&error))
        }),
        parser("job registry", REGISTRY, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = judge("4.20.17", Some(RECORD), Some(&text), AcceptancePolicy::default());
            let registry = JobRegistry::read(&text, None);
            let found: Vec<String> = registry.findings().iter().map(ToString::to_string).collect();
            let sections = Stream::ALL.map(|stream| registry.section(stream).map(<[_]>::len));
            let [nightly, stable] = sections.map(|section| section.map_err(|error| with_causes(&error)));
            Ok(format!("{} {} {}", found.len(), nightly?, stable?))
        }),
        parser("settings", SETTINGS, settings),
        Parser {
            name: "sealed settings",
            sample: jwe::encrypt(b"{}", &key()).expect("a sealed text").into_bytes(),
            read: |bytes| {
                let plain = jwe::decrypt(text(bytes)?, &key()).map_err(|error| with_causes(&error))?;
                Ok(plain.len().to_string())
            },
        },
        parser("plain settings of a team", TEAM, |bytes| {
            let mut warnings = Vec::new();
            let read = SealedSettings::from_json(Path::new("plain.json"), bytes, &mut warnings);
            read.map(|_| String::new()).map_err(|error| with_causes(&error))
        }),
        parser("pull secret", PULL_SECRET, |bytes| {
            in_file("auth.json", bytes, |_, path| pull_secret::read(path).map(|found| found.len().to_string()))
                .map_err(|error| with_causes(&error))
        }),
        parser("unsent changes", UNSENT, |bytes| {
            in_file("unsent/4.20.17.jsonl", bytes, |home, _| {
                let waiting =
                    Unsent::new(home, "s".to_owned()).waiting(&release()).map_err(|error| with_causes(&error))?;
                let listed = unsent::list(home).map_err(|error| with_causes(&error))?;
                Ok(format!("{} {}", waiting.len(), listed.len()))
            })
        }),
        parser("ledger", LEDGER, |bytes| {
            in_file("effects/4.20.17.jsonl", bytes, |home, _| {
                Ledger::open(home, &(&release()).into()).map(|_| String::new()).map_err(|error| with_causes(&error))
            })
        }),
        Parser { name: "cache", sample: kept_by_cache(), read: cache },
        parser("console text", CONSOLE, console),
    ]
}
