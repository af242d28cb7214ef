//! Arguments, configuration, run, exit status. Nothing else.

fn main() {
    std::process::exit(strandlog::cli::run(std::env::args_os()));
}
