//! Health of all images of a shipment: what the stage catalogue says about each of them.

pub mod looks;
pub mod remembered;

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};

use self::looks::{AT_ONCE, look};
use self::remembered::Remembered;
use super::shipment::{self, Shipment};
use crate::core::clients::catalog_stage::{CatalogImage, CatalogStage};
use crate::core::clients::gitlab::{GitlabUser, Note};
use crate::core::effects::{EffectError, Effected, Look};
use crate::core::error::ErrorClass;
use crate::domain::image_health::{Grade, HealthReport, HealthVerdict, ListedImage, UnhealthyImage, listed_images};
use crate::domain::shipment::StageRelease;
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// First line of our comment, by which it is found again; invisible for readers.
const NOTE_MARKER: &str = "<!-- oar: image health -->";

/// Judges all images of the stage release and keeps one comment about them on the merge request.
///
/// An image about which nothing is known makes the answer `Unknown`: it is neither good nor bad.
///
/// # Errors
///
/// Build data or GitLab fail; a failing catalogue is `Unknown`.
pub async fn check(run: &Run<'_>) -> Result<HealthVerdict, TaskError> {
    let shipment = shipment::open(run).await?;
    let standing = shipment::stage_release(run, &shipment).await?;
    if standing != StageRelease::Success {
        return Ok(HealthVerdict::NotReleased(standing));
    }
    let images = match images(run, &shipment).await? {
        Ok(images) => images,
        Err(why) => return Ok(HealthVerdict::Unknown { why }),
    };
    run.info(format!("{} images are listed by the stage advisories", images.len()));
    let report = match scan(run, images).await {
        Ok(report) => report,
        Err(why) => return Ok(HealthVerdict::Unknown { why }),
    };
    run.info(format!("{} images are known, {} unhealthy", report.scanned, report.unhealthy.len()));
    tell(run, &shipment, &report).await?;
    Ok(report.verdict())
}

/// The images of all stage advisories, one per digest; the inner error says why they are not known yet.
async fn images(run: &Run<'_>, shipment: &Shipment) -> Result<Result<Vec<ListedImage>, String>, TaskError> {
    let gitlab = run.ctx.gitlab();
    let mut seen = BTreeSet::new();
    let mut images = Vec::new();
    for file in shipment::files(run.ctx, shipment).await? {
        if !file.has_images() {
            continue;
        }
        let path = &file.path;
        let Some(url) = file.stage_advisory() else {
            return Ok(Err(format!("{path} names no stage advisory yet")));
        };
        let advisory = match gitlab.text_at(&url).await {
            Ok(text) => text,
            Err(error) if matches!(error.class(), ErrorClass::NotFound | ErrorClass::Corrupt) => {
                return Ok(Err(format!("the stage advisory of {path} cannot be read yet ({error})")));
            }
            Err(error) => return Err(error.into()),
        };
        match listed_images(&advisory) {
            Ok(listed) => images.extend(listed.into_iter().filter(|image| seen.insert(image.digest.clone()))),
            Err(why) => return Ok(Err(format!("the stage advisory of {path} cannot be used: {why}"))),
        }
    }
    if images.is_empty() { Ok(Err("no stage advisory lists images".to_owned())) } else { Ok(Ok(images)) }
}

/// Asks for the grade of every image that is not remembered as healthy; the error says which answers are missing.
async fn scan(run: &Run<'_>, images: Vec<ListedImage>) -> Result<HealthReport, String> {
    let catalog = run.ctx.catalog_stage();
    let mut memory = Remembered::read(&run.ctx.home, catalog.place());
    let looks = look(&catalog, &mut memory, images, run.ctx.clock.now()).await;
    run.info(looks.summary());
    if let Some(why) = looks.missing() {
        return Err(why);
    }
    Ok(HealthReport { scanned: looks.known(), unhealthy: explain(run, &catalog, looks.bad).await })
}

/// Adds the vulnerabilities to the bad images. They explain the verdict and do not change it.
async fn explain(
    run: &Run<'_>,
    catalog: &CatalogStage,
    bad: Vec<(ListedImage, Grade, CatalogImage)>,
) -> Vec<UnhealthyImage> {
    let asked = bad.into_iter().map(|(image, grade, known)| async move {
        let found = catalog.vulnerabilities(&known).await;
        (image, grade, found)
    });
    let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut unexplained = 0;
    let mut unhealthy = Vec::new();
    for (image, grade, found) in answers {
        let vulnerabilities = found.unwrap_or_else(|_| {
            unexplained += 1;
            Vec::new()
        });
        unhealthy.push(UnhealthyImage { image, grade, vulnerabilities });
    }
    if unexplained > 0 {
        run.warn(format!("the vulnerabilities of {unexplained} images could not be read"));
    }
    unhealthy
}

/// Keeps one comment of ours on the merge request up to date. Without it the verdict is as true as with it,
/// so that a refusal of GitLab is a warning.
async fn tell(run: &Run<'_>, shipment: &Shipment, report: &HealthReport) -> Result<(), TaskError> {
    match keep_note(run, shipment, &report.to_markdown(NOTE_MARKER)).await {
        Err(error @ (TaskError::Service(_) | TaskError::Effect(EffectError::Client(_)))) => {
            run.warn(format!("the comment about image health could not be written: {error}"));
            Ok(())
        }
        ended => ended,
    }
}

async fn keep_note(run: &Run<'_>, shipment: &Shipment, body: &str) -> Result<(), TaskError> {
    let gitlab = run.ctx.gitlab();
    let me = gitlab.current_user().await?;
    let what = "comment on image health";
    let look_up = async || Ok(Look::at_object(ours(gitlab.notes(&shipment.address).await?, &me)));
    let perform = async || gitlab.add_note(&shipment.address, body).await;
    let note = match run.effect("image-health-note", what, look_up, perform).await? {
        Effected::Done(_) => return Ok(()),
        Effected::AlreadyThere(note) => note,
    };
    if note.body.trim() != body.trim() {
        run.converge("image-health-note/text", "update the comment on image health", async || {
            gitlab.update_note(&shipment.address, note.id, body).await
        })
        .await?;
    }
    Ok(())
}

/// The newest comment on image health that we may change.
fn ours(notes: Vec<Note>, me: &GitlabUser) -> Option<Note> {
    notes.into_iter().find(|note| note.author == me.username && note.body.trim_start().starts_with(NOTE_MARKER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_comment_is_updated() {
        let note = |id: u64, author: &str, body: String| Note { id, body, author: author.to_owned() };
        let me = GitlabUser { id: 1, username: "bot".to_owned() };
        let notes = vec![
            note(5, "bot", "images look good".to_owned()),
            note(4, "another", format!("{NOTE_MARKER}\ntext")),
            note(3, "bot", format!("> {NOTE_MARKER}\nquoted")),
            note(2, "bot", format!("{NOTE_MARKER}\ntext")),
        ];
        assert_eq!(ours(notes, &me).map(|note| note.id), Some(2));
    }
}
