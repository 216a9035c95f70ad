//! Which release a merge request, an advisory or a ticket belongs to, by what stands in it.
//!
//! A new assembly inherits the shipment and the advisories of the release before it until ART fills in its own.

use super::release::{Minor, ZStream};

/// What something says about the release that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It names our release.
    Ours,
    /// It names no release.
    Nothing,
    /// It names another one.
    Another(String),
}

/// What stands before the release in the title of a shipment merge request, in lower case.
const SHIPMENT_FOR: &str = "shipment for ";

/// What the title of a shipment merge request says: `Shipment for X.Y.Z`, in any case.
pub fn title(title: &str, release: &ZStream) -> Says {
    let lower = title.to_lowercase();
    let named = lower.split_once(SHIPMENT_FOR).and_then(|(_, rest)| versions(rest).next());
    match named {
        Some(named) if named == *release => Says::Ours,
        Some(named) => Says::Another(named.to_string()),
        None => text(title, release),
    }
}

/// What the files of a shipment say, each by the assembly that it names.
///
/// One that names another assembly outweighs all that name ours.
pub fn assemblies<'a>(named: impl IntoIterator<Item = &'a str>, release: &ZStream) -> Says {
    let (full, key) = (release.to_string(), release.assembly_key());
    let mut says = Says::Nothing;
    for assembly in named {
        if assembly != full && assembly != key {
            return Says::Another(assembly.to_owned());
        }
        says = Says::Ours;
    }
    says
}

/// What a synopsis or summary says. Only releases of the same minor count: nothing is inherited from another one, and
/// texts name versions of other things, too. A candidate may be called by the release that it is a candidate of.
pub fn text(text: &str, release: &ZStream) -> Says {
    let minor: Minor = release.minor();
    let same = |named: &ZStream| named == release || (named.patch() == release.patch() && is_base(named, release));
    let mut another = None;
    for named in versions(text).filter(|named| named.minor() == minor) {
        if same(&named) {
            return Says::Ours;
        }
        another.get_or_insert(named);
    }
    another.map_or(Says::Nothing, |named| Says::Another(named.to_string()))
}

/// Is one of the two the final release of the other?
fn is_base(one: &ZStream, other: &ZStream) -> bool {
    one.candidate().is_none() || other.candidate().is_none()
}

/// The releases that a text names, in its order.
fn versions(text: &str) -> impl Iterator<Item = ZStream> + '_ {
    let pieces = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
    pieces.filter_map(|piece| {
        let piece = piece.trim_matches(['.', '-']);
        let piece = piece.strip_prefix(['v', 'V']).unwrap_or(piece);
        let named: ZStream = piece.parse().ok()?;
        let is_release =
            named.candidate().is_none_or(|pre| ["rc.", "ec.", "fc."].iter().any(|kind| pre.starts_with(kind)));
        is_release.then_some(named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> ZStream {
        text.parse().unwrap()
    }

    fn another(text: &str) -> Says {
        Says::Another(text.to_owned())
    }

    #[test]
    fn the_title_of_a_merge_request_names_exactly_one_release() {
        for (ours, text, says) in [
            ("4.20.17", "Shipment for 4.20.17", Says::Ours),
            ("4.20.17", "Draft: SHIPMENT FOR 4.20.17 (take 2)", Says::Ours),
            ("4.20.17", "Shipment for 4.20.16", another("4.20.16")),
            ("4.20.1", "Shipment for 4.20.17", another("4.20.17")),
            ("4.20.17", "Shipment for 4.19.17", another("4.19.17")),
            ("4.21.0", "Shipment for 4.21.0-rc.1", another("4.21.0-rc.1")),
            ("4.21.0-rc.1", "Shipment for 4.21.0-rc.1", Says::Ours),
            ("4.21.0-rc.2", "Shipment for 4.21.0-rc.1", another("4.21.0-rc.1")),
            ("4.20.17", "Bump something", Says::Nothing),
            ("4.20.17", "4.20.16 and its images", another("4.20.16")),
            ("4.20.17", "Shipment for the next release", Says::Nothing),
        ] {
            assert_eq!(title(text, &release(ours)), says, "{ours}: {text}");
        }
    }

    #[test]
    fn one_file_of_another_assembly_makes_the_shipment_a_strangers() {
        let ours = release("4.21.0-rc.1");
        assert_eq!(assemblies(["rc.1", "4.21.0-rc.1"], &ours), Says::Ours);
        assert_eq!(assemblies(["rc.1", "rc.2"], &ours), another("rc.2"));
        assert_eq!(assemblies([], &ours), Says::Nothing);
        assert_eq!(assemblies(["stream"], &release("4.20.17")), another("stream"));
    }

    #[test]
    fn a_synopsis_counts_only_where_it_names_a_release_of_the_minor() {
        for (ours, synopsis, says) in [
            ("4.20.17", "Important: OpenShift Container Platform 4.20.17 packages and security update", Says::Ours),
            ("4.20.17", "OpenShift Container Platform 4.20.16 bug fix update", another("4.20.16")),
            ("4.20.17", "OpenShift Container Platform 4.20 bug fix update", Says::Nothing),
            ("4.20.17", "Important: demo", Says::Nothing),
            ("4.18.5", "OpenShift Container Platform 4.18 with kernel 4.18.0-553.el8", Says::Nothing),
            ("4.20.17", "golang 1.24.6 and etcd v3.5.18", Says::Nothing),
            ("4.21.0-rc.1", "OpenShift Container Platform 4.21.0 bug fix update", Says::Ours),
            ("4.20.17", "Release 4.20.17 [2026-Jun-10]", Says::Ours),
            ("4.20.18", "Release 4.20.17 [2026-Jun-10]", another("4.20.17")),
            ("4.20.18", "4.20.17 is followed by 4.20.18.", Says::Ours),
        ] {
            assert_eq!(text(synopsis, &release(ours)), says, "{ours}: {synopsis}");
        }
    }
}
