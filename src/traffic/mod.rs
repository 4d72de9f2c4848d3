//! What request n is: templates and the values that fill them, devices of fleets, rows of feeds, what answers must be like, and
//! what they gave to a device. Pure in seed, number and answers: it knows no scenario file, no connection and no clock.

pub mod content;
pub mod expect;
pub mod feeds;
pub mod fields;
pub mod fleet;
pub mod json;
pub mod random;
pub mod redact;
pub mod route;
pub mod template;
pub mod variable;
pub mod wall_clock;
