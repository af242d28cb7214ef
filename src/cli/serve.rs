//! `strandlog serve`.

use std::io::IsTerminal;

use clap::ArgMatches;
use tracing::error;
use tracing::warn;
use tracing_subscriber::EnvFilter;

use crate::cli::CONFIG;
use crate::cli::sources;
use crate::config::Config;
use crate::config::Loaded;
use crate::config::SETTINGS;
use crate::config::load;
use crate::io::ExitStatus;
use crate::io::install;
use crate::server;

pub(super) fn run(matches: &ArgMatches) -> i32 {
    let loaded = match read(matches) {
        Ok(loaded) => loaded,
        Err(what) => {
            eprintln!("strandlog: {what}");
            return ExitStatus::Usage as i32;
        }
    };
    if let Err(what) = start_logging(&loaded.config) {
        eprintln!("strandlog: {what}");
        return ExitStatus::Usage as i32;
    }
    for warning in loaded.warnings.iter().chain(&unknown_variables()) {
        warn!("config: {warning}");
    }
    match server::serve(&loaded) {
        Ok(()) => ExitStatus::Done as i32,
        Err(failure) => {
            error!(status = failure.status() as i32, "{failure}");
            failure.status() as i32
        }
    }
}

fn read(matches: &ArgMatches) -> Result<Loaded, String> {
    let mut sources = sources(matches);
    if let Some(path) = matches.get_one::<String>(CONFIG) {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
        sources.file = Some((path.clone(), text));
    }
    load(&sources).map_err(|e| e.to_string())
}

/// Log lines go to standard error; standard output says where the broker listens.
fn start_logging(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log_filter)
        .map_err(|e| format!("log.filter cannot be `{}`: {e}", config.log_filter))?;
    let stderr = std::io::stderr;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_filter_reloading();
    let handle = builder.reload_handle();
    builder.try_init().map_err(|e| e.to_string())?;
    let replace = move |filter: &str| {
        let filter = EnvFilter::try_new(filter).map_err(|e| e.to_string())?;
        handle.reload(filter).map_err(|e| e.to_string())
    };
    install(&config.log_filter, Box::new(replace));
    Ok(())
}

/// Variables with the broker's prefix that no setting has. Not refused: Kubernetes makes such
/// variables for a service of that name.
fn unknown_variables() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let ours = names.filter(|name| name.starts_with("STRANDLOG_") && name != "STRANDLOG_CONFIG");
    let unknown = ours.filter(|name| SETTINGS.iter().all(|setting| setting.variable() != *name));
    unknown.map(|name| format!("the variable {name} is no setting and has no effect")).collect()
}
