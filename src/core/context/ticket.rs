//! How our Kerberos ticket stands.

use std::path::{Path, PathBuf};

use super::Context;
use crate::core::clients::negotiate::{self, Kerberos, ccache};
use crate::core::config::errata::ErrataAuth;

impl Context {
    /// How our Kerberos ticket stands. Asks nobody, but may take a while: not for those who cannot wait.
    ///
    /// `cache` is the file of tickets, when there is one; it tells what the library does not.
    pub async fn ticket(&self, cache: Option<&Path>) -> Ticket {
        match self.settings.errata_auth {
            ErrataAuth::Negotiate => match negotiate::ticket_left().await {
                Ok(left) => {
                    let ccache::Details { realm, renew_until } = cache.map(ccache::details).unwrap_or_default();
                    Ticket { valid: true, status: "valid".to_owned(), left: Some(left), realm, renew_until }
                }
                Err(trouble) => Ticket { status: ticket_status(&trouble), ..Ticket::default() },
            },
            ErrataAuth::Bearer | ErrataAuth::None => {
                Ticket { valid: true, status: "not_needed".to_owned(), ..Ticket::default() }
            }
        }
    }

    /// What is wrong with our Kerberos ticket; nothing where the Errata Tool takes no ticket. Asks nobody.
    pub async fn ticket_trouble(&self) -> Option<Kerberos> {
        match self.settings.errata_auth {
            ErrataAuth::Negotiate => negotiate::check_ticket().await.err(),
            ErrataAuth::Bearer | ErrataAuth::None => None,
        }
    }
}

/// How a Kerberos ticket stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticket {
    /// Can we use it, or do we need none?
    pub valid: bool,
    /// `valid`, `not_needed`, `no_ticket`, `timeout`, or `error: …`.
    pub status: String,
    /// For how long it is still valid.
    pub left: Option<std::time::Duration>,
    /// The realm of whoever it is of, where that is known.
    pub realm: Option<String>,
    /// Until when it can be renewed, where that is known.
    pub renew_until: Option<jiff::Timestamp>,
}

/// The file of tickets that `KRB5CCNAME` names, or the usual one of this user.
pub fn ticket_file(named: Option<&str>) -> Option<PathBuf> {
    ccache::place(named, rustix::process::getuid().as_raw())
}

fn ticket_status(trouble: &Kerberos) -> String {
    match trouble {
        Kerberos::NoTicket => "no_ticket".to_owned(),
        Kerberos::Unreachable => "timeout".to_owned(),
        Kerberos::Expired => "error: expired".to_owned(),
        Kerberos::NotBuilt => "error: built without Kerberos".to_owned(),
        Kerberos::UnknownService { .. } | Kerberos::NotAccepted(_) | Kerberos::Unproved | Kerberos::Other(_) => {
            format!("error: {trouble}")
        }
    }
}
