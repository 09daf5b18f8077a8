//! Log tables in every shape, in and out; faults with row and column.

use labrat::tables::queries::{self, Lifecycle, Query};
use labrat::tables::{
    ConsoleRow, HttpRow, LogTime, PlatformRow, TableError, TableRead, TableRow, read,
    to_api_answer, to_flat_object, write_csv, write_json_line,
};
use proptest::prelude::*;
use serde_json::json;

fn time(text: &str) -> LogTime {
    text.parse().unwrap()
}

fn read_http(text: &str) -> Result<TableRead<HttpRow>, TableError> {
    read(text.as_bytes())
}

fn lines<R: TableRow>(rows: &[R]) -> Vec<u8> {
    let mut text = Vec::new();
    for row in rows {
        write_json_line(&mut text, row).unwrap();
    }
    text
}

/// A row in every shape that is read.
fn shapes<R: TableRow>(rows: &[R]) -> [(&'static str, Vec<u8>); 4] {
    let mut csv = Vec::new();
    write_csv(&mut csv, rows).unwrap();
    [
        ("JSON Lines", lines(rows)),
        ("CSV", csv),
        (
            "the API's answer",
            to_api_answer(rows).to_string().into_bytes(),
        ),
        (
            "the command line's list",
            json!(rows.iter().map(to_flat_object).collect::<Vec<_>>())
                .to_string()
                .into_bytes(),
        ),
    ]
}

#[test]
fn times_keep_seven_fractional_digits_and_no_trailing_zeros() {
    for text in [
        "2026-04-04T05:04:41.3171193Z",
        "2026-04-04T05:36:32.83155Z",
        "2026-04-04T05:36:32Z",
    ] {
        assert_eq!(time(text).to_string(), text);
    }
    assert_eq!(
        time("2026-04-04T05:36:32.123456789Z").to_string(),
        "2026-04-04T05:36:32.1234567Z"
    );
    assert_eq!(
        time("2026-04-04T07:36:32+02:00").to_string(),
        "2026-04-04T05:36:32Z"
    );
    assert_eq!(
        time("2026-04-04 05:36:32.5").to_string(),
        "2026-04-04T05:36:32.5Z"
    );
    assert!("yesterday".parse::<LogTime>().is_err());
}

#[test]
fn a_projected_api_answer_reads_whatever_the_order_of_its_keys() {
    let text = r#"{"tables":[{"columns":[{"name":"TimeGenerated","type":"datetime"},
        {"name":"ScStatus","type":"int"},{"name":"TimeTaken","type":"int"}],
        "name":"PrimaryResult","rows":[["2026-04-04T05:36:33.614669Z",200,11]]}]}"#;
    let rows = read_http(text).unwrap().rows;
    assert_eq!(rows[0].sc_status, Some(200));
    assert_eq!(rows[0].time_taken, Some(11));
    assert_eq!(rows[0].cs_uri_stem, None);
}

#[test]
fn the_command_lines_list_has_every_number_as_a_text() {
    let text = r#"[{"TimeGenerated":"2026-04-04T05:36:33.6Z","ScStatus":"503","TimeTaken":"38965.0",
        "CsUriStem":"/health","TableName":"PrimaryResult"}]"#;
    let row = &read_http(text).unwrap().rows[0];
    assert_eq!((row.sc_status, row.time_taken), (Some(503), Some(38_965)));
}

#[test]
fn placeholders_of_sanitised_exports_are_values_that_are_not_there() {
    let text =
        r#"{"TimeGenerated":"2026-04-04T05:36:33Z","ScBytes":"REDACTED","CsBytes":"<redacted>",
        "TimeTaken":"xxxx","CsHost":"app.<domain-redacted>"}"#
            .replace('\n', " ");
    let row = &read_http(&text).unwrap().rows[0];
    assert_eq!(
        (row.sc_bytes, row.cs_bytes, row.time_taken),
        (None, None, None)
    );
    assert_eq!(row.cs_host.as_deref(), Some("app.<domain-redacted>"));
}

#[test]
fn a_cell_that_is_wrong_is_named_by_row_and_column_and_costs_one_row() {
    let text = "{\"TimeGenerated\":\"2026-04-04T05:36:33Z\",\"ScStatus\":200}\n\
                {\"TimeGenerated\":\"2026-04-04T05:36:34Z\",\"ScStatus\":\"soon\"}\n\
                {\"ScStatus\":200}\n\
                {\"TimeGenerated\":\"last week\"}\n\
                {\"TimeGenerated\":\"2026-04-04T05:3";
    let found = read_http(text).unwrap();
    assert_eq!((found.rows.len(), found.fault_count), (1, 4));
    let faults: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults[0],
        "row 2, column ScStatus: `soon` is not a whole number"
    );
    assert_eq!(faults[1], "row 3, column TimeGenerated: missing");
    assert!(
        faults[2].starts_with("row 4, column TimeGenerated: `last week` is not a time"),
        "{}",
        faults[2]
    );
    assert!(faults[3].starts_with("line 5: "), "{}", faults[3]);
}

