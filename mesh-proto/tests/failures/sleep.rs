//! sleep

pub(crate) const TABLE: &[(&str, crate::Clause)] = &[];
