//! `strandlog log`: a stopped broker's data, looked into, checked, rescued, taken out and in.

use std::io::BufWriter;
use std::io::ErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Arg;
use clap::ArgAction;
use clap::ArgMatches;
use clap::Command;
use clap::value_parser;

use crate::base::StrandId;
use crate::cli::dump;
use crate::cli::export;
use crate::cli::import;
use crate::cli::rescue;
use crate::cli::store::OpenError;
use crate::cli::store::Store;
use crate::cli::store::StrandStore;
use crate::io::ExitStatus;
use crate::strand::StrandPlace;

const ABOUT: &str = "Look into a stopped broker's data.";

const DUMP_ABOUT: &str = "Print what is stored: strands, checkpoints, extents and index files; of an extent or a \
partition also frames, entries, runs and batches, and records if asked to. With --verify, check \
everything instead.";

const DUMP_AFTER: &str = "\
Nothing is changed. A running broker holds its files locked: stop it first.

Examples:
  strandlog log dump
  strandlog log dump --strand 1 --extent 3
  strandlog log dump --strand metadata --records
  strandlog log dump --partition 17 --records
  strandlog log dump --verify

Exit status: 0 nothing is wrong · 1 --verify found damage; each finding names file and position ·
64 the arguments are wrong · 72 a broker runs on the data · 74 the data cannot be read.";

const RESCUE_ABOUT: &str =
    "Read whatever validates, when the broker refuses to start because no checkpoint does.";

const RESCUE_AFTER: &str = "\
Every batch of every frame that validates is taken; where several hold the same offsets, the higher
leader epoch wins, then the later write. It cannot know what was deleted: records below a log start
and partitions that were dropped may come back.

Without --out it prints what it finds. With --out it writes one directory per partition with its
batches in one file, named and laid out like a segment of Kafka's, so that Kafka's own tools read it
(kafka-dump-log.sh --files …). The data directory is not changed.

Examples:
  strandlog log rescue
  strandlog log rescue --dir /var/lib/strandlog --out /tmp/rescued";

const EXPORT_ABOUT: &str = "Write a topic as Kafka has it on disk.";

const EXPORT_AFTER: &str = "\
One directory per partition, `TOPIC-0` and so on, with Kafka's own files in it: segments (.log), their
indexes (.index, .timeindex) and leader-epoch-checkpoint. Kafka's tools read them (kafka-dump-log.sh),
and a Kafka broker that is stopped can be given them. The data directory is not changed.

Examples:
  strandlog log export --topic orders --out /tmp/orders
  strandlog log export --dir /var/lib/strandlog --topic orders --out /tmp/orders";

const IMPORT_ABOUT: &str = "Append a segment of Kafka's to a partition.";

const IMPORT_AFTER: &str = "\
The partition must exist. Where it holds no records, those of the file keep their offsets, wherever they
begin; else they follow what is there. Refused are segments with damaged batches, with offsets missing
in between (as compaction leaves them), with parts of transactions, and of formats before Kafka 0.11.
Several files of one partition: one after the other, oldest first.

Examples:
  strandlog log import --topic orders --partition 0 00000000000000000000.log
  strandlog log import --dir /var/lib/strandlog --topic orders 00000000000000052113.log";

/// What is looked at.
pub(super) struct Scope {
    dir: PathBuf,
    strand: Option<StrandId>,
    pub(super) extent: Option<u32>,
    pub(super) partition: Option<u64>,
    pub(super) records: bool,
}

pub(super) fn command() -> Command {
    let dir = Arg::new("dir")
        .long("dir")
        .short('d')
        .value_name("DIR")
        .env("STRANDLOG_LOG_DIRS")
        .default_value("strandlog-data")
        .value_parser(value_parser!(PathBuf))
        .help("The data directory");
    let strand = Arg::new("strand")
        .long("strand")
        .value_name("STRAND")
        .value_parser(parse_strand)
        .help("Only this strand: a number, or `metadata`");
    let extent = Arg::new("extent")
        .long("extent")
        .value_name("EXTENT")
        .value_parser(value_parser!(u32))
        .help("Only this extent, with its frames, entries and runs");
    let partition = Arg::new("partition")
        .long("partition")
        .value_name("PARTITION")
        .value_parser(value_parser!(u64))
        .help("Only what concerns this partition (its number on disk)");
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let records = flag("records").help("Print batches down to their records");
    let verify = flag("verify")
        .conflicts_with_all(["extent", "partition", "records"])
        .help("Check everything and say what is damaged, where");
    let out = Arg::new("out")
        .long("out")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("Write the batches here; the directory must not exist yet");
    let dump = Command::new("dump").about(DUMP_ABOUT).after_long_help(DUMP_AFTER).args([
        dir.clone(),
        strand.clone(),
        extent,
        partition,
        records,
        verify,
    ]);
    let rescue = Command::new("rescue").about(RESCUE_ABOUT).after_long_help(RESCUE_AFTER).args([
        dir.clone(),
        strand,
        out.clone(),
    ]);
    let topic = Arg::new("topic").long("topic").value_name("TOPIC").required(true);
    let export = Command::new("export")
        .about(EXPORT_ABOUT)
        .after_long_help(EXPORT_AFTER)
        .arg(topic.clone().help("The topic to write out"))
        .arg(out.required(true).help("Write the directories of the partitions below this one"))
        .arg(dir.clone());
    let number = Arg::new("number")
        .long("partition")
        .value_name("NUMBER")
        .default_value("0")
        .value_parser(value_parser!(i32).range(0..))
        .help("The partition to append to, as clients count them");
    let file = Arg::new("file")
        .value_name("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The segment: a .log file");
    let import = Command::new("import")
        .about(IMPORT_ABOUT)
        .after_long_help(IMPORT_AFTER)
        .arg(topic.help("The topic to append to"))
        .args([number, file, dir]);
    let all = [dump, rescue, export, import];
    Command::new("log").about(ABOUT).subcommand_required(true).subcommands(all)
}

