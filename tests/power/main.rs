//! Power cuts under the real binary: a disk that discards, at a random instant, every write that
//! no completed flush has covered. See `--help`.
#![expect(unreachable_pub, reason = "the modules of a test binary share what they have")]

mod platter;
mod rig;
mod teeth;

fn main() {
    teeth::the_rig_loses_what_was_not_flushed_and_nothing_else();
    println!("1 passed, 0 failed");
}
