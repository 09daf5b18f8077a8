//! What can be wrong with a table.

/// A table that could not be read, with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// There is nothing in it: an export that failed.
    #[error("the export is empty")]
    Empty,
    /// It holds a text, most often an error message, instead of rows.
    #[error("not a table: it begins with `{0}`")]
    NotATable(String),
    /// The JSON or CSV itself is broken.
    #[error("line {line}: {reason}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// One cell is wrong.
    #[error("row {row}, column {column}: {kind}")]
    Cell {
        /// Row, from 1.
        row: usize,
        /// Column, as in the table reference.
        column: String,
        /// What is wrong.
        kind: TableErrorKind,
    },
    /// The answer has no table in it.
    #[error("the answer holds no table")]
    NoTable,
    /// It has a time in every row, and no column that one of the three tables has.
    #[error("rows of another table: {0}")]
    AnotherTable(String),
    /// A query's summary: counts, and no rows with a time.
    #[error("a summary without `TimeGenerated`, not rows: it has {0}")]
    Summary(String),
    /// It could not be read to its end.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// What is wrong with a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableErrorKind {
    /// A row without it cannot be placed.
    #[error("missing")]
    Missing,
    /// Not a number.
    #[error("`{0}` is not a whole number")]
    NotANumber(String),
    /// Not a time.
    #[error("{0}")]
    NotATime(#[from] super::LogTimeError),
}
