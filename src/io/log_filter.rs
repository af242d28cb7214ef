//! Which log lines are written: `log.filter`, and what was set since by way of clients. One for the
//! process, as its lines are.

use std::sync::OnceLock;

use tracing::warn;

use crate::metadata::Overrides;

/// Replaces the filter in force by one that it parses; the error says what is wrong with it.
pub(crate) type Replace = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

struct Installed {
    /// `log.filter`.
    base: String,
    replace: Replace,
}

static INSTALLED: OnceLock<Installed> = OnceLock::new();

/// Once per process, when lines begin to be written.
pub(crate) fn install(base: &str, replace: Replace) {
    // A second one would be another process's: the first holds.
    let _ = INSTALLED.set(Installed { base: base.to_owned(), replace });
}

/// Lets these levels hold beyond those of `log.filter`.
pub(crate) fn set_levels(levels: &Overrides) {
    let Some(installed) = INSTALLED.get() else { return };
    let filter = filter(&installed.base, levels);
    if let Err(error) = (installed.replace)(&filter) {
        warn!(%filter, %error, "log levels could not be changed");
    }
}

/// Of two directives for one target the later holds.
fn filter(base: &str, levels: &Overrides) -> String {
    let mut filter = base.to_owned();
    for (target, level) in levels {
        let level = match &**level {
            // Kafka's libraries know a level beyond errors.
            "FATAL" => "error".to_owned(),
            level => level.to_lowercase(),
        };
        filter.push(',');
        match &**target {
            "root" => filter.push_str(&level),
            target => filter.push_str(&format!("{target}={level}")),
        }
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_follows_what_was_configured() {
        let set = [("root", "WARN"), ("strandlog::io", "FATAL"), ("strandlog::shard", "TRACE")];
        let set: Overrides =
            set.into_iter().map(|(name, level)| (name.into(), level.into())).collect();
        let expected = "info,glommio=off,warn,strandlog::io=error,strandlog::shard=trace";
        assert_eq!(filter("info,glommio=off", &set), expected);
        assert_eq!(filter("info", &Overrides::new()), "info");
    }
}
