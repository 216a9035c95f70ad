use jiff::Timestamp;

use super::*;
use crate::core::clock::VirtualClock;

const BRANCH: &str = "z-stream";
const PATH: &str = "_releases/4.99/statebox/4.99.1.yaml";

fn env() -> Env {
    Env::default().with("PATH", "/usr/bin:/bin:/usr/local/bin")
}

fn opened(dir: &Path) -> GitDir {
    let author = Author { name: "release-engineer".to_owned(), mail: "oar@example.com".to_owned() };
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::from_second(1_800_000_000).unwrap()));
    GitDir::new(dir, &author, &env(), clock, CancellationToken::new())
}

async fn made(dir: &Path, how: &[&str]) -> GitDir {
    let git = opened(dir);
    git.run(&[&["init", "--quiet"], how].concat()).await.unwrap();
    git
}

async fn write(git: &GitDir, path: &str, text: &str, expected: Option<&Revision>) -> Result<Revision, StoreFault> {
    git.write(BRANCH, path, text.as_bytes(), expected, "Update state").await
}

#[tokio::test]
async fn a_file_is_one_commit_by_a_role_and_comes_back_with_its_blob() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    assert!(GitDir::is_one(dir.path()));
    assert_eq!(git.read(BRANCH, PATH).await.unwrap(), None);
    let first = write(&git, PATH, "hello\n", None).await.unwrap();
    assert_eq!(first.0, "ce013625030ba8dba906f756967f9e9ca394464a");
    let second = write(&git, PATH, "b: 2\r\n", Some(&first)).await.unwrap();
    let file = git.read(BRANCH, PATH).await.unwrap().unwrap();
    assert_eq!((file.bytes.as_slice(), file.revision), (b"b: 2\r\n".as_slice(), second));
    let log = git.line(&["log", "--format=%an <%ae> %cn %at %s", BRANCH]).await.unwrap();
    let line = "release-engineer <oar@example.com> release-engineer 1800000000 Update state";
    assert_eq!(log, [line, line].join("\n"));
}

#[tokio::test]
async fn a_file_is_replaced_only_from_the_revision_that_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    let first = write(&git, PATH, "1\n", None).await.unwrap();
    assert!(matches!(write(&git, PATH, "2\n", None).await, Err(StoreFault::Conflict)));
    write(&git, PATH, "2\n", Some(&first)).await.unwrap();
    assert!(matches!(write(&git, PATH, "3\n", Some(&first)).await, Err(StoreFault::Conflict)));
    assert_eq!(git.read(BRANCH, PATH).await.unwrap().unwrap().bytes, b"2\n");
}

#[tokio::test]
async fn other_files_of_the_branch_stay_and_do_not_get_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    let ours = write(&git, PATH, "1\n", None).await.unwrap();
    write(&git, "_releases/4.99/4.99.z.yaml", "x\n", None).await.unwrap();
    write(&git, PATH, "2\n", Some(&ours)).await.unwrap();
    assert_eq!(git.read(BRANCH, "_releases/4.99/4.99.z.yaml").await.unwrap().unwrap().bytes, b"x\n");
    assert_eq!(git.line(&["rev-list", "--count", BRANCH]).await.unwrap(), "3");
}

#[tokio::test]
async fn all_tracking_and_state_files_are_read_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    assert!(git.release_files(BRANCH, "_releases").await.unwrap().is_empty());
    let others = ["_releases/README.yaml", "_releases/4.99/notes.txt", "_releases/4.99/deep/er/x.yaml", "4.99/x.yaml"];
    for path in [PATH, "_releases/4.99/4.99.z.yaml"].iter().chain(&others) {
        write(&git, path, path, None).await.unwrap();
    }
    let files = git.release_files(BRANCH, "_releases").await.unwrap();
    let found: Vec<_> = files.into_iter().map(|file| (file.path, file.text.unwrap())).collect();
    let both = |path: &str| (path.to_owned(), path.to_owned());
    assert_eq!(found, [both("_releases/4.99/4.99.z.yaml"), both(PATH)]);
}

#[tokio::test]
async fn writers_of_two_files_at_once_both_get_through() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    let (one, other) = tokio::join!(write(&git, "a", "1\n", None), write(&git, "b", "2\n", None));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(git.line(&["rev-list", "--count", BRANCH]).await.unwrap(), "2");
}

