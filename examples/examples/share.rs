//! A file for everybody who wants it, whatever becomes of links on the way.
//!
//! ```text
//! cargo run -p examples --example share -- --secret mesh.secret --file movie.mkv
//! cargo run -p examples --example share -- --secret mesh.secret --into downloads --peer HOST:PORT
//! ```

use core::time::Duration;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use adapter_std::{Contact, Mesh, Message};
use clap::Parser;
use mesh_proto::{NodeId, Standing, wire::MeshSecret};
use sha2::{Digest, Sha256};

type Failure = Box<dyn core::error::Error>;

/// What messages are: a length and a name; a number and that chunk; the hash of all chunks; the word that all is there.
const FILE: u8 = 1;
const CHUNK: u8 = 2;
const END: u8 = 3;
const HAS: u8 = 4;

#[derive(Parser)]
struct Options {
    /// The file with the secret of the mesh; `mesh secret new FILE` makes one.
    #[arg(long)]
    secret: PathBuf,
    /// Whom to keep a session with: ID, HOST:PORT or ID@HOST:PORT; may be said again.
    #[arg(long)]
    peer: Vec<Contact>,
    /// The file to share.
    #[arg(long, required_unless_present = "into")]
    file: Option<PathBuf>,
    /// End when it has been received so often.
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// The folder to receive a file into.
    #[arg(long, conflicts_with = "file")]
    into: Option<PathBuf>,
}

fn main() -> Result<(), Failure> {
    let Options { secret, peer, file, times, into } = Options::parse();
    let secret: MeshSecret = fs::read_to_string(&secret)?.parse()?;
    let builder = adapter_std::builder().network("share").secret(secret).discover_nobody();
    let mesh = peer.into_iter().fold(builder, adapter_std::Builder::keep).start()?;
    for address in mesh.addresses() {
        println!("{:?} is {}@{address}", mesh.me(), mesh.me());
    }
    match (file, into) {
        (Some(file), _) => give(&mesh, &file, times),
        (None, folder) => take(&mesh, &folder.unwrap_or_default())?,
    }
    mesh.leave(Duration::from_secs(5));
    Ok(())
}

/// Every run of a peer gets it from the beginning. Cut links are none of our business: the session goes on.
fn give(mesh: &Mesh, file: &Path, times: usize) {
    thread::scope(|threads| {
        threads.spawn(move || {
            let mut runs = HashMap::new();
            for change in mesh.watch() {
                let Standing::Up { incarnation, .. } = change.peer.standing else { continue };
                if runs.insert(change.peer.id, incarnation) != Some(incarnation) {
                    threads.spawn(move || {
                        send(mesh, change.peer.id, file).map_err(|error| eprintln!("{error}"))
                    });
                }
            }
        });
        let received = mesh.messages().filter(|message| message.kind == HAS).take(times);
        received.for_each(|message| println!("{:?} has it", message.from));
        mesh.leave(Duration::from_secs(5));
    });
}

fn send(mesh: &Mesh, to: NodeId, path: &Path) -> Result<(), Failure> {
    let (mut file, mut hash, mut sent) = (File::open(path)?, Sha256::new(), 0);
    let length = file.metadata()?.len();
    let name = path.file_name().ok_or("a file has a name")?.to_string_lossy();
    mesh.send(to, Message::from(format!("{length} {name}")).of_kind(FILE))?;
    for number in 0_u64.. {
        let mut chunk = number.to_le_bytes().to_vec();
        let read = Read::by_ref(&mut file).take(64 * 1024).read_to_end(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[8..]);
        mesh.send(to, Message::from(chunk).of_kind(CHUNK))?;
        sent += read as u64;
        bar(sent, length);
    }
    Ok(mesh.send(to, Message::from(hash.finalize().to_vec()).of_kind(END))?)
}

fn take(mesh: &Mesh, folder: &Path) -> Result<(), Failure> {
    let (mut name, mut length, mut next, mut got) = (PathBuf::new(), 0, 0_u64, 0);
    let (mut hash, mut out) = (Sha256::new(), None);
    for message in mesh.messages() {
        match (message.kind, &mut out, message.body.split_first_chunk()) {
            (FILE, ..) => {
                let text = String::from_utf8_lossy(&message.body);
                let (size, called) = text.split_once(' ').ok_or("no file was offered")?;
                // The name comes from somebody else: nothing of it may lead out of the folder.
                name = folder.join(Path::new(called).file_name().ok_or("the file has no name")?);
                (length, next, got, hash) = (size.parse()?, 0, 0, Sha256::new());
                out = Some(File::create(name.with_extension("part"))?);
            }
            (CHUNK, Some(out), Some((number, chunk))) if u64::from_le_bytes(*number) == next => {
                out.write_all(chunk)?;
                hash.update(chunk);
                (next, got) = (next + 1, got + chunk.len() as u64);
                bar(got, length);
            }
            (END, Some(_), _) if got == length => {
                if hash.finalize()[..] != message.body[..] {
                    return Err("what came is not what was sent".into());
                }
                fs::rename(name.with_extension("part"), &name)?;
                println!("{} is here", name.display());
                return Ok(mesh.send(message.from, Message::from("").of_kind(HAS))?);
            }
            _ => {}
        }
    }
    Ok(())
}

/// How far it is, for people.
fn bar(done: u64, of: u64) {
    if io::stderr().is_terminal() {
        let percent = (done * 100).checked_div(of).unwrap_or(100);
        let end = if done == of { "\n" } else { "" };
        eprint!("\r{percent:3} % [{:<100}] {end}", "#".repeat(percent as usize));
    }
}
