//! Numbers in the text form that Prometheus reads.

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    name: &'static str,
    about: &'static str,
    kind: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl Sample {
    /// A number that goes up and down.
    pub const fn gauge(name: &'static str, about: &'static str, value: f64) -> Self {
        Self { name, about, kind: "gauge", labels: Vec::new(), value }
    }

    /// A number that only grows while the process lives.
    pub const fn counter(name: &'static str, about: &'static str, value: f64) -> Self {
        Self { name, about, kind: "counter", labels: Vec::new(), value }
    }

    /// The same with a label.
    #[must_use]
    pub fn labelled(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

/// All `samples`; those of one name stand together.
pub fn text(samples: &[Sample]) -> String {
    let mut text = String::new();
    let mut before = "";
    for sample in samples {
        if sample.name != before {
            text.push_str(&format!("# HELP {0} {1}\n# TYPE {0} {2}\n", sample.name, sample.about, sample.kind));
            before = sample.name;
        }
        let labels: Vec<_> =
            sample.labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        text.push_str(&format!("{}{labels} {}\n", sample.name, sample.value));
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_explained_once_and_labels_are_escaped() {
        let calls = |tool: &str, times| Sample::counter("oar_calls_total", "Calls", times).labelled("tool", tool);
        let shown = text(&[calls("a\"b\\", 3.0), calls("c", 1.0), Sample::gauge("oar_up", "Up", 0.5)]);
        let wanted = "# HELP oar_calls_total Calls\n# TYPE oar_calls_total counter\n\
                      oar_calls_total{tool=\"a\\\"b\\\\\"} 3\noar_calls_total{tool=\"c\"} 1\n\
                      # HELP oar_up Up\n# TYPE oar_up gauge\noar_up 0.5\n";
        assert_eq!(shown, wanted);
    }
}
