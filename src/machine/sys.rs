//! The system calls that need `unsafe`: the only file of the crate that may hold any.
//!
//! Everything else goes through `nix`, `socket2` and `std`. What is here is here because those
//! crates mark it unsafe (fork) or do not have it (the allocator's own calls, atomics in memory
//! that several processes share, swapping).
#![allow(unsafe_code)]

use std::ffi::CString;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::signal::{SigHandler, Signal};
use nix::unistd::{ForkResult, fork};

use super::child::DEFAULTED;
use super::held_connect::{self, HeldConnect};
use super::program_pages;

/// Why [`fork_single_threaded`] did not fork.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// More than one thread runs: the child could inherit a lock that nobody will release.
    #[error("refusing to fork a process of {0} threads")]
    Threads(usize),
    /// `fork(2)` failed.
    #[error("fork: {0}")]
    Fork(#[from] Errno),
}

/// `fork(2)`, from a process that has one thread only.
///
/// # Errors
/// When this process has more than one thread, or the system call fails (see fork(2): `EAGAIN` at
/// the process limit, `ENOMEM`).
pub fn fork_single_threaded() -> Result<ForkResult, ForkError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads != 1 {
        return Err(ForkError::Threads(threads));
    }
    // SAFETY: the process has exactly one thread (checked above), so no lock of the allocator or
    // of any library can be held by a thread that does not exist in the child.
    Ok(unsafe { fork() }?)
}

/// Reap one child that has ended (`waitpid(2)` with `WNOHANG`): its pid and raw status; `None` when
/// none has ended.
///
/// # Errors
/// `ECHILD` without children, `EINTR`.
pub fn reap_ended_child() -> Result<Option<(i32, i32)>, Errno> {
    reap(libc::WNOHANG).map(|(pid, status)| (pid != 0).then_some((pid, status)))
}

/// Wait for a child to end and reap it: its pid and raw status.
///
/// # Errors
/// As [`reap_ended_child`].
pub fn wait_for_child() -> Result<(i32, i32), Errno> {
    reap(0)
}

fn reap(flags: libc::c_int) -> Result<(i32, i32), Errno> {
    let mut status = 0;
    // SAFETY: the pointer is that of a local integer, to which the call writes at most one status.
    let pid = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, flags) })?;
    Ok((pid, status))
}

