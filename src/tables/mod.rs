//! The three log tables of App Service, as rows: AppServiceHTTPLogs, AppServiceConsoleLogs and
//! AppServicePlatformLogs.
//!
//! This room cannot tell a local row from a row out of Azure. It reads what people export, whatever
//! the shape ([`Shape`]), as a stream, and writes JSON Lines, CSV and both JSON shapes that a Log
//! Analytics query gives: the API's `{"tables":[...]}` and the command line's flattened list of
//! objects in which every value is a string. It must not know where a file lies or what a row means.

mod civil;
mod columns;
mod decode;
mod error;
mod formats;
mod intake;
mod own_time;
pub mod queries;
mod read;
mod recognise;
mod rows;
mod shape;
mod time;
mod write;

pub use civil::DateOrder;
pub use columns::LogTable;
pub use error::{TableError, TableErrorKind};
pub use intake::{ReadOptions, Reading, RowSink};
use read::quote;
pub use read::{TableRead, read, read_each, read_rows};
pub use rows::{Cell, ColumnType, ConsoleRow, HttpRow, PlatformRow, TOO_MANY_OPEN_FILES, TableRow};
pub use shape::Shape;
pub use time::{LogTime, LogTimeError};
pub use write::{ends_within_a_line, to_api_answer, to_flat_object, write_csv, write_json_line};
