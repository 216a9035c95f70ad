//! How a client proves who we are.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

use crate::core::clients::error::ClientError;

/// How a client proves who we are.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all.
    None,
    /// `Authorization: Bearer …`.
    Bearer(SecretString),
    /// `Authorization: Basic …`.
    Basic {
        /// User name.
        user: String,
        /// Password or API token.
        secret: SecretString,
    },
    /// A header of the service's own.
    Header {
        name: HeaderName,
        /// Its value.
        secret: SecretString,
    },
    /// With a Kerberos ticket, from the first request on.
    Negotiate(Proof),
    /// With a Kerberos ticket where the service asks for one; TLS proves the service.
    NegotiateIfAsked,
    /// With tokens that end and are renewed.
    Issued(Arc<dyn TokenSource>),
}

/// Gives tokens that end.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// A token that is good now, another one than `refused`.
    fn token(&self, refused: Option<SecretString>) -> BoxFuture<'_, Result<SecretString, ClientError>>;

    /// What it means that a request was refused although its token was new.
    fn refusal(&self, error: ClientError) -> ClientError;
}

/// The header that carries a token.
pub(super) fn bearer(token: &SecretString) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some((header::AUTHORIZATION, value))
}

impl Auth {
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, text) = match self {
            // What proves itself anew with every request has no fixed header.
            Self::None | Self::Negotiate(_) | Self::NegotiateIfAsked | Self::Issued(_) => return None,
            Self::Bearer(secret) => return bearer(secret),
            Self::Basic { user, secret } => {
                let pair = format!("{user}:{}", secret.expose_secret());
                (header::AUTHORIZATION, format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
            Self::Header { name, secret } => (name.clone(), secret.expose_secret().to_owned()),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

/// Has a service that takes our ticket to prove with Kerberos who it is?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Yes: an answer without proof is not used.
    Required,
    /// No: TLS proves it. A wrong proof is refused all the same.
    Optional,
}
