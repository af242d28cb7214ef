package oracle;

import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocol;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocolCollection;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordHelpers;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.OffsetAndMetadata;
import org.apache.kafka.coordinator.group.classic.ClassicGroup;
import org.apache.kafka.coordinator.group.classic.ClassicGroupMember;
import org.apache.kafka.coordinator.group.classic.ClassicGroupState;
import org.apache.kafka.coordinator.group.generated.ConsumerGroupMemberMetadataValue.ClassicMemberMetadata;
import org.apache.kafka.coordinator.group.generated.ConsumerGroupMemberMetadataValue.ClassicProtocol;
import org.apache.kafka.coordinator.group.modern.MemberState;
import org.apache.kafka.coordinator.group.modern.consumer.ConsumerGroupMember;
import org.apache.kafka.coordinator.group.modern.consumer.ResolvedRegularExpression;

/** The records that Kafka's group coordinator writes, made by its own hand: versions and all. */
final class Written {
    private static final Uuid TOPIC = new Uuid(0x0102030405060708L, 0x090a0b0c0d0e0f10L);

    private final StringBuilder page = new StringBuilder();

    private Written() {
    }

    static String page() {
        Written written = new Written();
        written.offsets();
        written.classic();
        written.consumer();
        return written.page.toString();
    }

    /** A line: a name, the key's bytes, and the value's or nothing. */
    private void line(String name, CoordinatorRecord record) {
        GroupCoordinatorRecordSerde serde = new GroupCoordinatorRecordSerde();
        byte[] value = serde.serializeValue(record);
        page.append(name).append(' ').append(HexFormat.of().formatHex(serde.serializeKey(record)));
        page.append(' ').append(value == null ? "-" : HexFormat.of().formatHex(value)).append('\n');
    }

    private void offsets() {
        line("offset", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("group", "topic", 3,
            new OffsetAndMetadata(42, OptionalInt.of(7), "note", 1_700_000_000_000L,
                OptionalLong.empty(), TOPIC)));
        line("offset-bare", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("group", "topic", 3,
            new OffsetAndMetadata(42, OptionalInt.empty(), "", 1_700_000_000_000L,
                OptionalLong.empty(), Uuid.ZERO_UUID)));
        line("offset-expiring", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("group", "topic",
            3, new OffsetAndMetadata(42, OptionalInt.of(7), "note", 1_700_000_000_000L,
                OptionalLong.of(1_700_000_100_000L), Uuid.ZERO_UUID)));
        line("offset-tombstone",
            GroupCoordinatorRecordHelpers.newOffsetCommitTombstoneRecord("group", "topic", 3));
    }

    private void classic() {
        Time time = Time.SYSTEM;
        ClassicGroup group = new ClassicGroup(new LogContext(), "group",
            ClassicGroupState.PREPARING_REBALANCE, time, 4, Optional.of("consumer"),
            Optional.of("range"), Optional.of("leader"), Optional.of(1_700_000_000_000L));
        JoinGroupRequestProtocolCollection protocols = new JoinGroupRequestProtocolCollection();
        protocols.add(new JoinGroupRequestProtocol().setName("range").setMetadata(new byte[] {1, 2}));
        group.add(new ClassicGroupMember("leader", Optional.of("instance"), "client", "/127.0.0.1",
            300_000, 45_000, "consumer", protocols));
        line("classic", GroupCoordinatorRecordHelpers.newGroupMetadataRecord(group,
            Map.of("leader", new byte[] {3, 4, 5})));
        line("classic-tombstone",
            GroupCoordinatorRecordHelpers.newGroupMetadataTombstoneRecord("group"));
        ClassicGroup empty = new ClassicGroup(new LogContext(), "group", ClassicGroupState.EMPTY,
            time, 5, Optional.of("consumer"), Optional.empty(), Optional.empty(),
            Optional.of(1_700_000_000_000L));
        line("classic-empty",
            GroupCoordinatorRecordHelpers.newGroupMetadataRecord(empty, Map.of()));
        line("classic-offsets-only",
            GroupCoordinatorRecordHelpers.newEmptyGroupMetadataRecord(empty));
    }

    private void consumer() {
        Map<Uuid, Map<Integer, Integer>> epochs = new LinkedHashMap<>();
        Map<Integer, Integer> partitions = new LinkedHashMap<>();
        partitions.put(0, 8);
        partitions.put(1, 9);
        epochs.put(TOPIC, partitions);
        ConsumerGroupMember member = new ConsumerGroupMember.Builder("member")
            .setMemberEpoch(9).setPreviousMemberEpoch(8).setInstanceId("instance").setRackId("rack")
            .setClientId("client").setClientHost("/127.0.0.1").setRebalanceTimeoutMs(300_000)
            .setSubscribedTopicNames(List.of("a", "b")).setSubscribedTopicRegex("c.*")
            .setServerAssignorName("uniform").setState(MemberState.UNREVOKED_PARTITIONS)
            .setAssignedPartitions(epochs).setPartitionsPendingRevocation(epochs).build();
        ConsumerGroupMember classic = new ConsumerGroupMember.Builder("member")
            .setClientId("client").setClientHost("/127.0.0.1").setRebalanceTimeoutMs(300_000)
            .setSubscribedTopicNames(List.of("a"))
            .setClassicMemberMetadata(new ClassicMemberMetadata().setSessionTimeoutMs(45_000)
                .setSupportedProtocols(List.of(
                    new ClassicProtocol().setName("range").setMetadata(new byte[] {1, 2}))))
            .build();
        line("member",
            GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord("group", member));
        line("member-classic",
            GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord("group", classic));
        line("member-tombstone", GroupCoordinatorRecordHelpers
            .newConsumerGroupMemberSubscriptionTombstoneRecord("group", "member"));
        line("epoch",
            GroupCoordinatorRecordHelpers.newConsumerGroupEpochRecord("group", 10, 77));
        line("epoch-tombstone",
            GroupCoordinatorRecordHelpers.newConsumerGroupEpochTombstoneRecord("group"));
        line("partitions-tombstone", GroupCoordinatorRecordHelpers
            .newConsumerGroupSubscriptionMetadataTombstoneRecord("group"));
        Set<Integer> indexes = new LinkedHashSet<>(List.of(0, 1));
        line("target", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentRecord("group",
            "member", Map.of(TOPIC, indexes)));
        line("target-tombstone", GroupCoordinatorRecordHelpers
            .newConsumerGroupTargetAssignmentTombstoneRecord("group", "member"));
        line("target-epoch", GroupCoordinatorRecordHelpers
            .newConsumerGroupTargetAssignmentMetadataRecord("group", 10, 1_700_000_000_000L));
        line("target-epoch-tombstone", GroupCoordinatorRecordHelpers
            .newConsumerGroupTargetAssignmentMetadataTombstoneRecord("group"));
        line("current",
            GroupCoordinatorRecordHelpers.newConsumerGroupCurrentAssignmentRecord("group", member));
        line("current-tombstone", GroupCoordinatorRecordHelpers
            .newConsumerGroupCurrentAssignmentTombstoneRecord("group", "member"));
        line("regex", GroupCoordinatorRecordHelpers.newConsumerGroupRegularExpressionRecord("group",
            "c.*", new ResolvedRegularExpression(Set.of("cc"), 12, 1_700_000_000_000L)));
        line("regex-tombstone", GroupCoordinatorRecordHelpers
            .newConsumerGroupRegularExpressionTombstone("group", "c.*"));
    }
}
