//! The bundled gateway's configuration where it names ports of services or the launch's directory, which are known at each launch. Pure.

use std::path::Path;

use gateway_config::{Config, StoreKind};

use super::ports::{Braces, Known, Ported, Ports, PortsError};

/// Stands for the launch's own directory within the run directory in the gateway's `sink`.
pub const LAUNCH_DIRECTORY: &str = "{dir}";

/// Texts of a configuration with places for ports and for the launch's directory. `Debug` shows none of them.
#[derive(Debug, Clone, Default)]
pub struct Places {
    texts: Vec<(Key, Ported)>,
    /// Whether the sink, if it is among them, continues the path of the launch's directory.
    sink_is_within: bool,
}

/// What is known at a launch.
#[derive(Debug, Clone, Copy)]
pub struct LaunchPlaces<'a> {
    /// Ports of the services, in their order.
    pub services: &'a [u16],
    /// Absolute path of the launch's directory.
    pub directory: &'a Path,
}

/// How a sink within the launch's directory begins.
fn within_launch(sink: &str) -> Option<&str> {
    sink.strip_prefix("file://")?.strip_prefix(LAUNCH_DIRECTORY)
}

/// What may name a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Store,
    Sink,
    S3Endpoint,
}

const KEYS: [Key; 3] = [Key::Store, Key::Sink, Key::S3Endpoint];

impl Key {
    fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Sink => "sink",
            Self::S3Endpoint => "s3_endpoint",
        }
    }

    fn text(self, config: &Config) -> Option<String> {
        match self {
            // Its own text, with credentials, is what is written for the gateway.
            Self::Store => serde_json::to_value(&config.store)
                .ok()?
                .as_str()
                .map(str::to_owned),
            Self::Sink => Some(config.sink.clone()),
            Self::S3Endpoint => config.s3_endpoint.clone(),
        }
    }
}

impl Places {
    /// Finds the places of `config` among services that run before the gateway.
    ///
    /// # Errors
    /// The key, and what is wrong with its text.
    pub fn find(config: &Config, services: &[String]) -> Result<Self, (&'static str, PortsError)> {
        let known = Known {
            started: services,
            later: &[],
            own: None,
            braces: Braces::Mistake,
        };
        let mut places = Self::default();
        for key in KEYS {
            let Some(text) = key.text(config) else {
                continue;
            };
            let rest = match key {
                Key::Sink => within_launch(&text),
                Key::Store | Key::S3Endpoint => None,
            };
            let ported =
                Ported::parse(rest.unwrap_or(&text), known).map_err(|error| (key.name(), error))?;
            places.sink_is_within |= rest.is_some();
            if ported.has_places() || rest.is_some() {
                places.texts.push((key, ported));
            }
        }
        Ok(places)
    }

    /// Whether the configuration needs neither a service nor the directory of a launch.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// What outlives a launch and is the same at each, by its key: a store or a sink that several gateways would share.
    pub fn lasting(&self, config: &Config) -> Vec<(&'static str, String)> {
        let is_its_own = |key: Key| self.texts.iter().any(|(known, _)| *known == key);
        let keys = [Key::Store, Key::Sink].into_iter();
        let fixed = keys.filter(|key| !is_its_own(*key));
        let texts = fixed.filter_map(|key| Some((key.name(), key.text(config)?)));
        texts.filter(|(_, text)| text != "memory").collect()
    }

    /// The configuration of a launch in which this is known.
    ///
    /// # Errors
    /// The key of a text that is none of the gateway's with its ports, and why.
    pub fn fill(
        &self,
        config: &Config,
        known: LaunchPlaces<'_>,
    ) -> Result<Config, (&'static str, String)> {
        let ports = Ports {
            own: 0,
            services: known.services,
        };
        let mut filled = config.clone();
        for (key, text) in &self.texts {
            let text = text.fill(ports);
            match key {
                Key::Store => {
                    filled.store = serde_json::from_value::<StoreKind>(text.into())
                        .map_err(|error| (key.name(), error.to_string()))?;
                }
                Key::Sink if self.sink_is_within => {
                    let directory = known.directory.to_str().ok_or_else(|| {
                        let message = format!(
                            "the run directory {} is not UTF-8, and a sink cannot be named in it; name another one with --out",
                            known.directory.display()
                        );
                        (key.name(), message)
                    })?;
                    filled.sink = format!("file://{directory}{text}");
                }
                Key::Sink => filled.sink = text,
                Key::S3Endpoint => filled.s3_endpoint = Some(text),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn stores_and_sinks_get_the_ports_of_services() {
        let config = config(
            r#"{"store": "redis://u:secret@127.0.0.1:{redis.port}/2", "s3_endpoint": "http://127.0.0.1:{s3.port}", "sink": "s3://bucket"}"#,
        );
        let names = ["redis", "s3"].map(str::to_owned);
        let places = Places::find(&config, &names).unwrap();
        assert!(!format!("{places:?}").contains("secret"));
        let known = LaunchPlaces {
            services: &[6_380, 9_000],
            directory: Path::new("/runs/a"),
        };
        let filled = places.fill(&config, known).unwrap();
        assert_eq!(filled.store.to_string(), "redis://127.0.0.1:6380/2");
        let url = serde_json::to_value(&filled.store).unwrap();
        assert_eq!(url, "redis://u:secret@127.0.0.1:6380/2");
        assert_eq!(filled.s3_endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(filled.sink, "s3://bucket");
        let within = self::config(r#"{"sink": "file://{dir}/sink"}"#);
        let places = Places::find(&within, &[]).unwrap();
        assert!(!places.is_empty());
        let filled = places.fill(&within, known).unwrap();
        assert_eq!(filled.sink, "file:///runs/a/sink");
    }

    #[test]
    fn a_configuration_without_services_stays_as_it_is() {
        let config = Config::default();
        let nowhere = LaunchPlaces {
            services: &[],
            directory: Path::new("/"),
        };
        let places = Places::find(&config, &[]).unwrap();
        assert!(places.is_empty());
        assert_eq!(places.fill(&config, nowhere).unwrap(), config);
    }

    #[test]
    fn the_key_of_a_wrong_place_is_told() {
        let (key, error) =
            Places::find(&config(r#"{"sink": "file:///{x.port}"}"#), &[]).unwrap_err();
        assert_eq!(key, "sink");
        assert!(error.to_string().contains("no service `x`"), "{error}");
    }
}
