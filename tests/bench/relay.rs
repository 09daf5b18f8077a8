//! The least that a proxy can do: copy bytes between a client and a server and look at none of them.
//! What the kernel takes for the second connection is the bound of every proxy on the machine.
//!
//! `relay ADDRESS` prints the port it listens on and serves until it is killed, with an event loop
//! for each processor.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use socket2::{Domain, Socket, Type};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::runtime::Builder;

fn main() -> anyhow::Result<()> {
    let server: SocketAddr = std::env::args()
        .nth(1)
        .ok_or_else(|| anyhow::anyhow!("relay ADDRESS"))?
        .parse()?;
    let listener = listen(0)?;
    let port = listener.local_addr()?.port();
    report(port);
    for _ in 1..thread::available_parallelism()?.get() {
        let listener = listen(port)?;
        thread::spawn(move || serve(listener, server));
    }
    serve(listener, server)
}

/// The kernel spreads the connections over the listeners of one port.
fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(2048)?;
    Ok(socket.into())
}

#[expect(
    clippy::print_stdout,
    reason = "whoever starts the bench reads the port"
)]
fn report(port: u16) {
    println!("{port}");
}

fn serve(listener: TcpListener, server: SocketAddr) -> anyhow::Result<()> {
    Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (mut client, _) = listener.accept().await?;
                tokio::spawn(async move {
                    let mut upstream = TcpStream::connect(server).await?;
                    client.set_nodelay(true)?;
                    upstream.set_nodelay(true)?;
                    copy_bidirectional(&mut client, &mut upstream).await
                });
            }
        })
}
