//! Is a release out of our hands? Looks at the services, never at what we stored.

use indexmap::IndexMap;

use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::advisory::NOT_OURS;
use crate::domain::approval::shipped;
use crate::domain::credential::Credential;
use crate::domain::release::ZStream;
use crate::domain::shipment::MrState;
use crate::domain::shipment::StageRelease;
use crate::domain::state::entries::Metadata;
use crate::domain::state::view::State;
use crate::domain::task::Flow;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::{advisories, shipment};

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippedView {
    /// The release.
    pub release: ZStream,
    /// How it ships.
    pub flow: Flow,
    /// Nothing while a service that has to say it could not be asked.
    pub shipped: Option<bool>,
    /// What is open, one line each.
    pub open: Vec<String>,
    /// Each fact by its name.
    pub details: IndexMap<String, String>,
}

/// Asks GitLab and the Errata Tool. Reads only; needs no state file.
///
/// # Errors
///
/// Shipment or advisories are another release's; a credential is missing or refused, or build data fails; a service that is down is part of the answer.
pub async fn of(ctx: &Context, release: &ZStream) -> Result<ShippedView, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let run = Run::observe(ctx, release, State::create(release, ctx.clock.now(), &Metadata::default()))?;
    let flow = run.assembly().await?.flow();
    ctx.require(match flow {
        Flow::Konflux => &[Credential::ErrataToken, Credential::GitlabToken],
        Flow::Errata => &[Credential::ErrataToken],
    })?;
    let mut view =
        ShippedView { release: release.clone(), flow, shipped: None, open: Vec::new(), details: IndexMap::new() };
    let mut dark = false;
    let (prod, merged) = match flow {
        Flow::Errata => (Some(StageRelease::Success), false),
        Flow::Konflux => of_shipment(&run, &mut view.details).await?,
    };
    dark |= prod.is_none();
    let mut states = Vec::new();
    match advisories::managed(&run).await {
        Ok(managed) => {
            for one in &managed.live {
                view.details.insert(format!("{}_advisory", one.impetus), one.state().to_string());
                states.push((one.impetus.clone(), one.state().clone()));
            }
            for one in &managed.dropped_empty {
                view.details.insert(format!("{}_advisory", one.impetus), "dropped empty, not counted".to_owned());
            }
            for one in &managed.dropped_with_builds {
                let standing = "dropped although it holds builds";
                view.details.insert(format!("{}_advisory", one.impetus), standing.to_owned());
                view.open.push(format!("{} advisory: {standing}", one.impetus));
            }
        }
        Err(error) if is_outage(&error) => {
            view.details.insert("advisories_error".to_owned(), format!("error: {error}"));
            dark = true;
        }
        Err(error) => return Err(error),
    }
    let assembly = run.assembly().await?;
    let missing = advisories::not_ready(assembly);
    view.open.extend(missing.iter().map(|entry| format!("build data: {entry}")));
    if assembly.advisories.contains_key(NOT_OURS) {
        view.details.insert("microshift_advisory".to_owned(), "shipped by others, not counted".to_owned());
    }
    // What could not be asked counts as good here, so that it alone decides nothing.
    let prod = prod.unwrap_or(StageRelease::Success);
    let judged = shipped(&prod, merged, states.iter().map(|(impetus, state)| (impetus.as_str(), state)));
    view.open.extend(judged.open);
    view.shipped = if !view.open.is_empty() {
        Some(false)
    } else if dark {
        None
    } else {
        Some(true)
    };
    Ok(view)
}

/// Where the production release stands (nothing when GitLab could not be asked), and whether it was merged.
async fn of_shipment(
    run: &Run<'_>,
    details: &mut IndexMap<String, String>,
) -> Result<(Option<StageRelease>, bool), TaskError> {
    if run.assembly().await?.shipment_mr.is_none() {
        details.insert("shipment_mr_status".to_owned(), shipment::unnamed().to_string());
        return Ok((Some(StageRelease::NotFound), false));
    }
    let facts = async {
        let shipment = shipment::open(run).await?;
        let prod = shipment::prod_release(run, &shipment).await?;
        Ok::<_, TaskError>((shipment, prod))
    };
    match facts.await {
        Ok((shipment, prod)) => {
            let merged = shipment.mr.state == MrState::Merged;
            let state = match &shipment.mr.state {
                MrState::Open => "open",
                MrState::Merged => "merged",
                MrState::Closed => "closed without being merged",
                MrState::Other(state) => state,
            };
            details.insert("shipment_mr_status".to_owned(), state.to_owned());
            details.insert("shipment_mr_merged".to_owned(), if merged { "yes" } else { "no" }.to_owned());
            let standing = if prod == StageRelease::Success { prod.to_string() } else { format!("not yet ({prod})") };
            details.insert("prod_release".to_owned(), standing);
            Ok((Some(prod), merged))
        }
        Err(error) if is_outage(&error) => {
            details.insert("shipment_mr_status".to_owned(), format!("error: {error}"));
            Ok((None, false))
        }
        Err(error) => Err(error),
    }
}

/// Would the same question probably be answered later?
fn is_outage(error: &TaskError) -> bool {
    matches!(error.class(), ErrorClass::Transient | ErrorClass::RateLimit | ErrorClass::Corrupt)
}
