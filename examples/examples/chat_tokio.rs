//! A chat on tokio: a line that is typed goes to everybody, and what others type is printed. It ends with its input.
//!
//! ```text
//! cargo run --bin mesh -- secret new chat.secret
//! cargo run -p examples --example chat_tokio -- --secret chat.secret
//! ```
//!
//! With the same secret elsewhere in one network nobody has to be named; further away, `--peer HOST:PORT`.

use core::error::Error;
use core::time::Duration;
use std::path::PathBuf;

use adapter_tokio::{Contact, Mesh};
use clap::Parser;
use mesh_proto::Standing;
use mesh_proto::wire::MeshSecret;
use tokio::io::{AsyncBufReadExt, BufReader};

#[derive(Parser)]
struct Options {
    /// The file with the secret of the mesh.
    #[arg(long)]
    secret: PathBuf,
    /// Whom to keep a session with: ID, HOST:PORT or ID@HOST:PORT; may be said again.
    #[arg(long)]
    peer: Vec<Contact>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let secret: MeshSecret = std::fs::read_to_string(&options.secret)?.parse()?;
    let builder = adapter_tokio::builder().network("chat").secret(secret);
    let mesh = options.peer.into_iter().fold(builder, adapter_tokio::Builder::keep).start()?;
    for address in mesh.addresses() {
        println!("{:?} is {}@{address}", mesh.me(), mesh.me());
    }
    chat(&mesh).await?;
    mesh.leave(Duration::from_secs(5)).await;
    Ok(())
}

/// All of these waits can be dropped and begun again: nothing is lost.
async fn chat(mesh: &Mesh) -> Result<(), Box<dyn Error>> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let (mut messages, mut changes) = (mesh.messages(), mesh.watch());
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => {
                    if let Err(error) = mesh.send_all(line) {
                        println!("not sent: {error}");
                    }
                }
                None => return Ok(()),
            },
            Some(message) = messages.next() => {
                println!("{:?}: {}", message.from, String::from_utf8_lossy(&message.body));
            }
            Some(change) = changes.next() => match change.peer.standing {
                Standing::Up { .. } => println!("{:?} is here", change.peer.id),
                Standing::Away { reason } => println!("{:?} is away: {reason}", change.peer.id),
                Standing::Down { reason: Some(reason) } => println!("{:?} is gone: {reason}", change.peer.id),
                Standing::Down { reason: None } => {}
            },
        }
    }
}
