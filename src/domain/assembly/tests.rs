use super::*;

fn data(text: &str) -> BuildData {
    BuildData::parse(text).unwrap()
}

/// `parent` and `child` are the YAML (flow style) of two assemblies; returns the child resolved.
fn child_of(parent: &str, child: &str) -> Assembly {
    let child = child.replacen("basis: {", "basis: {assembly: parent, ", 1);
    data(&format!("releases:\n  child:\n    assembly: {child}\n  parent:\n    assembly: {parent}\n"))
        .resolve_key("child")
        .unwrap()
}

fn advisories(assembly: &Assembly) -> Vec<String> {
    assembly.advisories.iter().map(|(impetus, id)| format!("{impetus} {id}")).collect()
}

#[test]
fn plain_maps_merge_key_by_key_and_the_child_wins() {
    let found = child_of(
        "{group: {advisories: {rpm: 1, rhcos: 2}, release_jira: ART-1}}",
        "{basis: {}, group: {advisories: {rpm: 3, microshift: 4}}}",
    );
    assert_eq!(advisories(&found), ["rpm 3", "rhcos 2", "microshift 4"]);
    assert_eq!(found.jira_ticket.as_deref(), Some("ART-1"));
    assert_eq!(found.origins["group.advisories.rhcos"], "parent");
    assert_eq!(found.origins["group.advisories.rpm"], "child");
}

#[test]
fn suffixes_work_at_every_level_below_the_top() {
    let parent = "{group: {advisories: {rpm: 1, rhcos: 2}, release_jira: ART-1, release_date: 2026-Jan-1}}";
    let inner =
        child_of(parent, "{basis: {}, group: {advisories!: {rpm: 9}, release_date-: '', release_jira?: ART-9}}");
    assert_eq!(advisories(&inner), ["rpm 9"]);
    assert_eq!((inner.release_date, inner.jira_ticket.as_deref()), (None, Some("ART-1")));
    let removed = child_of(parent, "{basis: {}, group: {advisories: {rpm-: '', image?: 7}}}");
    assert_eq!(advisories(&removed), ["rhcos 2", "image 7"]);
    let quoted = child_of(parent, r#"{basis: {}, group: {"advisories!": {rpm: 9}}}"#);
    assert_eq!(advisories(&quoted), ["rpm 9"]);
}

#[test]
fn a_suffix_on_a_top_level_key_is_an_error_that_names_it_wherever_it_is_inherited_from() {
    for key in ["group!", "permits?", "basis-", "issues!"] {
        let text = format!(
            "releases:\n  child:\n    assembly: {{basis: {{assembly: parent}}}}\n  parent:\n    assembly: {{\"{key}\": {{}}}}\n"
        );
        for assembly in ["child", "parent"] {
            let refused = data(&text).resolve_key(assembly).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("ART's tools refuse `{key}`")) && refused.contains("parent"),
                "{refused}"
            );
        }
    }
}

#[test]
fn what_others_ship_is_a_note_and_holds_nobody_up() {
    let found = child_of("{}", "{basis: {}, group: {advisories: {rpm: 1, microshift: -1}, shipment: {url: x}}}");
    assert_eq!((advisories(&found), found.not_ready), (vec!["rpm 1".to_owned()], vec![]));
    assert!(found.warnings[0].contains("microshift: -1 is a placeholder"), "{:?}", found.warnings);
}

#[test]
fn a_release_without_anything_of_its_own_is_recognised() {
    let parent = "{group: {advisories: {rpm: 1}, release_jira: ART-1, release_date: 2026-Jan-1}}";
    assert_eq!(child_of(parent, "{basis: {}}").inherited_whole_from(), Some("parent"));
    assert_eq!(child_of(parent, "{basis: {}, group: {release_jira: ART-2}}").inherited_whole_from(), None);
    assert_eq!(child_of("{}", "{basis: {}}").inherited_whole_from(), None);
}

#[test]
fn a_null_of_the_child_replaces_what_it_would_inherit() {
    let found = child_of(
        "{group: {advisories: {rpm: 1}, release_jira: ART-1}}",
        "{basis: {}, group: {advisories!: null, release_jira: ~}}",
    );
    assert!(found.advisories.is_empty() && found.jira_ticket.is_none());
}

#[test]
fn inheritance_goes_any_number_of_generations_up() {
    let mut text = "releases:\n  g0:\n    assembly: {group: {shipment!: {url: 'https://gitlab.example.com/s/-/merge_requests/1'}}}\n".to_owned();
    for generation in 1..40 {
        text += &format!("  g{generation}:\n    assembly: {{basis: {{assembly: g{}}}}}\n", generation - 1);
    }
    let found = data(&text).resolve_key("g39").unwrap();
    assert_eq!(found.flow(), Flow::Konflux);
    assert_eq!(found.origins["group.shipment.url"], "g0");
}

