use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn period(grade: &str, start: &str, end: Option<&str>) -> GradePeriod {
    GradePeriod { grade: Grade::from_wire(grade), start: Some(at(start)), end: end.map(at) }
}

#[test]
fn the_grade_is_the_worst_of_those_that_hold_now() {
    let (past, before, after) = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00+00:00", "2025-12-24T00:00:00Z");
    let now = at("2025-12-01T00:00:00Z");
    for (periods, wanted) in [
        (vec![], Grade::Unknown),
        (vec![period("A", before, None)], Grade::A),
        (vec![period("A", past, Some(before)), period("B", before, Some(after))], Grade::B),
        (vec![period("F", past, Some(before)), period("A", before, None)], Grade::A),
        (vec![period("A", before, None), period("F", after, None)], Grade::A),
        (vec![period("D", past, None), period("B", before, None)], Grade::D),
        (vec![period("B", after, None)], Grade::Unknown),
        (vec![period("A", past, Some(before))], Grade::Unknown),
        (vec![period("", before, None)], Grade::Unknown),
        (vec![period("A", before, None), period("G", before, None)], Grade::Unknown),
        (vec![period("A", before, Some("2025-12-01T00:00:00Z"))], Grade::A),
        (vec![GradePeriod { grade: Grade::A, start: None, end: None }], Grade::Unknown),
    ] {
        assert_eq!(effective(&periods, now), wanted, "{periods:?}");
    }
}

#[test]
fn a_healthy_image_stays_so_until_the_first_grade_of_its_plan_that_is_bad() {
    let (before, soon, later) = ("2025-11-01T00:00:00Z", "2025-12-10T00:00:00Z", "2025-12-24T00:00:00Z");
    let now = at("2025-12-01T00:00:00Z");
    let after = |text| at(text) + SignedDuration::from_secs(1);
    for (periods, wanted) in [
        (vec![period("A", before, None)], Some(Timestamp::MAX)),
        (vec![period("A", before, Some(soon)), period("B", soon, Some(later))], Some(after(later))),
        (vec![period("A", before, Some(later)), period("C", soon, None)], Some(at(soon))),
        (vec![period("A", before, Some(soon)), period("B", later, None)], Some(after(soon))),
        (vec![period("C", before, Some(soon)), period("A", soon, None)], None),
        (vec![period("A", soon, None)], None),
        (vec![], None),
    ] {
        assert_eq!(healthy_until(&periods, now), wanted, "{periods:?}");
    }
}

#[test]
fn only_a_and_b_are_healthy() {
    let healthy: Vec<_> = ["A", "B", "C", "D", "E", "F", "Unknown", "a", ""]
        .into_iter()
        .filter(|g| Grade::from_wire(g).is_healthy())
        .collect();
    assert_eq!(healthy, ["A", "B"]);
}

fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

#[test]
fn an_image_that_is_listed_twice_is_looked_at_once() {
    let text = format!(
        "spec: {{content: {{images: [
          {{containerImage: 'registry.example.com/a@{0}', component: a, architecture: amd64}},
          {{containerImage: 'registry.example.com/a-alias@{0}', component: a2}},
          {{containerImage: 'registry.example.com/b@{1}'}}]}}}}",
        digest('a'),
        digest('b')
    );
    let images = listed_images(&text).unwrap();
    assert_eq!(images.len(), 2);
    assert_eq!((images[0].component.as_str(), images[0].arch.as_str()), ("a", "amd64"));
    assert_eq!(images[1].component, "unknown");
}

#[test]
fn an_advisory_without_images_is_an_error_and_never_healthy() {
    for text in [
        "",
        "<!DOCTYPE html><html>Sign in</html>",
        "spec: {}",
        "spec: {content: {images: []}}",
        "spec: {content: {images: [{component: a, containerImage: 'registry.example.com/a:tag'}]}}",
    ] {
        assert!(listed_images(text).is_err(), "{text:?}");
    }
}

fn unhealthy(name: &str, grade: Grade, vulnerabilities: Vec<Vulnerability>) -> UnhealthyImage {
    let image = ListedImage {
        component: name.to_owned(),
        arch: "amd64".to_owned(),
        pull_spec: format!("registry.example.com/{name}@{}", digest('c')),
        digest: digest('c').parse().unwrap(),
    };
    UnhealthyImage { image, grade, vulnerabilities }
}

#[test]
fn one_bad_image_makes_the_release_unhealthy() {
    assert_eq!(HealthReport { scanned: 3, unhealthy: vec![] }.verdict(), HealthVerdict::Healthy { scanned: 3 });
    let images = vec![unhealthy("a", Grade::C, vec![]), unhealthy("b", Grade::Unknown, vec![])];
    let report = HealthReport { scanned: 3, unhealthy: images };
    assert_eq!(report.verdict(), HealthVerdict::Unhealthy { unhealthy: 2, unknown: 1, scanned: 3 });
}

#[test]
fn the_report_groups_by_package_with_the_worst_severity_first() {
    let found = |cve: &str, severity: &str, package: &str| Vulnerability {
        cve: cve.to_owned(),
        severity: VulnerabilitySeverity::from_wire(severity),
        affected: vec![(package.to_owned(), "1.0".to_owned())],
        sources: vec![format!("{package}-1.0.src")],
    };
    let all = vec![
        found("CVE-2025-3", "Low", "zlib"),
        found("CVE-2025-2", "Critical", "zlib"),
        found("CVE-2025-1", "Important", "bash"),
    ];
    let report = HealthReport { scanned: 2, unhealthy: vec![unhealthy("pipe|name", Grade::D, all)] };
    let text = report.to_markdown("<!-- marker -->");
    insta::assert_snapshot!(text.replace(&digest('c'), "sha256:c"), @r"
    <!-- marker -->
    ### Image health

    Images scanned: 2
    Unhealthy images: 1
    Unknown grade: 0

    | Component | Grade | Architecture | Pull spec |
    |---|---|---|---|
    | pipe\|name | D | amd64 | `registry.example.com/pipe\|name@sha256:c` |

    | Package | Severity | CVEs | Source packages |
    |---|---|---|---|
    | zlib-1.0 | Critical | CVE-2025-2, CVE-2025-3 | zlib-1.0.src |
    | bash-1.0 | Important | CVE-2025-1 | bash-1.0.src |
    ");
}
