//! One page that opens from disk: no script, no font, no request to anywhere.

mod page;
mod sections;
mod style;

pub use page::page;
