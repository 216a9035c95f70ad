//! The bound before YAML that other people wrote: one place for all files but the state file, which has
//! a reader of its own.
//!
//! The parser's time grows with the square of open brackets (a minute for 100,000 of them), and it refuses
//! nesting beyond 128 only afterwards; so both are refused here before it starts. Aliases that multiply are
//! refused by the parser itself.

use serde::de::DeserializeOwned;

/// The largest real file, build data of an old minor, has less than one MB.
const MOST_BYTES: usize = 16 << 20;

/// Open brackets at one place. Those inside texts count, hence the module.
const MOST_DEEP: usize = 1_000;

/// Open brackets in all: closing ones can be hidden in texts, so the depth alone can be fooled.
const MOST_BRACKETS: usize = 20_000;

/// Reads one document.
///
/// # Errors
///
/// Why the text cannot be used, in words that follow "not YAML: ", without quoting it at length.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    check(text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_yaml::from_str(text).map_err(|cause| cause.to_string().chars().take(300).collect())
}

fn check(text: &str) -> Result<(), String> {
    if text.len() > MOST_BYTES {
        return Err(format!("larger than {MOST_BYTES} bytes"));
    }
    let (mut open, mut all) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => (open, all) = (open + 1, all + 1),
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MOST_DEEP || all > MOST_BRACKETS {
            return Err("it nests too deeply: more brackets than any real file has".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_yaml::Value;

    use super::*;

    #[test]
    fn what_would_keep_the_parser_busy_is_refused_before_it_starts() {
        let hidden = format!("a: {}", "[\"]\",".repeat(100_000));
        let bomb = (0..60).fold("a0: &a0 [x, x, x, x]\n".to_owned(), |text, n| {
            let next = n + 1;
            text + &format!("a{next}: &a{next} [*a{n}, *a{n}, *a{n}, *a{n}]\n")
        });
        let texts = [
            "[".repeat(100_000),
            "{a: ".repeat(100_000),
            "- ".repeat(100_000),
            "? ".repeat(50_000),
            hidden,
            bomb,
            format!("a: {}", "x".repeat(MOST_BYTES)),
        ];
        for text in texts {
            let error = parse::<Value>(&text).unwrap_err();
            assert!(error.len() < 400, "{} bytes about {:.20}", error.len(), text);
        }
    }

    #[test]
    fn a_byte_order_mark_and_other_line_ends_do_no_harm() {
        let wanted: Value = parse("a: 1\nb: [x]\n").unwrap();
        for text in ["\u{feff}a: 1\nb: [x]\n", "a: 1\r\nb: [x]\r\n", "---\na: 1\nb: [x]\n...\n"] {
            assert_eq!(parse::<Value>(text).unwrap(), wanted, "{text:?}");
        }
    }
}
