//! `X-Boobook-Sq`: every answer that comes from a database tells the sequence it stands at, so that a client can ask for no
//! older state elsewhere (`X-Boobook-Min-Sq`).
//!
//! Handlers that know the very state they answer from say it themselves; for all others it is the database's newest one
//! when the answer is ready, which what they tell is part of.

use std::{cell::RefCell, future::Future};

use axum::{body::Body, response::Response};
use boobook_app::Session;
use boobook_model::Sq;
use http::HeaderValue;
use tokio::sync::watch;

use crate::routes::SQ_HEADER;

tokio::task_local! {
    static ENTERED: RefCell<Option<watch::Receiver<Sq>>>;
}

/// Notes which database a request is about.
pub(crate) fn entered(session: &Session) {
    // Outside of a request, as in tests of handlers, nobody asks.
    let _ = ENTERED.try_with(|entered| entered.replace(Some(session.subscribe())));
}

/// Puts the sequence on the answer, where the handler has not.
pub(crate) async fn told(answer: impl Future<Output = Response<Body>>) -> Response<Body> {
    let within = async {
        let mut response = answer.await;
        let entered = ENTERED.with(|entered| entered.borrow_mut().take());
        if let Some(state) = entered
            && !response.headers().contains_key(SQ_HEADER)
        {
            let sequence = state.borrow().0;
            response.headers_mut().insert(SQ_HEADER, HeaderValue::from(sequence));
        }
        response
    };
    ENTERED.scope(RefCell::new(None), within).await
}
