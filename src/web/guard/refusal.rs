//! Why a request goes no further: what its caller hears, and what the audit log keeps.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::{Authentication, Guard};
use crate::core::access::audit::AuditEntry;
use crate::core::access::oauth::OauthRefusal;
use crate::core::access::principal::{Principal, Scope};
use crate::core::access::quota::NoPlace;
use crate::core::access::tokens::TokenRefusal;
use crate::web::protected_resource;

/// Why a request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not say for whom it is.
    AmbiguousHost,
    ForeignHost,
    ForeignOrigin,
    TooLarge,
    /// Its body did not come in time.
    SlowBody,
    /// A known caller holds too many of these.
    TooMany(String, &'static str, NoPlace),
    NoToken,
    UnknownToken,
    ExpiredToken(String),
    InvalidToken(&'static str),
    /// A known caller in the session of another.
    ForeignSession(String),
    /// The issuer's keys are not known, so nobody can say.
    Undecided(String),
    /// A known caller who may not even look.
    NothingAllowed(String),
}

/// What the audit log keeps of a request, whoever answers it.
pub(super) struct AskedFor {
    who: Option<String>,
    /// Without the query: it holds the id of a session.
    what: String,
    is_get: bool,
    client: String,
}

impl From<&Request> for AskedFor {
    fn from(request: &Request) -> Self {
        let client = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            who: request.extensions().get::<Principal>().map(|who| who.name.clone()),
            what: format!("{} {}", request.method(), request.uri().path()),
            is_get: request.method() == Method::GET,
            client: client.unwrap_or_default().to_owned(),
        }
    }
}

impl AskedFor {
    /// Is `response` a stream that is no answer to a message, and so may stay open for ever?
    pub(super) fn opened_stream(&self, response: &Response) -> bool {
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        self.is_get && kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
    }
}

impl Guard {
    pub(super) fn refuse(&self, request: &Request, refusal: Refusal) -> Response {
        self.refused(AskedFor::from(request), refusal)
    }

