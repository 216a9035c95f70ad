//! What is wrong with registries, for people.

use crate::domain::job_registry::finding::Severity;
use crate::operators::views::registries::ReadRegistry;
use crate::render::styled::{Styled, Tone};

/// One line per registry, and one for each finding.
pub fn text(read: &[ReadRegistry]) -> Styled {
    let mut text = Styled::default();
    if read.is_empty() {
        text.line("there is no registry");
    }
    for ReadRegistry { file, registry } in read {
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => {
                text.line(
                    Styled::from(format!("{file}: ")) + Styled::toned(Tone::Bad, "cannot be read") + format!(": {why}"),
                );
                continue;
            }
        };
        let count = |severity| registry.findings().iter().filter(|one| one.flaw.severity() == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let verdict = match (errors, warnings) {
            (0, 0) => Styled::toned(Tone::Good, "ok"),
            (0, _) => Styled::toned(Tone::Warning, plural(warnings, "warning")),
            (_, 0) => Styled::toned(Tone::Bad, plural(errors, "error")),
            (_, _) => Styled::toned(Tone::Bad, plural(errors, "error")) + format!(", {}", plural(warnings, "warning")),
        };
        text.line(Styled::from(format!("{file}: ")) + verdict);
        for finding in registry.findings() {
            let severity = finding.flaw.severity();
            let tone = match severity {
                Severity::Error => Tone::Bad,
                Severity::Warning => Tone::Warning,
            };
            text.line(Styled::toned(tone, format!("  {}: ", severity.name())) + finding.to_string());
        }
    }
    text
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
