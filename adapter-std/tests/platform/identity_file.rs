//! The identity file: what is kept, who may open it, and every way in which it can be wrong.

use std::fs;
use std::io;
use std::path::Path;

use adapter_std::platform::entropy;
use adapter_std::platform::identity_file::{IdentityFile, IdentityFileError, IdentityFileProblem};
use mesh_proto::wire::Identity;

use crate::support::Folder;

const KEPT: &str = "it is left as it is: put a copy back, or move it away to begin with a new identity, which others do not know";

fn identity() -> Identity {
    Identity::new([0xa5; 32])
}

fn open(path: &Path) -> Result<IdentityFile, IdentityFileError> {
    IdentityFile::open(path, || Ok(identity()))
}

/// Opens a file that must not open, and sees that it stays as it was, alone in its folder.
fn refused(folder: &Folder, path: &Path) -> IdentityFileError {
    let (before, beside) = (fs::read(path).ok(), folder.names());
    let error = open(path).expect_err("it must not open");
    assert_eq!(fs::read(path).ok(), before, "the file was written to: {error}");
    assert_eq!(folder.names(), beside, "something was left beside the file: {error}");
    error
}

fn made(folder: &Folder) -> Vec<u8> {
    let path = folder.file("id");
    drop(open(&path).expect("a new identity"));
    fs::remove_file(folder.file("id.lock")).expect("it was locked");
    fs::read(&path).expect("it was made")
}

#[test]
fn r6_the_secret_stays_and_the_start_rises() {
    let folder = Folder::new();
    let path = folder.file("id");
    for start in 1..=5 {
        let secret = || if start == 1 { Ok(identity()) } else { Err(io::Error::other("made once")) };
        let file = IdentityFile::open(&path, secret).expect("it opens");
        assert_eq!(file.start(), start);
        assert_eq!(*file.identity(), identity());
    }
    assert_eq!(folder.names(), ["id", "id.lock"]);
}

#[test]
fn the_text_of_the_file_is_settled() {
    let folder = Folder::new();
    let text = String::from_utf8(made(&folder)).expect("text");
    let secret = "a5".repeat(32);
    let expected = format!("mesh identity 1\nsecret {secret}\nstart 1\ncheck 903cd79b2cf8cef0\n");
    assert_eq!(text, expected);
}

#[test]
fn a_drawn_secret_is_new_and_not_shown() {
    let (first, second) = (entropy::identity().expect("entropy"), entropy::identity().expect("entropy"));
    assert_ne!(first, second);
    assert_eq!(format!("{first:?}"), format!("Identity {{ id: {:?}, .. }}", first.id()));
}

#[test]
fn without_a_secret_nothing_is_made() {
    let folder = Folder::new();
    let path = folder.file("id");
    let error = IdentityFile::open(&path, || Err(io::Error::other("none"))).expect_err("nothing to keep");
    assert_eq!(
        error.to_string(),
        format!("there is no secret for the identity file {} to begin with: none", path.display())
    );
    assert!(!path.exists());
}

#[test]
fn one_identity_is_one_node() {
    let folder = Folder::new();
    let path = folder.file("id");
    let held = open(&path).expect("a new identity");
    let before = fs::read(&path).expect("it was made");
    let error = open(&path).expect_err("it is held");
    assert_eq!(fs::read(&path).expect("it is there"), before);
    let (process, path_shown) = (std::process::id(), path.display());
    assert_eq!(
        error.to_string(),
        format!(
            "process {process} uses the identity file {path_shown}; end it, or give this node a file of its own: one identity is one node"
        )
    );
    drop(held);
    assert_eq!(open(&path).expect("it is free again").start(), 2);
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_refused() {
    let folder = Folder::new();
    let whole = made(&folder);
    let path = folder.file("id");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("it may be written");
        let error = refused(&folder, &path);
        assert!(matches!(error.problem(), IdentityFileProblem::HalfWritten), "{length} bytes: {error}");
        assert_eq!(
            error.to_string(),
            format!("the identity file {} has no end, as if it was half written; {KEPT}", path.display())
        );
    }
    fs::write(&path, &whole).expect("it may be written");
    assert_eq!(open(&path).expect("it is whole").start(), 2);
}