/// Give the C library's free memory back to the kernel (`malloc_trim(3)`), so that an undone leak
/// is seen in the resident size at once.
pub fn release_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes no pointers and locks the allocator by itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Make the allocator's behaviour the same in every worker and at every moment: large blocks
/// always by mmap, the heap's top always given back, one arena (`mallopt(3)`).
///
/// Without this glibc moves its thresholds as blocks are freed, and the memory that a request
/// leaves behind would depend on the requests before it.
pub fn steady_allocator() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two integers; it is called before any other thread exists.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 * 1024);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 128 * 1024);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Begin to swap to a file or drive that holds swap space (`swapon(2)`).
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` when it holds no swap space or its file system cannot.
pub fn swap_on(path: &Path) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the path is a NUL-terminated text that outlives the call, which only reads it.
    Errno::result(unsafe { libc::swapon(path.as_ptr(), 0) }).map(drop)
}

/// Stop swapping to a file or drive; what is there is read back into memory (`swapoff(2)`).
///
/// # Errors
/// `EINVAL` when it is not swapped to, `EPERM` without `CAP_SYS_ADMIN`, `ENOMEM` when memory cannot
/// hold what is there.
pub fn swap_off(path: &Path) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: as in `swap_on`.
    Errno::result(unsafe { libc::swapoff(path.as_ptr()) }).map(drop)
}

/// The number of this option in Linux; the C libraries do not name it yet.
pub const IP_LOCAL_PORT_RANGE: libc::c_int = 51;

/// Bound the local ports that the kernel may choose for a socket when it connects
/// (`IP_LOCAL_PORT_RANGE`, ip(7)). A range outside the system's own is not heeded.
///
/// # Errors
/// `ENOPROTOOPT` before Linux 6.3, `EINVAL` when `low` is above `high`.
pub fn set_local_port_range(socket: &impl AsRawFd, low: u16, high: u16) -> Result<(), Errno> {
    let range = u32::from(high) << 16 | u32::from(low);
    // SAFETY: the pointer and the length are those of one u32, which the call only reads.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            IP_LOCAL_PORT_RANGE,
            (&raw const range).cast(),
            4,
        )
    };
    Errno::result(result).map(drop)
}

/// What the kernel knows of a TCP socket (`TCP_INFO`, tcp(7)).
///
/// # Errors
/// `EOPNOTSUPP` or `ENOPROTOOPT` for a socket that is not TCP, `ENOTSOCK`.
pub fn tcp_info(socket: &impl AsFd) -> Result<libc::tcp_info, Errno> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = std::mem::size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the pointers are those of a local structure and its length, beyond which the kernel
    // writes nothing.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    Errno::result(result)?;
    // SAFETY: all fields are integers, zero is valid for each, and the kernel wrote over some.
    Ok(unsafe { info.assume_init() })
}

/// Let signals do what they do by default (`signal(7)`), whatever was so far.
///
/// What a parent ignores its children ignore too, `HUP` under nohup(1) for one: a worker would not
/// die of it, and with `CHLD` ignored an arbiter would never learn of a death. Rust's runtime
/// catches SIGSEGV and SIGBUS to tell of a stack overflow. When such a signal comes from another
/// process instead of from a bad access, its handler only takes itself away: the first signal
/// would do nothing.
pub fn restore_default_actions() {
    for signal in DEFAULTED {
        // SAFETY: the default action is no handler, so nothing can run in a wrong context.
        // It cannot fail for these signals.
        let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
    }
    // As Python does: a limit on the size of files is then an error of write(2), and kills nobody.
    // SAFETY: to ignore a signal is no handler either.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// Unmap, for this process, the pages of its own program, code and constants, that it has used so
/// far (`madvise(2)` with `MADV_DONTNEED`); the few that are needed again come back from the page
/// cache one by one.
///
/// An arbiter needs a hundredth of the code that parsed its command line and opened its sockets,
/// an idle worker of the code that read its settings and put its application together; both would
/// hold all of it in their resident size for as long as they live: an idle pool of 4 workers has a
/// PSS of 5.95 MB with this and of 8.51 MB without (Linux 6.18, static release, the program read from
/// disk), most of the difference in the arbiter.
pub fn forget_start_up_code() {
    for pages in program_pages::untouched() {
        // SAFETY: the range is, as the kernel has just told, a private mapping of this program's
        // file that is not writable, and neither of the segments that are looked at ever was
        // (relocations are applied to the data segment alone): its pages hold what the file holds,
        // and are read from there again when they are next touched.
        unsafe {
            libc::madvise(
                std::ptr::with_exposed_provenance_mut(pages.start),
                pages.len(),
                libc::MADV_DONTNEED,
            );
        }
    }
}

/// Append what a socket has to `buffer`, at most so many bytes, waiting for the first one
/// (`recv(2)`). Returns how many there were; 0 is the end.
///
/// The bytes go where they stay: nothing is cleared first, and nothing is copied.
///
/// # Errors
/// Those of recv(2).
pub fn receive_into(
    socket: &impl AsRawFd,
    buffer: &mut Vec<u8>,
    most: usize,
) -> Result<usize, Errno> {
    buffer.reserve(most);
    let spare = buffer.spare_capacity_mut();
    let room = spare.len().min(most);
    // SAFETY: the first `room` bytes of the spare capacity belong to `buffer`, which is borrowed for
    // as long as the kernel writes to them.
    let received = unsafe { libc::recv(socket.as_raw_fd(), spare.as_mut_ptr().cast(), room, 0) };
    let received = Errno::result(received)?.cast_unsigned();
    // SAFETY: the kernel has written so many bytes behind the ones that were there, and never says
    // more than it was given room for.
    unsafe { buffer.set_len(buffer.len() + received) };
    Ok(received)
}

/// Take ownership of a descriptor that the starter of this process left open for it (`fd://N`).
///
/// # Errors
/// `EBADF` when the descriptor is not open.
pub fn adopt_descriptor(number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: F_GETFD only asks whether the number is an open descriptor.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(Errno::last());
    }
    // SAFETY: the descriptor is open (checked above) and was named by the starter as ours; each
    // number is adopted once, when the listeners are made.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A `T` in anonymous memory that this process and all that it forks from now on share; it is never
