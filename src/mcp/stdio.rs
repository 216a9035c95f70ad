//! The protocol over stdin and stdout, for clients that start the server themselves.

use std::io;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::{SinkExt as _, StreamExt as _};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::connection::ClientConnection;
use super::message::{self, MOST_BYTES, Malformed};
use super::server::Server;
use crate::core::access::principal::Principal;

/// Messages on their way in each direction.
const IN_FLIGHT: usize = 64;

/// Serves until stdin ends or the program is asked to stop.
///
/// # Errors
///
/// The first message is none of the protocol.
pub async fn serve(server: &Arc<Server>, who: Principal) -> Result<(), io::Error> {
    let (input, output) = rmcp::transport::io::stdio();
    converse(server, who, BufReader::new(input), output).await
}

/// The same over any pair of streams: one message a line.
async fn converse(
    server: &Arc<Server>,
    who: Principal,
    input: impl AsyncBufRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> Result<(), io::Error> {
    let connection = ClientConnection::new(Arc::clone(server), who, "stdio");
    let stop = server.shared.sessions.child_token();
    let (lines, outgoing) = mpsc::channel::<String>(IN_FLIGHT);
    let (inbox, incoming) = mpsc::channel::<RxJsonRpcMessage<RoleServer>>(IN_FLIGHT);
    let answers = Box::pin(lines.clone().with(async |answer: TxJsonRpcMessage<RoleServer>| {
        Ok::<_, mpsc::SendError>(serde_json::to_string(&answer).unwrap_or_default())
    }));
    let conversation = async {
        let serving = rmcp::service::serve_server_with_ct(connection, (answers, incoming), stop);
        let running = serving.await.map_err(io::Error::other)?;
        // However the conversation ended, it ended.
        let _ = running.waiting().await;
        Ok(())
    };
    let talk = async move {
        tokio::select! {
            ended = conversation => ended,
            // The end of the input ends the conversation by itself: it has no messages any more.
            never = async { read(input, inbox, lines).await; std::future::pending().await } => never,
        }
    };
    // What was answered before the end is still written.
    futures::future::join(talk, write(output, outgoing)).await.0
}

/// Gives each line that is a message to `inbox`; what is none is answered at once.
async fn read(
    mut input: impl AsyncBufRead + Unpin,
    mut inbox: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    mut lines: mpsc::Sender<String>,
) {
    let mut line = Vec::new();
    while next_line(&mut input, &mut line).await {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let sent = match read_message(&line) {
            Ok(message) => inbox.send(message).await,
            Err(malformed) => lines.send(malformed.answer()).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

fn read_message(line: &[u8]) -> Result<RxJsonRpcMessage<RoleServer>, Malformed> {
    if line.len() > MOST_BYTES {
        return Err(Malformed::invalid(Value::Null, format!("a message has at most {MOST_BYTES} bytes")));
    }
    let id = message::request_id(line)?;
    let unreadable = |_| Malformed::invalid(id.unwrap_or_default(), "the message cannot be read");
    serde_json::from_slice(line).map_err(unreadable)
}

/// Reads the next line into `line`, or so much of it that it is too long; no at the end of the input.
async fn next_line(input: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> bool {
    line.clear();
    let most = MOST_BYTES as u64 + 2;
    if !matches!(input.take(most).read_until(b'\n', line).await, Ok(read) if read > 0) {
        return false;
    }
    let mut rest = Vec::new();
    let mut is_whole = line.last() == Some(&b'\n');
    while !is_whole {
        rest.clear();
        is_whole = match input.take(most).read_until(b'\n', &mut rest).await {
            Ok(read) => read == 0 || rest.last() == Some(&b'\n'),
            Err(_) => true,
        };
    }
    true
}

async fn write(mut output: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<String>) {
    while let Some(line) = lines.next().await {
        let line = line + "\n";
        // Whoever does not read any more has ended the conversation.
        if output.write_all(line.as_bytes()).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_one_by_one_and_one_that_is_too_long_costs_no_memory_and_no_neighbour() {
        let text = [b"one\n".to_vec(), vec![b'x'; 5 * MOST_BYTES], b"\ntwo\nlast".to_vec()].concat();
        let mut input = BufReader::new(text.as_slice());
        let (mut line, mut lengths) = (Vec::new(), Vec::new());
        while next_line(&mut input, &mut line).await {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [4, MOST_BYTES + 2, 4, 4]);
    }
}
