//! What is counted.

use serde::{Deserialize, Serialize};

/// Counts since the machine was made. They only rise, and nothing depends on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Events for links that are gone.
    pub stale: u64,
    /// Events for links in a phase where they cannot be.
    pub misplaced: u64,
    /// Frames that broke the protocol; each ended its link.
    pub protocol_errors: u64,
    /// Links that ended, for whatever reason.
    pub ended: u64,
    /// Dials begun.
    pub dials: u64,
    /// Pings sent to find out about something, beyond the regular ones.
    pub probes: u64,
    /// Links that were not let in.
    pub refused: u64,
    /// Links that were not let in because there was no place.
    pub refused_full: u64,
    /// Sessions that gave way to others.
    pub gave_way: u64,
    /// Links of unproven origin that gave way to others.
    pub gave_way_half_open: u64,
    /// Accepted streams that came too fast.
    pub incoming_too_fast: u64,
    /// Links for which the table had no room.
    pub no_room_for_link: u64,
    /// Pieces that went out again, on another link than at first.
    pub resent: u64,
    /// Pieces that had come before.
    pub duplicates: u64,
    /// Messages that were not taken, and of which nobody wanted to hear.
    pub undelivered: u64,
    /// Announcements sent.
    pub announced: u64,
    /// Answers to announcements sent.
    pub answered: u64,
    /// Announcements heard.
    pub heard: u64,
    /// Announcements that nothing came of, for lack of room or budget.
    pub hints_dropped: u64,
    /// Losses that the list had no room for.
    pub losses_untold: u64,
    /// Runs that were in doubt.
    pub doubts: u64,
    /// Keys that were seen to live twice.
    pub conflicts: u64,
    /// Hellos with this node's own id and run: dials to itself.
    pub met_self: u64,
    /// Links between this node and another run of its own key, at whichever end: it lives twice.
    pub met_clone: u64,
    /// Gaps that the node noticed by itself.
    pub gaps: u64,
    /// Gaps that the system told.
    pub wakes: u64,
    /// Addresses to keep whose place was lost.
    pub wishes_lost: u64,
}
