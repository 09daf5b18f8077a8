//! One question and one answer in Gunicorn's control protocol: a length of four bytes, most
//! significant first, then JSON.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Gunicorn's largest message.
const MAX_MESSAGE: u32 = 16 * 1024 * 1024;

/// The arbiter looks at its control socket between its own tasks, at least once a second; a
/// reload can keep it from doing so for as long as workers may take to finish.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

/// Why a pool did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there, or nobody who lets us in.
    #[error("control socket {}: {source}\n\nhint: {hint}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What may be the reason.
        hint: &'static str,
    },
    /// The question went wrong.
    #[error("asking {} to {command}: {source}", path.display())]
    Asking {
        /// The socket.
        path: PathBuf,
        /// The question.
        command: String,
        /// How.
        source: ExchangeError,
    },
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The connection ended.
    #[error("the pool closed the connection without an answer")]
    NoAnswer(#[source] io::Error),
    /// The connection failed.
    #[error("{0}")]
    System(#[from] io::Error),
    /// An answer longer than any.
    #[error("an answer of {0} bytes is no answer of a pool")]
    TooLong(u32),
    /// An answer that ends early.
    #[error("the answer ends after {read} of {length} bytes")]
    Cut {
        /// Bytes that came.
        read: usize,
        /// Bytes that were announced.
        length: u32,
    },
    /// No answer of this protocol.
    #[error("the answer is not what a pool answers: {0}")]
    NoProtocol(#[from] serde_json::Error),
    /// The pool's own words.
    #[error("{0}")]
    Refused(String),
}

#[derive(Debug, Serialize)]
struct Question<'a> {
    id: u64,
    command: &'a str,
    args: [&'a str; 0],
}

#[derive(Debug, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Answer {
    Ok { data: Value },
    Error { error: String },
}

/// Send `command` to the pool behind `socket` and return the data of its answer.
///
/// # Errors
/// When the socket cannot be reached, the answer is no answer, or the pool reports an error.
pub fn request(socket: &Path, command: &str) -> Result<Value, AskError> {
    let mut stream = connect(socket)?;
    exchange(&mut stream, command).map_err(|source| AskError::Asking {
        path: socket.to_owned(),
        command: command.to_owned(),
        source,
    })
}

/// Reach the pool behind `socket`.
///
/// # Errors
/// When nobody answers there; the hint says what may be the reason.
pub fn connect(socket: &Path) -> Result<UnixStream, AskError> {
    let reached = UnixStream::connect(socket).and_then(|stream| {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(stream)
    });
    reached.map_err(|source| AskError::Connect {
        path: socket.to_owned(),
        hint: match source.kind() {
            io::ErrorKind::NotFound => {
                "is labrat serve running? --socket names the socket it was given"
            }
            io::ErrorKind::ConnectionRefused => {
                "the pool that made this socket is gone; start labrat serve again"
            }
            io::ErrorKind::PermissionDenied => "only the user who runs labrat serve may talk to it",
            _ => "--socket names the socket that labrat serve was given",
        },
        source,
    })
}

/// Ask one question on an open connection.
///
/// # Errors
/// When the answer is no answer, or the pool reports an error.
pub fn exchange(stream: &mut (impl Read + Write), command: &str) -> Result<Value, ExchangeError> {
    let question = serde_json::to_vec(&Question {
        id: 1,
        command,
        args: [],
    })?;
    let length = u32::try_from(question.len()).unwrap_or(u32::MAX);
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&question)?;
    let mut length = [0; 4];
    stream
        .read_exact(&mut length)
        .map_err(ExchangeError::NoAnswer)?;
    let length = u32::from_be_bytes(length);
    if length > MAX_MESSAGE {
        return Err(ExchangeError::TooLong(length));
    }
    let mut answer = Vec::new();
    let read = stream.take(u64::from(length)).read_to_end(&mut answer)?;
    if read != length as usize {
        return Err(ExchangeError::Cut { read, length });
    }
    match serde_json::from_slice(&answer)? {
        Answer::Ok { data } => Ok(data),
        Answer::Error { error } => Err(ExchangeError::Refused(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A connection whose other side answers with prepared bytes.
    struct Prepared {
        answer: std::io::Cursor<Vec<u8>>,
        sent: Vec<u8>,
    }

    impl Read for Prepared {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.answer.read(buffer)
        }
    }

    impl Write for Prepared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.sent.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn ask(answer: Vec<u8>) -> (Result<Value, ExchangeError>, Vec<u8>) {
        let mut stream = Prepared {
            answer: std::io::Cursor::new(answer),
            sent: Vec::new(),
        };
        let result = exchange(&mut stream, "show stats");
        (result, stream.sent)
    }

    fn framed(text: &str) -> Vec<u8> {
        let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    #[test]
    fn a_question_is_framed_and_the_data_of_the_answer_is_returned() {
        let (data, sent) = ask(framed(r#"{"id":1,"status":"ok","data":{"pid":7}}"#));
        assert_eq!(data.unwrap(), json!({"pid": 7}));
        assert_eq!(sent, framed(r#"{"id":1,"command":"show stats","args":[]}"#));
    }

    #[test]
    fn an_error_of_the_pool_is_shown_in_its_own_words() {
        let (data, _) = ask(framed(
            r#"{"id":1,"status":"error","error":"Unknown command: x"}"#,
        ));
        assert_eq!(data.unwrap_err().to_string(), "Unknown command: x");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let mut cut = framed(r#"{"status":"ok","data":{}}"#);
        cut.pop();
        for (answer, expected) in [
            (Vec::new(), "without an answer"),
            (u32::MAX.to_be_bytes().to_vec(), "no answer of a pool"),
            (cut, "the answer ends after 24 of 25 bytes"),
            (framed("[]"), "not what a pool answers"),
        ] {
            let error = ask(answer).0.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_socket_that_is_absent_or_abandoned_is_an_error_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent.ctl");
        let error = request(&absent, "show stats").unwrap_err().to_string();
        assert!(
            error.contains("absent.ctl") && error.contains("hint: is labrat serve running?"),
            "{error}"
        );
        let abandoned = folder.path().join("abandoned.ctl");
        drop(std::os::unix::net::UnixListener::bind(&abandoned).unwrap());
        let error = request(&abandoned, "show stats").unwrap_err().to_string();
        assert!(
            error.contains("hint: the pool that made this socket is gone"),
            "{error}"
        );
    }
}
