//! What requests of a scenario mean on the wire: expectations, values that devices are given, feeds, and bytes that do not
//! depend on who sends them.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

mod answers;
mod bytes;
mod encoded;
mod sessions;

#[path = "../support/drive.rs"]
pub mod drive;
#[path = "../support/scripted.rs"]
pub mod scripted;

use std::collections::BTreeMap;

use drive::Report;
use scripted::{Asked, say};
use telemload::metrics::ErrorKind;

/// A handshake that is sent when it is needed, and what needs it; four devices.
pub(crate) const SESSION: &str = r#"
[[request]]
name = "login"
fleet = "vans"
weight = 0
method = "POST"
path = "/login"
headers = { X-Device-Id = "{{device.id}}" }
extract = { token = "json:/token" }
[[request]]
name = "telemetry"
fleet = "vans"
path = "/telemetry"
headers = { X-Device-Id = "{{device.id}}", Authorization = "Bearer {{token}}" }
[fleet.vans]
devices = 4
"#;

pub(crate) fn closed(requests: usize, connections: usize, workers: usize) -> String {
    format!(
        "model = \"closed\"\nrequests = {requests}\nconnections = {connections}\nworkers = {workers}\ntimeout = \"10s\""
    )
}

pub(crate) fn token(id: &str) -> Vec<u8> {
    say("200 OK", "", format!("{{\"token\":\"secret-of-{id}\"}}"))
}

/// Gives each device its token, and lets nobody in without it.
pub(crate) fn gatekeeper(asked: &Asked) -> Vec<u8> {
    let id = asked.header("X-Device-Id");
    if asked.path == "/login" {
        token(id)
    } else if asked.path == "/free"
        || asked.header("Authorization") == format!("Bearer secret-of-{id}")
    {
        say("200 OK", "", "ok")
    } else {
        say("401 No", "", format!("who is {id}?"))
    }
}

pub(crate) fn errors(report: &Report) -> BTreeMap<ErrorKind, u64> {
    report.errors().into_iter().collect()
}
