//! Chunked bodies with Gunicorn's rules, read to be thrown away.

use super::head::parse_trailers;
use super::rejection::Rejection;
use crate::serve::settings::HeadRules;

/// Longest line with the size of a chunk. Gunicorn has no bound; nobody needs more.
const LONGEST_LINE: usize = 64 * 1024;

/// Why a chunked body is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The size is no hexadecimal number.
    #[error("Invalid chunk size: {0:?}")]
    Size(String),
    /// A bare CR in what follows the size.
    #[error("Invalid chunk extension: bare CR not allowed")]
    Extension,
    /// No line end after the chunk's data.
    #[error("Invalid chunk terminator is not CRLF")]
    Terminator,
    /// A trailer is no header.
    #[error("invalid trailer")]
    Trailer(Rejection),
}

/// Whether the body has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    /// The body has ended.
    Complete,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    /// The line with a chunk's size.
    #[default]
    Size,
    /// So many bytes of a chunk.
    Data(u64),
    /// The line end after a chunk.
    Terminator,
    /// After the last chunk.
    Trailers,
}

/// Where in a chunked body the reading is.
#[derive(Debug, Clone, Default)]
pub struct Chunks {
    part: Part,
    /// Bytes of the buffer that hold no line end.
    searched: usize,
}

impl Chunks {
    /// Take what is there of the body out of `buffer`; what follows the body stays.
    ///
    /// # Errors
    /// When the body is malformed.
    pub fn consume(
        &mut self,
        buffer: &mut Vec<u8>,
        rules: &HeadRules,
    ) -> Result<Progress, ChunkError> {
        let mut at = 0;
        let progress = loop {
            match self.step(&buffer[at..], rules)? {
                Step::Taken(bytes) => at += bytes,
                Step::Ended(bytes) => {
                    at += bytes;
                    break Progress::Complete;
                }
                Step::Needs => break Progress::Partial,
            }
        };
        buffer.drain(..at);
        Ok(progress)
    }

    /// Whether only trailers can follow.
    pub fn is_in_trailers(&self) -> bool {
        self.part == Part::Trailers
    }

    fn step(&mut self, input: &[u8], rules: &HeadRules) -> Result<Step, ChunkError> {
        match self.part {
            Part::Size => {
                let Some(end) = self.find(input, b"\r\n") else {
                    return match input.len() {
                        length if length > LONGEST_LINE => Err(ChunkError::Size(String::new())),
                        _ => Ok(Step::Needs),
                    };
                };
                self.part = match size_of(&input[..end])? {
                    0 => Part::Trailers,
                    size => Part::Data(size),
                };
                Ok(Step::Taken(end + 2))
            }
            Part::Data(left) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let left = left - u64::try_from(here).unwrap_or(left);
                self.part = match left {
                    0 => Part::Terminator,
                    left => Part::Data(left),
                };
                Ok(if here == 0 {
                    Step::Needs
                } else {
                    Step::Taken(here)
                })
            }
            Part::Terminator => match input {
                [b'\r', b'\n', ..] => {
                    self.part = Part::Size;
                    Ok(Step::Taken(2))
                }
                [_, _, ..] => Err(ChunkError::Terminator),
                _ => Ok(Step::Needs),
            },
            Part::Trailers => {
                if input.starts_with(b"\r\n") {
                    return Ok(Step::Ended(2));
                }
                let Some(end) = self.find(input, b"\r\n\r\n") else {
                    return Ok(Step::Needs);
                };
                parse_trailers(&input[..end], rules).map_err(ChunkError::Trailer)?;
                Ok(Step::Ended(end + 4))
            }
        }
    }

    /// Where `pattern` begins; what was searched before is not searched again.
    fn find(&mut self, input: &[u8], pattern: &[u8]) -> Option<usize> {
        let from = self.searched.min(input.len());
        let found = input[from..]
            .windows(pattern.len())
            .position(|window| window == pattern);
        self.searched = match found {
            Some(_) => 0,
            None => input.len().saturating_sub(pattern.len() - 1),
        };
        found.map(|at| from + at)
    }
}

