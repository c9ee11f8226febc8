//! `boobook`: the server and its command line in one binary.
//!
//! It puts the other crates together and is *not* where anything is decided about records: it reads settings
//! ([`config`]), opens the store, starts the application and hands it to the HTTP side ([`server`]). The commands
//! are one file each in [`cli`]; `import` is a client of a running server, the others work on a data directory.

mod cli;
mod client;
mod config;
mod copy;
mod demo;
mod examine;
mod failure;
mod import;
mod local;
mod nx;
mod out;
mod outside;
mod query;
mod server;
mod store;
mod telemetry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // Before anything makes a TLS client or server: there is one provider in the whole binary.
    // An error would only say that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli::run()
}
