//! What people export is read whatever its shape and its language.

use labrat::tables::{
    ConsoleRow, HttpRow, LogTime, PlatformRow, ReadOptions, Reading, RowSink, read_rows,
};

/// Two console lines, one of them with a comma, quotes and a colon.
pub(super) const LINES: [(&str, &str); 2] = [
    (
        "2026-11-21T20:01:01.123Z",
        "ModuleNotFoundError: No module named 'shop, \"wsgi\"'",
    ),
    (
        "2026-11-21T20:02:31.5Z",
        "[2026-11-21 20:02:31 +0000] [9] [INFO] Listening at: http://0.0.0.0:8000 (9)",
    ),
];

#[derive(Default)]
struct Kept {
    http: Vec<HttpRow>,
    console: Vec<(u32, ConsoleRow)>,
    platform: Vec<PlatformRow>,
}

impl RowSink for Kept {
    fn http(&mut self, row: HttpRow, _: u32) {
        self.http.push(row);
    }

    fn console(&mut self, row: ConsoleRow, number: u32) {
        self.console.push((number, row));
    }

    fn platform(&mut self, row: PlatformRow, _: u32) {
        self.platform.push(row);
    }
}

fn read(export: &[u8]) -> (Kept, Reading) {
    let mut kept = Kept::default();
    let reading = read_rows(export, ReadOptions::default(), &mut kept)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(export)));
    (kept, reading)
}

fn utf_16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

pub(super) fn csv(header: &str, delimiter: char, times: [&str; 2]) -> String {
    let mut text = format!("{header}{delimiter}Level{delimiter}ResultDescription\r\n");
    for (time, (_, line)) in times.iter().zip(LINES) {
        let line = line.replace('"', "\"\"");
        text.push_str(&format!(
            "\"{time}\"{delimiter}Error{delimiter}\"{line}\"\r\n"
        ));
    }
    text
}

fn objects(name: &str) -> Vec<serde_json::Value> {
    LINES
        .iter()
        .map(|(time, line)| serde_json::json!({name: time, "Level": "Error", "ResultDescription": line}))
        .collect()
}

fn records(properties: impl Fn(&str) -> serde_json::Value) -> Vec<serde_json::Value> {
    LINES
        .iter()
        .map(|(time, line)| {
            serde_json::json!({"time": time, "resourceId": "/SUBSCRIPTIONS/0", "category": "AppServiceConsoleLogs",
                "level": "Error", "properties": properties(line)})
        })
        .collect()
}

