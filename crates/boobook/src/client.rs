//! The few requests that commands make of a running server.

use std::{thread, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method, StatusCode,
    blocking::{Client as HttpClient, RequestBuilder, Response},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// Characters of a path segment that stay as they are.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Times a request is tried where the server cannot be reached or has no time.
const TRIES: u32 = 5;

/// A running server and one database of it.
pub(crate) struct Client {
    http: HttpClient,
    url: String,
    key: String,
    database: String,
}

/// A table as `GET T` shows it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Table {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) fields: Vec<Field>,
}

/// A field of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) base: String,
    #[serde(default)]
    pub(crate) choices: Vec<Choice>,
}

/// An option of a field.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Choice {
    pub(crate) caption: String,
}

/// Why a server did not run a script.
#[derive(Debug, Deserialize)]
pub(crate) struct ScriptProblem {
    pub(crate) message: String,
    /// From 1; none where no place is to blame.
    #[serde(default)]
    pub(crate) line: Option<u32>,
    #[serde(default)]
    pub(crate) column: Option<u32>,
}

#[derive(Deserialize)]
struct Stored {
    sequence: u64,
}

impl Client {
    /// A client of a database, by ids or unique names.
    pub(crate) fn new(url: &str, key: &str, team: &str, database: &str) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/');
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::usage(
                format!("{url:?} is no address of a server"),
                "--url (or BOOBOOK_URL) takes one such as http://127.0.0.1:8080",
            ));
        }
        let http = HttpClient::builder().timeout(Duration::from_mins(5)).build()?;
        let database = format!("/v1/teams/{}/databases/{}", segment(team), segment(database));
        Ok(Self { http, url: url.to_owned(), key: key.to_owned(), database })
    }

    /// The table of an id or name, where there is one.
    pub(crate) fn table(&self, name: &str) -> anyhow::Result<Option<Table>> {
        let request = self.request(Method::GET, &format!("/tables/{}", segment(name)));
        let response = self.send(request)?;
        if response.status() == StatusCode::NOT_FOUND {
            let problem = problem_of(response);
            if problem == "Table Not Found" {
                return Ok(None);
            }
            return Err(Failure::new(
                format!("{problem} on {}", self.url),
                "--team and --database take ids or unique names of what the key may see",
            ));
        }
        Ok(Some(self.succeeded(response, "the table could not be read")?.json()?))
    }

    /// All tables the key may read.
    pub(crate) fn tables(&self) -> anyhow::Result<Vec<Table>> {
        let response = self.send(self.request(Method::GET, "/tables"))?;
        Ok(self.succeeded(response, "the tables could not be read")?.json()?)
    }

    /// As [`Self::tables`], with the formulas that lists of fields leave out, where the key may read the schema.
    pub(crate) fn tables_and_formulas(&self) -> anyhow::Result<Vec<Table>> {
        let mut tables = self.tables()?;
        let response = self.send(self.request(Method::GET, "/schema"))?;
        if response.status() == StatusCode::FORBIDDEN {
            return Ok(tables);
        }
        let schema: Json = self.succeeded(response, "the schema could not be read")?.json()?;
        for table in &mut tables {
            let fields = schema["types"][&*table.id]["fields"].as_object();
            let formulas =
                fields.into_iter().flat_map(|fields| fields.values()).filter(|f| f["base"] == "fn");
            table.fields.extend(formulas.filter_map(|formula| {
                let name = formula["caption"].as_str()?.to_owned();
                Some(Field { name, base: "formula".into(), choices: Vec::new() })
            }));
        }
        Ok(tables)
    }

    /// Runs a script (`/exec` if it may write), once: what became of one without an answer is not known.
    pub(crate) fn script(
        &self,
        may_write: bool,
        this: Option<&str>,
        source: &str,
    ) -> anyhow::Result<Result<Json, ScriptProblem>> {
        let path = if may_write { "/exec" } else { "/query" };
        let body = json!({ "query": source, "this": this, "choiceStyle": "names" });
        let request = self.request(Method::POST, path).json(&body);
        let response = request.send().map_err(|error| self.unreachable(&error))?;
        if response.status() == StatusCode::BAD_REQUEST {
            return Ok(Err(response.json()?));
        }
        Ok(Ok(self.succeeded(response, "the script was not run")?.json()?))
    }

    /// Makes a table.
    pub(crate) fn create_table(&self, name: &str, fields: &[Json]) -> anyhow::Result<Table> {
        let request = self.request(Method::POST, "/tables").json(&json!({ "name": name, "fields": fields }));
        let response = self.send(request)?;
        Ok(self.succeeded(response, &format!("table {name:?} was not made"))?.json()?)
    }

    /// Adds a field to a table.
    pub(crate) fn create_field(&self, table: &Table, field: &Json) -> anyhow::Result<()> {
        let path = format!("/tables/{}/fields", segment(&table.id));
        let response = self.send(self.request(Method::POST, &path).json(field))?;
        self.succeeded(response, &format!("field {} was not made", field["name"]))?;
        Ok(())
    }

    /// The highest sequence of a table's records, 0 where it has none.
    pub(crate) fn last_sequence(&self, table: &Table) -> anyhow::Result<u64> {
        let path = format!("/tables/{}/records?updated=true&perPage=1", segment(&table.id));
        let response = self.send(self.request(Method::GET, &path))?;
        let newest: Vec<Stored> = self.succeeded(response, "the table could not be read")?.json()?;
        Ok(newest.first().map_or(0, |record| record.sequence))
    }

    /// Creates records (a JSON array) once, however often it is tried; answers their sequences.
    pub(crate) fn create_records(&self, table: &Table, body: &[u8], salt: &str) -> anyhow::Result<Vec<u64>> {
        let path = format!("/tables/{}/records", segment(&table.id));
        let mut hash = Sha256::new();
        // The database is not in it: keys are kept by database, and it may be named by id or by name.
        for part in [table.id.as_bytes(), salt.as_bytes(), body] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let key: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        let request = self
            .request(Method::POST, &path)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", format!("import-{key}"))
            .body(body.to_vec());
        let response = self.send(request)?;
        let stored: Vec<Stored> = self.succeeded(response, "the records were refused")?.json()?;
        Ok(stored.iter().map(|record| record.sequence).collect())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{}{path}", self.url, self.database)).bearer_auth(&self.key)
    }

    /// Sends a request that may be sent again, as often as it takes.
    fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let mut wait = Duration::from_millis(100);
        for n in 1.. {
            let again = request.try_clone().filter(|_| n < TRIES);
            let Some(this) = again else { break };
            match this.send() {
                Ok(response) if !is_passing(response.status()) => return Ok(response),
                Ok(_) => {}
                // Nobody listens there: trying again would only keep somebody waiting.
                Err(error) if error.is_connect() => return Err(self.unreachable(&error)),
                Err(error) => tracing::debug!("{error}"),
            }
            thread::sleep(wait);
            wait *= 2;
        }
        request.send().map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Failure::new(
            format!("the server at {} does not answer: {cause}", self.url),
            "start one with `boobook serve`, or name another with --url or BOOBOOK_URL; an import that is run \
             again does not import anything twice",
        )
    }

    fn succeeded(&self, response: Response, what: &str) -> anyhow::Result<Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let hint = match status {
            StatusCode::UNAUTHORIZED => {
                "--key (or BOOBOOK_KEY) takes a key that `boobook key create` printed"
            }
            StatusCode::FORBIDDEN => {
                "making tables and fields needs a key with the admin role, importing one that may write"
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                "raise limits.body_bytes_max of the server, or import smaller batches: --batch 500"
            }
            status if is_passing(status) => {
                "the server has no room or no time; run this again later, nothing is imported twice"
            }
            _ => "",
        };
        Err(Failure::new(format!("{what}: {} ({status})", problem_of(response)), hint))
    }
}

/// Worth another try.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY
    )
}

/// What the server says is wrong.
fn problem_of(response: Response) -> String {
    let status = response.status();
    let text = response.text().unwrap_or_default();
    let json: Option<Json> = serde_json::from_str(&text).ok();
    let message = json.as_ref().and_then(|json| json["message"].as_str());
    message.map_or_else(|| format!("status {status}"), str::to_owned)
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
