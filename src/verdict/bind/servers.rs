//! Where the server that a command starts listens, by the flags and defaults of each server.

use std::collections::BTreeMap;

use super::Surroundings;
use super::address::Address;
use super::flags::{BY_HOST_AND_PORT, Flag, flag};
use super::shell::{Simple, Word, commands};

/// Scripts that call scripts.
const DEEPEST: usize = 4;

/// Programs that run the program that follows, with the words of theirs that stand between.
const WRAPPERS: [(&str, usize); 16] = [
    ("exec", 0),
    ("nohup", 0),
    ("env", 0),
    ("time", 0),
    ("command", 0),
    ("sudo", 0),
    ("tini", 0),
    ("dumb-init", 0),
    ("stdbuf", 0),
    ("opentelemetry-instrument", 0),
    ("ddtrace-run", 0),
    ("timeout", 1),
    ("poetry", 1),
    ("pipenv", 1),
    ("uv", 1),
    ("newrelic-admin", 1),
];

/// A command of Gunicorn as its arguments and environment reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GunicornCommand {
    pub words: Vec<Word>,
    pub environment: BTreeMap<String, String>,
}

/// A command being read.
struct Reading<'s> {
    surroundings: &'s Surroundings<'s>,
    /// The last Gunicorn that it starts.
    gunicorn: Option<GunicornCommand>,
}

/// The addresses at which a command has its server listen, or why that is not known; and its Gunicorn,
/// where it starts one.
pub(super) fn listening(
    command: &str,
    surroundings: &Surroundings<'_>,
) -> (Result<Vec<Address>, String>, Option<GunicornCommand>) {
    let mut variables = surroundings.variables.clone();
    // Without a command the platform makes one of its own, which is right.
    if command.trim().is_empty() {
        return (Ok(vec![default_of_port(&variables)]), None);
    }
    let mut reading = Reading {
        surroundings,
        gunicorn: None,
    };
    let listens = read(command, &mut reading, &mut variables, 0);
    (listens, reading.gunicorn)
}

fn default_of_port(variables: &BTreeMap<String, String>) -> Address {
    let port = variables
        .get("PORT")
        .and_then(|port| port.parse().ok())
        .unwrap_or(8000);
    Address::Internet("0.0.0.0".to_owned(), port)
}

fn read(
    text: &str,
    reading: &mut Reading<'_>,
    variables: &mut BTreeMap<String, String>,
    depth: usize,
) -> Result<Vec<Address>, String> {
    if depth > DEEPEST {
        return Err("scripts call each other".to_owned());
    }
    let mut found: Vec<Address> = Vec::new();
    let mut reason = None;
    for simple in commands(text, variables) {
        match of_simple(&simple, reading, variables, depth) {
            Some(Ok(addresses)) => found.extend(addresses),
            Some(Err(why)) => reason = Some(why),
            None => {}
        }
    }
    match (found.is_empty(), reason) {
        (false, _) => Ok(found),
        (true, Some(reason)) => Err(reason),
        (true, None) => Err("no server that is known is started".to_owned()),
    }
}

impl Reading<'_> {
    fn gunicorn(
        &mut self,
        words: &[Word],
        environment: &BTreeMap<String, String>,
    ) -> Result<Vec<Address>, String> {
        self.gunicorn = Some(GunicornCommand {
            words: words.to_vec(),
            environment: environment.clone(),
        });
        gunicorn(words, environment)
    }
}

/// What one command listens at; `None` if it is no server.
fn of_simple(
    simple: &Simple,
    reading: &mut Reading<'_>,
    variables: &mut BTreeMap<String, String>,
    depth: usize,
) -> Option<Result<Vec<Address>, String>> {
    let mut environment = variables.clone();
    let assigned = simple.assignments.iter().cloned();
    let mut words = simple.words.as_slice();
    for (name, value) in assigned.chain(unwrap(&mut words)) {
        match value.open {
            true => environment.remove(&name),
            false => environment.insert(name, value.text),
        };
    }
    let (program, rest) = words.split_first()?;
    let name = program.text.rsplit('/').next().unwrap_or_default();
    match name {
        "gunicorn" => Some(reading.gunicorn(rest, &environment)),
        "labrat" if rest.first().is_some_and(|word| word.text == "serve") => {
            Some(reading.gunicorn(&rest[1..], &environment))
        }
        "bash" | "sh" | "dash" | "zsh" => {
            let inline = rest
                .iter()
                .position(|word| word.text.starts_with('-') && word.text.ends_with('c'));
            match inline.and_then(|at| rest.get(at + 1)) {
                Some(text) => Some(read(&text.text, reading, &mut environment, depth + 1)),
                None => {
                    let script = rest.iter().find(|word| !word.text.starts_with('-'))?;
                    Some(script_of(script, reading, variables, depth))
                }
            }
        }
        "." | "source" => Some(script_of(rest.first()?, reading, variables, depth)),
        name if name.starts_with("python") => python(rest, reading, &environment),
        name if is_script(name, reading.surroundings) => {
            Some(script_of(program, reading, variables, depth))
        }
        name => by_name(name, rest, &environment),
    }
}

