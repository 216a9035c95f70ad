//! Reads YAML 1.1 as tolerantly as the original's reader, and keeps what decides about bytes.
//!
//! Every quoting style, folded and literal blocks, flow collections, anchors, merge keys and core
//! tags are read. Refused, beside what is no YAML: duplicate keys (the original would silently take
//! the last one), keys that could not be written back, several documents, and growth without end.

mod cursor;
mod flow;
mod scalars;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use self::cursor::{Cursor, is_blank, is_break};
use super::document::{Map, Node, Scalar, ScalarKind};
use super::error::StateError;
use super::scalar::kind_of;

/// The largest real file has 40 KB.
const MAX_BYTES: usize = 4 << 20;
/// Nesting; state files need five levels.
const MAX_DEPTH: usize = 64;
/// Nodes and bytes that anchors and aliases may add to what the text holds; no real file has any.
const MAX_REPEATED: usize = 64 << 10;
/// The writer puts longer keys in a form of their own, which we do not write.
const MAX_KEY_CHARS: usize = 127;

/// Reads one document.
///
/// # Errors
///
/// [`StateError`] with the line: no YAML, a tab, a duplicate key, too much of something.
pub fn read(text: &str) -> Result<Node, StateError> {
    if text.len() > MAX_BYTES {
        return Err(StateError::TooMuch { line: 1, what: "bytes" });
    }
    let mut reader = Reader { cursor: Cursor::new(text)?, anchors: HashMap::new(), repeated: 0, depth: 0 };
    reader.document()
}

struct Reader {
    cursor: Cursor,
    /// Each with its size.
    anchors: HashMap<String, (Node, usize)>,
    repeated: usize,
    depth: usize,
}

/// Anchor and tag in front of a node.
#[derive(Default)]
struct Properties {
    anchor: Option<String>,
    tag: Option<String>,
    /// A line break between them and the node: then they belong to a whole mapping, not to its first key.
    own_line: bool,
}

/// May a block collection begin at this place of a line?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compact {
    Yes,
    /// Behind `key: `, where only a scalar or a flow collection fits.
    No,
}

impl Reader {
    fn document(&mut self) -> Result<Node, StateError> {
        self.cursor.skip_to_token()?;
        while self.cursor.column() == 0 && self.cursor.peek() == '%' {
            self.cursor.skip_line();
            self.cursor.skip_to_token()?;
        }
        if self.cursor.at_marker("---") {
            self.cursor.advance(3);
        }
        let node = self.block_node(-1, Compact::Yes)?;
        self.cursor.skip_to_token()?;
        if self.cursor.at_marker("...") {
            self.cursor.advance(3);
            self.cursor.skip_to_token()?;
        }
        if self.cursor.at_end() { Ok(node) } else { Err(self.unexpected("the end of the document")) }
    }

    /// A node inside a block whose column is `parent`.
    fn block_node(&mut self, parent: isize, compact: Compact) -> Result<Node, StateError> {
        self.enter()?;
        let started = self.cursor.line();
        self.cursor.skip_to_token()?;
        let properties = self.properties(parent)?;
        let compact = if self.cursor.line() == started { compact } else { Compact::Yes };
        let node = self.block_content(parent, compact, properties);
        self.depth -= 1;
        node
    }

    fn block_content(&mut self, parent: isize, compact: Compact, properties: Properties) -> Result<Node, StateError> {
        let column = self.cursor.column();
        if self.cursor.at_end() || self.cursor.at_document_edge() || column <= parent {
            return self.finish(self.empty(), properties);
        }
        let next_blank = is_blank(self.cursor.peek_at(1));
        match self.cursor.peek() {
            '-' if next_blank && compact == Compact::Yes => {
                let items = self.block_list(column)?;
                self.finish(Node::List(items), properties)
            }
            '-' if next_blank => Err(self.unexpected("a value (a list begins on a line of its own)")),
            '?' if next_blank => Err(self.unexpected("a plain key")),
            '|' | '>' => {
                let scalar = self.cursor.block_scalar(parent)?;
                self.finish(Node::Scalar(scalar), properties)
            }
            _ => {
                if self.ahead_is_key()? {
                    if compact == Compact::No {
                        return Err(self.unexpected("a value (a mapping begins on a line of its own)"));
                    }
                    let (outer, first) = if properties.own_line {
                        (properties, None)
                    } else {
                        (Properties::default(), Some(properties))
                    };
                    let map = self.block_map(column, first)?;
                    return self.finish(Node::Map(map), outer);
                }
                let node = match self.cursor.peek() {
                    '*' => return self.alias(&properties),
                    '[' => self.flow_list()?,
                    '{' => self.flow_map()?,
                    _ => Node::Scalar(self.scalar(parent)?),
                };
                self.finish(node, properties)
            }
        }
    }

