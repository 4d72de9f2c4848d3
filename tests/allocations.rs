//! Rendering requests allocates nothing once warm. A binary of its own: the counting allocator replaces the usual one.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

use telemload::engine::{Rendered, Source};
use telemload::scenario::fleet::Roster;
use telemload::scenario::template::Secrets;
use telemload::scenario::{Overrides, parse};

const SCENARIO: &str = r#"
name = "t"
target.url = "http://127.0.0.1:1"
load = { model = "closed", connections = 1, duration = "1s" }
[fleet.cars]
devices = 100
[feed.trips]
file = "FEED"
[[request]]
name = "login"
fleet = "cars"
weight = 0
path = "/login"
extract = { token = "json:/token" }
[[request]]
name = "patched"
fleet = "cars"
weight = 5
path = "/v1/{{uuid}}?at={{now}}&s={{now unix}}&ms={{now unix_ms}}&ns={{now unix_ns}}"
headers = { X-Id = "{{device.id}}", Authorization = 'Basic {{base64 device.id ":" device.secret}}' }
body = '{"a":{{int 100 999}},"f":{{float 10 99 3}},"c":"{{choice ab cd}}"}'
[[request]]
name = "telemetry"
fleet = "cars"
path = "/v1/{{seq}}/{{trips.vin}}"
headers = { X-Token = "{{token}}" }
body = '{"a":{{int 0 100000}},"f":{{float -1 1}},"v":"{{trips.vin}}","b":"{{base64 trips.note seq}}","n":"{{now}}"}'
"#;

#[test]
fn a_request_is_rendered_without_allocation_once_warm() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f.csv"), "vin,note\nA1,x\nB22,yyy\n").unwrap();
    let text = SCENARIO.replace("FEED", "f.csv");
    let plan = parse("t.toml", &text, directory.path(), &Overrides::default()).unwrap();
    let variant = &plan.variants[0];
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    let mut source = Source::new(
        variant.requests.clone().into(),
        rosters.into(),
        "127.0.0.1:1",
        7,
        Secrets::Sent,
    );
    let mut out = Rendered::default();
    let mut render = |numbers: std::ops::Range<u64>| {
        let mut kinds = [0; 3];
        for n in numbers {
            let kind = source.kind(n);
            source.render(kind, n, &mut out);
            kinds[kind] += 1;
        }
        kinds
    };
    // Both kinds, and numbers as long as those that are measured.
    render(10_000..11_000);
    let mut kinds = [0; 3];
    let measured = allocation_counter::measure(|| kinds = render(11_000..21_000));
    assert_eq!(measured.count_total, 0, "{measured:?}");
    assert!(kinds[1] > 1_000 && kinds[2] > 1_000, "{kinds:?}");
}
