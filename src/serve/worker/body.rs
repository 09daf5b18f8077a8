//! Reading away a body that the application did not read, so that the next request of the
//! connection can follow: what Gunicorn's `finish_body` does, with its errors.

use std::io;

use super::exchange::{CHUNK, NoRequest};
use crate::serve::http::chunks::{ChunkError, Chunks, Progress};
use crate::serve::http::head::BodyFraming;
use crate::serve::listener::Connection;
use crate::serve::settings::HeadRules;

/// Read the rest of the body; the buffer then holds what follows it.
pub(super) fn discard(
    connection: &Connection,
    buffer: &mut Vec<u8>,
    body: BodyFraming,
    rules: &HeadRules,
) -> Result<(), NoRequest> {
    match body {
        BodyFraming::Length(length) => discard_length(connection, buffer, length),
        BodyFraming::Chunked => discard_chunks(connection, buffer, rules),
    }
}

fn discard_length(
    connection: &Connection,
    buffer: &mut Vec<u8>,
    mut left: u64,
) -> Result<(), NoRequest> {
    loop {
        let here = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        buffer.drain(..here);
        left -= u64::try_from(here).unwrap_or(left);
        if left == 0 {
            return Ok(());
        }
        read_more(connection, buffer)?;
    }
}

fn discard_chunks(
    connection: &Connection,
    buffer: &mut Vec<u8>,
    rules: &HeadRules,
) -> Result<(), NoRequest> {
    let mut chunks = Chunks::default();
    loop {
        match chunks.consume(buffer, rules) {
            Ok(Progress::Complete) => return Ok(()),
            Ok(Progress::Partial) => match read_more(connection, buffer) {
                // Gunicorn takes an end among the trailers for their end.
                Err(NoRequest::Gone) if chunks.is_in_trailers() => {
                    buffer.clear();
                    return Ok(());
                }
                read => read?,
            },
            Err(ChunkError::Trailer(rejection)) => {
                return Err(NoRequest::Refused(rejection.into()));
            }
            Err(error) => return Err(NoRequest::Socket(io::Error::other(error))),
        }
    }
}

fn read_more(connection: &Connection, buffer: &mut Vec<u8>) -> Result<(), NoRequest> {
    loop {
        match connection.receive(buffer, CHUNK) {
            Ok(0) => return Err(NoRequest::Gone),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(NoRequest::Socket(error)),
        }
    }
}
