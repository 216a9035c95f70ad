//! One operation of a client in all kinds of outage: what it comes to, and how many requests that takes.

use std::fmt::Debug;

use jiff::SignedDuration;
use oar::core::clients::error::ClientError;
use oar::core::clients::retry::Repeat;
use oar::core::error::ErrorClass;
use oar::domain::service::Service;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use super::fixture::{Fixture, TRIES};

/// What a kind of outage comes to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Means {
    /// The client takes it for an answer.
    Answer,
    /// The client reports an error of this class.
    Error(ErrorClass),
}

/// One operation of a client, as the outage meets it.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    service: Service,
    path: &'static str,
    repeat: Repeat,
    not_found: Means,
    page: Means,
    cut: Means,
    waits_itself: bool,
    refused: ErrorClass,
    asks_on_401: usize,
}

impl Operation {
    /// An operation of repeat class `repeat` whose requests match `path`, a regular expression.
    pub(crate) fn new(service: Service, repeat: Repeat, path: &'static str) -> Self {
        Self {
            service,
            path,
            repeat,
            not_found: Means::Error(ErrorClass::NotFound),
            page: Means::Error(ErrorClass::Corrupt),
            cut: Means::Error(ErrorClass::Corrupt),
            waits_itself: true,
            refused: ErrorClass::Auth,
            asks_on_401: 1,
        }
    }

    pub(crate) fn reads(service: Service, path: &'static str) -> Self {
        Self::new(service, Repeat::Reads, path)
    }

    /// What 404 means.
    pub(crate) fn on_404(mut self, means: Means) -> Self {
        self.not_found = means;
        self
    }

    /// What a web page with status 200 means.
    pub(crate) fn on_page(mut self, means: Means) -> Self {
        self.page = means;
        self
    }

    /// What a body that ends in the middle, with a right length, means.
    pub(crate) fn on_cut(mut self, means: Means) -> Self {
        self.cut = means;
        self
    }

    /// What 401 means while the credential is good for everything else.
    pub(crate) fn on_401(mut self, class: ErrorClass) -> Self {
        self.refused = class;
        self
    }

    /// A refused token is renewed once, so a refusal is met by two requests.
    pub(crate) fn renews_its_token(mut self) -> Self {
        self.asks_on_401 = 2;
        self
    }

    /// The client hands 429 on to its caller instead of waiting.
    pub(crate) fn hands_on_429(mut self) -> Self {
        self.waits_itself = false;
        self
    }

    /// Plays all kinds of outage. Only the last call is carried out, unless the operation reads.
    pub(crate) async fn in_outages<T: Debug>(&self, fixture: &Fixture, call: impl AsyncFn() -> Result<T, ClientError>) {
        let repeated = matches!(self.repeat, Repeat::Reads | Repeat::Converges);
        let many = if repeated { TRIES } else { 1 };
        let transient = Means::Error(ErrorClass::Transient);
        // What is not the answer of the service may be it the next time.
        let asks = |means| if matches!(means, Means::Error(ErrorClass::Corrupt)) { many } else { 1 };
        let status = |code, retry_after_s| InjectedFault::Status { code, retry_after_s };
        let mut outage = vec![
            (status(401, None), Means::Error(self.refused), self.asks_on_401),
            (status(404, None), self.not_found, asks(self.not_found)),
            (status(500, None), transient, many),
            (status(503, None), transient, many),
            (InjectedFault::Reset, transient, many),
            (InjectedFault::Html, self.page, asks(self.page)),
        ];
        if self.waits_itself {
            // A 429 says that nothing was done, so even a write that must not happen twice is sent again.
            outage.push((status(429, Some(30)), Means::Error(ErrorClass::RateLimit), TRIES));
        } else {
            outage.push((status(429, Some(30)), Means::Answer, 1));
        }
        if self.repeat == Repeat::Reads {
            outage.push((InjectedFault::Truncated, transient, many));
            outage.push((InjectedFault::MalformedJson, self.cut, asks(self.cut)));
        }
        for (fault, means, requests) in outage {
            fixture.goes_wrong(self.rule(fault.clone()));
            let (ended, seen) = self.counted(fixture, &call).await;
            fixture.sim.world().faults().clear();
            let what = format!("{} in {fault:?}: {ended:?}", self.path);
            match (&ended, means) {
                (Ok(_), Means::Answer) => {}
                (Err(error), Means::Error(class)) => {
                    assert_eq!(error.class(), class, "{what}");
                    assert_eq!(error.service, self.service, "{what}");
                    let certain = matches!(fault, InjectedFault::Status { code: 400..=499, .. });
                    if !certain {
                        assert!(error.may_have_happened(), "a write may have arrived: {what}");
                    }
                }
                (Ok(_), Means::Error(_)) | (Err(_), Means::Answer) => panic!("wanted {means:?}: {what}"),
            }
            assert_eq!(seen, requests, "requests sent: {what}");
        }
        if self.waits_itself {
            self.waits_as_long_as_asked(fixture, call).await;
        }
    }

    async fn waits_as_long_as_asked<T: Debug>(
        &self,
        fixture: &Fixture,
        call: impl AsyncFn() -> Result<T, ClientError>,
    ) {
        fixture.goes_wrong(self.rule(InjectedFault::Status { code: 429, retry_after_s: Some(30) }).times(1));
        let before = fixture.clock.now();
        let (ended, seen) = self.counted(fixture, &call).await;
        fixture.sim.world().faults().clear();
        assert!(ended.is_ok(), "{} after one 429: {ended:?}", self.path);
        assert!(seen >= 2, "{}: the 429 and at least one more, not {seen}", self.path);
        let waited = fixture.clock.now().duration_since(before);
        assert!(waited >= SignedDuration::from_secs(30), "{}: waited {waited} only", self.path);
    }

    fn rule(&self, fault: InjectedFault) -> Rule {
        Rule::on(self.service.id(), fault).path(self.path)
    }

    async fn counted<T>(
        &self,
        fixture: &Fixture,
        call: &impl AsyncFn() -> Result<T, ClientError>,
    ) -> (Result<T, ClientError>, usize) {
        fixture.sim.world().journal().clear();
        let ended = call().await;
        let path = regex::Regex::new(self.path).unwrap();
        let entries = fixture.sim.world().journal().entries();
        (ended, entries.iter().filter(|entry| entry.service == self.service.id() && path.is_match(&entry.path)).count())
    }
}
