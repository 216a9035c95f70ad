//! Rehearses one release after the other in one process: `rehearsals COUNT [ARGUMENTS OF oar rehearse…]`.
//!
//! Each has the next seed. Prints one row of a table: releases per second and per second of CPU time, and how many were
//! not approved.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for the bench: it prints and measures")]

use std::time::Instant;

use oar::cli::outside::{Outside, Stream};
use oar::core::config::env::Env;
use tokio_util::sync::CancellationToken;

/// Seconds of CPU time that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let ticks = |n: usize| fields.get(n).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let count: u32 = args.next().and_then(|text| text.parse().ok()).unwrap_or(100);
    let rest: Vec<String> = args.collect();
    let (began, before, mut not_approved) = (Instant::now(), cpu(), 0);
    for seed in 1..=count {
        let mut args = vec!["oar".to_owned(), "rehearse".to_owned(), "--seed".to_owned(), seed.to_string()];
        args.extend(rest.iter().cloned());
        let ((out, _), (err, _)) = (Stream::captured(), Stream::captured());
        let exit = oar::cli::program::run(Outside::new(args, Env::default(), out, err), CancellationToken::new()).await;
        not_approved += u32::from(exit.code() != 0);
    }
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu() - before);
    let rate = |seconds: f64| f64::from(count) / seconds.max(0.001);
    println!(
        "rehearse {:<28} {:>8.1}/s {:>8.1} per second of CPU, {not_approved} of {count} not approved",
        rest.join(" "),
        rate(wall),
        rate(cpu)
    );
}
