//! What may be shown on a stream: colour, links, a moving line, words for a screen reader.
//!
//! One place decides and one function dresses every printed line. Dressing adds nothing to the meaning: whoever
//! sees the bare text misses nothing.

use crate::core::config::env::Env;
use crate::grammar::args::Color;

/// What a stream may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Colour.
    pub color: bool,
    /// Addresses that can be clicked (OSC 8).
    pub links: bool,
    /// A line that changes in place.
    pub live: bool,
    /// Plain sentences instead of columns and signs, and nothing that moves.
    pub accessible: bool,
}

impl Style {
    /// What a stream may show in this environment.
    ///
    /// The flag wins over `NO_COLOR`, that over `CLICOLOR_FORCE`, that over what the stream is. Only colour can
    /// be forced: links and moving lines are for terminals.
    pub fn decide(env: &Env, flag: Color, is_terminal: bool) -> Self {
        let accessible = switched_on(env, "OAR_ACCESSIBLE");
        let capable = is_terminal && env.get("TERM").is_none_or(|term| term != "dumb");
        let color = match flag {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if env.get("NO_COLOR").is_some() => false,
            Color::Auto if switched_on(env, "CLICOLOR_FORCE") => true,
            Color::Auto => capable && env.get("CLICOLOR") != Some("0"),
        };
        // The Linux console prints parts of an OSC 8 address.
        let links = capable && !accessible && env.get("TERM").is_some_and(|term| term != "linux");
        Self { color, links, live: capable && !accessible, accessible }
    }

    /// Text as this stream shows it.
    pub fn dress(self, text: &str) -> String {
        let spoken = if self.accessible { Some(spoken(text)) } else { None };
        let text = spoken.as_deref().unwrap_or(text);
        if !self.color && !self.links {
            return text.to_owned();
        }
        text.split('\n').map(|line| self.dress_line(line)).collect::<Vec<_>>().join("\n")
    }

    fn dress_line(self, line: &str) -> String {
        let mut dressed = String::new();
        let mut rest = line;
        if self.color {
            let blanks = line.len() - line.trim_start().len();
            let (indent, body) = line.split_at(blanks);
            if let Some((label, paint)) = LABELS.iter().find(|(label, _)| body.starts_with(label)) {
                dressed.push_str(indent);
                dressed.push_str(&painted(label, paint));
                rest = body.get(label.len()..).unwrap_or_default();
            }
        }
        while let Some((before, address, after)) = first_address(rest) {
            dressed.push_str(&self.paint_tokens(before));
            if self.links {
                dressed.push_str(&format!("\u{1b}]8;;{address}\u{1b}\\{address}\u{1b}]8;;\u{1b}\\"));
            } else {
                dressed.push_str(address);
            }
            rest = after;
        }
        dressed.push_str(&self.paint_tokens(rest));
        dressed
    }

    fn paint_tokens(self, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut rest = text;
        'text: while !rest.is_empty() {
            let begins = !out.ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
            if begins {
                for (token, paint) in TOKENS {
                    let ends = |after: &str| !after.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
                    if let Some(after) = rest.strip_prefix(token).filter(|after| ends(after)) {
                        out.push_str(&painted(token, paint));
                        rest = after;
                        continue 'text;
                    }
                }
            }
            let first = rest.chars().next().map_or(0, char::len_utf8);
            let (one, after) = rest.split_at(first);
            out.push_str(one);
            rest = after;
        }
        out
    }
}

/// A variable that stands for yes: given, and not 0, no or false.
fn switched_on(env: &Env, name: &str) -> bool {
    env.get(name).is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "false" | "off"))
}

const RED: &str = "1;31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

/// First words of a line that say what kind of line it is.
const LABELS: [(&str, &str); 10] = [
    ("error:", RED),
    ("FAILED:", RED),
    ("UNMATCHED", RED),
    ("warning:", YELLOW),
    ("person:", YELLOW),
    ("wait:", CYAN),
    ("waiting:", CYAN),
    ("running:", CYAN),
    ("next:", CYAN),
    ("now:", GREEN),
];

/// Words that name a status.
const TOKENS: [(&str, &str); 7] = [
    ("Pass", GREEN),
    ("Green", GREEN),
    ("Fail", RED),
    ("Red", RED),
    ("BLOCKER", RED),
    ("In Progress", CYAN),
    ("WARNING", YELLOW),
];

fn painted(text: &str, paint: &str) -> String {
    format!("\u{1b}[{paint}m{text}\u{1b}[0m")
}

/// The first address in `text`, with what stands before and after it.
fn first_address(text: &str) -> Option<(&str, &str, &str)> {
    let at = [text.find("https://"), text.find("http://")].into_iter().flatten().min()?;
    let (before, from) = text.split_at(at);
    let inside = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '(' | ')' | '\\');
    let end = from.find(|c: char| !inside(c)).unwrap_or(from.len());
    let address = from.get(..end)?.trim_end_matches(['.', ',', ';', ':']);
    let after = from.get(address.len()..)?;
    Some((before, address, after))
}

