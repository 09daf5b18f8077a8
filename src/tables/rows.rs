//! The row types. Columns, their order and their types are those of the public table reference.
//!
//! Every column but `TimeGenerated` may be missing: exports project what they like.

use std::borrow::Cow;

use super::{LogTime, TableErrorKind};

/// The value of one cell, on its way into or out of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A text; numbers and times come as texts from the command line's shape.
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
    Real(f64),
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `datetime`
    Time,
    /// `string`
    Text,
    /// `int`
    Whole,
}

impl ColumnType {
    /// The name that Log Analytics gives it.
    pub fn name(self) -> &'static str {
        match self {
            ColumnType::Time => "datetime",
            ColumnType::Text => "string",
            ColumnType::Whole => "int",
        }
    }
}

/// What every row type can do, so that each shape is read and written in one place.
pub trait TableRow: Sized {
    /// The table's name in Log Analytics.
    const TABLE: &'static str;
    /// Columns in the order in which they are written, `TimeGenerated` first.
    const COLUMNS: &'static [(&'static str, ColumnType)];

    /// A row with nothing but its time.
    fn at(time_generated: LogTime) -> Self;

    /// When the row was written.
    fn time(&self) -> LogTime;

    /// Put a value into a column. The column `TimeGenerated` is not settable.
    ///
    /// # Errors
    /// If the value is not of the column's type.
    fn set(&mut self, column: &str, value: Cell<'_>) -> Result<(), TableErrorKind>;

    /// The columns with their values, in their order.
    fn cells(&self) -> impl Iterator<Item = (&'static str, Cell<'_>)>;

    /// The row itself, where this is the type of AppServiceHTTPLogs.
    fn of_http(_row: HttpRow) -> Option<Self> {
        None
    }

    /// The row itself, where this is the type of AppServiceConsoleLogs.
    fn of_console(_row: ConsoleRow) -> Option<Self> {
        None
    }

    /// The row itself, where this is the type of AppServicePlatformLogs.
    fn of_platform(_row: PlatformRow) -> Option<Self> {
        None
    }
}

/// True for what sanitised exports put where a value was.
fn is_placeholder(text: &str) -> bool {
    let bracketed = text.starts_with('<') && text.ends_with('>');
    let crossed_out = text
        .bytes()
        .all(|byte| matches!(byte, b'x' | b'X' | b'*' | b'-'));
    bracketed || crossed_out || text.eq_ignore_ascii_case("redacted")
}

fn text_cell(cell: Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null => None,
        // The command line's shape has no null; an empty text stands for it.
        Cell::Text(text) if text.is_empty() => None,
        Cell::Text(text) => Some(text.into_owned()),
        Cell::Whole(number) => Some(number.to_string()),
        Cell::Real(number) => Some(number.to_string()),
    }
}

fn whole_cell(cell: Cell<'_>) -> Result<Option<i64>, TableErrorKind> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Whole(number) => Ok(Some(number)),
        Cell::Real(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => {
            Ok(Some(number as i64))
        }
        Cell::Real(number) => Err(TableErrorKind::NotANumber(number.to_string())),
        Cell::Text(text) => {
            let text = text.trim();
            if text.is_empty() || is_placeholder(text) {
                return Ok(None);
            }
            if let Ok(number) = text.parse::<i64>() {
                return Ok(Some(number));
            }
            match text.parse::<f64>() {
                Ok(number) => whole_cell(Cell::Real(number)),
                Err(_) => Err(TableErrorKind::NotANumber(text.to_owned())),
            }
        }
    }
}

