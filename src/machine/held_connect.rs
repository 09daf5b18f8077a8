//! Calls of connect(2) that wait for an answer, and the filter that holds them.

use std::os::fd::RawFd;

/// A call of connect(2) by another process that waits for an answer.
#[derive(Debug, Clone, Copy)]
pub struct HeldConnect {
    /// Names it to the kernel.
    pub id: u64,
    /// The thread that called, as this process's namespace counts it.
    pub pid: i32,
    /// The descriptor of its socket.
    pub descriptor: RawFd,
    /// Where its memory holds the address.
    pub address: usize,
    /// Bytes of the address.
    pub length: usize,
}

/// The number of this machine's system calls in a filter (`linux/audit.h`).
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// The steps of classic BPF that let every system call pass but connect(2), which is told.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn filter() -> [libc::sock_filter; 6] {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        // The codes of classic BPF are small.
        code: u16::try_from(code).unwrap_or_default(),
        jt,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let connect = u32::try_from(libc::SYS_connect).unwrap_or_default();
    [
        step(load, 4, 0, 0),
        step(equal, ARCHITECTURE, 0, 2),
        step(load, 0, 0, 0),
        step(equal, connect, 1, 0),
        step(answer, libc::SECCOMP_RET_ALLOW, 0, 0),
        step(answer, libc::SECCOMP_RET_USER_NOTIF, 0, 0),
    ]
}
