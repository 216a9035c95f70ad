//! Text on its way out: masked, harmless for terminals, errors with their causes.

use std::error::Error;

use crate::domain::{foreign, mask};

/// Text that may leave the program: masked, and without characters that steer terminals, hide or turn around
/// what people read.
pub fn clean(text: &str) -> String {
    harmless(&mask::mask(text))
}

/// Text without characters that steer terminals, hide or turn around what people read.
pub fn harmless(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => c,
        // Some readers begin a new line there.
        '\u{2028}' | '\u{2029}' => ' ',
        _ if c.is_control() => '\u{fffd}',
        _ => c,
    };
    text.chars().filter(|c| !foreign::is_hidden(*c)).map(shown).collect()
}

/// An error and its causes on one line.
pub fn one_line(error: &dyn Error) -> String {
    clean(&foreign::sentence(&causes(error).join(": ")))
}

/// An error and its causes, outermost first, each once.
pub fn causes(error: &dyn Error) -> Vec<String> {
    let mut all = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(lower) = cause {
        let text = lower.to_string();
        if all.last() != Some(&text) {
            all.push(text);
        }
        cause = lower.source();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_leaves_us_neither_steers_nor_turns_nor_hides() {
        let hostile = "a\u{1b}[31m b\u{202e}c\u{200b}d\u{2066}e\u{feff}\n\u{e9}";
        assert_eq!(clean(hostile), "a\u{fffd}[31m bcde\n\u{e9}");
    }
}
