//! Which pages of a process hold its own program and were never written.

use std::ops::Range;

/// Those of this process: code, and the segment at the file's beginning, with headers, relocations
/// and constants. The other segment that cannot be written was written once, when the program was
/// relocated.
pub(super) fn untouched() -> Vec<Range<usize>> {
    let Ok(program) = std::fs::read_link("/proc/self/exe") else {
        return Vec::new();
    };
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return Vec::new();
    };
    of_program(&maps, &program.to_string_lossy())
}

fn of_program(maps: &str, program: &str) -> Vec<Range<usize>> {
    let lines = maps.lines().filter(|line| line.ends_with(program));
    lines.filter_map(pages).collect()
}

/// The range of a line of `/proc/PID/maps`, where it holds such pages.
fn pages(line: &str) -> Option<Range<usize>> {
    let mut fields = line.split_whitespace();
    let (range, permissions, offset) = (fields.next()?, fields.next()?, fields.next()?);
    let is_first = offset.bytes().all(|digit| digit == b'0');
    if permissions != "r-xp" && !(permissions == "r--p" && is_first) {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?.max(address(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_the_first_segment_are_found_and_what_was_written_is_not() {
        let maps = "5000-6000 r--p 00000000 fe:00 1 /bin/labrat\n\
                    6000-9000 r-xp 00001000 fe:00 1 /bin/labrat\n\
                    9000-a000 r--p 00004000 fe:00 1 /bin/labrat\n\
                    a000-b000 rw-p 00005000 fe:00 1 /bin/labrat\n\
                    b000-c000 r-xp 00000000 fe:00 2 /lib/libc.so\n\
                    c000-d000 rw-p 00000000 00:00 0 [heap]\n";
        assert_eq!(
            of_program(maps, "/bin/labrat"),
            [0x5000..0x6000, 0x6000..0x9000]
        );
    }
}
