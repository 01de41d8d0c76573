//! What is told: one line each, as JSON for programs or as words for people.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, BufWriter, Stdout, Write};
use std::time::Instant;

use mesh_proto::{
    Cause, Chosen, Dialing, Explanation, Incarnation, LinkId, NodeId, PathClass, Role, Side, Stats,
};
use serde::{Serialize, Serializer};

use crate::reasons::{Untaken, Why};

/// For whom lines are written, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON object a line.
    Json,
    /// Words.
    People,
}

/// Where the lines go. They are written out when [`flush`](Self::flush) is called; the first error stays.
#[derive(Debug)]
pub(super) struct Output {
    form: Form,
    began: Instant,
    out: BufWriter<Stdout>,
    failed: Option<io::Error>,
}

impl Output {
    pub(super) fn new(form: Form, began: Instant) -> Self {
        Self { form, began, out: BufWriter::new(io::stdout()), failed: None }
    }

    pub(super) fn tell(&mut self, line: &Line) {
        let micros = self.began.elapsed().as_micros();
        let written = match self.form {
            Form::Json => {
                let t = micros as f64 / 1e6;
                let written = serde_json::to_writer(&mut self.out, &Timed { t, line });
                written.map_err(io::Error::from).and_then(|()| self.out.write_all(b"\n"))
            }
            Form::People if line.is_for_programs() => Ok(()),
            Form::People => {
                let (seconds, millis) = (micros / 1_000_000, micros / 1_000 % 1_000);
                writeln!(self.out, "{seconds:>5}.{millis:03}  {line}")
            }
        };
        self.note(written);
    }

    pub(super) fn flush(&mut self) {
        let written = self.out.flush();
        self.note(written);
    }

    /// What is in the way of telling more.
    pub(super) fn failed(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

#[derive(Serialize)]
struct Timed<'a> {
    t: f64,
    #[serde(flatten)]
    line: &'a Line,
}

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line {
    Listening {
        node: Id,
        addrs: Vec<SocketAddr>,
        runtime: &'static str,
    },
    Peer(Peer),
    Link {
        #[serde(serialize_with = "number")]
        link: LinkId,
        peer: Option<Id>,
        state: LinkState,
        dialed: bool,
        local: Option<SocketAddr>,
        remote: Option<SocketAddr>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Why>,
    },
    Message {
        from: Id,
        text: String,
        seq: u64,
    },
    Queued {
        to: Id,
        token: Option<String>,
    },
    Acked {
        to: Id,
        token: Option<String>,
    },
    Undelivered {
        to: Id,
        token: Option<String>,
        reason: Untaken,
    },
    Refused {
        remote: Option<SocketAddr>,
        reason: Why,
    },
    Conflict {
        peer: Option<Id>,
        reason: Why,
    },
    Announced {
        cause: Occasion,
    },
    Woke {
        slept_ms: u64,
        kind: Pause,
    },
    Peers {
        peers: Vec<Known>,
    },
    Explain(Box<Explained>),
    Stats(Stats),
    Error {
        message: String,
    },
    Bye {
        flushed: bool,
        unflushed: u32,
    },
}

impl Line {
    /// People know that what they typed is on its way.
    const fn is_for_programs(&self) -> bool {
        matches!(self, Self::Queued { .. })
    }
}

/// A node: whole for programs, eight characters for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(pub(super) NodeId);

impl From<NodeId> for Id {
    fn from(id: NodeId) -> Self {
        Self(id)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// What holds of a peer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Peer {
    pub(super) peer: Id,
    pub(super) state: PeerState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Why>,
    #[serde(serialize_with = "maybe_number")]
    pub(super) link: Option<LinkId>,
    pub(super) dialed: Option<bool>,
    pub(super) local: Option<SocketAddr>,
    pub(super) remote: Option<SocketAddr>,
    #[serde(serialize_with = "run")]
    pub(super) incarnation: Option<Incarnation>,
}

/// The same, with what its session is for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Known {
    #[serde(flatten)]
    pub(super) peer: Peer,
    pub(super) kept_here: bool,
    pub(super) kept_there: bool,
    pub(super) conflict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PeerState {
    Up,
    Away,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinkState {
    Open,
    Closed,
}

/// Why the node announced itself.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Occasion {
    Start,
    Woke,
    Moved,
    Regular,
    Answer,
    Farewell,
}

impl From<Cause> for Occasion {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Start => Self::Start,
            Cause::Woke => Self::Woke,
            Cause::Moved => Self::Moved,
            Cause::Regular => Self::Regular,
            Cause::Answer => Self::Answer,
            Cause::Farewell => Self::Farewell,
        }
    }
}

