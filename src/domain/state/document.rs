//! An order-preserving YAML tree that knows of each scalar whether it is text.

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Text, number, null, …
    Scalar(Scalar),
    /// A list.
    List(Vec<Self>),
    /// A mapping.
    Map(Map),
}

/// What a YAML 1.1 reader makes of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScalarKind {
    /// A string.
    Text,
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `no`, `On`, …
    Bool,
    /// An integer in any base.
    Int,
    /// A float.
    Float,
    /// A date or date-time.
    Time,
    /// `=` or `<<`, which YAML 1.1 reserves.
    Reserved,
}

impl ScalarKind {
    /// For error messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Int => "an integer",
            Self::Float => "a decimal number",
            Self::Time => "a time",
            Self::Reserved => "a reserved name",
        }
    }
}

/// A scalar. Anything but text keeps its source, so that `0x1F` or `~` is written back as it was read.
#[derive(Debug, Clone)]
pub struct Scalar {
    /// The text, or the source of another kind.
    pub source: String,
    /// What it is.
    pub kind: ScalarKind,
    /// Line in the file it was read from; 0 for values of ours.
    pub line: usize,
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.source == other.source
    }
}

impl Scalar {
    /// Text of ours.
    pub fn text(text: impl Into<String>) -> Self {
        Self { source: text.into(), kind: ScalarKind::Text, line: 0 }
    }
}

impl Node {
    /// Text of ours.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Scalar(Scalar::text(text))
    }

    /// `null`.
    pub fn null() -> Self {
        Self::Scalar(Scalar { source: "null".to_owned(), kind: ScalarKind::Null, line: 0 })
    }

    /// Text, or `null` for nothing.
    pub fn optional(text: Option<impl Into<String>>) -> Self {
        text.map_or_else(Self::null, Self::text)
    }

    /// `true` or `false`.
    pub fn bool(value: bool) -> Self {
        Self::Scalar(Scalar { source: value.to_string(), kind: ScalarKind::Bool, line: 0 })
    }

    /// A decimal integer.
    pub fn int(value: i64) -> Self {
        Self::Scalar(Scalar { source: value.to_string(), kind: ScalarKind::Int, line: 0 })
    }

    /// The text, when it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Scalar(Scalar { source, kind: ScalarKind::Text, .. }) => Some(source),
            Self::Scalar(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The mapping, when it is one.
    pub const fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            Self::Scalar(_) | Self::List(_) => None,
        }
    }

    /// The items, when it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            Self::Scalar(_) | Self::Map(_) => None,
        }
    }

    /// Is it `null`?
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Scalar { kind: ScalarKind::Null, .. }))
    }

    /// Is it a boolean that means yes?
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Scalar(Scalar { kind: ScalarKind::Bool, source, .. })
            if matches!(source.to_ascii_lowercase().as_str(), "true" | "yes" | "on"))
    }

    /// The mapping; anything else is replaced by an empty one.
    pub fn make_map(&mut self) -> &mut Map {
        loop {
            match self {
                Self::Map(map) => return map,
                Self::Scalar(_) | Self::List(_) => *self = Self::Map(Map::default()),
            }
        }
    }

    /// The items; anything else is replaced by an empty list.
    pub fn make_list(&mut self) -> &mut Vec<Self> {
        loop {
            match self {
                Self::List(items) => return items,
                Self::Scalar(_) | Self::Map(_) => *self = Self::List(Vec::new()),
            }
        }
    }

    /// Line of the value or of its first part; 0 when unknown.
    pub fn line(&self) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.line,
            Self::List(items) => items.first().map_or(0, Self::line),
            Self::Map(map) => map.entries.first().map_or(0, |(key, _)| key.line),
        }
    }
}

/// A mapping in file order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map {
    /// Keys and values in file order; keys are unique.
    pub entries: Vec<(Scalar, Node)>,
}

impl Map {
    /// The value of the text key `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(k, _)| k.kind == ScalarKind::Text && k.source == key).map(|(_, value)| value)
    }

    /// Line of the text key `key`; 0 when there is none.
    pub fn line_of(&self, key: &str) -> usize {
        self.entries.iter().find(|(k, _)| k.kind == ScalarKind::Text && k.source == key).map_or(0, |(key, _)| key.line)
    }

    /// The value of the text key `key`, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|(k, _)| k.kind == ScalarKind::Text && k.source == key).map(|(_, value)| value)
    }

    /// Sets `key` where it stands, or appends it.
    pub fn set(&mut self, key: &str, value: Node) {
        match self.get_mut(key) {
            Some(slot) => *slot = value,
            None => self.entries.push((Scalar::text(key), value)),
        }
    }

    /// Sets `key` where it stands, or puts it behind `after` (at the end when that is absent).
    pub fn set_after(&mut self, after: &str, key: &str, value: Node) {
        if let Some(slot) = self.get_mut(key) {
            *slot = value;
            return;
        }
        let place = self.entries.iter().position(|(k, _)| k.kind == ScalarKind::Text && k.source == after);
        let place = place.map_or(self.entries.len(), |index| index + 1);
        self.entries.insert(place, (Scalar::text(key), value));
    }

    /// The mapping under `key`, made behind `after` when there is none.
    pub fn map_mut(&mut self, after: &str, key: &str) -> &mut Self {
        let place = self.place(after, key, |node| matches!(node, Node::Map(_)), Node::Map(Self::default()));
        self.entries[place].1.make_map()
    }

    /// The list under `key`, made behind `after` when there is none.
    pub fn list_mut(&mut self, after: &str, key: &str) -> &mut Vec<Node> {
        let place = self.place(after, key, |node| matches!(node, Node::List(_)), Node::List(Vec::new()));
        self.entries[place].1.make_list()
    }

    fn place(&mut self, after: &str, key: &str, fits: fn(&Node) -> bool, fresh: Node) -> usize {
        if !self.get(key).is_some_and(fits) {
            self.set_after(after, key, fresh);
        }
        let found = self.entries.iter().position(|(k, _)| k.kind == ScalarKind::Text && k.source == key);
        found.unwrap_or_default()
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let place = self.entries.iter().position(|(k, _)| k.kind == ScalarKind::Text && k.source == key)?;
        Some(self.entries.remove(place).1)
    }
}

impl<const N: usize> From<[(&str, Node); N]> for Map {
    fn from(entries: [(&str, Node); N]) -> Self {
        Self { entries: entries.into_iter().map(|(key, value)| (Scalar::text(key), value)).collect() }
    }
}
