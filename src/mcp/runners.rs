//! Command lines over the protocol: an allow-list that turns each into the call of a tool.
//!
//! A runner can do nothing that a tool cannot, and needs what that tool needs: its scope, its confirmation,
//! its rules for arguments. Commands that take a path, decrypt, serve or decide have no tool and no row here.

use std::fmt::Write as _;

use futures::FutureExt as _;
use serde_json::{Map, Value, json};

use crate::mcp::arguments::Arguments;
use crate::mcp::call::ToolCall;
use crate::mcp::catalog;
use crate::mcp::confirm;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{Handler, Tool, ToolChange};
use crate::runs::run::Queue;

/// One command that a runner knows.
struct CommandRow {
    cli: &'static str,
    command: &'static str,
    tool: &'static str,
    /// Parameters that the command itself says.
    fixed: &'static [(&'static str, &'static str)],
    /// Arguments without a name, in order.
    plain: &'static [&'static str],
    options: &'static [Opt],
}

/// One option: its spellings, the parameter, and what it sets when it takes no value.
struct Opt(&'static [&'static str], &'static str, Sets);

#[derive(Clone, Copy)]
enum Sets {
    /// What follows.
    Value,
    /// This.
    Flag(bool),
    /// Nothing: the tool does it anyway.
    Nothing,
}

const ARCH: Opt = Opt(&["--arch"], "arch", Sets::Value);
const BUILD: Opt = Opt(&["-b", "--build"], "build", Sets::Value);
const MINOR: Opt = Opt(&["-r", "--release"], "release", Sets::Value);
const REASON: Opt = Opt(&["--reason"], "reason", Sets::Value);
const NOTIFY: Opt = Opt(&["--notify"], "notify", Sets::Flag(true));
const NO_NOTIFY: Opt = Opt(&["--no-notify"], "notify", Sets::Flag(false));
const DECIDE: Opt = Opt(&["--decide"], "decide", Sets::Value);

const fn oar(command: &'static str, tool: &'static str, options: &'static [Opt]) -> CommandRow {
    CommandRow { cli: "oar", command, tool, fixed: &[], plain: &[], options }
}

const fn other(cli: &'static str, command: &'static str, tool: &'static str, options: &'static [Opt]) -> CommandRow {
    CommandRow { cli, command, tool, fixed: &[], plain: &[], options }
}

