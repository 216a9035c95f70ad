//! Payloads compared with shipments, for people.

use crate::domain::consistency::{Consistency, ConsistencyReport};

/// Every comparison with all its images, one line each.
pub fn text(reports: &[ConsistencyReport]) -> String {
    reports.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

fn one(report: &ConsistencyReport) -> String {
    let mut lines = vec![format!("{} {} against {}", report.release, report.payload, report.shipment)];
    lines.extend(report.images.iter().map(ToString::to_string));
    if !report.skipped.is_empty() {
        lines.push(format!("not compared: {}", report.skipped.join(", ")));
    }
    lines.extend(report.warnings.iter().map(|warning| format!("note: {warning}")));
    let verdict = match report.verdict() {
        Consistency::Consistent => "consistent",
        Consistency::Inconsistent => "NOT consistent",
        Consistency::Unknown => "not known",
    };
    lines.push(format!("{verdict}: {}", report.summary()));
    lines.join("\n")
}
