//! One question and one answer in Gunicorn's control protocol: a length of four bytes, most
//! significant first, then JSON.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Gunicorn's largest message.
const MAX_MESSAGE: u32 = 16 * 1024 * 1024;

/// The arbiter looks at its control socket between its own tasks, at least once a second; a
/// reload can keep it from doing so for as long as workers may take to finish.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

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
pub(super) fn request(socket: &Path, command: &str) -> anyhow::Result<Value> {
    let mut stream = connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    exchange(&mut stream, command)
        .with_context(|| format!("asking {} to {command}", socket.display()))
}

fn connect(socket: &Path) -> anyhow::Result<UnixStream> {
    let hint = match UnixStream::connect(socket) {
        Ok(stream) => return Ok(stream),
        Err(error) => match error.kind() {
            std::io::ErrorKind::NotFound => (
                error,
                "is labrat serve running? --socket names the socket it was given",
            ),
            std::io::ErrorKind::ConnectionRefused => (
                error,
                "the pool that made this socket is gone; start labrat serve again",
            ),
            std::io::ErrorKind::PermissionDenied => {
                (error, "only the user who runs labrat serve may talk to it")
            }
            _ => (
                error,
                "--socket names the socket that labrat serve was given",
            ),
        },
    };
    let (error, hint) = hint;
    bail!(
        "control socket {}: {error}\n\nhint: {hint}",
        socket.display()
    )
}

fn exchange(stream: &mut (impl Read + Write), command: &str) -> anyhow::Result<Value> {
    let question = serde_json::to_vec(&Question {
        id: 1,
        command,
        args: [],
    })?;
    let length = u32::try_from(question.len())?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&question)?;
    let mut length = [0; 4];
    stream
        .read_exact(&mut length)
        .context("the pool closed the connection without an answer")?;
    let length = u32::from_be_bytes(length);
    ensure!(
        length <= MAX_MESSAGE,
        "an answer of {length} bytes is no answer of a pool"
    );
    let mut answer = Vec::new();
    let read = stream.take(u64::from(length)).read_to_end(&mut answer)?;
    ensure!(
        read == length as usize,
        "the answer ends after {read} of {length} bytes"
    );
    match serde_json::from_slice(&answer).context("the answer is not what a pool answers")? {
        Answer::Ok { data } => Ok(data),
        Answer::Error { error } => bail!("{error}"),
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

    fn ask(answer: Vec<u8>) -> (anyhow::Result<Value>, Vec<u8>) {
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
            let error = ask(answer).0.unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
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
