//! Text for people, in parts that say what they are. What a part looks like is decided where it is shown.

use std::fmt;
use std::ops::Add;

use crate::domain::state::overall::Overall;
use crate::domain::task::TaskStatus;
use crate::render::text::{clean, harmless};

/// What a part of a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be, or ready to be done.
    Good,
    /// Went wrong.
    Bad,
    /// Somebody should look at it.
    Warning,
    /// Under way, or what comes next.
    Pending,
    /// An address that can be opened.
    Link,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    text: String,
    tone: Option<Tone>,
}

impl Part {
    /// The text, cleaned.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it stands for, unless it is just text.
    pub const fn tone(&self) -> Option<Tone> {
        self.tone
    }
}

/// Text for people. Every part was cleaned as it entered: no text of others steers a terminal or says what it stands
/// for. Prints as plain text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Styled(Vec<Part>);

impl Styled {
    /// A word of ours and what it stands for.
    pub fn toned(tone: impl Into<Option<Tone>>, text: impl AsRef<str>) -> Self {
        Self(vec![Part { text: clean(text.as_ref()), tone: tone.into() }])
    }

    /// Text that is not masked: the caller's own settings, whose names and addresses they want to see.
    pub fn unmasked(text: &str) -> Self {
        Self(with_links(&harmless(text)))
    }

    /// Adds a line.
    pub fn line(&mut self, line: impl Into<Self>) {
        if !self.0.is_empty() {
            self.0.push(Part { text: "\n".to_owned(), tone: None });
        }
        self.0.extend(line.into().0);
    }

    /// Adds lines.
    pub fn lines(&mut self, lines: impl IntoIterator<Item = impl Into<Self>>) {
        lines.into_iter().for_each(|line| self.line(line));
    }

    /// Its parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }
}

impl fmt::Display for Styled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| f.write_str(&part.text))
    }
}

impl From<&str> for Styled {
    fn from(text: &str) -> Self {
        Self(with_links(&clean(text)))
    }
}

impl From<String> for Styled {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<TaskStatus> for Styled {
    fn from(status: TaskStatus) -> Self {
        Self::toned(tone(status), status.as_str())
    }
}

impl From<Overall> for Styled {
    fn from(overall: Overall) -> Self {
        let tone = match overall {
            Overall::Green => Tone::Good,
            Overall::Red => Tone::Bad,
        };
        Self::toned(tone, overall.as_str())
    }
}

impl<T: Into<Self>> Add<T> for Styled {
    type Output = Self;

    fn add(mut self, more: T) -> Self {
        self.0.extend(more.into().0);
        self
    }
}

/// What a status says of its task.
pub const fn tone(status: TaskStatus) -> Option<Tone> {
    match status {
        TaskStatus::NotStarted => None,
        TaskStatus::InProgress => Some(Tone::Pending),
        TaskStatus::Pass => Some(Tone::Good),
        TaskStatus::Fail => Some(Tone::Bad),
    }
}

/// `text` in parts: sentences of all layers hold addresses of pages, and each of them can be opened.
fn with_links(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, address, after)) = first_address(rest) {
        parts.push(Part { text: before.to_owned(), tone: None });
        parts.push(Part { text: address.to_owned(), tone: Some(Tone::Link) });
        rest = after;
    }
    parts.push(Part { text: rest.to_owned(), tone: None });
    parts
}

/// The first address in `text`, with what stands before and after it.
fn first_address(text: &str) -> Option<(&str, &str, &str)> {
    let at = [text.find("https://"), text.find("http://")].into_iter().flatten().min()?;
    let (before, from) = text.split_at(at);
    let inside = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '(' | ')' | '\\');
    let end = from.find(|c: char| !inside(c)).unwrap_or(from.len());
    let address = from.get(..end)?.trim_end_matches(['.', ',', ';', ':']);
    let after = from.get(address.len()..)?;
    Some((before, address, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &Styled) -> Vec<(&str, Option<Tone>)> {
        text.parts().iter().map(|part| (part.text(), part.tone())).filter(|(text, _)| !text.is_empty()).collect()
    }

    #[test]
    fn a_text_prints_without_its_tones_and_only_what_says_so_has_one() {
        let mut text = Styled::from("task Pass: ") + TaskStatus::Pass + ", " + Overall::Red;
        text.line(Styled::toned(Tone::Pending, "  next: ") + "error: no label");
        assert_eq!(text.to_string(), "task Pass: Pass, Red\n  next: error: no label");
        assert_eq!(
            parts(&text),
            [
                ("task Pass: ", None),
                ("Pass", Some(Tone::Good)),
                (", ", None),
                ("Red", Some(Tone::Bad)),
                ("\n", None),
                ("  next: ", Some(Tone::Pending)),
                ("error: no label", None),
            ]
        );
    }

    #[test]
    fn a_strangers_text_is_cleaned_as_it_enters() {
        let hostile = "\u{1b}[31mred\u{1b}]8;;https://evil.example.com\u{7}x \u{202e}lead@example.com";
        let seen = "\u{fffd}[31mred\u{fffd}]8;;https://evil.example.com\u{fffd}x ";
        for text in [Styled::from(hostile), Styled::toned(None, hostile)] {
            assert_eq!(text.to_string(), format!("{seen}[EMAIL_REDACTED]"));
        }
        assert_eq!(Styled::unmasked(hostile).to_string(), format!("{seen}lead@example.com"));
    }

    #[test]
    fn an_address_in_a_sentence_is_a_part_of_its_own() {
        let text = Styled::from("job: prow 1 (https://ci.example.com/Pass/1), later.");
        assert_eq!(
            parts(&text),
            [("job: prow 1 (", None), ("https://ci.example.com/Pass/1", Some(Tone::Link)), ("), later.", None)]
        );
        assert_eq!(parts(&Styled::from("http://")), [("http://", Some(Tone::Link))]);
    }
}
