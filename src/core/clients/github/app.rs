//! Tokens of a GitHub App: it proves itself with a signature, finds its installation and gets a token for an hour.
//!
//! A token is kept until shortly before it ends. One that is refused earlier is renewed once: it may have been taken back.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::JSON;
use crate::core::clients::error::{AppTrouble, ClientError, Fault};
use crate::core::clients::http::ServiceHttp;
use crate::core::clients::http::auth::TokenSource;
use crate::core::clients::http::call::Call;
use crate::core::clients::retry::Repeat;
use crate::core::config::github_app::AppKey;

/// A token that ends within this time is not used any more: a request may take long.
const TOO_SHORT: SignedDuration = SignedDuration::from_mins(5);

/// The tokens of an App for one repository.
#[derive(Debug)]
pub struct AppTokens {
    http: ServiceHttp,
    key: AppKey,
    repository: String,
    kept: tokio::sync::Mutex<KeptTokens>,
}

#[derive(Debug, Default)]
struct KeptTokens {
    installation: Option<u64>,
    token: Option<Token>,
}

#[derive(Debug, Clone)]
struct Token {
    text: SecretString,
    ends: Timestamp,
}

impl AppTokens {
    /// Tokens of the App of `key` for `repository` (`owner/name`). `http` carries no credential of its own.
    pub fn new(http: ServiceHttp, key: AppKey, repository: String) -> Self {
        let kept = KeptTokens { installation: key.installation, token: None };
        Self { http, key, repository, kept: tokio::sync::Mutex::new(kept) }
    }

    async fn fresh(&self, installation: u64) -> Result<Token, ClientError> {
        #[derive(Deserialize)]
        struct Wire {
            token: String,
            expires_at: Timestamp,
        }
        const OP: &str = "get token of GitHub App";
        let path = format!("/app/installations/{installation}/access_tokens");
        // A token that nobody uses ends by itself.
        let call = self.proven(self.http.post(OP, Repeat::Converges, &path))?;
        let answer: Result<Wire, ClientError> = call.json_answer().await;
        let wire = answer.map_err(|error| self.refused(error))?;
        Ok(Token { text: SecretString::from(wire.token), ends: wire.expires_at })
    }

    async fn find_installation(&self) -> Result<u64, ClientError> {
        #[derive(Deserialize)]
        struct Wire {
            id: u64,
        }
        let path = format!("/repos/{}/installation", self.repository);
        let call = self.proven(self.http.get("find installation of GitHub App", &path))?;
        let answer: Result<Wire, ClientError> = call.json_answer().await;
        Ok(answer.map_err(|error| self.refused(error))?.id)
    }

    /// The request with the signature of the App.
    fn proven<'h>(&self, call: Call<'h>) -> Result<Call<'h>, ClientError> {
        let proof = self
            .key
            .proof(self.http.now())
            .map_err(|why| ClientError::new(self.http.service(), "sign for GitHub App", Fault::Refused(why)))?;
        let bearer = format!("Bearer {}", proof.expose_secret());
        Ok(call.header("accept", JSON).secret_header("authorization", &bearer))
    }

    /// A refusal of the App itself, which is another matter than one of a token.
    fn refused(&self, error: ClientError) -> ClientError {
        let trouble = if let Fault::Unauthorized(403) | Fault::NotAllowed(_) = error.fault {
            AppTrouble::Suspended
        } else if let Fault::Unauthorized(_) = error.fault {
            AppTrouble::NotProven
        } else if let Fault::Status(404) = error.fault {
            AppTrouble::NotInstalled { repository: self.repository.clone() }
        } else {
            return error;
        };
        self.of_app(error, trouble)
    }

    fn of_app(&self, error: ClientError, trouble: AppTrouble) -> ClientError {
        let trouble = Box::new(trouble);
        ClientError { fault: Fault::App { role: self.key.role, id: self.key.id, trouble }, ..error }
    }
}

impl TokenSource for AppTokens {
    fn token(&self, refused: Option<SecretString>) -> BoxFuture<'_, Result<SecretString, ClientError>> {
        async move {
            // Whoever comes second waits for the token of the first.
            let mut kept = self.kept.lock().await;
            let still_good = |token: &&Token| {
                let is_refused = refused.as_ref().is_some_and(|old| old.expose_secret() == token.text.expose_secret());
                !is_refused && token.ends.duration_since(self.http.now()) > TOO_SHORT
            };
            if let Some(token) = kept.token.as_ref().filter(still_good) {
                return Ok(token.text.clone());
            }
            let installation = match kept.installation {
                Some(known) => known,
                None => self.find_installation().await?,
            };
            kept.installation = Some(installation);
            let token = self.fresh(installation).await?;
            let text = token.text.clone();
            kept.token = Some(token);
            Ok(text)
        }
        .boxed()
    }

    fn refusal(&self, error: ClientError) -> ClientError {
        if let Fault::Unauthorized(401) = error.fault {
            return self.of_app(error, AppTrouble::TokenRefused);
        }
        error
    }
}
