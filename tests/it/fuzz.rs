//! Random damage to good files, in a fixed order: no parser panics, hangs, or tells what it must not.
//!
//! `OAR_FUZZ_ITERATIONS` is the number of damaged files per parser (`make fuzz` sets a large one),
//! `OAR_FUZZ_SEED` begins elsewhere. A failure names parser, seed and round, and keeps the file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use oar::core::config::env::Env;

use crate::corpus::real_states;
use crate::real_files::real;
use crate::sweep::parsers::parsers;
use crate::sweep::{HOSTILE, unfit};

const ROUNDS: u64 = 150;
const LONGEST: Duration = Duration::from_secs(20);
/// Larger files teach nothing and cost time.
const MOST_BYTES: usize = 64 << 10;

/// Pieces that mean something to one of the formats.
const PIECES: [&[u8]; 40] = [
    b"[",
    b"]",
    b"{",
    b"}",
    b": ",
    b"- ",
    b"? ",
    b"\n",
    b"\r\n",
    b"\t",
    b"\"",
    b"'",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"|\n",
    b">-\n",
    b"!!str ",
    b"#",
    b"---\n",
    b"...\n",
    b"%YAML 1.1\n",
    b"null",
    b"~",
    b"0x1F",
    b"1e999",
    b"2026-06-03",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\\x",
    b",",
    b"=",
    b".",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"true",
    b"off",
    b"@",
];

fn number(variable: &str, usual: u64) -> u64 {
    Env::from_process().get(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// Real files of each kind, beside the samples.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let files = |part: &str, end: &str| -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut folders: Vec<PathBuf> = real(&format!("data/{part}")).into_iter().collect();
        while let Some(folder) = folders.pop() {
            let mut paths: Vec<_> =
                std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()).collect();
            paths.sort();
            for path in paths {
                if path.is_dir() {
                    folders.push(path);
                } else if path.to_string_lossy().ends_with(end) && found.len() < 12 {
                    let mut bytes = std::fs::read(path).expect("a file");
                    bytes.truncate(MOST_BYTES);
                    found.push(bytes);
                }
            }
        }
        found
    };
    match name {
        "state" => real_states().into_iter().step_by(9).map(|(_, text)| text.into_bytes()).collect(),
        "build data" => files("build-data", ".yml"),
        "record" => files("record", ".json"),
        "job registry" => files("jobs", ".json"),
        "sealed settings" => files("configstore", ".jwe"),
        "console text" => real_states().into_iter().step_by(20).map(|(_, text)| text.into_bytes()).collect(),
        _ => Vec::new(),
    }
}

fn damage(random: &mut fastrand::Rng, files: &[Vec<u8>]) -> Vec<u8> {
    let pick = |random: &mut fastrand::Rng| &files[random.usize(..files.len())];
    let mut bytes = pick(random).clone();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(..64)).min(bytes.len());
        match random.u8(..9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 => drop(bytes.splice(at..end, std::iter::empty())),
            2 => drop(bytes.splice(at..at, PIECES[random.usize(..PIECES.len())].iter().copied())),
            3 => {
                let copy = bytes[at..end].to_vec();
                let times = random.usize(1..20);
                drop(bytes.splice(at..at, copy.repeat(times)));
            }
            4 => bytes.truncate(at),
            5 => {
                let other = pick(random);
                let from = random.usize(..=other.len());
                let to = (from + random.usize(..256)).min(other.len());
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            6 => drop(bytes.splice(at..at, HOSTILE.bytes())),
            7 => {
                let piece = PIECES[random.usize(..PIECES.len())];
                drop(bytes.splice(at..end, piece.repeat(random.usize(1..200))));
            }
            _ => drop(bytes.splice(at..end, std::iter::repeat_with(|| random.u8(..)).take(8).collect::<Vec<_>>())),
        }
    }
    bytes.truncate(2 * MOST_BYTES);
    bytes
}

#[test]
fn no_damage_breaks_a_parser() {
    let (rounds, first) = (number("OAR_FUZZ_ITERATIONS", ROUNDS), number("OAR_FUZZ_SEED", 1));
    let mut wrong = Vec::new();
    for parser in parsers() {
        let mut files = corpus(parser.name);
        files.push(parser.sample.clone());
        for round in first..first + rounds {
            // A seed of its own for each round, so that one round can be repeated alone.
            let mut random = fastrand::Rng::with_seed(round);
            let bytes = damage(&mut random, &files);
            let begun = Instant::now();
            let read = catch_unwind(AssertUnwindSafe(|| (parser.read)(&bytes)));
            let what = format!("{} (OAR_FUZZ_SEED={round} OAR_FUZZ_ITERATIONS=1)", parser.name);
            let complaint = match read {
                Err(_) => Some(format!("{what}: panics")),
                Ok(_) if begun.elapsed() > LONGEST => Some(format!("{what}: took {:?}", begun.elapsed())),
                Ok(Err(error)) => unfit(&what, &error),
                Ok(Ok(_)) => None,
            };
            if let Some(complaint) = complaint {
                let kept = std::env::temp_dir().join(format!("oar-fuzz-{}-{round}", parser.name.replace(' ', "-")));
                std::fs::write(&kept, &bytes).expect("a file");
                wrong.push(format!("{complaint}; the file is {}", kept.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