/// Take wrappers off the front, and give the assignments that `env` makes.
fn unwrap(words: &mut &[Word]) -> Vec<(String, Word)> {
    let mut assignments = Vec::new();
    while let Some(first) = words.first() {
        let name = first.text.rsplit('/').next().unwrap_or_default();
        let Some((_, own)) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name) else {
            break;
        };
        let is_run = matches!(name, "poetry" | "pipenv" | "uv" | "newrelic-admin");
        let runs = words
            .get(1)
            .is_some_and(|word| matches!(word.text.as_str(), "run" | "run-program"));
        if is_run && !runs {
            break;
        }
        *words = words.get(1..).unwrap_or_default();
        while let Some(word) = words.first() {
            let assignment = word
                .text
                .split_once('=')
                .filter(|_| !word.text.starts_with('-'));
            match assignment {
                Some((key, value)) if name == "env" => {
                    let value = Word {
                        text: value.to_owned(),
                        open: word.open,
                    };
                    assignments.push((key.to_owned(), value));
                }
                _ if word.text.starts_with('-') => {}
                _ => break,
            }
            *words = &words[1..];
        }
        *words = words.get(*own..).unwrap_or_default();
    }
    assignments
}

fn is_script(name: &str, surroundings: &Surroundings<'_>) -> bool {
    name.ends_with(".sh")
        || name.ends_with(".txt")
        || surroundings.scripts.iter().any(|(known, _)| *known == name)
}

fn script_of(
    word: &Word,
    reading: &mut Reading<'_>,
    variables: &mut BTreeMap<String, String>,
    depth: usize,
) -> Result<Vec<Address>, String> {
    let name = word.text.rsplit('/').next().unwrap_or_default();
    let mut scripts = reading.surroundings.scripts.iter();
    match scripts.find(|(known, _)| *known == name) {
        Some((_, text)) => read(text, reading, variables, depth + 1),
        None => Err(format!("`{name}` is not in the evidence")),
    }
}

fn python(
    words: &[Word],
    reading: &mut Reading<'_>,
    environment: &BTreeMap<String, String>,
) -> Option<Result<Vec<Address>, String>> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        match word.text.as_str() {
            "-m" => {
                let module = words.get(at + 1)?.text.as_str();
                let rest = words.get(at + 2..)?;
                return match module {
                    "gunicorn" | "gunicorn.app.wsgiapp" => {
                        Some(reading.gunicorn(rest, environment))
                    }
                    "http.server" => Some(http_server(rest)),
                    module => by_name(module, rest, environment),
                };
            }
            "-c" => return None,
            "-W" | "-X" => at += 2,
            text if text.starts_with('-') => at += 1,
            script => {
                let name = script.rsplit('/').next().unwrap_or(script);
                return django(name, &words[at + 1..]);
            }
        }
    }
    None
}

/// Servers that are called by their own name.
fn by_name(
    name: &str,
    words: &[Word],
    environment: &BTreeMap<String, String>,
) -> Option<Result<Vec<Address>, String>> {
    by_one_flag(name, words)
        .or_else(|| by_host_and_port(name, words, environment))
        .or_else(|| django(name, words))
}

/// A flag that says all of an address.
fn by_one_flag(name: &str, words: &[Word]) -> Option<Result<Vec<Address>, String>> {
    match name {
        "uvicorn" => {
            let socket = last(words, &flag("--uds", None))?;
            Some(Ok(vec![Address::Local(socket.text)]))
        }
        "hypercorn" => {
            let bind = Flag {
                long: "--bind",
                least: "--bi".len(),
                short: Some("-b"),
            };
            Some(match values(words, &bind).as_slice() {
                [] => Ok(vec![Address::Internet("127.0.0.1".to_owned(), 8000)]),
                binds => all(binds),
            })
        }
        "waitress-serve" => match values(words, &flag("--listen", None)).as_slice() {
            [] => None,
            listens => Some(all(&listens.iter().map(without_star).collect::<Vec<_>>())),
        },
        _ => None,
    }
}

fn by_host_and_port(
    name: &str,
    words: &[Word],
    environment: &BTreeMap<String, String>,
) -> Option<Result<Vec<Address>, String>> {
    let server = BY_HOST_AND_PORT.iter().find(|server| server.name == name)?;
    // Flask does much that is not serving.
    if name == "flask" && !words.iter().any(|word| word.text == "run") {
        return None;
    }
    let variable = |name: &str| {
        environment.get(name).map(|text| Word {
            text: text.clone(),
            open: false,
        })
    };
    let (host, port) = server.variables.map_or((None, None), |(host, port)| {
        (variable(host), variable(port))
    });
    let host = last(words, &server.host).or(host);
    let port = last(words, &server.port).or(port);
    Some(joined(host, port, server.defaults))
}

fn without_star(word: &Word) -> Word {
    Word {
        text: word.text.replace("*:", "0.0.0.0:"),
        open: word.open,
    }
}

