//! Why a `DATABASE_URL` cannot be used.

/// A `DATABASE_URL` that names no database that can be asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// A reference to a secret in place of the secret.
    #[error("it is a reference to a Key Vault that the platform did not resolve")]
    Unresolved,
    /// Another scheme.
    #[error("it begins with none of sqlite:, postgres:// and postgresql://")]
    Scheme,
    /// `sqlite:` without a file.
    #[error("it names no file")]
    NoFile,
    /// A URL that does not follow its own rules.
    #[error("it is no well-formed postgres URL")]
    Malformed,
    /// No host, several, or a socket file.
    #[error("it does not name exactly one host")]
    NoHost,
}
