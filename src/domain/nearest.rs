//! Which known name was probably meant.

/// The one of `names` that `text` comes closest to; nothing when none comes close.
pub fn nearest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = bare(text);
    let scored = names.into_iter().map(|name| {
        let known = bare(name);
        let begins = wanted.len() > 2 && (known.starts_with(&wanted) || wanted.starts_with(&known));
        (if begins { 1 } else { strsim::levenshtein(&wanted, &known) }, name)
    });
    let (distance, name) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= wanted.chars().count() / 3).then_some(name)
}

/// `, did you mean NAME?`, or nothing.
pub fn hint<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    nearest(text, names).map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

/// Letters and digits alone: `In_Progress` and `in-progress` are the same name.
fn bare(text: &str) -> String {
    // Nobody mistypes a name into a novel, and the distance takes time with the square of the length.
    text.chars().take(60).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_name_and_a_foreign_term_none() {
        let names = ["stage-testing", "image-signed-check", "In Progress", "Pass", "Fail", "smooth"];
        for (text, meant) in [
            ("stage-test", Some("stage-testing")),
            ("stage_testing", Some("stage-testing")),
            ("image-sigend-check", Some("image-signed-check")),
            ("in-progress", Some("In Progress")),
            ("fail", Some("Fail")),
            ("Passed", Some("Pass")),
            ("smoth", Some("smooth")),
            ("flood", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(nearest(text, names), meant, "{text}");
        }
    }
}
