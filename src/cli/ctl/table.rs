//! Control data as a table: whatever a pool answers, without knowing what it may be.

use comfy_table::{Table, presets};
use serde_json::{Map, Value};

/// Columns that come first, in this order; the others follow by name.
const FIRST_COLUMNS: [&str; 10] = [
    "pid",
    "age",
    "state",
    "request",
    "busy_seconds",
    "requests",
    "leak_blocks",
    "listener",
    "waiting",
    "backlog",
];

/// The list in `data`, if it has one, as rows; otherwise its fields, one a line.
pub(super) fn render(data: &Value) -> String {
    let Value::Object(fields) = data else {
        return format!("{}\n", cell(data));
    };
    let rows = fields.values().find_map(|value| match value {
        Value::Array(items) if items.iter().all(Value::is_object) => Some(items),
        _ => None,
    });
    match rows {
        Some(rows) if rows.is_empty() => "none\n".to_owned(),
        Some(rows) => table(&rows.iter().filter_map(Value::as_object).collect::<Vec<_>>()),
        None => pairs(fields),
    }
}

fn table(rows: &[&Map<String, Value>]) -> String {
    let mut columns: Vec<&str> = rows
        .iter()
        .flat_map(|row| row.keys())
        .map(String::as_str)
        .collect();
    columns.sort_unstable();
    columns.dedup();
    columns.sort_by_key(|column| {
        FIRST_COLUMNS
            .iter()
            .position(|first| first == column)
            .unwrap_or(FIRST_COLUMNS.len())
    });
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|column| column.to_uppercase()));
    for row in rows {
        table.add_row(
            columns
                .iter()
                .map(|column| row.get(*column).map_or_else(|| "-".to_owned(), cell)),
        );
    }
    trimmed(&table)
}

fn pairs(fields: &Map<String, Value>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in fields {
        table.add_row([name.clone(), cell(value)]);
    }
    trimmed(&table)
}

/// The table without the blanks that fill its lines up.
fn trimmed(table: &Table) -> String {
    let text = table.to_string();
    text.lines()
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line).trim_end()))
        .collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let pairs = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", cell(value)));
            pairs.collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_a_table_with_the_known_columns_first() {
        let data = json!({"count": 2, "workers": [
            {"age": 1, "pid": 12, "booted": true, "leak_blocks": 5},
            {"age": 2, "pid": 130, "booted": false, "leak_blocks": null, "state": "idle"},
        ]});
        let text = render(&data);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[0], ["PID", "AGE", "STATE", "LEAK_BLOCKS", "BOOTED"]);
        assert_eq!(rows[1], ["12", "1", "-", "5", "yes"]);
        assert_eq!(rows[2], ["130", "2", "idle", "-", "no"]);
    }

    #[test]
    fn fields_without_a_list_are_shown_one_a_line() {
        let text = render(&json!({"pid": 7, "bind": ["a", "b"], "daemon": false}));
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            rows,
            [
                vec!["bind", "a,", "b"],
                vec!["daemon", "no"],
                vec!["pid", "7"]
            ]
        );
    }

    #[test]
    fn an_empty_list_and_a_bare_value_are_shown_as_well() {
        assert_eq!(render(&json!({"workers": [], "count": 0})), "none\n");
        assert_eq!(render(&json!("done")), "done\n");
    }
}
