//! Which releases need somebody's attention today.
//!
//! A release stays in sight until its final approval passed: being late makes it more important, not
//! less. An age limit keeps those away that somebody gave up without saying so.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::release::{Minor, ZStream};
use super::state::view::State;
use super::task::{Task, TaskStatus};

/// How long a release whose approval is open stays in sight after its date, in days.
pub const LATE_DAYS: i32 = 14;

/// How long a finished release stays in sight after its date, in days.
pub const KEEP_DAYS: i32 = 1;

/// Why a release is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its final approval has not passed.
    ApprovalOpen,
    /// Everything is done; its date is not past yet, or was just now.
    WithinDate,
    /// It is tracked and newer than every state file of its minor, and has none itself.
    NeedsInitialisation,
    /// Its final approval has not passed, and nobody can tell when it is due.
    NoDate,
    /// Over or given up; listed because everything was asked for.
    Inactive,
}

impl Why {
    /// In words, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ApprovalOpen => "the final approval is open",
            Self::WithinDate => "finished, around its date",
            Self::NeedsInitialisation => "tracked, but has no state file",
            Self::NoDate => "the final approval is open, and no release date is known",
            Self::Inactive => "not active",
        }
    }
}

/// One release as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The release.
    pub release: ZStream,
    /// Why it is listed.
    pub why: Why,
    /// When it is due.
    pub date: Option<Date>,
    /// Days until then; negative when it is past.
    pub days_left: Option<i32>,
    /// Tracked tasks that passed, of how many.
    pub done: (usize, usize),
    /// Tracked tasks that failed.
    pub failed: Vec<Task>,
    /// Texts of the open blockers.
    pub blockers: Vec<String>,
}

/// Judges a release by its state file; nothing when it needs nobody's attention (unless `all` are wanted).
pub fn judge(state: &State, today: Date, all: bool) -> Option<Entry> {
    let metadata = state.metadata();
    let date = metadata.release_date.as_deref().and_then(super::dates::release_date);
    let days_left = date.map(|date| today.until(date).map_or(0, |span| span.get_days()));
    let approved = state.status(Task::ChangeAdvisoryStatus) == TaskStatus::Pass;
    let why = match (approved, days_left) {
        (false, Some(left)) if left >= -LATE_DAYS => Why::ApprovalOpen,
        (true, Some(left)) if left >= -KEEP_DAYS => Why::WithinDate,
        // Without a date nothing tells an old release from a new one but its age.
        (false, None) if is_recent(state, today) => Why::NoDate,
        _ if all => Why::Inactive,
        _ => return None,
    };
    let tracked = || Task::tracked(state.flow()).map(|task| (task, state.status(task)));
    Some(Entry {
        release: state.release().clone(),
        why,
        date,
        days_left,
        done: (tracked().filter(|(_, status)| *status == TaskStatus::Pass).count(), tracked().count()),
        failed: tracked().filter(|(_, status)| *status == TaskStatus::Fail).map(|(task, _)| task).collect(),
        blockers: state.issues().into_iter().filter(|one| one.is_open_blocker()).map(|one| one.issue).collect(),
    })
}

fn is_recent(state: &State, today: Date) -> bool {
    let written = state.updated_at().get(..10).and_then(|day| day.parse::<Date>().ok());
    written.is_none_or(|day| day.until(today).is_ok_and(|span| span.get_days() <= LATE_DAYS))
}

/// Tracked releases without state file that are newer than every state file of their minor.
///
/// `with_state` holds all state files, those that cannot be read included: they exist.
pub fn to_initialise(tracked: &[ZStream], with_state: &[ZStream]) -> Vec<Entry> {
    let mut newest: BTreeMap<Minor, &ZStream> = BTreeMap::new();
    for release in with_state {
        let best = newest.entry(release.minor()).or_insert(release);
        *best = (*best).max(release);
    }
    let fresh = |release: &&ZStream| match newest.get(&release.minor()) {
        Some(newest) => release > newest,
        // A minor that nobody works on with us: its newest release alone is worth a word.
        None => tracked.iter().all(|other| other.minor() != release.minor() || other <= *release),
    };
    let entry = |release: &ZStream| Entry {
        release: release.clone(),
        why: Why::NeedsInitialisation,
        date: None,
        days_left: None,
        done: (0, 0),
        failed: Vec::new(),
        blockers: Vec::new(),
    };
    tracked.iter().filter(fresh).map(entry).collect()
}

