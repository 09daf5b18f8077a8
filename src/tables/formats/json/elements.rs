//! The elements of a list, each as its own bytes: a parser that borrows from them takes half the time
//! of one that reads a stream.

use std::io::{self, BufRead};

/// Where a scan of a list stands.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    /// Go over one byte of an element; true if it ends the element.
    fn ends(&mut self, byte: u8) -> bool {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// How a list ended.
pub(super) enum End {
    /// With its bracket; what follows is still in the source.
    Closed,
    /// In the middle.
    Cut,
    /// With an element longer than one may be.
    TooLong,
}

/// Give each object of the list that begins in `source` to `take`.
///
/// # Errors
/// If the source cannot be read, or `take` says so.
pub(super) fn each<E: From<io::Error>>(
    source: &mut impl BufRead,
    longest: usize,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<End, E> {
    let mut element: Vec<u8> = Vec::with_capacity(4096);
    let mut scan = Scan::default();
    let mut opened = false;
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(End::Cut);
        }
        let length = buffer.len();
        let mut from = 0;
        let mut at = 0;
        while at < length {
            let byte = buffer[at];
            at += 1;
            if element.is_empty() && scan.depth == 0 {
                match byte {
                    b'[' if !opened => opened = true,
                    b']' => {
                        source.consume(at);
                        return Ok(End::Closed);
                    }
                    b'{' | b'[' => {
                        from = at - 1;
                        scan.depth = 1;
                    }
                    _ => {}
                }
                continue;
            }
            if scan.ends(byte) {
                if element.is_empty() {
                    take(&buffer[from..at])?;
                } else {
                    element.extend_from_slice(&buffer[from..at]);
                    take(&element)?;
                    element.clear();
                }
                from = at;
            }
        }
        if scan.depth > 0 {
            element.extend_from_slice(&buffer[from..]);
            if element.len() > longest {
                return Ok(End::TooLong);
            }
        }
        source.consume(length);
    }
}
