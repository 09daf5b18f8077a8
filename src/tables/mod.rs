//! The three log tables of App Service, as rows: AppServiceHTTPLogs, AppServiceConsoleLogs and
//! AppServicePlatformLogs.
//!
//! This room cannot tell a local row from a row out of Azure. It reads and writes JSON Lines, CSV
//! and both JSON shapes that a Log Analytics query gives: the API's `{"tables":[...]}` and the
//! command line's flattened list of objects in which every value is a string. It must not know
//! where a file lies or what a row means.

mod error;
mod rows;
mod time;

pub use error::{TableError, TableErrorKind};
pub use rows::{ConsoleRow, HttpRow, PlatformRow};
pub use time::{LogTime, LogTimeError};