/// The releases that a tracking file lists under `releases`, in its order.
///
/// # Errors
///
/// Not YAML, or without such a map; keys that name no release are reported.
pub fn tracked(text: &str) -> Result<(Vec<ZStream>, Vec<String>), String> {
    let document: serde_yaml::Value = super::yaml::parse(text).map_err(|why| format!("not YAML ({why})"))?;
    let releases = match document.get("releases") {
        Some(serde_yaml::Value::Mapping(releases)) => releases,
        Some(serde_yaml::Value::Null) => return Ok((Vec::new(), Vec::new())),
        Some(_) | None => return Err("no map `releases`".to_owned()),
    };
    let (mut known, mut strange) = (Vec::new(), Vec::new());
    for (key, _) in releases {
        let name = key.as_str().unwrap_or_default();
        match name.parse() {
            Ok(release) => known.push(release),
            Err(_) => strange.push(format!("{name:?} names no release")),
        }
    }
    Ok((known, strange))
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;
    use crate::domain::state::entries::Metadata;
    use crate::domain::state::operation::{Applied, Operation, SetTask};

    fn release(text: &str) -> ZStream {
        text.parse().unwrap()
    }

    fn state(due: Option<&str>, approval: TaskStatus) -> State {
        let metadata = Metadata {
            release_date: due.map(str::to_owned),
            advisory_ids: IndexMap::new(),
            shipment_mr: Some("https://gitlab.example.com/g/p/-/merge_requests/1".to_owned()),
            ..Metadata::default()
        };
        let at: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        let mut state = State::create(&release("4.20.17"), at, &metadata);
        for status in [TaskStatus::InProgress, approval] {
            let set = SetTask::new(Task::ChangeAdvisoryStatus, status, at);
            if let Applied::Changed(next) = Operation::SetTask(set).apply(&state, at) {
                state = next;
            }
        }
        state
    }

    #[test]
    fn a_release_is_in_sight_until_it_is_approved_or_given_up() {
        use TaskStatus::{Fail, InProgress, Pass};
        let due = Some("2026-Jun-10");
        let table = [
            ("weeks before", due, InProgress, date(2026, 5, 1), Some(Why::ApprovalOpen)),
            ("late by days", due, InProgress, date(2026, 6, 20), Some(Why::ApprovalOpen)),
            ("late and failed", due, Fail, date(2026, 6, 24), Some(Why::ApprovalOpen)),
            ("given up", due, InProgress, date(2026, 6, 25), None),
            ("done before its date", due, Pass, date(2026, 6, 9), Some(Why::WithinDate)),
            ("done, one day after", due, Pass, date(2026, 6, 11), Some(Why::WithinDate)),
            ("done, two days after", due, Pass, date(2026, 6, 12), None),
            ("no date, just begun", None, InProgress, date(2026, 6, 5), Some(Why::NoDate)),
            ("no date, long ago", None, InProgress, date(2026, 8, 5), None),
            ("no usable date", Some("soon"), InProgress, date(2026, 6, 5), Some(Why::NoDate)),
        ];
        for (case, due, approval, today, wanted) in table {
            let state = state(due, approval);
            assert_eq!(judge(&state, today, false).map(|entry| entry.why), wanted, "{case}");
            assert_eq!(
                judge(&state, today, true).map(|entry| entry.why),
                Some(wanted.unwrap_or(Why::Inactive)),
                "{case}"
            );
        }
    }

    #[test]
    fn an_entry_counts_days_and_tasks() {
        let entry = judge(&state(Some("2026-Jun-10"), TaskStatus::Fail), date(2026, 6, 12), false).unwrap();
        assert_eq!((entry.days_left, entry.done), (Some(-2), (0, 10)));
        assert_eq!(entry.failed, [Task::ChangeAdvisoryStatus]);
        let far = judge(&state(Some("2026-Dec-10"), TaskStatus::InProgress), date(2026, 6, 12), false).unwrap();
        assert_eq!(far.days_left, Some(181));
    }

    #[test]
    fn a_release_without_merge_request_yet_is_listed_with_the_tasks_of_its_flow() {
        let at: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        let unfinished = Metadata {
            release_date: Some("2026-Jun-10".to_owned()),
            advisory_ids: IndexMap::from([("rpm".to_owned(), 1), ("rhcos".to_owned(), 2)]),
            ..Metadata::default()
        };
        let state = State::create(&release("4.20.17"), at, &unfinished);
        let failed = Operation::SetTask(SetTask::new(Task::CheckRhcosSecurityAlerts, TaskStatus::Fail, at));
        let Applied::Changed(state) = failed.apply(&state, at) else { panic!("the status does not change") };
        let entry = judge(&state, date(2026, 6, 9), false).unwrap();
        assert_eq!((entry.done, entry.failed), ((0, 10), vec![Task::CheckRhcosSecurityAlerts]));
    }

    #[test]
    fn only_the_newest_tracked_releases_need_a_state_file() {
        let names = |tracked: &[&str], with_state: &[&str]| {
            let of = |names: &[&str]| names.iter().map(|name| release(name)).collect::<Vec<_>>();
            let found = to_initialise(&of(tracked), &of(with_state));
            found.iter().map(|entry| entry.release.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(&["4.20.8", "4.20.9", "4.20.10", "4.20.11"], &["4.20.9"]), ["4.20.10", "4.20.11"]);
        assert_eq!(names(&["4.20.9"], &["4.20.9", "4.21.0-rc.1"]), Vec::<String>::new());
        assert_eq!(names(&["4.12.80", "4.12.9"], &["4.20.9"]), ["4.12.80"]);
        assert_eq!(names(&["4.21.0"], &["4.21.0-rc.3"]), ["4.21.0"]);
    }

    #[test]
    fn a_tracking_file_lists_releases_as_keys() {
        let (known, strange) = tracked("releases:\n  4.20.1: {}\n  4.20.10:\n    x: 1\n  later: 1\n").unwrap();
        assert_eq!(known, [release("4.20.1"), release("4.20.10")]);
        assert_eq!(strange, [r#""later" names no release"#]);
        assert!(tracked("releases: null\n").unwrap().0.is_empty());
        for text in ["", "a: b", "releases: [1]", "<html>", "a: [", "\t"] {
            assert!(tracked(text).is_err(), "{text:?}");
        }
    }
}
