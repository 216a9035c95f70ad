//! The way to a simulated world for programs on the same machine: its control, never its services.

use serde_json::Value;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request over a plain connection: status and JSON document. The world speaks HTTP/1.
///
/// # Errors
/// Nobody listens at `base`, or the answer is no JSON document.
pub async fn ask(base: &str, method: &str, path: &str, body: Option<&Value>) -> io::Result<(u16, Value)> {
    let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let url = url::Url::parse(base).map_err(|_| bad("OAR_SIM_URL is not a URL"))?;
    let host = url.host_str().ok_or_else(|| bad("OAR_SIM_URL has no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| bad("OAR_SIM_URL has no port"))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    let mut stream = TcpStream::connect((host, port)).await?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, rest) = answer.split_once("\r\n\r\n").ok_or_else(|| bad("no HTTP answer"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| bad("no HTTP answer"))?;
    // The braces delimit the document whether or not the answer came in chunks.
    let document = rest.find('{').zip(rest.rfind('}')).and_then(|(from, to)| rest.get(from..=to));
    let document = serde_json::from_str(document.unwrap_or_default()).map_err(|_| bad("not an answer of a world"))?;
    Ok((status, document))
}

/// Does anybody listen at `base`?
pub async fn is_open(base: &str) -> bool {
    let Ok(url) = url::Url::parse(base) else { return false };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    TcpStream::connect((host, port)).await.is_ok()
}
