//! What `git cat-file --batch` answers, and the trees in it.

/// One object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object<'a> {
    pub(super) id: &'a str,
    pub(super) kind: &'a str,
    pub(super) bytes: &'a [u8],
}

/// The answers in the order of the questions: `{id} {kind} {length}`, the bytes, and a line's end each, or
/// a line that ends in `missing`. Nothing when they have another form.
pub(super) fn answers(mut rest: &[u8]) -> Option<Vec<Option<Object<'_>>>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = (std::str::from_utf8(rest.get(..end)?).ok()?, rest.get(end + 1..)?);
        if head.ends_with(" missing") {
            found.push(None);
            rest = body;
            continue;
        }
        let mut tokens = head.split(' ');
        let (id, kind, length) = (tokens.next()?, tokens.next()?, tokens.next()?.parse::<usize>().ok()?);
        let bytes = body.get(..length)?;
        rest = body.get(length..)?.strip_prefix(b"\n")?;
        found.push(Some(Object { id, kind, bytes }));
    }
    Some(found)
}

/// The mode of `name` in a tree: `{mode} {name}`, a zero byte and the id of `id_bytes` bytes each.
pub(super) fn mode<'a>(mut tree: &'a [u8], name: &str, id_bytes: usize) -> Option<&'a [u8]> {
    loop {
        let end = tree.iter().position(|byte| *byte == 0)?;
        let entry = tree.get(..end)?;
        let blank = entry.iter().position(|byte| *byte == b' ')?;
        if entry.get(blank + 1..)? == name.as_bytes() {
            return entry.get(..blank);
        }
        tree = tree.get(end + 1 + id_bytes..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_gaps_come_in_the_order_of_the_questions() {
        let output = b"aa commit 3\nx\ny\nrefs/heads/b:c d missing\nbb blob 0\n\n";
        let object = |id, kind, bytes| Some(Object { id, kind, bytes });
        let wanted = vec![object("aa", "commit", b"x\ny".as_slice()), None, object("bb", "blob", b"")];
        assert_eq!(answers(output), Some(wanted));
        assert_eq!(answers(b""), Some(Vec::new()));
        for odd in ["aa commit 3\nx", "aa commit\n", "aa commit 1\nxy\n", "aa"] {
            assert_eq!(answers(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn a_mode_is_found_behind_ids_that_look_like_names() {
        let tree = b"40000 a\0\0 b\x01100644 b c\0abcd120000 d\0abcd";
        let of = |name| mode(tree, name, 4).map(|mode| std::str::from_utf8(mode).unwrap());
        assert_eq!((of("a"), of("b c"), of("d")), (Some("40000"), Some("100644"), Some("120000")));
        assert_eq!((of("b"), of("c"), of("")), (None, None, None));
    }
}
