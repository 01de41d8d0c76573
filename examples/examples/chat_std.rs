//! A chat on plain threads: a line that is typed goes to everybody, and what others type is printed. It ends with its input.
//!
//! ```text
//! cargo run --bin mesh -- secret new chat.secret
//! cargo run -p examples --example chat_std -- --secret chat.secret
//! ```
//!
//! With the same secret elsewhere in one network nobody has to be named; further away, `--peer HOST:PORT`.

use core::error::Error;
use core::time::Duration;
use std::path::PathBuf;
use std::{io, thread};

use adapter_std::{Contact, Mesh};
use clap::Parser;
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

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let secret: MeshSecret = std::fs::read_to_string(&options.secret)?.parse()?;
    let builder = adapter_std::builder().network("chat").secret(secret);
    let mesh = options.peer.into_iter().fold(builder, adapter_std::Builder::keep).start()?;
    for address in mesh.addresses() {
        println!("{:?} is {}@{address}", mesh.me(), mesh.me());
    }
    thread::scope(|threads| {
        threads.spawn(|| print_messages(&mesh));
        threads.spawn(|| print_changes(&mesh));
        for line in io::stdin().lines().map_while(Result::ok) {
            if let Err(error) = mesh.send_all(line) {
                println!("not sent: {error}");
            }
        }
        // Both of the others end with the node.
        mesh.leave(Duration::from_secs(5));
    });
    Ok(())
}

fn print_messages(mesh: &Mesh) {
    for message in mesh.messages() {
        println!("{:?}: {}", message.from, String::from_utf8_lossy(&message.body));
    }
}

fn print_changes(mesh: &Mesh) {
    for change in mesh.watch() {
        match change.peer.standing {
            Standing::Up { .. } => println!("{:?} is here", change.peer.id),
            Standing::Away { reason } => println!("{:?} is away: {reason}", change.peer.id),
            Standing::Down { reason: Some(reason) } => println!("{:?} is gone: {reason}", change.peer.id),
            Standing::Down { reason: None } => {}
        }
    }
}
