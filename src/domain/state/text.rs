//! What happens to a text before it is stored: readable as a literal block, masked, bounded.

use crate::domain::mask::mask;

/// Most bytes of a stored `result`; the full log lives with the run.
pub const MAX_RESULT_BYTES: usize = 32 * 1024;
/// Most characters of an issue; the original refuses longer ones.
pub const MAX_ISSUE_CHARS: usize = 1000;
/// Most characters of other stored sentences (the longest real resolution has 1310).
const MAX_NOTE_CHARS: usize = 2000;
/// Most bytes of one line of a result; longer ones are dumps, not messages.
const MAX_LINE_BYTES: usize = 4 * 1024;
/// Part of a long result that is kept from its beginning; the end holds the verdict and gets more.
const HEAD_BYTES: usize = 10 * 1024;

/// A result as it is stored.
pub fn result(text: &str) -> String {
    capped(&mask(&normalised(text)))
}

/// An issue text as it is stored; blank input stays blank.
pub fn issue(text: &str) -> String {
    shortened(mask(&normalised(text)).trim(), MAX_ISSUE_CHARS)
}

/// A resolution, reason or note as it is stored.
pub fn note(text: &str) -> String {
    shortened(mask(&normalised(text)).trim(), MAX_NOTE_CHARS)
}

/// How issue texts are compared: without outer space and case.
pub fn comparable(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Without terminal colours, tabs, control characters, foreign line breaks and trailing space.
fn normalised(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    clean.push('\n');
                }
            }
            '\u{1B}' => skip_escape_sequence(&mut chars),
            '\t' => clean.push_str("    "),
            // Readers of YAML 1.1 take these for line breaks.
            '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push(' '),
            '\n' => clean.push('\n'),
            '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' | '\u{10FFFF}' => {}
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    let lines: Vec<&str> = clean.split('\n').map(|line| line.trim_end_matches(' ')).collect();
    lines.join("\n").trim_end().trim_start_matches('\n').to_owned()
}

/// Goes over what follows an escape character: a control sequence, a title, or one character.
fn skip_escape_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            while let Some(c) = chars.peek().copied().filter(|c| matches!(c, ' '..='~')) {
                chars.next();
                if matches!(c, '@'..='~') {
                    break;
                }
            }
        }
        Some(']') => {
            while let Some(c) = chars.peek().copied().filter(|c| !matches!(c, '\n' | '\r')) {
                chars.next();
                if matches!(c, '\u{07}' | '\u{1B}') {
                    break;
                }
            }
        }
        Some(c) if c.is_ascii_graphic() => {
            chars.next();
        }
        Some(_) | None => {}
    }
}

/// At most [`MAX_RESULT_BYTES`]: head and tail, with a line between them that tells how much is gone.
fn capped(text: &str) -> String {
    if text.len() <= MAX_RESULT_BYTES {
        return text.to_owned();
    }
    let lines: Vec<String> = text.split('\n').map(cut_line).collect();
    // Space for the line in the middle.
    let tail_bytes = MAX_RESULT_BYTES - HEAD_BYTES - 64;
    let fitting = |mut budget: usize, lines: &mut dyn Iterator<Item = &String>| {
        lines
            .take_while(|line| {
                let fits = line.len() < budget;
                budget = budget.saturating_sub(line.len() + 1);
                fits
            })
            .count()
    };
    let head = fitting(HEAD_BYTES, &mut lines.iter());
    let tail = fitting(tail_bytes, &mut lines[head..].iter().rev());
    let gone = lines.len() - head - tail;
    let middle = (gone > 0).then(|| format!("… {gone} lines omitted …"));
    let kept = lines[..head].iter().chain(middle.iter()).chain(&lines[lines.len() - tail..]);
    kept.map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn cut_line(line: &str) -> String {
    if line.len() <= MAX_LINE_BYTES {
        return line.to_owned();
    }
    let mut end = MAX_LINE_BYTES - '…'.len_utf8();
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", line[..end].trim_end())
}

/// At most `most` characters; a list loses whole items and tells how many.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let items: Vec<&str> = text.split(", ").collect();
    for kept in (2..items.len()).rev() {
        let short = format!("{} and {} more", items[..kept].join(", "), items.len() - kept);
        if short.chars().count() <= most {
            return short;
        }
    }
    let cut: String = text.chars().take(most - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coloured_log_with_tabs_becomes_plain_lines() {
        let raw = "\u{1B}[31mred\u{1B}[0m\tx  \r\nnext\u{2028}one\rlast \u{7}\n\n";
        assert_eq!(result(raw), "red    x\nnext one\nlast");
    }

    #[test]
    fn a_long_result_keeps_head_and_tail_and_tells_what_is_gone() {
        let long: String = (0..5000).map(|n| format!("line {n} of a long log\n")).collect();
        let kept = result(&long);
        assert!(kept.len() <= MAX_RESULT_BYTES);
        assert!(kept.starts_with("line 0 of"));
        assert!(kept.ends_with("line 4999 of a long log"));
        assert!(kept.contains(" lines omitted …"));
        assert_eq!(result(&kept), kept);
    }

    #[test]
    fn one_endless_line_is_cut_too() {
        assert!(result(&"x".repeat(100_000)).len() <= MAX_RESULT_BYTES);
    }

    #[test]
    fn a_long_list_in_an_issue_loses_whole_items() {
        let keys: Vec<_> = (0..200).map(|n| format!("OCPBUGS-{}", 10_000 + n)).collect();
        let kept = issue(&format!("missed trackers: {}", keys.join(", ")));
        assert!(kept.chars().count() <= MAX_ISSUE_CHARS);
        assert!(kept.ends_with(" more"), "{kept}");
        assert_eq!(issue(&kept), kept);
    }
}
