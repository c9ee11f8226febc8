//! Logging: to stderr, as text or as a JSON object a line.

use tracing_subscriber::EnvFilter;

use crate::{
    config::{LogFormat, LogSettings},
    failure::Failure,
};

/// Starts logging. Call once.
pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter).map_err(|error| {
        Failure::usage(
            format!("log.filter {:?} is no filter: {error}", settings.filter),
            "write a level such as `info` or `warn`, or one per module: `info,boobook_http=debug`",
        )
    })?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    // Fails only where a subscriber is set already, which is as good.
    let _ = match settings.format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}
