//! Secrets, replaced on their way into the bundle.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::identifiers::{hexadecimal, random_bytes};
use crate::redaction::{MASK, is_secret_name, redact, redact_setting};

/// Bytes of a fingerprint: enough to tell values apart, too few to find one by trying.
const FINGERPRINT_BYTES: usize = 4;

/// Replaces what looks like a credential by `<redacted:XXXXXXXX>`. The digits are a fingerprint of
/// the whole value that held it, salted per bundle with a salt that is not kept, so that a reader
/// can still say whether two values were equal.
#[derive(Clone)]
pub struct Scrubber {
    salt: [u8; 16],
}

impl std::fmt::Debug for Scrubber {
    /// Without the salt: with it the fingerprints could be tried out.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scrubber").finish_non_exhaustive()
    }
}

impl Scrubber {
    /// A scrubber with a salt of its own.
    #[must_use]
    pub fn new() -> Self {
        let guessable = |_| fastrand::u128(..).to_le_bytes();
        Self {
            salt: random_bytes().unwrap_or_else(guessable),
        }
    }

    /// The same bytes without the secrets. JSON stays JSON; what holds no secret stays as it is,
    /// to the byte.
    #[must_use]
    pub fn scrub<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        if let Ok(mut value) = serde_json::from_slice::<Value>(body)
            && (value.is_object() || value.is_array())
        {
            if !self.scrub_value(&mut value) {
                return Cow::Borrowed(body);
            }
            return Cow::Owned(format!("{value}\n").into_bytes());
        }
        let text = String::from_utf8_lossy(body);
        match redact(&text) {
            Cow::Borrowed(_) => Cow::Borrowed(body),
            Cow::Owned(shown) => Cow::Owned(shown.replace(MASK, "<redacted>").into_bytes()),
        }
    }

    /// Replace within a value; true if anything was replaced.
    fn scrub_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.scrub_text(text, None),
            Value::Array(values) => values
                .iter_mut()
                .fold(false, |changed, value| self.scrub_value(value) | changed),
            Value::Object(members) => {
                // A list of settings has the name beside the value.
                let named = members
                    .get("name")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                members.iter_mut().fold(false, |changed, (key, value)| {
                    let name = match (key.as_str(), &named) {
                        ("value", Some(name)) => name,
                        _ => key,
                    };
                    self.scrub_member(name, value) | changed
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn scrub_member(&self, name: &str, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.scrub_text(text, Some(name)),
            Value::Null => false,
            _ if is_secret_name(name) => {
                *value = Value::String(self.mark(&value.to_string()));
                true
            }
            _ => self.scrub_value(value),
        }
    }

    fn scrub_text(&self, text: &mut String, name: Option<&str>) -> bool {
        // What the target or an earlier pass has blotted out already carries no secret, and says
        // all that can be said.
        if text.starts_with("<redacted") || text == MASK || text == "<unset>" {
            return false;
        }
        let shown = match name {
            Some(name) => redact_setting(name, text),
            None => redact(text),
        };
        if shown == text.as_str() {
            return false;
        }
        *text = shown.replace(MASK, &self.mark(text));
        true
    }

    fn mark(&self, secret: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.salt);
        hasher.update(secret.as_bytes());
        let digest = hasher.finalize();
        format!("<redacted:{}>", hexadecimal(&digest[..FINGERPRINT_BYTES]))
    }
}

impl Default for Scrubber {
    fn default() -> Self {
        Self::new()
    }
}
