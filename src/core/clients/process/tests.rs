use super::*;

fn shell(script: &str, limit: Duration) -> Program {
    Program {
        name: "script",
        command: vec!["/bin/sh".into(), "-c".into(), script.into(), "script".into()],
        environment: Environment::default().with("PATH", "/usr/bin:/bin").with("X_TOKEN", "invented-secret"),
        limit,
    }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_command_is_split_at_blanks_outside_of_quotation_marks() {
    let split = |text| split_command(text).ok();
    let tokens = |tokens: &[&str]| Some(tokens.iter().map(|token| (*token).to_owned()).collect::<Vec<_>>());
    assert_eq!(split("elliott"), tokens(&["elliott"]));
    assert_eq!(split(" '/a b/oar'  sim elliott "), tokens(&["/a b/oar", "sim", "elliott"]));
    assert_eq!(split(r#"oar --name="it's" ''"#), tokens(&["oar", "--name=it's", ""]));
    for bad in ["", "  ", "''", "oar 'sim"] {
        assert_eq!(split(bad), None, "{bad}");
    }
}

#[tokio::test]
async fn output_log_and_exit_code_come_back_and_secrets_do_not() {
    let program = shell("echo \"[$1]\"; echo \"using $X_TOKEN\" >&2; exit 3", LONG);
    let finished = run(&program, &["arg"], &CancellationToken::new()).await.unwrap();
    assert_eq!((finished.code, finished.stdout.as_slice()), (Some(3), b"[arg]\n".as_slice()));
    assert!(!format!("{program:?}").contains("invented"));
    assert!(finished.log.starts_with("using") && !finished.log.contains("invented"), "{}", finished.log);
}

#[tokio::test]
async fn a_program_sees_only_the_environment_it_was_given() {
    let program = shell("env | grep -c -v -E '^(PATH|X_TOKEN|PWD|OLDPWD|SHLVL|_)='", LONG);
    let finished = run(&program, &[], &CancellationToken::new()).await.unwrap();
    assert_eq!(finished.stdout, b"0\n");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_missing() {
    let program = Program { command: vec!["/nowhere/elliott".into()], ..shell("", LONG) };
    let error = run(&program, &[], &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ProcessError::Missing { .. }), "{error}");
}

/// The script starts a child that would go on for a minute.
#[tokio::test]
async fn the_whole_process_group_is_killed_when_the_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let script = format!("sleep 60 & echo $! > '{}'; echo going on >&2; wait", pid_file.display());
    let error = run(&shell(&script, Duration::from_millis(700)), &[], &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, ProcessError::TimedOut { log, .. } if log == "going on"), "{error:?}");
    let child = std::fs::read_to_string(pid_file).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    let gone = |text: std::io::Result<String>| text.map_or(true, |text| text.contains(") Z "));
    while !gone(std::fs::read_to_string(&stat)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn cancelling_the_run_stops_the_program() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = run(&shell("sleep 60", LONG), &[], &cancel).await.unwrap_err();
    assert!(matches!(error, ProcessError::Cancelled { .. }), "{error}");
}

#[tokio::test]
async fn only_the_last_lines_of_a_long_log_are_kept() {
    let finished = run(&shell("seq 1 100000 >&2", LONG), &[], &CancellationToken::new()).await.unwrap();
    assert_eq!(finished.log.lines().count(), STDERR_LINES);
    assert!(finished.log.ends_with("\n100000"));
}

#[tokio::test]
async fn a_flood_of_output_is_refused() {
    let error = run(&shell("head -c 9000000 /dev/zero", LONG), &[], &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ProcessError::TooMuchOutput { .. }), "{error}");
}
