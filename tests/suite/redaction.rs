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
        "PASSWORD_2",
        "SECRET_KEY_BASE",
        "API_KEY_PROD",
        "JWT",
        "pass%77ord",
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

/// Texts of nothing but beginnings, each of which once made the work grow with the square.
const HOSTILE: [&str; 14] = [
    "password=\"\\\\\\\\",
    "\\\\\\\\",
    "://",
    "://a:b/",
    "'a://;",
    "pwd=x ",
    "pwd=x;",
    "pwd= ",
    " \"'\t",
    "a://u;b ",
    "--pwd ",
    "%70%77%64%3D",
    "name:\"'",
    "-----BEGIN ",
];

#[test]
fn work_grows_with_the_length_of_a_text_and_no_faster() {
    for part in HOSTILE {
        for head in ["", "password=\"", "password=", "pwd={", "x://"] {
            let text = |bytes: usize| format!("{head}{}", part.repeat(bytes / part.len()));
            // Processor time, and the least of several, since the machine is shared.
            let least = |text: &str| {
                let clock = || {
                    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
                    std::time::Duration::from(clock.now().unwrap())
                };
                let once = || {
                    let begun = clock();
                    let _ = redact(text);
                    (clock() - begun).as_secs_f64()
                };
                (0..3).map(|_| once()).fold(f64::MAX, f64::min)
            };
            // Doubled three times: eight times as long, and 64 times where the work is a square.
            let (short, long) = (text(8 << 10), text(64 << 10));
            let (short, long) = (least(&short), least(&long));
            // What takes a moment is no burden, whatever a busy machine makes of it.
            let growth = long / short.max(1e-5);
            assert!(
                growth < 30.0 || long < 0.25,
                "{growth:.0} times for {head}{part}"
            );
        }
    }
}

#[test]
fn what_is_encoded_is_looked_at_as_what_it_says() {
    for (text, shown) in [
        ("GET /x?pass%77ord=abc&y=1", "GET /x?pass%77ord=***&y=1"),
        (
            "next=%2Fx%3Fpassword%3Dabc%26y%3D1",
            "next=%2Fx%3Fpassword%3D***%26y%3D1",
        ),
        (
            "to=https%3A%2F%2Fme%3Apw%40host%2Fx",
            "to=https%3A%2F%2F***%40host%2Fx",
        ),
        ("twice=%2570assword%253Dabc", "twice=%2570assword%253D***"),
        (
            "{\"\\u0070assword\":\"abc\"}",
            "{\"\\u0070assword\":\"***\"}",
        ),
        ("/cb?code=abc&state=s", "/cb?code=***&state=s"),
        ("GET / Cookie: a=b; auth=c; d=e", "GET / Cookie: ***"),
        (
            "authorization: Basic b Cookie: a=b; auth=c",
            "authorization: ***",
        ),
        ("set-cookie: sid=abc; Path=/\nnext", "set-cookie: ***\nnext"),
        (
            "exit code=3, status code: 502",
            "exit code=3, status code: 502",
        ),
        (
            "using ghp_abcdefghijklmnopqrstuvwxyz0123456789 now",
            "using *** now",
        ),
    ] {
        assert_eq!(redact(text), shown, "{text}");
    }
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
