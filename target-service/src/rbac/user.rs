//! The user object of the `json` mode: far more than a permission check needs, and decoded in full all the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::permission::Permission;

/// A demonstration user.
pub(crate) struct Seed {
    pub(crate) id: &'static str,
    permissions: &'static [Permission],
}

/// The users that every gateway knows.
pub(crate) static SEEDS: [Seed; 4] = [
    Seed {
        id: "demo",
        permissions: &[Permission::Read, Permission::Write],
    },
    Seed {
        id: "operator",
        permissions: &[Permission::Read, Permission::Write],
    },
    Seed {
        id: "viewer",
        permissions: &[Permission::Read],
    },
    Seed {
        id: "suspended",
        permissions: &[],
    },
];

impl Seed {
    pub(crate) fn mask(&self) -> u64 {
        self.permissions
            .iter()
            .fold(0, |mask, permission| mask | permission.bit())
    }
}

#[derive(Deserialize, Serialize)]
pub(crate) struct User {
    id: String,
    email: String,
    permissions: Vec<String>,
    preferences: BTreeMap<String, String>,
    history: Vec<Event>,
}

#[derive(Deserialize, Serialize)]
struct Event {
    at: u64,
    action: String,
    vehicle: String,
    position: [f64; 2],
    tags: Vec<String>,
}

impl User {
    pub(crate) fn holds(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }
}

/// The stored JSON of a user: the history grows until the object has at least `size` bytes.
pub(crate) fn object(seed: &Seed, size: usize) -> Vec<u8> {
    let event = |n: u64| Event {
        at: 1_700_000_000 + n * 37,
        action: ["opened", "moved", "charged", "parked"][n as usize % 4].to_owned(),
        vehicle: format!("vehicle-{:05}", n * 7919 % 100_000),
        position: [52.0 + n as f64 / 1e3, 13.0 - n as f64 / 1e3],
        tags: vec!["fleet".to_owned(), format!("region-{}", n % 12)],
    };
    let mut user = User {
        id: seed.id.to_owned(),
        email: format!("{}@example.com", seed.id),
        permissions: seed
            .permissions
            .iter()
            .map(|permission| permission.name().to_owned())
            .collect(),
        preferences: (0..8)
            .map(|n| (format!("setting-{n}"), format!("value-{n}")))
            .collect(),
        history: Vec::new(),
    };
    let encode =
        |user: &User| serde_json::to_vec(user).expect("a user holds text and finite numbers only");
    let mut length = encode(&user).len();
    while length < size {
        let next = event(user.history.len() as u64);
        length += serde_json::to_vec(&next)
            .expect("an event holds text and finite numbers only")
            .len()
            + 1;
        user.history.push(next);
    }
    encode(&user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_size_asked_for() {
        for kib in [1, 64] {
            let length = object(&SEEDS[0], kib * 1024).len();
            // Within one event of the target.
            assert!(
                (kib * 1024 - 1..kib * 1024 + 200).contains(&length),
                "{kib} KiB became {length} bytes"
            );
        }
    }
}
