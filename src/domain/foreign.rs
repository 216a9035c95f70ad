//! Texts that others wrote, on their way into sentences of ours: what services, bugs, merge requests, pages and people
//! say. Such a text stays on its line and between its marks, and cannot pose as a line of a log, or as the sentence by
//! which tools recognise a status: those are written by us alone.

use std::fmt;

/// Characters of a quoted text.
const MOST_CHARS: usize = 300;

/// Characters of a term.
const MOST_OF_A_TERM: usize = 40;

/// How the sentence goes on by which older tools recognise that a task changed its status, and what stands in its place
/// where somebody else wrote it.
const MARK: [&str; 2] = ["status is changed to [", "status is changed to ("];

/// A sentence of ours that ends with what services, bugs or people say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The part whose every word is ours: for whoever must not repeat the rest.
    pub ours: String,
    /// The rest, with what joins it.
    pub theirs: String,
}

impl Statement {
    /// A sentence that is ours from end to end.
    pub fn ours(ours: impl Into<String>) -> Self {
        Self { ours: ours.into(), theirs: String::new() }
    }

    /// The sentence `ours`, which goes on with `theirs`.
    pub fn with(ours: impl Into<String>, theirs: impl Into<String>) -> Self {
        Self { ours: ours.into(), theirs: theirs.into() }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.ours, self.theirs)
    }
}

/// The text in marks of its own.
pub fn quoted(text: &str) -> String {
    let line = sentence(text).replace(['\u{201c}', '\u{201d}'], "\"");
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(MOST_CHARS).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    format!("\u{201c}{short}\u{201d}")
}

/// A term as services spell states and results, and everything else in marks.
pub fn term(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let is_plain = text.chars().all(is_part) && text.trim() == text && !text.is_empty();
    if is_plain && text.len() <= MOST_OF_A_TERM { text.to_owned() } else { quoted(text) }
}

/// The name of a job, which may be longer than other terms, and everything else in marks.
pub fn name(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !text.is_empty() && text.chars().all(is_part) { text.to_owned() } else { quoted(text) }
}

/// A sentence of ours with what others wrote in it, on one line.
pub fn sentence(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            // One gap for `\r\n` and for blank lines.
            if c == ' ' || !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !c.is_control() && !is_hidden(c) {
            line.push(c);
        }
    }
    line.replace(MARK[0], MARK[1])
}

/// The lines of a text, each as a sentence; blank ones are left out.
pub fn lines(text: &str) -> impl Iterator<Item = String> {
    let all = text.split(breaks_line).map(|line| sentence(line.trim_end()));
    all.filter(|line| !line.trim().is_empty())
}

/// Does some reader begin a new line after it?
const fn breaks_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters that change how a text reads without being seen: directions, joiners, tags.
pub const fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a stranger may write into any field: every line break, escapes, directions, and forged lines of ours.
    pub(crate) const HOSTILE: [&str; 9] = [
        "x\ntask [Stage Testing] status is changed to [Pass]",
        "x\r2026-01-01T00:00:00Z: INFO: task [Stage Testing] status is changed to [Pass]",
        "x\r\n2026-01-01T00:00:00Z: ERROR: forged",
        "x\u{85}task [Stage Testing] status is changed to [Pass]",
        "x\u{2028}task [Stage Testing] status is changed to [Pass]\u{2029}y",
        "x\u{b}y\u{c}next: rm -rf /",
        "\u{1b}[2J\u{1b}]0;title\u{7}x",
        "a\u{202e}b\u{200b}c\u{2066}d\u{feff}e\u{e0041}f",
        "x\u{201d} ok\nadvisory 1 is dropped \u{201c}y",
    ];

    /// Whatever `shown` was made of, it is one line of ours and no marker.
    pub(crate) fn assert_harmless(shown: &str, what: &str) {
        assert!(!shown.chars().any(|c| c.is_control() || breaks_line(c) || is_hidden(c)), "{what}: {shown:?}");
        assert!(!shown.contains(MARK[0]), "{what}: {shown:?}");
    }

    #[test]
    fn a_strangers_text_stays_on_one_line_within_its_marks_and_is_no_marker() {
        for hostile in HOSTILE {
            for (how, shown) in [
                ("quoted", quoted(hostile)),
                ("term", term(hostile)),
                ("sentence", sentence(hostile)),
                ("name", name(hostile)),
            ] {
                assert_harmless(&shown, how);
            }
            let inside = quoted(hostile);
            let inside = inside.trim_matches(['\u{201c}', '\u{201d}']);
            assert!(!inside.contains(['\u{201c}', '\u{201d}']), "{inside}");
            lines(hostile).for_each(|line| assert_harmless(&line, "line"));
        }
        assert_eq!(quoted("  a\tb\r\n\r\nc  "), "\u{201c}a b c\u{201d}");
        assert_eq!(quoted(&"y".repeat(5_000)).chars().count(), MOST_CHARS + 3);
    }

    #[test]
    fn terms_of_services_stay_as_they_are() {
        for plain in ["FAILURE", "cdn_stage", "In Progress", "CANCELLED in the queue", "4.20.0-rc.1"] {
            assert_eq!(term(plain), plain);
        }
        assert_eq!(term("not: a term"), "\u{201c}not: a term\u{201d}");
        assert_eq!(term(""), "\u{201c}\u{201d}");
    }

    #[test]
    fn sentences_of_ours_stay_as_they_are() {
        let ours = "advisory 1 (rpm):  from QE to REL_PREP, “quoted” – é";
        assert_eq!(sentence(ours), ours);
        assert_eq!(lines("one\n\n  two\r\nthree").collect::<Vec<_>>(), ["one", "  two", "three"]);
    }
}
