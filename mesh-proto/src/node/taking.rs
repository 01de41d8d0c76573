//! What each input means: to the channel of its link, and to the machine.

use core::net::SocketAddr;

use super::Node;
use super::channels::State;
use super::input::Input;
use super::inside::record_plain;
use super::settings::{Fresh, Verdict};
use super::shaking::{Shaking, Stage, Step};
use crate::announcement::Vouched;
use crate::apart::Apart;
use crate::event::{Event, Proof, Route, Routes};
use crate::frame::{Frame, Hello, PathClass};
use crate::id::{LinkId, NodeId};
use crate::machine::Answer;
use crate::message::Takes;
use crate::reason::{Reason, Refusal, SystemError};
use crate::storage::Storage;
use crate::wire::{Broken, Frames, Greeted, Malformed, read_beacon};

const NOT_LISTED: Reason = Reason::Refused(Refusal::NotListed);

impl<S: Storage> Node<S> {
    pub(super) fn take_in(&mut self, input: Input<'_>) -> Answer {
        match input {
            Input::Accepted { from, class, fresh } => return self.accepted(from, class, fresh),
            Input::Attached { expected, class, fresh } => return self.attached(expected, class, &fresh),
            Input::Connected { link, fresh } => self.connected(link, &fresh),
            Input::Bytes { link, bytes } => self.bytes(link, bytes),
            Input::Frames { link, frames } => return self.machine.tell(Event::Frames { link, frames }),
            Input::Broken { link } => self.fail(link, Reason::ProtocolError),
            Input::Room { link, bytes } => return self.machine.tell(Event::Room { link, bytes }),
            Input::Closed { link, error } => self.closed(link, error),
            Input::Datagram { from, bytes } => self.datagram(from, bytes),
            Input::Answer { peer, verdict } => self.answered(peer, verdict),
            Input::Tick => return self.machine.tell(Event::Tick),
            Input::Wake(wake) => return self.machine.tell(Event::Wake(wake)),
            Input::Keep { peer, routes } => {
                self.rest.admission.pardon(&peer);
                return self.machine.tell(Event::Keep { peer, routes });
            }
            Input::KeepAt { route } => return self.machine.tell(Event::KeepAt { route }),
            Input::Seek { peer, routes } => {
                self.rest.admission.pardon(&peer);
                return self.machine.tell(Event::Seek { peer, routes });
            }
            Input::Forget { peer } => return self.machine.tell(Event::Forget { peer }),
            Input::ForgetAt { address } => return self.machine.tell(Event::ForgetAt { address }),
            Input::Expel { peer } => {
                self.rest.admission.expel(peer);
                self.settle_questions(peer, Verdict::TurnAway);
                return self.machine.tell(Event::Expel { peer });
            }
            Input::Send { peer, messages } => return self.machine.tell(Event::Send { peer, messages }),
            Input::SendAll { message } => return self.machine.tell(Event::SendAll { message }),
            Input::Took { peer, lane, serial } => {
                return self.machine.tell(Event::Took { peer, lane, serial });
            }
            Input::Collect { peer } => return self.machine.tell(Event::Collect { peer }),
            Input::Leave => return self.machine.tell(Event::Leave),
        }
        Answer::Done
    }

    fn fail(&mut self, link: LinkId, reason: Reason) {
        self.machine.tell(Event::Failed { link, reason });
    }

    fn accepted(&mut self, from: Option<SocketAddr>, class: PathClass, fresh: Fresh) -> Answer {
        let answer = self.machine.tell(Event::Incoming { from, class });
        if let Answer::Link(link) = answer {
            self.rest.channels.open(link, Shaking::accepted(fresh));
        }
        answer
    }

    fn attached(&mut self, expected: Option<NodeId>, class: PathClass, fresh: &Fresh) -> Answer {
        let answer = self.machine.tell(Event::Attached { expected, class });
        if let Answer::Link(link) = answer {
            self.rest.channels.open(link, Shaking::attached());
            self.begin(link, fresh);
        }
        answer
    }

    fn connected(&mut self, link: LinkId, fresh: &Fresh) {
        self.machine.tell(Event::Connected { link });
        self.begin(link, fresh);
    }

