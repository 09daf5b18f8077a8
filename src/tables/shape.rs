//! The shapes that an export may have.

/// The shape of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON object a line.
    JsonLines,
    /// JSON of any nesting.
    Json,
    /// Values between this delimiter, under a header.
    Csv(char),
    /// Columns of a fixed width under a ruled header.
    Table,
    /// One name and value a line.
    List,
    /// YAML.
    Yaml,
    /// Values between tabs, without a header.
    TabSeparated,
    /// Lines with a time.
    Log,
    /// A web server's W3C log.
    W3c,
}

impl Shape {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Shape::JsonLines => "JSON, one object a line",
            Shape::Json => "JSON",
            Shape::Csv(';') => "CSV with semicolons",
            Shape::Csv('\t') => "CSV with tabs",
            Shape::Csv(_) => "CSV",
            Shape::Table => "a table as printed",
            Shape::List => "a list as printed",
            Shape::Yaml => "YAML",
            Shape::TabSeparated => "values between tabs",
            Shape::Log => "a log",
            Shape::W3c => "a W3C log",
        }
    }
}