enum Step {
    Taken(usize),
    Ended(usize),
    Needs,
}

fn size_of(line: &[u8]) -> Result<u64, ChunkError> {
    let mut parts = line.splitn(2, |byte| *byte == b';');
    let mut size = parts.next().unwrap_or_default();
    if let Some(extension) = parts.next() {
        if extension.contains(&b'\r') {
            return Err(ChunkError::Extension);
        }
        while let [rest @ .., b' ' | b'\t'] = size {
            size = rest;
        }
    }
    let malformed = || ChunkError::Size(String::from_utf8_lossy(size).into_owned());
    if size.is_empty() || !size.iter().all(u8::is_ascii_hexdigit) {
        return Err(malformed());
    }
    // More than a u64 holds never ends: as for Python, which waits for it.
    let digits = std::str::from_utf8(size).map_err(|_| malformed())?;
    Ok(u64::from_str_radix(digits, 16).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::http::head::tests::RULES;

    /// Feed the input so many bytes at a time; what follows the body.
    fn read(input: &[u8], at_a_time: usize) -> Result<Option<Vec<u8>>, ChunkError> {
        let mut chunks = Chunks::default();
        let mut buffer = Vec::new();
        for (number, piece) in input.chunks(at_a_time).enumerate() {
            buffer.extend_from_slice(piece);
            if chunks.consume(&mut buffer, &RULES)? == Progress::Complete {
                let read = (number + 1) * at_a_time;
                buffer.extend_from_slice(&input[read.min(input.len())..]);
                return Ok(Some(buffer));
            }
        }
        Ok(None)
    }

    #[test]
    fn a_body_ends_where_gunicorn_says_however_it_arrives() {
        let good: [(&[u8], &[u8]); 6] = [
            (b"0\r\n\r\nGET", b"GET"),
            (b"4\r\nabcd\r\n0\r\n\r\n", b""),
            (b"a;x=y\r\n0123456789\r\n0\r\n\r\nnext", b"next"),
            (b"4 \t;x\r\nabcd\r\n00\r\n\r\n", b""),
            (b"1\r\n\r\r\n0\r\nA: b\r\nC: d\r\n\r\nnext", b"next"),
            (b"0000000000000000001\r\nx\r\n0\r\n\r\n", b""),
        ];
        for (input, rest) in good {
            for at_a_time in [1, 2, 3, 5, input.len()] {
                assert_eq!(read(input, at_a_time).unwrap().unwrap(), rest);
            }
        }
        for unfinished in [&b"4\r\nabc"[..], b"4\r\nabcd\r\n", b"0\r\nA: b\r\n", b"4"] {
            assert_eq!(read(unfinished, 1), Ok(None));
        }
    }

    #[test]
    fn malformed_chunks_are_refused_as_by_gunicorn() {
        for (input, expected) in [
            (&b"zz\r\n"[..], ChunkError::Size("zz".into())),
            (b"\r\n", ChunkError::Size(String::new())),
            (b"4 \r\nabcd", ChunkError::Size("4 ".into())),
            (b"+4\r\nabcd", ChunkError::Size("+4".into())),
            (b"4;\rx\r\nabcd", ChunkError::Extension),
            (b"4\r\nabcdefgh", ChunkError::Terminator),
        ] {
            assert_eq!(read(input, 1), Err(expected));
        }
        let trailer = read(b"0\r\nno colon\r\n\r\n", 7).unwrap_err();
        assert!(matches!(trailer, ChunkError::Trailer(_)));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(crate::serve::http::fuzz_cases()))]

        /// No input panics, and how it is split does not change what it means.
        #[test]
        fn splits_do_not_matter(
            input in proptest::collection::vec(proptest::sample::select(
                &b"\r\n\r\n0123af;x: \t\xff"[..]), 0..60),
            at_a_time in 1_usize..9,
        ) {
            let whole = read(&input, input.len().max(1));
            proptest::prop_assert_eq!(read(&input, at_a_time), whole);
        }
    }
}
