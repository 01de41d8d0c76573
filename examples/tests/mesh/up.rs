//! `mesh up`: every command and every event.

use std::fs;

use serde_json::Value;

use crate::folder::Folder;
use crate::program::{Node, RUNTIMES, mistyped, run};

/// A folder with a secret in it.
fn folder() -> (Folder, String) {
    let folder = Folder::new();
    let secret = folder.file("secret");
    assert_eq!(run(&folder, &["secret", "new", &secret]).code, Some(0));
    (folder, secret)
}

fn is_up(value: &Value) -> bool {
    value["state"] == "up"
}

/// Two nodes with a session: the second dialed.
fn pair(folder: &Folder, runtime: &str, secret: &str) -> (Node, Node) {
    let mut first = Node::start(folder, runtime, &["--ephemeral", "--secret", secret]);
    let (id, address) = first.listening();
    let peer = format!("{id}@{address}");
    let mut second = Node::start(folder, runtime, &["--ephemeral", "--secret", secret, "--peer", &peer]);
    first.event("peer", is_up);
    second.event("peer", is_up);
    (first, second)
}

#[test]
fn two_nodes_meet_and_talk() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let (mut first, mut second) = pair(&folder, runtime, &secret);
        let ((first_id, first_at), (second_id, _)) = (first.listening(), second.listening());
        assert_eq!(second.rewind().event("listening", |_| true)["runtime"], runtime);

        let down = second.rewind().event("peer", |peer| peer["state"] == "down");
        assert_eq!((&down["reason"], &down["link"]), (&Value::Null, &Value::Null));
        let open = second.rewind().event("link", |link| link["state"] == "open");
        assert_eq!((&open["peer"], &open["dialed"]), (&Value::Null, &Value::Bool(true)));
        let known = second.event("link", |link| link["state"] == "open" && !link["peer"].is_null());
        assert_eq!((&known["link"], known["peer"].as_str()), (&open["link"], Some(first_id.as_str())));
        let up = second.event("peer", is_up);
        assert_eq!(
            (up["peer"].as_str(), up["remote"].as_str()),
            (Some(first_id.as_str()), Some(first_at.as_str()))
        );
        assert_eq!((&up["link"], &up["dialed"]), (&open["link"], &Value::Bool(true)));
        assert!(up["incarnation"].is_string() && up.get("reason").is_none(), "{up}");
        let there = first.rewind().event("peer", is_up);
        assert_eq!((&there["remote"], &there["dialed"]), (&up["local"], &Value::Bool(false)));

        let short = &first_id[..first_id.len() - 40];
        second.write(&format!(r#"{{"do":"send","to":"{short}","text":"hello","token":"one"}}"#));
        second.write(r#"{"do":"send","to":"*","text":"all of you","token":"two"}"#);
        second.write(&format!(r#"{{"do":"send","to":"{first_id}","text":"good bye"}}"#));
        for (seq, text) in (1..).zip(["hello", "all of you", "good bye"]) {
            let message = first.event("message", |_| true);
            assert_eq!(
                (message["from"].as_str(), message["text"].as_str()),
                (Some(second_id.as_str()), Some(text))
            );
            assert_eq!(message["seq"], seq);
        }
        for token in [Value::from("one"), Value::from("two"), Value::Null] {
            let queued = second.rewind().event("queued", |queued| queued["token"] == token);
            let acked = second.event("acked", |acked| acked["token"] == token);
            assert_eq!((&queued["to"], acked["to"].as_str()), (&acked["to"], Some(first_id.as_str())));
        }
        second.quit();
        let down = first.event("peer", |peer| peer["state"] == "down");
        assert_eq!(down["reason"], "left");
        first.quit();
    }
}

#[test]
fn every_question_is_answered() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let (mut first, second) = pair(&folder, runtime, &secret);
        let up = first.rewind().event("peer", is_up);
        let id = up["peer"].as_str().expect("an id").to_owned();

        first.write(r#"{"do":"peers"}"#);
        let peers = first.event("peers", |_| true);
        let [peer] = peers["peers"].as_array().expect("a list").as_slice() else { panic!("{peers}") };
        for name in ["peer", "state", "link", "dialed", "local", "remote", "incarnation"] {
            assert_eq!(peer[name], up[name]);
        }
        assert_eq!((&peer["kept_here"], &peer["kept_there"]), (&Value::Bool(false), &Value::Bool(true)));

        first.write(&format!(r#"{{"do":"explain","peer":"{}"}}"#, &id["meshnode1".len()..][..12]));
        let explained = first.event("explain", |_| true);
        assert_eq!(explained["peer"].as_str(), Some(id.as_str()));
        assert!(
            explained["text"].as_str().is_some_and(|text| text.contains("carries the session")),
            "{explained}"
        );
        assert_eq!(
            (&explained["chosen"], &explained["dialing"]),
            (&Value::from("only"), &Value::from("no_address"))
        );
        let [link] = explained["links"].as_array().expect("a list").as_slice() else { panic!("{explained}") };
        assert_eq!(
            (&link["link"], &link["role"], &link["class"]),
            (&up["link"], &"carrying".into(), &"direct".into())
        );

        first.write(r#"{"do":"wake"}"#);
        let woke = first.event("woke", |_| true);
        assert_eq!((&woke["kind"], &woke["slept_ms"]), (&Value::from("told"), &Value::from(0)));
        first.write(r#"{"do":"stats"}"#);
        assert_eq!(first.event("stats", |_| true)["wakes"], 1);
        second.quit();
        first.quit();
    }
}

#[test]
fn what_is_dialed_is_kept_until_it_is_forgotten() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let alone = ["--ephemeral", "--secret", &secret];
        let (mut first, mut second) =
            (Node::start(&folder, runtime, &alone), Node::start(&folder, runtime, &alone));
        let ((_, address), (id, _)) = (second.listening(), second.listening());
        first.write(&format!(r#"{{"do":"dial","addr":"{address}"}}"#));
        first.event("peer", |peer| is_up(peer) && peer["peer"] == id.as_str());
        second.event("peer", is_up);
        first.write(&format!(r#"{{"do":"forget","peer":"{id}"}}"#));
        let closed = first.event("link", |link| link["state"] == "closed");
        assert_eq!(
            (&closed["reason"], closed["peer"].as_str()),
            (&Value::from("forgotten"), Some(id.as_str()))
        );
        assert_eq!(first.rewind().event("peer", |peer| peer["reason"] == "forgotten")["state"], "down");
        second.event("peer", |peer| peer["state"] == "down" && peer["reason"] == "forgotten");
        assert!(!first.has_told("announced") && !second.has_told("announced"), "nobody is looked for");
        first.quit();
        second.quit();
    }
}

#[test]
fn a_line_that_is_not_understood_is_told_and_passed_over() {
    let (folder, secret) = folder();
    let (mut first, second) = pair(&folder, "tokio", &secret);
    let (id, address) = first.listening();
    let mut third = Node::start(&folder, "tokio", &["--ephemeral", "--secret", &secret, "--peer", &address]);
    third.event("peer", |peer| is_up(peer) && peer["peer"] == id.as_str());
    first.event("peer", is_up);
    for (line, words) in [
        ("hello", "this is no line that can be done"),
        (r#"{"do":"fly"}"#, "unknown variant `fly`"),
        (r#"{"do":"peers","of":"all"}"#, "unknown field `of`"),
        (r#"{"do":"explain","peer":"zzzz"}"#, "`zzzz` fits no peer"),
        (r#"{"do":"send","to":"meshnode1","text":""}"#, "`meshnode1` fits 2 peers"),
        (r#"{"do":"dial","addr":"127.0.0.1"}"#, "`127.0.0.1` is no peer"),
        (r#"{"do":"dial","addr":"127.0.0.1:0"}"#, "a port from 1 on"),
        (r#"{"do":"forget","peer":"zzzz"}"#, "`zzzz` fits no peer"),
        (&format!(r#"{{"do":"explain","peer":"{}"}}"#, mistyped(&id)), "is no id: a typo"),
    ] {
        first.write(line);
        let error = first.event("error", |_| true);
        assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{line}: {error}");
    }
    // Whoever is not known yet may come later; a node does not talk to itself.
    let unknown = run(&folder, &["id", "--identity", &folder.file("else")]).stdout;
    for (to, reason) in [(id.as_str(), "own_self"), (unknown.trim(), "forgotten")] {
        first.write(&format!(r#"{{"do":"send","to":"{to}","text":"who?","token":"{reason}"}}"#));
        if reason == "forgotten" {
            first.event("queued", |queued| queued["to"] == to);
            first.write(&format!(r#"{{"do":"forget","peer":"{to}"}}"#));
        }
        let undelivered = first.event("undelivered", |_| true);
        assert_eq!(
            (&undelivered["token"], &undelivered["reason"]),
            (&Value::from(reason), &Value::from(reason))
        );
    }
    second.quit();
    third.quit();
    first.quit();
}

#[test]
fn who_is_not_on_the_list_is_refused() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let other = run(&folder, &["id", "--identity", &folder.file("other")]).stdout;
        let list = ["--ephemeral", "--secret", &secret, "--allow", other.trim()];
        let mut strict = Node::start(&folder, runtime, &list);
        let (_, address) = strict.listening();
        let mut stranger =
            Node::start(&folder, runtime, &["--ephemeral", "--secret", &secret, "--peer", &address]);
        let there = strict.event("refused", |_| true);
        assert_eq!(there["reason"], "refused_not_listed");
        assert!(there["remote"].as_str().is_some_and(|remote| remote.starts_with("127.0.0.1:")), "{there}");
        let here = stranger.event("refused", |_| true);
        assert_eq!((here["remote"].as_str(), &here["reason"]), (Some(address.as_str()), &there["reason"]));
        let listed = ["--identity", &folder.file("other"), "--secret", &secret, "--peer", &address];
        let mut friend = Node::start(&folder, runtime, &listed);
        friend.event("peer", is_up);
        friend.quit();
        stranger.quit();
        strict.quit();
    }
}

#[test]
fn one_identity_twice_is_a_conflict() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let (file, copy) = (folder.file("id"), folder.file("copy"));
        let id = run(&folder, &["id", "--identity", &file]).stdout;
        fs::copy(&file, &copy).expect("it was made");
        let mut witness = Node::start(&folder, runtime, &["--ephemeral", "--secret", &secret]);
        let (_, address) = witness.listening();
        let with = |file| ["--identity", file, "--secret", &secret, "--peer", &address];
        let mut first = Node::start(&folder, runtime, &with(&file));
        first.event("peer", is_up);
        let mut second = Node::start(&folder, runtime, &with(&copy));
        let conflict = witness.event("conflict", |_| true);
        assert_eq!(
            (conflict["peer"].as_str(), &conflict["reason"]),
            (Some(id.trim()), &Value::from("conflict"))
        );
        let (witness_id, _) = witness.listening();
        let conflict = second.event("conflict", |_| true);
        assert_eq!(conflict["peer"].as_str(), Some(witness_id.as_str()));
        second.quit();
        first.quit();
        witness.quit();
    }
}

#[test]
fn what_a_peer_had_not_taken_when_it_restarted_is_undelivered() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let file = folder.file("id");
        let mut first = Node::start(&folder, runtime, &["--ephemeral", "--secret", &secret]);
        let (_, address) = first.listening();
        let arguments = ["--identity", &file, "--secret", &secret, "--peer", &address];
        let mut second = Node::start(&folder, runtime, &arguments);
        let (id, _) = second.listening();
        first.event("peer", is_up);
        second.kill();
        let away = first.event("peer", |peer| peer["state"] == "away");
        assert!(away["reason"].as_str().is_some_and(|reason| reason.starts_with("system_")), "{away}");
        first.write(&format!(r#"{{"do":"send","to":"{id}","text":"lost","token":"t"}}"#));
        first.event("queued", |queued| queued["token"] == "t");
        let mut second = Node::start(&folder, runtime, &arguments);
        let undelivered = first.event("undelivered", |_| true);
        assert_eq!(
            (undelivered["to"].as_str(), &undelivered["token"]),
            (Some(id.as_str()), &Value::from("t"))
        );
        assert_eq!(undelivered["reason"], "restarted");
        second.event("peer", is_up);
        second.quit();
        first.quit();
    }
}

#[test]
fn a_node_tells_its_neighbourhood() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let arguments = ["up", "--json", "--runtime", runtime, "--ephemeral", "--secret", &secret];
        let mut node = Node::spawn(&folder, &arguments);
        assert_eq!(node.event("announced", |_| true)["cause"], "start");
        node.write(r#"{"do":"wake"}"#);
        node.event("announced", |announced| announced["cause"] == "woke");
        node.quit();
    }
}

#[cfg(unix)]
#[test]
fn a_node_that_did_not_run_notices() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let (first, mut second) = pair(&folder, runtime, &secret);
        first.signal("STOP");
        second.event("peer", |peer| peer["reason"] == "silent");
        first.signal("CONT");
        let mut first = first;
        let woke = first.event("woke", |_| true);
        assert_eq!(woke["kind"], "frozen");
        assert!(woke["slept_ms"].as_u64().is_some_and(|slept| slept >= 1_000), "{woke}");
        second.event("peer", is_up);
        second.quit();
        first.quit();
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_node_well_and_the_end_of_its_input_does_not() {
    for runtime in RUNTIMES {
        for name in ["TERM", "INT"] {
            let (folder, secret) = folder();
            let (mut first, mut second) = pair(&folder, runtime, &secret);
            first.close_input();
            second.write(r#"{"do":"send","to":"*","text":"still there?"}"#);
            first.event("message", |message| message["text"] == "still there?");
            first.signal(name);
            first.event("bye", |bye| bye["flushed"] == true);
            let ended = first.wait();
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            assert_eq!(second.event("peer", |peer| peer["state"] == "down")["reason"], "left");
            second.quit();
        }
    }
}

/// The first signal begins to wait for a peer that is not there; another one is in time to see that.
#[cfg(unix)]
#[test]
fn a_second_signal_ends_a_node_at_once() {
    let (folder, secret) = folder();
    let (mut first, second) = pair(&folder, "tokio", &secret);
    second.kill();
    first.event("peer", |peer| peer["state"] == "away");
    first.write(r#"{"do":"send","to":"*","text":"never taken","token":"t"}"#);
    first.event("queued", |_| true);
    let ended = loop {
        if let Some(ended) = first.ended() {
            break ended;
        }
        first.signal("TERM");
    };
    assert_eq!(ended.code, Some(1));
    assert!(!ended.stdout.contains("\"bye\""), "{}", ended.stdout);
}

#[test]
fn what_was_not_taken_in_time_is_told_at_the_end() {
    let (folder, secret) = folder();
    let (mut first, second) = pair(&folder, "tokio", &secret);
    second.kill();
    first.event("peer", |peer| peer["state"] == "away");
    first.write(r#"{"do":"send","to":"*","text":"never taken","token":"t"}"#);
    first.write(r#"{"do":"quit"}"#);
    let undelivered = first.event("undelivered", |_| true);
    assert_eq!(undelivered["token"], "t");
    first.event("bye", |bye| bye["flushed"] == false && bye["unflushed"] == 1);
    assert_eq!(first.wait().code, Some(0));
}

#[test]
fn people_read_sentences() {
    let (folder, secret) = folder();
    let mut second = Node::start(&folder, "tokio", &["--ephemeral", "--secret", &secret]);
    let (id, address) = second.listening();
    let mut first = Node::spawn(
        &folder,
        &["up", "--ephemeral", "--secret", &secret, "--listen", "127.0.0.1:0", "--discover", "off"],
    );
    let mut says = |line: &str, words: &str| {
        if !line.is_empty() {
            first.write(line);
        }
        first.line(words, |line| line.contains(words));
    };
    let short = &id["meshnode1".len()..][..8];
    says("", " listens at 127.0.0.1:");
    says("hello?", "error: nobody is there to have this");
    says(&format!("/dial {address}"), &format!("{short} is up on link #"));
    says("hello", &format!("{short} has it"));
    assert_eq!(second.event("message", |_| true)["text"], "hello");
    says(&format!("/send {short} for you alone"), &format!("{short} has it"));
    assert_eq!(second.event("message", |_| true)["text"], "for you alone");
    second.write(r#"{"do":"send","to":"*","text":"and you?"}"#);
    says("", "> and you?");
    says("/peers", "peers: 1");
    says("", &format!("{short} is up on link #"));
    says(&format!("/explain {short}"), &format!("{short} is up: link #"));
    says("/stats", "counts: ");
    says("/wake", "looks around");
    says("/fly", "error: `/fly` is not known; there are /peers");
    says(&format!("/forget {short}"), &format!("{short} is down: "));
    says("/quit", "bye");
    assert_eq!(first.wait().code, Some(0));
    second.quit();
}

#[test]
fn a_configuration_file_has_the_same_names_and_a_flag_wins() {
    let (folder, secret) = folder();
    let other = folder.file("other");
    assert_eq!(run(&folder, &["secret", "new", &other]).code, Some(0));
    let mut first = Node::start(&folder, "tokio", &["--ephemeral", "--secret", &secret]);
    let (id, address) = first.listening();
    let config = folder.written(
        "mesh.toml",
        format!(
            "runtime = \"tokio\"\nlisten = [\"127.0.0.1:0\"]\npeer = [\"{id}@{address}\"]\nephemeral = true\n\
             secret = {other:?}\nallow = [\"{id}\"]\ndetect-within = \"loopback\"\nmax-peers = 3\n\
             discover = \"off\"\njson = true\nopen = false\n"
        ),
    );
    let mut wrong = Node::spawn(&folder, &["up", "--config", &config]);
    assert_eq!(wrong.event("refused", |_| true)["reason"], "refused_wrong_mesh");
    let mut right = Node::spawn(&folder, &["up", "--config", &config, "--secret", &secret]);
    right.event("peer", is_up);
    first.event("peer", is_up);
    right.quit();
    wrong.quit();
    first.quit();
}

#[test]
fn a_trace_does_the_same_again() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let trace = folder.file("trace");
        let mut first =
            Node::start(&folder, runtime, &["--ephemeral", "--secret", &secret, "--trace", &trace]);
        let (_, address) = first.listening();
        let peer = ["--ephemeral", "--secret", &secret, "--peer", &address];
        let mut second = Node::start(&folder, runtime, &peer);
        first.event("peer", is_up);
        first.write(r#"{"do":"send","to":"*","text":"hello"}"#);
        second.event("message", |_| true);
        second.quit();
        first.quit();
        let replayed = run(&folder, &["replay", &trace]);
        assert_eq!((replayed.code, replayed.stderr.as_str()), (Some(0), ""));
        assert!(replayed.stdout.ends_with("actions are as they were\n"), "{}", replayed.stdout);

        let mut bytes = fs::read(&trace).expect("it was written");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let damaged = folder.written("damaged", bytes);
        let replayed = run(&folder, &["replay", &damaged]);
        assert_eq!((replayed.code, replayed.stderr.lines().count()), (Some(1), 1), "{}", replayed.stderr);
    }
}

/// What waits in a pipe that nobody reads slows the senders down, and nothing more.
#[test]
fn much_at_once_arrives_in_order() {
    const MANY: u64 = 5_000;
    let (folder, secret) = folder();
    let (mut first, mut second) = pair(&folder, "tokio", &secret);
    for number in 0..MANY {
        second.write(&format!(r#"{{"do":"send","to":"*","text":"{number}","token":"{number}"}}"#));
    }
    for number in 0..MANY {
        let message = first.event("message", |_| true);
        assert_eq!(message["text"].as_str(), Some(number.to_string().as_str()));
        assert_eq!(message["seq"], number + 1);
    }
    second.event("acked", |acked| acked["token"] == (MANY - 1).to_string().as_str());
    second.quit();
    first.quit();
}

/// The peers of a node that nobody listens to any more are told that it goes.
#[test]
fn a_node_whose_output_nobody_reads_leaves() {
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let (first, mut second) = pair(&folder, runtime, &secret);
        let mut first = first.unread();
        let ended = loop {
            second.write(r#"{"do":"send","to":"*","text":"do you read this?"}"#);
            // Once the other has left there is nobody to send to.
            second.line("an answer", |line| line.contains("\"queued\"") || line.contains("\"error\""));
            if let Some(ended) = first.ended() {
                break ended;
            }
        };
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
        assert!(ended.stderr.contains("keep its reader running"), "{}", ended.stderr);
        second.rewind().event("peer", |peer| peer["state"] == "down" && peer["reason"] == "left");
        second.quit();
    }
}

#[test]
fn what_was_sent_before_the_end_arrives() {
    const MANY: u64 = 2_000;
    for runtime in RUNTIMES {
        let (folder, secret) = folder();
        let (mut first, mut second) = pair(&folder, runtime, &secret);
        let text = "much ".repeat(1_000);
        for _ in 0..MANY {
            second.write(&format!(r#"{{"do":"send","to":"*","text":"{text}"}}"#));
        }
        second.quit();
        first.event("message", |message| message["seq"] == MANY);
        first.event("peer", |peer| peer["reason"] == "left");
        first.quit();
    }
}
