//! Names under which images are pulled.

use std::fmt;
use std::str::FromStr;

use super::ids::Digest;

/// `host/repository:tag` or `host/repository@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullSpec {
    /// The registry, perhaps with a port.
    pub host: String,
    /// The repository with its groups.
    pub repository: String,
    /// What is wanted of it.
    pub reference: Reference,
}

/// What is wanted of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// Whatever has this tag at the moment.
    Tag(String),
    /// Exactly this image.
    Digest(Digest),
}

/// A text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no image: write host/repository:tag or host/repository@sha256:…")]
pub struct NotAPullSpec {
    /// What was given.
    pub text: String,
}

impl Reference {
    /// As the registry's paths spell it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag,
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

impl PullSpec {
    /// Under which name two specs are the same image: content with a digest is the same everywhere.
    pub fn identity(&self) -> String {
        match &self.reference {
            Reference::Digest(digest) => digest.to_string(),
            Reference::Tag(_) => self.to_string(),
        }
    }
}

impl FromStr for PullSpec {
    type Err = NotAPullSpec;

    fn from_str(text: &str) -> Result<Self, NotAPullSpec> {
        let refuse = || NotAPullSpec { text: text.chars().take(200).collect() };
        let (host, rest) = text.trim().split_once('/').ok_or_else(refuse)?;
        let (path, reference) = match rest.split_once('@') {
            // A tag before the digest says nothing that the digest does not say better.
            Some((path, digest)) => {
                let path = path.split_once(':').map_or(path, |(path, _)| path);
                (path, Reference::Digest(digest.parse().map_err(|_| refuse())?))
            }
            None => {
                let (path, tag) = rest.split_once(':').ok_or_else(refuse)?;
                (path, Reference::Tag(tag.to_owned()))
            }
        };
        let plain = |part: &str, also: &[u8]| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
        };
        let good_tag = match &reference {
            Reference::Tag(tag) => plain(tag, b"._-+"),
            Reference::Digest(_) => true,
        };
        let good = plain(host, b".-:") && path.split('/').all(|part| plain(part, b"._-")) && good_tag;
        good.then(|| Self { host: host.to_owned(), repository: path.to_owned(), reference }).ok_or_else(refuse)
    }
}

impl fmt::Display for PullSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.reference {
            Reference::Tag(_) => ':',
            Reference::Digest(_) => '@',
        };
        write!(f, "{}/{}{sign}{}", self.host, self.repository, self.reference.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_digests_are_distinguished() {
        let hex = "a".repeat(64);
        for text in
            ["quay.example.com/ocp/release:4.20.17-x86_64".to_owned(), format!("localhost:5000/a/b/c@sha256:{hex}")]
        {
            assert_eq!(text.parse::<PullSpec>().map(|spec| spec.to_string()), Ok(text));
        }
        let both: PullSpec = format!("quay.example.com/a/b:1@sha256:{hex}").parse().unwrap();
        assert_eq!(both.to_string(), format!("quay.example.com/a/b@sha256:{hex}"));
    }

    #[test]
    fn content_with_a_digest_is_the_same_in_every_repository() {
        let spec = |text: String| text.parse::<PullSpec>().unwrap().identity();
        let digest = format!("sha256:{}", "b".repeat(64));
        assert_eq!(spec(format!("one.example.com/a/b@{digest}")), spec(format!("two.example.com/c@{digest}")));
        assert_ne!(spec("one.example.com/a:1".to_owned()), spec("two.example.com/a:1".to_owned()));
    }

    #[test]
    fn what_names_no_image_is_refused() {
        for text in [
            "",
            "cli",
            "quay.example.com/a",
            "quay.example.com/a@sha256:12",
            "quay.example.com/../b:1",
            "quay.example.com/a//b:1",
            "quay.example.com/a:",
            "quay.example.com/a:b/c",
            "quay.example.com/a b:1",
            "quay.example.com/a?x:1",
        ] {
            assert!(text.parse::<PullSpec>().is_err(), "{text:?}");
        }
    }
}
