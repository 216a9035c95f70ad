use super::*;

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

/// An image: digest, list digest (`-` for none), label `name`, label `vcs-ref` (both may be blank).
fn facts(own: char, list: char, name: &str, vcs_ref: &str) -> ImageFacts {
    let label = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let list_digest = (list != '-').then(|| digest(list));
    ImageFacts { digest: digest(own), list_digest, name: label(name), vcs_ref: label(vcs_ref), tag: None }
}

fn named(name: &str) -> NamedImage {
    NamedImage { name: name.to_owned(), pull_spec: format!("quay.example.com/art/{name}@sha256:1") }
}

#[test]
fn an_image_is_recognised_by_list_by_digest_or_by_commit_and_name() {
    use MatchKey::{Digest, ListDigest, VcsRef};
    let image = facts('a', 'b', "openshift/cli", "c0ffee");
    let table = [
        ("same list", facts('9', 'b', "other", ""), Some(ListDigest)),
        ("same image in another list", facts('a', '9', "other", ""), Some(Digest)),
        ("same image in no list", facts('a', '-', "", ""), Some(Digest)),
        ("same commit and name", facts('9', '8', "openshift/cli", "c0ffee"), Some(VcsRef)),
        ("same commit, another name", facts('9', '8', "openshift/tests", "c0ffee"), None),
        ("same name, another commit", facts('9', '8', "openshift/cli", "decade"), None),
        ("nothing in common", facts('9', '8', "", ""), None),
    ];
    for (case, component, wanted) in table {
        let found = matches(&image, [(&named("component"), &component)]);
        assert_eq!(found.first().map(|found| found.key), wanted, "{case}");
    }
}

#[test]
fn absent_facts_are_not_equal_facts() {
    let bare = facts('a', '-', "", "");
    assert!(matches(&bare, [(&named("c"), &facts('9', '-', "", ""))]).is_empty());
    let blank = |own| ImageFacts { name: Some(String::new()), vcs_ref: Some(String::new()), ..facts(own, '-', "", "") };
    assert!(matches(&blank('a'), [(&named("c"), &blank('9'))]).is_empty());
    let commit_only = |own| facts(own, '-', "", "c0ffee");
    assert!(matches(&commit_only('a'), [(&named("c"), &commit_only('9'))]).is_empty());
}

#[test]
fn a_weak_match_counts_only_where_there_is_no_strong_one() {
    let image = facts('a', 'b', "openshift/cli", "c0ffee");
    let (weak, strong) = (facts('9', '8', "openshift/cli", "c0ffee"), facts('a', '-', "", ""));
    let (old, new) = (named("old"), named("new"));
    let found = matches(&image, [(&old, &weak), (&new, &strong)]);
    assert_eq!(found, [Match { component: "new".to_owned(), key: MatchKey::Digest }]);
}

#[test]
fn base_images_are_not_compared_and_nothing_else_is_left_out() {
    for name in [
        "machine-os-content",
        "rhel-coreos",
        "rhel-coreos-9",
        "rhel-coreos-10",
        "rhel-coreos-extensions",
        "rhel-coreos-10-extensions",
    ] {
        assert!(is_skipped(name), "{name}");
    }
    for name in [
        "machine-os-content-extensions",
        "machine-os-images",
        "rhel-coreos-x",
        "rhel-coreos-",
        "rhel-coreos-9-10",
        "xrhel-coreos",
        "rhel-coreos-9-extensions-2",
        "cli",
        "",
    ] {
        assert!(!is_skipped(name), "{name}");
    }
}

#[test]
fn the_title_of_a_shipment_names_its_release() {
    let release = |title: &str| release_of_title(title).map(|release| release.to_string());
    assert_eq!(release("Shipment for 4.20.17").as_deref(), Some("4.20.17"));
    assert_eq!(release("Draft: SHIPMENT FOR 4.21.0-rc.1, image").as_deref(), Some("4.21.0-rc.1"));
    for title in ["", "Shipment for", "Shipment of 4.20.17", "Shipment for 4.20", "Shipment für 4.20.17"] {
        assert_eq!(release(title), None, "{title}");
    }
}

fn report(verdicts: Vec<ImageVerdict>) -> ConsistencyReport {
    let images = verdicts.into_iter().enumerate().map(|(place, verdict)| CheckedImage {
        image: named(&format!("image-{place}")),
        tag: None,
        verdict,
    });
    ConsistencyReport {
        payload: "quay.example.com/ocp/release:4.20.17-x86_64".to_owned(),
        shipment: "https://gitlab.example.com/g/p/-/merge_requests/1".to_owned(),
        release: "4.20.17".parse().unwrap(),
        images: images.collect(),
        skipped: Vec::new(),
        components: 1,
        warnings: Vec::new(),
    }
}

#[test]
fn what_is_unknown_never_passes_and_what_is_missing_decides() {
    let shipped = || ImageVerdict::Shipment(vec![Match { component: "c".to_owned(), key: MatchKey::Digest }]);
    let released = || ImageVerdict::Released(BTreeSet::new());
    let unknown = || ImageVerdict::Unknown("HTTP 504".to_owned());
    let missing = || ImageVerdict::Missing(Vec::new());
    let table = [
        (vec![shipped(), released()], Consistency::Consistent),
        (vec![shipped(), unknown()], Consistency::Unknown),
        (vec![shipped(), missing()], Consistency::Inconsistent),
        (vec![unknown(), missing()], Consistency::Inconsistent),
        (vec![], Consistency::Unknown),
    ];
    for (verdicts, wanted) in table {
        let report = report(verdicts);
        assert_eq!(report.verdict(), wanted, "{}", report.summary());
    }
}

#[test]
fn the_report_names_missing_unknown_and_weakly_recognised_images() {
    let weak = ImageVerdict::Shipment(vec![Match { component: "c".to_owned(), key: MatchKey::VcsRef }]);
    let report = report(vec![
        ImageVerdict::Released(BTreeSet::from(["registry.example.com/ocp/cli".to_owned()])),
        weak,
        ImageVerdict::Missing(vec![named("other")]),
        ImageVerdict::Unknown("HTTP 504".to_owned()),
    ]);
    let names: Vec<_> = report
        .findings()
        .iter()
        .filter_map(|line| line.split(' ').find(|w| w.starts_with("image-")))
        .map(|w| w.trim_end_matches(':').to_owned())
        .collect();
    assert_eq!(names, ["image-1", "image-2", "image-3"]);
    assert_eq!(report.summary(), "4 images checked: 1 in the shipment, 1 released earlier, 1 missing, 1 unknown");
}
