//! Who may exist: devices with the bcrypt hashes of their secrets. Devices can be revoked and never added.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gateway_config::{Device, MAX_COST};

use crate::error::Error;

/// A device of the registry.
pub(crate) struct Registered {
    /// Its place, from 0 on without gaps.
    pub(crate) index: usize,
    pub(crate) id: Box<[u8]>,
    pub(crate) hash: Arc<str>,
    revoked: AtomicBool,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("id", &String::from_utf8_lossy(&self.id))
            .finish_non_exhaustive()
    }
}

impl Registered {
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }
}

/// Devices by id.
#[derive(Debug)]
pub(crate) struct Registry(HashMap<Box<[u8]>, Arc<Registered>>);

impl Registry {
    /// Builds the registry.
    ///
    /// # Errors
    ///
    /// An id twice, or a hash that is not bcrypt's or costs more than a gateway can afford.
    pub(crate) fn new(devices: Vec<Device>) -> Result<Self, Error> {
        let mut registry = HashMap::with_capacity(devices.len());
        for (index, Device { id, hash }) in devices.into_iter().enumerate() {
            let refuse = |reason: &str| {
                Err(Error::Device {
                    id: id.clone(),
                    reason: reason.to_owned(),
                })
            };
            match bcrypt::HashParts::from_str(&hash) {
                Err(_) => {
                    return refuse(
                        "its hash is not a bcrypt hash, register one such as \"$2b$10$…\"",
                    );
                }
                Ok(parts) if parts.get_cost() > MAX_COST => {
                    return refuse("its hash costs more than 14, register one of cost 4 to 14");
                }
                Ok(_) => {}
            }
            if registry.contains_key(id.as_bytes()) {
                return refuse("it is registered twice, remove one entry");
            }
            let device = Registered {
                index,
                id: id.as_bytes().into(),
                hash: hash.into(),
                revoked: AtomicBool::new(false),
            };
            registry.insert(device.id.clone(), Arc::new(device));
        }
        Ok(Self(registry))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The device, unless it is unknown or revoked: the two are told apart nowhere.
    pub(crate) fn find(&self, id: &[u8]) -> Option<&Arc<Registered>> {
        self.0.get(id).filter(|device| !device.is_revoked())
    }

    /// Revokes a device for the rest of the process's life; `None` if there is no such device.
    pub(crate) fn revoke(&self, id: &[u8]) -> Option<&Registered> {
        let device = self.0.get(id)?;
        device.revoked.store(true, Ordering::Release);
        Some(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_that_cannot_be_used_are_refused() {
        let device = |id: &str, hash: &str| Device {
            id: id.into(),
            hash: hash.into(),
        };
        let costly = "$2b$15$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC";
        let fine = "$2b$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC";
        for (devices, text) in [
            (
                vec![device("a", "plain")],
                "device \"a\": its hash is not a bcrypt hash, register one such as \"$2b$10$…\"",
            ),
            (
                vec![device("b", costly)],
                "device \"b\": its hash costs more than 14, register one of cost 4 to 14",
            ),
            (
                vec![device("c", fine), device("c", fine)],
                "device \"c\": it is registered twice, remove one entry",
            ),
        ] {
            assert_eq!(Registry::new(devices).unwrap_err().to_string(), text);
        }
        let registry = Registry::new(vec![device("a", fine)]).unwrap();
        assert!(registry.find(b"a").is_some() && registry.revoke(b"b").is_none());
        assert!(registry.revoke(b"a").is_some() && registry.find(b"a").is_none());
        assert!(!format!("{registry:?}").contains("$2b$"));
    }
}
