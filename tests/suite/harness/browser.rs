//! A headless Chromium that is driven as a person would: a screen of some size, keys, and what stands on
//! the page. It talks the DevTools protocol over its own pipe.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::{PATIENCE, poll};

/// Names under which Chromium is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Where Chromium is, or how to get it.
pub fn chromium() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .ok_or_else(|| "chromium is missing: apt-get install chromium".to_owned())
}

/// The folder of one browser, with all that it makes outside of its profile as well.
pub struct Profile(tempfile::TempDir);

impl Profile {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // The browser has ended, and one of its processes may still be writing.
        let _ = poll(PATIENCE, || match fs::remove_dir_all(self.0.path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => None,
            _ => Some(()),
        });
    }
}

/// A headless Chromium with this profile, for which the names of others lead nowhere but where `rules`
/// say.
pub fn headless(profile: &Profile, rules: &str) -> Command {
    let folder = profile.0.path();
    let mut command = Command::new(chromium().unwrap());
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .arg(format!("--host-resolver-rules={rules}"))
        .arg(format!("--user-data-dir={}", folder.display()))
        .env("TMPDIR", folder);
    command
}

/// Nothing but this machine.
pub const THIS_MACHINE: &str = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";

/// One page in a browser of its own; gone with the value.
pub struct Page {
    browser: Child,
    requests: ChildStdin,
    answers: Receiver<Value>,
    session: Option<String>,
    asked: u64,
    _profile: Profile,
}

impl Page {
    /// Open `url` on a screen of that size.
    pub fn open(url: &str, (width, height): (u32, u32)) -> Self {
        let profile = Profile::new();
        let chromium = headless(&profile, THIS_MACHINE);
        let environment = chromium.get_envs();
        // Chromium reads requests at descriptor 3 and writes answers at 4.
        let mut browser = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null"#])
            .arg(chromium.get_program())
            .args(chromium.get_args())
            .envs(environment.filter_map(|(name, value)| Some((name, value?))))
            .arg("--remote-debugging-pipe")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (send, answers) = channel();
        let output = BufReader::new(browser.stdout.take().unwrap());
        // It ends with the browser.
        std::thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let _ = send.send(serde_json::from_slice(&message).unwrap());
            }
        });
        let mut page = Self {
            requests: browser.stdin.take().unwrap(),
            browser,
            answers,
            session: None,
            asked: 0,
            _profile: profile,
        };
        let target = page.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = page.call("Target.attachToTarget", attach);
        page.session = session["sessionId"].as_str().map(str::to_owned);
        let screen = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        page.call("Emulation.setDeviceMetricsOverride", screen);
        page.call("Page.navigate", json!({"url": url}));
        page
    }

    /// Call a method of the protocol and wait for its answer.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let mut request = json!({"id": self.asked, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let mut bytes = request.to_string().into_bytes();
        bytes.push(0);
        self.requests.write_all(&bytes).unwrap();
        loop {
            let answer = self.answers.recv_timeout(PATIENCE).unwrap();
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// What an expression is on the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", asked);
        let failed = &answer["exceptionDetails"];
        assert!(failed.is_null(), "{expression}: {failed}");
        answer["result"]["value"].clone()
    }

    /// Wait until an expression is true on the page.
    pub fn wait_for(&mut self, expression: &str) {
        // A page that is not yet there has none of it.
        let careful =
            format!("(() => {{ try {{ return {expression} }} catch {{ return false }} }})()");
        let found = poll(PATIENCE, || {
            (self.value(&careful) == Value::Bool(true)).then_some(())
        });
        if found.is_none() {
            let text = self.value("document.body.innerText");
            panic!("never {expression}:\n{text}");
        }
    }

    /// Press a key and let it go.
    pub fn press(&mut self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            _ => "",
        };
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            other => panic!("{other} has no code here"),
        };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "text": text,
                "windowsVirtualKeyCode": code,
            });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Press Tab until an element that fits the selector has the focus; at most forty times.
    pub fn tab_to(&mut self, selector: &str) {
        for _ in 0..40 {
            self.press("Tab");
            if self.value(&format!("document.activeElement.matches('{selector}')")) == true {
                return;
            }
        }
        panic!("no key reaches {selector}");
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
