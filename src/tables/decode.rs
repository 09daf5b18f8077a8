//! An export's bytes as UTF-8, whatever they were: the BOM goes, UTF-16 is turned into UTF-8, what
//! is neither becomes replacement signs, and the colours of a terminal go as well.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes that are decoded at a time.
const CHUNK: usize = 1 << 16;

/// Bytes at the head of an export by which its shape is found.
const HEAD: usize = 1 << 16;

/// Decodes as it is read.
pub(super) struct Decoding<R> {
    source: R,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_from: usize,
    ended: bool,
    ready: Vec<u8>,
    ready_from: usize,
    /// The state of a colour's escape sequence; `None` where colours stay.
    escape: Option<Escape>,
}

#[derive(Clone, Copy, PartialEq)]
enum Escape {
    Outside,
    Begun,
    Inside,
}

impl<R: Read> Decoding<R> {
    /// Decode `source`, of which `raw` is the beginning.
    fn new(source: R, raw: Vec<u8>) -> Decoding<R> {
        Decoding {
            source,
            decoder: encoding_of(&raw).new_decoder_with_bom_removal(),
            raw,
            raw_from: 0,
            ended: false,
            ready: Vec::with_capacity(CHUNK),
            ready_from: 0,
            escape: None,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.ready_from = 0;
        while self.ready.is_empty() && !(self.ended && self.raw_from == self.raw.len()) {
            if self.raw_from == self.raw.len() {
                self.raw.resize(CHUNK, 0);
                let count = self.source.read(&mut self.raw)?;
                self.raw.truncate(count);
                self.raw_from = 0;
                self.ended = count == 0;
            }
            self.decode();
        }
        Ok(())
    }

    fn decode(&mut self) {
        let raw = &self.raw[self.raw_from..];
        let most = self
            .decoder
            .max_utf8_buffer_length(raw.len())
            .unwrap_or(CHUNK * 3);
        self.ready.resize(most.max(16), 0);
        let (_, taken, made, _) = self
            .decoder
            .decode_to_utf8(raw, &mut self.ready, self.ended);
        self.raw_from += taken;
        self.ready.truncate(made);
        if let Some(mut escape) = self.escape {
            self.ready.retain(|byte| keeps(&mut escape, *byte));
            self.escape = Some(escape);
        }
    }
}

/// Whether a byte is text, and not part of a colour.
fn keeps(state: &mut Escape, byte: u8) -> bool {
    match (*state, byte) {
        (Escape::Outside, 0x1b) => *state = Escape::Begun,
        (Escape::Outside, _) => return true,
        (Escape::Begun, b'[') => *state = Escape::Inside,
        (Escape::Begun, _) => *state = Escape::Outside,
        (Escape::Inside, 0x40..=0x7e) => *state = Escape::Outside,
        (Escape::Inside, _) => {}
    }
    false
}

/// By the mark at its beginning; without one, UTF-16 shows in the zeros beside its letters.
fn encoding_of(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    match head {
        [first, 0, third, 0, ..] if *first != 0 && *third != 0 => UTF_16LE,
        [0, second, 0, fourth, ..] if *second != 0 && *fourth != 0 => UTF_16BE,
        _ => UTF_8,
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ready_from == self.ready.len() {
            self.refill()?;
        }
        let count = (self.ready.len() - self.ready_from).min(buffer.len());
        buffer[..count].copy_from_slice(&self.ready[self.ready_from..self.ready_from + count]);
        self.ready_from += count;
        Ok(count)
    }
}

/// An export as text: its head, and all of it to be read from the beginning.
pub(super) struct Text<'s> {
    /// The first 64 KiB, without what is before the export itself.
    pub head: String,
    /// All of it, from the head on.
    pub source: Box<dyn BufRead + 's>,
    /// Whether colours of a terminal were taken out.
    pub coloured: bool,
    /// Lines before the export, which the exporting program wrote as warnings.
    pub skipped_lines: usize,
}

/// Begin to read an export.
///
/// # Errors
/// If it cannot be read.
pub(super) fn open<'s>(mut source: impl Read + 's) -> io::Result<Text<'s>> {
    let mut raw = Vec::with_capacity(HEAD);
    source.by_ref().take(HEAD as u64).read_to_end(&mut raw)?;
    let coloured = raw.windows(2).any(|pair| pair == b"\x1b[");
    let mut decoding = Decoding::new(source, raw);
    decoding.escape = coloured.then_some(Escape::Outside);
    let mut head = Vec::with_capacity(HEAD);
    decoding.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    // A sign that the head cuts in two belongs to the rest.
    let (skipped_bytes, skipped_lines) = warnings(&head);
    let shown = String::from_utf8_lossy(&head[skipped_bytes..]).into_owned();
    let begun = io::Cursor::new(head.split_off(skipped_bytes));
    Ok(Text {
        head: shown,
        source: Box::new(BufReader::with_capacity(1 << 18, begun.chain(decoding))),
        coloured,
        skipped_lines,
    })
}

/// Bytes and lines of the warnings that `2>&1` puts before an export.
fn warnings(head: &[u8]) -> (usize, usize) {
    let (mut bytes, mut lines) = (0, 0);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let is_warning =
            line.starts_with(b"WARNING:") || line.starts_with(b"Preview version of extension");
        if !is_warning || !line.ends_with(b"\n") {
            break;
        }
        bytes += line.len();
        lines += 1;
    }
    (bytes, lines)
}

/// One line at a time, of which no more than `longest` bytes are kept.
pub(super) struct Lines<S> {
    source: S,
    line: Vec<u8>,
    longest: usize,
    number: usize,
    /// Lines of which the end was dropped.
    pub cut: usize,
}

impl<S: BufRead> Lines<S> {
    pub(super) fn new(source: S, longest: usize) -> Lines<S> {
        Lines {
            source,
            line: Vec::with_capacity(1024),
            longest,
            number: 0,
            cut: 0,
        }
    }

    /// The next line without its end, and its number; `None` at the end.
    ///
    /// # Errors
    /// If the source cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<(usize, &str)>> {
        self.line.clear();
        let mut any = false;
        let mut was_cut = false;
        loop {
            let buffer = self.source.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = self.longest.saturating_sub(self.line.len());
            was_cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.source.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        self.cut += usize::from(was_cut);
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let valid = match std::str::from_utf8(&self.line) {
            Ok(_) => self.line.len(),
            // Only a cut in the middle of a sign makes a decoded text invalid.
            Err(error) => error.valid_up_to(),
        };
        self.line.truncate(valid);
        Ok(Some((
            self.number,
            std::str::from_utf8(&self.line).unwrap_or_default(),
        )))
    }
}
