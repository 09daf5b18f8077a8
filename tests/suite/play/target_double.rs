//! A server that answers as a labrat target does, as far as a trigger looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::server::{Reply, Server};

/// The pids that the double pretends to have.
pub const PIDS: [u32; 2] = [4001, 4002];

/// Start a double. `special` answers first; where it has nothing to say, the double answers.
pub async fn start(
    special: impl Fn(&str, usize) -> Option<Reply> + Send + Sync + 'static,
) -> Server {
    let turn = Arc::new(AtomicU32::new(0));
    Server::start(move |path, before| {
        if let Some(reply) = special(path, before) {
            return reply;
        }
        let pid = PIDS[(turn.fetch_add(1, Ordering::Relaxed) % 2) as usize];
        usual(path, pid, "2026-01-01T00:00:00+00:00")
    })
    .await
}

/// What a worker of that pid and that start answers.
pub fn usual(path: &str, pid: u32, start: &str) -> Reply {
    let body = match path.split('?').next().unwrap_or_default() {
        "/health" => r#"{"status":"healthy"}"#.to_owned(),
        "/fast" | "/slow" | "/leak" | "/heavy" => "{}".to_owned(),
        "/diag/stats" => format!(
            r#"{{"leak_block_count":0,"pid":{pid},"process_start_time":"{start}","request_count":7}}"#
        ),
        "/diag/workers" => format!(
            r#"{{"accept_queues":[],"workers":[{{"pid":{},"state":"idle"}},{{"pid":{},"state":"idle"}}]}}"#,
            PIDS[0], PIDS[1]
        ),
        "/diag/proc" => r#"{"meminfo":{"MemAvailable":"523896 kB"}}"#.to_owned(),
        "/diag/env" => r#"{"PORT":"8000"}"#.to_owned(),
        "/diag/slots" => "{}".to_owned(),
        "/config" => format!(
            r#"{{"DB_CONNECTION_STRING":"<unset>","FEATURE_FLAG":"off","PROCESS_START_UTC":"{start}"}}"#
        ),
        _ => return Reply::Answer(404, "{}".to_owned()),
    };
    Reply::Answer(200, body)
}
