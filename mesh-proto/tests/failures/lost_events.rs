//! lost_events

pub(crate) const TABLE: &[(&str, crate::Clause)] = &[];
