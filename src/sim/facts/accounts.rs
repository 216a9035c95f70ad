//! Who exists: every mail address belongs to somebody, on every service under a derived id.
//!
//! Addresses whose local part begins with `nobody` belong to nobody, for the stories about that.

use crate::sim::wire;

/// A person as the services know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Mail address, lower case.
    pub mail: String,
    /// Account name: the local part without a `+suffix`.
    pub login: String,
    /// Digits and letters that ids are made of.
    pub id: String,
}

impl Person {
    /// The person behind a mail address.
    pub fn by_mail(mail: &str) -> Option<Self> {
        let mail = mail.trim().to_ascii_lowercase();
        let (local, domain) = mail.split_once('@')?;
        let login = local.split('+').next().unwrap_or(local).to_owned();
        let fine = !login.is_empty() && domain.contains('.') && !login.starts_with("nobody");
        let id = wire::sha1_hex(mail.as_bytes())[..10].to_owned();
        fine.then_some(Self { login, id, mail })
    }

    /// The name people read: `Jane Doe` for `jane.doe`.
    pub fn display_name(&self) -> String {
        let names = self.login.split(['.', '-', '_']).map(|part| {
            let mut letters = part.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        });
        names.collect::<Vec<String>>().join(" ")
    }

    /// GitLab's number of the account.
    pub fn number(&self) -> u64 {
        u64::from_str_radix(&self.id[..6], 16).unwrap_or(1)
    }
}
