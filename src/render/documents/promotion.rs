//! Where the payload of a release stands in its stable stream.

use serde::Serialize;

use crate::operators::views::build_promotion::PromotionView;

/// Where the payload of a release stands in its stable stream.
#[derive(Debug, Serialize)]
pub struct PromotionDocument {
    /// The release
    pub release: String,
    /// As the release controller calls it; null when it does not know the payload
    pub phase: Option<String>,
    /// Is it the payload of the stream?
    pub promoted: bool,
}

impl From<&PromotionView> for PromotionDocument {
    fn from(view: &PromotionView) -> Self {
        Self { release: view.release.to_string(), phase: view.phase.clone(), promoted: view.is_promoted() }
    }
}
