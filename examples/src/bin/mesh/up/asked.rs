//! What the node is asked to do, typed or as JSON lines.

use serde::Deserialize;

use super::line::Form;

/// To everybody.
pub(super) const ALL: &str = "*";

/// One line of input. Ids may be shortened as long as they fit one peer alone. Those with nothing to say have braces so that
/// a line with something more is not taken for them.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Asked {
    /// Send this.
    Send {
        /// An id, or [`ALL`].
        to: String,
        text: String,
        /// Comes back with what became of it.
        #[serde(default)]
        token: Option<String>,
    },
    /// Tell of every peer.
    Peers {},
    /// Say why this peer is as it is.
    Explain { peer: String },
    /// Keep a session with whoever is there.
    Dial { addr: String },
    /// Keep it no more, and end it.
    Forget { peer: String },
    /// Look around: the node may have been away.
    Wake {},
    /// Tell the counts.
    Stats {},
    /// Leave.
    Quit {},
}

impl Asked {
    /// Reads a line; `None` for an empty one.
    pub(super) fn read(line: &str, form: Form) -> Option<Result<Self, String>> {
        let line = line.trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() {
            return None;
        }
        Some(match form {
            Form::Json => serde_json::from_str(line).map_err(|error| {
                format!("this is no line that can be done: {error}; an example is {{\"do\":\"peers\"}}")
            }),
            Form::People => typed(line),
        })
    }
}

const COMMANDS: &str = "/peers, /explain ID, /send ID TEXT, /dial ADDR, /forget ID, /wake, /stats, /quit; all else is sent to all";

fn typed(line: &str) -> Result<Asked, String> {
    let Some(command) = line.strip_prefix('/') else {
        return Ok(Asked::Send { to: ALL.to_owned(), text: line.to_owned(), token: None });
    };
    let (name, rest) = command.split_once(' ').map_or((command, ""), |(name, rest)| (name, rest.trim()));
    let missing = |what: &str| Err(format!("`/{name}` needs {what}; there are {COMMANDS}"));
    let nothing = |asked: Asked| {
        if rest.is_empty() {
            Ok(asked)
        } else {
            Err(format!("`/{name}` takes nothing; there are {COMMANDS}"))
        }
    };
    match (name, rest) {
        ("peers", _) => nothing(Asked::Peers {}),
        ("wake", _) => nothing(Asked::Wake {}),
        ("stats", _) => nothing(Asked::Stats {}),
        ("quit", _) => nothing(Asked::Quit {}),
        ("explain" | "forget", "") => missing("an id"),
        ("explain", peer) => Ok(Asked::Explain { peer: peer.to_owned() }),
        ("forget", peer) => Ok(Asked::Forget { peer: peer.to_owned() }),
        ("dial", "") => missing("an address"),
        ("dial", addr) => Ok(Asked::Dial { addr: addr.to_owned() }),
        ("send", rest) => match rest.split_once(' ') {
            Some((to, text)) => {
                Ok(Asked::Send { to: to.to_owned(), text: text.trim().to_owned(), token: None })
            }
            None => missing("an id and a text"),
        },
        _ => Err(format!("`/{name}` is not known; there are {COMMANDS}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read() {
        let send =
            |to: &str, text: &str| Asked::Send { to: to.to_owned(), text: text.to_owned(), token: None };
        for (line, asked) in [
            ("hello  there\n", send("*", "hello  there")),
            ("/send abc hello there", send("abc", "hello there")),
            ("/peers\r\n", Asked::Peers {}),
            ("/explain abc", Asked::Explain { peer: "abc".to_owned() }),
            ("/dial 127.0.0.1:7", Asked::Dial { addr: "127.0.0.1:7".to_owned() }),
            ("/forget abc", Asked::Forget { peer: "abc".to_owned() }),
            ("/wake", Asked::Wake {}),
            ("/stats", Asked::Stats {}),
            ("/quit", Asked::Quit {}),
        ] {
            assert_eq!(Asked::read(line, Form::People), Some(Ok(asked)));
        }
        assert_eq!(Asked::read("  \n", Form::People), None);
        for line in ["/quit now", "/send abc", "/explain", "/dial", "/forget", "/fly"] {
            let error = Asked::read(line, Form::People).expect("a line").expect_err("not understood");
            assert!(error.contains("; there are /peers, "), "{error}");
        }
    }

    #[test]
    fn json_lines_are_read() {
        let sent = Asked::read(r#"{"do":"send","to":"*","text":"hi","token":"t1"}"#, Form::Json);
        let token = Some("t1".to_owned());
        assert_eq!(sent, Some(Ok(Asked::Send { to: "*".to_owned(), text: "hi".to_owned(), token })));
        assert_eq!(Asked::read(r#"{"do":"quit"}"#, Form::Json), Some(Ok(Asked::Quit {})));
        for line in
            ["hello", "{}", r#"{"do":"fly"}"#, r#"{"do":"send","to":"*"}"#, r#"{"do":"explain","id":"x"}"#]
        {
            let error = Asked::read(line, Form::Json).expect("a line").expect_err("not understood");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