    /// Says the first word of a handshake.
    fn begin(&mut self, link: LinkId, fresh: &Fresh) {
        let rest = &mut self.rest;
        let Some(shaking) = rest.channels.shaking(link) else { return };
        let attempt = shaking.address().map_or(0, |address| rest.rotation.attempt(address));
        if let Some(first) = shaking.begin(&rest.site.terms(), attempt, fresh, rest.now) {
            self.say(link, &first);
        }
    }

    /// Puts words of the handshake out.
    fn say(&mut self, link: LinkId, words: &[u8]) {
        let Some(shaking) = self.rest.channels.shaking(link) else { return };
        if shaking.words.extend_from_slice(words).is_ok() {
            self.rest.channels.list(link);
        } else {
            // It answers what was not said to it yet.
            self.fail(link, Reason::ProtocolError);
        }
    }

    fn closed(&mut self, link: LinkId, error: SystemError) {
        // A stream that ends before the acceptor has said anything may have ended for a wrong secret.
        if let Some(address) = self.rest.channels.shaking(link).and_then(|shaking| shaking.unanswered()) {
            self.rest.rotation.failed(address);
        }
        self.rest.channels.remove(link);
        self.machine.tell(Event::Closed { link, error });
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Some(announced) = read_beacon(&self.rest.site.terms(), bytes) else { return };
        let mut routes = Routes::new();
        for port in announced.ports {
            let mut address = from;
            address.set_port(port);
            // There is room: fewer ports are announced than there are places for routes.
            if routes.push(Route::direct(address)).is_err() {
                break;
            }
        }
        self.rest.sources.heard(&routes, from);
        let (announcement, vouched): (_, Vouched) = (announced.announcement, announced.vouched);
        self.machine.tell(Event::Heard { announcement, routes, vouched });
    }

    fn bytes(&mut self, link: LinkId, mut bytes: &[u8]) {
        loop {
            let Some(channel) = self.rest.channels.get_mut(link) else {
                // It is gone: the machine counts that.
                self.machine.tell(Event::Room { link, bytes: 0 });
                return;
            };
            let shaking = match &mut channel.state {
                State::Shaking(shaking) => shaking,
                State::Inside(_) => return self.open(link, bytes),
                #[cfg(feature = "alloc")]
                State::Coming(reader, _) => return reader.push(bytes),
                // What comes is the reader's: that it came here leaves a hole in what is to be opened.
                #[cfg(feature = "alloc")]
                State::Outside => return self.fail(link, Reason::ProtocolError),
            };
            let pushed = shaking.push(bytes);
            bytes = bytes.get(pushed..).unwrap_or_default();
            if !shaking.listens() {
                if !bytes.is_empty() && !matches!(shaking.stage, Stage::Over) {
                    // It talks on though it is not its turn.
                    self.fail(link, Reason::ProtocolError);
                }
                return;
            }
            let step = shaking.read(&self.rest.site.terms(), self.rest.now);
            if matches!(step, Step::None) && bytes.is_empty() {
                return;
            }
            self.step(link, step);
        }
    }

    /// What came of a record of the handshake.
    fn step(&mut self, link: LinkId, step: Step) {
        match step {
            Step::None => {}
            Step::Reply(words) => self.say(link, &words),
            Step::Met(proof) => {
                self.machine.tell(Event::Proven { link, proof });
            }
            Step::Greeted(proof, greeted, hello) => self.greeted(link, proof, greeted, hello),
            Step::Wait => {
                self.machine.tell(Event::Waits { link });
            }
            Step::Answered(mut answer, sealer, opener) => {
                if let Frame::Welcome(welcome) = &mut answer {
                    self.rest.go_up(link, (sealer, opener), welcome.hello.takes.record);
                    has_room_for::<S>(&mut welcome.hello.takes);
                }
                self.machine.tell(Event::Frames { link, frames: (&answer).into() });
            }
            Step::Failed(failed, last_words) => {
                let address = self.rest.channels.shaking(link).and_then(|shaking| shaking.address());
                if let Some(address) = address.filter(|_| Step::blames_the_secret(failed)) {
                    self.rest.rotation.failed(address);
                }
                self.say(link, &last_words);
                self.fail(link, failed.reason());
            }
        }
    }