/// unmapped.
#[derive(Debug)]
pub struct SharedMemory<T: ZeroInit> {
    base: NonNull<T>,
}

/// Types that are valid when zeroed and safe to share between processes: plain atomics, no
/// pointers, no drop.
///
/// # Safety
/// The implementor vouches that all-zero bytes are a valid value, that it holds no pointer or
/// descriptor, needs no drop, and that all its fields are atomics.
pub unsafe trait ZeroInit: Sync {}

// SAFETY: atomics are valid when zeroed, hold no pointers and need no drop.
unsafe impl ZeroInit for AtomicU64 {}
// SAFETY: as above.
unsafe impl ZeroInit for AtomicU32 {}
// SAFETY: as above; zero is `false`.
unsafe impl ZeroInit for AtomicBool {}
// SAFETY: an array is its elements and nothing else.
unsafe impl<T: ZeroInit, const COUNT: usize> ZeroInit for [T; COUNT] {}

/// Declare structs of [`ZeroInit`] fields, which a [`SharedMemory`] can hold. Each begins a line of
/// the processor's cache and fills its last one: two processes that write each its own struct do
/// not wait for each other.
macro_rules! shared_structs {
    ($($(#[$about:meta])* $vis:vis struct $name:ident {
        $($(#[$about_field:meta])* $field:ident: $type:ty,)*
    })*) => {$(
        $(#[$about])*
        #[derive(Debug)]
        #[repr(C, align(64))]
        $vis struct $name {
            $($(#[$about_field])* $field: $type,)*
        }

        const _: () = {
            const fn is_zero_init<T: $crate::machine::sys::ZeroInit>() {}
            $(is_zero_init::<$type>();)*
        };
        // SAFETY: all fields are ZeroInit, which the line above has the compiler check.
        #[allow(unsafe_code)]
        unsafe impl $crate::machine::sys::ZeroInit for $name {}
    )*};
}
pub(crate) use shared_structs;

impl<T: ZeroInit> SharedMemory<T> {
    /// Map a zeroed `T`.
    ///
    /// # Errors
    /// When mmap(2) refuses (`ENOMEM`).
    pub fn new() -> Result<Self, Errno> {
        const { assert!(align_of::<T>() <= 4096, "a mapping begins with a page") };
        let length = NonZeroUsize::new(size_of::<T>()).ok_or(Errno::EINVAL)?;
        // SAFETY: a fresh anonymous mapping; no existing memory is touched.
        let base = unsafe {
            mmap_anonymous(
                None,
                length,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
            )
        }?;
        Ok(Self { base: base.cast() })
    }
}

impl<T: ZeroInit> Deref for SharedMemory<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the mapping has the size of a `T`, is page-aligned, was zeroed by the kernel
        // (valid for `T: ZeroInit`), is never unmapped, and is only changed through atomics.
        unsafe { self.base.as_ref() }
    }
}

// SAFETY: the value is only reachable as `&T` with `T: Sync`, and the mapping lives as long as the
// process.
unsafe impl<T: ZeroInit> Send for SharedMemory<T> {}
// SAFETY: as above.
unsafe impl<T: ZeroInit> Sync for SharedMemory<T> {}

/// End this process at once, from whichever thread: no destructors, no exit handlers
/// (`_exit(2)`).
///
/// A worker leaves this way because one of its threads may be in the middle of a request, and
/// because a forked process must never run on into its parent's code.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

/// From here on every connect(2) of this process, and of what it starts, waits for whoever holds
/// the descriptor that this returns (`seccomp(2)`, `SECCOMP_RET_USER_NOTIF`).
///
/// # Errors
/// `EACCES` without `CAP_SYS_ADMIN` in the user namespace, `EINVAL` before Linux 5.0, `EBUSY` when
/// somebody listens already, `ENOSYS` on a processor that is not known here.
pub fn hold_connects() -> Result<OwnedFd, Errno> {
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return Err(Errno::ENOSYS);
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        let mut steps = held_connect::filter();
        let program = libc::sock_fprog {
            len: u16::try_from(steps.len()).unwrap_or_default(),
            filter: steps.as_mut_ptr(),
        };
        // SAFETY: the program and its steps outlive the call, which only reads them; the flag asks
        // for a new descriptor.
        let descriptor = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
                &raw const program,
            )
        };
        let descriptor = Errno::result(descriptor)?;
        let descriptor = RawFd::try_from(descriptor).map_err(|_| Errno::EBADF)?;
        // SAFETY: the kernel has just made the descriptor, for nobody else.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    }
}

/// The next held connect(2); waits for one.
///
/// # Errors
/// `ENOENT` when the caller was interrupted meanwhile, `EINTR`.
pub fn next_held(listener: &OwnedFd) -> Result<HeldConnect, Errno> {
    // SAFETY: all zero is a valid value of these integers, and what the kernel wants to find.
    let mut held: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is that of a whole seccomp_notif, which the call writes.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_RECV,
            &raw mut held,
        )
    };
    Errno::result(result)?;
    let argument = |number: usize| usize::try_from(held.data.args[number]).unwrap_or_default();
    Ok(HeldConnect {
        id: held.id,
        pid: held.pid.cast_signed(),
        descriptor: RawFd::try_from(argument(0)).unwrap_or(-1),
        address: argument(1),
        length: argument(2),
    })
}

