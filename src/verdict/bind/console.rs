//! What servers say in the console about where they listen.

use super::address::Address;

/// Words before the addresses, each of one server: Gunicorn, Uvicorn, Flask and Hypercorn, waitress,
/// Django, Daphne, Kestrel.
const WORDS: [&str; 7] = [
    "Listening at: ",
    "Uvicorn running on ",
    "Running on ",
    "Serving on ",
    "Starting development server at ",
    "Listening on TCP address ",
    "Now listening on: ",
];

/// Words before a port alone, of servers that name no host: they listen at every address.
const PORT_WORDS: [&str; 7] = [
    "istening on port ",
    "istening at port ",
    "unning on port ",
    "tarted on port ",
    "tarted on port(s): ",
    "istening on *:",
    "istening on :::",
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
    if let Some(rest) = PORT_WORDS.iter().find_map(|words| after(line, words)) {
        let end = rest.find(|sign: char| !sign.is_ascii_digit());
        let port = rest.get(..end.unwrap_or(rest.len()))?;
        return Some(vec![Address::of_bind(&format!("0.0.0.0:{port}"))?]);
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
