//! Every parser of a file.

use std::time::{Duration, Instant};

use super::parsers::{Parser, parsers};
use super::{HOSTILE, unfit};

/// A debug build on a busy machine; the point is that nothing takes minutes.
const LONGEST: Duration = Duration::from_secs(20);

/// Files that no parser likes.
fn strange() -> Vec<(&'static str, Vec<u8>)> {
    let bomb = (0..60).fold("a0: &a0 [x, x, x, x]\n".to_owned(), |text, n| {
        let next = n + 1;
        text + &format!("a{next}: &a{next} [*a{n}, *a{n}, *a{n}, *a{n}]\n")
    });
    let merges = (0..400).fold("a0: &a0 {k0: v}\n".to_owned(), |text, n| {
        let next = n + 1;
        text + &format!("a{next}: &a{next} {{<<: *a{n}, k{next}: v}}\n")
    });
    let hostile = serde_json::to_string(HOSTILE).expect("JSON");
    let keys: String = (0..40_000).map(|n| format!("k{n}: 1\n")).collect();
    let items: String = (0..20_000).map(|n| format!("- &x{n} *x{n}\n")).collect();
    let mut files: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("blanks", b" \n\t\n \n".to_vec()),
        ("a web page", format!("<!DOCTYPE html>\n<html><body>Sign in {HOSTILE}</body></html>\n").into_bytes()),
        ("all bytes", (0..=255).cycle().take(4096).collect()),
        ("no UTF-8", b"release: \xff\xfe\n".to_vec()),
        ("null bytes", vec![0; 4096]),
        ("one long word", vec![b'x'; 1 << 20]),
        ("one long line of words", "word ".repeat(100_000).into_bytes()),
        ("lists", "[".repeat(100_000).into_bytes()),
        ("maps", "{\"a\":".repeat(100_000).into_bytes()),
        ("maps of YAML", "{a: ".repeat(100_000).into_bytes()),
        ("dashes", "- ".repeat(100_000).into_bytes()),
        ("questions", "? ".repeat(20_000).into_bytes()),
        ("hidden ends", format!("a: {}", "[\"]\",".repeat(50_000)).into_bytes()),
        ("steps", (0..1_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>().into_bytes()),
        ("aliases that multiply", bomb.into_bytes()),
        ("maps that inherit", merges.into_bytes()),
        ("unknown aliases", items.into_bytes()),
        ("many keys", keys.into_bytes()),
        ("quotes", "\"".repeat(99_999).into_bytes()),
        ("single quotes", "a: '".repeat(50_000).into_bytes()),
        ("tags", "a: !!python/object/apply:os.system [id]\n".into()),
        ("a huge number", format!("{{\"a\": {}}}", "9".repeat(100_000)).into_bytes()),
        ("a number without end", b"{\"a\": 1e999999999}".to_vec()),
        ("a hostile text", hostile.clone().into_bytes()),
        ("a hostile list", format!("[{hostile}, {hostile}]").into_bytes()),
        ("dots", ".".repeat(100_000).into_bytes()),
        ("tables", "[a]\n[a.b]\n".repeat(10_000).into_bytes()),
        ("a key without end", format!("{} = 1", "a.".repeat(20_000)).into_bytes()),
        ("at signs", "a@".repeat(200_000).into_bytes()),
        ("tokens", "ghp_".repeat(200_000).into_bytes()),
        ("jobs", "job: job id: ".repeat(100_000).into_bytes()),
    ];
    for known in
        ["releases", "shipment", "spec", "result", "nightly", "auths", "release", "tasks", "http", "owners", "id"]
    {
        files.push(("a hostile value of JSON", format!("{{\"{known}\": {hostile}}}").into_bytes()));
        files.push(("a hostile value of YAML", format!("{known}:\n  {hostile}: [{hostile}]\n").into_bytes()));
        files.push((
            "a hostile value of TOML",
            format!("[{known}]\nx = {}\n", hostile.replace("\\u0007", "")).into_bytes(),
        ));
    }
    files
}

/// Damage that keeps most of a good file.
fn damaged(sample: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = String::from_utf8_lossy(sample).into_owned();
    let mut files = vec![
        ("a byte order mark", [b"\xef\xbb\xbf", sample].concat()),
        ("other line ends", text.replace('\n', "\r\n").into_bytes()),
        ("old line ends", text.replace('\n', "\r").into_bytes()),
        ("tabs", text.replace("  ", "\t").into_bytes()),
        ("twice", [sample, sample].concat()),
        ("a null byte at the end", [sample, b"\0"].concat()),
        ("a hostile end", [sample, HOSTILE.as_bytes()].concat()),
        ("nulls for blanks", text.replace(' ', "\0").into_bytes()),
        ("hostile numbers", text.replace('1', HOSTILE).into_bytes()),
    ];
    let step = (sample.len() / 60).max(1);
    files.extend((0..sample.len()).step_by(step).map(|end| ("cut off", sample[..end].to_vec())));
    files
}

#[test]
fn every_sample_is_accepted() {
    for Parser { name, sample, read } in parsers() {
        assert!(read(&sample).is_ok(), "{name}: {:?}", read(&sample));
    }
}

#[test]
fn no_file_breaks_a_parser_or_its_error() {
    let strange = strange();
    let mut wrong = Vec::new();
    for parser in parsers() {
        for (name, bytes) in strange.iter().cloned().chain(damaged(&parser.sample)) {
            let what = format!("{} as {}, {} bytes", name, parser.name, bytes.len());
            let begun = Instant::now();
            let read = (parser.read)(&bytes);
            let took = begun.elapsed();
            if took > LONGEST {
                wrong.push(format!("{what}: took {took:?}"));
            }
            if let Err(error) = read {
                wrong.extend(unfit(&what, &error));
                if error.is_empty() {
                    wrong.push(format!("{what}: an error without a word"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
