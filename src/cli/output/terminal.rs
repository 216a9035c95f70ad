//! What may be shown on a stream: colour, links, a moving line, words for a screen reader.
//!
//! One place decides and one function dresses every printed text, by what its parts say they are. Dressing adds
//! nothing to the meaning: whoever sees the bare text misses nothing.

use anstream::adapter::strip_str;
use anstyle::AnsiColor;

use crate::core::config::env::Env;
use crate::grammar::args::Color;
use crate::render::styled::{Part, Styled, Tone};

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
    pub fn dress(self, text: &Styled) -> String {
        let shown: String = text.parts().iter().map(|part| self.dress_part(part)).collect();
        if self.accessible { spoken(&shown) } else { shown }
    }

    fn dress_part(self, part: &Part) -> String {
        let text = part.text();
        match part.tone() {
            Some(Tone::Link) if self.links => format!("\u{1b}]8;;{text}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\"),
            Some(tone) if self.color => {
                // Blanks that fill a column have no colour.
                let (inner, style) = (text.trim(), look(tone));
                text.replacen(inner, &format!("{style}{inner}{style:#}"), 1)
            }
            Some(_) | None => text.to_owned(),
        }
    }
}

/// What a tone looks like in colour.
const fn look(tone: Tone) -> anstyle::Style {
    match tone {
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Warning => AnsiColor::Yellow.on_default(),
        Tone::Pending => AnsiColor::Cyan.on_default(),
        Tone::Link => anstyle::Style::new(),
    }
}

/// A variable that stands for yes: given, and not 0, no or false.
fn switched_on(env: &Env, name: &str) -> bool {
    env.get(name).is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "false" | "off"))
}

/// The same text in a form that can be read aloud: columns become `name: value, value`, signs become words.
fn spoken(text: &str) -> String {
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
            Some((name, values)) if strip_str(name).to_string().ends_with(':') => {
                format!("{name} {}", values.join(", "))
            }
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

    /// A line with a label, a status that fills its column, and a page.
    fn line() -> Styled {
        let line = Styled::toned(Tone::Bad, "  FAILED: ") + "a  " + Styled::toned(Tone::Good, format!("{:<6}", "Pass"));
        line + "job (https://ci.example.com/Pass/1)."
    }

    #[test]
    fn a_bare_stream_shows_the_text_as_it_is() {
        assert_eq!(Style::default().dress(&line()), "  FAILED: a  Pass  job (https://ci.example.com/Pass/1).");
    }

    #[test]
    fn colour_marks_what_has_a_tone_and_takes_nothing_away() {
        let style = Style { color: true, ..Style::default() };
        let shown = style.dress(&(line() + " error: Pass"));
        assert_eq!(
            shown,
            "  \u{1b}[1m\u{1b}[31mFAILED:\u{1b}[0m a  \u{1b}[32mPass\u{1b}[0m  job (https://ci.example.com/Pass/1). \
             error: Pass"
        );
        assert_eq!(strip_str(&shown).to_string(), format!("{} error: Pass", line()));
    }

    #[test]
    fn an_address_becomes_a_link_that_still_shows_it() {
        let style = Style { links: true, ..Style::default() };
        let page = "https://ci.example.com/Pass/1";
        let shown = format!("  FAILED: a  Pass  job (\u{1b}]8;;{page}\u{1b}\\{page}\u{1b}]8;;\u{1b}\\).");
        assert_eq!(style.dress(&line()), shown);
    }

    #[test]
    fn colour_changes_nothing_of_what_a_screen_reader_reads() {
        let spoken = Style { accessible: true, ..Style::default() };
        let shown = Style { color: true, ..spoken }.dress(&line());
        assert!(shown.starts_with("\u{1b}[1m\u{1b}[31mFAILED:\u{1b}[0m a: "), "{shown:?}");
        assert_eq!(strip_str(&shown).to_string(), spoken.dress(&line()));
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
