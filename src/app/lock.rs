//! The lock of the fault routes.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The header in which a client shows the key.
pub const KEY_HEADER: &str = "x-lab-key";

/// A key, kept as its SHA-256 digest: the text itself is nowhere to leak from, and a comparison
/// takes the same time for keys of any length.
#[derive(Clone, PartialEq, Eq)]
pub struct LabKey {
    digest: [u8; 32],
}

impl LabKey {
    /// The lock that `key` opens.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self {
            digest: digest(key.as_bytes()),
        }
    }

    /// Whether `offered` is the key, in constant time.
    #[must_use]
    pub fn opens_with(&self, offered: &[u8]) -> bool {
        self.digest.ct_eq(&digest(offered)).into()
    }
}

impl std::fmt::Debug for LabKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LabKey(***)")
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens() {
        let key = LabKey::new("correct horse");
        assert!(key.opens_with(b"correct horse"));
        for wrong in [
            &b""[..],
            b"correct",
            b"correct horsf",
            b"correct horse ",
            b"\xff",
        ] {
            assert!(!key.opens_with(wrong));
        }
    }
}
