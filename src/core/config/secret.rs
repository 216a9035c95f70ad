//! Values that must not be seen.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A secret text: no `Display`, no serde, `***` in `Debug`, wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// A copy in the form that the clients attach to requests.
    pub fn to_secret_string(&self) -> SecretString {
        self.0.clone()
    }

    /// The text itself. Only for the unsealing of settings, for starting programs that need a
    /// credential in their environment, for user names, and for whoever has to hide it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_three_stars() {
        assert_eq!(format!("{:?}", Some(Secret::new("invented-token"))), "Some(***)");
    }
}
