//! Live changes as server-sent events: each item is an event whose id is its position in the feed.

use std::{convert::Infallible, pin::pin, time::Duration};

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use boobook_app::Session;
use boobook_model::Sq;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Writers;
use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    router::Api,
};

/// How often a stream without changes asks whether its key and its database are still there.
const STILL_VALID_EVERY: Duration = Duration::from_millis(500);

struct Live {
    session: Session,
    table: Option<String>,
    since: Sq,
    limit: usize,
    published: watch::Receiver<Sq>,
    heartbeat: Duration,
    closing: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
    started: bool,
}

/// Starts a stream after `since`.
pub(super) async fn stream(
    api: &Api,
    session: Session,
    table: Option<&str>,
    since: Sq,
    limit: usize,
) -> ApiResult<Response> {
    // A table that is not there, or not for this key, is an error now, not an empty stream.
    session.changes(table, since, 1).await?;
    let permit = api.streams.clone().try_acquire_owned().map_err(|_| {
        ApiError::with_message(ErrorCode::TooManyRequests, "too many live streams are open").retry_after(5)
    })?;
    let live = Live {
        published: session.subscribe(),
        table: table.map(str::to_owned),
        since,
        limit,
        heartbeat: api.config.heartbeat,
        closing: api.closing.clone(),
        session,
        _permit: permit,
        started: false,
    };
    let events = stream::unfold(live, |mut live| async move {
        let piece = live.next().await?;
        Some((Ok::<_, Infallible>(piece), live))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that buffer would hold events back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

impl Live {
    /// The next bytes to send; `None` ends the stream: key or database are gone, or the server is going down.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.started, true) {
            return Some(Bytes::from_static(b"retry: 1000\n\n"));
        }
        let mut heartbeat = pin!(tokio::time::sleep(self.heartbeat));
        loop {
            if *self.closing.borrow() || !self.session.still_valid() {
                return None;
            }
            self.published.borrow_and_update();
            let changes = self.session.changes(self.table.as_deref(), self.since, self.limit).await.ok()?;
            self.since = changes.next;
            if changes.reset || !changes.page.items.is_empty() {
                let mut out = Vec::with_capacity(256 * changes.page.items.len());
                if changes.reset {
                    out.extend_from_slice(b"event: reset\ndata: {\"reset\":true}\n\n");
                }
                let writers = Writers::new(&changes);
                for item in &changes.page.items {
                    out.extend_from_slice(b"id: ");
                    out.extend_from_slice(itoa::Buffer::new().format(changes.position(item.sq).0).as_bytes());
                    // JSON as we write it holds no line breaks.
                    out.extend_from_slice(b"\ndata: ");
                    writers.write(item, &mut out);
                    out.extend_from_slice(b"\n\n");
                }
                return Some(out.into());
            }
            if changes.page.more {
                // All of this page was of tables that are not for this key; what follows may be.
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                changed = self.published.changed() => changed.ok()?,
                _ = self.closing.changed() => return None,
                () = &mut heartbeat => return Some(Bytes::from_static(b": still here\n\n")),
                () = tokio::time::sleep(STILL_VALID_EVERY) => {}
            }
        }
    }
}
