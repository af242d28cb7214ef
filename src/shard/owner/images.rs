//! What a new image of the metadata means for the partitions of this shard.

use crate::base::Mutant;
use crate::base::Now;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::metadata::Change;
use crate::metadata::Image;
use crate::metadata::PartitionInfo;
use crate::metadata::Publication;
use crate::metadata::Topic;
use crate::partition::Led;
use crate::shard::Effects;
use crate::shard::Fatal;
use crate::shard::Shard;

impl Shard {
    /// Takes the image over. Partitions appear, disappear and are configured anew.
    pub(in crate::shard) fn on_image(
        &mut self,
        now: Now,
        publication: Publication,
        out: &mut Effects,
    ) {
        let Publication { image, changes } = publication;
        for change in changes.iter() {
            match change {
                Change::Started => self.lead_all(&image),
                Change::Created { topic } => self.lead_topic(&image, *topic, 0),
                Change::Grown { topic, from } => self.lead_topic(&image, *topic, *from),
                Change::Deleted { topic } => self.drop_topic(now, topic),
                Change::Configured { topic } => self.configure(&image, *topic),
                Change::Defaults => {
                    let topics: Vec<_> = image.topics().map(|topic| topic.id).collect();
                    for topic in topics {
                        self.configure(&image, topic);
                    }
                }
            }
        }
        self.note_topics_for_groups(&image, &changes);
        self.image = Some(image);
        if changes.contains(&Change::Started) {
            let strands = self.owner.strands.iter().filter(|(_, state)| state.ready);
            let ready: Vec<_> = strands.map(|(&id, _)| id).collect();
            for strand in ready {
                self.compare_with_metadata(strand, out);
            }
        }
    }

    fn lead_all(&mut self, image: &Image) {
        let topics: Vec<_> = image.topics().map(|topic| topic.id).collect();
        for topic in topics {
            self.lead_topic(image, topic, 0);
        }
    }

    fn lead_topic(&mut self, image: &Image, topic: TopicId, from: i32) {
        let Some(topic) = image.topic_by_id(topic) else { return };
        for info in image.partitions(topic).skip(usize::try_from(from).unwrap_or(0)) {
            if info.owner == self.config.id {
                self.lead(image, topic, info);
            }
        }
        self.host_groups(image, topic);
    }

    fn lead(&mut self, image: &Image, topic: &Topic, info: PartitionInfo) {
        let Some(state) = self.owner.strands.get(&info.strand) else { return };
        let log = state.strand.log(info.id).filter(|_| state.ready);
        let led = Led {
            id: info.id,
            topic: topic.id,
            strand: info.strand,
            config: image.config(topic.id).clone(),
            epoch: info.leader_epoch,
            epoch_started: log.is_some_and(|log| log.epochs().latest() == Some(info.leader_epoch)),
            // All that recovery found is durable.
            high_watermark: log.map_or(0, |log| log.end()),
            log_start: log.map_or(0, |log| log.start()),
            last_sequence: 0,
        };
        self.owner.partitions.entry(info.id).or_insert(led);
    }

    fn drop_topic(&mut self, now: Now, topic: &Topic) {
        for placement in &topic.partitions {
            if self.owner.partitions.remove(&placement.id).is_some() {
                self.drop_log(placement.strand, placement.id);
                self.refuse_held(placement.id);
                self.end_watches(placement.id);
            }
            self.dismiss_groups(now, placement.id);
        }
        self.forget_group_offsets(now, &topic.name);
    }

    fn drop_log(&mut self, strand: StrandId, partition: PartitionId) {
        self.expire_producers(strand, partition, i64::MAX);
        let Some(state) = self.owner.strands.get_mut(&strand) else { return };
        if state.ready
            && state.strand.log(partition).is_some()
            && let Err(refusal) = state.strand.drop_partition(partition)
        {
            // The next start finds a log that metadata does not know and drops it then.
            tracing::warn!(
                ?partition,
                ?refusal,
                "storage: a deleted partition stays for this start"
            );
        }
    }

    fn configure(&mut self, image: &Image, topic: TopicId) {
        let Some(topic) = image.topic_by_id(topic) else { return };
        let config = image.config(topic.id);
        for info in image.partitions(topic) {
            if let Some(led) = self.owner.partitions.get_mut(&info.id) {
                led.config = config.clone();
            }
        }
    }

    /// A strand has recovered: what it holds is durable, and visible.
    pub(super) fn on_strand_ready(&mut self, strand: StrandId, out: &mut Effects) {
        let Some(state) = self.owner.strands.get(&strand) else { return };
        for led in self.owner.partitions.values_mut().filter(|led| led.strand == strand) {
            if let Some(log) = state.strand.log(led.id) {
                led.high_watermark = log.end();
                led.log_start = log.start();
                led.epoch_started = log.epochs().latest() == Some(led.epoch);
            }
        }
        if Mutant::ProducersForgottenAtStart.is_on() {
            let led = self.owner.partitions.values().filter(|led| led.strand == strand);
            for partition in led.map(|led| led.id).collect::<Vec<_>>() {
                self.expire_producers(strand, partition, i64::MAX);
            }
        }
        self.count_producers(strand);
        self.compare_with_metadata(strand, out);
    }

    /// What is done once both a strand and the metadata have recovered.
    fn compare_with_metadata(&mut self, strand: StrandId, out: &mut Effects) {
        if strand == StrandId::METADATA || self.image.is_none() {
            return;
        }
        self.drop_unknown(strand, out);
        let Some(state) = self.owner.strands.get_mut(&strand) else { return };
        let led = self.owner.partitions.values().filter(|led| led.strand == strand);
        for (partition, _) in state.strand.name_partitions(led.map(|led| led.id)) {
            tracing::error!(
                ?strand,
                ?partition,
                "storage: all that the partition had may be lost; its offsets are not used again"
            );
        }
    }

    /// R14: logs of partitions that metadata does not know were deleted before the last stop; but
    /// where metadata has not come so far as to hand out their numbers, it lost something, and
    /// nothing may be dropped on its word.
    fn drop_unknown(&mut self, strand: StrandId, out: &mut Effects) {
        let Some(image) = &self.image else { return };
        let next = image.state().next_partition();
        let Some(state) = self.owner.strands.get(&strand) else { return };
        let known = |partition: PartitionId| self.owner.partitions.contains_key(&partition);
        let unknown: Vec<_> =
            state.strand.logs().map(|(id, _)| id).filter(|&id| !known(id)).collect();
        if let Some(beyond) = unknown.iter().find(|&&partition| partition >= next) {
            let what = format!(
                "strand {} holds partition {}, which the metadata log has not reached (R14)",
                strand.0, beyond.0
            );
            out.fatal.get_or_insert(Fatal::Unrecoverable { what });
            return;
        }
        for partition in unknown {
            tracing::info!(?partition, "storage: dropping the log of a deleted partition");
            self.drop_log(strand, partition);
        }
    }
}
