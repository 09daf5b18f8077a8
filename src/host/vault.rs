//! Key Vault references: settings whose value names a secret instead of being one.
//!
//! The platform puts the secret in its place when a container starts. Where it cannot, the container
//! gets the reference itself as the value, and nothing says so but the state of the setting.

use std::collections::BTreeMap;

/// How a reference begins.
const BEGINNING: &str = "@Microsoft.KeyVault(";
/// How the address of a vault ends.
const DOMAIN: &str = ".vault.azure.net";

/// The secrets that the platform may read, by vault and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vault(BTreeMap<(String, String), String>);

/// What became of a reference, in the platform's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceStatus {
    /// The secret was put in its place.
    Resolved,
    /// It does not say which secret is meant.
    InvalidSyntax,
    /// There is no such vault.
    VaultNotFound,
    /// The vault has no such secret.
    SecretNotFound,
}

impl ReferenceStatus {
    /// The platform's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "Resolved",
            Self::InvalidSyntax => "InvalidSyntax",
            Self::VaultNotFound => "VaultNotFound",
            Self::SecretNotFound => "SecretNotFound",
        }
    }
}

impl Vault {
    /// The same with one secret more.
    #[must_use]
    pub fn with(mut self, vault: &str, name: &str, value: &str) -> Self {
        let key = (vault.to_lowercase(), name.to_lowercase());
        self.0.insert(key, value.to_owned());
        self
    }

    /// What a container gets for a value, and what became of it where it is a reference.
    #[must_use]
    pub fn resolve<'a>(&'a self, value: &'a str) -> (&'a str, Option<ReferenceStatus>) {
        let Some(inside) = value.trim().strip_prefix(BEGINNING) else {
            return (value, None);
        };
        match self.find(inside.strip_suffix(')').unwrap_or_default()) {
            Ok(secret) => (secret, Some(ReferenceStatus::Resolved)),
            Err(why) => (value, Some(why)),
        }
    }

    /// The secret of `SecretUri=...`, or of `VaultName=...;SecretName=...`.
    fn find(&self, inside: &str) -> Result<&str, ReferenceStatus> {
        let parts = || inside.split(';').filter_map(|part| part.split_once('='));
        let part = |wanted: &str| {
            let mut found = parts().filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
            found.next().map(|(_, value)| value.trim().to_lowercase())
        };
        let named = match part("SecretUri") {
            Some(address) => of_address(&address),
            None => part("VaultName").zip(part("SecretName")),
        };
        let Some((vault, secret)) = named else {
            return Err(ReferenceStatus::InvalidSyntax);
        };
        match self.0.get(&(vault.clone(), secret)) {
            Some(value) => Ok(value),
            None if self.0.keys().any(|(known, _)| *known == vault) => {
                Err(ReferenceStatus::SecretNotFound)
            }
            None => Err(ReferenceStatus::VaultNotFound),
        }
    }
}

/// Vault and name of `https://VAULT.vault.azure.net/secrets/NAME/VERSION`.
fn of_address(address: &str) -> Option<(String, String)> {
    let (host, path) = address.strip_prefix("https://")?.split_once('/')?;
    let vault = host.strip_suffix(DOMAIN)?;
    let name = path.strip_prefix("secrets/")?.split('/').next()?;
    (!vault.is_empty() && !name.is_empty()).then(|| (vault.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_becomes_its_secret_and_stays_itself_where_there_is_none() {
        let vault = Vault::default().with("Shop", "orders", "sqlite:/home/orders.db");
        use ReferenceStatus::{InvalidSyntax, Resolved, SecretNotFound, VaultNotFound};
        for (inside, expected) in [
            ("VaultName=shop;SecretName=Orders", Resolved),
            (
                "SecretUri=https://shop.vault.azure.net/secrets/orders/",
                Resolved,
            ),
            (
                "SecretUri=https://shop.vault.azure.net/secrets/orders/ec96f02080254f109c51a1f14cdb1931",
                Resolved,
            ),
            ("VaultName=shop;SecretName=order", SecretNotFound),
            ("VaultName=shoop;SecretName=orders", VaultNotFound),
            ("VaultName=shop", InvalidSyntax),
            ("SecretUri=http://shop/secrets/orders", InvalidSyntax),
            ("", InvalidSyntax),
        ] {
            let reference = format!("@Microsoft.KeyVault({inside})");
            let (value, status) = vault.resolve(&reference);
            assert_eq!(status, Some(expected), "{reference}");
            let wanted = match expected {
                Resolved => "sqlite:/home/orders.db",
                _ => &reference,
            };
            assert_eq!(value, wanted);
        }
        assert_eq!(vault.resolve("sqlite:x"), ("sqlite:x", None));
    }
}
