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

use adapter_std::{Contact, Mesh, Message};
use clap::Parser;
use mesh_proto::{NodeId, Standing, wire::MeshSecret};

type Failure = Box<dyn core::error::Error>;

/// What messages are: a length and a name; where a chunk begins, and the chunk; the word that all is there.
const FILE: u8 = 1;
const CHUNK: u8 = 2;
const HAS: u8 = 3;

#[derive(Parser)]
struct Options {
    /// The file with the secret of the mesh; `mesh secret new FILE` makes one.
    #[arg(long)]
    secret: PathBuf,
    /// Whom to keep a session with: ID, HOST:PORT or ID@HOST:PORT; may be said again.
    #[arg(long)]
    peer: Vec<Contact>,
    /// The file to share, until somebody has it.
    #[arg(long, required_unless_present = "into")]
    file: Option<PathBuf>,
    /// The folder to receive a file into.
    #[arg(long, conflicts_with = "file")]
    into: Option<PathBuf>,
}

fn main() -> Result<(), Failure> {
    let Options { secret, peer, file, into } = Options::parse();
    let secret: MeshSecret = fs::read_to_string(&secret)?.parse()?;
    let builder = adapter_std::builder().network("share").secret(secret);
    let mesh = peer.into_iter().fold(builder.discover_nobody(), adapter_std::Builder::keep).start()?;
    mesh.addresses().iter().for_each(|address| println!("{:?} is {}@{address}", mesh.me(), mesh.me()));
    match (file, into) {
        (Some(file), _) => give(&mesh, &file),
        (None, folder) => take(&mesh, &folder.unwrap_or_default())?,
    }
    mesh.leave(Duration::from_secs(5));
    Ok(())
}

/// Every run of a peer gets it from the beginning. Cut links are none of our business: the session goes on.
fn give(mesh: &Mesh, file: &Path) {
    std::thread::scope(|threads| {
        threads.spawn(move || {
            let mut runs = HashMap::new();
            for peer in mesh.watch().map(|change| change.peer) {
                let Standing::Up { incarnation, .. } = peer.standing else { continue };
                if runs.insert(peer.id, incarnation) != Some(incarnation) {
                    threads.spawn(move || send(mesh, peer.id, file).map_err(|error| eprintln!("{error}")));
                }
            }
        });
        let first = mesh.messages().find(|message| message.kind == HAS);
        first.iter().for_each(|message| println!("{:?} has it", message.from));
        mesh.leave(Duration::from_secs(5));
    });
}

fn send(mesh: &Mesh, to: NodeId, path: &Path) -> Result<(), Failure> {
    let mut file = File::open(path)?;
    let (length, mut sent) = (file.metadata()?.len(), 0);
    let name = path.file_name().ok_or("a file has a name")?.to_string_lossy();
    mesh.send(to, Message::from(format!("{length} {name}")).of_kind(FILE))?;
    while sent < length {
        let mut chunk = sent.to_le_bytes().to_vec();
        match Read::by_ref(&mut file).take(64 * 1024).read_to_end(&mut chunk)? {
            0 => return Err("the file became shorter".into()),
            read => sent += read as u64,
        }
        mesh.send(to, Message::from(chunk).of_kind(CHUNK))?;
        bar(sent, length);
    }
    Ok(())
}

fn take(mesh: &Mesh, folder: &Path) -> Result<(), Failure> {
    let (mut out, mut name, mut got, mut length) = (None, PathBuf::new(), 0, 0);
    for message in mesh.messages() {
        match (message.kind, &mut out, message.body.split_first_chunk()) {
            (FILE, ..) => {
                let text = String::from_utf8_lossy(&message.body);
                let (size, called) = text.split_once(' ').ok_or("no file was offered")?;
                // The name comes from somebody else: nothing of it may lead out of the folder.
                name = folder.join(Path::new(called).file_name().ok_or("the file has no name")?);
                (out, got, length) = (Some(File::create(name.with_extension("part"))?), 0, size.parse()?);
            }
            (CHUNK, Some(out), Some((at, chunk))) if u64::from_le_bytes(*at) == got => {
                out.write_all(chunk)?;
                got += chunk.len() as u64;
                bar(got, length);
            }
            _ => {}
        }
        if out.is_some() && got == length {
            fs::rename(name.with_extension("part"), &name)?;
            println!("{} is here", name.display());
            return Ok(mesh.send(message.from, Message::from("").of_kind(HAS))?);
        }
    }
    Ok(())
}

/// How far it is, for people.
fn bar(done: u64, of: u64) {
    if io::stderr().is_terminal() {
        let percent = done * 100 / of.max(1);
        eprint!("\r{percent:3} % [{:<100}] ", "#".repeat(percent as usize));
    }
}
