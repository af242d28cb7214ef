//! The space model (storage.md, section 7): how much is written and held beyond what clients sent,
//! when the store is old and nearly full. No disk, no clock; the same run gives the same table.
//!
//! `cargo bench --bench space` prints the table that tuning.md holds; `-- PART` only the workloads
//! whose names contain PART, `-- 95` only the rows of that fill.

mod model;
mod workload;

use crate::model::Config;
use crate::model::Layout;
use crate::model::Store;
use crate::model::When;
use crate::workload::Workload;

/// What the model is asked for; `cargo test` asks for little.
struct Size {
    extents: usize,
    turns: u64,
    fills: &'static [f64],
}

const FULL: Size = Size { extents: 512, turns: 2, fills: &[0.80, 0.90, 0.95] };
const SMOKE: Size = Size { extents: 32, turns: 1, fills: &[0.50] };

/// Above this the layout in question is not good enough at 90 % (storage.md, section 7).
const WRITES_MAX: f64 = 2.5;

fn main() {
    // `cargo test` runs benches without `--bench`.
    let size = if std::env::args().any(|arg| arg == "--bench") { FULL } else { SMOKE };
    println!(
        "{:<38} {:<20} {:<6} {:>4} {:>7} {:>7} {:>9} {:>7} {:>8} {:>11} {:>8}",
        "workload",
        "layout",
        "when",
        "fill",
        "writes",
        "frames",
        "relocated",
        "space",
        "index",
        "checkpoint",
        "refused"
    );
    let given = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let (fills, only): (Vec<String>, Vec<String>) =
        given.partition(|arg| arg.parse::<u32>().is_ok());
    let wanted_fill = |fill: &&f64| {
        let percent = (**fill * 100.0).round().to_string();
        fills.is_empty() || fills.contains(&percent)
    };
    let wanted = |workload: &&Workload| {
        only.is_empty() || only.iter().any(|part| workload.name.contains(part))
    };
    for workload in workload::ALL.iter().filter(wanted) {
        for &fill in size.fills.iter().filter(wanted_fill) {
            let lifetimes =
                workload.classes.iter().any(|class| class.chain != workload.classes[0].chain);
            for layout in Layout::ALL {
                if lifetimes || !layout.by_lifetime {
                    row(workload, &size, fill, layout, When::Needed);
                }
            }
            if fill < size.fills[0] + 0.01 {
                row(workload, &size, fill, Layout::ALL[0], When::Eager);
            }
        }
    }
}

/// Bytes for each byte; of a run that was cut short, that they are many.
fn shown(ratio: f64) -> String {
    let hopeless = workload::HOPELESS;
    if ratio > hopeless as f64 { format!("> {hopeless}") } else { format!("{ratio:.2}") }
}

fn row(workload: &Workload, size: &Size, fill: f64, layout: Layout, when: When) {
    let extent_bytes = workload.extent_kib << 10;
    let low_water = size.extents.div_ceil(64);
    let config = Config { extent_bytes, extents: size.extents, layout, when, low_water };
    let mut store = Store::new(config);
    let written = workload::run(workload, &mut store, fill, size.turns);
    let user = written.user as f64;
    let writes = written.to_device() as f64 / user;
    let live = store.live_bytes() as f64;
    let reached = store.fill();
    println!(
        "{:<38} {:<20} {:<6} {:>3.0}% {:>7} {:>7.2} {:>9} {:>7.2} {:>7.2}% {:>7.0} KiB {:>8}{}",
        workload.name,
        layout.name(),
        format!("{when:?}").to_lowercase(),
        reached * 100.0,
        shown(writes),
        written.frames as f64 / user,
        shown(written.relocated as f64 / user),
        store.used_bytes() as f64 / live,
        100.0 * store.index_bytes() as f64 / live,
        store.checkpoint_bytes() as f64 / 1024.0,
        store.refused,
        if writes > WRITES_MAX && (fill - 0.9).abs() < 0.01 { "  > 2.5" } else { "" },
    );
    store.check();
}
