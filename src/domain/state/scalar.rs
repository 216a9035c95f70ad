//! What YAML 1.1 makes of a plain scalar.
//!
//! A text that another kind would claim has to be quoted when it is written, and a plain one that is
//! claimed is no text when it is read: `4.20` is a number, `4.20.1` is text, `12:30` is 750.

use std::sync::LazyLock;

use regex::Regex;

use super::document::ScalarKind;

/// The kind of a plain scalar with this source.
pub fn kind_of(source: &str) -> ScalarKind {
    match source {
        "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
        "=" | "<<" => ScalarKind::Reserved,
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "on"
        | "On" | "ON" | "off" | "Off" | "OFF" => ScalarKind::Bool,
        _ if !source.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => ScalarKind::Text,
        _ if FLOAT.is_match(source) => ScalarKind::Float,
        _ if INT.is_match(source) => ScalarKind::Int,
        _ if TIME.is_match(source) => ScalarKind::Time,
        _ => ScalarKind::Text,
    }
}

static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    )
});

static INT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$",
    )
});

static TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$",
    )
});

#[expect(clippy::expect_used, reason = "a constant that the tests of this file compile")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_two_numbers_are_no_text_and_with_three_are() {
        assert_eq!(kind_of("4.20"), ScalarKind::Float);
        assert_eq!(kind_of("4.20.1"), ScalarKind::Text);
        assert_eq!(kind_of("4.20.0-rc.1"), ScalarKind::Text);
        assert_eq!(kind_of("2026-Mar-25"), ScalarKind::Text);
    }

    #[test]
    fn the_odd_corners_of_yaml_1_1_are_known() {
        for (source, kind) in [
            ("12:30", ScalarKind::Int),
            ("12:30.5", ScalarKind::Float),
            ("089", ScalarKind::Text),
            ("017", ScalarKind::Int),
            ("0o17", ScalarKind::Text),
            ("1e3", ScalarKind::Text),
            ("1.5e+3", ScalarKind::Float),
            ("1_000", ScalarKind::Int),
            ("-.INF", ScalarKind::Float),
            ("2026-3-5", ScalarKind::Text),
            ("2026-03-05", ScalarKind::Time),
            ("2026-3-5 1:02:03 +1", ScalarKind::Time),
            ("y", ScalarKind::Text),
            ("On", ScalarKind::Bool),
            ("nULL", ScalarKind::Text),
            ("<<", ScalarKind::Reserved),
        ] {
            assert_eq!(kind_of(source), kind, "{source}");
        }
    }
}
