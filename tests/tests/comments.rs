//! Comments and documents: what they cite is in this repository, their tables are whole, and
//! comments are no wider than 100 columns.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

use std::collections::BTreeSet;

use stephttp_tests::sources::{files, is_compared, read, root};

const PROTOCOL: &str = "docs/protocol.md";

const COLUMNS: usize = 100;

/// A file's text in one line, without what begins comments: a citation can go on in the next line.
fn in_one_line(file: &str) -> String {
    let words = |line: &str| line.trim().trim_start_matches('/').trim_start_matches('!').trim().to_owned();
    read(file).lines().map(words).collect::<Vec<_>>().join(" ")
}

/// The numbers at the beginning of a text: `2.1, 2.2 and 3.`
fn numbers(mut text: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    loop {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let number = text[..end].trim_end_matches('.');
        if number.is_empty() {
            return numbers;
        }
        numbers.push(number.to_owned());
        text = &text[number.len()..];
        match text.strip_prefix(", ").or_else(|| text.strip_prefix(" and ")) {
            Some(rest) => text = rest,
            None => return numbers,
        }
    }
}

/// The sections of the protocol's page, by their numbers.
fn sections() -> BTreeSet<String> {
    let page = read(PROTOCOL);
    let headings = page.lines().filter(|line| line.starts_with("##"));
    headings.map(|line| line.trim_start_matches('#').trim()).flat_map(numbers).collect()
}

/// Files and what they cite; `None` for the page as a whole.
fn citations() -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for file in files(&[".rs", ".md", ".toml"]) {
        let text = in_one_line(&file);
        for (place, _) in text.match_indices(PROTOCOL) {
            let rest = &text[place + PROTOCOL.len()..];
            let cited = rest.strip_prefix(' ').map(numbers).unwrap_or_default();
            if cited.is_empty() {
                found.push((file.clone(), None));
            }
            found.extend(cited.into_iter().map(|number| (file.clone(), Some(number))));
        }
    }
    found
}

/// Lines that say they are a table's, and are none: what Markdown makes of those is a paragraph.
fn broken_tables(file: &str) -> Vec<String> {
    let is_code = file.ends_with(".rs");
    let text = read(file);
    let lines = text.lines().map(|line| {
        let line = line.trim_start();
        let comment = ["/// ", "//! "].iter().find_map(|begin| line.strip_prefix(begin));
        if is_code { comment.unwrap_or_default() } else { line }
    });
    let lines: Vec<&str> = lines.collect();
    let is_row = |line: &str| line.len() > 2 && line.starts_with('|') && line.ends_with('|');
    let is_rule =
        |line: &str| is_row(line) && line.chars().all(|c| "|-: ".contains(c)) && line.contains("---");
    let begins = |n: &usize| is_row(lines[*n]) && (*n == 0 || !is_row(lines[n - 1]));
    let broken =
        (0..lines.len()).filter(begins).filter(|n| !lines.get(n + 1).is_some_and(|next| is_rule(next)));
    broken.map(|n| format!("{file}:{}: {}", n + 1, lines[n])).collect()
}

