//! Our emitter and reader beside PyYAML, which the original writes with: a hundred thousand hostile texts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oar::domain::state::document::{Map, Node};
use oar::domain::state::emitter::emit;
use oar::domain::state::reader;

use crate::corpus::{as_value, in_list, nested};
use crate::real_files::skipped;

/// Feeds a program that answers each JSON line with one of its own.
#[expect(clippy::disallowed_methods, reason = "the interpreter to compare with is named by the surroundings")]
fn through_pyyaml(program: &str, lines: &str) -> Option<String> {
    use std::io::Write as _;
    let named = std::env::var("OAR_PYYAML_PYTHON").ok();
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pyyaml-venv/bin/python");
    let python = named.map_or(local, PathBuf::from);
    let probe = "import yaml, sys; sys.exit(yaml.__version__ != '6.0.3')";
    let usable = Command::new(&python).args(["-c", probe]).stderr(Stdio::null()).status();
    if !usable.is_ok_and(|status| status.success()) {
        skipped("no PyYAML 6.0.3 (set OAR_PYYAML_PYTHON)");
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
