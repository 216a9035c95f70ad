//! Security alerts of a security advisory.

use serde::Deserialize;

use super::{Errata, refusal};
use crate::core::clients::error::ClientError;
use crate::core::clients::http::answer::Answer;
use crate::core::clients::retry::Repeat;
use crate::domain::ids::AdvisoryId;

/// Security alerts of one advisory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityAlerts {
    /// Does the service know its alerts yet? Without, nothing below means anything.
    pub fetched: bool,
    /// What the service says about all of them together.
    pub blocking: bool,
    /// Each alert.
    pub alerts: Vec<Alert>,
}

/// One security alert.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Alert {
    pub name: String,
    /// What is wrong.
    #[serde(default)]
    pub text: Option<String>,
    /// The same at length.
    #[serde(default)]
    pub description: Option<String>,
    /// What to do.
    #[serde(default)]
    pub how_to_resolve: Option<String>,
    /// Does it forbid shipping?
    pub blocking: bool,
}

#[derive(Deserialize)]
struct Page {
    has_yet_to_be_fetched: bool,
    alerts: List,
}

/// An empty object while there are none.
#[derive(Deserialize)]
struct List {
    #[serde(default)]
    alerts: Vec<Alert>,
    #[serde(default)]
    blocking: bool,
}

impl From<Page> for SecurityAlerts {
    fn from(page: Page) -> Self {
        Self { fetched: !page.has_yet_to_be_fetched, blocking: page.alerts.blocking, alerts: page.alerts.alerts }
    }
}

impl SecurityAlerts {
    /// The alerts that forbid shipping.
    pub fn blocking_alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.blocking)
    }
}

impl Errata {
    /// The alerts as last fetched: `GET /api/v1/erratum/{id}/security_alerts`. Reads.
    ///
    /// # Errors
    ///
    /// The service fails or does not know the number.
    pub async fn security_alerts(&self, id: AdvisoryId) -> Result<SecurityAlerts, ClientError> {
        let path = format!("/api/v1/erratum/{id}/security_alerts");
        let page: Page = self.http.get("read security alerts", &path).json_answer().await?;
        Ok(page.into())
    }

    /// Fetches the alerts anew: `POST /api/v1/erratum/{id}/security_alerts/refresh`. Converges.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`](super::super::error::Fault::Refused) with 400, as for some RHCOS advisories: the alerts as
    /// last fetched ([`Errata::security_alerts`]) are all there is then. Else the service fails or does not know the
    /// number.
    pub async fn refresh_security_alerts(&self, id: AdvisoryId) -> Result<SecurityAlerts, ClientError> {
        let path = format!("/api/v1/erratum/{id}/security_alerts/refresh");
        let call = self.http.post("refresh security alerts", Repeat::Converges, &path).accept(&[400]);
        let read = |answer: Answer| refusal(&answer).map_or_else(|| answer.json::<Page>(), Err);
        Ok(call.read(read).await?.into())
    }
}
