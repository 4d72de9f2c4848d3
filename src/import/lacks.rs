//! What a source cannot hold, in words: what is missing there may well be in production. Pure.

use super::sample::{Bodies, Headers, Holds, Times};

/// A sentence for each thing that a source cannot hold.
pub fn lacks(holds: &Holds) -> Vec<String> {
    let mut lacks = Vec::new();
    match &holds.headers {
        Headers::Only(names) if names.is_empty() => {
            lacks.push("request headers: it records none".to_owned())
        }
        Headers::Only(names) => lacks.push(format!(
            "request headers but {}: what else production sends is unknown",
            names.join(", ")
        )),
        Headers::AllBut(names) if names.is_empty() => {}
        Headers::AllBut(names) => lacks.push(format!(
            "the headers {}: its producer drops or hides them",
            names.join(", ")
        )),
    }
    let has_headers = !matches!(&holds.headers, Headers::Only(names) if names.is_empty());
    if !holds.order && has_headers {
        lacks.push("the order of headers".to_owned());
    }
    match holds.body {
        Bodies::Whole => {}
        Bodies::Sizes => lacks.push(
            "request bodies: their sizes alone, or bytes that an export may have damaged"
                .to_owned(),
        ),
        Bodies::Nothing => lacks.push("request bodies, and how long they were".to_owned()),
    }
    match holds.time {
        Times::Fine => {}
        Times::Seconds => {
            lacks.push("arrivals within a second: its times are whole seconds".to_owned())
        }
        Times::Absent => {
            lacks.push("times: neither the rate nor the pattern of arrivals".to_owned())
        }
    }
    if !holds.host {
        lacks.push("the host that was asked for".to_owned());
    }
    if !holds.client {
        lacks.push("clients: who sent which request".to_owned());
    }
    if !holds.connection {
        lacks.push("connections: how many requests each carried".to_owned());
    }
    if !holds.status {
        lacks.push("answers: their status".to_owned());
    }
    lacks
}

/// What makes a log hold more, for those that hold little.
pub fn remedy(holds: &Holds) -> Option<&'static str> {
    matches!(&holds.headers, Headers::Only(_)).then_some(
        "a log holds what its format names. nginx: log_format parity '$remote_addr [$time_iso8601] \"$request\" $status $body_bytes_sent $msec $request_time $connection $connection_requests $request_length \"$http_host\" \"$http_user_agent\" \"$http_x_device_id\"'; with a $http_NAME for each header that matters. Read it with --log-format and the same line",
    )
}
