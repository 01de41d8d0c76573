//! The rules of the house: what every source and page of the workspace keeps to, whoever writes it.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the machine that is longer holds two ideas.
const LONGEST_FILE: usize = 800;

#[test]
fn every_crate_inherits_the_lints() {
    let root = workspace();
    let members = members(&read(&root.join("Cargo.toml")));
    assert!(
        members.iter().any(|member| member == "mesh-proto"),
        "found no members of the workspace: {members:?}"
    );
    let offenders: Vec<_> = members
        .into_iter()
        .filter(|member| !inherits_lints(&read(&root.join(member).join("Cargo.toml"))))
        .collect();
    assert_none(&offenders, "crates without `workspace = true` under `[lints]`");
}

#[test]
fn the_machine_is_no_std_and_safe() {
    let lib = read(&machine().join("src/lib.rs"));
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        assert!(
            lib.lines().any(|line| line.trim_end() == attribute),
            "mesh-proto/src/lib.rs lacks {attribute}"
        );
    }
}

#[test]
fn nothing_is_left_for_later_and_no_test_is_switched_off() {
    // Put together here, so that this file does not hold the words it looks for.
    let words = [["TO", "DO"], ["FIX", "ME"], ["todo", "!"], ["unimplemented", "!"], ["dbg", "!"]]
        .map(|halves| halves.concat());
    let offenders = lines_that(&sources(), |line| words.iter().any(|word| line.contains(word.as_str())));
    assert_none(&offenders, "lines with one of the words that stay out of the sources");
    let offenders: Vec<_> = sources()
        .iter()
        .flat_map(|path| {
            switched_off(&read(path)).into_iter().map(move |test| format!("{}: {test}", name(path)))
        })
        .collect();
    assert_none(&offenders, "tests that are ignored though no other test of their file runs them");
}

#[test]
fn every_file_of_the_machine_is_short_enough_to_read() {
    let sources = files(&machine().join("src"), "rs");
    assert!(!sources.is_empty(), "found no sources of the machine");
    let offenders: Vec<_> = sources
        .iter()
        .map(|path| (name(path), read(path).lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(name, lines)| format!("{name}: {lines} lines"))
        .collect();
    assert_none(&offenders, &format!("files of more than {LONGEST_FILE} lines"));
}

#[test]
fn every_relative_link_in_a_page_resolves() {
    let pages = files(&workspace(), "md");
    assert!(!pages.is_empty(), "found no pages");
    let mut offenders = Vec::new();
    for page in &pages {
        let text = read(page);
        let folder = page.parent().expect("a file stands in a folder");
        for target in relative_links(&text) {
            if !folder.join(&target).exists() {
                offenders.push(format!("{}: {target}", name(page)));
            }
        }
    }
    assert_none(&offenders, "links that lead nowhere");
}

// What the rules above are made of, and its own tests.

fn assert_none(offenders: &[String], what: &str) {
    assert!(offenders.is_empty(), "{what}:\n  {}", offenders.join("\n  "));
}

fn machine() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn workspace() -> PathBuf {
    machine().parent().expect("the machine's crate stands in the workspace").to_path_buf()
}

/// How a file is called in a message: its path from the workspace on.
fn name(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", name(path)))
}

fn sources() -> Vec<PathBuf> {
    let sources = files(&workspace(), "rs");
    assert!(sources.iter().any(|path| path.ends_with("mesh-proto/src/lib.rs")), "found no sources");
    sources
}

/// The files below a folder whose name ends so, in order; not what was built, nor what is hidden.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", name(folder)));
    for entry in entries {
        let entry = entry.expect("a folder that opened can be listed");
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type().expect("a file that was listed has a kind");
        if kind.is_dir() && !hidden && !is_build_output(&path) {
            found.extend(files(&path, extension));
        } else if kind.is_file() && path.extension().is_some_and(|ending| ending == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Cargo marks the folders that it builds into.
fn is_build_output(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "target") || folder.join("CACHEDIR.TAG").exists()
}

fn lines_that(files: &[PathBuf], offends: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in files {
        for (number, line) in read(path).lines().enumerate() {
            if offends(line) {
                found.push(format!("{}:{}: {}", name(path), number + 1, line.trim()));
            }
        }
    }
    found
}

/// The members that a workspace's manifest lists.
fn members(manifest: &str) -> Vec<String> {
    let list = manifest.split_once("\nmembers = [").and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.expect("the workspace's manifest lists its members");
    list.split(',')
        .map(|item| item.trim().trim_matches('"'))
        .filter(|item| !item.is_empty())
        .map(Into::into)
        .collect()
}

fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true")
}

/// The tests of a source that are ignored and that nothing runs. A test may be ignored if it needs a process of its own:
/// then its reason is 'run by' and the name of another test of the file, which is not ignored and names it.
fn switched_off(source: &str) -> Vec<String> {
    let ignore = ["#[", "ignore"].concat();
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(&ignore)) {
        let ignored = lines[number..].iter().find_map(|line| function(line)).unwrap_or("no test");
        let reason = line.split_once(" = \"run by ").and_then(|(_, rest)| rest.strip_suffix("\"]"));
        let runs = |by: &str| {
            let at = lines.iter().position(|line| function(line) == Some(by))?;
            let is_run = lines[..at].last() == Some(&"#[test]");
            let body = lines[at + 1..].iter().take_while(|line| !line.starts_with("#["));
            let names = |line: &&str| {
                line.split('"').skip(1).step_by(2).any(|text| text.rsplit("::").next() == Some(ignored))
            };
            (is_run && body.into_iter().any(names)).then_some(())
        };
        if reason.and_then(runs).is_none() {
            found.push(ignored.to_owned());
        }
    }
    found
}

