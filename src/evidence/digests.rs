//! SHA-256 of a bundle's files, and whether they are still those that the manifest lists.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::identifiers::hexadecimal;

/// SHA-256 of a file in lowercase hexadecimal digits, and its size in bytes.
///
/// # Errors
/// If the file cannot be read.
pub fn sha256_of_file(path: &Path) -> io::Result<(String, u64)> {
    digest(&mut File::open(path)?)
}

/// SHA-256 of everything that `source` gives.
pub(super) fn sha256(source: &mut dyn Read) -> io::Result<String> {
    digest(source).map(|(digest, _)| digest)
}

fn digest(source: &mut dyn Read) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            return Ok((hexadecimal(&hasher.finalize()), bytes));
        }
        bytes += count as u64;
        hasher.update(&buffer[..count]);
    }
}

/// SHA-256 of a text or any bytes in lowercase hexadecimal digits.
pub fn sha256_of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}
