//! Real files of past releases: read, written back byte for byte, judged as recorded.
//!
//! The files lie beside the checkout; without them the tests say that they skip.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oar::domain::acceptance::{AcceptancePolicy, RecordVerdict, judge};
use oar::domain::state::document::{Map, Node, Scalar};
use oar::domain::state::emitter::emit;
use oar::domain::state::view::State;
use oar::domain::state::{oddities, reader};

#[expect(clippy::print_stderr, reason = "a test that skips says so")]
pub(crate) fn data(part: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(part);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

/// Name and text of every real state file, in order.
pub(crate) fn real_states() -> Vec<(String, String)> {
    let Some(root) = data("statebox") else { return Vec::new() };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("the folder can be read")
        .flat_map(|minor| std::fs::read_dir(minor.expect("an entry").path()).expect("a folder"))
        .map(|file| file.expect("an entry").path())
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).expect("a text"))).collect()
}

fn node_of(value: &serde_json::Value) -> Node {
    match value {
        serde_json::Value::Null => Node::null(),
        serde_json::Value::Bool(value) => Node::bool(*value),
        serde_json::Value::Number(number) => Node::int(number.as_i64().expect("an integer")),
        serde_json::Value::String(text) => Node::text(text),
        serde_json::Value::Array(items) => Node::List(items.iter().map(node_of).collect()),
        serde_json::Value::Object(map) => {
            Node::Map(Map { entries: map.iter().map(|(key, value)| (Scalar::text(key), node_of(value))).collect() })
        }
    }
}

/// The three places in which a vector shows its text.
fn as_value(text: &str) -> Node {
    Node::Map(Map::from([("k", Node::text(text)), ("z", Node::int(1))]))
}

fn in_list(text: &str) -> Node {
    Node::Map(Map::from([("l", Node::List(vec![Node::text(text)])), ("z", Node::int(1))]))
}

fn nested(text: &str) -> Node {
    let task = Map::from([("name", Node::text("n")), ("result", Node::text(text))]);
    Node::Map(Map::from([("tasks", Node::List(vec![Node::Map(task)])), ("z", Node::int(1))]))
}

