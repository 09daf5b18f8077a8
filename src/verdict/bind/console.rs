//! What servers say in the console about where they listen.

use super::address::Address;

/// Words before the addresses, each of one server: Gunicorn, Uvicorn, Flask and Hypercorn, waitress,
/// Django, Daphne.
const WORDS: [&str; 6] = [
    "Listening at: ",
    "Uvicorn running on ",
    "Running on ",
    "Serving on ",
    "Starting development server at ",
    "Listening on TCP address ",
];

/// The addresses that a line names; `None` for a line of anything else.
pub(super) fn listening(line: &str) -> Option<Vec<Address>> {
    // Gunicorn's control socket and labrat's own lanes listen, too.
    if line.contains("ontrol socket listening") {
        return None;
    }
    if let Some(rest) = after(line, "Serving HTTP on ") {
        let mut words = rest.split_whitespace();
        let host = words.next()?;
        let port = words.nth(1)?;
        return Some(vec![Address::of_bind(&format!("{host}:{port}"))?]);
    }
    // Flask names each address in a line of its own after this one.
    if line.contains("Running on all addresses (") {
        return None;
    }
    let rest = WORDS.iter().find_map(|words| after(line, words))?;
    let addresses: Vec<Address> = rest
        .split(" (")
        .next()?
        .split(',')
        .map(|text| text.split_whitespace().next().unwrap_or_default())
        .filter(|text| text.contains(':'))
        .filter_map(Address::of_bind)
        .collect();
    (!addresses.is_empty()).then_some(addresses)
}

fn after<'l>(line: &'l str, words: &str) -> Option<&'l str> {
    line.split_once(words).map(|(_, rest)| rest)
}
