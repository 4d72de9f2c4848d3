//! Session tokens: what a handshake gives and what telemetry is then checked by, without bcrypt and without a store.
//!
//! A token is a JWT signed with HS256. Nothing of it is believed before its signature is verified, and no algorithm but
//! that one is accepted. It is good until it expires or its device is revoked; it cannot be taken back singly.

use std::time::SystemTime;

use gateway_config::{Config, Key};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Who a token is for: one of another service with the same key is refused.
const AUDIENCE: &str = "telemetry";
/// A longer one is none of ours; it is not decoded.
const LONGEST: usize = 4096;

#[derive(Deserialize, Serialize)]
struct Claims {
    sub: String,
    aud: String,
    iat: u64,
    exp: u64,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// It was good once: a new handshake helps.
    Expired,
    /// Anything else.
    Invalid,
}

/// Issues and checks tokens.
pub(crate) struct Sessions {
    sign: EncodingKey,
    verify: DecodingKey,
    validation: Validation,
    life: u64,
}

impl Sessions {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let key = match &config.token_key {
            Some(key) => key.clone(),
            None => Key::random().map_err(Error::start("read random bytes"))?,
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        // Looked at here: the library lets a token live through the second in which it expires, and breaks down over a clock
        // before 1970.
        validation.validate_exp = false;
        Ok(Self {
            sign: EncodingKey::from_secret(key.bytes()),
            verify: DecodingKey::from_secret(key.bytes()),
            validation,
            life: config.token_ttl.unsigned_abs().as_secs(),
        })
    }

    /// Seconds that a token is good for.
    pub(crate) fn life(&self) -> u64 {
        self.life
    }

    /// A token for a device whose credential was accepted.
    pub(crate) fn issue(&self, device: &str) -> String {
        self.issue_at(device, now())
    }

    fn issue_at(&self, device: &str, now: u64) -> String {
        let claims = Claims {
            sub: device.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now,
            exp: now.saturating_add(self.life),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.sign)
            .expect("text and numbers can always be encoded and signed with a symmetric key")
    }

    /// The device that a token was issued to.
    pub(crate) fn device(&self, token: &[u8]) -> Result<String, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Invalid);
        }
        match decode::<Claims>(token, &self.verify, &self.validation) {
            Ok(token) if now() >= token.claims.exp => Err(TokenError::Expired),
            Ok(token) => Ok(token.claims.sub),
            Err(_) => Err(TokenError::Invalid),
        }
    }
}

/// Seconds since 1970, and 0 before.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sessions(key: &str) -> Sessions {
        let config = Config {
            token_key: Some(serde_json::from_value(key.repeat(32).into()).unwrap()),
            ..Config::default()
        };
        Sessions::new(&config).unwrap()
    }

    #[test]
    fn a_token_names_its_device_until_it_expires() {
        let (ours, other) = (sessions("01"), sessions("02"));
        let now = now();
        let check = |by: &Sessions, issued: u64, expected: Result<&str, TokenError>| {
            let found = by.device(ours.issue_at("car", issued).as_bytes());
            assert_eq!(found, expected.map(str::to_owned), "issued at {issued}");
        };
        check(&ours, now, Ok("car"));
        check(&other, now, Err(TokenError::Invalid));
        // Half a life around the limit, so that a slow test decides the same.
        check(&ours, now - 150, Ok("car"));
        // In the second in which it ends it is good no more, however early in it.
        check(&ours, now - 300, Err(TokenError::Expired));
        check(&ours, now - 301, Err(TokenError::Expired));
        check(&other, now - 301, Err(TokenError::Invalid));
    }

    #[test]
    fn only_our_algorithm_and_audience_are_accepted() {
        let ours = sessions("01");
        let now = now();
        let forge = |algorithm: Algorithm, aud: &str, exp: u64| {
            let claims = Claims {
                sub: "car".into(),
                aud: aud.into(),
                iat: now,
                exp,
            };
            encode(&Header::new(algorithm), &claims, &ours.sign).unwrap()
        };
        let check = |token: &str, expected: Result<&str, TokenError>| {
            assert_eq!(
                ours.device(token.as_bytes()),
                expected.map(str::to_owned),
                "{token}"
            );
        };
        check(&forge(Algorithm::HS256, AUDIENCE, now + 60), Ok("car"));
        check(
            &forge(Algorithm::HS512, AUDIENCE, now + 60),
            Err(TokenError::Invalid),
        );
        check(
            &forge(Algorithm::HS256, "billing", now + 60),
            Err(TokenError::Invalid),
        );
        // {"alg":"none"}.{"sub":"car","aud":"telemetry","exp":9999999999}.
        check(
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYXIiLCJhdWQiOiJ0ZWxlbWV0cnkiLCJleHAiOjk5OTk5OTk5OTl9.",
            Err(TokenError::Invalid),
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_token(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(sessions("01").device(&bytes), Err(TokenError::Invalid));
        }

        #[test]
        fn a_changed_token_is_none(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_-]") {
            let ours = sessions("01");
            let token = ours.issue("car");
            let at = at.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &with);
            // The last character of a part holds bits that stand for nothing; strict decoders refuse them.
            prop_assume!(changed != token);
            prop_assert_eq!(ours.device(changed.as_bytes()), Err(TokenError::Invalid));
        }
    }
}
