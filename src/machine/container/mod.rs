//! A container of Linux namespaces: a network, a process tree and a `/home` of its own.
//!
//! Three processes make one. [`enter`] keeps the first outside; it hears of the end of whoever
//! started it, passes TERM on to the container's first process alone, and connects sockets for the
//! container ([`outside`]). The second makes the namespaces and hands sockets of the container's
//! network out ([`sockets`]). The third is process 1 of the container and becomes the command.
//! Each dies with the one before it, and with process 1 the kernel ends everything inside.
//!
//! From outside the container is reached at [`ADDRESS`], through sockets made inside. From inside,
//! a connection to a port of 127.0.0.1 where somebody in the container listens goes there; every
//! other connection leaves as if it were made on this machine, so that a database or a service
//! that a setting names is reached as without a container.

mod enter;
mod namespaces;
mod outside;
mod sockets;
mod volume;

use std::net::Ipv4Addr;

pub use enter::{Content, EnterError, enter};
pub use sockets::SocketSource;
pub use volume::{VolumeError, mount_home};

/// The container's own address, which is not its loopback: what listens on 127.0.0.1 inside is not
/// reached from outside.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 130, 2);

/// Where the site's folder is inside.
pub const HOME: &str = "/home";
