//! strangers

pub(crate) const TABLE: &[(&str, crate::Clause)] = &[];
