//! `/v1/telemetry`, and `/v1/session`, which gives the tokens that stand for a device's secret.

use std::sync::Arc;

use axum::extract::{Request, State};
use serde::de::IgnoredAny;

use crate::admission::{admit, check_secret, receive};
use crate::app::App;
use crate::rbac::Permission;
use crate::reply::Reply;

pub(crate) async fn read(State(app): State<Arc<App>>, request: Request) -> Reply {
    match admit(&app, &request.into_parts().0, Permission::Read).await {
        Ok(_) => Reply::Accepted,
        Err(refusal) => refusal,
    }
}

pub(crate) async fn write(State(app): State<Arc<App>>, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    // Who may not write is refused before a byte of the body is looked at.
    let caller = match admit(&app, &parts, Permission::Write).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    match receive(&app, &caller, body).await {
        Ok(bytes) => match serde_json::from_slice::<IgnoredAny>(&bytes) {
            Ok(_) => Reply::Accepted,
            Err(error) => Reply::BadJson(error.to_string()),
        },
        Err(refusal) => refusal,
    }
}

/// `POST /v1/session`: one bcrypt, then a token that replaces it.
pub(crate) async fn session(State(app): State<Arc<App>>, request: Request) -> Reply {
    let parts = request.into_parts().0;
    let Some(sessions) = app.auth.sessions() else {
        return Reply::NoSessions;
    };
    match check_secret(&app, &parts).await {
        Ok(device) => {
            app.metrics.sessions.inc();
            Reply::Session {
                token: sessions.issue(device),
                life: sessions.life(),
            }
        }
        Err(refusal) => refusal,
    }
}
