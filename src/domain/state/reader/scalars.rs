//! Plain, quoted and block scalars.

use super::cursor::{Cursor, END, is_blank, is_break};
use crate::domain::state::document::{Scalar, ScalarKind};
use crate::domain::state::error::StateError;
use crate::domain::state::scalar::kind_of;

/// Where a plain scalar stands decides what ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Surrounding {
    /// Further lines must be indented deeper than this.
    Block(isize),
    Flow,
}

/// What happens to the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

impl Cursor {
    /// A plain scalar in a block whose column is `parent`, over as many lines as it has.
    pub(super) fn plain(&mut self, parent: isize) -> Result<Scalar, StateError> {
        self.plain_in(Surrounding::Block(parent))
    }

    /// A plain scalar inside a flow collection.
    pub(super) fn flow_plain(&mut self) -> Result<Scalar, StateError> {
        self.plain_in(Surrounding::Flow)
    }

    /// Goes over the part of a plain scalar that stands on this line; false when none begins here.
    pub(super) fn skip_plain_on_line(&mut self) -> bool {
        if !self.starts_plain(Surrounding::Block(-1)) {
            return false;
        }
        loop {
            self.plain_run(Surrounding::Block(-1));
            let mark = self.mark();
            self.skip_spaces();
            if is_blank(self.peek()) || matches!(self.peek(), ':' | '#') && !self.continues_plain() {
                self.reset(mark);
                return true;
            }
        }
    }

    /// A colon glued to what follows goes on with the scalar; a `#` behind a space never does.
    fn continues_plain(&self) -> bool {
        self.peek() == ':' && !is_blank(self.peek_at(1))
    }

    fn plain_in(&mut self, context: Surrounding) -> Result<Scalar, StateError> {
        if !self.starts_plain(context) {
            return Err(self.unexpected("a value"));
        }
        let line = self.line();
        let mut text = String::new();
        let mut gap = String::new();
        loop {
            let run = self.plain_run(context);
            if run.is_empty() {
                break;
            }
            text.push_str(&gap);
            text.push_str(&run);
            gap.clear();
            let mark = self.mark();
            self.plain_gap(&mut gap);
            let ends = match context {
                Surrounding::Block(parent) => self.column() <= parent,
                Surrounding::Flow => false,
            };
            if gap.is_empty() || self.peek() == '#' || self.at_document_edge() || ends {
                self.reset(mark);
                break;
            }
        }
        // What follows on the same line must be able to end a scalar.
        let mark = self.mark();
        self.skip_spaces();
        if self.peek() == '\t' {
            return Err(self.unexpected("no tab"));
        }
        if context != Surrounding::Flow && line < self.line() && self.peek() == ':' && is_blank(self.peek_at(1)) {
            return Err(self.unexpected("a key on one line"));
        }
        self.reset(mark);
        Ok(Scalar { kind: kind_of(&text), source: text, line })
    }

    fn starts_plain(&self, context: Surrounding) -> bool {
        let c = self.peek();
        match c {
            '-' => !is_blank(self.peek_at(1)),
            '?' | ':' => context != Surrounding::Flow && !is_blank(self.peek_at(1)),
            ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => false,
            _ => !is_blank(c),
        }
    }

    fn plain_run(&mut self, context: Surrounding) -> String {
        let mut run = String::new();
        if self.peek() == '#' && run.is_empty() && self.column() == 0 {
            return run;
        }
        loop {
            let c = self.peek();
            let next = self.peek_at(1);
            let flow = context == Surrounding::Flow;
            let ends = is_blank(c)
                || c == ':' && (is_blank(next) || flow && matches!(next, ',' | '[' | ']' | '{' | '}'))
                || flow && matches!(c, ',' | '?' | '[' | ']' | '{' | '}');
            if ends {
                return run;
            }
            run.push(self.take());
        }
    }

    /// Spaces, or line breaks with the spaces around them, folded.
    fn plain_gap(&mut self, gap: &mut String) {
        while self.peek() == ' ' {
            gap.push(self.take());
        }
        let Some(first) = self.take_break() else { return };
        gap.clear();
        if self.at_document_edge() {
            return;
        }
        let mut breaks = String::new();
        loop {
            self.skip_spaces();
            match self.take_break() {
                Some(c) => breaks.push(c),
                None => break,
            }
        }
        fold(first, &breaks, gap);
    }

    /// A quoted scalar.
    pub(super) fn quoted(&mut self) -> Result<Scalar, StateError> {
        let line = self.line();
        let quote = self.take();
        let mut text = String::new();
        loop {
            match self.peek() {
                c if c == quote && quote == '\'' && self.peek_at(1) == '\'' => {
                    self.advance(2);
                    text.push('\'');
                }
                c if c == quote => {
                    self.advance(1);
                    return Ok(Scalar { source: text, kind: ScalarKind::Text, line });
                }
                END => return Err(StateError::Syntax { line, why: "a quoted text without end".to_owned() }),
                '\\' if quote == '"' => self.escape(&mut text)?,
                c if is_blank(c) => self.quoted_gap(&mut text)?,
                c => {
                    self.advance(1);
                    text.push(c);
                }
            }
        }
    }

