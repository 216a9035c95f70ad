//! `oar status`: what is stored and what is next, on one screen.

use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::domain::age::Stale;
use crate::drive::rounds;
use crate::operators::views::status;
use crate::render;
use crate::render::documents::plan::PlanDocument;
use crate::render::documents::status::{Status, StatusWait};
use crate::render::plan;
use crate::render::text::{clean, one_line};

/// Shows where the release stands. Writes nothing; an outage makes it say which facts are old.
pub(crate) async fn status(call: &Invocation) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.hasty_context().await?);
    let view = status::of(&ctx, &release).await;
    let view = view.map_err(|error| call.task_error(&format!("the status of {release} cannot be shown"), error))?;
    let (view, stale) = view.into_parts();
    let mut old: Vec<String> = stale.iter().map(Stale::text).collect();
    let (planned, trouble) = rounds::look_or_stored(&ctx, &release, view.state(), stale.is_some()).await;
    let stored = |error| format!("the next step is worked out from what is stored: {}", one_line(&error));
    old.extend(trouble.map(stored));
    let next = plan::next(&release, &planned, plan::GoOn::Drive);
    let waits = view.waits(&planned, ctx.clock.now());
    let text = render::status::text(&release, &view, &planned, &waits, [&old, &next]);
    let mut document = Status::new(&view, PlanDocument::new(&release, &planned));
    document.waits = waits.iter().map(StatusWait::from).collect();
    document.next = next.iter().map(|step| clean(step)).collect();
    document.old = old.iter().map(|fact| clean(fact)).collect();
    document.stale = stale.map(|stale| Stale { why: clean(&stale.why), ..stale });
    call.show(text, &document);
    Ok(Exit::Done)
}
