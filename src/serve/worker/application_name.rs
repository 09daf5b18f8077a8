//! Finding `MODULE:APP`, which fails here as an import does in Python.

use super::boot_failure::BootFailure;
use crate::serve::python::repr;
use crate::serve::settings::AppName;

/// The only module, and the only attribute in it, that exist here.
const MODULE: &str = "app";
const ATTRIBUTE: &str = "app";

/// What stands behind the colon.
#[derive(Debug, PartialEq, Eq)]
enum Expression<'a> {
    /// The name of an attribute.
    Name(&'a str),
    /// A call of an attribute, with literal arguments.
    Call(&'a str),
    /// A call with arguments that are no literals.
    CallWithNames,
    /// Anything else, or no Python at all.
    Other,
}

/// Find the application.
///
/// # Errors
/// As Gunicorn fails.
pub(super) fn find(name: &AppName) -> Result<(), BootFailure> {
    if name.module != MODULE {
        let first = name.module.split('.').next().unwrap_or_default();
        let message = if first == MODULE {
            format!(
                "No module named '{}'; '{MODULE}' is not a package",
                name.module
            )
        } else {
            format!("No module named '{first}'")
        };
        return Err(BootFailure::Exception {
            exception: "ModuleNotFoundError".to_owned(),
            message,
        });
    }
    let no_application = |message| Err(BootFailure::NoApplication(message));
    let quoted = repr(&name.attribute);
    match read(&name.attribute) {
        Expression::Name(ATTRIBUTE) => Ok(()),
        // Gunicorn calls the Flask object without a request, and stumbles over the error.
        Expression::Call(ATTRIBUTE) => Err(BootFailure::Exception {
            exception: "AttributeError".to_owned(),
            message: "'Flask' object has no attribute '__code__'".to_owned(),
        }),
        Expression::Name(other) | Expression::Call(other) => {
            no_application(format!("Failed to find attribute '{other}' in '{MODULE}'."))
        }
        Expression::CallWithNames => no_application(format!(
            "Failed to parse arguments as literal values: {quoted}"
        )),
        Expression::Other => no_application(format!(
            "Failed to parse {quoted} as an attribute name or function call."
        )),
    }
}

/// Python's words that are no names.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

fn read(text: &str) -> Expression<'_> {
    let text = text.trim_end();
    let (name, call) = match text.find('(') {
        Some(at) => (text[..at].trim_end(), Some(&text[at..])),
        None => (text, None),
    };
    if !is_name(name) {
        return Expression::Other;
    }
    match call.map(arguments) {
        None => Expression::Name(name),
        Some(Arguments::Literal) => Expression::Call(name),
        Some(Arguments::Names) => Expression::CallWithNames,
        Some(Arguments::Malformed) => Expression::Other,
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&text)
}

#[derive(Debug, PartialEq, Eq)]
enum Arguments {
    Literal,
    Names,
    Malformed,
}

/// What stands between the parentheses of a call, which must end the text.
fn arguments(call: &str) -> Arguments {
    let mut closing = Vec::new();
    let mut words: Vec<(String, bool)> = Vec::new();
    let mut rest = call.chars().peekable();
    let mut is_over = false;
    while let Some(character) = rest.next() {
        if is_over {
            return Arguments::Malformed;
        }
        match character {
            '(' => closing.push(')'),
            '[' => closing.push(']'),
            '{' => closing.push('}'),
            ')' | ']' | '}' => {
                if closing.pop() != Some(character) {
                    return Arguments::Malformed;
                }
                is_over = closing.is_empty();
            }
            '"' | '\'' => loop {
                match rest.next() {
                    Some('\\') => drop(rest.next()),
                    Some(next) if next == character => break,
                    Some(_) => {}
                    None => return Arguments::Malformed,
                }
            },
            first if first.is_alphabetic() || first == '_' => {
                let mut word = String::from(first);
                while let Some(next) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(next);
                }
                while rest.next_if(|c| *c == ' ').is_some() {}
                words.push((word, closing.len() == 1 && rest.peek() == Some(&'=')));
            }
            digit if digit.is_ascii_digit() => {
                while rest
                    .next_if(|c| c.is_alphanumeric() || matches!(c, '.' | '_'))
                    .is_some()
                {}
            }
            '=' | ',' | ':' | '-' | '+' | ' ' | '.' => {}
            _ => return Arguments::Malformed,
        }
    }
    let is_literal = |(word, names_an_argument): &(String, bool)| {
        *names_an_argument || matches!(word.as_str(), "True" | "False" | "None")
    };
    match (is_over, words.iter().all(is_literal)) {
        (false, _) => Arguments::Malformed,
        (true, true) => Arguments::Literal,
        (true, false) => Arguments::Names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_named(module: &str, attribute: &str) -> Result<(), BootFailure> {
        find(&AppName {
            module: module.into(),
            attribute: attribute.into(),
        })
    }

    #[test]
    fn only_app_app_exists_and_the_rest_fails_as_an_import_does() {
        assert_eq!(find_named("app", "app"), Ok(()));
        for (module, message) in [
            ("wrong_module", "No module named 'wrong_module'"),
            ("pkg.mod", "No module named 'pkg'"),
            ("app.x", "No module named 'app.x'; 'app' is not a package"),
        ] {
            let wrong = find_named(module, "app").unwrap_err();
            assert_eq!(wrong.exit_code(), 3);
            assert!(wrong.traceback().ends_with(message), "{wrong:?}");
        }
        let wrong = find_named("app", "wrong_attr").unwrap_err();
        assert_eq!(wrong.exit_code(), 4);
        let traceback = wrong.traceback();
        assert_eq!(
            traceback.lines().last(),
            Some("gunicorn.errors.AppImportError: Failed to find attribute 'wrong_attr' in 'app'.")
        );
    }

    #[test]
    fn what_stands_behind_the_colon_is_read_as_python_reads_it() {
        for (text, expected) in [
            ("app", Expression::Name("app")),
            ("app()", Expression::Call("app")),
            ("app (1, 'x)', key=None)", Expression::Call("app")),
            ("create_app({'a': [1.5]})", Expression::Call("create_app")),
            ("app(x)", Expression::CallWithNames),
            ("app(x())", Expression::CallWithNames),
            ("1+1", Expression::Other),
            ("", Expression::Other),
            ("None", Expression::Other),
            ("app.wsgi", Expression::Other),
            ("app(", Expression::Other),
            ("app()x", Expression::Other),
            ("app(])", Expression::Other),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
