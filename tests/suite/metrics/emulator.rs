//! The emulator's own figures, beside `labrat host`.

use std::process::{Child, Stdio};

use labrat::metrics::{Metric, declared};

use super::Figures;
use crate::harness::{
    Address, Connection, PATIENCE, exchange, get, host_in, poll, request, start_and_read,
};

/// What the tests of this file see moving.
pub(super) static MOVED: &[&Metric] = &[
    &declared::FRONT_END_DURATION,
    &declared::CONTAINER_STARTS,
    &declared::SITE_SERVES,
];

const TOKEN: &str = "a-token-of-the-test";

/// Ended with the test.
struct Host {
    child: Child,
    control: Address,
    site: Address,
    _folder: tempfile::TempDir,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn host() -> Host {
    let folder = tempfile::tempdir().unwrap();
    let (child, started) = start_and_read(
        host_in(folder.path())
            .args(["--pace", "0.05", "--token", TOKEN])
            .stderr(Stdio::null()),
    );
    let address = |text: &str| Address::Tcp(text.trim_start_matches("http://").parse().unwrap());
    Host {
        control: address(started["control"].as_str().unwrap()),
        site: address(started["slots"]["production"].as_str().unwrap()),
        child,
        _folder: folder,
    }
}

impl Host {
    fn ask(&self, method: &str, path: &str, token: &str) -> crate::harness::Exchange {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        exchange(&self.control, request.as_bytes(), PATIENCE)
    }

    fn figures(&self) -> Figures {
        let answer = self.ask("GET", "/metrics", TOKEN);
        let response = answer.response().expect("an answer");
        assert_eq!(response.status, 200, "{answer}");
        Figures(response.text())
    }

    fn until(&self, what: &str, fits: impl Fn(&Figures) -> bool) -> Figures {
        let found = poll(PATIENCE, || Some(self.figures()).filter(&fits));
        found.unwrap_or_else(|| panic!("never {what}:\n{}", self.figures().0))
    }
}

#[test]
fn the_front_end_shows_its_own_times_and_the_site_its_starts_to_who_has_the_token() {
    let host = host();
    assert_eq!(host.ask("GET", "/metrics", "guessed").status(), Some(401));
    // Held until the site is warm.
    assert_eq!(get(&host.site, "/fast").status(), Some(200));
    let answered = ["slot=\"production\"", "http_response_status_code=\"200\""];
    // A request that was held goes on before the site's own state is told.
    let up = host.until("counted, and serving", |figures| {
        figures.count(&declared::FRONT_END_DURATION, &answered) == 1.0
            && figures.get(&declared::SITE_SERVES, &[]) == 1.0
    });
    let starts = up.get(&declared::CONTAINER_STARTS, &[]);
    assert!(starts >= 1.0, "{}", up.0);
    let mut leaves = Connection::open(&host.site);
    leaves.send(&request("GET", "/slow?seconds=1"));
    drop(leaves);
    host.until("499", |figures| {
        let left = ["http_response_status_code=\"499\""];
        figures.count(&declared::FRONT_END_DURATION, &left) == 1.0
    });
    assert_eq!(
        host.ask("POST", "/slots/production/stop", TOKEN).status(),
        Some(200)
    );
    host.until("stopped", |figures| {
        figures.get(&declared::SITE_SERVES, &[]) == 0.0
    });
    assert_eq!(
        host.ask("POST", "/slots/production/restart", TOKEN)
            .status(),
        Some(200)
    );
    host.until("started again", |figures| {
        figures.get(&declared::CONTAINER_STARTS, &[]) == starts + 1.0
            && figures.get(&declared::SITE_SERVES, &[]) == 1.0
    });
}
