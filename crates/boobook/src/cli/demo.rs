//! `boobook demo`

use std::fmt::Write as _;

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
    let base = format!("$BOOBOOK_URL/v1/teams/{}/databases/{}", demo.team, demo.database);
    let auth = "-H \"Authorization: Bearer $BOOBOOK_KEY\"";
    let mut text = String::new();
    let made = if demo.is_new { "is ready" } else { "was made at an earlier start" };
    let _ = write!(
        text,
        "The demo workspace {:?} {made}.\n\n  \
         export BOOBOOK_URL={url}\n  \
         export BOOBOOK_KEY={}        # admin\n  \
         # read-only key: {}\n\n\
         Ready to paste:\n  \
         curl {auth} $BOOBOOK_URL/v1/teams\n  \
         curl {auth} {base}/tables\n  \
         curl {auth} \"{base}/tables/Contact/records?perPage=2\"\n  \
         curl {auth} {base}/tables/Contact/records -d '{{\"fields\":{{\"First name\":\"Jane\",\"Last name\":\"Doe\"}}}}'\n  \
         curl {auth} \"{base}/changes?sinceSq=0&limit=2\"\n  \
         curl -N {auth} \"{base}/changes?live=T&sinceSq={}\"\n\n\
         API documentation: {url}/docs\n",
        demo::TEAM,
        demo.admin_key,
        demo.reader_key,
        demo.seq,
    );
    text
}
