//! What a client of the gateway gets, over real connections to a gateway in this process.

mod credentials;
mod gateway;
mod lifecycle;
mod profile;
mod replies;