#[test]
fn tables_are_whole() {
    let broken: Vec<_> = files(&[".rs", ".md"]).iter().flat_map(|file| broken_tables(file)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn numbers_are_read_from_the_beginning() {
    assert_eq!(numbers("2.1, 2.2 and 10. And 7"), ["2.1", "2.2", "10"]);
    assert_eq!(numbers("6.3) and 7"), ["6.3"]);
    assert!(numbers("has it").is_empty());
}

#[test]
fn every_section_that_is_cited_exists() {
    let (sections, citations) = (sections(), citations());
    let in_code = citations.iter().filter(|(file, cited)| file.ends_with(".rs") && cited.is_some());
    assert!(in_code.count() > 50, "citations are not found any more");
    let unknown: Vec<_> = citations
        .iter()
        .filter(|(_, cited)| cited.as_ref().is_some_and(|number| !sections.contains(number)))
        .collect();
    assert!(unknown.is_empty(), "there is no such section in {PROTOCOL}: {unknown:#?}");
}

#[test]
fn what_is_cited_is_in_the_repository() {
    let mut missing = Vec::new();
    for file in files(&[".rs", ".md", ".toml"]).iter().filter(|file| *file != "tests/tests/comments.rs") {
        let text = in_one_line(file);
        // Pages and folders that people have worked with who wrote this, and that others do not
        // have.
        for elsewhere in ["PROTOCOL", "DESIGN", "experiments/"] {
            let is_word = |place: usize| !text[..place].ends_with(['_', '/']);
            missing.extend(
                text.match_indices(elsewhere)
                    .filter(|(place, _)| is_word(*place))
                    .map(|(_, name)| format!("{file}: {name}")),
            );
        }
        for folder in ["recordings/", "docs/"] {
            for (place, _) in text.match_indices(folder) {
                let rest = &text[place..];
                let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
                let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
                let name = name.trim_end_matches('.');
                let is_file = name.ends_with(".json") || name.ends_with(".md");
                let places = ["", "tests/tests/it/", "stephttp-dev/tests/it/"];
                if is_file && !places.iter().any(|place| root().join(place).join(name).exists()) {
                    missing.push(format!("{file}: {name}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "cited, and not in the repository: {missing:#?}");
}

#[test]
fn the_files_that_rely_on_a_section_are_there() {
    let (page, sections) = (read(PROTOCOL), sections());
    let known = files(&[".rs", ".md"]);
    // What is not of these two crates is named by its whole path.
    let is_there = |krate: &str, name: &str| {
        let ends = [format!("/{name}.rs"), format!("/{name}/mod.rs"), format!("/{name}.md")];
        let is_it = |file: &String| ends.iter().any(|end| format!("/{file}").ends_with(end));
        known.iter().any(|file| (file.starts_with(krate) || name.contains("/src/")) && is_it(file))
    };
    let (_, table) = page.split_once("\n| Section | `stephttp` | `stephttp-dev` |\n").unwrap();
    let mut rows = 0;
    let mut missing = Vec::new();
    for row in table.lines().skip(1).take_while(|line| line.starts_with('|')) {
        rows += 1;
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        missing.extend(numbers(columns[1]).into_iter().filter(|number| !sections.contains(number)));
        for (krate, files) in [("stephttp/", columns[2]), ("stephttp-dev/", columns[3])] {
            let names = files.split('`').skip(1).step_by(2);
            missing.extend(names.filter(|name| !is_there(krate, name)).map(|name| format!("{krate}{name}")));
        }
    }
    assert!(rows > 20, "the table is not found any more");
    assert!(missing.is_empty(), "named in {PROTOCOL}, and not there: {missing:#?}");
}

/// Whether a line is a comment that could be wrapped. Tables cannot, nor can what has no space.
fn could_be_wrapped(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("//") else { return false };
    let text = comment.trim_start_matches(['/', '!']).trim();
    let bare = text.trim_start_matches(['-', '*', '+']).trim_start();
    !text.starts_with(['|', '#']) && bare.contains(' ')
}

#[test]
fn comments_are_no_wider_than_100_columns() {
    let mut wide = Vec::new();
    for file in files(&[".rs"]).iter().filter(|file| !is_compared(file)) {
        let mut in_code = false;
        for (line, number) in read(file).lines().zip(1..) {
            let text = line.trim_start();
            if !text.starts_with("//") {
                in_code = false;
            } else if text.trim_start_matches(['/', '!', ' ']).starts_with("```") {
                in_code = !in_code;
            } else if !in_code && line.chars().count() > COLUMNS && could_be_wrapped(line) {
                wide.push(format!("{file}:{number}"));
            }
        }
    }
    assert!(wide.is_empty(), "{} comments are wider than {COLUMNS} columns: {wide:#?}", wide.len());
}