/// Every command that may be run.
const ROWS: &[CommandRow] = &[
    oar("create-test-report", "oar_create_test_report", &[]),
    oar("take-ownership", "oar_take_ownership", &[Opt(&["-e", "--email"], "email", Sets::Value)]),
    oar("check-cve-tracker-bug", "oar_check_cve_tracker_bug", &[NOTIFY, NO_NOTIFY]),
    oar("check-rhcos-security-alerts", "oar_check_rhcos_security_alerts", &[NOTIFY, NO_NOTIFY]),
    oar("push-to-cdn-staging", "oar_push_to_cdn_staging", &[]),
    oar(
        "image-consistency-check",
        "oar_image_consistency_check",
        &[Opt(&["-i", "--job-id", "-n", "--build-number"], "job_id", Sets::Value)],
    ),
    oar(
        "stage-testing",
        "oar_stage_testing",
        &[
            Opt(&["-n", "--build-number"], "build_number", Sets::Value),
            Opt(&["--force"], "", Sets::Nothing),
            Opt(&["--reason"], "force_reason", Sets::Value),
        ],
    ),
    oar("image-signed-check", "oar_image_signed_check", &[]),
    oar(
        "change-advisory-status",
        "oar_change_advisory_status",
        &[Opt(&["--ignore-release-date"], "ignore_release_date", Sets::Flag(true))],
    ),
    CommandRow {
        fixed: &[("which", "candidate")],
        ..oar("analyze-candidate-build", "oar_analyze_build", &[DECIDE, REASON])
    },
    CommandRow {
        fixed: &[("which", "promoted")],
        ..oar("analyze-promoted-build", "oar_analyze_build", &[DECIDE, REASON])
    },
    oar("check-greenwave-cvp-tests", "oar_check_greenwave_cvp_tests", &[]),
    oar("update-bug-list", "oar_update_bug_list", &[NOTIFY, NO_NOTIFY]),
    oar("drop-bugs", "oar_drop_bugs", &[]),
    oar("status", "oar_get_release_status", &[]),
    oar("is-shipped", "oar_is_release_shipped", &[]),
    oar("metadata", "oar_get_release_metadata", &[]),
    oar("plan", "oar_plan_next_actions", &[]),
    CommandRow {
        plain: &["task_name", "status"],
        ..oar("update-task-status", "oar_update_task_status", &[Opt(&["--reason"], "result", Sets::Value)])
    },
    CommandRow {
        plain: &["issue"],
        ..oar(
            "issue add",
            "oar_add_issue",
            &[Opt(&["--task"], "related_tasks", Sets::Value), Opt(&["--no-blocker"], "blocker", Sets::Flag(false))],
        )
    },
    CommandRow {
        plain: &["issue"],
        ..oar("issue resolve", "oar_resolve_issue", &[Opt(&["--resolution"], "resolution", Sets::Value)])
    },
    oar("issue list", "oar_get_issues", &[]),
    other("oarctl", "start-release-detector", "oarctl_start_release_detector", &[MINOR]),
    other(
        "oarctl",
        "jira-notificator",
        "oarctl_jira_notificator",
        &[Opt(&["--dry-run"], "dry_run", Sets::Flag(true)), Opt(&["--from-date"], "from_date", Sets::Value)],
    ),
    CommandRow {
        plain: &["job_name"],
        ..other(
            "job",
            "run",
            "job_run",
            &[
                Opt(&["--payload"], "payload", Sets::Value),
                Opt(&["--upgrade_from", "--upgrade-from"], "upgrade_from", Sets::Value),
                Opt(&["--upgrade_to", "--upgrade-to"], "upgrade_to", Sets::Value),
            ],
        )
    },
    other(
        "jobctl",
        "start-controller",
        "jobctl_start_controller",
        &[
            MINOR,
            Opt(&["--nightly"], "nightly", Sets::Flag(true)),
            Opt(&["--no-nightly"], "nightly", Sets::Flag(false)),
            Opt(&["--trigger-prow-job"], "trigger_prow_job", Sets::Value),
            ARCH,
        ],
    ),
    other(
        "jobctl",
        "trigger-jobs-for-build",
        "jobctl_trigger_jobs_for_build",
        &[
            BUILD,
            ARCH,
            Opt(&["--skip-existing"], "skip_existing", Sets::Flag(true)),
            Opt(&["--no-skip-existing"], "skip_existing", Sets::Flag(false)),
        ],
    ),
    other("jobctl", "start-aggregator", "jobctl_start_aggregator", &[ARCH]),
    other("jobctl", "promote-test-results", "jobctl_promote_test_results", &[BUILD, ARCH, REASON]),
    other(
        "jobctl",
        "update-retried-job-run",
        "jobctl_update_retried_job_run",
        &[
            BUILD,
            Opt(&["--job-name"], "job_name", Sets::Value),
            Opt(&["--current-job-id"], "current_job_id", Sets::Value),
            Opt(&["--new-job-id"], "new_job_id", Sets::Value),
            ARCH,
            REASON,
        ],
    ),
];

/// Runs the command of `call` as the tool that does the same.
pub fn run(call: &ToolCall, cli: &str) -> Result<ToolChange, Reply> {
    let command = call.arguments.text("command").unwrap_or_default();
    let args = split(call.arguments.text("args").unwrap_or_default())?;
    let (tool, mut given) = translate(cli, command, args)?;
    if let Some(release) = call.arguments.text("release") {
        given.insert("release".to_owned(), json!(release));
    }
    if !call.who.may(tool.scope) {
        let hint = format!("ask for a token with scope {}", tool.scope);
        return Err(Reply::error(Code::Denied, format!("{} may not run {cli} {command}", call.who.name), hint));
    }
    let arguments =
        Arguments::read(tool.params, &given, &call.shared.hosts).map_err(|error| Reply::bad_argument(&error))?;
    let inner = ToolCall { arguments, ..call.clone() };
    match tool.work {
        Handler::Change(change) => {
            let change = confirm::by_policy(tool, &inner, change(&inner)?);
            Ok(ToolChange { policy_of: Some(tool.name), ..change })
        }
        // No row of the list names one of these.
        Handler::CommandLine(_) | Handler::CommandHelp => {
            let why = format!("{cli} {command} runs other commands; name the one that is meant");
            Err(Reply::error(Code::Denied, why, format!("get_command_help with cli={cli} lists them")))
        }
        Handler::Look(look) | Handler::Known(_, look) => {
            let queue = Queue::Looks { of: call.who.name.clone() };
            Ok(ToolChange::new(queue, move |ctx| async move { look(ToolCall { ctx, ..inner }).await }.boxed_local()))
        }
    }
}

