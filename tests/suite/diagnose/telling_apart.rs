//! Incidents that look alike in an export, and the one sign that tells them apart.

use std::fmt::Write as _;

use serde_json::Value;

use super::{diagnosis, first, folder};

/// An export as it is put together: rows by the second after ten o'clock.
#[derive(Default)]
struct Export {
    http: String,
    platform: String,
    console: String,
}

impl Export {
    /// A request that came at this second and took so many milliseconds.
    fn request(&mut self, came: f64, path: &str, status: u16, taken_ms: u32) {
        let ended = moment(came + f64::from(taken_ms) / 1000.0);
        writeln!(self.http, "{ended},GET,{path},{status},{taken_ms}").unwrap();
    }

    fn platform(&mut self, second: f64, message: &str) {
        writeln!(self.platform, "{},\"{message}\"", moment(second)).unwrap();
    }

    fn console(&mut self, second: f64, line: &str) {
        writeln!(self.console, "{},\"{line}\"", moment(second)).unwrap();
    }

    /// A start of a container that is answered after a second.
    fn started(&mut self, second: f64, container: &str) {
        self.platform(second, &format!("Starting container: {container}_site."));
        let ready = second + 1.0;
        self.platform(ready, "Site startup probe succeeded after 1.0 seconds.");
        self.platform(ready, "Site started.");
    }

    fn stopped(&mut self, second: f64, container: &str) {
        self.platform(second, "State: Stopping, Action: StoppingSite");
        self.platform(second, &format!("Stopping container: {container}_site."));
    }

    /// The first lines of a server.
    fn server(&mut self, second: f64) {
        for line in [
            "[INFO] Starting gunicorn 22.0.0",
            "[INFO] Listening at: http://0.0.0.0:8000",
        ] {
            self.console(second, &format!("[2023-05-02 10:00:00 +0000] [7] {line}"));
        }
    }

    fn diagnosis(&self) -> Value {
        let tables = [
            (
                "http.csv",
                "TimeGenerated,CsMethod,CsUriStem,ScStatus,TimeTaken",
                &self.http,
            ),
            (
                "platform.csv",
                "TimeGenerated,Message,ContainerId",
                &self.platform,
            ),
            (
                "console.csv",
                "TimeGenerated,ResultDescription",
                &self.console,
            ),
        ];
        let files: Vec<(&str, String)> = tables
            .iter()
            .filter(|(_, _, rows)| !rows.is_empty())
            .map(|(name, head, rows)| (*name, format!("{head}\n{rows}")))
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        diagnosis(folder(&files).path())
    }
}

fn moment(second: f64) -> String {
    let milliseconds = (second * 1000.0).round() as i64;
    let ten_o_clock: jiff::Timestamp = "2023-05-02T10:00:00Z".parse().unwrap();
    let time = ten_o_clock + jiff::SignedDuration::from_millis(milliseconds);
    format!("{time:.3}")
}

fn second_of(diagnosis: &Value) -> &str {
    diagnosis["ranking"][1]["cause"].as_str().unwrap()
}

/// Six times three requests of a minute, and after each three the container is replaced, or not.
fn slow_answers(is_replaced: bool) -> Export {
    let mut export = Export::default();
    export.started(0.0, "a0");
    for round in 0..6_u32 {
        let came = 2.0 + 62.0 * f64::from(round);
        for _ in 0..3 {
            export.request(came, "/", 200, 60_000);
        }
        if is_replaced {
            export.started(came + 60.1, &format!("a{}", round + 1));
            export.stopped(came + 75.0, &format!("a{round}"));
        }
    }
    export
}

#[test]
fn a_rule_that_recycles_is_known_by_what_it_acts_upon_also_where_no_request_is_ever_quick() {
    let recycled = slow_answers(true).diagnosis();
    assert_eq!(first(&recycled), "auto-heal-loop", "{recycled:#}");
    let only_slow = slow_answers(false).diagnosis();
    assert_ne!(first(&only_slow), "auto-heal-loop", "{only_slow:#}");
}

/// Clients that ask in step; of every third round this many of thirty are lost.
fn polls(lost: u32) -> Export {
    let mut export = Export::default();
    export.started(-60.0, "a0");
    export.server(-60.0);
    for round in 0..12_u32 {
        for client in 0..30 {
            let came = 2.5 * f64::from(round);
            match round % 3 == 2 && client < lost {
                true => export.request(came, "/poll", 502, 1),
                false => export.request(came, "/poll", 200, 400),
            }
        }
    }
    export
}

