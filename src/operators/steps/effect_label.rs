//! The label that every Prow job of ours carries: it says which start it was, and finds the job whose start was never
//! answered.

use sha2::{Digest as _, Sha256};

/// Name of the label, and of the annotation with the whole key.
pub const LABEL: &str = "oar-effect";

/// Label values are short and have no slash, so the key is hashed.
pub fn label(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    hex::encode(&digest[..20])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_fits_into_kubernetes_and_differs_between_starts() {
        let first = label("4.20.1/image-consistency-check/start/after-nothing");
        assert_eq!(first.len(), 40);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(first, label("4.20.1/image-consistency-check/start/after-x"));
        assert_ne!(first, label("4.20.17/image-consistency-check/start/after-nothing"));
    }
}
