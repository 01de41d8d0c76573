//! The program at a terminal: one that the test holds the other end of.

use alloc::sync::Arc;
use core::time::Duration;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use crate::folder::Folder;
use crate::program::{MESH, with_arguments};

/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal, from the side of whoever sits at it.
struct Terminal {
    keyboard: File,
    /// The side of the programs.
    far: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn new(columns: u16, rows: u16) -> Self {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the system has one more terminal");
        grantpt(&near).and_then(|()| unlockpt(&near)).expect("it is ours");
        let name = ptsname(&near, Vec::new()).expect("it has a name");
        let path = OsStr::from_bytes(name.as_bytes());
        let far = OpenOptions::new().read(true).write(true).open(path).expect("it can be opened");
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&far, size).expect("it is a terminal");
        let keyboard = File::from(near);
        let mut screen = keyboard.try_clone().expect("there is room");
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let to = Arc::clone(&shown);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                to.lock().expect("nobody panics").extend_from_slice(&buffer[..length]);
            }
        });
        Self { keyboard, far, shown }
    }

    fn stdio(&self) -> Stdio {
        self.far.try_clone().expect("there is room").into()
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("it is open");
    }

    fn shows(&self, text: &str) -> bool {
        let shown = self.shown.lock().expect("nobody panics");
        shown.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let by = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < by, "{what} did not come");
        thread::sleep(Duration::from_millis(10));
    }
}

fn ended(child: &mut Child) -> ExitStatus {
    let mut status = None;
    until("the end", || {
        status = child.try_wait().expect("it was ours");
        status.is_some()
    });
    status.expect("it has ended")
}

#[test]
fn the_end_of_input_at_a_terminal_ends_a_node() {
    let folder = Folder::new();
    for runtime in crate::program::RUNTIMES {
        let mut terminal = Terminal::new(80, 24);
        let arguments = ["up", "--runtime", runtime, "--open", "--ephemeral", "--listen", "127.0.0.1:0"];
        let arguments = [&arguments[..], &["--discover", "off"]].concat();
        let mut child = with_arguments(Command::new(MESH), &folder, &arguments)
            .stdin(terminal.stdio())
            .stdout(terminal.stdio())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program can be started");
        until("a line", || terminal.shows("listens at 127.0.0.1"));
        // Control and D.
        terminal.press(&[4]);
        assert_eq!(ended(&mut child).code(), Some(0));
    }
}

#[test]
fn a_demo_is_drawn_until_q_and_leaves_the_terminal_as_it_was() {
    let folder = Folder::new();
    for (columns, rows) in [(80, 24), (160, 50), (20, 5)] {
        let mut terminal = Terminal::new(columns, rows);
        let before = format!("{:?}", tcgetattr(&terminal.far).expect("it is a terminal"));
        let mut child = with_arguments(Command::new(MESH), &folder, &["demo", "--forever", "--seed", "7"])
            .env("TERM", "xterm")
            .stdin(terminal.stdio())
            .stdout(terminal.stdio())
            .stderr(terminal.stdio())
            .spawn()
            .expect("the program can be started");
        until("the picture", || terminal.shows("\u{1b}[?1049h") && (columns < 80 || terminal.shows("tokio")));
        let during = format!("{:?}", tcgetattr(&terminal.far).expect("it is a terminal"));
        assert_ne!(before, during, "keys are read one by one");
        terminal.press(b"q");
        assert_eq!(ended(&mut child).code(), Some(0));
        until("the summary", || terminal.shows("out of order"));
        for restored in ["\u{1b}[?1049l", "\u{1b}[?25h"] {
            assert!(terminal.shows(restored), "{restored:?} is missing");
        }
        assert_eq!(format!("{:?}", tcgetattr(&terminal.far).expect("it is a terminal")), before);
    }
}