#[test]
fn lost_connections_are_known_by_the_answers_of_the_same_moment() {
    let in_part = polls(15).diagnosis();
    assert_eq!(first(&in_part), "keep-alive-race", "{in_part:#}");
    let all = polls(30).diagnosis();
    assert_ne!(first(&all), "keep-alive-race", "{all:#}");
}

/// Uploads that fail from some moment on, a restart, and three more that fail or not.
fn uploads(status_after: u16) -> Export {
    let mut export = Export::default();
    export.started(-60.0, "a0");
    for number in 0..20_u32 {
        let came = 2.0 * f64::from(number);
        let status = if number < 10 { 200 } else { 500 };
        export.request(came, "/upload", status, 5);
        export.request(came + 0.5, "/", 200, 2);
    }
    export.started(41.0, "a1");
    export.stopped(45.0, "a0");
    for number in 0..5_u32 {
        export.request(50.0 + f64::from(number), "/upload", status_after, 5);
        export.request(50.5 + f64::from(number), "/", 200, 2);
    }
    export
}

#[test]
fn a_full_share_is_known_by_the_restart_that_does_not_empty_it() {
    let full = uploads(500).diagnosis();
    assert_eq!(first(&full), "home-full", "{full:#}");
    let freed = uploads(200).diagnosis();
    assert_ne!(first(&freed), "home-full", "{freed:#}");
}

/// Requests that wait for a while after servers began; nothing of the platform.
fn waits_after_servers(together: bool) -> Export {
    let mut export = Export::default();
    export.server(0.0);
    export.server(if together { 0.5 } else { 100.0 });
    export.server(200.0);
    for number in 0..60_u32 {
        let came = 150.0 + 2.0 * f64::from(number);
        let waits = (201.0..230.0).contains(&came);
        match waits {
            true => export.request(came, "/", 499, 15_000),
            false => export.request(came, "/", 200, 5),
        }
    }
    export
}

#[test]
fn a_swap_is_known_without_the_platforms_rows_by_two_servers_that_begin_together() {
    let of_a_swap = ["warmup-race", "swap-restart"];
    let slots = waits_after_servers(true).diagnosis();
    assert!(of_a_swap.contains(&first(&slots)), "{slots:#}");
    assert!(of_a_swap.contains(&second_of(&slots)), "{slots:#}");
    let one = waits_after_servers(false).diagnosis();
    assert!(!of_a_swap.contains(&first(&one)), "{one:#}");
}

/// Two starts of which the first got no answer and the second was ended, with its exit code or not.
fn given_up(exit_code: bool) -> Export {
    let mut export = Export::default();
    export.platform(0.0, "Starting container: a0_site.");
    export.platform(230.0, "Site startup probe failed after 230.0 seconds.");
    export.platform(230.0, "Failed to start site. Revert by stopping site.");
    export.platform(240.0, "Starting container: a1_site.");
    if exit_code {
        export.platform(250.0, "Container has finished running with exit code: 3.");
    }
    export.platform(
        250.0,
        "State: Stopping, Action: CancellingStartup, Details: Site container: site terminated \
         during site startup. Cancelling site startup.",
    );
    export
}

#[test]
fn a_start_that_somebody_ended_has_not_exited() {
    let ended = given_up(false).diagnosis();
    assert_eq!(first(&ended), "slow-start", "{ended:#}");
    let exited = given_up(true).diagnosis();
    assert_ne!(first(&exited), "slow-start", "{exited:#}");
}

/// A night without requests and the first of the morning that waits for a start, with or without days
/// of a request an hour before.
#[test]
fn a_start_after_a_quiet_night_is_known_also_behind_days_of_few_requests() {
    let mut export = Export::default();
    for hour in 0..80_u32 {
        export.request(-300_000.0 + 3_600.0 * f64::from(hour), "/", 200, 40);
    }
    export.started(-60.0, "a0");
    for number in 0..20_u32 {
        export.request(f64::from(number), "/", 200, 5);
    }
    export.stopped(1_200.0, "a0");
    export.started(2_000.0, "a1");
    export.request(2_000.0, "/", 200, 1_100);
    for number in 0..20_u32 {
        export.request(2_002.0 + f64::from(number), "/", 200, 5);
    }
    let morning = export.diagnosis();
    assert_eq!(first(&morning), "idle-cold-start", "{morning:#}");
}
