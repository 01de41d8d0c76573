//! The identity that is kept in a file.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs;
use std::path::{Path, PathBuf};

use adapter_std::handle::StartError;
use adapter_std::platform::identity_file::{IdentityFileError, IdentityFileProblem};
use examples::runtime::Runtime;
use mesh_proto::{Incarnation, NodeId, Standing};

use crate::member::{Member, Node};
use crate::pairs::{Pair, meet};
use crate::waiting::until;

cases! {
    an_identity_file_is_made_and_kept,
    an_identity_file_is_for_one_node_at_a_time,
    a_damaged_identity_file_is_left_as_it_is,
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("conformance-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("the folder for what is temporary can be written to");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("id")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn kept_in(path: &Path) -> Member {
    Member { file: Some(path.to_owned()), ..Member::calm() }
}

/// Which run of a peer there is a session with.
fn run_of(node: &Node, peer: NodeId) -> Option<Incarnation> {
    match node.peer(peer)?.standing {
        Standing::Up { incarnation, .. } => Some(incarnation),
        Standing::Away { .. } | Standing::Down { .. } => None,
    }
}

#[track_caller]
fn is_for_the_owner_alone(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{mode:o}");
    }
}

/// The first of a pair keeps its identity, then the second.
fn an_identity_file_is_made_and_kept(pair: Pair) {
    for dials in [true, false] {
        let folder = Folder::new();
        let (kept, beside) = if dials { (pair.dialer, pair.acceptor) } else { (pair.acceptor, pair.dialer) };
        let witness = Member::calm().start(beside);
        let mut known: Option<(NodeId, Incarnation)> = None;
        for _ in 0..3 {
            let node = kept_in(&folder.file()).start(kept);
            is_for_the_owner_alone(&folder.file());
            if dials {
                node.keep((witness.me(), witness.address())).expect("there is room");
            } else {
                witness.seek(node.me(), Some(node.address())).expect("there is room");
            }
            until("they meet", || {
                run_of(&witness, node.me()).is_some_and(|run| known.is_none_or(|(_, old)| old != run))
            });
            let run = run_of(&witness, node.me()).expect("it is up");
            if let Some((id, before)) = known {
                assert_eq!(node.me(), id, "it is the same node");
                assert!(run.start > before.start, "in a later run: {run:?} after {before:?}");
            }
            known = Some((node.me(), run));
        }
        assert_eq!(witness.peers().len(), 1);
    }
}

/// What is wrong with the file, and that nothing was changed.
#[track_caller]
fn refused(path: &Path, on: Runtime) -> IdentityFileError {
    let (before, mode) = (fs::read(path).ok(), fs::metadata(path).ok().map(|data| data.permissions()));
    let engine = on.begin().expect("there is room");
    let error = match engine.start(kept_in(path)) {
        Ok(_) => panic!("it must not start"),
        Err(StartError::Identity(error)) => error,
        Err(error) => panic!("it is the file: {error}"),
    };
    assert_eq!(fs::read(path).ok(), before, "{error}");
    assert_eq!(fs::metadata(path).ok().map(|data| data.permissions()), mode, "{error}");
    error
}

fn an_identity_file_is_for_one_node_at_a_time(pair: Pair) {
    let folder = Folder::new();
    let (one, other) = (kept_in(&folder.file()).start(pair.dialer), Member::calm().start(pair.acceptor));
    let error = refused(&folder.file(), pair.acceptor);
    let this = Some(std::process::id());
    assert!(matches!(error.problem(), IdentityFileProblem::InUse { process } if *process == this), "{error}");
    one.keep((other.me(), other.address())).expect("there is room");
    meet(&one, &other);
    let id = one.me();
    drop(one);
    assert_eq!(kept_in(&folder.file()).start(pair.acceptor).me(), id, "it is free again");
}

fn a_damaged_identity_file_is_left_as_it_is(pair: Pair) {
    let folder = Folder::new();
    let path = folder.file();
    let id = kept_in(&path).start(pair.dialer).me();
    let whole = fs::read(&path).expect("it was made");
    let mut other = whole.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    type Tells = fn(&IdentityFileProblem) -> bool;
    let cases: [(&[u8], Tells); 4] = [
        (&whole[..middle], |problem| matches!(problem, IdentityFileProblem::HalfWritten)),
        (&[], |problem| matches!(problem, IdentityFileProblem::HalfWritten)),
        (&other, |problem| matches!(problem, IdentityFileProblem::Damaged)),
        (b"a letter\n", |problem| matches!(problem, IdentityFileProblem::OtherKind)),
    ];
    for (bytes, is_told) in cases {
        fs::write(&path, bytes).expect("it may be written to");
        for on in [pair.dialer, pair.acceptor] {
            let error = refused(&path, on);
            assert!(is_told(error.problem()), "{error}");
        }
    }
    fs::write(&path, &whole).expect("it may be written to");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("they may be set");
        let error = refused(&path, pair.acceptor);
        assert!(matches!(error.problem(), IdentityFileProblem::OpenToOthers { mode: 0o644 }), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("they may be set");
    }
    assert_eq!(kept_in(&path).start(pair.acceptor).me(), id, "as it was, it opens");
}