/// Let the held call run as it would have.
///
/// # Errors
/// `ENOENT` when its caller is gone.
pub fn let_go(listener: &OwnedFd, held: &HeldConnect) -> Result<(), Errno> {
    let answer = libc::seccomp_notif_resp {
        id: held.id,
        val: 0,
        error: 0,
        flags: u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or_default(),
    };
    // SAFETY: the pointer is that of a whole seccomp_notif_resp, which the call only reads.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SEND,
            &raw const answer,
        )
    };
    Errno::result(result).map(drop)
}

/// Put `socket` where the caller of the held call has its own, under the same number.
///
/// # Errors
/// `ENOENT` when the caller is gone, `EINVAL` before Linux 5.9.
pub fn replace_socket(
    listener: &OwnedFd,
    held: &HeldConnect,
    socket: &impl AsRawFd,
    close_on_exec: bool,
) -> Result<(), Errno> {
    let number = |value: RawFd| u32::try_from(value).map_err(|_| Errno::EBADF);
    let addition = libc::seccomp_notif_addfd {
        id: held.id,
        flags: u32::try_from(libc::SECCOMP_ADDFD_FLAG_SETFD).unwrap_or_default(),
        srcfd: number(socket.as_raw_fd())?,
        newfd: number(held.descriptor)?,
        newfd_flags: match close_on_exec {
            true => libc::O_CLOEXEC.cast_unsigned(),
            false => 0,
        },
    };
    // SAFETY: the pointer is that of a whole seccomp_notif_addfd, which the call only reads.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ADDFD,
            &raw const addition,
        )
    };
    Errno::result(result).map(drop)
}

/// A descriptor of another process, as one's own (`pidfd_getfd(2)`).
///
/// # Errors
/// `EPERM` for a process that this one may not trace, `EBADF`, `ESRCH`.
pub fn descriptor_of(pid: i32, descriptor: RawFd) -> Result<OwnedFd, Errno> {
    let open = |result: libc::c_long| {
        let number = RawFd::try_from(Errno::result(result)?).map_err(|_| Errno::EBADF)?;
        // SAFETY: the kernel has just made the descriptor, for nobody else.
        Ok::<OwnedFd, Errno>(unsafe { OwnedFd::from_raw_fd(number) })
    };
    // SAFETY: takes integers and makes a descriptor.
    let process = open(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: as above.
    open(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), descriptor, 0) })
}

/// An option of a socket that is a number (`getsockopt(2)`).
///
/// # Errors
/// `ENOPROTOOPT` when the kernel does not know it.
pub fn socket_option(socket: &impl AsRawFd, level: i32, name: i32) -> Result<u64, Errno> {
    let mut value = 0_u64;
    let mut length: libc::socklen_t = 8;
    // SAFETY: the pointers are those of a u64 and of its size, which bounds what the call writes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    Errno::result(result).map(|_| value)
}
