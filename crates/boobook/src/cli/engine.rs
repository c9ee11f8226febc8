//! `boobook doctor`: the engine

use std::io::{IsTerminal as _, stderr};

use boobook_store::StoreError;
use boobook_store_postgres::Scratch;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    config::Settings,
    examine::{self, FilesFound, Latency, Property},
    failure::Failure,
    local::{no_files, open_files},
    out,
    store::Place,
};

/// What was found.
pub(super) struct Report {
    store: Place,
    engine: String,
    isolation: String,
    /// The schema or folder it was tried out in, which is gone.
    scratch: String,
    properties: Vec<Property>,
    latencies: Vec<Latency>,
    /// Why there are none.
    not_timed: Option<String>,
    files: Option<FilesFound>,
}

/// Tries out the engine that the settings name, and the place for files.
pub(super) fn examine(settings: &Settings) -> anyhow::Result<Report> {
    let store = Place::of(settings);
    let (place, scratch) = scratch(settings)?;
    let failed = |error: StoreError| {
        Failure::new(
            format!("{}: {error}", store.shown),
            format!("{scratch} may be left there; it can be removed"),
        )
    };
    let (engine, isolation) = place.engine().map_err(failed)?;
    let bar = if stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}")?);
    bar.set_message("latencies");
    let timed = examine::latencies(&place);
    let not_timed = timed.as_ref().err().map(ToString::to_string);
    let clear = || place.clear();
    let properties = examine::properties(&place, &clear, &mut |name| bar.set_message(name.replace('_', " ")));
    place.remove().map_err(failed)?;
    bar.set_message("files");
    let files = match (&settings.files, &settings.store) {
        (None, Some(_)) => None,
        _ => Some(files(settings)?),
    };
    bar.finish_and_clear();
    let latencies = timed.unwrap_or_default();
    Ok(Report { store, engine, isolation, scratch, properties, latencies, not_timed, files })
}

/// A place that nothing else has, and its name.
fn scratch(settings: &Settings) -> anyhow::Result<(examine::Place, String)> {
    let Some(url) = &settings.store else {
        if !settings.data.is_dir() {
            return Err(Failure::new(
                format!("there is no directory {}", settings.data.display()),
                "--data DIR names the disk to be tried out, or --store URL a server",
            ));
        }
        let folder = settings.data.join(format!("doctor-{}", examine::random_name()));
        let name = folder.display().to_string();
        return Ok((examine::Place::Folder(folder), name));
    };
    let name = format!("boobook_doctor_{}", examine::random_name());
    let password = settings.store_password()?;
    let scratch = Scratch::make(url, password.as_deref(), &name).map_err(|error| {
        Failure::new(
            format!("no schema can be made on {}: {error}", Place::of(settings).shown),
            "the user needs the right to make schemas (grant create on database NAME to USER); without, `--only data` \
             still looks through the data",
        )
    })?;
    Ok((examine::Place::Schema(scratch), format!("schema {name}")))
}

fn files(settings: &Settings) -> anyhow::Result<FilesFound> {
    let blobs = open_files(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(blobs.check()).map_err(no_files)?;
    Ok(examine::files(&blobs, &runtime))
}

impl Report {
    /// What does not hold, if anything.
    pub(super) fn failure(&self) -> Option<anyhow::Error> {
        let problems = self.problems();
        (problems > 0).then(|| {
            Failure::new(
                format!("{problems} of what boobook needs does not hold on {}", self.store.shown),
                "do not keep data there before it does; each line above says what was expected",
            )
        })
    }

    fn problems(&self) -> usize {
        let of_files = self.files.iter().flat_map(|files| &files.properties);
        let wrong = self.properties.iter().chain(of_files).filter(|property| property.problem.is_some());
        wrong.count() + usize::from(self.not_timed.is_some())
    }

    pub(super) fn to_json(&self) -> Value {
        let property = |property: &Property| json!({ "name": property.name, "holds": property.problem.is_none(), "problem": property.problem });
        let latency = |latency: &Latency| {
            json!({
                "name": latency.name,
                "medianMs": latency.median_ms,
                "p99Ms": latency.p99_ms,
                "tries": latency.tries,
            })
        };
        let files = self.files.as_ref().map(|files| {
            json!({
                "properties": files.properties.iter().map(property).collect::<Vec<_>>(),
                "latencies": files.latencies.iter().map(latency).collect::<Vec<_>>(),
            })
        });
        json!({
            "sound": self.problems() == 0,
            "store": self.store.shown,
            "engine": self.engine,
            "isolation": self.isolation,
            "scratch": self.scratch,
            "properties": self.properties.iter().map(property).collect::<Vec<_>>(),
            "latencies": self.latencies.iter().map(latency).collect::<Vec<_>>(),
            "notTimed": self.not_timed,
            "files": files,
        })
    }

    pub(super) fn print(&self) -> anyhow::Result<()> {
        out::line(&self.engine)?;
        out::line(format!("default isolation: {}", self.isolation))?;
        print_properties("store", &self.properties)?;
        match &self.not_timed {
            None => print_latencies(&self.latencies)?,
            Some(error) => out::line(format!("  FAILED latencies: {error}"))?,
        }
        let Some(files) = &self.files else {
            out::note("Files were not tried out: --files names their place.");
            return Ok(());
        };
        print_properties("files", &files.properties)?;
        print_latencies(&files.latencies)
    }
}

fn print_properties(of: &str, properties: &[Property]) -> anyhow::Result<()> {
    let wrong: Vec<_> =
        properties.iter().filter_map(|property| Some((property.name, property.problem.as_ref()?))).collect();
    let (hold, all) = (properties.len() - wrong.len(), properties.len());
    out::line(format!("\n{of}: {hold} of {all} properties hold"))?;
    for (name, problem) in wrong {
        out::line(format!("  FAILED {}: {problem}", name.replace('_', " ")))?;
    }
    Ok(())
}

fn print_latencies(latencies: &[Latency]) -> anyhow::Result<()> {
    let ms = |n: f64| format!("{n:.2} ms");
    let row = |latency: &Latency| {
        let (name, tries) = (latency.name.to_owned(), latency.tries.to_string());
        vec![name, ms(latency.median_ms), ms(latency.p99_ms), tries]
    };
    out::table(&["", "median", "p99", "tries"], &latencies.iter().map(row).collect::<Vec<_>>())
}
