//! Text for Slack: foreign words that can neither call anybody nor format anything, links, pieces.

use crate::domain::mask::mask;

/// Longest text that is sent as one message; Slack shows longer ones badly.
const LONGEST_MESSAGE: usize = 4000;

/// Size of the pieces of a longer text.
const PIECE: usize = 2500;

/// Text from outside (titles, names, answers of services) on one line: it mentions nobody, formats nothing
/// and brings no control characters. Addresses of pages stay usable.
pub(super) fn foreign(text: &str) -> String {
    let plain = without_controls(&mask(text));
    plain
        .split(' ')
        .map(|chunk| if is_page(chunk) { escaped(chunk) } else { harmless(chunk) })
        .collect::<Vec<_>>()
        .join(" ")
}

/// `text` as a link to `url`; only the text when the address is none.
pub(super) fn link(url: &str, text: &str) -> String {
    if is_page(url) { format!("<{}|{}>", escaped(url), foreign(text)) } else { foreign(text) }
}

/// One message, or pieces in code blocks whose fences cannot be broken from inside. Whoever is mentioned
/// stands before the first block: inside of one, nobody would be called.
pub(super) fn pieces(mention: &str, text: &str) -> Vec<String> {
    if mention.chars().count() + text.chars().count() <= LONGEST_MESSAGE {
        return vec![format!("{mention}{text}")];
    }
    let mut all = fenced(text);
    if let Some(first) = all.first_mut() {
        first.insert_str(0, mention);
    }
    all
}

/// A text of many lines (a log, say) as code blocks, cut at line ends.
pub(super) fn log_pieces(text: &str) -> Vec<String> {
    fenced(&escaped(&mask(text)))
}

fn fenced(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut piece = String::new();
    for line in text.replace('`', "'").lines() {
        for part in cut(line) {
            if !piece.is_empty() && piece.chars().count() + part.chars().count() + 1 > PIECE {
                all.push(format!("```{}```", std::mem::take(&mut piece)));
            }
            if !piece.is_empty() {
                piece.push('\n');
            }
            piece.push_str(&part);
        }
    }
    if !piece.is_empty() {
        all.push(format!("```{piece}```"));
    }
    all
}

/// A line in parts that fit; `&lt;` and the like stay whole.
fn cut(line: &str) -> Vec<String> {
    let (mut parts, mut part, mut length) = (Vec::new(), String::new(), 0);
    for unit in line.split_inclusive(';').flat_map(units) {
        let size = unit.chars().count();
        if length + size > PIECE {
            parts.push(std::mem::take(&mut part));
            length = 0;
        }
        part.push_str(unit);
        length += size;
    }
    parts.push(part);
    parts
}

/// The characters of a stretch that ends with its first semicolon; an entity at its end is one unit.
fn units(stretch: &str) -> impl Iterator<Item = &str> {
    let entity = ["&amp;", "&lt;", "&gt;"].into_iter().find(|entity| stretch.ends_with(entity));
    let (head, tail) = stretch.split_at(stretch.len() - entity.map_or(0, str::len));
    let chars = head.char_indices().map(move |(at, c)| &head[at..at + c.len_utf8()]);
    chars.chain(Some(tail).filter(|tail| !tail.is_empty()))
}

fn is_page(chunk: &str) -> bool {
    (chunk.starts_with("https://") || chunk.starts_with("http://"))
        && !chunk.contains(['<', '>', '|', '`', '*'])
        && chunk.chars().all(|c| c.is_ascii_graphic())
}

/// Slack reads these three characters as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn harmless(chunk: &str) -> String {
    let chars: Vec<char> = chunk.chars().collect();
    let inside = |at: usize| {
        let is_token = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
        is_token(at.checked_sub(1)) && is_token(Some(at + 1))
    };
    let mut text = String::with_capacity(chunk.len());
    for (at, c) in chars.iter().enumerate() {
        match c {
            '`' => text.push('\''),
            // Inside of a word these format nothing, and names keep their letters.
            '*' if !inside(at) => text.push('\u{2217}'),
            '_' if !inside(at) => text.push('\u{2cd}'),
            '~' if !inside(at) => text.push('\u{223c}'),
            // The invisible joiner keeps Slack from reading a name.
            '@' => text.push_str("@\u{2060}"),
            _ => text.push(*c),
        }
    }
    escaped(&text)
}

/// Drops colour sequences of terminals and turns line ends and other controls into blanks.
fn without_controls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            for next in chars.by_ref() {
                if next.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(if c.is_control() { ' ' } else { c });
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_line_ends_and_cannot_break_its_fence() {
        let text = "line with ``` inside\n".repeat(400);
        let all = pieces("<!subteam^S1> ", &text);
        assert!(all.len() > 3);
        assert!(all[0].starts_with("<!subteam^S1> ```"), "who is called stands outside of the block: {}", all[0]);
        for piece in all {
            assert_eq!(piece.matches("```").count(), 2, "{piece}");
            assert!(piece.chars().count() <= PIECE + 20);
            assert!(piece.lines().all(|line| line.contains("line with") && line.contains("inside")), "{piece}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut_between_characters_and_entities() {
        let all = log_pieces(&"<x;&".repeat(2000));
        assert!(all.len() > 1);
        for piece in &all {
            let inner = piece.trim_matches('`');
            assert!(!inner.replace("&lt;", "").replace("&amp;", "").contains('&'), "{inner}");
        }
        let joined: String = all.iter().map(|piece| piece.trim_matches('`')).collect();
        assert_eq!(joined, "&lt;x;&amp;".repeat(2000), "nothing is lost");
    }

    #[test]
    fn a_short_text_stays_one_message() {
        assert_eq!(pieces("<@U1> ", "two\nlines"), ["<@U1> two\nlines"]);
    }

    #[test]
    fn hostile_text_calls_nobody_and_formats_nothing() {
        for (hostile, shown) in [
            ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@\u{2060}U1&gt;"),
            ("@here look", "@\u{2060}here look"),
            ("```code``` *bold* _it_ ~no~", "'''code''' \u{2217}bold\u{2217} \u{2cd}it\u{2cd} \u{223c}no\u{223c}"),
            ("\u{1b}[31mred\u{1b}[0m\r\n> quote", "red  &gt; quote"),
            ("<https://evil.example.com|click>", "&lt;https://evil.example.com|click&gt;"),
        ] {
            assert_eq!(foreign(hostile), shown);
        }
    }

    #[test]
    fn names_and_pages_stay_as_they_are() {
        for kept in ["cdn_stage 170171", "https://ci.example.com/view/_x_/1?a=b", "4.20.17 push-to-cdn-staging"] {
            assert_eq!(foreign(kept), kept);
        }
        assert_eq!(link("https://e.example.com/a?b&c", "a<b"), "<https://e.example.com/a?b&amp;c|a&lt;b>");
        assert_eq!(link("javascript:alert(1)", "text"), "text");
        assert_eq!(link("https://e.example.com/>|<!channel>", "text"), "text");
    }
}
