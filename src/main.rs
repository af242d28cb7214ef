//! Arguments, configuration, run, exit status. Nothing else.

use libmimalloc_sys::mi_option_large_os_pages;
use libmimalloc_sys::mi_option_set_enabled;
use mimalloc::MiMalloc;

/// Frames of a megabyte and requests of a hundred bytes come and go together: glibc's allocator
/// spends a tenth of a shard's time on that (tuning.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs before anything is allocated: the allocator decides with its first mapping.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = allow_huge_pages;

/// Frames that stay in memory for readers are gigabytes of pages that are written through once:
/// with pages of 4 KiB the address translation costs up to a quarter of the throughput
/// (tuning.md). Only asks; where the kernel has none, nothing changes.
extern "C" fn allow_huge_pages() {
    // SAFETY: sets an entry in a static table, before there is another thread.
    unsafe { mi_option_set_enabled(mi_option_large_os_pages, true) };
}

fn main() {
    std::process::exit(strandlog::cli::run(std::env::args_os()));
}
