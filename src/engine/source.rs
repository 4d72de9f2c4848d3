//! Requests as bytes: the templates of a variant, joined once per phase and rendered per request.

use std::sync::Arc;

use crate::scenario::Request;
use crate::scenario::fleet::Roster;
use crate::scenario::random;
use crate::scenario::redact::{REDACTED, visible};
use crate::scenario::template::{Secrets, Template, Values, append_integer};
use crate::transport::http1::ExpectBody;

/// Renders request n; the bytes depend on the seed and n alone (`now` apart).
#[derive(Debug)]
pub struct Source {
    requests: Arc<[Request]>,
    rosters: Arc<[Roster]>,
    authority: String,
    seed: u64,
    /// Running sums of the requests' weights.
    weights: Vec<u64>,
    body: Vec<u8>,
}

/// Keeps the choice of a request apart from its values.
const MIX_SALT: u64 = 0x0031_C500;

impl Source {
    /// A source for a target that is called `authority` in the Host header.
    pub fn new(
        requests: Arc<[Request]>,
        rosters: Arc<[Roster]>,
        authority: String,
        seed: u64,
    ) -> Self {
        let weights = requests
            .iter()
            .scan(0, |sum, request| {
                *sum += u64::from(request.weight);
                Some(*sum)
            })
            .collect();
        Self {
            requests,
            rosters,
            authority,
            seed,
            weights,
            body: Vec::new(),
        }
    }

    /// Number of kinds of request.
    pub fn kinds(&self) -> usize {
        self.requests.len()
    }

    /// Which request the n-th is.
    pub fn kind(&self, n: u64) -> usize {
        let Some(&total) = self.weights.last().filter(|_| self.weights.len() > 1) else {
            return 0;
        };
        let drawn = random::below(random::draw(self.seed, n, MIX_SALT), total);
        self.weights.partition_point(|&sum| sum <= drawn)
    }

    /// Whether a response to this kind of request can have a body.
    pub fn expect_body(&self, kind: usize) -> ExpectBody {
        if self.requests[kind].method == "HEAD" {
            ExpectBody::No
        } else {
            ExpectBody::Yes
        }
    }

    /// Whether `status` is what this kind of request expects.
    pub fn is_ok(&self, kind: usize, status: u16) -> bool {
        self.requests[kind]
            .expect_status
            .map_or((200..300).contains(&status), |expected| status == expected)
    }

    /// Replaces the contents of `out` by request `n`, and returns its kind.
    pub fn render(&mut self, n: u64, secrets: Secrets, out: &mut Vec<u8>) -> usize {
        let kind = self.kind(n);
        let request = &self.requests[kind];
        let values = values(&self.rosters, request, self.seed, n, secrets);
        out.clear();
        out.extend_from_slice(request.method.as_bytes());
        out.push(b' ');
        request.path.render(&values, out);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if !request
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            out.extend_from_slice(b"Host: ");
            out.extend_from_slice(self.authority.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        for ((name, value), &sensitive) in request.headers.iter().zip(&request.sensitive) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            if sensitive && secrets == Secrets::Redacted {
                out.extend_from_slice(REDACTED.as_bytes());
            } else {
                value.render(&values, out);
            }
            out.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &request.body {
            let mut rendered = std::mem::take(&mut self.body);
            rendered.clear();
            body.render(&values, &mut rendered);
            out.extend_from_slice(b"Content-Length: ");
            append_integer(rendered.len(), out);
            out.extend_from_slice(b"\r\n\r\n");
            out.extend_from_slice(&rendered);
            self.body = rendered;
        } else if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
            // Some servers wait for a body, or answer 411, unless told that there is none.
            out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        } else {
            out.extend_from_slice(b"\r\n");
        }
        kind
    }

    /// Text from a target, fit to be shown: control characters escaped, and what request `n` sent as secrets replaced,
    /// cut-off pieces of them too.
    pub fn scrub(&self, n: u64, text: &[u8]) -> String {
        let request = &self.requests[self.kind(n)];
        let mut text = text.to_vec();
        let values = values(&self.rosters, request, self.seed, n, Secrets::Sent);
        let mut hide = |secret: &[u8]| redact(&mut text, secret);
        let templates = request
            .headers
            .iter()
            .map(|(_, value)| value)
            .chain([&request.path])
            .chain(&request.body);
        templates.for_each(|template: &Template| template.each_secret(&values, &mut hide));
        for ((_, value), &sensitive) in request.headers.iter().zip(&request.sensitive) {
            if sensitive {
                let mut rendered = Vec::new();
                value.render(&values, &mut rendered);
                hide(&rendered);
                // A target may say the credential without its scheme.
                if let Some(space) = rendered.iter().rposition(|&byte| byte == b' ') {
                    hide(&rendered[space + 1..]);
                }
            }
        }
        visible(&String::from_utf8_lossy(&text))
    }
}