#[test]
fn lists_are_united_and_scalar_lists_sorted() {
    let (parent, child): (Value, Value) = (
        serde_yaml::from_str("{tags: [b, a], ids: [10, 9], maps: [{x: 1}]}").unwrap(),
        serde_yaml::from_str("{tags: [c, a], ids: [2, 10], maps: [{y: 1}, {x: 1}]}").unwrap(),
    );
    let merged = layer::layer(&child, "child", layer::layer(&parent, "parent", Layered::empty("parent")));
    let texts = |key: &str| match merged.get(key) {
        Some(Layered::List(items)) => items.iter().map(|(item, _)| item.to_json().to_string()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(texts("tags"), [r#""a""#, r#""b""#, r#""c""#]);
    assert_eq!(texts("ids"), ["2", "9", "10"]);
    assert_eq!(texts("maps"), [r#"{"x":1}"#, r#"{"y":1}"#]);
}

#[test]
fn an_assembly_that_is_its_own_ancestor_is_an_error() {
    let text = "releases:\n  a: {assembly: {basis: {assembly: b}}}\n  b: {assembly: {basis: {assembly: a}}}\n";
    let chain = ["a", "b", "a"].map(str::to_owned).to_vec();
    assert_eq!(data(text).resolve_key("a"), Err(AssemblyError::Cycle { chain }));
}

#[test]
fn a_missing_parent_is_a_warning_and_a_missing_release_is_not_listed_yet() {
    let found = data("releases:\n  a: {assembly: {basis: {assembly: gone}, group: {advisories: {image: 5}}}}")
        .resolve_key("a")
        .unwrap();
    assert!(found.warnings[0].contains("inherits from gone"), "{:?}", found.warnings);
    assert_eq!(advisories(&found), ["image 5"]);
    let missing = data("releases: {}").resolve(&"4.20.1".parse().unwrap());
    assert_eq!(missing, Err(AssemblyError::NotListed { key: "4.20.1".to_owned() }));
}

#[test]
fn placeholders_and_unfinished_shipments_are_never_the_errata_flow() {
    for (group, entry) in [
        ("{advisories: {rpm: 1, metadata: -1}}", "group.advisories.metadata"),
        ("{advisories: {image: 0}}", "group.advisories.image"),
        ("{advisories: {image: null}}", "group.advisories.image"),
        ("{advisories: {image: TBD}}", "group.advisories.image"),
        ("{advisories: {image: 7}, shipment: {env: stage}}", "group.shipment.url"),
        ("{advisories: {image: 7}, shipment: {url: ''}}", "group.shipment.url"),
        ("{advisories: {rpm: 7, rhcos: 8}}", "group.shipment"),
        ("{}", "group.shipment"),
    ] {
        let found =
            data(&format!("releases:\n  4.20.1: {{assembly: {{group: {group}}}}}")).resolve_key("4.20.1").unwrap();
        assert_eq!(found.flow(), Flow::Konflux, "{group}");
        assert_eq!(found.not_ready.iter().map(|n| n.entry.as_str()).collect::<Vec<_>>(), [entry], "{group}");
    }
}

#[test]
fn the_traps_of_yaml_1_1_do_not_bite() {
    let text = "
releases:
  4.10:
    assembly:
      group:
        release_date: 2026-02-03
        arches!: off
        advisories: {\"rpm\": \"200001\", image: 200002}
      basis:
        time: 2026-01-15T10:00:00Z
        reference_releases: {x86_64: 4.10.0-0.nightly-2026-01-14-101010}
";
    let data = data(text);
    assert_eq!(data.keys().collect::<Vec<_>>(), ["4.10"]);
    let found = data.resolve_key("4.10").unwrap();
    assert_eq!(found.release_date.as_deref(), Some("2026-02-03"));
    assert_eq!(advisories(&found), ["rpm 200001", "image 200002"]);
    assert_eq!(found.candidate_builds["x86_64"], "4.10.0-0.nightly-2026-01-14-101010");
    assert!(found.warnings.is_empty() && found.not_ready.is_empty());
}

#[test]
fn of_a_repeated_key_the_last_one_counts_and_a_warning_says_so() {
    let found = data("releases:\n  a:\n    assembly:\n      group:\n        advisories: {image: 1, image: 2}\n")
        .resolve_key("a")
        .unwrap();
    assert_eq!(advisories(&found), ["image 2"]);
    assert_eq!(found.warnings, ["a: key image is written more than once; the last one counts"]);
}

#[test]
fn a_placeholder_ticket_is_no_ticket() {
    let found = data("releases:\n  a: {assembly: {group: {advisories: {image: 1}, release_jira: ART-0}}}")
        .resolve_key("a")
        .unwrap();
    assert_eq!((found.jira_ticket.as_deref(), found.warnings.len()), (None, 1));
}

#[test]
fn text_that_is_no_build_data_is_distinguished() {
    assert!(matches!(BuildData::parse("<html>\n\t<b>not: [found"), Err(AssemblyError::NotYaml { .. })));
    for text in ["", "releases:", "releases: []", "a: 1", "[]"] {
        assert!(matches!(BuildData::parse(text), Err(AssemblyError::Shape { .. })), "{text:?}");
    }
    let broken = data("releases:\n  a: {assembly: null}\n");
    assert!(matches!(broken.resolve_key("a"), Err(AssemblyError::Shape { .. })));
}

#[test]
fn shared_yaml_nodes_are_followed() {
    let text =
        "base: &b {advisories: {image: 5}}\nreleases:\n  a: {assembly: {group: {<<: *b, release_jira: ART-1}}}\n";
    let found = data(text).resolve_key("a").unwrap();
    assert_eq!((advisories(&found), found.jira_ticket.as_deref()), (vec!["image 5".to_owned()], Some("ART-1")));
}

#[test]
fn hostile_text_ends_in_an_error() {
    let deep = format!("releases: {}", "[".repeat(100_000));
    assert!(BuildData::parse(&deep).is_err());
    let deep = format!("releases: {}1{}", "{a: ".repeat(5_000), "}".repeat(5_000));
    assert!(BuildData::parse(&deep).is_err());
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![before; 9].join(", "));
    }
    assert!(matches!(BuildData::parse(&bomb), Err(AssemblyError::NotYaml { .. })));
}
