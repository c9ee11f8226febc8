//! `boobook serve`

use clap::Args;

use super::DataArgs;
use crate::{
    config::{LogFormat, Settings},
    out,
    server::Server,
    store::Place,
};

/// Run the server.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  boobook serve
  boobook serve --data /var/lib/boobook --listen 0.0.0.0:8443 --tls-cert chain.pem --tls-key key.pem
  boobook serve --store postgres://boobook@db1,db2/boobook --files s3://boobook/files
  boobook serve --files s3://boobook/files --set bucket.region=eu-central-1
  BOOBOOK_LISTEN=127.0.0.1:9000 boobook serve --set limits.history_days=30

All settings: docs/configuration.md. SIGTERM lets running requests end and exits 0.")]
pub(super) struct Serve {
    #[command(flatten)]
    server: ServerArgs,
}

/// What every command that runs a server takes.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Address and port [default: 127.0.0.1:8080] [env: BOOBOOK_LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// TLS certificate chain, PEM [env: BOOBOOK_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// TLS private key, PEM [env: BOOBOOK_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// What is logged: error, warn, info, debug, or by module [default: info] [env: BOOBOOK_LOG]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look [default: text] [env: BOOBOOK_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT", value_enum)]
    log_format: Option<LogFormat>,
}

impl ServerArgs {
    /// The settings with these flags.
    pub(super) fn settings(self) -> anyhow::Result<Settings> {
        let format = self.log_format.map(|format| match format {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        });
        self.data.settings(vec![
            ("listen", self.listen),
            ("tls.cert", self.tls_cert),
            ("tls.key", self.tls_key),
            ("log.filter", self.log),
            ("log.format", format),
        ])
    }
}

impl Serve {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let settings = self.server.settings()?;
        let Place { shown, flag } = Place::of(&settings);
        let server = Server::open(settings)?;
        if server.app().catalogue().view().teams.is_empty() {
            out::note(format!(
                "{shown} holds no team yet. While this runs, in another terminal:\n  \
                 boobook team create {flag} \"My team\"\n  \
                 boobook key create {flag} --team \"My team\" --role admin\n\
                 Or stop this and try a ready-made workspace: boobook demo"
            ));
        }
        server.serve()
    }
}
