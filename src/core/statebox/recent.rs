//! What this process knows of one file: what it last read or wrote there, and which versions are older than that.
//!
//! Caches in front of a store show for a while what was there before. Whoever wrote knows better: what a write of ours
//! replaced, be it a version or no file at all, is older than what it stored.

use jiff::Timestamp;

use super::file::{Revision, StoredFile};
use crate::domain::absence::SETTLES;

/// What one process knows of one file.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// What was last read or written, for writing over it.
    last: Option<StoredFile>,
    /// What our last write stored.
    ours: Option<StoredFile>,
    /// What our writes replaced (nothing for no file), and when.
    replaced: Vec<(Option<Revision>, Timestamp)>,
}

impl Recent {
    /// What was last read or written.
    pub(super) const fn last(&self) -> Option<&StoredFile> {
        self.last.as_ref()
    }

    /// The same, once.
    pub(super) const fn take(&mut self) -> Option<StoredFile> {
        self.last.take()
    }

    /// Notes what the store holds.
    pub(super) fn read(&mut self, file: Option<StoredFile>) {
        self.last = file;
    }

    /// Notes what we stored in the place of `over`.
    pub(super) fn wrote(&mut self, file: StoredFile, over: Option<Revision>, now: Timestamp) {
        self.replaced.retain(|(version, at)| is_fresh(*at, now) && version.as_ref() != Some(&file.revision));
        self.replaced.push((over, now));
        self.last = Some(file.clone());
        self.ours = Some(file);
    }

    /// What our last write stored, when `read` is older than that. A version that the store shows for longer than its
    /// caches last was put back by somebody.
    pub(super) fn newer_than(&self, read: Option<&StoredFile>, now: Timestamp) -> Option<&StoredFile> {
        let read = read.map(|file| &file.revision);
        let is_older = self.replaced.iter().any(|(version, at)| version.as_ref() == read && is_fresh(*at, now));
        self.ours.as_ref().filter(|ours| is_older && read != Some(&ours.revision))
    }
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < SETTLES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> StoredFile {
        StoredFile { bytes: text.into(), revision: Revision(text.to_owned()) }
    }

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    fn newer(recent: &Recent, read: Option<&str>, at: i64) -> Option<String> {
        let read = read.map(file);
        recent.newer_than(read.as_ref(), minute(at)).map(|file| file.revision.0.clone())
    }

    #[test]
    fn what_our_writes_replaced_is_older_than_what_they_stored() {
        let mut recent = Recent::default();
        assert_eq!(newer(&recent, None, 0), None, "who wrote nothing knows nothing");
        recent.wrote(file("a"), None, minute(0));
        recent.wrote(file("b"), Some(Revision("a".to_owned())), minute(1));
        let ours = Some("b".to_owned());
        assert_eq!((newer(&recent, None, 2), newer(&recent, Some("a"), 2)), (ours.clone(), ours));
        assert_eq!((newer(&recent, Some("b"), 2), newer(&recent, Some("of others"), 2)), (None, None));
    }

    #[test]
    fn a_version_that_stays_longer_than_any_cache_was_put_back() {
        let mut recent = Recent::default();
        recent.wrote(file("b"), Some(Revision("a".to_owned())), minute(0));
        assert_eq!((newer(&recent, Some("a"), 14), newer(&recent, Some("a"), 15)), (Some("b".to_owned()), None));
    }

    #[test]
    fn a_version_that_we_store_again_is_not_old() {
        let mut recent = Recent::default();
        recent.wrote(file("b"), Some(Revision("a".to_owned())), minute(0));
        recent.wrote(file("a"), Some(Revision("b".to_owned())), minute(1));
        assert_eq!((newer(&recent, Some("a"), 2), newer(&recent, Some("b"), 2)), (None, Some("a".to_owned())));
    }
}
