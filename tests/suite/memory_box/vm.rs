//! A pool in a virtual machine of a B1's size: the figures of the whole machine are the pool's.

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use labrat::machine::Unavailable;
use labrat::machine::memory_box::{BoxSize, ENDED, STOP, VmBox, VmParts};
use labrat::machine::reserved_port::ReservedPort;
use parking_lot::Mutex;
use serde_json::Value;

use super::{folder, or_skip};
use crate::harness::{Address, exchange, exists, poll, request, root};

/// An emulated machine takes seconds where a real one takes tenths, and this one is shared.
const PATIENCE: Duration = Duration::from_secs(180);
const KILOBYTES_OF_A_B1: f64 = 1792.0 * 1024.0;
const KILOBYTES_OF_ITS_SWAP: f64 = 4.0 * 1024.0 * 1024.0;

/// A virtual machine that runs, and its console so far.
struct Guest {
    emulator: Child,
    address: Address,
    console: Arc<Mutex<Vec<String>>>,
    _port: ReservedPort,
}

impl Guest {
    fn start(vm: &VmBox, arguments: &[&str]) -> Self {
        let port = ReservedPort::choose().unwrap();
        let address = port.address();
        let mut labrat = Command::new(env!("CARGO_BIN_EXE_labrat"));
        labrat
            .arg("serve")
            .arg(format!("--bind=0.0.0.0:{}", address.port()))
            .args(["--timeout=120", "--no-control-socket"])
            .args(arguments)
            .env("FEATURE_FLAG", "of the box");
        let mut emulator = vm
            .enter_command(&labrat, address, address.port())
            .unwrap()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = BufReader::new(emulator.stdout.take().unwrap());
        let console = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&console);
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                kept.lock()
                    .push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self {
            emulator,
            address: Address::Tcp(address),
            console,
            _port: port,
        }
    }

    fn console(&self) -> String {
        self.console.lock().join("\n")
    }

    fn get(&self, target: &str) -> Option<Value> {
        let answer = exchange(&self.address, &request("GET", target), PATIENCE);
        let response = answer.response()?;
        (response.status == 200).then(|| response.json())?
    }

    /// The first 200: before it the guest boots.
    fn wait_until_warm(&mut self) {
        let warm = poll(PATIENCE, || {
            let ended = self.emulator.try_wait().unwrap();
            assert!(ended.is_none(), "it ends:\n{}", self.console());
            let answer = exchange(
                &self.address,
                &request("GET", "/health"),
                Duration::from_secs(1),
            );
            (answer.status() == Some(200)).then_some(())
        });
        assert!(warm.is_some(), "it never answers:\n{}", self.console());
    }

    /// The console, when the machine has switched itself off and `last` was its last line.
    fn ends_with(&mut self, last: &str) -> String {
        let ended = poll(PATIENCE, || self.emulator.try_wait().unwrap());
        let status = ended.unwrap_or_else(|| panic!("it runs on:\n{}", self.console()));
        assert!(status.success(), "{status}");
        let said = poll(PATIENCE, || {
            let console = self.console();
            console.trim_end().ends_with(last).then_some(console)
        });
        said.unwrap_or_else(|| panic!("{}", self.console()))
    }

    fn figures(&self) -> Figures {
        let body = self.get("/diag/proc").expect("/diag/proc answers");
        let number = |block: &str, name: &str| {
            let text = body[block][name].as_str().unwrap_or_default();
            let number = text.split(' ').next().unwrap_or_default().parse();
            number.unwrap_or_else(|_| panic!("{block} has no {name}: {body}"))
        };
        Figures {
            total: number("meminfo", "MemTotal"),
            available: number("meminfo", "MemAvailable"),
            swap_total: number("meminfo", "SwapTotal"),
            scanned: number("vmstat", "pgscan_kswapd") + number("vmstat", "pgscan_direct"),
            swapped_out: number("vmstat", "pswpout"),
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

/// What /diag/proc says of the whole machine: kB and pages.
#[derive(Debug)]
struct Figures {
    total: f64,
    available: f64,
    swap_total: f64,
    scanned: f64,
    swapped_out: f64,
}

fn prepare(parent: &std::path::Path) -> Result<VmBox, Unavailable> {
    VmBox::prepare(
        parent,
        BoxSize::B1,
        VmParts {
            labrat: PathBuf::from(env!("CARGO_BIN_EXE_labrat")),
            kernel_root: root().join("target/box"),
        },
    )
}

#[test]
fn a_pool_that_leaks_in_a_virtual_machine_presses_the_whole_machine() {
    let parent = folder();
    let Some(vm) = or_skip(prepare(parent.path())) else {
        return;
    };
    let mut guest = Guest::start(&vm, &["--workers=4", "app:app"]);
    guest.wait_until_warm();
    let before = guest.figures();
    let near = |value: f64, expected: f64| value > 0.9 * expected && value <= expected;
    assert!(near(before.total, KILOBYTES_OF_A_B1), "{before:?}");
    assert!(near(before.swap_total, KILOBYTES_OF_ITS_SWAP), "{before:?}");
    let environment = guest.get("/diag/env").expect("/diag/env answers");
    assert_eq!(environment["FEATURE_FLAG"], "of the box");
    // Two blocks at a time: what presses is the memory, not the requests. Ten are more than the slow swap
    // of an emulated machine takes within a worker's timeout, where other work goes on beside it.
    let pressed = poll(2 * PATIENCE, || {
        guest.get("/leak?blocks=2").expect("a leak is answered");
        let now = guest.figures();
        (now.available < before.available / 4.0 && now.swapped_out > before.swapped_out + 10_000.0)
            .then_some(now)
    });
    let after = pressed.unwrap_or_else(|| panic!("{before:?} {:?}", guest.figures()));
    assert!(
        after.scanned > before.scanned + 10_000.0,
        "{before:?} {after:?}"
    );
    let emulator = guest.emulator.id();
    let files = vm.folder().to_owned();
    drop(vm);
    assert!(!exists(emulator), "the box ends its machines");
    assert!(!files.exists());
    drop(guest);
}

#[test]
fn when_labrat_ends_the_virtual_machine_says_how_and_switches_itself_off() {
    let parent = folder();
    let Some(vm) = or_skip(prepare(parent.path())) else {
        return;
    };
    let mut guest = Guest::start(&vm, &["--workers=1", "wrong_module:app"]);
    let console = guest.ends_with(&format!("{ENDED}exit code 3"));
    assert!(
        console.contains("No module named 'wrong_module'"),
        "{console}"
    );
    assert!(!console.contains('\r'), "lines are as they were written");
}

#[test]
fn a_pool_in_a_virtual_machine_that_is_told_to_stop_ends_by_itself_and_says_so() {
    let parent = folder();
    let Some(vm) = or_skip(prepare(parent.path())) else {
        return;
    };
    let mut guest = Guest::start(&vm, &["--workers=2", "app:app"]);
    guest.wait_until_warm();
    let mut orders = guest.emulator.stdin.take().unwrap();
    writeln!(orders, "{STOP}").unwrap();
    let console = guest.ends_with(&format!("{ENDED}exit code 0"));
    for line in ["Handling signal: term", "Shutting down: Master"] {
        assert!(console.contains(line), "{line}\n{console}");
    }
}

#[test]
fn nothing_but_labrat_can_be_started_in_it() {
    let parent = folder();
    let Some(vm) = or_skip(prepare(parent.path())) else {
        return;
    };
    let error = vm
        .enter_command(
            &Command::new("gunicorn"),
            ([127, 0, 0, 1], 8000).into(),
            8000,
        )
        .unwrap_err();
    assert!(
        error.reason().contains("holds labrat alone, not gunicorn"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("cgroup"));
}
