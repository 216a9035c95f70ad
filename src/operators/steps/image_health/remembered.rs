//! Images that were healthy at an earlier look: only the others have to be asked for again.
//!
//! The grade of a digest follows a plan that the catalogue publishes with it, so a look is good as long as the plan
//! says healthy, and a week at most. One file for all runs of this machine; a damaged one is an empty one, and of two
//! processes that write at once one may lose looks, which are made again.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::core::cache::DiskCache;
use crate::domain::ids::Digest;

/// Vulnerabilities become known that no plan foresaw.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Ten releases at once; the oldest looks go first.
const MOST: usize = 10_000;

/// Looks that found a healthy image.
#[derive(Debug)]
pub struct Remembered {
    cache: DiskCache,
    key: String,
    looks: BTreeMap<String, HealthyLook>,
    /// Looks that the file does not have yet.
    new: usize,
}

/// One look at a healthy image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HealthyLook {
    at: Timestamp,
    until: Timestamp,
}

impl HealthyLook {
    fn holds(self, now: Timestamp) -> bool {
        self.at <= now && now < self.until && now.duration_since(self.at) < KEPT_FOR
    }
}

impl Remembered {
    /// What this machine remembers of the catalogue at `place`.
    pub fn read(home: &Path, place: &str) -> Self {
        let (cache, key) = (DiskCache::below(home), format!("healthy images of {place}"));
        let looks = read(&cache, &key);
        Self { cache, key, looks, new: 0 }
    }

    /// When the image was seen to be healthy, if that still counts.
    pub fn seen_healthy(&self, image: &Digest, now: Timestamp) -> Option<Timestamp> {
        self.looks.get(image.as_str()).filter(|look| look.holds(now)).map(|look| look.at)
    }

    /// Remembers an image that stays healthy until then.
    pub fn add(&mut self, image: &Digest, at: Timestamp, until: Timestamp) {
        self.looks.insert(image.as_str().to_owned(), HealthyLook { at, until });
        self.new += 1;
    }

    /// Looks that are not written yet.
    pub const fn unwritten(&self) -> usize {
        self.new
    }

    /// Writes down what is new, beside what others wrote meanwhile.
    pub fn write(&mut self, now: Timestamp) {
        if self.new == 0 {
            return;
        }
        for (image, look) in read(&self.cache, &self.key) {
            let ours = self.looks.entry(image).or_insert(look);
            if ours.at < look.at {
                *ours = look;
            }
        }
        self.looks.retain(|_, look| look.holds(now));
        let mut newest_first: Vec<_> = self.looks.iter().collect();
        newest_first.sort_by_key(|(_, look)| std::cmp::Reverse(look.at));
        let mut text = String::new();
        for (image, HealthyLook { at, until }) in newest_first.into_iter().take(MOST) {
            text.push_str(&format!("{} {} {image}\n", at.as_second(), until.as_second()));
        }
        self.cache.write(&self.key, "", text.as_bytes());
        self.new = 0;
    }
}

fn read(cache: &DiskCache, key: &str) -> BTreeMap<String, HealthyLook> {
    let text = cache.read(key).and_then(|kept| String::from_utf8(kept.body).ok()).unwrap_or_default();
    text.lines().filter_map(look).collect()
}

/// A line that is none of ours is no look.
fn look(line: &str) -> Option<(String, HealthyLook)> {
    let mut parts = line.split(' ');
    let mut time = || Timestamp::from_second(parts.next()?.parse().ok()?).ok();
    let (at, until) = (time()?, time()?);
    let image: Digest = parts.next()?.parse().ok()?;
    Some((image.as_str().to_owned(), HealthyLook { at, until }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn digest(letter: char) -> Digest {
        format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
    }

    #[test]
    fn a_healthy_image_is_remembered_as_long_as_its_grade_is_planned_and_a_week_at_most() {
        let home = tempfile::tempdir().unwrap();
        let mut first = Remembered::read(home.path(), "https://catalogue.example.com");
        first.add(&digest('a'), at(0), at(10));
        first.add(&digest('b'), at(0), Timestamp::MAX);
        first.write(at(0));
        let later = Remembered::read(home.path(), "https://catalogue.example.com");
        assert_eq!(later.seen_healthy(&digest('a'), at(9)), Some(at(0)));
        assert_eq!(later.seen_healthy(&digest('a'), at(10)), None, "its next grade is bad");
        assert_eq!(later.seen_healthy(&digest('b'), at(7 * 24 - 1)), Some(at(0)));
        assert_eq!(later.seen_healthy(&digest('b'), at(7 * 24)), None, "too long ago");
        assert_eq!(later.seen_healthy(&digest('b'), at(-1)), None, "a look of the future is none");
        assert_eq!(later.seen_healthy(&digest('c'), at(1)), None);
        let other = Remembered::read(home.path(), "https://elsewhere.example.com");
        assert_eq!(other.seen_healthy(&digest('b'), at(1)), None, "another catalogue");
    }

    #[test]
    fn two_processes_add_to_one_memory_and_the_newer_look_stays() {
        let home = tempfile::tempdir().unwrap();
        let [mut one, mut other] = ["x", "x"].map(|place| Remembered::read(home.path(), place));
        one.add(&digest('a'), at(1), at(100));
        one.add(&digest('c'), at(2), at(100));
        one.write(at(2));
        other.add(&digest('b'), at(2), at(100));
        other.add(&digest('c'), at(1), at(50));
        other.write(at(2));
        let all = Remembered::read(home.path(), "x");
        let seen = ['a', 'b', 'c'].map(|letter| all.seen_healthy(&digest(letter), at(3)));
        assert_eq!(seen, [Some(at(1)), Some(at(2)), Some(at(2))]);
        assert!(all.seen_healthy(&digest('c'), at(60)).is_some());
    }

    #[test]
    fn a_damaged_memory_is_an_empty_one_and_is_written_anew() {
        let home = tempfile::tempdir().unwrap();
        let mut memory = Remembered::read(home.path(), "x");
        memory.add(&digest('a'), at(0), at(10));
        memory.write(at(0));
        let file = std::fs::read_dir(home.path().join("cache")).unwrap().next().unwrap().unwrap().path();
        let whole = std::fs::read(&file).unwrap();
        for damage in [&whole[..whole.len() - 3], b"\0\0\0\0", b""] {
            std::fs::write(&file, damage).unwrap();
            let mut memory = Remembered::read(home.path(), "x");
            assert_eq!(memory.seen_healthy(&digest('a'), at(1)), None);
            memory.add(&digest('b'), at(1), at(10));
            memory.write(at(1));
            assert!(Remembered::read(home.path(), "x").seen_healthy(&digest('b'), at(2)).is_some());
        }
        for line in ["", "1 2", "1 2 sha256:short", "x 2 y", "99999999999999999 2 x"] {
            assert_eq!(look(line), None, "{line}");
        }
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest_looks() {
        let home = tempfile::tempdir().unwrap();
        let mut memory = Remembered::read(home.path(), "x");
        let image = |n: usize| format!("sha256:{n:064x}").parse::<Digest>().unwrap();
        for n in 0..MOST + 5 {
            memory.add(&image(n), Timestamp::from_second(n as i64).unwrap(), Timestamp::MAX);
        }
        memory.write(at(24));
        let memory = Remembered::read(home.path(), "x");
        assert_eq!(memory.looks.len(), MOST);
        assert!(memory.seen_healthy(&image(4), at(24)).is_none() && memory.seen_healthy(&image(5), at(24)).is_some());
    }
}
