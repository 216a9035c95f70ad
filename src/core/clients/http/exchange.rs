//! One request and its answer: gate, credential, body within its bound, judgement.

use std::error::Error;
use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

use super::Http;
use super::answer::Answer;
use super::auth::{Auth, Proof, TokenSource, bearer};
use super::call::Call;
use super::network::LazyClient;
use super::time;
use crate::core::clients::error::{ClientError, Fault};
use crate::core::clients::negotiate::{Heard, Kerberos, Negotiation, is_offered};
use crate::core::clients::retry::Repeat;

impl Call<'_> {
    /// One try: through the gate, out, and back.
    pub(super) async fn attempt(&self, url: &Url) -> Result<Answer, ClientError> {
        tokio::select! {
            answer = self.passed(url) => answer,
            () = self.http.http.2.cancelled() => Err(ClientError::new(self.http.service, self.op, Fault::Cancelled)),
        }
    }

    async fn passed(&self, url: &Url) -> Result<Answer, ClientError> {
        let (clock, gate) = (&self.http.http.0.clock, &self.http.gate);
        let _places = gate.place().await;
        let now = clock.now();
        let pass = gate.enter(now, self.bare).await.map_err(|fault| {
            let held_back = if let Fault::Suspended { until, .. } | Fault::Overspent { until, .. } = &fault {
                Some(*until)
            } else {
                None
            };
            let again = held_back.map(|until| until.duration_since(now));
            let retry_after_s = again.and_then(|wait| u64::try_from(wait.as_secs()).ok());
            ClientError { retry_after_s, ..ClientError::new(self.http.service, self.op, fault) }
        })?;
        tracing::debug!(service = %self.http.service, op = self.op, "call");
        let answer = self.exchange(url).await;
        let ended = clock.now();
        let outage = answer.as_ref().err().filter(|error| error.is_outage());
        let said = answer.as_ref().ok().filter(|_| clock.may_be_wrong());
        if let Some(ahead) = said.and_then(|answer| time::ahead(answer, now, ended)) {
            self.http.http.0.lately.note_clock(self.http.service, ahead);
        }
        self.http.http.0.lately.note(self.http.service, now, ended, outage.map(|error| error.fault.to_string()));
        if let Some(pass) = pass {
            pass.ended(ended, outage.is_some());
        }
        answer
    }

    async fn exchange(&self, url: &Url) -> Result<Answer, ClientError> {
        match &self.http.auth {
            Auth::Negotiate(proof) if self.is_at_home(url) => self.negotiated(url, *proof).await,
            Auth::Issued(tokens) if !self.bare => self.issued(url, tokens.as_ref()).await,
            Auth::NegotiateIfAsked if self.is_at_home(url) => {
                let answer = self.once(url, None).await?;
                let asked = answer.status == 401 && is_offered(&answer.headers);
                if asked { self.negotiated(url, Proof::Optional).await } else { self.judge(answer) }
            }
            Auth::None
            | Auth::Bearer(_)
            | Auth::Basic { .. }
            | Auth::Header { .. }
            | Auth::Negotiate(_)
            | Auth::NegotiateIfAsked
            | Auth::Issued(_) => {
                let credential = if self.bare { None } else { self.http.auth.header() };
                self.judge(self.once(url, credential).await?)
            }
        }
    }

    /// One exchange with a token that ends. One that is refused before its time is renewed once: nothing was done.
    async fn issued(&self, url: &Url, tokens: &dyn TokenSource) -> Result<Answer, ClientError> {
        let token = tokens.token(None).await?;
        let answer = self.once(url, bearer(&token)).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return self.judge(answer);
        }
        let token = tokens.token(Some(token)).await?;
        let answer = self.once(url, bearer(&token)).await?;
        self.judge(answer).map_err(|error| tokens.refusal(error))
    }

    /// Is this the very host of the service? A ticket's token goes nowhere else.
    fn is_at_home(&self, url: &Url) -> bool {
        !self.bare && Url::parse(&self.http.base).is_ok_and(|base| base.origin() == url.origin())
    }

    /// One exchange with Kerberos. Where a proof is required, only an answer whose sender has proved itself
    /// counts as one; an outage or a refusal needs no proof, whoever stands in between may report it.
    async fn negotiated(&self, url: &Url, proof: Proof) -> Result<Answer, ClientError> {
        let error = |why| ClientError::new(self.http.service, self.op, Fault::Kerberos(why));
        let (mut negotiation, mut token) = Negotiation::start(url).await.map_err(error)?;
        loop {
            let answer = self.once(url, Some((header::AUTHORIZATION, token))).await?;
            let proved = match negotiation.hear(answer.status, &answer.headers).await.map_err(error)? {
                Heard::Again(next, wanted) => {
                    (negotiation, token) = (next, wanted);
                    continue;
                }
                Heard::Proved => true,
                Heard::Unproved => false,
            };
            return match self.judge(answer) {
                Err(refused) if let Fault::Unauthorized(code) = refused.fault => {
                    Err(ClientError { fault: Fault::Kerberos(Kerberos::NotAccepted(code)), ..refused })
                }
                judged if proved || proof == Proof::Optional => judged,
                Err(outage) if outage.is_transient() => Err(outage),
                Ok(_) | Err(_) => Err(error(Kerberos::Unproved)),
            };
        }
    }

    /// Sends the request once, with this credential, and reads the whole answer.
    async fn once(&self, url: &Url, credential: Option<(HeaderName, HeaderValue)>) -> Result<Answer, ClientError> {
        self.still_permitted().await?;
        let mut headers = self.headers.clone();
        if let Some((name, value)) = credential {
            headers.insert(name, value);
        }
        let shared = &self.http.http.0;
        let of_service = || shared.clients.get(&self.http.service).unwrap_or(&shared.client);
        let client = self.http.own.as_deref().unwrap_or_else(of_service);
        let Some(services) = shared.transport.in_memory(url) else {
            return self.over_network(client, url, headers).await;
        };
        let limit = client.limit(&shared.policy);
        let answer = services.send(self.method.clone(), url, headers, self.body.clone(), limit).await;
        let (head, body) = answer.map_err(|cause| self.broken_in_memory(cause))?.into_parts();
        self.bounded(body.len())?;
        Ok(self.answer(url, head.status, head.headers, body))
    }

    /// Right before a write leaves: a process that was stopped for hours finds here that its lease is over, and one that
    /// has none yet that it has to take it first.
    async fn still_permitted(&self) -> Result<(), ClientError> {
        let Http(shared, permit, cancel) = &self.http.http;
        if self.repeat == Repeat::Reads || !permit.has_end() {
            return Ok(());
        }
        shared.clock.refresh(cancel).await;
        if !permit.reaches_outside(shared.clock.now()) {
            return Err(ClientError::new(self.http.service, self.op, Fault::NotPermitted));
        }
        Ok(())
    }

    async fn over_network(&self, client: &LazyClient, url: &Url, headers: HeaderMap) -> Result<Answer, ClientError> {
        let client = client.get(&self.http.http.0.policy).map_err(|cause| self.lost(Fault::NoTls, cause))?;
        let request = client.request(self.method.clone(), url.clone()).headers(headers).body(self.body.clone());
        let response = request.send().await.map_err(|cause| self.broken(cause))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read_body(response).await?;
        Ok(self.answer(url, status, headers, body))
    }

    pub(super) fn answer(&self, url: &Url, status: StatusCode, headers: HeaderMap, body: Bytes) -> Answer {
        let masker = self.http.http.0.masker.clone();
        let (service, op, object) = (self.http.service, self.op, url.path().to_owned());
        Answer { service, op, status, headers, body, masker, object, limit: None }
    }

    async fn read_body(&self, mut response: reqwest::Response) -> Result<Bytes, ClientError> {
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|cause| self.broken(cause))? {
            self.bounded(body.len() + piece.len())?;
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }

    fn bounded(&self, length: usize) -> Result<(), ClientError> {
        let most = self.http.http.0.policy.max_body_bytes;
        if length > most {
            return Err(ClientError::new(self.http.service, self.op, Fault::TooLarge(most)));
        }
        Ok(())
    }

    fn judge(&self, mut answer: Answer) -> Result<Answer, ClientError> {
        let shared = &self.http.http.0;
        answer.limit = shared.pauses.of(&answer, shared.clock.now());
        let code = answer.status.as_u16();
        let accepted = self.accepted.contains(&code);
        let unchanged = self.revalidates && code == 304;
        if answer.status.is_success() || accepted || unchanged {
            return Ok(answer);
        }
        Err(answer.refused())
    }

    fn broken(&self, cause: reqwest::Error) -> ClientError {
        // Before the connection stood nothing was sent, also when a handshake never ended.
        let fault = if cause.is_connect() {
            Fault::Unreachable
        } else if cause.is_timeout() {
            Fault::TimedOut
        } else {
            Fault::Broken
        };
        // The cause would repeat the address, which may carry a credential.
        self.lost(fault, cause.without_url())
    }

    fn broken_in_memory(&self, cause: io::Error) -> ClientError {
        let fault = if cause.kind() == io::ErrorKind::TimedOut {
            Fault::TimedOut
        } else if cause.kind() == io::ErrorKind::ConnectionRefused {
            Fault::Unreachable
        } else {
            Fault::Broken
        };
        self.lost(fault, cause)
    }

    fn lost(&self, fault: Fault, cause: impl Error + Send + Sync + 'static) -> ClientError {
        ClientError { cause: Some(Box::new(cause)), ..ClientError::new(self.http.service, self.op, fault) }
    }
}
