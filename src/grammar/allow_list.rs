//! The command lines that agents may run, and the parameters that they stand for.
//!
//! Commands that take a path, decrypt, serve or decide have no row here.

use serde_json::{Map, Value, json};

/// One command that may be run.
#[derive(Debug)]
pub struct CommandRow {
    /// The program.
    pub cli: &'static str,
    /// The command.
    pub command: &'static str,
    /// The tool that does the same.
    pub tool: &'static str,
    /// Parameters that the command itself says.
    pub fixed: &'static [(&'static str, &'static str)],
    /// Arguments without a name, in order.
    pub plain: &'static [&'static str],
    /// Its options.
    pub options: &'static [CommandOption],
}

/// One option.
#[derive(Debug)]
pub struct CommandOption {
    /// How it is spelled.
    pub spellings: &'static [&'static str],
    /// The parameter of the tool that it sets.
    pub parameter: &'static str,
    /// To what.
    pub sets: Sets,
}

/// What an option sets its parameter to.
#[derive(Debug, Clone, Copy)]
pub enum Sets {
    /// What follows.
    Value,
    /// This.
    Flag(bool),
    /// Nothing: the tool does it anyway.
    Nothing,
}

const ARCH: CommandOption = option(&["--arch"], "arch", Sets::Value);
const BUILD: CommandOption = option(&["-b", "--build"], "build", Sets::Value);
const MINOR: CommandOption = option(&["-r", "--release"], "release", Sets::Value);
const REASON: CommandOption = option(&["--reason"], "reason", Sets::Value);
const NOTIFY: CommandOption = option(&["--notify"], "notify", Sets::Flag(true));
const NO_NOTIFY: CommandOption = option(&["--no-notify"], "notify", Sets::Flag(false));
const DECIDE: CommandOption = option(&["--decide"], "decide", Sets::Value);

const fn option(spellings: &'static [&'static str], parameter: &'static str, sets: Sets) -> CommandOption {
    CommandOption { spellings, parameter, sets }
}

const fn oar(command: &'static str, tool: &'static str, options: &'static [CommandOption]) -> CommandRow {
    CommandRow { cli: "oar", command, tool, fixed: &[], plain: &[], options }
}

const fn other(
    cli: &'static str,
    command: &'static str,
    tool: &'static str,
    options: &'static [CommandOption],
) -> CommandRow {
    CommandRow { cli, command, tool, fixed: &[], plain: &[], options }
}

/// Every command that may be run.
pub const ROWS: &[CommandRow] = &[
    oar("create-test-report", "oar_create_test_report", &[]),
    oar("take-ownership", "oar_take_ownership", &[option(&["-e", "--email"], "email", Sets::Value)]),
    oar("check-cve-tracker-bug", "oar_check_cve_tracker_bug", &[NOTIFY, NO_NOTIFY]),
    oar("check-rhcos-security-alerts", "oar_check_rhcos_security_alerts", &[NOTIFY, NO_NOTIFY]),
    oar("push-to-cdn-staging", "oar_push_to_cdn_staging", &[]),
    oar(
        "image-consistency-check",
        "oar_image_consistency_check",
        &[option(&["-i", "--job-id", "-n", "--build-number"], "job_id", Sets::Value)],
    ),
    oar(
        "stage-testing",
        "oar_stage_testing",
        &[
            option(&["-n", "--build-number"], "build_number", Sets::Value),
            option(&["--force"], "", Sets::Nothing),
            option(&["--reason"], "force_reason", Sets::Value),
        ],
    ),
    oar("image-signed-check", "oar_image_signed_check", &[]),
    oar(
        "change-advisory-status",
        "oar_change_advisory_status",
        &[option(&["--ignore-release-date"], "ignore_release_date", Sets::Flag(true)), REASON],
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
        ..oar("update-task-status", "oar_update_task_status", &[option(&["--reason"], "result", Sets::Value)])
    },
    CommandRow {
        plain: &["issue"],
        ..oar(
            "issue add",
            "oar_add_issue",
            &[
                option(&["--task"], "related_tasks", Sets::Value),
                option(&["--no-blocker"], "blocker", Sets::Flag(false)),
            ],
        )
    },
    CommandRow {
        plain: &["issue"],
        ..oar("issue resolve", "oar_resolve_issue", &[option(&["--resolution"], "resolution", Sets::Value)])
    },
    oar("issue list", "oar_get_issues", &[]),
    other("oarctl", "start-release-detector", "oarctl_start_release_detector", &[MINOR]),
    other(
        "oarctl",
        "jira-notificator",
        "oarctl_jira_notificator",
        &[option(&["--dry-run"], "dry_run", Sets::Flag(true)), option(&["--from-date"], "from_date", Sets::Value)],
    ),
    CommandRow {
        plain: &["job_name"],
        ..other(
            "job",
            "run",
            "job_run",
            &[
                option(&["--payload"], "payload", Sets::Value),
                option(&["--upgrade_from", "--upgrade-from"], "upgrade_from", Sets::Value),
                option(&["--upgrade_to", "--upgrade-to"], "upgrade_to", Sets::Value),
                ARCH,
                option(&["--run-id"], "run_id", Sets::Value),
            ],
        )
    },
    other(
        "jobctl",
        "start-controller",
        "jobctl_start_controller",
        &[
            MINOR,
            option(&["--nightly"], "nightly", Sets::Flag(true)),
            option(&["--no-nightly"], "nightly", Sets::Flag(false)),
            option(&["--trigger-prow-job"], "trigger_prow_job", Sets::Value),
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
            option(&["--skip-existing"], "skip_existing", Sets::Flag(true)),
            option(&["--no-skip-existing"], "skip_existing", Sets::Flag(false)),
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
            option(&["--job-name"], "job_name", Sets::Value),
            option(&["--current-job-id"], "current_job_id", Sets::Value),
            option(&["--new-job-id"], "new_job_id", Sets::Value),
            ARCH,
            REASON,
        ],
    ),
];

