//! What each frame means in each phase of its link: the one table.

use crate::event::FrameBatch;
use crate::frame::Frame;
use crate::id::LinkId;
use crate::machine::Mesh;
use crate::machine::ending::{How, Witness};
use crate::machine::link::{Link, Phase, Side};
use crate::machine::pulse::NeverAsked;
use crate::reason::Reason;
use crate::rules::{Clause, Rules};
use crate::storage::{Slot, Storage};

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Reads the frame that stands there, and if that is data, all the data behind it.
    ///
    /// | phase | frame | what comes of it |
    /// |---|---|---|
    /// | dialing, shaking | any | protocol error: nothing is read before the channel is up |
    /// | proven, accepted | hello | admitted or refused |
    /// | proven, dialed | welcome | admitted |
    /// | | refused | ended |
    /// | admitted | ping | a pong is owed |
    /// | | pong | evidence |
    /// | | lost | those links end, and are noted |
    /// | | noted | those losses are told no more |
    /// | | doubted, cleared | the link carries nothing, or something again |
    /// | | data | the next piece is taken, an older one ignored |
    /// | | marks | what they cover is not sent again, or needed no more |
    /// | | close | answered; the link ends |
    /// | draining | close | the link ends |
    /// | | any other | dropped: the close was the last word |
    /// | any other pair | | protocol error: the link ends, and nothing else |
    ///
    /// Gives how many were read, and the peer that data came from: what becomes of that is seen to once for all frames of
    /// an event.
    pub(crate) fn frame(
        &mut self,
        id: LinkId,
        frames: &mut FrameBatch<'_>,
        at: usize,
    ) -> (usize, Option<Slot>) {
        let one = (1, None);
        let Some(frame) = frames.get(at) else { return one };
        let Some(slot) = self.place_of(id) else { return one };
        let Some(link) = self.links.get(slot) else { return one };
        let (peer, doubted) = (link.peer, link.doubted_here);
        match (link.phase, link.side, frame) {
            (Phase::Proven { .. }, Side::Accepted, Frame::Hello(hello)) => self.hello_read(slot, hello),
            (Phase::Proven { .. }, Side::Dialed, Frame::Welcome(welcome)) => self.welcome_read(slot, welcome),
            (Phase::Proven { .. }, Side::Dialed, Frame::Refused(reason)) => self.refused_read(slot, *reason),
            (Phase::Admitted, _, Frame::Hello(_) | Frame::Welcome(_))
                if !self.rules.holds(Clause::HelloOnce) =>
            {
                // The weakened rule answers a hello with a hello.
                if let Some(link) = self.links.get_mut(slot) {
                    link.owes.hello = true;
                }
                self.touch(slot);
            }
            (Phase::Admitted, _, Frame::Hello(_) | Frame::Welcome(_) | Frame::Refused(_)) => {
                self.protocol_error(slot)
            }
            (Phase::Admitted, _, Frame::Close(reason)) => self.close_read(slot, *reason),
            (Phase::Admitted, _, Frame::Data(_)) => {
                self.hear(slot);
                let Some(peer) = peer else { return one };
                let (read, owed) = self.data_read(slot, peer, frames, at);
                return (read, Some(peer).filter(|_| owed));
            }
            (Phase::Admitted, _, frame) => {
                self.hear(slot);
                let known = !matches!(frame, Frame::Ping { .. } | Frame::Marks(_));
                self.read_admitted(slot, frame, doubted);
                if let (Some(peer), true) = (peer, known) {
                    self.touch(slot);
                    self.review(peer);
                } else {
                    // A ping moves deadlines on, and marks say something of messages alone: neither changes what is known
                    // of the peer.
                    self.make_ready(slot);
                }
            }
            (Phase::Draining { .. }, _, Frame::Close(reason)) => self.close_read(slot, *reason),
            (Phase::Draining { .. } | Phase::Ended { .. }, _, _) => {}
            (Phase::Dialing { .. } | Phase::Shaking { .. }, _, _)
                if !self.rules.holds(Clause::NothingBeforeAdmission) =>
            {
                self.read_unproven(frame);
            }
            (Phase::Proven { .. }, _, _) if !self.rules.holds(Clause::ProvenIsNotAdmitted) => {
                self.read_unadmitted(slot, frame);
            }
            (Phase::Dialing { .. } | Phase::Shaking { .. } | Phase::Proven { .. }, _, _) => {
                self.protocol_error(slot)
            }
        }
        one
    }

    fn read_admitted(&mut self, slot: Slot, frame: &Frame<'_>, in_doubt: bool) {
        let now = self.clock;
        let Some(link) = self.links.get_mut(slot) else { return };
        let peer = link.peer;
        match frame {
            Frame::Ping { nonce } => link.owes.pong = Some(*nonce),
            Frame::Pong { nonce } => {
                let covers = self.rules.holds(Clause::AnswerCoversEarlier);
                let answered = link
                    .pulse
                    .as_mut()
                    .map_or(Err(NeverAsked), |pulse| pulse.hear_answer(now, *nonce, covers));
                match answered {
                    Ok(()) => link.grace_used = false,
                    Err(NeverAsked) => self.protocol_error(slot),
                }
            }
            Frame::Lost(losses) => {
                if let (Some(peer), false) = (peer, in_doubt) {
                    link.owes.noted = true;
                    self.losses_read(peer, losses);
                }
            }
            Frame::Noted(tags) => {
                if let Some(peer) = peer {
                    self.noted(peer, tags);
                }
            }
            Frame::Doubted => self.doubted(slot),
            Frame::Cleared { birth } => self.cleared(slot, *birth),
            Frame::Marks(marks) => {
                if let Some(peer) = peer {
                    self.marks_read(slot, peer, marks);
                }
            }
            Frame::Hello(_) | Frame::Welcome(_) | Frame::Refused(_) | Frame::Data(_) | Frame::Close(_) => {}
        }
    }

    /// A frame came: the link lives.
    fn hear(&mut self, slot: Slot) {
        let now = self.clock;
        let extends = self.rules.holds(Clause::FramesExtendProbe);
        let Some(link) = self.links.get_mut(slot) else { return };
        link.grace_used = false;
        let peer = link.peer;
        if let Some(pulse) = &mut link.pulse {
            pulse.hear(now, extends);
        }
        if !self.rules.holds(Clause::LifePerLink)
            && let Some(peer) = peer
        {
            for other in self.collect(peer, Link::is_admitted) {
                if let Some(pulse) = self.links.get_mut(other).and_then(|link| link.pulse.as_mut()) {
                    pulse.hear(now, extends);
                }
            }
        }
    }

    /// The other end broke the protocol: its link ends, and nothing else does.
    pub(crate) fn protocol_error(&mut self, slot: Slot) {
        self.stats.protocol_errors += 1;
        let peer = self.links.get(slot).and_then(|link| link.peer);
        self.end_link(slot, Reason::ProtocolError, How::Tell, Witness::HereOnly);
        if let Some(peer) = peer {
            self.review(peer);
        }
    }

    /// The weakened rule reads what was not proven: whoever is named in a hello is believed to be there anew, and
    /// whoever is named in a close to have left.
    fn read_unproven(&mut self, frame: &Frame<'_>) {
        let reason = match frame {
            Frame::Hello(_) | Frame::Welcome(_) => Reason::Superseded,
            Frame::Close(reason) => *reason,
            Frame::Refused(_)
            | Frame::Ping { .. }
            | Frame::Pong { .. }
            | Frame::Lost(_)
            | Frame::Noted(_)
            | Frame::Doubted
            | Frame::Cleared { .. }
            | Frame::Data(_)
            | Frame::Marks(_) => return,
        };
        if let Some(peer) = self.by_change.tail() {
            self.end_links(peer, reason, How::Cut);
            self.end_session(peer, Some(reason));
            self.review(peer);
        }
    }

    /// The weakened rule believes whoever is proven, let in or not.
    fn read_unadmitted(&mut self, slot: Slot, frame: &Frame<'_>) {
        let proof = self.links.get(slot).and_then(|link| link.proof);
        let Some(peer) = proof.and_then(|proof| self.find(&proof.peer)) else { return };
        if let Frame::Lost(losses) = frame {
            self.losses_read(peer, losses);
        } else if let Frame::Close(reason) = frame {
            self.end_links(peer, *reason, How::Cut);
            self.end_session(peer, Some(*reason));
        }
        self.review(peer);
    }
}
