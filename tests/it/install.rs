//! `make install` on a machine where others have programs of the same names.

use std::path::Path;
use std::process::Command;

/// Installs below `prefix` (or removes, with the argument `--remove`): whether it went well, and what it complained of.
fn install(prefix: &Path, what: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/install_files.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(what).env("PREFIX", prefix).env_remove("DESTDIR").env_remove("NAMES").env_remove("FORCE");
    let done = command.envs(variables.iter().copied()).output().expect("bash");
    (done.status.success(), String::from_utf8(done.stderr).expect("text"))
}

const OAR: &str = env!("CARGO_BIN_EXE_oar");

#[test]
fn installing_replaces_no_file_that_it_did_not_write_and_names_each() {
    let machine = tempfile::tempdir().unwrap();
    let job = machine.path().join("bin/job");
    std::fs::create_dir_all(machine.path().join("bin")).unwrap();
    std::fs::write(&job, "somebody else's").unwrap();

    let (done, complaint) = install(machine.path(), OAR, &[]);
    assert!(!done && complaint.contains(job.to_str().unwrap()) && complaint.contains("FORCE=1"), "{complaint}");
    assert_eq!(std::fs::read_to_string(&job).unwrap(), "somebody else's");
    assert!(!machine.path().join("bin/oar").exists(), "nothing at all was installed");

    let (done, complaint) = install(machine.path(), OAR, &[("NAMES", "")]);
    assert!(done && machine.path().join("bin/oar").exists(), "{complaint}");
    assert_eq!(std::fs::read_to_string(&job).unwrap(), "somebody else's");

    let (done, complaint) = install(machine.path(), OAR, &[("FORCE", "1")]);
    assert!(done && std::fs::read_link(&job).unwrap() == Path::new("oar"), "{complaint}");
}

#[test]
fn installing_again_replaces_what_it_wrote_and_removing_takes_only_that_away() {
    let machine = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let (done, complaint) = install(machine.path(), OAR, &[]);
        assert!(done, "{complaint}");
    }
    for file in ["bin/oar", "bin/job", "share/man/man1/oar.1", "share/bash-completion/completions/oar"] {
        assert!(machine.path().join(file).exists(), "{file}");
    }
    let other = machine.path().join("share/man/man1/oar-tool-of-somebody-else.1");
    std::fs::write(&other, "x").unwrap();
    let (done, complaint) = install(machine.path(), "--remove", &[]);
    assert!(done && other.exists() && !machine.path().join("bin/oar").exists(), "{complaint}");
    assert!(!machine.path().join("bin/job").is_symlink());
}
