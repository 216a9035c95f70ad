//! Kerberos for HTTP (SPNEGO): our ticket proves who we are, the answer's token proves who answered.
//!
//! The first request already carries a token: that saves a round trip, and a body is sent once. Every
//! request has a context of its own. Calls of the Kerberos library may talk to a Kerberos server, so
//! they run on threads that may block. The library reads `KRB5CCNAME`, `KRB5_CONFIG` and its other
//! variables from the process itself; nothing here passes them on.

pub mod ccache;
#[cfg(feature = "kerberos")]
mod gss;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use crate::core::error::ErrorClass;
use crate::domain::service::Service;

#[cfg(not(feature = "kerberos"))]
use absent as gss;

/// Requests of one exchange. Kerberos needs one; a server that asks for more than three never ends.
const ROUNDS: u32 = 3;

/// The library asks every Kerberos server of a realm in turn, for minutes when all are away.
const LONGEST_STEP: Duration = Duration::from_secs(30);

/// What stands between us and a service that wants Kerberos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kerberos {
    /// Nobody ran `kinit`.
    NoTicket,
    /// The ticket is over.
    Expired,
    /// The Kerberos server knows no such service: a wrong address, or a ticket of another realm.
    UnknownService {
        /// Host of the service.
        host: String,
    },
    /// The service refused our ticket with 401 or 403: a principal without access.
    NotAccepted(u16),
    /// The answer came without a proof that the service gave it.
    Unproved,
    /// No Kerberos server of the realm answers.
    Unreachable,
    /// This program was built without Kerberos.
    NotBuilt,
    /// Anything else, in the words of the library, without principals.
    Other(String),
}

impl fmt::Display for Kerberos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTicket => f.write_str("cannot be asked: no Kerberos ticket"),
            Self::Expired => f.write_str("cannot be asked: the Kerberos ticket expired"),
            Self::UnknownService { host } => write!(f, "cannot be asked: no Kerberos service for host {host}"),
            Self::NotAccepted(code) => write!(f, "did not accept our Kerberos ticket (HTTP {code})"),
            Self::Unproved => f.write_str("did not prove its identity; its answer is not used"),
            Self::Unreachable => f.write_str("cannot be asked: no Kerberos server answers"),
            Self::NotBuilt => f.write_str("cannot be asked: this oar was built without Kerberos"),
            Self::Other(why) => write!(f, "cannot be asked: Kerberos failed ({why})"),
        }
    }
}

impl Kerberos {
    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NoTicket
            | Self::Expired
            | Self::UnknownService { .. }
            | Self::NotAccepted(_)
            | Self::Unproved
            | Self::NotBuilt
            | Self::Other(_) => ErrorClass::Auth,
            Self::Unreachable => ErrorClass::Transient,
        }
    }

    /// What to do about it.
    pub fn next_step(&self, service: Service) -> String {
        let address = service.url_env();
        match self {
            Self::NoTicket => "run kinit, then run it again".to_owned(),
            Self::Expired => "ticket expired: run kinit, then run it again".to_owned(),
            Self::UnknownService { .. } => format!(
                "check {address}: it must name the host as Kerberos knows it, not its number; klist shows whose \
                 ticket it is"
            ),
            Self::NotAccepted(_) => {
                format!("klist shows whose ticket it is: run kinit as somebody who has access to {service}")
            }
            Self::Unproved => {
                format!("check {address} and what stands in between (proxy, VPN): somebody else may have answered")
            }
            Self::Unreachable => {
                "check that you are on the network of your Kerberos realm (VPN), then run it again".to_owned()
            }
            Self::NotBuilt => {
                "use an oar built with the cargo feature kerberos (the default), or OAR_ERRATA_AUTH=bearer with a token"
                    .to_owned()
            }
            Self::Other(_) => "look at klist and the Kerberos settings (krb5.conf), run kinit again".to_owned(),
        }
    }

    /// May a write have happened although this is how it ended?
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Unproved => true,
            Self::NoTicket
            | Self::Expired
            | Self::UnknownService { .. }
            | Self::NotAccepted(_)
            | Self::Unreachable
            | Self::NotBuilt
            | Self::Other(_) => false,
        }
    }
}

