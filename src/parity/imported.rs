//! What archives, commands and logs hold, as records.

use super::print::Key;
use super::record::{Record, kept_route, pairs};
use crate::import::{Body, Exchange};

/// What is kept of a recorded request.
pub(super) fn recorded(exchange: &Exchange, key: &Key) -> Record {
    let mut record = Record {
        at_us: exchange.at_us,
        client: (exchange.client.as_ref()).map(|client| key.print(client.as_bytes())),
        connection: (exchange.connection.as_ref())
            .map(|connection| key.print(connection.as_bytes()).hash),
        method: exchange.method.clone(),
        route: kept_route(&exchange.path),
        query: (exchange.query.as_deref()).map_or_else(Vec::new, |query| pairs(query, '&', key)),
        body: match &exchange.body {
            Body::Unknown => None,
            Body::Absent => Some(key.print(b"")),
            Body::Size(bytes) => {
                let mut print = key.print(b"");
                print.bytes = *bytes;
                Some(print)
            }
            Body::Bytes(bytes) => Some(key.print(bytes)),
        },
        ..Record::default()
    };
    for header in &exchange.headers {
        let value = header.value.as_deref().map(str::as_bytes);
        record.add_header(&header.name, value, key);
    }
    record
}
