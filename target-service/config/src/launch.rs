//! What a parent process hands to the gateway that it starts: where to listen, how to behave, whom to know.
//!
//! It travels as JSON over stdin, so that neither hashes nor settings stand on a command line.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::key::Key;

/// A registered device. The registry holds a bcrypt hash and never the secret.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Value of the header `X-Device-Id`.
    pub id: String,
    /// bcrypt hash of the secret, such as `$2b$10$…`.
    pub hash: String,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("id", &self.id)
            .field("hash", &"…")
            .finish()
    }
}

/// Everything that a gateway process needs to start.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The gateway's behaviour.
    #[serde(default)]
    pub config: Config,
    /// The device registry.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// What `/admin/` and `/debug/` ask for; without one they answer nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_key: Option<Key>,
    /// A new file in which whoever starts the gateway records what requests are like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_pipe_and_hides_hashes() {
        let launch = Launch {
            listen: "127.0.0.1:0".parse().unwrap(),
            config: Config::default(),
            devices: vec![Device {
                id: "car-1".into(),
                hash: "$2b$04$secret".into(),
            }],
            admin_key: Some(Key::random().unwrap()),
            sample: Some("run/sample.jsonl".into()),
        };
        let json = serde_json::to_string(&launch).unwrap();
        assert_eq!(serde_json::from_str::<Launch>(&json).unwrap(), launch);
        let debug = format!("{launch:?}");
        assert!(
            debug.contains("car-1") && !debug.contains("secret"),
            "{debug}"
        );
    }
}