#[test]
fn exports_that_are_no_table_say_what_they_hold() {
    assert_eq!(read_http(" \n"), Err(TableError::Empty));
    assert_eq!(read_http("{\"tables\":[]}"), Err(TableError::NoTable));
    let message = "ERROR: The following arguments are required: --workspace/-w and some more words";
    let error = read_http(message).unwrap_err().to_string();
    assert_eq!(
        error,
        "not a table: it begins with `ERROR: The following arguments are required: --workspace/-w ...`"
    );
    let refused = read_http(r#"{"error":{"code":"InvalidQuery"}}"#)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("InvalidQuery"), "{refused}");
    assert!(matches!(read_http("[{]"), Err(TableError::Syntax { .. })));
}

#[test]
fn an_export_without_rows_is_a_table_without_rows() {
    let text = r#"{"tables":[{"columns":[{"name":"TimeGenerated","type":"datetime"}],"name":"PrimaryResult","rows":[]}]}"#;
    assert_eq!(read_http(text).unwrap().rows, []);
    assert_eq!(read_http("[]").unwrap().rows, []);
}

#[test]
fn each_query_has_its_kql_with_a_window() {
    for query in Query::ALL {
        let text = query.between(time("2026-04-04T05:00:00Z"), time("2026-04-04T06:00:00Z"));
        assert!(
            text.contains(
                "between (datetime(2026-04-04T05:00:00Z) .. datetime(2026-04-04T06:00:00Z))"
            ),
            "{text}"
        );
        assert!(!text.contains('{'), "{} has a placeholder left", query.name);
    }
    assert!(
        !queries::PLATFORM
            .kql
            .lines()
            .any(|line| line.starts_with('|') && line.contains("ResultDescription"))
    );
}

#[test]
fn percentiles_are_values_that_occur() {
    let spread = queries::latency((1..=20).map(f64::from)).unwrap();
    assert_eq!(
        (spread.median, spread.p95, spread.longest),
        (10.0, 19.0, 20.0)
    );
    assert_eq!(queries::latency([7.0]).unwrap().p95, 7.0);
    assert_eq!(queries::latency([]), None);
}

#[test]
fn only_the_sites_own_messages_are_its_life() {
    assert_eq!(
        queries::lifecycle("Site started."),
        Some(Lifecycle::Started)
    );
    assert_eq!(
        queries::lifecycle("Site: app stopped."),
        Some(Lifecycle::Stopped)
    );
    assert_eq!(queries::lifecycle("Kudu: app stopped."), None);
    assert_eq!(
        queries::lifecycle("State: Started, Action: None, Details: Site started at 05:04"),
        None
    );
}

/// Texts as a log has them: quotes, commas, breaks and signs of other alphabets.
fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[ -~äß漢\\n\"',|]{1,24}".prop_map(|text| format!("t{text}t")))
}

fn log_time() -> impl Strategy<Value = LogTime> {
    (1_700_000_000_i64..1_900_000_000, 0_i32..10_000_000).prop_map(|(second, ticks)| {
        LogTime::new(jiff::Timestamp::new(second, ticks * 100).unwrap())
    })
}

#[test]
fn a_cell_that_would_be_a_formula_is_none_and_survives() {
    let mut row = HttpRow::at("2026-11-21T08:00:00Z".parse().unwrap());
    row.user_agent = Some("=HYPERLINK(\"http://e.example\")".to_owned());
    let shapes = shapes(std::slice::from_ref(&row));
    let (_, csv) = shapes.iter().find(|(name, _)| *name == "CSV").unwrap();
    let csv = String::from_utf8_lossy(csv);
    assert!(csv.contains("\"'=HYPERLINK("), "{csv}");
    assert_eq!(read::<HttpRow>(csv.as_bytes()).unwrap().rows, [row]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_http_row_survives_every_shape(time in log_time(), route in text(), agent in text(), status in prop::option::of(100_i64..600), taken in prop::option::of(0_i64..i64::from(i32::MAX))) {
        let mut row = HttpRow::at(time);
        row.cs_uri_stem = route;
        row.user_agent = agent;
        row.sc_status = status;
        row.time_taken = taken;
        for (shape, text) in shapes(std::slice::from_ref(&row)) {
            let found = read::<HttpRow>(&text).unwrap();
            prop_assert_eq!(&found.rows, &vec![row.clone()], "{}: {}", shape, String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn lines_and_messages_survive_every_shape(time in log_time(), line in text(), level in text()) {
        let mut console = ConsoleRow::at(time);
        console.result_description = line.clone();
        console.level = level.clone();
        for (shape, text) in shapes(std::slice::from_ref(&console)) {
            prop_assert_eq!(&read::<ConsoleRow>(&text).unwrap().rows, &vec![console.clone()], "{}", shape);
        }
        let mut platform = PlatformRow::at(time);
        platform.message = line;
        platform.level = level;
        for (shape, text) in shapes(std::slice::from_ref(&platform)) {
            prop_assert_eq!(&read::<PlatformRow>(&text).unwrap().rows, &vec![platform.clone()], "{}", shape);
        }
    }
}
