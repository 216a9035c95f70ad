//! Judging test results.

use futures::FutureExt as _;

use crate::core::access::principal::Scope;
use crate::domain::task::Which;
use crate::mcp::arguments::{Kind, RELEASE, optional, required};
use crate::mcp::call::Call;
use crate::mcp::confirm::questions;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{ADDS, Change, Counted, Mark, Tool, Toolset, Work};
use crate::operators::request::Verdict;

/// The tools of this file.
pub const TOOLS: &[Tool] = &[Tool {
    name: "oar_analyze_build",
    aliases: &[],
    title: "Analyze a build",
    about: "Judges the test record of the candidate or promoted build and stores the verdict. With decide and \
            reason stores a person's decision about a rejected build, which asks a human.",
    mark: Mark::Write,
    toolset: Toolset::Analysis,
    counted: Counted::Cli,
    scope: Scope::Write,
    hints: ADDS,
    params: &[
        RELEASE,
        required("which", Kind::Choice(&["candidate", "promoted"]), "Which build"),
        optional("decide", Kind::Choice(&["accept", "reject"]), "A person's decision"),
        optional("reason", Kind::Text(1000), "Why; stored, needed with decide"),
    ],
    work: Work::Change(analyze),
}];

fn analyze(call: &Call) -> Result<Change, Reply> {
    let given = &call.arguments;
    let which = if given.text("which") == Some("candidate") { Which::Candidate } else { Which::Promoted };
    let decide = match (given.text("decide"), given.text("reason")) {
        (Some(word), Some(reason)) => Some(Verdict { accept: word == "accept", reason: reason.to_owned() }),
        (Some(_), None) => {
            let why = "a decision needs its reason";
            return Err(Reply::error(Code::InvalidArgument, why, "give reason; it is stored with the decision"));
        }
        (None, _) => None,
    };
    let (release, word) = (call.release()?, decide.clone());
    let change = super::tasks::analyze(call, which, decide)?;
    Ok(match word {
        Some(word) => {
            change.asking(move |ctx| questions::deciding(ctx, release.clone(), which, word.clone()).boxed_local())
        }
        None => change,
    })
}
