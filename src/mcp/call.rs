//! One call of a tool: who asks, what was given, and the surroundings for carrying it out.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use tokio_util::sync::CancellationToken;

use super::arguments::{Arguments, Param};
use super::reply::{Code, Reply};
use super::shared::ServerState;
use crate::core::access::principal::Principal;
use crate::core::context::{Context, Options};
use crate::domain::release::ZStream;

/// Finds the parameters of a tool by its name.
pub type ParamsOf = fn(&str) -> Option<&'static [Param]>;

/// One call.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// What all calls share.
    pub shared: Arc<ServerState>,
    /// Who asks.
    pub who: Principal,
    /// What was given, checked.
    pub arguments: Arguments,
    /// Surroundings that act in the caller's name and end with the call.
    pub ctx: Context,
    /// What other tools take: a tool does not know the catalog that lists it.
    pub params_of: ParamsOf,
}

impl ToolCall {
    /// A call of `who`; `cancel` ends it.
    pub fn new(
        shared: Arc<ServerState>,
        who: Principal,
        arguments: Arguments,
        cancel: CancellationToken,
        params_of: ParamsOf,
    ) -> Self {
        let ctx = shared.ctx.acting_for(who.name.clone(), cancel, Options::default()).witnessed();
        Self { shared, who, arguments, ctx, params_of }
    }

    /// The release of a tool that has that parameter.
    ///
    /// # Errors
    ///
    /// The tool has none: a mistake in the catalog.
    pub fn release(&self) -> Result<ZStream, Reply> {
        let missing = || Reply::error(Code::InvalidArgument, "no release was given", "give release, e.g. 4.20.17");
        self.arguments.release().cloned().ok_or_else(missing)
    }

    /// A look at the release of a tool that has that parameter.
    pub fn about_release(
        self,
        look: impl AsyncFnOnce(Self, ZStream) -> Reply + 'static,
    ) -> LocalBoxFuture<'static, Reply> {
        async move {
            match self.release() {
                Ok(release) => look(self, release).await,
                Err(refused) => refused,
            }
        }
        .boxed_local()
    }
}
