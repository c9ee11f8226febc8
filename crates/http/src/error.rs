//! The public error contract: one table of codes, one shape of error.
//!
//! Handlers return [`ApiError`]. As a response it has no body yet: the edge (see [`crate::edge`]) writes the
//! JSON, because only there the request's id is known. Nothing of an internal error reaches a client.

use std::{borrow::Cow, fmt};

use axum::response::{IntoResponse, Response};
use boobook_app::AppError;
use boobook_model::{JsonError, write_json_string};
use http::StatusCode;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $message:literal;)*) => {
        /// Stable identifiers of everything that can go wrong, each with its HTTP status and its message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every code there is, in the order of the table.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)*];

            /// The identifier that stands in `code`.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $code,)* }
            }
            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(ErrorCode::$name => StatusCode::$status,)* }
            }
            /// The message where nothing more precise is known.
            pub fn message(self) -> &'static str {
                match self { $(ErrorCode::$name => $message,)* }
            }
        }
    };
}

error_codes! {
    /// The request cannot be understood.
    BadRequest = "bad_request", BAD_REQUEST, "The request cannot be carried out as it stands";
    /// The body is no JSON.
    MalformedJson = "malformed_json", BAD_REQUEST, "The body is not valid JSON";
    /// A parameter of the query string or a header.
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "A parameter has a value that is not accepted";
    /// A value does not fit its field, or its place in the body.
    InvalidValue = "invalid_value", BAD_REQUEST, "A value does not fit";
    /// A write or filter names a field that is not there.
    UnknownField = "unknown_field", BAD_REQUEST, "There is no such field";
    /// A formula or the many side of a relation cannot be written.
    FieldNotWritable = "field_not_writable", BAD_REQUEST, "The field cannot be written";
    /// More records than one request may write.
    TooManyRecords = "too_many_records", BAD_REQUEST, "The request names too many records";
    /// A script does not compile, or may not do here what it does.
    InvalidScript = "invalid_script", BAD_REQUEST, "The script is not right";
    /// A script failed while it ran, or met a limit.
    ScriptFailed = "script_failed", BAD_REQUEST, "The script failed";
    /// No key, or not a good one.
    Unauthorized = "unauthorized", UNAUTHORIZED, "Unauthorized";
    /// A good key that may not do this.
    Forbidden = "forbidden", FORBIDDEN, "Forbidden";
    /// No such route.
    EndpointNotFound = "endpoint_not_found", NOT_FOUND, "End-point not found";
    /// The route is there, but not for this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This end-point does not take that method";
    /// No such team, or not for this key.
    TeamNotFound = "team_not_found", NOT_FOUND, "Team Not Found";
    /// No such database, or not for this key.
    DatabaseNotFound = "database_not_found", NOT_FOUND, "Database Not Found";
    /// No such table.
    TableNotFound = "table_not_found", NOT_FOUND, "Table Not Found";
    /// No such record.
    RecordNotFound = "record_not_found", NOT_FOUND, "Record Not Found";
    /// No such file.
    FileNotFound = "file_not_found", NOT_FOUND, "File Not Found";
    /// No such field.
    FieldNotFound = "field_not_found", NOT_FOUND, "Field Not Found";
    /// The file is no picture.
    NoThumbnail = "no_thumbnail", NOT_FOUND, "There is no thumbnail of this file";
    /// `Range` lies outside the file.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "The range lies outside the file";
    /// No such view.
    ViewNotFound = "view_not_found", NOT_FOUND, "View Not Found";
    /// The view or file is there, but not shared.
    NotShared = "not_shared", NOT_FOUND, "Not shared";
    /// A link that leads nowhere, or not any more.
    ShareNotFound = "share_not_found", NOT_FOUND, "Share Not Found";
    /// A share asks for its password, or was given a wrong one.
    PasswordRequired = "password_required", FORBIDDEN, "This share needs its password: header nx-password";
    /// The body did not arrive in time.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request's body did not arrive in time";
    /// Something there stands in the way.
    Conflict = "conflict", CONFLICT, "The request conflicts with what is there";
    /// `If-Match` did not match.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "The record has moved on";
    /// The body, or what it asks for, is over a limit.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "The request is too large";
    /// An `Idempotency-Key` came again with another request.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY,
        "This Idempotency-Key was used for another request";
    /// A rate or concurrency limit.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests at once; try again";
    /// A bug.
    Internal = "internal_error", INTERNAL_SERVER_ERROR, "Internal Server Error";
    /// Going down.
    ShuttingDown = "shutting_down", SERVICE_UNAVAILABLE, "The server is shutting down";
    /// The store cannot be reached, is full, or the database cannot be read.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Temporarily unavailable; try again";
}