/// Why a command line cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAllowed {
    /// A quote is not closed.
    OpenQuote,
    /// It is not in the list.
    Unlisted {
        /// As it was understood.
        command: String,
    },
    /// The command does not take this.
    Arguments {
        /// The command.
        command: String,
        /// What does not fit.
        why: String,
    },
}

/// The row of a command, when it may be run.
pub fn find(cli: &str, command: &str) -> Option<&'static CommandRow> {
    ROWS.iter().find(|row| row.cli == cli && row.command == command)
}

/// The row that `command` with `args` names, and the parameters that it gives.
///
/// # Errors
///
/// It may not be run, or not like this.
pub fn read(cli: &str, command: &str, args: &str) -> Result<(&'static CommandRow, Map<String, Value>), NotAllowed> {
    let mut args = split(args)?;
    let mut command = command.split_whitespace().collect::<Vec<_>>().join(" ");
    if command == "issue" && !args.is_empty() {
        command = format!("issue {}", args.remove(0));
    }
    let Some(row) = find(cli, &command) else { return Err(NotAllowed::Unlisted { command }) };
    let given = given(row, args).map_err(|why| NotAllowed::Arguments { command, why })?;
    Ok((row, given))
}

fn given(row: &CommandRow, args: Vec<String>) -> Result<Map<String, Value>, String> {
    let mut given: Map<_, _> = row.fixed.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let mut plain = row.plain.iter();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if !arg.starts_with('-') || arg == "-" {
            let name = plain.next().ok_or_else(|| format!("{arg:?} is one argument too many"))?;
            given.insert((*name).to_owned(), json!(arg));
            continue;
        }
        let (spelled, inline) = match arg.split_once('=') {
            Some((spelled, value)) => (spelled.to_owned(), Some(value.to_owned())),
            None => (arg, None),
        };
        let option = row.options.iter().find(|option| option.spellings.contains(&spelled.as_str()));
        let option = option.ok_or_else(|| format!("{} takes no {spelled}", row.command))?;
        let name = option.parameter;
        match option.sets {
            Sets::Flag(flag) => drop(given.insert(name.to_owned(), json!(flag))),
            Sets::Nothing => {}
            Sets::Value => {
                let value = inline.or_else(|| args.next());
                let value = value.ok_or_else(|| format!("{spelled} needs a value"))?;
                let value = match value.as_str() {
                    "true" | "True" => json!(true),
                    "false" | "False" => json!(false),
                    text => match given.get(name).and_then(Value::as_str) {
                        // Given several times: names are collected.
                        Some(before) => json!(format!("{before},{text}")),
                        None => json!(text),
                    },
                };
                given.insert(name.to_owned(), value);
            }
        }
    }
    Ok(given)
}

/// Splits as a shell does, and does nothing else that a shell does.
fn split(line: &str) -> Result<Vec<String>, NotAllowed> {
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
        return Err(NotAllowed::OpenQuote);
    }
    args.extend(arg);
    Ok(args)
}
