//! A Kerberos realm of its own in a temporary folder: server, principals, tickets.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;

use oar::core::config::env::Env;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::real_files;

/// Where Debian has the programs of a Kerberos server.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Looks at a thing that a process next front end is about to do; each look takes milliseconds.
const LOOKS: usize = 2000;

const CLIENT_SETTINGS: &str = "
[libdefaults]
  default_realm = OAR.TEST
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  OAR.TEST = {
    kdc = 127.0.0.1:{port}
  }
[domain_realm]
  localhost = OAR.TEST
  127.0.0.1 = OAR.TEST
";

const SERVER_SETTINGS: &str = "
[realms]
  OAR.TEST = {
    database_name = {dir}/kdc/principal
    key_stash_file = {dir}/kdc/stash
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
    max_life = 10h
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }
";

/// A realm whose server runs until the realm is dropped.
pub(super) struct Realm {
    dir: tempfile::TempDir,
    server: Mutex<Child>,
}

/// A credential cache.
pub(super) struct Ticket(PathBuf);

impl Ticket {
    /// The cache of somebody who never ran kinit.
    pub(super) fn none() -> Self {
        Self(PathBuf::from("/nonexistent/cache"))
    }
}

impl Realm {
    /// A realm with the principals tester and stranger and the service HTTP/localhost; nothing, with
    /// the reason printed, where no Kerberos server is installed. `OAR_REQUIRE_KDC=1` makes that a failure.
    pub(super) async fn open() -> Option<Self> {
        if !std::path::Path::new("/usr/sbin/krb5kdc").exists() {
            assert!(Env::from_process().get("OAR_REQUIRE_KDC").is_none(), "no Kerberos server: make test-packages");
            real_files::skipped("no Kerberos server is installed (make test-packages)");
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port").local_addr().expect("an address").port();
        let fill =
            |text: &str| text.replace("{dir}", &dir.path().display().to_string()).replace("{port}", &port.to_string());
        std::fs::create_dir(dir.path().join("kdc")).expect("a folder");
        std::fs::write(dir.path().join("krb5.conf"), fill(CLIENT_SETTINGS)).expect("a file");
        std::fs::write(dir.path().join("kdc.conf"), fill(SERVER_SETTINGS)).expect("a file");
        let run = async |tokens: &[&str]| succeeds(program(&dir, tokens)).await;
        run(&["kdb5_util", "create", "-s", "-r", "OAR.TEST", "-P", "invented"]).await;
        for (principal, table) in
            [("HTTP/localhost", "http.keytab"), ("tester", "user.keytab"), ("stranger", "user.keytab")]
        {
            let table = dir.path().join(table).display().to_string();
            run(&["kadmin.local", "-q", &format!("addprinc -randkey {principal}@OAR.TEST")]).await;
            run(&["kadmin.local", "-q", &format!("ktadd -k {table} {principal}@OAR.TEST")]).await;
        }
        let server = program(&dir, &["krb5kdc", "-n"]).kill_on_drop(true).spawn().expect("krb5kdc starts");
        for look in 0.. {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            assert!(look < LOOKS, "the Kerberos server does not listen");
            succeeds(program(&dir, &["true"])).await;
        }
        Some(Self { dir, server: Mutex::new(server) })
    }

    /// A fresh ticket.
    pub(super) async fn kinit(&self, principal: &str, life: &str) -> Ticket {
        let path = |name: &str| self.dir.path().join(name);
        let cache = path(&format!("cache-{principal}-{life}"));
        let (table, name) = (path("user.keytab").display().to_string(), format!("FILE:{}", cache.display()));
        let tokens = ["kinit", "-l", life, "-k", "-t", &table, "-c", &name, &format!("{principal}@OAR.TEST")];
        succeeds(program(&self.dir, &tokens)).await;
        Ticket(cache)
    }

    /// Waits until a short-lived ticket is over for the library, which is a second later than for klist.
    pub(super) async fn expires(&self, ticket: &Ticket) {
        for look in 0.. {
            let cache = format!("FILE:{}", ticket.0.display());
            let valid = program(&self.dir, &["kvno", "-q", "-c", &cache, "HTTP/localhost"])
                .status()
                .await
                .expect("kvno starts");
            if !valid.success() {
                break;
            }
            assert!(look < LOOKS, "the ticket does not end");
        }
    }

    /// Stops the server: the realm is away.
    pub(super) async fn close(&self) {
        let id = self.server.lock().expect("no panic").id().expect("it runs").to_string();
        succeeds(program(&self.dir, &["kill", "-KILL", &id])).await;
        let ended = || self.server.lock().expect("no panic").try_wait().expect("a child").is_some();
        for look in 0.. {
            if ended() {
                break;
            }
            assert!(look < LOOKS, "the Kerberos server does not stop");
            succeeds(program(&self.dir, &["true"])).await;
        }
    }

    /// The variables of a process that uses `ticket`.
    pub(super) fn client(&self, ticket: &Ticket) -> [(&'static str, String); 2] {
        let settings = self.dir.path().join("krb5.conf").display().to_string();
        [("KRB5_CONFIG", settings), ("KRB5CCNAME", format!("FILE:{}", ticket.0.display()))]
    }

    /// The variables of the process that is the service.
    pub(super) fn service(&self) -> [(&'static str, String); 3] {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        [
            ("KRB5_CONFIG", path("krb5.conf")),
            ("KRB5_KTNAME", format!("FILE:{}", path("http.keytab"))),
            ("KRB5RCACHENAME", format!("file2:{}", path("replays"))),
        ]
    }
}

fn program(dir: &tempfile::TempDir, tokens: &[&str]) -> Command {
    let path = |name: &str| dir.path().join(name).display().to_string();
    #[expect(clippy::disallowed_methods, reason = "the programs of a Kerberos realm have no library")]
    let mut program = Command::new(tokens[0]);
    program
        .args(&tokens[1..])
        .env_clear()
        .envs([("PATH", PATH.to_owned()), ("KRB5_CONFIG", path("krb5.conf")), ("KRB5_KDC_PROFILE", path("kdc.conf"))])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    program
}

async fn succeeds(mut program: Command) {
    let ended = program.output().await.expect("the program starts");
    assert!(ended.status.success(), "{program:?}: {}", String::from_utf8_lossy(&ended.stderr));
}