    fn block_list(&mut self, column: isize) -> Result<Vec<Node>, StateError> {
        let mut items = Vec::new();
        loop {
            self.cursor.advance(1);
            items.push(self.block_node(column, Compact::Yes)?);
            self.cursor.skip_to_token()?;
            let here = self.cursor.column();
            if here > column && !self.cursor.at_end() {
                return Err(self.unexpected("a list item in the column of the others"));
            }
            let more = here == column && self.cursor.peek() == '-' && is_blank(self.cursor.peek_at(1));
            if !more || self.cursor.at_end() || self.cursor.at_document_edge() {
                return Ok(items);
            }
        }
    }

    /// Entries at `column`; `first` are properties already read in front of the first key.
    fn block_map(&mut self, column: isize, first: Option<Properties>) -> Result<Map, StateError> {
        let mut entries = Vec::new();
        let mut given = first;
        loop {
            let properties = match given.take() {
                Some(properties) => properties,
                None => self.properties(column - 1)?,
            };
            if !self.ahead_is_key()? {
                return Err(self.unexpected("a key with a colon"));
            }
            let key = self.scalar(column)?;
            let key = self.key(key, properties)?;
            self.cursor.skip_spaces();
            self.cursor.advance(1);
            let value = self.map_value(column)?;
            entries.push((key, value));
            self.cursor.skip_to_token()?;
            let here = self.cursor.column();
            if self.cursor.at_end() || self.cursor.at_document_edge() || here < column {
                return self.close_map(entries);
            }
            if here > column {
                return Err(self.unexpected("a key in the column of the others"));
            }
            if self.cursor.peek() == '-' && is_blank(self.cursor.peek_at(1)) {
                return Err(self.unexpected("a key"));
            }
        }
    }

    /// The value behind `key:`; the dashes of a list may stand in the column of the key.
    fn map_value(&mut self, column: isize) -> Result<Node, StateError> {
        let line = self.cursor.line();
        self.cursor.skip_to_token()?;
        let dash = self.cursor.peek() == '-' && is_blank(self.cursor.peek_at(1));
        if self.cursor.line() > line && self.cursor.column() == column && dash && !self.cursor.at_document_edge() {
            return Ok(Node::List(self.block_list(column)?));
        }
        let compact = if self.cursor.line() > line { Compact::Yes } else { Compact::No };
        self.block_node(column, compact)
    }

    /// Is there a scalar on this line that a colon makes a key? Looks without moving.
    fn ahead_is_key(&mut self) -> Result<bool, StateError> {
        let mark = self.cursor.mark();
        let line = self.cursor.line();
        let found = match self.cursor.peek() {
            '"' | '\'' => {
                let quoted = self.cursor.quoted();
                // A quoted value may be broken beyond repair; the scan for the value tells how.
                quoted.is_ok() && self.cursor.line() == line
            }
            '[' | '{' | '*' => false,
            _ => self.cursor.skip_plain_on_line(),
        };
        self.cursor.skip_spaces();
        let colon = self.cursor.peek() == ':' && is_blank(self.cursor.peek_at(1));
        self.cursor.reset(mark);
        Ok(found && colon)
    }

    fn scalar(&mut self, parent: isize) -> Result<Scalar, StateError> {
        match self.cursor.peek() {
            '"' | '\'' => self.cursor.quoted(),
            _ => self.cursor.plain(parent),
        }
    }

    fn key(&self, scalar: Scalar, properties: Properties) -> Result<Scalar, StateError> {
        let scalar = match properties.tag {
            Some(tag) => self.tagged(scalar, &tag)?,
            None => scalar,
        };
        let writable = !scalar.source.is_empty()
            && scalar.source.chars().count() <= MAX_KEY_CHARS
            && !scalar.source.contains(is_break);
        if scalar.kind == ScalarKind::Text && !writable {
            return Err(StateError::Syntax {
                line: scalar.line,
                why: format!("a key must be one line of 1 to {MAX_KEY_CHARS} characters"),
            });
        }
        Ok(scalar)
    }

    fn alias(&mut self, properties: &Properties) -> Result<Node, StateError> {
        self.cursor.advance(1);
        let name = self.cursor.name();
        if properties.anchor.is_some() || properties.tag.is_some() {
            return Err(self.unexpected("an alias without anchor or tag"));
        }
        let size = self.anchors.get(&name).map(|(_, size)| *size);
        // Counted before it is made.
        self.repeat(size.ok_or_else(|| self.unexpected("an alias of a known anchor"))?)?;
        self.anchors.get(&name).map(|(node, _)| node.clone()).ok_or_else(|| self.unexpected("an alias"))
    }

