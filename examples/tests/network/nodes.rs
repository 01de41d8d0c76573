//! Nodes that find each other.

use core::time::Duration;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use serde_json::Value;

use crate::folder::Folder;
use crate::made::Namespace;
use crate::program::{MESH, Node, fitting, run, with_arguments};

/// What makes nodes find a dead link within [`DETECTED`].
pub(crate) const LOOPBACK: [&str; 2] = ["--detect-within", "loopback"];
pub(crate) const DETECTED: Duration = Duration::from_secs(3);
/// What a machine that is busy may add to a time that is promised.
pub(crate) const BUSY: Duration = Duration::from_secs(7);

/// Makes the secret of a mesh.
pub(crate) fn secret(folder: &Folder, name: &str) -> String {
    let secret = folder.file(name);
    assert_eq!(run(folder, &["secret", "new", &secret]).code, Some(0));
    secret
}

/// A node on this host that knows no address.
pub(crate) fn node(host: &Namespace, folder: &Folder, runtime: &str, secret: &str, more: &[&str]) -> Node {
    let mut command = host.command();
    command.arg(MESH);
    let usual =
        ["up", "--json", "--runtime", runtime, "--ephemeral", "--secret", secret, "--discover", "lan"];
    Node::begin(with_arguments(command, folder, &[&usual, more].concat()))
}

pub(crate) fn id(node: &mut Node) -> String {
    let listening = node.rewind().event("listening", |_| true);
    listening["node"].as_str().expect("an id").to_owned()
}

/// Until each has a session with each other one: their ids, and when the last session was up.
pub(crate) fn meet(nodes: &mut [Node]) -> (Vec<String>, Instant) {
    let ids: Vec<String> = nodes.iter_mut().map(id).collect();
    let last = nodes.iter_mut().zip(&ids).map(|(node, own)| {
        let others: Vec<_> = ids.iter().filter(|peer| *peer != own).cloned().collect();
        all_next(node.rewind(), &others, "up")
    });
    let last = last.max().expect("there are nodes");
    (ids, last)
}

pub(crate) fn is(event: &Value, peer: &str, state: &str) -> bool {
    event["peer"] == peer && event["state"] == state
}

/// The next time from here on that a peer is in this state.
pub(crate) fn next(node: &mut Node, peer: &str, state: &str) -> (Instant, Value) {
    node.event_at("peer", |event| is(event, peer, state))
}

/// From here on each of these is in this state, in whatever order: when the last one was.
pub(crate) fn all_next(node: &mut Node, peers: &[String], state: &str) -> Instant {
    let mut awaited = peers.to_vec();
    let mut last = None;
    while !awaited.is_empty() {
        let (at, event) = node.event_at("peer", |event| awaited.iter().any(|peer| is(event, peer, state)));
        awaited.retain(|peer| event["peer"] != peer.as_str());
        last = Some(at);
    }
    last.expect("there is somebody to wait for")
}

/// From here on one node and all others are to each other in this state: when the last one was.
pub(crate) fn apart_or_together(nodes: &mut [Node], ids: &[String], one: usize, state: &str) -> Instant {
    let others: Vec<_> = ids.iter().filter(|id| **id != ids[one]).cloned().collect();
    let mut last = all_next(&mut nodes[one], &others, state);
    for (node, id) in nodes.iter_mut().zip(ids) {
        if *id != ids[one] {
            last = last.max(next(node, &ids[one], state).0);
        }
    }
    last
}

/// No such event comes from here on until then.
pub(crate) fn nothing(node: &mut Node, until: Instant, name: &str, is: impl Fn(&Value) -> bool) {
    match node.line_by(until, fitting(name, is)) {
        Err(RecvTimeoutError::Timeout) => {}
        Err(why @ RecvTimeoutError::Disconnected) => panic!("it ended ({why}):\n{}", node.all()),
        Ok((_, line)) => panic!("{line}\nshould not have come:\n{}", node.all()),
    }
}

/// A count of the node.
pub(crate) fn count(node: &mut Node, name: &str) -> u64 {
    node.write(r#"{"do":"stats"}"#);
    node.event("stats", |_| true)[name].as_u64().expect("a count")
}

/// A message from each to each arrives.
pub(crate) fn exchange(nodes: &mut [Node], ids: &[String], text: &str) {
    for node in nodes.iter_mut() {
        node.write(&format!(r#"{{"do":"send","to":"*","text":"{text}"}}"#));
    }
    for (node, own) in nodes.iter_mut().zip(ids) {
        for peer in ids.iter().filter(|peer| *peer != own) {
            node.rewind().event("message", |event| event["from"] == peer.as_str() && event["text"] == text);
        }
    }
}

/// Tells what was measured, and that it is not too long.
pub(crate) fn within(what: &str, took: Duration, bound: Duration) {
    println!("{what}: {took:.2?}");
    assert!(took < bound, "{what}: {took:?}, and not {bound:?}");
}
