//! How long looking at the health of all images takes: `image_health [IMAGES] [MS]`.
//!
//! A catalogue on this machine answers each question after MS milliseconds. Prints one row of a table each for the
//! first look and for one that remembers it, and fails when the first takes more than six seconds or the second more
//! than one.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for the bench: it prints and measures")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use oar::core::clients::catalog_stage::CatalogStage;
use oar::core::clients::http::Http;
use oar::core::clients::http::auth::Auth;
use oar::core::clients::http::policy::HttpPolicy;
use oar::core::clock::Clock;
use oar::core::config::hosts::HostRule;
use oar::domain::image_health::ListedImage;
use oar::domain::service::Service;
use oar::operators::steps::image_health::looks::look;
use oar::operators::steps::image_health::remembered::Remembered;
use tokio_util::sync::CancellationToken;

const FIRST_AT_MOST: Duration = Duration::from_secs(6);
const REMEMBERED_AT_MOST: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let (count, pause) = (numbers.first().copied().unwrap_or(860), numbers.get(1).copied().unwrap_or(100));
    let router = Router::new().fallback(async move || {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        r#"{"data":[{"freshness_grades":[{"grade":"A","start_date":"2020-01-01T00:00:00Z"}]}]}"#
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let home = tempfile::tempdir()?;
    tokio::select! {
        measured = measure(&base, home.path(), count, pause) => measured,
        ended = axum::serve(listener, router) => Err(format!("the catalogue ended: {ended:?}").into()),
    }
}

async fn measure(base: &str, home: &Path, count: u64, pause: u64) -> Result<(), Box<dyn Error>> {
    let policy = HttpPolicy {
        connect_timeout: Duration::from_secs(10),
        read_timeout: Duration::from_secs(60),
        total_timeout: Duration::from_secs(180),
        tries: 3,
        in_flight: 20,
        max_body_bytes: 1 << 20,
        hosts: HostRule::Loopback,
        rewrites: Vec::new(),
    };
    let http = Http::new(policy, Clock::System, CancellationToken::new())?;
    let catalog = CatalogStage::new(http.service(Service::CatalogStage, base, Auth::None));
    for (what, at_most) in [("first", FIRST_AT_MOST), ("remembered", REMEMBERED_AT_MOST)] {
        let began = Instant::now();
        let mut memory = Remembered::read(home, catalog.place());
        let looks = look(&catalog, &mut memory, images(count)?, Clock::System.now()).await;
        let took = began.elapsed();
        if looks.known() as u64 != count {
            return Err(format!("{what}: {}", looks.summary()).into());
        }
        println!(
            "| {count} images at {pause} ms, {what} | {:.2} s | at most {} s |",
            took.as_secs_f64(),
            at_most.as_secs()
        );
        if took > at_most {
            return Err(format!("{what}: too slow").into());
        }
    }
    Ok(())
}

fn images(count: u64) -> Result<Vec<ListedImage>, Box<dyn Error>> {
    let image = |n: u64| {
        let digest = format!("sha256:{n:064x}").parse()?;
        let (component, arch) = (format!("image-{n}"), "amd64".to_owned());
        Ok(ListedImage { component, arch, pull_spec: format!("registry.example.com/x@sha256:{n:064x}"), digest })
    };
    (0..count).map(image).collect()
}
