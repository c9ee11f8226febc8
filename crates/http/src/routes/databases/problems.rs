//! `GET P/schema/problems`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::ScriptProblem;
use serde::Serialize;

use crate::{
    error::ApiResult,
    extract::{Caller, session},
    router::Api,
    routes::json_at,
};

/// Something wrong with a script of the schema.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// Where in the schema: `types.A.fields.C.fn`.
    place: String,
    /// What is wrong and what was expected.
    message: String,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// From 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    /// `error`: the script does not run; `warning`: it does, but hardly as meant.
    severity: &'static str,
    /// The script.
    script: String,
}

impl From<ScriptProblem> for Problem {
    fn from(problem: ScriptProblem) -> Self {
        Self {
            place: problem.place,
            message: problem.error.message,
            line: problem.error.line,
            column: problem.error.column,
            severity: if problem.is_warning { "warning" } else { "error" },
            script: problem.source,
        }
    }
}

/// Scripts of the schema that do not compile (extension). Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/schema/problems", tag = "Databases",
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "The problems, by place; none: an empty array", body = [Problem])))]
pub(crate) async fn get_schema_problems(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let snapshot = session.snapshot();
    let problems: Vec<Problem> = session.problems(&snapshot)?.into_iter().map(Problem::from).collect();
    let json = serde_json::to_vec(&problems).unwrap_or_default();
    Ok(json_at(snapshot.sq, json))
}
