//! Asks the catalogue for the images of which nothing good is known yet, and counts what came of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;

use super::remembered::Remembered;
use crate::core::clients::catalog_stage::{CatalogImage, CatalogStage};
use crate::core::clients::error::ClientError;
use crate::domain::dates::stamp;
use crate::domain::image_health::{Grade, ListedImage, effective, healthy_until};

/// Images asked for at once; 860 images one after the other take minutes.
pub(super) const AT_ONCE: usize = 20;

/// After so many failed look-ups in a row the catalogue is down, and asking for the rest only takes time.
const MOST_FAILURES: usize = 20;

/// A run that is killed loses no more looks than this.
const WRITTEN_AT_ONCE: usize = 100;

/// What looking at all images of a shipment came to; every image is counted once.
#[derive(Debug, Default)]
pub struct Looks {
    /// Images that were to be known.
    pub total: usize,
    /// Seen healthy at an earlier look.
    pub remembered: usize,
    /// The oldest of these looks.
    pub oldest: Option<Timestamp>,
    /// Asked for now, and healthy.
    pub healthy: usize,
    /// Asked for now, and bad: the image with its grade and what the catalogue knows, in the order of the list.
    pub bad: Vec<(ListedImage, Grade, CatalogImage)>,
    /// Asked for, and not in the catalogue yet.
    pub absent: usize,
    /// Asked for in vain, however often.
    pub failed: usize,
    /// The first of these, in the order of the list.
    pub trouble: Option<ClientError>,
    /// Not asked for, because the catalogue is down.
    pub not_asked: usize,
}

/// What one look came to.
enum ImageLook {
    Known(CatalogImage),
    Absent,
    Failed(ClientError),
    NotAsked,
}

/// Looks at all `images`; what is healthy is remembered at once.
pub async fn look(catalog: &CatalogStage, memory: &mut Remembered, images: Vec<ListedImage>, now: Timestamp) -> Looks {
    let mut looks = Looks { total: images.len(), ..Looks::default() };
    let mut open = Vec::new();
    for image in images {
        match memory.seen_healthy(&image.digest, now) {
            Some(at) => {
                looks.remembered += 1;
                looks.oldest = Some(looks.oldest.map_or(at, |oldest| oldest.min(at)));
            }
            None => open.push(image),
        }
    }
    let (in_a_row, mut bad, mut troubles) = (AtomicUsize::new(0), Vec::new(), Vec::new());
    let mut open: Vec<_> = open.into_iter().enumerate().collect();
    let rest = open.split_off(open.len().min(AT_ONCE));
    // The first ones are waited for: when none of them is answered, the rest is not asked for.
    for group in [open, rest] {
        let asked = group.into_iter().map(|(place, image)| one(catalog, &in_a_row, place, image));
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some((place, image, found)) = answers.next().await {
            match found {
                ImageLook::Known(known) => {
                    let grade = effective(&known.grades, now);
                    match healthy_until(&known.grades, now) {
                        Some(until) => {
                            looks.healthy += 1;
                            memory.add(&image.digest, now, until);
                        }
                        None => bad.push((place, (image, grade, known))),
                    }
                }
                ImageLook::Absent => looks.absent += 1,
                ImageLook::Failed(error) => {
                    looks.failed += 1;
                    troubles.push((place, error));
                }
                ImageLook::NotAsked => looks.not_asked += 1,
            }
            if memory.unwritten() >= WRITTEN_AT_ONCE {
                memory.write(now);
            }
        }
    }
    memory.write(now);
    // Answers come in any order; reports do not change with it.
    bad.sort_by_key(|(place, _)| *place);
    looks.bad = bad.into_iter().map(|(_, image)| image).collect();
    looks.trouble = troubles.into_iter().min_by_key(|(place, _)| *place).map(|(_, error)| error);
    looks
}

/// Asks for one image, unless the catalogue failed too often in a row.
async fn one(
    catalog: &CatalogStage,
    in_a_row: &AtomicUsize,
    place: usize,
    image: ListedImage,
) -> (usize, ListedImage, ImageLook) {
    if in_a_row.load(Ordering::Relaxed) >= MOST_FAILURES {
        return (place, image, ImageLook::NotAsked);
    }
    let found = match catalog.image(&image.digest).await {
        Ok(known) => known.map_or(ImageLook::Absent, ImageLook::Known),
        Err(error) => ImageLook::Failed(error),
    };
    match found {
        ImageLook::Failed(_) => drop(in_a_row.fetch_add(1, Ordering::Relaxed)),
        ImageLook::Known(_) | ImageLook::Absent | ImageLook::NotAsked => in_a_row.store(0, Ordering::Relaxed),
    }
    (place, image, found)
}

impl Looks {
    /// Images with a known answer.
    pub fn known(&self) -> usize {
        self.remembered + self.healthy + self.bad.len()
    }

    /// What was done, in one line.
    pub fn summary(&self) -> String {
        let asked = self.total - self.remembered - self.not_asked;
        let mut text = format!("{} images: {asked} asked, {} remembered as healthy", self.total, self.remembered);
        if let Some(oldest) = self.oldest {
            text.push_str(&format!(" (seen since {})", stamp(oldest)));
        }
        text.push_str(&format!(", {} could not be looked up, {} not asked", self.failed, self.not_asked));
        text
    }

    /// Why the images as a whole are neither good nor bad; nothing when all are known.
    pub fn missing(&self) -> Option<String> {
        let counts = [
            (self.failed, "could not be looked up"),
            (self.absent, "are not in the catalogue yet"),
            (self.not_asked, "were not asked for"),
        ];
        let mut text = String::new();
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            match text.is_empty() {
                true => text = format!("{count} of {} images {what}", self.total),
                false => text.push_str(&format!(", {count} {what}")),
            }
        }
        if text.is_empty() {
            return None;
        }
        if let Some(error) = &self.trouble {
            text.push_str(&format!(" ({error})"));
        }
        if self.known() > 0 {
            text.push_str(&format!("; {} are known", self.known()));
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests;