#[test]
fn a_file_with_any_bit_turned_is_refused() {
    let folder = Folder::new();
    let whole = made(&folder);
    let path = folder.file("id");
    for bit in 0..8 * whole.len() {
        let mut turned = whole.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &turned).expect("it may be written");
        refused(&folder, &path);
    }
}

#[test]
fn a_damaged_file_says_what_to_do() {
    let folder = Folder::new();
    let path = folder.file("id");
    let text = String::from_utf8(made(&folder)).expect("text");
    fs::write(&path, text.replace("start 1", "start 7")).expect("it may be written");
    assert_eq!(
        refused(&folder, &path).to_string(),
        format!(
            "the identity file {} is damaged: what stands in it is not what was written; {KEPT}",
            path.display()
        )
    );
}

#[test]
fn a_file_of_another_kind_says_what_to_do() {
    let folder = Folder::new();
    let path = folder.file("id");
    let large = [b"mesh identity 1\n".as_slice(), &[b'x'; 5000]].concat();
    for other in [b"-----BEGIN OPENSSH PRIVATE KEY-----\n".as_slice(), b"\x7fELF", &large] {
        fs::write(&path, other).expect("it may be written");
        close(&path);
        assert_eq!(
            refused(&folder, &path).to_string(),
            format!(
                "{} is not an identity file; it is left as it is: choose another path for the identity",
                path.display()
            )
        );
    }
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("in its place");
    assert!(matches!(refused(&folder, &path).problem(), IdentityFileProblem::OtherKind));
}

#[test]
fn a_file_of_a_newer_program_says_what_to_do() {
    let folder = Folder::new();
    let path = folder.file("id");
    let text = String::from_utf8(made(&folder)).expect("text");
    fs::write(&path, text.replace("identity 1", "identity 2")).expect("it may be written");
    assert_eq!(
        refused(&folder, &path).to_string(),
        format!(
            "the identity file {} was written by a newer version of this program; use that one, or another path",
            path.display()
        )
    );
}

#[test]
fn a_folder_that_is_not_there_says_what_to_do() {
    let folder = Folder::new();
    let path = folder.file("nowhere/id");
    assert_eq!(
        refused(&folder, &path).to_string(),
        format!("the folder for the identity file {} is not there; make it first", path.display())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_to_says_what_to_do() {
    // Nobody makes files there, whatever the user may do elsewhere.
    let path = Path::new("/sys/kernel/mesh-identity");
    let error = open(path).expect_err("no file can be made there");
    let IdentityFileProblem::NotWritable(why) = error.problem() else { panic!("{error:?}") };
    assert_eq!(
        error.to_string(),
        format!(
            "the identity file {} cannot be kept ({why}); every start is written there, so this user needs the right to write to the file and its folder",
            path.display()
        )
    );
}

#[test]
fn what_a_crash_left_behind_is_in_nobodys_way() {
    let folder = Folder::new();
    let path = folder.file("id");
    fs::write(folder.file("id.new"), "half").expect("it may be written");
    assert_eq!(open(&path).expect("a new identity").start(), 1);
    assert_eq!(folder.names(), ["id", "id.lock"]);
}

/// A file that a test writes is for its owner alone, like a real one.
#[cfg(unix)]
fn close(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is our own");
}

#[cfg(not(unix))]
fn close(_path: &Path) {}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_files_are_for_their_owner_alone() {
        let folder = Folder::new();
        let path = folder.file("id");
        let _held = open(&path).expect("a new identity");
        for name in folder.names() {
            let mode = fs::metadata(folder.file(&name)).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_says_what_to_do() {
        let folder = Folder::new();
        made(&folder);
        let path = folder.file("id");
        for mode in [0o640, 0o604, 0o660, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is our own");
            let shown = path.display();
            assert_eq!(
                refused(&folder, &path).to_string(),
                format!(
                    "the identity file {shown} has mode {mode:04o}, so others may have its secret; if they have not, `chmod 600 {shown}`, otherwise move it away to begin with a new identity"
                )
            );
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("it is our own");
        open(&path).expect("nobody else may read it");
    }

    #[test]
    fn a_link_to_the_file_stays_a_link() {
        let folder = Folder::new();
        made(&folder);
        let link = folder.file("link");
        symlink(folder.file("id"), &link).expect("links are known here");
        assert_eq!(open(&link).expect("it is followed").start(), 2);
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(open(&folder.file("id")).expect("it was counted there").start(), 3);
    }
}
