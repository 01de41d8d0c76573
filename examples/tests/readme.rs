//! What the README says is so: the tests that it names, and the limits that it lists.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use mesh_proto::{Config, Limits, Window};

#[test]
fn every_test_that_the_readme_names_is_there() {
    let rows = table("## What is promised, and what shows it");
    assert!(rows.len() > 5, "the table is not found whole: {rows:?}");
    let missing: Vec<_> = rows.iter().filter(|row| !is_there(row)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

/// Whether a promise has a test of this name in this file.
fn is_there(row: &[String]) -> bool {
    let [_, test, file] = row else { return false };
    let file = file.split_once("](").and_then(|(_, path)| path.strip_suffix(')')).unwrap_or_default();
    let text = fs::read_to_string(workspace().join(file)).unwrap_or_default();
    let test = test.trim_matches('`');
    // The attribute stands right before it, or with others of its kind.
    let Some((before, _)) = text.split_once(&format!("fn {test}(")) else { return false };
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    attributes.contains("#[test]") || attributes.contains("#[tokio::test")
}

#[test]
fn the_limits_of_the_readme_are_the_defaults() {
    let rows = table("## Limits");
    let said: Vec<_> = rows.iter().map(|row| [row[0].trim_matches('`'), &row[1]]).collect();
    let Config { detect_within, handshake_within, dial_within, backoff_first, backoff_most, limits, .. } =
        Config::lan();
    let Limits {
        peers,
        links_per_peer,
        half_open,
        half_open_per_source,
        incoming_per_second,
        dials_in_flight,
        dials_per_second,
        message,
        record,
        window: Window { bytes, messages },
    } = limits;
    let so = [
        ("detect_within", time(detect_within)),
        ("handshake_within", time(handshake_within)),
        ("dial_within", time(dial_within)),
        ("backoff_first", time(backoff_first)),
        ("backoff_most", time(backoff_most)),
        ("peers", peers.to_string()),
        ("links_per_peer", links_per_peer.to_string()),
        ("half_open", half_open.to_string()),
        ("half_open_per_source", half_open_per_source.to_string()),
        ("incoming_per_second", incoming_per_second.to_string()),
        ("dials_in_flight", dials_in_flight.to_string()),
        ("dials_per_second", dials_per_second.to_string()),
        ("message", format!("{message} bytes")),
        ("record", format!("{record} bytes")),
        ("window", format!("{bytes} bytes, {messages} messages")),
    ];
    assert_eq!(said, so.each_ref().map(|(name, value)| [*name, value.as_str()]));
    let profiles = [Config::loopback(), Config::wan(), Config::battery()]
        .map(|profile| profile.detect_within.as_secs().to_string());
    assert_eq!(profiles, ["3", "30", "120"]);
}

/// The rows of the first table below a heading, without its head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("there is a README");
    let section = readme.split_once(&format!("{heading}\n")).expect("it has this heading").1;
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn time(span: Duration) -> String {
    if span.subsec_millis() == 0 {
        format!("{} s", span.as_secs())
    } else {
        format!("{} ms", span.as_millis())
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
