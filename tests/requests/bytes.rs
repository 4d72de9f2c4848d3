//! The bytes of request n are the same whoever sends it.

use std::collections::BTreeSet;

use crate::closed;
use crate::drive::run;
use crate::scripted::{Asked, Scripted, say};

#[test]
fn request_n_has_the_same_bytes_whoever_sends_it_and_whatever_was_sent_before() {
    // Patched, of fixed length but not patched, of no fixed length, and without any value.
    let mix = r#"
[[request]]
name = "patched"
fleet = "vans"
weight = 3
path = "/p/{{uuid}}"
headers = { Host = "target", X-Device-Id = "{{device.id}}", Authorization = 'Basic {{base64 device.id ":" device.secret}}' }
body = '{"a":{{int 100 999}},"b":"{{choice on of}}"}'
[[request]]
name = "seq"
weight = 2
path = "/s/{{seq}}"
headers = { Host = "target" }
body = '{{uuid}}'
[[request]]
name = "free"
weight = 2
path = "/f"
headers = { Host = "target" }
body = '{{int 0 100000}}'
[[request]]
name = "fixed"
path = "/x"
headers = { Host = "target" }
[fleet.vans]
devices = 5
"#;
    let mut first: Option<BTreeSet<Asked>> = None;
    for (connections, workers) in [(1, 1), (8, 1), (6, 3)] {
        let server = Scripted::start(|_| say("200 OK", "", ""));
        let report = run(server.addr, &closed(300, connections, workers), mix);
        assert_eq!(report.total.ok, 300, "{report:?}");
        let mut asked = server.asked();
        asked.retain(|asked| asked.path != "/x");
        let asked: BTreeSet<Asked> = asked.into_iter().collect();
        assert!(asked.len() > 240);
        let first = first.get_or_insert_with(|| asked.clone());
        assert!(
            *first == asked,
            "{connections} connections, {workers} workers"
        );
    }
}

#[test]
fn a_feed_gives_each_request_one_row() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trips.csv");
    std::fs::write(
        &file,
        "vin,note\nA1,\"first, of three\"\nB22,\nC333,\"\"\"q\"\"\"\n",
    )
    .unwrap();
    for order in ["round-robin", "random"] {
        let requests = format!(
            "[[request]]\nname = \"r\"\npath = \"/{{{{trips.vin}}}}\"\nbody = '{{{{seq}}}} {{{{trips.note}}}}'\n[feed.trips]\nfile = \"{}\"\norder = \"{order}\"\n",
            file.display()
        );
        let mut first: Option<BTreeSet<Asked>> = None;
        for (connections, workers) in [(1, 1), (4, 2)] {
            let server = Scripted::start(|_| say("200 OK", "", ""));
            let report = run(server.addr, &closed(60, connections, workers), &requests);
            assert_eq!(report.total.ok, 60, "{report:?}");
            let mut asked: BTreeSet<Asked> = BTreeSet::new();
            for mut one in server.asked() {
                // The target's port differs between runs.
                one.head.clear();
                let body = String::from_utf8(one.body.clone()).unwrap();
                let (seq, note) = body.split_once(' ').unwrap();
                let row = ["/A1 first, of three", "/B22 ", "/C333 \"q\""];
                let found = row
                    .iter()
                    .position(|row| *row == format!("{} {note}", one.path));
                let found = found.unwrap_or_else(|| panic!("{one:?} is no row"));
                let seq: usize = seq.parse().unwrap();
                assert!(order == "random" || found == seq % 3, "{one:?}");
                asked.insert(one);
            }
            assert_eq!(asked.len(), 60);
            let first = first.get_or_insert_with(|| asked.clone());
            assert!(
                *first == asked,
                "{order}: {connections} connections, {workers} workers"
            );
        }
    }
}
