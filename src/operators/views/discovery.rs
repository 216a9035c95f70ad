//! The releases that need somebody's attention, found in the tree of the state repository.

use jiff::civil::Date;

use crate::core::context::Context;
use crate::core::statebox::file::TreeFile;
use crate::domain::discovery::{Entry, judge, to_initialise, tracked};
use crate::domain::release::{Minor, ZStream};
use crate::domain::state::view::State;
use crate::operators::error::TaskError;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Ordered by date, then release; those without date come last.
    pub releases: Vec<Entry>,
    /// Files that say nothing usable: path and why.
    pub errors: Vec<(String, String)>,
    /// Is one of them a file that cannot be read at all, so that its releases are not listed?
    pub is_incomplete: bool,
}

/// Reads all state files and tracking files at once. Reads only.
///
/// # Errors
///
/// The repository cannot be read; a damaged file is part of the answer.
pub async fn active(ctx: &Context, all: bool) -> Result<Listing, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let files = ctx.repo.release_files(&ctx.settings.state.branch).await?;
    Ok(listing(files, ctx.clock.today(), all))
}

fn listing(files: Vec<TreeFile>, today: Date, all: bool) -> Listing {
    let (mut releases, mut errors, mut is_incomplete) = (Vec::new(), Vec::new(), false);
    let (mut with_state, mut listed) = (Vec::new(), Vec::new());
    for file in files {
        let ended = match place(&file.path) {
            PathMeaning::State(release) => {
                with_state.push(release.clone());
                let state =
                    file.text.and_then(|text| State::parse(&text, Some(&release)).map_err(|error| error.to_string()));
                state.map(|state| releases.extend(judge(&state, today, all)))
            }
            PathMeaning::Tracking(minor) => file.text.and_then(|text| tracked(&text)).map(|(known, strange)| {
                let (ours, others): (Vec<_>, Vec<_>) =
                    known.into_iter().partition(|one: &ZStream| one.minor() == minor);
                let others = others.iter().map(|other| format!("{other} is not of {minor}"));
                errors.extend(strange.into_iter().chain(others).map(|why| (file.path.clone(), why)));
                listed.extend(ours);
            }),
            PathMeaning::Elsewhere => Ok(()),
        };
        if let Err(why) = ended {
            is_incomplete = true;
            errors.push((file.path, why));
        }
    }
    releases.extend(to_initialise(&listed, &with_state));
    releases.sort_by(|a, b| (a.date.is_none(), a.date, &a.release).cmp(&(b.date.is_none(), b.date, &b.release)));
    Listing { releases, errors, is_incomplete }
}

/// What a path stands for.
enum PathMeaning {
    State(ZStream),
    Tracking(Minor),
    Elsewhere,
}

fn place(path: &str) -> PathMeaning {
    let parts: Vec<&str> = path.split('/').collect();
    let minor = |text: &str| text.parse::<Minor>().ok();
    match parts.as_slice() {
        ["_releases", folder, file] => {
            let tracking = minor(folder).filter(|_| *file == format!("{folder}.z.yaml"));
            tracking.map_or(PathMeaning::Elsewhere, PathMeaning::Tracking)
        }
        ["_releases", folder, "statebox", file] => {
            let release = file.strip_suffix(".yaml").and_then(|name| name.parse::<ZStream>().ok());
            let release = release.filter(|release| minor(folder) == Some(release.minor()));
            release.map_or(PathMeaning::Elsewhere, PathMeaning::State)
        }
        _ => PathMeaning::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::discovery::Why;
    use crate::domain::state::entries::Metadata;

    fn state(release: &str, due: &str) -> TreeFile {
        let release: ZStream = release.parse().unwrap();
        let metadata = Metadata { release_date: Some(due.to_owned()), ..Metadata::default() };
        let at = "2026-06-01T12:00:00Z".parse().unwrap();
        let text = State::create(&release, at, &metadata).to_yaml();
        TreeFile { path: release.state_path(), text: Ok(text) }
    }

    fn file(path: &str, text: Result<&str, &str>) -> TreeFile {
        TreeFile { path: path.to_owned(), text: text.map(str::to_owned).map_err(str::to_owned) }
    }

    #[test]
    fn a_damaged_file_hides_nothing_but_itself() {
        let found = listing(
            vec![
                state("4.20.17", "2026-Jun-10"),
                file("_releases/4.20/statebox/4.20.16.yaml", Ok("<html>")),
                file("_releases/4.20/statebox/4.20.18.yaml", Err("cut off by GitHub")),
                file(
                    "_releases/4.20/4.20.z.yaml",
                    Ok("releases:\n  4.20.17: {}\n  4.20.18: {}\n  4.20.19: {}\n  4.19.3: {}\n"),
                ),
                file("_releases/4.21/4.21.z.yaml", Ok("a: [")),
                file("_releases/4.20/README.md", Ok("no state file")),
                file("_releases/4.20/statebox/4.21.0.yaml", Ok("in the wrong folder")),
            ],
            date(2026, 6, 5),
            false,
        );
        let names: Vec<_> = found.releases.iter().map(|entry| (entry.release.to_string(), entry.why)).collect();
        assert_eq!(
            names,
            [("4.20.17".to_owned(), Why::ApprovalOpen), ("4.20.19".to_owned(), Why::NeedsInitialisation)]
        );
        let paths: Vec<_> = found.errors.iter().map(|(path, _)| path.rsplit('/').next().unwrap_or_default()).collect();
        assert_eq!(paths, ["4.20.16.yaml", "4.20.18.yaml", "4.20.z.yaml", "4.21.z.yaml"]);
    }

    #[test]
    fn the_most_urgent_release_comes_first() {
        let files = vec![
            state("4.20.17", "2026-Jun-10"),
            state("4.12.80", "2026-Jun-03"),
            state("4.21.0-rc.1", "soon"),
            state("4.19.1", "2026-Jun-10"),
        ];
        let found = listing(files, date(2026, 6, 5), false);
        let names: Vec<_> = found.releases.iter().map(|entry| entry.release.to_string()).collect();
        assert_eq!(names, ["4.12.80", "4.19.1", "4.20.17", "4.21.0-rc.1"]);
    }
}