    fn properties(&mut self, parent: isize) -> Result<Properties, StateError> {
        let mut found = Properties::default();
        let line = self.cursor.line();
        loop {
            match self.cursor.peek() {
                '&' if found.anchor.is_none() => {
                    self.cursor.advance(1);
                    found.anchor = Some(self.cursor.name());
                }
                '!' if found.tag.is_none() => found.tag = Some(self.cursor.name()),
                _ => break,
            }
            self.cursor.skip_to_token()?;
            if self.cursor.column() <= parent {
                break;
            }
        }
        found.own_line = self.cursor.line() > line;
        Ok(found)
    }

    fn finish(&mut self, node: Node, properties: Properties) -> Result<Node, StateError> {
        let node = match (node, &properties.tag) {
            (Node::Scalar(scalar), Some(tag)) => Node::Scalar(self.tagged(scalar, tag)?),
            (node, Some(tag)) if !matches!(tag.as_str(), "!!map" | "!!seq" | "!") => {
                return Err(
                    self.unexpected(&format!("a plain collection instead of {tag} for {} entries", size(&node)))
                );
            }
            (node, _) => node,
        };
        if let Some(anchor) = properties.anchor {
            let size = size(&node);
            self.repeat(size)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn tagged(&self, scalar: Scalar, tag: &str) -> Result<Scalar, StateError> {
        let kind = match tag {
            "!!str" | "!" => ScalarKind::Text,
            "!!int" | "!!float" | "!!bool" | "!!null" | "!!timestamp" => kind_of(&scalar.source),
            _ => return Err(self.unexpected(&format!("a value without the tag {tag}"))),
        };
        Ok(Scalar { kind, ..scalar })
    }

    /// Ends a mapping: merge keys are carried out, duplicates refused.
    fn close_map(&self, entries: Vec<(Scalar, Node)>) -> Result<Map, StateError> {
        let mut own = Map::default();
        // By hash, because a hostile file of 4 MB has half a million keys.
        let mut known = HashSet::new();
        let mut inherited: Vec<Map> = Vec::new();
        for (key, value) in entries {
            if key.kind == ScalarKind::Reserved && key.source == "<<" {
                match value {
                    Node::Map(map) => inherited.push(map),
                    // The first of several parents wins.
                    Node::List(items) => inherited.extend(items.into_iter().rev().filter_map(|item| match item {
                        Node::Map(map) => Some(map),
                        Node::Scalar(_) | Node::List(_) => None,
                    })),
                    Node::Scalar(_) => return Err(self.unexpected("a mapping behind <<")),
                }
                continue;
            }
            if !known.insert((key.kind, key.source.clone())) {
                return Err(StateError::DuplicateKey { line: key.line, key: key.source });
            }
            own.entries.push((key, value));
        }
        if inherited.is_empty() {
            return Ok(own);
        }
        let mut merged = Map::default();
        let mut places = HashMap::new();
        for (key, value) in inherited.into_iter().flat_map(|map| map.entries).chain(own.entries) {
            let place = *places.entry((key.kind, key.source.clone())).or_insert(merged.entries.len());
            match merged.entries.get_mut(place) {
                Some((_, slot)) => *slot = value,
                None => merged.entries.push((key, value)),
            }
        }
        Ok(merged)
    }

    fn empty(&self) -> Node {
        Node::Scalar(Scalar { source: String::new(), kind: ScalarKind::Null, line: self.cursor.line() })
    }

    fn enter(&mut self) -> Result<(), StateError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(StateError::TooMuch { line: self.cursor.line(), what: "nesting" });
        }
        Ok(())
    }

    /// Counts what is kept for aliases, or what an alias brings in again.
    fn repeat(&mut self, size: usize) -> Result<(), StateError> {
        self.repeated = self.repeated.saturating_add(size);
        if self.repeated > MAX_REPEATED {
            return Err(StateError::TooMuch { line: self.cursor.line(), what: "repetition" });
        }
        Ok(())
    }

    fn unexpected(&self, wanted: &str) -> StateError {
        self.cursor.unexpected(wanted)
    }
}

fn size(node: &Node) -> usize {
    match node {
        Node::Scalar(scalar) => 1 + scalar.source.len(),
        Node::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Node::Map(map) => 1 + map.entries.iter().map(|(key, value)| key.source.len() + size(value)).sum::<usize>(),
    }
}
