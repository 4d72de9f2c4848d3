//! stub
use serde::{Deserialize, Serialize};
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub auth: String,
    pub bcrypt_cost: u32,
    pub cpus: usize,
    pub store: String,
    pub cache_ttl: jiff::SignedDuration,
    pub rbac: String,
    pub user_kib: usize,
    pub body_limit_kib: usize,
}
impl Default for Config {
    fn default() -> Self {
        Config {
            auth: "singleflight".into(),
            bcrypt_cost: 10,
            cpus: 2,
            store: "memory".into(),
            cache_ttl: jiff::SignedDuration::from_secs(30),
            rbac: "json".into(),
            user_kib: 64,
            body_limit_kib: 64,
        }
    }
}
impl Config {
    pub fn validate(&self) -> Result<(), std::fmt::Error> {
        Ok(())
    }
}
