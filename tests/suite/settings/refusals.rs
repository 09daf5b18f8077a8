//! What Gunicorn 25.3.0 refuses: same exit code, same last line (measured on the real one, with
//! the program's name exchanged).

use super::{Variables, resolve_in, resolve_line};

/// The words, and what the last line says about them.
type Case = (&'static [&'static str], &'static str);

/// The exit code and the last line that is not empty.
fn refusal(environment: &Variables, words: &[&str]) -> (u8, String) {
    let error = resolve_in(environment, words).unwrap_err();
    let text = error.text();
    let last = text.lines().rfind(|line| !line.is_empty());
    (error.exit_code(), last.unwrap_or_default().to_owned())
}

#[test]
fn words_that_cannot_be_read_end_with_2_and_argparses_line() {
    let cases: &[Case] = &[
        (
            &["--x=5", "--y", "app:app"],
            "unrecognized arguments: --x=5 --y",
        ),
        (&["-Z5"], "unrecognized arguments: -Z5"),
        (
            &["--log", "x"],
            "ambiguous option: --log could match --log-file, --log-level, --logger-class, \
             --log-config, --log-config-json, --log-syslog-to, --log-syslog, --log-syslog-prefix, \
             --log-syslog-facility",
        ),
        (
            &["--work", "3"],
            "ambiguous option: --work could match --workers, --worker-class, --worker-connections, \
             --worker-tmp-dir",
        ),
        (&["-w"], "argument -w/--workers: expected one argument"),
        (
            &["-w", "--preload"],
            "argument -w/--workers: expected one argument",
        ),
        (
            &["-w", "--", "3"],
            "argument -w/--workers: expected one argument",
        ),
        (
            &["-D", "-R", "-p"],
            "argument -p/--pid: expected one argument",
        ),
        (
            &["--preload=yes"],
            "argument --preload: ignored explicit argument 'yes'",
        ),
        (
            &["-DRx"],
            "argument -R/--enable-stdio-inheritance: ignored explicit argument 'x'",
        ),
        (
            &["-wabc"],
            "argument -w/--workers: invalid int value: 'abc'",
        ),
        (
            &["--timeout", "1.5"],
            "argument -t/--timeout: invalid int value: '1.5'",
        ),
        (
            &["--workers="],
            "argument -w/--workers: invalid int value: ''",
        ),
        (
            &["--control-socket-mode", "x"],
            "argument --control-socket-mode: invalid auto_int value: 'x'",
        ),
    ];
    for (words, expected) in cases {
        let expected = (2, format!("labrat: error: {expected}"));
        assert_eq!(refusal(&Variables::default(), words), expected, "{words:?}");
    }
    let text = resolve_line("--nope").unwrap_err().text();
    assert!(
        text.starts_with("usage: labrat serve [OPTIONS] [APP_MODULE]\n"),
        "{text}"
    );
}

#[test]
fn values_that_cannot_be_honoured_end_with_1_and_gunicorns_line() {
    let cases: &[Case] = &[
        (
            &["-b", "127.0.0.1:notaport"],
            "Error: 'notaport' is not a valid port number.",
        ),
        (
            &["-b", "fd://x"],
            "Error: 'x' is not a valid file descriptor.",
        ),
        (&["--workers", "-1"], "Error: Value must be positive: -1"),
        (
            &["--limit-request-fields=-1"],
            "Error: Value must be positive: -1",
        ),
        (&["--dirty-workers=-3"], "Error: Value must be positive: -3"),
        (&["--chdir", "/nope"], "Error: can't chdir to '/nope'"),
        (&["-e", "FOO"], "Error: environment setting 'FOO' invalid"),
        (&["-c", "/nope.py"], "Error: '/nope.py' doesn't exist"),
        (
            &["--error-logfile", "/nope/x.log"],
            "Error: Error: '/nope/x.log' isn't writable [FileNotFoundError(2, 'No such file or directory')]",
        ),
        (
            &["--access-logfile=/nope/x.log"],
            "Error: Error: '/nope/x.log' isn't writable [FileNotFoundError(2, 'No such file or directory')]",
        ),
        (
            &["-b", "h:70000"],
            "OverflowError: bind(): port must be 0-65535.",
        ),
    ];
    for (words, expected) in cases {
        assert_eq!(
            refusal(&Variables::default(), words),
            (1, (*expected).to_owned()),
            "{words:?}"
        );
    }
    let text = resolve_line("--workers=-1").unwrap_err().text();
    assert_eq!(text, "\nError: Value must be positive: -1\n\n");
}

#[test]
fn a_worker_class_that_does_not_exist_here_is_refused_with_what_does() {
    let line = |class| refusal(&Variables::default(), &["-k", class]);
    let (code, text) = line("nope");
    assert!(
        code == 1 && text.starts_with("Error: class uri 'nope' invalid or not found: "),
        "{text}"
    );
    for class in ["tornado", "asgi", "uvicorn.workers.UvicornWorker"] {
        let (code, text) = line(class);
        assert!(
            code == 1 && text.contains("the class 'async' is an event loop, too"),
            "{text}"
        );
    }
}

#[test]
fn variables_that_cannot_be_read_end_as_in_gunicorn() {
    let one = |name, value: &str| Variables::default().with(name, value);
    let invalid = "ValueError: invalid literal for int() with base 10: 'abc'";
    let cases = [
        (one("WEB_CONCURRENCY", "abc"), (1, invalid)),
        (
            one("WEB_CONCURRENCY", "-1"),
            (1, "Error: Value must be positive: -1"),
        ),
        (
            one("PORT", "abc"),
            (1, "Error: 'abc' is not a valid port number."),
        ),
        (
            one("PORT", ""),
            (1, "Error: '' is not a valid port number."),
        ),
        (
            one("GUNICORN_CMD_ARGS", "--workers \"a"),
            (1, "Error: No closing quotation"),
        ),
        (
            one("GUNICORN_CMD_ARGS", "--nope"),
            (2, "labrat: error: unrecognized arguments: --nope"),
        ),
    ];
    for (environment, (code, line)) in cases {
        assert_eq!(
            refusal(&environment, &[]),
            (code, line.to_owned()),
            "{environment:?}"
        );
    }
    // Gunicorn reads WEB_CONCURRENCY before it looks at any flag.
    let (code, line) = refusal(&one("WEB_CONCURRENCY", "abc"), &["--workers=2", "--nope"]);
    assert_eq!((code, line.as_str()), (1, invalid));
}

#[test]
fn a_word_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let word = std::ffi::OsString::from_vec(vec![b'-', b'-', 0xff]);
    let error = labrat::serve::settings::resolve(&[word], &Variables::default()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn numbers_beyond_what_a_machine_can_do_are_refused_and_not_cut_short() {
    for line in [
        "--workers=99999999999",
        "--backlog=2147483648",
        "--max-requests=9223372036854775808",
    ] {
        let error = resolve_line(line).unwrap_err();
        assert!(
            error.text().starts_with("\nError: Value must be at most "),
            "{line}"
        );
    }
}
