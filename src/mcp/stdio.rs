//! The protocol over stdin and stdout, for clients that start the server themselves.

use std::sync::Arc;

use super::connection::ClientConnection;
use super::server::Server;
use crate::core::access::principal::Principal;

/// Serves until stdin ends or the program is asked to stop.
///
/// # Errors
///
/// The first message is none of the protocol.
pub async fn serve(server: &Arc<Server>, who: Principal) -> Result<(), std::io::Error> {
    let connection = ClientConnection::new(Arc::clone(server), who, "stdio");
    let stop = server.shared.sessions.child_token();
    let transport = rmcp::transport::io::stdio();
    let running =
        rmcp::service::serve_server_with_ct(connection, transport, stop).await.map_err(std::io::Error::other)?;
    // However the conversation ended, it ended.
    let _ = running.waiting().await;
    Ok(())
}