fn lines(values: &[serde_json::Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

fn printed(name: &str) -> String {
    let [(first, one), (second, two)] = LINES;
    let wide = one.len().max(two.len());
    let pad = |text: &str| format!("{text:wide$}");
    format!(
        "{name}\n{}  {}  {}\n{}  {first:24}  Error\n{}  {second:24}  Error\n",
        "-".repeat(wide),
        "-".repeat(24),
        "-----",
        pad(one),
        pad(two)
    )
    .replace(
        name,
        &format!(
            "{}  {:24}  Level",
            pad("ResultDescription"),
            "TimeGenerated"
        ),
    )
}

fn yaml() -> String {
    let item = |(time, line): &(&str, &str)| {
        format!(
            "- Level: Error\n  ResultDescription: {}\n  TimeGenerated: '{time}'\n",
            serde_json::json!(line)
        )
    };
    LINES.iter().map(item).collect()
}

fn properties_of_a_list() -> String {
    let item = |(time, line): &(&str, &str)| {
        format!(
            "TimeGenerated     : {time}\nLevel             : Error\nResultDescription : {line}\n\n"
        )
    };
    format!("\n{}", LINES.iter().map(item).collect::<String>())
}

fn answer(extra: &str) -> String {
    let rows: Vec<_> = LINES
        .iter()
        .map(|(time, line)| serde_json::json!([time, "Error", line]))
        .collect();
    let columns = r#"[{"name":"TimeGenerated","type":"datetime"},{"name":"Level","type":"string"},{"name":"ResultDescription","type":"string"}]"#;
    format!(
        r#"{{"tables":[{extra}{{"name":"PrimaryResult","columns":{columns},"rows":{}}}]}}"#,
        serde_json::json!(rows)
    )
}

/// Names and texts.
type Shapes = Vec<(&'static str, String)>;

const ISO: [&str; 2] = [LINES[0].0, LINES[1].0];
const US: [&str; 2] = ["11/21/2026, 8:01:01.123 PM", "11/21/2026, 8:02:31.500 PM"];
const UTC: &str = "TimeGenerated [UTC]";

fn of_spreadsheets() -> Shapes {
    let de = ["21.11.2026, 20:01:01,123", "21.11.2026, 20:02:31,500"];
    vec![
        ("the portal's CSV", csv(UTC, ',', US)),
        (
            "the portal's CSV with a BOM",
            format!("\u{feff}{}", csv(UTC, ',', US)),
        ),
        ("the portal's CSV in German", csv(UTC, ';', de)),
        (
            "the portal's CSV in local time",
            csv(
                "TimeGenerated [Local Time]",
                ',',
                ["11/21/2026, 9:01:01.123 PM", "11/21/2026, 9:02:31.500 PM"],
            ),
        ),
        (
            "the portal's CSV an hour ahead",
            csv(
                "TimeGenerated [UTC+01:00]",
                ',',
                ["11/21/2026, 9:01:01.123 PM", "11/21/2026, 9:02:31.500 PM"],
            ),
        ),
        (
            "a spreadsheet's CSV",
            format!("sep=;\r\n{}", csv("TimeGenerated", ';', ISO)),
        ),
        (
            "PowerShell's CSV",
            format!(
                "#TYPE Selected.System.Object\r\n{}",
                csv("TimeGenerated", ',', ISO)
            ),
        ),
        ("CSV with tabs", csv("TimeGenerated", '\t', ISO)),
        (
            "CSV with line ends of its own",
            csv("TimeGenerated", ',', ISO).replace("\r\n", "\n"),
        ),
    ]
}

fn of_az() -> Shapes {
    let whole = serde_json::Value::from(objects("TimeGenerated"));
    vec![
        ("az's list", whole.to_string()),
        (
            "az's list in lines",
            serde_json::to_string_pretty(&whole).unwrap(),
        ),
        (
            "az's list after warnings",
            format!("WARNING: Command group is in preview\n{whole}"),
        ),
        (
            "az's list in colours",
            format!(
                "\u{1b}[34m{}\u{1b}[39;49;00m",
                serde_json::to_string_pretty(&whole).unwrap()
            ),
        ),
        ("az's table", printed("x")),
        ("az's YAML", yaml()),
        (
            "az's YAML in colours",
            format!("\u{1b}[94m{}\u{1b}[0m", yaml()),
        ),
        (
            "az's values between tabs",
            LINES
                .iter()
                .map(|(time, line)| format!("Error\t{line}\tPrimaryResult\t{time}\n"))
                .collect(),
        ),
    ]
}

fn of_the_api_and_powershell() -> Shapes {
    let whole = serde_json::Value::from(objects("TimeGenerated"));
    let summary = r#"{"name":"Counts","columns":[{"name":"Count","type":"long"}],"rows":[[1]]},"#;
    vec![
        ("the API's answer", answer("")),
        ("the API's answer with a summary first", answer(summary)),
        (
            "PowerShell's object",
            serde_json::json!({"Results": whole, "Render": null, "Error": null}).to_string(),
        ),
        ("PowerShell's list", properties_of_a_list()),
    ]
}

fn of_storage_and_logs() -> Shapes {
    let as_text =
        |line: &str| serde_json::json!(serde_json::json!({"resultDescription": line}).to_string());
    vec![
        (
            "objects one after another",
            lines(&objects("TimeGenerated")),
        ),
        (
            "objects on one line",
            lines(&objects("TimeGenerated")).replace('\n', ""),
        ),
        (
            "objects with a BOM",
            format!("\u{feff}{}", lines(&objects("TimeGenerated"))),
        ),
        (
            "printed objects one after another",
            objects("TimeGenerated")
                .iter()
                .map(|value| serde_json::to_string_pretty(value).unwrap())
                .collect(),
        ),
        (
            "a storage account's lines",
            lines(&records(
                |line| serde_json::json!({"resultDescription": line}),
            )),
        ),
        (
            "a storage account's lines as texts",
            lines(&records(as_text)),
        ),
        (
            "an event hub's records",
            serde_json::json!({"records": records(as_text)}).to_string(),
        ),
        (
            "records of several messages",
            format!("{0}{0}", "").to_owned()
                + &lines(
                    &records(as_text)
                        .iter()
                        .map(|one| serde_json::json!({"records": [one]}))
                        .collect::<Vec<_>>(),
                ),
        ),
        (
            "the older table of all resources",
            lines(&objects("TimeGenerated")).replace("ResultDescription", "ResultDescription_s"),
        ),
        (
            "a log with the runtime's times",
            LINES
                .iter()
                .map(|(time, line)| format!("{}000000Z {line}\n", time.trim_end_matches('Z')))
                .collect(),
        ),
    ]
}

/// The same two lines as ordinary people and programs leave them.
fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let texts = [
        of_spreadsheets(),
        of_az(),
        of_the_api_and_powershell(),
        of_storage_and_logs(),
    ];
    let mut shapes: Vec<_> = texts
        .into_iter()
        .flatten()
        .map(|(name, text)| (name, text.into_bytes()))
        .collect();
    shapes.push(("UTF-16", utf_16(&csv(UTC, ',', US))));
    shapes.push(("UTF-16 JSON", utf_16(&lines(&objects("TimeGenerated")))));
    shapes
}

#[test]
fn the_same_rows_are_read_from_every_ordinary_shape_of_an_export() {
    for (shape, export) in shapes() {
        let (kept, reading) = read(&export);
        let ahead = f64::from(reading.local_offset.unwrap_or(0)) * 60.0;
        let read: Vec<(LogTime, String)> = kept
            .console
            .into_iter()
            .map(|(_, row)| {
                (
                    row.time_generated.plus_seconds(-ahead),
                    row.result_description.unwrap_or_default(),
                )
            })
            .collect();
        let expected: Vec<(LogTime, String)> = LINES
            .iter()
            .map(|(time, line)| (time.parse().unwrap(), (*line).to_owned()))
            .collect();
        assert_eq!(
            read,
            expected,
            "{shape}:\n{}",
            String::from_utf8_lossy(&export)
        );
        assert_eq!(
            (reading.fault_count, &reading.incomplete),
            (0, &None),
            "{shape}"
        );
    }
}

#[test]
fn a_partial_answer_keeps_its_rows_and_says_that_some_are_missing() {
    let text = answer("").replacen(
        r#""tables":"#,
        r#""error":{"code":"PartialError","message":"There were some errors."},"tables":"#,
        1,
    );
    let (kept, reading) = read(text.as_bytes());
    assert_eq!(kept.console.len(), 2);
    let reason = reading.incomplete.unwrap();
    assert!(
        reason.contains("in part") && reason.contains("PartialError"),
        "{reason}"
    );
}

#[test]
fn an_export_that_was_cut_keeps_its_rows_and_says_so() {
    for whole in [
        serde_json::Value::from(objects("TimeGenerated")).to_string(),
        answer(""),
    ] {
        let cut = &whole[..whole.len() - 20];
        let (kept, reading) = read(cut.as_bytes());
        assert_eq!(kept.console.len(), 1, "{cut}");
        assert!(reading.incomplete.unwrap().contains("cut"), "{cut}");
    }
}

#[test]
fn requests_are_read_without_names_of_columns_and_from_a_web_servers_log() {
    let tsv = "app.example\tGET\t/a\t503\tPrimaryResult\t2026-11-21T08:01:20.1234567Z\t38965\n\
               app.example\tGET\t/b\t200\tPrimaryResult\t2026-11-21T08:01:21Z\t200\n";
    let w3c = "#Software: Microsoft Internet Information Services 8.0\n\
               #Fields: date time s-sitename cs-method cs-uri-stem s-port cs(User-Agent) cs-host sc-status time-taken\n\
               2026-11-21 08:01:20 SITE GET /a 80 curl/8 app.example 503 38965\n\
               2026-11-21 08:01:21 SITE GET /b 80 curl/8 app.example 200 200\n";
    for text in [tsv, w3c] {
        let (kept, _) = read(text.as_bytes());
        let read: Vec<_> = kept
            .http
            .iter()
            .map(|row| {
                (
                    row.cs_method.as_deref(),
                    row.cs_uri_stem.as_deref(),
                    row.sc_status,
                    row.time_taken,
                    row.cs_host.as_deref(),
                )
            })
            .collect();
        let host = Some("app.example");
        assert_eq!(
            read,
            [
                (Some("GET"), Some("/a"), Some(503), Some(38_965), host),
                (Some("GET"), Some("/b"), Some(200), Some(200), host)
            ],
            "{text}"
        );
    }
}

#[test]
fn a_log_stream_holds_the_platforms_messages_and_the_containers_lines() {
    let text = "2023-03-21T11:15:03.702594091Z [2023-03-21 11:15:03 +0000] [70] [INFO] Listening at: http://0.0.0.0:8000 (70)\n\
                2023-03-21T11:15:04.603462321Z Failed to find attribute 'app' in 'application'.\n\
                2023-03-21T11:15:06.223Z ERROR - Container x_0 didn't respond to HTTP pings on port: 8000, failing site start.\n\
                2023-03-21T11:15:06.230Z ERROR - Container start failed, One or more errors occurred. (denied\n)\n\
                2023-03-21T11:15:06.241Z INFO  - Stopping site x because it failed during startup.\n";
    let (kept, _) = read(text.as_bytes());
    let messages: Vec<_> = kept
        .platform
        .iter()
        .map(|row| {
            (
                row.level.as_deref().unwrap(),
                row.message.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[0].0, "Error");
    assert!(
        messages[0]
            .1
            .starts_with("Container x_0 didn't respond to HTTP pings on port: 8000")
    );
    assert!(messages[1].1.ends_with("(denied\n)"), "{:?}", messages[1]);
    assert_eq!(messages[2].0, "Informational");
    let (number, line) = &kept.console[1];
    assert_eq!(*number, 2);
    assert_eq!(
        line.result_description.as_deref(),
        Some("Failed to find attribute 'app' in 'application'.")
    );
}

#[test]
fn what_is_no_export_says_what_it_is() {
    for (text, expected) in [
        (
            r#"[{"ScStatus":"200","count_":"12"}]"#,
            "a summary without `TimeGenerated`",
        ),
        (
            r#"[{"TimeGenerated":"2026-11-21T08:00:00Z","Type":"AppServiceAuditLogs","User":"x"}]"#,
            "rows of another table: AppServiceAuditLogs",
        ),
        (
            "just some notes of mine",
            "not a table: it begins with `just some notes",
        ),
        (
            r#"{"error":{"code":"InsufficientAccessError","message":"denied"}}"#,
            "InsufficientAccessError: denied",
        ),
        (
            r#"{"code":"BadArgumentError","message":"The request had some invalid properties"}"#,
            "The request had some invalid properties",
        ),
    ] {
        let error = read_rows(
            text.as_bytes(),
            ReadOptions::default(),
            &mut Kept::default(),
        )
        .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
