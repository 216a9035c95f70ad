//! Load for a running MCP server: `mcp_load ADDRESS TOKEN WHAT CLIENTS SECONDS [PID]`.
//!
//! WHAT is `metadata` (a cached `oar_get_release_metadata`), `tools` (`tools/list`) or `health`. Each client holds
//! one connection and, but for `health`, one session of 2025-06-18. Prints one row of a table: requests per
//! second, 50th and 99th percentile, and with PID the requests per second of that process' CPU time.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for the bench: it prints and measures")]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

type Anyhow<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// One keep-alive connection.
struct Client {
    stream: BufReader<TcpStream>,
    address: String,
    token: String,
    session: Option<String>,
}

impl Client {
    fn connect(address: &str, token: &str) -> Anyhow<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let (address, token) = (address.to_owned(), token.to_owned());
        Ok(Self { stream: BufReader::new(stream), address, token, session: None })
    }

    /// Opens a session as an older client does.
    fn initialize(&mut self) -> Anyhow<()> {
        let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"load","version":"1"}}}"#;
        self.post(hello)?;
        self.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
        Ok(())
    }

    fn post(&mut self, body: &str) -> Anyhow<Vec<u8>> {
        let session = self.session.as_ref().map(|id| format!("mcp-session-id: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n{session}content-type: application/json\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all((head + body).as_bytes())?;
        self.answer()
    }

    fn get(&mut self, path: &str) -> Anyhow<Vec<u8>> {
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n", self.address, self.token);
        self.stream.get_mut().write_all(head.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> Anyhow<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status: u16 = line.split(' ').nth(1).unwrap_or_default().parse()?;
        let (mut length, mut chunked) = (0_usize, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse()?,
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                "mcp-session-id" => self.session = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                line.clear();
                self.stream.read_line(&mut line)?;
                let size = usize::from_str_radix(line.trim(), 16)?;
                let mut piece = vec![0; size + 2];
                self.stream.read_exact(&mut piece)?;
                if size == 0 {
                    break;
                }
                piece.truncate(size);
                body.extend_from_slice(&piece);
            }
        } else {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        }
        if status >= 300 {
            return Err(format!("HTTP {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(body)
    }
}

/// Seconds of CPU that a process has used.
fn cpu(pid: &str) -> Anyhow<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) / 100.0)
}

fn client(address: &str, token: &str, what: &str, until: Instant) -> Anyhow<Vec<Duration>> {
    let mut client = Client::connect(address, token)?;
    if what != "health" {
        client.initialize()?;
    }
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"oar_get_release_metadata","arguments":{"release":"4.20.17"}}}"#;
    let mut times = Vec::new();
    while Instant::now() < until {
        let start = Instant::now();
        let body = match what {
            "metadata" => client.post(call)?,
            "tools" => client.post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)?,
            "health" => client.get("/health")?,
            other => return Err(format!("nothing is called {other}").into()),
        };
        times.push(start.elapsed());
        let wanted: &[u8] = match what {
            "metadata" => b"advisories",
            "tools" => b"inputSchema",
            _ => b"status",
        };
        if !body.windows(wanted.len()).any(|piece| piece == wanted) {
            return Err(format!("a strange answer: {}", String::from_utf8_lossy(&body)).into());
        }
    }
    Ok(times)
}

fn main() -> Anyhow<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, token, what, clients, seconds, rest @ ..] = words.as_slice() else {
        return Err("mcp_load ADDRESS TOKEN metadata|tools|health CLIENTS SECONDS [PID]".into());
    };
    let (clients, seconds): (usize, u64) = (clients.parse()?, seconds.parse()?);
    let pid = rest.first();
    let before = pid.map(|pid| cpu(pid)).transpose()?;
    let start = Instant::now();
    let until = start + Duration::from_secs(seconds);
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(|| client(address, token, what, until))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a client panicked".into())));
        ended.collect::<Anyhow<Vec<_>>>()
    })?;
    let wall = start.elapsed().as_secs_f64();
    let mut times: Vec<f64> = times.into_iter().flatten().map(|time| time.as_secs_f64() * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    let rate = times.len() as f64 / wall;
    let per_core = match (pid, before) {
        (Some(pid), Some(before)) => format!("{:.0}", times.len() as f64 / (cpu(pid)? - before).max(0.01)),
        _ => "-".to_owned(),
    };
    println!("| {what} | {clients} | {rate:.0} | {per_core} | {:.2} | {:.2} |", at(0.5), at(0.99));
    Ok(())
}
