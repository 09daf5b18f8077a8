//! Files of `/proc` in the shape in which people quote them: names and values as texts.

use std::collections::BTreeMap;
use std::path::Path;

use super::Unavailable;

/// The text of a file, without its final newline.
///
/// # Errors
/// When the file cannot be read.
pub fn text(path: impl AsRef<Path>) -> Result<String, Unavailable> {
    let path = path.as_ref();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end().to_owned()),
        Err(error) => Err(Unavailable::reading(path, &error)),
    }
}

/// The fields of `names` in a text of `Name: value unit` lines (`/proc/meminfo`), values as they
/// are written there. A name that is not there is left out.
#[must_use]
pub fn colon_fields(text: &str, names: &[&str]) -> BTreeMap<String, String> {
    fields(text, names, |line| line.split_once(':'))
}

/// The fields of `names` in a text of `name value` lines (`/proc/vmstat`), values as they are
/// written there. A name that is not there is left out.
#[must_use]
pub fn blank_fields(text: &str, names: &[&str]) -> BTreeMap<String, String> {
    fields(text, names, |line| line.split_once(' '))
}

fn fields(
    text: &str,
    names: &[&str],
    split: impl Fn(&str) -> Option<(&str, &str)>,
) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(split)
        .filter(|(name, _)| names.contains(name))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_keeps_its_units_and_drops_other_fields() {
        let text =
            "MemTotal:        1955532 kB\nMemFree:          102240 kB\nHugePages_Total:       0\n";
        let fields = colon_fields(text, &["MemTotal", "HugePages_Total", "Absent"]);
        assert_eq!(fields["MemTotal"], "1955532 kB");
        assert_eq!(fields["HugePages_Total"], "0");
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn vmstat_names_are_matched_whole() {
        let text = "pgscan_direct 214825\npgscan_direct_throttle 3\npswpin 1\n";
        let fields = blank_fields(text, &["pgscan_direct", "pswpin"]);
        assert_eq!(fields["pgscan_direct"], "214825");
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn a_file_that_cannot_be_read_says_so() {
        let error = text("/proc/no-such-file").unwrap_err();
        assert!(error.reason().contains("/proc/no-such-file"), "{error}");
    }
}
