//! Whatever a credential looks like and wherever it stands, it does not survive.

use proptest::prelude::*;

use labrat::redaction::redact;

/// Ways to write a secret down, with the characters that each way can carry.
fn planted() -> impl Strategy<Value = (String, String)> {
    let plain = "[A-Za-z0-9]{10,20}";
    let mixed = "[A-Za-z0-9][A-Za-z0-9!#$%^*+=_~.-]{10,20}";
    // Neither a semicolon, which ends it, nor a double quote: behind a stray one nobody can
    // tell what is quoted.
    let wild = "[A-Za-z0-9][ !#-:<-~]{10,20}[A-Za-z0-9]";
    let key = prop::sample::select(vec![
        "Password",
        "PASSWORD",
        "pwd",
        "AccountKey",
        "SharedAccessKey",
        "client_secret",
        "api-key",
        "DB_PASSWORD",
        "access_token",
        "Secret",
    ]);
    let write = |template: &'static str| {
        move |(key, secret): (&'static str, String)| {
            (
                template.replace("KEY", key).replace("VALUE", &secret),
                secret,
            )
        }
    };
    prop_oneof![
        (key.clone(), wild).prop_map(write("Server=s;KEY=VALUE;Database=d")),
        (key.clone(), wild).prop_map(write("Server=s;KEY = VALUE")),
        (key.clone(), mixed).prop_map(write("host=h KEY=VALUE dbname=d")),
        (key.clone(), mixed).prop_map(write("{\"KEY\": \"VALUE\", \"host\": \"h\"}")),
        (key.clone(), mixed).prop_map(write("{\"c\":\"Server=s;KEY=VALUE\",\"d\":\"e\"}")),
        (key.clone(), mixed).prop_map(write("{\"c\":\"{\\\"KEY\\\":\\\"VALUE\\\"}\"}")),
        (key.clone(), "[ -!#-Z^-~]{10,20}").prop_map(write("KEY=\"VALUE\";Database=d")),
        (key.clone(), "[ !#-&(-Z^-~]{10,20}").prop_map(write("KEY='VALUE';Database=d")),
        (key.clone(), plain).prop_map(write("https://h/p?a=1&KEY=VALUE&b=2")),
        (key.clone(), mixed).prop_map(write("tool --KEY VALUE --host h")),
        (key.clone(), mixed).prop_map(write("[{\"name\":\"KEY\",\"value\":\"VALUE\"}]")),
        (key, "[A-Za-z0-9!$&'()*+,=._~%:@-]{10,20}[a-z]")
            .prop_map(write("postgres://app:VALUE@host:5432/db")),
    ]
}

proptest! {
    #[test]
    fn a_planted_secret_never_survives(
        parts in prop::collection::vec(planted(), 1..4),
        separator in prop::sample::select(vec!["\n", "; ", " then "]),
    ) {
        let texts: Vec<_> = parts.iter().map(|(text, _)| text.as_str()).collect();
        let shown = redact(&texts.join(separator)).into_owned();
        for (_, secret) in &parts {
            prop_assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }

    #[test]
    fn redacting_twice_changes_nothing_more(text in "[ -~\u{e4}\n]{0,120}") {
        let once = redact(&text).into_owned();
        prop_assert_eq!(redact(&once).into_owned(), once.clone());
    }

    #[test]
    fn any_text_is_taken(text in any::<String>()) {
        let _ = redact(&text);
    }
}
