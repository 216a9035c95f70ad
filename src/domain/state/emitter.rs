//! Writes a tree byte for byte as the original's YAML writer does.
//!
//! The original uses PyYAML's safe dumper: block style, keys in order, unicode as it is, width 80,
//! text with a line feed as literal block. Its choices of quotes and its line breaks are reproduced
//! rule by rule, oddities included: a diff in the public repository must show only what changed.

use super::document::{Map, Node, Scalar, ScalarKind};
use super::scalar::kind_of;

/// Lines may grow beyond this; a break needs a space behind it.
const WIDTH: usize = 80;

/// The document as text, with a final line feed.
pub fn emit(node: &Node) -> String {
    let mut emitter = Emitter::default();
    match node {
        Node::Map(map) if !map.entries.is_empty() => emitter.map(map, 0, false),
        Node::List(items) if !items.is_empty() => emitter.list(items, 0, false),
        Node::Map(_) | Node::List(_) | Node::Scalar(_) => emitter.flat(node, 0),
    }
    emitter.end()
}

#[derive(Default)]
struct Emitter {
    out: String,
    /// Characters since the last line break.
    column: usize,
    /// The last scalar keeps its trailing breaks, so the document needs an end mark.
    open_ended: bool,
}

impl Emitter {
    fn end(mut self) -> String {
        if self.column > 0 {
            self.line_break('\n');
        }
        if self.open_ended {
            self.out.push_str("...\n");
        }
        self.out
    }

    /// Entries at column `indent`; the first one goes on the current line when `inline`.
    fn map(&mut self, map: &Map, indent: usize, inline: bool) {
        for (index, (key, value)) in map.entries.iter().enumerate() {
            if index > 0 || !inline {
                self.new_line(indent);
            }
            self.scalar(key, indent, Place::Key);
            self.mark(":");
            match value {
                Node::Map(inner) if !inner.entries.is_empty() => self.map(inner, indent + 2, false),
                // Dashes stand in the same column as the key.
                Node::List(items) if !items.is_empty() => self.list(items, indent, false),
                Node::Map(_) | Node::List(_) | Node::Scalar(_) => {
                    self.write(" ");
                    self.flat(value, indent + 2);
                }
            }
        }
    }