/// The same text in a form that can be read aloud: columns become `name: value, value`, signs become words.
pub fn spoken(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let body = line.trim();
        let (head, body) = match body.split_once(' ') {
            Some(("+", did)) => ("did: ", did),
            Some(("->", step)) => ("step: ", step),
            Some(("#" | "*" | "-", rest)) => ("", rest),
            Some(_) | None => ("", body),
        };
        let cells: Vec<String> = columns(body).into_iter().map(without_signs).filter(|cell| !cell.is_empty()).collect();
        let sentence = match cells.split_first() {
            None => String::new(),
            Some((only, [])) => only.clone(),
            Some((name, values)) if name.ends_with(':') => format!("{name} {}", values.join(", ")),
            Some((name, values)) => format!("{name}: {}", values.join(", ")),
        };
        format!("{head}{sentence}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Parts of a line that two or more blanks keep apart.
fn columns(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

fn without_signs(cell: &str) -> String {
    let tokens = cell.replace(" -> ", " to ").replace(['→'], "to").replace('…', "and so on");
    let drawn =
        |c: char| matches!(c, '\u{2500}'..='\u{259f}' | '\u{25a0}'..='\u{25ff}' | '\u{2800}'..='\u{28ff}' | '|');
    let tokens: String = tokens.chars().map(|c| if drawn(c) { ' ' } else { c }).collect();
    tokens.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        pairs.iter().fold(Env::default().with("TERM", "xterm-256color"), |env, (name, value)| env.with(name, *value))
    }

    fn color(pairs: &[(&str, &str)], flag: Color, is_terminal: bool) -> bool {
        Style::decide(&env(pairs), flag, is_terminal).color
    }

    #[test]
    fn colour_follows_the_flag_then_no_color_then_force_then_the_terminal() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Color, bool, bool);
        let cases: [Case<'_>; 14] = [
            (&[], Color::Auto, true, true),
            (&[], Color::Auto, false, false),
            (&[], Color::Always, false, true),
            (&[], Color::Never, true, false),
            (&[("NO_COLOR", "1")], Color::Auto, true, false),
            (&[("NO_COLOR", "")], Color::Auto, true, true),
            (&[("NO_COLOR", "1")], Color::Always, true, true),
            (&[("CLICOLOR_FORCE", "1")], Color::Auto, false, true),
            (&[("CLICOLOR_FORCE", "0")], Color::Auto, false, false),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], Color::Auto, false, false),
            (&[("CLICOLOR_FORCE", "1")], Color::Never, true, false),
            (&[("CLICOLOR", "0")], Color::Auto, true, false),
            (&[("TERM", "dumb")], Color::Auto, true, false),
            (&[("TERM", "dumb")], Color::Always, true, true),
        ];
        for (pairs, flag, is_terminal, wanted) in cases {
            assert_eq!(color(pairs, flag, is_terminal), wanted, "{pairs:?} {flag:?} terminal {is_terminal}");
        }
    }

    #[test]
    fn links_and_moving_lines_are_for_capable_terminals_only() {
        let shown = |pairs: &[(&str, &str)], is_terminal| {
            let style = Style::decide(&env(pairs), Color::Always, is_terminal);
            (style.links, style.live)
        };
        assert_eq!(shown(&[], true), (true, true));
        assert_eq!(shown(&[], false), (false, false));
        assert_eq!(shown(&[("CLICOLOR_FORCE", "1")], false), (false, false));
        assert_eq!(shown(&[("TERM", "dumb")], true), (false, false));
        assert_eq!(shown(&[("TERM", "linux")], true), (false, true));
        assert_eq!(shown(&[("OAR_ACCESSIBLE", "1")], true), (false, false));
        assert_eq!(shown(&[("OAR_ACCESSIBLE", "0")], true), (true, true));
    }

    #[test]
    fn a_bare_stream_shows_the_text_as_it_is() {
        let text = "a  Pass\n  job: https://ci.example.com/1";
        assert_eq!(Style::default().dress(text), text);
    }

    #[test]
    fn colour_marks_labels_and_whole_status_tokens_and_takes_nothing_away() {
        let style = Style { color: true, ..Style::default() };
        assert_eq!(style.dress("error: x"), "\u{1b}[1;31merror:\u{1b}[0m x");
        assert_eq!(style.dress("  next: x"), "  \u{1b}[36mnext:\u{1b}[0m x");
        assert_eq!(style.dress("task Pass: ok"), "task \u{1b}[32mPass\u{1b}[0m: ok");
        for left_alone in ["Passed", "By-Pass", "Failure", "no error: here", "Redmond"] {
            assert_eq!(style.dress(left_alone), left_alone);
        }
    }

    #[test]
    fn an_address_becomes_a_link_that_still_shows_it() {
        let style = Style { links: true, ..Style::default() };
        assert_eq!(
            style.dress("job: prow 1 (https://ci.example.com/Pass/1), later."),
            "job: prow 1 (\u{1b}]8;;https://ci.example.com/Pass/1\u{1b}\\https://ci.example.com/Pass/1\u{1b}]8;;\u{1b}\\), later."
        );
        assert_eq!(style.dress("http://"), "\u{1b}]8;;http://\u{1b}\\http://\u{1b}]8;;\u{1b}\\");
        let both = Style { links: true, color: true, ..Style::default() };
        assert!(both.dress("x https://ci.example.com/Pass").contains("/Pass\u{1b}]8;;"), "no colour inside an address");
    }

    #[test]
    fn a_screen_reader_hears_names_and_values_instead_of_columns_and_signs() {
        for (shown, wanted) in [
            ("stage-testing                In Progress  2026-06-04", "stage-testing: In Progress, 2026-06-04"),
            ("passed:  a, b", "passed: a, b"),
            ("  why:  no ticket", "why: no ticket"),
            ("               + start the job", "did: start the job"),
            ("         -> ask ART", "step: ask ART"),
            ("│ a │ b │", "a b"),
            ("one sentence", "one sentence"),
            ("", ""),
        ] {
            assert_eq!(spoken(shown), wanted);
        }
    }
}
