//! `oar sim status|event|pause|resume|advance|limits` of a world that another terminal serves.

use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::error::ErrorClass;
use crate::render::styled::{Styled, Tone};
use crate::sim::control_answers::{ComingEvent, EventNames, Happened, LimitsInForce, Paused, WorldStatus, WorldTime};
use crate::sim::control_client;

/// Shows where the world stands.
pub(crate) async fn status(call: &Invocation) -> Result<Exit, ErrorReport> {
    let world: WorldStatus = ask(call, Method::GET, "/__sim/status", None).await?;
    let yes = |is: bool| if is { "yes" } else { "no" };
    let mut shown = Styled::from(format!("{} in a simulated world, virtual time {}", world.release, world.now));
    if world.paused {
        shown.line("paused:         nothing happens by itself (oar sim resume)");
    }
    shown.line(format!("release date:   {}", world.release_date));
    shown.line(format!("promoted:       {}", yes(world.promoted)));
    shown.line(format!("stage release:  {}", if world.stage_released { "done" } else { "not done" }));
    shown.line(format!("merge request:  {}", world.merge_request.as_deref().unwrap_or("none")));
    let advisories: Vec<String> = world.advisories.iter().map(|(id, state)| format!("{id} {state}")).collect();
    shown.line(format!("advisories:     {}", advisories.join(", ")));
    shown.line(format!("page public:    {}", yes(world.page_public)));
    shown.line(format!("rate limits:    {}", if world.limits { "on" } else { "off" }));
    shown.lines(world.actions.iter().map(|action| format!("person ({}): {}", action.who, action.what)));
    shown.line(if world.coming.is_empty() { "coming:         nothing" } else { "coming:" });
    shown.lines(world.coming.iter().map(dated));
    call.show(shown, &WithOk::of(&world));
    Ok(Exit::Done)
}

/// Lets an event happen, or lists the names.
pub(crate) async fn event(call: &Invocation, name: Option<String>, body: Option<String>) -> Result<Exit, ErrorReport> {
    let body = match (name, body) {
        (Some(name), _) => json!({ "name": name }),
        (None, Some(text)) => serde_json::from_str(&text).map_err(|error| {
            usage("the event is no JSON document", &error, "for example: --body '{\"name\": \"promote\"}'")
        })?,
        (None, None) => {
            let names: EventNames = ask(call, Method::GET, "/__sim/event", None).await?;
            let meaning = |name: &String| names.meanings.get(name).map(String::as_str).unwrap_or_default();
            let mut shown = Styled::default();
            shown.lines(names.events.iter().map(|name| format!("{name:<28} {}", meaning(name))));
            shown.line("oar sim event NAME lets one of them happen now; none needs more than its name");
            call.show(shown, &WithOk::of(&names));
            return Ok(Exit::Done);
        }
    };
    let answer: Happened = ask(call, Method::POST, "/__sim/event", Some(&body)).await?;
    let mut shown = Styled::from(match &answer.done {
        Some(what) => format!("done: {what}"),
        None => "there was nothing to do".to_owned(),
    });
    if !answer.follows.is_empty() {
        shown.line("what follows by itself:");
        shown.lines(answer.follows.iter().map(dated));
        let next = "let time pass (oar sim advance 2h), or let one happen now (oar sim event NAME)";
        shown.line(Styled::toned(Tone::Pending, "next: ") + next);
    }
    call.show(shown, &WithOk::of(&answer));
    Ok(Exit::Done)
}

/// Holds back what happens by itself, or lets it happen again.
pub(crate) async fn pause(call: &Invocation, on: bool) -> Result<Exit, ErrorReport> {
    let answer: Paused = ask(call, Method::POST, "/__sim/pause", Some(&json!({ "on": on }))).await?;
    let text = if on { "nothing happens by itself until: oar sim resume" } else { "things happen by themselves again" };
    call.show(text, &WithOk::of(&answer));
    Ok(Exit::Done)
}

/// Lets time pass.
pub(crate) async fn advance(call: &Invocation, by: jiff::Span) -> Result<Exit, ErrorReport> {
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let seconds = by.to_duration(days).map(|by| by.as_secs()).unwrap_or(-1);
    if seconds < 0 {
        let error = std::io::Error::other(format!("{by} is no length of time that can pass"));
        return Err(usage("time cannot pass", &error, "for example: oar sim advance 2h"));
    }
    let answer: WorldTime = ask(call, Method::POST, "/__sim/clock", Some(&json!({ "advance_s": seconds }))).await?;
    call.show(format!("virtual time is now {}", answer.now), &WithOk::of(&answer));
    Ok(Exit::Done)
}

/// Switches the rate limits.
pub(crate) async fn limits(call: &Invocation, on: bool) -> Result<Exit, ErrorReport> {
    let answer: LimitsInForce = ask(call, Method::POST, "/__sim/limits", Some(&json!({ "on": on }))).await?;
    call.show(if on { "rate limits are on" } else { "rate limits are off" }, &WithOk::of(&answer));
    Ok(Exit::Done)
}

/// The error as it is shown while the world of OAR_SIM_URL does not answer: then nothing else is the cause.
pub(crate) async fn or_gone(call: &Invocation, report: ErrorReport) -> ErrorReport {
    let could_be = matches!(report.class, ErrorClass::Transient | ErrorClass::Corrupt | ErrorClass::Config);
    let Some(base) = call.outside.env.get("OAR_SIM_URL").filter(|_| could_be) else { return report };
    if control_client::is_open(base).await {
        return report;
    }
    let why = format!("the simulated world at {base} does not answer");
    ErrorReport {
        why: vec![why],
        next: SERVE.to_owned(),
        exit: Exit::Unavailable,
        class: ErrorClass::Transient,
        ..report
    }
}

/// What to do without a world.
const SERVE: &str = "start it again: oar sim serve (in another terminal), and export here what it prints";

async fn ask<T: DeserializeOwned>(
    call: &Invocation,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<T, ErrorReport> {
    let Some(base) = call.outside.env.get("OAR_SIM_URL") else {
        return Err(usage("there is no simulated world", &std::io::Error::other("OAR_SIM_URL is not set"), SERVE));
    };
    let (status, answer) = control_client::ask(base, method, path, body).await.map_err(|error| {
        let mut report = usage(&format!("the simulated world at {base} does not answer"), &error, SERVE);
        report.exit = Exit::Unavailable;
        report
    })?;
    if status >= 400 {
        let error = std::io::Error::other(answer["error"].as_str().unwrap_or("refused").to_owned());
        return Err(usage("the world refuses", &error, "oar sim event lists what can happen"));
    }
    serde_json::from_value(answer).map_err(|error| usage("that is no world of this version of oar", &error, SERVE))
}

fn usage(what: &str, error: &dyn std::error::Error, next: &str) -> ErrorReport {
    let mut report = ErrorReport::new(what, error, next.to_owned(), ErrorClass::InvalidInput);
    report.exit = Exit::Usage;
    report
}

/// An event with its time, on a line of its own.
fn dated(event: &ComingEvent) -> String {
    format!("  {}  {}", event.at, event.event)
}

/// An answer of the world as a document of ours.
#[derive(Serialize)]
struct WithOk<'a, T: Serialize> {
    #[serde(flatten)]
    answer: &'a T,
    ok: bool,
}

impl<'a, T: Serialize> WithOk<'a, T> {
    const fn of(answer: &'a T) -> Self {
        Self { answer, ok: true }
    }
}