/// The name of the function that begins in this line.
fn function(line: &str) -> Option<&str> {
    line.strip_prefix("fn ")?.split_once('(').map(|(name, _)| name)
}

/// The targets of a page's links that lead to a file beside it: inline ones and references, outside of code,
/// without the part that names a heading.
fn relative_links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            // Every second part between backticks is code.
            let text: String = line.split('`').step_by(2).collect();
            found.extend(
                text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()).map(String::from),
            );
            found.extend(reference(&text).map(String::from));
        }
    }
    found.retain_mut(|target| {
        if let Some(heading) = target.find('#') {
            target.truncate(heading);
        }
        !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:")
    });
    found
}

/// The target of a line like `[label]: target`.
fn reference(line: &str) -> Option<&str> {
    let (_, target) = line.strip_prefix('[')?.split_once("]: ")?;
    target.split_whitespace().next()
}

#[test]
fn links_are_found() {
    let page = "\
[a](A.md) and [b](b/B.md#heading), ![c](c.png \"title\") `[d](D.md)` [`e`](E.md)
[out](https://example.org/x.md) [mail](mailto:a@example.org) [here](#heading)
```
[f](F.md)
```
[g]: G.md
[h]: https://example.org
";
    assert_eq!(relative_links(page), ["A.md", "b/B.md", "c.png", "E.md", "G.md"]);
}

#[test]
fn members_are_found() {
    let expected = ["one", "two"];
    assert_eq!(members("[workspace]\nmembers = [\"one\", \"two\"]\n"), expected);
    assert_eq!(members("[workspace]\nmembers = [\n  \"one\",\n  \"two\",\n]\n"), expected);
}

#[test]
fn inherited_lints_are_told_from_others() {
    assert!(inherits_lints("[package]\n\n[lints]\nworkspace = true\n"));
    assert!(!inherits_lints("[package]\nname = \"one\"\n"));
    assert!(!inherits_lints("[lints]\nrust.unsafe_code = \"allow\"\n\n[other]\nworkspace = true\n"));
}

#[test]
fn a_test_that_nothing_runs_is_found() {
    let ignore = ["#[", "ignore"].concat();
    let page = |reason: &str, mark: &str, body: &str| {
        format!("#[test]\n{ignore}{reason}]\nfn one() {{}}\n\n{mark}\nfn two() {{\n    {body}\n}}\n")
    };
    let runs = "rerun(\"tests::one\");";
    assert_eq!(switched_off(&page(" = \"run by two\"", "#[test]", runs)), [""; 0]);
    for (reason, mark, body) in [
        ("", "#[test]", runs),
        (" = \"slow\"", "#[test]", runs),
        (" = \"run by three\"", "#[test]", runs),
        (" = \"run by two\"", "", runs),
        (" = \"run by two\"", &format!("#[test]\n{ignore} = \"run by one\"]"), runs),
        (" = \"run by two\"", "#[test]", "rerun(\"tests::another\");"),
    ] {
        assert!(
            switched_off(&page(reason, mark, body)).contains(&"one".to_owned()),
            "{reason} {mark} {body}"
        );
    }
}
