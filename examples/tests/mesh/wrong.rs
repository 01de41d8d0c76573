//! Wrong usage, and what is in the way: one line that says what to do, and the exit code that tells which of the two it was.

use std::fs;
use std::net::TcpListener;

use crate::folder::Folder;
use crate::program::{Node, mistyped, run};

/// What is wrong on the command line.
const USAGE: i32 = 2;
/// What is wrong elsewhere.
const RUNNING: i32 = 1;

fn assert_refused(folder: &Folder, arguments: &[&str], code: i32, words: &[&str]) {
    let ended = run(folder, arguments);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{arguments:?}: {ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{arguments:?}: {}", ended.stderr);
    for words in words {
        assert!(ended.stderr.contains(words), "{arguments:?}: {words:?} is not in {}", ended.stderr);
    }
}

#[test]
fn what_is_wrong_on_the_command_line_is_one_line() {
    let folder = Folder::new();
    let secret = folder.file("secret");
    assert_eq!(run(&folder, &["secret", "new", &secret]).code, Some(0));
    let own = run(&folder, &["id", "--identity", &folder.file("id")]).stdout;
    let own = own.trim();
    let typo = mistyped(own);
    let config = |name: &str, text: &str| folder.written(name, text);
    let (unknown, broken) = (config("a", "fly = true\n"), config("b", "open = true\nlisten = [\n"));
    let (address, float) =
        (config("c", "open = true\nlisten = [\"here\"]\n"), config("d", "max-peers = 1.5\n"));
    let itself = config("e", "config = \"e\"\n");
    for (arguments, words) in [
        (vec![], ["a command is missing", "mesh --help"]),
        (vec!["secret"], ["a command is missing", "mesh --help"]),
        (vec!["fly"], ["'fly'", "--help"]),
        (vec!["up", "--opne"], ["'--opne'", "'--open'"]),
        (vec!["up", "--open", "--listen", "127.0.0.1"], ["'127.0.0.1'", "give IP:PORT"]),
        (vec!["up", "--open", "--peer", "127.0.0.1:0"], ["`127.0.0.1:0` is no peer", "a port from 1 on"]),
        (vec!["up", "--open", "--peer", "nobody"], ["`nobody` is no peer", "give an id, HOST:PORT"]),
        (vec!["up", "--open", "--allow", "nobody"], ["'nobody'", "`mesh id` prints"]),
        (vec!["up", "--open", "--allow", &typo], ["a typo", "`mesh id` prints"]),
        (vec!["up", "--open", "--detect-within", "soon"], ["'soon'", "10s"]),
        (vec!["up", "--open", "--detect-within", "1ms"], ["detect_within is 1ms", "raise"]),
        (vec!["up", "--open", "--runtime", "none"], ["'none'", "tokio"]),
        (vec!["up", "--open", "--max-peers", "many"], ["'many'", "--max-peers"]),
        (vec!["up", "--open", "--max-peers", "0"], ["peers is 0", "it must be 1 at least"]),
        (vec!["up", "--open", "--discover", "moon"], ["'moon'", "lan"]),
        (vec!["up"], ["--secret FILE", "`mesh secret new FILE`"]),
        (
            vec!["up", "--open", "--secret", &secret],
            ["--secret and --open exclude each other", "leave out one"],
        ),
        (vec!["up", "--open", "--ephemeral", "--identity", "x"], ["--ephemeral exclude", "leave out one"]),
        (
            vec!["up", "--open", "--identity", &folder.file("id"), "--peer", own],
            ["this node itself", "take its own id off the list"],
        ),
        (vec!["up", "--config", &unknown], ["'--fly'", "the configuration"]),
        (vec!["up", "--config", &broken], ["line 2", "the configuration"]),
        (vec!["up", "--config", &address], ["'here'", "give IP:PORT"]),
        (vec!["up", "--config", &float], ["`max-peers`", "write it as a text"]),
        (vec!["up", "--config", &itself], ["another configuration", "put all into one"]),
        (vec!["swarm", "1"], ["1", "--help"]),
        (vec!["swarm"], ["<NODES>", "--help"]),
        (vec!["completions", "tcsh"], ["'tcsh'", "bash"]),
        (vec!["replay"], ["<FILE>", "--help"]),
        (vec!["secret", "new"], ["<FILE>", "--help"]),
    ] {
        assert_refused(&folder, &arguments, USAGE, &words);
    }
}

#[test]
fn what_is_in_the_way_is_one_line() {
    let folder = Folder::new();
    let (secret, id) = (folder.file("secret"), folder.file("id"));
    assert_eq!(run(&folder, &["secret", "new", &secret]).code, Some(0));
    assert_eq!(run(&folder, &["id", "--identity", &id]).code, Some(0));
    let text = fs::read_to_string(&secret).expect("it was made");
    let wrong = if text.contains('q') { text.replacen('q', "p", 1) } else { text.replacen('p', "q", 1) };
    let typo = folder.written("typo", wrong);
    let no_secret = folder.written("no-secret", run(&folder, &["id", "--identity", &id]).stdout);
    let (nowhere, here) = (folder.file("no/thing"), folder.path().to_str().expect("text").to_owned());
    let other = folder.written("other", "something else\n");
    let held = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let held = held.local_addr().map(|address| (held, address.to_string())).expect("it listens");
    for (arguments, words) in [
        (vec!["up", "--secret", &nowhere], ["is not there", "make one with `mesh secret new "]),
        (vec!["up", "--secret", &here], ["the secret ", "directory"]),
        (vec!["up", "--secret", &typo], ["a typo", "copy it once more"]),
        (vec!["up", "--secret", &no_secret], ["it is the id of a node", "copy it once more"]),
        (vec!["up", "--config", &nowhere], ["is not there", "check the path"]),
        (vec!["up", "--open", "--identity", &nowhere], ["the folder for the identity file", "make it first"]),
        (vec!["up", "--open", "--identity", &other], ["is not an identity file", "choose another path"]),
        (vec!["id", "--identity", &other], ["is not an identity file", "choose another path"]),
        (vec!["up", "--open", "--ephemeral", "--trace", &nowhere], ["the trace", "check the path"]),
        (
            vec!["up", "--open", "--ephemeral", "--listen", &held.1],
            ["another socket has this port", "choose another port"],
        ),
        (
            vec!["up", "--open", "--ephemeral", "--listen", "192.0.2.77:0"],
            ["no interface of this host has the address", "listen at one that it has"],
        ),
        (vec!["secret", "new", &secret], ["stays as it is", "choose another name"]),
        (vec!["secret", "new", &nowhere], ["is not there", "make it first"]),
        (vec!["replay", &nowhere], ["is not there", "check the path"]),
        (vec!["replay", &other], ["does not begin like a trace", "other"]),
    ] {
        assert_refused(&folder, &arguments, RUNNING, &words);
    }
    assert_eq!(fs::read_to_string(&secret).expect("it is there"), text, "a secret was written over");
}

#[cfg(unix)]
#[test]
fn an_identity_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let id = folder.file("id");
    assert_eq!(run(&folder, &["id", "--identity", &id]).code, Some(0));
    fs::set_permissions(&id, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let words = ["has mode 0644", "`chmod 600 "];
    assert_refused(&folder, &["up", "--open", "--identity", &id], RUNNING, &words);
    assert_refused(&folder, &["id", "--identity", &id], RUNNING, &words);
}

#[test]
fn an_identity_that_is_in_use_is_not_used_again() {
    let folder = Folder::new();
    let id = folder.file("id");
    let mut node = Node::start(&folder, "tokio", &["--open", "--identity", &id]);
    let (name, _) = node.listening();
    let holder = format!("process {} uses the identity file", node.pid());
    assert_refused(&folder, &["up", "--open", "--identity", &id], RUNNING, &[&holder, "end it"]);
    assert_eq!(run(&folder, &["id", "--identity", &id]).stdout.trim(), name, "whose it is can be asked");
    node.quit();
}
