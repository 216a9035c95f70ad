//! The comparison of a payload with its shipment, image by image.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt as _, stream};

use super::shipment::{self, Shipment};
use crate::core::clients::error::ClientError;
use crate::core::clients::registry::Registry;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::consistency::{
    CheckedImage, ConsistencyReport, ImageFacts, ImageVerdict, NamedImage, is_skipped, matches, release_of_title,
    same_name,
};
use crate::domain::foreign::quoted;
use crate::domain::pull_spec::PullSpec;
use crate::operators::error::TaskError;

/// Look-ups at once, at the registries and at the catalogue.
const AT_ONCE: usize = 16;

/// After so many failed look-ups the service is down, and asking for the rest only takes time.
const MOST_FAILURES: usize = 20;

/// What was found out about images, by their identity; the text says why nothing was.
type Known = HashMap<String, Result<ImageFacts, String>>;

/// Compares the images of `payload` for `arch` (as images spell it: `amd64`) with those of the shipment.
/// Reads only.
///
/// # Errors
///
/// There is no such payload, payload and shipment are of different releases, a file of the shipment cannot be
/// read, a credential is refused, or a service is down. A single image that cannot be looked up is a verdict.
pub async fn compare(
    ctx: &Context,
    payload: &PullSpec,
    shipment: &Shipment,
    arch: &str,
) -> Result<ConsistencyReport, TaskError> {
    let registry = ctx.registry_at(&payload.host)?;
    let contents = registry.payload_contents(&payload.repository, payload.reference.as_str(), arch).await?;
    let contents = contents.ok_or_else(|| TaskError::Refused {
        why: format!("the registry has no payload {payload}"),
        next: "correct the address, or wait until ART has promoted the payload".to_owned(),
    })?;
    let (page, title) = (&shipment.mr.web_url, &shipment.mr.title);
    let Some(release) = release_of_title(title) else {
        return Err(TaskError::Refused {
            why: format!("the title of {page} names no release: {}", quoted(title)),
            next: "give the shipment merge request (`Shipment for X.Y.Z`), or ask ART to correct its title".to_owned(),
        });
    };
    if contents.version != release.to_string() {
        return Err(TaskError::Refused {
            why: format!("{payload} calls itself {}, but {page} ships {release}", contents.version),
            next: "compare payload and shipment of one release".to_owned(),
        });
    }
    let (mut components, mut warnings) = (Vec::new(), Vec::new());
    for file in shipment::files(ctx, shipment).await? {
        let (images, left_out) = file.components().map_err(|bad| TaskError::Refused {
            why: bad.to_string(),
            next: format!("have the file corrected in {page} (ask ART), then run it again"),
        })?;
        components.extend(images);
        warnings.extend(left_out);
    }
    if components.is_empty() {
        return Err(TaskError::Refused {
            why: format!("{page} lists no component with an image"),
            next: "ask ART to complete the shipment".to_owned(),
        });
    }
    let (skipped, images): (Vec<_>, Vec<_>) = contents.images.into_iter().partition(|image| is_skipped(&image.name));
    let known = look_up(ctx, registry, &payload.host, images.iter().chain(&components), arch).await?;
    let images = judge(ctx, images, &components, &known).await?;
    Ok(ConsistencyReport {
        payload: payload.to_string(),
        shipment: page.clone(),
        release,
        images,
        skipped: skipped.into_iter().map(|image| image.name).collect(),
        components: components.len(),
        warnings,
    })
}

