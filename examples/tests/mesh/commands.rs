//! The commands that end by themselves.

use std::fs;

use serde_json::Value;

use crate::folder::Folder;
use crate::program::{RUNTIMES, parse, run};

#[test]
fn an_id_is_made_once_in_the_folder_of_the_user() {
    let folder = Folder::new();
    let first = run(&folder, &["id"]);
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""));
    assert!(first.stdout.starts_with("meshnode1"), "{}", first.stdout);
    assert_eq!(run(&folder, &["id"]).stdout, first.stdout);
    if cfg!(all(unix, not(target_os = "macos"))) {
        assert!(folder.path().join("mesh/identity").is_file());
    }
    assert_ne!(run(&folder, &["id", "--identity", &folder.file("other")]).stdout, first.stdout);
}

#[cfg(unix)]
#[test]
fn a_secret_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let file = folder.file("secret");
    let made = run(&folder, &["secret", "new", &file]);
    assert_eq!((made.code, made.stdout.as_str(), made.stderr.as_str()), (Some(0), "", ""));
    let mode = fs::metadata(&file).expect("it was made").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&file).expect("it was made");
    assert!(text.starts_with("meshsecret1") && text.ends_with('\n'));
}

#[test]
fn a_swarm_talks() {
    let folder = Folder::new();
    for runtime in RUNTIMES {
        let arguments = ["swarm", "6", "--seconds", "1", "--rate", "20", "--json", "--runtime", runtime];
        let ended = run(&folder, &arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
        let lines: Vec<Value> =
            ended.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
        let (summary, before) = lines.split_last().expect("it says something");
        assert!(before.iter().all(|line| line["event"] == "connecting" && line["of"] == 15), "{before:?}");
        assert_eq!(before.last().map(|line| &line["sessions"]), Some(&Value::from(15)));
        assert_eq!((&summary["event"], &summary["nodes"]), (&Value::from("summary"), &Value::from(6)));
        assert_eq!(summary["sent"], summary["received"]);
        assert!(summary["sent"].as_u64().is_some_and(|sent| sent > 0), "{summary}");
        assert_eq!(summary["misplaced"], 0);
    }
    let few = run(&folder, &["swarm", "4", "--seconds", "0", "--neighbours", "1"]);
    assert_eq!(few.code, Some(0), "{}", few.stderr);
    assert!(few.stdout.starts_with("4 sessions\n4 nodes with 4 sessions"), "{}", few.stdout);
}

#[test]
fn a_demo_loses_nothing_and_ends_with_its_summary() {
    let folder = Folder::new();
    let ended = run(&folder, &["demo", "--json", "--seconds", "8", "--seed", "7"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let lines: Vec<Value> = ended.stdout.lines().map(parse).collect();
    let (summary, before) = lines.split_last().expect("it says something");
    assert!(before.iter().all(|line| line["t"].is_number() && line["event"].is_string()), "{before:?}");
    let number = |name: &str| summary[name].as_u64().expect(name);
    assert_eq!((&summary["event"], number("sessions")), (&Value::from("summary"), 3));
    assert!(number("sent") > 0, "{summary}");
    assert_eq!((number("lost"), number("doubled"), number("reordered")), (0, 0, 0), "{summary}");
    let recoveries = summary["recoveries"].as_array().expect("a list");
    assert!(recoveries.iter().all(|one| one["fault"].is_string() && one["ms"].is_u64()), "{summary}");
    assert!(recoveries.iter().any(|one| one["fault"] == "cut"), "{summary}");
}

#[test]
fn a_bench_has_its_rows_beside_raw_tcp() {
    let folder = Folder::new();
    for runtime in RUNTIMES {
        let ended = run(&folder, &["bench", "--quick", "--json", "--runtime", runtime]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
        let rows: Vec<Value> = ended.stdout.lines().map(parse).collect();
        for row in &rows {
            assert_eq!((&row["event"], &row["runtime"]), (&Value::from("row"), &Value::from(runtime)));
        }
        for what in [
            "round-trip-64-p50",
            "round-trip-64-p99",
            "message-64",
            "message-1k",
            "message-64k",
            "connect-p50",
        ] {
            let row = rows.iter().find(|row| row["what"] == what).expect(what);
            let number = |name: &str| row[name].as_f64().filter(|number| *number > 0.0).expect(name);
            let (ours, raw, ratio) = (number("ours"), number("raw"), number("ratio"));
            assert!((ours / raw / ratio - 1.0).abs() < 0.01, "{row}");
        }
    }
}

#[test]
fn completions_know_the_options() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(&folder, &["completions", shell]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.contains("detect-within"), "{shell}");
    }
}

#[test]
fn help_has_an_example_for_each_command() {
    let folder = Folder::new();
    let help = run(&folder, &["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    let (listed, examples) = help.stdout.split_once("Examples:").expect("there are examples");
    let (_, listed) = listed.split_once("Commands:\n").expect("there are commands");
    let commands =
        listed.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    for command in commands {
        assert!(examples.contains(&format!("\n  mesh {command}")), "{command}");
    }
    assert!(run(&folder, &["--version"]).stdout.starts_with("mesh "));
}
