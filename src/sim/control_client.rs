//! The way to a simulated world for programs on the same machine: its control, never its services.

use std::io;

use axum::http::Method;
use serde_json::Value;
use url::{Host, Url};

/// One request: status and JSON document. How long the world may think is not bounded: a stand-in may hang.
///
/// # Errors
/// `base` is not on this machine, nobody listens there, or the answer is no JSON document.
pub async fn ask(base: &str, method: Method, path: &str, body: Option<&Value>) -> io::Result<(u16, Value)> {
    here(base)?;
    let mut request = client()?.request(method, format!("{}{path}", base.trim_end_matches('/')));
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.map_err(|error| lowest(&error))?;
    let status = answer.status().as_u16();
    let document = answer.json().await.map_err(|_| bad("not an answer of a world"))?;
    Ok((status, document))
}

/// Does anybody listen at `base`?
pub async fn is_open(base: &str) -> bool {
    let Ok(address) = here(base) else { return false };
    tokio::net::TcpStream::connect(address).await.is_ok()
}

/// Host and port of `base`, which is on this machine.
fn here(base: &str) -> io::Result<(String, u16)> {
    let url = Url::parse(base).map_err(|_| bad("OAR_SIM_URL is not a URL"))?;
    let is_here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return Err(bad("OAR_SIM_URL has no host")),
    };
    if !is_here {
        return Err(bad("OAR_SIM_URL is not on this machine"));
    }
    let port = url.port_or_known_default().ok_or_else(|| bad("OAR_SIM_URL has no port"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    Ok((host, port))
}

fn client() -> io::Result<reqwest::Client> {
    #[expect(clippy::disallowed_methods, reason = "asks a simulator on this machine, never a service")]
    let builder = reqwest::Client::builder();
    // No proxy between us and our own machine, and no system trust store to load.
    builder.no_proxy().tls_certs_only([]).build().map_err(|error| lowest(&error))
}

/// What lies at the bottom of a failed request: the levels above it name the library.
fn lowest(error: &dyn std::error::Error) -> io::Error {
    let mut cause = error;
    while let Some(lower) = cause.source() {
        cause = lower;
    }
    io::Error::other(cause.to_string())
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}