#[test]
fn every_real_state_is_written_back_byte_for_byte() {
    for (name, text) in real_states() {
        let release = name.parse().expect("a release");
        let state = State::parse(&text, Some(&release)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(state.to_yaml(), text, "{name}");
    }
}

#[test]
fn every_vector_is_written_and_read_as_the_original_does() {
    let Some(path) = data("statebox-vectors/emitter.json") else { return };
    let vectors: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a text")).expect("vectors");
    for vector in vectors["scalars"].as_array().expect("a list") {
        let text = vector["value"].as_str().expect("a text");
        for (node, key) in [(as_value(text), "as_value"), (in_list(text), "in_list"), (nested(text), "nested")] {
            let wanted = vector[key].as_str().expect("a text");
            assert_eq!(emit(&node), wanted, "{key} of {text:?}");
            assert_eq!(reader::read(wanted).as_ref(), Ok(&node), "{key} of {text:?}");
        }
    }
    for vector in vectors["documents"].as_array().expect("a list") {
        let (node, wanted) = (node_of(&vector["value"]), vector["yaml"].as_str().expect("a text"));
        assert_eq!(emit(&node), wanted);
        assert_eq!(reader::read(wanted), Ok(node));
    }
}

#[test]
fn the_oddities_of_real_states_are_reported_and_not_repaired() {
    let reported: Vec<String> = real_states()
        .iter()
        .flat_map(|(name, text)| {
            let state = State::parse(text, None).unwrap_or_else(|error| panic!("{name}: {error}"));
            oddities::oddities(&state).into_iter().map(move |oddity| format!("{name}: {oddity}"))
        })
        .collect();
    if !reported.is_empty() {
        assert!(
            reported.iter().any(|line| line.starts_with("4.15.65: line 56: image-consistency-check started at")),
            "{reported:#?}"
        );
    }
}

#[test]
fn real_records_are_judged_as_recorded_unless_jobs_are_missing() {
    let (Some(records), Some(jobs)) = (data("record"), data("jobs/history")) else { return };
    let table = std::fs::read_to_string(records.join("expected.tsv")).expect("a table");
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let names = lines.next().expect("a head");
    let mut judged = 0;
    for row in lines {
        let column = |name: &str| row[names.iter().position(|known| *known == name).expect("a column")];
        let file = column("file");
        let Ok(record) = std::fs::read_to_string(records.join("_releases").join(file)) else { continue };
        let build = file.trim_start_matches("ocp-test-result-").trim_end_matches("-amd64.json");
        let minor: String = build.split('.').take(2).collect::<Vec<_>>().join(".");
        let registry = jobs.join(format!("{}__ocp-{minor}-test-jobs-amd64.json", column("registry_at")));
        let Ok(registry) = std::fs::read_to_string(registry) else { continue };
        let verdict = judge(build, Some(&record), Some(&registry), AcceptancePolicy::Strict);
        let promoted = column("recorded_manual_promotion") == "true";
        let fits = match (&verdict, column("strict_decision")) {
            (RecordVerdict::Accepted { .. }, decision) => promoted || decision == "ACCEPTED",
            (RecordVerdict::Rejected { .. }, _) => !promoted && column("recorded_accepted") == "false",
            (RecordVerdict::Aggregating { missing }, decision) => match decision {
                // A tie of runs counts beside the jobs that never ran.
                "INCOMPLETE" => (1..=missing.len())
                    .any(|never| column("strict_job_verdicts").contains(&format!("NOT_TRIGGERED={never}"))),
                other => other == "IN_PROGRESS",
            },
            (RecordVerdict::NotStarted, _) => column("recorded_aggregated") == "-",
            (RecordVerdict::Missing | RecordVerdict::Invalid { .. }, _) => false,
        };
        assert!(fits, "{file}: {verdict:?}, recorded as {row:?}");
        judged += 1;
    }
    assert!(judged > 10, "only {judged} records were judged");
}

/// Feeds a program that answers each JSON line with one of its own.
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
#[expect(clippy::disallowed_methods, reason = "the interpreter to compare with is named by the surroundings")]
fn through_pyyaml(program: &str, lines: &str) -> Option<String> {
    use std::io::Write as _;
    let named = std::env::var("OAR_PYYAML_PYTHON").ok();
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pyyaml-venv/bin/python");
    let python = named.map_or(local, PathBuf::from);
    let probe = "import yaml, sys; sys.exit(yaml.__version__ != '6.0.3')";
    let usable = Command::new(&python).args(["-c", probe]).stderr(Stdio::null()).status();
    if !usable.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no PyYAML 6.0.3 at {} (set OAR_PYYAML_PYTHON)", python.display());
        return None;
    }
    let mut child = Command::new(&python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut input = child.stdin.take().expect("a pipe");
    let lines = lines.to_owned();
    let feeder = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("python ends");
    feeder.join().expect("the feeder ends").expect("python listens");
    assert!(output.status.success(), "python failed");
    Some(String::from_utf8(output.stdout).expect("JSON is UTF-8"))
}

/// Dumps each text in the three places, with the original's settings.
const DUMP: &str = r"
import sys, json, yaml
class D(yaml.SafeDumper): pass
D.add_representer(str, lambda d, s: d.represent_scalar('tag:yaml.org,2002:str', s, style='|' if '\n' in s else None))
def dump(v): return yaml.dump(v, Dumper=D, default_flow_style=False, sort_keys=False, allow_unicode=True)
for line in sys.stdin:
    t = json.loads(line)
    print(json.dumps([dump({'k': t, 'z': 1}), dump({'l': [t], 'z': 1}), dump({'tasks': [{'name': 'n', 'result': t}], 'z': 1})]))
";

/// Writes each text in styles that the original never writes, but reads.
const STYLES: &str = r#"
import sys, json, yaml
def dump(v, **k): return yaml.dump(v, Dumper=yaml.SafeDumper, sort_keys=False, **k)
for line in sys.stdin:
    t = json.loads(line)
    v = {'k': t, 'l': [t, {'m': t}]}
    out = []
    for k in [dict(default_style="'"), dict(default_style='"'), dict(default_style='>'), dict(default_style='|'),
              dict(default_flow_style=True), dict(allow_unicode=True, width=20), dict(indent=4, explicit_start=True, explicit_end=True)]:
        y = dump(v, **k)
        out.append([y, yaml.safe_load(y) == v])
    print(json.dumps(out))
"#;

/// A text made of what is special somewhere: quotes, indicators, spaces, breaks, wide and foreign characters.
fn hostile(random: &mut fastrand::Rng) -> String {
    const PARTS: &[&str] = &[
        " ",
        " ",
        " ",
        "  ",
        "\n",
        "\n\n",
        "a",
        "b",
        "word",
        "longer-word",
        "'",
        "\"",
        "\\",
        ":",
        ": ",
        " #",
        "#",
        "- ",
        "-",
        "?",
        "? ",
        ",",
        "[",
        "]",
        "{",
        "}",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "\t",
        "\r",
        "\u{7}",
        "\u{1b}",
        "\u{0}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "é",
        "✅",
        "🚀",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "---",
        "...",
        "1",
        "4.20",
        "0x1F",
        "12:30:45",
        "2026-03-25",
        "null",
        "true",
        "~",
        "=",
        "<<",
        ".",
        "https://example.com/a/b/c",
    ];
    let length = if random.u8(..4) == 0 { random.usize(0..4) } else { random.usize(0..60) };
    // Rare parts stay rare in half of the texts, so that long plain and quoted lines occur too.
    let calm = random.bool();
    let mut text = String::new();
    for _ in 0..length {
        if calm && random.u8(..20) != 0 {
            text.push_str(["a", "word", " ", " ", "longer", "é"][random.usize(..6)]);
        } else {
            text.push_str(PARTS[random.usize(..PARTS.len())]);
        }
    }
    text
}

#[test]
fn a_hundred_thousand_hostile_texts_are_written_as_pyyaml_writes_them() {
    let mut random = fastrand::Rng::with_seed(20_260_325);
    let texts: Vec<String> = (0..100_000).map(|_| hostile(&mut random)).collect();
    let lines: String = texts.iter().map(|text| serde_json::json!(text).to_string() + "\n").collect();
    let Some(answers) = through_pyyaml(DUMP, &lines) else { return };
    let mut compared = 0;
    for (text, answer) in texts.iter().zip(answers.lines()) {
        let wanted: [String; 3] = serde_json::from_str(answer).expect("three texts");
        let written = [emit(&as_value(text)), emit(&in_list(text)), emit(&nested(text))];
        assert_eq!(written, wanted, "{text:?}");
        compared += 1;
    }
    assert_eq!(compared, texts.len());
}

#[test]
fn every_style_that_pyyaml_writes_is_read_with_its_text_unchanged() {
    let mut random = fastrand::Rng::with_seed(4_2017);
    let texts: Vec<String> = (0..3_000).map(|_| hostile(&mut random)).collect();
    let lines: String = texts.iter().map(|text| serde_json::json!(text).to_string() + "\n").collect();
    let Some(answers) = through_pyyaml(STYLES, &lines) else { return };
    let mut compared = 0;
    for (text, answer) in texts.iter().zip(answers.lines()) {
        let item = Map::from([("m", Node::text(text))]);
        let list = Node::List(vec![Node::text(text), Node::Map(item)]);
        let wanted = Node::Map(Map::from([("k", Node::text(text)), ("l", list)]));
        let styles: Vec<(String, bool)> = serde_json::from_str(answer).expect("texts");
        // PyYAML itself loses some foreign line breaks on the way; there is nothing to compare then.
        for (yaml, _) in styles.iter().filter(|(_, faithful)| *faithful) {
            assert_eq!(reader::read(yaml).as_ref(), Ok(&wanted), "{yaml:?}");
            compared += 1;
        }
    }
    assert!(compared > texts.len() * 3, "only {compared} documents were comparable");
}
