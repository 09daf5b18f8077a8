//! The rival explanations, in the words that are the same for every scenario.

use crate::evidence::criteria::{Bearing, Rival, RivalId};

/// The client gave up first.
pub(super) const fn client_abort(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::ClientAbort,
        bearing,
        explains: "failures are clients that closed first; the target would have answered later",
        ruled_in_by: "rows with 499, or samples that ended at the client's own limit",
        ruled_out_by: "requests are recorded, and none of them was given up",
    }
}

/// The front end cut the request.
pub(super) const fn front_end_limit(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::FrontEndLimit,
        bearing,
        explains: "the front end cuts a request that has no answer after about 230 to 240 s",
        ruled_in_by: "a failed request of 230 s or longer in the HTTP table or the samples",
        ruled_out_by: "requests are recorded, and none of them lasted so long",
    }
}

/// The arbiter killed a worker.
pub(super) const fn worker_timeout(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::WorkerTimeout,
        bearing,
        explains: "the arbiter kills a worker whose heartbeat is older than --timeout",
        ruled_in_by: "`WORKER TIMEOUT` in the console",
        ruled_out_by: "console lines of the run without it, or no request as long as --timeout",
    }
}

/// The kernel killed a worker.
pub(super) const fn out_of_memory_kill(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::OutOfMemoryKill,
        bearing,
        explains: "the kernel kills a worker for memory, and its client gets an empty answer",
        ruled_in_by: "the oom_kill counter grows, or a SIGKILL that is attributed to memory",
        ruled_out_by: "the oom_kill counter is flat, or console lines of the run show no SIGKILL",
    }
}

/// The container was restarted.
pub(super) const fn restart(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::Restart,
        bearing,
        explains: "the site was stopped or started while the load lasted",
        ruled_in_by: "a start or a stop in the platform table within the trigger, or a process \
                      that is younger than the trigger although its pid had been there",
        ruled_out_by: "platform rows are recorded and none is within the trigger, or the same \
                       process answers before and after",
    }
}

/// The site was still starting.
pub(super) const fn cold_start(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::ColdStart,
        bearing,
        explains: "the first requests wait while the container starts and warms up",
        ruled_in_by: "the site started less than a minute before the trigger, or within it",
        ruled_out_by: "the process that answered the baseline was older than a minute",
    }
}

/// The processors were the bottleneck.
pub(super) const fn cpu_saturation(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::CpuSaturation,
        bearing,
        explains: "the processors are busy, and requests are slow for want of time alone",
        ruled_in_by: "pressure on the CPU at 50 % or more while that on memory stays below 10 %",
        ruled_out_by: "pressure on the CPU below 10 %, or pressure on memory that exceeds it",
    }
}

/// Something outside was slow.
pub(super) const fn dependency(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::Dependency,
        bearing,
        explains: "the application waits for a database, a cache or another service",
        ruled_in_by: "connection errors or timeouts of an outbound call in the console",
        ruled_out_by: "console lines of the run without any such error",
    }
}

/// The startup command names the wrong thing.
pub(super) const fn wrong_command(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::WrongCommand,
        bearing,
        explains: "the startup command names a module or an application that does not exist",
        ruled_in_by: "an import failure in the console, or `App failed to load.`",
        ruled_out_by: "the target answered its baseline with the command that it has",
    }
}

/// Every worker was busy.
pub(super) const fn saturation(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::Saturation,
        bearing,
        explains: "every worker is busy, and requests of every kind wait for one",
        ruled_in_by: "a snapshot in which every worker was busy while connections waited",
        ruled_out_by: "snapshots of the pool, and none such among them",
    }
}

/// No local port was left.
pub(super) const fn outbound_ports(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::OutboundPorts,
        bearing,
        explains: "outbound calls find no local port, whatever the called service does",
        ruled_in_by: "`Cannot assign requested address` in the console",
        ruled_out_by: "console lines of the run without it",
    }
}

/// The application is still starting.
pub(super) const fn slow_start(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::SlowStart,
        bearing,
        explains: "the application needs longer to start than the platform waits",
        ruled_in_by: "the limit of a start in the platform table, and no exit of the container",
        ruled_out_by: "the container ended by itself, or listens where the platform does not look",
    }
}

/// The application gave up at boot.
pub(super) const fn boot_failure(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::BootFailure,
        bearing,
        explains: "the application can be imported and gives up at boot by itself",
        ruled_in_by: "`Exception in worker process` or `Worker failed to boot.` in the console, \
                      and no import failure",
        ruled_out_by: "console lines without either",
    }
}

/// The application listens elsewhere.
pub(super) const fn wrong_port(bearing: Bearing) -> Rival {
    Rival {
        id: RivalId::WrongPort,
        bearing,
        explains: "the application runs, and listens where the platform does not look",
        ruled_in_by: "`Listening at:` names 127.0.0.1 or another port than the platform's",
        ruled_out_by: "`Listening at:` names every address and the platform's port, or the \
                       target answers through the front end",
    }
}
