//! That every offset of every partition lies somewhere.

use crate::base::Offset;
use crate::base::PartitionId;
use crate::strand::op::ExtentId;
use crate::strand::op::File;
use crate::strand::verify::Verifier;
use crate::strand::verify::chain::Chain;

impl Verifier<'_> {
    pub(super) fn check_partitions(&mut self, chain: &Chain) {
        let logs: Vec<(PartitionId, Offset, Offset)> =
            self.logs.iter().map(|(id, log)| (*id, log.start(), log.end())).collect();
        let newest = chain.uses.last().map_or(ExtentId(0), |of| of.extent);
        for (partition, start, end) in logs {
            let mut next = start;
            let mut holes = Vec::new();
            for placed in self.runs.from(partition, start) {
                if end <= next || end <= placed.run.from {
                    break;
                }
                if next < placed.run.from {
                    let file = File::Extent(placed.place.extent);
                    holes.push((file, placed.run.position, next, placed.run.from));
                }
                next = next.max(placed.run.to);
            }
            if next < end {
                holes.push((File::Extent(newest), 0, next, end));
            }
            for (file, position, from, to) in holes {
                let what = format!("offsets {from}..{to} lie nowhere");
                self.damage(file, u64::from(position), Some(partition), what);
            }
        }
    }
}
