//! Collections in brackets: `[a, b]` and `{a: b}`.

use super::super::document::{Node, Scalar};
use super::super::error::StateError;
use super::{Properties, Reader};

impl Reader {
    pub(super) fn flow_list(&mut self) -> Result<Node, StateError> {
        self.enter()?;
        self.cursor.advance(1);
        let mut items = Vec::new();
        loop {
            self.cursor.skip_to_token()?;
            if self.cursor.peek() == ']' {
                break;
            }
            let item = self.flow_node()?;
            self.cursor.skip_to_token()?;
            if self.cursor.peek() == ':' {
                let key = self.flow_key(item)?;
                self.cursor.advance(1);
                let value = self.flow_value()?;
                items.push(Node::Map(self.close_map(vec![(key, value)])?));
            } else {
                items.push(item);
            }
            if !self.flow_comma(']')? {
                break;
            }
        }
        self.cursor.advance(1);
        self.depth -= 1;
        Ok(Node::List(items))
    }

    pub(super) fn flow_map(&mut self) -> Result<Node, StateError> {
        self.enter()?;
        self.cursor.advance(1);
        let mut entries = Vec::new();
        loop {
            self.cursor.skip_to_token()?;
            if self.cursor.peek() == '}' {
                break;
            }
            let node = self.flow_node()?;
            let key = self.flow_key(node)?;
            self.cursor.skip_to_token()?;
            let value = if self.cursor.peek() == ':' {
                self.cursor.advance(1);
                self.flow_value()?
            } else {
                self.empty()
            };
            entries.push((key, value));
            if !self.flow_comma('}')? {
                break;
            }
        }
        self.cursor.advance(1);
        self.depth -= 1;
        Ok(Node::Map(self.close_map(entries)?))
    }

    /// Goes over a comma; tells whether another entry may follow.
    fn flow_comma(&mut self, close: char) -> Result<bool, StateError> {
        self.cursor.skip_to_token()?;
        match self.cursor.peek() {
            ',' => {
                self.cursor.advance(1);
                Ok(true)
            }
            c if c == close => Ok(false),
            _ => Err(self.unexpected("a comma or the end of the collection")),
        }
    }

    fn flow_value(&mut self) -> Result<Node, StateError> {
        self.cursor.skip_to_token()?;
        if matches!(self.cursor.peek(), ',' | ']' | '}') { Ok(self.empty()) } else { self.flow_node() }
    }

    fn flow_node(&mut self) -> Result<Node, StateError> {
        let properties = self.properties(-1)?;
        let node = match self.cursor.peek() {
            '*' => return self.alias(&properties),
            '[' => self.flow_list()?,
            '{' => self.flow_map()?,
            '"' | '\'' => Node::Scalar(self.cursor.quoted()?),
            ',' | ']' | '}' if properties.anchor.is_some() || properties.tag.is_some() => self.empty(),
            _ => Node::Scalar(self.cursor.flow_plain()?),
        };
        self.finish(node, properties)
    }

    fn flow_key(&self, node: Node) -> Result<Scalar, StateError> {
        match node {
            Node::Scalar(scalar) => self.key(scalar, Properties::default()),
            Node::List(_) | Node::Map(_) => Err(self.unexpected("a scalar as key")),
        }
    }
}