    fn quoted_gap(&mut self, text: &mut String) -> Result<(), StateError> {
        let mut gap = String::new();
        while matches!(self.peek(), ' ' | '\t') {
            gap.push(self.take());
        }
        match self.take_break() {
            Some(first) => {
                let breaks = self.quoted_breaks()?;
                fold(first, &breaks, text);
            }
            None => text.push_str(&gap),
        }
        Ok(())
    }

    fn quoted_breaks(&mut self) -> Result<String, StateError> {
        let mut breaks = String::new();
        loop {
            if self.at_document_edge() {
                return Err(self.unexpected("the end of a quoted text"));
            }
            while matches!(self.peek(), ' ' | '\t') {
                self.advance(1);
            }
            match self.take_break() {
                Some(c) => breaks.push(c),
                None => return Ok(breaks),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), StateError> {
        self.advance(1);
        if self.take_break().is_some() {
            let breaks = self.quoted_breaks()?;
            text.push_str(&breaks);
            return Ok(());
        }
        let code = self.peek();
        let plain = match code {
            '0' => '\0',
            'a' => '\u{07}',
            'b' => '\u{08}',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\u{0B}',
            'f' => '\u{0C}',
            'r' => '\r',
            'e' => '\u{1B}',
            ' ' | '"' | '\\' | '/' => code,
            'N' => '\u{85}',
            '_' => '\u{A0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            _ => return Err(self.unexpected("an escape sequence")),
        };
        self.advance(1);
        text.push(plain);
        Ok(())
    }

    /// The character with `digits` hex digits; stays on the last of them.
    fn hex(&mut self, digits: usize) -> Result<char, StateError> {
        let mut code = 0;
        for _ in 0..digits {
            self.advance(1);
            let digit = self.peek().to_digit(16).ok_or_else(|| self.unexpected("a hex digit"))?;
            code = code * 16 + digit;
        }
        // Half of a surrogate pair is no character; a file with one cannot be kept as it is.
        char::from_u32(code).ok_or_else(|| StateError::Syntax {
            line: self.line(),
            why: format!("an escape sequence for U+{code:04X}, which is no character"),
        })
    }

    /// A literal or folded block in a block whose column is `parent`.
    pub(super) fn block_scalar(&mut self, parent: isize) -> Result<Scalar, StateError> {
        let line = self.line();
        let folded = self.take() == '>';
        let (chomp, increment) = self.block_header()?;
        let least = (parent + 1).max(1);
        let (mut breaks, indent) = match increment {
            Some(increment) => {
                let indent = least + increment - 1;
                (self.block_breaks(indent), indent)
            }
            None => {
                let (breaks, deepest) = self.block_lead();
                (breaks, deepest.max(least))
            }
        };
        let mut text = String::new();
        let mut end = None;
        while self.column() == indent && !self.at_end() {
            text.push_str(&breaks);
            let leading_text = !matches!(self.peek(), ' ' | '\t');
            while !self.at_end() && !is_break(self.peek()) {
                text.push(self.take());
            }
            end = self.take_break();
            breaks = self.block_breaks(indent);
            if self.column() != indent || self.at_end() {
                break;
            }
            let next_text = !matches!(self.peek(), ' ' | '\t');
            match end {
                Some('\n') if folded && leading_text && next_text => {
                    text.push_str(if breaks.is_empty() { " " } else { "" });
                }
                Some(c) => text.push(c),
                None => {}
            }
        }
        if chomp != Chomp::Strip {
            text.extend(end);
        }
        if chomp == Chomp::Keep {
            text.push_str(&breaks);
        }
        Ok(Scalar { source: text, kind: ScalarKind::Text, line })
    }

    fn block_header(&mut self) -> Result<(Chomp, Option<isize>), StateError> {
        let mut chomp = Chomp::Clip;
        let mut increment = None;
        for _ in 0..2 {
            match self.peek() {
                '+' if chomp == Chomp::Clip => chomp = Chomp::Keep,
                '-' if chomp == Chomp::Clip => chomp = Chomp::Strip,
                c @ '1'..='9' if increment.is_none() => {
                    increment = c.to_digit(10).and_then(|digit| isize::try_from(digit).ok());
                }
                _ => break,
            }
            self.advance(1);
        }
        if !is_blank(self.peek()) {
            return Err(self.unexpected("the end of the line behind | or >"));
        }
        self.skip_spaces();
        if self.peek() == '#' {
            self.skip_line();
        }
        if !self.at_end() && self.take_break().is_none() {
            return Err(self.unexpected("the end of the line behind | or >"));
        }
        Ok((chomp, increment))
    }

    /// Blank lines before the first line of text, and the deepest column among them and it.
    fn block_lead(&mut self) -> (String, isize) {
        let mut breaks = String::new();
        let mut deepest = 0;
        loop {
            self.skip_spaces();
            deepest = deepest.max(self.column());
            match self.take_break() {
                Some(c) => breaks.push(c),
                None => return (breaks, deepest),
            }
        }
    }

    fn block_breaks(&mut self, indent: isize) -> String {
        let mut breaks = String::new();
        loop {
            while self.column() < indent && self.peek() == ' ' {
                self.advance(1);
            }
            match self.take_break() {
                Some(c) => breaks.push(c),
                None => return breaks,
            }
        }
    }
}

/// One break becomes a space; more lose the first one.
fn fold(first: char, breaks: &str, text: &mut String) {
    if first != '\n' {
        text.push(first);
    } else if breaks.is_empty() {
        text.push(' ');
    }
    text.push_str(breaks);
}