    /// A dialer has proven who it is: it is let in, turned away, or somebody is asked.
    fn greeted(&mut self, link: LinkId, proof: Proof, mut greeted: Greeted, mut hello: Apart<Hello>) {
        has_room_for::<S>(&mut hello.takes);
        self.machine.tell(Event::Proven { link, proof });
        let verdict = self.rest.verdict(&proof.peer);
        if verdict.is_none() {
            let mut room = [0; 64];
            match greeted.wait(&mut room) {
                Ok(wait) => self.say(link, wait),
                Err(_) => return self.fail(link, Reason::ProtocolError),
            }
        }
        if let Some(shaking) = self.rest.channels.shaking(link) {
            shaking.stage = Stage::Asking(greeted, hello);
        }
        match verdict {
            Some(verdict) => self.settle_question(link, verdict),
            None => {
                self.machine.tell(Event::Waits { link });
                self.rest.ask(link, proof.peer);
                self.make_room_to_wait();
            }
        }
    }

    /// Of those that dialed and wait for an answer, a random one gives way if they are too many.
    fn make_room_to_wait(&mut self) {
        let waiting = || {
            let waiting = self.rest.channels.in_question();
            waiting.filter(|(_, _, shaking)| matches!(shaking.stage, Stage::Asking(..)))
        };
        let many = waiting().count();
        if many <= self.rest.most_in_question {
            return;
        }
        let drawn = usize::try_from(self.rest.dice.below(many as u64)).unwrap_or(0);
        let victim = waiting().nth(drawn).map(|(link, ..)| link);
        if let Some(link) = victim {
            self.turn_away(link, Reason::Refused(Refusal::Full));
        }
    }

    fn answered(&mut self, peer: NodeId, verdict: Verdict) {
        self.rest.admission.remember(peer, verdict);
        self.settle_questions(peer, verdict);
    }

    fn settle_questions(&mut self, peer: NodeId, verdict: Verdict) {
        loop {
            let next = self.rest.channels.in_question().find(|(_, id, _)| *id == peer);
            let Some(link) = next.map(|(link, ..)| link) else { return };
            self.settle_question(link, verdict);
        }
    }

    /// What was held back on a link goes on, or the link ends.
    fn settle_question(&mut self, link: LinkId, verdict: Verdict) {
        if verdict == Verdict::TurnAway {
            self.turn_away(link, NOT_LISTED);
            return;
        }
        let hello = self.rest.channels.shaking(link).and_then(Shaking::take_asking);
        match hello {
            Some(hello) => {
                self.machine.tell(Event::Frames { link, frames: (&Frame::Hello(hello)).into() });
            }
            None => self.rest.introduce(link),
        }
    }

    fn turn_away(&mut self, link: LinkId, reason: Reason) {
        if let Some(shaking) = self.rest.channels.shaking(link) {
            shaking.turn_away();
        }
        self.fail(link, reason);
    }

    /// Opens what came on a link whose halves are here, with what comes now.
    fn open(&mut self, link: LinkId, mut bytes: &[u8]) {
        let Self { machine, rest } = self;
        let Some(inside) = rest.channels.inside(link) else { return };
        let opened = loop {
            let pushed = inside.push(bytes);
            bytes = bytes.get(pushed..).unwrap_or_default();
            match inside.open() {
                Ok(Some(record)) => {
                    let read = Frames::new(&*record).try_for_each(|frame| {
                        machine.tell(Event::Frames { link, frames: (&frame?).into() });
                        Ok(())
                    });
                    if read.is_err() {
                        break read.map_err(|_: Malformed| Broken);
                    }
                }
                Ok(None) if bytes.is_empty() => break Ok(()),
                Ok(None) => {}
                Err(broken) => break Err(broken),
            }
        };
        if opened.is_err() {
            self.fail(link, Reason::ProtocolError);
        }
    }
}

/// A node that fills records in place takes care that no piece is longer than there is room for.
fn has_room_for<S: Storage>(takes: &mut Takes) {
    if let Some(room) = S::RECORD {
        takes.record = takes.record.min(record_plain(room));
    }
}