/// The tool that does what a command line does, and its arguments.
fn translate(cli: &str, command: &str, mut args: Vec<String>) -> Result<(&'static Tool, Map<String, Value>), Reply> {
    let mut command = command.split_whitespace().collect::<Vec<_>>().join(" ");
    if command == "issue" && !args.is_empty() {
        command = format!("issue {}", args.remove(0));
    }
    let row = ROWS.iter().find(|row| row.cli == cli && row.command == command);
    let tool = row.and_then(|row| catalog::find(row.tool));
    let (Some(row), Some(tool)) = (row, tool) else {
        let why = format!("{cli} {command} is not one of the commands that may be run over this protocol");
        return Err(Reply::error(Code::Denied, why, format!("get_command_help with cli={cli} lists those that may")));
    };
    let wrong = |why: String| {
        Reply::error(Code::InvalidArgument, why, format!("get_command_help with cli={cli} and command={command}"))
    };
    let mut given = Map::new();
    for (name, value) in row.fixed {
        given.insert((*name).to_owned(), json!(value));
    }
    let mut plain = row.plain.iter();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if !arg.starts_with('-') || arg == "-" {
            let Some(name) = plain.next() else { return Err(wrong(format!("{arg:?} is one argument too many"))) };
            given.insert((*name).to_owned(), json!(arg));
            continue;
        }
        let (spelled, inline) = match arg.split_once('=') {
            Some((spelled, value)) => (spelled.to_owned(), Some(value.to_owned())),
            None => (arg, None),
        };
        let option = row.options.iter().find(|option| option.0.contains(&spelled.as_str()));
        let Some(Opt(_, name, sets)) = option else { return Err(wrong(format!("{command} takes no {spelled}"))) };
        match sets {
            Sets::Flag(flag) => drop(given.insert((*name).to_owned(), json!(flag))),
            Sets::Nothing => {}
            Sets::Value => {
                let value = inline.or_else(|| args.next());
                let value = value.ok_or_else(|| wrong(format!("{spelled} needs a value")))?;
                let value = match value.as_str() {
                    "true" | "True" => json!(true),
                    "false" | "False" => json!(false),
                    text => match given.get(*name).and_then(Value::as_str) {
                        // Given several times: names are collected.
                        Some(before) => json!(format!("{before},{text}")),
                        None => json!(text),
                    },
                };
                given.insert((*name).to_owned(), value);
            }
        }
    }
    Ok((tool, given))
}

/// Splits as a shell does, and does nothing else that a shell does.
fn split(line: &str) -> Result<Vec<String>, Reply> {
    let (mut args, mut arg, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => arg.get_or_insert_default().push(c),
            (_, '\\') => arg.get_or_insert_default().extend(letters.next()),
            (None, '\'' | '"') => {
                quote = Some(c);
                arg.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => args.extend(arg.take()),
            (_, c) => arg.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Reply::error(Code::InvalidArgument, "a quote in args is not closed", "close it"));
    }
    args.extend(arg);
    Ok(args)
}

/// The answer of the tool that lists which command lines there are.
pub fn help_of(call: &ToolCall) -> Reply {
    let cli = call.arguments.text("cli").unwrap_or_default();
    match help(cli, call.arguments.text("command")) {
        Ok(text) => Reply::said(format!("help of {cli}"), text),
        Err(refused) => refused,
    }
}

