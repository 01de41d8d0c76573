//! A chat on smol, or on any runtime: a line that is typed goes to everybody, and what others type is printed. It ends with
//! its input.
//!
//! ```text
//! cargo run --bin mesh -- secret new chat.secret
//! cargo run -p examples --example chat_smol -- --secret chat.secret
//! ```
//!
//! With the same secret elsewhere in one network nobody has to be named; further away, `--peer HOST:PORT`.

use core::error::Error;
use core::pin::pin;
use core::time::Duration;
use std::io;
use std::path::PathBuf;

use adapter_smol::{Change, Contact, Mesh, Received};
use clap::Parser;
use futures_lite::{StreamExt, future, stream};
use mesh_proto::Standing;
use mesh_proto::wire::MeshSecret;

#[derive(Parser)]
struct Options {
    /// The file with the secret of the mesh.
    #[arg(long)]
    secret: PathBuf,
    /// Whom to keep a session with: ID, HOST:PORT or ID@HOST:PORT; may be said again.
    #[arg(long)]
    peer: Vec<Contact>,
}

/// What the chat waits for.
enum Heard {
    Line(String),
    End,
    Message(Received),
    Change(Change),
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let secret: MeshSecret = std::fs::read_to_string(&options.secret)?.parse()?;
    let builder = adapter_smol::builder().network("chat").secret(secret);
    let mesh = options.peer.into_iter().fold(builder, adapter_smol::Builder::keep).start()?;
    for address in mesh.addresses() {
        println!("{:?} is {}@{address}", mesh.me(), mesh.me());
    }
    future::block_on(async {
        chat(&mesh).await;
        mesh.leave(Duration::from_secs(5)).await;
    });
    Ok(())
}

async fn chat(mesh: &Mesh) {
    // Reading a terminal blocks, on every system: a thread of its own does it.
    let (typed, lines) = async_channel::bounded(16);
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if typed.send_blocking(line).is_err() {
                return;
            }
        }
    });
    let lines = lines.map(Heard::Line).chain(stream::once(Heard::End));
    let others = stream::or(mesh.messages().map(Heard::Message), mesh.watch().map(Heard::Change));
    let mut all = pin!(stream::or(others, lines));
    while let Some(heard) = all.next().await {
        match heard {
            Heard::Line(line) => {
                if let Err(error) = mesh.send_all(line) {
                    println!("not sent: {error}");
                }
            }
            Heard::End => return,
            Heard::Message(message) => {
                println!("{:?}: {}", message.from, String::from_utf8_lossy(&message.body));
            }
            Heard::Change(Change { peer, .. }) => match peer.standing {
                Standing::Up { .. } => println!("{:?} is here", peer.id),
                Standing::Away { reason } => println!("{:?} is away: {reason}", peer.id),
                Standing::Down { reason: Some(reason) } => println!("{:?} is gone: {reason}", peer.id),
                Standing::Down { reason: None } => {}
            },
        }
    }
}
