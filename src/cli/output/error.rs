//! Errors as text and JSON, with the exit code that follows from them.

use std::error::Error;

use crate::cli::output::exit::Exit;
use crate::core::error::ErrorClass;
use crate::operators::error::TaskFailure;
use crate::render::documents::error::{ErrorDocument, ErrorPart};
use crate::render::styled::{Styled, Tone};
use crate::render::text::{causes, clean};

/// An error as people read it: what failed, why, what had happened, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReport {
    /// What failed, one level.
    pub what: String,
    /// Why, one line per cause.
    pub why: Vec<String>,
    /// What had already happened outside.
    pub done: Vec<String>,
    /// What to do.
    pub next: String,
    /// How the program ends.
    pub exit: Exit,
    /// What kind of trouble it is.
    pub class: ErrorClass,
}

impl ErrorReport {
    /// A command line that makes no sense.
    pub fn usage(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            what: "the command line makes no sense".to_owned(),
            why: vec![why.into()],
            done: Vec::new(),
            next: next.into(),
            exit: Exit::Usage,
            class: ErrorClass::InvalidInput,
        }
    }

    /// `error` with its causes.
    pub fn new(what: impl Into<String>, error: &dyn Error, next: String, class: ErrorClass) -> Self {
        Self { what: what.into(), why: causes(error), done: Vec::new(), next, exit: Exit::of_error(class), class }
    }

    /// A task that could not be carried out.
    pub fn failure(failure: &TaskFailure) -> Self {
        let class = failure.error.class();
        let mut why = causes(&failure.error);
        if failure.error.to_string().is_empty() {
            why.remove(0);
        }
        Self {
            what: failure.to_string(),
            why,
            done: failure.done.clone(),
            next: failure.error.next_step(),
            exit: Exit::of_error(class),
            class,
        }
    }

    /// The text for stderr.
    pub fn text(&self) -> Styled {
        let mut text = Styled::toned(Tone::Bad, "error: ") + self.what.as_str();
        for (place, why) in self.why.iter().enumerate() {
            text.line(format!("  {} {why}", if place == 0 { "why: " } else { "     " }));
        }
        if !self.done.is_empty() {
            text.line(format!("  done: {}", self.done.join("; ")));
        }
        for (place, step) in self.next.lines().enumerate() {
            let head = if place == 0 { "  next: " } else { "        " };
            text.line(Styled::toned(Tone::Pending, head) + step);
        }
        text
    }

    /// The same for programs.
    pub fn document(&self) -> ErrorDocument {
        let each = |texts: &[String]| texts.iter().map(|text| clean(text)).collect();
        ErrorDocument {
            ok: false,
            error: ErrorPart {
                class: self.class,
                what: clean(&self.what),
                why: each(&self.why),
                done: each(&self.done),
                next: clean(&self.next),
                exit: self.exit.code(),
            },
        }
    }
}
