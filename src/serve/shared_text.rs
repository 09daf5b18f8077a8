//! A text in shared memory, word by word: one that is read while it is written may be a mixture, and its
//! owner finds that out by its ticket.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a word.
pub(super) const WORD: usize = 8;

/// Store a text, ended by a zero byte where it does not fill the words; what has no room is left out.
pub(super) fn store(words: &[AtomicU64], text: &[u8]) {
    let mut chunks = text.chunks(WORD);
    for cell in words {
        let chunk = chunks.next().unwrap_or_default();
        let mut word = [0u8; WORD];
        word[..chunk.len()].copy_from_slice(chunk);
        cell.store(u64::from_le_bytes(word), Ordering::Relaxed);
        if chunk.len() < WORD {
            return;
        }
    }
}

/// The bytes up to the first zero.
pub(super) fn load(words: &[AtomicU64]) -> Vec<u8> {
    words
        .iter()
        .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
        .take_while(|byte| *byte != 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_back_cut_to_its_words_and_with_nothing_of_a_longer_one_before_it() {
        let words = [const { AtomicU64::new(u64::MAX) }; 2];
        for (text, expected) in [
            (&b"0123456789abcdefgh"[..], &b"0123456789abcdef"[..]),
            (b"01234567", b"01234567"),
            (b"012345678", b"012345678"),
            (b"", b""),
        ] {
            store(&words, text);
            assert_eq!(load(&words), expected);
        }
    }
}