/// What kind of pause there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pause {
    /// The system was suspended.
    Suspended,
    /// The program did not run.
    Frozen,
    /// None that the clocks show: somebody said so.
    Told,
}

/// Why a peer is as it is.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    peer: Id,
    /// In sentences.
    text: String,
    conflict: bool,
    decides_here: bool,
    chosen: &'static str,
    links: Vec<ExplainedLink>,
    past: Vec<PastLink>,
    dialing: &'static str,
    /// When the next dial is due, if that is known.
    dial_in_ms: Option<u64>,
    failures: u8,
}

#[derive(Debug, Serialize)]
struct ExplainedLink {
    #[serde(serialize_with = "number")]
    link: LinkId,
    dialed: bool,
    remote: Option<SocketAddr>,
    class: &'static str,
    role: &'static str,
    round_trip_ms: Option<f64>,
    silent_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct PastLink {
    #[serde(serialize_with = "number")]
    link: LinkId,
    dialed: bool,
    remote: Option<SocketAddr>,
    reason: Why,
    admitted: bool,
    ago_ms: u64,
}

impl From<&Explanation> for Explained {
    fn from(explanation: &Explanation) -> Self {
        let Explanation { peer, decides_here, chosen, links, past, dialing, failures, now } = explanation;
        let dialed = |side| side == Side::Dialed;
        let (id, short) = (format!("{:?}", peer.id), Id(peer.id).to_string());
        let (dialing, due) = match dialing {
            Dialing::NotNeeded => ("not_needed", None),
            Dialing::NoAddress => ("no_address", None),
            Dialing::UnderWay => ("under_way", None),
            Dialing::WaitsForBudget => ("waits_for_budget", None),
            Dialing::In(span) => ("due", Some(*span)),
            Dialing::PausedFor(span) => ("paused", Some(*span)),
        };
        Self {
            peer: peer.id.into(),
            // The name that it has everywhere else.
            text: explanation.to_string().replace(&id, &short),
            conflict: peer.conflict,
            decides_here: *decides_here,
            chosen: match chosen {
                Chosen::Only => "only",
                Chosen::BetterPath => "better_path",
                Chosen::DialedByLower => "dialed_by_lower",
                Chosen::First => "first",
                Chosen::OnlyOneToAnswer => "only_one_to_answer",
                Chosen::DeciderChose => "decider_chose",
            },
            links: links
                .iter()
                .map(|link| ExplainedLink {
                    link: link.link,
                    dialed: dialed(link.side),
                    remote: link.remote,
                    class: class(link.class),
                    role: role(link.role),
                    round_trip_ms: link.round_trip.map(|time| time.as_secs_f64() * 1e3),
                    silent_ms: link.silent_for.map(millis),
                })
                .collect(),
            past: past
                .iter()
                .map(|past| PastLink {
                    link: past.link,
                    dialed: dialed(past.side),
                    remote: past.remote,
                    reason: Why(past.reason),
                    admitted: past.admitted,
                    ago_ms: millis(now.since(past.at)),
                })
                .collect(),
            dialing,
            dial_in_ms: due.map(millis),
            failures: *failures,
        }
    }
}

const fn class(class: PathClass) -> &'static str {
    match class {
        PathClass::Direct => "direct",
        PathClass::Relayed => "relayed",
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Dialing => "dialing",
        Role::Shaking => "shaking",
        Role::Carrying => "carrying",
        Role::Waiting => "waiting",
        Role::Suspect => "suspect",
        Role::Doubted => "doubted",
        Role::DoubtedThere => "doubted_there",
        Role::Ending(_) => "ending",
    }
}

/// Whole milliseconds, as many as fit.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn number<S: Serializer>(link: &LinkId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(link.serial())
}

fn maybe_number<S: Serializer>(link: &Option<LinkId>, serializer: S) -> Result<S::Ok, S::Error> {
    link.map(LinkId::serial).serialize(serializer)
}

