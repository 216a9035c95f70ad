//! Routes, each with who may come in by it: none exists without saying so.

use std::borrow::Cow;

use axum::routing::MethodRouter;

/// Who may come in by a route. The guard checks it; nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Probes, which come with whatever address they know: nothing is checked.
    Probe,
    /// Everybody who calls this server by its name; credentials are not looked at.
    Public,
    /// The same, and whoever shows a good credential is known.
    Anybody,
    /// The same, but a known caller who may do nothing at all is refused: the link is the key to what is shown.
    LinkHolder,
    /// Known callers only.
    Caller,
}

/// One route.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its path, as the router spells it.
    pub path: Cow<'static, str>,
    /// Who may come in.
    pub access: Access,
    /// What answers.
    pub methods: MethodRouter,
}

/// Routes that go behind one guard.
#[derive(Debug, Clone, Default)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// The same with one more route.
    #[must_use]
    pub fn route(mut self, path: impl Into<Cow<'static, str>>, access: Access, methods: MethodRouter) -> Self {
        self.0.push(Route { path: path.into(), access, methods });
        self
    }

    /// The same with those of `more`.
    #[must_use]
    pub fn merge(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }
}

impl IntoIterator for Routes {
    type Item = Route;
    type IntoIter = std::vec::IntoIter<Route>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
