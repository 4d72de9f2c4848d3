//! Keys, their types and units, templates, names and overrides.

use super::{LOAD, PHASE, appended, replaced};

#[test]
fn keys_and_types() {
    replaced(
        "connections = 2",
        "connexions = 2",
        "8:1: load.connexions: ",
        &[
            "unknown key `connexions`",
            "`connections`",
            "8 | connexions = 2",
        ],
    );
    replaced(
        "cpus = 1",
        "cpu = 1",
        "3:46: target.gateway.cpu: ",
        &["unknown key `cpu`", "`cpus`"],
    );
    appended(
        "[foo]\n",
        "20:2: foo: ",
        &["unknown key `foo`", "`threshold`"],
    );
    replaced(
        "connections = 2",
        "connections = \"two\"",
        "8:15: load.connections: ",
        &["expected a whole number"],
    );
    replaced(
        "connections = 2",
        "connections = -2",
        "8:15: load.connections: ",
        &["expected a whole number of 0 or more"],
    );
    replaced(
        "connections = 2",
        "connections = 2\nconnections = 3",
        "9:1: ",
        &["`connections` is given twice; remove one"],
    );
    replaced("devices = 4", "devices = = 4", "5:11: ", &["="]);
    replaced(
        "name = \"test\"\n",
        "",
        "1:1: ",
        &["missing key `name`; add it"],
    );
    replaced(
        "path = \"/v1/telemetry\"\n",
        "",
        "11:8: request.get.path: ",
        &["a request has a `path`, or the `url` of another host than the target's; add one"],
    );
    replaced(
        "\"naive\"",
        "\"none\"",
        "3:20: target.gateway.auth: ",
        &[
            "unknown value `none`",
            "`naive`, `cached`, `singleflight`, `token`, `shielded`",
        ],
    );
    replaced(
        "[[variant]]\nname = \"a\"\n[[variant]]",
        "[variant]",
        "15:1: variant: ",
        &["write [[variant]]"],
    );
}

#[test]
fn units() {
    let duration = "write a number with a unit, such as \"250ms\"";
    replaced(
        "\"400ms\"",
        "\"400 parsecs\"",
        "9:12: load.duration: ",
        &["parsecs", duration],
    );
    replaced(
        "\"400ms\"",
        "\"400ms\"\ninterval = \"1s\"",
        "10:1: load.interval: ",
        &["unknown key `interval`"],
    );
    replaced("\"400ms\"", "400", "9:12: load.duration: ", &[duration]);
    replaced(
        "cpus = 1",
        "cpus = 1, cache_ttl = \"soon\"",
        "3:68: target.gateway.cache_ttl: ",
        &["\"soon\" is not a duration", duration],
    );
    replaced(
        "model = \"closed\"",
        "model = \"open\"\nrate = \"5 per s\"",
        "8:8: load.rate: ",
        &["\"20000/s\""],
    );
    replaced(
        "model = \"closed\"",
        "model = \"open\"\nrate = 5",
        "8:8: load.rate: ",
        &["\"20000/s\""],
    );
    replaced("\"400ms\"", "\"40ms\"", "9:12: load.duration: ", &["100ms"]);
}

#[test]
fn the_gateways_keys() {
    let check = |given: &str, place: &str, says: &[&str]| {
        let place = format!("3:{place}: ");
        replaced("cpus = 1", &format!("cpus = 1, {given}"), &place, says);
    };
    check(
        "drain = \"1s\"",
        "56: target.gateway.drain",
        &["unknown key `drain`", "`drain_requests`, `drain_payloads`"],
    );
    check(
        "idle_timeout = 5",
        "71: target.gateway.idle_timeout",
        &["write a number with a unit, such as \"250ms\""],
    );
    check(
        "batch_age = 100",
        "68: target.gateway.batch_age",
        &["write a number with a unit, such as \"250ms\""],
    );
    check(
        "drain_requests = \"1h\"",
        "73: target.gateway.drain_requests",
        &["drain_requests = \"1h\" is out of range, use \"0s\" to \"10m\""],
    );
    check(
        "token_ttl = \"1500ms\"",
        "68: target.gateway.token_ttl",
        &["tokens count whole seconds; use one such as \"5m\""],
    );
    check(
        "local_ttl = \"1s\"",
        "68: target.gateway.local_ttl",
        &["the memory store is local already"],
    );
    check(
        "store = \"rediss://h\"",
        "64: target.gateway.store",
        &["unknown store `rediss`, use \"memory\" or \"redis://HOST:PORT\""],
    );
    let key = format!("token_key = \"{}\"", "01".repeat(32));
    check(
        &key,
        "68: target.gateway.token_key",
        &["a key is a secret and does not belong in a scenario; leave it out"],
    );
}

