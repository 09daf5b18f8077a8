//! What a worker has leaked, in blocks.
//!
//! A block is what CPython keeps for a list of 250,000 short strings: as many objects of the same
//! size, each allocated on its own, each with its text written, and the list of pointers to them.

/// Strings in one block.
const STRINGS: u32 = 250_000;
/// Length of `leak-00000000` and the NUL that CPython puts behind every text.
const TEXT_BYTES: usize = 14;

/// What glibc's allocator takes for a string object.
const CHUNK_BYTES: u64 = 64;

/// A string object with the layout of CPython's `PyASCIIObject`: 40 bytes of head, then the text.
///
/// Its 56 bytes take a chunk of 64 from glibc's allocator, as they take a block of 64 from
/// CPython's.
#[repr(C)]
#[derive(Debug)]
struct StringObject {
    reference_count: usize,
    type_address: usize,
    length: usize,
    hash: isize,
    state: usize,
    text: [u8; TEXT_BYTES],
}

impl StringObject {
    fn numbered(number: u32) -> Box<Self> {
        let mut text = *b"leak-00000000\0";
        let mut rest = number;
        for digit in text[5..13].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Box::new(Self {
            reference_count: 1,
            type_address: 0,
            length: TEXT_BYTES - 1,
            hash: -1,
            state: 0,
            text,
        })
    }
}

/// One block: a list without spare room, and its strings, every one an object of its own.
type Block = Vec<Box<StringObject>>;

fn allocate_block() -> Block {
    let mut strings = Vec::with_capacity(STRINGS as usize);
    strings.extend((0..STRINGS).map(StringObject::numbered));
    strings
}

/// Memory of one block: its strings, each in its chunk of the allocator, and the list of them.
pub const BLOCK_BYTES: u64 = STRINGS as u64 * (CHUNK_BYTES + size_of::<usize>() as u64);

/// Everything that a worker has leaked.
#[derive(Debug, Default)]
pub(super) struct Leak {
    blocks: Vec<Block>,
}

/// A leak that would be larger than the cap.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked} more on top of {held} would exceed the cap of {cap} leaked blocks")]
pub(super) struct CapReached {
    /// Blocks that were asked for.
    pub(super) asked: u64,
    /// Blocks that are held.
    pub(super) held: u64,
    /// Most blocks that may be held.
    pub(super) cap: u64,
}

impl Leak {
    /// Blocks held.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// Leak `asked` more blocks, or none of them.
    pub(super) fn grow(&mut self, asked: u64, cap: u64) -> Result<u64, CapReached> {
        let held = self.blocks();
        if held.saturating_add(asked) > cap {
            return Err(CapReached { asked, held, cap });
        }
        for _ in 0..asked {
            self.blocks.push(allocate_block());
        }
        Ok(self.blocks())
    }
}
