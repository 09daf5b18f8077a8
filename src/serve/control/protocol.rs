//! Frames and messages of the control socket.

use serde_json::{Value, json};

/// Longest message that is accepted, in bytes.
pub const LONGEST_MESSAGE: usize = 64 * 1024;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the client, given back in the answer.
    pub id: u64,
    /// The command, such as `show workers`.
    pub command: String,
    /// Its arguments as text.
    pub arguments: Vec<String>,
    /// Which connection it came on.
    pub(super) client: usize,
}

/// What is in a buffer of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// Not a whole message yet.
    Partial,
    /// A whole message and the bytes that it took.
    Whole(Vec<u8>, usize),
    /// Longer than anybody may send.
    TooLong,
}

/// Find the first message in `bytes`.
pub fn take_frame(bytes: &[u8]) -> Frame {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Frame::Partial;
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > LONGEST_MESSAGE {
        return Frame::TooLong;
    }
    match rest.get(..length) {
        Some(message) => Frame::Whole(message.to_vec(), 4 + length),
        None => Frame::Partial,
    }
}

/// A message with its length in front.
pub fn frame(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// Read a command; `Err` says what is wrong with it.
pub(super) fn parse(message: &[u8], client: usize) -> Result<Request, String> {
    let value: Value =
        serde_json::from_slice(message).map_err(|error| format!("not JSON: {error}"))?;
    let command = value
        .get("command")
        .and_then(Value::as_str)
        .ok_or("no command")?;
    // Arguments come in the command's own text, as `gunicornc` sends them, or apart.
    let mut words = command.split_whitespace().map(str::to_owned);
    let mut command = words.next().unwrap_or_default();
    if matches!(command.as_str(), "show" | "worker")
        && let Some(second) = words.next()
    {
        command = format!("{command} {second}");
    }
    let apart = value.get("args").and_then(Value::as_array);
    let apart = apart.into_iter().flatten().map(|argument| {
        argument
            .as_str()
            .map_or_else(|| argument.to_string(), str::to_owned)
    });
    Ok(Request {
        id: value.get("id").and_then(Value::as_u64).unwrap_or(0),
        command,
        arguments: words.chain(apart).collect(),
        client,
    })
}

/// The answer to a command.
pub(super) fn answer(id: u64, result: &Result<Value, String>) -> Value {
    match result {
        Ok(data) => json!({ "id": id, "status": "ok", "data": data }),
        Err(error) => json!({ "id": id, "status": "error", "error": error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_frame() {
        let bytes = frame(&json!({"id": 1, "command": "worker  kill", "args": [42]}));
        let Frame::Whole(message, taken) = take_frame(&bytes) else {
            panic!("a whole message");
        };
        assert_eq!(taken, bytes.len());
        let request = parse(&message, 0).unwrap();
        assert_eq!(request.command, "worker kill");
        assert_eq!(request.arguments, ["42"]);
    }

    #[test]
    fn arguments_may_stand_in_the_command_itself() {
        let request = parse(br#"{"id":7,"command":"shutdown quick"}"#, 0).unwrap();
        assert_eq!((request.id, request.command.as_str()), (7, "shutdown"));
        assert_eq!(request.arguments, ["quick"]);
    }

    #[test]
    fn half_a_message_waits_and_a_huge_one_is_refused() {
        let bytes = frame(&json!({"command": "reload"}));
        for cut in 0..bytes.len() {
            assert_eq!(take_frame(&bytes[..cut]), Frame::Partial);
        }
        assert_eq!(take_frame(&[0xff; 8]), Frame::TooLong);
    }

    #[test]
    fn nonsense_is_named() {
        assert!(parse(b"{", 0).unwrap_err().contains("not JSON"));
        assert_eq!(parse(b"{}", 0).unwrap_err(), "no command");
    }
}
