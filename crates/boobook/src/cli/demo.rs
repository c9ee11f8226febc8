//! `boobook demo`

use clap::Args;

use super::serve::ServerArgs;
use crate::{demo, out, server::Server};

/// Run a server with a demo workspace, made on the first start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  boobook demo
  boobook demo --data /tmp/owl --listen 127.0.0.1:9000 --contacts 100000

Prints the address, a key and requests ready to paste. The keys are new with each start; earlier ones end.")]
pub(super) struct Demo {
    #[command(flatten)]
    server: ServerArgs,
    /// How many contacts to make; the other tables grow with them
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=2_000_000))]
    contacts: u32,
}

impl Demo {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let server = Server::open(self.server.settings()?)?;
        let contacts = self.contacts as usize;
        if contacts > 20_000 {
            out::note(format!("making {contacts} contacts and what belongs to them …"));
        }
        let demo = server.block_on(demo::prepare(server.app(), contacts))?;
        out::line(welcome(&demo, &server.url()))?;
        server.serve()
    }
}

fn welcome(demo: &demo::Demo, url: &str) -> String {
    let made = if demo.is_new { "is ready" } else { "was made at an earlier start" };
    let demo::Demo { team, database, admin_key, reader_key, sales_key, seq, .. } = demo;
    let (name, sales) = (demo::TEAM, demo::SALES);
    let base = format!("$BOOBOOK_URL/v1/teams/{team}/databases/{database}");
    let curl = "curl -H \"Authorization: Bearer $BOOBOOK_KEY\"";
    format!(
        r#"The demo workspace {name:?} {made}.

  export BOOBOOK_URL={url}
  export BOOBOOK_KEY={admin_key}        # admin
  # read-only key: {reader_key}
  # key of the role {sales:?}, which may not see everything: {sales_key}

Ready to paste:
  {curl} $BOOBOOK_URL/v1/teams
  {curl} {base}/tables
  {curl} "{base}/tables/Contact/records?perPage=2"
  {curl} {base}/tables/Contact/records -d '{{"fields":{{"First name":"Jane","Last name":"Doe"}}}}'
  {curl} "{base}/changes?sinceSq=0&limit=2"
  curl -N -H "Authorization: Bearer $BOOBOOK_KEY" "{base}/changes?live=T&sinceSq={seq}"

Scripts of the NX language: the best customers; what is owed; an invoice is paid, and a trigger notes when:
  {curl} {base}/query -d '{{"query":"(select Customer order by -Turnover limit 3).{{name: Name, turnover: Turnover}}"}}'
  {curl} {base}/query -d '{{"query":"sum((select Invoice where Overdue).Amount)"}}'
  {curl} {base}/exec -d '{{"query":"first(select Invoice where not Paid).(Paid := true; {{invoice: Number, amount: Amount}})"}}'
  boobook query --team {team} --database {database}    # a prompt, with completion; more queries: docs/nx/queries.md

API documentation: {url}/docs
"#
    )
}
