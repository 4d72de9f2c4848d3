//! What production sent, as one side of an audit: a sample of a tap, or recorded traffic of one origin.

use super::audit::{Connections, Side};
use super::imported::recorded;
use super::line::Recorded;
use super::print::Key;
use super::record::Record;
use crate::import::{self, Bodies, Headers, Holds, Sample, Times};

/// A sample of a tap, by its name.
pub fn tapped(name: String, read: Recorded) -> Side {
    let Recorded {
        records,
        beyond,
        is_cut,
        ..
    } = read;
    let knows = |is: fn(&Record) -> bool| records.iter().any(is);
    let arrivals = arrivals(&records);
    let mut notes = Vec::new();
    if beyond > 0 {
        notes.push(format!(
            "{name}: {beyond} requests behind these are not looked at"
        ));
    }
    if is_cut {
        notes.push(format!("{name}: its last line is cut off and left out"));
    }
    Side {
        name,
        holds: Holds {
            headers: Headers::AllBut(Vec::new()),
            order: true,
            body: Bodies::Sizes,
            time: match arrivals.is_empty() {
                true => Times::Absent,
                false => Times::Fine,
            },
            host: false,
            client: knows(|record| record.client.is_some()),
            connection: knows(|record| record.connection.is_some()),
            status: false,
        },
        arrivals,
        records,
        connections: Connections::Recorded,
        notes,
    }
}

/// Recorded traffic of one origin: that which is asked for, or the most frequent one. What was not read, and why, is in its notes.
///
/// # Errors
/// No request went to the origin that is asked for, or there is none at all.
pub fn imported(sample: &Sample, origin: Option<&str>, key: &Key) -> Result<Side, String> {
    let names = sample.sources.iter().map(|source| source.name.as_str());
    let mut name = names.collect::<Vec<_>>().join(", ");
    let holds = sample.sources.iter().map(|source| source.holds.clone());
    let holds = holds.reduce(Holds::both);
    let Some(holds) = holds.filter(|_| !sample.exchanges.is_empty()) else {
        return Err(format!("{name} holds no request"));
    };
    let origin = import::origin(sample, origin)?;
    let exchanges = sample.exchanges.iter();
    let exchanges = exchanges.filter(|of| import::is_of(of, origin.as_deref()));
    let records: Vec<Record> = exchanges.map(|exchange| recorded(exchange, key)).collect();
    let mut notes = sample.notes.clone();
    let others = sample.exchanges.len() - records.len();
    if others > 0 {
        notes.push(format!(
            "{others} requests went to other origins; choose with --origin"
        ));
    }
    for (why, count) in &sample.skipped {
        notes.push(format!("left out {count}: {}", why.words().1));
    }
    if let Some(origin) = origin {
        name = format!("{name}, {origin}");
    }
    Ok(Side {
        name,
        holds,
        arrivals: arrivals(&records),
        records,
        connections: Connections::Recorded,
        notes,
    })
}

/// When requests began, if that is known of all: others are in no order, and their number tells no rate.
fn arrivals(records: &[Record]) -> Vec<i64> {
    let times = records.iter().map(|record| record.at_us);
    times.collect::<Option<_>>().unwrap_or_default()
}
