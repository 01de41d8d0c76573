//! What stands in the file.

use core::fmt::Write;

use mesh_proto::wire::Identity;

use super::IdentityFileProblem;

/// The first line up to the version.
const KIND: &str = "mesh identity ";
const VERSION: &str = "1";
const SECRET: &str = "secret ";
const START: &str = "start ";
const CHECK: &str = "check ";
/// The most that can be a file of this kind.
pub(super) const MOST_BYTES: usize = 1024;

pub(super) struct Content {
    pub(super) identity: Identity,
    pub(super) start: u64,
}

impl Content {
    pub(super) const fn first(identity: Identity) -> Self {
        Self { identity, start: 1 }
    }

    /// The same at the start after this one.
    pub(super) fn next_start(self) -> Result<Self, IdentityFileProblem> {
        let start = self.start.checked_add(1).ok_or(IdentityFileProblem::Damaged)?;
        Ok(Self { start, ..self })
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{KIND}{VERSION}\n{SECRET}");
        for byte in self.identity.secret() {
            push(&mut text, format_args!("{byte:02x}"));
        }
        push(&mut text, format_args!("\n{START}{}\n", self.start));
        let check = checksum(text.as_bytes());
        push(&mut text, format_args!("{CHECK}{check:016x}\n"));
        text
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, IdentityFileProblem> {
        let kind = KIND.as_bytes();
        if bytes.len() < kind.len() && kind.starts_with(bytes) {
            return Err(IdentityFileProblem::HalfWritten);
        }
        if !bytes.starts_with(kind) || bytes.len() > MOST_BYTES {
            return Err(IdentityFileProblem::OtherKind);
        }
        let text = str::from_utf8(bytes).map_err(|_| IdentityFileProblem::Damaged)?;
        let Some((version, _)) = text.strip_prefix(KIND).and_then(|rest| rest.split_once('\n')) else {
            return Err(IdentityFileProblem::HalfWritten);
        };
        if version != VERSION {
            return Err(match version.parse::<u32>() {
                Ok(_) => IdentityFileProblem::OtherVersion,
                Err(_) => IdentityFileProblem::Damaged,
            });
        }
        // The check is the last line, with a line end: without it the end is missing.
        let Some((checked, check)) = text.rsplit_once(CHECK).filter(|(_, check)| check.ends_with('\n'))
        else {
            return Err(IdentityFileProblem::HalfWritten);
        };
        if check.trim_end_matches('\n') != format!("{:016x}", checksum(checked.as_bytes())) {
            return Err(IdentityFileProblem::Damaged);
        }
        let mut lines = checked.lines().skip(1);
        let mut line = |name| lines.next().and_then(|line| line.strip_prefix(name));
        let secret = line(SECRET).and_then(bytes_of).ok_or(IdentityFileProblem::Damaged)?;
        let start = line(START).and_then(|start| start.parse().ok()).ok_or(IdentityFileProblem::Damaged)?;
        Ok(Self { identity: Identity::new(secret), start })
    }
}

fn push(text: &mut String, what: core::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a string cannot fail");
}

fn bytes_of(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 2 * bytes.len() || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// FNV-1a: it finds accidents; against somebody who may write the file nothing would help.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
