//! The row types. Columns, their order and their types are those of the public table reference.
//!
//! Every column but `TimeGenerated` may be missing: exports project what they like.

use super::LogTime;

/// Declare one row type, its columns and the table's name in one place.
macro_rules! table_row {
    (
        $(#[$meta:meta])*
        $name:ident, $table:literal {
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

        impl $name {
            /// The table's name in Log Analytics.
            pub const TABLE: &'static str = $table;
            /// Columns in the order in which they are written.
            pub const COLUMNS: &'static [&'static str] = &["TimeGenerated", $( $column ),*];

            /// A row with nothing but its time.
            pub fn at(time_generated: LogTime) -> $name {
                $name { time_generated, $( $field: None ),* }
            }
        }
    };
    (@type text) => { String };
    (@type whole) => { i64 };
}

table_row! {
    /// One request that the front end saw. The row is written when the request ends.
    HttpRow, "AppServiceHTTPLogs" {
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
    ConsoleRow, "AppServiceConsoleLogs" {
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
    PlatformRow, "AppServicePlatformLogs" {
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
