//! What was found to be wrong.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A rule that was seen broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which check found it.
    pub check: &'static str,
    /// What happened.
    pub says: &'static str,
    /// The shortest way there, a line for each thing that happened.
    pub way: Vec<String>,
}

impl Violation {
    pub(super) fn new(check: &'static str, says: &'static str) -> Self {
        Self { check, says, way: Vec::new() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.says)?;
        for line in &self.way {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_violation_tells_the_way_there() {
        let mut violation = Violation::new("one-session", "both ends have two");
        violation.way.extend(["a dials b".to_string(), "b dials a".to_string()]);
        assert_eq!(violation.to_string(), "one-session: both ends have two\n  a dials b\n  b dials a");
    }
}
