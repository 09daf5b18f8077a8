//! The work of `/heavy`, done on real memory as CPython does it.
//!
//! CPython's list comprehension allocates three objects for each element (the range's item, the
//! product, the remainder) and frees two of them; the list then holds 500,000 pointers to objects
//! of 32 bytes, which sorting compares by following them. This does the same through the C
//! library's allocator: same objects, same order of allocation, same growing list, and a sort that
//! finds the five ascending runs in it, as CPython's does.
//!
//! Calibration: nothing is added to that, because nothing has to be. In a process with a second,
//! idle thread (as a worker has) glibc 2.36's allocator costs about what CPython's interpreter and
//! allocator cost together. Medians of 37 calls, three processes of each in turn, user + system
//! time on one machine: 41.0 ms here (6 ms of it system), 38.8 ms for CPython 3.11.7 (4 ms); peak
//! above the resident size before: 20.9 MB here, 21.4 MB for CPython's first call. Another
//! allocator (musl's) would need a calibration of its own.

/// How many integers one round builds and sorts.
pub(super) const COUNT: usize = 500_000;
/// The factor and the modulus of the labs' expression.
const FACTOR: u32 = 97;
const MODULUS: u32 = 10_000_019;

/// An integer object with the size of CPython's: 24 bytes, so that glibc's allocator takes a chunk
/// of 32 bytes for it, as CPython's takes a block of 32.
#[derive(Debug)]
struct Integer {
    #[expect(
        dead_code,
        reason = "written as CPython writes it, and there for its size"
    )]
    reference_count: u64,
    #[expect(
        dead_code,
        reason = "written as CPython writes it, and there for its size"
    )]
    type_address: u64,
    value: u32,
}

impl Integer {
    /// The compiler must not see through this: it would leave out an allocation whose result is
    /// consumed at once.
    fn new(value: u32) -> Box<Self> {
        std::hint::black_box(Box::new(Self {
            reference_count: 1,
            type_address: 1,
            value,
        }))
    }

    fn times(&self, factor: u32) -> Box<Self> {
        Self::new(self.value * factor)
    }

    fn modulo(&self, modulus: u32) -> Box<Self> {
        Self::new(self.value % modulus)
    }
}

/// Build the list, sort it descending, and give its three largest values.
pub(super) fn three_largest() -> [u32; 3] {
    let mut list = build();
    list.sort_by_key(|integer| std::cmp::Reverse(integer.value));
    [list[0].value, list[1].value, list[2].value]
}

#[expect(
    clippy::vec_box,
    reason = "every integer is an object of its own, as in CPython"
)]
fn build() -> Vec<Box<Integer>> {
    let mut list = Vec::new();
    for number in 0..COUNT as u32 {
        let item = Integer::new(number);
        let product = item.times(FACTOR);
        list.push(product.modulo(MODULUS));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_labs() {
        assert_eq!(three_largest(), [9_999_930, 9_999_928, 9_999_926]);
    }

    #[test]
    fn an_integer_is_as_large_as_cpythons() {
        assert_eq!(std::mem::size_of::<Integer>(), 24);
    }
}
