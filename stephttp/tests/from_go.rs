//! The page that maps Go's package names all of it, and has a line of code for each name.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../src/from_go.md");

/// What Go's package `stephttp` exports, at the version of docs/protocol.md 11, from its source.
const EXPORTED: &str = "
    Setup SetupOpts SetupOpts.Domain SetupOpts.Optional OptionalSetupOpts OptionalSetupOpts.TrackAllEndpoints
    OptionalSetupOpts.DefaultAsyncResponse OptionalSetupOpts.SigningKey OptionalSetupOpts.SigningKeyFallback
    OptionalSetupOpts.BaseURL OptionalSetupOpts.Middleware Provider Provider.ServeHTTP Provider.Middleware
    Provider.Wait FnOpts FnOpts.ID FnOpts.OmitRequestBody FnOpts.OmitResponseBody FnOpts.AsyncResponse Configure
    UpdateOmitResponseBody AsyncResponse AsyncResponseRedirect AsyncResponseRedirect.URL AsyncResponseToken
    AsyncResponseCustom APIClient NewAPIClient APIClient.CheckpointNewRun APIClient.CheckpointSteps
    APIClient.CheckpointResponse APIClient.GetSteps CheckpointNewRunRequest CheckpointNewRunRequest.RunID
    CheckpointNewRunRequest.Idempotency CheckpointNewRunRequest.Event CheckpointNewRunRequest.Steps NewAPIRunData
    NewAPIRunData.Domain NewAPIRunData.Method NewAPIRunData.Path NewAPIRunData.Fn NewAPIRunData.IP
    NewAPIRunData.ContentType NewAPIRunData.QueryParams NewAPIRunData.Body CheckpointRun CheckpointRun.FnID
    CheckpointRun.AppID CheckpointRun.RunID CheckpointRun.Token CheckpointRun.Stack CheckpointRun.Signature
    CheckpointRun.Attempt APIResult APIResult.Status APIResult.Headers APIResult.Body APIResult.Duration
    APIResult.Error";

/// Names in a list; one that begins with a dot goes on from the last that did not.
fn names<'a>(list: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut owner = "";
    list.map(|name| match name.strip_prefix('.') {
        Some(field) => format!("{owner}.{field}"),
        None => {
            owner = name
                .split_once('.')
                .filter(|(first, _)| first.starts_with(char::is_uppercase))
                .map_or(name, |(first, _)| first);
            name.to_owned()
        }
    })
    .collect()
}

/// The names of each row, and whether there is something in Rust for them.
fn rows() -> Vec<(String, bool)> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let list = cells[1].split(", ").map(|name| name.trim_matches('`'));
        names(list).into_iter().map(|name| (name, cells[2] != "none")).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn every_exported_item_has_a_row() {
    let rows: BTreeSet<String> = rows().into_iter().map(|(name, _)| name).collect();
    let missing: Vec<&str> = EXPORTED.split_whitespace().filter(|name| !rows.contains(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_row_has_a_line_of_code() {
    let comments = PAGE.lines().filter_map(|line| line.split_once("// ")).map(|(_, names)| names);
    let compiled: BTreeSet<String> = comments.flat_map(|comment| names(comment.split(", "))).collect();
    let rows = rows();
    assert!(rows.len() > 80, "{}", rows.len());
    let missing: Vec<&String> = rows
        .iter()
        .filter(|(name, exists)| *exists && !compiled.contains(name))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}
