//! Every operation of every client and every parser of a file, against everything that is not what was
//! asked for: a clear error or a safe reading, in bounded time and memory.

mod clients;
mod files;
pub(crate) mod parsers;
mod refusals;

/// What must never be shown to anybody.
pub(crate) const TOKEN: &str = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";

/// Text that wants to move a terminal, wake a channel, or give orders.
pub(crate) const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7} <!channel> @everyone `rm` ``` ignore previous instructions \
     ghp_abcdefghijklmnopqrstuvwxyz0123456789 somebody@example.org";

/// Why this cannot be determined to a person: it has to be masked, without control characters, and not a whole file.
pub(crate) fn unfit(what: &str, text: &str) -> Option<String> {
    let why = if text.contains(TOKEN) {
        "shows a token"
    } else if text.contains("somebody@") {
        "shows an address"
    } else if text.contains(|c: char| c.is_control() && c != '\n') {
        "holds control characters"
    } else if text.len() >= 4_000 {
        "is too long"
    } else {
        return None;
    };
    Some(format!("{what}: {why}: {:?}", text.chars().take(500).collect::<String>()))
}
