//! `oar mcp token …` and `oar mcp audit …`: who may call the server, and whether its log is whole.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::cli::invocation::{Invocation, config_error};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::access::audit::{Audit, chain, changes};
use crate::core::access::principal::Scope;
use crate::core::access::tokens::{Tokens, check_name};
use crate::core::clock::Clock;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::dates::stamp;
use crate::grammar::mcp::{AuditCommand, TokenCommand};
use crate::runs::logs::is_alive;
use crate::runs::store::RunStore;

/// Runs one command about tokens.
pub(crate) async fn token(call: &Invocation, command: TokenCommand) -> Result<Exit, ErrorReport> {
    let settings = call.settings()?;
    let tokens = Tokens::below(&settings.home);
    let cannot_use = |cause: std::io::Error| unusable(tokens.path(), &cause);
    match command {
        TokenCommand::Add { name, scopes, expires } => {
            check_name(&name)
                .map_err(|bad| ErrorReport::usage(bad.to_string(), "take the role: release-lead, agent, ci"))?;
            let scopes = scopes.map_or_else(|| Ok(Scope::of_agents()), |text| scopes_of(&text))?;
            let clock = Context::clock_of(&settings, &call.cancel).await;
            let clock = clock.map_err(|error| config_error("the environment of this call", &error))?;
            let end = expires.map(|text| end_of(&text, clock.now())).transpose()?;
            let token = tokens.add(&name, scopes.iter().copied(), end).map_err(cannot_use)?;
            let until = end.map_or_else(|| "never".to_owned(), stamp);
            let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            call.show(
                format!("{token}\n\nshown only now; name {name}, scopes {}, ends {until}", names.join(",")),
                &json!({ "ok": true, "token": token, "name": name, "scopes": names, "expires": end.map(stamp) }),
            );
        }
        TokenCommand::List => {
            let entries = tokens.entries().map_err(cannot_use)?;
            let row = |entry: &crate::core::access::tokens::TokenEntry| {
                let scopes: Vec<_> = entry.scopes.iter().map(|scope| scope.as_str()).collect();
                (entry.name.clone(), scopes.join(","), entry.expires.map_or_else(|| "never".to_owned(), stamp))
            };
            let rows: Vec<_> = entries.iter().map(row).collect();
            let lines: Vec<_> =
                rows.iter().map(|(name, scopes, end)| format!("{name:<24} {end:<20} {scopes}")).collect();
            let json: Vec<_> = rows
                .iter()
                .map(|(name, scopes, end)| json!({ "name": name, "scopes": scopes, "expires": end }))
                .collect();
            let text =
                if lines.is_empty() { "no tokens; oar mcp token add makes one".to_owned() } else { lines.join("\n") };
            call.show(text, &json!({ "ok": true, "tokens": json }));
        }
        TokenCommand::Revoke { name } => {
            if !tokens.revoke(&name).map_err(cannot_use)? {
                return Err(ErrorReport::usage(
                    format!("there is no token of {name:?}"),
                    "oar mcp token list shows them",
                ));
            }
            call.show(format!("the token of {name} ended"), &json!({ "ok": true, "revoked": name }));
        }
    }
    Ok(Exit::Done)
}

/// Runs one command about the audit log.
pub(crate) fn log(call: &Invocation, command: AuditCommand) -> Result<Exit, ErrorReport> {
    let AuditCommand::Verify { expect } = command;
    let home = call.settings()?.home.clone();
    let path = Audit::below(&home, Clock::System, true).path().to_owned();
    let broken = |why: &dyn std::error::Error| ErrorReport {
        exit: Exit::Failed,
        ..ErrorReport::new(
            format!("{} is not the log that was written", path.display()),
            why,
            "keep the file as it is and compare it with its last copy; somebody changed it".to_owned(),
            ErrorClass::Corrupt,
        )
    };
    let found = chain::check(&path, expect.as_deref()).map_err(|error| broken(&error))?;
    let lost = without_line(&home, &path).map_err(|cause| unusable(&path, &cause))?;
    if !lost.is_empty() {
        return Err(ErrorReport {
            what: format!("{} does not hold all that was done", path.display()),
            why: lost,
            done: Vec::new(),
            next: "look what these runs did (oar_get_run, the state of the release), and why the log could not be \
                   written; a server that starts notes the ends that a crash took"
                .to_owned(),
            exit: Exit::Failed,
            class: ErrorClass::Corrupt,
        });
    }
    let cut = if found.cut > 0 { format!(", {} of them cut by a crash", found.cut) } else { String::new() };
    call.show(
        format!("{} lines{cut}, every one follows from the one before\nlast line {}", found.lines, found.head),
        &json!({ "ok": true, "lines": found.lines, "cut": found.cut, "head": found.head }),
    );
    Ok(Exit::Done)
}