/// `manage.py runserver [ADDRESS]`; any other program of Python keeps its address to itself.
fn django(name: &str, words: &[Word]) -> Option<Result<Vec<Address>, String>> {
    if !name.ends_with(".py") {
        return None;
    }
    let Some(at) = words.iter().position(|word| word.text == "runserver") else {
        let manages = name == "manage.py";
        return (!manages).then(|| Err(format!("what `{name}` listens at is in its code")));
    };
    let address = words[at + 1..]
        .iter()
        .find(|word| !word.text.starts_with('-'));
    Some(match address {
        None => Ok(vec![Address::Internet("127.0.0.1".to_owned(), 8000)]),
        Some(word) if word.text.bytes().all(|byte| byte.is_ascii_digit()) && !word.open => {
            joined(None, Some(word.clone()), ("127.0.0.1", "8000"))
        }
        Some(word) => all(std::slice::from_ref(word)),
    })
}

fn http_server(words: &[Word]) -> Result<Vec<Address>, String> {
    let bind = Flag {
        long: "--bind",
        least: "--b".len(),
        short: Some("-b"),
    };
    let port = words
        .iter()
        .find(|word| !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit()));
    joined(last(words, &bind), port.cloned(), ("0.0.0.0", "8000"))
}

/// Gunicorn: flags before its environment variable before PORT; several addresses are several. An
/// address of the variable goes when the command has one.
fn gunicorn(
    words: &[Word],
    environment: &BTreeMap<String, String>,
) -> Result<Vec<Address>, String> {
    // `--b` may be `--backlog`, too.
    let bind = Flag {
        long: "--bind",
        least: "--bi".len(),
        short: Some("-b"),
    };
    let config = Flag {
        long: "--config",
        least: "--conf".len(),
        short: Some("-c"),
    };
    let by_variable = environment.get("GUNICORN_CMD_ARGS").map(|text| {
        let mut none = BTreeMap::new();
        let quoted = text.replace('$', "\\$");
        commands(&format!("x {quoted}"), &mut none)
            .into_iter()
            .flat_map(|simple| simple.words)
            .collect::<Vec<_>>()
    });
    let by_variable = by_variable.unwrap_or_default();
    let binds = values(words, &bind);
    if !binds.is_empty() {
        return all(&binds);
    }
    let binds = values(&by_variable, &bind);
    if !binds.is_empty() {
        return all(&binds);
    }
    if let Some(file) = last(words, &config).or_else(|| last(&by_variable, &config)) {
        return Err(format!("the address may be in `{}`", file.text));
    }
    if words.iter().any(|word| word.open && word.text.is_empty()) {
        return Err("a variable may hold the address".to_owned());
    }
    Ok(vec![default_of_port(environment)])
}

/// Every value of a flag, in its order, as the parsers of Python's standard library read it.
fn values(words: &[Word], flag: &Flag) -> Vec<Word> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.text == "--" {
            break;
        }
        if word.text.contains(' ') && !word.text.contains('=') {
            continue;
        }
        let (name, attached) = match word.text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.text.as_str(), None),
        };
        let is_long =
            name == flag.long || (name.len() >= flag.least && flag.long.starts_with(name));
        let letter = flag.short.and_then(|short| word.text.strip_prefix(short));
        let value = match (is_long, letter) {
            (true, _) => attached.map(str::to_owned),
            (false, Some("")) => None,
            (false, Some(rest)) => Some(rest.strip_prefix('=').unwrap_or(rest).to_owned()),
            (false, None) => continue,
        };
        match value {
            Some(text) => found.push(Word {
                text,
                open: word.open,
            }),
            None => found.extend(words.next().cloned()),
        }
    }
    found
}

fn last(words: &[Word], flag: &Flag) -> Option<Word> {
    values(words, flag).pop()
}

fn all(binds: &[Word]) -> Result<Vec<Address>, String> {
    let mut addresses = Vec::new();
    for bind in binds {
        if bind.open {
            return Err(format!(
                "a variable holds the address after `{}`",
                bind.text
            ));
        }
        for part in bind
            .text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let address = Address::of_bind(part);
            addresses.push(address.ok_or_else(|| format!("`{part}` is no address"))?);
        }
    }
    Ok(addresses)
}

fn joined(
    host: Option<Word>,
    port: Option<Word>,
    defaults: (&str, &str),
) -> Result<Vec<Address>, String> {
    let plain = |text: &str| Word {
        text: text.to_owned(),
        open: false,
    };
    let host = host.unwrap_or_else(|| plain(defaults.0));
    let port = port.unwrap_or_else(|| plain(defaults.1));
    if host.open || port.open {
        return Err("a variable holds the address".to_owned());
    }
    let number = port
        .text
        .parse()
        .map_err(|_| format!("`{}` is no port", port.text))?;
    let host = if host.text.is_empty() {
        "0.0.0.0".to_owned()
    } else {
        host.text
    };
    Ok(vec![Address::Internet(
        host.trim_matches(['[', ']']).to_owned(),
        number,
    )])
}