#[tokio::test]
async fn a_branch_that_is_checked_out_is_read_and_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--initial-branch", BRANCH]).await;
    assert!(GitDir::is_one(dir.path()));
    assert_eq!(git.read(BRANCH, PATH).await.unwrap(), None);
    let error = write(&git, PATH, "1\n", None).await.unwrap_err();
    assert!(error.to_string().contains("z-stream is checked out in"), "{error}");
    git.run(&["symbolic-ref", "HEAD", "refs/heads/main"]).await.unwrap();
    write(&git, PATH, "1\n", None).await.unwrap();
}

#[tokio::test]
async fn a_clone_that_never_took_the_branch_is_not_an_empty_store() {
    let (origin, clone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&made(origin.path(), &["--bare"]).await, PATH, "1\n", None).await.unwrap();
    let git = made(clone.path(), &[]).await;
    let origin = origin.path().display().to_string();
    git.run(&["fetch", "--quiet", &origin, "refs/heads/*:refs/remotes/origin/*"]).await.unwrap();
    let error = git.read(BRANCH, PATH).await.unwrap_err();
    assert!(error.to_string().contains("branch z-stream origin/z-stream"), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_no_repository_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!GitDir::is_one(dir.path()));
    let error = opened(&dir.path().join("gone")).read(BRANCH, PATH).await.unwrap_err();
    assert!(matches!(error, StoreFault::Git(_)), "{error}");
}

#[tokio::test]
async fn a_lock_that_somebody_left_is_reported_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    let first = write(&git, PATH, "1\n", None).await.unwrap();
    let git = GitDir { lock_wait_ms: 1, ..git };
    fs::write(dir.path().join("refs/heads/z-stream.lock"), "").unwrap();
    let error = write(&git, PATH, "2\n", Some(&first)).await.unwrap_err();
    assert!(error.to_string().contains("z-stream.lock"), "{error}");
    assert_eq!(git.read(BRANCH, PATH).await.unwrap().unwrap().bytes, b"1\n");
}

#[tokio::test]
async fn a_link_in_the_place_of_the_file_is_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    let blob = write(&git, "a/b.yaml", "elsewhere", None).await.unwrap();
    for (mode, path) in [("120000", "a/b.yaml"), ("100755", "a/c.yaml")] {
        let index = dir.path().join("an index").display().to_string();
        let environment = git.program.environment.clone().with("GIT_INDEX_FILE", &index);
        let own = GitDir { program: Program { environment, ..git.program.clone() }, ..git.clone() };
        own.run(&["read-tree", BRANCH]).await.unwrap();
        own.run(&["update-index", "--add", "--cacheinfo", &format!("{mode},{},{path}", blob.0)]).await.unwrap();
        let tree = own.line(&["write-tree"]).await.unwrap();
        let commit = own.line(&["commit-tree", &tree, "-m", "By hand"]).await.unwrap();
        own.run(&["update-ref", &format!("refs/heads/{BRANCH}"), &commit]).await.unwrap();
    }
    for path in ["a/b.yaml", "a"] {
        let error = git.read(BRANCH, path).await.unwrap_err();
        assert!(error.to_string().contains("no plain file"), "{error}");
    }
    assert_eq!(git.read(BRANCH, "a/c.yaml").await.unwrap().unwrap().bytes, b"elsewhere");
    for absent in ["a/d.yaml", "d", "a/c.yaml/d", "d/e"] {
        assert_eq!(git.read(BRANCH, absent).await.unwrap(), None, "{absent}");
    }
}

#[tokio::test]
async fn a_damaged_repository_is_not_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    write(&git, PATH, "1\n", None).await.unwrap();
    let tree = git.line(&["rev-parse", &format!("{BRANCH}:_releases")]).await.unwrap();
    fs::remove_file(dir.path().join("objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    let error = git.read(BRANCH, PATH).await.unwrap_err();
    assert!(matches!(error, StoreFault::Git(_)), "{error}");
    assert!(write(&git, PATH, "2\n", None).await.is_err());
}

#[tokio::test]
async fn what_is_left_of_a_repository_is_no_empty_folder() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    write(&git, PATH, "1\n", None).await.unwrap();
    fs::remove_file(dir.path().join("HEAD")).unwrap();
    assert!(GitDir::is_one(dir.path()), "without its HEAD");
    let error = git.read(BRANCH, PATH).await.unwrap_err();
    assert!(matches!(&error, StoreFault::Git(said) if said.contains("not a git repository")), "{error}");
    assert!(write(&git, PATH, "2\n", None).await.is_err());
}

