//! `/diag/proc`: the machine as this worker sees it.
//!
//! Five keys have the labs' own formats, which are texts; the others are typed. What cannot be
//! read is replaced by `{"error": ...}` and takes nothing else with it.

use std::path::Path;

use axum::body::Body;
use http::Response;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::query::Query;
use crate::app::reply;
use crate::app::state::AppState;
use crate::machine::cgroup::{self, CgroupMemory, Version};
use crate::machine::{Unavailable, memory, out_of_memory, pressure, proc_files};

/// Fields of `/proc/meminfo` that the labs quote.
const MEMINFO: &[&str] = &[
    "Cached",
    "MemAvailable",
    "MemFree",
    "MemTotal",
    "SwapCached",
    "SwapFree",
    "SwapTotal",
];
/// Fields of `/proc/vmstat` that the labs quote: reclaim and swapping.
const VMSTAT: &[&str] = &[
    "allocstall_movable",
    "allocstall_normal",
    "pgscan_direct",
    "pgscan_kswapd",
    "pgsteal_kswapd",
    "pswpin",
    "pswpout",
];

/// `GET /diag/proc`.
pub(in crate::app) fn proc(_: &AppState, _: &Query) -> Response<Body> {
    let mut body = files(Path::new("/proc"));
    let cgroup = cgroup::memory();
    let host = memory::of_host();
    let available = host.clone().and_then(|host| match &cgroup {
        Ok(memory) => cgroup::effective_available(host.available_bytes, memory),
        // Where no cgroup can be seen, none is known to hold this process.
        Err(_) => Ok(cgroup::host_available(host.available_bytes)),
    });
    body["cgroup"] = or_error(cgroup.map(|memory| cgroup_body(&memory)));
    body["effective_available"] = or_error(available);
    body["host"] = or_error(host);
    body["oom_kills"] = or_error(out_of_memory::of_machine());
    body["worker_memory"] = or_error(memory::of_this_process());
    reply::json(&body)
}

/// What comes from files under `proc`, which a test may replace.
fn files(proc: &Path) -> Value {
    let read = |name: &str| proc_files::text(proc.join(name));
    let memory_pressure = read("pressure/memory").map(|text| {
        json!({
            "full": pressure::line(&text, "full"),
            "some": pressure::line(&text, "some"),
        })
    });
    let typed_pressure = |name: &str| {
        let parsed = read(name).map(|text| pressure::parse(&text));
        or_error(parsed)
    };
    json!({
        "cpu_pressure": or_error(read("pressure/cpu")),
        "loadavg": or_error(read("loadavg")),
        "meminfo": or_error(read("meminfo").map(|text| proc_files::colon_fields(&text, MEMINFO))),
        "pressure_memory": or_error(memory_pressure),
        "pressure": {
            "cpu": typed_pressure("pressure/cpu"),
            "io": typed_pressure("pressure/io"),
            "memory": typed_pressure("pressure/memory"),
        },
        "vmstat": or_error(read("vmstat").map(|text| proc_files::blank_fields(&text, VMSTAT))),
    })
}

fn cgroup_body(memory: &CgroupMemory) -> Value {
    json!({
        "version": match memory.location.version {
            Version::One => 1,
            Version::Two => 2,
        },
        "path": memory.location.path,
        "source": memory.location.directory,
        "limit_bytes": or_error(memory.limit.clone()),
        "usage_bytes": or_error(memory.usage.clone()),
        "swap_limit_bytes": or_error(memory.swap_limit.clone()),
        "swap_usage_bytes": or_error(memory.swap_usage.clone()),
        "events": or_error(memory.events.clone()),
        "refaults": or_error(memory.refaults.clone()),
        "reclaimable_file_bytes": or_error(memory.reclaimable_file.clone()),
        "pressure": or_error(memory.pressure.clone()),
    })
}

/// The fact, or why it is not available.
pub(super) fn or_error<T: Serialize>(fact: Result<T, Unavailable>) -> Value {
    match fact {
        Ok(fact) => json!(fact),
        Err(error) => json!({"error": error.to_string()}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labs_keys_have_the_labs_formats() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("pressure")).unwrap();
        write("loadavg", "0.27 0.52 0.38 1/91 19616\n");
        write(
            "meminfo",
            "MemTotal:       24684092 kB\nBuffers: 3 kB\nSwapFree:              0 kB\n",
        );
        write("vmstat", "nr_free_pages 5\npswpin 7\n");
        let some = "some avg10=0.33 avg60=0.67 avg300=1.61 total=25554941";
        let full = "full avg10=0.00 avg60=0.00 avg300=0.00 total=0";
        write("pressure/cpu", &format!("{some}\n{full}\n"));
        write("pressure/memory", &format!("{some}\n{full}\n"));
        let body = files(folder.path());
        assert_eq!(body["loadavg"], "0.27 0.52 0.38 1/91 19616");
        assert_eq!(
            body["meminfo"],
            json!({"MemTotal": "24684092 kB", "SwapFree": "0 kB"})
        );
        assert_eq!(body["vmstat"], json!({"pswpin": "7"}));
        assert_eq!(body["cpu_pressure"], format!("{some}\n{full}"));
        assert_eq!(body["pressure_memory"], json!({"full": full, "some": some}));
        assert_eq!(body["pressure"]["memory"]["some"]["avg60"], 0.67);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_in_its_place_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("loadavg"), "1 2 3\n").unwrap();
        let body = files(folder.path());
        assert_eq!(body["loadavg"], "1 2 3");
        for key in ["cpu_pressure", "meminfo", "pressure_memory", "vmstat"] {
            let error = body[key]["error"].as_str().unwrap();
            assert!(error.starts_with("not available here, because "), "{error}");
        }
    }
}