/// As text: not every reader of JSON has whole numbers as large as these.
fn run<S: Serializer>(run: &Option<Incarnation>, serializer: S) -> Result<S::Ok, S::Error> {
    run.map(|run| format!("{}-{:016x}", run.start, run.bits)).serialize(serializer)
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { node, addrs, runtime } => {
                write!(f, "{} listens", node.0)?;
                let at: Vec<String> = addrs.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    " at {} ({runtime})",
                    if at.is_empty() { "no address".to_owned() } else { at.join(", ") }
                )
            }
            Self::Peer(peer) => peer.fmt(f),
            Self::Link { link, peer, state, dialed, local, remote, reason } => {
                write!(f, "link {link}")?;
                if let Some(peer) = peer {
                    write!(f, " to {peer}")?;
                }
                f.write_str(match state {
                    LinkState::Open => " is open",
                    LinkState::Closed => " is closed",
                })?;
                if let Some(reason) = reason {
                    write!(f, ": {reason}")?;
                }
                ways(f, *dialed, *local, *remote)
            }
            Self::Message { from, text, .. } => write!(f, "<{from}> {text}"),
            Self::Queued { to, .. } => write!(f, "on its way to {to}"),
            Self::Acked { to, .. } => write!(f, "{to} has it"),
            Self::Undelivered { to, reason, .. } => write!(f, "{to} does not have it: {reason}"),
            Self::Refused { remote, reason } => match remote {
                Some(remote) => write!(f, "refused, {remote}: {reason}"),
                None => write!(f, "refused: {reason}"),
            },
            Self::Conflict { peer: Some(peer), reason } => {
                write!(f, "conflict with {peer}: {reason}; only one of the two may run")
            }
            Self::Conflict { peer: None, reason } => {
                write!(f, "conflict: {reason}; only one of the two may run")
            }
            Self::Announced { cause } => f.write_str(match cause {
                Occasion::Start => "announced: the node has started",
                Occasion::Woke => "announced: the node has woken up",
                Occasion::Moved => "announced: the addresses changed",
                Occasion::Regular => "announced: it was time again",
                Occasion::Answer => "announced: somebody new was heard",
                Occasion::Farewell => "announced: the node leaves",
            }),
            Self::Woke { slept_ms, kind } => match kind {
                Pause::Suspended => write!(f, "woke up; the system was suspended for {slept_ms} ms"),
                Pause::Frozen => write!(f, "woke up; the program did not run for {slept_ms} ms"),
                Pause::Told => f.write_str("looks around, as it was told to"),
            },
            Self::Peers { peers } => {
                write!(f, "peers: {}", peers.len())?;
                peers.iter().try_for_each(|known| write!(f, "\n           {}", known.peer))
            }
            Self::Explain(explained) => f.write_str(&explained.text.replace('\n', "\n           ")),
            Self::Stats(stats) => stats_of(f, stats),
            Self::Error { message } => write!(f, "error: {message}"),
            Self::Bye { flushed: true, .. } => f.write_str("bye"),
            Self::Bye { flushed: false, unflushed } => {
                write!(f, "bye; {unflushed} messages were not taken in time")
            }
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, state, reason, link, dialed, local, remote, .. } = self;
        write!(f, "{peer} is ")?;
        f.write_str(match state {
            PeerState::Up => "up",
            PeerState::Away => "away",
            PeerState::Down => "down",
        })?;
        if let Some(reason) = reason {
            write!(f, ": {reason}")?;
        }
        if let Some(link) = link {
            write!(f, " on link {link}")?;
        }
        dialed.map_or(Ok(()), |dialed| ways(f, dialed, *local, *remote))
    }
}

fn ways(
    f: &mut fmt::Formatter<'_>,
    dialed: bool,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
) -> fmt::Result {
    f.write_str(if dialed { " (dialed" } else { " (accepted" })?;
    if let Some(remote) = remote {
        write!(f, ", {remote}")?;
    }
    if let Some(local) = local {
        write!(f, ", here {local}")?;
    }
    f.write_str(")")
}

/// All counts that are not zero, by their names.
fn stats_of(f: &mut fmt::Formatter<'_>, stats: &Stats) -> fmt::Result {
    let counts = serde_json::to_value(stats).map_err(|_| fmt::Error)?;
    f.write_str("counts:")?;
    for (name, count) in
        counts.as_object().into_iter().flatten().filter(|(_, count)| count.as_u64() != Some(0))
    {
        write!(f, " {name} {count}")?;
    }
    Ok(())
}