#[tokio::test]
async fn a_repository_inside_another_one_is_never_taken_for_that() {
    let dir = tempfile::tempdir().unwrap();
    write(&made(dir.path(), &["--bare"]).await, PATH, "1\n", None).await.unwrap();
    let inner = dir.path().join("inner");
    fs::create_dir_all(inner.join(".git")).unwrap();
    let error = opened(&inner).read(BRANCH, PATH).await.unwrap_err();
    assert!(matches!(error, StoreFault::Git(_)), "{error}");
}

#[tokio::test]
async fn a_branch_whose_name_leads_nowhere_is_damaged_and_not_new() {
    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    write(&git, PATH, "1\n", None).await.unwrap();
    let file = dir.path().join("refs/heads").join(BRANCH);
    for damaged in ["", "0123456789012345678901234567890123456789\n", "\0\0\0\0"] {
        fs::write(&file, damaged).unwrap();
        let error = git.read(BRANCH, PATH).await.unwrap_err();
        assert!(matches!(error, StoreFault::Git(_)), "{damaged:?}: {error}");
        assert!(git.release_files(BRANCH, "_releases").await.is_err(), "{damaged:?}");
        assert!(write(&git, PATH, "2\n", None).await.is_err(), "{damaged:?}");
    }
}

#[tokio::test]
async fn a_lock_is_named_with_its_age_and_the_way_out() {
    use crate::core::error::ErrorClass;
    use crate::core::statebox::error::{Doing, StoreError};

    let dir = tempfile::tempdir().unwrap();
    let git = made(dir.path(), &["--bare"]).await;
    let first = write(&git, PATH, "1\n", None).await.unwrap();
    let git = GitDir { lock_wait_ms: 1, ..git };
    let lock = fs::File::create(dir.path().join("refs/heads/z-stream.lock")).unwrap();
    let since = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 - 600);
    lock.set_modified(since).unwrap();
    let fault = write(&git, PATH, "2\n", Some(&first)).await.unwrap_err();
    let error = StoreError::new(PATH, Doing::Changing, fault);
    let said = error.fault.to_string();
    assert!(said.contains("refs/heads/z-stream.lock is locked for 10 min"), "{said}");
    assert_eq!(error.class(), ErrorClass::Transient);
    let next = error.next_step();
    assert!(next.contains("remove ") && next.contains("z-stream.lock"), "{next}");
}

#[test]
fn git_reads_the_configuration_that_it_reads_in_the_users_shell() {
    let env = Env::default()
        .with("PATH", "/bin")
        .with("XDG_CONFIG_HOME", "/x")
        .with("GIT_CONFIG_GLOBAL", "/g")
        .with("GIT_CONFIG_COUNT", "1")
        .with("GIT_CONFIG_KEY_0", "safe.directory")
        .with("GIT_CONFIG_VALUE_0", "")
        .with("GIT_DIR", "/elsewhere")
        .with("GIT_WORK_TREE", "/elsewhere")
        .with("GITHUB_TOKEN", "invented");
    let passed = of_the_user(&env);
    let names: Vec<&str> = passed.keys().map(String::as_str).collect();
    let wanted =
        ["GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0", "PATH", "XDG_CONFIG_HOME"];
    assert_eq!((names, passed["GIT_CONFIG_VALUE_0"].as_str()), (wanted.to_vec(), ""));
}

#[tokio::test]
async fn what_git_says_is_passed_on_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path(), &["--bare"]).await;
    let author = Author { name: "release-engineer".to_owned(), mail: "oar@example.com".to_owned() };
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
    // A configuration of the user that git cannot read.
    let bad = env().with("GIT_CONFIG_COUNT", "1").with("GIT_CONFIG_KEY_0", "no-dot").with("GIT_CONFIG_VALUE_0", "x");
    let git = GitDir::new(dir.path(), &author, &bad, clock, CancellationToken::new());
    let error = git.read(BRANCH, PATH).await.unwrap_err().to_string();
    assert!(error.contains("no-dot"), "{error}");
}
