//! One page that opens from disk: no script, no font, no request to anywhere.

mod page;
mod repeated;
mod sections;
mod style;

pub(super) use page::document;
pub use page::page;
pub use repeated::repeated_page;
