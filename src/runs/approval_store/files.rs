//! The private files that keep requests: one each, replaced as a whole.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::core::lock::Lock;
use crate::runs::approval::Approval;

/// The folder of this machine's requests.
#[derive(Debug, Clone)]
pub(super) struct Files {
    home: PathBuf,
}

impl Files {
    /// Those below `home`.
    pub(super) fn below(home: &Path) -> Self {
        Self { home: home.to_owned() }
    }

    /// Keeps other processes away; nothing while another one does.
    pub(super) fn lock(&self) -> io::Result<Option<Lock>> {
        Lock::take(&self.home, "approvals")
    }

    /// The request of an id. Ids come from strangers: one that is none names no file.
    pub(super) fn get(&self, id: &str) -> Option<Approval> {
        let known = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let text = known.then(|| std::fs::read_to_string(self.path(id)).ok())??;
        serde_json::from_str(&text).ok()
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> io::Result<Vec<Approval>> {
        let entries = match std::fs::read_dir(self.folder()) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(cause),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter_map(|name| self.get(name.strip_suffix(".json")?)).collect())
    }

    /// Writes it in place of what was there.
    pub(super) fn write(&self, approval: &Approval) -> io::Result<()> {
        std::fs::create_dir_all(self.folder())?;
        let next = self.folder().join(format!("{}.new", approval.id));
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&serde_json::to_vec(approval)?)?;
        file.sync_all()?;
        std::fs::rename(next, self.path(&approval.id))
    }

    /// Takes it away.
    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(id))
    }

    fn folder(&self) -> PathBuf {
        self.home.join("approvals")
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder().join(format!("{id}.json"))
    }
}

/// An id that nobody guesses.
pub(super) fn random_id() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(hex::encode(bytes))
}
