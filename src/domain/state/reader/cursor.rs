//! Characters with line and column, and what separates tokens.

use crate::domain::state::error::StateError;

/// Stands for the end of the text; a real one is refused as unprintable.
pub(super) const END: char = '\0';

/// A place in the text.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    at: usize,
    line: usize,
    line_start: usize,
}

/// Walks over the characters of a document.
pub(super) struct Cursor {
    chars: Vec<char>,
    place: Mark,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Result<Self, StateError> {
        let chars: Vec<char> = text.strip_prefix('\u{FEFF}').unwrap_or(text).chars().collect();
        if let Some(at) = chars.iter().position(|c| !is_printable(*c)) {
            let line = 1 + chars[..at].iter().filter(|c| **c == '\n').count();
            let why = format!("the unprintable character U+{:04X}", u32::from(chars[at]));
            return Err(StateError::Syntax { line, why });
        }
        Ok(Self { chars, place: Mark { at: 0, line: 1, line_start: 0 } })
    }

    pub(super) fn peek(&self) -> char {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> char {
        self.chars.get(self.place.at + ahead).copied().unwrap_or(END)
    }

    pub(super) fn at_end(&self) -> bool {
        self.place.at >= self.chars.len()
    }

    pub(super) const fn line(&self) -> usize {
        self.place.line
    }

    #[expect(clippy::cast_possible_wrap, reason = "columns are bounded by the size limit of a file")]
    pub(super) const fn column(&self) -> isize {
        (self.place.at - self.place.line_start) as isize
    }

    pub(super) const fn mark(&self) -> Mark {
        self.place
    }

    pub(super) const fn reset(&mut self, mark: Mark) {
        self.place = mark;
    }

    /// Goes over `count` characters of one line.
    pub(super) fn advance(&mut self, count: usize) {
        self.place.at = (self.place.at + count).min(self.chars.len());
    }

    /// The next character, gone over.
    pub(super) fn take(&mut self) -> char {
        let c = self.peek();
        self.advance(1);
        c
    }

    /// Goes over one line break and tells what it counts as.
    pub(super) fn take_break(&mut self) -> Option<char> {
        let c = self.peek();
        if !is_break(c) {
            return None;
        }
        self.advance(if c == '\r' && self.peek_at(1) == '\n' { 2 } else { 1 });
        self.place.line += 1;
        self.place.line_start = self.place.at;
        Some(if matches!(c, '\u{2028}' | '\u{2029}') { c } else { '\n' })
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.peek() == ' ' {
            self.advance(1);
        }
    }

    pub(super) fn skip_line(&mut self) {
        while !self.at_end() && !is_break(self.peek()) {
            self.advance(1);
        }
    }

    /// Goes over spaces, comments and line breaks; a tab may not stand there.
    pub(super) fn skip_to_token(&mut self) -> Result<(), StateError> {
        loop {
            self.skip_spaces();
            match self.peek() {
                '#' if self.place.at == 0 || is_blank(self.chars[self.place.at - 1]) => self.skip_line(),
                '\t' => return Err(StateError::Tab { line: self.line() }),
                _ if self.take_break().is_some() => {}
                _ => return Ok(()),
            }
        }
    }

    /// `---` or `...` alone at the start of a line.
    pub(super) fn at_marker(&self, marker: &str) -> bool {
        self.column() == 0
            && marker.chars().enumerate().all(|(index, c)| self.peek_at(index) == c)
            && is_blank(self.peek_at(3))
    }

    pub(super) fn at_document_edge(&self) -> bool {
        self.at_marker("---") || self.at_marker("...")
    }

    /// Name of an anchor, alias or tag: everything up to a blank or flow indicator.
    pub(super) fn name(&mut self) -> String {
        let mut name = String::new();
        while !is_blank(self.peek()) && !matches!(self.peek(), ',' | '[' | ']' | '{' | '}') {
            name.push(self.take());
        }
        name
    }

    pub(super) fn unexpected(&self, wanted: &str) -> StateError {
        let found = match self.peek() {
            '\t' => return StateError::Tab { line: self.line() },
            _ if self.at_end() => "the end of the text".to_owned(),
            c if is_break(c) => "the end of the line".to_owned(),
            c => format!("{c:?}"),
        };
        StateError::Syntax {
            line: self.line(),
            why: format!("expected {wanted}, found {found} in column {}", self.column() + 1),
        }
    }
}

pub(super) const fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Space, tab, line break or the end.
pub(super) const fn is_blank(c: char) -> bool {
    matches!(c, END | ' ' | '\t') || is_break(c)
}

const fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}
