//! `boobook demo`

use clap::Args;

use super::serve::ServerArgs;

/// Run a server with a demo workspace, made on the first start.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  boobook demo")]
pub(super) struct Demo {
    #[command(flatten)]
    server: ServerArgs,
}

impl Demo {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let _ = self.server;
        anyhow::bail!("not yet")
    }
}