/// Changes that the log does not hold from their beginning to their end, as far as the records of runs show it.
fn without_line(home: &std::path::Path, path: &std::path::Path) -> std::io::Result<Vec<String>> {
    let (logged, runs) = (changes::read(path)?, RunStore::below(home));
    let goes_on = |run: &str| is_alive(&runs.log_path(run));
    let open = logged.open.iter().filter(|(run, _)| !goes_on(run));
    let open = open.map(|(run, what)| format!("run {run} began and has no end: {what}"));
    let since = |asked: &str| asked.parse::<Timestamp>().is_ok_and(|at| logged.since.is_some_and(|since| at >= since));
    let records = runs.ids().into_iter().filter(|run| !logged.runs.contains(run)).filter_map(|run| runs.get(&run));
    let unknown = records.filter(|run| since(&run.asked_at));
    let unknown = unknown.map(|run| format!("run {} ({} of {}) has no line", run.run_id, run.tool, run.queue));
    Ok(open.chain(unknown).collect())
}

/// A file of tokens that cannot be used.
pub(crate) fn unusable(path: &std::path::Path, cause: &std::io::Error) -> ErrorReport {
    let what = format!("{} cannot be used", path.display());
    ErrorReport::new(what, cause, "make it readable and writable".to_owned(), ErrorClass::Config)
}

fn scopes_of(text: &str) -> Result<Vec<Scope>, ErrorReport> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let scopes: Result<Vec<Scope>, _> = names.map(str::parse).collect();
    let all = Scope::ALL.map(Scope::as_str).join(", ");
    match scopes {
        Ok(scopes) if scopes.is_empty() => Err(ErrorReport::usage("no scope was given", format!("there are {all}"))),
        Ok(scopes) => Ok(scopes),
        Err(unknown) => Err(ErrorReport::usage(unknown.to_string(), format!("there are {all}"))),
    }
}

fn end_of(text: &str, now: Timestamp) -> Result<Timestamp, ErrorReport> {
    let bad =
        || ErrorReport::usage(format!("{text:?} is no time in the future"), "for example 12h, 30d, 8w or 2026-12-31");
    let unit = |seconds: i64| {
        let number: i64 = text.get(..text.len() - 1)?.parse().ok()?;
        now.checked_add(SignedDuration::from_secs(number.checked_mul(seconds)?)).ok()
    };
    let end = match text.chars().last() {
        Some('m') => unit(60),
        Some('h') => unit(3600),
        Some('d') => unit(86_400),
        Some('w') => unit(7 * 86_400),
        Some(_) => text
            .parse::<jiff::civil::Date>()
            .ok()
            .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map(|midnight| midnight.timestamp()),
        None => None,
    };
    end.filter(|end| *end > now).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_from_now_or_a_date_in_the_future() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        let end = |text: &str| end_of(text, now).map(stamp).ok();
        assert_eq!(end("90m").as_deref(), Some("2026-06-01T13:30:00Z"));
        assert_eq!(end("30d").as_deref(), Some("2026-07-01T12:00:00Z"));
        assert_eq!(end("1w").as_deref(), Some("2026-06-08T12:00:00Z"));
        assert_eq!(end("2026-12-31").as_deref(), Some("2026-12-31T00:00:00Z"));
        for bad in ["", "d", "-1d", "0h", "30", "2026-05-31", "soon", "é", "99999999999999999d"] {
            assert_eq!(end(bad), None, "{bad}");
        }
    }

    #[test]
    fn scopes_are_names_separated_by_commas() {
        assert_eq!(scopes_of("release:read, issues:write").unwrap(), [Scope::Read, Scope::IssuesWrite]);
        let cannot_use = scopes_of("release:everything").unwrap_err();
        assert!(cannot_use.next.contains("release:critical") && cannot_use.exit == Exit::Usage);
        assert!(scopes_of(" , ").is_err());
    }
}
