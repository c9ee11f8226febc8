//! `boobook import`

use std::path::PathBuf;

use clap::Args;

use crate::import::{self, Order};

/// Import a CSV file into a table of a running server.
#[derive(Debug, Args)]
#[command(
    long_about = "Import a CSV file into a table of a running server.\n\n\
        The first line names the columns. Separator (, ; tab |), encoding and the type of each column are found \
        out and shown. A table that does not exist is made; of one that does, columns go into the fields of the \
        same name. A row that does not fit is told by its line, and then nothing is imported (see --skip-bad).",
    after_help = "Examples:
  export BOOBOOK_KEY=…
  boobook import airports.csv --team \"Werkstatt Nord\" --database Handel --table Airport
  boobook import orders.csv --team k3v9q2m7c1x8w5t4z --database b7f2m9c4x1qa --table Order --dry-run"
)]
pub(super) struct Import {
    /// The file
    file: PathBuf,
    /// Team, by id or unique name
    #[arg(long, value_name = "TEAM")]
    team: String,
    /// Database, by id or unique name
    #[arg(long, value_name = "DATABASE")]
    database: String,
    /// Table, by name or id; made if there is none
    #[arg(long, value_name = "NAME")]
    table: String,
    /// Address of the server
    #[arg(long, env = "BOOBOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// API key; better set as the variable than written into the shell's history
    #[arg(long, env = "BOOBOOK_KEY", hide_env_values = true)]
    key: String,
    /// Type of a column's new field, such as zip=string; may be repeated
    #[arg(long = "type", value_name = "COLUMN=TYPE", value_parser = column_type)]
    types: Vec<(String, String)>,
    /// Records a request
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// Make fields for columns that an existing table lacks
    #[arg(long)]
    create_fields: bool,
    /// Import the good rows and leave the bad ones out
    #[arg(long)]
    skip_bad: bool,
    /// Import the same file once more; otherwise what was imported within a day is not imported twice
    #[arg(long)]
    again: bool,
    /// Check and show everything, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the summary as a JSON object
    #[arg(long)]
    json: bool,
}

fn column_type(text: &str) -> Result<(String, String), String> {
    let (column, base) = text.rsplit_once('=').ok_or("expected COLUMN=TYPE, such as zip=string")?;
    Ok((column.to_owned(), base.to_owned()))
}

impl Import {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        import::run(&Order {
            file: &self.file,
            url: &self.url,
            key: &self.key,
            team: &self.team,
            database: &self.database,
            table: &self.table,
            types: &self.types,
            batch: self.batch as usize,
            create_fields: self.create_fields,
            skip_bad: self.skip_bad,
            again: self.again,
            dry_run: self.dry_run,
            json: self.json,
        })
    }
}