#[test]
fn templates_and_headers() {
    let at = "14:28: request.get.headers.X-Device-Id: ";
    replaced(
        "{{device.id}}",
        "{{device.idd}}",
        at,
        &["`{{device.idd}}`", "device.id, device.secret"],
    );
    replaced(
        "{{device.id}}",
        "é {{device.id",
        "14:30: request.get.headers.X-Device-Id: ",
        &["`{{` without `}}`"],
    );
    replaced("{{device.id}}", "{{int 5 1}}", at, &["A <= B"]);
    replaced(
        "{{device.id}}",
        "{{env.TL_NEVER_SET}}",
        at,
        &["TL_NEVER_SET is not set; export it"],
    );
    replaced(
        "fleet = \"cars\"\n",
        "",
        "13:28: request.get.headers.X-Device-Id: ",
        &["add `fleet"],
    );
    replaced(
        "{{device.id}}",
        "a\\r\\nX-Admin: 1",
        "14:13: request.get.headers.X-Device-Id: ",
        &["no line breaks"],
    );
    replaced(
        "X-Device-Id =",
        "\"X Device\" =",
        "14:13: request.get.headers.X Device: ",
        &["not a header name; use letters"],
    );
    replaced(
        "X-Device-Id =",
        "Content-Length =",
        "14:13: request.get.headers.Content-Length: ",
        &["leave it out"],
    );
    replaced(
        "/v1/telemetry",
        "v1 telemetry",
        "13:8: request.get.path: ",
        &["starts with `/`"],
    );
    replaced(
        "path =",
        "method = \"GE T\"\npath =",
        "13:10: request.get.method: ",
        &["not an HTTP method"],
    );
    replaced(
        "path =",
        "body_file = \"none.json\"\npath =",
        "13:13: request.get.body_file: ",
        &["none.json", "No such file", "beside the scenario"],
    );
    replaced(
        "path =",
        "body_file = \"/dev/zero\"\npath =",
        "13:13: request.get.body_file: ",
        &["/dev/zero", "limit"],
    );
}

#[test]
fn names() {
    let own = "give each its own name";
    replaced(
        "name = \"b\"",
        "name = \"a\"",
        "18:8: variant.name: ",
        &["two variants are named `a`", own],
    );
    replaced(
        LOAD,
        &PHASE.repeat(2),
        "10:8: phase.name: ",
        &["two phases are named `p`", own],
    );
    appended(
        "[[request]]\nname = \"get\"\npath = \"/\"\n",
        "21:8: request.name: ",
        &["two requests are named `get`", own],
    );
    replaced(
        "name = \"test\"",
        "name = \"../test\"",
        "1:8: name: ",
        &["letters, digits"],
    );
    replaced(
        "name = \"get\"",
        "name = \"../get\"",
        "11:8: request.name: ",
        &["letters, digits"],
    );
    replaced(
        "name = \"b\"",
        "name = \"b/../..\"",
        "18:8: variant.name: ",
        &["letters, digits"],
    );
    replaced(
        "fleet = \"cars\"",
        "fleet = \"trucks\"",
        "12:9: request.get.fleet: ",
        &["no fleet `trucks`; there is `cars`"],
    );
}

#[test]
fn overrides() {
    appended(
        "request.nope.path = \"/\"\n",
        "20:9: variant.b.request.nope: ",
        &["nothing of this name exists to override; there is `get`"],
    );
    appended(
        "phase.nope.load.duration = \"1s\"\n",
        "20:1: variant.b.phase: ",
        &["no `phase` to override", "add it"],
    );
    appended(
        "fleet.nope.devices = 3\n",
        "20:7: variant.b.fleet.nope: ",
        &["there is `cars`"],
    );
    appended(
        "rounds = 3\n",
        "20:1: variant.b.rounds: ",
        &["cannot override `rounds`; it can override target, fleet"],
    );
    appended(
        "target.gateway.auht = \"cached\"\n",
        "20:16: target.gateway.auht: ",
        &["unknown key `auht`", "`auth`"],
    );
    appended(
        "target.gateway.bcrypt_cost = 20\n",
        "20:30: target.gateway.bcrypt_cost: ",
        &["use 4 to 14"],
    );
    appended(
        "target.url = \"http://127.0.0.1:1\"\n",
        "20:14: target: ",
        &["exactly one of", "there is `gateway` and `url`"],
    );
    appended("load = 5\n", "20:8: load: ", &["expected a table"]);
}