    fn list(&mut self, items: &[Node], indent: usize, inline: bool) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 || !inline {
                self.new_line(indent);
            }
            self.mark("- ");
            match item {
                Node::Map(inner) if !inner.entries.is_empty() => self.map(inner, indent + 2, true),
                Node::List(inner) if !inner.is_empty() => self.list(inner, indent + 2, true),
                Node::Map(_) | Node::List(_) | Node::Scalar(_) => self.flat(item, indent + 2),
            }
        }
    }

    /// What fits behind a key or dash; `indent` is where further lines of a scalar begin.
    fn flat(&mut self, node: &Node, indent: usize) {
        match node {
            Node::Scalar(scalar) => self.scalar(scalar, indent, Place::Value),
            Node::List(_) => self.mark("[]"),
            Node::Map(_) => self.mark("{}"),
        }
    }

    fn scalar(&mut self, scalar: &Scalar, indent: usize, place: Place) {
        if scalar.kind != ScalarKind::Text {
            // Nothing at all is a null that another value on the line below could swallow.
            self.write(if scalar.source.is_empty() { "null" } else { &scalar.source });
            return;
        }
        let text: Vec<char> = scalar.source.chars().collect();
        match style(&scalar.source, &text, place) {
            ScalarStyle::Plain => self.folded(&text, indent, place, Quotes::None),
            ScalarStyle::Single => {
                self.mark("'");
                self.folded(&text, indent, place, Quotes::Single);
                self.mark("'");
            }
            ScalarStyle::Double => {
                self.mark("\"");
                self.double(&text, indent, place);
                self.mark("\"");
            }
            ScalarStyle::Literal => self.literal(&text, indent),
        }
    }

    fn literal(&mut self, text: &[char], indent: usize) {
        self.mark("|");
        if text.first().is_some_and(|c| *c == ' ' || is_break(*c)) {
            self.write("2");
        }
        match text {
            [.., last] if !is_break(*last) => self.write("-"),
            [_] => self.open_end(),
            [.., before, _] if is_break(*before) => self.open_end(),
            [] | [.., _] => {}
        }
        self.line_break('\n');
        let mut fresh = true;
        for c in text {
            if is_break(*c) {
                self.line_break(*c);
                fresh = true;
            } else {
                if fresh {
                    self.pad(indent);
                    fresh = false;
                }
                self.push(*c);
            }
        }
        if !fresh {
            self.line_break('\n');
        }
    }

    fn open_end(&mut self) {
        self.write("+");
        self.open_ended = true;
    }

    /// Plain and single-quoted text: a single space may become a line break once the line is full.
    fn folded(&mut self, text: &[char], indent: usize, place: Place, quotes: Quotes) {
        let mut at = 0;
        while at < text.len() {
            let run = |test: fn(char) -> bool| at + text[at..].iter().take_while(|c| test(**c)).count();
            if text[at] == ' ' {
                let end = run(|c| c == ' ');
                let inside = match quotes {
                    Quotes::None => true,
                    Quotes::Single => at != 0 && end != text.len(),
                };
                if end == at + 1 && self.column > WIDTH && place == Place::Value && inside {
                    self.line_break('\n');
                    self.pad(indent);
                } else {
                    text[at..end].iter().for_each(|c| self.push(*c));
                }
                at = end;
            } else if is_break(text[at]) {
                // A single break inside quotes would be read as a space, so it is doubled.
                let end = run(is_break);
                if text[at] == '\n' {
                    self.line_break('\n');
                }
                text[at..end].iter().for_each(|c| self.line_break(*c));
                self.pad(indent);
                at = end;
            } else {
                if text[at] == '\'' && quotes == Quotes::Single {
                    self.push('\'');
                }
                self.push(text[at]);
                at += 1;
            }
        }
    }

    /// Double-quoted text; `start..end` is what was looked at but not written yet.
    fn double(&mut self, text: &[char], indent: usize, place: Place) {
        let mut start = 0;
        for (end, c) in text.iter().copied().enumerate() {
            if needs_escape(c) {
                text[start..end].iter().for_each(|c| self.push(*c));
                self.write(&escape(c));
                start = end + 1;
            }
            let last = end + 1 >= text.len();
            let pending = end.saturating_sub(start);
            // After an escape the original counts one column less, because its end is behind its start.
            let reached = if start > end { self.column - 1 } else { self.column + pending };
            if end > 0 && !last && (c == ' ' || start >= end) && reached > WIDTH && place == Place::Value {
                if start < end {
                    text[start..end].iter().for_each(|c| self.push(*c));
                    start = end;
                }
                self.push('\\');
                self.line_break('\n');
                self.pad(indent);
                if text.get(start) == Some(&' ') {
                    self.push('\\');
                }
            }
        }
        text[start.min(text.len())..].iter().for_each(|c| self.push(*c));
    }

    /// Ends the current line, unless nothing was written yet, and goes to column `indent`.
    fn new_line(&mut self, indent: usize) {
        if self.column > 0 {
            self.line_break('\n');
        }
        self.pad(indent);
    }

    fn line_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn pad(&mut self, indent: usize) {
        while self.column < indent {
            self.push(' ');
        }
    }

    /// An indicator: whatever follows closes an open end.
    fn mark(&mut self, text: &str) {
        self.open_ended = false;
        self.write(text);
    }

    fn write(&mut self, text: &str) {
        text.chars().for_each(|c| self.push(c));
    }

    fn push(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Keys are never broken over lines.
    Key,
    Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ScalarStyle {
    Plain,
    Single,
    Double,
    Literal,
}

/// How a text is written: literal for several lines, else plain, single or double quotes, whichever is first possible.
fn style(source: &str, text: &[char], place: Place) -> ScalarStyle {
    let special = text.iter().any(|c| is_special(*c));
    let pair = |first: fn(char) -> bool, second: fn(char) -> bool| text.windows(2).any(|w| first(w[0]) && second(w[1]));
    let space_before_break = pair(|c| c == ' ', is_break);
    let space_after_break = pair(is_break, |c| c == ' ');
    let lines = text.iter().any(|c| is_break(*c));
    let ends_with_space = text.last() == Some(&' ');
    if special || space_before_break {
        return ScalarStyle::Double;
    }
    if place == Place::Value && source.contains('\n') {
        return if ends_with_space { ScalarStyle::Double } else { ScalarStyle::Literal };
    }
    let outer_space = text.first() == Some(&' ') || ends_with_space;
    if !text.is_empty() && !lines && !outer_space && !has_indicator(text) && kind_of(source) == ScalarKind::Text {
        return ScalarStyle::Plain;
    }
    if space_after_break || (place == Place::Key && lines) { ScalarStyle::Double } else { ScalarStyle::Single }
}

/// Would a reader take a part of the text for structure?
fn has_indicator(text: &[char]) -> bool {
    if text.starts_with(&['-'; 3]) || text.starts_with(&['.'; 3]) {
        return true;
    }
    text.iter().copied().enumerate().any(|(index, c)| {
        let blank_behind = text.get(index + 1).is_none_or(|next| is_blank(*next));
        match c {
            '#' if index > 0 => is_blank(text[index - 1]),
            ':' => blank_behind,
            '-' | '?' => index == 0 && blank_behind,
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                index == 0
            }
            _ => false,
        }
    })
}

const fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

const fn is_blank(c: char) -> bool {
    matches!(c, '\0' | ' ' | '\t' | '\r') || is_break(c)
}

/// Characters that only double quotes can carry.
const fn is_special(c: char) -> bool {
    !matches!(c, '\n' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFE}')
}

/// Inside double quotes everything above U+FFFD is escaped too, although plain text may carry it.
const fn needs_escape(c: char) -> bool {
    matches!(c, '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}')
        || !matches!(c, ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}')
}

fn escape(c: char) -> String {
    match c {
        '\0' => "\\0".to_owned(),
        '\u{07}' => "\\a".to_owned(),
        '\u{08}' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{0B}' => "\\v".to_owned(),
        '\u{0C}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '\u{1B}' => "\\e".to_owned(),
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\u{85}' => "\\N".to_owned(),
        '\u{2028}' => "\\L".to_owned(),
        '\u{2029}' => "\\P".to_owned(),
        _ if c <= '\u{FF}' => format!("\\x{:02X}", u32::from(c)),
        _ if c <= '\u{FFFF}' => format!("\\u{:04X}", u32::from(c)),
        _ => format!("\\U{:08X}", u32::from(c)),
    }
}
