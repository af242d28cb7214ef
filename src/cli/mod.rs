//! Arguments, help, and exit statuses. Puts the configuration together and hands it on; decides
//! nothing about data.

mod dump;
mod export;
mod import;
mod log;
mod offline;
mod records;
mod rescue;
mod segments;
mod serve;
mod store;
mod stored;

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::Arg;
use clap::ArgMatches;
use clap::Command;
use clap::parser::ValueSource;

use crate::config::SETTINGS;
use crate::config::Setting;
use crate::config::Sources;
use crate::io::ExitStatus;

const ABOUT: &str = "A log broker for Linux that speaks the Kafka protocol: one thread per core, \
direct I/O, and nothing is acknowledged before it is durable.";

const SERVE_ABOUT: &str = "Run a broker. Without any setting it keeps its data in ./strandlog-data and listens on \
127.0.0.1:9092, with one shard for each CPU that it may use.";

const SERVE_AFTER: &str = "\
Settings have the names of Kafka's broker settings wherever Kafka has one. The setting `a.b` is the
flag --a-b, the variable STRANDLOG_A_B, and the key a.b of the configuration file (TOML). A flag
wins over a variable, a variable over the file.

Examples:
  strandlog serve
  strandlog serve --log-dirs /var/lib/strandlog --listeners PLAINTEXT://:9092
  strandlog serve --config /etc/strandlog.toml --shards 2 --memory 512MiB
  STRANDLOG_NUM_PARTITIONS=8 strandlog serve

A configuration file:
  log.dirs = \"/var/lib/strandlog\"
  listeners = [\"PLAINTEXT://:9092\"]
  [log.retention]
  hours = 48

SIGINT and SIGTERM stop the broker in good order; a second one at once. SIGUSR1 writes each
shard's figures into the log.

Exit status: 0 stopped as asked · 64 settings are wrong · 69 this machine or file system cannot run
a broker · 70 a write failed · 71 the data cannot be trusted · 72 another process holds the data ·
74 the data directory cannot be used · 75 an address cannot be listened on · 77 io_uring is
forbidden or missing · 130 stopped at once by a second signal.";

/// Runs what `arguments` ask for and gives the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no failures; both are printed by it.
            let _ = error.print();
            return match error.use_stderr() {
                true => ExitStatus::Usage as i32,
                false => ExitStatus::Done as i32,
            };
        }
    };
    match matches.subcommand() {
        Some(("serve", matches)) => serve::run(matches),
        Some(("log", matches)) => log::run(matches),
        _ => unreachable!("a subcommand is required, and these are all"),
    }
}

fn command() -> Command {
    Command::new("strandlog")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve_command())
        .subcommand(log::command())
}

fn serve_command() -> Command {
    let config = Arg::new(CONFIG)
        .long("config")
        .short('c')
        .value_name("FILE")
        .env("STRANDLOG_CONFIG")
        .help("Read settings from this TOML file");
    let command = Command::new("serve").about(SERVE_ABOUT).after_long_help(SERVE_AFTER).arg(config);
    SETTINGS.iter().fold(command, |command, setting| command.arg(argument(setting)))
}

const CONFIG: &str = "config";

fn argument(setting: &'static Setting) -> Arg {
    let default = match setting.default {
        "" => String::new(),
        text => format!(" [default: {text}]"),
    };
    let meaning: Vec<&str> = setting.meaning.lines().map(str::trim).collect();
    Arg::new(setting.name)
        .long(setting.flag())
        .env(setting.variable())
        .hide_env_values(true)
        .value_name(setting.hint)
        .allow_hyphen_values(true)
        .help_heading(setting.group)
        .help(format!("{}{default}", meaning.join(" ").trim()))
}

/// What flags and variables say.
fn sources(matches: &ArgMatches) -> Sources {
    let mut sources = Sources::default();
    for setting in SETTINGS {
        let Some(value) = matches.get_one::<String>(setting.name) else { continue };
        let into: &mut BTreeMap<&'static str, String> = match matches.value_source(setting.name) {
            Some(ValueSource::CommandLine) => &mut sources.flags,
            _ => &mut sources.variables,
        };
        into.insert(setting.name, value.clone());
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn help_teaches_every_setting_with_its_flag_and_variable() {
        let help = serve_command().render_long_help().to_string();
        for setting in SETTINGS {
            assert!(help.contains(&format!("--{}", setting.flag())), "{}", setting.name);
            assert!(help.contains(&setting.variable()), "{}", setting.name);
        }
        assert!(help.contains("Examples:") && help.contains("Retention:"));
    }

    #[test]
    fn flags_are_told_from_variables() {
        let arguments = ["serve", "--num-partitions", "3", "--log-retention-ms", "-1"];
        let sources = sources(&serve_command().get_matches_from(arguments));
        assert_eq!(sources.flags.get("num.partitions").map(String::as_str), Some("3"));
        assert_eq!(sources.flags.get("log.retention.ms").map(String::as_str), Some("-1"));
        assert!(!sources.flags.contains_key("node.id"));
    }

    #[test]
    fn what_is_unknown_is_a_usage_error() {
        let run = |arguments: &[&str]| {
            let all = ["strandlog"].iter().chain(arguments);
            run(all.map(OsString::from))
        };
        assert_eq!(run(&["serve", "--num-partition", "3"]), ExitStatus::Usage as i32);
        assert_eq!(run(&["sevre"]), ExitStatus::Usage as i32);
        assert_eq!(run(&["--version"]), ExitStatus::Done as i32);
        assert_eq!(run(&["serve", "--config", "/absent/file"]), ExitStatus::Usage as i32);
    }
}