fn parse_strand(text: &str) -> Result<StrandId, String> {
    match text {
        "metadata" => Ok(StrandId::METADATA),
        number => number.parse().map(StrandId).map_err(|_| "a number, or `metadata`".to_owned()),
    }
}

/// Runs what the arguments of [`command`] ask for and gives the exit status.
pub(super) fn run(matches: &ArgMatches) -> i32 {
    let (name, matches) = matches.subcommand().expect("clap asks for a subcommand");
    let scope = Scope {
        dir: matches.get_one::<PathBuf>("dir").cloned().unwrap_or_default(),
        strand: optional(matches, "strand").copied(),
        extent: optional(matches, "extent").copied(),
        partition: optional(matches, "partition").copied(),
        records: optional(matches, "records").copied().unwrap_or(false),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let done = match name {
        "rescue" => {
            let to = optional::<PathBuf>(matches, "out").map(PathBuf::as_path);
            rescue_to(&scope, to, &mut out)
        }
        "export" => export_from(&scope, matches, &mut out),
        "import" => import_into(&scope, matches, &mut out),
        _ if optional(matches, "verify").copied().unwrap_or(false) => verify_in(&scope, &mut out),
        _ => dump_in(&scope, &mut out),
    };
    status_of(done.and_then(|status| Ok(out.flush().map(|()| status)?)))
}

/// An argument that only one of the subcommands has.
fn optional<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    name: &str,
) -> Option<&'a T> {
    matches.try_get_one(name).ok().flatten()
}

/// Why there is nothing more to print.
#[derive(Debug)]
pub(super) enum Stopped {
    Open(OpenError),
    /// What was asked for is not there.
    Missing(String),
    Io(std::io::Error),
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<OpenError> for Stopped {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

fn status_of(done: Result<ExitStatus, Stopped>) -> i32 {
    let (status, what) = match done {
        Ok(status) => return status as i32,
        // Whoever read our output has seen enough.
        Err(Stopped::Io(error)) if error.kind() == ErrorKind::BrokenPipe => {
            return ExitStatus::Done as i32;
        }
        Err(Stopped::Io(error)) => (ExitStatus::Storage, error.to_string()),
        Err(Stopped::Missing(what)) => (ExitStatus::Usage, what),
        Err(Stopped::Open(OpenError::Unreadable(what))) => (ExitStatus::Storage, what),
        Err(Stopped::Open(OpenError::Running(path))) => (
            ExitStatus::Locked,
            format!("a broker runs on this data ({} is locked): stop it first", path.display()),
        ),
    };
    eprintln!("strandlog: {what}");
    status as i32
}

/// The strands in scope, opened one after another.
pub(super) fn strands(
    scope: &Scope,
    mut each: impl FnMut(&StrandPlace, &StrandStore) -> Result<(), Stopped>,
) -> Result<Store, Stopped> {
    let store = Store::open(&scope.dir)?;
    let wanted = |place: &&StrandPlace| scope.strand.is_none_or(|strand| strand == place.strand);
    let places: Vec<StrandPlace> = store.manifest.strands.iter().filter(wanted).copied().collect();
    if places.is_empty() {
        return Err(Stopped::Missing("there is no such strand".to_owned()));
    }
    for place in &places {
        each(place, &store.strand(place)?)?;
    }
    Ok(store)
}

fn dump_in(scope: &Scope, out: &mut dyn Write) -> Result<ExitStatus, Stopped> {
    let store = Store::open(&scope.dir)?;
    dump::manifest(&store.manifest, out)?;
    strands(scope, |place, strand| Ok(dump::strand(scope, place, strand, out)?))?;
    Ok(ExitStatus::Done)
}

fn verify_in(scope: &Scope, out: &mut dyn Write) -> Result<ExitStatus, Stopped> {
    let mut is_sound = true;
    strands(scope, |place, strand| {
        is_sound &= dump::verification(place, strand, out)?;
        Ok(())
    })?;
    Ok(if is_sound { ExitStatus::Done } else { ExitStatus::Damaged })
}

fn rescue_to(scope: &Scope, to: Option<&Path>, out: &mut dyn Write) -> Result<ExitStatus, Stopped> {
    if let Some(to) = to {
        std::fs::create_dir(to)?;
    }
    strands(scope, |place, strand| Ok(rescue::strand(place, strand, to, out)?))?;
    Ok(ExitStatus::Done)
}

fn export_from(
    scope: &Scope,
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<ExitStatus, Stopped> {
    let store = Store::open(&scope.dir)?;
    let topic = matches.get_one::<String>("topic").map_or("", String::as_str);
    let to = matches.get_one::<PathBuf>("out").cloned().unwrap_or_default();
    export::topic(&store, topic, &to, out)?;
    Ok(ExitStatus::Done)
}

fn import_into(
    scope: &Scope,
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<ExitStatus, Stopped> {
    let store = Store::take(&scope.dir)?;
    let target = import::Target {
        topic: matches.get_one::<String>("topic").map_or("", String::as_str),
        partition: matches.get_one("number").copied().unwrap_or(0),
    };
    let file = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    import::segment(&store, &target, &file, out)?;
    Ok(ExitStatus::Done)
}

#[cfg(test)]
mod tests;
