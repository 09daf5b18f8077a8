//! The least that a pre-fork server can do: accept, read once, write a fixed answer, close. What
//! TCP and the kernel cost without a server is the yardstick for what a server adds.
//!
//! `bare WORKERS` prints the port it listens on and serves until it is killed; its workers die
//! with it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use labrat::machine::sys::fork_single_threaded;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::wait;
use nix::unistd::ForkResult;
use socket2::{Domain, Socket, Type};

/// As many bytes as the health answer of the lab application has.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\n\
    Date: Sat, 21 Nov 2026 04:24:12 GMT\r\nConnection: close\r\n\
    Content-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"status\":\"healthy\"}\n";

fn main() -> anyhow::Result<()> {
    let workers: usize = std::env::args().nth(1).map_or(Ok(2), |text| text.parse())?;
    let listener = listen()?;
    report_port(&listener)?;
    for _ in 0..workers {
        if let ForkResult::Child = fork_single_threaded()? {
            set_pdeathsig(Signal::SIGKILL)?;
            return serve(&listener);
        }
    }
    wait()?;
    Ok(())
}

fn listen() -> anyhow::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(2048)?;
    Ok(socket.into())
}

#[expect(
    clippy::print_stdout,
    reason = "whoever starts the bench reads the port"
)]
fn report_port(listener: &TcpListener) -> anyhow::Result<()> {
    println!("{}", listener.local_addr()?.port());
    Ok(())
}

fn serve(listener: &TcpListener) -> anyhow::Result<()> {
    let mut request = [0; 8192];
    loop {
        let (mut stream, _) = listener.accept()?;
        // A client that goes early ends its own connection and nothing else.
        if stream.read(&mut request).is_ok_and(|length| length > 0) {
            let _ = stream.write_all(ANSWER);
        }
    }
}
