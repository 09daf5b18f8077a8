//! Names whose values are credentials, by the words that they are made of.

use super::decoded::decoded;

/// Ends of key names whose values are credentials, in lower case, without separators.
const ENDINGS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secrets",
    "token",
    "credential",
    "credentials",
    "authorization",
    "apikey",
    "accesskey",
    "accesskeyid",
    "accountkey",
    "sharedkey",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "decryptionkey",
    "validationkey",
    "functionkey",
    "hostkey",
    "masterkey",
    "storagekey",
    "subscriptionkey",
    "instrumentationkey",
    "labkey",
    "accesssignature",
    "sastoken",
    // OTEL_EXPORTER_OTLP_HEADERS and those of one signal: keys under any name.
    "otlpheaders",
    "otlptracesheaders",
    "otlpmetricsheaders",
    "otlplogsheaders",
];

/// Words that make a credential of a name wherever they stand in it.
const WORDS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secrets",
    "token",
    "tokens",
    "credential",
    "credentials",
    "creds",
    "cred",
    "jwt",
    "apikey",
];

/// Names that are credentials only when they stand alone.
const ALONE: &[&str] = &["pass", "sig", "signature", "cookie", "setcookie"];

/// Names that are credentials only in the query of an address.
const IN_QUERIES: &[&str] = &[
    "code",
    "key",
    "auth",
    "session",
    "sessionid",
    "sid",
    "ticket",
    "assertion",
    "otp",
];

/// Last words of names that tell which of several credentials it is.
const QUALIFIERS: &[&str] = &[
    "prod",
    "production",
    "dev",
    "development",
    "test",
    "staging",
    "stage",
    "qa",
    "uat",
    "live",
    "local",
    "base",
    "old",
    "new",
    "current",
    "previous",
    "next",
    "primary",
    "secondary",
    "main",
    "default",
    "backup",
    "value",
    "id",
];

/// Last words of names whose value says something about a credential and is none.
const ABOUT: &[&str] = &[
    "name",
    "names",
    "ttl",
    "file",
    "path",
    "dir",
    "url",
    "uri",
    "length",
    "size",
    "count",
    "limit",
    "expiry",
    "expires",
    "expiration",
    "lifetime",
    "age",
    "type",
    "policy",
    "enabled",
    "required",
    "header",
    "field",
    "provider",
    "endpoint",
    "host",
    "algorithm",
    "days",
    "seconds",
    "timeout",
    "attempts",
    "error",
    "store",
    "manager",
    "prefix",
    "format",
    "method",
    "mode",
];

/// Words beside which tokens are units of a text, and counted.
const COUNTED: &[&str] = &[
    "max",
    "min",
    "num",
    "total",
    "prompt",
    "completion",
    "input",
    "output",
    "used",
];

/// Parts without which a name is not looked at more closely.
const HINTS: &[&str] = &[
    "pass", "pwd", "secret", "token", "cred", "jwt", "key", "auth", "sig", "cookie", "otlp",
];

/// Whether a key of this name holds a credential: `Password`, `DB_PASSWORD_2`, `AccountKey`,
/// `x-api-key`, `SECRET_KEY_BASE`, but not `SharedAccessKeyName`.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let decoded = decoded(name);
    let name = decoded
        .as_ref()
        .map_or(name, |decoded| decoded.text.as_str());
    let lower = name.to_ascii_lowercase();
    if !HINTS.iter().any(|hint| lower.contains(hint)) {
        return false;
    }
    // Before a colon in prose only the last words are the name.
    let prose = name.contains(' ');
    let words = words(if prose {
        name.rsplit(' ').next().unwrap_or(name)
    } else {
        name
    });
    let plain: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    let last = words.last().map_or("", String::as_str);
    if ALONE
        .iter()
        .any(|secret| plain == *secret || last == *secret)
        || ends_secret(&plain)
    {
        return true;
    }
    let kept: Vec<&str> = without_qualifiers(&words);
    if kept.last().is_some_and(|last| ABOUT.contains(last)) {
        return false;
    }
    let is_counted = kept.iter().any(|word| COUNTED.contains(word));
    let has_word = kept.iter().any(|word| WORDS.contains(word)) && !is_counted;
    has_word || ends_secret(&kept.concat())
}

/// Whether a parameter of this name in a query holds a credential.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    is_secret_name(name) || IN_QUERIES.contains(&lower.as_str())
}

fn ends_secret(plain: &str) -> bool {
    ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

fn without_qualifiers(words: &[String]) -> Vec<&str> {
    let mut kept: Vec<&str> = words.iter().map(String::as_str).collect();
    while kept.len() > 1
        && kept.last().is_some_and(|last| {
            QUALIFIERS.contains(last) || last.bytes().all(|byte| byte.is_ascii_digit())
        })
    {
        kept.pop();
    }
    kept
}

/// The words of a name in lower case: `DB_PASSWORD_2`, `dbPassword2` and `db-password2` alike.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = Kind::Other;
    let signs: Vec<char> = name.chars().collect();
    for (at, sign) in signs.iter().enumerate() {
        let kind = Kind::of(*sign);
        let next_is_small = signs.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let begins = match (before, kind) {
            (_, Kind::Other) => false,
            (Kind::Capital, Kind::Small) => false,
            (Kind::Capital, Kind::Capital) => next_is_small,
            (before, kind) => before != kind,
        };
        if begins {
            words.push(String::new());
        }
        if kind != Kind::Other
            && let Some(word) = words.last_mut()
        {
            word.push(sign.to_ascii_lowercase());
        }
        before = kind;
    }
    words
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Small,
    Capital,
    Digit,
    Other,
}

impl Kind {
    fn of(sign: char) -> Kind {
        match sign {
            'a'..='z' => Kind::Small,
            'A'..='Z' => Kind::Capital,
            '0'..='9' => Kind::Digit,
            _ => Kind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_credentials_by_its_words_and_not_only_by_its_end() {
        for name in [
            "PASSWORD_2",
            "SECRET_KEY_BASE",
            "API_KEY_PROD",
            "JWT",
            "TOKENS",
            "CREDS",
            "DB_CREDS",
            "dbPassword2",
            "clientSecretOld",
            "pass%77ord",
            "x-api-key",
            "Authorization",
            "mypassword",
            "DJANGO_SECRET_KEY",
            "AWS_ACCESS_KEY_ID",
            "JWT_PROD",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "SharedAccessKeyName",
            "max_tokens",
            "TOKEN_TTL",
            "SECRET_FILE",
            "PASSWORD_POLICY",
            "bypass",
            "compass",
            "monkey",
            "keyboard",
            "KEY_VAULT_NAME",
            "AUTH_ENABLED",
            "total_tokens",
            "signal",
            "Refreshing token for user",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