/// An error as the client sees it.
#[derive(Clone, PartialEq)]
pub struct ApiError(Box<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    code: ErrorCode,
    status: StatusCode,
    message: Cow<'static, str>,
    field: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    retry_after_s: Option<u32>,
}

/// What a handler returns.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error with the code's own message.
    pub fn new(code: ErrorCode) -> Self {
        Self::with_message(code, code.message())
    }

    /// An error with a more precise message.
    pub fn with_message(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            status: code.status(),
            message: message.into(),
            field: None,
            line: None,
            column: None,
            retry_after_s: None,
        }))
    }

    /// A parameter with a value that is not accepted: `perPage: expected a whole number, got "x"`.
    pub fn parameter(name: &str, problem: impl fmt::Display) -> Self {
        Self::with_message(ErrorCode::InvalidParameter, format!("{name}: {problem}")).field(name)
    }

    /// Something at a place of the body: `records[3].fields.Age: expected a number, got "abc"`.
    pub fn at(code: ErrorCode, place: &str, problem: impl fmt::Display) -> Self {
        if place.is_empty() {
            Self::with_message(code, problem.to_string())
        } else {
            Self::with_message(code, format!("{place}: {problem}")).field(place)
        }
    }

    /// Names the part of the request that is wrong.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Answers with another status than the code's own (`[compat]` settings).
    pub fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Tells when to try again, in seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status it is answered with.
    pub fn http_status(&self) -> StatusCode {
        self.0.status
    }

    /// Seconds for `Retry-After`.
    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        self.0.retry_after_s
    }

    /// The JSON body.
    pub fn to_json(&self, request_id: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.0.message.len());
        out.extend_from_slice(b"{\"message\":");
        write_json_string(&self.0.message, &mut out);
        out.extend_from_slice(b",\"code\":");
        write_json_string(self.0.code.as_str(), &mut out);
        if let Some(field) = &self.0.field {
            out.extend_from_slice(b",\"field\":");
            write_json_string(field, &mut out);
        }
        for (key, number) in [("line", self.0.line), ("column", self.0.column)] {
            if let Some(number) = number {
                out.extend_from_slice(format!(",\"{key}\":{number}").as_bytes());
            }
        }
        out.extend_from_slice(b",\"requestId\":");
        write_json_string(request_id, &mut out);
        out.push(b'}');
        out
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.code.as_str(), self.0.message)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The body is no JSON: the place is in the message and in `line` and `column`.
pub(crate) fn from_json(error: &JsonError) -> ApiError {
    // What serde_json calls a custom error carries the place behind our own text; say it once.
    let message = format!("The body is not valid JSON: {}", error.message);
    let mut api = ApiError::with_message(ErrorCode::MalformedJson, message);
    if error.line > 0 {
        api.0.line = Some(error.line);
        api.0.column = Some(error.column);
    }
    api
}

