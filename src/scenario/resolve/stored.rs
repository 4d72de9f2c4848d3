//! The scenario's text as a run directory keeps it.

use std::ops::Range;
use std::path::PathBuf;

use super::hidden::without_secrets;
use crate::scenario::overrides::Overrides;
use crate::traffic::redact::{REDACTED, is_sensitive_name, without_credentials};
use crate::units::format_duration;

/// The text as it is stored: literal credentials redacted, flags noted.
pub(super) fn stored_text(text: &str, secrets: Vec<Range<usize>>, overrides: &Overrides) -> String {
    let stored = without_secrets(text, secrets);
    let mut notes = String::new();
    let mut note = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            notes.push_str(&format!(
                "# overridden by {flag}: {}\n",
                value.escape_debug()
            ));
        }
    };
    note("-c", overrides.connections.map(|n| n.to_string()));
    note("-d", overrides.duration.map(format_duration));
    note("-T", overrides.timeout.map(format_duration));
    note("-R", overrides.rate.map(|rate| rate.to_string()));
    note("-n", overrides.requests.map(|n| n.to_string()));
    note("-M", overrides.method.clone());
    let tls = &overrides.tls;
    let shown = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    note("--cacert", shown(&tls.ca));
    note("--cert", shown(&tls.cert));
    note("--key", shown(&tls.key));
    note("--server-name", tls.server_name.clone());
    note(
        "--insecure",
        tls.insecure.then(|| "any certificate".to_owned()),
    );
    note(
        "--no-resumption",
        tls.no_resumption.then(|| "full handshakes".to_owned()),
    );
    note("--connect-to", overrides.connect_to.clone());
    note(
        "--proxy",
        overrides.proxy.as_deref().map(without_credentials),
    );
    note("--bind", overrides.bind.clone());
    note("--unix-socket", shown(&overrides.unix_socket));
    note(
        "--no-keepalive",
        overrides
            .no_keep_alive
            .then(|| "a connection for each request".to_owned()),
    );
    note(
        "--allow-untrusted",
        overrides
            .allow_untrusted
            .then(|| "what is not trusted is judged".to_owned()),
    );
    note("--variant", overrides.variant.clone());
    note(
        "--body",
        overrides
            .body
            .as_ref()
            .map(|body| format!("{} bytes", body.len())),
    );
    for (name, value) in &overrides.headers {
        let value = if is_sensitive_name(name) {
            REDACTED.to_owned()
        } else {
            without_credentials(value)
        };
        note("-H", Some(format!("{name}: {value}")));
    }
    notes + &stored
}
