//! Command lines over the protocol: each becomes the call of a tool.
//!
//! A runner can do nothing that a tool cannot, and needs what that tool needs: its scope, its confirmation,
//! its rules for arguments. Which command lines there are is in `grammar::allow_list`.

use std::fmt::Write as _;

use futures::FutureExt as _;
use serde_json::{Map, Value, json};

use crate::grammar::allow_list::{self, NotAllowed, Sets};
use crate::mcp::arguments::Arguments;
use crate::mcp::call::ToolCall;
use crate::mcp::catalog;
use crate::mcp::confirm;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{Handler, Tool, ToolChange};
use crate::runs::run::Queue;

/// Runs the command of `call` as the tool that does the same.
pub fn run(call: &ToolCall, cli: &str) -> Result<ToolChange, Reply> {
    let command = call.arguments.text("command").unwrap_or_default();
    let args = call.arguments.text("args").unwrap_or_default();
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
fn translate(cli: &str, command: &str, args: &str) -> Result<(&'static Tool, Map<String, Value>), Reply> {
    let listed = allow_list::read(cli, command, args);
    let listed = listed.and_then(|(row, given)| match catalog::find(row.tool) {
        Some(tool) => Ok((tool, given)),
        None => Err(NotAllowed::Unlisted { command: row.command.to_owned() }),
    });
    listed.map_err(|why| match why {
        NotAllowed::OpenQuote => Reply::error(Code::InvalidArgument, "a quote in args is not closed", "close it"),
        NotAllowed::Unlisted { command } => {
            let why = format!("{cli} {command} is not one of the commands that may be run over this protocol");
            Reply::error(Code::Denied, why, format!("get_command_help with cli={cli} lists those that may"))
        }
        NotAllowed::Arguments { command, why } => {
            let hint = format!("get_command_help with cli={cli} and command={command}");
            Reply::error(Code::InvalidArgument, why, hint)
        }
    })
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
        for row in allow_list::ROWS.iter().filter(|row| row.cli == cli) {
            let title = catalog::find(row.tool).map(|tool| tool.title).unwrap_or_default();
            let _ = writeln!(text, "  {:<30} {title} (tool {})", row.command, row.tool);
        }
        return Ok(text.trim_end().to_owned());
    };
    let command = command.split_whitespace().collect::<Vec<_>>().join(" ");
    let row = allow_list::find(cli, &command);
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
    for option in row.options {
        let about = tool.params.iter().find(|param| param.name == option.parameter).map(|param| param.about);
        let value = if matches!(option.sets, Sets::Value) { " VALUE" } else { "" };
        let _ = writeln!(text, "  {}{value}  {}", option.spellings.join(", "), about.unwrap_or_default());
    }
    let _ = write!(text, "\nthe same as tool {}, scope {}", tool.name, tool.scope);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(cli: &str, command: &str, args: &str) -> (String, Value) {
        let (tool, given) = translate(cli, command, args).unwrap();
        (tool.name.to_owned(), Value::Object(given))
    }

    fn refused(cli: &str, command: &str, args: &str) -> String {
        let reply = translate(cli, command, args).unwrap_err();
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
    fn what_a_shell_would_act_on_is_part_of_its_argument_and_nothing_is_dropped() {
        for text in ["#12", "$HOME", "a;b", "`id`", "a|b", "*"] {
            assert_eq!(translated("oar", "issue", &format!("add {text}")).1, json!({ "issue": text }), "{text}");
        }
        assert_eq!(refused("oar", "issue", "add x # y"), "INVALID_ARGUMENT", "two arguments too many");
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
    fn every_task_with_a_tool_can_be_run_by_its_command_line() {
        for task in crate::domain::task::Task::ALL {
            let row = allow_list::find("oar", task.name());
            assert_eq!(row.map(|row| row.tool), crate::mcp::next_call::tool_of(task), "{task}");
        }
    }

    #[test]
    fn every_row_names_a_tool_and_its_parameters() {
        for row in allow_list::ROWS {
            let tool = catalog::find(row.tool).unwrap_or_else(|| panic!("{} is no tool", row.tool));
            let takes = |name: &str| tool.params.iter().any(|param| param.name == name);
            let named = row.fixed.iter().map(|(name, _)| *name).chain(row.plain.iter().copied());
            let options = row
                .options
                .iter()
                .filter(|option| !matches!(option.sets, Sets::Nothing))
                .map(|option| option.parameter);
            for name in named.chain(options) {
                assert!(takes(name), "{} takes no {name}", tool.name);
            }
            assert!(help(row.cli, Some(row.command)).unwrap().contains(row.tool));
        }
        assert!(help("oar", None).unwrap().contains("stage-testing"));
        help("oar", Some("config decrypt")).unwrap_err();
    }
}