/// The one mapping of what the use cases answer. Internal errors go to the log, not to the client.
pub(crate) fn from_app(error: AppError) -> ApiError {
    let message = error.to_string();
    match error {
        AppError::Unauthorized => ApiError::new(ErrorCode::Unauthorized),
        AppError::Forbidden(_) => ApiError::with_message(ErrorCode::Forbidden, message),
        AppError::TeamNotFound => ApiError::new(ErrorCode::TeamNotFound),
        AppError::DatabaseNotFound => ApiError::new(ErrorCode::DatabaseNotFound),
        AppError::TableNotFound => ApiError::new(ErrorCode::TableNotFound),
        AppError::RecordNotFound { place: None } => ApiError::new(ErrorCode::RecordNotFound),
        AppError::RecordNotFound { place: Some(place) } => {
            ApiError::with_message(ErrorCode::RecordNotFound, message).field(place)
        }
        AppError::BadInput { place, message } => ApiError::at(ErrorCode::InvalidValue, &place, message),
        AppError::Refused(refusal) => match refusal.0.downcast_ref::<ApiError>() {
            Some(error) => error.clone(),
            None => ApiError::with_message(ErrorCode::BadRequest, message),
        },
        AppError::Script(error) => {
            let code = if error.is_syntax { ErrorCode::InvalidScript } else { ErrorCode::ScriptFailed };
            let mut api = ApiError::with_message(code, message);
            api.0.line = error.line.map(|line| line as usize);
            api.0.column = error.column.map(|column| column as usize);
            api
        }
        AppError::SchemaScript { place, error } => {
            let mut api = ApiError::with_message(ErrorCode::InvalidScript, message).field(place);
            api.0.line = error.line.map(|line| line as usize);
            api.0.column = error.column.map(|column| column as usize);
            api
        }
        AppError::FileNotFound => ApiError::new(ErrorCode::FileNotFound),
        AppError::NoThumbnail(_) => ApiError::with_message(ErrorCode::NoThumbnail, message),
        AppError::Range { .. } => ApiError::with_message(ErrorCode::RangeNotSatisfiable, message),
        AppError::FieldNotFound => ApiError::new(ErrorCode::FieldNotFound),
        AppError::ViewNotFound => ApiError::new(ErrorCode::ViewNotFound),
        AppError::NotShared => ApiError::new(ErrorCode::NotShared),
        AppError::ShareNotFound => ApiError::new(ErrorCode::ShareNotFound),
        AppError::PasswordNeeded { .. } => ApiError::with_message(ErrorCode::PasswordRequired, message),
        AppError::PreconditionFailed { .. } => ApiError::with_message(ErrorCode::PreconditionFailed, message),
        AppError::IdempotencyKeyReused => ApiError::with_message(ErrorCode::IdempotencyKeyReused, message),
        AppError::Conflict(_) => ApiError::with_message(ErrorCode::Conflict, message),
        AppError::TooLarge(_) => ApiError::with_message(ErrorCode::TooLarge, message),
        AppError::Busy(_) => ApiError::with_message(ErrorCode::TooManyRequests, message).retry_after(1),
        AppError::Unavailable(_) => ApiError::with_message(ErrorCode::Unavailable, message).retry_after(5),
        AppError::Internal(detail) => {
            tracing::error!(detail, "internal error");
            ApiError::new(ErrorCode::Internal)
        }
    }
}

/// A request that could not be read, on its way through the use cases and back.
pub(crate) fn refused(error: ApiError) -> AppError {
    AppError::Refused(boobook_app::Refusal(std::sync::Arc::new(error)))
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        from_app(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_contract() {
        let table: Vec<String> = ErrorCode::ALL
            .iter()
            .map(|c| format!("{} {:<24} {}", c.status().as_u16(), c.as_str(), c.message()))
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn errors_are_json() {
        let error =
            ApiError::at(ErrorCode::InvalidValue, "records[3].fields.Age", "expected a number, got \"x\"");
        assert_eq!(
            String::from_utf8(error.to_json("r-1")).unwrap(),
            r#"{"message":"records[3].fields.Age: expected a number, got \"x\"","code":"invalid_value","field":"records[3].fields.Age","requestId":"r-1"}"#
        );
        let error = from_json(&boobook_model::Json::parse(b"{\n \"a\": }").unwrap_err());
        let text = String::from_utf8(error.to_json("r-1")).unwrap();
        assert!(text.contains(r#""code":"malformed_json","line":2,"column":7"#), "{text}");
    }

    #[test]
    fn internal_errors_do_not_leak() {
        let error = from_app(AppError::Internal("secret".into()));
        assert!(!String::from_utf8(error.to_json("r")).unwrap().contains("secret"));
    }
}
