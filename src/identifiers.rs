//! Identifiers: hexadecimal digits, GUIDs, and tokens that nobody guesses. A leaf: every room may use
//! it, it uses none.

use std::fs::File;
use std::io::{self, Read as _};

/// Bytes as lowercase hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A random GUID (version 4, RFC 9562) up to its last group, which [`guid`] adds.
#[must_use]
pub fn guid_prefix(random: u64) -> String {
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-",
        random >> 32,
        (random >> 16) & 0xffff,
        (random >> 4) & 0xfff,
        random & 0xfff,
    )
}

/// The GUID of this prefix and the lower 48 bits of `last`.
#[must_use]
pub fn guid(prefix: &str, last: u64) -> String {
    format!("{prefix}{:012x}", last & 0xffff_ffff_ffff)
}

/// So many random bytes of the kernel's, which nobody guesses.
///
/// # Errors
/// When the system gives no random numbers.
pub fn random_bytes<const BYTES: usize>() -> io::Result<[u8; BYTES]> {
    let mut bytes = [0_u8; BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The same as hexadecimal digits.
///
/// # Errors
/// As of [`random_bytes`].
pub fn token<const BYTES: usize>() -> io::Result<String> {
    random_bytes::<BYTES>().map(|bytes| hexadecimal(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_lowercase_and_two_a_byte() {
        assert_eq!(hexadecimal(&[0, 10, 255]), "000aff");
        assert_eq!(hexadecimal(&[]), "");
    }

    #[test]
    fn a_guid_has_its_version_and_variant_whatever_the_numbers() {
        for random in [0, u64::MAX, 0x0123_4567_89ab_cdef] {
            let guid = guid(&guid_prefix(random), u64::MAX);
            let groups: Vec<usize> = guid.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{guid}");
            assert_eq!((&guid[14..15], &guid[19..20]), ("4", "8"), "{guid}");
        }
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(random_bytes::<16>().unwrap(), random_bytes::<16>().unwrap());
        let (one, other) = (token::<16>().unwrap(), token::<16>().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