/// Asks the registries for every image once, however often and wherever it is named.
async fn look_up(
    ctx: &Context,
    registry: Registry,
    host: &str,
    images: impl Iterator<Item = &NamedImage>,
    arch: &str,
) -> Result<Known, TaskError> {
    let mut known = Known::new();
    let mut wanted: BTreeMap<String, BTreeSet<PullSpec>> = BTreeMap::new();
    for image in images {
        match image.pull_spec.parse::<PullSpec>() {
            Ok(spec) => drop(wanted.entry(spec.identity()).or_default().insert(spec)),
            Err(bad) => drop(known.insert(image.pull_spec.clone(), Err(bad.to_string()))),
        }
    }
    let mut registries = HashMap::from([(host.to_owned(), registry)]);
    for spec in wanted.values().flatten() {
        if let Entry::Vacant(place) = registries.entry(spec.host.clone()) {
            place.insert(ctx.registry_at(&spec.host)?);
        }
    }
    let registries = &registries;
    let asked = wanted.into_iter().map(|(identity, specs)| async move {
        let answer = one_of(registries, &specs, arch).await;
        (identity, answer)
    });
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut failures = Failures::default();
    while let Some((identity, answer)) = answers.next().await {
        let facts = match answer {
            Ok(Some(facts)) => Ok(facts),
            Ok(None) => Err("the registry does not have it".to_owned()),
            Err(error) => Err(failures.note(error)?),
        };
        known.insert(identity, facts);
    }
    Ok(known)
}

/// The same image at one of its places: the first that says it.
async fn one_of(
    registries: &HashMap<String, Registry>,
    specs: &BTreeSet<PullSpec>,
    arch: &str,
) -> Result<Option<ImageFacts>, ClientError> {
    let mut last = Ok(None);
    for spec in specs {
        let Some(registry) = registries.get(&spec.host) else { continue };
        match registry.image(&spec.repository, spec.reference.as_str(), arch).await {
            Ok(Some(facts)) => return Ok(Some(facts)),
            Ok(None) => {}
            Err(error) => last = Err(error),
        }
    }
    last
}

/// Look-ups that failed: a few are unknown images, many are a service that is down.
#[derive(Default)]
struct Failures(usize);

impl Failures {
    /// The failure in words, or as an error when going on makes no sense.
    fn note(&mut self, error: ClientError) -> Result<String, TaskError> {
        self.0 += 1;
        let hopeless = matches!(error.class(), ErrorClass::Auth | ErrorClass::Config | ErrorClass::Internal);
        if hopeless || self.0 >= MOST_FAILURES { Err(error.into()) } else { Ok(error.to_string()) }
    }
}

async fn judge(
    ctx: &Context,
    images: Vec<NamedImage>,
    components: &[NamedImage],
    known: &Known,
) -> Result<Vec<CheckedImage>, TaskError> {
    let facts_of = |image: &NamedImage| match image.pull_spec.parse::<PullSpec>() {
        Ok(spec) => known.get(&spec.identity()),
        Err(_) => known.get(&image.pull_spec),
    };
    let with_facts: Vec<_> = components.iter().filter_map(|one| Some((one, facts_of(one)?.as_ref().ok()?))).collect();
    let dark = components.len() - with_facts.len();
    let catalog = ctx.catalog();
    let asked = images.into_iter().map(|image| {
        let (catalog, with_facts) = (&catalog, &with_facts);
        let facts = facts_of(&image).cloned().unwrap_or_else(|| Err("nobody looked it up".to_owned()));
        async move {
            let facts = match facts {
                Ok(facts) => facts,
                Err(why) => return (image, None, Ok(ImageVerdict::Unknown(why))),
            };
            let components = || with_facts.iter().copied();
            let found = matches(&facts, components());
            let verdict = if found.is_empty() {
                catalog.released(&facts.digest).await.map(|released| match released {
                    Some(repositories) => ImageVerdict::Released(repositories),
                    None if dark > 0 => ImageVerdict::Unknown(format!(
                        "neither shipped nor released, but {dark} components could not be looked up"
                    )),
                    None => ImageVerdict::Missing(same_name(&facts, components())),
                })
            } else {
                Ok(ImageVerdict::Shipment(found))
            };
            (image, facts.tag, verdict)
        }
    });
    let mut answers = stream::iter(asked).buffered(AT_ONCE);
    let (mut failures, mut checked) = (Failures::default(), Vec::new());
    while let Some((image, tag, verdict)) = answers.next().await {
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(error) => ImageVerdict::Unknown(failures.note(error)?),
        };
        checked.push(CheckedImage { image, tag, verdict });
    }
    Ok(checked)
}
