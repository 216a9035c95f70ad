//! Judging test results.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::json;

use crate::core::access::principal::Scope;
use crate::core::context::Context;
use crate::domain::acceptance::RecordVerdict;
use crate::domain::ids::BuildName;
use crate::domain::task::Which;
use crate::mcp::arguments::{ParamKind, RELEASE, optional, required};
use crate::mcp::call::ToolCall;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{ADDS, Counted, EffectMark, Handler, LOOKS, Tool, ToolChange, Toolset};
use crate::operators::request::{BuildDecision, TaskRequest};
use crate::operators::views::test_record;

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "oar_get_test_result",
        aliases: &[],
        title: "Test record of a build",
        about: "The test record of a build: verdict by the strict rule, every job with its runs, and what is missing.",
        mark: EffectMark::ReadOnly,
        toolset: Toolset::Analysis,
        counted: Counted::Api,
        scope: Scope::Read,
        hints: LOOKS,
        params: &[
            required("build", ParamKind::Text(200), "Build, e.g. 4.20.17 or 4.20.0-0.nightly-2026-05-03-214402"),
            super::jobs::ARCH,
        ],
        work: Handler::Look(test_result),
    },
    Tool {
        name: "oar_analyze_build",
        aliases: &[],
        title: "Analyze a build",
        about: "Judges the test record of the candidate or promoted build and stores the verdict. With decide and \
            reason stores a person's decision about a rejected build, which asks a human.",
        mark: EffectMark::Write,
        // Without it no release can be taken through.
        toolset: Toolset::Release,
        counted: Counted::Cli,
        scope: Scope::Write,
        hints: ADDS,
        params: &[
            RELEASE,
            required("which", ParamKind::Choice(&["candidate", "promoted"]), "Which build"),
            optional("decide", ParamKind::Choice(&["accept", "reject"]), "A person's decision"),
            optional("reason", ParamKind::Text(1000), "Why; stored, needed with decide"),
        ],
        work: Handler::Change(analyze),
    },
];

fn test_result(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move {
        let build = call.arguments.text("build").unwrap_or_default();
        let arch = call.arguments.text("arch").unwrap_or("amd64");
        record(&call.ctx, build, arch).await
    }
    .boxed_local()
}

/// The record of `build` with its verdict.
pub async fn record(ctx: &Context, build: &str, arch: &str) -> Reply {
    if build.parse::<BuildName>().is_err() {
        let hint = "give a release (4.20.17) or the name of a nightly";
        return Reply::error(Code::InvalidArgument, "build is no name of a build", hint);
    }
    let view = match test_record::of(ctx, build, arch).await {
        Ok(Some(view)) => view,
        Ok(None) => {
            let hint = "it comes 10 to 120 min after promotion; look again then";
            return Reply::error(Code::NotFound, format!("{build} has no test record for {arch} yet"), hint);
        }
        Err(error) => return Reply::operator(&format!("the test record of {build}"), &error),
    };
    let judgement = match &view.verdict {
        RecordVerdict::Accepted { .. } => "accepted",
        RecordVerdict::Rejected { .. } => "rejected",
        RecordVerdict::Invalid { .. } => "unusable",
        RecordVerdict::Missing | RecordVerdict::NotStarted | RecordVerdict::Aggregating { .. } => "not finished",
    };
    let data = json!({
        "build": build, "arch": arch, "verdict": judgement, "why": view.verdict.to_string(),
        "has_registry": view.has_registry, "record": view.file,
    });
    Reply::data(format!("the test record of {build} is {judgement}"), data)
}

fn analyze(call: &ToolCall) -> Result<ToolChange, Reply> {
    let given = &call.arguments;
    let which = if given.text("which") == Some("candidate") { Which::Candidate } else { Which::Promoted };
    let decide = match (given.text("decide"), given.text("reason")) {
        (Some(judgement), Some(reason)) => {
            Some(BuildDecision { accept: judgement == "accept", reason: reason.to_owned() })
        }
        (Some(_), None) => {
            let why = "a decision needs its reason";
            return Err(Reply::error(Code::InvalidArgument, why, "give reason; it is stored with the decision"));
        }
        (None, _) => None,
    };
    super::tasks::task(call, TaskRequest::AnalyzeBuild { which, decide })
}
