//! Numbered messages that are sent all the time.

use core::time::Duration;
use std::io::Write;
use std::process::ChildStdin;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::program::{Ended, Node, parse};

/// How far two messages are apart.
const PACE: Duration = Duration::from_millis(5);

/// Somebody who writes to a node until it is enough.
pub(crate) struct Talk {
    lines: Sender<String>,
    writer: JoinHandle<(ChildStdin, u64)>,
}

impl Talk {
    /// Sends to these from now on.
    fn begin(node: &mut Node, own: &str, ids: &[String]) -> Self {
        let mut input = node.input().take().expect("its input is open");
        let to: Vec<String> = ids.iter().filter(|id| *id != own).cloned().collect();
        let (lines, between) = channel::<String>();
        let writer = thread::spawn(move || {
            let mut number = 0;
            let mut write = |line: &str| writeln!(input, "{line}").expect("it reads");
            loop {
                match between.recv_timeout(PACE) {
                    Ok(line) => write(&line),
                    Err(RecvTimeoutError::Disconnected) => return (input, number),
                    Err(RecvTimeoutError::Timeout) => {
                        number += 1;
                        for id in &to {
                            write(&format!(r#"{{"do":"send","to":"{id}","text":"{number}"}}"#));
                        }
                    }
                }
            }
        });
        Self { lines, writer }
    }

    /// Writes a line between the messages.
    pub(crate) fn write(&self, line: &str) {
        self.lines.send(line.to_owned()).expect("it writes until it is enough");
    }

    /// Gives the node its input back, and says how many messages each was sent.
    fn end(self, node: &mut Node) -> u64 {
        drop(self.lines);
        let (input, number) = self.writer.join().expect("it writes until it is enough");
        *node.input() = Some(input);
        number
    }
}

/// Each begins to talk to each.
pub(crate) fn all_talk(nodes: &mut [Node], ids: &[String]) -> Vec<Talk> {
    nodes.iter_mut().zip(ids).map(|(node, own)| Talk::begin(node, own, ids)).collect()
}

/// They end, and leave: each message has come, once, in order, and nothing else. Returns the longest pause between two.
pub(crate) fn all_came(mut nodes: Vec<Node>, ids: &[String], talks: Vec<Talk>) -> Duration {
    let sent: Vec<u64> = talks.into_iter().zip(&mut nodes).map(|(talk, node)| talk.end(node)).collect();
    for (node, own) in nodes.iter_mut().zip(ids) {
        for (from, sent) in ids.iter().zip(&sent).filter(|(from, _)| *from != own) {
            node.rewind().event("message", |event| event["from"] == from.as_str() && event["seq"] == *sent);
        }
    }
    let ended: Vec<Ended> = nodes.into_iter().map(Node::quit).collect();
    let mut longest = Duration::ZERO;
    for (ended, own) in ended.iter().zip(ids) {
        for (from, sent) in ids.iter().zip(&sent).filter(|(from, _)| *from != own) {
            let came = messages(ended, from);
            let texts: Vec<_> = came.iter().map(|(_, text)| text.clone()).collect();
            let right: Vec<_> = (1..=*sent).map(|number| number.to_string()).collect();
            assert_eq!(texts, right);
            let pauses = came.windows(2).map(|two| two[1].0.saturating_sub(two[0].0));
            longest = pauses.fold(longest, Duration::max);
        }
    }
    println!("{sent:?} messages to each other one, with {longest:.2?} between two of them at most");
    longest
}

/// What came from this node, and when.
fn messages(ended: &Ended, from: &str) -> Vec<(Duration, String)> {
    let events = ended.stdout.lines().map(parse);
    let messages = events.filter(|event| event["event"] == "message" && event["from"] == from);
    let read = |event: Value| {
        let t = event["t"].as_f64().expect("each line has its time");
        (Duration::from_secs_f64(t), event["text"].as_str().expect("a text").to_owned())
    };
    messages.map(read).collect()
}
