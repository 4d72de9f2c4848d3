//! HTTP around the ingestion: who may write. A document is taken whole or refused whole.

use std::sync::Arc;

use axum::extract::{Request, State};

use super::answer::Answer;
use super::document::decode;
use crate::admission::{admit, receive};
use crate::app::App;
use crate::rbac::Permission;
use crate::reply::Reply;

/// Takes a document of payloads.
pub(crate) async fn write(State(app): State<Arc<App>>, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let caller = match admit(&app, &parts, Permission::Write).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let body = match receive(&app, &caller, body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let document = match decode(&body) {
        Ok(document) => document,
        Err(error) => return Reply::Payloads(Answer::Refused(error)),
    };
    let voucher = caller.voucher();
    match (voucher.device(), document.device.as_deref()) {
        (Some(checked), Some(named)) if checked != named => {
            return Reply::Payloads(Answer::OtherDevice);
        }
        (None, Some(_)) => return Reply::Payloads(Answer::DeviceOfUser),
        _ => {}
    }
    Reply::Payloads(app.ingest.take(&document, voucher).await)
}