/// What a command takes and does; all commands of `cli` when none is named.
fn help(cli: &str, command: Option<&str>) -> Result<String, Reply> {
    let mut text = String::new();
    let Some(command) = command else {
        let runner = if cli == "job" { "job_run" } else { &format!("{cli}_run_command") };
        let _ = writeln!(text, "Commands of {cli} that {runner} runs; each is also a tool of its own:");
        for row in ROWS.iter().filter(|row| row.cli == cli) {
            let title = catalog::find(row.tool).map(|tool| tool.title).unwrap_or_default();
            let _ = writeln!(text, "  {:<30} {title} (tool {})", row.command, row.tool);
        }
        return Ok(text.trim_end().to_owned());
    };
    let command = command.split_whitespace().collect::<Vec<_>>().join(" ");
    let row = ROWS.iter().find(|row| row.cli == cli && row.command == command);
    let Some((row, tool)) = row.and_then(|row| Some((row, catalog::find(row.tool)?))) else {
        let hint = format!("get_command_help with cli={cli} alone lists them");
        return Err(Reply::error(Code::NotFound, format!("{cli} has no command {command:?} here"), hint));
    };
    let release = if cli == "oar" { " -r RELEASE" } else { "" };
    let _ = write!(text, "usage: {cli}{release} {}", row.command);
    for name in row.plain {
        let _ = write!(text, " {}", name.to_uppercase());
    }
    let _ = writeln!(text, "{}\n\n{}", if row.options.is_empty() { "" } else { " [OPTIONS]" }, tool.description());
    for Opt(spelled, name, sets) in row.options {
        let about = tool.params.iter().find(|param| param.name == *name).map(|param| param.about).unwrap_or_default();
        let value = if matches!(sets, Sets::Value) { " VALUE" } else { "" };
        let _ = writeln!(text, "  {}{value}  {about}", spelled.join(", "));
    }
    let _ = write!(text, "\nthe same as tool {}, scope {}", tool.name, tool.scope);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(cli: &str, command: &str, args: &str) -> (String, Value) {
        let (tool, given) = translate(cli, command, split(args).unwrap()).unwrap();
        (tool.name.to_owned(), Value::Object(given))
    }

    fn refused(cli: &str, command: &str, args: &str) -> String {
        let reply = split(args).and_then(|args| translate(cli, command, args)).unwrap_err();
        reply.body["error"]["code"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_command_line_becomes_the_call_of_its_tool() {
        assert_eq!(
            translated("oar", "stage-testing", "-n 1413"),
            ("oar_stage_testing".to_owned(), json!({ "build_number": "1413" }))
        );
        assert_eq!(
            translated("oar", "issue", r#"add "it's \"late\"" --task stage-testing --task=drop-bugs --no-blocker"#),
            (
                "oar_add_issue".to_owned(),
                json!({ "issue": "it's \"late\"", "related_tasks": "stage-testing,drop-bugs", "blocker": false })
            )
        );
        assert_eq!(
            translated("jobctl", "start-controller", "-r 4.20 --trigger-prow-job False"),
            ("jobctl_start_controller".to_owned(), json!({ "release": "4.20", "trigger_prow_job": false }))
        );
        assert_eq!(translated("oar", "analyze-promoted-build", "").1, json!({ "which": "promoted" }));
    }

    #[test]
    fn what_takes_a_path_decrypts_serves_or_decides_is_denied() {
        for command in ["config decrypt", "config", "state", "sim serve", "mcp serve", "rehearse", "drive", "", "../x"]
        {
            assert_eq!(refused("oar", command, "a b"), "DENIED", "{command}");
        }
        assert_eq!(refused("oarctl", "approval-checker", ""), "DENIED");
        assert_eq!(refused("jobctl", "stage-testing", ""), "DENIED", "a command of another program");
    }

    #[test]
    fn what_a_command_does_not_take_is_an_error() {
        for args in ["--state /tmp/x", "-n", "1413", "'open"] {
            assert_eq!(refused("oar", "stage-testing", args), "INVALID_ARGUMENT", "{args}");
        }
    }

    #[test]
    fn every_row_names_a_tool_and_its_parameters() {
        for row in ROWS {
            let tool = catalog::find(row.tool).unwrap_or_else(|| panic!("{} is no tool", row.tool));
            let takes = |name: &str| tool.params.iter().any(|param| param.name == name);
            let named = row.fixed.iter().map(|(name, _)| *name).chain(row.plain.iter().copied());
            let options = row.options.iter().filter(|option| !matches!(option.2, Sets::Nothing)).map(|option| option.1);
            for name in named.chain(options) {
                assert!(takes(name), "{} takes no {name}", tool.name);
            }
            assert!(help(row.cli, Some(row.command)).unwrap().contains(row.tool));
        }
        assert!(help("oar", None).unwrap().contains("stage-testing"));
        help("oar", Some("config decrypt")).unwrap_err();
    }
}
