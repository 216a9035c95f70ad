use super::*;

fn text(source: &str) -> Node {
    Node::text(source)
}

fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    Node::Map(Map::from(entries))
}

fn plain(source: &str, kind: ScalarKind) -> Node {
    Node::Scalar(Scalar { source: source.to_owned(), kind, line: 0 })
}

#[test]
fn every_style_of_text_is_read() {
    let source = "a: plain words\n  over two lines\nb: 'it''s\n\n  quoted'\nc: \"tab\\there \\\n   joined\"\nd: |-\n  one\n\n    two\ne: >\n  folded\n  line\n\n  next\nf: |2+\n   lead\n\n";
    assert_eq!(
        read(source),
        Ok(map([
            ("a", text("plain words over two lines")),
            ("b", text("it's\nquoted")),
            ("c", text("tab\there joined")),
            ("d", text("one\n\n  two")),
            ("e", text("folded line\nnext\n")),
            ("f", text(" lead\n\n")),
        ]))
    );
}

#[test]
fn plain_scalars_keep_their_source_and_their_type() {
    let source = "a: 4.20\nb: '4.20'\nc: 0x1F\nd: 2026-01-02T03:04:05Z\ne: ~\nf:\ng: yes\nh: 12:30\n4.10: k\n";
    let Ok(Node::Map(found)) = read(source) else { panic!("not read") };
    let values: Vec<_> = found.entries.iter().map(|(_, value)| value.clone()).collect();
    assert_eq!(
        values,
        [
            plain("4.20", ScalarKind::Float),
            text("4.20"),
            plain("0x1F", ScalarKind::Int),
            plain("2026-01-02T03:04:05Z", ScalarKind::Time),
            plain("~", ScalarKind::Null),
            plain("", ScalarKind::Null),
            plain("yes", ScalarKind::Bool),
            plain("12:30", ScalarKind::Int),
            text("k"),
        ]
    );
    assert_eq!(found.entries[8].0, Scalar { source: "4.10".to_owned(), kind: ScalarKind::Float, line: 9 });
    assert_eq!(found.entries[8].0.line, 9);
}

#[test]
fn collections_are_read_in_every_layout() {
    let wanted = map([
        ("l", Node::List(vec![text("a"), map([("k", text("v")), ("m", Node::List(vec![text("x")]))])])),
        ("e", Node::List(Vec::new())),
        ("o", Node::Map(Map::default())),
    ]);
    for source in [
        "l:\n- a\n- k: v\n  m:\n  - x\ne: []\no: {}\n",
        "# first\n---\nl:\n  - a   # why\n  -\n    k: v\n    m:\n      - x\n\ne: [\n]\no: { }\n...\n",
        "%YAML 1.1\n---\n{l: [a, {k: v, \"m\": [x,],}], e: [], o: {}}",
        "l: [a, {k: v,\n  m: [x]}]\r\ne: []\r\no: {}\r\n",
    ] {
        assert_eq!(read(source), Ok(wanted.clone()), "{source}");
    }
}

#[test]
fn anchors_merge_keys_and_core_tags_are_carried_out() {
    let source = "base: &b {x: a, y: b}\nagain: *b\nmerged:\n  <<: *b\n  y: c\nt: !!str 4.20\n";
    let base = map([("x", text("a")), ("y", text("b"))]);
    let merged = map([("x", text("a")), ("y", text("c"))]);
    assert_eq!(
        read(source),
        Ok(map([("base", base.clone()), ("again", base), ("merged", merged), ("t", text("4.20"))]))
    );
}

#[test]
fn what_is_no_document_is_refused_with_its_line() {
    for (source, line) in [
        ("a: 1\na: 2\n", 2),
        ("a:\n\tb: 1\n", 2),
        ("a: b: c\n", 1),
        ("a: - b\n", 1),
        ("a: 'open\nb: 1\n", 1),
        ("a: [1, 2\n", 2),
        ("a: 1\n  b: 2\n", 2),
        ("a: *unknown\n", 1),
        ("a: !!python/object:os.system x\n", 1),
        ("a: \"\\q\"\n", 1),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: 1\nb\n", 2),
        ("a: \u{7}\n", 1),
        ("? a\n: b\n", 1),
    ] {
        let found = match read(source) {
            Err(StateError::Syntax { line, .. } | StateError::Tab { line } | StateError::DuplicateKey { line, .. }) => {
                line
            }
            other => panic!("{source:?}: {other:?}"),
        };
        assert_eq!(found, line, "{source:?}");
    }
}

#[test]
fn growth_without_end_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    assert!(matches!(read(&bomb), Err(StateError::TooMuch { what: "repetition", .. })));
    let long = format!("a: &a {}\nb: *a\n", "x".repeat(MAX_REPEATED));
    assert!(matches!(read(&long), Err(StateError::TooMuch { what: "repetition", .. })));
    let merged = format!("a: &a {{k: {}}}\n{}", "x".repeat(30_000), "b: {<<: *a}\n".repeat(3));
    assert!(matches!(read(&merged), Err(StateError::TooMuch { what: "repetition", .. })));
    assert!(matches!(read(&"[".repeat(10_000)), Err(StateError::TooMuch { what: "nesting", .. })));
    assert!(matches!(read(&"- ".repeat(10_000)), Err(StateError::TooMuch { what: "nesting", .. })));
}

#[test]
fn a_bomb_is_refused_before_it_costs_anything() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    let mut reader = Reader { cursor: Cursor::new(&bomb).unwrap(), anchors: HashMap::new(), repeated: 0, depth: 0 };
    assert!(reader.document().is_err());
    // What it kept is all that it made: nodes of a few dozen bytes each.
    let kept: usize = reader.anchors.values().map(|(_, size)| size).sum();
    assert!(kept <= MAX_REPEATED, "{kept}");
    assert!(reader.cursor.line() <= 5, "it was read on to line {}", reader.cursor.line());
}

#[test]
fn a_file_of_megabytes_without_repetition_is_read() {
    let line = "x".repeat(100);
    let text = format!("tasks:\n- name: a\n  result: |\n{}", format!("    {line}\n").repeat(30_000));
    assert!(text.len() > 3_000_000 && read(&text).is_ok());
}
