//! Arguments, configuration, run, exit status. Nothing else.

fn main() {
    println!("strandlog {}", env!("CARGO_PKG_VERSION"));
}