/// The shortest piece of a secret that is hidden; shorter secrets are hidden as a whole.
const SHORTEST_PIECE: usize = 8;

/// Secrets so short would blank out ordinary text.
const SHORTEST_SECRET: usize = 4;

/// Replaces every stretch that `text` has in common with `secret`.
fn redact(text: &mut Vec<u8>, secret: &[u8]) {
    if secret.len() < SHORTEST_SECRET {
        return;
    }
    let shortest = secret.len().min(SHORTEST_PIECE);
    let mut at = 0;
    while at + shortest <= text.len() {
        let common = (0..=secret.len() - shortest)
            .map(|from| {
                let pairs = text[at..].iter().zip(&secret[from..]);
                pairs.take_while(|(said, secret)| said == secret).count()
            })
            .max()
            .unwrap_or(0);
        if common >= shortest {
            text.splice(at..at + common, REDACTED.bytes());
            at += REDACTED.len();
        } else {
            at += 1;
        }
    }
}

/// What request `n` is filled with; apart from `Source` so that its scratch buffer stays free to borrow.
fn values<'a>(
    rosters: &'a [Roster],
    request: &Request,
    seed: u64,
    n: u64,
    secrets: Secrets,
) -> Values<'a> {
    Values {
        seq: n,
        seed,
        device: request.fleet.map(|fleet| rosters[fleet].sender(n)),
        secrets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Overrides, Plan, parse};
    use std::path::Path;

    fn source(requests: &str) -> Source {
        let text = format!(
            "name = \"t\"\ntarget.url = \"http://127.0.0.1:1\"\n[fleet.cars]\ndevices = 3\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n{requests}"
        );
        let plan: Plan = parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap();
        let variant = &plan.variants[0];
        let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
        Source::new(
            variant.requests.clone().into(),
            rosters.into(),
            "127.0.0.1:1".to_owned(),
            7,
        )
    }

    fn rendered(source: &mut Source, n: u64, secrets: Secrets) -> String {
        let mut out = Vec::new();
        source.render(n, secrets, &mut out);
        String::from_utf8(out).unwrap()
    }

    const TELEMETRY: &str = r#"
[[request]]
name = "telemetry"
fleet = "cars"
path = "/v1/telemetry"
headers = { X-Device-Id = "{{device.id}}", X-Device-Token = "{{device.secret}}", Authorization = "Bearer abc123" }
body = '{"seq":{{seq}}}'
"#;

    #[test]
    fn a_request_is_sent_with_its_headers_in_order_and_the_length_of_its_body() {
        let mut source = source(TELEMETRY);
        let text = rendered(&mut source, 12, Secrets::Redacted);
        assert_eq!(
            text,
            "POST /v1/telemetry HTTP/1.1\r\nHost: 127.0.0.1:1\r\nX-Device-Id: cars-0000\r\nX-Device-Token: [redacted]\r\nAuthorization: [redacted]\r\nContent-Length: 10\r\n\r\n{\"seq\":12}"
        );
        assert!(
            rendered(&mut source, 12, Secrets::Sent).contains("Authorization: Bearer abc123\r\n")
        );
    }

    #[test]
    fn what_a_target_echoes_is_shown_without_secrets() {
        let mut source = source(TELEMETRY);
        let sent = rendered(&mut source, 4, Secrets::Sent);
        let shown = source.scrub(4, sent.as_bytes());
        assert!(shown.contains("X-Device-Token: [redacted]"), "{shown}");
        assert!(
            !shown.contains("abc123") && !shown.contains('\n'),
            "{shown}"
        );
    }

    #[test]
    fn a_secret_that_is_cut_off_is_not_shown_in_part() {
        let source = source(TELEMETRY);
        let Some(secret) = rendered(&mut self::source(TELEMETRY), 4, Secrets::Sent)
            .split("X-Device-Token: ")
            .nth(1)
            .map(|rest| rest[..32].to_owned())
        else {
            panic!("the request carries its secret");
        };
        for piece in [
            &secret[..],
            &secret[..20],
            &secret[5..],
            &secret[3..11],
            "Bearer abc123",
            "abc123",
        ] {
            let shown = source.scrub(4, format!("wrong: {piece}").as_bytes());
            assert_eq!(shown, "wrong: [redacted]");
        }
        assert_eq!(source.scrub(4, b"caf\xc3\xa9\x00 seq 4"), "café\\0 seq 4");
    }

    #[test]
    fn weights_share_the_requests_and_do_not_depend_on_order() {
        let mut text = String::new();
        for (name, weight) in [("a", 1), ("b", 3)] {
            text +=
                &format!("[[request]]\nname = \"{name}\"\npath = \"/{name}\"\nweight = {weight}\n");
        }
        let source = source(&text);
        let b = (0..10_000).filter(|&n| source.kind(n) == 1).count();
        assert!((7_300..7_700).contains(&b), "{b}");
        assert_eq!(source.kind(17), source.kind(17));
    }
}
