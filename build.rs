//! `STRANDLOG_PLANT=1 cargo test …` compiles the planted bugs in (`cfg(mutant)`), without a second
//! build of all dependencies as `RUSTFLAGS` would make. Nothing else is decided here.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=STRANDLOG_PLANT");
    println!("cargo::rustc-check-cfg=cfg(mutant)");
    if std::env::var_os("STRANDLOG_PLANT").is_some_and(|plant| plant == "1") {
        println!("cargo::rustc-cfg=mutant");
    }
}