/// Is there a ticket? Looks at the credential cache of this machine; asks nobody unless a key table
/// of ours stands in for `kinit`.
///
/// # Errors
///
/// What is wrong with it.
pub async fn check_ticket() -> Result<(), Kerberos> {
    ticket_left().await.map(drop)
}

/// The same, and for how long it is still valid.
///
/// # Errors
///
/// As [`check_ticket`].
pub async fn ticket_left() -> Result<Duration, Kerberos> {
    blocking(gss::check_ticket).await
}

/// The exchange that belongs to one request.
pub(super) struct Negotiation {
    context: gss::GssContext,
    rounds: u32,
}

/// What an answer means for the exchange.
pub(super) enum Heard {
    /// The service proved who it is.
    Proved,
    /// It did not; an answer that says no need not.
    Unproved,
    /// It wants one more token.
    Again(Negotiation, HeaderValue),
}

impl Negotiation {
    /// Begins an exchange with the host of `url`; the header for the first request.
    pub(super) async fn start(url: &Url) -> Result<(Self, HeaderValue), Kerberos> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let (context, token) = blocking(move || gss::GssContext::start(&host)).await?;
        Ok((Self { context, rounds: 1 }, credential(&token)))
    }

    /// Takes in an answer: its token, when it has one, is the service's proof or its next question.
    pub(super) async fn hear(self, status: StatusCode, headers: &HeaderMap) -> Result<Heard, Kerberos> {
        let Self { mut context, rounds } = self;
        let refused = status == StatusCode::UNAUTHORIZED;
        let Some(token) = offered(headers) else { return Ok(Heard::Unproved) };
        let (context, fed) = blocking(move || {
            let fed = context.feed(&token);
            Ok((context, fed))
        })
        .await?;
        match fed {
            // A refusal may say why in its token; that is still the refusal.
            Err(_) if refused => Ok(Heard::Unproved),
            Err(_) => Err(Kerberos::Unproved),
            Ok(Some(next)) if refused && rounds < ROUNDS => {
                Ok(Heard::Again(Self { context, rounds: rounds + 1 }, credential(&next)))
            }
            Ok(_) if !refused && context.is_complete() => Ok(Heard::Proved),
            Ok(_) => Ok(Heard::Unproved),
        }
    }
}

/// Runs a call of the library where it may block, and not for ever.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Kerberos> + Send + 'static,
) -> Result<T, Kerberos> {
    match tokio::time::timeout(LONGEST_STEP, tokio::task::spawn_blocking(call)).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(_)) => Err(Kerberos::Other("the call of the library did not end".to_owned())),
        Err(_) => Err(Kerberos::Unreachable),
    }
}

fn credential(token: &[u8]) -> HeaderValue {
    // Base64 is always a valid header.
    let text = format!("Negotiate {}", STANDARD.encode(token));
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Negotiate"));
    value.set_sensitive(true);
    value
}

/// Does a refusal ask for a Kerberos ticket?
pub(super) fn is_offered(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
    let mut challenges = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    challenges.any(|challenge| {
        challenge.split_whitespace().next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("negotiate"))
    })
}

/// The service's token: one of perhaps several challenges, in one header or in many.
fn offered(headers: &HeaderMap) -> Option<Vec<u8>> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
    let challenges = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut tokens = challenges.filter_map(|challenge| {
        let (scheme, token) = challenge.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("negotiate").then(|| STANDARD.decode(token.trim()).ok())?
    });
    tokens.next()
}

/// What stands here instead of the library in a build without it.
#[cfg(not(feature = "kerberos"))]
mod absent {
    use super::Kerberos;

    pub(super) enum GssContext {}

    impl GssContext {
        pub(super) fn start(_host: &str) -> Result<(Self, Vec<u8>), Kerberos> {
            Err(Kerberos::NotBuilt)
        }

        pub(super) fn feed(&mut self, _token: &[u8]) -> Result<Option<Vec<u8>>, Kerberos> {
            match *self {}
        }

        pub(super) fn is_complete(&self) -> bool {
            match *self {}
        }
    }

    pub(super) fn check_ticket() -> Result<std::time::Duration, Kerberos> {
        Err(Kerberos::NotBuilt)
    }
}