/// Declare one row type, its columns and the table's name in one place.
macro_rules! table_row {
    (
        $(#[$meta:meta])*
        $name:ident, $table:literal, $of:ident {
            $( $(#[$field_meta:meta])* $field:ident : $type:ident = $column:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// When the row was written: UTC.
            pub time_generated: LogTime,
            $( $(#[$field_meta])* pub $field: Option<table_row!(@type $type)>, )*
        }

        impl TableRow for $name {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [(&'static str, ColumnType)] = &[
                ("TimeGenerated", ColumnType::Time),
                $( ($column, table_row!(@column $type)) ),*
            ];

            fn $of(row: $name) -> Option<$name> {
                Some(row)
            }

            fn at(time_generated: LogTime) -> $name {
                $name { time_generated, $( $field: None ),* }
            }

            fn time(&self) -> LogTime {
                self.time_generated
            }

            fn set(&mut self, column: &str, value: Cell<'_>) -> Result<(), TableErrorKind> {
                match column {
                    $( $column => self.$field = table_row!(@set $type value), )*
                    _ => {}
                }
                Ok(())
            }

            fn cells(&self) -> impl Iterator<Item = (&'static str, Cell<'_>)> {
                [
                    ("TimeGenerated", Cell::Text(self.time_generated.to_string().into())),
                    $( ($column, table_row!(@get $type self.$field)) ),*
                ]
                .into_iter()
            }
        }
    };
    (@type text) => { String };
    (@type whole) => { i64 };
    (@column text) => { ColumnType::Text };
    (@column whole) => { ColumnType::Whole };
    (@set text $value:ident) => { text_cell($value) };
    (@set whole $value:ident) => { whole_cell($value)? };
    (@get text $value:expr) => {
        $value.as_deref().map_or(Cell::Null, |text| Cell::Text(Cow::Borrowed(text)))
    };
    (@get whole $value:expr) => { $value.map_or(Cell::Null, Cell::Whole) };
}

/// The Windows status of a request that the front end refused because it lacked a descriptor itself.
pub const TOO_MANY_OPEN_FILES: &str = "4";

table_row! {
    /// One request that the front end saw. The row is written when the request ends.
    HttpRow, "AppServiceHTTPLogs", of_http {
        /// Address of the client.
        c_ip: text = "CIp",
        /// Name of the machine.
        computer_name: text = "ComputerName",
        /// Cookies.
        cookie: text = "Cookie",
        /// Bytes that the client sent.
        cs_bytes: whole = "CsBytes",
        /// Host header.
        cs_host: text = "CsHost",
        /// Method.
        cs_method: text = "CsMethod",
        /// Query, without the question mark.
        cs_uri_query: text = "CsUriQuery",
        /// Path.
        cs_uri_stem: text = "CsUriStem",
        /// Authenticated user.
        cs_username: text = "CsUsername",
        /// Referer.
        referer: text = "Referer",
        /// Success or failure in a word.
        result: text = "Result",
        /// Bytes that were answered.
        sc_bytes: whole = "ScBytes",
        /// Status.
        sc_status: whole = "ScStatus",
        /// Sub-status.
        sc_sub_status: text = "ScSubStatus",
        /// Windows status.
        sc_win32_status: text = "ScWin32Status",
        /// Port of the server.
        s_port: text = "SPort",
        /// Milliseconds until the request ended.
        time_taken: whole = "TimeTaken",
        /// User agent.
        user_agent: text = "UserAgent",
        /// Resource id.
        resource_id: text = "_ResourceId",
        /// Tenant.
        tenant_id: text = "TenantId",
        /// Where the row came from, `Azure` in most.
        source_system: text = "SourceSystem",
        /// Name of the table.
        row_type: text = "Type",
    }
}

table_row! {
    /// One line of the container's output.
    ConsoleRow, "AppServiceConsoleLogs", of_console {
        /// `Error` for standard error, which is where Gunicorn logs, `Informational` else.
        level: text = "Level",
        /// The line.
        result_description: text = "ResultDescription",
        /// Host.
        host: text = "Host",
        /// Container.
        container_id: text = "ContainerId",
        /// Operation.
        operation_name: text = "OperationName",
        /// Category.
        category: text = "Category",
        /// Resource.
        resource: text = "Resource",
        /// Resource id.
        resource_id: text = "_ResourceId",
        /// Name of the table.
        row_type: text = "Type",
    }
}

table_row! {
    /// One message of the platform about the container.
    PlatformRow, "AppServicePlatformLogs", of_platform {
        /// `Informational`, `Warning` or `Error`.
        level: text = "Level",
        /// The message.
        message: text = "Message",
        /// Host.
        host: text = "Host",
        /// Deployment.
        deployment_id: text = "DeploymentId",
        /// Container.
        container_id: text = "ContainerId",
        /// Exception.
        exception: text = "Exception",
        /// Stack trace.
        stack_trace: text = "StackTrace",
        /// Operation.
        operation_name: text = "OperationName",
        /// Resource id.
        resource_id: text = "_ResourceId",
        /// Name of the table.
        row_type: text = "Type",
    }
}
