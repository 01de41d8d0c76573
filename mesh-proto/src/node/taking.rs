//! What each input means: to the channel of its link, and to the machine.

use core::mem;
use core::net::SocketAddr;

use super::Node;
use super::channels::State;
use super::input::Input;
use super::settings::{Fresh, Verdict};
use super::shaking::{Shaking, Stage, Step};
use crate::announcement::Vouched;
use crate::event::{Event, Proof, Route, Routes};
use crate::frame::{Frame, Hello, PathClass};
use crate::id::{LinkId, NodeId};
use crate::machine::Answer;
use crate::reason::{Reason, Refusal, SystemError};
use crate::storage::Storage;
use crate::wire::{Greeted, read_beacon};

const NOT_LISTED: Reason = Reason::Refused(Refusal::NotListed);

impl<S: Storage> Node<S> {
    pub(super) fn take_in(&mut self, input: Input<'_>) -> Answer {
        match input {
            Input::Accepted { from, class, fresh } => return self.accepted(from, class, fresh),
            Input::Attached { expected, class, fresh } => return self.attached(expected, class, &fresh),
            Input::Connected { link, fresh } => self.connected(link, &fresh),
            Input::Bytes { link, bytes } => self.bytes(link, bytes),
            Input::Frames { link, frames } => return self.tell(Event::Frames { link, frames }),
            Input::Broken { link } => self.fail(link, Reason::ProtocolError),
            Input::Room { link, bytes } => return self.tell(Event::Room { link, bytes }),
            Input::Closed { link, error } => self.closed(link, error),
            Input::Datagram { from, bytes } => self.datagram(from, bytes),
            Input::Answer { peer, verdict } => self.answered(peer, verdict),
            Input::Tick => return self.tell(Event::Tick),
            Input::Wake(wake) => return self.tell(Event::Wake(wake)),
            Input::Keep { peer, routes } => {
                self.rest.admission.pardon(&peer);
                return self.tell(Event::Keep { peer, routes });
            }
            Input::KeepAt { route } => return self.tell(Event::KeepAt { route }),
            Input::Seek { peer, routes } => {
                self.rest.admission.pardon(&peer);
                return self.tell(Event::Seek { peer, routes });
            }
            Input::Forget { peer } => return self.tell(Event::Forget { peer }),
            Input::ForgetAt { address } => return self.tell(Event::ForgetAt { address }),
            Input::Expel { peer } => {
                self.rest.admission.expel(peer);
                self.settle_questions(peer, Verdict::TurnAway);
                return self.tell(Event::Expel { peer });
            }
            Input::Send { peer, messages } => return self.tell(Event::Send { peer, messages }),
            Input::SendAll { message } => return self.tell(Event::SendAll { message }),
            Input::Took { peer, lane, serial } => return self.tell(Event::Took { peer, lane, serial }),
            Input::Collect { peer } => return self.tell(Event::Collect { peer }),
            Input::Leave => return self.tell(Event::Leave),
        }
        Answer::Done
    }

    fn fail(&mut self, link: LinkId, reason: Reason) {
        self.tell(Event::Failed { link, reason });
    }

    fn accepted(&mut self, from: Option<SocketAddr>, class: PathClass, fresh: Fresh) -> Answer {
        let answer = self.tell(Event::Incoming { from, class });
        if let Answer::Link(link) = answer {
            self.rest.channels.open(link, Shaking::accepted(fresh));
        }
        answer
    }

    fn attached(&mut self, expected: Option<NodeId>, class: PathClass, fresh: &Fresh) -> Answer {
        let answer = self.tell(Event::Attached { expected, class });
        if let Answer::Link(link) = answer {
            self.rest.channels.open(link, Shaking::attached());
            self.begin(link, fresh);
        }
        answer
    }

    fn connected(&mut self, link: LinkId, fresh: &Fresh) {
        self.tell(Event::Connected { link });
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
        if let Some(channel) = self.rest.channels.get_mut(link) {
            channel.words.extend_from_slice(words);
            self.rest.channels.list(link);
        }
    }

    fn closed(&mut self, link: LinkId, error: SystemError) {
        // A stream that ends before the acceptor has said anything may have ended for a wrong secret.
        if let Some(address) = self.rest.channels.shaking(link).and_then(|shaking| shaking.unanswered()) {
            self.rest.rotation.failed(address);
        }
        self.rest.channels.remove(link);
        self.tell(Event::Closed { link, error });
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
        self.tell(Event::Heard { announcement, routes, vouched });
    }

    fn bytes(&mut self, link: LinkId, mut bytes: &[u8]) {
        loop {
            let Some(channel) = self.rest.channels.get_mut(link) else {
                // It is gone: the machine counts that.
                self.tell(Event::Room { link, bytes: 0 });
                return;
            };
            let shaking = match &mut channel.state {
                State::Shaking(shaking) => shaking,
                State::Inside(reader, _) => {
                    reader.push(bytes);
                    self.open(link);
                    return;
                }
                State::Coming(reader, _) => {
                    reader.push(bytes);
                    return;
                }
                // What comes is the reader's: that it came here leaves a hole in what is to be opened.
                State::Outside => {
                    self.fail(link, Reason::ProtocolError);
                    return;
                }
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
            self.step(link, step, bytes);
            if self.rest.channels.shaking(link).is_none() {
                // It is up, and its reader has all that came.
                self.open(link);
                return;
            }
        }
    }

    /// What came of a record of the handshake; `more` came behind it.
    fn step(&mut self, link: LinkId, step: Step, more: &[u8]) {
        match step {
            Step::None => {}
            Step::Reply(words) => self.say(link, &words),
            Step::Met(proof) => {
                self.tell(Event::Proven { link, proof });
            }
            Step::Greeted(proof, greeted, hello) => self.greeted(link, proof, greeted, hello),
            Step::Wait => {
                self.tell(Event::Waits { link });
            }
            Step::Answered(answer, sealer, opener) => {
                if let Frame::Welcome(welcome) = &answer {
                    self.rest.go_up(link, sealer, opener, welcome.hello.takes.record, more);
                }
                self.tell(Event::Frames { link, frames: (&answer).into() });
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
    fn greeted(&mut self, link: LinkId, proof: Proof, mut greeted: Greeted, hello: Hello) {
        self.tell(Event::Proven { link, proof });
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
                self.tell(Event::Waits { link });
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
                self.tell(Event::Frames { link, frames: (&Frame::Hello(hello)).into() });
            }
            None => self.rest.introduce(link),
        }
    }

    fn turn_away(&mut self, link: LinkId, reason: Reason) {
        if let Some(shaking) = self.rest.channels.shaking(link) {
            // The refusal goes out with the machine's answer; a dialer says nothing more.
            let (_asking, _wondering) = (shaking.take_asking(), shaking.take_wondering());
        }
        self.fail(link, reason);
    }

    /// Opens what came on a link whose halves are here.
    fn open(&mut self, link: LinkId) {
        let Some(channel) = self.rest.channels.get_mut(link) else { return };
        let State::Inside(reader, _) = &mut channel.state else { return };
        let mut frames = mem::take(&mut self.frames);
        let opened = reader.open(&mut frames);
        if !frames.is_empty() {
            self.tell(Event::Frames { link, frames: frames.as_slice().into() });
        }
        frames.clear();
        self.frames = frames;
        if opened.is_err() {
            self.fail(link, Reason::ProtocolError);
        }
    }
}
