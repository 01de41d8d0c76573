//! The file and its neighbours: reading it, holding it, replacing it whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::IdentityFileProblem;
use super::content::MOST_BYTES;

/// Where the file really is: what replaces it must not replace a link to it.
pub(super) fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Takes hold of the identity for as long as the file lives that this gives.
pub(super) fn lock(path: &Path) -> Result<File, IdentityFileProblem> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    for_the_owner(&mut options);
    alone(&mut options);
    let opened = options.open(beside(path, ".lock"));
    let mut file = opened.map_err(|error| {
        if is_held(&error) {
            IdentityFileProblem::InUse { process: None }
        } else {
            IdentityFileProblem::of_access(error)
        }
    })?;
    if let Err(error) = hold(&file) {
        return Err(if is_held(&error) {
            IdentityFileProblem::InUse { process: holder(&mut file) }
        } else {
            IdentityFileProblem::System(error)
        });
    }
    // Who holds it is told to those who come too late; that it is held does not rest on it.
    if let Err(error) = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())) {
        log::debug!("the holder of {} is not noted: {error}", path.display());
    }
    Ok(file)
}

/// What stands in the file, a little more than it may be at most; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, IdentityFileProblem> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IdentityFileProblem::of_access(error)),
    };
    let about = file.metadata().map_err(IdentityFileProblem::System)?;
    if !about.is_file() {
        return Err(IdentityFileProblem::OtherKind);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(IdentityFileProblem::System)?;
    check_permissions(&about)?;
    Ok(Some(bytes))
}

/// Puts a file with this text in the place of the one at `path`: at any moment, also if the power goes, there is
/// the old one or the new one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), IdentityFileProblem> {
    write_beside(path, text).map_err(IdentityFileProblem::of_access)
}

fn write_beside(path: &Path, text: &str) -> io::Result<()> {
    let fresh = beside(path, ".new");
    // One that a crash left behind; whoever holds the lock is alone here.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    for_the_owner(&mut options);
    let mut file = options.open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_folder(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(unix)]
fn for_the_owner(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn for_the_owner(_options: &mut OpenOptions) {}

#[cfg(unix)]
fn check_permissions(about: &fs::Metadata) -> Result<(), IdentityFileProblem> {
    use std::os::unix::fs::PermissionsExt;
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(IdentityFileProblem::OpenToOthers { mode }) }
}

#[cfg(not(unix))]
fn check_permissions(_about: &fs::Metadata) -> Result<(), IdentityFileProblem> {
    Ok(())
}

#[cfg(unix)]
fn alone(_options: &mut OpenOptions) {}

/// On Windows an open file that is shared with nobody is the lock.
#[cfg(windows)]
fn alone(options: &mut OpenOptions) {
    use std::os::windows::fs::OpenOptionsExt;
    options.share_mode(0);
}

#[cfg(unix)]
fn hold(file: &File) -> io::Result<()> {
    Ok(rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?)
}

#[cfg(windows)]
fn hold(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_held(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(windows)]
fn is_held(error: &io::Error) -> bool {
    const ERROR_SHARING_VIOLATION: i32 = 32;
    error.raw_os_error() == Some(ERROR_SHARING_VIOLATION)
}

/// The new name is on the disk once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