    pub(super) fn refused(&self, asked: AskedFor, refusal: Refusal) -> Response {
        let who = match &refusal {
            Refusal::ExpiredToken(name)
            | Refusal::NothingAllowed(name)
            | Refusal::ForeignSession(name)
            | Refusal::TooMany(name, ..) => name.clone(),
            Refusal::TooLarge | Refusal::SlowBody => asked.who.unwrap_or_else(|| "nobody".to_owned()),
            Refusal::AmbiguousHost
            | Refusal::ForeignHost
            | Refusal::ForeignOrigin
            | Refusal::NoToken
            | Refusal::UnknownToken
            | Refusal::InvalidToken(_)
            | Refusal::Undecided(_) => "nobody".to_owned(),
        };
        self.audit.refuse(AuditEntry {
            who,
            client: asked.client,
            transport: "http".to_owned(),
            tool: asked.what,
            outcome: refusal.code().to_owned(),
            ..AuditEntry::default()
        });
        let mut response = (refusal.status(), refusal.hint()).into_response();
        if let Some(challenge) = self.challenge(&refusal) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if matches!(refusal, Refusal::Undecided(_) | Refusal::TooMany(..)) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        // What is left of it does not become the next request.
        if matches!(refusal, Refusal::AmbiguousHost | Refusal::SlowBody | Refusal::TooMany(_, "connections", _)) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// How to come in: where the OAuth server is described, and which scope is the least.
    fn challenge(&self, refusal: &Refusal) -> Option<HeaderValue> {
        let error = match refusal {
            Refusal::NoToken => None,
            Refusal::UnknownToken | Refusal::ExpiredToken(_) | Refusal::InvalidToken(_) => Some("invalid_token"),
            Refusal::NothingAllowed(_) => Some("insufficient_scope"),
            Refusal::AmbiguousHost
            | Refusal::ForeignHost
            | Refusal::ForeignOrigin
            | Refusal::TooLarge
            | Refusal::SlowBody
            | Refusal::TooMany(..)
            | Refusal::ForeignSession(_)
            | Refusal::Undecided(_) => return None,
        };
        let mut parts = vec!["realm=\"oar\"".to_owned()];
        if let Authentication::Bearer { oauth: Some(oauth), .. } = &self.authentication {
            parts.push(format!("resource_metadata=\"{}\"", protected_resource::address(oauth.audience())));
        }
        parts.push(format!("scope=\"{}\"", Scope::Read));
        parts.extend(error.map(|error| format!("error=\"{error}\"")));
        HeaderValue::from_str(&format!("Bearer {}", parts.join(", "))).ok()
    }
}

impl From<TokenRefusal> for Refusal {
    fn from(refused: TokenRefusal) -> Self {
        match refused {
            TokenRefusal::Unknown => Self::UnknownToken,
            TokenRefusal::Expired { name } => Self::ExpiredToken(name),
        }
    }
}

impl From<OauthRefusal> for Refusal {
    fn from(refused: OauthRefusal) -> Self {
        match refused {
            OauthRefusal::Invalid(why) => Self::InvalidToken(why),
            OauthRefusal::Expired => Self::ExpiredToken("nobody".to_owned()),
            OauthRefusal::Unknown(why) => Self::Undecided(why),
        }
    }
}

impl Refusal {
    /// As the audit log spells it.
    const fn code(&self) -> &'static str {
        match self {
            Self::AmbiguousHost => "AMBIGUOUS_HOST",
            Self::ForeignHost => "FOREIGN_HOST",
            Self::ForeignOrigin => "FOREIGN_ORIGIN",
            Self::TooLarge => "TOO_LARGE",
            Self::SlowBody => "SLOW_BODY",
            Self::TooMany(..) => "TOO_MANY",
            Self::NoToken => "NO_TOKEN",
            Self::UnknownToken => "UNKNOWN_TOKEN",
            Self::ExpiredToken(_) => "EXPIRED_TOKEN",
            Self::InvalidToken(_) => "INVALID_TOKEN",
            Self::ForeignSession(_) => "FOREIGN_SESSION",
            Self::Undecided(_) => "UNDECIDED_TOKEN",
            Self::NothingAllowed(_) => "INSUFFICIENT_SCOPE",
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::ForeignHost | Self::ForeignOrigin | Self::NothingAllowed(_) => StatusCode::FORBIDDEN,
            Self::AmbiguousHost => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany(..) => StatusCode::TOO_MANY_REQUESTS,
            Self::ForeignSession(_) => StatusCode::NOT_FOUND,
            Self::NoToken | Self::UnknownToken | Self::ExpiredToken(_) | Self::InvalidToken(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Undecided(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For the caller: what to do, and nothing about who exists here.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::AmbiguousHost => "a request names one host, in its Host header and its target alike".to_owned(),
            Self::ForeignHost => "this server is not called so; --allowed-host adds a name".to_owned(),
            Self::ForeignOrigin => {
                "pages of this origin may not call this server; --allowed-origin adds one".to_owned()
            }
            Self::TooLarge => "a request has at most 1 MiB".to_owned(),
            Self::SlowBody => "the body of the request did not come in time".to_owned(),
            Self::TooMany(_, what, why) => format!("too many {what}: {why}; close some and come back"),
            Self::NoToken => "a bearer token is needed; whoever runs this server gives one".to_owned(),
            Self::UnknownToken => "the token is unknown; whoever runs this server gives a new one".to_owned(),
            Self::ExpiredToken(_) => "the token has expired; get a new one".to_owned(),
            Self::InvalidToken(why) => format!("the token is not valid here: {why}"),
            Self::ForeignSession(_) => "no such session; open one with initialize".to_owned(),
            Self::Undecided(_) => "the keys of the token's issuer cannot be read now; come back".to_owned(),
            Self::NothingAllowed(_) => "the token allows nothing here; get one with more scopes".to_owned(),
        }
    }
}
