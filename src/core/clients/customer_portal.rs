//! Customer portal: is an advisory page public? No credential.

use url::Url;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;

/// Customer portal: pages of shipped advisories.
#[derive(Debug, Clone)]
pub struct CustomerPortal {
    http: ServiceHttp,
}

impl CustomerPortal {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Is the advisory page `url` public? Reads only; repeat freely.
    ///
    /// A redirect (to a login or a search page) and a page that does not name its advisory are a no:
    /// a soft 404 must not ship a release.
    ///
    /// # Errors
    ///
    /// The portal fails, or the address does not belong to it.
    pub async fn is_public(&self, url: &str) -> Result<bool, ClientError> {
        const OP: &str = "look at advisory page";
        let service = self.http.service();
        let asked = self.http.rewritten(url);
        if !asked.strip_prefix(self.http.base()).is_some_and(|rest| rest.starts_with('/')) {
            return Err(ClientError::new(service, OP, Fault::BadUrl(url.to_owned())));
        }
        let name = Url::parse(&asked).ok().and_then(|url| url.path_segments()?.next_back().map(str::to_owned));
        let name = name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| ClientError::new(service, OP, Fault::BadUrl(url.to_owned())))?;
        let answer = self.http.get_absolute(OP, &asked).accept(&[301, 302, 303, 307, 308, 404]).send().await?;
        Ok(answer.status.is_success() && String::from_utf8_lossy(&answer.body).contains(&name))
    }
}
